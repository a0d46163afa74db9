"""Simpler ways from 2D joints to bodies, to compare a network for meshes with."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mbnb.baselines.lifters import FrameMLP
from mbnb.bodies.body import Body
from mbnb.bodies.kinematics import pose_by_joints
from mbnb.bodies.rotations import matrix_to_six, six_to_matrix
from mbnb.bodies.smpl import SHAPES
from mbnb.config import Config
from mbnb.model.mesh import FACING

WIDTH = 512


class FrameMesh(nn.Module):
    """Each frame by itself, through the blocks of `FrameMLP`: as `MeshNet`, without an encoder."""

    def __init__(self, config: Config, body_joints: int):
        super().__init__()
        self.body_joints = body_joints
        self.blocks = FrameMLP(17, WIDTH)
        self.blocks.leave = nn.Linear(self.blocks.leave.in_features, 6 * body_joints + SHAPES)
        nn.init.xavier_uniform_(self.blocks.leave.weight, gain=0.01)
        at_rest = torch.eye(3)[:, :2].flatten().repeat(body_joints)
        at_rest[:6] = matrix_to_six(FACING)
        self.register_buffer("at_rest", at_rest)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Windows (B, F, J, C), x and y first -> rotations (B, F, K, 3, 3), shapes (B, S)."""
        said = self.blocks.features(x)  # (B·F, WIDTH)
        said = self.blocks.leave(said).unflatten(0, x.shape[:2])
        six = (said[..., :-SHAPES] + self.at_rest).unflatten(-1, (self.body_joints, 6))
        return six_to_matrix(six), said[..., -SHAPES:].mean(1)


def by_kinematics(
    body: Body, shape: Tensor, poses: Sequence[Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """Rotations (T, K, 3, 3) and shape (S,) of one body for lifted poses N times (T, 17, 3)."""
    bones = body.skeleton_only()
    return [(pose_by_joints(bones, shape.expand(len(pose), -1), pose), shape) for pose in poses]

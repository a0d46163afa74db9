"""MeshNet: a backbone with the head that tells bodies, MotionBERT's for meshes (ICCV 2023).

Shapes: B windows, F frames, J joints in the picture, C channels, P frames of a patch, R = dim_rep,
K joints of the body, S numbers of its shape.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mbnb.bodies.body import Body
from mbnb.bodies.rotations import (
    matrix_to_axis_angle,
    matrix_to_six,
    mirror_rotations,
    nearest_rotation,
    six_to_matrix,
)
from mbnb.bodies.smpl import SHAPES
from mbnb.model.dstformer import DSTformer
from mbnb.model.pose import pieces
from mbnb.prepare.geometry import flip
from mbnb.skeleton import load_skeleton

MILLIMETRES = 1000.0
# The first joint of whoever stands before the camera and looks into it, whose y goes down.
FACING = torch.diag(torch.tensor([1.0, -1.0, -1.0]))


class MeshHead(nn.Module):
    """(B, F / P, J, R) -> six numbers (B, F, K, 6) of each joint's rotation, shape (B, S).

    Both are told as what is added to means that are kept with the weights. A shape is one for all
    frames of a window.
    """

    def __init__(
        self,
        joints: int,
        patch: int = 1,
        dropout_ratio: float = 0.0,
        dim_rep: int = 512,
        num_joints: int = 17,
        hidden_dim: int = 1024,
        shapes: int = SHAPES,
    ):
        super().__init__()
        self.joints, self.patch = joints, patch
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc1 = nn.Linear(num_joints * dim_rep, hidden_dim)
        self.bn1 = nn.BatchNorm1d(hidden_dim, momentum=0.1)
        self.head_pose = nn.Linear(hidden_dim, 6 * joints * patch)
        self.fc2 = nn.Linear(num_joints * dim_rep, hidden_dim)
        self.bn2 = nn.BatchNorm1d(hidden_dim, momentum=0.1)
        self.head_shape = nn.Linear(hidden_dim, shapes)
        for layer in (self.head_pose, self.head_shape):
            nn.init.xavier_uniform_(layer.weight, gain=0.01)
        at_rest = torch.eye(3)[:, :2].flatten().repeat(joints)
        at_rest[:6] = matrix_to_six(FACING)
        self.register_buffer("init_pose", at_rest[None])
        self.register_buffer("init_shape", torch.zeros(1, shapes))

    def forward(self, representation: Tensor) -> tuple[Tensor, Tensor]:
        said = representation.flatten(2)  # (B, F / P, J, R) -> (B, F / P, J·R)
        hidden = self.fc1(self.dropout(said.flatten(0, 1)))  # -> (B·F / P, hidden_dim)
        pose = self.head_pose(F.relu(self.bn1(hidden))).unflatten(0, said.shape[:2])
        pose = pose.unflatten(-1, (self.patch, -1)).flatten(1, 2)  # -> (B, F, K·6)
        pose = (pose + self.init_pose).unflatten(-1, (self.joints, 6))
        hidden = self.fc2(self.dropout(said.mean(1)))  # (B, J·R) -> (B, hidden_dim)
        return pose, self.head_shape(F.relu(self.bn2(hidden))) + self.init_shape


class MeshNet(nn.Module):
    """(B, F / P, J, C) -> rotations (B, F, K, 3, 3) of a body's joints, and its shape (B, S)."""

    def __init__(self, backbone: DSTformer, head: MeshHead):
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        said = [self.backbone(piece, return_rep=True) for piece in pieces(x)]
        pose, shape = self.head(torch.cat(said))
        return six_to_matrix(pose), shape


class Meshes(NamedTuple):
    """In mm: vertices (B, F, V, 3), landmarks (B, F, 17, 3); theta (B, F, 3·K + S) in radians."""

    vertices: Tensor
    landmarks: Tensor
    theta: Tensor


def meshes_of(body: Body, rotations: Tensor, shape: Tensor, digits: bool = True) -> Meshes:
    """Bodies of rotations (B, F, K, 3, 3) and shapes (B, S) or (B, F, S), in mm.

    Without `digits` theta is empty, which takes its time.
    """
    count, frames = rotations.shape[:2]
    each = shape[:, None].expand(-1, frames, -1) if shape.ndim == 2 else shape  # (B, F, S)
    posed = body.pose(rotations.flatten(0, 1), each.flatten(0, 1))
    theta = rotations.new_zeros(count, frames, 0)
    if digits:
        theta = torch.cat([matrix_to_axis_angle(rotations).flatten(2), each], dim=-1)
    both = (part.unflatten(0, (count, frames)) for part in (posed.vertices, posed.landmarks))
    return Meshes(*(MILLIMETRES * part for part in both), theta)


def flip_averaged(network: MeshNet, body: Body, x: Tensor) -> Meshes:
    """The original's mean over x (B, F, 17, 3) and its mirror: of vertices and of landmarks.

    The mirrored pass is turned back in its rotations, and both are in mm, unlike there.
    """
    sign = torch.as_tensor(body.mirror, device=x.device)
    straight = meshes_of(body, *network(x), digits=False)
    rotations, shape = network(flip(x, load_skeleton().mirror))
    back = meshes_of(body, mirror_rotations(rotations, sign), shape, digits=False)
    vertices, landmarks = ((a + b) / 2 for a, b in zip(straight[:2], back[:2]))
    return Meshes(vertices, landmarks, straight.theta)


def both_ways(y: Tensor, body: Body) -> Tensor:
    """(2·B, F, 9·K + S), windows and after them the same in a mirror -> their means (B, F, …).

    Rotations that the mean of matrices is nearest to, beside shapes.
    """
    sizes = [9 * len(body), y.shape[-1] - 9 * len(body)]
    rotations, shape = y.split(sizes, dim=-1)
    straight, back = rotations.unflatten(-1, (len(body), 3, 3)).chunk(2)
    back = mirror_rotations(back, torch.as_tensor(body.mirror))
    mean = nearest_rotation((straight + back) / 2).flatten(-3)
    return torch.cat([mean, sum(shape.chunk(2)) / 2], dim=-1)

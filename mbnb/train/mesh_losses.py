"""Losses of predicted bodies: the original's for meshes, and mbnb's.

Shapes: B windows, F frames, K joints of the body, S numbers of a shape.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from mbnb.bodies.body import Body
from mbnb.bodies.rotations import axis_angle_to_matrix
from mbnb.bodies.smpl import SHAPES
from mbnb.train.pose_losses import total_loss, velocity_loss

# What the original counts, lengths in mm; the other losses of poses have the weight 0 there.
OF_POSES = {"mpjpe": 0.5, "velocity": 10.0}
POSE, SHAPE, NORM = 1000.0, 1.0, 20.0
LANDMARKS, NECK = 17, 8


def parity_loss(
    theta: Tensor,
    landmarks: Tensor,
    true_theta: Tensor,
    true_landmarks: Tensor,
    kind: str = "L1",
    weights: Mapping[str, float] = OF_POSES,
    parts: tuple[float, float, float] = (POSE, SHAPE, NORM),
) -> Tensor:
    """MotionBERT's total for meshes: theta (B, F, 3·K + S), landmarks (B, F, 17, 3) mm.

    Landmarks are told from their roots. Of rotations it compares matrices made of axes and angles;
    the norm of theta pulls everything to zero, the way somebody faces and the shape too. kind: L1,
    or MSE of rotations and shapes.
    """
    measure = {"L1": F.l1_loss, "MSE": F.mse_loss}[kind]
    rotations, true_rotations = (
        axis_angle_to_matrix(one[..., :-SHAPES].unflatten(-1, (-1, 3)))
        for one in (theta, true_theta)
    )
    pose, shape, norm = parts
    return (
        total_loss(from_root(landmarks), from_root(true_landmarks), weights)
        + pose * measure(rotations, true_rotations)
        + shape * measure(theta[..., -SHAPES:], true_theta[..., -SHAPES:])
        + norm * theta.norm(dim=-1).mean()
    )


# What the parts of mbnb's own loss count; lengths in trunks.
OURS = {"joints": 1.0, "vertices": 2.0, "velocity": 4.0, "rotations": 1.0, "shape": 0.02}


def body_loss(
    rotations: Tensor, shape: Tensor, true_rotations: Tensor, true_shape: Tensor, body: Body
) -> tuple[Tensor, Tensor]:
    """Of rotations (B, F, K, 3, 3) and shapes (B, S); and the mean distance of landmarks.

    Rotations are compared as matrices, and nothing pulls at where somebody faces. A picture does
    not tell how large somebody is, so each body is as large as the true one, in lengths of whose
    trunk distances are told.
    """
    count, frames = rotations.shape[:2]
    posed = [
        body.pose(one.flatten(0, 1), of.repeat_interleave(frames, 0))
        for one, of in ((rotations, shape), (true_rotations, true_shape))
    ]
    # (B, F, 17 + V, 3) from the pelvis
    points = [
        torch.cat([one.landmarks, one.vertices], 1).unflatten(0, (count, -1)) for one in posed
    ]
    points = [one - one[:, :, :1] for one in points]
    trunk = points[1][:, :, NECK].norm(dim=-1).mean(1)[:, None, None, None]
    sizes = [one[:, :, :LANDMARKS].norm(dim=-1).mean((1, 2))[:, None, None, None] for one in points]
    ours, true = points[0] * (sizes[1] / sizes[0]) / trunk, points[1] / trunk
    off = (ours - true).norm(dim=-1)  # (B, F, 17 + V)
    parts = {
        "joints": off[:, :, :LANDMARKS].mean(),
        "vertices": off[:, :, LANDMARKS:].mean(),
        "velocity": velocity_loss(ours[:, :, :LANDMARKS], true[:, :, :LANDMARKS]),
        "rotations": (rotations - true_rotations).abs().mean(),
        "shape": (shape - true_shape).abs().mean(),
    }
    return sum(OURS[name] * loss for name, loss in parts.items()), parts["joints"].detach()


def from_root(landmarks: Tensor) -> Tensor:
    """Landmarks (..., 17, 3) as seen from the first."""
    return landmarks - landmarks[..., :1, :]

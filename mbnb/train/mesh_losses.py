"""Losses of predicted bodies: the original's for meshes, and mbnb's.

Shapes: B windows, F frames, K joints of the body, S numbers of a shape.
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from mbnb.bodies.rotations import axis_angle_to_matrix
from mbnb.bodies.smpl import SHAPES
from mbnb.train.pose_losses import total_loss

# What the original counts, lengths in mm; the other losses of poses have the weight 0 there.
OF_POSES = {"mpjpe": 0.5, "velocity": 10.0}
POSE, SHAPE, NORM = 1000.0, 1.0, 20.0


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
        axis_angle_to_matrix(one[..., :-SHAPES].unflatten(-1, (-1, 3))) for one in (theta, true_theta)
    )
    pose, shape, norm = parts
    return (
        total_loss(from_root(landmarks), from_root(true_landmarks), weights)
        + pose * measure(rotations, true_rotations)
        + shape * measure(theta[..., -SHAPES:], true_theta[..., -SHAPES:])
        + norm * theta.norm(dim=-1).mean()
    )


def from_root(landmarks: Tensor) -> Tensor:
    """Landmarks (..., 17, 3) as seen from the first."""
    return landmarks - landmarks[..., :1, :]

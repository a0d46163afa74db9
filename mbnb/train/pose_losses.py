"""Losses of predicted poses, as in MotionBERT's pretraining and lifting (Zhu et al., ICCV 2023).

Shapes: N clips, F frames, J joints; predicted and true poses (N, F, J, 3), all losses are means.
The limbs and angles are those of the 17 joints of Human3.6M.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

# Pairs of joints, and pairs of these limbs between which an angle is taken.
LIMBS = (
    *((0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6), (0, 7), (7, 8), (8, 9), (9, 10)),
    *((8, 11), (11, 12), (12, 13), (8, 14), (14, 15), (15, 16)),
)
ANGLES = (
    *((0, 3), (0, 6), (3, 6), (0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 10), (7, 13)),
    *((8, 13), (10, 13), (7, 8), (8, 9), (10, 11), (11, 12), (13, 14), (14, 15)),
)
EDGE = 1 - 1e-7  # the arc cosine's gradient is infinite at 1


def position_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """MPJPE."""
    return (predicted - true).norm(dim=-1).mean()


def weighted_position_loss(predicted: Tensor, true: Tensor, weight: Tensor) -> Tensor:
    """Weighted MPJPE: each joint's distance times its `weight` (N, F, J)."""
    return (weight * (predicted - true).norm(dim=-1)).mean()


def joint_l1_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """The mean absolute difference of all numbers."""
    return (predicted - true).abs().mean()


def scale_free_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """N-MPJPE: each frame is scaled to fit best. A frame of zeros stays as it is."""
    size = predicted.square().sum((-1, -2), keepdim=True)  # (N, F, 1, 1)
    scale = (predicted * true).sum((-1, -2), keepdim=True) / torch.where(size > 0, size, 1)
    return position_loss(scale * predicted, true)


def velocity_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Of the steps between frames; 0 for a single frame."""
    if predicted.shape[1] < 2:
        return predicted.new_zeros(())
    return position_loss(predicted.diff(dim=1), true.diff(dim=1))


def weighted_2d_loss(predicted: Tensor, true: Tensor, weight: Tensor) -> Tensor:
    """Of x and y alone, each joint's distance times its `weight` (N, F, J), a confidence."""
    return (weight[..., None] * (predicted[..., :2] - true[..., :2])).norm(dim=-1).mean()


def limb_lengths(pose: Tensor) -> Tensor:
    """(N, F, 16)."""
    return _limbs(pose).norm(dim=-1)


def limb_angles(pose: Tensor) -> Tensor:
    """(N, F, 18) radians between limbs."""
    limbs = _limbs(pose)
    first, second = torch.tensor(ANGLES, device=pose.device).unbind(1)
    cosine = F.cosine_similarity(limbs[..., first, :], limbs[..., second, :], dim=-1, eps=1e-8)
    return cosine.clamp(-EDGE, EDGE).acos()


def limb_variance_loss(predicted: Tensor) -> Tensor:
    """How much the lengths of limbs vary within a clip; 0 for a single frame."""
    if predicted.shape[1] < 2:
        return predicted.new_zeros(())
    return limb_lengths(predicted).var(dim=1).mean()


def limb_length_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Of the lengths of limbs."""
    return (limb_lengths(predicted) - limb_lengths(true)).abs().mean()


def angle_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Of the angles between limbs."""
    return (limb_angles(predicted) - limb_angles(true)).abs().mean()


def angle_velocity_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Of the changes of the angles between frames; 0 for a single frame."""
    if predicted.shape[1] < 2:
        return predicted.new_zeros(())
    return (limb_angles(predicted).diff(dim=1) - limb_angles(true).diff(dim=1)).abs().mean()


# What each loss counts in MotionBERT's pretraining and lifting.
WEIGHTS = {
    "mpjpe": 1.0,
    "n_mpjpe": 0.5,
    "velocity": 20.0,
    "limb_var": 0.0,
    "limb_gt": 0.0,
    "angle": 0.0,
    "angle_velocity": 0.0,
}


def total_loss(predicted: Tensor, true: Tensor, weights: Mapping[str, float] = WEIGHTS) -> Tensor:
    """The sum of all losses times their `weights`; one of weight 0 cannot spoil it."""
    losses = {
        "mpjpe": position_loss,
        "n_mpjpe": scale_free_loss,
        "velocity": velocity_loss,
        "limb_var": lambda predicted, true: limb_variance_loss(predicted),
        "limb_gt": limb_length_loss,
        "angle": angle_loss,
        "angle_velocity": angle_velocity_loss,
    }
    parts = [weight * losses[name](predicted, true) for name, weight in weights.items() if weight]
    return torch.stack(parts).sum()


def _limbs(pose: Tensor) -> Tensor:
    """(N, F, 16, 3) vectors, each its first joint minus its second."""
    first, second = torch.tensor(LIMBS, device=pose.device).unbind(1)
    return pose[..., first, :] - pose[..., second, :]

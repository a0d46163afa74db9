"""How far predicted poses are from true ones, in the unit that they come in.

MPJPE, P-MPJPE and N-MPJPE as in MotionBERT (Zhu et al., ICCV 2023) and VideoPose3D (Pavllo et al.,
CVPR 2019). Nothing is centred here: who compares poses relative to the root subtracts it before.

Shapes: predicted and true poses (..., J, 3).
"""

import numpy as np


def joint_errors(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(...) MPJPE: the mean distance of the joints."""
    return np.linalg.norm(predicted - true, axis=-1).mean(-1)


def aligned(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(..., J, 3) the predicted poses after the best turn, scale and shift, each by itself.

    Umeyama's closed form (1991); a mirror image is no turn.
    """
    middle, target = predicted.mean(-2, keepdims=True), true.mean(-2, keepdims=True)
    centred, wanted = predicted - middle, true - target
    u, stretch, vt = np.linalg.svd(np.swapaxes(wanted, -1, -2) @ centred)  # (..., 3, 3)
    sign = np.sign(np.linalg.det(u @ vt))
    vt = np.concatenate([vt[..., :2, :], vt[..., 2:, :] * sign[..., None, None]], axis=-2)
    stretch = np.concatenate([stretch[..., :2], stretch[..., 2:] * sign[..., None]], axis=-1)
    size = np.square(centred).sum((-1, -2))
    scale = stretch.sum(-1) / np.where(size > 0, size, 1)
    turn = np.swapaxes(u @ vt, -1, -2)  # for poses whose joints are rows
    return scale[..., None, None] * centred @ turn + target


def aligned_errors(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(...) P-MPJPE: the mean distance of the joints after the best turn, scale and shift."""
    return joint_errors(aligned(predicted, true), true)


def scaled_errors(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(...) N-MPJPE: the mean distance of the joints after the best scale."""
    size = np.square(predicted).sum((-1, -2))
    scale = (predicted * true).sum((-1, -2)) / np.where(size > 0, size, 1)
    return joint_errors(scale[..., None, None] * predicted, true)


def velocity_errors(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(T - 1,) MPJPE of the steps between the frames of (T, J, 3)."""
    return joint_errors(np.diff(predicted, axis=0), np.diff(true, axis=0))

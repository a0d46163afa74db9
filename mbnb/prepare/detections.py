"""People found in pictures -> what an encoder lifts, and lifted poses -> where they are seen.

What was not found is hidden from an encoder, but it needs a place, since windows are centred and
scaled by all joints: where a body would have that joint. A point far off the body is not believed.

Shapes: T frames, 17 joints of Human3.6M.
"""

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import uniform_filter1d
from torch import Tensor

from mbnb.prepare.tracks import crop_2d

# Of a body's middle joint's distance from its middle, as seen; 6.3 is the most of 40,000 poses of
# motion capture, each seen by a camera of its own.
FAR = 8.0
FEWEST = 4  # joints that tell where a body is
SECOND = 1.0
# Joints of somebody who stands and looks into the camera, in lengths of the trunk, x and y.
STANDING = np.array(
    [
        *((0.0, 0.0), (-0.22, 0.0), (-0.22, 0.85), (-0.22, 1.65), (0.22, 0.0), (0.22, 0.85)),
        *((0.22, 1.65), (0.0, -0.5), (0.0, -1.0), (0.0, -1.15), (0.0, -1.45), (0.35, -0.97)),
        *((0.43, -0.45), (0.45, 0.05), (-0.35, -0.97), (-0.43, -0.45), (-0.45, 0.05)),
    ],
    np.float32,
)


def believed(joints: np.ndarray, rate: float) -> np.ndarray:
    """(T, 17, 3) x, y, belief of 0 to 1 -> the same with NaN where there is nothing to believe.

    That is a point far off the body, and every point of a frame with too few of them. A joint with
    a place and the belief 0 keeps its place.
    """
    joints = np.array(joints, np.float32)
    joints[..., 2] = joints[..., 2].clip(0, 1)
    joints[~np.isfinite(joints).all(-1)] = np.nan
    middle = _nan_median(joints[..., :2], 1)[:, None]  # (T, 1, 2)
    reach = np.linalg.norm(joints[..., :2] - middle, axis=-1)  # (T, 17)
    sizes = pd.Series(_nan_median(reach, 1))
    usual = sizes.rolling(2 * round(SECOND * rate) + 1, center=True, min_periods=1).median()
    with np.errstate(invalid="ignore"):
        joints[reach > FAR * usual.to_numpy()[:, None]] = np.nan
    joints[np.isfinite(joints[..., 2]).sum(1) < FEWEST] = np.nan
    return joints


def can_be_lifted(joints: np.ndarray) -> bool:
    """Whether enough of (T, 17, 3) is known in at least one frame to tell where the body is."""
    return bool((np.isfinite(joints).all(-1).sum(1) >= FEWEST).any())


def _nan_median(values: np.ndarray, axis: int) -> np.ndarray:
    """The median of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    ordered = np.sort(np.where(known, values, np.inf), axis=axis)
    middle = np.maximum(known.sum(axis, keepdims=True) - 1, 0) // 2
    found = np.take_along_axis(ordered, middle, axis)
    return np.where(np.isfinite(found), found, np.nan).squeeze(axis)


def stretches(joints: np.ndarray, longest: int) -> list[slice]:
    """Stretches of frames (T, 17, 3) in which somebody was found, across gaps up to `longest`."""
    found = np.flatnonzero((joints[..., 2] > 0).any(1))  # NaN is not
    if not len(found):
        return []
    breaks = np.flatnonzero(np.diff(found) > longest + 1)
    firsts, lasts = np.append(0, breaks + 1), np.append(breaks, len(found) - 1)
    return [slice(found[a], found[b] + 1) for a, b in zip(firsts, lasts)]


def complete(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Believed joints (T, 17, 3) of one stretch -> places (T, 17, 2) of all, belief (T, 17).

    What is unknown is where `STANDING`, shifted and scaled onto the known joints of the frame, has
    it, moved by how far off the known joint is in the frames before and after.
    """
    places, belief = joints[..., :2], np.nan_to_num(joints[..., 2])
    known = np.isfinite(joints[..., 2])  # (T, 17)
    weight = (known / known.sum(1, keepdims=True).clip(min=1)).astype(np.float32)[..., None]
    there, model = np.nan_to_num(places), np.broadcast_to(STANDING, places.shape)
    middle, own = (weight * there).sum(1), (weight * model).sum(1)  # (T, 2)
    spread = (weight * (there - middle[:, None]) ** 2).sum((1, 2))
    scale = np.sqrt(spread / (weight * (model - own[:, None]) ** 2).sum((1, 2)).clip(min=1e-9))
    found = known.any(1)
    fit = np.column_stack([scale, middle - scale[:, None] * own])  # (T, 3)
    fit = np.stack([_between(fit[:, i], found) for i in range(3)], -1).astype(np.float32)
    body = fit[:, None, 1:] + fit[:, None, :1] * STANDING  # (T, 17, 2)
    off = np.where(known[..., None], places - body, 0)
    for joint in np.flatnonzero(known.any(0) & ~known.all(0)):
        for axis in range(2):
            off[:, joint, axis] = _between(off[:, joint, axis], known[:, joint])
    return body + off, belief


def _between(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(T,) linearly between what is known, the nearest at the ends."""
    times = np.arange(len(values))
    return np.interp(times, times[known], values[known])


def seen_in_picture(
    pose: np.ndarray, places: np.ndarray, belief: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """By which scale (T,) and shift (T, 2) poses (T, 17, 3) lie on places (T, 17, 2).

    `shift + scale * pose[..., :2]` is in the picture. Scales change over seconds alone.
    """
    weight = (belief / belief.sum(1, keepdims=True).clip(min=1e-9))[..., None]
    flat = pose[..., :2]
    middle, own = (weight * places).sum(1), (weight * flat).sum(1)  # (T, 2)
    spreads = [
        uniform_filter1d((weight * (xy - at[:, None]) ** 2).sum((1, 2)), _odd(rate), mode="nearest")
        for xy, at in ((places, middle), (flat, own))
    ]
    scale = np.sqrt(spreads[0] / spreads[1].clip(min=1e-12))
    found = belief.any(1)
    shift = middle - scale[:, None] * own
    return scale, np.stack([_between(shift[:, i], found) for i in range(2)], -1)


def _odd(rate: float) -> int:
    return 2 * round(SECOND * rate / 2) + 1


def original_crop(joints: Tensor) -> Tensor:
    """(T, 17, 3) pixels -> the body's box over all frames as [-1, 1], as MotionBERT has it."""
    return crop_2d(joints[None], torch.ones(1))[0]


def original_pixels(joints: Tensor, size: tuple[int, int]) -> Tensor:
    """(T, 17, 3) pixels -> half the shorter side of a picture (width, height), from its middle."""
    places = (joints[..., :2] - torch.tensor(size) / 2) / (min(size) / 2)
    return torch.cat([places, joints[..., 2:]], dim=-1)


def back_to_pixels(pose: Tensor, size: tuple[int, int]) -> Tensor:
    """The contrary of `original_pixels` for poses (T, 17, 3); depth in pixels from the root."""
    pose = pose * (min(size) / 2)
    return torch.cat([pose[..., :2] + torch.tensor(size) / 2, pose[..., 2:]], dim=-1)

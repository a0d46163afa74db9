"""What most converters do: each of our joints is one foreign point or the mean of several."""

import numpy as np

from mbnb.files import InputError
from mbnb.skeleton import load_skeleton


def mean_of_points(
    points: np.ndarray, sources: dict[str, tuple[int, ...]], count: int
) -> np.ndarray:
    """(..., count, C) -> (..., 17, C): each joint is the mean of its points in `sources`.

    It is NaN where one of them is, and where `sources` has no point for it. Raises InputError where
    there are not `count` points.
    """
    if points.ndim < 2 or points.shape[-2] != count:
        raise InputError(f"expected points of the shape (..., {count}, C), found {points.shape}")
    nowhere = np.full((*points.shape[:-2], points.shape[-1]), np.nan, points.dtype)
    joints = [
        points[..., sources[joint], :].mean(-2) if sources[joint] else nowhere
        for joint in load_skeleton().joints
    ]
    return np.stack(joints, axis=-2)  # 17 times (..., C) -> (..., 17, C)

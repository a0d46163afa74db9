"""What most converters do: each of our joints is one foreign point or the mean of several."""

import numpy as np

from mbnb.files import InputError


def mean_of_points(
    points: np.ndarray, sources: dict[str, tuple[int, ...]], count: int
) -> np.ndarray:
    """(..., count, C) -> (..., J, C): each joint is the mean of its points in `sources`.

    Joints are in the order of `sources`. One is NaN where one of its points is, and where `sources`
    has none for it. Raises InputError where there are not `count` points.
    """
    if points.ndim < 2 or points.shape[-2] != count:
        raise InputError(f"expected points of the shape (..., {count}, C), found {points.shape}")
    nowhere = np.full((*points.shape[:-2], points.shape[-1]), np.nan, points.dtype)
    joints = [
        points[..., of_joint, :].mean(-2) if of_joint else nowhere for of_joint in sources.values()
    ]
    return np.stack(joints, axis=-2)  # J times (..., C) -> (..., J, C)

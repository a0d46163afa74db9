"""Points of every known layout, or of known names, become our 17 joints."""

from collections.abc import Callable
from functools import partial

import numpy as np

from mbnb.files import InputError
from mbnb.formats import mediapipe33
from mbnb.formats.layouts import LAYOUTS, sources_of
from mbnb.formats.markers import has_pelvis, hips_of
from mbnb.formats.names import canonical
from mbnb.formats.points import mean_of_points
from mbnb.formats.pose_file import PoseFile

# Name of a layout -> function that turns its points (..., P, C) into our joints (..., 17, C).
CONVERTERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    name: partial(mean_of_points, sources=sources_of(points), count=len(points))
    for name, points in LAYOUTS.items()
    if name != "mediapipe33"
} | {"mediapipe33": mediapipe33.to_h36m}


def to_h36m(points: np.ndarray, name: str) -> np.ndarray:
    """(..., P, C) points of the named layout -> (..., 17, C) joints in the order of `h36m17`.

    C are x, y, z or x, y and a confidence; a joint between points has their mean, and is NaN where
    one of them is or where the layout has none for it. Raises InputError for an unknown layout and
    for another number of points than it has.
    """
    if name not in CONVERTERS:
        raise InputError(f"unknown format {name!r}; known: {', '.join(CONVERTERS)}")
    return CONVERTERS[name](points)


def joints_of(file: PoseFile) -> dict[str, np.ndarray]:
    """Our 17 joints of everybody in a file, (T, 17, 3), by its layout or its points' names."""
    if file.layout == "mediapipe33" and not file.depth:  # its top of the head is made in metres
        return {name: named_joints(points, file.points) for name, points in file.people.items()}
    if file.layout:
        return {name: to_h36m(points, file.layout) for name, points in file.people.items()}
    return {name: named_joints(points, file.points) for name, points in file.people.items()}


def named_joints(points: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """(..., P, C) points of these names -> (..., 17, C); NaN for what no name stands for.

    Hips may be placed by markers on the pelvis (`markers`). Pelvis and neck are the middles of
    hips and shoulders, where these are known: what skeletons call so may be anywhere between the
    legs and the head.
    """
    words = canonical(names)
    if not set(LAYOUTS["h36m17"]) <= set(words):
        for middle, end in (("pelvis", "hip"), ("neck", "shoulder")):
            if {f"left_{end}", f"right_{end}"} <= set(words):
                words = tuple("" if word == middle else word for word in words)
    if points.shape[-1] == 3 and has_pelvis(words):
        hips = np.stack(hips_of(points, words), axis=-2)  # (..., 2, 3)
        words = (*("" if "hip" in word else word for word in words), "left_hip", "right_hip")
        points = np.concatenate([points, hips], axis=-2)
    return mean_of_points(points, sources_of(words), points.shape[-2])

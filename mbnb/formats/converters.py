"""Points of every known layout, or of known names, become the joints of a table of ours."""

from collections.abc import Callable
from functools import partial

import numpy as np

from mbnb.files import InputError
from mbnb.formats import mediapipe33
from mbnb.formats.layouts import LAYOUTS, sources_of
from mbnb.formats.markers import has_pelvis, hips_of
from mbnb.formats.names import canonical, knows_hips
from mbnb.formats.points import mean_of_points
from mbnb.formats.pose_file import PoseFile
from mbnb.skeleton import load_skeleton

# Name of a layout -> function that turns its points (..., P, C) into our joints (..., 17, C).
CONVERTERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    name: partial(mean_of_points, sources=sources_of(points), count=len(points))
    for name, points in LAYOUTS.items()
    if not name.startswith("mediapipe")
} | {"mediapipe33": mediapipe33.to_h36m, "mediapipe81": lambda p: mediapipe33.to_h36m(_body(p))}


def to_h36m(points: np.ndarray, name: str) -> np.ndarray:
    """(..., P, C) points of the named layout -> (..., 17, C) joints in the order of `h36m17`.

    C are x, y, z or x, y and a confidence; a joint between points has their mean, and is NaN where
    one of them is or where the layout has none for it. Raises InputError for an unknown layout and
    for another number of points than it has.
    """
    if name not in CONVERTERS:
        raise InputError(f"unknown format {name!r}; known: {', '.join(CONVERTERS)}")
    return CONVERTERS[name](points)


def _body(points: np.ndarray) -> np.ndarray:
    """The 33 points of a body of MediaPipe's 81."""
    count = len(LAYOUTS["mediapipe81"])
    if points.ndim < 2 or points.shape[-2] != count:
        raise InputError(f"expected points of the shape (..., {count}, C), found {points.shape}")
    return points[..., : mediapipe33.POINTS, :]


def joints_of(file: PoseFile, skeleton: str = "h36m17") -> dict[str, np.ndarray]:
    """The joints of a table of everybody in a file, (T, J, 3), by layout or by points' names.

    A joint that the file has no point for is NaN.
    """
    if file.points == load_skeleton(skeleton).joints:
        return file.people
    by_name = not file.layout or file.layout.startswith("mediapipe") and not file.depth
    body = {} if by_name else {w: to_h36m(p, file.layout) for w, p in file.people.items()}
    if body and skeleton == "h36m17":
        return body
    whole = {who: named_joints(p, file.points, skeleton) for who, p in file.people.items()}
    names, ours = load_skeleton(skeleton).joints, load_skeleton().joints
    both = [name for name in names if name in ours]
    for who, joints in body.items():  # MediaPipe's top of the head is made in metres
        whole[who][:, list(map(names.index, both))] = joints[:, list(map(ours.index, both))]
    return whole


def named_joints(
    points: np.ndarray, names: tuple[str, ...], skeleton: str = "h36m17"
) -> np.ndarray:
    """(..., P, C) points of these names -> joints (..., J, C); NaN for what no name stands for.

    Hips may be placed by markers on the pelvis (`markers`). Pelvis and neck are the middles of
    hips and shoulders, where these are known: what skeletons call so may be anywhere between the
    legs and the head.
    """
    words = canonical(names)
    if not set(LAYOUTS["h36m17"]) <= set(words):
        for middle, end in (("pelvis", "hip"), ("neck", "shoulder")):
            if {f"left_{end}", f"right_{end}"} <= set(words):
                words = tuple("" if word == middle else word for word in words)
    if points.shape[-1] == 3 and has_pelvis(words) and not knows_hips(names):
        hips = np.stack(hips_of(points, words), axis=-2)  # (..., 2, 3)
        words = (*("" if "hip" in word else word for word in words), "left_hip", "right_hip")
        points = np.concatenate([points, hips], axis=-2)
    return mean_of_points(points, sources_of(words, skeleton), points.shape[-2])

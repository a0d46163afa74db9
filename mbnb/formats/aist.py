"""AIST++'s keypoints (Li et al. 2021): pickles of one dancer, in nine cameras or in space.

keypoints2d (cameras, T, 17, 3) are COCO's points in pixels of 1920 x 1080 with a confidence;
keypoints3d (T, 17, 3), and keypoints3d_optim, which its authors smoothed, centimetres, y up.
"""

from typing import Any

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import Content
from mbnb.formats.layouts import LAYOUTS
from mbnb.formats.pickles import is_pickle, read_pickle
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import placed

EXPECTED = "a pickle of AIST++, keypoints2d or keypoints3d"
LAYOUT = "coco17"
RATE = 60.0
SIZE = (1920, 1080)
IN_SPACE = ("keypoints3d_optim", "keypoints3d")  # the better one first
KEYS = (*IN_SPACE, "keypoints2d")


def is_it(content: Content) -> bool:
    """Whether it is a pickle that begins with one of its keys."""
    is_file = not content.path.is_dir() and is_pickle(content.path)
    return is_file and any(key.encode() in content.head for key in KEYS)


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The dancer in space, or in each camera, called as the video of it is: c01 for cAll."""
    found = read_pickle(content.path, EXPECTED)
    key = next((key for key in KEYS if isinstance(found, dict) and key in found), "")
    if not key:
        raise InputError(f"expected a dictionary with one of {', '.join(KEYS)}")
    points = np.asarray(found[key], np.float32)
    if points.shape[-2:] != (17, 3) or points.ndim != (3 if key in IN_SPACE else 4):
        raise InputError(f"expected {key} of COCO's 17 points, found {points.shape}")
    if key in IN_SPACE:
        lost = people.marked(points, LAYOUTS[LAYOUT])
        tracks = {"1": np.where(lost, np.nan, points)}
        how: dict[str, Any] = {"unit": "cm", "rate": RATE, "notes": [f"of {key}"]}
        return {"": placed(LAYOUTS[LAYOUT], tracks, layout=LAYOUT, **how)}
    stem, cameras = content.path.stem, {}
    for i, one in enumerate(points, 1):
        name = stem.replace("cAll", f"c{i:02d}") if "cAll" in stem else f"{stem}_c{i:02d}"
        tracks = {"1": people.found_only(one)}
        told = people.confident(tracks)
        about = {"depth": False, "rate": RATE, "size": SIZE, "notes": tuple(told)}
        cameras[name] = PoseFile(LAYOUT, LAYOUTS[LAYOUT], tracks, **about)
    return cameras

"""Other joints and files -> ours: a reader a file, and tables of points, all of them below.

Imports clips and what stands before it.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from mbnb.files import InputError
from mbnb.formats import alphapose, coco_json, mediapipe33, mmpose_json, openpose
from mbnb.formats.content import FAULTS, Content
from mbnb.formats.layouts import LAYOUTS, sources_of
from mbnb.formats.points import mean_of_points
from mbnb.formats.pose_file import PoseFile
from mbnb.text import listed

# Name of a layout -> function that turns its points (..., P, C) into our joints (..., 17, C).
CONVERTERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    name: partial(mean_of_points, sources=sources_of(points), count=len(points))
    for name, points in LAYOUTS.items()
} | {"mediapipe33": mediapipe33.to_h36m}

# What reads files, each by what it holds; the first that knows a file for its own reads it.
READERS = (openpose, alphapose, coco_json, mmpose_json)


def to_h36m(points: np.ndarray, name: str) -> np.ndarray:
    """(..., P, C) points of the named layout -> (..., 17, C) joints in the order of `h36m17`.

    C are x, y, z or x, y and a confidence; a joint between points has their mean, and is NaN where
    one of them is or where the layout has none for it. Raises InputError for an unknown layout and
    for another number of points than it has.
    """
    if name not in CONVERTERS:
        raise InputError(f"unknown format {name!r}; known: {', '.join(CONVERTERS)}")
    return CONVERTERS[name](points)


def read(path: Path, layout: str = "") -> PoseFile:
    """The recording in a file, or in a folder whose files are its frames.

    layout: the table of points, for files that do not tell it. Raises InputError for what no reader
    knows, for what is damaged, and where there are several recordings (see `read_all`).
    """
    recordings = read_all(path, layout)
    if len(recordings) > 1:
        raise InputError(
            f"{path}: expected one recording, found {len(recordings)} ({listed(recordings)})"
        )
    return next(iter(recordings.values()))


def read_all(path: Path, layout: str = "") -> dict[str, PoseFile]:
    """All recordings in a file by name, such as the clips of a data set that is one file.

    Raises InputError as `read` does.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    expected = "joints of people"
    try:
        content = Content(path)
        reader = next((one for one in READERS if one.is_it(content)), None)
        if reader is None:
            raise InputError(f"none of the {len(READERS)} formats that mbnb reads")
        expected = reader.EXPECTED
        return reader.read(content, layout)
    except InputError as error:
        said = str(error).removeprefix(f"{path}: ")
        raise InputError(f"{path}: expected {expected}: {said}") from None
    except FAULTS as error:  # every sort of damage raises a different kind
        raise InputError(f"{path}: expected {expected} ({type(error).__name__}: {error})") from None

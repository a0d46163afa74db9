"""Other joints and files -> ours: a reader a file, and tables of points, all of them below.

Imports clips and what stands before it.
"""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mbnb.files import InputError
from mbnb.formats import (
    aist,
    alphapose,
    bodies_json,
    bvh,
    c3d,
    coco_json,
    deeplabcut,
    easymocap,
    h5,
    kinect,
    kinetics,
    mediapipe_json,
    mmpose_json,
    mocap,
    npz,
    openpose,
    pose_format,
    pyskl,
    stgcn,
    tables,
    trc,
)
from mbnb.formats.content import Content
from mbnb.formats.converters import CONVERTERS, joints_of, to_h36m
from mbnb.formats.layouts import LAYOUTS, points_of
from mbnb.formats.pickles import LOAD_THERE
from mbnb.formats.pose_file import PoseFile
from mbnb.text import listed

__all__ = ["CONVERTERS", "LAYOUTS", "WRITERS", "PoseFile", "is_folder_of_frames", "joints_of"]
__all__ += ["read", "read_all", "to_h36m"]

# Ending -> what writes one clip (T, 17, 3) into a file, at so many frames a second.
WRITERS: dict[str, Callable[[Path, np.ndarray, float], None]] = {
    "bvh": bvh.write_bvh,
    "trc": trc.write_trc,
    "csv": tables.write_csv,
}

# How files of other kinds begin, and what to do with them.
PICTURE = "it is a picture; videos and joints can be converted"
JOBLIB = f"it is compressed, as joblib does it: {LOAD_THERE}"
MATROSKA = b"\x1a\x45\xdf\xa3"
SOUND = "it is sound, in which nobody is seen"
OTHERS = {
    b"Kaydara FBX Binary": "it is FBX: export it as BVH",
    b"; FBX": "it is FBX: export it as BVH",
    b"glTF": "it is glTF: export it as BVH",
    b"<mvnx": "it is Xsens's MVNX: export it as BVH or C3D",
    b"<?xml": "it is XML: export it as BVH or C3D, if it holds movement",
    b"PAR1": "it is Parquet: save it as CSV",
    b"\xcd\xf3\0\x01": "it is CDF, as Human3.6M has it: VideoPose3D makes data_3d_h36m.npz of it",
    b":version": "it is ASF or AMC: convert both to BVH",
    b"#!OML:ASF": "it is ASF or AMC: convert both to BVH",
    b"#!OML:AMC": "it is ASF or AMC: convert both to BVH",
    b":FULLY-SPECIFIED": "it is ASF or AMC: convert both to BVH",
    b"MATLAB": "it is MATLAB's: save its arrays as npy, npz or CSV",
    b"PK\x03\x04": "it is a zip archive without arrays: unpack it; a spreadsheet, save as CSV",
    b"\x1f\x8b": "it is compressed: unpack it",
    b"\x78\x9c": JOBLIB,
    b"\x78\x5e": JOBLIB,
    b"\x78\xda": JOBLIB,
    b"%PDF": "it is a PDF",
    b"\x89PNG": PICTURE,
    b"\xff\xd8\xff": PICTURE,
    b"ID3": SOUND,
    b"fLaC": SOUND,
    b"version https://git-lfs": "it is a pointer of Git LFS: `git lfs pull` fetches the file",
}

FARTHEST = 1e9  # metres or pixels, beyond which nobody is
RATES = (0.1, 1e5)  # frames a second
# What reads files, each by what it holds; the first that knows a file for its own reads it.
READERS = (
    bodies_json,
    openpose,
    easymocap,
    alphapose,
    coco_json,
    mmpose_json,
    kinetics,
    mediapipe_json,
    bvh,
    trc,
    c3d,
    mocap,
    stgcn,
    npz,
    aist,
    pyskl,
    deeplabcut,
    h5,
    pose_format,
    kinect,
    tables,
)


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
    if layout:
        points_of(layout)
    try:
        content = Content(path)
        reader = next((one for one in READERS if one.is_it(content)), None)
        if reader is None:
            raise InputError(_unknown(content))
        expected = reader.EXPECTED
        with np.errstate(all="ignore"):  # of numbers that no joint has
            recordings = reader.read(content, layout)
        return {name: _possible(file) for name, file in recordings.items()}
    except InputError as error:
        said = str(error).removeprefix(f"{path}: ").removeprefix(f"expected {expected}: ")
        raise InputError(f"{path}: expected {expected}: {said}") from None
    except Exception as error:  # every sort of damage raises a different kind
        raise InputError(f"{path}: expected {expected} ({type(error).__name__}: {error})") from None


def _possible(file: PoseFile) -> PoseFile:
    """The same without places where nothing can be, and without a rate that none can have."""
    people, count, notes = {}, 0, []
    for who, points in file.people.items():
        wrong = (np.abs(points) > FARTHEST).any(-1)  # not where it is NaN
        count += int(wrong.sum())
        people[who] = np.where(wrong[..., None], np.nan, points) if wrong.any() else points
    if count:
        notes.append(f"{count} points beyond {FARTHEST:g} count as not found")
    rate = file.rate
    if rate is not None and not RATES[0] <= rate <= RATES[1]:
        notes.append(f"{rate:g} frames a second cannot be, so the rate is not known")
        rate = None
    if not notes:
        return file
    return dataclasses.replace(file, people=people, rate=rate, notes=(*file.notes, *notes))


def expected_of(path: Path) -> str:
    """What a file holds by its content, as its reader words it; '' where none knows it."""
    try:
        content = Content(Path(path))
        return next((reader.EXPECTED for reader in READERS if reader.is_it(content)), "")
    except Exception:  # every sort of damage raises a different kind
        return ""


def _unknown(content: Content) -> str:
    """What is said of a file that no reader knows, by what it is instead."""
    if content.head[:4] == b"PK\x03\x04" and b"/data.pkl" in content.head[:200]:
        return f"it is torch's: {LOAD_THERE}"
    for mark, said in OTHERS.items():
        if content.head.lstrip()[: len(mark)] == mark:
            return said
    if content.head[:4] == b"RIFF" and content.head[8:12] == b"WAVE":
        return SOUND
    if (
        content.head[4:8] == b"ftyp"
        or content.head[8:12] == b"AVI "
        or content.head[:4] == MATROSKA
    ):
        return "it is a video: give its name the ending of one, such as .mp4"
    if content.path.is_dir() and not any(content.path.iterdir()):
        return "it is an empty folder"
    if {b"start", b"end", b"label"} <= set(re.split(rb"\W+", content.head.lower().split(b"\n")[0])):
        return "it holds coded intervals, which `mbnb coding` reads"
    known = ", ".join(reader.__name__.rpartition(".")[2] for reader in READERS)
    return (
        f"none of the formats that mbnb reads ({known}): save its joints as CSV with columns such "
        f"as left_hip_x, left_hip_y, left_hip_z, or as npy (T, P, 3) with a --layout"
    )


def is_folder_of_frames(path: Path) -> bool:
    """Whether the files of a folder are together one recording, as those of OpenPose."""
    content = Content(path)
    readers = (openpose, easymocap, mmpose_json)
    return path.is_dir() and any(reader.is_it(content) for reader in readers)

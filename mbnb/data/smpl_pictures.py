"""People in pictures with SMPL's poses, as MotionBERT's files for meshes have them.

`mesh_det_h36m.pkl`, `mesh_det_coco.pkl` and `mesh_det_pw3d.pkl` hold a dictionary for `train` and
one for `test`, a row a picture: `joint_2d` (17, 2) in pixels, `confidence`, `source`, `smpl_pose`
(72) and `smpl_shape` (10), of Human3.6M also `camera_name`.
"""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from mbnb.clips import Clips, join, pack
from mbnb.config import Config
from mbnb.data.h36m import HIGHER, WIDTH
from mbnb.data.motion import MOVEMENT, Motion
from mbnb.files import ROOT, InputError
from mbnb.formats.pickles import read_pickle, refusal
from mbnb.skeleton import load_skeleton

EXPECTED = "pictures with SMPL's poses as mesh_det_pw3d.pkl has them, with train and test"
SIDES = {"coco": 640, "pw3d": 1920}  # pixels of pictures that count as square, by the file's name
NUMBERS = 82  # of a pose and a shape


@dataclass(frozen=True)
class Posed:
    """One part of a file: clips (T, 17, 3) x, y in half widths and a confidence; theta of all.

    theta: (sum T, 82) SMPL's axes with angles, then its shape. single: pictures, no movement.
    """

    clips: Clips
    theta: np.ndarray
    single: bool


def load_pictures(config: Config) -> tuple[Motion, dict[str, list[Posed]]]:
    """The files that the setting `motion` names: as a data set, and by split each file's part.

    Raises InputError with the faults of all files.
    """
    parts: dict[str, list[Posed]] = {"train": [], "test": []}
    faults, paths = [], [(ROOT / name).resolve() for name in config.motion]
    for path in paths:
        try:
            for split, part in read_mesh_pictures(path).items():
                parts[split].append(part)
        except InputError as error:
            faults.append(str(error))
    if not paths:
        faults.append("setting 'motion': expected files with SMPL's poses, mesh_det_pw3d.pkl, …")
    if faults:
        raise InputError("\n".join(faults))
    splits = {split: join([part.clips for part in of]) for split, of in parts.items()}
    data = Motion(paths[0], splits, MOVEMENT, load_skeleton(), (), True, False)
    return data, parts


def read_mesh_pictures(path: Path) -> dict[str, Posed]:
    """Both parts of a file. Raises InputError for what is none, or asks for more than data."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; it is part of MotionBERT's data for meshes")
    content = read_pickle(path, EXPECTED)
    kind = next((name for name in SIDES if name in path.stem), "")
    try:
        return {split: _posed(content[split], path, kind) for split in ("train", "test")}
    except Exception as error:  # whatever stands there in place of rows
        raise refusal(path, EXPECTED, error) from None


def _posed(part: dict[str, Any], path: Path, kind: str) -> Posed:
    joints = np.asarray(part["joint_2d"], np.float64)
    frames = len(joints)
    believed = np.asarray(part.get("confidence", np.ones((frames, 17))), np.float64)
    believed = believed.reshape(frames, 17, 1).clip(0, 1)
    theta = np.concatenate([part["smpl_pose"], part["smpl_shape"]], axis=1).astype(np.float32)
    if joints.shape != (frames, 17, 2) or theta.shape != (frames, NUMBERS):
        raise InputError(f"joint_2d {joints.shape} and {theta.shape[1]} numbers of SMPL")
    width = np.full(frames, SIDES.get(kind, WIDTH), np.float64)
    height = width.copy()
    if not kind:
        height = np.array([HIGHER.get(str(name), WIDTH) for name in part["camera_name"]], float)
    corner = np.stack([np.ones(frames), height / width], axis=-1)[:, None]  # (F, 1, 2)
    places = np.concatenate([joints / width[:, None, None] * 2 - corner, believed], axis=-1)
    runs, first = [], 0
    names = [f"{path.stem} {i}" if kind == "coco" else str(n) for i, n in enumerate(part["source"])]
    for name, members in groupby(names):
        rows = slice(first, first := first + sum(1 for _ in members))
        runs.append((places[rows].astype(np.float32), f"{name} at {rows.start}", name))
    arrays, titles, sources = map(list, zip(*runs))
    return Posed(pack(arrays, titles, [0] * len(runs), sources), theta, kind == "coco")

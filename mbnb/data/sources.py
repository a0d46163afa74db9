"""Movement in the files that MotionBERT and VideoPose3D are trained from, as recordings of ours.

- `h36m_sh_conf_cam_source_final.pkl`: Human3.6M in the picture, with detected 2D joints.
- `data_3d_h36m.npz`: Human3.6M in the room, as VideoPose3D has it.
- Folders of pickles, `AMASS/train/*.pkl` and the like, a clip each, as MotionBERT cuts them.

What lies in a picture is in half widths of it; somebody 7.7 m before a camera of Human3.6M is
`METRES` of it a metre high, by which all of it is brought to metres.
"""

import re
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mbnb.clips import SPLITS
from mbnb.data.checks import Findings, has_file
from mbnb.data.h36m import read_pictures
from mbnb.files import InputError
from mbnb.formats.layouts import OF_32
from mbnb.formats.pickles import read_objects, read_pickle

METRES = 0.298  # half widths of a picture a metre
TEST = ("S9", "S11")  # subjects of Human3.6M
H36M_RATE, AMASS_RATE = 50.0, 60.0  # frames a second


class Recording(NamedTuple):
    """One clip of a source: pose (T, 17, 3) in metres at `rate` frames a second, in `split`.

    detected: (T, 17, 3) x, y and a confidence beside it, in half widths of the picture, where there
    are any. named: whether it is known who the subject is.
    """

    pose: np.ndarray
    name: str
    subject: str
    split: str
    rate: float
    kind: str = ""
    detected: np.ndarray | None = None
    named: bool = True


def upright(pose: np.ndarray) -> np.ndarray:
    """(..., 3) with z up, as Human3.6M's rooms and AMASS are -> x right, y down, z away."""
    return np.stack([pose[..., 0], -pose[..., 2], pose[..., 1]], axis=-1)


def of_pictures(path: Path) -> list[Recording]:
    """Both parts of the pickle of Human3.6M. Raises InputError for what is none."""
    recordings = []
    for split, part in read_pictures(path).items():
        first, met = 0, {}
        for sequence, members in groupby(part.sequences):
            rows = slice(first, first := first + sum(1 for _ in members))
            met[sequence] = met.get(sequence, 0) + 1
            number = re.match(r"s_0*(\d+)_", sequence)
            recordings.append(
                Recording(
                    (part.true[rows] / METRES).astype(np.float32),
                    sequence if met[sequence] == 1 else f"{sequence} ({met[sequence]})",
                    f"S{number[1]}" if number else sequence,
                    split,
                    H36M_RATE,
                    kind=part.actions[rows.start] if part.actions else "",
                    detected=part.detected[rows].astype(np.float32),
                )
            )
    return recordings


def of_positions(path: Path) -> list[Recording]:
    """VideoPose3D's file of positions; subjects 9 and 11 are the test.

    Raises InputError that names every array of another shape.
    """
    expected = "positions_3d of VideoPose3D's data_3d_h36m.npz, arrays by subject and action"
    content = read_objects(path, "positions_3d", expected)
    recordings, faults = [], []
    for subject, actions in content.items() if isinstance(content, dict) else ():
        for action, positions in actions.items() if isinstance(actions, dict) else ():
            name = f"{subject} {action}"
            if not _is_pose(positions, (17, 32)):
                shape = getattr(positions, "shape", type(positions).__name__)
                faults.append(f"{path}: {name}: expected finite (T, 32, 3), found {shape}")
                continue
            ours = positions[:, OF_32] if positions.shape[1] == 32 else positions
            recordings.append(
                Recording(
                    upright(ours).astype(np.float32),
                    name,
                    str(subject),
                    "test" if subject in TEST else "train",
                    H36M_RATE,
                    kind=re.sub(r" \d+$", "", str(action)),
                )
            )
    if faults or not recordings:
        raise InputError("\n".join(faults) or f"{path}: expected {expected}, found none")
    return recordings


def clip_pickles(path: Path) -> dict[str, list[Path]]:
    """The pickles in a folder's train, val and test by split; those beside these are of train."""
    found = {split: sorted((path / split).glob("*.pkl")) for split in SPLITS}
    if not any(found.values()):
        found["train"] = sorted(path.glob("*.pkl"))
    return found


def of_clips(path: Path, findings: Findings) -> list[Recording]:
    """A folder of clips, each a dictionary with `data_input`, or None, and `data_label`.

    Nobody says who is in them, so those of a split count as one person.
    """
    recordings = []
    for split, files in clip_pickles(path).items():
        for file in files:
            if not has_file(path, file, findings):
                continue
            try:
                clip = read_pickle(file, "a clip of MotionBERT's, a dictionary with data_label")
            except InputError as error:
                findings.errors_of_table(file, str(error))
                continue
            clip = clip if isinstance(clip, dict) else {}
            label, seen = clip.get("data_label"), clip.get("data_input")
            if not _is_pose(label) or not (seen is None or _is_pose(seen, length=len(label))):
                findings.error(file, "expected data_label (T, 17, 3), finite, and data_input alike")
                continue
            recordings.append(
                Recording(
                    (label / METRES).astype(np.float32),
                    f"{path.name}/{split}/{file.stem}",
                    f"{path.name} {split}",
                    split,
                    AMASS_RATE if seen is None else H36M_RATE,
                    detected=None if seen is None else seen.astype(np.float32),
                    named=False,
                )
            )
    return recordings


def _is_pose(array: object, joints: tuple[int, ...] = (17,), length: int | None = None) -> bool:
    """Whether it is a finite array (T, J, 3) of one of the numbers of `joints`."""
    return (
        isinstance(array, np.ndarray)
        and array.ndim == 3
        and array.shape[1] in joints
        and array.shape[2] == 3
        and array.dtype.kind in "fiu"
        and len(array) >= 2
        and length in (None, len(array))
        and bool(np.isfinite(array).all())
    )

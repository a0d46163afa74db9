"""A copy of a data set with its axes, sides, units or order of joints put right."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mbnb.clips import Clips, pack
from mbnb.config import Config
from mbnb.data.dataset import read
from mbnb.data.standing import KINDS, faulty
from mbnb.data.write import write_dataset
from mbnb.files import InputError
from mbnb.formats import to_h36m
from mbnb.formats.anatomy import stance_of
from mbnb.skeleton import Skeleton


def turned(
    axes: str, scale: float, swap_sides: bool, joints: str | None, skeleton: Skeleton
) -> Callable[[np.ndarray], np.ndarray]:
    """What makes a clip (T, J, 3) right.

    axes: which of its axes, with their signs, are our x, y and z, as in 'x -z y'. scale: metres in
    its unit. joints: the format in whose order its joints are. Raises InputError for axes that are
    not three different ones, and for a scale that makes nothing of a body.
    """
    words = axes.lower().replace("+", "").split()
    letters = [word.removeprefix("-") for word in words]
    if sorted(letters) != ["x", "y", "z"]:
        raise InputError(
            f"--axes: expected x, y and z in some order, as in 'x -z y', found {axes!r}"
        )
    if not (0 < scale < np.inf):
        raise InputError(f"--scale: expected a number above 0, found {scale}")
    order = ["xyz".index(letter) for letter in letters]
    signs = [-1.0 if word.startswith("-") else 1.0 for word in words]

    def turn(pose: np.ndarray) -> np.ndarray:
        pose = to_h36m(pose, joints) if joints else pose
        pose = pose[:, list(skeleton.mirror)] if swap_sides else pose
        return (pose[..., order] * signs * scale).astype(np.float32)

    return turn


def turn_dataset(
    root: Path,
    out: Path,
    config: Config,
    *,
    axes: str = "x y z",
    scale: float = 1.0,
    swap_sides: bool = False,
    joints: str | None = None,
    only: Sequence[str] = (),
    where: str | None = None,
) -> dict[str, tuple[int, int]]:
    """Write a copy of the data set in `root`, turned, to `out`; classes and people go along.

    only: splits to be turned, all without it. where: turn the clips with this kind of fault alone
    (`standing.KINDS`). Returns for each split how many clips were turned, of how many. Raises
    InputError where the data set has another fault, and where `out` is not empty.
    """
    if where not in (None, *KINDS):
        raise InputError(f"--where: expected one of {', '.join(KINDS)}, found {where!r}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: expected an empty or a new folder")
    data = read(root, config)
    unknown = [split for split in only if split not in data.splits]
    if unknown:
        raise InputError(f"--split: no {unknown[0]} in {root}; there are {', '.join(data.splits)}")
    turn, counts, splits = turned(axes, scale, swap_sides, joints, data.skeleton), {}, {}
    for split, clips in data.splits.items():
        flags = np.full(len(clips), not only or split in only)
        if where:
            flags &= faulty(where, stance_of(clips, data.skeleton))
        counts[split] = int(flags.sum()), len(clips)
        splits[split] = _with(
            clips,
            [turn(clips.drawn(i)) if flag else clips.drawn(i) for i, flag in enumerate(flags)],
        )
    packed = any(root.glob("*.npz"))
    write_dataset(out, splits, data.classes, packed, data.simulated)
    return counts


def _with(clips: Clips, poses: list[np.ndarray]) -> Clips:
    """The same clips with other poses, NaN where a joint was not seen."""
    seen = [~np.isnan(pose).any(-1) for pose in poses]
    joints = clips.frames.shape[1]
    return pack(poses, clips.names, clips.labels, clips.subjects, joints, seen)

"""Recordings of movement without classes: for pretraining an encoder, and for trying a lift.

A recording may be a folder in the documented layout, whose labels are not looked at, or one npz
file with `frames`, `offsets` and `clip_names` as `<split>.npz` has them. Such a file may also
tell for each clip its `subject`, its `split`, what `kind` of movement it is, and the `fps` of all.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mbnb.clips import SPLITS, UNLABELLED, Clips, join, pack
from mbnb.config import Config
from mbnb.data.checks import Findings, check_pose
from mbnb.data.dataset import load
from mbnb.data.reading import read_packed
from mbnb.files import ROOT, InputError
from mbnb.skeleton import Skeleton, load_skeleton

SHORTEST = 8  # frames of a clip that is worth learning from


@dataclass(frozen=True)
class Motion:
    """Clips without classes by split, and the kind of movement of each, "" where nobody says.

    People of test are in no other split.
    """

    splits: dict[str, Clips]
    kinds: dict[str, tuple[str, ...]]


def load_motion(sources: Sequence[str], config: Config) -> Motion:
    """All recordings that `sources` name, at `config.fps` frames a second, as one.

    What a source calls test is test; the rest is train. Raises InputError with every fault, such
    as a person of test who is in another source's train.
    """
    skeleton, findings = load_skeleton(config.skeleton), Findings()
    parts: dict[str, list[Clips]] = {split: [] for split in SPLITS}
    kinds: dict[str, list[str]] = {split: [] for split in SPLITS}
    for source in sources:
        path = (ROOT / source).resolve()
        if path.is_dir():
            data = load(dataclasses.replace(config, data_root=str(path), val_fraction=0.0, fold=0))
            found = {split: (clips, [""] * len(clips)) for split, clips in data.splits.items()}
        else:
            found = _of_file(path, skeleton, config.fps, findings)
        for split, (clips, names) in found.items():
            if len(clips):
                unlabelled = np.full(len(clips), UNLABELLED, np.int64)
                parts[split].append(dataclasses.replace(clips, labels=unlabelled))
                kinds[split] += names
    if findings.errors:
        raise InputError("\n".join(findings.errors))
    splits = {split: join(clips) for split, clips in parts.items() if clips}
    if "train" not in splits:
        raise InputError(f"expected recordings to learn from, found none in {', '.join(sources)}")
    people = {split: set(clips.subjects) for split, clips in splits.items()}
    both = people.get("test", set()) & (people["train"] | people.get("val", set()))
    if both:
        raise InputError(f"people of test are in train, too: {', '.join(sorted(both))}")
    return Motion(splits, {split: tuple(kinds[split]) for split in splits})


def _of_file(
    path: Path, skeleton: Skeleton, fps: float, findings: Findings
) -> dict[str, tuple[Clips, list[str]]]:
    """The clips of an npz by split, with their kinds."""
    poses = read_packed(path, findings) or {}
    if not poses:
        return {}
    with np.load(path, allow_pickle=False) as file:
        told = {key: file[key].tolist() for key in ("subject", "split", "kind") if key in file}
        rate = float(file["fps"]) if "fps" in file else fps
    subjects = told.get("subject", [path.stem] * len(poses))
    kinds = told.get("kind", [""] * len(poses))
    rows: dict[str, list[tuple]] = {split: [] for split in SPLITS}
    for (name, pose), split, subject, kind in zip(
        poses.items(), told.get("split", ["train"] * len(poses)), subjects, kinds
    ):
        if split not in SPLITS:
            findings.error(path / name, f"expected train, val or test as split, found {split!r}")
            continue
        pose = check_pose(pose, path / name, skeleton, findings)
        if pose is not None and len(pose) >= SHORTEST:
            rows[split].append((at_rate(pose, rate, fps), name, subject, kind))
    split_of = {}
    for split, chosen in rows.items():
        arrays, names, people, moves = map(list, zip(*chosen)) if chosen else ([], [], [], [])
        labels = [UNLABELLED] * len(names)
        split_of[split] = pack(arrays, names, labels, people, len(skeleton)), moves
    return split_of


def at_rate(pose: np.ndarray, rate: float, fps: float) -> np.ndarray:
    """(T, J, 3) at `rate` frames a second -> (T′, J, 3) at `fps`, linear between frames."""
    if rate == fps:
        return pose
    moments = np.arange(0, len(pose) - 1 + 1e-6, rate / fps)
    before = np.minimum(moments.astype(int), len(pose) - 2)
    share = (moments - before)[:, None, None].astype(np.float32)
    return pose[before] * (1 - share) + pose[before + 1] * share

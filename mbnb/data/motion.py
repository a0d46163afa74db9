"""Recordings of movement without classes: for pretraining an encoder, and for trying a lift.

A recording may be a folder in the documented layout, whose labels are not looked at, or one npz
file with `frames`, `offsets` and `clip_names` as `<split>.npz` has them; clips of it in which
nobody is seen are left out. Such a file may also tell for each clip its `subject`, its `split`,
what `kind` of movement it is, and the `fps` of all.
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mbnb.classes import ClassTable
from mbnb.clips import SPLITS, Clips, join, pack
from mbnb.config import Config
from mbnb.data.checks import Findings, check_pose
from mbnb.data.dataset import DataSet, load
from mbnb.data.held_out import hold_people_out
from mbnb.data.missing import complete
from mbnb.data.reading import read_packed
from mbnb.data.simulated import simulated_folder
from mbnb.files import ROOT, InputError
from mbnb.skeleton import Skeleton, load_skeleton

SHORTEST = 8  # frames of a clip that is worth learning from
MOVEMENT = ClassTable(codes=("M",), names=("movement",), regions=("body",))


@dataclass(frozen=True)
class Motion(DataSet):
    """A data set whose clips are all of one class, since nobody says what they show.

    kinds: by split what kind of movement each clip is, "" where the recording does not tell.
    """

    kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)


def load_motion(config: Config) -> Motion:
    """All recordings that the setting `motion` names, or simulated people where it names none.

    What a source calls test is test; of the rest people are held out as val where there are none.
    Raises InputError with every fault, such as a person of test who is in another source's train.
    """
    skeleton, findings = load_skeleton(config.skeleton), Findings()
    parts: dict[str, list[Clips]] = {split: [] for split in SPLITS}
    kinds: dict[str, dict[str, str]] = {split: {} for split in SPLITS}
    sources = [(ROOT / source).resolve() for source in config.motion]
    for path in sources or [simulated_folder(config)]:
        if path.is_dir():
            whole = dict(data_root=str(path), val_fraction=0.0, fold=0, pool=False)
            data = load(dataclasses.replace(config, **whole))
            clips_of = {split: (clips, [""] * len(clips)) for split, clips in data.splits.items()}
        else:
            clips_of = _of_file(path, skeleton, config.fps, findings)
        for split, (clips, names) in clips_of.items():
            if len(clips):
                parts[split].append(dataclasses.replace(clips, labels=np.zeros(len(clips), int)))
                kinds[split] |= dict(zip(clips.names, names))
    if findings.errors:
        raise InputError("\n".join(findings.errors))
    splits = {split: join(clips) for split, clips in parts.items() if clips}
    if "train" not in splits:
        raise InputError(f"setting 'motion': no clip to learn from in {', '.join(config.motion)}")
    people = {split: set(clips.subjects) for split, clips in splits.items()}
    both = people.get("test", set()) & (people["train"] | people.get("val", set()))
    if both:
        raise InputError(f"people of test are in train, too: {', '.join(sorted(both))}")
    root = sources[0] if sources else simulated_folder(config)
    splits, notes = hold_people_out(splits, config, root)
    told = {name: kind for of_split in kinds.values() for name, kind in of_split.items()}
    return Motion(
        root,
        splits,
        MOVEMENT,
        skeleton,
        tuple(notes),
        known_people=True,
        simulated=not sources,
        kinds={split: tuple(told[name] for name in splits[split].names) for split in splits},
    )


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
        body = "" if pose is None or len(pose) < SHORTEST else complete(pose, skeleton)
        if not isinstance(body, str):
            rows[split].append((at_rate(body.pose, rate, fps), name, subject, kind))
    split_of = {}
    for split, chosen in rows.items():
        arrays, names, people, moves = map(list, zip(*chosen)) if chosen else ([], [], [], [])
        labels = [0] * len(names)
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

"""Recordings of movement without classes: for pretraining an encoder, and for trying a lift.

What the setting `motion` names is told by what it holds: a folder in the documented layout, whose
labels are not looked at; files and folders of MotionBERT and VideoPose3D (`sources`, `tracks`); or
one npz file with `frames`, `offsets` and `clip_names` as `<split>.npz` has them. Clips of such an
npz in which nobody is seen are left out. It may also tell for each clip its `subject`, its `split`,
what `kind` of movement it is, and the `fps` of all.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mbnb.classes import ClassTable
from mbnb.clips import SPLITS, Clips, digest_of, join, pack
from mbnb.config import Config
from mbnb.data.checks import Findings, check_pose
from mbnb.data.dataset import DataSet, load
from mbnb.data.held_out import hold_people_out
from mbnb.data.missing import complete
from mbnb.data.reading import read_packed
from mbnb.data.simulated import simulated_folder
from mbnb.data.sources import Recording, clip_pickles, of_clips, of_pictures, of_positions
from mbnb.data.tracks import Tracks, is_instavariety, read_instavariety, read_posetrack
from mbnb.files import ROOT, InputError, fingerprint
from mbnb.formats import arrays
from mbnb.formats.pickles import is_pickle
from mbnb.skeleton import Skeleton, load_skeleton

MOST = 1 << 28  # numbers of a clip
SHORTEST = 8  # frames of a clip that is worth learning from
MOVEMENT = ClassTable(codes=("M",), names=("movement",), regions=("body",))


@dataclass(frozen=True)
class Motion(DataSet):
    """A data set whose clips are all of one class, since nobody says what they show.

    kinds: by split what kind of movement each clip is, "" where the recording does not tell.
    detected: by name of a clip the joints that were found in its pictures, (T, J, 3) x, y and a
    confidence, in half widths of the picture; none where clips were brought to another rate.
    tracks: people without depth.
    """

    kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    detected: dict[str, np.ndarray] = field(default_factory=dict)
    tracks: tuple[Tracks, ...] = ()

    def fingerprint(self) -> str:
        """The same for the same clips, people, detected joints and tracks, wherever they lie."""
        others = [digest_of(joints) for joints in self.detected.values()]
        others += [tracks.digest for tracks in self.tracks]
        whole = super().fingerprint()
        return fingerprint(whole.encode(), *others) if others else whole


def load_motion(config: Config) -> Motion:
    """All recordings that the setting `motion` names, or simulated people where it names none.

    What a source calls test is test; of the rest people whose names are known are held out as val
    where there are none. Raises InputError with every fault, such as a person of test who is in
    another source's train.
    """
    skeleton, findings = load_skeleton(config.skeleton), Findings()
    paths = [(ROOT / source).resolve() for source in config.motion]
    read = _Sources(config, skeleton, findings)
    for path in paths or [simulated_folder(config)]:
        read.add(path)
    if findings.errors:
        raise InputError("\n".join(findings.errors))
    splits = {split: join(clips) for split, clips in read.clips.items() if clips}
    if "train" not in splits:
        raise InputError(f"setting 'motion': no clip to learn from in {', '.join(config.motion)}")
    people = {split: set(clips.subjects) for split, clips in splits.items()}
    both = people.get("test", set()) & (people["train"] | people.get("val", set()))
    if both:
        raise InputError(f"people of test are in train, too: {', '.join(sorted(both))}")
    root = paths[0] if paths else simulated_folder(config)
    splits, notes = _hold_named_out(splits, read.unnamed, config, root)
    notes += [f"{one.name}: {one.track.max() + 1} people without depth" for one in read.tracks]
    kept = {name for clips in splits.values() for name in clips.names}
    return Motion(
        root,
        splits,
        MOVEMENT,
        skeleton,
        tuple(notes),
        known_people=True,
        simulated=not paths,
        kinds={split: tuple(read.kinds[n] for n in clips.names) for split, clips in splits.items()},
        detected={name: joints for name, joints in read.detected.items() if name in kept},
        tracks=tuple(sorted(read.tracks, key=lambda tracks: not tracks.annotated)),
    )


def _hold_named_out(
    splits: dict[str, Clips], unnamed: set[str], config: Config, root: Path
) -> tuple[dict[str, Clips], list[str]]:
    """`hold_people_out` of those of train who are known; the others, `unnamed`, stay in train."""
    train = splits["train"]
    known = np.array([subject not in unnamed for subject in train.subjects])
    if known.all() or not known.any():
        return hold_people_out(splits, config, root)
    named = splits | {"train": train.take(np.flatnonzero(known))}
    splits, notes = hold_people_out(named, config, root)
    whole = join([splits["train"], train.take(np.flatnonzero(~known))])
    return splits | {"train": whole}, notes


class _Sources:
    """What the sources that were read hold, by split where it is clips."""

    def __init__(self, config: Config, skeleton: Skeleton, findings: Findings):
        self.config, self.skeleton, self.findings = config, skeleton, findings
        self.clips: dict[str, list[Clips]] = {split: [] for split in SPLITS}
        self.kinds: dict[str, str] = {}
        self.detected: dict[str, np.ndarray] = {}
        self.unnamed: set[str] = set()
        self.tracks: list[Tracks] = []

    def add(self, path: Path) -> None:
        """Read a file or a folder for what it is."""
        if not path.exists():
            self.findings.error(path, "no such file or folder")
            return
        try:
            self._add_folder(path) if path.is_dir() else self._add_file(path)
        except InputError as error:
            self.findings.errors_of_table(path, str(error))

    def _add_folder(self, path: Path) -> None:
        annotations = sorted(path.glob("*.json")) or sorted((path / "train").glob("*.json"))
        if is_instavariety(path):
            tracks = read_instavariety(path, self.findings)
        elif any(clip_pickles(path).values()):
            return self._add_recordings(of_clips(path, self.findings))
        elif annotations:
            tracks = read_posetrack(annotations, self.findings)
        else:
            whole = dict(data_root=str(path), val_fraction=0.0, fold=0, pool=False)
            data = load(dataclasses.replace(self.config, **whole))
            for split, clips in data.splits.items():
                self._add_clips(split, clips, [""] * len(clips))
            return None
        self.tracks += [tracks] if tracks else []
        return None

    def _add_file(self, path: Path) -> None:
        if is_pickle(path):
            self._add_recordings(of_pictures(path))
        elif _has_positions(path):
            self._add_recordings(of_positions(path))
        else:
            for split, of_split in _of_file(
                path, self.config, self.skeleton, self.findings
            ).items():
                self._add_clips(split, *of_split)

    def _add_recordings(self, recordings: list[Recording]) -> None:
        if self.skeleton.name != load_skeleton().name:
            raise InputError(f"setting 'skeleton': these recordings are of {load_skeleton().name}")
        for split in SPLITS:
            chosen = [one for one in recordings if one.split == split]
            poses = [
                at_rate(one.pose, _rate(one.rate, self.config), self.config.fps) for one in chosen
            ]
            clips = pack(
                poses, [r.name for r in chosen], [0] * len(chosen), [r.subject for r in chosen]
            )
            self._add_clips(split, clips, [one.kind for one in chosen])
            same = [one for one, pose in zip(chosen, poses) if pose is one.pose]
            self.detected |= {one.name: one.detected for one in same if one.detected is not None}
            self.unnamed |= {one.subject for one in chosen if not one.named}

    def _add_clips(self, split: str, clips: Clips, kinds: list[str]) -> None:
        if len(clips):
            self.clips[split].append(dataclasses.replace(clips, labels=np.zeros(len(clips), int)))
            self.kinds |= dict(zip(clips.names, kinds))


def _rate(rate: float, config: Config) -> float:
    """The rate that recordings are taken to have; in parity they are taken as they are."""
    return config.fps if config.parity else rate


def _has_positions(path: Path) -> bool:
    """Whether a file is one of VideoPose3D's."""
    try:
        return "positions_3d" in arrays.members(path)
    except Exception:  # zipfile raises a different kind for every sort of damage
        return False  # and whoever reads it says what it is instead


def _of_file(
    path: Path, config: Config, skeleton: Skeleton, findings: Findings
) -> dict[str, tuple[Clips, list[str]]]:
    """The clips of an npz by split, with their kinds."""
    poses = read_packed(path, findings) or {}
    if not poses:
        return {}
    told, rate = told_in(path, len(poses))
    rate = _rate(rate or config.fps, config)
    subjects = told.get("subject", [path.stem] * len(poses))
    kinds = told.get("kind", [""] * len(poses))
    terms = told.get("terms", [""] * len(poses))
    rows: dict[str, list[tuple]] = {split: [] for split in SPLITS}
    for (name, pose), split, subject, kind, of_clip in zip(
        poses.items(), told.get("split", ["train"] * len(poses)), subjects, kinds, terms
    ):
        if config.motion_terms not in of_clip and split != "test":
            continue
        if split not in SPLITS:
            findings.error(path / name, f"expected train, val or test as split, found {split!r}")
            continue
        pose = check_pose(pose, path / name, skeleton, findings)
        body = "" if pose is None or len(pose) < SHORTEST else complete(pose, skeleton)
        if not isinstance(body, str):
            rows[split].append((at_rate(body.pose, rate, config.fps), name, subject, kind))
    split_of = {}
    for split, chosen in rows.items():
        arrays, names, people, moves = map(list, zip(*chosen)) if chosen else ([], [], [], [])
        labels = [0] * len(names)
        split_of[split] = pack(arrays, names, labels, people, len(skeleton)), moves
    return split_of


def told_in(path: Path, count: int) -> tuple[dict[str, list[str]], float | None]:
    """What an npz tells of each of its clips, by key, and their rate, None where it does not.

    Raises InputError for anything but a text for each clip, and a number.
    """
    there, told = arrays.members(path), {}
    for key in ("subject", "split", "kind", "terms"):
        if key in there:
            found = array_in(path, key)
            if found.shape != (count,) or found.dtype.kind != "U":
                raise InputError(
                    f"{path}: expected {key} ({count},) of text, found {found.shape} of "
                    f"{found.dtype}"
                )
            told[key] = found.tolist()
    if "fps" not in there:
        return told, None
    fps = array_in(path, "fps")
    if fps.size != 1 or fps.dtype.kind not in "fiu" or not 0 < fps.item() < math.inf:
        raise InputError(f"{path}: expected frames a second as fps, found {str(fps)[:40]}")
    return told, float(fps.item())


def array_in(path: Path, name: str) -> np.ndarray:
    """An array of an npz by its name. Raises InputError where it cannot be read."""
    try:
        return arrays.load(path, name)
    except Exception as error:  # numpy and zipfile raise a different kind for every sort of damage
        raise InputError(f"{path}: {name} cannot be read ({error})") from None


def at_rate(pose: np.ndarray, rate: float, fps: float) -> np.ndarray:
    """(T, J, 3) at `rate` frames a second -> (T′, J, 3) at `fps`, linear between frames.

    Raises InputError where that is more than can be kept in memory.
    """
    if rate == fps:
        return pose
    if pose.size * fps / rate > MOST:
        raise InputError(f"{len(pose)} frames of {rate:g} a second are too many at {fps:g}")
    moments = np.arange(0, len(pose) - 1 + 1e-6, rate / fps)
    before = np.minimum(moments.astype(int), len(pose) - 2)
    share = (moments - before)[:, None, None].astype(np.float32)
    return pose[before] * (1 - share) + pose[before + 1] * share

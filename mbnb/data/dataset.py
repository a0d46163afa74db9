"""Reading a data set in the documented layout, checking all of it, and holding people out for validation.

One reader serves both: `verify` returns every problem that it meets as a table, `load` raises when one of them would
break a training. `data/README.md` describes the layout.
"""

import dataclasses
import os
import re
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from tqdm.auto import tqdm

from mbnb import clips as clips_module
from mbnb.classes import ClassTable, read_classes
from mbnb.clips import (
    SIMULATED,
    SPLITS,
    UNLABELLED,
    Clips,
    digest_of,
    join,
    pack,
    read_labels,
    write_dataset,
)
from mbnb.config import Config
from mbnb.data.cache import cache_of, read_cache, write_cache
from mbnb.files import ROOT, TABLES, InputError, fault_line, fingerprint, read_table
from mbnb.simulate import choreography, simulator
from mbnb.skeleton import Skeleton, load_skeleton

TRUNK = (0.25, 0.9)  # metres from pelvis to neck between a small child and a giant
BONE_SPREAD = 0.15  # a bone whose length varies by more of itself within a clip is oddly tracked


@dataclass(frozen=True)
class DataSet:
    """The splits of a data set with what their labels and joints mean.

    `notes` are decisions to be said aloud (which class table, who was held out). `known_people` is False where every
    clip counts as a person of its own. `simulated` tells simulated people from recorded ones.
    """

    root: Path
    splits: dict[str, Clips]
    classes: ClassTable
    skeleton: Skeleton
    notes: tuple[str, ...]
    known_people: bool
    simulated: bool

    def fingerprint(self) -> str:
        """The same for the same clips, labels, people and classes, wherever they lie."""
        parts = [repr(self.classes).encode()]
        for split, clips in self.splits.items():
            parts += [
                repr((split, clips.names, clips.subjects)).encode(),
                clips.labels.tobytes(),
                clips.lengths.tobytes(),
                clips.digest,
            ]
        return fingerprint(*parts)

    def describe(self) -> str:
        """What was loaded and what was decided, in a few lines."""
        counts = ", ".join(
            f"{split} {len(clips)}" + ("" if clips.labelled else " (unlabelled)")
            for split, clips in self.splits.items()
        )
        kind = "simulated people" if self.simulated else "recordings"
        lines = [
            f"{self.root.name}: {kind}; clips: {counts}; {len(self.classes)} classes in {len(self.classes.region_names)} regions"
        ]
        return "\n- ".join([*lines, *self.notes])


@dataclass
class _Problems:
    """Everything wrong that a reading meets; an error would break a training, a warning would not."""

    rows: list[tuple[str, str, int | None, str]] = field(default_factory=list)

    def error(self, where: object, problem: str, line: int | None = None) -> None:
        self.rows.append(("error", str(where), line, problem))

    def warning(self, where: object, problem: str, line: int | None = None) -> None:
        self.rows.append(("warning", str(where), line, problem))

    def of_table(self, path: Path, faults: str) -> None:
        """An error row for each fault of the table in `path`, one a line."""
        for fault in faults.splitlines():
            place = re.fullmatch(rf"{re.escape(str(path))}(?:, line (\d+))?: (.*)", fault)
            self.error(
                path, place[2] if place else fault, int(place[1]) if place and place[1] else None
            )

    def table(self) -> pd.DataFrame:
        table = pd.DataFrame(self.rows, columns=["severity", "file", "line", "problem"]).astype(
            {"line": "Int64"}
        )
        return table.sort_values("severity", kind="stable", ignore_index=True)


def verify(root: str | Path, config: Config | None = None) -> pd.DataFrame:
    """Every problem of the data set in `root`: columns severity (error, warning), file, line, problem; errors first."""
    problems = _Problems()
    _read(Path(root).resolve(), config or Config(), problems)
    return problems.table()


def load(config: Config) -> DataSet:
    """The configured data set, or simulated people where none is configured; with a val split of people held out.

    Raises InputError that lists every problem which would break a training.
    """
    root = (ROOT / config.data_root).resolve() if config.data_root else _simulated(config)
    data, warnings_found = _read_or_cached(root, config)
    if config.action_classes not in (0, len(data.classes)):
        raise InputError(
            f"setting 'action_classes': {config.action_classes}, but the class table of {root} has {len(data.classes)} classes"
        )
    notes, splits = list(data.notes), data.splits
    if config.pool:
        known = [split for split, clips in splits.items() if clips.labelled]
        splits = {"train": join([splits[split] for split in known])} | {
            split: clips for split, clips in splits.items() if split not in known
        }
        data = dataclasses.replace(data, splits=splits)
        notes.append(f"{' and '.join(known)} were pooled: people are held out from all of them")
    if config.fold and "val" in splits:
        raise InputError(
            f"setting 'fold': {config.fold}, but {root} has a val split of its own, so nobody is held out and all folds would be the same; "
            "take fold 0 only, or hold people out from all labelled splits with pool: true"
        )
    if "train" in splits and "val" not in splits and config.val_fraction > 0:
        splits, note = _hold_out(data, config)
        notes.append(note)
    data = dataclasses.replace(data, splits=splits)
    shared = people_overlap(data)
    notes += [
        f"{shared.at['train', split]} people of {split} are also in train: scores on {split} do not tell how unseen people would do"
        for split in splits
        if split != "train" and "train" in splits and shared.at["train", split]
    ]
    if warnings_found and config.data_root:
        notes.append(f"{warnings_found} warnings: python -m mbnb verify {config.data_root}")
    return dataclasses.replace(data, notes=tuple(notes))


def _read_or_cached(root: Path, config: Config) -> tuple[DataSet, int]:
    """The data set and how many warnings it has, from the cache of its folder where that is as it was. Raises InputError that lists all errors."""
    sources = [
        Path(__file__),
        Path(clips_module.__file__),
        *sorted(TABLES.glob("*.csv")),
        Path(config.class_table),
    ]
    kept = cache_of(
        root,
        repr((config.skeleton, config.class_table)).encode(),
        *(path.read_bytes() for path in sources if path.is_file()),
    )
    if cached := read_cache(kept):
        splits, remarks = cached
        classes = _read_class_table(root, config, _Problems(), [])
        return DataSet(
            root,
            splits,
            classes,
            load_skeleton(config.skeleton),
            tuple(remarks["notes"]),
            remarks["known_people"],
            simulated=(root / SIMULATED).is_file(),
        ), remarks["warnings"]
    problems = _Problems()
    data = _read(root, config, problems)
    errors = [
        fault_line(file, line, text)
        for severity, file, line, text in problems.rows
        if severity == "error"
    ]
    if errors:
        raise InputError("\n".join(errors))
    write_cache(
        kept,
        data.splits,
        notes=data.notes,
        known_people=data.known_people,
        warnings=len(problems.rows),
    )
    return data, len(problems.rows)


def people_overlap(data: DataSet) -> pd.DataFrame:
    """How many people each pair of splits shares; the diagonal counts a split's own people."""
    people = {split: set(clips.subjects) for split, clips in data.splits.items()}
    return pd.DataFrame({a: {b: len(people[a] & people[b]) for b in people} for a in people})


def simulated_splits(config: Config) -> dict[str, Clips]:
    """The configured simulated people, by split."""
    return simulator.simulate(
        people=config.simulated_people,
        test_people=config.simulated_test_people,
        clips_per_person=config.simulated_clips,
        seed=config.simulated_seed,
        tail=config.simulated_tail,
    )


def _simulated(config: Config) -> Path:
    """The folder of this configuration's simulated people, made where it is missing."""
    settings = {key: value for key, value in vars(config).items() if key.startswith("simulated_")}
    # The simulator's own text is part of the name: another version of it makes other people.
    digest = fingerprint(
        repr(settings).encode(),
        *(Path(module.__file__).read_bytes() for module in (simulator, choreography)),
    )
    root = ROOT / "data" / f"simulated-{digest}"
    if not root.exists():
        write_dataset(
            root, simulated_splits(config), read_classes("document"), packed=True, simulated=True
        )
    return root


def _hold_out(data: DataSet, config: Config) -> tuple[dict[str, Clips], str]:
    """Move some of train's people to a val split."""
    train = data.splits["train"]
    people = np.array(train.subjects)
    count = len(set(train.subjects))
    if count < 2:
        return (
            data.splits,
            "train has one person only: nobody can be held out, so `best` is the last epoch",
        )
    folds = min(config.folds, count)
    if config.fold >= folds:
        raise InputError(
            f"setting 'fold': expected below {folds}, the number of groups of people in train, found {config.fold}"
        )
    if folds == count:
        held = np.flatnonzero(people == np.unique(people)[config.fold])
        kept = np.setdiff1d(np.arange(len(people)), held)
    else:
        # Balanced over the classes, unless every class is smaller than the number of folds.
        kind = StratifiedGroupKFold if np.bincount(train.labels).max() >= folds else GroupKFold
        shuffled = kind(folds, shuffle=True, random_state=0)  # the same people whatever the seed
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # classes with fewer clips than folds are common and harmless here
            kept, held = list(shuffled.split(people, train.labels, people))[config.fold]
    splits = {"train": train.take(kept), "val": train.take(held)} | {
        k: v for k, v in data.splits.items() if k != "train"
    }
    return (
        splits,
        f"{len(set(people[held]))} of {count} people were held out from train as val, since the data set has none",
    )


def _read(root: Path, config: Config, problems: _Problems) -> DataSet:
    skeleton = load_skeleton(config.skeleton)
    notes = []
    if not root.is_dir():
        problems.error(
            root, "expected a folder in the layout that data/README.md describes, found none"
        )
    classes = _read_class_table(root, config, problems, notes)
    subjects, known_people = _read_subjects(root, problems, notes)
    splits = {}
    seen: dict[bytes, Path] = {}
    for split in SPLITS:
        clips = _read_split(root, split, skeleton, classes, subjects, seen, problems, notes)
        if clips is not None:
            splits[split] = clips
    if "train" not in splits and "test" not in splits and root.is_dir():
        problems.error(root, "expected train/ or train.npz with train_labels.txt, found no split")
    if known_people:
        _check_subjects(root / "subjects.csv", subjects, splits, problems)
    _check_across_splits(root, splits, classes, known_people, problems)
    _check_bones(root, splits, skeleton, problems)
    return DataSet(
        root,
        splits,
        classes,
        skeleton,
        tuple(notes),
        known_people,
        simulated=(root / SIMULATED).is_file(),
    )


def _read_class_table(
    root: Path, config: Config, problems: _Problems, notes: list[str]
) -> ClassTable:
    own = root / "classes.csv"
    has_own = _is_file(root, own, problems)
    try:
        table = read_classes(own if has_own else config.class_table)
    except InputError as error:
        problems.of_table(own if has_own else ROOT / config.class_table, str(error))
        ids = tuple(
            map(str, range(10_000))
        )  # no id can be judged now: accept all, so that one faulty line is not a row for every label
        return ClassTable(codes=ids, names=ids, regions=ids)
    chosen = (
        f"{config.class_table!r} by the setting class_table, since the data set has no classes.csv"
    )
    notes.append(f"class table: {'classes.csv of the data set' if has_own else chosen}")
    return table


def _read_subjects(
    root: Path, problems: _Problems, notes: list[str]
) -> tuple[dict[str, str], bool]:
    path = root / "subjects.csv"
    if not _is_file(root, path, problems):
        notes.append(
            "no subjects.csv: every clip counts as a person of its own, so intervals are too narrow where people recur"
        )
        return {}, False
    faults: list[str] = []
    try:
        rows = read_table(path, ("clip", "subject"), faults)
    except InputError as error:
        problems.of_table(path, str(error))
        return {}, False
    problems.of_table(path, "\n".join(faults))
    subjects: dict[str, str] = {}
    for line, row in rows:
        name = row["clip"].removesuffix(".mp4")
        if subjects.setdefault(name, row["subject"]) != row["subject"]:
            problems.error(
                path, f"clip {name} has the subjects {subjects[name]} and {row['subject']}", line
            )
    return subjects, True


def _read_split(
    root: Path,
    split: str,
    skeleton: Skeleton,
    classes: ClassTable,
    subjects: dict[str, str],
    seen: dict[bytes, Path],
    problems: _Problems,
    notes: list[str],
) -> Clips | None:
    """The split's clips that could be read, or None where there is no such split. `seen`: digest of a clip's frames -> where it lies."""
    folder, packed, label_file = root / split, root / f"{split}.npz", root / f"{split}_labels.txt"
    has_packed, has_labels = _is_file(root, packed, problems), _is_file(root, label_file, problems)
    if not (folder.is_dir() or has_packed):
        if has_labels:
            problems.error(
                label_file, f"labels without clips: expected {split}/ or {split}.npz beside it"
            )
        return None
    if folder.is_dir() and has_packed:
        problems.error(packed, f"expected either {split}/ or {split}.npz, found both")
    poses = _read_packed(packed, problems) if has_packed else None
    if has_packed and poses is None:
        return None
    present = (
        {entry.name for entry in os.scandir(folder) if not entry.name.startswith(".")}
        if poses is None
        else set(poses)
    )
    if has_labels:
        labels, faults = read_labels(label_file, classes, present)
        for line, fault in faults:
            problems.error(label_file, fault, line)
        for name in sorted(present - set(labels)):
            problems.warning(
                (packed if has_packed else folder) / name,
                f"not labelled in {label_file.name}: left out",
            )
    else:
        labels = dict.fromkeys(sorted(present), UNLABELLED)
        if split != "test":
            problems.error(label_file, f"expected labels for {split}, found no such file")
    if not labels and not (has_labels and faults):
        problems.error(label_file if has_labels else folder, "expected clips, found none")
    values = set(labels.values())
    if split == "test" and (
        values == {UNLABELLED} or (values == {0} and len(labels) > 1 and len(classes) > 1)
    ):
        labels = dict.fromkeys(labels, UNLABELLED)
        notes.append(
            f"{split} is unlabelled ({'all its labels are 0' if values == {0} else 'no label file'}): it can be predicted, not scored"
        )
    kept: list[str] = []
    arrays: list[np.ndarray] = []
    for name in tqdm(
        labels, desc=f"reading {split}", unit="clip", mininterval=0.5, delay=2, leave=False
    ):
        where = packed / name if has_packed else folder / name / "pose_3d.npy"
        pose = (
            _check_pose(poses[name], where, skeleton, problems)
            if has_packed
            else _read_pose(root, where, skeleton, problems)
        )
        if pose is None:
            continue
        twin = seen.setdefault(digest_of(pose), where)
        if twin != where:
            problems.warning(where, f"the same frames as {twin.relative_to(root)}")
        kept.append(name)
        arrays.append(pose)
    _check_codes(label_file, {name: labels[name] for name in kept}, classes, problems)
    people = [subjects.get(name, f"{split}/{name}") for name in kept]
    return pack(arrays, kept, [labels[name] for name in kept], people, joints=len(skeleton))


def _is_file(root: Path, path: Path, problems: _Problems) -> bool:
    """Whether there is such a file; one that a link fetches from elsewhere is an error and counts as absent."""
    if not path.is_file():
        return False
    inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
    if not inside:
        problems.error(path, "leads out of the data folder and is not followed")
    return inside


def _read_packed(path: Path, problems: _Problems) -> dict[str, np.ndarray] | None:
    """Clip name -> (T, J, 3) of a `<split>.npz` with frames, offsets and clip_names; None after an error."""
    try:
        with np.load(path, allow_pickle=False) as file:
            frames, offsets, names = file["frames"], file["offsets"], file["clip_names"]
    except Exception as error:  # numpy and zipfile raise a different kind for every sort of damage
        problems.error(path, f"expected an npz with frames, offsets and clip_names ({error})")
        return None
    if (
        frames.ndim == 0
        or names.ndim != 1
        or names.dtype.kind != "U"
        or offsets.ndim != 1
        or offsets.dtype.kind not in "iu"
    ):
        problems.error(
            path,
            "expected frames (sum T, J, 3), offsets (N + 1,) of whole numbers and clip_names (N,) of text, found "
            f"{frames.shape}, {offsets.shape} of {offsets.dtype}, {names.shape} of {names.dtype}",
        )
        return None
    offsets, names = offsets.astype(np.int64), names.tolist()
    if (
        len(offsets) != len(names) + 1
        or offsets[0] != 0
        or offsets[-1] != len(frames)
        or (np.diff(offsets) < 0).any()
    ):
        problems.error(
            path,
            f"expected offsets rising from 0 to {len(frames)} frames, one more than the {len(names)} clip names",
        )
        return None
    for name, count in Counter(names).items():
        if count > 1:
            problems.error(path, f"the clip {name} is in it {count} times")
        if Path(name).name != name:
            problems.error(path, f"expected the plain names of clips, found the path {name!r}")
            return None
    return {name: frames[start:stop] for name, start, stop in zip(names, offsets[:-1], offsets[1:])}


def _read_pose(
    root: Path, path: Path, skeleton: Skeleton, problems: _Problems
) -> np.ndarray | None:
    if not path.is_file():
        problems.error(path, "no such file")
        return None
    if not _is_file(root, path, problems):
        return None
    try:
        with open(path, "rb") as file:
            pose = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # numpy raises a different kind for every sort of damage
        problems.error(path, f"not a numpy array ({error})")
        return None
    return _check_pose(pose, path, skeleton, problems)


def _check_pose(
    pose: np.ndarray, where: object, skeleton: Skeleton, problems: _Problems
) -> np.ndarray | None:
    """The clip as float32, or None after an error."""
    if pose.ndim != 3 or pose.shape[1:] != (len(skeleton), 3):
        problems.error(where, f"expected the shape (T, {len(skeleton)}, 3), found {pose.shape}")
    elif pose.dtype.kind not in "fiu":
        problems.error(where, f"expected numbers, found {pose.dtype}")
    elif len(pose) < 2:
        problems.error(where, f"expected at least 2 frames, found {len(pose)}")
    else:
        with np.errstate(
            over="ignore"
        ):  # what float32 cannot hold becomes infinite and is reported
            pose = pose.astype(np.float32, copy=False)
        if np.isfinite(pose).all():
            return pose
        frame, joint = np.argwhere(~np.isfinite(pose))[0, :2]
        problems.error(
            where,
            f"NaN or infinite values, {(~np.isfinite(pose)).sum()} in all, first in frame {frame} at {skeleton.joints[joint]}",
        )
    return None


def _check_codes(
    label_file: Path, labels: dict[str, int], classes: ClassTable, problems: _Problems
) -> None:
    """Codes at the beginning of clip names against the ids, one row for each contradicting pair and one for all unknown codes."""
    claims = [
        (name.split("_")[0], classes.id_of_code(name), label)
        for name, label in labels.items()
        if label != UNLABELLED
    ]
    pairs = Counter(
        (code, claimed, label)
        for code, claimed, label in claims
        if claimed not in (None, -1, label)
    )
    for (code, claimed, label), count in sorted(pairs.items()):
        carried = f"{label} ({classes.titles[label]})"
        problems.warning(
            label_file,
            f"{count} clips named {code}_… carry the id {carried}, but {code} is class {claimed}",
        )
    unknown = sorted(code for code, claimed, _ in claims if claimed == -1)
    if unknown:
        problems.warning(
            label_file,
            f"{len(unknown)} clips are named with codes that are not in the class table, {unknown[0]} the first",
        )


def _check_subjects(
    path: Path, subjects: dict[str, str], splits: dict[str, Clips], problems: _Problems
) -> None:
    for split, clips in splits.items():
        alone = [name for name in clips.names if name not in subjects]
        if alone:
            problems.warning(
                path,
                f"no subject for {len(alone)} of {len(clips)} clips in {split}, {alone[0]} the first: "
                "each counts as a person of its own",
            )
    strangers = sorted(set(subjects) - {name for clips in splits.values() for name in clips.names})
    if strangers:
        problems.warning(
            path, f"{len(strangers)} clips of it are not in any split, {strangers[0]} the first"
        )


def _check_across_splits(
    root: Path,
    splits: dict[str, Clips],
    classes: ClassTable,
    known_people: bool,
    problems: _Problems,
) -> None:
    train = splits.get("train")
    if train is None:
        return
    for split in [split for split in ("val", "test") if split in splits]:
        both = set(train.subjects) & set(splits[split].subjects)
        if both and known_people:
            problems.warning(
                root,
                f"{len(both)} people are both in train and in {split}: {split} does not tell how unseen people would do",
            )
        twins = set(train.names) & set(splits[split].names)
        if twins:
            problems.warning(
                root,
                f"{len(twins)} clip names are both in train and in {split}, {sorted(twins)[0]} the first",
            )
        unseen = sorted(
            set(splits[split].labels.tolist()) - set(train.labels.tolist()) - {UNLABELLED}
        )
        if unseen:
            problems.warning(
                root,
                f"{split} has classes without a clip in train: {', '.join(classes.codes[i] for i in unseen)}",
            )


def _check_bones(
    root: Path, splits: dict[str, Clips], skeleton: Skeleton, problems: _Problems
) -> None:
    """Lengths of the trunk against metres, and lengths of bones against themselves."""
    pelvis, neck = skeleton.index("Pelvis", "Neck")
    parents, children = np.array(skeleton.bones).T
    for split, clips in splits.items():
        if not len(clips):
            continue
        trunks = np.array(
            [np.median(np.linalg.norm(pose[:, neck] - pose[:, pelvis], axis=-1)) for pose in clips]
        )
        if not TRUNK[0] <= np.median(trunks) <= TRUNK[1]:
            problems.warning(
                root / split,
                f"pelvis to neck measures {np.median(trunks):.3g} in the median: expected metres, {TRUNK[0]} to {TRUNK[1]}",
            )
        odd = Counter()
        for pose in clips:
            lengths = np.linalg.norm(pose[:, children] - pose[:, parents], axis=-1)  # (T, bones)
            odd.update(
                children[lengths.std(0) > BONE_SPREAD * np.maximum(lengths.mean(0), 1e-6)].tolist()
            )
        for joint, count in sorted(odd.items()):
            problems.warning(
                root / split,
                f"the bone to {skeleton.joints[joint]} varies in length by over {BONE_SPREAD:.0%} in {count} of {len(clips)} clips",
            )

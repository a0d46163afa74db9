"""A data set in memory: read from the documented layout, checked, people held out.

One reading serves both: `verify` returns everything that it met as a table, `load` raises where
one of it would break a training.
"""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mbnb import clips as clips_module
from mbnb import files as files_module
from mbnb import text as text_module
from mbnb.classes import ClassTable, read_classes
from mbnb.clips import SPLITS, Clips
from mbnb.config import Config
from mbnb.data.cache import cache_of, read_cache, write_cache
from mbnb.data.checks import Findings, check_across_splits, check_bones, check_subjects
from mbnb.data.held_out import hold_classes_out, hold_people_out
from mbnb.data.keypoints import read_keypoints
from mbnb.data.labels import read_class_table, read_subjects
from mbnb.data.layout import DataFolder
from mbnb.data.mend import repaired
from mbnb.data.quality import good_enough
from mbnb.data.reading import Reader
from mbnb.data.simulated import simulated_folder
from mbnb.data.standing import check_standing
from mbnb.files import ROOT, TABLES, InputError, fingerprint
from mbnb.formats.pickles import is_pickle
from mbnb.skeleton import Skeleton, load_skeleton
from mbnb.text import counted, listed, too_few

NEEDS_DEPTH = (
    "joints in pictures, without depth (pose_2d.npy): give the setting `without_depth: true` to "
    "train on them by the recipe default, and to ask models that were trained so; others need "
    "depth, which `python -m mbnb lift` gives"
)


@dataclass(frozen=True)
class DataSet:
    """The splits of a data set with what their labels and joints mean.

    notes: decisions to be said aloud (which class table, who was held out).
    known_people: False where every clip counts as a person of its own.
    simulated: tells simulated people from recorded ones.
    warnings: how many `verify` lists. doubts: those of them without which a score may be misread.
    without_depth: whether joints are those of pictures (see `data.flat`).
    """

    root: Path
    splits: dict[str, Clips]
    classes: ClassTable
    skeleton: Skeleton
    notes: tuple[str, ...]
    known_people: bool
    simulated: bool
    warnings: int = 0
    doubts: tuple[str, ...] = ()
    without_depth: bool = False

    def fingerprint(self) -> str:
        """The same for the same clips, labels, people and classes, wherever they lie."""
        parts = [repr(self.classes).encode()]
        for split in self.splits:
            parts += self._bytes_of(split)
        return fingerprint(*parts)

    def title(self, split: str, i: int) -> str:
        """Of a clip: its class's, or its own name where it has no label."""
        label = self.splits[split].labels[i]
        return self.classes.titles[label] if label >= 0 else self.splits[split].names[i]

    def parts(self) -> dict[str, list[str]]:
        """Of the classes and of each split its size in words, and a fingerprint of it alone."""
        return {"classes": [str(len(self.classes)), fingerprint(repr(self.classes).encode())]} | {
            split: [
                counted(len(clips), len(set(clips.subjects))),
                fingerprint(*self._bytes_of(split)),
            ]
            for split, clips in self.splits.items()
        }

    def _bytes_of(self, split: str) -> list[bytes]:
        clips = self.splits[split]
        return [
            repr((split, clips.names, clips.subjects)).encode(),
            clips.labels.tobytes(),
            clips.lengths.tobytes(),
            clips.digest,
        ]

    def describe(self) -> str:
        """What was loaded and what was decided, in a few lines."""
        counts = ", ".join(
            f"{split} {len(clips)}" + ("" if clips.labelled else " (unlabelled)")
            for split, clips in self.splits.items()
        )
        kind = "simulated people" if self.simulated else "recordings"
        first = (
            f"{self.root.name}: {kind}; clips: {counts}; {len(self.classes)} classes "
            f"in {len(self.classes.region_names)} regions"
        )
        doubts = [f"warning: {doubt}" for doubt in self.doubts]
        return "\n- ".join([first, *self.notes, *doubts, self.verdict])

    @property
    def lacks(self) -> str:
        """What there is too little of to train on; nothing where there is enough."""
        train, val = len(self.splits.get("train", ())), len(self.splits.get("val", ()))
        hint = f"; val has {val}, and `val_fraction: 0` holds nobody out" if train and val else ""
        return "" if train > 1 else f"expected at least 2 clips in train, found {train}{hint}"

    @property
    def verdict(self) -> str:
        """Whether it can be trained on, and on whom a training is scored, in one sentence."""
        learned = [self.splits[split] for split in ("train", "val") if split in self.splits]
        people = {name for clips in learned for name in clips.subjects}
        test = self.splits.get("test")
        if "train" in self.splits:
            classes = len({label for clips in learned for label in clips.labels.tolist()})
            count = sum(map(len, learned))
            who = counted(count, len(people)) if self.known_people else f"{count} clips"
            how = " with `without_depth: true`" if self.without_depth else ""
            ready = self.lacks or f"ready to train{how}"
            parts = [f"{ready}: {who} in {classes} class{'es' * (classes != 1)}"]
        else:
            parts = [f"ready to predict: {len(test)} clips; nothing to train on, there is no train"]
        if test is None:
            parts.append("nobody to score it on, there is no test")
        elif not test.labelled:
            parts.append("nothing to score it on, test is unlabelled")
        elif few := too_few(len(test), len(set(test.subjects))):
            parts.append(few)
        elif people and self.known_people:
            others = len(set(test.subjects) - people)
            parts.append(f"scored on {others} other {'person' if others == 1 else 'people'}")
        elif people:
            parts.append("who is in a clip is not known, so scores may be on people it has seen")
        if self.warnings:
            count = "1 warning" if self.warnings == 1 else f"{self.warnings} warnings"
            parts.append(f"{count}, see python -m mbnb verify {self.root}")
        return "; ".join(parts)


def verify(root: str | Path, config: Config | None = None) -> pd.DataFrame:
    """Every problem of the data set in `root`, errors first.

    Columns: severity (error, warning), file, line, problem.
    """
    findings = Findings()
    _read(Path(root).resolve(), config or Config(), findings)
    return findings.table()


def read(root: Path, config: Config) -> DataSet:
    """The data set in `root` as it lies there, however its bodies stand.

    Raises InputError that lists every other problem which would break a training.
    """
    findings = Findings()
    data = _read(Path(root).resolve(), config, findings, standing=False)
    if findings.errors:
        raise InputError("\n".join(findings.errors))
    return data


def load(config: Config) -> DataSet:
    """The configured data set, or simulated people where none is configured.

    Where it has no val split, people of train are held out. Raises InputError that lists every
    problem which would break a training.
    """
    root = (ROOT / config.data_root).resolve() if config.data_root else simulated_folder(config)
    data, warnings = _read_or_cached(root, config)
    if config.action_classes not in (0, len(data.classes)):
        raise InputError(
            f"setting 'action_classes': {config.action_classes}, but the class table of {root} "
            f"has {len(data.classes)} classes"
        )
    splits, notes = hold_people_out(data.splits, config, root)
    if config.unseen_classes:
        splits, note = hold_classes_out(splits, config, root)
        notes.append(note)
    if config.min_quality and "train" in splits:
        train, note = good_enough(splits["train"], root, data.skeleton, config)
        splits, notes = splits | {"train": train}, [*notes, note]
    data = dataclasses.replace(data, splits=splits)
    shared = people_overlap(data)
    notes += [
        f"{shared.at['train', split]} people of {split} are also in train: "
        f"scores on {split} do not tell how unseen people would do"
        for split in splits
        if split != "train" and "train" in splits and shared.at["train", split]
    ]
    return dataclasses.replace(
        data, notes=(*data.notes, *notes), warnings=warnings if config.data_root else 0
    )


def check_lists(config: Config) -> None:
    """Raise what `load` would raise of labels, classes and people, at once: no clip is read."""
    findings = Findings()
    root = (ROOT / config.data_root).resolve()
    if config.data_root and root.is_file() and is_pickle(root):
        return  # all or nothing of it can be read
    if config.data_root:
        _read(root, config, findings, with_poses=False)
    else:
        read_classes(config.class_table)
    if findings.errors:
        raise InputError("\n".join(findings.errors))


def people_overlap(data: DataSet) -> pd.DataFrame:
    """How many people each pair of splits shares; the diagonal counts a split's own people."""
    people = {split: set(clips.subjects) for split, clips in data.splits.items()}
    return pd.DataFrame({a: {b: len(people[a] & people[b]) for b in people} for a in people})


def _read_or_cached(root: Path, config: Config) -> tuple[DataSet, int]:
    """The data set as it lies in `root` and how many warnings it has.

    It comes from the folder's cache where nothing has changed. Raises InputError that lists all
    errors.
    """
    if root.is_file() and is_pickle(root):
        return _read_keypoints(root, config), 0
    # What is in the cache depends on the text of the reader, and on all tables.
    sources = [
        *sorted(Path(__file__).parent.glob("*.py")),
        *(Path(module.__file__) for module in (clips_module, files_module, text_module)),
        *sorted(TABLES.glob("*.csv")),
        ROOT / config.class_table,
    ]
    cache = cache_of(
        root,
        repr((config.skeleton, config.class_table, sorted(config.repair))).encode(),
        *(path.read_bytes() for path in sources if path.is_file()),
    )
    if cached := read_cache(cache):
        splits, remarks = cached
        folder = DataFolder(root)
        data = DataSet(
            root,
            splits,
            read_class_table(folder, config.class_table, Findings()),
            load_skeleton(config.skeleton),
            tuple(remarks["notes"]),
            remarks["known_people"],
            simulated=folder.simulated.is_file(),
            doubts=tuple(remarks["doubts"]),
            without_depth=remarks["without_depth"],
        )
        return data, remarks["warnings"]
    findings = Findings()
    data = _read(root, config, findings)
    if findings.errors:
        raise InputError("\n".join(findings.errors))
    splits = {s: repaired(c, data.skeleton, config.repair) for s, c in data.splits.items()}
    data = dataclasses.replace(data, splits=splits)
    warnings = len(findings.rows)
    kept = {key: getattr(data, key) for key in ("notes", "known_people", "doubts", "without_depth")}
    write_cache(cache, data.splits, **kept, warnings=warnings)
    return data, warnings


def _read_keypoints(root: Path, config: Config) -> DataSet:
    """A pickle of 2D keypoints."""
    splits, classes, known_people = read_keypoints(root, config)
    note = "2D keypoints of two people, without depth: x, y and a confidence"
    skeleton = load_skeleton(config.skeleton)
    return DataSet(root, splits, classes, skeleton, (note,), known_people, simulated=False)


def _read(
    root: Path,
    config: Config,
    findings: Findings,
    standing: bool = True,
    with_poses: bool = True,
) -> DataSet:
    """The data set in `root` as far as it can be read, everything checked.

    How bodies stand is only with `standing`. Without poses it has no clips, and nothing that
    depends on them is checked.
    """
    folder, skeleton = DataFolder(root), load_skeleton(config.skeleton)
    if mistaken := folder.mistaken_for():
        findings.error(root, mistaken)
    elif not root.is_dir():
        findings.error(
            root, "expected a folder in the layout that data/README.md describes, found none"
        )
    classes = read_class_table(folder, config.class_table, findings)
    subjects, known_people = read_subjects(folder, findings)
    reader = Reader(folder, skeleton, classes, subjects, findings, with_poses=with_poses)
    read = {split: reader.read(split) for split in SPLITS if not mistaken}
    splits = {split: clips for split, clips in read.items() if clips is not None}
    if not splits.keys() & {"train", "test"} and root.is_dir() and not mistaken:
        findings.error(root, "expected train/ or train.npz with train_labels.txt, found no split")
    if splits and (others := folder.passed_over()):
        findings.aloud(
            root, f"clips in {listed(others)} are left out: splits are called {', '.join(SPLITS)}"
        )
    with_poses = with_poses and not mistaken
    if known_people and with_poses:
        all_seen = not any(
            os.path.lexists(path)
            for split in set(SPLITS) - set(splits)
            for path in (folder.split(split), folder.packed(split), folder.labels(split))
        )
        known_people = check_subjects(
            folder.subjects, subjects, splits, reader.seen, all_seen, findings
        )
    if with_poses:
        check_across_splits(root, splits, classes, findings)
        if standing:
            check_standing(root, splits, skeleton, findings, bool(reader.flat))
        if not reader.flat:  # in a picture bones may have any length
            check_bones(root, splits, skeleton, findings)
    if reader.flat:
        findings.notes.append("joints in pictures, without depth: x, y and a confidence")
    return DataSet(
        root,
        splits,
        classes,
        skeleton,
        tuple(findings.notes),
        known_people,
        simulated=folder.simulated.is_file(),
        doubts=tuple(findings.doubts),
        without_depth=bool(reader.flat),
    )

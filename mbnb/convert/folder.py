"""The folder that a conversion writes: whole clips, a record of each source, tables at the end.

Beside the data set lies `.work`: the records, which clip belongs to which source, and what is being
written. A clip is moved to its place when it is whole, and its source's record is written last, so
that whoever comes after a killed process knows what is done.
"""

import contextlib
import csv
import dataclasses
import itertools
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mbnb.classes import ClassTable, called, write_classes
from mbnb.clips import SPLITS, UNLABELLED
from mbnb.data.convert import FLAT, LIFT, Found, Source
from mbnb.data.layout import DataFolder
from mbnb.data.missing import complete
from mbnb.data.quality import VISIBILITY
from mbnb.data.write import write_frames
from mbnb.files import replacing, write_text
from mbnb.formats import WRITERS
from mbnb.formats.pyskl import write_pyskl
from mbnb.skeleton import load_skeleton
from mbnb.text import listed, safe_names

QUALITY, FAILURES = "quality.csv", "failures.csv"
FORMS = ("npy", "npz", "pkl", *WRITERS)
BESIDE = f"{FLAT}, beside clips with depth: convert them into a folder of their own, or {LIFT}"
FIRST = ("clip", "file", "split", "recording", "person")  # columns
SAID = ("remarks", "reason")  # columns that a column a joint would hide
OTHERS = "where they are others, -p class_table FILE names them"
PSEUDONYMS = "pseudonyms of key "  # before its number, as what a stamp calls the names of clips


class Clip(NamedTuple):
    """A row of the tables: what was measured, and of a clip ('' where there is none) what it is."""

    name: str
    split: str
    label: int
    subject: str
    row: dict[str, Any]


class Folder:
    """The data set that a conversion writes into `out`, in one of `FORMS`."""

    def __init__(self, out: Path, form: str = "npy"):
        self.out, self.form = Path(out), form
        self.work = self.out / ".work"
        self.records, self.owners = self.work / "records", self.work / "owners"
        self.unfinished, self.poses = self.work / "unfinished", self.work / "poses"

    def clean(self) -> None:
        """Remove what processes that were killed left unfinished."""
        shutil.rmtree(self.unfinished, ignore_errors=True)
        self.unfinished.mkdir(parents=True)

    def known(self) -> set[str]:
        """The names of all sources of which there is a record."""
        return {path.stem for path in self.records.glob("*.json")}

    def read(self, name: str) -> dict[str, Any]:
        """The record of a source; without clips where there is none."""
        try:
            return json.loads((self.records / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {"stamp": {}, "clips": []}

    def stamp_of(self, source: Source) -> dict[str, Any] | None:
        """The stamp under which a source was converted last, None where it was not."""
        return self.read(source.name)["stamp"] or None

    def made_with(self) -> str | None:
        """The number of the key of its pseudonyms, '' if no stamp tells it; None without a key."""
        stamps = (self.read(name)["stamp"] for name in self.known())
        names = next((stamp.get("names", "own") for stamp in stamps if stamp), "own")
        return None if names == "own" else names.removeprefix(PSEUDONYMS)

    def is_empty(self, source: Source) -> bool:
        """Whether there is no clip of a source."""
        return not any(clip["clip"] for clip in self.read(source.name)["clips"])

    def keep(
        self, source: Source, stamp: dict[str, Any], found: Sequence[Found], fps: float
    ) -> None:
        """Write the clips of a source, remove those that it had before, write its record."""
        before, clips = self.read(source.name)["clips"], []
        for one in found:
            name = self._claimed(one.name, source.name) if one.pose is not None else ""
            clip = {"clip": name, "label": one.label, "split": one.split, "who": one.who}
            clip |= {"at": _place(source, clip), "flat": one.flat, "subject": one.subject}
            if one.pose is not None:
                with replacing(self.path(clip["at"], name), self.unfinished) as part:
                    self._write(part, one.pose, fps, one.flat)
            clips.append(clip | {"row": {key: _plain(one.row[key]) for key in one.row}})
        there = {(clip["at"], clip["clip"]) for clip in clips}
        self._remove([old for old in before if (old["at"], old["clip"]) not in there])
        self._record(source.name, {"stamp": stamp, "clips": clips})

    def _record(self, name: str, record: dict[str, Any]) -> None:
        with replacing(self.records / f"{name}.json", self.unfinished) as part:
            part.write_text(json.dumps(record), encoding="utf-8")

    def _claimed(self, wanted: str, owner: str) -> str:
        """A name for a clip that no other source has: the wanted one, or that and the owner's."""
        self.owners.mkdir(parents=True, exist_ok=True)
        wanted = safe_names([wanted])[wanted]
        for name in itertools.chain((wanted,), (f"{wanted}_{owner}_{i}" for i in range(1, 99))):
            # Written before it has its name, so that nobody ever finds one without its owner.
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self.unfinished) as file:
                file.write(owner)
                file.flush()
                try:
                    os.link(file.name, self.owners / name)
                except FileExistsError:
                    pass
                except OSError:  # a file system without links
                    with (
                        contextlib.suppress(FileExistsError),
                        open(self.owners / name, "x", encoding="utf-8") as own,
                    ):
                        own.write(owner)
            if (self.owners / name).read_text(encoding="utf-8") == owner:
                return name
        raise ValueError(f"no name is left for the clip {wanted}")

    def path(self, split: str, name: str) -> Path:
        """Where a clip lies: a folder, or a file."""
        if self.form == "npy":
            return DataFolder(self.out).pose(split, name).parent
        if self.form in WRITERS:
            return self.out / f"{name}.{self.form}"
        return self.poses / f"{name}.npy"

    def _write(self, path: Path, pose: np.ndarray, fps: float, flat: bool) -> None:
        if self.form == "npy":
            path.mkdir()
            data = DataFolder(path.parent.parent)
            file = (data.flat_pose if flat else data.pose)(path.parent.name, path.name)
            np.save(file, pose.astype(np.float32))
        elif self.form in WRITERS:
            if self.form == "bvh":
                pose = complete(pose, load_skeleton()).pose
            WRITERS[self.form](path, pose, fps)
        else:
            np.save(path, pose.astype(np.float32))

    def _remove(self, clips: Iterable[dict[str, Any]]) -> None:
        for clip in clips:
            if clip["clip"]:
                path = self.path(clip["at"], clip["clip"])
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def forget(self, names: Iterable[str]) -> None:
        """Remove the clips and the records of these sources."""
        for name in names:
            clips = self.read(name)["clips"]
            self._remove(clips)
            for clip in clips:
                (self.owners / (clip["clip"] or ".none")).unlink(missing_ok=True)
            (self.records / f"{name}.json").unlink(missing_ok=True)

    def clips(self, sources: Iterable[Source]) -> Iterator[Clip]:
        """What became of each source that was worked on, one at a time; clips without one, too."""
        for source in sources:
            record = self.read(source.name)
            for clip in record["clips"]:
                name, split = clip["clip"], _place(source, clip)
                label = clip["label"] if source.label == UNLABELLED else source.label
                subject = clip.get("subject") or name  # a group of two stays with its person
                if source.subject:
                    subject = "_".join(filter(None, (source.subject, clip["who"])))
                row = {"clip": name, "file": source.shown, "split": split} | clip["row"]
                yield Clip(name, split, label, subject, row)

    def separate(self, sources: Sequence[Source]) -> None:
        """Leave clips without depth out where others have some: a data set is of one kind."""
        records = ((source, self.read(source.name)) for source in sources)
        kinds = {clip["flat"] for _, one in records for clip in one["clips"] if clip["clip"]}
        for source in sources if len(kinds) > 1 else ():
            record = self.read(source.name)
            flat = [clip for clip in record["clips"] if clip["clip"] and clip["flat"]]
            self._remove(flat)
            for clip in flat:
                clip["row"]["reason"], clip["clip"], clip["flat"] = BESIDE, "", False
            if flat:  # without a stamp, since the others may be gone the next time
                self._record(source.name, record | {"stamp": {}})

    def arrange(self, sources: Iterable[Source]) -> None:
        """Move clips whose split is another one by now."""
        for source in sources:
            record = self.read(source.name)
            moved = [c for c in record["clips"] if c["clip"] and c["at"] != _place(source, c)]
            for clip in moved:
                old, split = self.path(clip["at"], clip["clip"]), _place(source, clip)
                new = self.path(split, clip["clip"])
                new.parent.mkdir(parents=True, exist_ok=True)
                if old != new and old.exists():
                    shutil.rmtree(new, ignore_errors=True)
                    old.rename(new)
                clip["at"] = split
            if moved:
                self._record(source.name, record)

    def tables(self, sources: Sequence[Source], classes: ClassTable) -> None:
        """Write all tables, of the sources that were worked on, reading one record at a time."""
        self.arrange(sources)
        if self.form == "npy":
            for split in SPLITS:
                folder = DataFolder(self.out).split(split)
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
        columns = dict.fromkeys(itertools.chain(*(one.row for one in self.clips(sources))))
        ordered = [key for key in FIRST if key in columns]
        rest = [key for key in columns if key not in (*FIRST, *SAID)]
        joints = [key for key in rest if key.startswith(VISIBILITY)]
        ordered += [*(key for key in rest if key not in joints), *SAID, *joints]
        rows = (one.row for one in self.clips(sources))
        _write_table(self.out / QUALITY, ordered, rows)
        self.failures(sources)
        if self.form in ("npy", "npz"):
            self._lists(sources, classes)
        if self.form == "npz":
            for split in SPLITS:
                self._pack(split, [one for one in self.clips(sources) if one.split == split])
        elif self.form == "pkl":
            self._pickle([one for one in self.clips(sources) if one.name])

    def failures(self, sources: Sequence[Source]) -> None:
        """Write what could not be used, of files with several which recording and who, and why."""
        known = set(itertools.chain(*(one.row for one in self.clips(sources) if not one.name)))
        columns = [key for key in ("file", "recording", "person") if key in {"file", *known}]
        failed = (one.row for one in self.clips(sources) if not one.name)
        _write_table(self.out / FAILURES, [*columns, "reason"], failed)

    def _lists(self, sources: Sequence[Source], classes: ClassTable) -> None:
        """Labels, subjects and the class table."""
        data = DataFolder(self.out)
        made = (one for one in self.clips(sources) if one.name)
        people = ({"clip": one.name, "subject": one.subject} for one in made)
        _write_table(data.subjects, ["clip", "subject"], people)
        most = -1
        for split in SPLITS:
            some = [(c.name, c.label) for c in self.clips(sources) if c.name and c.split == split]
            most = max((most, *(label for _, label in some)))
            if some and all(label != UNLABELLED for _, label in some):
                write_text(data.labels(split), "".join(f"{name} {i}\n" for name, i in some))
            else:
                data.labels(split).unlink(missing_ok=True)
        write_classes(_enough(classes, most + 1), data.classes)

    def taken_for_granted(self, sources: Sequence[Source], classes: ClassTable) -> list[str]:
        """What was supposed of labels and of people where a data set was written, a line each."""
        if self.form in WRITERS:
            return []
        labels, of_itself, count = set(), 0, 0
        for clip in self.clips(sources):
            if clip.name:
                labels.add(clip.label)
                of_itself, count = of_itself + (clip.subject == clip.name), count + 1
        said, table = [], f"ids of the class table {called(classes)!r}, {len(classes)} classes"
        if labels == {UNLABELLED}:
            said.append(f"{self.out}: no clip has a label, so all are in the split test")
        elif max(labels) < len(classes):
            known = [f"{i} is {classes.titles[i]}" for i in sorted(labels - {UNLABELLED})]
            said.append(f"{self.out}: labels are {table}: {listed(known)}; {OTHERS}")
        else:
            said.append(
                f"{self.out}: labels up to {max(labels)} are no {table}, so classes.csv makes up "
                f"names; {OTHERS}"
            )
        if of_itself == count > 1:
            said.append(
                f"{self.out}: each clip counts as of a person of its own; a list's column subject, "
                "or -p video_person, tells who is in which"
            )
        return said

    def _pack(self, split: str, clips: Sequence[Clip]) -> None:
        path, clips = DataFolder(self.out).packed(split), [one for one in clips if one.name]
        if not clips:
            path.unlink(missing_ok=True)
            return
        poses = (np.load(self.path(split, one.name)) for one in clips)
        with replacing(path) as part:
            lengths = [one.row["frames"] for one in clips]
            write_frames(part, [one.name for one in clips], lengths, poses)

    def _pickle(self, clips: Sequence[Clip]) -> None:
        poses = {one.name: np.load(self.path(one.split, one.name)) for one in clips}
        splits = {s: [one.name for one in clips if one.split == s] for s in SPLITS}
        splits = {split: names for split, names in splits.items() if names}
        with replacing(self.out / "clips.pkl") as part:
            write_pyskl(part, poses, [one.label for one in clips], splits)


def _place(source: Source, clip: dict[str, Any]) -> str:
    """The split of a clip: the list's, or the file's; whatever has no label is for predicting."""
    split = source.split or clip["split"] or "test"
    return "test" if source.label == clip["label"] == UNLABELLED else split


def _plain(value: Any) -> Any:
    """A number of numpy's as JSON has it."""
    return value.item() if isinstance(value, np.generic) else value


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({key: _rounded(row[key]) for key in row} for row in rows)


def _rounded(value: Any) -> Any:
    """Six digits of a number, as all tables have them."""
    return f"{value:.6g}" if isinstance(value, float) and math.isfinite(value) else value


def _enough(classes: ClassTable, count: int) -> ClassTable:
    """The classes, or as many made-up ones as there are labels, where these are more."""
    if count <= len(classes):
        return classes
    codes = tuple(f"C{i + 1}" for i in range(count))
    names = tuple(f"class {i}" for i in range(count))
    return dataclasses.replace(
        classes, codes=codes, names=names, regions=("body",) * count, mirror=None
    )

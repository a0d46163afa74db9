"""What is to be converted: the videos or the files of skeletons of a folder, or a list of them."""

import difflib
import math
import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from mbnb.classes import ClassTable
from mbnb.clips import SPLITS, UNLABELLED
from mbnb.convert.folder import FAILURES, QUALITY
from mbnb.data.convert import Source
from mbnb.data.labels import read_labels
from mbnb.data.reading import LEFT_BEHIND
from mbnb.files import InputError, fault_line, read_rows, read_table
from mbnb.formats import is_folder_of_frames
from mbnb.settings import say_once
from mbnb.text import (
    SOUND_ENDINGS,
    VIDEO_ENDINGS,
    clip_name,
    listed,
    plain,
    safe_names,
    whole_number,
)
from mbnb.video.convert import find_videos, people_in_names, person_in, readable
from mbnb.video.folder import is_video

CLIPS = ("pose_3d.npy", "pose_2d.npy")  # of our own, called as their folders are
FIRST = 20  # rows of a table that show what it is
NUMBER = re.compile(r"[-+]?[.,]?\d+[.,]?\d*(e[-+]?\d+)?|nan", re.IGNORECASE)
NEAR = 0.75  # of two names of columns, one of which is probably mistyped
COLUMNS = ("file", "clip", "label", "subject", "split", "start", "end", "person")


def find_sources(
    path: Path, classes: ClassTable, label_file: Path | None = None, person: str = ""
) -> list[Source]:
    """What `path` names: a video, a file of skeletons, a folder of either, or a list as CSV.

    A folder holds videos where it, or train/, val/ or test/ in it, has one; see `find_videos`.
    Else every file in it and below is one of skeletons, and what is none is told at the end. A
    list has a column `file`, paths from its own folder, and may have the others of `COLUMNS`.
    label_file, person: as of `find_videos`; what a file of skeletons tells itself stands where
    the labels do not name it. Raises InputError with every fault.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_file() and _is_list(path):
        return _listed(path, classes, person)
    person_in(person, "")  # what is no pattern is refused before anything is searched
    if path.is_file() and path.suffix.lower() in VIDEO_ENDINGS:
        return [_source(path, path.name, path.stem, person_in(person, path.stem))]
    folders = [path, *(path / split for split in SPLITS)]
    if any(one.suffix.lower() in VIDEO_ENDINGS for f in folders if f.is_dir() for one in _files(f)):
        return find_videos(path, classes, label_file, person)
    labels, problems = read_labels(label_file, classes) if label_file else ({}, [])
    if problems:
        raise InputError("\n".join(fault_line(label_file, line, said) for line, said in problems))
    paths = list(_skeletons(path))
    sounds = [one for one in paths if one.suffix.lower() in SOUND_ENDINGS and one != path]
    if sounds:
        names = readable(listed([one.name for one in sounds]))
        say_once(f"{path}: {len(sounds)} sounds are passed over: {names}")
    paths = [one for one in paths if one not in sounds]
    shown = [one.relative_to(path).as_posix() if one != path else one.name for one in paths]
    own = [one.parent.name if one.name in CLIPS else _stem(one) for one in paths]
    shown = [readable(name) for name in shown]
    if not paths:
        raise InputError(f"{path}: not one clip can be made: there is no file in it")
    people = people_in_names(person, shown, own, path)
    return [
        Source(
            one,
            name,
            labels.get(stem, UNLABELLED),
            who,
            "train" if stem in labels else "",
            shown=said,
            is_video=False,
        )
        for one, name, stem, who, said in zip(paths, unique(own), own, people, shown)
    ]


def _files(folder: Path) -> Iterator[Path]:
    return (one for one in folder.iterdir() if one.is_file())


def _source(path: Path, shown: str, name: str, subject: str) -> Source:
    """A file by what it is."""
    (safe,) = unique([clip_name(name)])
    video = path.is_file() and is_video(path)
    return Source(path, safe, subject=subject, shown=shown, is_video=video)


def _stem(path: Path) -> str:
    return clip_name(path.name) if path.suffix == ".npy" else path.stem


def _skeletons(path: Path) -> Iterator[Path]:
    """Files, and folders that are one recording, in a folder and all below; links are passed by."""
    if path.is_file() or is_folder_of_frames(path):
        yield path
        return
    for inner in sorted(path.iterdir()):
        hidden = inner.name.startswith(".") or inner.name.casefold() in LEFT_BEHIND
        if not hidden and not inner.is_symlink() and inner.name not in (QUALITY, FAILURES):
            yield from _skeletons(inner)


def unique(names: Sequence[str]) -> list[str]:
    """Names that every disk takes, each another one, in the same order."""
    counted: dict[str, int] = {}
    numbered = []
    for name in names:
        counted[name] = counted.get(name, 0) + 1
        numbered.append(name if counted[name] == 1 else f"{name}~{counted[name]}")
    safe = safe_names(numbered)
    return [re.sub(r"\s", "_", safe[name]) for name in numbered]


def _exists(path: Path) -> bool:
    """Whether there is such a file; what is too long, or no name at all, is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _is_list(path: Path) -> bool:
    """Whether a table names files, and has no numbers of joints.

    Raises InputError for one that does so, but not in a column `file`.
    """
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    try:
        with open(path, "rb") as file:  # tables of joints may be large
            head = file.read(1000).lower()
        if not any(name.encode() in head for name in COLUMNS):
            return False
        _, ((_, header), *rows) = read_rows(path, COLUMNS)
    except (InputError, ValueError):
        return False
    names = [plain(name) for name in header]
    if "file" in names or len(names) >= 20:
        return "file" in names and len(names) < 20
    cells = [cell for _, row in rows[:FIRST] for cell in zip(names, row)]
    files = any(cell.strip(".") and _exists(path.parent / cell) for _, cell in cells)
    numbers = {name for name, cell in cells if NUMBER.fullmatch(cell)}
    coded = {"start", "end", "label"} <= set(names)  # intervals, which another command reads
    like_ours = files or (not coded and set(names) & set(COLUMNS))
    if like_ours and numbers <= set(COLUMNS):  # others may be places of joints
        found = ", ".join(filter(None, header))
        raise InputError(f"{path}: a list needs a column `file`; found {found}")
    return False


def _listed(path: Path, classes: ClassTable, person: str) -> list[Source]:
    """The sources of a list, see `COLUMNS`. Raises InputError with every faulty line."""
    faults: list[str] = []
    rows = read_table(path, ("file",), faults)
    faults += _mistyped(path, {key for _, row in rows[:1] for key in row})
    there = [(line, row) for line, row in rows if row["file"]]
    unnamed = [
        (line, readable(row["file"]), row.get("clip") or _stem(Path(row["file"])))
        for line, row in there
        if not row.get("subject")
    ]
    lines, *about = zip(*unnamed) if unnamed else ((), (), ())
    subjects = dict(zip(lines, people_in_names(person, *about, path)))
    sources: list[Source] = []
    known: dict[tuple[Any, ...], int] = {}
    for line, row in there:
        file = path.parent / row["file"]
        if not _exists(file):
            faults.append(fault_line(path, line, f"{row['file']}: no such file"))
            continue
        subject, name = subjects.get(line) or row.get("subject", ""), row.get("clip") or _stem(file)
        one = _source(file, readable(row["file"]), name, subject)
        label, said = _label(row.get("label", ""), classes)
        start, end = _seconds(row.get("start", "")), _seconds(row.get("end", ""))
        split = row.get("split", "").lower() or ("test" if label == UNLABELLED else "train")
        faults += [fault_line(path, line, said)] * bool(said)
        part = (os.path.abspath(file), start, end, row.get("person", ""))
        if (other := known.setdefault(part, line)) != line:
            twice = f"{row['file']}: stands on line {other}, too, with the same start and end"
            faults.append(fault_line(path, line, twice))
        if split not in SPLITS:
            wrong = f"expected one of {', '.join(SPLITS)} as split, found {row['split']!r}"
            faults.append(fault_line(path, line, wrong))
        elif split != "test" and label == UNLABELLED and not said:
            faults.append(fault_line(path, line, f"no label, which clips of {split} need"))
        if start is None or end is None or not (start or 0) < (end or math.inf):
            wrong = f"expected seconds from start to end, found {row.get('start')!r} and "
            faults.append(fault_line(path, line, f"{wrong}{row.get('end')!r}"))
            continue
        about = {"label": label, "split": split, "start": start, "end": end or math.inf}
        sources.append(one._replace(**about, person=row.get("person", "")))
    if not there:
        faults.append(f"{path}: names no file")
    if faults:
        raise InputError("\n".join(faults))
    names = unique([source.name for source in sources])
    return [source._replace(name=name) for source, name in zip(sources, names)]


def _mistyped(path: Path, columns: Collection[str]) -> list[str]:
    """Faults of columns of a list whose names are probably mistyped; others unknown are said."""
    more, lacking = sorted(set(columns) - set(COLUMNS)), set(COLUMNS) - set(columns)
    meant = {key: difflib.get_close_matches(key, lacking, 1, NEAR) for key in more}
    if unused := [key for key in more if not meant[key]]:
        say_once(f"{path}: columns that are not used: {listed(unused, 10)}")
    return [
        f"{path}: there is no column {key!r}, did you mean {one!r}? Rename it, or leave it out"
        for key in meant
        for one in meant[key]
    ]


def _label(text: str, classes: ClassTable) -> tuple[int, str]:
    """The class that a cell names by its id, code or name, -1 where it is empty; and a fault."""
    if not text:
        return UNLABELLED, ""
    number = whole_number(text)
    ids = classes.ids_called(text) if number is None else (number,)
    if len(ids) == 1 and 0 <= ids[0] < len(classes):
        return ids[0], ""
    wanted = f"an id from 0 to {len(classes) - 1}, or the code or the name of a class"
    return UNLABELLED, f"expected {wanted}, found {text!r}"


def _seconds(text: str) -> float | None:
    """Seconds of a cell, 0 where it is empty, None where it is no number."""
    try:
        seconds = float(text.replace(",", ".") or 0)
    except ValueError:
        return None
    return seconds if seconds >= 0 else None

"""Datavyu: its .opf files, the `db` in them, and the tables that its scripts and datavyur write.

A `db` is lines: a column with its arguments, then its cells with times as hh:mm:ss:ms. The label of
a cell is its first argument or, of a predicate, its name; all arguments are modifiers as well.
"""

import csv
import io
import re
import zipfile
import zlib

from mbnb.coding.file import LARGEST, File, table
from mbnb.files import InputError
from mbnb.intervals import Coding, Interval, Tier

TIME = r"(\d+):(\d\d):(\d\d):(\d{3})"
CELL = re.compile(rf"{TIME},{TIME},(.*)", re.DOTALL)
COLUMN = re.compile(r"(.+?) \((\w+)[^()]*\)(?:-(.*))?")
VERSION = re.compile(r"#\d+\n")
# What is raised for an archive that is none, or not whole.
DAMAGE = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError, RuntimeError)
IN_TABLES = ("column", "ordinal", "onset", "offset")


def recognises(file: File) -> bool:
    """Whether a file is a zip with a `db`, a `db`, or a table with ordinals and onsets."""
    if file.raw[:2] == b"PK":
        try:
            with zipfile.ZipFile(file.path) as archive:
                return "db" in archive.namelist()
        except DAMAGE:
            return file.path.suffix.lower() == ".opf"  # `read` says that it is damaged
    return bool(VERSION.match(file.text)) or set(IN_TABLES[1:]) <= set(file.header)


def read(file: File) -> list[Coding]:
    """All cells by column. Raises InputError for a `db` that is cut short."""
    if file.raw[:2] == b"PK":
        return [_of_db(file, _unzipped(file))]
    return [_of_db(file, file.text)] if VERSION.match(file.text) else _of_table(file)


def _unzipped(file: File) -> str:
    """The text of the `db` in an .opf, of which no more is unpacked than a coding can have."""
    try:
        with zipfile.ZipFile(file.path) as archive, archive.open("db") as db:
            raw = db.read(LARGEST + 1)
    except DAMAGE as error:
        raise InputError(f"{file.path}: cut short or damaged ({error})") from None
    if len(raw) > LARGEST:
        raise InputError(f"{file.path}: unpacks to more than {LARGEST >> 20} MB")
    return raw.decode("utf-8", "replace").replace("\r\n", "\n")


def _of_db(file: File, text: str) -> Coding:
    intervals, tiers, faults = [], [], []
    names, predicates = [], {}
    for number, line in enumerate(text.split("\n")[1:], 2):
        if cell := CELL.fullmatch(line):
            times = [_seconds(cell.groups()[i : i + 4]) for i in (0, 4)]
            label, modifiers = _value(cell[9], names, predicates)
            if not tiers:
                faults.append(f"{file.path}, line {number}: a cell before any column")
                continue
            intervals.append(Interval(*times, label, tiers[-1].name, modifiers=modifiers))
        elif predicate := re.fullmatch(r"\d+:(\w+)-(.*)", line):
            predicates[predicate[1]] = _arguments(predicate[2])
        elif column := COLUMN.fullmatch(line):
            tiers.append(Tier(_plain(column[1])))
            names = _arguments(column[3] or "")
        elif line.strip():
            faults.append(f"{file.path}, line {number}: cut short or damaged: {line[:60]!r}")
    if faults:
        raise InputError("\n".join(faults))
    return Coding(file.path.stem, tuple(intervals), tuple(tiers))


def _seconds(parts: tuple[str, ...]) -> float:
    hours, minutes, rest, thousandths = map(int, parts)
    return (3_600_000 * hours + 60_000 * minutes + 1000 * rest + thousandths) / 1000


def _arguments(text: str) -> list[str]:
    """The names in `hand|NOMINAL,look|NOMINAL`."""
    return [_plain(part.partition("|")[0]) for part in text.split(",") if part]


def _value(
    text: str, names: list[str], predicates: dict[str, list[str]]
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Label and modifiers of a cell, whatever the kind of its column."""
    found = re.fullmatch(r"(\w*)\((.*)\)", text, re.DOTALL)
    if not found or (found[1] and found[1] not in predicates) or not (names or found[1]):
        return _plain(text), ()
    keys = predicates[found[1]] if found[1] else names
    reader = csv.reader(io.StringIO(found[2]), escapechar="\\")
    values = ["" if value == "<untyped>" else value for value in next(reader, [])]
    values += [""] * (len(keys) - len(values))
    keys = keys + [f"argument {i + 1}" for i in range(len(keys), len(values))]
    return found[1] or values[0], tuple(zip(keys, values))


def _plain(text: str) -> str:
    """Text without the backslashes before commas and the like."""
    return re.sub(r"\\(.)", r"\1", text)


def _of_table(file: File) -> list[Coding]:
    """A coding a file that the table names; milliseconds, all other columns are arguments."""
    by_file: dict[str, list[Interval]] = {}
    faults = []
    for line, row in table(file.rows):
        times = [row["onset"], row["offset"]]
        if not all(re.fullmatch(r"-?\d+", time) for time in times):
            faults.append(f"{file.path}, line {line}: expected milliseconds, found {times}")
            continue
        modifiers = tuple((k, v) for k, v in row.items() if k not in ("file", *IN_TABLES))
        by_file.setdefault(row.get("file") or file.path.stem, []).append(
            Interval(
                *(int(time) / 1000 for time in times),
                modifiers[0][1] if modifiers else "",
                row.get("column", ""),
                modifiers=modifiers,
            )
        )
    if faults:
        raise InputError("\n".join(faults))
    return [
        Coding(name, tuple(ones), tuple(map(Tier, dict.fromkeys(one.tier for one in ones))))
        for name, ones in by_file.items()
    ]

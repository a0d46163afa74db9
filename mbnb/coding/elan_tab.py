"""Tab-delimited text that ELAN exports, with or without a header, in any of its time formats.

Which columns there are is for the user to choose in ELAN's dialogue, and older versions write no
header, so columns are told by what they hold.
"""

import re

from mbnb.coding.file import File, seconds
from mbnb.files import InputError
from mbnb.intervals import Coding, Interval, Tier

FORMATS = (  # how a time is written, and how many seconds a unit of it is
    (re.compile(r"\d+:\d\d:\d\d[.,]\d+"), 1.0),
    (re.compile(r"\d+[.,]\d+"), 1.0),
    (re.compile(r"\d+"), 0.001),
)
ROUNDING = 0.002  # seconds by which a duration may differ from its times
MOST_TIMES = 12  # columns of a kind of time that are tried as begin, end and duration


def recognises(file: File) -> bool:
    """Whether tab-delimited rows have times that are a begin, an end and a duration."""
    rows = _rows(file)
    return bool(rows) and _times(rows) is not None


def read(file: File) -> list[Coding]:
    """Its annotations by tier. Raises InputError with the lines that have no times."""
    rows, named = _rows(file), _header(file)
    (begin, end, unit), width = _times(rows), _width(rows)
    times = [i for i in range(width) if _format(rows, i)]
    if named:
        first = [i for i, name in enumerate(named) if name.startswith("tier")]
        people = [i for i, name in enumerate(named) if name.startswith("participant")]
        labels = [i for i in range(len(named)) if i not in (*times, *first, *people)]
    else:
        before = [i for i in range(times[0])] or [None]
        first, people = before[:1], before[1:2]
        labels = [i for i in range(times[-1] + 1, width)][:1]
    intervals, faults = [], []
    for line, cells in rows:
        cells = cells + [""] * (width - len(cells))
        start, stop = (seconds(cells[i]) for i in (begin, end))
        if start is None or stop is None:
            faults.append(f"{file.path}, line {line}: expected a begin and an end time")
            continue
        tier, person = (
            cells[ones[0]] if ones and ones[0] is not None else "" for ones in (first, people)
        )
        # A column a tier is another way to export: what is filled in says which tier it is.
        filled = [i for i in labels if cells[i]] or labels[:1]
        for i in filled:
            name = tier or (named[i] if named and len(labels) > 1 else "")
            label = cells[i] if i < len(cells) else ""
            intervals.append(Interval(start * unit, stop * unit, label, name, person))
    if faults:
        raise InputError("\n".join(faults))
    tiers = tuple(Tier(name) for name in dict.fromkeys(one.tier for one in intervals))
    return [Coding(file.path.stem, tuple(intervals), tiers)]


def _split(file: File) -> list[tuple[int, list[str]]]:
    """The lines as cells; quotes are letters to ELAN."""
    lines = enumerate(file.text.split("\n"), 1)
    return [(line, text.split("\t")) for line, text in lines if text.strip()]


def _header(file: File) -> list[str]:
    """The names of columns in small letters; none where the first row is an annotation."""
    first = _split(file)[0][1]
    named = any(re.match("(begin|end) time|duration", cell.casefold()) for cell in first)
    return [cell.strip().casefold() for cell in first] if named else []


def _rows(file: File) -> list[tuple[int, list[str]]]:
    if "\t" not in file.text:
        return []
    return _split(file)[1 if _header(file) else 0 :]


def _width(rows: list[tuple[int, list[str]]]) -> int:
    return max(len(cells) for _, cells in rows)


def _format(rows: list[tuple[int, list[str]]], column: int) -> float | None:
    """How many seconds a unit of a column is, None where it holds no times alone."""
    cells = [cells[column] if column < len(cells) else "" for _, cells in rows]
    return next(
        (unit for shape, unit in FORMATS if all(shape.fullmatch(cell) for cell in cells)), None
    )


def _times(rows: list[tuple[int, list[str]]]) -> tuple[int, int, float] | None:
    """The columns of begin and end and the seconds of their unit; None where there are none.

    Each kind of time stands there for begin, end and duration, in that order, which tells times
    from other numbers.
    """
    units = {i: _format(rows, i) for i in range(_width(rows))}
    for shape, unit in FORMATS:
        columns = [i for i in units if units[i] == unit and shape.fullmatch(rows[0][1][i])]
        columns = columns[:MOST_TIMES]
        for begin in columns:
            for end in (i for i in columns if i > begin):
                for lasts in (i for i in columns if i > end):
                    spans = (
                        [seconds(cells[i]) * unit for i in (begin, end, lasts)] for _, cells in rows
                    )
                    if all(abs(b - a - c) <= ROUNDING for a, b, c in spans):
                        return begin, end, unit
        if unit == 1.0 and len(columns) == 2 and ":" in rows[0][1][columns[0]]:
            return *columns, unit
    return None

"""Tables that optical systems export: Vicon Nexus's CSV, Qualisys's TSV, OptiTrack Motive's CSV.

After what these programs write: some lines about the recording, the name of each marker or bone
above its X, Y and Z, then a row a frame. Names such as `Anna:LASI` tell several people apart.
"""

import csv
import re
from collections.abc import Sequence

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import Content, is_number
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import placed

EXPECTED = "markers or bones as Vicon, Qualisys or Motive export them"
VICON, QUALISYS, MOTIVE = "Trajectories", "NO_OF_FRAMES", "Format Version"
BEGINS = re.compile(
    rf"(?:\ufeff)?[\"]?(?:{VICON}|Joints|Segments|Model Outputs|Devices|{QUALISYS}|{MOTIVE})\b"
)
BONES = ("bone", "marker", "bone marker", "rigid body")  # of Motive; the first that there is counts
NO_PLACES = "it holds no places: export it with trajectories of markers"


def is_it(content: Content) -> bool:
    """Whether it begins as these tables do."""
    found = BEGINS.match(content.head[:200].decode("utf-8", "replace"))
    second = content.head[:4096].splitlines()[1:2]
    return bool(found) and (QUALISYS in found[0] or MOTIVE in found[0] or _is_rate(second))


def _is_rate(lines: Sequence[bytes]) -> bool:
    return bool(lines) and is_number(lines[0].decode("latin1").strip(' ",;\t') or "nothing")


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """Everybody in a table."""
    lines = content.text.lstrip("\ufeff").splitlines()
    rows = [[c.strip() for c in row] for row in csv.reader(lines, delimiter=_separator(lines))]
    of = _motive if MOTIVE in lines[0] else _qualisys if QUALISYS in lines[0] else _vicon
    names, points, unit, rate = of(rows)
    if not names or not len(points):
        raise InputError(NO_PLACES)
    markers, tracks = people.by_subject(names, points)
    usual = "y" if of is _motive else "z"
    return {"": placed(markers, tracks, layout=layout, unit=unit, usual=usual, rate=rate)}


def _separator(lines: Sequence[str]) -> str:
    return max(",;\t", key=lambda one: sum(line.count(one) for line in lines[:12]))


Table = tuple[list[str], np.ndarray, str, float | None]


def _vicon(rows: list[list[str]]) -> Table:
    """The section of trajectories: its name, the rate, markers, axes, units, a row a frame."""
    first = next((i for i, row in enumerate(rows) if row[:1] == [VICON]), None)
    if first is None or len(rows) < first + 5:
        raise InputError(NO_PLACES)
    names, units, body = rows[first + 2], rows[first + 4], rows[first + 5 :]
    at = [i for i, name in enumerate(names) if name]
    end = next((i for i, row in enumerate(body) if not any(row)), len(body))
    return (
        [names[i] for i in at],
        _places(body[:end], at),
        units[at[0]] if at else "",
        _rate(rows[first + 1][0]),
    )


def _qualisys(rows: list[list[str]]) -> Table:
    """Words about the recording, markers, then numbers alone or after a row `Frame, Time`."""
    about = {row[0]: row[1:] for row in rows[:20] if row}
    names = [name for name in about.get("MARKER_NAMES", ()) if name]
    last = max(i for i, row in enumerate(rows[:20]) if row and not is_number(row[0]))
    body = [row for row in rows[last + 1 :] if any(row)]
    before = 2 if rows[last][:1] == ["Frame"] else 0
    at = range(before, before + 3 * len(names), 3)
    return names, _places(body, at), "mm", _rate(next(iter(about.get("FREQUENCY", ())), ""))


def _motive(rows: list[list[str]]) -> Table:
    """Pairs of words and values, rows of types and names, then Frame, Time and columns."""
    about = dict(zip(rows[0][::2], rows[0][1::2]))
    axes = next((i for i, row in enumerate(rows[:12]) if row[:1] == ["Frame"]), None)
    if axes is None or axes < 3:
        raise InputError("expected a row that begins with Frame and Time")
    heads = {next((cell for cell in row if cell), ""): row for row in rows[1:axes]}
    kinds = next((row for row in heads.values() if "Position" in row), [])
    types = [cell.lower() for cell in heads.get("Type", next(iter(heads.values()), []))]
    names = heads.get("Name", rows[axes - 3])
    wanted = next((kind for kind in BONES if kind in types), "")
    at = [
        i
        for i, cell in enumerate(rows[axes])
        if cell == "X" and kinds[i : i + 1] == ["Position"] and types[i : i + 1] == [wanted]
    ]
    unit = about.get("Length Units", "").lower()
    rate = _rate(about.get("Export Frame Rate", about.get("Capture Frame Rate", "")))
    body = [row for row in rows[axes + 1 :] if any(row)]
    return [names[i] for i in at], _places(body, at), unit, rate


def _places(body: Sequence[Sequence[str]], at: Sequence[int]) -> np.ndarray:
    """(T, P, 3) of the columns that begin at `at`, NaN where a cell is empty or missing."""
    points = np.full((len(body), len(at), 3), np.nan)
    for frame, row in zip(points, body):
        for place, first in zip(frame, at):
            cells = [cell.replace(",", ".") for cell in row[first : first + 3]]
            if len(cells) == 3 and all(map(is_number, cells)):
                place[:] = [float(cell) for cell in cells]
    return points


def _rate(cell: str) -> float | None:
    return float(cell) if is_number(cell) and float(cell) > 0 else None

"""Tables that optical systems export: Vicon Nexus's CSV, Qualisys's TSV, OptiTrack Motive's CSV.

After what these programs write: some lines about the recording, the name of each marker or bone
above its X, Y and Z, then a row a frame. Names such as `Anna:LASI` tell several people apart.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import Content, is_number
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import placed

EXPECTED = "markers or bones as Vicon, Qualisys or Motive export them"
VICON, QUALISYS, MOTIVE = "Trajectories", "NO_OF_FRAMES", "Format Version"
# A section of Vicon's is named above its rate; some exports begin with blank lines.
BEGINS = re.compile(
    rf"\s*\"?(?:(?:{VICON}|Joints|Segments|Model Outputs|Devices)[\",;\t]*\r?\n\"?\d"
    rf"|{QUALISYS}\b|{MOTIVE}\b)"
)
BONES = ("bone", "marker", "bone marker", "rigid body")  # of Motive; the first that there is counts
NO_PLACES = "it holds no places: export it with trajectories of markers"


def is_it(content: Content) -> bool:
    """Whether it begins as these tables do."""
    return bool(BEGINS.match(content.head[:300].decode("utf-8", "replace").lstrip("\ufeff")))


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """Everybody in a table."""
    lines = content.text.lstrip("\ufeff \r\n").splitlines()
    of = _motive if MOTIVE in lines[0] else _qualisys if QUALISYS in lines[0] else _vicon
    names, points, unit, rate = of(lines, max(",;\t", key="".join(lines[:12]).count))
    if not names or not len(points):
        raise InputError(NO_PLACES)
    markers, tracks = people.by_subject(names, points)
    usual = "y" if of is _motive else "z"
    return {"": placed(markers, tracks, layout=layout, unit=unit, usual=usual, rate=rate)}


Table = tuple[list[str], np.ndarray, str, float | None]


def _cells(lines: Iterable[str], separator: str) -> list[list[str]]:
    return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]


def _vicon(lines: list[str], separator: str) -> Table:
    """The section of trajectories: its name, the rate, markers, axes, units, a row a frame."""
    first = next((i for i, line in enumerate(lines) if line.strip(' ",;\t') == VICON), None)
    if first is None or len(lines) < first + 6:
        raise InputError(NO_PLACES)
    (rate, *_), names, _, units = _cells(lines[first + 1 : first + 5], separator)
    body = lines[first + 5 :]
    end = next((i for i, line in enumerate(body) if not line.strip(' ",;\t')), len(body))
    at = [i for i, name in enumerate(names) if name]
    unit = units[at[0]] if at and at[0] < len(units) else ""
    return [names[i] for i in at], _places(body[:end], at, separator), unit, _rate(rate)


def _qualisys(lines: list[str], separator: str) -> Table:
    """Words about the recording, markers, then numbers alone or after a row `Frame, Time`."""
    heads = [row for row in _cells(lines[:20], separator) if row]
    about = {row[0]: row[1:] for row in heads}
    names = [name for name in about.get("MARKER_NAMES", ()) if name]
    last = max(i for i, line in enumerate(lines[:20]) if line[:1].isalpha())
    before = 2 if lines[last].startswith("Frame") else 0
    at = range(before, before + 3 * len(names), 3)
    rate = _rate(next(iter(about.get("FREQUENCY", ())), ""))
    return names, _places(lines[last + 1 :], at, separator), "mm", rate


def _motive(lines: list[str], separator: str) -> Table:
    """Pairs of words and values, rows of types and names, then Frame, Time and columns."""
    rows = _cells(lines[:12], separator)
    about = dict(zip(rows[0][::2], rows[0][1::2]))
    axes = next((i for i, line in enumerate(lines[:12]) if line.startswith("Frame")), 0)
    heads = [row for row in rows if any(row)]
    last = next((i for i, row in enumerate(heads) if row[0] == "Frame"), 0)
    if last < 4:
        raise InputError("expected rows of types, names and numbers, then one of Frame and Time")
    heads_by = {next(cell for cell in row if cell): row for row in heads[1:last]}
    types = [cell.lower() for cell in heads_by.get("Type", heads[1])]
    names, kinds = heads_by.get("Name", heads[2]), heads[last - 1]
    wanted = next((kind for kind in BONES if kind in types), "")
    at = [
        i
        for i, cell in enumerate(heads[last])
        if cell == "X" and kinds[i : i + 1] == ["Position"] and types[i : i + 1] == [wanted]
    ]
    unit = about.get("Length Units", "").lower()
    rate = _rate(about.get("Export Frame Rate", about.get("Capture Frame Rate", "")))
    # The first bone may be called as its skeleton is.
    called = [re.sub(r"^(.+):\1$", r"\1:Hip", names[i]) for i in at]
    return called, _places(lines[axes + 1 :], at, separator), unit, rate


def _places(body: Sequence[str], at: Sequence[int], separator: str) -> np.ndarray:
    """(T, P, 3) of the columns that begin at `at`, NaN where a cell is empty or missing."""
    columns = [first + i for first in at for i in range(3)]
    width = max([*columns, *(line.count(separator) for line in body)], default=0) + 1
    if not columns or not body:
        return np.empty((0, len(at), 3))
    table = pd.read_csv(
        io.StringIO("\n".join(body)),
        sep=separator,
        header=None,
        names=range(width),
        usecols=columns,
        decimal="." if separator == "," or "," not in body[0] else ",",
        low_memory=False,
    )
    numbers = table[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    return numbers.reshape(len(table), len(at), 3)


def _rate(cell: str) -> float | None:
    return float(cell) if is_number(cell) and float(cell) > 0 else None

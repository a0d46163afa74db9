"""Tables of points: one row a frame or one row a point, as SLEAP and freemocap export them.

Wide tables have columns such as nose_x, nose_y, nose_z (freemocap) or numbers (33 landmarks of
MediaPipe with x, y, z and visibility); long ones a column for the frame and one for the point.
"""

import csv
import dataclasses
import io
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.files import InputError, encoding_of, write_text
from mbnb.formats import people
from mbnb.formats.content import HEAD, Content, is_number
from mbnb.formats.holistic import BODY, WHOLE, hung, in_picture, named_by_mediapipe
from mbnb.formats.layouts import LAYOUTS, renamed
from mbnb.formats.names import words_of
from mbnb.formats.npz import of_array, of_rows
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import AXES, SENSOR, placed
from mbnb.skeleton import load_skeleton
from mbnb.text import plain

EXPECTED = "a table of points: a row a frame or a row a point"
FRAME = (
    "frame",
    "framenumber",
    "frameidx",
    "frameindex",
    "frameid",
    "videoframe",
    "timestamp",
    "time",
    "index",
)
POINT = ("landmark", "keypoint", "keypointname", "name", "joint", "point", "marker", "landmarkname")
POINT += ("landmarkindex", "landmarkid", "keypointid", "pointid", "jointid", "jointname")
POINT += ("jointtype", "bodypart", "markername", "pointname", "node")
PERSON = ("track", "person", "personid", "trackid", "individual", "subject", "bodyid")
PERSON += ("trackingid", "id")
# What axes are called where each is a column; those in metres come first.
PLACES = ("{}world", "world{}", "{}", "pos{}", "position{}", "{}pos", "{}position")
VIDEO = ("video", "videoname", "file", "filename", "clip", "clipname", "recording", "sequence")
TIME = ("time", "seconds", "timestamp", "times", "timestamps", "timeseconds", "timems", "ms")
RATES, USUAL = (2.0, 1000.0), (10.0, 250.0)  # frames a second
UNITS_OF_TIME = (1, 1e-3, 1e-6, 1e-7, 1e-9)  # seconds; a tick of Windows is 1e-7
LAST = ("likelihood", "score", "visibility", "confidence", "c", "v", "visible", "presence")
# nose_x, nose.y, nose (z), NoseX, nose_visibility; or x_nose.
AXIS = re.compile(
    r"(.+?)(?:[._ :/-]+|(?=[(\[])|(?<=[a-z0-9])(?-i:(?=[XYZ]$)))"
    r"[(\[]?(x|y|z|likelihood|score|visibility|confidence|conf|prob|[cvp])[)\]]?",
    re.IGNORECASE,
)
UNIT = re.compile(  # nose_x_mm, LWrist_X (cm), Head X [m]
    r"(.+?)[\s._-]*(?:[(\[](mm|cm|m|in|inch|px|pixels?|[a-z]+met(?:re|er)s?)[)\]]"
    r"|(?<=[\s._-])(mm|cm|m|px|pixels?))",
    re.IGNORECASE,
)
AXIS_FIRST = re.compile(r"([xyzcv])[._ -](.+)", re.IGNORECASE)
AXIS_ALONE = re.compile(r"[xyz]|likelihood|score|visibility|confidence|conf|prob", re.IGNORECASE)
NUMBERED = re.compile(r"([xyzvc])_?(\d+)", re.IGNORECASE)
DECIMAL_COMMA = re.compile(r"[;\t\n]\s*-?\d+,\d+\s*[;\t\n]")
MOST = 1 << 16  # columns
KINECT = {"spinebase", "hipcenter", "hipcentre"}  # what only its joints are called
SMG = 25 * 11  # the columns of its skeletons: places, turns and pixels of a Kinect's joints


def header(content: Content) -> tuple[str, list[list[str]]]:
    """The separator and the first rows of a text; none of what is no text."""
    encoding = encoding_of(content.head)
    if content.path.is_dir() or b"\0" in content.head and "16" not in encoding:
        return ",", []
    lines = _without_mark(content.head.decode(encoding, "replace")).splitlines()[:5]
    first = lines[0] if lines else ""
    separator = max(",;\t", key=first.count)
    if not first.count(separator) and first.count(" "):
        return r"\s+", [line.split() for line in lines]
    return separator, list(csv.reader(lines, delimiter=separator))


def _without_mark(text: str) -> str:
    """A text without what Excel has before it: a mark of its coding, a line `sep=;`."""
    return re.sub(r"^\ufeff?(?:sep=.\s*\n)?", "", text)


def _point_and_axis(column: str) -> tuple[str, str] | None:
    """The point and the axis, or c for a confidence, that a column is named after."""
    column, _ = _without_unit(column.strip())
    if match := NUMBERED.fullmatch(column):
        axis, point = match.groups()
    elif match := AXIS.fullmatch(column):
        point, axis = match.groups()
    elif match := AXIS_FIRST.fullmatch(column):
        axis, point = match.groups()
    else:
        return None
    return point, axis.lower() if axis.lower() in "xyz" else "c"


def _without_unit(column: str) -> tuple[str, str]:
    """The name of a column without the unit behind it, and that, "" where there is none."""
    match = UNIT.fullmatch(column)
    return (match[1], (match[2] or match[3]).lower()) if match else (column, "")


def _unit_of(columns: Iterable[str]) -> str:
    """The unit that all columns name which name any, "" where there is none."""
    units = {_without_unit(str(column).strip())[1] for column in columns} - {""}
    return units.pop() if len(units) == 1 else ""


def _of_two_rows(rows: list[list[str]]) -> tuple[list[str], int]:
    """Columns with points in one row and axes in another, and how many rows that takes.

    A name may stand above the first of its axes alone; units may be a third row. [] and 0, for a
    header of another kind.
    """
    for points, axes in ((0, 1), (1, 0)) if len(rows) > 2 else ():
        cells = [cell.strip() for cell in rows[axes]]
        above = [cell.strip() for cell in rows[points]] + [""] * len(cells)
        are_axes = [bool(AXIS_ALONE.fullmatch(cell)) for cell in cells]
        if sum(are_axes) < 4 or any(map(is_number, filter(None, above))):
            continue
        under = [cell.strip() for cell in rows[2]] + [""] * len(cells)
        units = under if any(UNIT.fullmatch(f"x_{cell}") for cell in under) else [""] * len(cells)
        columns, last = [], ""
        for cell, name, unit, is_axis in zip(cells, above, units, are_axes):
            last = name or last
            columns.append("_".join(filter(None, (last, cell, unit))) if is_axis else name or cell)
        return columns, 3 if any(units) else 2
    return [], 0


def _records(content: Content) -> list[dict] | None:
    """The rows of a table that pandas wrote as JSON; None where it is something else."""
    rows = content.json if content.is_json else None
    first = rows[0] if isinstance(rows, list) and rows else None
    if not isinstance(first, dict) or sum(bool(_point_and_axis(str(key))) for key in first) < 4:
        return None
    return rows if all(isinstance(row, dict) for row in rows) else None


def _kind(content: Content) -> str:
    if _records(content):
        return "records"
    _, rows = header(content)
    first = [cell.strip() for cell in rows[0]] if rows else []
    words = {plain(_without_unit(cell)[0]) for cell in first}
    if words & set(POINT) and _axes_in(words) and words & set(FRAME):
        return "long"
    if sum(bool(_point_and_axis(cell)) for cell in first) >= 4 or _of_two_rows(rows)[1]:
        return "wide"
    numbers = [cell for cell in first if re.fullmatch(r"[-+\d.eE]+|nan", cell, re.IGNORECASE)]
    if len(numbers) >= 6 and len(numbers) >= len(first) - 1:
        return "numbers"
    return ""


def _axes_in(words: Collection[str]) -> list[str]:
    """How x, y and maybe z are called in a table with a row a point; [] where they are not."""
    for called in PLACES:
        axes = [called.format(axis) for axis in "xyz" if called.format(axis) in words]
        if len(axes) == 3 or [called.format(axis) for axis in "xy"] == axes:
            return axes
    return []


def is_it(content: Content) -> bool:
    """Whether the header is that of such a table."""
    return bool(_kind(content))


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The recordings in a table: one, or one a video that a column names."""
    kind = _kind(content)
    if kind == "records":
        return {"": _wide(pd.DataFrame(_records(content)), layout)}
    separator, rows = header(content)
    if max(map(len, rows)) > MOST:
        raise InputError(f"more than {MOST} columns")
    whole = kind == "numbers" and not _is_counted(rows)
    columns, above = _of_two_rows(rows) if kind == "wide" else ([], 0)
    columns = [name if name not in columns[:i] else f"column {i}" for i, name in enumerate(columns)]
    table = pd.read_csv(
        io.StringIO(_without_mark(content.text)),
        sep=separator,
        header=None if whole or columns else 0,
        names=columns or None,
        skiprows=above,
        index_col=False if columns else None,
        skipinitialspace=True,
        low_memory=False,
        decimal="," if separator in ";\t" and DECIMAL_COMMA.search(content.text[:HEAD]) else ".",
    )
    if kind == "numbers":
        return {"": _numbers(table, layout)}
    one = _long if kind == "long" else _wide
    video = next((name for name in table.columns if plain(str(name)) in VIDEO), None)
    if video is None or table[video].nunique() < 2:
        return {"": one(table, layout)}
    parts = table.groupby(table[video].astype(str), sort=False)
    return {name: one(part.reset_index(drop=True), layout) for name, part in parts}


def _is_counted(rows: list[list[str]]) -> bool:
    """Whether the first row counts columns, as pandas does."""
    cells = [cell for cell in rows[0] if cell.strip()]
    return cells == [str(i) for i in range(len(cells))]


def _numbers(table: pd.DataFrame, layout: str) -> PoseFile:
    """A row a frame, nothing but numbers: 33 landmarks, or points of a layout that is given."""
    if str(table.columns[0]).startswith("Unnamed"):
        table = table.iloc[:, 1:]
    values = table.to_numpy(np.float64)
    if values.shape[1] == SMG:
        return of_array(values.reshape(len(values), 25, 11)[..., :3], layout or "kinect25")
    return of_rows(values, layout)


def _long(table: pd.DataFrame, layout: str) -> PoseFile:
    """A row a point."""
    columns = {plain(_without_unit(str(name).strip())[0]): name for name in table.columns}

    def column(names: Sequence[str]) -> str | None:
        return next((columns[name] for name in names if name in columns), None)

    if "trajectory" in columns and table[columns["trajectory"]].nunique() > 1:
        values = table[columns["trajectory"]].astype(str)
        chosen = next((v for v in values.unique() if "3d_xyz" in v), values.iloc[0])
        table = table[values == chosen].reset_index(drop=True)
    frame, point, person = column(FRAME), column(POINT), column(PERSON)
    if (part := column(("model", "type"))) and table[part].nunique() > 1:
        # A point of a hand is called after that, too, such as left_hand_4.
        parts = table[part].astype(str).str.replace(r"^mediapipe[._]", "", regex=True)
        called = parts.where(~parts.isin(("body", "pose")), "pose") + "_" + table[point].astype(str)
        table = table.assign(**{point: called})
    axes = [columns[axis] for axis in _axes_in(columns)]
    moments, places = np.unique(table[frame].to_numpy(), return_inverse=True)
    steps = np.diff(moments)[1:] if table[frame].dtype.kind in "iu" else [0.5]
    if (
        not len(steps) or np.median(steps) == 1
    ):  # frames without any row stay in time; times, such as milliseconds, count none
        span, told = people.span_of(moments.tolist(), from_0=True)
        places, count = table[frame].to_numpy() - span.start, len(span)
    else:
        told, count = (), len(moments)
    names = list(dict.fromkeys(table[point].astype(str)))
    whose = table[person].astype(str) if person else pd.Series("1", index=table.index)
    tracks = {}
    if count * len(names) * 3 * whose.nunique() > people.LARGEST:
        raise InputError(f"{count} frames of {len(names)} points are too many at once")
    for who in dict.fromkeys(whose):
        rows = (whose == who).to_numpy()
        which = pd.Categorical(table[point].astype(str)[rows], names).codes
        tracks[who] = np.full((count, len(names), 3), np.nan, np.float32)
        values = table.loc[rows, axes].apply(pd.to_numeric, errors="coerce").to_numpy()
        last = column(LAST)
        if len(axes) == 2:
            third = table.loc[rows, last] if last else np.ones(rows.sum())
            values = np.column_stack([values, third])
        tracks[who][places[rows], which] = values
    about = {"rate": _rate(table), "unit": _unit_of(axes)}
    return named(tuple(names), tracks, len(axes) == 3, layout, told, **about)


def _wide(table: pd.DataFrame, layout: str) -> PoseFile:
    """A row a frame and person, columns called after a point and x, y, z or a confidence."""
    cells: dict[str, dict[str, str]] = {}
    for name in table.columns:
        if found := _point_and_axis(str(name)):
            cells.setdefault(found[0], {})[found[1]] = name
    cells = {point: axes for point, axes in cells.items() if {"x", "y"} <= set(axes)}
    columns = {plain(str(name)): name for name in table.columns}
    person = next((columns[key] for key in PERSON if key in columns), None)
    frame = next((columns[key] for key in FRAME[:6] if key in columns), None)
    deep = all("z" in axes for axes in cells.values())
    numbers = {
        point: np.column_stack(
            [_column(table, axes.get(axis), axis) for axis in ("xyz" if deep else "xyc")]
        )
        for point, axes in cells.items()
    }
    points = np.stack(list(numbers.values()), axis=1)  # (rows, P, 3)
    whose = [None if v != v else str(v) for v in table[person]] if person else ["1"] * len(table)
    frames = table[frame].to_numpy() if frame is not None else np.arange(len(table))
    if frames.dtype.kind not in "iuf" or not (frames % 1 == 0).all():  # NaN is no number, either
        frames = np.arange(len(table))
    found = [
        Detection(int(number), body if deep else people.found_only(body), who)
        for number, body, who in zip(frames, points, whose)
    ]
    span, told = people.span_of([int(number) for number in frames], from_0=True)
    tracks, notes = people.by_person(found, span, points.shape[1], depth=deep)
    unit = _unit_of(name for axes in cells.values() for name in axes.values())
    about = {"rate": _rate(table), "unit": unit}
    return named(tuple(cells), tracks, deep, layout, (*told, *notes), **about)


def _column(table: pd.DataFrame, name: str | None, axis: str) -> np.ndarray:
    """A column of numbers, NaN where a cell is empty; a confidence that is not told is 1."""
    values = pd.to_numeric(table[name], errors="coerce") if name else pd.Series(np.nan, table.index)
    return (values.fillna(1.0) if axis == "c" else values).to_numpy(np.float64)


def _rate(table: pd.DataFrame) -> float | None:
    """Frames a second by a column of times, where there is one."""
    time = next((name for name in table.columns if plain(str(name)) in TIME), None)
    if time is None:
        return None
    stamps = pd.to_numeric(table[time], errors="coerce")
    if stamps.isna().all():  # 10:15:00.040, a day before that or not
        moments = pd.to_datetime(table[time].astype(str), errors="coerce", format="mixed")
        stamps = (moments - moments.min()).dt.total_seconds()
    return rate_of(stamps.dropna().to_numpy(np.float64))


def rate_of(stamps: np.ndarray) -> float | None:
    """Frames a second by times in whichever unit; None where none makes a rate that is usual."""
    steps = np.diff(np.unique(stamps))
    if not len(steps) or (steps == 1).all():  # it counts frames
        return None
    rates = [1 / (float(np.median(steps)) * unit) for unit in UNITS_OF_TIME]
    usual = sorted(rates, key=lambda rate: not USUAL[0] <= rate <= USUAL[1])
    rate = next((rate for rate in usual if RATES[0] <= rate <= RATES[1]), None)
    return None if rate is None else round(rate, 3)


def named(
    names: tuple[str, ...],
    tracks: dict[str, np.ndarray],
    deep: bool,
    layout: str,
    notes: Sequence[str],
    rate: float | None = None,
    unit: str = "",
) -> PoseFile:
    """Points in a picture or in space; MediaPipe's are known by their names.

    tracks: (T, P, 3) by person. deep: whether the third number is a place and no confidence. rate:
    frames a second, unit: that of places, as `placed` knows it, where the table tells them.
    """
    layout, names = renamed(names, layout)
    names, order = _counted(names, layout)
    tracks = {who: points[:, order] for who, points in tracks.items()}
    if known := named_by_mediapipe(names, tracks):
        layout, tracks = known
        names = LAYOUTS[layout]
    if deep and (shown := in_picture(layout, tracks)):
        return dataclasses.replace(shown, rate=rate, notes=(*notes, *shown.notes))
    if not deep:
        return PoseFile(layout, names, tracks, depth=False, rate=rate, notes=tuple(notes))
    lost = {who: np.where(people.marked(p, names), np.nan, p) for who, p in tracks.items()}
    if layout == WHOLE:
        lost, said = hung(lost)
        notes = (*notes, *said)
    turns = SENSOR if KINECT & {"".join(words_of(name)) for name in names} else AXES
    how = {"unit": unit, "usual": "-y", "rate": rate, "notes": notes, "turns": turns}
    return placed(names, lost, layout=layout, **how)


def _counted(names: tuple[str, ...], layout: str) -> tuple[tuple[str, ...], list[int]]:
    """The names of points that only have numbers, such as pose_0, and which of them these are.

    Of several kinds, as of a pose and two hands, the one with MediaPipe's 33 points is the body.
    Raises InputError where nothing tells what the numbers stand for.
    """
    whole = list(range(len(names)))
    matches = [re.fullmatch(r"(.*?)(\d+)", name) for name in names]
    if not any(match and match[2] == "0" or match and match[2] == "1" for match in matches):
        return names, whole
    kinds: dict[str, list[int]] = {}
    for i, match in enumerate(matches):
        if match:
            kinds.setdefault(match[1], []).append(i)
    wanted = len(LAYOUTS[layout]) if layout in LAYOUTS else 33
    chosen = next((places for places in kinds.values() if len(places) == wanted), None)
    if chosen is None:
        if None in matches:  # only some end in numbers, as Spine1 does
            return names, whole
        raise InputError(f"{len(names)} numbered points do not tell what they are: give a layout")
    chosen = sorted(chosen, key=lambda i: int(matches[i][2]))
    if layout in LAYOUTS and layout != BODY:
        return LAYOUTS[layout], chosen
    body = dict(zip(chosen, LAYOUTS[BODY]))
    return tuple(body.get(i, name) for i, name in enumerate(names)), whole


def write_csv(path: Path, pose: np.ndarray, rate: float) -> None:
    """Write our 17 joints (T, 17, 3), a row a frame: its number, seconds, Pelvis_x, Pelvis_y, …

    Metres, x right, y down, z away; a joint that was not seen is empty.
    """
    columns = [f"{joint}_{axis}" for joint in load_skeleton().joints for axis in "xyz"]
    table = pd.DataFrame(np.asarray(pose).reshape(len(pose), -1), columns=columns)
    table.insert(0, "time", np.arange(len(pose)) / rate)
    table.insert(0, "frame", np.arange(len(pose)))
    write_text(path, table.to_csv(index=False, float_format="%.6f", lineterminator="\n"))

"""DeepLabCut's tables: CSV with several lines of header, and the same as pandas keeps it in HDF5.

Each column has a scorer, an individual where there are several, a point, and x, y, z or a
likelihood. pandas writes predictions as PyTables' "table", whose columns are pickled, and labels of
pictures in its "fixed" arrangement.
"""

import csv
from collections.abc import Sequence

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import Content
from mbnb.formats.people import Detection
from mbnb.formats.pickles import plain_of
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.tables import header, named

EXPECTED = "DeepLabCut's table, as CSV or HDF5"
HEADS = ("scorer", "individuals", "bodyparts", "coords")
COORDS = ("x", "y", "z", "likelihood")
PANDAS = "pandas_type"  # what its groups in HDF5 say
LARGEST = 1 << 30  # bytes of one table


def is_it(content: Content) -> bool:
    """Whether its header begins with the scorer, or it is a table of pandas in HDF5."""
    if not content.head.startswith(b"\x89HDF\r\n\x1a\n"):
        _, rows = header(content)
        return bool(rows) and [cell.strip() for cell in rows[0][:1]] == ["scorer"]
    try:
        import h5py

        with h5py.File(content.path, "r") as file:
            return _frame_in(file) is not None
    except (ImportError, OSError):  # `h5` says what is missing, or wrong
        return False


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The recordings in a table: one, or one a video of pictures with labels."""
    in_hdf5 = content.head.startswith(b"\x89HDF")
    columns, rows, values = (_of_hdf5 if in_hdf5 else _of_csv)(content)
    names = list(dict.fromkeys(point for *_, point, _ in columns))
    whose = list(dict.fromkeys(_individual(column) for column in columns))
    deep = any(axis == "z" for *_, axis in columns)
    if len(rows) * len(whose) * len(names) * 3 > people.LARGEST:
        raise InputError(f"{len(rows)} frames of {len(columns)} columns are too many at once")
    points = np.full((len(rows), len(whose), len(names), 3), np.nan)
    for column, numbers in zip(columns, values.T):
        axis = "xy".find(column[-1]) % 3  # z, or a likelihood, is the third
        points[:, whose.index(_individual(column)), names.index(column[-2]), axis] = numbers
    if not deep:
        points[..., 2] = np.where(np.isnan(points[..., 2]), 1.0, points[..., 2])
        points = people.found_only(points)  # newer versions write -1 for who is not there
    points[~np.isfinite(points).all(-1)] = np.nan
    recordings = people.numbered(rows) or {content.path.stem: dict(zip(rows, range(len(rows))))}
    at, result = {row: i for i, row in enumerate(rows)}, {}
    for recording, numbers in recordings.items():
        found = [
            Detection(number, body, who)
            for row, number in numbers.items()
            for who, body in zip(whose, points[at[row]])
        ]
        span, told = people.span_of(numbers.values(), from_0=True)
        tracks, notes = people.by_person(found, span, len(names), depth=deep)
        result[recording] = named(tuple(names), tracks, deep, layout, (*told, *notes))
    return result


def _individual(column: Sequence[str]) -> str:
    return column[-3] if len(column) == len(HEADS) else "1"


def _of_csv(content: Content) -> tuple[list[tuple[str, ...]], list[str], np.ndarray]:
    """The names of each column, the name of each row, and numbers (rows, columns)."""
    separator, _ = header(content)
    table = list(csv.reader(content.text.splitlines(), delimiter=separator))
    heads = {row[0]: row for row in table[: len(HEADS)] if row and row[0] in HEADS}
    body = [row for row in table[len(heads) :] if any(row)]
    first = next((i for i, cell in enumerate(heads.get("coords", ())) if cell in COORDS), 0)
    if not first or "bodyparts" not in heads:
        raise InputError(f"expected lines {', '.join(HEADS)} before the numbers")
    columns = list(zip(*(heads[name][first:] for name in HEADS if name in heads)))
    rows = ["/".join(cell for cell in row[:first] if cell) for row in body]
    values = np.full((len(body), len(columns)), np.nan)
    for numbers, row in zip(values, body):
        cells = [cell.strip().replace(",", ".") for cell in row[first:][: len(columns)]]
        numbers[: len(cells)] = [float(cell or "nan") for cell in cells]  # a row may end early
    return columns, rows, values


def _of_hdf5(content: Content) -> tuple[list[tuple[str, ...]], list[str], np.ndarray]:
    """The same of a table of pandas."""
    import h5py

    with h5py.File(content.path, "r") as file:
        group = _frame_in(file)
        in_table = _text(group.attrs[PANDAS]) == "frame_table"
        columns, rows, values = (_of_table if in_table else _of_fixed)(group)
    wrong = [column for column in columns if len(column) not in (3, 4) or column[-1] not in COORDS]
    if wrong:
        raise InputError(
            f"it is a table of pandas with a column {wrong[0]}, which is not of DeepLabCut: save "
            f"it as CSV (pandas.read_hdf(…).to_csv(…))"
        )
    return columns, rows, values


def _frame_in(file):
    """The first group with a table of pandas, None where there is none."""
    groups = [file[name] for name in file]
    kinds = (_text(group.attrs.get(PANDAS, "")) for group in groups)
    return next((g for g, kind in zip(groups, kinds) if kind.startswith("frame")), None)


def _of_table(group) -> tuple[list[tuple[str, ...]], list[str], np.ndarray]:
    table = group["table"]
    _check_size(table)
    blocks = [name for name in table.dtype.names if name.startswith("values_block_")]
    columns = [c for b in blocks for c in plain_of(bytes(table.attrs[f"{b}_kind"]), EXPECTED)]
    everything = table[()]
    rows = [_text(row) for row in everything["index"]]
    values = [everything[b].reshape(len(rows), -1).astype(np.float64) for b in blocks]
    return [tuple(map(_text, _several(c))) for c in columns], rows, np.hstack(values)


def _of_fixed(group) -> tuple[list[tuple[str, ...]], list[str], np.ndarray]:
    columns, values = [], []
    for i in range(int(group.attrs["nblocks"])):
        _check_size(group[f"block{i}_values"])
        columns += _labels(group, f"block{i}_items")
        values.append(group[f"block{i}_values"][()].astype(np.float64))
    rows = ["/".join(filter(None, row)) for row in _labels(group, "axis1")]
    return columns, rows, np.hstack(values)


def _labels(group, axis: str) -> list[tuple[str, ...]]:
    """What each place along an axis is called, in all its levels."""
    if _text(group.attrs[f"{axis}_variety"]) != "multi":
        return [(_text(name),) for name in _checked(group[axis])]
    levels = range(int(group.attrs[f"{axis}_nlevels"]))
    words = [[*map(_text, _checked(group[f"{axis}_level{i}"])), ""] for i in levels]  # -1: none
    places = [_checked(group[f"{axis}_label{i}"]) for i in levels]
    return [tuple(level[at] for level, at in zip(words, row)) for row in zip(*places)]


def _checked(data) -> np.ndarray:
    _check_size(data)
    return data[()]


def _check_size(data) -> None:
    if data.size * data.dtype.itemsize > LARGEST:
        raise InputError(f"{data.name} holds {data.size:,} rows, more than are read at once")


def _several(names: object) -> Sequence[object]:
    return names if isinstance(names, (tuple, list)) else (names,)


def _text(word: object) -> str:
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)

"""Tables of predictions, a row a clip: ours written, anybody's read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from mbnb.classes import ClassTable
from mbnb.clips import Clips, join
from mbnb.data.dataset import DataSet
from mbnb.files import InputError, fault_line, read_rows, replacing, surplus
from mbnb.runs import probability_columns, region_columns
from mbnb.text import clip_name, listed, pair_up

# The confidence below which an answer is called unsure: it is more likely wrong than right.
SURE = 0.5
# How far a sum of probabilities may be from 1; many classes rounded to two decimals are.
ROUNDED = 0.3


def prediction_table(
    names: Sequence[str],
    classes: ClassTable,
    probabilities: np.ndarray,
    regions: np.ndarray | None = None,
    reject: float = 0.0,
    subjects: Sequence[str] | None = None,
    remarks: Sequence[str] | None = None,
) -> pd.DataFrame:
    """A row a clip: clip, subject where known, the answer, and the probabilities.

    The answer is `predicted`, a code, and its `name`, nothing where the `confidence` is below
    `reject`; `sure` is no where it is below `SURE`; `remark` says what speaks against it, where
    that was looked for. `p_<code>` stands for every class, and `r_<region>` for every region where
    a head of its own tells them.
    """
    best, confidence = probabilities.argmax(1), probabilities.max(1, initial=0)
    columns = {"clip": names} | ({} if subjects is None else {"subject": subjects})
    for column, words in (("predicted", classes.codes), ("name", classes.names)):
        columns[column] = [words[i] if c >= reject else "" for i, c in zip(best, confidence)]
    columns["confidence"] = confidence
    columns["sure"] = np.where(confidence >= max(SURE, reject), "yes", "no")
    columns |= {} if remarks is None else {"remark": remarks}
    parts = [pd.DataFrame(columns)]
    parts.append(pd.DataFrame(probabilities, columns=probability_columns(classes.codes)))
    if regions is not None:
        parts.append(pd.DataFrame(regions, columns=region_columns(classes.region_names)))
    return pd.concat(parts, axis=1)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all."""
    with replacing(path) as part:
        table.to_csv(part, index=False, float_format="%.6g")


def find_clips(data: DataSet, names: Sequence[str]) -> Clips:
    """The labelled clips of these names, from whatever split.

    Raises InputError for names that there are not, or that several splits have.
    """
    known = join([clips for clips in data.splits.values() if clips.labelled])
    place = {name: i for i, name in enumerate(known.names)}
    strangers = [name for name in names if name not in place]
    all_names = pd.Index(known.names)
    twice = all_names[all_names.duplicated()].intersection(names)
    if len(twice):
        raise InputError(
            f"{len(twice)} of {len(names)} clips have a name that two splits of {data.root} use, "
            f"{twice[0]} the first: rename those of one"
        )
    if strangers:
        pairs = pair_up(strangers[:1], known.names)
        meant = f"; is it {pairs[strangers[0]]!r} after a spreadsheet?" if pairs else ""
        raise InputError(
            f"{len(strangers)} of {len(names)} clips are not among the labelled ones of "
            f"{data.root}, {strangers[0]} the first{meant}"
        )
    return known.take(np.array([place[name] for name in names]))


def read_scores(path: Path, classes: ClassTable) -> pd.DataFrame:
    """The probabilities (N, C) in a CSV file, a row a clip.

    Our own `predictions.csv`, or another model's with the clip's name in a column clip or vid, or
    in the first, and a column for each class, called by its code, with or without p_, or by its id.
    Probabilities may be rounded, or percentages; where there is another number below 0 or above 1,
    all are taken for logits. Raises InputError that lists every fault, such as sums of
    probabilities far from 1.
    """
    table, lines = read_by_clip(path)
    # An earlier version kept what it said of clips by themselves in columns a_.
    kinds = (
        [f"a_{code}" for code in classes.codes],
        probability_columns(classes.codes),
        list(classes.codes),
        [str(i) for i in range(len(classes))],
    )
    small = {name.casefold(): name for kind in kinds for name in kind}
    if len(small) == len({name for kind in kinds for name in kind}):
        table = table.rename(columns=lambda name: small.get(name.casefold(), name))
    columns = max(kinds, key=lambda kind: sum(name in table for name in kind))
    faults = [
        f"{path}: no column {name} for class {title}"
        for name, title in zip(columns, classes.titles)
        if name not in table
    ]
    repeated = table.columns[table.columns.duplicated()].intersection(columns)
    faults += [f"{path}: the column {name} stands there more than once" for name in repeated]
    repeated = table.index[table.index.duplicated()].unique()
    faults += [f"{path}: the clip {name} stands there more than once" for name in repeated]
    if faults:
        raise InputError("\n".join(faults))
    values = table[columns].apply(numbers).astype(float)  # of no row they are objects
    broken = (~np.isfinite(values)).any(axis=1)
    _refuse(path, lines, table.index, broken, "expected numbers, found something else")
    scores = values.to_numpy(float)
    if (scores >= 0).all() and (np.abs(scores.sum(1) - 100) <= 100 * ROUNDED).all():
        scores = scores / 100
    if (scores < 0).any() or (scores > 1).any():
        scores = softmax(scores, axis=1)
    sums = scores.sum(1)
    wrong = np.abs(sums - 1) > ROUNDED
    found = f"found a sum of {sums[wrong][0]:.3g}" if wrong.any() else ""
    wanted = "expected probabilities that sum to 1, or logits"
    _refuse(path, lines, table.index, wrong, f"{wanted}, {found}")
    return pd.DataFrame(scores / sums[:, None], index=table.index, columns=list(classes.codes))


def _refuse(
    path: Path, lines: Sequence[int], names: Sequence[str], wrong: Sequence[bool], problem: str
) -> None:
    """Raise InputError where rows are `wrong`: about the first, and where a few others are."""
    where = np.flatnonzero(wrong)
    if len(where):
        others = [lines[i] for i in where[1:]]
        also = f"; likewise in line {listed(others)}" if others else ""
        raise InputError(
            fault_line(path, lines[where[0]], f"{problem} in the row of {names[where[0]]}{also}")
        )


def numbers(texts: pd.Series) -> pd.Series:
    """Numbers that are written with points or commas; NaN for other text."""
    return pd.to_numeric(texts.str.replace(",", ".", regex=False), errors="coerce")


def read_regions(path: Path, classes: ClassTable) -> pd.DataFrame | None:
    """The probabilities (N, R) of a model's own region head, in our own table of predictions.

    None where it had none.
    """
    return read_numbers(path, region_columns(classes.region_names))


def read_numbers(path: Path, columns: Sequence[str]) -> pd.DataFrame | None:
    """Some `columns` of our own table of predictions, by the names of its clips.

    None where it lacks them. What `write_csv` wrote is read at once; what a spreadsheet has made of
    it, cell by cell, which takes ten times the memory.
    """
    kinds = {"clip": str} | dict.fromkeys(columns, float)
    how = dict(usecols=list(kinds), dtype=kinds, index_col="clip", keep_default_na=False)
    try:
        header = pd.read_csv(path, nrows=0).columns
        if "clip" in header and not set(columns) <= set(header):
            return None
        return pd.read_csv(path, **how)[list(columns)]
    except ValueError:  # pandas' errors of what is no such table are some, too
        table, _ = read_by_clip(path)
        return table[columns].apply(numbers) if set(columns) <= set(table) else None


def read_by_clip(path: Path) -> tuple[pd.DataFrame, list[int]]:
    """A table as text by the names of its clips, and the line of each row.

    The names stand in the column clip or vid, or in the first. Raises InputError for no such table.
    """
    separator, rows = read_rows(path)
    if not rows:
        raise InputError(f"{path}: expected a CSV file with a row a clip, found nothing")
    if faults := surplus(path, separator, rows):
        raise InputError(faults[0])
    (_, header), *rows = rows
    small = [name.casefold() for name in header]
    clip = next((small.index(name) for name in ("clip", "vid") if name in small), 0)
    cells = [(row + [""] * len(header))[: len(header)] for _, row in rows]
    table = pd.DataFrame(cells, columns=header, dtype=str)
    names = pd.Index([clip_name(row[clip]) for row in cells], dtype=object)
    return table.set_axis(names), [line for line, _ in rows]

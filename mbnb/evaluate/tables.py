"""Tables of predictions, a row a clip: ours written, anybody's read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from mbnb.classes import ClassTable
from mbnb.clips import Clips, join
from mbnb.data.dataset import DataSet
from mbnb.files import InputError, replacing
from mbnb.runs import probability_columns, region_columns

# How far a sum of probabilities may be from 1; many classes rounded to two decimals are.
ROUNDED = 0.3


def prediction_table(
    names: Sequence[str],
    classes: ClassTable,
    probabilities: np.ndarray,
    regions: np.ndarray | None = None,
    reject: float = 0.0,
    subjects: Sequence[str] | None = None,
) -> pd.DataFrame:
    """A row a clip: clip, subject where known, predicted, confidence, and the probabilities.

    `predicted` is a code, nothing where the confidence is below `reject`; `p_<code>` stands for
    every class, and `r_<region>` for every region where a head of its own tells them.
    """
    best, confidence = probabilities.argmax(1), probabilities.max(1, initial=0)
    columns = {"clip": names} | ({} if subjects is None else {"subject": subjects})
    columns["predicted"] = [
        classes.codes[i] if sure >= reject else "" for i, sure in zip(best, confidence)
    ]
    columns["confidence"] = confidence
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
        raise InputError(
            f"{len(strangers)} of {len(names)} clips are not among the labelled ones of "
            f"{data.root}, {strangers[0]} the first"
        )
    return known.take(np.array([place[name] for name in names]))


def read_scores(path: Path, classes: ClassTable) -> pd.DataFrame:
    """The probabilities (N, C) in a CSV file, a row a clip.

    Our own `predictions.csv`, or another model's with the clip's name first (clip, vid or the like)
    and a column for each class, called by its code, with or without p_, or by its id. Probabilities
    may be rounded; where there is a number below 0 or above 1, all are taken for logits. Raises
    InputError that lists every fault, such as sums of probabilities far from 1.
    """
    table = _read_by_clip(path)
    # An earlier version kept what it said of clips by themselves in columns a_.
    kinds = (
        [f"a_{code}" for code in classes.codes],
        probability_columns(classes.codes),
        list(classes.codes),
        [str(i) for i in range(len(classes))],
    )
    columns = max(kinds, key=lambda kind: sum(name in table for name in kind))
    faults = [
        f"{path}: no column {name} for class {title}"
        for name, title in zip(columns, classes.titles)
        if name not in table
    ]
    repeated = table.index[table.index.duplicated()].unique()
    faults += [f"{path}: the clip {name} stands there more than once" for name in repeated]
    if faults:
        raise InputError("\n".join(faults))
    values = table[columns].apply(pd.to_numeric, errors="coerce")
    broken = (~np.isfinite(values)).any(axis=1)
    faults = [
        f"{path}, line {line + 2}: expected numbers, found something else in the row of {name}"
        for line, (name, bad) in enumerate(broken.items())
        if bad
    ]
    if faults:
        raise InputError("\n".join(faults))
    scores = values.to_numpy(float)
    if (scores < 0).any() or (scores > 1).any():
        scores = softmax(scores, axis=1)
    sums = scores.sum(1)
    faults = [
        f"{path}, line {line + 2}: expected probabilities that sum to 1, or logits, found a sum of "
        f"{sums[line]:.3g} in the row of {table.index[line]}"
        for line in np.flatnonzero(np.abs(sums - 1) > ROUNDED)
    ]
    if faults:
        raise InputError("\n".join(faults))
    return pd.DataFrame(scores / sums[:, None], index=table.index, columns=list(classes.codes))


def read_regions(path: Path, classes: ClassTable) -> pd.DataFrame | None:
    """The probabilities (N, R) of a model's own region head, in our own table of predictions.

    None where it had none.
    """
    table = _read_by_clip(path)
    columns = region_columns(classes.region_names)
    return table[columns].astype(float) if set(columns) <= set(table) else None


def _read_by_clip(path: Path) -> pd.DataFrame:
    """A CSV file as text, by the names of the clips in its first column."""
    try:
        table = pd.read_csv(path, dtype=str, index_col=0)  # names such as 0001 are no numbers
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a CSV file with a row a clip ({error})") from None
    table.index = table.index.astype(str).str.removesuffix(".mp4")
    return table

"""A submission for the micro-action challenges: a zip with one CSV of five guesses each of action and body part.

The columns, the clips and their order change from year to year, so they are taken from the organisers' own sample file or list of
clips, and everything is checked against it before anything is written.
"""

import csv
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.classes import ClassTable
from mbnb.files import InputError, replacing
from mbnb.scores.metrics import region_probabilities

GUESSES = 5
COLUMNS = (
    "vid",
    *(f"{level}_pred_{i}" for level in ("action", "body") for i in range(1, GUESSES + 1)),
)


def write_submission(
    path: Path,
    sample: Path,
    probabilities: pd.DataFrame,
    classes: ClassTable,
    regions: pd.DataFrame | None = None,
) -> int:
    """Write the submission zip and return its number of clips.

    `sample` is a CSV whose header and column `vid` are taken over, or a text file with a clip's name at the start of every line.
    `probabilities` (index clip, a column a class) and `regions` (a column a region, what a head of its own says, if there is one) must
    have just these clips. Body parts are numbered in the order of their letters, as the annotation manual does. Raises InputError that lists
    every fault, and then writes nothing.
    """
    columns, wanted = _read_sample(sample)
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    names = pd.Series(wanted).str.removesuffix(".mp4")
    faults = [
        f"{sample}: the clip {name} stands there more than once"
        for name in names[names.duplicated()].unique()
    ]
    faults += [f"no prediction for {name}" for name in names if name not in probabilities.index]
    faults += [
        f"a prediction for {name}, which {sample.name} does not ask for"
        for name in probabilities.index
        if name not in set(names)
    ]
    faults += [f"{sample}: the column {column} stands there more than once" for column in repeated]
    unknown = [column for column in columns if column not in COLUMNS]
    if unknown or "vid" not in columns:
        faults.append(
            f"{sample}: expected the columns {', '.join(COLUMNS)} or some of them with vid, found {', '.join(columns)}"
        )
    if faults:
        raise InputError("\n".join(faults))
    found = probabilities.loc[names].to_numpy()
    body = region_probabilities(
        found, classes, None if regions is None else regions.loc[names].to_numpy()
    )
    letters = sorted(
        range(len(classes.region_names)),
        key=lambda region: classes.codes[classes.region_ids.index(region)],
    )
    table = pd.DataFrame({"vid": wanted})
    for level, values in (("action", found), ("body", body[:, letters])):
        best = np.argsort(-values, axis=1, kind="stable")[:, :GUESSES]
        for i in range(best.shape[1]):
            table[f"{level}_pred_{i + 1}"] = best[:, i]
    short = [column for column in columns if column not in table]
    if short:
        raise InputError(
            f"{sample} asks for {', '.join(short)}, but the class table has too few classes or body parts"
        )
    with replacing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("prediction.csv", table[columns].to_csv(index=False))
    return len(table)


def _read_sample(sample: Path) -> tuple[list[str], list[str]]:
    """The columns and the clips, in order, that a sample or a list of clips asks for."""
    try:
        text = sample.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{sample}: cannot be read ({error})") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(
            f"{sample}: expected a sample submission or a list of clips, found nothing"
        )
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, skipinitialspace=True)]
    if "vid" not in rows[0] and len(rows[0]) == 1:
        return list(COLUMNS), [line.split()[0] for line in lines]
    place = rows[0].index("vid") if "vid" in rows[0] else 0
    short = [str(number) for number, row in enumerate(rows, 1) if len(row) <= place]
    if short:
        raise InputError(
            f"{sample}: expected {place + 1} columns or more in every line, found fewer in line {', '.join(short)}"
        )
    return rows[0], [row[place] for row in rows[1:]]

"""A submission for the micro-action challenges, a zip with one CSV.

It holds five guesses each of action and body part. The columns, the clips and their order change
from year to year, so they are taken from the organisers' own sample file or list of clips, and
everything is checked against it before anything is written.
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

    `sample` is a CSV whose header and column `vid` are taken over, or a text file with a clip's
    name at the start of every line. `probabilities` (index clip, a column a class) and `regions`
    (a column a region, what a head of its own says, if there is one) must have just these clips.
    Body parts are numbered in the order of their letters, as the annotation manual does. Raises
    InputError that lists every fault, and then writes nothing.
    """
    columns, videos = _read_sample(sample)
    names = pd.Series(videos).str.removesuffix(".mp4")
    _check(sample, columns, names, probabilities.index)
    actions = probabilities.loc[names].to_numpy()
    parts = region_probabilities(
        actions, classes, None if regions is None else regions.loc[names].to_numpy()
    )
    by_letter = sorted(
        range(len(classes.region_names)),
        key=lambda region: classes.codes[classes.region_ids.index(region)],
    )
    table = pd.DataFrame({"vid": videos})
    for level, values in (("action", actions), ("body", parts[:, by_letter])):
        ranked = np.argsort(-values, axis=1, kind="stable")[:, :GUESSES]
        for i, guesses in enumerate(ranked.T, 1):
            table[f"{level}_pred_{i}"] = guesses
    lacking = [column for column in columns if column not in table]
    if lacking:
        raise InputError(
            f"{sample} asks for {', '.join(lacking)}, "
            "but the class table has too few classes or body parts"
        )
    with replacing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("prediction.csv", table[columns].to_csv(index=False))
    return len(table)


def _check(sample: Path, columns: list[str], names: pd.Series, predicted: pd.Index) -> None:
    """Raise InputError with all that does not fit between a sample and the clips predicted."""
    wanted = set(names)
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    faults = [
        f"{sample}: the clip {name} stands there more than once"
        for name in names[names.duplicated()].unique()
    ]
    faults += [f"no prediction for {name}" for name in names if name not in predicted]
    faults += [
        f"a prediction for {name}, which {sample.name} does not ask for"
        for name in predicted
        if name not in wanted
    ]
    faults += [f"{sample}: the column {column} stands there more than once" for column in repeated]
    if "vid" not in columns or not set(columns) <= set(COLUMNS):
        faults.append(
            f"{sample}: expected the columns {', '.join(COLUMNS)} or some of them with vid, "
            f"found {', '.join(columns)}"
        )
    if faults:
        raise InputError("\n".join(faults))


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
    too_short = [str(number) for number, row in enumerate(rows, 1) if len(row) <= place]
    if too_short:
        raise InputError(
            f"{sample}: expected {place + 1} columns or more in every line, "
            f"found fewer in line {', '.join(too_short)}"
        )
    return rows[0], [row[place] for row in rows[1:]]

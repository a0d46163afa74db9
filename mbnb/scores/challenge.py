"""A submission for the micro-action challenges, a zip with one CSV.

It holds five guesses each of action and body part. The columns, the clips and their order change
from year to year, so they are taken from the organisers' own sample file or list of clips, and
everything is checked against it before anything is written.
"""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.classes import ClassTable, read_classes
from mbnb.files import InputError, read_rows, replacing
from mbnb.scores.metrics import region_probabilities
from mbnb.text import clip_name, listed, pair_up

GUESSES = 5
COLUMNS = (
    "vid",
    *(f"{level}_pred_{i}" for level in ("action", "body") for i in range(1, GUESSES + 1)),
)
OTHER_HEADERS = ("clip", "clip_name", "video", "filename")  # of tables that are no samples


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
    names = pd.Series(map(clip_name, videos), dtype=object)
    _check(sample, columns, names, probabilities.index)
    if classes == read_classes("ma52_still"):  # a challenge does not ask whether nothing happens
        classes = read_classes("ma52")
        probabilities = probabilities.iloc[:, : len(classes)]
        regions = None if regions is None else regions.iloc[:, : len(classes.region_names)]
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
    missing = [name for name in names.unique() if name not in predicted]
    if missing:
        pairs = pair_up(missing[:1], predicted)
        meant = f"; is {missing[0]} {pairs[missing[0]]!r} after a spreadsheet?" if pairs else ""
        faults.append(f"no prediction for {listed(missing)}, which {sample} asks for{meant}")
    others = [name for name in predicted if name not in wanted]
    if others:
        faults.append(f"a prediction for {listed(others)}, which {sample.name} does not ask for")
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
    _, rows = read_rows(sample, COLUMNS)
    if not rows:
        raise InputError(
            f"{sample}: expected a sample submission or a list of clips, found nothing"
        )
    header = [cell.casefold() for cell in rows[0][1]]
    while not header[-1]:
        header.pop()
    if not set(header) & {*COLUMNS, *OTHER_HEADERS}:
        if nameless := [line for line, row in rows if not row[0]]:
            raise InputError(
                f"{sample}: expected a clip at the start, found none in line {listed(nameless)}"
            )
        return list(COLUMNS), [row[0].split()[0] for _, row in rows]
    place = header.index("vid") if "vid" in header else 0
    too_short = [line for line, row in rows if len(row) <= place or not row[place]]
    if too_short:
        raise InputError(
            f"{sample}: expected a clip in column vid, found none in line {listed(too_short)}"
        )
    return header, [row[place] for _, row in rows[1:]]

"""What the comparison of several coders' files comes to: its tables, as text and as files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from mbnb.classes import ClassTable
from mbnb.coding.agreement import (
    ALL,
    BLOCK,
    OVERLAPS,
    Coders,
    agreement_table,
    alpha_table,
    disagreements,
    mean_average_precision,
)
from mbnb.coding.cut import class_of
from mbnb.coding.reading import choose, read_codings
from mbnb.files import InputError, replacing
from mbnb.intervals import MACHINE, Coding
from mbnb.text import listed

SHOWN = 10  # rows of disagreements that are printed
PRINTED = {  # columns of the table of agreement, and what they are called where there is less room
    "class": "class",
    "kappa_time": "kappa_time",
    "kappa_time_low": "low",
    "kappa_time_high": "high",
    "kappa_event": "kappa_event",
    "intervals_1": "n_1",
    "intervals_2": "n_2",
    **{f"f1_{least}": f"f1_{least}" for least in OVERLAPS},
    "onset_absolute_median_s": "onset_s",
    "offset_absolute_median_s": "offset_s",
}


def compare(
    files: Sequence[Path], unit: float, classes: ClassTable | None = None, **chosen
) -> dict[str, pd.DataFrame]:
    """By name the tables agreement, alpha, disagreements, notes and, for a machine, precision.

    A file with both human and machine annotations of one recording may be given alone: they are two
    coders then. classes: labels are brought to its classes' titles, and others left out and said.
    Raises InputError where there is nothing to compare.
    """
    if unit <= 0:
        raise InputError(f"--unit: expected seconds above 0, found {unit:g}")
    codings, notes = {}, []
    names = [path.stem for path in files]
    for path in files:
        name = path.stem if names.count(path.stem) == 1 else str(path)
        if name in codings:
            raise InputError(f"{path}: given twice")
        found = read_codings(path)
        # A file of one recording may call it as it likes.
        meant = chosen | {"recording": ""} if len(found) == 1 < len(files) else chosen
        codings[name] = choose(found, path, **meant)
        notes += [f"{name}: {remark}" for one in codings[name] for remark in one.remarks]
    if len(codings) == 1:
        codings = _by_origin(*codings.items())
    if classes:
        codings = {
            coder: [_named(coder, one, classes, notes) for one in ones]
            for coder, ones in codings.items()
        }
    coders = Coders(codings, unit)
    labels = [{one.label for ones in of.values() for one in ones} for of in coders.coded.values()]
    if not set.intersection(*labels):
        notes.append("no label stands in all of these files: are they of the same recording?")
    notes += [f"not coded by all, left out: {listed(coders.alone)}"] * bool(coders.alone)
    tables = {
        "agreement": agreement_table(coders),
        "alpha": alpha_table(coders),
        "disagreements": disagreements(coders),
    }
    sure = [c for c in coders.coders if _is_machine(coders, c)]
    if len(sure) == 1 and len(coders.coders) == 2:
        truth = next(coder for coder in coders.coders if coder not in sure)
        tables["precision"] = mean_average_precision(coders.coded[truth], coders.coded[sure[0]])
    tables["notes"] = pd.DataFrame({"note": notes}, dtype=str)
    tables["notes"].attrs["unit"] = unit
    return tables


def _by_origin(pair: tuple[str, Sequence[Coding]]) -> dict[str, list[Coding]]:
    """The human and the machine annotations of one file as two coders."""
    name, ones = pair
    origins = dict.fromkeys(one.origin for coding in ones for one in coding)
    if len(origins) < 2:
        raise InputError(f"{name}: one coder alone; give the files of two or more")
    return {
        origin: [
            replace(c, intervals=tuple(o for o in c if o.origin == origin), length=c.end)
            for c in ones
        ]
        for origin in origins
    }


def _named(coder: str, coding: Coding, classes: ClassTable, notes: list[str]) -> Coding:
    """A coding whose labels are titles of classes; what stands for none is left out and noted."""
    kept, unknown = [], {}
    for one in coding:
        number = class_of(one.label, classes)
        if number is not None:
            kept.append(replace(one, label=classes.titles[number]))
        elif one.label:
            unknown[one.label] = unknown.get(one.label, 0) + 1
    if unknown:
        notes.append(
            f"{coder}, {coding.name}: {sum(unknown.values())} intervals are of no class and left "
            f"out: {listed([f'{label!r}' for label in unknown], 6)}"
        )
    if not kept and coding.labels:
        raise InputError(
            f"{coder}, {coding.name}: the list of classes does not match: no label is in it; "
            f"labels: {listed(coding.labels, 6)}; classes: {listed(classes.titles, 6)}"
        )
    return replace(coding, intervals=tuple(kept), length=coding.end)


def _is_machine(coders: Coders, coder: str) -> bool:
    ones = [one for of_one in coders.coded[coder].values() for one in of_one]
    return bool(ones) and all(one.origin == MACHINE for one in ones)


def as_text(tables: dict[str, pd.DataFrame]) -> str:
    """The tables for people, the unit stated; of disagreements the first few."""
    unit = tables["notes"].attrs["unit"]
    show = dict(index=False, float_format="%.3f", na_rep="")
    parts = list(tables["notes"]["note"])
    for (one, other), table in tables["agreement"].groupby(["coder_1", "coder_2"], sort=False):
        parts += [
            f"\n{one} and {other}; kappa_time by units of {unit:g} s, its interval (95 %) from "
            f"drawing stretches of {BLOCK:g} s, kappa_event by intervals that overlap",
            table[list(PRINTED)].rename(columns=PRINTED).to_string(**show),
        ]
    alpha = tables["alpha"]
    parts += [f"\nKrippendorff's alpha of {alpha['coders'].iloc[0]} coders by units of {unit:g} s"]
    parts += [alpha.drop(columns="coders").to_string(**show)]
    if "precision" in tables:
        mean = tables["precision"].set_index("class").loc[ALL, "mean"]
        parts += [f"\nmean average precision, mean over IoU 0.1 to 0.9: {mean:.3f}"]
    moments = tables["disagreements"]
    parts += [
        f"\n{len(moments)} moments of disagreement" + (", the first:" if len(moments) else "")
    ]
    columns = ["recording", "time", "label_1", "label_2", "kind"]
    parts += [moments[columns].head(SHOWN).to_string(index=False)] if len(moments) else []
    return "\n".join(parts)


def write(tables: dict[str, pd.DataFrame], folder: Path) -> dict[Path, int]:
    """Write every table as a CSV file into a folder; the number of rows by file."""
    written = {}
    for name, table in tables.items():
        path = folder / f"{name}.csv"
        with replacing(path) as part:
            table.to_csv(part, index=False, float_format="%.6f")
        written[path] = len(table)
    return written

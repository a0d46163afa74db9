"""Codings -> files of coded intervals, by the ending of their names."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from mbnb.classes import ClassTable
from mbnb.coding import boris, boris_tables, eaf_write, segments
from mbnb.files import InputError
from mbnb.intervals import Coding

WRITERS: dict[str, Callable[[Sequence[Coding], Path], None]] = {
    ".eaf": eaf_write.write,
    ".boris": boris.write,
    ".tsv": boris_tables.write,
    ".csv": segments.write,
}


def write_coding(codings: Sequence[Coding], path: Path, classes: ClassTable | None = None) -> None:
    """Write .eaf for ELAN, .boris or .tsv for BORIS, .csv for everybody else.

    classes: tells a CSV the body regions of labels. Raises InputError for another ending, and where
    a format cannot hold the codings.
    """
    path, codings = Path(path), list(codings)
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise InputError(f"{path}: expected a name that ends in {', '.join(WRITERS)}")
    if writer is segments.write:
        segments.write(codings, path, classes)
        return
    if endless := [coding.name for coding in codings for one in coding if one.end == math.inf]:
        raise InputError(
            f"{path}: {endless[0]} has a label up to an end that nobody knows, which only a .csv "
            "can hold"
        )
    writer(codings, path)

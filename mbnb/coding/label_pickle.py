"""Label pickles of ST-GCN, as SMG's and iMiGUE's scripts write them: names, and a class for each.

A label is of a whole recording, from its beginning to its end, however long that is.
"""

import math
from typing import Any

from mbnb.coding.file import File
from mbnb.files import InputError
from mbnb.formats.pickles import read_pickle
from mbnb.intervals import Coding, Interval

EXPECTED = "a pickle of two lists, names of recordings and their labels"


def recognises(file: File) -> bool:
    """Whether a file begins as pickles do."""
    return file.raw[:1] == b"\x80"


def read(file: File) -> list[Coding]:
    """One coding a name, with one interval. Raises InputError for any other pickle."""
    content: Any = read_pickle(file.path, EXPECTED)
    parts = [list(part) for part in content] if isinstance(content, tuple | list) else []
    if (
        len(parts) != 2
        or len(parts[0]) != len(parts[1])
        or not all(isinstance(name, str) for name in parts[0])
    ):
        raise InputError(f"{file.path}: expected {EXPECTED}")
    return [Coding(name, (Interval(0.0, math.inf, str(label)),)) for name, label in zip(*parts)]

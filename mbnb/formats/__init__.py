"""Other joints and files -> ours: one converter a file, all of them in `CONVERTERS`.

Imports clips and what stands before it. To add a format, write one file with a function
`to_h36m` beside these and give it a line in the table.
"""

from collections.abc import Callable

import numpy as np

from mbnb.files import InputError
from mbnb.formats import coco17, halpe26, mediapipe33

# Name of a format -> function that turns its points (..., P, C) into our joints (..., 17, C).
CONVERTERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "coco17": coco17.to_h36m,
    "halpe26": halpe26.to_h36m,
    "mediapipe33": mediapipe33.to_h36m,
}


def to_h36m(points: np.ndarray, name: str) -> np.ndarray:
    """(..., P, C) points of the named format -> (..., 17, C) joints in the order of `h36m17`.

    Raises InputError for an unknown format and for another number of points than it has.
    """
    if name not in CONVERTERS:
        raise InputError(f"unknown format {name!r}; known: {', '.join(CONVERTERS)}")
    return CONVERTERS[name](points)

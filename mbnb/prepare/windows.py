"""Windows of long recordings: equal stretches that a network takes at a time.

`cover` leaves no frame out; `parity_windows` cuts as MotionBERT does, which drops what does not
fill a window.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from mbnb.prepare.parity import random_resample_index


def cover(length: int, window: int, stride: int) -> np.ndarray:
    """(W, min(window, length)) positions of windows that overlap and hold every frame.

    The last one ends with the recording, wherever the `stride` would put it.
    """
    window = min(window, length)
    starts = np.append(np.arange(0, length - window, stride), length - window)
    return starts[:, None] + np.arange(window)


def parity_windows(
    sequences: Sequence, window: int, stride: int, coins: Tensor | None = None
) -> Tensor:
    """(W, window) positions in recordings that lie one after the other.

    sequences: the name of each frame's recording; neighbours of one name are one recording. One
    that is shorter than a window is stretched to it by a row of `coins`, see
    `parity.random_resample_index`, unless it is the last, or its name has given a window before.
    """
    runs, first = [], 0
    for name, members in groupby(sequences):
        length = sum(1 for _ in members)
        runs.append((name, first, length))
        first += length
    windows, named, stretched = [], set(), 0
    for number, (name, first, length) in enumerate(runs, 1):
        if length >= window:
            windows += [
                torch.arange(start, start + window)
                for start in range(first, first + length - window + 1, stride)
            ]
        elif number < len(runs) and name not in named:
            windows.append(first + random_resample_index(length, window, coins[stretched]))
            stretched += 1
        else:
            continue
        named.add(name)
    return torch.stack(windows) if windows else torch.zeros((0, window), dtype=torch.long)

"""People in a picture as MotionBERT takes them: pixels to its range, tracks untangled."""

import numpy as np


def camera_range(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Pixels (..., 2) to MotionBERT's range, in which the longer side spans [-1, 1].

    The shorter side begins at -1, too: nothing is centred.
    """
    return pixels / max(width, height) * 2 - 1


def untangle(tracks: np.ndarray) -> np.ndarray:
    """Two tracked people (2, T, J, C) whose identities a tracker has exchanged: swap them back.

    A frame counts where the first person is farther from its own last pose than from the other's,
    by the first two channels; the two are exchanged where the count so far is odd.
    """
    moved = (tracks[:1, 1:] - tracks[:, :-1])[..., :2]  # (2 before, T - 1, J, 2)
    step = np.linalg.norm(moved, axis=-1).sum(-1)  # (2 before, T - 1)
    swaps = np.append([0], step[0] > step[1]).cumsum() % 2 == 1  # (T,)
    return np.where(swaps[:, None, None], tracks[::-1], tracks)

"""Markers on the skin of the pelvis -> centres of the hips inside it.

By shares of the distance between both anterior spines (Bell, Pedersen and Brand, Journal of
Biomechanics 23, 1990): 0.36 to the side of their middle, 0.19 to the back, 0.30 down.
"""

from collections.abc import Sequence

import numpy as np

ASIDE, BACK, DOWN = 0.36, 0.19, 0.30
FRONT = ("left_asis", "right_asis")
BEHIND = (("left_psis", "right_psis"), ("sacrum",))
NOTE = "hips were placed inside the pelvis by the markers on it (Bell et al. 1990)"


def has_pelvis(words: Sequence[str]) -> bool:
    """Whether there are the markers that it takes."""
    return set(FRONT) <= set(words) and any(set(way) <= set(words) for way in BEHIND)


def hips_of(points: np.ndarray, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(..., P, 3) points with these words as names -> (..., 3) the left hip and the right one."""
    at = {word: points[..., i, :] for i, word in enumerate(words)}
    left, right = (at[name] for name in FRONT)
    way = next(way for way in BEHIND if set(way) <= set(words))
    middle = (left + right) / 2
    width = np.linalg.norm(right - left, axis=-1, keepdims=True)
    across = (right - left) / width
    back = np.mean([at[name] for name in way], axis=0) - middle
    back = back - across * (back * across).sum(-1, keepdims=True)
    back = back / np.linalg.norm(back, axis=-1, keepdims=True)
    up = np.cross(back, across)
    inside = middle + width * (BACK * back - DOWN * up)
    return inside - ASIDE * width * across, inside + ASIDE * width * across

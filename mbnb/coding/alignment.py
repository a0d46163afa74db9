"""Two codings of one recording laid beside each other: by units of time, and interval by interval.

How far two intervals agree is their IoU, the time that both share over the time that either takes.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from mbnb.intervals import Interval

NOTHING = ""  # the label of what one coder has and the other has not
MOMENT = 0.1  # seconds that a moment is taken to last, so that two can be compared


def in_units(intervals: Sequence[Interval], labels: Sequence[str], end: float, unit: float):
    """(U, C) bool, in which units of time each label is coded, by the middle of a unit.

    A moment is in the unit that it falls into. end: seconds up to which there are units; the last
    may be shorter.
    """
    count = max(1, int(np.ceil(end / unit - 1e-9)))
    middles = (np.arange(count) + 0.5) * unit
    present = np.zeros((count, len(labels)), bool)
    column = {label: i for i, label in enumerate(labels)}
    for one in intervals:
        if one.label not in column:
            continue
        if one.is_moment:
            place = min(int(one.start / unit + 1e-9), count - 1)
            present[place, column[one.label]] = True
        first, stop = np.searchsorted(middles, (one.start, one.end))
        present[first:stop, column[one.label]] = True
    return present


def spans(intervals: Sequence[Interval]) -> np.ndarray:
    """(N, 2) starts and ends; a moment lasts `MOMENT` around itself."""
    times = np.array([(one.start, one.end) for one in intervals], float).reshape(-1, 2)
    moment = times[:, 0] == times[:, 1]
    times[moment] += (-MOMENT / 2, MOMENT / 2)
    return times


def ious(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N, M) IoU of every interval of (N, 2) with every one of (M, 2)."""
    shared = np.minimum(first[:, None, 1], second[None, :, 1]) - np.maximum(
        first[:, None, 0], second[None, :, 0]
    )  # (N, M)
    shared = shared.clip(min=0)
    either = (first[:, 1] - first[:, 0])[:, None] + (second[:, 1] - second[:, 0])[None] - shared
    return np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)


def pairs(
    first: Sequence[Interval], second: Sequence[Interval], least: float, by_label: bool = True
) -> list[tuple[int, int]]:
    """Positions of intervals that belong together, each in one pair at most, in order of time.

    As many pairs as can be of an IoU of at least `least` (above 0 in any case), of these the ones
    that agree most; only of equal labels where `by_label`. The same both ways round.
    """
    overlap = ious(spans(first), spans(second))  # (N, M)
    fits = (overlap >= least) & (overlap > 0)
    if by_label:
        names = np.array([one.label for one in first], object)
        fits &= names[:, None] == np.array([one.label for one in second], object)[None]
    chosen = []
    # What touches nothing in common is matched by itself, so that long codings stay quick.
    for rows, columns in _groups(fits):
        part = np.ix_(rows, columns)
        worth = np.where(fits[part], 1 + overlap[part] / (len(rows) + len(columns) + 1), 0.0)
        for i, j in zip(*linear_sum_assignment(worth, maximize=True)):
            if fits[rows[i], columns[j]]:
                chosen.append((int(rows[i]), int(columns[j])))
    return sorted(chosen, key=lambda pair: (first[pair[0]].start, pair))


def _groups(fits: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns of (N, M) that are connected by what fits."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = np.nonzero(fits)
    total = sum(fits.shape)
    graph = coo_array((np.ones(len(rows)), (rows, columns + len(fits))), (total, total))
    count, group = connected_components(graph, directed=False)
    group_of_row, group_of_column = group[: len(fits)], group[len(fits) :]
    return [
        (np.flatnonzero(group_of_row == i), np.flatnonzero(group_of_column == i))
        for i in np.unique(group_of_row[rows])
    ]

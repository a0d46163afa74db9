"""Two codings of one recording laid beside each other: by units of time, and interval by interval.

How far two intervals agree is their IoU, the time that both share over the time that either takes.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

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
    a, b = spans(first), spans(second)
    rows, columns, overlap = _touching(a, b)
    fits = overlap >= least
    if by_label:
        same = [first[i].label == second[j].label for i, j in zip(rows, columns)]
        fits &= np.array(same, bool)
    rows, columns, overlap = rows[fits], columns[fits], overlap[fits]
    chosen = []
    # What touches nothing in common is matched by itself, so that long codings stay quick.
    for edges in _groups(rows, columns, len(a), len(b)):
        i, own_i = np.unique(rows[edges], return_inverse=True)
        j, own_j = np.unique(columns[edges], return_inverse=True)
        worth = np.zeros((len(i), len(j)))
        worth[own_i, own_j] = 1 + overlap[edges] / (len(i) + len(j) + 1)
        for k, m in zip(*linear_sum_assignment(worth, maximize=True)):
            if worth[k, m]:
                chosen.append((int(i[k]), int(j[m])))
    return sorted(chosen, key=lambda pair: (first[pair[0]].start, pair))


def _touching(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions in (N, 2) and (M, 2) of intervals that share time, (E,) each, and their IoU."""
    order = b[:, 0].argsort(kind="stable")
    starts = b[order, 0]
    longest = max(b[:, 1] - b[:, 0], default=0.0)
    # Whatever shares time with one starts before it ends, and no longer before it than it can last.
    stops = np.searchsorted(starts, a[:, 1], side="left")
    begins = np.minimum(np.searchsorted(starts, a[:, 0] - longest, side="left"), stops)
    rows = np.repeat(np.arange(len(a)), stops - begins)
    columns = order[
        np.concatenate([np.arange(*ends) for ends in zip(begins, stops)] or [[]]).astype(int)
    ]
    shared = np.minimum(a[rows, 1], b[columns, 1]) - np.maximum(a[rows, 0], b[columns, 0])
    touch = shared > 0
    rows, columns, shared = rows[touch], columns[touch], shared[touch]
    either = (a[rows, 1] - a[rows, 0]) + (b[columns, 1] - b[columns, 0]) - shared
    return rows, columns, shared / either


def _groups(rows: np.ndarray, columns: np.ndarray, n: int, m: int) -> list[np.ndarray]:
    """The edges between N rows and M columns, in parts that have neither in common."""
    graph = coo_array((np.ones(len(rows)), (rows, columns + n)), (n + m, n + m))
    group = connected_components(graph, directed=False)[1][rows]
    order = group.argsort(kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if len(rows) else []

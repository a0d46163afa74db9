"""Probabilities over time -> segments, several classes at a time.

A segment of a class begins and ends where its probability, smoothed, crosses a low threshold, and
is there if a high one is reached in between (hysteresis); short breaks are closed, and what is too
short goes. Where something surely happens and no class reaches its threshold, the likeliest class
is taken. Of segments that say of the same time that it is this and that, the surer one stays.

Shapes: S steps, C classes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from mbnb.classes import ClassTable
from mbnb.coding.alignment import ious
from mbnb.detect.slide import OverTime
from mbnb.files import InputError
from mbnb.intervals import MACHINE, Interval


@dataclass(frozen=True)
class Decoding:
    """How probabilities become segments. Times are in seconds.

    high: the probability that a segment must reach. low: at which it begins and ends, as a share of
    high. by_class: high of classes that have one of their own, by their code. smooth: deviation of
    the Gaussian that smooths over time. gap: breaks up to it are closed. shortest: of a segment.
    alike: from which IoU on of two classes' segments only the surer one stays. otherwise: how
    probable the likeliest class must be where something happens and no class is sure.
    """

    high: float = 0.5
    low: float = 0.5
    smooth: float = 0.2
    gap: float = 0.3
    shortest: float = 0.4
    alike: float = 0.5
    otherwise: float = 1.0
    by_class: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON and checkpoints."""
        return asdict(self)

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Decoding":
        """What `as_dict` gave. Raises InputError for what is none of it."""
        known = {one.name for one in fields(cls)}
        if unknown := set(told) - known:
            raise InputError(f"unknown thresholds {', '.join(sorted(unknown))}")
        return cls(**told)


def segments(
    over: OverTime, classes: ClassTable, decoding: Decoding, person: str = ""
) -> list[Interval]:
    """The segments of all stretches in order of time, labelled by the names of `classes`.

    Tiers are body regions; the confidence is the mean probability.
    """
    found = []
    for number in np.unique(over.stretch):
        rows = np.flatnonzero(over.stretch == number)
        spans = _spans(smoothed(over.values[rows], decoding, over.step), classes, decoding, over)
        first = over.times[rows[0]] - over.step / 2
        for label, start, stop, sure in spans:
            found.append(
                Interval(
                    round(float(first + start * over.step), 6),
                    round(float(first + stop * over.step), 6),
                    classes.names[label],
                    classes.regions[label],
                    person,
                    MACHINE,
                    float(sure),
                )
            )
    return sorted(found, key=lambda one: (one.start, one.end, one.label))


def smoothed(values: np.ndarray, decoding: Decoding, step: float) -> np.ndarray:
    """(S, C + 1) of one stretch, smoothed over time."""
    if not decoding.smooth:
        return values
    return gaussian_filter1d(values, decoding.smooth / step, axis=0, mode="nearest")


def _spans(
    values: np.ndarray, classes: ClassTable, decoding: Decoding, over: OverTime
) -> list[tuple[int, int, int, float]]:
    """(class, first step, end, confidence) of one stretch, the surest first."""
    gap, shortest = decoding.gap / over.step, decoding.shortest / over.step
    spans = []
    for label, code in enumerate(classes.codes):
        high = decoding.by_class.get(code, decoding.high)
        for start, stop in runs(values[:, label], high, decoding.low * high, gap, shortest):
            spans.append((label, start, stop, values[start:stop, label].mean()))
    if decoding.otherwise < 1 and np.isfinite(values[:, -1]).all():
        for start, stop in runs(1 - values[:, -1], 0.5, 0.4, gap, shortest):
            if any(a < stop and start < b for _, a, b, _ in spans):
                continue
            means = values[start:stop, :-1].mean(0)
            if means.max() >= decoding.otherwise:
                spans.append((int(means.argmax()), start, stop, means.max()))
    return _surest(spans, decoding.alike)


def runs(
    values: np.ndarray, high: float, low: float, gap: float = 0, shortest: float = 0
) -> list[tuple[int, int]]:
    """(first, end) of runs of (S,) above `low` that reach `high`; gap and shortest in steps."""
    edges = np.flatnonzero(np.diff(values >= low, prepend=False, append=False))
    joined: list[list[int]] = []
    for start, stop in edges.reshape(-1, 2).tolist():
        if values[start:stop].max() < high:
            continue
        if joined and start - joined[-1][1] <= gap:
            joined[-1][1] = stop
        else:
            joined.append([start, stop])
    return [(start, stop) for start, stop in joined if stop - start >= shortest]


def _surest(
    spans: Sequence[tuple[int, int, int, float]], alike: float
) -> list[tuple[int, int, int, float]]:
    """Without those that overlap a surer one by an IoU of `alike` or more."""
    spans = sorted(spans, key=lambda span: -span[3])
    if alike >= 1 or len(spans) < 2:
        return spans
    times = np.array([span[1:3] for span in spans], float)
    kept: list[int] = []
    for i in range(len(spans)):
        near = [j for j in kept if times[j, 0] < times[i, 1] and times[i, 0] < times[j, 1]]
        if not near or ious(times[[i]], times[near]).max() < alike:
            kept.append(i)
    return [spans[i] for i in kept]

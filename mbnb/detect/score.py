"""How well segments are found, and the thresholds that find them best on people held out."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from mbnb.classes import ClassTable
from mbnb.coding.alignment import pairs
from mbnb.detect.decode import Decoding, segments
from mbnb.detect.slide import OverTime
from mbnb.intervals import Coding, Interval
from mbnb.scores.intervals import over_people

IOU = 0.5
FEWEST = 12  # intervals of a class that a threshold of its own is chosen on
# What is tried for each number, one after the other, twice.
CHOICES = {
    "high": (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 2.0),
    "smooth": (0.0, 0.15, 0.25, 0.4),
    "low": (0.3, 0.5, 0.7, 0.9),
    "alike": (0.2, 0.35, 0.5, 0.7, 1.0),
    "otherwise": (0.0, 0.1, 0.2, 0.3, 0.4, 1.0),
    "gap": (0.0, 0.2, 0.4, 0.7),
    "shortest": (0.0, 0.3, 0.5, 0.7),
}
Found = Sequence[tuple[Coding, OverTime]]


START = Decoding()
# No class has to be sure of itself: what lies between two rests is one segment.
WHOLE = Decoding(high=2.0, smooth=0.4, shortest=0.7, otherwise=0.0)
PLAIN = Decoding(low=1.0, smooth=0.0, gap=0.0, shortest=0.0, alike=1.0)  # a threshold alone


def choose_decoding(
    found: Found, classes: ClassTable, best: Decoding = START, plain: bool = False
) -> Decoding:
    """The decoding with the highest segment F1 on recordings of people who were held out.

    best: where the search begins. plain: choose one threshold for all classes, and nothing else.
    """
    if plain:
        tried = [replace(PLAIN, high=high) for high in CHOICES["high"]]
        return max(tried, key=lambda one: f1_of(found, classes, one))
    best, score = max(
        (_climbed(found, classes, start) for start in (best, WHOLE)), key=lambda pair: pair[1]
    )
    counts = pd.Series([one.label for coding, _ in found for one in coding]).value_counts()
    by_class = {}
    for name, count in counts.items():
        if count < FEWEST or name not in classes.names:
            continue
        code = classes.codes[classes.names.index(name)]
        for factor in (0.6, 0.8, 1.25, 1.6):
            tried = replace(best, by_class=by_class | {code: min(0.95, factor * best.high)})
            if (reached := f1_of(found, classes, tried)) > score + 1e-9:
                by_class, score = tried.by_class, reached
    return replace(best, by_class=by_class)


def _climbed(found: Found, classes: ClassTable, best: Decoding) -> tuple[Decoding, float]:
    """The best decoding that is reached by changing one number after the other, and its F1."""
    score = f1_of(found, classes, best)
    for _ in range(2):
        for name, choices in CHOICES.items():
            for value in choices:
                tried = replace(best, **{name: value})
                if (reached := f1_of(found, classes, tried)) > score + 1e-9:
                    best, score = tried, reached
    return best, score


def f1_of(found: Found, classes: ClassTable, decoding: Decoding) -> float:
    """Segment F1 of what a decoding makes of probabilities."""
    return f1([(coding, segments(over, classes, decoding)) for coding, over in found])


def f1(
    compared: Sequence[tuple[Sequence[Interval], Sequence[Interval]]], iou: float = IOU
) -> float:
    """The share of segments, true and found, that have a partner of their label and time."""
    matched = sum(len(pairs(list(truth), list(found), iou)) for truth, found in compared)
    total = sum(len(list(truth)) + len(list(found)) for truth, found in compared)
    return 2 * matched / total if total else float("nan")


def false_alarms(
    compared: Sequence[tuple[Coding, Sequence[Interval]]],
) -> tuple[int, float]:
    """How many found segments lie by more than half in rests, and minutes of rest in all."""
    count, minutes = 0, 0.0
    for truth, found in compared:
        busy = _union(truth)
        covered = busy[:, 1] - busy[:, 0]
        minutes += (truth.end - covered.sum()) / 60
        for one in found:
            shared = np.minimum(busy[:, 1], one.end) - np.maximum(busy[:, 0], one.start)
            count += shared.clip(0).sum() < one.duration / 2
    return count, minutes


def _union(intervals: Sequence[Interval]) -> np.ndarray:
    """(N, 2) times in which anything goes on, without overlaps."""
    joined: list[list[float]] = []
    for one in sorted(intervals, key=lambda one: one.start):
        if joined and one.start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], one.end)
        else:
            joined.append([one.start, one.end])
    return np.array(joined).reshape(-1, 2)


def scores(
    found: Found, classes: ClassTable, decoding: Decoding, resamples: int = 500
) -> dict[str, float]:
    """Segment F1 with its 95 % interval from drawing recordings anew, and false alarms."""
    compared = [(coding, segments(over, classes, decoding)) for coding, over in found]
    each = np.array(
        [
            (2 * len(pairs(list(truth), ones, IOU)), len(truth) + len(ones))
            for truth, ones in compared
        ]
    )

    def of_recordings(counts: np.ndarray) -> list[float]:
        matched, total = counts @ each
        return [matched / total if total else np.nan]

    low, high = over_people(of_recordings, list(range(len(each))), resamples, 0)[0]
    count, minutes = false_alarms(compared)
    return {
        "f1_0.1": f1(compared, 0.1),
        "f1_0.25": f1(compared, 0.25),
        "f1_0.5": f1(compared),
        "f1_0.5_low": low,
        "f1_0.5_high": high,
        "segments": sum(len(ones) for _, ones in compared),
        "true": sum(len(truth) for truth, _ in compared),
        "false_alarms_per_min_of_rest": max(0.0, count / minutes) if minutes else np.nan,
    }

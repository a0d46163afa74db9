"""How far codings of the same recordings agree: coder with coder, or a machine with a human.

- Cohen's kappa by time units: each class is there or not in every unit of the recording (Bakeman &
  Quera, Sequential Analysis and Observational Methods for the Behavioral Sciences, 2011).
- Cohen's kappa by events: intervals that overlap are pairs, whatever their labels; what one coder
  has alone is paired with nothing. Nobody can count what neither saw, so this kappa is low.
- Krippendorff's alpha, nominal, by time units, for any number of coders.
- Segment F1: intervals of one label count as found from an IoU on.
- Mean average precision of intervals with a confidence, see `mean_average_precision`.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from mbnb.coding.alignment import NOTHING, in_units, ious, pairs, spans
from mbnb.files import InputError
from mbnb.intervals import Coding, Interval, at
from mbnb.scores.intervals import over_people
from mbnb.text import listed

UNIT = 0.1  # seconds
OVERLAPS = (0.1, 0.25, 0.5)  # of segment F1
# Of the mean average precision of multi-label detection, as PointTAD counts it, whose data sets
# and evaluation MMA-52's authors follow.
DETECTION = tuple(np.linspace(0.1, 0.9, 9).round(1).tolist())
BLOCK = 30.0  # seconds that are drawn together for intervals: what lies close resembles itself
FEWEST_BLOCKS = 10
MOST_UNITS = 2_000_000  # two days and more in tenths of a second
ALL = "(all)"


class Coders:
    """The same recordings as several coders have coded them.

    coded: by coder, by recording, its intervals that have a label. ends: by recording, the second
    up to which it was coded. unit: seconds.
    """

    def __init__(self, codings: dict[str, Sequence[Coding]], unit: float = UNIT):
        by_coder = {
            coder: {recording.name: recording for recording in ones}
            for coder, ones in codings.items()
        }
        if all(len(ones) == 1 for ones in by_coder.values()):
            # One recording each is the same one, whatever the coders have called their files.
            name = next(iter(next(iter(by_coder.values()))))
            by_coder = {c: {name: ones} for c, found in by_coder.items() for ones in found.values()}
        by_coder = _by_person(by_coder)
        names = list(dict.fromkeys(name for ones in by_coder.values() for name in ones))
        self.recordings = [n for n in names if all(n in ones for ones in by_coder.values())]
        self.alone = [n for n in names if n not in self.recordings]
        if not self.recordings:
            found = "; ".join(f"{c}: {listed(list(ones))}" for c, ones in by_coder.items())
            raise InputError(f"no recording that all have coded; {found}")
        self.unit, self.coders = unit, tuple(by_coder)
        self.coded = {
            coder: {name: [one for one in ones[name] if one.label] for name in self.recordings}
            for coder, ones in by_coder.items()
        }
        self.ends = {n: max(ones[n].end for ones in by_coder.values()) for n in self.recordings}
        long = [f"{n} ({end:g} s)" for n, end in self.ends.items() if end / unit > MOST_UNITS]
        if long:
            raise InputError(
                f"more than {MOST_UNITS} units of {unit:g} s, in {listed(long)}: is a time wrong? "
                "Else choose a longer --unit"
            )
        every = (one for ones in self.coded.values() for rec in ones.values() for one in rec)
        self.labels = tuple(sorted({one.label for one in every}))
        if not self.labels:
            raise InputError(f"no intervals with labels: {', '.join(self.coders)}")
        self.units = {coder: self._units(coder) for coder in self.coders}

    def _units(self, coder: str) -> np.ndarray:
        """(U, C) bool, which labels are coded in the units of all recordings in turn."""
        return np.concatenate(
            [
                in_units(self.coded[coder][name], self.labels, self.ends[name], self.unit)
                for name in self.recordings
            ]
        )

    def blocks(self) -> np.ndarray:
        """(U,) the number of the stretch of `BLOCK` seconds that each unit lies in."""
        counts = [len(in_units([], (), self.ends[n], self.unit)) for n in self.recordings]
        size = max(1, round(BLOCK / self.unit))
        numbers, before = [], 0
        for count in counts:
            numbers.append(before + np.arange(count) // size)
            before = numbers[-1][-1] + 1
        return np.concatenate(numbers)


def _by_person(by_coder: dict[str, dict[str, Coding]]) -> dict[str, dict[str, Coding]]:
    """Each person of a recording as a recording, where all coders name several; else the same."""
    every = [one for ones in by_coder.values() for coding in ones.values() for one in coding]
    people = list(dict.fromkeys(one.person for one in every))
    if len(people) < 2 or "" in people:
        return by_coder
    return {
        coder: {
            f"{name} [{person}]": replace(
                coding,
                intervals=tuple(one for one in coding if one.person == person),
                length=coding.end,
            )
            for name, coding in ones.items()
            for person in people
        }
        for coder, ones in by_coder.items()
    }


def agreement_table(coders: Coders, resamples: int = 1000) -> pd.DataFrame:
    """A row for each pair of coders and each class, and one for all classes.

    Intervals of kappa come from drawing stretches of `BLOCK` seconds anew, of which there must be
    `FEWEST_BLOCKS`.
    """
    rows = []
    for one, other in combinations(coders.coders, 2):
        events, found = paired_events(coders, one, other), _found(coders, one, other)
        about = f"{one} and {other}"
        for i, label in enumerate(tqdm((*coders.labels, ALL), about, delay=2, leave=False)):
            chosen = None if label == ALL else label
            column = slice(None) if label == ALL else [i]
            a, b = (coders.units[coder][:, column] for coder in (one, other))  # (U, 1 or C)
            states = _states(a, b)
            row = {
                "coder_1": one,
                "coder_2": other,
                "class": label,
                "kappa_time": kappa(*states),
            }
            low, high = _interval(coders, *states, resamples)
            row |= {"kappa_time_low": low, "kappa_time_high": high}
            row |= {
                "agreement_time": float((a == b).all(1).mean()),
                "kappa_event": event_kappa(*events, chosen),
            }
            rows.append(row | _segments(coders, (one, other), found, chosen))
    return pd.DataFrame(rows)


def _states(*coded: np.ndarray) -> np.ndarray:
    """(K, U) of K times (U, C) bool: which of the combinations of labels that occur it is."""
    packed = np.packbits(np.stack(coded), axis=2)  # (K, U, C / 8)
    rows = np.ascontiguousarray(packed).view(f"V{packed.shape[2]}")  # (K, U, 1)
    return np.unique(rows, return_inverse=True)[1].reshape(packed.shape[:2])


def kappa(first: Sequence, second: Sequence) -> float:
    """Cohen's kappa of two lists of labels; NaN where both only know one and the same.

    As scikit-learn counts it, without a table of all labels by all, which thousands of combinations
    of classes would not fit into.
    """
    kinds, codes = np.unique([*first, *second], return_inverse=True)
    if len(kinds) < 2:
        return float("nan")
    a, b = codes.reshape(2, -1)
    counts = [np.bincount(one, minlength=len(kinds)) for one in (a, b)]
    expected = counts[0] @ counts[1] / len(a) ** 2
    return float(((a == b).mean() - expected) / (1 - expected))


def _interval(
    coders: Coders, first: np.ndarray, second: np.ndarray, resamples: int
) -> tuple[float, float]:
    """The 95 % interval of the kappa of time units; NaN where stretches are too few."""
    blocks = coders.blocks()
    if blocks[-1] + 1 < FEWEST_BLOCKS:
        return float("nan"), float("nan")
    # Stretches are drawn whole, so that their sums are all that is needed of them.
    agreed = np.bincount(blocks, first == second)  # (B,)
    lasts = np.bincount(blocks)
    margins = np.zeros((2, len(lasts), max(first.max(), second.max()) + 1))
    for margin, states in zip(margins, (first, second)):
        np.add.at(margin, (blocks, states), 1)

    def of_stretches(counts: np.ndarray) -> list[float]:
        total = counts @ lasts
        expected = (counts @ margins[0]) @ (counts @ margins[1]) / total**2  # (B,) · (B, S)
        return [(counts @ agreed / total - expected) / (1 - expected) if expected < 1 else np.nan]

    return over_people(of_stretches, list(range(len(lasts))), resamples, 0)[0]


def paired_events(coders: Coders, one: str, other: str) -> tuple[list[str], list[str]]:
    """The labels that two coders gave to the same events, `NOTHING` where one has none."""
    first, second = [], []
    for name in coders.recordings:
        a, b = coders.coded[one][name], coders.coded[other][name]
        matched = pairs(a, b, 0.0, by_label=False)
        left = {i for i, _ in matched}, {j for _, j in matched}
        only = [x.label for i, x in enumerate(a) if i not in left[0]]
        missed = [x.label for j, x in enumerate(b) if j not in left[1]]
        first += [a[i].label for i, _ in matched] + only + [NOTHING] * len(missed)
        second += [b[j].label for _, j in matched] + [NOTHING] * len(only) + missed
    return first, second


def event_kappa(first: list[str], second: list[str], label: str | None = None) -> float:
    """Cohen's kappa of paired events, of all labels or of one against whatever else."""
    if label is not None:
        first, second = ([found == label for found in ones] for ones in (first, second))
    return kappa(first, second)


def _found(coders: Coders, one: str, other: str) -> dict[float, list[tuple[str, float, float]]]:
    """By IoU the pairs of one label: the label, and how much later the other begins and ends."""
    return {
        least: [
            (a[i].label, b[j].start - a[i].start, b[j].end - a[i].end)
            for a, b in ((coders.coded[one][n], coders.coded[other][n]) for n in coders.recordings)
            for i, j in pairs(a, b, least)
        ]
        for least in OVERLAPS
    }


def _segments(
    coders: Coders,
    pair: tuple[str, str],
    found: dict[float, list[tuple[str, float, float]]],
    label: str | None,
) -> dict[str, float]:
    """Counts, segment F1, and how far borders of pairs from the lowest IoU on lie apart."""
    counts = [
        sum(label in (None, one.label) for ones in coders.coded[coder].values() for one in ones)
        for coder in pair
    ]
    matched = {
        least: [borders for of, *borders in ones if label in (None, of)]
        for least, ones in found.items()
    }
    total = sum(counts)
    row = {"intervals_1": counts[0], "intervals_2": counts[1]}
    row |= {
        f"f1_{least}": 2 * len(ones) / total if total else float("nan")
        for least, ones in matched.items()
    }
    apart = np.array(matched[OVERLAPS[0]]).reshape(-1, 2)
    for i, name in enumerate(("onset", "offset")):
        values = apart[:, i]
        row[f"{name}_mean_s"] = float(values.mean()) if len(values) else float("nan")
        row[f"{name}_absolute_median_s"] = (
            float(np.median(abs(values))) if len(values) else float("nan")
        )
    return row


def alpha_table(coders: Coders) -> pd.DataFrame:
    """Krippendorff's alpha of all coders by time units, for each class and for all at once."""
    stacked = np.stack([coders.units[coder] for coder in coders.coders])  # (K, U, C)
    rows = [
        {"class": label, "alpha_time": nominal_alpha(stacked[:, :, i])}
        for i, label in enumerate(coders.labels)
    ]
    rows.append({"class": ALL, "alpha_time": nominal_alpha(_states(*stacked))})
    return pd.DataFrame(rows).assign(coders=len(coders.coders))


def nominal_alpha(values: np.ndarray) -> float:
    """Krippendorff's alpha of (K, U) nominal values, K coders of U units, none of them missing.

    NaN where there is one value alone, which says nothing. As the library krippendorff counts it,
    whose table of coincidences for each unit an hour of many classes does not fit into memory.
    """
    coders, units = values.shape
    kinds, codes = np.unique(values, return_inverse=True)
    if len(kinds) < 2:
        return float("nan")
    totals = np.bincount(codes.reshape(-1)).astype(float)  # (V,)
    # Pairs of coders who agree, unit for unit; each pair counts both ways round.
    pairs_of = combinations(codes.reshape(coders, units), 2)
    agreed = 2 * sum((one == other).sum() for one, other in pairs_of) / (coders - 1)
    count = coders * units
    expected = (totals * (totals - 1)).sum() / (count - 1)
    return float(1 - (count - agreed) / (count - expected))


def disagreements(coders: Coders, least: float = OVERLAPS[0]) -> pd.DataFrame:
    """Moments to look at again, by time: intervals that one coder of a pair has alone.

    What overlaps but has other labels is one row with both. Intervals of one label, with an IoU of
    `least` or more, agree.
    """
    rows = []
    for one, other in combinations(coders.coders, 2):
        for name in coders.recordings:
            rows += _disagreements(
                name, (one, coders.coded[one][name]), (other, coders.coded[other][name]), least
            )
    columns = ("recording", "start", "end", "time", "coder_1", "label_1", "coder_2", "label_2")
    table = pd.DataFrame(rows, columns=(*columns, "person", "kind"))
    return table.sort_values(["recording", "start", "end"], ignore_index=True)


def _disagreements(
    recording: str,
    first: tuple[str, list[Interval]],
    second: tuple[str, list[Interval]],
    least: float,
) -> list[tuple]:
    (one, a), (other, b) = first, second
    agreed = pairs(a, b, least)
    a = [x for i, x in enumerate(a) if i not in {i for i, _ in agreed}]
    b = [x for j, x in enumerate(b) if j not in {j for _, j in agreed}]
    confused = pairs(a, b, 0.0, by_label=False)
    rows = []
    for i, j in confused:
        kind = "another label" if a[i].label != b[j].label else "other borders"
        both = min(a[i].start, b[j].start), max(a[i].end, b[j].end)
        rows.append((*both, a[i].label, b[j].label, a[i].person or b[j].person, kind))
    left = {i for i, _ in confused}, {j for _, j in confused}
    for i, x in enumerate(a):
        if i not in left[0]:
            rows.append((x.start, x.end, x.label, "", x.person, f"only {one}"))
    for j, x in enumerate(b):
        if j not in left[1]:
            rows.append((x.start, x.end, "", x.label, x.person, f"only {other}"))
    return [
        (recording, start, end, at(start), one, label_1, other, label_2, person, kind)
        for start, end, label_1, label_2, person, kind in rows
    ]


def mean_average_precision(
    truth: dict[str, Sequence[Interval]],
    answers: dict[str, Sequence[Interval]],
    overlaps: Sequence[float] = DETECTION,
) -> pd.DataFrame:
    """Average precision of each class that is in the truth, a column an IoU; the mean is last.

    truth, answers: by recording. Answers of all recordings are sorted by confidence (of none it is
    1); each takes the truth that it overlaps most among those that no better answer took. Precision
    is made to fall with recall, and the area under it counted, as ActivityNet's evaluation does.
    The mean over `overlaps` from 0.1 to 0.9 is the detection mAP of multi-label data sets.
    """
    labels = sorted({one.label for ones in truth.values() for one in ones if one.label})
    rows = [
        {"class": label}
        | {str(least): _precision(truth, answers, label, least) for least in overlaps}
        for label in labels
    ]
    table = pd.DataFrame(rows, columns=["class", *map(str, overlaps)])
    table["mean"] = table[list(map(str, overlaps))].mean(axis=1)
    mean = {"class": ALL} | table.drop(columns="class").mean().to_dict()
    return pd.concat([table, pd.DataFrame([mean])], ignore_index=True)


def _precision(
    truth: dict[str, Sequence[Interval]],
    answers: dict[str, Sequence[Interval]],
    label: str,
    least: float,
) -> float:
    """Average precision of one class at one IoU."""
    true = {name: [one for one in ones if one.label == label] for name, ones in truth.items()}
    given = [
        (1.0 if one.confidence is None else one.confidence, name, one)
        for name, ones in answers.items()
        for one in ones
        if one.label == label
    ]
    given.sort(key=lambda answer: -answer[0])
    taken = {name: set() for name in true}
    right = np.zeros(len(given), bool)
    for i, (_, name, one) in enumerate(given):
        overlap = ious(spans([one]), spans(true.get(name, [])))[0]
        for j in overlap.argsort()[::-1]:
            if overlap[j] < least:
                break
            if j not in taken[name]:
                taken[name].add(j)
                right[i] = True
                break
    found = right.cumsum()
    precision = found / np.arange(1, len(right) + 1)
    recall = found / max(1, sum(map(len, true.values())))
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0) * precision).sum())

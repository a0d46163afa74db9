"""Tables for statistics: what each person does how often, how long and after what, with a codebook.

All are tidy: a row for each person, stretch and class, so that R, SPSS and pandas read them as they
are. Where nothing can be said, a cell is empty.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.classes import ClassTable
from mbnb.coding.segments import region_of
from mbnb.files import replacing
from mbnb.intervals import Coding, Interval

WHOLE = "(whole)"  # the stretch that is all of a recording
MEASURES, TRANSITIONS, CODEBOOK = "measures.csv", "transitions.csv", "codebook.csv"
ABOUT = {
    MEASURES: {
        "recording": ("text", "", "name of the recording"),
        "person": ("text", "", "who does it; empty where the coding names nobody"),
        "stretch": ("text", "", f"part of the recording, such as question; {WHOLE}: all of it"),
        "level": ("class or region", "", "whether the row counts one class or a whole region"),
        "name": ("text", "", "name of the class or of the region"),
        "region": ("text", "", "body region of the class, by the class table or else its tier"),
        "observed_s": ("number", "s", "seconds of the stretches with this name, all together"),
        "count": ("whole number", "", "intervals and moments that begin in these stretches"),
        "rate_per_min": ("number", "1/min", "count per minute of observed_s"),
        "total_s": ("number", "s", "seconds in which it is going on; what overlaps counts once"),
        "share": ("number, 0 to 1", "", "total_s divided by observed_s"),
        "mean_s": ("number", "s", "mean duration of what begins there, in full; moments left out"),
        "sd_s": ("number", "s", "standard deviation of these durations; empty below two"),
        "latency_s": (
            "number",
            "s",
            "from the beginning of a stretch to its first onset, mean over stretches with one",
        ),
        "latency_n": ("whole number", "", "stretches with this name in which it begins"),
        "stretches": ("whole number", "", "stretches with this name"),
    },
    TRANSITIONS: {
        "recording": ("text", "", "name of the recording"),
        "person": ("text", "", "who does it; empty where the coding names nobody"),
        "stretch": ("text", "", "part of the recording in which both begin"),
        "level": ("class or region", "", "whether classes or regions follow each other"),
        "from": ("text", "", "the class or region that begins first"),
        "to": ("text", "", "the one that begins next, whether or not the first has ended"),
        "count": ("whole number", "", "how often that happens within one stretch"),
        "probability": ("number, 0 to 1", "", "count divided by all transitions from the first"),
    },
}


@dataclass(frozen=True)
class _Part:
    """Stretches of one name in a recording: (start, end) each."""

    name: str
    spans: tuple[tuple[float, float], ...]

    @property
    def seconds(self) -> float:
        return sum(end - start for start, end in self.spans)


def measures(
    codings: Sequence[Coding],
    classes: ClassTable | None = None,
    stretches: str = "",
    seen: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> dict[str, pd.DataFrame]:
    """The tables by the names of their files: measures, transitions, codebook.

    classes: tells regions and which classes there are besides those that occur; what never occurs
    counts 0. stretches: the tier whose intervals divide recordings, such as one of questions and
    answers; it is not counted itself. A recording ends where the coding says so, else with its last
    interval. seen: by recording the times (start, end) in which anything can be observed; without
    it that is all of it.
    """
    divided = [_divided(coding, stretches, (seen or {}).get(coding.name)) for coding in codings]
    codings = [coding for coding, _ in divided]
    people = [(c, parts, p) for c, parts in divided for p in c.people or ("",)]
    labels = dict.fromkeys(classes.names) if classes else {}
    labels |= dict.fromkeys(
        _class_name(one.label, classes) for coding in codings for one in coding if one.label
    )
    regions = _regions(codings, labels, classes)
    rows, moves = [], []
    for coding, parts, person in people:
        ones = [
            replace(one, label=_class_name(one.label, classes))
            for one in coding
            if one.label and one.person == person
        ]
        for part in parts:
            for level, names in (
                ("class", {label: label for label in labels}),
                ("region", regions),
            ):
                about = (coding.name, person, part.name, level)
                shown = [replace(one, label=names[one.label]) for one in ones]
                for name in dict.fromkeys(names.values()):
                    some = [one for one in shown if one.label == name]
                    region = regions[name] if level == "class" else name
                    rows.append((*about, name, region, *_measure(some, part)))
                moves += [(*about, *move) for move in _transitions(shown, part)]
    tables = {
        MEASURES: pd.DataFrame(rows, columns=list(ABOUT[MEASURES])),
        TRANSITIONS: pd.DataFrame(moves, columns=list(ABOUT[TRANSITIONS])),
    }
    about = [(table, name, *text) for table, of in ABOUT.items() for name, text in of.items()]
    tables[CODEBOOK] = pd.DataFrame(about, columns=["table", "column", "values", "unit", "meaning"])
    return tables


def write_measures(
    codings: Sequence[Coding],
    folder: Path,
    classes: ClassTable | None = None,
    stretches: str = "",
) -> dict[str, pd.DataFrame]:
    """Write `measures` as CSV files into a folder, and return them."""
    tables = measures(codings, classes, stretches)
    for name, table in tables.items():
        with replacing(folder / name) as part:
            table.to_csv(part, index=False, float_format="%.6f")
    return tables


def _class_name(label: str, classes: ClassTable | None) -> str:
    """The name of the class that a label stands for by its code or title, else itself."""
    ids = classes.ids_called(label) if classes else ()
    return classes.names[ids[0]] if len(ids) == 1 else label


def _regions(
    codings: Sequence[Coding], labels: dict[str, None], classes: ClassTable | None
) -> dict[str, str]:
    """The region of each label: the class table's, else the tier on which it comes first."""
    tiers: dict[str, str] = {}
    for coding in codings:
        for one in coding:
            tiers.setdefault(_class_name(one.label, classes), one.tier)
    return {label: region_of(label, classes) or tiers.get(label) or "(none)" for label in labels}


def _divided(
    coding: Coding, stretches: str, seen: Sequence[tuple[float, float]] | None
) -> tuple[Coding, list[_Part]]:
    """A coding without its tier of stretches, and the whole and the stretches by their names.

    Of both, only what lies in the times of `seen` counts, if they are given.
    """
    spans: dict[str, list[tuple[float, float]]] = {}
    for one in coding.on(stretches) if stretches else ():
        if one.label and one.duration:
            spans.setdefault(one.label, []).append((one.start, one.end))
    # What begins in the very last moment belongs to the recording, too.
    spans = {WHOLE: [(0.0, math.nextafter(coding.end, math.inf))]} | spans
    seen = [(0.0, math.inf)] if seen is None else seen
    parts = [
        _Part(
            name,
            tuple(
                (max(start, first), min(end, last))
                for start, end in sorted(ones)
                for first, last in seen
                if min(end, last) > max(start, first)
            ),
        )
        for name, ones in spans.items()
    ]
    others = tuple(one for one in coding if not stretches or one.tier != stretches)
    return replace(coding, intervals=others, length=coding.end), parts


def _measure(ones: list[Interval], part: _Part) -> tuple:
    """The numbers of one class in stretches of one name, from observed_s on."""
    begun = [[one for one in ones if start <= one.start < end] for start, end in part.spans]
    count, seconds = sum(map(len, begun)), part.seconds
    lasts = np.array([one.duration for some in begun for one in some if not one.is_moment])
    firsts = [
        min(one.start for one in some) - start
        for some, (start, _) in zip(begun, part.spans)
        if some
    ]
    total = sum(_covered(ones, start, end) for start, end in part.spans)
    return (
        seconds,
        count,
        60 * count / seconds if seconds else np.nan,
        total,
        total / seconds if seconds else np.nan,
        lasts.mean() if len(lasts) else np.nan,
        lasts.std(ddof=1) if len(lasts) > 1 else np.nan,
        np.mean(firsts) if firsts else np.nan,
        len(firsts),
        len(part.spans),
    )


def _covered(ones: list[Interval], start: float, end: float) -> float:
    """Seconds between start and end in which any of the intervals is going on."""
    total, reached = 0.0, start
    for one in sorted(ones, key=lambda one: one.start):
        first, last = max(one.start, reached), min(one.end, end)
        if last > first:
            total, reached = total + last - first, last
    return total


def _transitions(ones: list[Interval], part: _Part) -> list[tuple[str, str, int, float]]:
    """From, to, count and probability of what begins next, within stretches of one name."""
    counts: dict[tuple[str, str], int] = {}
    for start, end in part.spans:
        begun = sorted((one.start, one.label) for one in ones if start <= one.start < end)
        for (_, before), (_, after) in pairwise(begun):
            counts[before, after] = counts.get((before, after), 0) + 1
    leaving: dict[str, int] = {}
    for (before, _), count in counts.items():
        leaving[before] = leaving.get(before, 0) + count
    return [
        (before, after, count, count / leaving[before])
        for (before, after), count in sorted(counts.items())
    ]

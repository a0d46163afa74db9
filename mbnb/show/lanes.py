"""What `mbnb/show/web/timeline.js` knows of a recording: lanes, segments, poses, probabilities.

Poses are kept to a millimetre, in stretches that the script unpacks when they are first looked at.
"""

import base64
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mbnb.classes import ClassTable
from mbnb.coding.agreement import Coders, disagreements
from mbnb.coding.cut import class_of
from mbnb.coding.edits import segment_names
from mbnb.coding.recordings import Recording
from mbnb.intervals import HUMAN, MACHINE, Coding, Interval
from mbnb.show.page import pack_poses

STRETCH = 1024  # frames that are unpacked together
GRAIN = 1e-3  # metres
MOST_PLACES = 6_000_000  # of joints, of all people; beyond, every second frame is shown, or third …
MOST_VALUES = 4_000_000  # probabilities; beyond, the greatest of two steps is shown, or of three, …
SAMPLE = 5_000  # frames from which the size of a picture is told
MACHINES, OWN, OTHERS = range(3)  # whose segments: the machine's, who corrects, another coder's


@dataclass(frozen=True)
class Homes:
    """On which lane a label belongs: its class' region, or the tier on which it stands mostly."""

    classes: ClassTable | None
    usual: dict[str, str]
    person: str | None  # whom everything is about where one person alone was coded

    @staticmethod
    def of(coding: Coding, classes: ClassTable | None) -> "Homes":
        """As the coding that is corrected has it."""
        counts: dict[str, Counter] = {}
        for one in coding:
            counts.setdefault(one.label, Counter())[one.tier] += 1
        usual = {label: tiers.most_common(1)[0][0] for label, tiers in counts.items()}
        return Homes(classes, usual, coding.people[0] if len(coding.people) == 1 else None)

    def tier(self, label: str) -> str | None:
        """The tier where a label is at home, None where nobody knows."""
        number = class_of(label, self.classes) if self.classes and label else None
        return self.classes.regions[number] if number is not None else self.usual.get(label)

    def lane(self, one: Interval, corrected: bool) -> tuple[str, str]:
        """Person and tier of the lane of an interval, of the `corrected` coding or of another."""
        if corrected and not self.classes:
            return one.person, one.tier
        person = one.person if corrected or self.person is None else self.person
        home = self.tier(one.label)
        return person, one.tier if home is None else home


def lanes_and_segments(
    coding: Coding,
    against: Coding | None,
    classes: ClassTable | None,
    tiers: Sequence[str],
    more_labels: Sequence[str],
    length: float,
) -> dict[str, Any]:
    """Lanes, labels and segments of a coding, which is corrected, and of another one beside it.

    tiers: those that are shown, all of them where none is named. more_labels: what labels there are
    beside those in the codings. length: seconds at which what has no end ends.
    """
    homes = Homes.of(coding, classes)
    names = segment_names(coding)
    shown = [
        (name, one, MACHINES if one.origin == MACHINE else OWN, homes.lane(one, True))
        for name, one in zip(names, coding)
        if not tiers or one.tier in tiers
    ]
    shown += [("", one, OTHERS, homes.lane(one, False)) for one in against or ()]
    listed = [] if classes else [(t.person, t.name) for t in coding.tiers if not t.parent]
    used = [lane for *_, lane in shown]
    listed = [lane for lane in listed if not tiers or lane[1] in tiers]
    lanes = _in_order([*listed, *used], coding, classes, used)
    labels = _labels([one.label for _, one, *_ in shown], coding, classes, more_labels)
    place = {label: i for i, label in enumerate(labels)}
    tier_names = [tier for _, tier in lanes]
    return {
        "lanes": [{"person": person, "tier": tier} for person, tier in lanes],
        "labels": labels,
        "homes": [
            tier_names.index(home) if (home := homes.tier(label)) in tier_names else -1
            for label in labels
        ],
        "sources": {
            "machine": any(source == MACHINES for _, _, source, _ in shown),
            "other": against.name if against else "",
        },
        "segments": {
            "name": [name for name, *_ in shown],
            "source": [source for *_, source, _ in shown],
            "lane": [lanes.index(lane) for *_, lane in shown],
            "start": [_known(one.start, length) for _, one, *_ in shown],
            "end": [_known(max(one.start, one.end), length) for _, one, *_ in shown],
            "label": [place[one.label] for _, one, *_ in shown],
            "sure": [one.confidence and _known(one.confidence, 1) for _, one, *_ in shown],
            "fixed": [int(bool(one.parent)) for _, one, *_ in shown],
        },
    }


def _known(number: float, end: float) -> float:
    """The number, within 0 and `end`, since a page cannot hold what is none."""
    return round(min(max(0.0, np.nan_to_num(number, posinf=end)), end), 4)


def _in_order(
    lanes: Sequence[tuple[str, str]],
    coding: Coding,
    classes: ClassTable | None,
    used: Sequence[tuple[str, str]],
) -> list[tuple[str, str]]:
    """Lanes (person, tier), each once: person by person, tiers as the class table has them."""
    listed = [*(classes.region_names if classes else ()), *(tier.name for tier in coding.tiers)]
    people = list(dict.fromkeys([*coding.people, *(person for person, _ in lanes)]))
    lanes = list(dict.fromkeys(lanes)) or [("", "")]

    def order(lane: tuple[str, str]) -> tuple[int, int]:
        person, tier = lane
        at = listed.index(tier) if tier in listed else len(listed)
        return (people.index(person) if person in people else len(people), at)

    # A tier that the file lists without a person, and where nobody's segments lie, is no lane of
    # its own beside those of people.
    spare = {("", tier) for person, tier in lanes if person} - set(used)
    return sorted((lane for lane in lanes if lane not in spare), key=order)


def _labels(
    used: Sequence[str], coding: Coding, classes: ClassTable | None, more: Sequence[str]
) -> list[str]:
    """All labels, those in use first; a class that is in use stands there as it is called there.

    '' is a segment on which nothing is written.
    """
    labels = [*used, *more, *(label for tier in coding.tiers for label in tier.vocabulary or ())]
    labels = list(dict.fromkeys(labels))
    known = {class_of(label, classes) for label in labels} if classes else set()
    titles = classes.titles if classes else ()
    return [*labels, *(title for i, title in enumerate(titles) if i not in known)]


def playlist(coding: Coding, against: Coding | None, classes: ClassTable | None) -> list[dict]:
    """Moments where two codings differ, by time: what each says; none where there is one alone.

    Without another coding these are human and machine in the same one. Two spellings of one class
    of the table are the same label.
    """
    if against:
        first, second = against, coding
        names = [against.name, coding.name]
        names = names if names[0] != names[1] else [f"{names[0]} (other)", names[1]]
    else:
        names = [HUMAN, MACHINE]
        first, second = (
            replace(coding, intervals=tuple(one for one in coding if one.origin == origin))
            for origin in names
        )
        if not (first.intervals and second.intervals):
            return []
    pair = [_by_class(one, classes) for one in (first, second)]
    if not any(one.label for coded in pair for one in coded):
        return []
    end = max(one.end for one in pair)
    pair = [replace(one, name=coding.name, length=end) for one in pair]
    table = disagreements(Coders({name: [one] for name, one in zip(names, pair)}))
    keys = ["start", "end", "coder_1", "label_1", "coder_2", "label_2", "person", "kind"]
    return table[keys].round(4).to_dict("records")


def _by_class(coding: Coding, classes: ClassTable | None) -> Coding:
    """Labels that name a class by the title of the class, so that spellings do not matter."""
    if not classes:
        return coding
    numbers = {label: class_of(label, classes) for label in coding.labels}
    titles = {x: x if i is None else classes.titles[i] for x, i in numbers.items()} | {"": ""}
    return replace(coding, intervals=tuple(replace(o, label=titles[o.label]) for o in coding))


def pack_tracks(recordings: Sequence[Recording]) -> tuple[dict[str, Any], bytes]:
    """People who move on one axis of time: what the script needs of them, and their poses.

    All are at the moments at which any of them was seen, NaN where one was not.
    """
    stamps = np.unique(np.concatenate([one.times for one in recordings]))
    step = float(np.median(np.diff(stamps))) if len(stamps) > 1 else 1 / 30
    # The same picture may be stamped a little differently for two people.
    stamps = stamps[np.insert(np.diff(stamps) > step / 4, 0, True)]
    places = len(stamps) * sum(one.pose.shape[1] for one in recordings)
    every = max(1, -(-places // MOST_PLACES))
    stamps = stamps[::every]
    poses, centres, extents = [], [], []
    for one in recordings:
        placed = _placed(one, stamps, step * every)  # (T, J, 3)
        centre, extent = _frame(placed)
        centres.append(centre)
        extents.append(extent)
        poses += [placed[at : at + STRETCH] for at in range(0, len(placed), STRETCH)]
    about, packed = pack_poses(poses, GRAIN)
    ticks = np.rint(stamps * 1e4).astype("<i4")
    return {
        "people": [one.person or one.name for one in recordings],
        "frames": len(stamps),
        "stretch": STRETCH,
        "stretches": about,
        "centre": centres,
        "extent": extents,
        "times": as_text(np.diff(ticks, prepend=np.int32(0))),
        "step": step * every,
        "every": every,
    }, packed


def _placed(one: Recording, stamps: np.ndarray, step: float) -> np.ndarray:
    """(T, J, 3) the poses nearest to `stamps`, NaN where none is within a step of it."""
    after = np.searchsorted(one.times, stamps).clip(1, len(one.times) - 1)
    before_is_nearer = stamps - one.times[after - 1] < one.times[after] - stamps
    nearest = after - before_is_nearer
    own = float(np.median(np.diff(one.times)))
    far = np.abs(one.times[nearest] - stamps) > 0.51 * max(step, own)
    return np.where(far[:, None, None], np.nan, one.pose[nearest])


def _frame(pose: np.ndarray) -> tuple[list[float], list[float]]:
    """The middle of a person's place, and how far the body reaches from it, wide and tall.

    What is rarely reached, or was placed wrongly, does not count.
    """
    some = pose[:: max(1, len(pose) // SAMPLE)].reshape(-1, 3)  # (t, J, 3) -> (t·J, 3)
    some = some[np.isfinite(some).all(1)]
    if not len(some):
        return [0.0, 0.0, 0.0], [0.5, 0.5]
    centre = np.quantile(some, (0.002, 0.998), axis=0).mean(0)
    away = np.abs(some - centre)
    reach = np.quantile(np.hypot(away[:, 0], away[:, 2]), 0.998), np.quantile(away[:, 1], 0.998)
    return centre.round(4).tolist(), [round(1.1 * float(far), 4) for far in reach]


def pack_strip(
    table: pd.DataFrame | None, labels: Sequence[str], person: str = "person"
) -> list[dict]:
    """Probabilities over time, person by person, as whole numbers from 0 to 255.

    table: a row a step with `time`, a column for each class, and maybe the person. labels: those of
    the page; other columns are left out.
    """
    if table is None:
        return []
    columns = [name for name in table.columns if name in labels]
    every = max(1, -(-len(table) * len(columns) // MOST_VALUES))
    parts = table.groupby(person, sort=False) if person in table else [("", table)]
    found = []
    for who, rows in parts:
        times, values = rows["time"].to_numpy(float), rows[columns].to_numpy(float)  # (S, C)
        groups = np.arange(0, len(rows), every)
        values = np.maximum.reduceat(np.nan_to_num(values), groups)
        counts = np.rint(255 * values.clip(0, 1)).astype(np.uint8).T  # (C, S)
        steps = np.diff(counts, axis=1, prepend=np.uint8(0))  # small ones deflate well
        ticks = np.rint(times[groups] * 1e4).astype("<i4")
        found.append(
            {
                "person": str(who),
                "labels": [labels.index(column) for column in columns],
                "steps": len(groups),
                "times": as_text(np.diff(ticks, prepend=np.int32(0))),
                "values": as_text(np.ascontiguousarray(steps)),
            }
        )
    return found


def as_text(values: np.ndarray) -> str:
    """The bytes of an array, deflated, as text."""
    return base64.b64encode(zlib.compress(values.tobytes(), 6)).decode()

"""Coded intervals and the skeletons of their recordings -> labelled clips in the documented layout.

Which frames belong to an interval is told by the recording's own time stamps.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.classes import ClassTable
from mbnb.clips import pack
from mbnb.coding.recordings import Recording
from mbnb.data.write import write_dataset
from mbnb.files import InputError, replacing
from mbnb.intervals import Coding, Interval, Medium, at
from mbnb.settings import say_once
from mbnb.text import clip_name, listed, whole_number
from mbnb.video.frames import LONGEST_PAUSE

TABLE = "intervals.csv"  # a row for each interval, cut or not
NOTHING = "nothing"  # the region of the class that nothing happens
NO_NOTHING = (
    "--nothing: no clip of it, since something is coded all the time; a tier that divides the "
    "recording counts, too: name the others with --tier"
)
APART = 0.2  # seconds that clips of nothing keep from intervals, whose borders are not exact


@dataclass
class _Row:
    """What became of one interval, a row of the table."""

    clip: str  # the recording and a number, since one label occurs many times
    recording: str
    start: float
    end: float
    label: str
    class_id: int | None
    tier: str
    person: str
    origin: str
    confidence: float | None
    modifiers: str
    frames: int = 0
    first_frame: int | None = None
    together_with: str = ""
    remarks: str = ""
    left_out: str = ""
    pose: np.ndarray | None = field(default=None, repr=False)


def cut(
    codings: Sequence[Coding],
    recordings: Sequence[Recording],
    out: Path,
    classes: ClassTable | None = None,
    padding: float = 0.0,
    shortest: float = 0.5,
    overlaps: bool = True,
    nothing: float = 0.0,
) -> pd.DataFrame:
    """Write a clip for each interval to a data set at `out`; the table says what became of each.

    classes: what labels stand for by code, name, title or number; without it every label is a
    class, and its tier the region. padding: seconds that are added at either end. shortest: seconds
    to which shorter intervals, moments among them, are widened. Without `overlaps`, intervals that
    share time with another label of the same person are left out. nothing: seconds of the pieces
    into which the time between intervals is cut as a class of its own, 0 for none; it goes to the
    class of the region `NOTHING`, or to a new one. Nothing is lost: what is not cut
    stands in the table, `intervals.csv`, with the reason. Raises InputError where nothing is cut.
    """
    expect_free(out)
    pairs, unmatched = matched(codings, recordings)
    found = {one.label for coding, _ in pairs for one in coding}
    table = classes or classes_of([coding for coding, _ in pairs])
    if nothing:
        table = _with_nothing(table)
        label = table.names[table.regions.index(NOTHING)]
        pairs = [(_with_gaps(c, recording, label, nothing), recording) for c, recording in pairs]
        if not any(one.label == label for coding, _ in pairs for one in coding):
            say_once(NO_NOTHING)
    rows = [_row(c.name, i, one, why) for c, why in unmatched for i, one in enumerate(c)]
    for coding, recording in pairs:
        times = np.array([(one.start, one.end) for one in coding]).reshape(-1, 2)
        for i, one in enumerate(coding):
            row = _cut_one(i, one, recording, table, padding, shortest)
            near = np.flatnonzero((times[:, 0] < one.end) & (times[:, 1] > one.start))
            row.together_with = _together(one, [coding.intervals[j] for j in near])
            if row.together_with and not overlaps and not row.left_out:
                row.left_out, row.pose = "shares time with another label", None
            rows.append(row)
    clips = [row for row in rows if row.pose is not None]
    taken = Counter()
    for row in rows:  # two recordings may differ by letters that no folder can have
        taken[row.clip] += 1
        row.clip += f"_{taken[row.clip]}" if taken[row.clip] > 1 else ""
    if not clips:
        raise InputError(_none_cut(rows, sorted(found), table if classes else None))
    columns = (
        [row.pose for row in clips],
        [row.clip for row in clips],
        [row.class_id for row in clips],
        [row.person for row in clips],
    )
    result = pd.DataFrame([asdict(replace(row, pose=None)) for row in rows]).drop(columns="pose")
    result["class_id"] = result["class_id"].astype("Int64")
    result["first_frame"] = result["first_frame"].astype("Int64")
    with replacing(out) as whole:
        write_dataset(whole, {"train": pack(*columns)}, table)
        result.to_csv(whole / TABLE, index=False, float_format="%.6f")
    return result


def expect_free(out: Path) -> None:
    """Raise InputError where `out` is there and was not cut: nobody's files are replaced."""
    if out.exists() and not (out / TABLE).is_file():
        raise InputError(f"{out}: is there and holds something else; name another folder")


def summary(rows: pd.DataFrame) -> str:
    """How many intervals were cut, and why the others were not, as text."""
    left = rows[rows["left_out"] != ""]
    lines = [f"{len(rows) - len(left)} of {len(rows)} intervals cut"]
    lines += [f"left out, {count}: {why}" for why, count in left["left_out"].value_counts().items()]
    remarks = rows.loc[rows["remarks"] != "", "remarks"].str.replace(
        r",? (from|at|for) \d[\d:.]*( s)?", "", regex=True
    )
    lines += [f"{what}, {count}" for what, count in remarks.value_counts().items()]
    together = (rows["together_with"] != "").sum()
    lines += [f"{together} share time with other labels, see together_with"] * bool(together)
    return "\n".join(lines)


def classes_of(codings: Sequence[Coding]) -> ClassTable:
    """A class for each label, the region its first tier, in the order of tiers and labels."""
    tier_of: dict[str, str] = {}
    for coding in codings:
        for one in coding:
            if one.label:
                tier_of.setdefault(one.label, one.tier)
    labels = sorted(tier_of, key=lambda label: (tier_of[label], label))
    return ClassTable(
        codes=tuple(f"L{i + 1}" for i in range(len(labels))),
        names=tuple(labels),
        regions=tuple(tier_of[label] or "body" for label in labels),
    )


def _none_cut(rows: Sequence[_Row], labels: Sequence[str], classes: ClassTable | None) -> str:
    """What is said where no interval could be cut."""
    reasons = "; ".join(dict.fromkeys(row.left_out for row in rows)) or "there are none"
    lines = [f"none of {len(rows)} intervals can be cut: {reasons}"]
    lines += [f"labels: {listed(labels, 12)}"] * bool(labels)
    lines += [f"classes: {listed(classes.titles, 12)}"] if classes else []
    return "\n".join(lines)


def _with_nothing(table: ClassTable) -> ClassTable:
    """The class table with a class that nothing happens, whose mirror image is itself."""
    if NOTHING in table.regions:
        return table
    return ClassTable(
        (*table.codes, f"N{len(table)}"),
        (*table.names, "nothing happens"),
        (*table.regions, NOTHING),
        table.mirror and (*table.mirror, len(table)),
    )


def _with_gaps(coding: Coding, recording: Recording, label: str, seconds: float) -> Coding:
    """The coding and pieces of `seconds` of the time in which nobody has coded anything."""
    people = [one for one in coding.people if one]
    person = recording.person or (people[0] if len(people) == 1 else "")
    gaps, reached = [], float(recording.times[0])
    busy = sorted((one.start, one.end) for one in coding if one.label)
    for start, end in [*busy, (float(recording.times[-1]), math.inf)]:
        first = reached + APART
        while first + seconds <= start - APART:
            gaps.append(Interval(first, first + seconds, label, NOTHING, person))
            first += seconds
        reached = max(reached, end)
    return replace(coding, intervals=(*coding.intervals, *gaps))


def of_no_class(codings: Sequence[Coding], classes: ClassTable) -> list[str]:
    """The labels that name no class."""
    labels = dict.fromkeys(one.label for coding in codings for one in coding if one.label)
    return [label for label in labels if class_of(label, classes) is None]


def class_of(label: str, classes: ClassTable) -> int | None:
    """The class id that a label names; None where it names none, or several."""
    ids = classes.ids_called(label)
    number = whole_number(label)
    if not ids and number is not None and 0 <= number < len(classes):
        return number
    return ids[0] if len(ids) == 1 else None


def matched(
    codings: Sequence[Coding], recordings: Sequence[Recording]
) -> tuple[list[tuple[Coding, Recording]], list[tuple[Coding, str]]]:
    """Codings with their recordings, in the recording's own time; and the others, with a reason.

    A recording is called as the coding or as one of its videos is. One coding and one recording
    belong together whatever they are called.
    """
    pairs, unmatched, faults = [], [], []
    by_name = {clip_name(recording.name): recording for recording in recordings}
    for coding in codings:
        media = {clip_name(medium.name): medium for medium in coding.media}
        names = [name for name in media if name in by_name]
        names = names or [name for name in [clip_name(coding.name)] if name in by_name]
        if not names and len(codings) == len(recordings) == 1:
            names = list(by_name)
            say_once(f"{coding.name}: taken with the skeletons of {names[0]}, the only ones there")
        inside: set[int] = set()
        for name in names:
            medium, recording = media.get(name), by_name[name]
            if medium and medium.offset is None:
                faults.append(
                    f"{coding.name}: nobody says how its videos lie against each other, so when "
                    f"{name} begins is not known; take the coding's project in place of a table"
                )
                continue
            own = _in_own_time(coding, medium, float(recording.times[-1]))
            inside |= set(own)
            faults += _strangers(coding, recording)
            pairs.append((replace(coding, intervals=tuple(own.values())), recording))
        rest = tuple(one for i, one in enumerate(coding) if i not in inside)
        if names:
            why = "in the time of none of the videos that have skeletons"
        else:
            why = f"no skeletons of {' or '.join([coding.name, *media])}"
            why += f", there are those of {listed(list(by_name))}" * bool(by_name)
        unmatched.append((replace(coding, intervals=rest), why))
    if faults:
        raise InputError("\n".join(faults))
    return pairs, unmatched


def _in_own_time(coding: Coding, medium: Medium | None, end: float) -> dict[int, Interval]:
    """The intervals of a coding in a video's own time, by their positions.

    Of several videos each has those that lie in it; end: where its skeletons end, in seconds.
    """
    shift = medium.offset if medium else 0.0
    length = medium.length if medium and medium.length is not None else end
    several = len([one for one in coding.media if one.kind != "audio"]) > 1
    shifted = (replace(one, start=one.start + shift, end=one.end + shift) for one in coding)
    return {
        i: one
        for i, one in enumerate(shifted)
        if not several or (one.end >= 0 and one.start < length)
    }


def _strangers(coding: Coding, recording: Recording) -> list[str]:
    """A fault where several people are coded and nobody says whose skeleton it is."""
    people = [person for person in coding.people if person]
    if len(people) < 2 or recording.person in people:
        return []
    return [
        f"{coding.name}: several people are coded, {', '.join(people)}, and the skeleton is of one "
        "of them: choose with --person"
    ]


def _together(one: Interval, near: Sequence[Interval]) -> str:
    """The other labels that the same person has in the time of an interval, and for how long.

    near: the intervals that share time with it.
    """
    return ", ".join(
        f"{other.label} ({one.shared(other):.2f} s)"
        for other in near
        if other.label not in ("", one.label) and other.person == one.person
    )


def _cut_one(
    i: int,
    one: Interval,
    recording: Recording,
    classes: ClassTable,
    padding: float,
    shortest: float,
) -> _Row:
    """The row of interval i of a recording, with its frames where it can be cut."""
    row = _row(recording.name, i, one)
    row.person = one.person or recording.person or recording.name
    row.class_id = class_of(one.label, classes)
    limit = float(recording.times[-1])
    if recording.person and one.person and recording.person != one.person:
        row.left_out = f"of another person than the skeleton, {recording.person}"
    elif not one.label:
        row.left_out = "without a label"
    elif row.class_id is None:
        row.left_out = f"the label {one.label!r} is not in the list of classes"
    elif one.end < one.start:
        row.left_out = "ends before it starts"
    elif one.start > limit:
        row.left_out = f"starts after the recording, which ends at {at(limit)}"
    else:
        _add_frames(row, one, recording, padding, shortest)
    return row


def _add_frames(
    row: _Row, one: Interval, recording: Recording, padding: float, shortest: float
) -> None:
    """Find the frames of an interval, and say what is odd about them."""
    wider = max(0.0, (shortest - one.duration) / 2)
    start, end = one.start - wider - padding, one.end + wider + padding
    # Times are rounded to the microsecond in files.
    first, stop = np.searchsorted(recording.times, (start - 1e-6, end - 1e-6))
    remarks = [f"widened from {one.duration:.3f} s"] * (wider > 0)
    if np.isfinite(one.end) and one.end > recording.times[-1] + LONGEST_PAUSE:
        remarks.append(f"cut off where the recording ends, at {at(recording.times[-1])}")
    if stop - first < 2:
        row.left_out = "fewer than two frames of the recording lie in it"
        return
    steps = np.diff(recording.times[first:stop])
    if steps.max() > LONGEST_PAUSE:
        remarks.append(f"the recording pauses for {steps.max():.1f} s in it")
    pose = recording.pose[first:stop]
    if np.isnan(pose).all():
        row.left_out = "nobody is seen in it"
        return
    row.pose, row.frames, row.first_frame = pose, int(stop - first), int(first)
    row.remarks = "; ".join(remarks)


def _row(recording: str, i: int, one: Interval, reason: str = "") -> _Row:
    """The row of interval i of a recording, so far without frames."""
    return _Row(
        clip=re.sub(r"[^\w.-]+", "_", f"{clip_name(recording)}_{i + 1:05d}"),
        recording=recording,
        start=one.start,
        end=one.end,
        label=one.label,
        class_id=None,
        tier=one.tier,
        person=one.person,
        origin=one.origin,
        confidence=one.confidence,
        modifiers="; ".join(f"{name}={value}" for name, value in one.modifiers),
        left_out=reason,
    )

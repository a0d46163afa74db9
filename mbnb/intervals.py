"""Coded intervals of a recording: who did what from when to when, by whom it was said.

This is what annotation files are read into and written from, what is cut into clips, compared with
other coders and counted. Seconds are those of the recording's own time stamps.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from mbnb.text import listed

HUMAN, MACHINE = "human", "machine"


@dataclass(frozen=True)
class Interval:
    """One coded interval, or a moment where `start` and `end` are equal.

    start, end: seconds since the recording began; `end` is `math.inf` where a label is of a whole
        recording whose length is not known.
    label: what is coded, '' where somebody marked an interval and wrote nothing.
    tier: the line that it stands on, such as head or left_hand. person: who does it, '' if unknown.
    origin: HUMAN or MACHINE. confidence: 0 to 1, None where nobody says.
    modifiers: further (name, value) of it, such as ("hand", "left").
    identity, parent: in the file it came from, its own name and that of the annotation that it is
        about; '' where there is none.
    """

    start: float
    end: float
    label: str
    tier: str = ""
    person: str = ""
    origin: str = HUMAN
    confidence: float | None = None
    modifiers: tuple[tuple[str, str], ...] = ()
    identity: str = ""
    parent: str = ""

    @property
    def duration(self) -> float:
        """Seconds, 0 of a moment and of an interval that ends before it starts."""
        return max(0.0, self.end - self.start)

    @property
    def is_moment(self) -> bool:
        """Whether it has no duration, as a point event of BORIS."""
        return self.end == self.start

    def shared(self, other: "Interval") -> float:
        """Seconds that both have in common."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))


@dataclass(frozen=True)
class Tier:
    """A line of intervals: its name, whom it is about, the tier it depends on, its vocabulary.

    vocabulary: the labels that may stand on it; None where any may.
    """

    name: str
    person: str = ""
    parent: str = ""
    vocabulary: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Medium:
    """A file that was coded: its address as the coding gives it, and what kind of file it is.

    kind: video, audio or ''. offset: seconds to add to the coding's times to get this file's own;
    None where nobody says. length: its seconds, None where nobody says.
    """

    address: str
    kind: str = "video"
    offset: float | None = 0.0
    length: float | None = None

    @property
    def name(self) -> str:
        """The name of the file alone, whichever system wrote its address."""
        return self.address.replace("\\", "/").rpartition("/")[2]


@dataclass(frozen=True)
class Coding:
    """All intervals of one recording.

    name: of the recording, as its file or its observation is called. length: its seconds, None
    where nobody says. notes: what its reader found odd, a line each. document: the bytes of the
    .eaf that it came from, so that writing it again loses nothing that is not an interval.
    """

    name: str
    intervals: tuple[Interval, ...]
    tiers: tuple[Tier, ...] = ()
    media: tuple[Medium, ...] = ()
    length: float | None = None
    notes: tuple[str, ...] = ()
    document: bytes | None = None

    def __iter__(self) -> Iterator[Interval]:
        return iter(self.intervals)

    def __len__(self) -> int:
        return len(self.intervals)

    def on(self, *tiers: str) -> "Coding":
        """The intervals on these tiers alone; all of them where no tier is named."""
        chosen = tuple(one for one in self if one.tier in tiers) if tiers else self.intervals
        return replace(self, intervals=chosen)

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels but the empty one, in the order of their first interval."""
        return tuple(dict.fromkeys(one.label for one in self if one.label))

    @property
    def people(self) -> tuple[str, ...]:
        """All people in the order of their first interval; '' is somebody who is not named."""
        return tuple(dict.fromkeys(one.person for one in self))

    @property
    def end(self) -> float:
        """The second at which the recording ends, or the last interval where nobody says."""
        ends = [one.end for one in self if math.isfinite(one.end)]
        return self.length if self.length is not None else max(ends, default=0.0)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Its notes, and whatever is odd about its intervals and media, a line each."""
        return (*self.notes, *_odd(self))


def overlapping(intervals: Iterable[Interval]) -> list[tuple[Interval, Interval]]:
    """Pairs on one tier, of one person and origin, of which the second starts within the first.

    Each is compared with the one that ends last of those before it.
    """
    pairs, open_on = [], {}
    for one in sorted(intervals, key=lambda one: (one.start, one.end)):
        line = (one.tier, one.person, one.origin)
        before = open_on.get(line)
        if before and one.start < before.end:
            pairs.append((before, one))
        if not before or one.end > before.end:
            open_on[line] = one
    return pairs


def at(seconds: float) -> str:
    """A moment as people read it: 1:02:03.456, 2:03.456 under an hour."""
    if not math.isfinite(seconds):
        return "the end"
    thousandths = round(abs(float(seconds)) * 1000)
    hours, rest = divmod(thousandths, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    sign, text = "-" if seconds < 0 else "", f"{rest // 1000:02}.{rest % 1000:03}"
    return f"{sign}{hours}:{minutes:02}:{text}" if hours else f"{sign}{minutes}:{text}"


def _odd(coding: Coding) -> list[str]:
    """What is odd about the intervals and the media of a coding, a line for each kind.

    What is on no tier may overlap others, and so may what a machine says.
    """
    sounds = [medium.name for medium in coding.media if medium.kind == "audio"]
    videos = [medium.name for medium in coding.media if medium.kind != "audio"]
    found = {
        "ends before it starts": [one for one in coding if one.end < one.start],
        "starts before the recording": [one for one in coding if one.start < 0],
        "overlaps the one before it on its tier": [
            later
            for before, later in overlapping(coding)
            if later.origin == HUMAN and (later.tier or later.label == before.label)
        ],
    }
    if coding.length is not None:
        end = f"ends after the recording, which lasts {at(coding.length)}"
        found[end] = [one for one in coding if coding.length < one.end < math.inf]
    allowed = {tier.name: tier.vocabulary for tier in coding.tiers if tier.vocabulary is not None}
    found["has a label that is not in its tier's vocabulary"] = [
        one for one in coding if one.label and one.label not in allowed.get(one.tier, (one.label,))
    ]
    remarks = [
        f"{len(ones)} {'intervals: each' if len(ones) > 1 else 'interval'} {what}: "
        f"{listed([f'{one.label!r} at {at(one.start)} on {one.tier!r}' for one in ones], 3)}"
        for what, ones in found.items()
        if ones
    ]
    if sounds and not videos:
        remarks.append(f"links sound alone, no video: {', '.join(sounds)}")
    if len(videos) > 1:
        remarks.append(f"links {len(videos)} videos: {', '.join(videos)}")
    return remarks

"""BORIS: projects (.boris), a coding for each observation; a project can be written as well.

Events are `[seconds, subject, behaviour, modifiers, comment, …]`. A state event has two of them,
start and stop, which are told apart by their order alone (BORIS user guide, "Coding your media").
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mbnb.coding.file import File
from mbnb.files import InputError, write_text
from mbnb.intervals import Coding, Interval, Medium, Tier, at, overlapping
from mbnb.text import listed

TIER = ""  # BORIS has none: whatever is coded may go on at the same time
SURE = re.compile(r"(human|machine), confidence (\d.*)")  # what mbnb writes as a comment
FPS = 25.0  # frames a second, where BORIS wants some to number frames by
NOBODY = "No focal subject"  # how tables of BORIS write the empty subject
# A moment, subject, behaviour, modifiers, comment; and start, stop, point or '' where unknown.
Event = tuple[float, str, str, tuple[tuple[str, str], ...], str, str]


def recognises(file: File) -> bool:
    """Whether a JSON file has observations and behaviours."""
    content = file.json
    return isinstance(content, dict) and {"observations", "behaviors_conf"} <= set(content)


def read(file: File) -> list[Coding]:
    """A coding for each observation, those without events among them.

    Raises InputError for a project whose parts are not as BORIS writes them.
    """
    project = file.json
    try:
        behaviours = {one["code"]: one for one in project["behaviors_conf"].values()}
        return [
            _observation(name, about, behaviours) for name, about in project["observations"].items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"{file.path}: not a project as BORIS writes them ({type(error).__name__}: {error})"
        ) from None


def pair_up(events: Iterable[Event], tier: str = TIER) -> tuple[list[Interval], list[str]]:
    """Intervals of events in the order of time, and remarks on states that never stop.

    A state is of one subject, behaviour and set of modifiers, as in BORIS. One that is not stopped
    is kept as a moment.
    """
    intervals: list[Interval] = []
    started: dict[tuple, int] = {}
    remarks = []
    for moment, person, label, modifiers, comment, kind in events:
        key = person, label, modifiers
        if key in started and kind in ("", "stop"):
            i = started.pop(key)
            intervals[i] = replace(intervals[i], end=moment)
            continue
        if kind == "stop":
            remarks.append(f"{label!r} stopped at {at(moment)} and never started: kept as a moment")
        elif kind != "point":
            remarks += [_unstopped(intervals[started[key]])] if key in started else []
            started[key] = len(intervals)
        one = Interval(moment, moment, label, tier, person, modifiers=modifiers)
        if said := SURE.fullmatch(comment):
            one = replace(one, origin=said[1], confidence=float(said[2]))
        elif comment:
            remarks.append(f"comment on {label!r} at {at(moment)}: {comment}")
        intervals.append(one)
    remarks += [_unstopped(intervals[i]) for i in started.values()]
    return intervals, remarks


def _state(one: Interval) -> tuple:
    """By what BORIS pairs the start and the stop of a state."""
    return one.person, one.label, one.modifiers


def _unstopped(one: Interval) -> str:
    return f"{one.label!r} started at {at(one.start)} and was never stopped: kept as a moment"


def _observation(name: str, about: dict, behaviours: dict[str, dict]) -> Coding:
    if about.get("type") == "IMAGES":
        return Coding(name, (), notes=("an observation of pictures, whose events have no times",))
    shift = float(about.get("time offset") or 0)
    media = _media(about, shift)
    events = []
    for event in sorted(about["events"], key=lambda event: float(event[0])):
        moment, person, label, modifiers, comment = event[:5]
        if not math.isfinite(float(moment)):
            raise ValueError(f"an event of {name} at {moment}")
        known = behaviours.get(label, {})
        kind = "point" if str(known.get("type", "Point")).startswith("Point") else ""
        pairs = _modifiers(str(modifiers), known.get("modifiers") or {})
        # Nobody can cut a movement out of a clock time, so times are those of the first video.
        events.append((float(moment) - shift, person, label, pairs, str(comment or ""), kind))
    intervals, remarks = pair_up(events)
    unknown = {label for *_, label, _, _, _ in events} - set(behaviours)
    remarks += [f"behaviours that the project does not define: {', '.join(sorted(unknown))}"] * (
        len(unknown) > 0
    )
    rows = [medium.length for medium in media if medium.offset is not None]
    one = len(media) == 1 and rows
    tier = Tier(TIER, vocabulary=tuple(behaviours))
    return Coding(
        name,
        tuple(intervals),
        (tier,) if intervals else (),
        media,
        rows[0] if one else None,
        tuple(remarks),
    )


def _media(about: dict, shift: float) -> tuple[Medium, ...]:
    """The videos of all players: those in a row follow each other, players are shifted."""
    info = about.get("media_info") or {}
    lengths, offsets = info.get("length") or {}, info.get("offset") or {}
    files = about.get("file")
    media = []
    for player, paths in files.items() if isinstance(files, dict) else ():
        passed: float | None = 0.0 - float(offsets.get(player) or 0)
        for path in paths:
            length = lengths.get(path)
            kind = "video" if (info.get("hasVideo") or {}).get(path, True) else "audio"
            media.append(Medium(path, kind, passed, None if length is None else float(length)))
            passed = None if passed is None or length is None else passed - float(length)
    return tuple(media)


def _modifiers(text: str, sets: object) -> tuple[tuple[str, str], ...]:
    """`m1|m3` -> the name of each set and its value; the word None stands for no choice."""
    ones = list(sets.values()) if isinstance(sets, dict) else []
    values = text.split("|") if text else []
    names = [str(one.get("name") or "") for one in ones] + [""] * len(values)
    return tuple(
        (name or f"modifier {i + 1}", value)
        for i, (name, value) in enumerate(zip(names, values))
        if value not in ("None", "")
    )


def write(codings: Sequence[Coding], path: Path) -> None:
    """Write a project that BORIS opens, or imports observations of into another.

    Times are of the first video of each coding, to the millisecond, as BORIS keeps them.
    """
    labels = dict.fromkeys(one.label for coding in codings for one in coding)
    moments = {label for c in codings for one in c if one.is_moment for label in [one.label]}
    states = {label for c in codings for one in c if not one.is_moment for label in [one.label]}
    if mixed := sorted(moments & states):
        raise InputError(
            f"{path}: BORIS takes a behaviour either as a point or as a state; both here: "
            f"{', '.join(mixed)}"
        )
    sets = {label: _sets(label, codings) for label in labels}
    project = {
        "time_format": "hh:mm:ss",
        "project_date": "",
        "project_name": path.stem,
        "project_description": "written by mbnb",
        "project_format_version": "7.0",
        "subjects_conf": _numbered(
            {"key": "", "name": person, "description": ""}
            for person in dict.fromkeys(p for coding in codings for p in coding.people if p)
        ),
        "behaviors_conf": _numbered(
            {
                "type": "Point event" if label in moments else "State event",
                "key": "",
                "code": label,
                "description": "",
                "category": "",
                "modifiers": _numbered(
                    {"name": name, "type": 0, "values": values}
                    for name, values in sets[label].items()
                ),
                "excluded": "",
                "coding map": "",
            }
            for label in labels
        ),
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "converters": {},
        "observations": {coding.name: _as_observation(coding, sets) for coding in codings},
    }
    write_text(path, json.dumps(project, ensure_ascii=False, indent=1))


def _numbered(ones: Iterable[dict]) -> dict[str, dict]:
    return {str(i): one for i, one in enumerate(ones)}


def _sets(label: str, codings: Sequence[Coding]) -> dict[str, list[str]]:
    """The sets of modifiers of a behaviour and the values that occur."""
    sets: dict[str, dict[str, None]] = {}
    for coding in codings:
        for one in coding:
            for name, value in one.modifiers if one.label == label else ():
                sets.setdefault(name, {})[value] = None
    return {name: list(values) for name, values in sets.items()}


def event_rows(coding: Coding, sets: dict[str, dict[str, list[str]]]) -> list[list[Any]]:
    """Rows of time, subject, behaviour, modifiers, comment and START, STOP or POINT, by time.

    Raises InputError for what BORIS cannot tell apart: a state that starts again while it lasts.
    """
    states = [replace(one, tier="", person=str(_state(one)), origin="") for one in coding]
    if twice := [later for _, later in overlapping(states) if not later.is_moment]:
        raise InputError(
            f"{coding.name}: BORIS starts no state again before it stops, as here: "
            + listed([f"{one.label!r} at {at(one.start)}" for one in twice])
        )
    rows = []
    for one in coding:
        chosen = dict(one.modifiers)
        modifiers = "|".join(chosen.get(name) or "None" for name in sets.get(one.label, {}))
        sure = "" if one.confidence is None else f"{one.origin}, confidence {one.confidence:.3g}"
        about = [one.person, one.label, modifiers, sure]
        if one.is_moment:
            rows.append([round(one.start, 3), *about, "POINT"])
        else:
            rows.append([round(one.start, 3), *about, "START"])
            rows.append([round(one.end, 3), *about[:3], "", "STOP"])
    # What stops comes before what starts at the same moment, else BORIS would pair them wrongly.
    return sorted(rows, key=lambda row: (row[0], row[5] != "STOP"))


def _length(medium: Medium, coding: Coding) -> float:
    """The seconds of a video, or where nobody knows them of what is coded in it."""
    return coding.end + medium.offset if medium.length is None else medium.length


def _as_observation(coding: Coding, sets: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    media = [medium for medium in coding.media if medium.offset is not None]
    players = {str(i + 1): [medium.address] for i, medium in enumerate(media)}
    return {
        "file": players,
        "type": "MEDIA" if media else "LIVE",
        "date": "",
        "description": "",
        "time offset": 0.0,
        "events": [row[:5] for row in event_rows(coding, sets)],
        "independent_variables": {},
        "close_behaviors_between_videos": False,
        "visualize_spectrogram": False,
        "media_info": {
            # BORIS counts with them until it has read a video itself.
            "length": {m.address: _length(m, coding) for m in media},
            "fps": {m.address: FPS for m in media},
            "hasVideo": {m.address: m.kind != "audio" for m in media},
            "hasAudio": {},
            "offset": {str(i + 1): 0.0 - m.offset for i, m in enumerate(media)},
        },
    }

"""What a person corrects in a coding: edits that the timeline keeps, checked, and applied to it.

An edits file is JSON: `format`, `version`, `recording`, `length` (its seconds, or null) and
`edits`, of which each names a segment, says what became of it, and has all that then holds of it:
start and end in seconds, label, tier, person. So an edit outlasts another detection, whose segments
have other names: only a rejection needs the segment that it is about.
"""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mbnb.files import InputError, read_text
from mbnb.intervals import HUMAN, Coding, Interval, at
from mbnb.text import listed

FORMAT, VERSION = "mbnb edits", 1
ACCEPTED, REJECTED, CHANGED, ADDED = VERDICTS = ("accepted", "rejected", "changed", "added")
LARGEST = 64 << 20  # bytes; a thousand edits take 0.2 MB
LONGEST = 7 * 86_400  # seconds
LONGEST_TEXT = 10_000  # letters of a label; on some tiers stands what was said
SHOWN = 20  # faults that are said of one file
SLACK = 1.0  # seconds that the last frame, or a rounded end, may be off
# What no .eaf can hold, since XML cannot.
NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Edit:
    """What became of one segment; verdict is one of `VERDICTS`, the rest is what then holds."""

    segment: str
    verdict: str
    start: float
    end: float
    label: str
    tier: str = ""
    person: str = ""


def segment_names(coding: Coding) -> tuple[str, ...]:
    """A name for each interval, told by its times, label, person and origin alone.

    It is the same in an .eaf, in a CSV and after a rerun with the same outcome. What is alike in
    all of these is numbered.
    """
    seen: Counter[str] = Counter()
    names = []
    for one in coding:
        times = [str(round(1000 * t)) if math.isfinite(t) else "" for t in (one.start, one.end)]
        about = "\x1f".join([*times, one.label, one.person, one.origin])
        name = hashlib.sha256(about.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return tuple(names)


def read_edits(path: Path) -> dict[str, Any]:
    """The content of an edits file, as it was written. Raises InputError for every fault in it."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path}: larger than {LARGEST >> 20} MB, which no edits are")
    try:
        content = json.loads(read_text(path, "edits"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cut short or damaged JSON ({error})") from None
    check_edits(content, path)
    return content


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def check_edits(content: Any, where: object) -> tuple[Edit, ...]:
    """The edits in the content of a file, `where`.

    Raises InputError that names every fault, `SHOWN` of them.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{where}: expected edits of a timeline (format {FORMAT!r})")
    if content.get("version") != VERSION:
        found = str(content.get("version"))[:20]
        raise InputError(f"{where}: expected version {VERSION} of the format, found {found}")
    length, entries = content.get("length"), content.get("edits")
    faults = []
    if not (length is None or (_is_time(length) and length > 0)):
        faults.append(f"expected the recording's seconds as length, found {str(length)[:40]}")
        length = None
    if not _is_text(content.get("recording")):
        faults.append("expected the recording's name as recording")
    if not isinstance(entries, list):
        raise InputError("\n".join(f"{where}: {f}" for f in [*faults, "expected a list of edits"]))
    edits = []
    for i, entry in enumerate(entries, 1):
        wrong = _faults(entry, LONGEST if length is None else length + SLACK)
        faults += [f"edit {i}: {fault}" for fault in wrong]
        if not wrong:
            edits.append(Edit(**{key: entry[key] for key in Edit.__dataclass_fields__}))
    counts = Counter(edit.segment for edit in edits)
    faults += [f"segment {name!r} has {n} edits" for name, n in counts.items() if n > 1]
    if faults:
        more = [f"and {len(faults) - SHOWN} more"] * (len(faults) > SHOWN)
        raise InputError("\n".join(f"{where}: {fault}" for fault in [*faults[:SHOWN], *more]))
    return tuple(edits)


def _faults(entry: Any, end: float) -> list[str]:
    """What is wrong with one edit of a recording that lasts until `end`."""
    if not isinstance(entry, dict):
        return [f"expected an object, found {str(entry)[:40]!r}"]
    faults = []
    if entry.get("verdict") not in VERDICTS:
        found = str(entry.get("verdict"))[:40]
        faults.append(f"expected one of {', '.join(VERDICTS)} as verdict, found {found!r}")
    for key in ("segment", "label", "tier", "person"):
        if not _is_text(entry.get(key)):
            faults.append(
                f"expected text of at most {LONGEST_TEXT} letters as {key}, without control "
                f"characters, found {str(entry.get(key))[:40]!r}"
            )
    times = [entry.get(key) for key in ("start", "end")]
    if not all(map(_is_time, times)):
        faults.append(f"expected start and end in seconds, found {str(times)[:60]}")
    elif not 0 <= times[0] <= times[1] <= end:
        faults.append(
            f"expected 0 ≤ start ≤ end ≤ {at(end)}, found {times[0]:.6g} and {times[1]:.6g} s"
        )
    return faults


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and not NO_TEXT.search(value)


def _is_time(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= LONGEST


def apply_edits(coding: Coding, edits: Sequence[Edit]) -> Coding:
    """The coding as it was corrected: what was accepted, changed or added is human.

    What nobody looked at stays as it is. Rejected intervals are gone, and so is what depended on
    them, as ELAN does it. A human's own interval keeps its place in the document that it came from.
    An edit of a segment that is not there is kept where it says what is to be there, and noted.
    Raises InputError where none of the segments is there: these are edits of another coding.
    """
    left = {edit.segment: edit for edit in edits}
    about_segments = [edit for edit in edits if edit.verdict != ADDED]
    kept, gone = [], set()
    for name, one in zip(segment_names(coding), coding):
        edit = left.pop(name, None)
        if edit is None:
            kept.append(one)
        elif edit.verdict == REJECTED:
            gone.add(one.identity)
        else:
            kept.append(_corrected(one, edit))
    lost = [edit for edit in left.values() if edit.verdict != ADDED]
    if lost and len(lost) == len(about_segments):
        raise InputError(
            f"{coding.name}: none of the {len(lost)} segments that were edited is in it: are these "
            "edits of another recording, or of another file of it?"
        )
    gone -= {""}
    while dependent := {o.identity for o in kept if o.parent in gone and o.identity} - gone:
        gone |= dependent
    kept = [one for one in kept if not one.identity or one.identity not in gone]
    kept += [
        Interval(edit.start, edit.end, edit.label, edit.tier, edit.person)
        for edit in left.values()
        if edit.verdict != REJECTED
    ]
    said = listed([f"{edit.label!r} at {at(edit.start)}" for edit in lost])
    note = f"{len(lost)} edited segments are not in it, what was made of them is: {said}"
    notes = (*coding.notes, *([note] if lost else []))
    return replace(coding, intervals=tuple(kept), notes=notes)


def _corrected(one: Interval, edit: Edit) -> Interval:
    """An interval as a person has left it. What depends on another keeps its time, as in ELAN."""
    changed = {"label": edit.label}
    if not one.parent:
        changed |= {"start": edit.start, "end": edit.end}
    if one.origin != HUMAN:
        # It leaves the machine's tier for one of people, so it is a new annotation there.
        changed |= {"origin": HUMAN, "confidence": None, "identity": "", "parent": ""}
        changed |= {"tier": edit.tier, "person": edit.person}
    return replace(one, **changed)


def correct(codings: Sequence[Coding], path: Path) -> tuple[Coding, ...]:
    """Codings of which the one that the edits file at `path` is about is corrected.

    Raises InputError as `read_edits` and `apply_edits` do, and where it is not clear which it is.
    """
    content = read_edits(path)
    edits, name = check_edits(content, path), content["recording"]
    meant = [one for one in codings if one.name == name] if len(codings) > 1 else list(codings)
    if len(meant) != 1:
        raise InputError(
            f"{path}: edits of {name!r}; there is {listed([one.name for one in codings], 6)}"
        )
    return tuple(apply_edits(one, edits) if one is meant[0] else one for one in codings)

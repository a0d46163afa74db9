"""Plain CSV of segments: `start,end,label`, and more columns where there is more to say.

Read are start and end in seconds or as h:mm:ss.mmm, label, and if there are tier, person, origin,
confidence, modifiers and recording. What mbnb writes has all of them.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mbnb.classes import ClassTable
from mbnb.coding.file import File, seconds, table
from mbnb.files import InputError, replacing
from mbnb.intervals import HUMAN, MACHINE, Coding, Interval, Tier

COLUMNS = ("recording", "start", "end", "duration", "label", "region", "tier", "person")
COLUMNS += ("origin", "confidence", "modifiers")
NAMES = {  # how others call our columns
    "start": ("start", "onset", "begin", "start (s)", "start_s", "start_time"),
    "end": ("end", "offset", "stop", "end (s)", "end_s", "end_time"),
    "label": ("label", "class", "code", "annotation"),
    "person": ("person", "subject", "participant"),
    "recording": ("recording", "video", "file"),
}


def recognises(file: File) -> bool:
    """Whether a table has a column for start, end and label, under one of their names."""
    return all(_key(name, file.header) for name in ("start", "end", "label"))


def read(file: File) -> list[Coding]:
    """The segments by recording. Raises InputError with every line that has no time."""
    keys = {name: _key(name, file.header) or name for name in COLUMNS}
    by_recording: dict[str, list[Interval]] = {}
    faults = []
    for line, row in table(file.rows):
        cells = {name: row.get(key, "") for name, key in keys.items()}
        times = [seconds(cells[name]) for name in ("start", "end")]
        sure = seconds(cells["confidence"]) if cells["confidence"] else None
        faults += [
            f"{file.path}, line {line}: expected seconds or h:mm:ss.mmm as {name}, found "
            f"{cells[name]!r}"
            for name, time in zip(("start", "end"), times)
            if time is None
        ]
        origin = cells["origin"] or (HUMAN if sure is None else MACHINE)
        pairs = (pair.partition("=")[::2] for pair in cells["modifiers"].split(";") if pair.strip())
        by_recording.setdefault(cells["recording"] or file.path.stem, []).append(
            Interval(
                *(time or 0.0 for time in times),
                cells["label"],
                cells["tier"],
                cells["person"],
                origin,
                sure,
                tuple((name.strip(), value.strip()) for name, value in pairs),
            )
        )
    if faults:
        raise InputError("\n".join(faults))
    return [
        Coding(name, tuple(ones), tuple(map(Tier, dict.fromkeys(one.tier for one in ones))))
        for name, ones in by_recording.items()
    ]


def segment_table(codings: Sequence[Coding], classes: ClassTable | None = None) -> pd.DataFrame:
    """A row for each interval, in `COLUMNS`; the region is the class table's, '' without one."""
    rows = [
        (
            coding.name,
            one.start,
            one.end,
            one.duration,
            one.label,
            region_of(one.label, classes),
            one.tier,
            one.person,
            one.origin,
            one.confidence,
            "; ".join(f"{name}={value}" for name, value in one.modifiers),
        )
        for coding in codings
        for one in coding
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def region_of(label: str, classes: ClassTable | None) -> str:
    """The body region of a label that is a class' code, name or title; '' of any other."""
    ids = classes.ids_called(label) if classes else ()
    return classes.regions[ids[0]] if len(ids) == 1 else ""


def write(codings: Sequence[Coding], path: Path, classes: ClassTable | None = None) -> None:
    """Write the segments as CSV, times to the microsecond."""
    with replacing(path) as part:
        segment_table(codings, classes).round(6).to_csv(part, index=False)


def _key(name: str, header: list[str]) -> str | None:
    """Which column of a header is meant by `name`, None where there is none."""
    return next((key for key in NAMES.get(name, (name,)) if key in header), None)

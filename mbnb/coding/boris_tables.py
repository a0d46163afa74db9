"""Tables of events that BORIS exports, and a table that it imports.

Tabular events have a row for each start and stop, under a preamble in versions before 8; aggregated
events a row for each interval, with or without a header. What BORIS imports has the columns time,
subject, code, modifier and comment (its function `load_observations_from_spreadsheet`).
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from mbnb.coding.boris import NOBODY, TIER, event_rows, pair_up
from mbnb.coding.file import File, seconds
from mbnb.files import InputError, replacing
from mbnb.intervals import Coding, Interval, Medium, Tier

IMPORTED = ("time", "subject", "code", "modifier", "comment", "type")
KINDS = ("STATE", "POINT")
NO_EVENTS = ("observation id", "media files/live observation")  # the list of observations


def recognises(file: File) -> bool:
    """Whether a table, or sums in JSON, are what BORIS exports."""
    return bool(
        _header_at(file) is not None
        or _headerless(file)
        or set(NO_EVENTS) <= set(file.header)
        or _is_budget(file)
    )


def read(file: File) -> list[Coding]:
    """A coding for each observation. Raises InputError for lists and sums, which have no times."""
    if set(NO_EVENTS) <= set(file.header):
        raise InputError(
            f"{file.path}: BORIS's list of observations: it says which there are, not what "
            "happened when; export events, or take the project (.boris)"
        )
    if _is_budget(file):
        raise InputError(
            f"{file.path}: BORIS's time budget: sums of durations, not when anything happened; "
            "export events, or take the project (.boris)"
        )
    place = _header_at(file)
    if place is None:
        return _aggregated(file, [(line, _named(cells)) for line, cells in file.rows])
    keys = [cell.casefold() for cell in file.rows[place][1]]
    rows = [(line, dict(zip(keys, cells))) for line, cells in file.rows[place + 1 :]]
    if "start (s)" in keys:
        return _aggregated(file, rows)
    preamble = {cells[0].casefold(): cells[1:] for _, cells in file.rows[:place]}
    return _tabular(file, rows, preamble)


def _is_budget(file: File) -> bool:
    content = file.json
    first = content[0] if isinstance(content, list) and content else None
    return isinstance(first, dict) and {"behavior", "duration", "number"} <= set(first)


def _header_at(file: File) -> int | None:
    """Which row names the columns, None where none does."""
    for i, (_, cells) in enumerate(file.rows[:200]):
        names = {cell.casefold() for cell in cells}
        if {"time", "behavior"} <= names or {"behavior", "start (s)", "stop (s)"} <= names:
            return i
        if {"time", "code", "subject"} <= names:
            return i
    return None


def _headerless(file: File) -> bool:
    """Whether every row is an aggregated event: STATE or POINT, then start, stop and duration.

    Version 8, which has other columns, always writes a header.
    """
    rows = file.rows
    return bool(rows) and all(
        _named(cells) is not None and not any(cell.startswith("player #") for cell in cells)
        for _, cells in rows
    )


def _named(cells: list[str]) -> dict[str, str] | None:
    """The cells of an aggregated event that has no header, by name; None for another row."""
    for i, cell in enumerate(cells):
        times = cells[i + 1 : i + 3]
        if cell in KINDS and i >= 4 and len(times) == 2 and None not in map(seconds, times):
            keys = ("subject", "behavior", "behavioral category", "modifiers", "behavior type")
            media = next((one for one in cells[:i] if "." in one and seconds(one) is None), "")
            return {
                "observation id": cells[0],
                "media file": media,
                **dict(zip(keys, cells[i - 4 : i + 1])),
                "start (s)": times[0],
                "stop (s)": times[1],
            }
    return None


def _aggregated(file: File, rows: list[tuple[int, dict[str, str]]]) -> list[Coding]:
    by_name: dict[str, list[tuple[Interval, dict]]] = {}
    faults = []
    for line, row in rows:
        times = [seconds(row.get(key, "")) for key in ("start (s)", "stop (s)")]
        if None in times:
            faults.append(f"{file.path}, line {line}: expected seconds as start and stop")
            continue
        shift = seconds(row.get("time offset (s)", "")) or 0.0
        times = [time - shift for time in times]
        one = Interval(*times, row["behavior"], TIER, _person(row), modifiers=_modifiers(row))
        by_name.setdefault(row.get("observation id") or file.path.stem, []).append((one, row))
    if faults:
        raise InputError("\n".join(faults))
    return [
        _coding(name, [one for one, _ in ones], [row for _, row in ones])
        for name, ones in by_name.items()
    ]


def _tabular(
    file: File, rows: list[tuple[int, dict[str, str]]], preamble: dict[str, list[str]]
) -> list[Coding]:
    by_name: dict[str, list[tuple]] = {}
    by_row: dict[str, list[dict[str, str]]] = {}
    faults = []
    own = (preamble.get("observation id") or [""])[0] or file.path.stem
    shift = seconds((preamble.get("time offset (s)") or [""])[0]) or 0.0
    for line, row in rows:
        moment = seconds(row.get("time", ""))
        if moment is None:
            faults.append(f"{file.path}, line {line}: expected seconds, found {row.get('time')!r}")
            continue
        status = (row.get("status") or row.get("behavior type") or row.get("type") or "").upper()
        kind = {"START": "start", "STOP": "stop"}.get(status, "point")
        name = row.get("observation id") or own
        label = row.get("behavior") or row.get("code") or ""
        offset = seconds(row.get("time offset (s)", "")) or shift
        event = (
            moment - offset,
            _person(row),
            label,
            _modifiers(row),
            row.get("comment", ""),
            kind,
        )
        by_name.setdefault(name, []).append(event)
        by_row.setdefault(name, []).append(row)
    if faults:
        raise InputError("\n".join(faults))
    codings = []
    for name, events in by_name.items():
        order = sorted(events, key=lambda event: (event[0], event[5] != "stop"))
        intervals, remarks = pair_up(order)
        codings.append(_coding(name, intervals, by_row[name], remarks))
    return codings


def _coding(
    name: str,
    intervals: list[Interval],
    rows: list[dict[str, str]],
    remarks: Sequence[str] = (),
) -> Coding:
    """A coding of an observation's rows, with the videos that they name."""
    media = _players(rows[0]) or _named_media(rows)
    ones = tuple(sorted(intervals, key=lambda one: one.start))
    if any(medium.offset is None for medium in media):
        unsaid = "the table does not say how its videos lie against each other; the project does"
        remarks = [*remarks, unsaid]
    return Coding(name, ones, (Tier(TIER),), media, notes=tuple(remarks))


def _players(row: dict[str, str]) -> tuple[Medium, ...]:
    """The videos of version 8, `player #1:a.mp4;b.mp4|player #2:c.mp4`, with their lengths.

    Those of the first player follow each other; how another is shifted is not said.
    """
    media = []
    lengths = row.get("media duration (s)", "").split("|")
    for player, texts in zip(row.get("source", "").split("|"), lengths):
        found = re.fullmatch(r"player #(\d+):(.+)", player)
        passed = 0.0 if found and found[1] == "1" else None
        for path, text in zip(found[2].split(";") if found else (), texts.split(";")):
            length = seconds(text)
            media.append(Medium(path, offset=passed, length=length))
            passed = None if passed is None or length is None else passed - length
    return tuple(media)


def _named_media(rows: list[dict[str, str]]) -> tuple[Medium, ...]:
    """The videos that rows name, of which a table of other versions tells nothing else."""
    keys = ("media file", "media file path", "media file name")
    named = (row.get(key, "") for row in rows for key in keys)
    videos = [video for video in dict.fromkeys(named) if video not in ("", "NA")]
    return tuple(Medium(video, offset=None if videos[1:] else 0.0) for video in videos)


def _person(row: dict[str, str]) -> str:
    person = row.get("subject", "")
    return "" if person == NOBODY else person


def _modifiers(row: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """What the columns of modifiers hold: all in one, or one each in version 8."""
    values = (row.get("modifiers") or row.get("modifier") or "").split("|")
    pairs = [(f"modifier {i + 1}", value) for i, value in enumerate(values)]
    pairs += [(key, value) for key, value in row.items() if key.startswith("modifier #")]
    return tuple((name, value) for name, value in pairs if value not in ("", "None", "NA"))


def write(codings: Sequence[Coding], path: Path) -> None:
    """Write the events of one coding as a tab-delimited table that BORIS imports.

    Open it in a spreadsheet and save it as .xlsx or .ods, which BORIS's import of observations
    takes. Raises InputError for several codings, since the import is into one observation.
    """
    if len(codings) != 1:
        names = ", ".join(coding.name for coding in codings)
        raise InputError(
            f"{path}: such a table is of one recording, found {len(codings)} ({names}); "
            "write a project (.boris), which takes all"
        )
    sets: dict[str, dict[str, list[str]]] = {}
    for one in codings[0]:
        for name, _ in one.modifiers:
            sets.setdefault(one.label, {})[name] = []
    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(IMPORTED)
        writer.writerows(event_rows(codings[0], sets))

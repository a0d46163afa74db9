"""Files of coded intervals -> codings: one reader a format, found by what a file holds.

To add a format, write one file with `recognises` and `read` beside these and give it a line here.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import ModuleType

from mbnb.coding import (
    activitynet,
    boris,
    boris_tables,
    datavyu,
    eaf,
    elan_tab,
    label_pickle,
    segments,
    textgrid,
)
from mbnb.coding.file import File
from mbnb.files import InputError
from mbnb.intervals import Coding, Interval, at
from mbnb.text import listed

# What each is called, and who reads it; the first that recognises a file has it.
READERS: dict[str, ModuleType] = {
    "ELAN's .eaf": eaf,
    "Praat's TextGrid": textgrid,
    "Datavyu's .opf or its tables": datavyu,
    "a project of BORIS": boris,
    "events of BORIS": boris_tables,
    "JSON as ActivityNet and MMA-52 have it": activitynet,
    "a label pickle of ST-GCN": label_pickle,
    "a CSV with start, end and label": segments,
    "ELAN's tab-delimited text": elan_tab,
}

SAID = 200  # letters of what a library says of damage
NAMED = 12  # that many names of a long list are said
DESCRIBED = 12  # that many recordings of a file are described


def read_codings(path: Path) -> tuple[Coding, ...]:
    """All codings in a file, whatever wrote it; their `remarks` say what is odd about them.

    Raises InputError for a file that is cut short, or that nobody here reads, and says which are.
    """
    file, name = File(path), "a coding"
    try:
        for name, reader in READERS.items():
            if reader.recognises(file):
                codings = tuple(reader.read(file))
                if any(not math.isfinite(o.start) or math.isnan(o.end) for c in codings for o in c):
                    raise InputError(f"{path}: {name}, with a time that is no number")
                words = [coding.name for coding in codings]
                for one in chain(*codings):
                    words += (one.label, one.tier, one.person, *map(str, chain(*one.modifiers)))
                "".join(words).encode()  # fails for letters that no file can have
                if not codings:
                    raise InputError(f"{path}: {name}, in which there is no recording")
                return codings
    except InputError:
        raise
    except Exception as error:  # every sort of damage raises a different kind
        said = f"{type(error).__name__}: {str(error)[:SAID]}"
        raise InputError(f"{path}: expected {name} ({said})") from None
    why = f" ({file.refusal})" if file.refusal else ""
    raise InputError(f"{path}: expected {', '.join(READERS)}; found none of them{why}")


def read_coding(path: Path, recording: str = "") -> Coding:
    """The one coding in a file, or that of `recording` where there are several.

    Raises InputError, with the names of all recordings, where it is not clear which one is meant.
    """
    codings = choose(read_codings(path), path, recording=recording)
    if len(codings) != 1:
        names = listed([coding.name for coding in codings], NAMED)
        raise InputError(f"{path}: several recordings; choose one with --recording: {names}")
    return codings[0]


def choose(
    codings: Sequence[Coding],
    path: Path,
    recording: str = "",
    tiers: Sequence[str] = (),
    person: str = "",
    by: str = "",
    always: str = "",
    origin: str = "",
) -> tuple[Coding, ...]:
    """What is meant of the codings in the file `path`; '' and () mean all of it.

    by: the modifier that is taken for the label, such as an argument of Datavyu or a set of
    modifiers of BORIS. always: a tier that is kept whatever is chosen. origin: HUMAN or MACHINE.
    Raises InputError, with what there is, for what is not there.
    """
    there = {
        "recording": [coding.name for coding in codings],
        "tier": [tier for c in codings for tier in (*(t.name for t in c.tiers), *_tiers(c))],
        "person": [one for coding in codings for one in coding.people if one],
        "by": [name for coding in codings for one in coding for name, _ in one.modifiers],
    }
    there["stretches"] = there["tier"]
    asked = [("recording", recording), *(("tier", tier) for tier in tiers), ("stretches", always)]
    asked += [("person", person), ("by", by)]
    faults = [
        f"{path}: --{what} {name}: not there; there is "
        f"{listed(list(dict.fromkeys(there[what])), NAMED) or 'none'}"
        for what, name in asked
        if name and name not in there[what]
    ]
    if faults:
        raise InputError("\n".join(faults))

    def meant(one: Interval) -> bool:
        on_tier, of_person = not tiers or one.tier in tiers, person in ("", one.person)
        by_whom = origin in ("", one.origin)
        return (always and one.tier == always) or (on_tier and of_person and by_whom)

    def labelled(one: Interval) -> Interval:
        take = by and one.tier != always
        return replace(one, label=dict(one.modifiers).get(by, "")) if take else one

    return tuple(
        replace(coding, intervals=tuple(labelled(one) for one in coding if meant(one)))
        for coding in codings
        if recording in ("", coding.name)
    )


def describe(codings: Sequence[Coding]) -> str:
    """What is in codings, as text: tiers, people, labels, remarks of the first few, then a sum."""
    rest = codings[DESCRIBED:]
    lines = [_description(coding) for coding in codings[:DESCRIBED]]
    if rest:
        labels = listed(sorted({repr(label) for coding in rest for label in coding.labels}), 10)
        remarks = sum(len(coding.remarks) for coding in rest)
        lines.append(
            f"and {len(rest)} others, with {sum(map(len, rest))} intervals: {labels or 'no labels'}"
            + f"; {remarks} remarks" * bool(remarks)
            + "; --recording NAME shows one"
        )
    return "\n".join(lines)


def _description(coding: Coding) -> str:
    media = ", ".join(medium.name for medium in coding.media)
    people = ", ".join(person for person in coding.people if person)
    lines = [
        f"{coding.name}: {_counted(coding)}"
        + (f" up to {at(coding.end)}" if coding.end else ", each of the whole recording")
        + (f"; of {people}" if people else "")
        + (f"; links {media}" if media else "")
    ]
    for tier in dict.fromkeys((*(tier.name for tier in coding.tiers), *_tiers(coding))):
        ones = coding.on(tier)
        labels = listed([repr(label) for label in ones.labels], 5)
        lines.append(f"  {tier or '(no tier)'}: {_counted(ones)}; {labels or 'no labels'}")
    return "\n".join([*lines, *(f"  remark: {remark}" for remark in coding.remarks)])


def _counted(coding: Coding) -> str:
    return f"{len(coding)} interval{'s' * (len(coding) != 1)}"


def _tiers(coding: Coding) -> tuple[str, ...]:
    """The tiers on which intervals stand."""
    return tuple(dict.fromkeys(one.tier for one in coding))

"""What the clips of a data set are: label files, the class table, and who is in which clip."""

import difflib
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from mbnb.classes import ClassTable, read_classes
from mbnb.data.checks import Findings, has_text, spelled_alike
from mbnb.data.layout import DataFolder
from mbnb.files import ROOT, InputError, read_rows, read_table, read_text
from mbnb.text import clip_name, listed, pair_up, plain, whole_number

ENTRY = re.compile(r"(.*?[^\s,;])[\s,;]+([^\s,;]+)[\s,;]*")
# What headers call the two columns of a list; of several, the first here is meant.
CLIPS = ("clip", "clipname", "video", "videoname", "vid", "name", "filename", "file")
IDS = ("classid", "labelid", "actionid", "label", "class", "action", "id")
# What a formula that failed, in whichever language of a spreadsheet, or pandas calls nobody.
NO_VALUE = re.compile(r"#N/?A|#NV|#[\w/¡]+[!?]|<NA>", re.IGNORECASE)
# Stands for a class table that cannot be read. No id can be judged then, so all are accepted, or
# one faulty line were a row for every label.
UNREADABLE = ClassTable(*[tuple(map(str, range(10_000)))] * 3)


def read_labels(
    path: Path, classes: ClassTable, present: Collection[str] | None = None
) -> tuple[dict[str, int], list[tuple[int | None, str]]]:
    """Clip name -> class id in the file's order, and every fault as (line, what is wrong).

    `name id` a line, with blanks, a tab, a comma or a semicolon between them; endings of videos,
    blank lines, a header and remarks behind ' #' are accepted. With `present`, names that are not
    among them are a fault, one for all.
    """
    labels: dict[str, int] = {}
    lines: dict[str, int] = {}
    faults: list[tuple[int | None, str]] = []
    strangers: dict[str, int] = {}
    try:
        entries = _entries(path)
    except InputError as error:
        return {}, [(None, str(error).removeprefix(f"{path}: "))]
    for number, entry in entries:
        parts = ENTRY.fullmatch(entry)
        name, label = (clip_name(part.strip('"')) for part in parts.groups()) if parts else ("", "")
        class_id = whole_number(label)
        fault = ""
        if class_id is None:
            fault = f"expected `name id`, found {entry!r}{_hint(entry, classes)}"
        elif not 0 <= class_id < len(classes):
            fault = f"expected a class id from 0 to {len(classes) - 1}, found {label} for {name}"
        elif name in labels:
            fault = f"{name} stands already on line {lines[name]}"
        elif Path(name).name != name or "\\" in name or name in (".", ".."):
            fault = f"expected the plain name of a clip, found the path {name!r}"
        elif present is not None and name not in present:
            strangers.setdefault(name, number)
        else:
            labels[name], lines[name] = class_id, number
        if fault:
            faults.append((number, fault))
    if strangers:
        first = next(iter(strangers))
        unclaimed = [name for name in present if name not in labels]
        faults.append((strangers[first], _absent(list(strangers), unclaimed)))
    return labels, faults


def faulty_names(path: Path | None, faults: Iterable[tuple[int | None, str]]) -> set[str]:
    """What may be the names of clips on the lines of a label file that `read_labels` refused."""
    numbers = {number for number, _ in faults if number}
    entries = [entry for number, entry in _entries(path) if number in numbers] if numbers else []
    words = (word for entry in entries for word in (*re.split(r"[\s,;]+", entry), entry))
    named = (parts[1] for entry in entries if (parts := ENTRY.fullmatch(entry)))
    return {clip_name(name.strip('"')) for name in (*words, *named)}


def _entries(path: Path) -> list[tuple[int, str]]:
    """The lines of a label file that say something, as `name id`, with their numbers."""
    lines = list(enumerate(read_text(path).split("\n"), 1))
    header = next((line for _, line in lines if line.strip()), "")
    words = [plain(word) for word in re.split(r"[\s,;|]+", header)]
    clip, label = (next((w for w in known if w in words), None) for known in (CLIPS, IDS))
    if clip and label:
        _, ((_, cells), *rows) = read_rows(path, (clip, label))
        keys = [plain(cell) for cell in cells]
        if {clip, label} <= set(keys):
            # A class may stand beside its id, and a row may have an id, too.
            numbered = (w for w in IDS if w in keys and _has_numbers(rows, keys.index(w)))
            places = keys.index(clip), keys.index(next(numbered, label))
            lines = [
                (line, " ".join((row + [""] * len(keys))[i] for i in places)) for line, row in rows
            ]
        else:  # with blanks between them
            lines = [(line, text) for line, text in lines if text != header]
    said = ((number, re.split(r"(?:^|\s)#", line)[0].strip()) for number, line in lines)
    return [(number, entry) for number, entry in said if entry.strip(" \t,;")]


def _has_numbers(rows: list[tuple[int, list[str]]], column: int) -> bool:
    """Whether nothing but whole numbers stands in a column of a table, where it has a value."""
    cells = [row[column] for _, row in rows if row[column:]]
    return any(cells) and all(whole_number(cell) is not None for cell in cells if cell)


def _hint(entry: str, classes: ClassTable) -> str:
    """What to write in place of a class that a line names otherwise than by its id."""
    if classes is UNREADABLE:
        return ""
    words = re.split(r"[\s,;]+", entry)
    if len(words) > 2 and whole_number(words[1]) is not None:
        return ": behind the id, a remark begins with a blank and #"
    tails = [entry[gap.end() :].strip('"') for gap in re.finditer(r"[\s,;]+", entry)]
    for tail in tails:
        if ids := classes.ids_called(tail):
            kind = "class" if len(ids) == 1 else "classes"
            titles = listed([f"{i} ({classes.titles[i]})" for i in ids])
            return f": the id is the number in classes.csv, and {tail!r} is {kind} {titles}"
    if whole_number(words[0]) is not None and len(words) > 1:
        return ": the name of the clip comes first, then the id"
    return f": the id is a number from 0 to {len(classes) - 1}, as in classes.csv"


def _absent(strangers: list[str], unclaimed: list[str]) -> str:
    """That labels stand there for clips that do not, and what these may be called instead."""
    fault = f"no clip {strangers[0]}"
    if len(strangers) > 1:
        fault += f", {listed(strangers[1:], 2)}: {len(strangers)} labels are for no clip there is"
    pairs = pair_up(strangers[:1], unclaimed)
    typed = difflib.get_close_matches(strangers[0], unclaimed, 1, 0.8)
    meant = pairs.get(strangers[0]) or next(iter(typed), None)
    return fault + (f"; is {strangers[0]!r} the clip {meant!r}?" if meant else "")


def read_class_table(folder: DataFolder, class_table: str, findings: Findings) -> ClassTable:
    """The data set's own class table, or the one that the setting `class_table` names."""
    has_own = has_text(folder.root, folder.classes, findings)
    try:
        table = read_classes(folder.classes if has_own else class_table)
    except InputError as error:
        path = folder.classes if has_own else ROOT / class_table
        findings.errors_of_table(path, str(error))
        return UNREADABLE
    if twins := spelled_alike(table.regions):
        findings.aloud(folder.classes, f"spelled in two ways, two regions or one: {listed(twins)}")
    chosen = "classes.csv of the data set"
    if not has_own:
        chosen = (
            f"{class_table!r} by the setting class_table, since the data set has no classes.csv"
        )
    findings.notes.append(f"class table: {chosen}")
    return table


def read_subjects(folder: DataFolder, findings: Findings) -> tuple[dict[str, str], bool]:
    """Clip name -> person, and whether the data set says who is in its clips."""
    path = folder.subjects
    if not has_text(folder.root, path, findings):
        findings.notes.append(
            "no subjects.csv: every clip counts as a person of its own, "
            "so intervals are too narrow where people recur"
        )
        return {}, False
    faults: list[str] = []
    try:
        rows = read_table(path, ("clip", "subject"), faults)
    except InputError as error:
        findings.errors_of_table(path, str(error))
        return {}, False
    findings.errors_of_table(path, "\n".join(faults))
    subjects: dict[str, str] = {}
    for line, row in rows:
        name, subject = clip_name(row["clip"]), row["subject"]
        if NO_VALUE.fullmatch(subject):
            continue
        if subjects.setdefault(name, subject) != subject:
            findings.error(
                path, f"clip {name} has the subjects {subjects[name]} and {subject}", line
            )
    return subjects, True

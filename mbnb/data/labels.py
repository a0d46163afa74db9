"""What the clips of a data set are: label files, the class table, and who is in which clip."""

import re
from collections.abc import Container
from pathlib import Path

from mbnb.classes import ClassTable, read_classes
from mbnb.data.checks import Findings, has_file
from mbnb.data.layout import DataFolder
from mbnb.files import ROOT, InputError, read_table


def read_labels(
    path: Path, classes: ClassTable, present: Container[str] | None = None
) -> tuple[dict[str, int], list[tuple[int | None, str]]]:
    """Clip name -> class id in the file's order, and every fault as (line, what is wrong).

    `name id` a line; '.mp4' endings, blank lines and remarks behind ' #' are accepted. With
    `present`, a name that is not among them is a fault.
    """
    labels: dict[str, int] = {}
    lines: dict[str, int] = {}
    faults: list[tuple[int | None, str]] = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return {}, [(None, f"cannot be read as text ({error})")]
    for number, line in enumerate(text.splitlines(), 1):
        entry = re.split(r"(?:^|\s)#", line)[0].strip()
        if not entry:
            continue
        *words, label = entry.rsplit(None, 1)
        name = "".join(words).removesuffix(".mp4")
        fault = ""
        if not name or not label.removeprefix("-").isdecimal():
            fault = f"expected `name id`, found {entry!r}"
        elif not 0 <= int(label) < len(classes):
            fault = f"expected a class id from 0 to {len(classes) - 1}, found {label} for {name}"
        elif name in labels:
            fault = f"{name} stands already on line {lines[name]}"
        elif Path(name).name != name or name in (".", ".."):
            fault = f"expected the plain name of a clip, found the path {name!r}"
        elif present is not None and name not in present:
            fault = f"no clip {name}"
        if fault:
            faults.append((number, fault))
        else:
            labels[name], lines[name] = int(label), number
    return labels, faults


def read_class_table(folder: DataFolder, class_table: str, findings: Findings) -> ClassTable:
    """The data set's own class table, or the one that the setting `class_table` names."""
    has_own = has_file(folder.root, folder.classes, findings)
    try:
        table = read_classes(folder.classes if has_own else class_table)
    except InputError as error:
        path = folder.classes if has_own else ROOT / class_table
        findings.errors_of_table(path, str(error))
        # No id can be judged now. All are accepted, or one faulty line were a row for every label.
        ids = tuple(map(str, range(10_000)))
        return ClassTable(codes=ids, names=ids, regions=ids)
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
    if not has_file(folder.root, path, findings):
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
        name, subject = row["clip"].removesuffix(".mp4"), row["subject"]
        if subjects.setdefault(name, subject) != subject:
            findings.error(
                path, f"clip {name} has the subjects {subjects[name]} and {subject}", line
            )
    return subjects, True

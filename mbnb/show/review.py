"""Notes that a person leaves on clips of a run, and label files made of the better labels."""

import csv
import dataclasses
from pathlib import Path

from mbnb.classes import ClassTable
from mbnb.config import Config
from mbnb.data.dataset import load
from mbnb.files import InputError, fault_line, read_table, replacing, write_text

COLUMNS = ("clip", "note", "label")
Notes = dict[str, dict[str, str]]  # clip -> its note, and the code of a better label or ''


def read_review(config: Config, classes: ClassTable) -> Notes:
    """The notes of a run; none where nobody wrote any.

    Raises InputError that lists every line with a clip that was noted before, or with a label that
    is not the code of a class.
    """
    path = config.folder.review
    if not path.exists():
        return {}
    faults: list[str] = []
    notes: Notes = {}
    for line, row in read_table(path, COLUMNS[:1], faults):
        label = row.get("label", "")
        if row["clip"] in notes:
            faults.append(fault_line(path, line, f"{row['clip']} stands there already"))
        if label and label not in classes.codes:
            problem = f"expected the code of a class as label, found {label!r}"
            faults.append(fault_line(path, line, problem))
        notes[row["clip"]] = {"note": row.get("note", ""), "label": label}
    if faults:
        raise InputError("\n".join(faults))
    return notes


def write_review(config: Config, notes: Notes) -> Path:
    """Write the notes to the run's `review.csv`, whole or not at all."""
    path = config.folder.review
    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({"clip": clip} | note for clip, note in notes.items())
    return path


def write_relabelled(config: Config, notes: Notes, split: str) -> list[Path]:
    """Write label files with the better labels to the run's folder `relabelled`.

    A file for each stored split that holds a clip with a better label; the data stay as they are.
    Notes are on clips of the evaluated `split`: on test, or on people held out of the stored splits
    for training. Returns the paths.
    """
    data = load(dataclasses.replace(config, val_fraction=0.0, fold=0, pool=False))
    better = {
        clip: data.classes.codes.index(note["label"])
        for clip, note in notes.items()
        if note["label"]
    }
    written = []
    for stored, clips in data.splits.items():
        same_side = (stored == "test") == (split == "test")
        if not (same_side and clips.labelled) or better.keys().isdisjoint(clips.names):
            continue
        path = config.folder.relabelled / f"{stored}_labels.txt"
        labels = [better.get(name, label) for name, label in zip(clips.names, clips.labels)]
        lines = [f"{name} {label}\n" for name, label in zip(clips.names, labels)]
        write_text(path, "".join(lines))
        written.append(path)
    return written

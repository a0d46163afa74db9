"""What `detect` writes of a recording: poses, probabilities, segments, files of ELAN and BORIS.

`runs.DetectionFolder` has the names. Files are written one by one into the folder, whole each, and
`detection.json` last, so that what somebody keeps there besides stays.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mbnb.classes import ClassTable
from mbnb.coding import write_coding
from mbnb.coding.recordings import Recording
from mbnb.coding.statistics import CODEBOOK, measures
from mbnb.detect.slide import OverTime
from mbnb.detect.stretches import Stretch
from mbnb.files import replacing, write_text
from mbnb.intervals import Coding, Interval, Medium
from mbnb.runs import DetectionFolder

NOTHING = "nothing"  # the column beside the classes'
ABOUT = {
    "predictions.csv": {
        "time": ("number", "s", "middle of the step, by the recording's own time stamps"),
        "(a class)": ("number, 0 to 1", "", "calibrated probability that it goes on; may add up"),
        NOTHING: ("number, 0 to 1", "", "calibrated probability that none of the classes goes on"),
    },
    "segments.csv": {
        "recording": ("text", "", "name of the recording"),
        "start": ("number", "s", "beginning, by the recording's own time stamps"),
        "end": ("number", "s", "end"),
        "duration": ("number", "s", "end minus start"),
        "label": ("text", "", "name of the class"),
        "region": ("text", "", "body region of the class"),
        "tier": ("text", "", "tier in machine.eaf: the body region"),
        "person": ("text", "", "who does it; empty where nobody says who it is"),
        "origin": ("machine or human", "", "who says so"),
        "confidence": ("number, 0 to 1", "", "mean probability of the class in the segment"),
        "modifiers": ("text", "", "name=value; ... further facts; empty here"),
    },
}


def write_poses(folder: DetectionFolder, recording: Recording) -> None:
    """The poses as they were found, NaN where nothing was seen, and the second of each frame."""
    with replacing(folder.poses) as part:
        np.savez_compressed(
            part,
            frames=recording.pose.astype(np.float32),
            times=recording.times,
            offsets=np.array([0, len(recording.pose)]),
            clip_names=np.array([recording.name]),
            subject=np.array([recording.person]),
        )


def write_results(
    folder: DetectionFolder,
    over: OverTime,
    coding: Coding,
    classes: ClassTable,
    about: dict[str, Any],
) -> None:
    """Probabilities, segments, and last what they came of (`about`)."""
    table = pd.DataFrame(over.values.reshape(len(over.times), -1).round(4))
    table.columns = [*classes.names, NOTHING] if len(over.times) else table.columns
    table.insert(0, "time", over.times.round(6))
    with replacing(folder.predictions) as part:
        table.to_csv(part, index=False)
    write_coding([coding], folder.segments, classes)
    write_coding([coding], folder.elan)
    write_coding([coding], folder.boris)
    write_text(folder.about, json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def machine_coding(
    name: str, found: Sequence[Interval], video: Path | None, length: float, notes: Sequence[str]
) -> Coding:
    """Found segments as a coding that links its video."""
    media = (Medium(str(video), length=length),) if video else ()
    return Coding(name, tuple(found), media=media, length=length, notes=tuple(notes))


def write_statistics(
    out: Path,
    codings: Sequence[Coding],
    seen: dict[str, Sequence[Stretch]],
    fps: float,
    classes: ClassTable,
    stretches: str = "",
) -> list[Path]:
    """Measures of all recordings together, and the codebook of all tables, into `out`."""
    spans = {
        name: [(s.start, s.start + len(s.frames) / fps) for s in of] for name, of in seen.items()
    }
    tables = measures(codings, classes, stretches, spans)
    more = [(table, name, *text) for table, of in ABOUT.items() for name, text in of.items()]
    codebook = tables[CODEBOOK]
    tables[CODEBOOK] = pd.concat(
        [pd.DataFrame(more, columns=codebook.columns), codebook], ignore_index=True
    )
    for name, table in tables.items():
        with replacing(out / name) as part:
            table.to_csv(part, index=False, float_format="%.6f")
    return [out / name for name in tables]


def with_stretches(
    codings: Sequence[Coding], others: Sequence[Coding], tier: str
) -> Iterator[Coding]:
    """Codings with the intervals that another coding of the same recording has on a tier."""
    for coding in codings:
        named = [one for one in others if one.name == coding.name]
        beside = named or (others if len(others) == len(codings) == 1 else [])
        more = tuple(one for other in beside for one in other.on(tier))
        yield replace(coding, intervals=(*coding.intervals, *more))

"""Files of coded intervals -> codings: one reader a format, found by what a file holds.

To add a format, write one file with `recognises` and `read` beside these and give it a line here.
"""

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
from mbnb.intervals import Coding
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


def read_codings(path: Path) -> tuple[Coding, ...]:
    """All codings in a file, whatever wrote it, each with remarks on what is odd about it.

    Raises InputError for a file that is cut short, or that nobody here reads, and says which are.
    """
    file = File(path)
    for name, reader in READERS.items():
        if reader.recognises(file):
            codings = tuple(coding.checked() for coding in reader.read(file))
            if not codings:
                raise InputError(f"{path}: {name}, in which there is no recording")
            return codings
    why = f" ({file.refusal})" if file.refusal else ""
    raise InputError(f"{path}: expected {', '.join(READERS)}; found none of them{why}")


def read_coding(path: Path, recording: str = "") -> Coding:
    """The one coding in a file, or that of `recording` where there are several.

    Raises InputError, with the names of all recordings, where it is not clear which one is meant.
    """
    codings = read_codings(path)
    chosen = [coding for coding in codings if recording in ("", coding.name)]
    if len(chosen) != 1:
        names = listed([coding.name for coding in codings], 12)
        wanted = f"no recording {recording!r}" if recording else "several recordings"
        raise InputError(f"{path}: {wanted}; choose one with --recording: {names}")
    return chosen[0]

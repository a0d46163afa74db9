"""Clips as they are fastest to load: read and checked once, then memory-mapped from `data/cache`.

A cache belongs to one state of a data folder: the sizes and times of all its files are part of its name, so that any change
to them makes a new one. It may be deleted at any time.
"""

import contextlib
import json
import os
import shutil
from pathlib import Path

import numpy as np

from mbnb.clips import Clips, first_rows
from mbnb.files import ROOT, fingerprint, replacing

WORTH = 1000  # clips; fewer are read as fast as they are


def cache_of(root: Path, *context: bytes) -> Path:
    """Where the cache of `root` as it is now lies, whether it exists or not; `context` is what else its content depends on."""
    states = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            found = os.lstat(path)
            states.append(f"{path} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}")
    return (
        ROOT
        / "data"
        / "cache"
        / f"{fingerprint(str(root).encode())}-{fingerprint(*map(str.encode, sorted(states)), *context)}"
    )


def write_cache(folder: Path, splits: dict[str, Clips], **remarks) -> None:
    """Write clips and `remarks` (plain values) to `folder` and remove caches of earlier states. There is none of few clips, nor
    where the disk does not take it."""
    if sum(map(len, splits.values())) < WORTH:
        return
    with contextlib.suppress(OSError), replacing(folder) as part:
        part.mkdir()
        for split, clips in splits.items():
            np.save(part / f"{split}.npy", clips.gather())
            np.savez(
                part / f"{split}.npz",
                lengths=clips.lengths,
                labels=clips.labels,
                names=np.array(clips.names, str),
                subjects=np.array(clips.subjects, str),
            )
        (part / "remarks.json").write_text(
            json.dumps(remarks | {"splits": list(splits)}), encoding="utf-8"
        )
    for other in folder.parent.glob(f"{folder.name.split('-')[0]}-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def read_cache(folder: Path) -> tuple[dict[str, Clips], dict] | None:
    """The clips, whose frames stay on disk until they are used, and the remarks; None where there is no such cache."""
    if not folder.is_dir():
        return None
    splits = {}
    remarks = json.loads((folder / "remarks.json").read_text(encoding="utf-8"))
    for split in remarks["splits"]:
        with np.load(folder / f"{split}.npz", allow_pickle=False) as index:
            values = {key: index[key] for key in index.files}
        # Copy on write: torch warns of arrays that it may not write to, and nothing here writes.
        frames = np.load(folder / f"{split}.npy", mmap_mode="c", allow_pickle=False)
        splits[split] = Clips(
            frames,
            first_rows(values["lengths"]),
            values["lengths"],
            tuple(values["names"].tolist()),
            values["labels"],
            tuple(values["subjects"].tolist()),
        )
    return splits, remarks

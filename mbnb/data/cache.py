"""Clips as they are fastest to load: read and checked once, then memory-mapped.

A cache in `data/cache` belongs to one state of a data folder. The sizes and times of all its files
are part of the cache's name, so that any change to them makes a new one. It may be deleted at any
time. What is mapped already, since an npz is large (`formats.arrays.MAPPED`), is not copied.
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
    """Where the cache of `root` as it is now lies, whether it exists or not.

    `context` is what else its content depends on.
    """
    states = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            state = os.lstat(path)
            states.append(f"{path} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}")
    place = fingerprint(str(root).encode())
    content = fingerprint(*map(str.encode, sorted(states)), *context)
    return ROOT / "data" / "cache" / f"{place}-{content}"


def write_cache(folder: Path, splits: dict[str, Clips], **remarks) -> None:
    """Write clips and `remarks` (plain values) to `folder`; remove caches of earlier states.

    Nothing is written for few clips, nor where the disk does not take it.
    """
    if sum(map(len, splits.values())) < WORTH:
        return
    with contextlib.suppress(OSError), replacing(folder) as part:
        part.mkdir()
        for split, clips in splits.items():
            mapped = _mapped(clips)
            if not mapped:
                _save_frames(part / f"{split}.npy", clips)
            if (seen := clips.gather_seen()) is not None:
                np.save(part / f"{split}_seen.npy", seen)
            np.savez(
                part / f"{split}.npz",
                mapped=np.array(mapped, str),
                starts=clips.starts if mapped else first_rows(clips.lengths),
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


def _mapped(clips: Clips) -> list[object]:
    """File, offset and rows of frames that lie on the disk as they are; else nothing."""
    frames = clips.frames
    # What was filled in is in memory alone.
    if not isinstance(frames, np.memmap) or frames.filename is None or clips.seen is not None:
        return []
    return [frames.filename, frames.offset, len(frames), frames.shape[1]]


def _save_frames(path: Path, clips: Clips) -> None:
    """Write all frames as a npy file, some clips at a time, since there may be too many."""
    shape = int(clips.lengths.sum()), *clips.frames.shape[1:]
    about = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, about)
        for index in clips.blocks():
            np.ascontiguousarray(clips.gather(index), "<f4").tofile(file)


def read_cache(folder: Path) -> tuple[dict[str, Clips], dict] | None:
    """The clips, whose frames stay on disk until they are used, and the remarks.

    None where there is no such cache.
    """
    if not folder.is_dir():
        return None
    splits = {}
    remarks = json.loads((folder / "remarks.json").read_text(encoding="utf-8"))
    for split in remarks["splits"]:
        with np.load(folder / f"{split}.npz", allow_pickle=False) as file:
            index = {key: file[key] for key in file.files}
        # Copy on write: torch warns of arrays that it may not write to, and nothing here writes.
        if len(index["mapped"]):
            file, *numbers = index["mapped"].tolist()
            offset, rows, joints = map(int, numbers)
            frames = np.memmap(file, np.float32, "c", offset, (rows, joints, 3))
        else:
            frames = np.load(folder / f"{split}.npy", mmap_mode="c", allow_pickle=False)
        seen = folder / f"{split}_seen.npy"
        splits[split] = Clips(
            frames,
            index["starts"],
            index["lengths"],
            tuple(index["names"].tolist()),
            index["labels"],
            tuple(index["subjects"].tolist()),
            np.load(seen, mmap_mode="r", allow_pickle=False) if seen.is_file() else None,
        )
    return splits, remarks

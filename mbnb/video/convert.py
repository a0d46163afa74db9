"""Many videos -> a data set in the documented layout, with a table of each clip's quality."""

import multiprocessing
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from mbnb.classes import ClassTable
from mbnb.clips import SPLITS, UNLABELLED, pack
from mbnb.data.labels import read_labels
from mbnb.data.write import write_dataset
from mbnb.files import InputError, fault_line, replacing
from mbnb.video.landmarks import (
    FPS,
    LONGEST_GAP,
    extract,
    fill_gaps,
    load_landmarks,
    quality,
    to_joints,
)

ENDINGS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm")


class Source(NamedTuple):
    """One video to convert: the clip's name, its class id (-1: unlabelled) and the person in it."""

    path: Path
    name: str
    label: int
    subject: str


def find_videos(
    folder: Path, classes: ClassTable, label_file: Path | None = None, person: str = ""
) -> tuple[list[Source], dict[str, str]]:
    """The videos of a folder in the order of their names, ready for `convert`, and the split of each clip.

    Either the folder has train/, val/ or test/ with videos and beside them their labels, `<split>_labels.txt` or MA-52's
    `<split>_list_videos.txt`; or it has videos, and `label_file` their labels: all are train then, or an unlabelled test
    without it. person: a regular expression for the person at the beginning of a name (`[0-9]+` for MA-52); a video whose
    name does not begin so, and every video without it, is of a person of its own. Raises InputError with every fault.
    """
    parts = {split: folder / split for split in SPLITS if (folder / split).is_dir()}
    if parts:
        files = {
            split: [
                path
                for name in ("labels", "list_videos")
                if (path := folder / f"{split}_{name}.txt").is_file()
            ]
            for split in parts
        }
        lists = {split: found[0] if found else None for split, found in files.items()}
    else:
        split = "train" if label_file else "test"
        parts, lists = {split: folder}, {split: label_file}
    sources, splits, faults = [], {}, []
    for split, part in parts.items():
        paths = sorted(path for path in part.glob("*") if path.suffix.lower() in ENDINGS)
        labels, problems = read_labels(lists[split], classes) if lists[split] else ({}, [])
        faults += [fault_line(lists[split], line, problem) for line, problem in problems]
        if not paths:
            faults.append(f"{part}: expected videos ({' '.join(ENDINGS)}), found none")
        if split != "test" and not lists[split]:
            faults.append(f"{part}: expected its labels in {folder / f'{split}_labels.txt'}")
        for path in paths:
            if lists[split] and path.stem not in labels:
                faults.append(f"{lists[split]}: no label for {path.name}")
            match = re.match(person, path.stem) if person else None
            sources.append(
                Source(
                    path,
                    path.stem,
                    labels.get(path.stem, UNLABELLED),
                    match[0] if match else path.stem,
                )
            )
            splits[path.stem] = split
    if faults:
        raise InputError("\n".join(faults))
    return sources, splits


def landmark_file(out: Path, name: str) -> Path:
    """Where the raw landmarks of clip `name` of the data set `out` lie: in `<out>_landmarks`, for `out` is replaced whole."""
    return Path(out).with_name(f"{Path(out).name}_landmarks") / f"{name}.npz"


def _extract_all(sources: list[Source], out: Path, fps: float, processes: int) -> dict[str, str]:
    """Extract every video in processes of their own; by clip name, the reasons of those that failed."""

    def run(
        some: list[Source], workers: int, bar: tqdm
    ) -> Iterator[tuple[Source, BaseException | None]]:
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
        try:
            tasks = {
                pool.submit(extract, Path(s.path), landmark_file(out, s.name), fps): s for s in some
            }
            for task in as_completed(tasks):
                error = task.exception()
                bar.update(not isinstance(error, BrokenProcessPool))
                yield tasks[task], error
        finally:
            pool.shutdown(cancel_futures=True)

    with tqdm(total=len(sources), desc="videos", unit="video") as bar:
        errors = dict(run(sources, processes, bar))
        # A process that dies takes all waiting videos with it: each of them gets one more chance, alone.
        for source in [s for s, error in errors.items() if isinstance(error, BrokenProcessPool)]:
            errors |= run([source], 1, bar)
    return {source.name: str(error) for source, error in errors.items() if error is not None}


def convert(
    videos: Iterable[tuple[Path, str, int, str]],
    out: Path,
    classes: ClassTable,
    split: str | Mapping[str, str] = "train",
    processes: int = 2,
    fps: float = FPS,
) -> pd.DataFrame:
    """Convert videos, given as (path, clip name, class id, person), to a data set in the documented layout at `out`.

    split: one for all clips, or one for each clip name. Returns a row for each video, also written to `out/quality.csv`:
    `quality`, frames decoded and declared, and the reason why a clip was refused ('' where it was written). A video that fails
    does not stop the others. `out` is replaced whole; raw landmarks are kept in `<out>_landmarks` and not extracted again.
    In a script, call it under `if __name__ == "__main__":`, for its processes import the script. Raises InputError with every
    fault of the list, or with all the reasons where not one video can be used; `out` is left alone then.
    """
    sources, faults = [Source(*video) for video in videos], []
    names = [source.name for source in sources]
    splits_of = dict.fromkeys(names, split) if isinstance(split, str) else split
    for path, name, label, _ in sources:
        if names.count(name) > 1:
            faults.append(f"{path}: the clip name {name!r} is given more than once")
        if name != "".join(name.split()) or Path(name).name != name:
            faults.append(
                f"{path}: expected a clip name without blanks and slashes, found {name!r}"
            )
        if not UNLABELLED <= label < len(classes):
            faults.append(
                f"{path}: expected a class id from 0 to {len(classes) - 1}, or -1, found {label}"
            )
        if splits_of.get(name) not in SPLITS:
            faults.append(
                f"{path}: expected one of {', '.join(SPLITS)} as split, found {splits_of.get(name)!r}"
            )
    if faults:
        raise InputError("\n".join(faults))
    reasons = _extract_all(sources, out, fps, processes)
    rows, poses = [], {}
    for source in sources:
        row = {
            "clip": source.name,
            "video": Path(source.path).name,
            "split": splits_of[source.name],
        }
        reason = reasons.get(source.name, "")
        if not reason:
            with np.load(landmark_file(out, source.name)) as file:
                row |= {
                    key: file[key].item() for key in ("declared", "decoded", "source_fps", "fps")
                }
            landmarks = load_landmarks(landmark_file(out, source.name))
            row |= {"frames": len(landmarks.world)} | quality(landmarks)
            pose = fill_gaps(to_joints(landmarks.world))
            if not row["detected"]:
                reason = "no person found"
            elif np.isnan(pose).any():
                reason = f"no person in {row['longest_gap']} frames on end, at most {LONGEST_GAP} are interpolated"
            else:
                poses[source.name] = pose
        rows.append(row | {"reason": reason})
    if not poses:
        raise InputError(
            "\n".join(
                ["not one video can be used", *(f"{row['clip']}: {row['reason']}" for row in rows)]
            )
        )
    splits = {}
    for name in SPLITS:
        if part := [
            source for source in sources if source.name in poses and splits_of[source.name] == name
        ]:
            _, clips, labels, subjects = zip(*part, strict=True)
            splits[name] = pack([poses[clip] for clip in clips], clips, labels, subjects)
    table = pd.DataFrame(rows)
    with replacing(out) as whole:
        write_dataset(whole, splits, classes)
        table.to_csv(whole / "quality.csv", index=False)
    return table

"""Many videos -> a data set in the documented layout, with a table of each clip's quality."""

import multiprocessing
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from mbnb.classes import ClassTable
from mbnb.clips import SPLITS, UNLABELLED, pack
from mbnb.data.labels import read_labels
from mbnb.data.write import write_dataset
from mbnb.files import DiskError, InputError, fault_line, replacing
from mbnb.video.frames import FPS
from mbnb.video.landmarks import (
    LONGEST_GAP,
    extract,
    fill_gaps,
    load_landmarks,
    quality,
    require_mediapipe,
    to_joints,
)

ENDINGS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm")


class Source(NamedTuple):
    """One video to convert: the clip's name, its class id (-1: unlabelled), the person in it."""

    path: Path
    name: str
    label: int
    subject: str


def find_videos(
    folder: Path, classes: ClassTable, label_file: Path | None = None, person: str = ""
) -> tuple[list[Source], dict[str, str]]:
    """The videos of a folder, in the order of their names, and the split of each clip.

    Either the folder has train/, val/ or test/ with videos and beside them their labels,
    `<split>_labels.txt` or MA-52's `<split>_list_videos.txt`; or it has videos, and `label_file`
    their labels: all are train then, or an unlabelled test without it. person: a regular
    expression for the person at the beginning of each name (`[0-9]+` for MA-52); without it,
    every video is of a person of its own. Raises InputError with every fault, such as a name in
    train or val that does not begin so: its person would be taken for somebody else.
    """
    folders = {split: folder / split for split in SPLITS if (folder / split).is_dir()}
    if folders:
        label_files = {split: _labels_beside(folder, split) for split in folders}
    else:
        split = "train" if label_file else "test"
        folders, label_files = {split: folder}, {split: label_file}
    sources, splits, faults = [], {}, []
    for split, part in folders.items():
        file = label_files[split]
        labels, problems = read_labels(file, classes) if file else ({}, [])
        faults += [fault_line(file, line, problem) for line, problem in problems]
        paths = sorted(path for path in part.glob("*") if path.suffix.lower() in ENDINGS)
        if not paths:
            faults.append(f"{part}: expected videos ({' '.join(ENDINGS)}), found none")
        if split != "test" and not file:
            faults.append(f"{part}: expected its labels in {folder / f'{split}_labels.txt'}")
        for path in paths:
            if file and path.stem not in labels:
                faults.append(f"{file}: no label for {path.name}")
            match = re.match(person, path.stem) if person else None
            # MA-52's test videos keep their people secret.
            if person and split != "test" and not (match and match[0]):
                faults.append(
                    f"{path}: expected a name that begins with a person as the setting "
                    f"video_person describes one, {person!r}"
                )
            subject = match[0] if match else path.stem
            label = labels.get(path.stem, UNLABELLED)
            sources.append(Source(path, path.stem, label, subject))
            splits[path.stem] = split
    if faults:
        raise InputError("\n".join(faults))
    return sources, splits


def _labels_beside(folder: Path, split: str) -> Path | None:
    """The label file of a split, by our name or by MA-52's."""
    paths = (folder / f"{split}_{name}.txt" for name in ("labels", "list_videos"))
    return next((path for path in paths if path.is_file()), None)


def landmark_file(out: Path, name: str) -> Path:
    """Where the raw landmarks of clip `name` of the data set `out` lie.

    That is in `<out>_landmarks`, for `out` is replaced whole.
    """
    return Path(out).with_name(f"{Path(out).name}_landmarks") / f"{name}.npz"


def convert(
    videos: Iterable[tuple[Path, str, int, str]],
    out: Path,
    classes: ClassTable,
    split: str | Mapping[str, str] = "train",
    processes: int = 2,
    fps: float = FPS,
    pose_model: Path | None = None,
) -> pd.DataFrame:
    """Convert videos, each (path, clip name, class id, person), to a data set at `out`.

    split: one for all clips, or one for each clip name. Returns a row for each video, also
    written to `out/quality.csv`: `quality`, frames decoded and declared, and the reason why a clip
    was refused ('' where it was written). A video that fails does not stop the others. `out` is
    replaced whole; raw landmarks are kept in `<out>_landmarks` and not extracted again. In a
    script, call it under `if __name__ == "__main__":`, for its processes import the script.
    Raises InputError with every fault of the list, with all the reasons where not one video can be
    used, or with what this Python lacks to read videos; `out` is left alone then.
    """
    sources = [Source(*video) for video in videos]
    split_of = dict.fromkeys((s.name for s in sources), split) if isinstance(split, str) else split
    if faults := _faults(sources, split_of, classes):
        raise InputError("\n".join(faults))
    require_mediapipe(pose_model)
    reasons = _extract_all(sources, out, fps, processes, pose_model)
    rows, poses = [], {}
    for source in sources:
        row = {"clip": source.name, "video": Path(source.path).name, "split": split_of[source.name]}
        reason = reasons.get(source.name, "")
        if not reason:
            measured, pose, reason = _read_clip(landmark_file(out, source.name))
            row |= measured
        if not reason:
            poses[source.name] = pose
        rows.append(row | {"reason": reason})
    if not poses:
        reasons = [f"{row['clip']}: {row['reason']}" for row in rows]
        raise InputError("\n".join(["not one video can be used", *reasons]))
    table, splits = pd.DataFrame(rows), {}
    for name in SPLITS:
        part = [s for s in sources if s.name in poses and split_of[s.name] == name]
        if part:
            _, clips, labels, subjects = zip(*part, strict=True)
            splits[name] = pack([poses[clip] for clip in clips], clips, labels, subjects)
    with replacing(out) as whole:
        write_dataset(whole, splits, classes)
        table.to_csv(whole / "quality.csv", index=False)
    return table


def _faults(sources: list[Source], split_of: Mapping[str, str], classes: ClassTable) -> list[str]:
    """What is wrong with a list of videos, a line each."""
    faults, times = [], Counter(source.name for source in sources)
    for path, name, label, _ in sources:
        expected = []
        if times[name] > 1:
            faults.append(f"{path}: the clip name {name!r} is given more than once")
        if name != "".join(name.split()) or Path(name).name != name:
            expected.append(("a clip name without blanks and slashes", repr(name)))
        if not UNLABELLED <= label < len(classes):
            expected.append((f"a class id from 0 to {len(classes) - 1}, or -1", label))
        if split_of.get(name) not in SPLITS:
            expected.append((f"one of {', '.join(SPLITS)} as split", repr(split_of.get(name))))
        faults += [f"{path}: expected {wanted}, found {value}" for wanted, value in expected]
    return faults


def _read_clip(path: Path) -> tuple[dict[str, Any], np.ndarray, str]:
    """What a clip's landmarks measure, its (T, 17, 3) pose, and why it is refused, '' if not."""
    with np.load(path) as file:
        measured = {key: file[key].item() for key in ("declared", "decoded", "source_fps", "fps")}
    landmarks = load_landmarks(path)
    measured |= {"frames": len(landmarks.world)} | quality(landmarks)
    pose, reason = fill_gaps(to_joints(landmarks.world)), ""
    if not measured["detected"]:
        reason = "no person found"
    elif np.isnan(pose).any():
        gap = measured["longest_gap"]
        reason = f"no person in {gap} frames on end, at most {LONGEST_GAP} are interpolated"
    return measured, pose, reason


def _extract_all(
    sources: list[Source], out: Path, fps: float, processes: int, pose_model: Path | None
) -> dict[str, str]:
    """Extract every video in processes of their own; by clip name, why some failed."""

    def run(
        some: list[Source], workers: int, bar: tqdm
    ) -> Iterator[tuple[Source, BaseException | None]]:
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
        try:
            tasks = {}
            for source in some:
                landmarks = landmark_file(out, source.name)
                task = pool.submit(extract, Path(source.path), landmarks, fps, pose_model)
                tasks[task] = source
            for task in as_completed(tasks):
                error = task.exception()
                bar.update(not isinstance(error, BrokenProcessPool))
                yield tasks[task], error
        finally:
            pool.shutdown(cancel_futures=True)

    with tqdm(total=len(sources), desc="videos", unit="video") as bar:
        errors = dict(run(sources, processes, bar))
        # A process that dies takes all waiting videos with it: each gets one more chance, alone.
        for source in [s for s, error in errors.items() if isinstance(error, BrokenProcessPool)]:
            errors |= run([source], 1, bar)
    for error in errors.values():
        if isinstance(error, DiskError):  # which is not the videos' fault
            raise error
    return {source.name: str(error) for source, error in errors.items() if error is not None}

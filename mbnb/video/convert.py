"""Many videos -> a data set in the documented layout, with a table of each clip's quality."""

import contextlib
import multiprocessing
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from mbnb.settings import say_once
from mbnb.text import listed
from mbnb.video.folder import is_video, spelled, videos_in
from mbnb.video.frames import FPS
from mbnb.video.landmarks import (
    Landmarks,
    extract,
    fill_gaps,
    require_mediapipe,
    to_joints,
    unseen,
)
from mbnb.video.quality import quality, refusal, remarks

# Landmarks, the size of the picture (W, H), frames a second -> joints (T, 17, 3) from the pelvis.
PoseOf = Callable[[Landmarks, tuple[int, int], float], np.ndarray]
NAMED = 10  # that many names of a long list are said


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
        loose = [path.name for path in sorted(folder.iterdir()) if is_video(path)]
        _say(f"{folder}: not in {', '.join(folders)}, left out", loose)
        label_files = {split: _labels_beside(folder, split) for split in folders}
    else:
        split = "train" if label_file else "test"
        folders, label_files = {split: folder}, {split: label_file}
    sources, splits, faults = [], {}, []
    for split, part in folders.items():
        file = label_files[split]
        labels, problems = read_labels(file, classes) if file else ({}, [])
        faults += [fault_line(file, line, problem) for line, problem in problems]
        if split != "test" and not file:
            faults.append(f"{part}: expected its labels in {folder / f'{split}_labels.txt'}")
        videos, rest = videos_in(part)
        rest = [path for path in rest if path not in (file, *folders.values())]
        _say(f"{part}: no videos, left out", [p.name + "/" * p.is_dir() for p in rest])
        if not videos:
            faults.append(f"{part}: expected videos, found none")
        own = {name: spelled(path) for name, path in videos.items()}
        _say(
            f"{part}: clips get safe names",
            [f"{videos[name].name} -> {name}" for name in own if name != own[name]],
        )
        there = set(own.values())
        missing = [name for name in labels if name not in there]
        _say(f"{file}: labels without a video", missing)
        unlabelled = [videos[name].name for name in own if own[name] not in labels]
        if file and unlabelled:
            faults.append(f"{file}: no label for {_some(unlabelled)}")
        subjects = {name: _person(person, own[name]) for name in own}
        # MA-52's test videos keep their people secret.
        nobody = [videos[name].name for name in own if not subjects[name]]
        if person and nobody and split != "test":
            faults.append(
                f"{part}: expected names that begin with a person as the setting video_person "
                f"describes one, {person!r}; found {_some(nobody)}"
            )
        for name, path in videos.items():
            label = labels.get(own[name], UNLABELLED)
            if name in splits:
                faults.append(f"{path}: {splits[name]} has a clip {name}, too: rename one of them")
            sources.append(Source(path, name, label, subjects[name] or name))
            splits[name] = split
    if faults:
        raise InputError("\n".join(faults))
    return sources, splits


def _person(pattern: str, name: str) -> str:
    """The beginning of a name that `pattern` describes, '' where there is none."""
    match = re.match(pattern, name) if pattern else None
    return match[0] if match else ""


def _some(names: Sequence[str]) -> str:
    """Names one after the other, the first of them where they are many, all as Unicode."""
    return listed(names, NAMED).encode(errors="replace").decode()


def _say(about: str, names: Sequence[str]) -> None:
    """Tell the user of these names, if there are any, in one line."""
    if names:
        say_once(f"{about}: {_some(names)}")


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
    pose_of: PoseOf | None = None,
) -> pd.DataFrame:
    """Convert videos, each (path, clip name, class id, person), to a data set at `out`.

    split: one for all clips, or one for each clip name. pose_of: what makes poses of landmarks in
    place of MediaPipe's own depth. A joint outside the picture is NaN in its
    clip. Returns a row for each video, also written to `out/quality.csv`: `quality`, frames
    decoded, `remarks`, and the reason why a clip was refused ('' where it was
    written). A video that fails does not stop the others. `out` is replaced whole; raw landmarks
    are kept in `<out>_landmarks` and not extracted again. Raises InputError with every
    fault of the list, with all the reasons where not one video can be used, where `out` holds clips
    of other videos, or with what this Python lacks to read videos; `out` is left alone then.
    """
    sources = [Source(*video) for video in videos]
    split_of = dict.fromkeys((s.name for s in sources), split) if isinstance(split, str) else split
    if faults := _faults(sources, split_of, classes):
        raise InputError("\n".join(faults))
    known = (landmark_file(out, source.name).is_file() for source in sources)
    if Path(out).exists() and not any(known):
        raise InputError(
            f"{out}: holds clips of other videos, which these would replace: give these a run of "
            "their own (-p run NAME), or delete that folder"
        )
    require_mediapipe(pose_model)
    reasons = _extract_all(sources, out, fps, processes, pose_model)
    rows, poses = [], {}
    for source in sources:
        # A name that is no Unicode, as old archives unpack, fits into no table.
        video = Path(source.path).name.encode(errors="replace").decode()
        row = {"clip": source.name, "video": video, "split": split_of[source.name]}
        reason = reasons.get(source.name, "")
        if not reason:
            measured, pose, reason = _read_clip(landmark_file(out, source.name), pose_of)
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


def _read_clip(path: Path, pose_of: PoseOf | None) -> tuple[dict[str, Any], np.ndarray, str]:
    """What a clip's landmarks measure, its (T, 17, 3) pose, and why it is refused, '' if not."""
    with np.load(path) as file:
        facts = dict(file)
    landmarks = Landmarks(*(facts[name] for name in Landmarks._fields))
    measured = {key: facts[key].item() for key in ("decoded", "source_fps", "fps")}
    measured |= {"frames": len(landmarks.world)}
    size = tuple(facts["size"].tolist())
    pose = pose_of(landmarks, size, measured["fps"]) if pose_of else to_joints(landmarks.world)
    measured |= quality(landmarks, pose, facts)
    pose, hidden = fill_gaps(pose), unseen(landmarks, size)
    pose = np.where(hidden[..., None], np.nan, pose)
    measured["remarks"] = remarks(facts, hidden, pose)
    return measured, pose, refusal(facts, measured, hidden)


@contextlib.contextmanager
def _without_script() -> Iterator[None]:
    """Let processes begin without the script that runs here, which they would run once more."""
    main = vars(sys.modules["__main__"])
    hidden = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)


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
            with _without_script():
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
    return {
        source.name: str(error) or type(error).__name__
        for source, error in errors.items()
        if error is not None
    }

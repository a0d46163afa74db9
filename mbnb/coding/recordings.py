"""Skeletons of whole recordings, each frame with its second by the recording's own time stamps."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from mbnb.config import Config
from mbnb.data.checks import Findings, check_pose
from mbnb.data.labels import read_subjects
from mbnb.data.layout import DataFolder
from mbnb.data.motion import array_in, told_in
from mbnb.data.reading import clip_folders, read_packed, read_pose
from mbnb.files import InputError
from mbnb.formats import arrays
from mbnb.skeleton import Skeleton, load_skeleton
from mbnb.text import VIDEO_ENDINGS
from mbnb.video.folder import spelled, videos_in
from mbnb.video.frames import own_seconds
from mbnb.video.landmarks import extract, fill_gaps, load_landmarks, to_joints, unseen


@dataclass(frozen=True)
class Recording:
    """One person in one recording.

    pose: (T, J, 3) float32 metres, NaN where a joint was not seen. times: (T,) seconds by the
    recording's own time stamps, rising. person: '' where nobody says who it is.
    """

    name: str
    pose: np.ndarray
    times: np.ndarray
    person: str = ""


def recordings_in(source: Path, config: Config, landmarks: Path) -> list[Recording]:
    """The recordings in a data set, in one npz, in a video or in a folder of videos.

    A data set's frames come `fps` times a second; where notebook 02 has made it of videos, their
    own time stamps are beside it. An npz has `frames`, `offsets` and `clip_names`, and may have
    `fps` or, for all frames, `times`, and `subject`. Landmarks of videos are kept in the folder
    `landmarks` and not extracted again. Raises InputError with every fault.
    """
    skeleton, findings = load_skeleton(config.skeleton), Findings()
    source = Path(source)
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    if source.suffix.lower() == ".npz":
        found = list(_of_npz(source, config, skeleton, findings))
    elif source.is_dir() and DataFolder(source).there() and not _has_videos(source):
        found = list(_of_folder(source, config, skeleton, findings))
    else:
        found = list(_of_videos(source, config, landmarks))
    if findings.errors:
        raise InputError("\n".join(findings.errors))
    return found


def _has_videos(folder: Path) -> bool:
    return any(path.suffix.lower() in VIDEO_ENDINGS for path in folder.glob("*"))


def _of_folder(
    root: Path, config: Config, skeleton: Skeleton, findings: Findings
) -> Iterator[Recording]:
    folder = DataFolder(root)
    if mistaken := folder.mistaken_for():
        raise InputError(f"{root}: {mistaken}")
    subjects, _ = read_subjects(folder, findings)
    for split in folder.there():
        if folder.packed(split).is_file():
            poses = (read_packed(folder.packed(split), findings) or {}).items()
        else:
            names = clip_folders(folder.split(split), findings)
            poses = ((n, read_pose(root, p / "pose_3d.npy", findings)) for n, p in names.items())
        for name, pose in poses:
            pose = (
                None if pose is None else check_pose(pose, root / split / name, skeleton, findings)
            )
            if pose is not None:
                times = _times_of(root, name, len(pose), config.fps)
                yield Recording(name, pose, times, subjects.get(name, ""))


def _times_of(root: Path, name: str, frames: int, fps: float) -> np.ndarray:
    """(T,) by the video that a clip was made of, if its landmarks are there; else by `fps`."""
    landmarks = root.with_name(f"{root.name}_landmarks") / f"{name}.npz"
    if not landmarks.is_file():
        return np.arange(frames) / fps
    with np.load(landmarks) as file:
        return _by_stamps(landmarks, file, frames)


def _by_stamps(path: Path, facts: np.lib.npyio.NpzFile, frames: int) -> np.ndarray:
    """(T,) by the stretches between pauses that landmarks tell. Raises InputError for old ones."""
    if "stretches" not in facts and len(facts["pauses"]):
        raise InputError(
            f"{path}: written by an older mbnb, without the time stamps after a pause of the "
            "recording; delete it and convert the video again"
        )
    stretches = facts["stretches"] if "stretches" in facts else np.zeros((0, 2))
    return own_seconds(frames, float(facts["fps"]), stretches)


def _of_npz(
    path: Path, config: Config, skeleton: Skeleton, findings: Findings
) -> Iterator[Recording]:
    poses = read_packed(path, findings) or {}
    if not poses or findings.errors:
        return
    told, rate = told_in(path, len(poses))
    people = told.get("subject", [""] * len(poses))
    times = array_in(path, "times") if "times" in arrays.members(path) else None
    if times is not None and (times.ndim != 1 or times.dtype.kind not in "fiu"):
        found = f"{times.shape} of {times.dtype}"
        raise InputError(f"{path}: expected times, a number for each frame, found {found}")
    starts = np.cumsum([0, *map(len, poses.values())])
    for (name, pose), person, start in zip(poses.items(), people, starts):
        own = np.arange(len(pose)) / (rate or config.fps)
        own = own if times is None else times[start : start + len(pose)]
        if len(own) != len(pose) or not (np.diff(own) > 0).all():
            findings.error(path / name, "expected times, one for each frame, that rise")
            continue
        pose = check_pose(pose, path / name, skeleton, findings)
        if pose is not None:
            yield Recording(name, pose, np.asarray(own, float), str(person))


def _of_videos(source: Path, config: Config, landmarks: Path) -> Iterator[Recording]:
    """The person in each video, raw as the model sees them; gaps of a third of a second filled.

    Raises InputError where there is no video.
    """
    videos = {spelled(source): source} if source.is_file() else videos_in(source)[0]
    if not videos:
        raise InputError(f"{source}: expected a data set, an npz or videos, found none of them")
    model = Path(config.pose_model) if config.pose_model else None
    for name, path in tqdm(videos.items(), desc="videos", unit="video"):
        file = landmarks / f"{name}.npz"
        extract(path, file, config.fps, model)
        points = load_landmarks(file)
        with np.load(file) as facts:
            times = _by_stamps(file, facts, len(points.world))
            hidden = unseen(points, tuple(facts["size"]))
        pose = fill_gaps(to_joints(points.world))
        pose = np.where(hidden[..., None], np.nan, pose).astype(np.float32)
        yield Recording(name, pose, times)

"""What is lifted: people in a video, or in a file of joints that another tool found in one."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mbnb import formats
from mbnb.files import InputError
from mbnb.formats.pose_file import PoseFile
from mbnb.text import VIDEO_ENDINGS
from mbnb.video.frames import FPS, read_video
from mbnb.video.landmarks import VIDEO_FACTS, extract, load_landmarks, to_places, to_tips

SHARE = 0.05  # of a video's frames, by which the joints' may differ unsaid


@dataclass(frozen=True)
class Source:
    """People in T pictures.

    people: by track (T, 17, 3) x and y in pixels and a belief of 0 to 1, NaN where not found.
    rate: pictures a second; size: their width and height, None where nobody knows. video: the file
    of the pictures, landmarks: what MediaPipe found in it; None where there is none. tips: by track
    (T, 4, 3) the same of where feet and hands end, of whom that was looked for.
    """

    people: dict[str, np.ndarray]
    rate: float
    size: tuple[int, int] | None = None
    video: Path | None = None
    landmarks: Path | None = None
    tips: dict[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_source(
    path: Path,
    landmarks: Path,
    video: Path | None = None,
    layout: str = "",
    fps: float = FPS,
    pose_model: Path | None = None,
) -> Source:
    """A video, or a file or a folder of joints, by what it holds.

    landmarks: where those of a video are kept, and not searched for again. video: the one that a
    file of joints is of. layout: its table of points, where it does not tell. fps: pictures a
    second, where neither the file nor a video tells. Raises InputError for what is neither, for
    joints in metres, and where nobody is found.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.suffix.lower() in VIDEO_ENDINGS:
        if video:
            raise InputError(f"{path}: is a video itself, so it needs no other one")
        return _of_video(path, landmarks, pose_model)
    return _of_file(path, formats.read(path, layout), video, fps)


def _of_video(path: Path, landmarks: Path, pose_model: Path | None) -> Source:
    rate = read_video(path).source_fps
    extract(path, landmarks, rate, pose_model, bar=True)
    with np.load(landmarks) as file:
        facts = {name: file[name] for name in (*VIDEO_FACTS, "pauses", "others")}
    size = tuple(facts["size"].tolist())
    kept = load_landmarks(landmarks)
    joints = to_places(kept, size)
    if not np.isfinite(joints).any():
        raise InputError(f"{path}: no person found")
    notes = [f"{len(facts['pauses'])} pauses of the recording are left out"]
    notes = notes if len(facts["pauses"]) else []
    if facts["others"].sum() > 1:
        notes.append("several people are in the picture, of whom MediaPipe follows one alone")
    tips = {"person": to_tips(kept)}
    return Source({"person": joints}, rate, size, path, landmarks, tips, tuple(notes))


def _of_file(path: Path, found: PoseFile, video: Path | None, fps: float) -> Source:
    if found.depth:
        raise InputError(f"{path}: its joints have a depth already, so there is nothing to lift")
    film, size, notes = read_video(video) if video else None, found.size, list(found.notes)
    if film:
        _, picture = next(iter(film))
        size = picture.shape[1], picture.shape[0]
    if found.shares and size:
        found = found.in_pixels(size)
        notes = list(found.notes)
    rate = found.rate or (film.source_fps if film else None)
    if not rate:
        notes.append(f"no file tells the rate: it is taken as {fps:g} pictures a second (-p fps)")
    people = formats.joints_of(found)
    frames = len(next(iter(people.values())))
    of_film = round(film.declared * film.source_fps) if film else 0
    if of_film and abs(frames - of_film) > max(2, SHARE * of_film):
        notes.append(f"{frames} frames of joints, {of_film} of the video: are they of each other?")
    return Source(people, rate or fps, size, video, notes=tuple(notes))

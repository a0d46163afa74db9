"""One person's landmarks in the frames of a video, and our joints made from them.

MediaPipe finds 33 landmarks in metres in each frame, and Human3.6M's 17 joints are made from them.
What is stored is raw: smoothing is for reading. Nothing leaves this machine: the weights come with
MediaPipe's wheel, or are a file that the user names.
"""

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from mbnb.files import InputError, replacing
from mbnb.formats.mediapipe33 import LEFT_WRIST, RIGHT_WRIST, to_h36m
from mbnb.skeleton import load_skeleton
from mbnb.video.frames import FPS, import_extra, read_video

LONGEST_GAP = 10  # frames without a person that are interpolated: a third of a second
# A frame -> the landmarks of the person in it, in metres and in shares of the picture, or nothing.
Detector = Callable[[np.ndarray], tuple[Any, Any] | None]


class Landmarks(NamedTuple):
    """MediaPipe's 33 points in T frames; NaN in frames where no person was found.

    world: (T, 33, 3) float32, metres, x right in the picture, y down, z away from the camera,
    origin between the hips. image: (T, 33, 2) float32, pixels. visibility: (T, 33) float32,
    0 to 1 (says nothing about a hidden face).
    """

    world: np.ndarray
    image: np.ndarray
    visibility: np.ndarray


def require_mediapipe(pose_model: Path | None = None) -> ModuleType:
    """MediaPipe, where it can find poses on this Python.

    Raises InputError that says in one line what is missing, and what to do.
    """
    mediapipe = import_extra("mediapipe")
    if pose_model and not Path(pose_model).is_file():
        raise InputError(f"setting 'pose_model': {pose_model}: no such file")
    if not (pose_model or hasattr(mediapipe, "solutions")):
        raise InputError(
            f"videos need a pose model, which mediapipe {mediapipe.__version__} does not bring: "
            "use Python 3.11 or 3.12, or download MediaPipe's pose_landmarker_full.task and give "
            "its path as the setting `pose_model`"
        )
    return mediapipe


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """MediaPipe's C++ parts log straight to file descriptor 2, and no setting stops them."""
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


@contextlib.contextmanager
def _own_model(mediapipe: ModuleType) -> Iterator[Detector]:
    """The pose model that MediaPipe 0.10.14 brings, and newer ones do not."""
    with _quiet():
        # Its own smoothing lags by one or two frames.
        pose = mediapipe.solutions.pose.Pose(model_complexity=1, smooth_landmarks=False)
        # It starts, and logs, behind its constructor's back.
        pose.process(np.zeros((256, 256, 3), np.uint8))

    def detect(frame: np.ndarray) -> tuple[Any, Any] | None:
        result = pose.process(frame)
        if result.pose_world_landmarks is None:
            return None
        return result.pose_world_landmarks.landmark, result.pose_landmarks.landmark

    with pose:
        yield detect


@contextlib.contextmanager
def _named_model(mediapipe: ModuleType, path: Path) -> Iterator[Detector]:
    """A pose model in a file of MediaPipe's Tasks, `pose_landmarker_*.task`."""
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=path.read_bytes()),
        running_mode=vision.RunningMode.VIDEO,
    )
    try:
        with _quiet():
            landmarker = vision.PoseLandmarker.create_from_options(options)
    except (RuntimeError, ValueError, OSError) as error:
        raise InputError(f"{path}: expected a pose model of MediaPipe ({error})") from error
    milliseconds = 0

    def detect(frame: np.ndarray) -> tuple[Any, Any] | None:
        nonlocal milliseconds
        # It smooths by an amount that depends on the time between frames, which lags by two
        # frames at their true rate; frames that seem to be 100 s apart are not smoothed at all.
        milliseconds += 100_000
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=frame)
        result = landmarker.detect_for_video(image, milliseconds)
        if not result.pose_world_landmarks:
            return None
        return result.pose_world_landmarks[0], result.pose_landmarks[0]

    try:
        yield detect
    finally:
        with _quiet():
            landmarker.close()


def extract_pose(frames: Iterable[np.ndarray], pose_model: Path | None = None) -> Landmarks:
    """Landmarks of the person in `frames`, (H, W, 3) uint8 RGB each, in the order of time.

    pose_model: a file of MediaPipe's Tasks; without it the model in MediaPipe's own wheel.
    Raises InputError where the extra `video` or the model is missing.
    """
    mediapipe = require_mediapipe(pose_model)
    # It tracks from frame to frame, so every clip needs a detector of its own.
    detector = _named_model(mediapipe, Path(pose_model)) if pose_model else _own_model(mediapipe)
    rows = [np.zeros((0, 33, 6), np.float32)]
    with detector as detect:
        for frame in frames:
            with _quiet():
                person = detect(frame)
            row = np.full((1, 33, 6), np.nan, np.float32)
            if person is not None:
                height, width = frame.shape[:2]
                row[0] = [
                    (world.x, world.y, world.z, pixel.x * width, pixel.y * height, pixel.visibility)
                    for world, pixel in zip(*person, strict=True)
                ]
            rows.append(row)
    points = np.concatenate(rows)  # (T, 33, 6)
    return Landmarks(points[..., :3], points[..., 3:5], points[..., 5])


def to_joints(world: np.ndarray) -> np.ndarray:
    """(T, 33, 3) world landmarks -> (T, 17, 3) Human3.6M joints relative to the Pelvis, metres."""
    pose = to_h36m(world)
    return pose - pose[:, [load_skeleton().root]]


def gaps(pose: np.ndarray) -> list[tuple[int, int]]:
    """(first, end) of every run of frames of a (T, J, C) clip that hold a NaN."""
    missing = np.isnan(pose).any((1, 2))
    changes = np.flatnonzero(np.diff(missing.astype(int), prepend=0, append=0)).tolist()
    return list(zip(changes[::2], changes[1::2], strict=True))


def fill_gaps(pose: np.ndarray, longest: int = LONGEST_GAP) -> np.ndarray:
    """(T, J, C) with gaps of up to `longest` frames interpolated; longer ones stay NaN.

    Interpolation is linear; at the ends of the clip the nearest pose is held.
    """
    filled = pose.copy()
    for first, end in gaps(pose):
        if end - first <= min(longest, len(pose) - 1):
            before = first - 1 if first > 0 else end
            after = end if end < len(pose) else first - 1
            weight = np.arange(1, end - first + 1)[:, None, None] / (end - first + 1)  # (gap, 1, 1)
            filled[first:end] = (1 - weight) * pose[before] + weight * pose[after]
    return filled


def quality(landmarks: Landmarks) -> dict[str, float]:
    """How good the landmarks of one clip are, before any gap is filled.

    detected: fraction of frames with a person. longest_gap: frames. wrist_visibility: mean, 0 to
    1. jitter_mm: median length of the second difference from frame to frame, over all joints but
    the Pelvis. bone_variation: standard deviation of a bone's length over its mean, averaged over
    the bones. NaN where too few frames hold a person.
    """
    pose, skeleton = to_joints(landmarks.world), load_skeleton()
    detected = ~np.isnan(pose).any((1, 2))  # (T,)
    wrists = landmarks.visibility[detected][:, [LEFT_WRIST, RIGHT_WRIST]]
    jitter = np.linalg.norm(np.diff(np.delete(pose, skeleton.root, axis=1), n=2, axis=0), axis=-1)
    parents, children = np.array(skeleton.bones).T  # (16,) each
    bones = np.linalg.norm(pose[detected][:, children] - pose[detected][:, parents], axis=-1)
    # The mean of nothing is the NaN that is wanted.
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        return {
            "detected": float(detected.mean()),
            "longest_gap": max((end - first for first, end in gaps(pose)), default=0),
            "wrist_visibility": float(wrists.mean()),
            "jitter_mm": float(1000 * np.nanmedian(jitter)),
            "bone_variation": float((bones.std(0) / bones.mean(0)).mean()),
        }


def load_landmarks(path: Path) -> Landmarks:
    """The landmarks in a file that `extract` wrote."""
    with np.load(path) as file:
        return Landmarks(*(file[name] for name in Landmarks._fields))


def extract(path: Path, landmarks: Path, fps: float = FPS, pose_model: Path | None = None) -> None:
    """Write the landmarks of a video to the file `landmarks`, unless they are there already.

    They count as there where they are of the same video by the same versions. The .npz holds
    world, image, visibility, fps, source_fps, size (width, height), decoded, declared, sha256 and
    bytes of the video, and made_by. Raises InputError as `read_video`, `Video` and `extract_pose`.
    """
    video = read_video(path, fps)
    # Another decoder's colours move landmarks by 8-14 mm, so its version counts, too.
    makers = [f"{name} {import_extra(name).__version__}" for name in ("av", "mediapipe")]
    if pose_model:
        makers.append(f"{pose_model.name} {_sha256(pose_model)}")
    origin = {
        "sha256": _sha256(path),
        "bytes": path.stat().st_size,
        "made_by": ", ".join(makers),
        "fps": fps,
    }
    if landmarks.is_file():
        with np.load(landmarks) as known:
            if all(known[key] == value for key, value in origin.items()):
                return
    points = extract_pose((frame for _, frame in video), pose_model)
    with replacing(landmarks) as part:
        np.savez_compressed(
            part,
            **points._asdict(),
            **origin,
            size=video.size,
            source_fps=video.source_fps,
            decoded=video.decoded,
            declared=video.declared,
        )


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

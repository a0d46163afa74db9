"""Videos of one person -> landmarks -> joints; `mbnb.video.convert` makes data sets of them.

PyAV decodes, MediaPipe's Pose finds 33 landmarks in metres in each frame, and Human3.6M's 17 joints are made from them.
What is stored is raw: `mbnb.prepare.geometry.smooth` is for reading. Nothing leaves this machine: MediaPipe's weights come with its wheel.
"""

import base64
import contextlib
import hashlib
import importlib
import io
import itertools
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
from PIL import Image

from mbnb.files import InputError, replacing
from mbnb.formats.mediapipe33 import LEFT_WRIST, RIGHT_WRIST, to_h36m
from mbnb.skeleton import load_skeleton

FPS = 30.0  # frames a second of every clip, whatever the video had
LONGEST_GAP = 10  # frames without a person that are interpolated: a third of a second
FEWEST_OF_DECLARED = (
    0.9  # containers round: only a file that lacks more than this counts as cut short
)


def optional(module: str) -> ModuleType:
    """A module of the optional extra `video`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"videos need {module}, which cannot be imported ({error}): pip install -e .[video]"
        ) from error


@dataclass
class Video:
    """The first video stream of a file; iterating yields (seconds, (H, W, 3) uint8 RGB upright frame) at a constant rate.

    Frames are decoded while iterating and never held together. declared: frames that the container promises, 0 where it
    does not say; decoded and size (width, height) are known once it has been iterated.
    """

    path: Path
    fps: float
    source_fps: float
    declared: int
    decoded: int = 0
    size: tuple[int, int] = (0, 0)

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Each tick of 1 / fps seconds gets the frame whose time stamp is nearest.

        Raises InputError for a stream without frames and for a file that is cut short or damaged.
        """
        tick = 0
        for (seconds, frame), (following, _) in itertools.pairwise(self._decode()):
            while tick / self.fps < (seconds + following) / 2:
                # Phones store a turned picture and an angle (counter-clockwise), which decoders report but do not apply.
                picture = np.ascontiguousarray(
                    np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                )
                self.size = picture.shape[1], picture.shape[0]
                yield tick / self.fps, picture
                tick += 1

    def _decode(self) -> Iterator[tuple[float, object]]:
        """Decoded frames with their seconds since the first, and at last the time at which the last frame ends."""
        av = optional("av")
        self.decoded, start, seconds = 0, 0.0, 0.0
        try:
            with av.open(str(self.path)) as container:
                for frame in container.decode(container.streams.video[0]):
                    seconds = self.decoded / self.source_fps if frame.time is None else frame.time
                    start = seconds if self.decoded == 0 else start
                    self.decoded += 1
                    yield seconds - start, frame
        except av.error.FFmpegError as error:
            raise InputError(
                f"{self.path}: cut short or damaged: decoding stopped after {self.decoded} frames of "
                f"{self.declared or 'an unknown number'} ({error.strerror})"
            ) from error
        if not self.decoded:
            raise InputError(f"{self.path}: the video stream holds no frames")
        if self.decoded < FEWEST_OF_DECLARED * self.declared:
            raise InputError(
                f"{self.path}: cut short: {self.declared} frames declared, {self.decoded} there"
            )
        yield seconds - start + 1 / self.fps, None


def read_video(path: Path, fps: float = FPS) -> Video:
    """Open a video to iterate its frames at `fps` frames a second.

    Raises InputError for a file that is missing, cannot be read as a video, lacks its index or has no video stream.
    """
    av, path = optional("av"), Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                kinds = ", ".join(stream.type for stream in container.streams) or "nothing"
                raise InputError(f"{path}: no video stream, found {kinds}")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or stream.guessed_rate or FPS)
            length = (
                stream.duration * stream.time_base
                if stream.duration
                else (container.duration or 0) / av.time_base
            )
            # MP4 counts frames that trimming on a phone has hidden; its duration leaves them out.
            counted = 0 if "mp4" in container.format.name else stream.frames
            return Video(path, fps, rate, counted or round(length * rate))
    except av.error.FFmpegError as error:
        with open(path, "rb") as file:
            head = file.read(8)
        fault = "cannot be read as a video"
        if head[4:] == b"ftyp":
            fault = "cut short: begins as MP4, but its index is missing"
        elif head and isinstance(error, av.error.EOFError):
            fault = "ends before its first frame: the video stream holds no frames"
        raise InputError(f"{path}: {fault} ({error.strerror})") from error


def thumbnails(path: Path, fps: float = 10.0, height: int = 240) -> list[str]:
    """Frames of a video, `fps` a second and `height` pixels high, as addresses that hold the pictures themselves (JPEG), for `animation.player`.

    Raises InputError as `read_video` does.
    """
    addresses = []
    for _, frame in read_video(path, fps):
        picture, file = Image.fromarray(frame), io.BytesIO()
        picture.resize((round(picture.width * height / picture.height), height)).save(
            file, "JPEG", quality=70
        )
        addresses.append(f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}")
    return addresses


class Landmarks(NamedTuple):
    """MediaPipe's 33 points in T frames; NaN in frames where no person was found.

    world: (T, 33, 3) float32, metres, x right in the picture, y down, z away from the camera, origin between the hips.
    image: (T, 33, 2) float32, pixels. visibility: (T, 33) float32, 0 to 1 (says nothing about a hidden face).
    """

    world: np.ndarray
    image: np.ndarray
    visibility: np.ndarray


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


def extract_pose(frames: Iterable[np.ndarray]) -> Landmarks:
    """Landmarks of the person in `frames`, (H, W, 3) uint8 RGB each, in the order of time.

    Raises InputError where the extra `video` is missing, or holds a MediaPipe too new to bring its own model.
    """
    mediapipe = optional("mediapipe")
    if not hasattr(mediapipe, "solutions"):
        raise InputError(
            f"mediapipe {mediapipe.__version__} has no pose model of its own: pip install -e .[video]"
        )
    with _quiet():
        # It tracks from frame to frame, so every clip needs a new one. Its own smoothing lags by one or two frames.
        pose = mediapipe.solutions.pose.Pose(model_complexity=1, smooth_landmarks=False)
        pose.process(
            np.zeros((256, 256, 3), np.uint8)
        )  # it starts, and logs, behind its constructor's back
    found = [np.zeros((0, 33, 6), np.float32)]
    with pose:
        for frame in frames:
            with _quiet():
                result = pose.process(frame)
            points = np.full((1, 33, 6), np.nan, np.float32)
            if result.pose_world_landmarks is not None:
                height, width = frame.shape[:2]
                points[0] = [
                    (world.x, world.y, world.z, pixel.x * width, pixel.y * height, pixel.visibility)
                    for world, pixel in zip(
                        result.pose_world_landmarks.landmark,
                        result.pose_landmarks.landmark,
                        strict=True,
                    )
                ]
            found.append(points)
    points = np.concatenate(found)  # (T, 33, 6)
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
    """(T, J, C) with gaps of up to `longest` frames interpolated linearly, at the ends of the clip held; longer ones stay NaN."""
    filled = pose.copy()
    for first, end in gaps(pose):
        if end - first <= min(longest, len(pose) - 1):
            before = first - 1 if first > 0 else end
            after = end if end < len(pose) else first - 1
            weight = np.arange(1, end - first + 1)[:, None, None] / (end - first + 1)  # (gap, 1, 1)
            filled[first:end] = (1 - weight) * pose[before] + weight * pose[after]
    return filled


def quality(landmarks: Landmarks) -> dict[str, float]:
    """How good the landmarks of one clip are, before any gap is filled; NaN where too few frames hold a person.

    detected: fraction of frames with a person. longest_gap: frames. wrist_visibility: mean, 0 to 1. jitter_mm: median length
    of the second difference from frame to frame, over all joints but the Pelvis. bone_variation: standard deviation of a
    bone's length over its mean, averaged over the bones.
    """
    pose, skeleton = to_joints(landmarks.world), load_skeleton()
    seen = ~np.isnan(pose).any((1, 2))
    jitter = np.linalg.norm(np.diff(np.delete(pose, skeleton.root, axis=1), n=2, axis=0), axis=-1)
    parents, children = np.array(skeleton.bones).T  # (16,) each
    bones = np.linalg.norm(pose[seen][:, children] - pose[seen][:, parents], axis=-1)
    with warnings.catch_warnings(
        action="ignore", category=RuntimeWarning
    ):  # the mean of nothing is the NaN that is wanted
        return {
            "detected": float(seen.mean()),
            "longest_gap": max((end - first for first, end in gaps(pose)), default=0),
            "wrist_visibility": float(
                landmarks.visibility[seen][:, [LEFT_WRIST, RIGHT_WRIST]].mean()
            ),
            "jitter_mm": float(1000 * np.nanmedian(jitter)),
            "bone_variation": float((bones.std(0) / bones.mean(0)).mean()),
        }


def load_landmarks(path: Path) -> Landmarks:
    """The landmarks in a file that `extract` wrote."""
    with np.load(path) as file:
        return Landmarks(*(file[name] for name in Landmarks._fields))


def extract(path: Path, landmarks: Path, fps: float = FPS) -> None:
    """Write the landmarks of a video to a file, unless they are there already, of the same video by the same versions.

    The .npz holds world, image, visibility, fps, source_fps, size (width, height), decoded, declared, sha256 and bytes of the
    video, and made_by. Raises InputError as `read_video`, `Video` and `extract_pose` do.
    """
    video = read_video(path, fps)
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    # Another decoder's colours move landmarks by 8-14 mm, so its version counts like the extractor's.
    made_by = ", ".join(f"{name} {optional(name).__version__}" for name in ("av", "mediapipe"))
    origin = {"sha256": sha256, "bytes": path.stat().st_size, "made_by": made_by, "fps": fps}
    if landmarks.is_file():
        with np.load(landmarks) as known:
            if all(known[key] == value for key, value in origin.items()):
                return
    points = extract_pose(frame for _, frame in video)
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

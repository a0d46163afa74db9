"""Videos of one person -> clips in the documented layout.

PyAV decodes, MediaPipe's Pose finds 33 landmarks in metres in each frame, and Human3.6M's 17 joints are made from them.
What is stored is raw: `mbnb.transforms.smooth` is for reading. Nothing leaves this machine: MediaPipe's weights come with its wheel.
"""

import contextlib
import hashlib
import importlib
import itertools
import multiprocessing
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib import cbook
from matplotlib.figure import Figure
from PIL import Image
from tqdm.auto import tqdm

from mbnb.classes import ClassTable, read_classes
from mbnb.clips import SPLITS, UNLABELLED, pack, write_dataset
from mbnb.files import InputError, replacing
from mbnb.skeleton import MEDIAPIPE33, load_skeleton, to_h36m

FPS = 30.0  # frames a second of every clip, whatever the video had
LONGEST_GAP = 10  # frames without a person that are interpolated: a third of a second
HEAD_TOP_M = 0.11  # from the mid-point of the ears to the top of the head
FEWEST_OF_DECLARED = 0.9  # containers round: only a file that lacks more than this counts as cut short
LEFT_EYE, RIGHT_EYE, LEFT_EAR, RIGHT_EAR, LEFT_MOUTH, RIGHT_MOUTH, LEFT_WRIST, RIGHT_WRIST = 2, 5, 7, 8, 9, 10, 15, 16
COLOURS = {"left": "tab:orange", "right": "tab:blue", "middle": "lime"}


def _extra(module: str) -> ModuleType:
    """A module of the optional extra `video`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"videos need {module}, which cannot be imported ({error}): pip install -e .[video]") from error


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
                picture = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))
                self.size = picture.shape[1], picture.shape[0]
                yield tick / self.fps, picture
                tick += 1

    def _decode(self) -> Iterator[tuple[float, object]]:
        """Decoded frames with their seconds since the first, and at last the time at which the last frame ends."""
        av = _extra("av")
        self.decoded, start, seconds = 0, 0.0, 0.0
        try:
            with av.open(str(self.path)) as container:
                for frame in container.decode(container.streams.video[0]):
                    seconds = self.decoded / self.source_fps if frame.time is None else frame.time
                    start = seconds if self.decoded == 0 else start
                    self.decoded += 1
                    yield seconds - start, frame
        except av.error.FFmpegError as error:
            raise InputError(f"{self.path}: cut short or damaged: decoding stopped after {self.decoded} frames of "
                             f"{self.declared or 'an unknown number'} ({error.strerror})") from error
        if not self.decoded:
            raise InputError(f"{self.path}: the video stream holds no frames")
        if self.decoded < FEWEST_OF_DECLARED * self.declared:
            raise InputError(f"{self.path}: cut short: {self.declared} frames declared, {self.decoded} there")
        yield seconds - start + 1 / self.fps, None


def read_video(path: Path, fps: float = FPS) -> Video:
    """Open a video to iterate its frames at `fps` frames a second.

    Raises InputError for a file that is missing, cannot be read as a video, lacks its index or has no video stream.
    """
    av, path = _extra("av"), Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                kinds = ", ".join(stream.type for stream in container.streams) or "nothing"
                raise InputError(f"{path}: no video stream, found {kinds}")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or stream.guessed_rate or FPS)
            length = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / av.time_base
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
    mediapipe = _extra("mediapipe")
    if not hasattr(mediapipe, "solutions"):
        raise InputError(f"mediapipe {mediapipe.__version__} has no pose model of its own: pip install -e .[video]")
    with _quiet():
        # It tracks from frame to frame, so every clip needs a new one. Its own smoothing lags by one or two frames.
        pose = mediapipe.solutions.pose.Pose(model_complexity=1, smooth_landmarks=False)
        pose.process(np.zeros((256, 256, 3), np.uint8))  # it starts, and logs, behind its constructor's back
    found = [np.zeros((0, 33, 6), np.float32)]
    with pose:
        for frame in frames:
            with _quiet():
                result = pose.process(frame)
            points = np.full((1, 33, 6), np.nan, np.float32)
            if result.pose_world_landmarks is not None:
                height, width = frame.shape[:2]
                points[0] = [(world.x, world.y, world.z, pixel.x * width, pixel.y * height, pixel.visibility) for world, pixel
                             in zip(result.pose_world_landmarks.landmark, result.pose_landmarks.landmark, strict=True)]
            found.append(points)
    points = np.concatenate(found)  # (T, 33, 6)
    return Landmarks(points[..., :3], points[..., 3:5], points[..., 5])


def to_joints(world: np.ndarray) -> np.ndarray:
    """(T, 33, 3) world landmarks -> (T, 17, 3) Human3.6M joints relative to the Pelvis, metres.

    MediaPipe has no top of the head: it is put 0.11 m from the mid-point of the ears, along the face's up direction
    (mid-mouth to mid-eyes) made orthogonal to the ear axis.
    """
    skeleton, pose = load_skeleton(), to_h36m(world, MEDIAPIPE33)
    ears = world[:, LEFT_EAR] - world[:, RIGHT_EAR]
    up = world[:, [LEFT_EYE, RIGHT_EYE]].mean(1) - world[:, [LEFT_MOUTH, RIGHT_MOUTH]].mean(1)
    up = up - ears * ((up * ears).sum(-1, keepdims=True) / (ears * ears).sum(-1, keepdims=True))
    pose[:, skeleton.joints.index("Head_top")] += HEAD_TOP_M * up / np.linalg.norm(up, axis=-1, keepdims=True)
    return pose - pose[:, [skeleton.root]]


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
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # the mean of nothing is the NaN that is wanted
        return {
            "detected": float(seen.mean()),
            "longest_gap": max((end - first for first, end in gaps(pose)), default=0),
            "wrist_visibility": float(landmarks.visibility[seen][:, [LEFT_WRIST, RIGHT_WRIST]].mean()),
            "jitter_mm": float(1000 * np.nanmedian(jitter)),
            "bone_variation": float((bones.std(0) / bones.mean(0)).mean()),
        }


class Source(NamedTuple):
    """One video to convert: the clip's name, its class id (-1: unlabelled) and the person in it."""

    path: Path
    name: str
    label: int
    subject: str


def landmark_file(out: Path, name: str) -> Path:
    """Where the raw landmarks of clip `name` of the data set `out` lie: in `<out>_landmarks`, for `out` is replaced whole."""
    return Path(out).with_name(f"{Path(out).name}_landmarks") / f"{name}.npz"


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
    made_by = ", ".join(f"{name} {_extra(name).__version__}" for name in ("av", "mediapipe"))
    origin = {"sha256": sha256, "bytes": path.stat().st_size, "made_by": made_by, "fps": fps}
    if landmarks.is_file():
        with np.load(landmarks) as known:
            if all(known[key] == value for key, value in origin.items()):
                return
    points = extract_pose(frame for _, frame in video)
    with replacing(landmarks) as part:
        np.savez_compressed(part, **points._asdict(), **origin, size=video.size, source_fps=video.source_fps,
                            decoded=video.decoded, declared=video.declared)


def _extract_all(sources: list[Source], out: Path, fps: float, processes: int) -> dict[str, str]:
    """Extract every video in processes of their own; by clip name, the reasons of those that failed."""

    def run(some: list[Source], workers: int, bar: tqdm) -> Iterator[tuple[Source, BaseException | None]]:
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
        try:
            tasks = {pool.submit(extract, Path(s.path), landmark_file(out, s.name), fps): s for s in some}
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


def convert(videos: Iterable[tuple[Path, str, int, str]], out: Path, classes: ClassTable, split: str | Mapping[str, str] = "train",
            processes: int = 2, fps: float = FPS) -> pd.DataFrame:
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
            faults.append(f"{path}: expected a clip name without blanks and slashes, found {name!r}")
        if not UNLABELLED <= label < len(classes):
            faults.append(f"{path}: expected a class id from 0 to {len(classes) - 1}, or -1, found {label}")
        if splits_of.get(name) not in SPLITS:
            faults.append(f"{path}: expected one of {', '.join(SPLITS)} as split, found {splits_of.get(name)!r}")
    if faults:
        raise InputError("\n".join(faults))
    reasons = _extract_all(sources, out, fps, processes)
    rows, poses = [], {}
    for source in sources:
        row = {"clip": source.name, "video": Path(source.path).name, "split": splits_of[source.name]}
        reason = reasons.get(source.name, "")
        if not reason:
            with np.load(landmark_file(out, source.name)) as file:
                row |= {key: file[key].item() for key in ("declared", "decoded", "source_fps", "fps")}
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
        raise InputError("\n".join(["not one video can be used", *(f"{row['clip']}: {row['reason']}" for row in rows)]))
    splits = {}
    for name in SPLITS:
        if part := [source for source in sources if source.name in poses and splits_of[source.name] == name]:
            _, clips, labels, subjects = zip(*part, strict=True)
            splits[name] = pack([poses[clip] for clip in clips], clips, labels, subjects)
    table = pd.DataFrame(rows)
    with replacing(out) as whole:
        write_dataset(whole, splits, classes)
        table.to_csv(whole / "quality.csv", index=False)
    return table


def overlay_sheet(path: Path, landmarks: Path, n: int = 6) -> Figure:
    """n frames of a video with the 17 joints over them, from its landmark file; the person's left orange, the right blue.

    Raises InputError as `read_video` and `Video` do.
    """
    with np.load(landmarks) as file:
        fps = file["fps"].item()
    world, image, visibility = load_landmarks(landmarks)
    wanted = np.unique(np.linspace(0, len(world) - 1, n).round().astype(int))
    figure = Figure(figsize=(3 * len(wanted), 4), layout="constrained")
    axes = iter(figure.subplots(1, len(wanted), squeeze=False)[0])
    skeleton = load_skeleton()
    for t, (seconds, picture) in enumerate(read_video(path, fps)):
        if t not in wanted:
            continue
        ax = next(axes)
        ax.imshow(picture)
        ax.set(title=f"{seconds:.2f} s", xlim=(0, picture.shape[1]), ylim=(picture.shape[0], 0))
        ax.set_axis_off()
        # The scale and the shift that bring what is seen of the world landmarks best onto the picture.
        flat, weight = world[t, :, :2], visibility[t, :, None] / visibility[t].sum()  # (33, 2), (33, 1)
        origin, centre = (weight * flat).sum(0), (weight * image[t]).sum(0)
        scale = (weight * (flat - origin) * (image[t] - centre)).sum() / (weight * (flat - origin) ** 2).sum()
        hips = flat[[23, 24]].mean(0)
        joints = centre + scale * (to_joints(world[t:t + 1])[0, :, :2] + hips - origin)
        for parent, child in skeleton.bones:
            ax.plot(*joints[[parent, child]].T, color=COLOURS[skeleton.side(child)], linewidth=2)
    return figure


class Motion(NamedTuple):
    """A picture swings sideways above the height `pivot`, by `degrees` from `band` pixels above it; `code` is its class."""

    code: str
    degrees: float
    hertz: float
    pivot: int
    band: int

    def angles(self, seconds: float, fps: float) -> np.ndarray:
        """(T,) degrees, clockwise in the picture."""
        return self.degrees * np.sin(2 * np.pi * self.hertz * np.arange(round(seconds * fps)) / fps)


MOTIONS = {
    "tilting head": Motion("B4", 20, 0.6, 360, 100),
    "swaying body": Motion("A6", 12, 0.5, 600, 600),
    "shaking body": Motion("A1", 10, 2, 600, 300),
}


def _swing(picture: Image.Image, degrees: float, motion: Motion, strip: int = 10) -> Image.Image:
    """The picture bent sideways: each strip of rows turned about the pivot, the border's colour where nothing is."""
    pivot = complex(picture.width / 2, motion.pivot)

    def origin(x: int, y: int) -> tuple[float, float]:
        angle = np.radians(degrees * np.clip((motion.pivot - y) / motion.band, 0, 1))
        point = pivot + (complex(x, y) - pivot) * np.exp(-1j * angle)
        return point.real, point.imag

    width, mesh = picture.width, []
    for top in range(0, picture.height, strip):
        low = top + strip
        mesh.append(((0, top, width, low), (*origin(0, top), *origin(0, low), *origin(width, low), *origin(width, top))))
    return picture.transform(picture.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR, fillcolor=picture.getpixel((0, 0)))


def sample_video(path: Path, seconds: float = 3.0, fps: int = 30, motion: str = "tilting head") -> None:
    """A video of a real person that any installation can make: matplotlib's portrait of Grace Hopper (public domain), moved.

    Her hips and legs are not in the picture, so the extractor invents them. Written as H.264, or as MPEG-4 where that encoder
    is missing. Raises InputError for a motion not in `MOTIONS`.
    """
    if motion not in MOTIONS:
        raise InputError(f"unknown motion {motion!r}; known: {', '.join(MOTIONS)}")
    av = _extra("av")
    with Image.open(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as file:
        portrait = file.convert("RGB")
    with replacing(path) as part, av.open(str(part), "w") as container:
        stream = container.add_stream("libx264" if "libx264" in av.codecs_available else "mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *portrait.size, "yuv420p"
        for degrees in MOTIONS[motion].angles(seconds, fps):
            container.mux(stream.encode(av.VideoFrame.from_image(_swing(portrait, degrees, MOTIONS[motion]))))
        container.mux(stream.encode())


def sample_videos(folder: Path, seconds: float = 3.0) -> list[Source]:
    """One sample video for each of `MOTIONS`, ready for `convert` with the document's class table."""
    classes, sources = read_classes("document"), []
    for motion, (code, *_) in MOTIONS.items():
        path = Path(folder) / f"{code}_portrait.mp4"
        sample_video(path, seconds, motion=motion)
        sources.append(Source(path, path.stem, classes.codes.index(code), "portrait"))
    return sources

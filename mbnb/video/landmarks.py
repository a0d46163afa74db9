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
from PIL import Image
from tqdm.auto import tqdm

from mbnb.files import InputError, replacing
from mbnb.formats.mediapipe33 import POINTS, SOURCES, to_h36m
from mbnb.formats.points import mean_of_points
from mbnb.skeleton import load_skeleton
from mbnb.video.frames import FPS, LONGEST_PAUSE, WHOLE, import_extra, read_video

LONGEST_GAP = round(LONGEST_PAUSE * FPS)  # frames without a person that are interpolated
SEEN = 0.5  # visibility of a landmark that is in the picture
NOSE_AND_SHOULDERS = [0, 11, 12]
SAMPLES = 5  # at least so many frames of a longer clip are searched for a second person
PARTS = 64  # of a picture's shorter side, at least, where it is that long
SMALL = 640  # pixels of their longer side
VIDEO_FACTS = ("source_fps", "size", "decoded", "declared", "alone", "streams")
TIPS = ([31], [32], [17, 19], [18, 20])  # toes, little and index finger's knuckles; left, right
VERSION = 2  # of what `extract` writes
HAND_POINTS = 21  # of MediaPipe's model of a hand
# What is kept of the 468 points of its face: tip of the nose, brows, corners of the mouth, upper
# lip and chin, left before right.
FACE_MESH = (1, 334, 105, 291, 61, 0, 152)
# A frame -> the landmarks of the person in it, in metres and in shares of the picture, and with
# them those of both hands and the face where they are searched for; or nothing.
Detector = Callable[[np.ndarray], tuple[Any, ...] | None]


class Landmarks(NamedTuple):
    """MediaPipe's 33 points in T frames; NaN in frames where no person was found.

    world: (T, 33, 3) float32, metres, x right in the picture, y down, z away from the camera,
    origin between the hips. image: (T, 33, 2) float32, pixels. visibility: (T, 33) float32,
    0 to 1 (says nothing about a hidden face).
    """

    world: np.ndarray
    image: np.ndarray
    visibility: np.ndarray


class WholeLandmarks(NamedTuple):
    """`Landmarks`, and what MediaPipe's holistic model finds beside them.

    hands: (T, 2, 21, 3) float32, the left one and the right one, pixels: x, y, and how much farther
    away than the wrist. face: (T, 7, 3) float32, the points of `FACE_MESH` likewise. NaN where they
    were not found.
    """

    world: np.ndarray
    image: np.ndarray
    visibility: np.ndarray
    hands: np.ndarray
    face: np.ndarray


def require_mediapipe(pose_model: Path | None = None, whole: bool = False) -> ModuleType:
    """MediaPipe, where it can find poses on this Python, and hands and faces where it shall.

    Raises InputError that says in one line what is missing, and what to do.
    """
    mediapipe = import_extra("mediapipe")
    if whole and (pose_model or not hasattr(mediapipe, "solutions")):
        raise InputError(
            "hands and faces in videos are found by models that mediapipe 0.10.14 brings: use "
            "Python 3.11 or 3.12, without the setting `pose_model`"
        )
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
def quiet() -> Iterator[None]:
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
def _own_model(mediapipe: ModuleType, tracks: bool, whole: bool) -> Iterator[Detector]:
    """The models that MediaPipe 0.10.14 brings, and newer ones do not."""
    solutions = mediapipe.solutions
    with quiet():
        # Its own smoothing lags by one or two frames.
        model = (solutions.holistic.Holistic if whole else solutions.pose.Pose)(
            static_image_mode=not tracks, model_complexity=1, smooth_landmarks=False
        )
        # It starts, and logs, behind its constructor's back.
        model.process(np.zeros((256, 256, 3), np.uint8))

    def detect(frame: np.ndarray) -> tuple[Any, ...] | None:
        result = model.process(frame)
        if result.pose_world_landmarks is None:
            return None
        names = ("left_hand", "right_hand", "face") if whole else ()
        others = [getattr(result, f"{name}_landmarks") for name in names]
        found = (result.pose_world_landmarks, result.pose_landmarks, *others)
        found = [one and one.landmark for one in found]
        if whole and found[-1]:
            found[-1] = [found[-1][i] for i in FACE_MESH]
        return tuple(found)

    with model:
        yield detect


@contextlib.contextmanager
def _named_model(mediapipe: ModuleType, path: Path, tracks: bool) -> Iterator[Detector]:
    """A pose model in a file of MediaPipe's Tasks, `pose_landmarker_*.task`."""
    from mediapipe.tasks.python import BaseOptions, vision

    modes = vision.RunningMode
    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=path.read_bytes()),
        running_mode=modes.VIDEO if tracks else modes.IMAGE,
    )
    try:
        with quiet():
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
        if tracks:
            result = landmarker.detect_for_video(image, milliseconds)
        else:
            result = landmarker.detect(image)
        if not result.pose_world_landmarks:
            return None
        return result.pose_world_landmarks[0], result.pose_landmarks[0]

    try:
        yield detect
    finally:
        with quiet():
            landmarker.close()


def _detector(
    pose_model: Path | None, tracks: bool, whole: bool = False
) -> contextlib.AbstractContextManager[Detector]:
    """Finds the person in frame after frame of a clip; without `tracks`, in any picture."""
    mediapipe = require_mediapipe(pose_model, whole)
    if pose_model:
        return _named_model(mediapipe, Path(pose_model), tracks)
    return _own_model(mediapipe, tracks, whole)


def extract_pose(
    frames: Iterable[np.ndarray], pose_model: Path | None = None, whole: bool = False
) -> Landmarks | WholeLandmarks:
    """Landmarks of the person in `frames`, (H, W, 3) uint8 RGB each, in the order of time.

    pose_model: a file of MediaPipe's Tasks; without it the model in MediaPipe's own wheel. whole:
    with hands and face. Raises InputError where the extra `video` or the model is missing.
    """
    counts = (33, HAND_POINTS, HAND_POINTS, len(FACE_MESH)) if whole else (33,)
    rows = [[np.zeros((0, count, 3 + 3 * (not i)), np.float32)] for i, count in enumerate(counts)]
    # It tracks from frame to frame, so every clip needs a detector of its own.
    with _detector(pose_model, tracks=True, whole=whole) as detect:
        for frame in frames:
            with quiet():
                person = detect(frame)
            for known in rows:
                known.append(np.full((1, *known[0].shape[1:]), np.nan, np.float32))
            if person is None:
                continue
            height, width = frame.shape[:2]
            world, pixels, *others = person
            rows[0][-1][0] = [
                (here.x, here.y, here.z, pixel.x * width, pixel.y * height, pixel.visibility)
                for here, pixel in zip(world, pixels, strict=True)
            ]
            for known, points in zip(rows[1:], others):
                if points:
                    known[-1][0] = [(p.x * width, p.y * height, p.z * width) for p in points]
    points, *others = map(np.concatenate, rows)  # (T, 33, 6), (T, 21, 3) twice, (T, 7, 3)
    found = Landmarks(points[..., :3], points[..., 3:5], points[..., 5])
    return WholeLandmarks(*found, np.stack(others[:2], 1), others[2]) if whole else found


def find_others(
    pictures: dict[int, np.ndarray], places: np.ndarray, pose_model: Path | None = None
) -> np.ndarray:
    """(N,) bool, in which of N pictures somebody is beside the person who was found there.

    pictures: by frame, (H, W, 3) uint8 RGB. places: (T, 33, 2), where the person's landmarks are in
    shares of the picture. The found person is painted over, and the model looks again.
    """
    found = np.zeros(len(pictures), bool)
    with _detector(pose_model, tracks=False) as detect:
        for i, (t, picture) in enumerate(pictures.items()):
            if np.isnan(places[t]).any():
                continue
            points = places[t] * (picture.shape[1], picture.shape[0])  # (33, 2) pixels
            (left, high), (right, low) = points.min(0), points.max(0)
            x, y = 0.15 * (right - left), 0.15 * (low - high)
            edges = np.array([high - y, low + y, left - x, right + x]).clip(0).astype(int)
            rest = picture.copy()
            rest[edges[0] : edges[1], edges[2] : edges[3]] = 127
            with quiet():
                person = detect(rest)
            if person:
                firm = [person[1][point] for point in NOSE_AND_SHOULDERS]
                found[i] = all(p.visibility > SEEN and 0 < p.x < 1 and 0 < p.y < 1 for p in firm)
    return found


def to_joints(world: np.ndarray) -> np.ndarray:
    """(T, 33, 3) world landmarks -> (T, 17, 3) Human3.6M joints relative to the Pelvis, metres."""
    pose = to_h36m(world)
    return pose - pose[:, [load_skeleton().root]]


def to_places(landmarks: Landmarks, size: tuple[int, int]) -> np.ndarray:
    """Where Human3.6M's joints are in the picture of `size` (W, H): (T, 17, 3) x, y and belief.

    Pixels, and 0 to 1; NaN in frames without a person, and a belief of 0 for what is `unseen`.
    """
    names = load_skeleton().joints
    points = np.concatenate([landmarks.image, landmarks.visibility[..., None]], axis=-1)
    places = mean_of_points(points, SOURCES, POINTS)
    # The top of the head has no landmark: it lies above the ears as it does in metres.
    spread = [np.std(xy, axis=1).mean(-1) for xy in (landmarks.image, landmarks.world[..., :2])]
    ears = landmarks.world[:, SOURCES["Head_top"]].mean(1)  # (T, 3)
    top = names.index("Head_top")
    raised = to_h36m(landmarks.world)[:, top] - ears
    places[:, top, :2] += (spread[0] / spread[1])[:, None] * raised[:, :2]
    places[..., 2] *= ~unseen(landmarks, size)
    return places


def to_tips(landmarks: Landmarks) -> np.ndarray:
    """Where feet and hands end in the picture: (T, 4, 3) x, y in pixels and belief.

    The toes and the middle of the knuckles, left before right, in the order of a body's `TIPS`.
    """
    points = np.concatenate([landmarks.image, landmarks.visibility[..., None]], axis=-1)
    return np.stack([points[:, ends].mean(1) for ends in TIPS], axis=1)


def unseen(landmarks: Landmarks, size: tuple[int, int]) -> np.ndarray:
    """(T, 17) bool, the joints of landmarks that lie outside the picture of `size` (W, H).

    There the model invents them, and says so by a low visibility. A frame without a person is as
    the nearest one with a person.
    """
    outside = ((landmarks.image < 0) | (landmarks.image >= size)).any(-1)  # (T, 33)
    hidden = outside & (landmarks.visibility < SEEN)
    joints = [hidden[:, SOURCES[joint]].any(-1) for joint in load_skeleton().joints]
    return np.stack(joints, axis=-1)[nearest_found(landmarks.image)]  # 17 times (T,) -> (T, 17)


def nearest_found(points: np.ndarray) -> np.ndarray:
    """(T,) for each frame of (T, P, C) the nearest one without NaN, itself where there is none."""
    frames = np.arange(len(points))
    found = np.flatnonzero(~np.isnan(points).any((1, 2)))
    if not len(found):
        return frames
    after = found.searchsorted(frames).clip(max=len(found) - 1)
    before = (after - 1).clip(min=0)
    nearer = abs(found[before] - frames) <= abs(found[after] - frames)
    return np.where(nearer, found[before], found[after])


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


def load_landmarks(path: Path) -> Landmarks | WholeLandmarks:
    """The landmarks in a file that `extract` wrote, with hands and face where they are in it."""
    with np.load(path) as file:
        kind = WholeLandmarks if "hands" in file else Landmarks
        return kind(*(file[name] for name in kind._fields))


class Witness:
    """Frames that pass by: a few are kept, and it is noted how long nothing moved.

    still: (first, end) of the most frames on end between which no part of the picture changed.
    """

    def __init__(self):
        self.pictures: dict[int, np.ndarray] = {}
        self.still = (0, 0)

    @property
    def kept(self) -> dict[int, np.ndarray]:
        """By frame at least SAMPLES small pictures, spread evenly, where there are so many."""
        # Made small at the end alone: most of those that are kept for a while are dropped again.
        small = {t: Image.fromarray(picture) for t, picture in self.pictures.items()}
        for picture in small.values():
            picture.thumbnail((SMALL, SMALL))
        return {t: np.asarray(picture) for t, picture in small.items()}

    def watch(self, pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same pictures, (H, W, 3) each."""
        every, first, before = 1, 0, None
        for t, picture in enumerate(pictures):
            if t % every == 0:
                self.pictures[t] = picture
                if len(self.pictures) >= 2 * SAMPLES:
                    every *= 2
                    self.pictures = {t: one for t, one in self.pictures.items() if t % every == 0}
            # Parts are averaged, so that the grain of a camera is no movement.
            parts = Image.fromarray(picture).reduce(max(1, min(picture.shape[:2]) // PARTS))
            grey = np.asarray(parts.convert("L"), int)  # (H / factor, W / factor)
            if before is not None and abs(grey - before).max() > 1:
                first = t
            before = grey
            self.still = max(self.still, (first, t + 1), key=lambda span: span[1] - span[0])
            yield picture


def extract(
    path: Path,
    landmarks: Path,
    fps: float = FPS,
    pose_model: Path | None = None,
    bar: bool = False,
    span: tuple[float, float] = WHOLE,
    region: tuple[int, int, int, int] | None = None,
    whole: bool = False,
) -> None:
    """Write the landmarks of a video to the file `landmarks`, unless they are there already.

    They count as there where they are of the same video by the same versions, `whole` ones for
    either. span: the seconds from and to which it is read. region: left, top, right, bottom of the
    part of the picture, in pixels, in which the person is searched for. The .npz holds world,
    image, visibility, of `whole` ones hands and face; of the `Video` its fps, source_fps, size
    (width, height), decoded, declared, pauses, stretches, alone and streams; others and still, see
    `find_others` and `Witness`; sha256 and bytes of the video, and made_by. `bar`: how far it is,
    is shown. Raises InputError as `read_video`, `Video` and `extract_pose`.
    """
    video = read_video(path, fps, span=span)
    # Another decoder's colours move landmarks by 8-14 mm, so its version counts, too.
    makers = [f"{name} {import_extra(name).__version__}" for name in ("av", "mediapipe")]
    if pose_model:
        makers.append(f"{pose_model.name} {_sha256(pose_model)}")
    origin = {
        "version": VERSION,
        "sha256": _sha256(path),
        "bytes": path.stat().st_size,
        "made_by": ", ".join(makers),
        "fps": fps,
        "span": np.array(span),
        "region": np.array(region or ()),
    }
    if landmarks.is_file():
        with np.load(landmarks) as known:
            there = {"span": np.array(WHOLE), "region": np.array(())}
            there |= {key: known[key] for key in known if key in origin}
            same = all(np.array_equal(there.get(key), value) for key, value in origin.items())
            if same and ("hands" in known or not whole):
                return
    witness = Witness()
    seconds = min(video.declared, span[1]) - span[0]
    frames = tqdm(video, "searching", max(round(fps * seconds), 0) or None, disable=not bar)
    points = _search(witness.watch(frame for _, frame in frames), region, pose_model, whole)
    with replacing(landmarks) as part:
        np.savez_compressed(
            part,
            **points._asdict(),
            **origin,
            others=find_others(witness.kept, points.image / video.size, pose_model),
            still=witness.still,
            pauses=np.reshape(video.pauses, (-1, 2)),
            stretches=np.reshape(video.stretches, (-1, 2)),
            **{name: getattr(video, name) for name in VIDEO_FACTS},
        )


def _search(
    pictures: Iterable[np.ndarray],
    region: tuple[int, int, int, int] | None,
    pose_model: Path | None,
    whole: bool,
) -> Landmarks | WholeLandmarks:
    """What `extract_pose` finds in a region of pictures, where it is in the whole ones.

    Raises InputError for a region outside of them.
    """
    left, top, right, bottom = region or (0, 0, None, None)

    def part_of(picture: np.ndarray) -> np.ndarray:
        part, (height, width) = picture[top:bottom, left:right], picture.shape[:2]
        if not part.size:
            wanted = f"LEFT,TOP,RIGHT,BOTTOM in pixels of {width} x {height}"
            raise InputError(f"expected a box {wanted}, found {','.join(map(str, region))}")
        return np.ascontiguousarray(part)

    parts = map(part_of, pictures)
    points, corner = extract_pose(parts, pose_model, whole), np.array((left, top, 0), np.float32)
    points = points._replace(image=points.image + corner[:2])
    if whole:
        points = points._replace(hands=points.hands + corner, face=points.face + corner)
    return points


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

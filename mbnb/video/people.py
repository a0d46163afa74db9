"""Who is in a video: everybody whom MediaPipe's detector finds, followed, each with a region.

MediaPipe's pose model follows one person. Its detector, which it starts from, finds several, so
that each can be followed in a region of the picture of their own. Nobody becomes somebody else
unnoticed: `strays` compares the two, and `jumps` looks at what the model found alone.
"""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mbnb.files import InputError
from mbnb.formats.mediapipe33 import SOURCES
from mbnb.formats.people import Detection, by_person
from mbnb.formats.pose_file import PoseFile
from mbnb.video.frames import FPS, WHOLE, read_video
from mbnb.video.landmarks import Landmarks, nearest_found, quiet, require_mediapipe

EVERY = 5  # frames from one that is searched to the next
SHARE = 0.2  # of the searched frames in which somebody is found who is there
MARGIN = 1.25  # radii of the detector's circle about a body that MediaPipe's own region has
FARTHEST = 0.75  # trunks by which the shoulders move to the next frame, 0.1 more for each between
GROWTH = 2.0  # times as large as a frame before
DETECTOR = """
input_stream: "image"
output_stream: "detections"
node {
  calculator: "PoseDetectionCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
}
"""
# The detector's points: middle of the hips, a circle about all of the body, middle of the
# shoulders, a circle about its upper part.
SHOWN = ("hips", "body", "shoulders", "upper")
HIPS, BODY, SHOULDERS, UPPER = range(4)


class Everybody(NamedTuple):
    """People by track, (T, 4, 3) in every EVERY-th frame, and the size (W, H) of the picture."""

    people: dict[str, np.ndarray]
    size: tuple[int, int]

    @property
    def as_file(self) -> PoseFile:
        """The same as other tools' files have it."""
        return PoseFile("", SHOWN, self.people, depth=False, size=self.size)


def find_everybody(path: Path, fps: float = FPS, span: tuple[float, float] = WHOLE) -> Everybody:
    """Everybody in a video who is found in a fifth of the frames that are searched.

    Raises InputError where nobody is, as `read_video` does, and where MediaPipe has no detector.
    """
    require_mediapipe()
    from google.protobuf import text_format
    from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
    from mediapipe.python.solution_base import SolutionBase

    video, found, searched = read_video(path, fps, span=span), [], 0
    graph = text_format.Parse(DETECTOR, CalculatorGraphConfig())
    with quiet():
        detector = SolutionBase(graph_config=graph, outputs=["detections"])
        detector.process(np.zeros((256, 256, 3), np.uint8))  # it starts, and logs, only then
    with detector:
        for searched, (_, picture) in enumerate(itertools.islice(video, 0, None, EVERY)):
            with quiet():
                detections = detector.process(picture).detections or ()
            for one in detections:
                score, points = one.score[0], one.location_data.relative_keypoints
                places = [(p.x * video.size[0], p.y * video.size[1], score) for p in points]
                found.append(Detection(searched, np.array(places, np.float32), score=score))
    if not found:
        raise InputError(f"{path}: no person found")
    people, _ = by_person(found, range(searched + 1), len(SHOWN))
    often = {n: p for n, p in people.items() if np.isfinite(p).all((1, 2)).mean() >= SHARE}
    names = sorted(often, key=lambda name: np.nanmedian(often[name][:, SHOULDERS, 0]))
    if not names:
        raise InputError(f"{path}: nobody is found in a fifth of its frames")
    return Everybody({str(i): often[name] for i, name in enumerate(names, 1)}, video.size)


def region_of(name: str, all_: Everybody) -> tuple[int, int, int, int]:
    """The part of the picture, left, top, right, bottom, that one person has to themselves.

    It holds the circles about the body at all times, and ends half-way to whoever is beside.
    """
    points = all_.people[name][..., :2]  # (T, 4, 2)
    low, high = np.zeros(2), np.array(all_.size, float)
    edges = []
    for middle, rim in ((HIPS, BODY), (SHOULDERS, UPPER)):
        radius = MARGIN * np.linalg.norm(points[:, rim] - points[:, middle], axis=-1)[:, None]
        edges += [points[:, middle] - radius, points[:, middle] + radius]
    low = np.maximum(low, np.nanmin(edges, axis=(0, 1)))
    high = np.minimum(high, np.nanmax(edges, axis=(0, 1)))
    own = points[:, SHOULDERS, 0]
    for other in (person[:, SHOULDERS, 0] for who, person in all_.people.items() if who != name):
        both = np.isfinite(own) & np.isfinite(other)
        halfway = (own[both] + other[both]) / 2
        if both.any() and (other < own)[both].all():
            low[0] = max(low[0], halfway.min())
        elif both.any() and (other > own)[both].all():
            high[0] = min(high[0], halfway.max())
    left, top, right, bottom = np.round([*low, *high]).astype(int).tolist()
    return left, top, right, bottom


def strays(landmarks: Landmarks, name: str, all_: Everybody) -> np.ndarray:
    """The frames, of those that were searched, in which landmarks are nearer to somebody else."""
    shoulders = _shoulders(landmarks.image)[::EVERY]  # (T, 2)
    away = {}
    for who, person in all_.people.items():
        # Whoever was not found in a frame is where they were found next to it.
        known = person if who != name else person[nearest_found(person)]
        away[who] = np.linalg.norm(known[: len(shoulders), SHOULDERS, :2] - shoulders, axis=-1)
    others = [distance for who, distance in away.items() if who != name]
    if not others:
        return np.zeros(0, int)
    nearest = np.fmin.reduce([np.full(len(shoulders), np.inf), *others])  # (T,)
    return EVERY * np.flatnonzero(nearest < away[name])


def jumps(landmarks: Landmarks) -> np.ndarray:
    """The frames at which the person of landmarks is suddenly elsewhere, or of another size.

    That is a jump to somebody else, or to what is nobody.
    """
    found = np.flatnonzero(np.isfinite(landmarks.image).all((1, 2)))
    if len(found) < 2:
        return found[:0]
    image = landmarks.image[found]
    shoulders, hips = _shoulders(image), image[:, list(SOURCES["Pelvis"])].mean(1)
    trunk = np.linalg.norm(shoulders - hips, axis=-1)  # (T,)
    between = np.diff(found) - 1
    size = np.maximum(np.minimum(trunk[1:], trunk[:-1]), 1e-6)
    way = np.linalg.norm(np.diff(shoulders, axis=0), axis=-1) / size
    growth = np.maximum(trunk[1:], trunk[:-1]) / size
    return found[1:][(way > FARTHEST + 0.1 * between) | (growth > GROWTH + 0.1 * between)]


def _shoulders(image: np.ndarray) -> np.ndarray:
    """(T, 2) the middle of the shoulders of landmarks (T, 33, 2)."""
    return image[:, list(SOURCES["Neck"])].mean(1)

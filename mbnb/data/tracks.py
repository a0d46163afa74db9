"""People followed through pictures, without depth: PoseTrack18 and InstaVariety, for pretraining.

PoseTrack18 is annotated by hand: a JSON file a video, whose annotations say which person and which
image they are of. InstaVariety was detected; of it MotionBERT keeps all frames in
`motion_all.npy` (F, 17, 3), and in `id_all.npy` (F,) the track that each of them belongs to.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mbnb.clips import digest_of
from mbnb.data.checks import Findings, has_file
from mbnb.formats import arrays, posetrack18

MOTION, IDS = "motion_all.npy", "id_all.npy"


@dataclass(frozen=True)
class Tracks:
    """F frames of people, one track after the other.

    points: (F, 17, 3) x, y and a confidence, in any unit, in the order of PoseTrack where they are
    `annotated`, else of Human3.6M. track: (F,) the number of each frame's track, neighbours of one
    number are one track.
    """

    name: str
    points: np.ndarray
    track: np.ndarray
    annotated: bool

    @cached_property
    def joints(self) -> np.ndarray:
        """(F, 17, 3) in the order of Human3.6M."""
        return posetrack18.to_h36m(self.points) if self.annotated else self.points

    @property
    def digest(self) -> bytes:
        """Equal for equal frames of equal tracks."""
        return digest_of(self.points) + digest_of(self.track)


def is_instavariety(path: Path) -> bool:
    """Whether a folder holds MotionBERT's files of InstaVariety, or one of both."""
    return any((path / name).exists() for name in (MOTION, IDS))


def read_instavariety(path: Path, findings: Findings) -> Tracks | None:
    """The two files of a folder; None after an error."""
    if not all(has_file(path, path / name, findings) for name in (MOTION, IDS)):
        findings.error(path, f"expected {MOTION} beside {IDS}")
        return None
    try:
        motion, ids = (arrays.load(path / name) for name in (MOTION, IDS))
    except Exception as error:  # numpy raises a different kind for every sort of damage
        findings.error(path, f"expected the arrays {MOTION} and {IDS} ({error})")
        return None
    if motion.shape[1:] != (17, 3) or ids.shape[:1] != motion.shape[:1] or ids.size != len(ids):
        findings.error(
            path,
            f"expected {MOTION} of the shape (F, 17, 3) and {IDS} of (F,), found {motion.shape} "
            f"and {ids.shape}",
        )
        return None
    if motion.dtype.kind not in "fiu" or not np.isfinite(motion).all():
        findings.error(path / MOTION, "expected finite numbers")
        return None
    _, track = np.unique(ids.reshape(-1), return_inverse=True)
    return Tracks("InstaVariety", motion.astype(np.float32), track, annotated=False)


def read_posetrack(files: list[Path], findings: Findings) -> Tracks | None:
    """Annotation files of PoseTrack18, every person of each; None after an error."""
    points, faults = [], 0
    for path in files:
        try:
            people = _people(json.loads(path.read_text(encoding="utf-8")))
            points += [np.array(frames, np.float64).reshape(-1, 17, 3) for frames in people]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            faults += 1
            findings.error(
                path,
                "expected annotations of PoseTrack18, each with image_id, track_id and 51 numbers "
                f"as keypoints ({type(error).__name__}: {error})",
            )
    lengths = [len(frames) for frames in points]
    if not (faults or sum(lengths)):
        findings.error(files[0].parent, "expected annotations of PoseTrack18, found no keypoints")
    if faults or not sum(lengths):
        return None
    track = np.repeat(np.arange(len(points)), lengths)
    return Tracks("PoseTrack18", np.concatenate(points), track, annotated=True)


def _people(content: dict) -> list[list[list[float]]]:
    """The keypoints of each person of a file, in the order of its images."""
    people: dict[int, list] = defaultdict(list)
    for one in sorted(content["annotations"], key=lambda one: one["image_id"]):
        if len(one.get("keypoints", ())) > 0:
            people[one["track_id"]].append(one["keypoints"])
    return list(people.values())

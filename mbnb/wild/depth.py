"""MediaPipe's own depth and that of an encoder, beside each other, and either for conversion."""

import hashlib
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import nn

from mbnb.config import LIFTER, Config
from mbnb.data.quality import steadiness
from mbnb.model.lift import TRUNK
from mbnb.model.shipped import find_weights
from mbnb.skeleton import load_skeleton
from mbnb.video.convert import PoseOf
from mbnb.video.landmarks import Landmarks, load_landmarks, to_joints, to_places
from mbnb.wild.movement import Movement, lift_person
from mbnb.wild.source import Source
from mbnb.wild.tool import load_lifter

TURNED = 90.0  # degrees from a frame to the next: left and right were exchanged


def chosen_depth(config: Config) -> PoseOf | None:
    """What conversion makes poses with; None for MediaPipe's own depth, see `video_depth`."""
    return None if config.video_depth == "mediapipe" else LiftedPose(config)


@dataclass(frozen=True)
class LiftedPose:
    """Landmarks -> joints (T, 17, 3) from the pelvis, lifted from their places in the picture.

    The trunk is `TRUNK` long. It is small where it goes to another process, which loads the network
    by itself; its text names the weights.
    """

    config: Config

    def __call__(self, landmarks: Landmarks, size: tuple[int, int], fps: float) -> np.ndarray:
        network, seen = _lifter(self.config)
        return lift_person(to_places(landmarks, size), fps, size, network, seen).pose

    def __str__(self) -> str:
        digest = hashlib.sha256(find_weights(LIFTER).read_bytes()).hexdigest()
        return f"lifted by {LIFTER} {digest[:16]}"


_loaded: dict[str, tuple[nn.Module, Config]] = {}  # by settings; a process needs one


def _lifter(config: Config) -> tuple[nn.Module, Config]:
    if repr(config) not in _loaded:
        _loaded.clear()
        _loaded[repr(config)] = load_lifter(find_weights(LIFTER), config)
    return _loaded[repr(config)]


def beside_mediapipe(source: Source, movement: Movement) -> pd.DataFrame:
    """How steady, and how like a body, the poses of both depths are; a row each.

    jitter_mm and bone_variation: as of `quality`, of bodies whose trunk is `TRUNK`. exchanged: how
    often the body turns by more than `TURNED` from a frame to the next. off_picture: the mean
    distance of joints from where they were found, laid on them as well as can be, as a share of the
    body's spread there. thigh: in lengths of the trunk; some 0.8 to 0.9 of a grown person.
    """
    landmarks = load_landmarks(source.landmarks)
    places = to_places(landmarks, source.size)
    both = {"mediapipe": to_joints(landmarks.world), "lifted": movement.pose.astype(float)}
    return pd.DataFrame({name: _measures(pose, places) for name, pose in both.items()}).T


def _measures(pose: np.ndarray, places: np.ndarray) -> dict[str, float]:
    neck, left_hip, right_hip, left_shoulder, right_shoulder, left_knee, right_knee = (
        pose[:, joint]
        for joint in load_skeleton().index(
            *("Neck", "L_Hip", "R_Hip", "L_Shoulder", "R_Shoulder", "L_Knee", "R_Knee")
        )
    )
    trunk = np.nanmedian(np.linalg.norm(neck, axis=-1))
    across = left_hip - right_hip + left_shoulder - right_shoulder
    turns = np.degrees(np.angle(np.exp(1j * np.diff(np.arctan2(across[:, 2], across[:, 0])))))
    thighs = np.linalg.norm([left_knee - left_hip, right_knee - right_hip], axis=-1)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        return {
            **steadiness(TRUNK * pose / trunk, load_skeleton()),
            "exchanged": int((np.abs(turns) > TURNED).sum()),
            "off_picture": _off(pose[..., :2], places[..., :2], places[..., 2:]),
            "thigh": float(np.nanmedian(thighs) / trunk),
        }


def _off(flat: np.ndarray, places: np.ndarray, belief: np.ndarray) -> float:
    """Mean over joints and frames (T, 17, 2), each frame laid on its places by least squares."""
    weight = belief / belief.sum(1, keepdims=True)
    flat, places = (xy - (weight * xy).sum(1, keepdims=True) for xy in (flat, places))
    scale = (weight * flat * places).sum((1, 2)) / (weight * flat**2).sum((1, 2))
    spread = np.sqrt((weight * places**2).sum((1, 2)))
    off = np.linalg.norm(scale[:, None, None] * flat - places, axis=-1).mean(1)
    return float(np.nanmean(off / spread))

"""What a pose extractor makes of a clip: noise, and joints that it loses.

A joint that the extractor lost stays where it was for some frames.
"""

import numpy as np
from scipy.signal import lfilter

from mbnb.skeleton import load_skeleton

# Deviation of a still person from frame to frame in metres, x, y, z: the calmest and the worst
# of the measured recordings.
NOISE = np.array([[0.0014, 0.0019, 0.003], [0.0057, 0.0066, 0.016]])
FROZEN_CLIPS = 0.05
EASILY_LOST = ("L_Wrist", "R_Wrist", "L_Elbow", "R_Elbow", "L_Ankle", "R_Ankle")
WARM_UP = 8  # frames after which the filter has forgotten where it began


def add_noise(pose: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, 17, 3) metres, with noise whose correlation halves every frame, and frozen joints.

    A sequence x' = x / 2 + white noise has neighbours that differ by the deviation of x itself,
    so that the level is the measured one.
    """
    calm, worst = NOISE
    joints = pose.shape[1]
    level = calm * (worst / calm) ** rng.random() * rng.uniform(0.8, 1.2, (joints, 3))
    white = rng.standard_normal((len(pose) + WARM_UP, joints, 3)) * level * np.sqrt(0.75)
    pose = pose + lfilter([1], [1, -0.5], white, axis=0)[WARM_UP:]
    if rng.random() < FROZEN_CLIPS:
        lost = load_skeleton().index(*EASILY_LOST)
        for joint in rng.choice(lost, rng.integers(1, 3), replace=False):
            length = int(rng.integers(4, 12))
            start = int(rng.integers(1, len(pose) - length))
            pose[start : start + length, joint] = pose[start - 1, joint]
    return pose

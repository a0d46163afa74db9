"""PoseTrack18's 17 keypoints in a picture: head, ears, which it leaves empty, arms and legs.

Other than in `CONVERTERS` a joint between others is as visible as the least visible of them.
"""

import numpy as np

from mbnb.formats.layouts import LAYOUTS, sources_of
from mbnb.formats.points import mean_of_points

POINTS = 17
SOURCES = sources_of(LAYOUTS["posetrack18"])


def to_h36m(points: np.ndarray) -> np.ndarray:
    """(..., 17, 3) PoseTrack keypoints, x, y and visibility -> (..., 17, 3) Human3.6M joints.

    A joint between others is as visible as the least visible of them.
    """
    joints = mean_of_points(points, SOURCES, POINTS)
    for joint, sources in enumerate(SOURCES.values()):
        joints[..., joint, 2] = points[..., sources, 2].min(-1)
    return joints

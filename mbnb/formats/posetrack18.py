"""PoseTrack18's 17 keypoints in a picture: head, ears, which it leaves empty, arms and legs.

Not among `CONVERTERS`, which are of places alone: the third number here is a visibility.
"""

import numpy as np

from mbnb.formats.coco17 import SOURCES as COCO17
from mbnb.formats.points import mean_of_points

POINTS = 17
NECK, HIPS = 1, (11, 12)
SOURCES = COCO17 | {
    "Spine1": (*HIPS, NECK, NECK),  # half-way between pelvis and neck
    "Neck": (NECK,),
    "Head_top": (2,),
}


def to_h36m(points: np.ndarray) -> np.ndarray:
    """(..., 17, 3) PoseTrack keypoints, x, y and visibility -> (..., 17, 3) Human3.6M joints.

    A joint between others is as visible as the least visible of them.
    """
    joints = mean_of_points(points, SOURCES, POINTS)
    for joint, sources in enumerate(SOURCES.values()):
        joints[..., joint, 2] = points[..., sources, 2].min(-1)
    return joints

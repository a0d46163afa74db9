"""PoseTrack18's 17 keypoints in a picture: head, ears, which it leaves empty, arms and legs.

Not among `CONVERTERS`, which are of places alone: the third number here is a visibility.
"""

import numpy as np

from mbnb.formats.points import mean_of_points

POINTS = 17
NECK, HIPS = 1, (11, 12)
SOURCES = {
    "Pelvis": HIPS,
    "R_Hip": (12,),
    "R_Knee": (14,),
    "R_Ankle": (16,),
    "L_Hip": (11,),
    "L_Knee": (13,),
    "L_Ankle": (15,),
    "Spine1": (*HIPS, NECK, NECK),  # half-way between pelvis and neck
    "Neck": (NECK,),
    "Head": (0,),
    "Head_top": (2,),
    "L_Shoulder": (5,),
    "L_Elbow": (7,),
    "L_Wrist": (9,),
    "R_Shoulder": (6,),
    "R_Elbow": (8,),
    "R_Wrist": (10,),
}


def to_h36m(points: np.ndarray) -> np.ndarray:
    """(..., 17, 3) PoseTrack keypoints, x, y and visibility -> (..., 17, 3) Human3.6M joints.

    A joint between others is as visible as the least visible of them.
    """
    joints = mean_of_points(points, SOURCES, POINTS)
    for joint, sources in enumerate(SOURCES.values()):
        joints[..., joint, 2] = points[..., sources, 2].min(-1)
    return joints

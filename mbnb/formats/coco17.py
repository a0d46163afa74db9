"""COCO's 17 keypoints: nose, eyes, ears, and the joints of arms and legs."""

import numpy as np

from mbnb.formats.points import mean_of_points

POINTS = 17
SOURCES = {
    "Pelvis": (11, 12),
    "R_Hip": (12,),
    "R_Knee": (14,),
    "R_Ankle": (16,),
    "L_Hip": (11,),
    "L_Knee": (13,),
    "L_Ankle": (15,),
    "Spine1": (5, 6, 11, 12),
    "Neck": (5, 6),
    "Head": (0,),
    "Head_top": (1, 2),  # the eyes, since COCO has no top of the head
    "L_Shoulder": (5,),
    "L_Elbow": (7,),
    "L_Wrist": (9,),
    "R_Shoulder": (6,),
    "R_Elbow": (8,),
    "R_Wrist": (10,),
}


def to_h36m(points: np.ndarray) -> np.ndarray:
    """(..., 17, C) COCO keypoints -> (..., 17, C) Human3.6M joints."""
    return mean_of_points(points, SOURCES, POINTS)

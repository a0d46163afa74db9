"""MediaPipe Pose's 33 landmarks in metres, as its "world landmarks" give them."""

import numpy as np

from mbnb.formats.points import mean_of_points
from mbnb.skeleton import load_skeleton

POINTS = 33
LEFT_EYE, RIGHT_EYE = 2, 5
LEFT_EAR, RIGHT_EAR = 7, 8
LEFT_MOUTH, RIGHT_MOUTH = 9, 10
LEFT_WRIST, RIGHT_WRIST = 15, 16
HEAD_TOP_M = 0.11  # from the mid-point of the ears to the top of the head
SOURCES = {
    "Pelvis": (23, 24),
    "R_Hip": (24,),
    "R_Knee": (26,),
    "R_Ankle": (28,),
    "L_Hip": (23,),
    "L_Knee": (25,),
    "L_Ankle": (27,),
    "Spine1": (11, 12, 23, 24),
    "Neck": (11, 12),
    "Head": (0,),
    "Head_top": (LEFT_EAR, RIGHT_EAR),  # raised below
    "L_Shoulder": (11,),
    "L_Elbow": (13,),
    "L_Wrist": (LEFT_WRIST,),
    "R_Shoulder": (12,),
    "R_Elbow": (14,),
    "R_Wrist": (RIGHT_WRIST,),
}


def to_h36m(points: np.ndarray) -> np.ndarray:
    """(..., 33, 3) world landmarks -> (..., 17, 3) Human3.6M joints, metres.

    MediaPipe has no top of the head: it is put 0.11 m from the mid-point of the ears, along the
    face's up direction (mid-mouth to mid-eyes) made orthogonal to the ear axis.
    """
    joints = mean_of_points(points, SOURCES, POINTS)
    ears = points[..., LEFT_EAR, :] - points[..., RIGHT_EAR, :]  # (..., 3)
    eyes = points[..., [LEFT_EYE, RIGHT_EYE], :].mean(-2)
    up = eyes - points[..., [LEFT_MOUTH, RIGHT_MOUTH], :].mean(-2)
    up = up - ears * ((up * ears).sum(-1, keepdims=True) / (ears * ears).sum(-1, keepdims=True))
    (top,) = load_skeleton().index("Head_top")
    joints[..., top, :] += HEAD_TOP_M * up / np.linalg.norm(up, axis=-1, keepdims=True)
    return joints

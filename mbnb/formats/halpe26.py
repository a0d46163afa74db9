"""Halpe's 26 body keypoints: COCO's 17, then head, neck, hip, toes and heels."""

import numpy as np

from mbnb.formats.coco17 import SOURCES as COCO17
from mbnb.formats.points import mean_of_points

POINTS = 26
SOURCES = COCO17 | {
    "Pelvis": (19,),
    "Spine1": (18, 19),
    "Neck": (18,),
    "Head_top": (17,),
}


def to_h36m(points: np.ndarray) -> np.ndarray:
    """(..., 26, C) Halpe keypoints -> (..., 17, C) Human3.6M joints."""
    return mean_of_points(points, SOURCES, POINTS)

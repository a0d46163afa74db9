"""DSTformer (MotionBERT, ICCV 2023), its heads, checkpoint files, and predictions.

Imports coding and what stands before it.
"""

from mbnb.model.action import ActionNet
from mbnb.model.dstformer import DSTformer

__all__ = ["ActionNet", "DSTformer"]

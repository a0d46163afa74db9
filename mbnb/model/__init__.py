"""DSTformer (MotionBERT, ICCV 2023), its heads, checkpoint files, and predictions.

Imports prepare and what stands before it.
"""

from mbnb.model.dstformer import ActionNet, DSTformer

__all__ = ["ActionNet", "DSTformer"]

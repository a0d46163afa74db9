"""mbnb: a workbook for recognising micro-actions from 3D skeletons with DSTformer (MotionBERT, ICCV 2023)."""

__version__ = "0.1.0"

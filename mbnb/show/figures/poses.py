"""Figures of poses that were lifted or made good."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mbnb.show.figures.layout import heatmap


def pose_errors(table: pd.DataFrame) -> Figure:
    """Mean errors of joints (rows) by methods (columns), in mm."""
    values = table.T
    notes = np.array([f"{value:.0f}" for value in values.to_numpy().flat]).reshape(values.shape)
    return heatmap(values, "mean error, mm", notes)[0]

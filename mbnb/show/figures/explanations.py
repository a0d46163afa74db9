"""Figures of explanations: what predictions rest on, and whether that can be believed."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mbnb.show.figures.layout import heatmap, subplots
from mbnb.show.figures.style import COLUMN, LINES


def attribution_matrix(table: pd.DataFrame) -> Figure:
    """What predictions rest on, from a table of `attribution.by_region` without its counts.

    Rows are body regions of the predicted class, columns parts of the body.
    """
    values = table.to_numpy(float)
    digits = int(np.clip(2 - np.ceil(np.log10(max(values.max(), 1e-9))), 0, 9))
    notes = np.array([f"{value:.{digits}f}" for value in values.flat]).reshape(values.shape)
    figure, axis = heatmap(table, "share of the loss", notes)
    axis.set(xlabel="part of the body", ylabel="predicted region")
    return figure


def deletion(table: pd.DataFrame, measure: str = "score") -> Figure:
    """What is left of a score when a growing `share` of clips is taken away.

    In the column `important` the most important parts go first, in `random` parts by chance.
    """
    figure, axis = subplots(figsize=(COLUMN, 2.3))
    labels = {"important": "most important first", "random": "at random"}
    for (column, label), line in zip(labels.items(), LINES):
        axis.plot(table["share"], table[column], **line, label=label)
    figure.legend(loc="outside upper center", ncols=2, handlelength=2.4)
    axis.set(xlabel="share taken away", ylabel=measure)
    return figure

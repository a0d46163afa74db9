"""Figures that compare runs: variants of a recipe, two runs, several members of a mean."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mbnb.show.figures.layout import heatmap, name_ticks, shorten, subplots
from mbnb.show.figures.style import (
    COLUMN,
    EDGE,
    FONT,
    GAINED,
    LEAST,
    LINES,
    LOST,
    PAGE,
    PITCH,
    SMALL,
)


def ablation(table: pd.DataFrame) -> Figure:
    """Top-1 of every variant with its interval, and how far it is from the first one.

    `table` is that of `ensemble.compare_variants`.
    """
    size = (PAGE, 0.2 * len(table) + 0.7)
    figure, (left, right) = subplots(1, 2, figsize=size, sharey=True)
    places = range(len(table))
    for axis, value, low, high in (
        (left, "top1", "top1_low", "top1_high"),
        (right, "difference", "low", "high"),
    ):
        error = np.abs(table[[low, high]].to_numpy().T - table[value].to_numpy())  # (2, variants)
        axis.errorbar(
            table[value] * 100,
            places,
            xerr=error * 100,
            fmt="o",
            capsize=2,
            linewidth=1,
            color=LINES[0]["color"],
        )
    left.set_yticks(places, [shorten(name, 130, SMALL) for name in table["variant"]])
    left.set(xlabel="top-1 on people left out, %", ylim=(len(table) - 0.5, -0.5))
    right.axvline(0, color=EDGE, linewidth=0.6)
    first = shorten(table["variant"].iloc[0], 60, FONT)
    right.set_xlabel(f"points above {first!r}, same clips")
    return figure


def right_by_region(table: pd.DataFrame) -> Figure:
    """Top-1 of every member (columns) on the clips of each body region (rows)."""
    notes = np.array([f"{value:.0%}" for value in table.to_numpy().flat]).reshape(table.shape)
    figure, axis = heatmap(table, "top-1", notes, top=1)
    axis.set_ylabel("true region")
    return figure


def changes(table: pd.DataFrame) -> Figure:
    """Clips gained (to the right) and lost (to the left) by class or region.

    Those are the index of `table`, whose columns are `gained` and `lost`.
    """
    size = SMALL if len(table) <= 30 else LEAST
    row_height = PITCH * (size + 1)
    figure, axis = subplots(figsize=(COLUMN, (row_height * (len(table) + 0.5) + 46) / 72))
    places, most = range(len(table)), max(table[["gained", "lost"]].to_numpy().max(initial=0), 1)
    for values, sign, colour, label in (
        (table["gained"], 1, GAINED, "gained"),
        (table["lost"], -1, LOST, "lost"),
    ):
        bars = axis.barh(places, sign * values, color=colour, label=label)
        numbers = [f"{value:g}" if value else "" for value in values]
        axis.bar_label(bars, numbers, padding=2, fontsize=LEAST)
    names = [shorten(str(name), 85, size) for name in table.index]
    name_ticks(axis, "y", names, row_height, size)
    axis.axvline(0, color="black", linewidth=0.6)
    axis.invert_yaxis()
    axis.set(xlabel="clips", xlim=(-1.3 * most, 1.3 * most), ylim=(len(table) - 0.4, -0.6))
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    figure.legend(loc="outside upper center", ncols=2)
    return figure

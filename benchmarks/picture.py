"""The picture of a benchmark: how many times as fast as the plain reference."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from mbnb.show.figures.layout import block_colours, subplots
from mbnb.show.figures.style import LEAST, PAGE


def speed(table: pd.DataFrame) -> Figure:
    """How many times as fast, or as small, as the plain reference, and the numbers in words.

    A bar a row of the table of `benchmark.benchmark`.
    """
    names = []
    for row in table.itertuples():
        frames = "own lengths" if row.frames == "native" else f"{row.frames} frames"
        names.append(" ".join(filter(None, [row.task, row.size, frames, f"({row.clips:,} clips)"])))
    numbers = [
        f"{row.ratio:.1f} ×   {_short(row.ours)} : {_short(row.reference)} {row.unit}"
        for row in table.itertuples()
    ]
    figure, axis = subplots(figsize=(PAGE, 0.6 + 0.17 * len(table)))
    bars = axis.barh(range(len(table)), table["ratio"], color=block_colours(list(table["task"])))
    axis.bar_label(bars, numbers, padding=3, fontsize=LEAST)
    axis.set_yticks(range(len(table)), names, fontsize=LEAST)
    axis.invert_yaxis()
    axis.set(
        xscale="log",
        xlabel="times the plain reference, in the same process (ours : reference)",
        xlim=(1, 8 * table["ratio"].max()),
    )
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    return figure


def _short(number: float) -> str:
    """Two or three digits that count."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"

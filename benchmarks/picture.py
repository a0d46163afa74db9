"""The speed picture: how many times as fast, or as small, as the plain reference."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

WIDTH, FONT = 7.2, 6  # inches and points, of a journal's page
SHADES = "#0072B2", "#8CCBF0"  # of neighbouring tasks, in turn


def speed(table: pd.DataFrame) -> Figure:
    """A bar for each row of `benchmarks.benchmark`'s table, with the numbers behind it in words."""
    figure = Figure(figsize=(WIDTH, 0.6 + 0.17 * len(table)), layout="constrained")
    axis = figure.subplots()
    task = (table["task"] != table["task"].shift()).cumsum()
    shades = [SHADES[number % 2] for number in task]
    bars = axis.barh(range(len(table)), table["ratio"], color=shades)
    values = [
        f"{row.ratio:.1f} ×   {_short(row.ours)} : {_short(row.reference)} {row.unit}"
        for row in table.itertuples()
    ]
    axis.bar_label(bars, values, padding=3, fontsize=FONT)
    labels = [_label(row) for row in table.itertuples()]
    axis.set_yticks(range(len(table)), labels, fontsize=FONT)
    axis.tick_params(axis="x", labelsize=FONT)
    axis.invert_yaxis()
    axis.set(xscale="log", xlim=(1, 8 * table["ratio"].max()))
    axis.set_xlabel("times the plain reference, in the same process (ours : reference)", size=FONT)
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def _label(row) -> str:
    frames = "own lengths" if row.frames == "native" else f"{row.frames} frames"
    return " ".join(part for part in (row.task, row.size, frames, f"({row.clips:,} clips)") if part)


def _short(number: float) -> str:
    """Two or three digits that count."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"

"""Figures of how good clips are: their scores, what lowers them, and the worst of them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mbnb.data.dataset import DataSet
from mbnb.data.quality import VISIBILITY, WORTH, shortcomings, why
from mbnb.show.figures.clips import overlay_sheet, sheet
from mbnb.show.figures.layout import name_ticks, subplots
from mbnb.show.figures.style import LEAST, LINES, PAGE

TITLES = {
    "jitter_mm": "jitter",
    "bone_variation": "bones that vary",
    "flips": "left and right exchanged",
    "jumps": "jumps",
    "not_seen": "joints not seen",
    "nobody": "frames without a person",
    "pause": "the longest gap",
    "slow": "too few frames a second",
    "size": "size out of range",
}


def quality(table: pd.DataFrame, least: float = 0.0) -> Figure:
    """Scores by split with the threshold `least`, what lowers them, and how much is seen of joints.

    table: that of `data.quality.quality_table`.
    """
    figure, (above, below) = subplots(2, 2, figsize=(PAGE, 4.0))
    bins = np.linspace(0, 1, 41)
    for (split, rows), line in zip(table.groupby("split", sort=False), LINES):
        stroke = {"color": line["color"], "linestyle": line["linestyle"], "label": split}
        above[0].hist(rows["score"], bins, histtype="step", linewidth=1.2, **stroke)
    if least:
        above[0].axvline(least, color="black", linewidth=0.8)
    above[0].set(xlabel="score of a clip", ylabel="clips", xlim=(0, 1))
    above[0].legend()
    costs = pd.DataFrame([shortcomings(row) for row in table.to_dict("records")])
    costs = costs.mul(pd.Series(WORTH))[list(TITLES)]
    worst = table["score"] <= table["score"].quantile(0.1)
    places = np.arange(len(TITLES))
    for rows, shift, label, line in (
        (costs, -0.2, "all clips", LINES[0]),
        (costs[worst.to_numpy()], 0.2, "the worst tenth", LINES[1]),
    ):
        colour = line["color"]
        above[1].barh(places + shift, rows.mean(), height=0.4, color=colour, label=label)
    above[1].set_yticks(places, TITLES.values(), fontsize=LEAST)
    above[1].invert_yaxis()
    above[1].set(xlabel="probable error, mm")
    above[1].legend()
    _draw_seen(figure, below, table)
    return figure


def _draw_seen(figure: Figure, axes: np.ndarray, table: pd.DataFrame) -> None:
    """How much is seen of each joint, in the mean and in the worst tenth of clips."""
    grid = axes[0].get_gridspec()
    for axis in axes:
        axis.remove()
    axis = figure.add_subplot(grid[1, :])
    seen = table.filter(regex=f"^{VISIBILITY}").rename(columns=lambda c: c[len(VISIBILITY) :])
    axis.bar(range(seen.shape[1]), seen.mean(), color=LINES[0]["color"], label="mean")
    low = seen.quantile(0.1)
    axis.plot(range(seen.shape[1]), low, "_", color="black", label="a tenth of clips is below")
    axis.set(ylabel="share seen", ylim=(0, 1.02), xlim=(-0.7, seen.shape[1] - 0.3))
    name_ticks(axis, "x", list(seen), 72 * (PAGE - 0.6) / max(seen.shape[1], 1), LEAST)
    axis.legend(loc="lower right")


def worst_clips(
    table: pd.DataFrame,
    data: DataSet,
    count: int = 6,
    films: Mapping[str, tuple[Path, Path]] | None = None,
    faces: str = "keep",
) -> Figure:
    """The `count` clips with the lowest scores, and what lowers them.

    They are drawn over their videos where `films` has all of them by name, each with its file of
    landmarks, and `faces` does not leave pictures out; else as skeletons alone.
    """
    rows = table.head(count).to_dict("records")
    titles = [f"{row['clip']}: {row['score']:.2f}; {why(row) or 'nothing much'}" for row in rows]
    films = films or {}
    if faces != "leave_out" and all(row["clip"] in films for row in rows):
        shown = [(t, *films[row["clip"]]) for t, row in zip(titles, rows)]
        return overlay_sheet(shown, faces)
    places = {split: clips.names.index for split, clips in data.splits.items()}
    drawn = [
        (title, data.splits[row["split"]].drawn(places[row["split"]](row["clip"])))
        for title, row in zip(titles, rows)
    ]
    return sheet(drawn, data.skeleton)

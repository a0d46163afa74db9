"""Figures of how good clips are: their scores, what lowers them, and the worst of them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.data.quality import VISIBILITY, WORTH, shortcomings, why
from mbnb.files import ROOT
from mbnb.show.figures.clips import overlay_sheet, sheet
from mbnb.show.figures.layout import name_ticks, subplots
from mbnb.show.figures.style import LEAST, LINES, PAGE
from mbnb.video.convert import landmark_file
from mbnb.video.folder import find_video
from mbnb.video.pictures import ABOUT_FACES

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
    """Scores by split with the threshold `least`, what lowers them, how much is seen of joints.

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
    axis.bar(range(seen.shape[1]), seen.mean(), color=LINES[0]["color"])
    axis.plot(range(seen.shape[1]), seen.quantile(0.1), "_", color="black", markersize=10)
    axis.set(
        ylabel="share seen",
        xlabel="mean of clips; a tenth of them is below the line",
        ylim=(0, 1.02),
        xlim=(-0.7, seen.shape[1] - 0.3),
    )
    name_ticks(axis, "x", list(seen), 72 * (PAGE - 0.6) / max(seen.shape[1], 1), LEAST)


def worst_clips(
    table: pd.DataFrame, data: DataSet, config: Config, count: int = 6
) -> tuple[Figure, str]:
    """The `count` clips with the lowest scores and what lowers them; what to say of faces in it.

    They are drawn over their videos where `config.videos`, or the run, has all of them, what was
    found in them lies beside the data, and `config.faces` does not leave pictures out; else as
    skeletons alone.
    """
    rows = table.head(count).to_dict("records")
    titles = [f"{row['clip']}: {row['score']:.2f}; {why(row) or 'nothing much'}" for row in rows]
    films = {}
    videos = ROOT / config.videos if config.videos else config.folder.videos
    if videos.is_dir() and config.faces != "leave_out":
        films = {row["clip"]: find_video(videos, row["clip"]) for row in rows}
    marks = {name: landmark_file(data.root, name) for name in films}
    if films and all(films[name] and mark.is_file() for name, mark in marks.items()):
        shown = [(t, films[r["clip"]], marks[r["clip"]]) for t, r in zip(titles, rows)]
        return overlay_sheet(shown, config.faces), ABOUT_FACES[config.faces]
    places = [(data.splits[row["split"]], row["clip"]) for row in rows]
    poses = [clips.drawn(clips.names.index(name)) for clips, name in places]
    return sheet(list(zip(titles, poses)), data.skeleton), ""

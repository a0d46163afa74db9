"""Figures of a training, finished or going on."""

import math
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from mbnb.config import Config
from mbnb.show.figures.layout import name_ticks, shorten, subplots
from mbnb.show.figures.style import LEAST, LINES, OUTCOMES, PAGE, SEQUENTIAL
from mbnb.train import read_history

SPLITS = {"train": ("training clips, augmented", LINES[1]), "val": ("held-out people", LINES[0])}
TITLES = {
    "loss": "loss",
    "top1": "top-1",
    "macro_f1": "macro-F1",
    "error": "error, lengths of a trunk",
    "kinds": "error of held-out people",
    "lr": "learning rate",
    "clips_per_second": "training clips a second",
    "grad_norm": "gradient norm",
}
MARKED = 20  # epochs below which each has a marker


def curves(history: pd.DataFrame, regions: pd.DataFrame | None = None) -> Figure:
    """A training from the tables that `train.read_history` returns.

    Over the epochs: scores, learning rates, throughput and norms of gradients, errors within and
    between body regions; and the confusion between regions. What a table lacks is left blank. Of a
    pretraining there are errors of poses in place of scores.
    """
    of_poses = "train_error" in history
    rows = 2 if of_poses else 3
    figure, axes = subplots(rows, 3, figsize=(PAGE, 0.4 + 1.6 * rows))
    by_split = [(f"{split}_{{}}", label, line) for split, (label, line) in SPLITS.items()]
    by_half = [(f"{{}}_{half}", half, line) for half, line in zip(("backbone", "head"), LINES)]
    lines_of = dict.fromkeys(("loss", "top1", "macro_f1", "error"), by_split)
    lines_of |= dict.fromkeys(("lr", "grad_norm"), by_half)
    lines_of["clips_per_second"] = [("{}", "", LINES[0])]
    flat_deep = zip(("flat", "deep"), ("flat", "in depth"), LINES)
    lines_of["kinds"] = [(f"val_{kind}_error", label, line) for kind, label, line in flat_deep]
    others = ("top1", "macro_f1") if of_poses else ("error", "kinds")
    panels = dict(zip((key for key in TITLES if key not in others), axes.flat))
    for key, axis in panels.items():
        axis.set(title=TITLES[key], xlabel="epoch")
        for column, label, line in lines_of[key]:
            if column.format(key) in history:
                _draw_line(axis, history, history[column.format(key)], line, label)
        axis.set_visible(len(axis.lines) > 0)
    shares = ("top1", "macro_f1")
    for key in ("loss", *shares, "error", "clips_per_second"):
        if key in panels:
            panels[key].set_ylim(0, 1 if key in shares else 1.05 * _highest(panels[key]))
    handles = panels.get("error", panels["loss"]).lines
    figure.legend(handles=handles, loc="outside upper center", ncols=2, handlelength=2.4)
    for key in ("kinds", "lr", "grad_norm"):
        if key in panels and panels[key].lines:
            _legend_above_lines(panels[key])
    panels["lr"].yaxis.set_major_formatter(StrMethodFormatter("{x:.2g}"))
    if not of_poses:
        _draw_region_errors(axes[2, 0], history)
        _draw_region_confusions(axes[2, 1], axes[2, 2], regions)
    for axis in axes.flat[:8]:
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if len(history) == 1:
            axis.set_xlim(0.5, 1.5)
    return figure


def _draw_line(
    axis: Axes, history: pd.DataFrame, values: pd.Series, line: dict, label: str
) -> None:
    """Values over the epochs, with markers where there are few."""
    markers = {} if len(history) < MARKED else {"marker": ""}
    axis.plot(history["epoch"], values, **line | markers, label=label)


def _draw_region_errors(axis: Axes, history: pd.DataFrame) -> None:
    """Errors within and between regions over the epochs."""
    split = "val" if "val_top1" in history else "train"
    who = "held-out people" if split == "val" else "training clips"
    if {f"{split}_top1", f"{split}_region_top1"} <= set(history.columns):
        region_top1 = history[f"{split}_region_top1"]
        shares = {
            "wrong within region": region_top1 - history[f"{split}_top1"],
            "wrong other region": 1 - region_top1,
        }
        for (outcome, share), line in zip(shares.items(), LINES):
            _draw_line(axis, history, share, line | {"color": OUTCOMES[outcome]}, outcome)
        _legend_above_lines(axis)
    axis.set_visible(len(axis.lines) > 0)
    axis.set(title=f"errors, {who}", xlabel="epoch", ylabel="share of clips")


def _draw_region_confusions(over_epochs: Axes, matrix: Axes, regions: pd.DataFrame | None) -> None:
    """Errors by the true region as they develop, and the last confusion of regions."""
    if regions is None or not len(regions):
        over_epochs.set_axis_off()
        matrix.set_axis_off()
        return
    # A block of rows for each epoch.
    counts = regions.pivot_table(
        index=["epoch", "true"], columns="predicted", values="clips", sort=False
    )
    totals = counts.sum(axis=1)
    shares = counts.div(totals.where(totals > 0), axis=0)  # NaN for a region without clips
    names = [shorten(name, 45, LEAST) for name in counts.columns]
    epochs, size = regions["epoch"].unique(), len(names)
    # (epochs·true, predicted) -> (epochs, true, predicted)
    shares = shares.to_numpy().reshape(len(epochs), size, size)
    astray = 1 - np.diagonal(shares, axis1=1, axis2=2)  # (epochs, true)
    extent = (epochs[0] - 0.5, epochs[-1] + 0.5, size - 0.5, -0.5)
    _draw_picture(over_epochs, astray.T, names, "taken for another region", extent=extent)
    over_epochs.set_xlabel("epoch")
    _draw_picture(matrix, shares[-1], names, f"true by predicted, epoch {epochs[-1]}", vmax=1)
    name_ticks(matrix, "x", names, 75 / size, LEAST)


def _draw_picture(
    axis: Axes, values: np.ndarray, names: Sequence[str], title: str, **options
) -> None:
    """Values in colours, a row a region, with a scale; `options` as for `imshow`."""
    image = axis.imshow(
        values, cmap=SEQUENTIAL, vmin=0, aspect="auto", interpolation="nearest", **options
    )
    scale = axis.figure.colorbar(image, ax=axis, aspect=25, pad=0.03)
    scale.ax.tick_params(labelsize=LEAST)
    axis.set_title(title)
    name_ticks(axis, "y", names, 80 / len(names), LEAST)


def _highest(axis: Axes) -> float:
    """The greatest value drawn; 1 where there is none."""
    top = axis.dataLim.y1
    return top if 0 < top < math.inf else 1.0


def _legend_above_lines(axis: Axes) -> None:
    """A legend in room of its own: lines may go anywhere below."""
    axis.set_ylim(0, 1.5 * _highest(axis))
    axis.legend(handlelength=2.4, loc="upper right")


class LiveCurves:
    """Curves in a notebook that are redrawn as `train` calls this after every epoch.

    At most every few `seconds`, and so seldom that drawing takes no more than a twentieth of the
    time.
    """

    def __init__(self, config: Config, seconds: float = 4.0):
        self.folder, self.seconds, self.next, self.handle = config.folder, seconds, 0.0, None

    def __call__(self, history: pd.DataFrame) -> None:
        began = time.monotonic()
        if began > self.next:
            self.draw(history)
            self.next = time.monotonic() + max(self.seconds, 20 * (time.monotonic() - began))

    def draw(self, history: pd.DataFrame) -> Figure:
        """Show the curves as they are now, in the place of those before."""
        figure = curves(history, read_history(self.folder)[1])
        if self.handle is None:
            self.handle = display(figure, display_id=True)
        else:
            self.handle.update(figure)
        return figure

"""What figures share: names that fit where they stand, blocks of regions, heatmaps, boxes.

Names of classes and regions are anybody's. How wide they are decides how figures are laid out.
"""

import itertools
import math
import textwrap
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from mbnb.show.figures.style import (
    COLUMN,
    EDGE,
    FONT,
    LEAST,
    PAGE,
    PITCH,
    SEQUENTIAL,
    SHADES,
    SMALL,
    TABLE,
    WIDE,
)
from mbnb.show.fonts import Sheet, cover

MANY = 50_000  # values beyond which single ones are pixels in a PDF, which would else be huge


def subplots(rows: int = 1, columns: int = 1, **options) -> tuple[Figure, Axes]:
    """As pyplot's, but without pyplot, which would show a figure twice in a notebook."""
    figure = Sheet(figsize=options.pop("figsize"), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


@lru_cache(maxsize=100_000)
def text_width(text: str, size: float) -> float:
    """The width of a line of text in points."""
    cover(text)
    font = FontProperties(size=size)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]


def greatest_width(names: Sequence[str], size: float) -> float:
    """The width of the widest of some lines, in points."""
    return max((text_width(name, size) for name in names), default=0.0)


def shorten(text: str, points: float, size: float) -> str:
    """The text on one line, shortened to a width in points."""
    whole = shown = " ".join(text.split())
    while shown and text_width(shown if shown == whole else shown + "…", size) > points:
        shown = shown[:-1]
    return whole if shown == whole else shown.rstrip() + "…"


def fit_names(names: Sequence[str], pitch: float, size: float) -> list[str] | None:
    """The names as they fit into `pitch` points each; None where they do not.

    A name that is too wide is tried with a word of its own a line, up to three lines.
    """
    for tried in (list(names), [name.replace(" ", "\n") for name in names]):
        lines_of = [name.split("\n") for name in tried]
        most_lines = max(map(len, lines_of), default=0)
        lines = [line for lines in lines_of for line in lines]
        if most_lines <= 3 and greatest_width(lines, size) <= pitch - 3:
            return tried
    return None


def name_ticks(
    axis: Axes, side: str, names: Sequence[str], pitch: float, size: float, first: float = 0.0
) -> None:
    """Ticks with a name for every place, `pitch` points apart, from place `first` on.

    Along `side` "x" names that do not fit side by side are turned. Where not even a line of type
    fits, only every second or third place is named.
    """
    upright = fit_names(names, pitch, size) if side == "x" else None
    step = 1 if upright else math.ceil(PITCH * size / pitch)
    set_ticks = axis.set_xticks if side == "x" else axis.set_yticks
    set_ticks(
        np.arange(0, len(names), step) + first,
        (upright or list(names))[::step],
        rotation=90 if side == "x" and not upright else 0,
        fontsize=size,
    )


def blocks(names: Sequence[str]) -> list[tuple[str, int, int]]:
    """(name, first place, number of places) of every run of equal neighbours."""
    lengths = [(name, len(list(group))) for name, group in itertools.groupby(names)]
    starts = itertools.accumulate((length for _, length in lengths), initial=0)
    return [(name, start, length) for (name, length), start in zip(lengths, starts)]


def block_colours(names: Sequence[str]) -> list[str]:
    """A colour for every place, that of its block."""
    return [SHADES[i % 2] for i, (_, _, length) in enumerate(blocks(names)) for _ in range(length)]


def separate_blocks(axis: Axes, names: Sequence[str], rows: bool = False) -> None:
    """Lines between the blocks of a heatmap's columns, and of its rows."""
    for _, edge, _ in blocks(names)[1:]:
        axis.axvline(edge, color=EDGE, linewidth=0.6)
        if rows:
            axis.axhline(edge, color=EDGE, linewidth=0.6)


def name_blocks(axis: Axes, names: Sequence[str], width: float, offset: float = 0.0) -> None:
    """Names over the blocks of equal neighbours along an x axis `width` inches wide.

    Where one does not fit, blocks have numbers, and what they mean stands below the figure. offset:
    0.5 over a heatmap, whose columns begin where bars have their middle.
    """
    named, pitch = blocks(names), 72 * width / max(len(names), 1)
    fit = all(text_width(name, SMALL) < length * pitch - 2 for name, _, length in named)
    roomy = all(
        text_width(str(number), LEAST) < length * pitch - 0.5
        for number, (_, _, length) in enumerate(named, start=1)
    )
    for number, (name, start, length) in enumerate(named, start=1):
        axis.text(
            start + (length - 1) / 2 + offset,
            1.01,
            name if fit else str(number),
            ha="center",
            va="bottom",
            fontsize=SMALL if fit else LEAST if roomy else TABLE,
            transform=axis.get_xaxis_transform(),
        )
    if not fit:
        _explain_numbers(axis.figure, [name for name, _, _ in named], width)


def _explain_numbers(figure: Figure, names: Sequence[str], width: float) -> None:
    """Write below the figure, which grows by that, what the numbers from 1 on stand for."""
    entries = [f"{number} {shorten(name, 100, SMALL)}" for number, name in enumerate(names, 1)]
    key = "   ".join(entry.replace(" ", "\u00a0") for entry in entries)
    letters = int(72 * width / text_width("n", SMALL))
    text = textwrap.fill(key, letters, break_long_words=False)
    lines = text.count("\n") + 2
    figure.set_figheight(figure.get_figheight() + lines * PITCH * SMALL / 72)
    figure.supxlabel(text, fontsize=SMALL)


def heatmap(
    values: pd.DataFrame,
    label: str,
    notes: np.ndarray | None = None,
    top: float | None = None,
    size: int = SMALL,
) -> tuple[Figure, Axes]:
    """A table as a picture, its rows and columns named.

    label: of the scale. notes: texts of the table's shape, in cells that have room for them.
    top: where the scale ends. size: of the names, in points.
    """
    rows, columns = (
        [shorten(str(name), 85, size) for name in names] for names in (values.index, values.columns)
    )
    note_lines = [] if notes is None else [str(note).split("\n") for note in notes.flat]
    lines_per_note = max(map(len, note_lines), default=1)
    widest_note = greatest_width([line for lines in note_lines for line in lines], LEAST)
    beside = greatest_width(rows, size) + 62  # points for names, the label, and the scale
    least = 8 if notes is None else widest_note + 4
    width = next(
        (
            width
            for width in (COLUMN, WIDE, PAGE)
            if (72 * width - beside) / len(columns) >= max(least, 26)
        ),
        PAGE,
    )
    pitch = min((72 * width - beside) / len(columns), 48)
    width = max(COLUMN, (len(columns) * pitch + beside) / 72)
    below = PITCH * size * 2 if fit_names(columns, pitch, size) else greatest_width(columns, size)
    row_height = max(PITCH * (lines_per_note * LEAST + 3), PITCH * size, min(0.6 * pitch, 24))
    # The names of the scale and of the axis have room, too.
    row_height = max(row_height, max(text_width(label, FONT), 80) / len(rows))
    figure, axis = subplots(figsize=(width, (len(rows) * row_height + below + 32) / 72))
    sns.heatmap(
        values.to_numpy(float),
        ax=axis,
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=top,
        annot=notes if pitch >= least else None,
        fmt="",
        annot_kws={"fontsize": LEAST},
        xticklabels=False,
        yticklabels=False,
        cbar_kws={"label": label, "pad": 0.02, "aspect": 30},
    )
    name_ticks(axis, "x", columns, pitch, size, 0.5)
    name_ticks(axis, "y", rows, row_height, size, 0.5)
    return figure, axis


def plain_log_scale(axis: Axes) -> None:
    """A logarithmic y axis with numbers such as 2, 5, 10."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def boxes(
    axis: Axes,
    groups: Sequence[np.ndarray],
    places: Sequence[float],
    colours: Sequence[str],
    width: float,
) -> None:
    """A box of the middle half of each group, whiskers, and single values beyond them.

    Whiskers reach as far as values do, but no farther than 1.5 times the height of the box.
    """
    thin = {f"{part}props": {"linewidth": 0.6} for part in ("whisker", "cap", "box")}
    drawn = axis.boxplot(
        list(groups),
        positions=places,
        widths=width,
        patch_artist=True,
        manage_ticks=False,
        medianprops={"color": "black", "linewidth": 1.2},
        flierprops={
            "marker": ".",
            "markersize": 1.5,
            "markeredgecolor": EDGE,
            "rasterized": sum(map(len, groups)) > MANY,
        },
        **thin,
    )
    for box, colour in zip(drawn["boxes"], colours, strict=True):
        box.set_facecolor(colour)

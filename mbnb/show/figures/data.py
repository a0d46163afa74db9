"""Figures of a data set: how many clips, of whom, how long, and what moves in them."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from mbnb.data.dataset import DataSet
from mbnb.prepare.geometry import motion_energy
from mbnb.show.figures.layout import (
    block_colours,
    boxes,
    name_blocks,
    name_ticks,
    plain_log_scale,
    separate_blocks,
    shorten,
    subplots,
)
from mbnb.show.figures.style import LEAST, LINES, PAGE, PITCH, SEQUENTIAL, SMALL, TABLE


def class_counts(data: DataSet) -> Figure:
    """Clips per class and split, classes in region blocks."""
    order = list(data.classes.by_region)
    regions, width = [data.classes.regions[i] for i in order], PAGE - 0.6
    size = (PAGE, 0.7 + 1.0 * len(data.splits))
    figure, axes = subplots(len(data.splits), figsize=size, sharex=True, squeeze=False)
    axes = axes[:, 0]
    for axis, (split, clips) in zip(axes, data.splits.items(), strict=True):
        if clips.labelled:
            counts = np.bincount(clips.labels, minlength=len(order))[order]
            axis.bar(range(len(order)), counts, color=block_colours(regions))
        else:
            text = f"{len(clips)} clips without labels"
            axis.text(0.5, 0.5, text, ha="center", transform=axis.transAxes)
        axis.set_ylabel(f"clips in {split}")
        axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    codes = [shorten(data.classes.codes[i], 40, LEAST) for i in order]
    name_ticks(axes[-1], "x", codes, 72 * width / len(order), LEAST)
    axes[-1].set_xlim(-0.7, len(order) - 0.3)
    name_blocks(axes[0], regions, width)
    figure.align_ylabels()
    return figure


def people_and_lengths(data: DataSet) -> Figure:
    """Clips per person, and the lengths of clips, by split."""
    figure, (left, right) = subplots(1, 2, figsize=(PAGE, 2.1))
    _draw_people(left, data)
    lengths = np.concatenate([clips.lengths for clips in data.splits.values()])
    bins = np.histogram_bin_edges(lengths, 30)
    handles = []
    for (split, clips), line in zip(data.splits.items(), LINES):
        stroke = {"color": line["color"], "linestyle": line["linestyle"]}
        right.hist(clips.lengths, bins, histtype="step", linewidth=1.2, **stroke)
        handles.append(Line2D([], [], label=split, **stroke))
    right.legend(handles=handles)
    right.set(xlabel="frames of a clip", ylabel="clips")
    right.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


def _draw_people(axis: Axes, data: DataSet) -> None:
    """A dot a person, a row a split; equal counts lie beside each other by chance."""
    chance = np.random.default_rng(0)
    for place, (clips, line) in enumerate(zip(data.splits.values(), LINES)):
        counts = np.unique(clips.subjects, return_counts=True)[1]
        axis.plot(
            counts,
            place + chance.uniform(-0.3, 0.3, len(counts)),
            line["marker"],
            color=line["color"],
            alpha=0.7,
            markeredgewidth=0,
        )
    axis.set_yticks(range(len(data.splits)), data.splits)
    unknown = "" if data.known_people else " (people unknown: one each)"
    axis.set(
        xlabel="clips of a person" + unknown,
        xlim=(0, None),
        ylim=(len(data.splits) - 0.5, -0.5),
    )


def motion_by_class(data: DataSet, split: str = "train", fps: float = 30.0) -> Figure:
    """Mean speed of every joint in every class: what moves in which class."""
    order = list(data.classes.by_region)
    table = _speeds(data, split, fps).groupby(data.splits[split].labels).mean().reindex(order).T
    regions, width = [data.classes.regions[i] for i in order], PAGE - 1.5
    figure, axis = subplots(figsize=(PAGE, (PITCH * SMALL * len(table) + 45) / 72))
    sns.heatmap(
        table,
        ax=axis,
        cmap=SEQUENTIAL,
        robust=True,
        cbar_kws={"label": "mean speed, cm/s", "pad": 0.01, "aspect": 30},
        xticklabels=False,
        yticklabels=False,
    )
    codes = [shorten(data.classes.codes[i], 40, TABLE) for i in order]
    name_ticks(axis, "x", codes, 72 * width / len(order), TABLE, 0.5)
    name_ticks(axis, "y", list(table.index), PITCH * LEAST, LEAST, 0.5)
    separate_blocks(axis, regions)
    axis.set(xlabel="class", ylabel="")
    name_blocks(axis, regions, width, 0.5)
    return figure


def motion_by_joint(data: DataSet, split: str = "train", fps: float = 30.0) -> Figure:
    """Distribution over clips of each joint's mean speed, joints in blocks of body parts."""
    speeds = _speeds(data, split, fps)
    part_of = dict(zip(data.skeleton.joints, data.skeleton.parts))
    parts, width = [part_of[joint] for joint in speeds], PAGE - 0.6
    known = [speeds[joint].dropna().to_numpy() for joint in speeds]
    figure, axis = subplots(figsize=(PAGE, 2.4))
    boxes(axis, known, range(len(parts)), block_colours(parts), 0.7)
    axis.set(ylabel="mean speed of a clip, cm/s", xlim=(-0.7, len(parts) - 0.3))
    plain_log_scale(axis)
    name_ticks(axis, "x", list(speeds), 72 * width / len(parts), LEAST)
    name_blocks(axis, parts, width)
    return figure


def _speeds(data: DataSet, split: str, fps: float) -> pd.DataFrame:
    """The mean speed of every joint in every clip of a split, cm/s.

    A row a clip; a column a joint, in the order of the body's parts; NaN for a joint that was
    never seen.
    """
    clips = data.splits[split]
    speeds = motion_energy(clips, fps)
    for i, clip in enumerate(speeds):
        if (seen := clips.seen_in(i)) is not None:
            clip[~seen.any(0)] = np.nan
    table = pd.DataFrame(speeds, columns=data.skeleton.joints) * 100
    parts = data.skeleton.parts
    return table.iloc[:, sorted(range(len(parts)), key=lambda j: (parts.index(parts[j]), j))]

"""Figures of one evaluation: what is confused, in which region, and how far to trust it."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mbnb.data.dataset import DataSet
from mbnb.evaluate.evaluation import Evaluation
from mbnb.scores.calibration import calibration_error, reliability, risk_coverage
from mbnb.show.figures.clips import clips_of_pair, draw_rows
from mbnb.show.figures.layout import (
    block_colours,
    blocks,
    boxes,
    fit_names,
    greatest_width,
    heatmap,
    name_blocks,
    name_ticks,
    plain_log_scale,
    separate_blocks,
    shorten,
    subplots,
)
from mbnb.show.figures.style import (
    COLUMN,
    EDGE,
    LEAST,
    LINES,
    OUTCOMES,
    PAGE,
    PITCH,
    SEQUENTIAL,
    SHADES,
    SMALL,
    TABLE,
    WIDE,
)
from mbnb.show.fonts import Sheet
from mbnb.text import too_few


def confusion_matrix(evaluation: Evaluation, title: str = "") -> Figure:
    """The C × C matrix, rows normalised, in region blocks, as tall as names need.

    Rows are true classes, columns predicted ones.
    """
    classes, order = evaluation.classes, evaluation.classes.by_region
    size = TABLE if len(order) > 30 else LEAST
    width = PAGE if len(order) > 24 else WIDE if len(order) > 8 else COLUMN
    names = [shorten(classes.titles[i], 85, size) for i in order]
    codes = [shorten(classes.codes[i], 40, size) for i in order]
    room = 72 * width - greatest_width(names, size) - 66  # points for the columns
    pitch = room / len(order)
    row_height = max(pitch, PITCH * size)
    height = len(order) * row_height + greatest_width(codes, size) + 36
    figure, axis = subplots(figsize=(width, height / 72))
    _draw_confusion(axis, evaluation)
    name_ticks(axis, "x", codes, pitch, size, 0.5)
    name_ticks(axis, "y", names, row_height, size, 0.5)
    count = len(evaluation.clips)
    clips = f"{count} clip{'s' * (count != 1)} of {evaluation.split}"
    axis.set_title(title or f"{clips}, {_headline(evaluation)}")
    return figure


def _headline(evaluation: Evaluation, digits: int = 1) -> str:
    few = too_few(len(evaluation.clips), len(set(evaluation.clips.subjects)))
    return few.partition(":")[0] or f"top-1 {evaluation.correct.mean():.{digits}%}"


def _draw_confusion(axis: Axes, evaluation: Evaluation, square: bool = False) -> None:
    order = list(evaluation.classes.by_region)
    matrix = evaluation.confusion[np.ix_(order, order)]
    sns.heatmap(
        matrix / np.maximum(matrix.sum(1, keepdims=True), 1),
        ax=axis,
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=1,
        square=square,
        xticklabels=False,
        yticklabels=False,
        cbar_kws={"label": "share of the true class", "aspect": 40, "pad": 0.01, "shrink": 0.7},
    )
    separate_blocks(axis, [evaluation.classes.regions[i] for i in order], rows=True)
    axis.set(xlabel="predicted", ylabel="true")


def region_matrix(evaluation: Evaluation) -> Figure:
    """Region × region: shares of the true region's clips, and counts."""
    counts = evaluation.region_confusion
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    cells = zip(shares.to_numpy().flat, counts.to_numpy().flat)
    notes = [f"{share:.0%}\n{count}" if count else "" for share, count in cells]
    notes = np.array(notes).reshape(counts.shape)
    figure, axis = heatmap(shares, "share of the true region", notes, top=1)
    axis.set(xlabel="predicted region", ylabel="true region")
    return figure


def error_split(evaluation: Evaluation) -> Figure:
    """By true region: the shares of right clips and of either kind of wrong ones."""
    regions = (evaluation.errors_by_region["clips"] > 0).sum()
    figure, axis = subplots(figsize=(WIDE, 0.25 * regions + 0.7))
    _draw_split(axis, evaluation)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def _draw_split(axis: Axes, evaluation: Evaluation) -> None:
    table = evaluation.errors_by_region
    table = table[table["clips"] > 0]
    left = np.zeros(len(table))
    for (outcome, colour), ink in zip(OUTCOMES.items(), ("black", "black", "white"), strict=True):
        share = (table[outcome] / table["clips"]).to_numpy()
        bars = axis.barh(range(len(table)), share, left=left, color=colour, label=outcome)
        percents = [f"{width:.0%}" if width > 0.06 else "" for width in share]
        axis.bar_label(bars, percents, label_type="center", color=ink, fontsize=LEAST)
        left += share
    names = [f"{shorten(region, 60, SMALL)} ({clips})" for region, clips in table["clips"].items()]
    axis.set_yticks(range(len(table)), names)
    axis.invert_yaxis()
    axis.set(xlabel="share of the region's clips (their number)", xlim=(0, 1))


def overview(evaluation: Evaluation, data: DataSet, frames: int = 9) -> Figure:
    """A run in one picture: the most confused pair, the confusion matrix, errors by region."""
    regions = (evaluation.errors_by_region["clips"] > 0).sum()
    pairs = evaluation.worst_pairs(1)
    height = 2.9 + max(0, 0.2 * (regions - 8))
    figure = Sheet(figsize=(PAGE, height + 2.1 * (len(pairs) > 0)), layout="constrained")
    below = figure
    if len(pairs):  # nothing stands above where nothing is confused
        above, below = figure.subfigures(2, 1, height_ratios=(2, 2.9))
        rows = clips_of_pair(evaluation, pairs["true_id"][0], pairs["predicted_id"][0])[::3]
        draw_rows(above, rows, data.skeleton, frames)
    left, right = below.subplots(1, 2, width_ratios=(1.15, 1))
    _draw_confusion(left, evaluation, square=True)
    left.set_title(f"{len(evaluation.classes)} classes, {_headline(evaluation, digits=0)}")
    _draw_split(right, evaluation)
    right.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=1)
    return figure


def class_profile(evaluation: Evaluation) -> Figure:
    """Each class in region blocks: the shares of right clips and of either kind of wrong ones."""
    table = evaluation.per_class.iloc[list(evaluation.classes.by_region)]
    table = table[table["support"] > 0]
    width = PAGE - 0.6
    figure, axis = subplots(figsize=(PAGE, 2.4))
    bottom = np.zeros(len(table))
    for (outcome, colour), hatch in zip(OUTCOMES.items(), ("", "/////", ""), strict=True):
        share = (table[outcome] / table["support"]).to_numpy()
        axis.bar(
            range(len(table)),
            share,
            bottom=bottom,
            color=colour,
            label=outcome,
            width=0.85,
            hatch=hatch,
            linewidth=0,
        )
        bottom += share
    _name_classes(axis, table, width)
    for _, edge, _ in blocks(table["region"])[1:]:
        axis.axvline(edge - 0.5, color=EDGE, linewidth=0.6)
    axis.set(ylabel="share of the class's clips", ylim=(0, 1))
    name_blocks(axis, table["region"], width)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def f1_bars(evaluation: Evaluation) -> Figure:
    """F1 of each class, sorted within its region."""
    table = evaluation.per_class.dropna(subset=["f1"]).copy()
    table["order"] = table["region"].map(evaluation.classes.region_names.index)
    table = table.sort_values(["order", "f1"], ascending=[True, False])
    width = PAGE - 0.6
    figure, axis = subplots(figsize=(PAGE, 2.1))
    axis.bar(range(len(table)), table["f1"], color=block_colours(table["region"]))
    _name_classes(axis, table, width)
    axis.set(ylabel="F1", ylim=(0, 1))
    name_blocks(axis, table["region"], width)
    return figure


def _name_classes(axis: Axes, table: pd.DataFrame, width: float) -> None:
    """The codes of the classes of `table` along an x axis `width` inches wide."""
    codes = [shorten(code, 40, LEAST) for code in table["code"]]
    name_ticks(axis, "x", codes, 72 * width / max(len(table), 1), LEAST)
    axis.set_xlim(-0.6, len(table) - 0.4)


def motion_of_outcomes(evaluation: Evaluation, table: pd.DataFrame) -> Figure:
    """How much moves in right and in confused clips, by region.

    `table` is that of `Evaluation.motion_of_errors`.
    """
    present = set(table["region"])
    regions = [region for region in evaluation.classes.region_names if region in present]
    width = WIDE if len(regions) < 12 else PAGE
    names = [shorten(region, 60, SMALL) for region in regions]
    pitch = 72 * (width - 0.6) / max(len(regions), 1)
    turned = 0 if fit_names(names, pitch, SMALL) else greatest_width(names, SMALL) / 72
    figure, axis = subplots(figsize=(width, 2.3 + turned))
    for shift, outcome, colour in (
        (-0.2, "right", OUTCOMES["right"]),
        (0.2, "confused", OUTCOMES["wrong within region"]),
    ):
        speeds = table[table["outcome"] == outcome]
        groups = [speeds["speed"][speeds["region"] == region] for region in regions]
        boxes(axis, groups, np.arange(len(regions)) + shift, [colour] * len(regions), 0.35)
        axis.bar(0, 0, color=colour, edgecolor="black", linewidth=0.6, label=outcome)
    axis.set(ylabel="mean speed of all joints, cm/s", xlim=(-0.6, len(regions) - 0.4))
    plain_log_scale(axis)
    name_ticks(axis, "x", names, pitch, SMALL)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def confidence(evaluation: Evaluation) -> Figure:
    """How far confidence can be trusted.

    Accuracy over confidence with the clips behind it, and errors over the share of clips answered.
    """
    labels, probabilities = evaluation.clips.labels, evaluation.probabilities
    bins, risk = reliability(labels, probabilities), risk_coverage(labels, probabilities)
    figure = Sheet(figsize=(WIDE, 2.6), layout="constrained")
    axes = figure.subplot_mosaic([["trust", "risk"], ["clips", "risk"]], height_ratios=(3, 1))
    axes["trust"].plot([0, 1], [0, 1], color=EDGE, linewidth=0.6, linestyle="--")
    axes["trust"].plot(bins["confidence"], bins["accuracy"], **LINES[0])
    axes["trust"].set(
        ylabel="share that is right",
        xlim=(0, 1),
        ylim=(0, 1.02),
        title=f"calibration error {calibration_error(labels, probabilities):.3f}",
    )
    axes["trust"].tick_params(labelbottom=False)
    tenths = np.linspace(0, 1, 11)
    axes["clips"].hist(probabilities.max(1), tenths, color=SHADES[1], edgecolor="white")
    axes["clips"].set(xlabel="confidence", ylabel="clips", xlim=(0, 1))
    axes["risk"].plot(risk["coverage"], risk["risk"], color=LINES[0]["color"])
    axes["risk"].set(
        xlabel="share of clips answered, surest first",
        ylabel="share of answers that are wrong",
        xlim=(0, 1),
        ylim=(0, None),
        title="saying nothing when unsure",
    )
    figure.align_ylabels([axes["trust"], axes["clips"]])
    return figure

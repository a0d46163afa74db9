"""Every figure of the workbook, as functions from data to matplotlib figures, in one style."""

import time
from pathlib import Path
from textwrap import shorten

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from mbnb.animation import COLORS, Player, draw_pose, player
from mbnb.calibration import calibration_error, reliability, risk_coverage
from mbnb.classes import ClassTable
from mbnb.config import Config
from mbnb.dataset import DataSet
from mbnb.evaluation import Evaluation
from mbnb.files import replacing
from mbnb.skeleton import Skeleton, load_skeleton
from mbnb.transforms import motion_energy
from mbnb.video import load_landmarks, read_video, to_joints

# Colour-blind safe (Okabe & Ito 2008); outcomes keep their colours in every figure.
PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C8C00", "#555555"]
OUTCOMES = {"right": "#009E73", "wrong within region": "#E69F00", "wrong other region": "#D55E00"}
WIDTH = 10.0  # inches
SAVED_DPI = 130

sns.set_theme(style="ticks", palette=PALETTE, font_scale=0.85, rc={
    "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 90, "savefig.dpi": SAVED_DPI})


def save_figure(figure: Figure, config: Config, name: str) -> Path:
    """Write the figure to the run's `figures/<name>.png` and return the path."""
    path = config.figures_dir / f"{name}.png"
    with replacing(path) as part:
        figure.savefig(part)
    return path


def _subplots(rows: int = 1, columns: int = 1, **options) -> tuple[Figure, Axes]:
    """As pyplot's, but without pyplot, which would show the figure a second time in a notebook."""
    figure = Figure(figsize=options.pop("figsize"), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def region_colors(classes: ClassTable) -> dict[str, str]:
    """One colour a region."""
    return {region: PALETTE[i % len(PALETTE)] for i, region in enumerate(classes.region_names)}


def _region_legend(figure: Figure, colors: dict[str, str]) -> None:
    figure.legend(handles=[Patch(color=color, label=region) for region, color in colors.items()],
                  loc="outside upper center", ncols=len(colors), frameon=False)


def _kind(data: DataSet) -> str:
    return "simulated people" if data.simulated else data.root.name


# ---------------------------------------------------------------- 01: the data


def class_counts(data: DataSet) -> Figure:
    """Clips per class and split, classes in region blocks; the regions' names in colour."""
    order, colors = data.classes.by_region, region_colors(data.classes)
    figure, axes = _subplots(len(data.splits), figsize=(WIDTH, 0.6 + 1.5 * len(data.splits)), sharex=True, squeeze=False)
    for axis, (split, clips) in zip(axes[:, 0], data.splits.items(), strict=True):
        if clips.labelled:
            counts = np.bincount(clips.labels, minlength=len(data.classes))[list(order)]
            axis.bar(range(len(order)), counts, color=[colors[data.classes.regions[i]] for i in order])
        else:
            axis.text(0.5, 0.5, f"{len(clips)} clips without labels", ha="center", transform=axis.transAxes)
        axis.set_ylabel(f"clips in {split}")
    axes[-1, 0].set_xticks(range(len(order)), [data.classes.codes[i] for i in order], rotation=90)
    axes[-1, 0].set_xlim(-0.7, len(order) - 0.3)
    _region_legend(figure, colors)
    return figure


def people_and_lengths(data: DataSet) -> Figure:
    """Clips per person, and the lengths of clips, by split."""
    rows = pd.DataFrame([(split, subject, int(length)) for split, clips in data.splits.items()
                         for subject, length in zip(clips.subjects, clips.lengths, strict=True)], columns=["split", "person", "frames"])
    figure, (left, right) = _subplots(1, 2, figsize=(WIDTH, 3))
    people = rows.groupby("split", sort=False)["person"].value_counts().reset_index(name="clips")
    sns.stripplot(people, x="clips", y="split", hue="split", ax=left, jitter=0.3, size=5, alpha=0.7, legend=False)
    left.set(xlabel="clips of a person" if data.known_people else "clips of a person (people unknown: one clip each)", ylabel="")
    left.set_xlim(left=0)
    sns.histplot(rows, x="frames", hue="split", ax=right, element="step", bins=30)
    right.set(xlabel="frames of a clip", ylabel="clips")
    return figure


def motion_by_class(data: DataSet, split: str = "train", fps: float = 30.0) -> Figure:
    """Mean speed of every joint in every class, relative to the joint's mean over classes: what moves in which class."""
    clips, order = data.splits[split], list(data.classes.by_region)
    energy = pd.DataFrame([motion_energy(clip, fps) for clip in clips], columns=data.skeleton.joints).groupby(clips.labels).mean()
    energy = energy.reindex(order)
    joints = sorted(range(len(data.skeleton)), key=lambda j: (data.skeleton.parts.index(data.skeleton.parts[j]), j))
    table = energy.iloc[:, joints] * 100
    figure, axis = _subplots(figsize=(WIDTH, 0.19 * len(joints) + 1.6))
    sns.heatmap(table.T, ax=axis, cmap="mako_r", robust=True, cbar_kws={"label": "cm/s", "pad": 0.01},
                xticklabels=[data.classes.codes[i] for i in order], yticklabels=True)
    _region_lines(axis, data.classes, rows=False)
    axis.set(xlabel="class", ylabel="")
    axis.set_title(f"mean speed of the joints by class ({_kind(data)}, {split})")
    return figure


def motion_by_joint(data: DataSet, split: str = "train", fps: float = 30.0) -> Figure:
    """Distribution over clips of each joint's mean speed."""
    clips = data.splits[split]
    energy = pd.DataFrame([motion_energy(clip, fps) for clip in clips], columns=data.skeleton.joints) * 100
    figure, axis = _subplots(figsize=(WIDTH, 2.8))
    parts = dict(zip(data.skeleton.joints, data.skeleton.parts, strict=True))
    long = energy.melt(var_name="joint", value_name="speed")
    sns.boxplot(long, x="joint", y="speed", hue=long["joint"].map(parts), ax=axis, fliersize=1, linewidth=0.8)
    axis.set(xlabel="", ylabel="mean speed of a clip, cm/s")
    _plain_log(axis)
    axis.tick_params(axis="x", rotation=60)
    axis.legend(title="", ncols=4, frameon=False, loc="upper left", fontsize="small")
    return figure


# ---------------------------------------------------------------- 02: conversion


def overlay_sheet(path: Path, landmarks: Path, frames: int = 6) -> Figure:
    """Frames of a video with the 17 joints over them, from its landmark file; the person's left blue, the right orange.

    Raises InputError as `read_video` and `Video` do.
    """
    with np.load(landmarks) as file:
        fps = file["fps"].item()
    world, image, visibility = load_landmarks(landmarks)
    wanted = np.unique(np.linspace(0, len(world) - 1, frames).round().astype(int))
    figure, grid = _subplots(1, len(wanted), figsize=(WIDTH, 0.4 * WIDTH * 6 / len(wanted) / 1.8), squeeze=False)
    axes = iter(grid[0])
    skeleton, margin = load_skeleton(), 0.15 * np.nanmax(np.ptp(image, axis=1))
    (left, high), (right, low) = np.nanmin(image, axis=(0, 1)) - margin, np.nanmax(image, axis=(0, 1)) + margin
    for t, (seconds, picture) in enumerate(read_video(path, fps)):
        height, width = picture.shape[:2]
        left, high, right, low = max(left, 0), max(high, 0), min(right, width), min(low, height)
        if t not in wanted:
            continue
        ax = next(axes)
        ax.imshow(picture)
        ax.set(title=f"{seconds:.2f} s", xlim=(left, right), ylim=(low, high))
        ax.set_axis_off()
        # The scale and the shift that bring what is seen of the world landmarks best onto the picture.
        flat, weight = world[t, :, :2], visibility[t, :, None] / visibility[t].sum()  # (33, 2), (33, 1)
        origin, centre = (weight * flat).sum(0), (weight * image[t]).sum(0)
        scale = (weight * (flat - origin) * (image[t] - centre)).sum() / (weight * (flat - origin) ** 2).sum()
        hips = flat[[23, 24]].mean(0)
        joints = centre + scale * (to_joints(world[t:t + 1])[0, :, :2] + hips - origin)
        for parent, child in skeleton.bones:
            ax.plot(*joints[[parent, child]].T, color=COLORS[skeleton.side(child)], linewidth=2)
    return figure


# ---------------------------------------------------------------- 03: training


def curves(history: pd.DataFrame) -> Figure:
    """Loss, top-1 and macro-F1 over the epochs, in training and on held-out people, and the learning rates."""
    figure, axes = _subplots(1, 4, figsize=(WIDTH, 2.6))
    marker = "." if len(history) < 20 else ""
    for axis, key, title in zip(axes, ("loss", "top1", "macro_f1"), ("loss", "top-1", "macro-F1"), strict=False):
        for part, label in (("train", "training clips, augmented"), ("val", "held-out people")):
            if f"{part}_{key}" in history:
                axis.plot(history["epoch"], history[f"{part}_{key}"], marker=marker, label=label)
        axis.set(title=title, xlabel="epoch")
        if key != "loss":
            axis.set_ylim(0, 1)
    axes[0].legend(frameon=False, fontsize="small")
    axes[3].plot(history["epoch"], history["lr_backbone"], label="backbone")
    axes[3].plot(history["epoch"], history["lr_head"], "--", label="head")
    axes[3].set(title="learning rates", xlabel="epoch")
    axes[3].legend(frameon=False, fontsize="small")
    return figure


class LiveCurves:
    """Shows the curves in a notebook and redraws them as `train` calls it with its history, at most every few seconds."""

    def __init__(self, seconds: float = 4.0):
        self.seconds, self.drawn, self.handle = seconds, 0.0, None

    def __call__(self, history: pd.DataFrame) -> None:
        if self.handle is None:
            self.handle = display(curves(history), display_id=True)
        elif time.monotonic() - self.drawn > self.seconds:
            self.handle.update(curves(history))
        else:
            return
        self.drawn = time.monotonic()


# ---------------------------------------------------------------- 04 and 05: errors


def confusion_matrix(evaluation: Evaluation, title: str = "") -> Figure:
    """The C × C matrix, rows normalised, in region blocks; rows are true classes, columns predicted ones."""
    size = max(5.0, 0.19 * len(evaluation.classes) + 2.5)
    figure, axis = _subplots(figsize=(size + 1, size))
    _draw_confusion(axis, evaluation)
    axis.set_title(title or f"{len(evaluation.clips)} clips of {evaluation.split}, top-1 {evaluation.correct.mean():.1%}")
    return figure


def _draw_confusion(axis: Axes, evaluation: Evaluation, labels: bool = True) -> None:
    order = list(evaluation.classes.by_region)
    matrix = evaluation.confusion[np.ix_(order, order)]
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    titles = [evaluation.classes.titles[i] for i in order]
    sns.heatmap(shares, ax=axis, cmap="mako_r", vmin=0, vmax=1, square=True, xticklabels=[evaluation.classes.codes[i] for i in order] if labels else False,
                yticklabels=[shorten(title, 34, placeholder="…") for title in titles] if labels else False,
                cbar_kws={"label": "share of the true class", "shrink": 0.5, "pad": 0.01})
    _region_lines(axis, evaluation.classes)
    axis.set(xlabel="predicted", ylabel="true")
    axis.tick_params(labelsize=7)


def region_matrix(evaluation: Evaluation) -> Figure:
    """Region × region: shares of the true region's clips, and counts."""
    counts = evaluation.region_confusion
    shares = counts.div(counts.sum(1).clip(lower=1), axis=0)
    size = 1.1 * len(counts) + 1.5
    figure, axis = _subplots(figsize=(size + 0.8, size * 0.8))
    text = [[f"{share:.0%}\n{count}" for share, count in zip(a, b, strict=True)] for a, b in zip(shares.to_numpy(), counts.to_numpy(), strict=True)]
    sns.heatmap(shares, ax=axis, cmap="mako_r", vmin=0, vmax=1, annot=text, fmt="", cbar_kws={"label": "share of the true region"})
    axis.set(xlabel="predicted region", ylabel="true region")
    axis.tick_params(axis="y", rotation=0)
    return figure


def error_split(evaluation: Evaluation) -> Figure:
    """By true region: the shares of clips that are right, wrong within the region, wrong in another region."""
    figure, axis = _subplots(figsize=(WIDTH * 0.75, 0.45 * (evaluation.errors_by_region["clips"] > 0).sum() + 1.2))
    _draw_split(axis, evaluation)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def _draw_split(axis: Axes, evaluation: Evaluation) -> None:
    table = evaluation.errors_by_region
    table = table[table["clips"] > 0]
    left = np.zeros(len(table))
    for outcome, color in OUTCOMES.items():
        share = (table[outcome] / table["clips"]).to_numpy()
        axis.barh(range(len(table)), share, left=left, color=color, label=outcome)
        for y, (start, width) in enumerate(zip(left, share, strict=True)):
            if width > 0.06:
                axis.text(start + width / 2, y, f"{width:.0%}", ha="center", va="center", color="white", fontsize=9)
        left += share
    axis.set_yticks(range(len(table)), [f"{region} ({clips} clips)" for region, clips in table["clips"].items()])
    axis.invert_yaxis()
    axis.set(xlabel="share of the region's clips", xlim=(0, 1))


def overview(evaluation: Evaluation, data: DataSet, frames: int = 9) -> Figure:
    """A run in one picture: the most confused pair as skeletons, the confusion matrix in region blocks, errors by region."""
    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(2, 3.4))
    pairs = evaluation.worst_pairs(1)
    rows = _pair(evaluation, pairs["true_id"][0], pairs["predicted_id"][0])[::3] if len(pairs) else []
    for strip, (title, clip) in zip(np.atleast_1d(above.subfigures(max(len(rows), 1))), rows, strict=False):
        _draw_moments(strip.subplots(1, frames, sharex=True, sharey=True), title, clip, data.skeleton)
    left, right = below.subplots(1, 2, width_ratios=(1.15, 1))
    _draw_confusion(left, evaluation, labels=False)
    left.set_title(f"{len(evaluation.classes)} classes, top-1 {evaluation.correct.mean():.0%} ({_kind(data)})")
    _draw_split(right, evaluation)
    right.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=1, frameon=False)
    return figure


def class_profile(evaluation: Evaluation) -> Figure:
    """Each class: the shares of its clips that are right, wrong within its region, wrong in another; in region blocks."""
    table = evaluation.per_class.iloc[list(evaluation.classes.by_region)]
    table = table[table["support"] > 0]
    figure, axis = _subplots(figsize=(WIDTH, 3.2))
    bottom = np.zeros(len(table))
    for outcome, color in OUTCOMES.items():
        share = (table[outcome] / table["support"]).to_numpy()
        axis.bar(range(len(table)), share, bottom=bottom, color=color, label=outcome, width=0.85)
        bottom += share
    axis.set_xticks(range(len(table)), table["code"], rotation=90)
    for edge in np.flatnonzero(table["region"].to_numpy()[1:] != table["region"].to_numpy()[:-1]):
        axis.axvline(edge + 0.5, color="black", linewidth=0.8)
    axis.set(ylabel="share of the class's clips", ylim=(0, 1), xlim=(-0.6, len(table) - 0.4))
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def motion_of_outcomes(evaluation: Evaluation, table: pd.DataFrame) -> Figure:
    """How much moves in right and in confused clips, by region; `table` is `evaluation.motion_of_errors(…)`."""
    figure, axis = _subplots(figsize=(WIDTH * 0.75, 3))
    order = [region for region in evaluation.classes.region_names if region in set(table["region"])]
    sns.boxplot(table, x="region", y="speed", order=order, hue="outcome", hue_order=["right", "confused"], ax=axis, fliersize=1.5, linewidth=0.8,
                palette=[OUTCOMES["right"], OUTCOMES["wrong other region"]])
    axis.set(xlabel="", ylabel="mean speed of all joints, cm/s")
    _plain_log(axis)
    axis.legend(title="", frameon=False)
    return figure


def f1_bars(evaluation: Evaluation) -> Figure:
    """F1 of each class, sorted within its region."""
    table = evaluation.per_class.dropna(subset=["f1"]).copy()
    table["order"] = table["region"].map(evaluation.classes.region_names.index)
    table = table.sort_values(["order", "f1"], ascending=[True, False])
    colors = region_colors(evaluation.classes)
    figure, axis = _subplots(figsize=(WIDTH, 2.8))
    axis.bar(range(len(table)), table["f1"], color=[colors[region] for region in table["region"]])
    axis.set_xticks(range(len(table)), table["code"], rotation=90)
    axis.set(ylabel="F1", ylim=(0, 1), xlim=(-0.6, len(table) - 0.4))
    _region_legend(figure, colors)
    return figure


def confidence(evaluation: Evaluation) -> Figure:
    """How far confidence can be trusted: accuracy over confidence with the clips behind it, and errors over the share of clips answered."""
    labels, probabilities = evaluation.clips.labels, evaluation.probabilities
    bins, risk = reliability(labels, probabilities), risk_coverage(labels, probabilities)
    figure, (left, right) = _subplots(1, 2, figsize=(WIDTH * 0.75, 3.2))
    left.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle="--")
    left.plot(bins["confidence"], bins["accuracy"], marker="o")
    for row in bins.itertuples():
        left.annotate(str(row.clips), (row.confidence, row.accuracy), textcoords="offset points", xytext=(5, -10), fontsize=7)
    left.set(xlabel="mean confidence (small: clips)", ylabel="share that is right", xlim=(0, 1.05), ylim=(0, 1.05),
             title=f"calibration error {calibration_error(labels, probabilities):.3f}")
    right.plot(risk["coverage"], risk["risk"])
    right.set(xlabel="share of clips answered, surest first", ylabel="share of answers that are wrong", xlim=(0, 1), ylim=(0, None),
              title="saying nothing when unsure")
    return figure


def ablation(table: pd.DataFrame) -> Figure:
    """Top-1 of every variant with its interval, and how far it is from the first one; `table` is that of `ensembles.compare_variants`."""
    figure, (left, right) = _subplots(1, 2, figsize=(WIDTH, 0.32 * len(table) + 1.2), sharey=True)
    places = range(len(table))
    for axis, value, low, high in ((left, "top1", "top1_low", "top1_high"), (right, "difference", "low", "high")):
        error = np.abs(table[[low, high]].to_numpy().T - table[value].to_numpy())
        axis.errorbar(table[value] * 100, places, xerr=error * 100, fmt="o", capsize=3)
    left.set_yticks(places, table["variant"])
    left.invert_yaxis()
    left.set(xlabel="top-1 on people left out, %")
    right.axvline(0, color="grey", linewidth=0.8)
    right.set(xlabel=f"points above {table['variant'].iloc[0]!r}, same clips")
    return figure


def right_by_region(table: pd.DataFrame) -> Figure:
    """Top-1 of every member (columns) on the clips of each body region (rows)."""
    figure, axis = _subplots(figsize=(0.75 * table.shape[1] + 3, 0.35 * len(table) + 1.5))
    sns.heatmap(table * 100, ax=axis, cmap="mako_r", vmin=0, vmax=100, annot=True, fmt=".0f", cbar_kws={"label": "top-1, %"})
    axis.set(xlabel="", ylabel="true region")
    axis.tick_params(axis="x", rotation=30)
    return figure


def _plain_log(axis: Axes) -> None:
    """A logarithmic y axis with numbers such as 2, 5, 10."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def _region_lines(axis: Axes, classes: ClassTable, rows: bool = True) -> None:
    ids = [classes.region_ids[i] for i in classes.by_region]
    for edge in np.flatnonzero(np.diff(ids)) + 1:
        axis.axvline(edge, color="#D55E00", linewidth=0.8)
        if rows:
            axis.axhline(edge, color="#D55E00", linewidth=0.8)


def _pair(evaluation: Evaluation, true: int, predicted: int) -> list[tuple[str, np.ndarray]]:
    """(title, clip) of up to two confused clips and a correct clip of either class."""
    clips, titles = evaluation.clips, [shorten(title, 26, placeholder="…") for title in evaluation.classes.titles]
    shown = [(f"{titles[true]} taken for {evaluation.classes.codes[predicted]} ({evaluation.probabilities[i, predicted]:.0%})", clips[int(i)])
             for i in evaluation.clips_of(true, predicted)[:2]]
    for own in (true, predicted):
        shown += [(f"{titles[own]}, recognised ({evaluation.probabilities[i, own]:.0%})", clips[int(i)]) for i in evaluation.clips_of(own, own)[:1]]
    return shown


def pair_player(evaluation: Evaluation, true: int, predicted: int, skeleton: Skeleton, fps: float) -> Player:
    """Confused clips of a pair of classes beside a recognised clip of either, moving."""
    titles, clips = zip(*_pair(evaluation, true, predicted), strict=True)
    return player(clips, titles, skeleton, fps, height=260)


def _draw_moments(axes: np.ndarray, title: str, clip: np.ndarray, skeleton: Skeleton) -> None:
    """A clip at evenly spaced moments, one an axis, over the ghost of its first frame."""
    for axis, moment in zip(axes, np.linspace(0, len(clip) - 1, len(axes)).round().astype(int), strict=True):
        draw_pose(axis, clip[moment], skeleton, ghost=clip[0])
    axes[0].figure.suptitle(title, fontsize=9, x=0.01, ha="left", parse_math=False)


def pair_sheet(evaluation: Evaluation, true: int, predicted: int, skeleton: Skeleton, frames: int = 8) -> Figure:
    """The same clips as `pair_player`, one a row, at evenly spaced moments."""
    return _sheet(_pair(evaluation, true, predicted), skeleton, frames)


def class_sheet(data: DataSet, class_ids: list[int], split: str = "train", frames: int = 8, seed: int = 0) -> Figure:
    """One clip of each of some classes, a row each, at evenly spaced moments over the ghost of the first."""
    clips, rng = data.splits[split], np.random.default_rng(seed)
    found = [(i, np.flatnonzero(clips.labels == i)) for i in class_ids]
    return _sheet([(data.classes.titles[i], clips[int(rng.choice(indices))]) for i, indices in found if len(indices)], data.skeleton, frames)


def _sheet(rows: list[tuple[str, np.ndarray]], skeleton: Skeleton, frames: int) -> Figure:
    figure = Figure(figsize=(WIDTH, 1.6 * max(len(rows), 1)), layout="constrained")
    for strip, (title, clip) in zip(np.atleast_1d(figure.subfigures(max(len(rows), 1))), rows, strict=False):
        _draw_moments(strip.subplots(1, frames, sharex=True, sharey=True), title, clip, skeleton)
    return figure


# ---------------------------------------------------------------- the benchmark


def speed(table: pd.DataFrame) -> Figure:
    """How many times as fast, or as small, as the plain reference, a bar a row of `mbnb.benchmark`'s table; the numbers behind the bars in words."""
    labels = [" ".join(filter(None, [row.task, row.size, "own lengths" if row.frames == "native" else f"{row.frames} frames", f"({row.clips:,} clips)"]))
              for row in table.itertuples()]
    tasks = {task: PALETTE[i % len(PALETTE)] for i, task in enumerate(dict.fromkeys(table["task"]))}
    figure, axis = _subplots(figsize=(WIDTH, 0.8 + 0.28 * len(table)))
    bars = axis.barh(range(len(table)), table["ratio"], color=[tasks[task] for task in table["task"]])
    axis.bar_label(bars, [f"{row.ratio:.1f} ×   {_short(row.ours)} : {_short(row.reference)} {row.unit}" for row in table.itertuples()], padding=4)
    axis.set_yticks(range(len(table)), labels)
    axis.invert_yaxis()
    axis.set(xscale="log", xlabel="times the plain reference, in the same process (ours : reference)", xlim=(1, 6 * table["ratio"].max()))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    return figure


def _short(number: float) -> str:
    """Two or three digits that count."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"

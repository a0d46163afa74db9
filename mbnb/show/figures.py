"""Every figure of the workbook, as functions from data to matplotlib figures, in one style fit for a paper.

Figures have the widths of journals' columns. What belongs to different kinds differs in lightness, dash or place too, so that it
can be told apart in grey and by colour-blind people. `save_figure` writes a figure as PNG and as vector PDF, with its caption.
"""

import itertools
import math
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.evaluate.evaluation import Evaluation
from mbnb.files import replacing
from mbnb.prepare.geometry import motion_energy
from mbnb.scores.calibration import calibration_error, reliability, risk_coverage
from mbnb.scores.metrics import intervals, score
from mbnb.show.player import COLORS, draw_pose
from mbnb.skeleton import Skeleton, load_skeleton
from mbnb.train.monitor import read_history
from mbnb.video.landmarks import load_landmarks, read_video, to_joints

# ---------------------------------------------------------------- the style

COLUMN, WIDE, PAGE = 3.5, 5.5, 7.2  # inches: a column of a journal, one and a half, and a page
FONT, SMALL, LEAST, TABLE = (
    8,
    7,
    6,
    5,
)  # points: text; ticks and legends; notes; ticks of tables with many rows
PITCH = 1.25  # of the type's size: what a row of text takes
SAVED_DPI = 300
# Of any group the lightness differs by a sixth of the scale at least; hues after Okabe and Ito (2008), safe for colour-blind people.
OUTCOMES = {
    "right": "#B7E0D2",
    "wrong within region": "#E08E1B",
    "wrong other region": "#8C2D04",
}  # the same in every figure
LINES = [
    dict(color="#0072B2", linestyle="-", marker="o"),
    dict(color="#E69F00", linestyle="--", marker="s"),
    dict(color="#222222", linestyle=":", marker="^"),
]
SHADES = "#0072B2", "#8CCBF0"  # blocks side by side, in turn; their names stand over them
GAINED, LOST = "#8CCBF0", "#8C2D04"
EDGE = "#555555"  # lines between blocks
SEQUENTIAL = "mako_r"

sns.set_theme(
    context="paper",
    style="ticks",
    palette=[line["color"] for line in LINES],
    rc={
        "font.family": "DejaVu Sans",
        "font.size": FONT,
        "axes.labelsize": FONT,
        "axes.titlesize": FONT,
        "figure.titlesize": FONT,
        "figure.labelsize": SMALL,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "legend.fontsize": SMALL,
        "legend.title_fontsize": SMALL,
        "legend.frameon": False,
        "axes.linewidth": 0.6,
        "lines.linewidth": 1.2,
        "lines.markersize": 3,
        "hatch.linewidth": 0.4,
        "axes.titlepad": 4.0,
        "axes.labelpad": 3.0,
        **{
            f"{axis}tick.{kind}": value
            for axis in "xy"
            for kind, value in (
                ("major.size", 2.5),
                ("major.width", 0.6),
                ("major.pad", 2.0),
                ("minor.size", 1.5),
            )
        },
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": 130,
        "savefig.dpi": SAVED_DPI,
        "pdf.fonttype": 42,
        "text.parse_math": False,
    },
)  # a class may be named $x$

# What figures show, by the names under which they are saved, in the order of the report.
CAPTIONS = {
    "overview": "The most confused pair of classes, the confusion matrix in blocks of body regions, and errors by region.",
    "confusion_matrix": "Confusion matrix: rows are true classes, columns predicted ones, in shares of the true class. Lines separate body regions.",
    "region_matrix": "Confusions between body regions: shares of the true region's clips, and clips.",
    "error_split": "Errors within a body region and between regions, by the true class' region.",
    "class_profile": "What became of the clips of each class.",
    "worst_pair": "The most confused pair of classes: confused clips, and a recognised clip of either class; the grey ghost is the first frame.",
    "f1_by_class": "F1 of each class, sorted within its body region.",
    "confidence": "How far confidence can be trusted, and errors over the share of clips that are answered, the most confident first.",
    "ablation": "What each part of the recipe is worth on people left out of train; bars are 95 % intervals from resampling people.",
    "right_by_region": "Top-1 on the clips of each body region.",
    "attribution": "What predictions of each body region rest on: shares of what they lose without each part of the body.",
    "deletion": "What is left of the prediction when the most important parts of clips are taken away, and when parts drawn by chance are.",
    "changes": "Clips that were gained and lost.",
    "motion_of_errors": "How much moves in right and in confused clips: mean speed over all joints. Boxes hold the middle half of the clips.",
    "curves": "Training: loss, top-1, macro-F1, learning rates, throughput, norms of the gradients before clipping, and confusions between body regions.",
    "class_counts": "Clips of each class.",
    "people_and_lengths": "Clips of each person, and lengths of clips.",
    "motion_by_class": "What moves in which class: mean speed of each joint.",
    "motion_by_joint": "Mean speed of each joint over clips. Boxes hold the middle half of the clips.",
    "clips": "A clip a row, from its first to its last frame; the grey ghost is the first frame.",
    "converted": "Skeletons found in a video.",
}
SCORED = {
    "region_matrix": ("region_top1", "region top-1"),
    "error_split": ("region_top1", "region top-1"),
    "f1_by_class": ("macro_f1", "macro-F1"),
}


def save_figure(figure: Figure, config: Config, name: str, caption: str = "") -> Path:
    """Write the figure to the run's `figures/` as `<name>.png`, as `<name>.pdf` (vector, text as text), and its caption as `<name>.txt`
    and into both files; each whole or not at all, and the same for the same figure. Returns the path of the PNG file."""
    path = config.folder.figures / f"{name}.png"
    with (
        replacing(path) as png,
        replacing(path.with_suffix(".pdf")) as pdf,
        replacing(path.with_suffix(".txt")) as text,
    ):
        figure.savefig(png, metadata={"Title": name, "Description": caption, "Software": None})
        figure.savefig(pdf, metadata={"Title": name, "Subject": caption, "CreationDate": None})
        text.write_text(caption + "\n" if caption else "", encoding="utf-8")
    return path


@dataclass(frozen=True)
class Captions:
    """Whole captions: what a figure shows, of which data and split, how many clips and people, and the score with its 95 % interval.

    Called with the name of a figure, and with names of splits where it shows no others.
    """

    config: Config
    data: DataSet
    evaluation: Evaluation | None = None

    def __call__(self, name: str, *splits: str) -> str:
        if self.evaluation:
            clips, split = self.evaluation.clips, self.evaluation.split
            known = (
                self.data.splits["train"].subjects
                if split != "train" and "train" in self.data.splits
                else ()
            )
            shared = len(set(clips.subjects) & set(known))
            also = f", {shared} of whom were also in training" if shared else ""
            return self._sentence(
                name,
                f"{split}, {self._count(clips.subjects)}{also}; {self._score(*SCORED.get(name, ('top1', 'top-1')))}",
            )
        shown = [split for split in splits if split in self.data.splits] or self.data.splits
        return self._sentence(
            name,
            "; ".join(
                f"{split}, {self._count(self.data.splits[split].subjects)}" for split in shown
            ),
        )

    def counted(self, name: str, about: str, clips: int, people: int) -> str:
        """The caption where clips come from several runs; `about` says whose they are."""
        return self._sentence(name, f"{about}, n = {clips} clips of {people} people")

    def _sentence(self, name: str, counts: str) -> str:
        return f"{CAPTIONS.get(name, name)} {'Simulated people' if self.data.simulated else f'Data set {self.data.root.name}'}: {counts}."

    def _count(self, subjects: Sequence[str]) -> str:
        people = len(set(subjects))
        return f"n = {len(subjects)} clips of " + (
            f"{people} {'person' if people == 1 else 'people'}"
            if self.data.known_people
            else "unknown people"
        )

    def _score(self, key: str, title: str) -> str:
        low, high = self._intervals[key]
        over = "people" if self.data.known_people else "clips, too narrow where people recur"
        together = "" if self.evaluation.alone is None else ", each person's clips judged together"
        interval = (
            "one person only, so no interval"
            if math.isnan(low)
            else f"95 % interval over {over}: {100 * low:.1f} to {100 * high:.1f} %"
        )
        return f"{title} {100 * self._scores[key]:.1f} % ({interval}{together})"

    @cached_property
    def _scores(self) -> dict[str, float]:
        return score(
            self.evaluation.clips.labels, self.evaluation.probabilities, self.evaluation.classes
        )

    @cached_property
    def _intervals(self) -> dict[str, tuple[float, float]]:
        """As in the run's metrics.json."""
        clips = self.evaluation.clips
        return intervals(
            clips.labels,
            self.evaluation.probabilities,
            clips.subjects,
            self.evaluation.classes,
            self.config.bootstraps,
            self.config.seed,
        )


# ---------------------------------------------------------------- what the figures share


def _subplots(rows: int = 1, columns: int = 1, **options) -> tuple[Figure, Axes]:
    """As pyplot's, but without pyplot, which would show the figure a second time in a notebook."""
    figure = Figure(figsize=options.pop("figsize"), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


@lru_cache(maxsize=100_000)
def _length(text: str, size: float) -> float:
    """The width of a line of text in points."""
    return text_to_path.get_text_width_height_descent(
        text, FontProperties(size=size), ismath=False
    )[0]


def _cut(text: str, points: float, size: float) -> str:
    """The text on one line, shortened to a width in points."""
    text = kept = " ".join(text.split())
    while kept and _length(kept if kept == text else kept + "…", size) > points:
        kept = kept[:-1]
    return text if kept == text else kept.rstrip() + "…"


def _lengthiest(names: Sequence[str], size: float) -> float:
    return max((_length(name, size) for name in names), default=0.0)


def _fitted(names: Sequence[str], pitch: float, size: float) -> list[str] | None:
    """The names, or a word of theirs a line, where they are no wider than `pitch` points; None where not even that."""
    for tried in (list(names), [name.replace(" ", "\n") for name in names]):
        lines = [name.split("\n") for name in tried]
        if (
            max(map(len, lines), default=0) <= 3
            and _lengthiest([line for some in lines for line in some], size) <= pitch - 3
        ):
            return tried
    return None


def _name_places(
    axis: Axes, side: str, names: Sequence[str], pitch: float, size: float, first: float = 0.0
) -> None:
    """Ticks with a name for every place, `pitch` points apart from place `first` on; along x names that do not fit side by side are
    turned, and where not even a line of type fits only every second or third place is named."""
    level = _fitted(names, pitch, size) if side == "x" else None
    step = 1 if level else math.ceil(PITCH * size / pitch)
    getattr(axis, f"set_{side}ticks")(
        np.arange(0, len(names), step) + first,
        (level or list(names))[::step],
        rotation=90 if side == "x" and not level else 0,
        fontsize=size,
    )


def _runs(names: Sequence[str]) -> list[tuple[str, int, int]]:
    """(name, first place, places) of every run of equal neighbours."""
    lengths = [(name, len(list(group))) for name, group in itertools.groupby(names)]
    return [
        (name, start, length)
        for (name, length), start in zip(
            lengths, itertools.accumulate((n for _, n in lengths), initial=0)
        )
    ]


def _shades(names: Sequence[str]) -> list[str]:
    """A colour for every place, that of its block."""
    return [SHADES[i % 2] for i, (_, _, length) in enumerate(_runs(names)) for _ in range(length)]


def _name_blocks(axis: Axes, names: Sequence[str], width: float) -> None:
    """Names over the blocks of equal neighbours along an x axis `width` inches wide; where one does not fit, numbers, explained below."""
    runs, pitch = _runs(names), 72 * width / max(len(names), 1)
    fit = all(_length(name, SMALL) < length * pitch - 2 for name, _, length in runs)
    roomy = all(
        _length(str(i + 1), LEAST) < length * pitch - 0.5 for i, (_, _, length) in enumerate(runs)
    )
    size = SMALL if fit else LEAST if roomy else TABLE
    for i, (name, start, length) in enumerate(runs):
        axis.text(
            start + (length - 1) / 2,
            1.01,
            name if fit else str(i + 1),
            ha="center",
            va="bottom",
            fontsize=size,
            transform=axis.get_xaxis_transform(),
        )
    if not fit:
        key = "   ".join(
            f"{i + 1} {_cut(name, 100, SMALL)}".replace(" ", "\u00a0")
            for i, (name, _, _) in enumerate(runs)
        )
        text = textwrap.fill(key, int(72 * width / _length("n", SMALL)), break_long_words=False)
        axis.figure.set_figheight(
            axis.figure.get_figheight() + (text.count("\n") + 2) * PITCH * SMALL / 72
        )
        axis.figure.supxlabel(text, fontsize=SMALL)


def _part_blocks(axis: Axes, names: Sequence[str], rows: bool = False) -> None:
    """Lines between the blocks of a heatmap's columns, and of its rows."""
    for _, edge, _ in _runs(names)[1:]:
        axis.axvline(edge, color=EDGE, linewidth=0.6)
        if rows:
            axis.axhline(edge, color=EDGE, linewidth=0.6)


def _heatmap(
    values: pd.DataFrame,
    label: str,
    notes: np.ndarray | None = None,
    top: float | None = None,
    size: int = SMALL,
) -> tuple[Figure, Axes]:
    """A table as a picture: rows and columns named, the `notes` (texts, of the table's shape) in cells that have room for them."""
    rows, columns = (
        [_cut(str(name), 85, size) for name in names] for names in (values.index, values.columns)
    )
    lines = (
        1 if notes is None else max((str(note).count("\n") + 1 for note in notes.flat), default=1)
    )
    room = _lengthiest(rows, size) + 62  # points for names, the label, and the scale
    least = (
        8
        if notes is None
        else _lengthiest([line for note in notes.flat for line in str(note).split("\n")], LEAST) + 4
    )
    width = next(
        (
            width
            for width in (COLUMN, WIDE, PAGE)
            if (72 * width - room) / len(columns) >= max(least, 26)
        ),
        PAGE,
    )
    pitch = min((72 * width - room) / len(columns), 48)
    width = max(COLUMN, (len(columns) * pitch + room) / 72)
    high = max(PITCH * (lines * LEAST + 3), PITCH * size, min(0.6 * pitch, 24))
    below = PITCH * size * 2 if _fitted(columns, pitch, size) else _lengthiest(columns, size)
    high = max(
        high, max(_length(label, FONT), 80) / len(rows)
    )  # the names of the scale and of the axis have room too
    figure, axis = _subplots(figsize=(width, (len(rows) * high + below + 32) / 72))
    shown = notes if pitch >= least else None
    sns.heatmap(
        values.to_numpy(float),
        ax=axis,
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=top,
        annot=shown,
        fmt="",
        annot_kws={"fontsize": LEAST},
        xticklabels=False,
        yticklabels=False,
        cbar_kws={"label": label, "pad": 0.02, "aspect": 30},
    )
    _name_places(axis, "x", columns, pitch, size, 0.5)
    _name_places(axis, "y", rows, high, size, 0.5)
    return figure, axis


def _plain_log(axis: Axes) -> None:
    """A logarithmic y axis with numbers such as 2, 5, 10."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def _boxes(
    axis: Axes,
    groups: Sequence[np.ndarray],
    places: Sequence[float],
    colors: Sequence[str],
    width: float,
) -> None:
    """A box of the middle half for each group, whiskers to 1.5 times its height, and what lies beyond."""
    thin = {f"{part}props": {"linewidth": 0.6} for part in ("whisker", "cap", "box")}
    drawn = axis.boxplot(
        list(groups),
        positions=places,
        widths=width,
        patch_artist=True,
        manage_ticks=False,
        medianprops={"color": "black", "linewidth": 1.2},
        flierprops={"marker": ".", "markersize": 1.5, "markeredgecolor": EDGE},
        **thin,
    )
    for box, color in zip(drawn["boxes"], colors, strict=True):
        box.set_facecolor(color)


# ---------------------------------------------------------------- 01: the data


def class_counts(data: DataSet) -> Figure:
    """Clips per class and split, classes in region blocks."""
    order = list(data.classes.by_region)
    regions, width = [data.classes.regions[i] for i in order], PAGE - 0.6
    figure, axes = _subplots(
        len(data.splits), figsize=(PAGE, 0.7 + 1.0 * len(data.splits)), sharex=True, squeeze=False
    )
    for axis, (split, clips) in zip(axes[:, 0], data.splits.items(), strict=True):
        if clips.labelled:
            axis.bar(
                range(len(order)),
                np.bincount(clips.labels, minlength=len(order))[order],
                color=_shades(regions),
            )
        else:
            axis.text(
                0.5,
                0.5,
                f"{len(clips)} clips without labels",
                ha="center",
                transform=axis.transAxes,
            )
        axis.set_ylabel(f"clips in {split}")
        axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    _name_places(
        axes[-1, 0],
        "x",
        [_cut(data.classes.codes[i], 40, LEAST) for i in order],
        72 * width / len(order),
        LEAST,
    )
    axes[-1, 0].set_xlim(-0.7, len(order) - 0.3)
    _name_blocks(axes[0, 0], regions, width)
    figure.align_ylabels()
    return figure


def people_and_lengths(data: DataSet) -> Figure:
    """Clips per person, and the lengths of clips, by split."""
    figure, (left, right) = _subplots(1, 2, figsize=(PAGE, 2.1))
    bins = np.histogram_bin_edges(
        np.concatenate([clips.lengths for clips in data.splits.values()]), 30
    )
    chance = np.random.default_rng(0)  # where dots of equal counts lie beside each other
    for place, (clips, line) in enumerate(zip(data.splits.values(), LINES)):
        counts = np.unique(clips.subjects, return_counts=True)[1]
        left.plot(
            counts,
            place + chance.uniform(-0.3, 0.3, len(counts)),
            line["marker"],
            color=line["color"],
            alpha=0.7,
            markeredgewidth=0,
        )
        right.hist(
            clips.lengths,
            bins,
            histtype="step",
            color=line["color"],
            linestyle=line["linestyle"],
            linewidth=1.2,
        )
    left.set_yticks(range(len(data.splits)), data.splits)
    left.set(
        xlabel="clips of a person"
        if data.known_people
        else "clips of a person (people unknown: one each)",
        xlim=(0, None),
        ylim=(len(data.splits) - 0.5, -0.5),
    )
    right.legend(
        handles=[
            Line2D([], [], color=line["color"], linestyle=line["linestyle"], label=split)
            for split, line in zip(data.splits, LINES)
        ]
    )
    right.set(xlabel="frames of a clip", ylabel="clips")
    right.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


def _speeds(data: DataSet, split: str, fps: float) -> pd.DataFrame:
    """The mean speed of every joint (columns, in the order of the body's parts) in every clip of a split (rows), cm/s."""
    table = (
        pd.DataFrame(
            [motion_energy(clip, fps) for clip in data.splits[split]], columns=data.skeleton.joints
        )
        * 100
    )
    parts = data.skeleton.parts
    return table.iloc[:, sorted(range(len(parts)), key=lambda j: (parts.index(parts[j]), j))]


def motion_by_class(data: DataSet, split: str = "train", fps: float = 30.0) -> Figure:
    """Mean speed of every joint in every class: what moves in which class."""
    order = list(data.classes.by_region)
    table = _speeds(data, split, fps).groupby(data.splits[split].labels).mean().reindex(order).T
    regions, width = [data.classes.regions[i] for i in order], PAGE - 1.5
    figure, axis = _subplots(figsize=(PAGE, (PITCH * SMALL * len(table) + 45) / 72))
    sns.heatmap(
        table,
        ax=axis,
        cmap=SEQUENTIAL,
        robust=True,
        cbar_kws={"label": "mean speed, cm/s", "pad": 0.01, "aspect": 30},
        xticklabels=False,
        yticklabels=False,
    )
    _name_places(
        axis,
        "x",
        [_cut(data.classes.codes[i], 40, TABLE) for i in order],
        72 * width / len(order),
        TABLE,
        0.5,
    )
    _name_places(axis, "y", list(table.index), PITCH * LEAST, LEAST, 0.5)
    _part_blocks(axis, regions)
    axis.set(xlabel="class", ylabel="")
    _name_blocks(axis, regions, width)
    return figure


def motion_by_joint(data: DataSet, split: str = "train", fps: float = 30.0) -> Figure:
    """Distribution over clips of each joint's mean speed, joints in blocks of the body's parts."""
    speeds = _speeds(data, split, fps)
    parts = dict(zip(data.skeleton.joints, data.skeleton.parts))
    blocks, width = [parts[joint] for joint in speeds], PAGE - 0.6
    figure, axis = _subplots(figsize=(PAGE, 2.4))
    _boxes(axis, list(speeds.to_numpy().T), range(len(blocks)), _shades(blocks), 0.7)
    axis.set(ylabel="mean speed of a clip, cm/s", xlim=(-0.7, len(blocks) - 0.3))
    _plain_log(axis)
    _name_places(axis, "x", list(speeds), 72 * width / len(blocks), LEAST)
    _name_blocks(axis, blocks, width)
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
    figure, grid = _subplots(
        1, len(wanted), figsize=(PAGE, 0.4 * PAGE * 6 / len(wanted) / 1.8), squeeze=False
    )
    axes = iter(grid[0])
    skeleton, margin = load_skeleton(), 0.15 * np.nanmax(np.ptp(image, axis=1))
    (left, high), (right, low) = (
        np.nanmin(image, axis=(0, 1)) - margin,
        np.nanmax(image, axis=(0, 1)) + margin,
    )
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
        flat, weight = (
            world[t, :, :2],
            visibility[t, :, None] / visibility[t].sum(),
        )  # (33, 2), (33, 1)
        origin, centre = (weight * flat).sum(0), (weight * image[t]).sum(0)
        scale = (weight * (flat - origin) * (image[t] - centre)).sum() / (
            weight * (flat - origin) ** 2
        ).sum()
        hips = flat[[23, 24]].mean(0)
        joints = centre + scale * (to_joints(world[t : t + 1])[0, :, :2] + hips - origin)
        for parent, child in skeleton.bones:
            ax.plot(*joints[[parent, child]].T, color=COLORS[skeleton.side(child)], linewidth=1.5)
    return figure


# ---------------------------------------------------------------- 03: training

PARTS = {"train": ("training clips, augmented", LINES[1]), "val": ("held-out people", LINES[0])}


def curves(history: pd.DataFrame, regions: pd.DataFrame | None = None) -> Figure:
    """A training, finished or broken off, from what `progress.read_history` tells: scores, rates, throughput and norms of the gradients over
    the epochs, errors within and between body regions, and the confusion between regions. What a history lacks is left blank."""
    figure, axes = _subplots(3, 3, figsize=(PAGE, 5.2))
    parts, halves = (
        [(f"{part}_{{}}", *style) for part, style in PARTS.items()],
        [(f"{{}}_{part}", part, line) for part, line in zip(("backbone", "head"), LINES)],
    )
    panels = {
        "loss": parts,
        "top1": parts,
        "macro_f1": parts,
        "lr": halves,
        "clips_per_second": [("{}", "", LINES[0])],
        "grad_norm": halves,
    }
    for axis, (key, lines), title in zip(
        axes.flat,
        panels.items(),
        ("loss", "top-1", "macro-F1", "learning rate", "training clips a second", "gradient norm"),
    ):
        axis.set(title=title, xlabel="epoch")
        for column, label, line in lines:
            if column.format(key) in history:
                axis.plot(
                    history["epoch"],
                    history[column.format(key)],
                    **line | ({} if len(history) < 20 else {"marker": ""}),
                    label=label,
                )
        axis.set_visible(len(axis.lines) > 0)
    for axis in axes.flat[:3]:
        axis.set_ylim(0, 1.05 * _highest(axis) if axis is axes[0, 0] else 1)
    figure.legend(handles=axes[0, 0].lines, loc="outside upper center", ncols=2, handlelength=2.4)
    for axis in (axes[1, 0], axes[1, 2]):
        if axis.lines:
            _legend_above_lines(axis)
    axes[1, 1].set_ylim(0, 1.05 * _highest(axes[1, 1]))
    axes[1, 0].yaxis.set_major_formatter(StrMethodFormatter("{x:.2g}"))
    _region_curves(axes[2], history, regions)
    for axis in [*axes.flat[:7], axes[2, 1]]:
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure


def _region_curves(
    axes: Sequence[Axes], history: pd.DataFrame, regions: pd.DataFrame | None
) -> None:
    """Errors within and between regions, errors by the true region as they develop, and the last confusion of regions."""
    split = "val" if "val_top1" in history else "train"
    who = "held-out people" if split == "val" else "training clips"
    if {f"{split}_top1", f"{split}_region_top1"} <= set(history.columns):
        shares = (
            history[f"{split}_region_top1"] - history[f"{split}_top1"],
            1 - history[f"{split}_region_top1"],
        )
        for (outcome, color), share, line in zip(list(OUTCOMES.items())[1:], shares, LINES):
            axes[0].plot(
                history["epoch"],
                share,
                **line | {"color": color} | ({} if len(history) < 20 else {"marker": ""}),
                label=outcome,
            )
        _legend_above_lines(axes[0])
    axes[0].set_visible(len(axes[0].lines) > 0)
    axes[0].set(title=f"errors, {who}", xlabel="epoch", ylabel="share of clips")
    if regions is None or not len(regions):
        for axis in axes[1:]:
            axis.set_axis_off()
        return
    counts = regions.pivot_table(
        index=["epoch", "true"], columns="predicted", values="clips", sort=False
    )  # a block of rows for each epoch
    total = counts.sum(axis=1)
    counts = counts.div(
        total.where(total > 0), axis=0
    )  # nothing is known of a region without clips
    names = [_cut(name, 45, LEAST) for name in counts.columns]
    epochs = regions["epoch"].unique()
    shares = counts.to_numpy().reshape(
        len(epochs), len(names), len(names)
    )  # (epochs, true, predicted)
    astray = 1 - np.diagonal(shares, axis1=1, axis2=2)  # (epochs, true)
    for axis, picture, top, extent, title in (
        (
            axes[1],
            astray.T,
            None,
            (epochs[0] - 0.5, epochs[-1] + 0.5, len(names) - 0.5, -0.5),
            "taken for another region",
        ),
        (axes[2], shares[-1], 1, None, f"true by predicted, epoch {epochs[-1]}"),
    ):
        image = axis.imshow(
            picture,
            cmap=SEQUENTIAL,
            vmin=0,
            vmax=top,
            aspect="auto",
            extent=extent,
            interpolation="nearest",
        )
        scale = axis.figure.colorbar(image, ax=axis, aspect=25, pad=0.03)
        scale.ax.tick_params(labelsize=LEAST)
        axis.set_title(title)
        _name_places(axis, "y", names, 80 / len(names), LEAST)
    _name_places(axes[2], "x", names, 75 / len(names), LEAST)
    axes[1].set_xlabel("epoch")


def _highest(axis: Axes) -> float:
    """The greatest value drawn; 1 where there is none."""
    top = axis.dataLim.y1
    return top if 0 < top < math.inf else 1.0


def _legend_above_lines(axis: Axes) -> None:
    """A legend in room of its own: lines may go anywhere below."""
    axis.set_ylim(0, 1.5 * _highest(axis))
    axis.legend(handlelength=2.4, loc="upper right")


class LiveCurves:
    """Shows the curves in a notebook and redraws them as `train` calls it after every epoch: at most every few seconds, and so seldom
    that drawing takes no more than a twentieth of the time."""

    def __init__(self, config: Config, seconds: float = 4.0):
        self.folder, self.seconds, self.next, self.handle = config.folder.path, seconds, 0.0, None

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


# ---------------------------------------------------------------- 04 and 05: errors


def confusion_matrix(evaluation: Evaluation, title: str = "") -> Figure:
    """The C × C matrix, rows normalised, in region blocks; rows are true classes, columns predicted ones. As tall as the classes' names need."""
    order = evaluation.classes.by_region
    size = TABLE if len(order) > 30 else LEAST
    width = PAGE if len(order) > 24 else WIDE if len(order) > 8 else COLUMN
    names = [_cut(evaluation.classes.titles[i], 85, size) for i in order]
    codes = [_cut(evaluation.classes.codes[i], 40, size) for i in order]
    room = 72 * width - _lengthiest(names, size) - 66  # points for the columns
    pitch, high = room / len(order), max(room / len(order), PITCH * size)
    figure, axis = _subplots(
        figsize=(width, (len(order) * high + _lengthiest(codes, size) + 36) / 72)
    )
    _draw_confusion(axis, evaluation)
    _name_places(axis, "x", codes, pitch, size, 0.5)
    _name_places(axis, "y", names, high, size, 0.5)
    axis.set_title(
        title
        or f"{len(evaluation.clips)} clips of {evaluation.split}, top-1 {evaluation.correct.mean():.1%}"
    )
    return figure


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
    _part_blocks(axis, [evaluation.classes.regions[i] for i in order], rows=True)
    axis.set(xlabel="predicted", ylabel="true")


def region_matrix(evaluation: Evaluation) -> Figure:
    """Region × region: shares of the true region's clips, and counts."""
    counts = evaluation.region_confusion
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    notes = np.array(
        [
            f"{share:.0%}\n{count}" if count else ""
            for share, count in zip(shares.to_numpy().flat, counts.to_numpy().flat)
        ]
    ).reshape(counts.shape)
    figure, axis = _heatmap(shares, "share of the true region", notes, top=1)
    axis.set(xlabel="predicted region", ylabel="true region")
    return figure


def error_split(evaluation: Evaluation) -> Figure:
    """By true region: the shares of clips that are right, wrong within the region, wrong in another region."""
    figure, axis = _subplots(
        figsize=(WIDE, 0.25 * (evaluation.errors_by_region["clips"] > 0).sum() + 0.7)
    )
    _draw_split(axis, evaluation)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def _draw_split(axis: Axes, evaluation: Evaluation) -> None:
    table = evaluation.errors_by_region
    table = table[table["clips"] > 0]
    left = np.zeros(len(table))
    for (outcome, color), ink in zip(OUTCOMES.items(), ("black", "black", "white"), strict=True):
        share = (table[outcome] / table["clips"]).to_numpy()
        bars = axis.barh(range(len(table)), share, left=left, color=color, label=outcome)
        axis.bar_label(
            bars,
            [f"{width:.0%}" if width > 0.06 else "" for width in share],
            label_type="center",
            color=ink,
            fontsize=LEAST,
        )
        left += share
    axis.set_yticks(
        range(len(table)),
        [f"{_cut(region, 60, SMALL)} ({clips})" for region, clips in table["clips"].items()],
    )
    axis.invert_yaxis()
    axis.set(xlabel="share of the region's clips (their number)", xlim=(0, 1))


def overview(evaluation: Evaluation, data: DataSet, frames: int = 9) -> Figure:
    """A run in one picture: the most confused pair as skeletons, the confusion matrix in region blocks, errors by region."""
    regions = (evaluation.errors_by_region["clips"] > 0).sum()
    figure = Figure(figsize=(PAGE, 5.0 + max(0, 0.2 * (regions - 8))), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(2, 2.9))
    pairs = evaluation.worst_pairs(1)
    rows = (
        _pair(evaluation, pairs["true_id"][0], pairs["predicted_id"][0])[::3] if len(pairs) else []
    )
    for strip, (title, clip) in zip(
        np.atleast_1d(above.subfigures(max(len(rows), 1))), rows, strict=False
    ):
        _draw_moments(strip, title, clip, data.skeleton, frames)
    left, right = below.subplots(1, 2, width_ratios=(1.15, 1))
    _draw_confusion(left, evaluation, square=True)
    left.set_title(f"{len(evaluation.classes)} classes, top-1 {evaluation.correct.mean():.0%}")
    _draw_split(right, evaluation)
    right.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=1)
    return figure


def class_profile(evaluation: Evaluation) -> Figure:
    """Each class: the shares of its clips that are right, wrong within its region, wrong in another; in region blocks."""
    table = evaluation.per_class.iloc[list(evaluation.classes.by_region)]
    table = table[table["support"] > 0]
    width = PAGE - 0.6
    figure, axis = _subplots(figsize=(PAGE, 2.4))
    bottom = np.zeros(len(table))
    for (outcome, color), hatch in zip(OUTCOMES.items(), ("", "/////", ""), strict=True):
        share = (table[outcome] / table["support"]).to_numpy()
        axis.bar(
            range(len(table)),
            share,
            bottom=bottom,
            color=color,
            label=outcome,
            width=0.85,
            hatch=hatch,
            linewidth=0,
        )
        bottom += share
    _name_places(
        axis,
        "x",
        [_cut(code, 40, LEAST) for code in table["code"]],
        72 * width / max(len(table), 1),
        LEAST,
    )
    for _, edge, _ in _runs(table["region"])[1:]:
        axis.axvline(edge - 0.5, color=EDGE, linewidth=0.6)
    axis.set(ylabel="share of the class's clips", ylim=(0, 1), xlim=(-0.6, len(table) - 0.4))
    _name_blocks(axis, table["region"], width)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def motion_of_outcomes(evaluation: Evaluation, table: pd.DataFrame) -> Figure:
    """How much moves in right and in confused clips, by region; `table` is `evaluation.motion_of_errors(…)`."""
    regions = [
        region for region in evaluation.classes.region_names if region in set(table["region"])
    ]
    width = WIDE if len(regions) < 12 else PAGE
    names, pitch = (
        [_cut(region, 60, SMALL) for region in regions],
        72 * (width - 0.6) / max(len(regions), 1),
    )
    figure, axis = _subplots(
        figsize=(
            width,
            2.3 + (0 if _fitted(names, pitch, SMALL) else _lengthiest(names, SMALL) / 72),
        )
    )
    for shift, outcome, color in (
        (-0.2, "right", OUTCOMES["right"]),
        (0.2, "confused", OUTCOMES["wrong within region"]),
    ):
        groups = [
            table["speed"][(table["region"] == region) & (table["outcome"] == outcome)]
            for region in regions
        ]
        _boxes(axis, groups, np.arange(len(regions)) + shift, [color] * len(regions), 0.35)
        axis.bar(0, 0, color=color, edgecolor="black", linewidth=0.6, label=outcome)
    axis.set(ylabel="mean speed of all joints, cm/s", xlim=(-0.6, len(regions) - 0.4))
    _plain_log(axis)
    _name_places(axis, "x", names, pitch, SMALL)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def f1_bars(evaluation: Evaluation) -> Figure:
    """F1 of each class, sorted within its region."""
    table = evaluation.per_class.dropna(subset=["f1"]).copy()
    table["order"] = table["region"].map(evaluation.classes.region_names.index)
    table = table.sort_values(["order", "f1"], ascending=[True, False])
    width = PAGE - 0.6
    figure, axis = _subplots(figsize=(PAGE, 2.1))
    axis.bar(range(len(table)), table["f1"], color=_shades(table["region"]))
    _name_places(
        axis,
        "x",
        [_cut(code, 40, LEAST) for code in table["code"]],
        72 * width / max(len(table), 1),
        LEAST,
    )
    axis.set(ylabel="F1", ylim=(0, 1), xlim=(-0.6, len(table) - 0.4))
    _name_blocks(axis, table["region"], width)
    return figure


def confidence(evaluation: Evaluation) -> Figure:
    """How far confidence can be trusted: accuracy over confidence with the clips behind it, and errors over the share of clips answered."""
    labels, probabilities = evaluation.clips.labels, evaluation.probabilities
    bins, risk = reliability(labels, probabilities), risk_coverage(labels, probabilities)
    figure = Figure(figsize=(WIDE, 2.6), layout="constrained")
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
    axes["clips"].hist(
        probabilities.max(1), np.linspace(0, 1, 11), color=SHADES[1], edgecolor="white"
    )
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


def changes(table: pd.DataFrame) -> Figure:
    """Clips gained (to the right) and lost (to the left) by class or region, the index of `table`, whose columns are `gained` and `lost`."""
    size = SMALL if len(table) <= 30 else LEAST
    figure, axis = _subplots(figsize=(COLUMN, (PITCH * (size + 1) * (len(table) + 0.5) + 46) / 72))
    places, most = range(len(table)), max(table[["gained", "lost"]].to_numpy().max(initial=0), 1)
    for values, sign, color, label in (
        (table["gained"], 1, GAINED, "gained"),
        (table["lost"], -1, LOST, "lost"),
    ):
        bars = axis.barh(places, sign * values, color=color, label=label)
        axis.bar_label(
            bars, [f"{value:g}" if value else "" for value in values], padding=2, fontsize=LEAST
        )
    _name_places(
        axis, "y", [_cut(str(name), 85, size) for name in table.index], PITCH * (size + 1), size
    )
    axis.axvline(0, color="black", linewidth=0.6)
    axis.invert_yaxis()
    axis.set(xlabel="clips", xlim=(-1.3 * most, 1.3 * most), ylim=(len(table) - 0.4, -0.6))
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def attribution_matrix(table: pd.DataFrame) -> Figure:
    """What predictions rest on: mean importance of groups of joints (columns) by the body region of the predicted class (rows)."""
    values = table.to_numpy(float)
    digits = int(np.clip(2 - np.ceil(np.log10(max(values.max(), 1e-9))), 0, 9))
    figure, axis = _heatmap(
        table,
        "share of the loss",
        np.array([f"{value:.{digits}f}" for value in values.flat]).reshape(values.shape),
    )
    axis.set(xlabel="joints", ylabel="predicted region")
    return figure


def deletion(table: pd.DataFrame, measure: str = "score") -> Figure:
    """What is left of a score when a growing `share` of clips is taken away: the `important` parts first, or parts drawn at `random`."""
    figure, axis = _subplots(figsize=(COLUMN, 2.3))
    for (key, label), line in zip(
        (("important", "most important first"), ("random", "at random")), LINES
    ):
        axis.plot(table["share"], table[key], **line, label=label)
    figure.legend(loc="outside upper center", ncols=2, handlelength=2.4)
    axis.set(xlabel="share taken away", ylabel=measure)
    return figure


# ---------------------------------------------------------------- 06: recipes


def ablation(table: pd.DataFrame) -> Figure:
    """Top-1 of every variant with its interval, and how far it is from the first one; `table` is that of `ensembles.compare_variants`."""
    figure, (left, right) = _subplots(1, 2, figsize=(PAGE, 0.2 * len(table) + 0.7), sharey=True)
    places = range(len(table))
    for axis, value, low, high in (
        (left, "top1", "top1_low", "top1_high"),
        (right, "difference", "low", "high"),
    ):
        error = np.abs(table[[low, high]].to_numpy().T - table[value].to_numpy())
        axis.errorbar(
            table[value] * 100,
            places,
            xerr=error * 100,
            fmt="o",
            capsize=2,
            linewidth=1,
            color=LINES[0]["color"],
        )
    left.set_yticks(places, [_cut(name, 130, SMALL) for name in table["variant"]])
    left.set(xlabel="top-1 on people left out, %", ylim=(len(table) - 0.5, -0.5))
    right.axvline(0, color=EDGE, linewidth=0.6)
    right.set_xlabel(f"points above {_cut(table['variant'].iloc[0], 60, FONT)!r}, same clips")
    return figure


def right_by_region(table: pd.DataFrame) -> Figure:
    """Top-1 of every member (columns) on the clips of each body region (rows)."""
    notes = np.array([f"{value:.0%}" for value in table.to_numpy().flat]).reshape(table.shape)
    figure, axis = _heatmap(table, "top-1", notes, top=1)
    axis.set_ylabel("true region")
    return figure


# ---------------------------------------------------------------- clips


def _pair(evaluation: Evaluation, true: int, predicted: int) -> list[tuple[str, np.ndarray]]:
    """(title, clip) of up to two confused clips and a correct clip of either class."""
    clips, titles = (
        evaluation.clips,
        [_cut(title, 150, FONT) for title in evaluation.classes.titles],
    )
    shown = [
        (
            f"{titles[true]} taken for {_cut(evaluation.classes.codes[predicted], 60, FONT)} ({evaluation.probabilities[i, predicted]:.0%})",
            clips[int(i)],
        )
        for i in evaluation.clips_of(true, predicted)[:2]
    ]
    for own in (true, predicted):
        shown += [
            (f"{titles[own]}, recognised ({evaluation.probabilities[i, own]:.0%})", clips[int(i)])
            for i in evaluation.clips_of(own, own)[:1]
        ]
    return shown


def _draw_moments(
    strip: SubFigure, title: str, clip: np.ndarray, skeleton: Skeleton, frames: int
) -> None:
    """A clip at evenly spaced moments over the ghost of its first frame."""
    axes = strip.subplots(1, frames, sharex=True, sharey=True)
    for axis, moment in zip(
        axes, np.linspace(0, len(clip) - 1, frames).round().astype(int), strict=True
    ):
        draw_pose(axis, clip[moment], skeleton, ghost=clip[0])
    strip.suptitle(title, x=0.01, ha="left")


def pair_sheet(
    evaluation: Evaluation, true: int, predicted: int, skeleton: Skeleton, frames: int = 8
) -> Figure:
    """Confused clips of a pair of classes and a recognised clip of either, one a row, at evenly spaced moments."""
    return _sheet(_pair(evaluation, true, predicted), skeleton, frames)


def class_sheet(
    data: DataSet, class_ids: list[int], split: str = "train", frames: int = 8, seed: int = 0
) -> Figure:
    """One clip of each of some classes, a row each, at evenly spaced moments over the ghost of the first."""
    clips, rng = data.splits[split], np.random.default_rng(seed)
    found = [(i, np.flatnonzero(clips.labels == i)) for i in class_ids]
    return _sheet(
        [
            (_cut(data.classes.titles[i], 400, FONT), clips[int(rng.choice(indices))])
            for i, indices in found
            if len(indices)
        ],
        data.skeleton,
        frames,
    )


def _sheet(rows: list[tuple[str, np.ndarray]], skeleton: Skeleton, frames: int) -> Figure:
    figure = Figure(figsize=(PAGE, 1.15 * max(len(rows), 1)), layout="constrained")
    for strip, (title, clip) in zip(
        np.atleast_1d(figure.subfigures(max(len(rows), 1))), rows, strict=False
    ):
        _draw_moments(strip, title, clip, skeleton, frames)
    return figure


# ---------------------------------------------------------------- the benchmark


def speed(table: pd.DataFrame) -> Figure:
    """How many times as fast, or as small, as the plain reference, a bar a row of `benchmarks.benchmark`'s table; the numbers behind the bars in words."""
    labels = [
        " ".join(
            filter(
                None,
                [
                    row.task,
                    row.size,
                    "own lengths" if row.frames == "native" else f"{row.frames} frames",
                    f"({row.clips:,} clips)",
                ],
            )
        )
        for row in table.itertuples()
    ]
    figure, axis = _subplots(figsize=(PAGE, 0.6 + 0.17 * len(table)))
    bars = axis.barh(range(len(table)), table["ratio"], color=_shades(list(table["task"])))
    axis.bar_label(
        bars,
        [
            f"{row.ratio:.1f} ×   {_short(row.ours)} : {_short(row.reference)} {row.unit}"
            for row in table.itertuples()
        ],
        padding=3,
        fontsize=LEAST,
    )
    axis.set_yticks(range(len(table)), labels, fontsize=LEAST)
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

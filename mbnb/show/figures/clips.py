"""Figures of clips: skeletons at evenly spaced moments, and over the frames of a video."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from mbnb.data.dataset import DataSet
from mbnb.evaluate.evaluation import Evaluation
from mbnb.show.figures.layout import shorten, subplots
from mbnb.show.figures.style import FONT, PAGE
from mbnb.show.fonts import Sheet
from mbnb.show.player import COLORS, draw_pose
from mbnb.skeleton import Skeleton, load_skeleton
from mbnb.video.frames import read_video
from mbnb.video.landmarks import load_landmarks, to_joints

HIPS = [23, 24]  # of MediaPipe's landmarks


def pair_sheet(
    evaluation: Evaluation, true: int, predicted: int, skeleton: Skeleton, frames: int = 8
) -> Figure:
    """Confused clips of a pair of classes and a recognised clip of either, one a row."""
    return _sheet(clips_of_pair(evaluation, true, predicted), skeleton, frames)


def class_sheet(
    data: DataSet, class_ids: list[int], split: str = "train", frames: int = 8, seed: int = 0
) -> Figure:
    """One clip of each of some classes, drawn by chance, a row each."""
    clips, chance = data.splits[split], np.random.default_rng(seed)
    rows = []
    for class_id in class_ids:
        places = np.flatnonzero(clips.labels == class_id)
        if len(places):
            title = shorten(data.classes.titles[class_id], 400, FONT)
            rows.append((title, clips[int(chance.choice(places))]))
    return _sheet(rows, data.skeleton, frames)


def clips_of_pair(
    evaluation: Evaluation, true: int, predicted: int
) -> list[tuple[str, np.ndarray]]:
    """(title, clip) of up to two confused clips and of a recognised clip of either class."""
    clips, probabilities = evaluation.clips, evaluation.probabilities
    titles = [shorten(title, 150, FONT) for title in evaluation.classes.titles]
    code = shorten(evaluation.classes.codes[predicted], 60, FONT)
    rows = []
    for i in evaluation.clips_of(true, predicted)[:2]:
        title = f"{titles[true]} taken for {code} ({probabilities[i, predicted]:.0%})"
        rows.append((title, clips[int(i)]))
    for class_id in (true, predicted):
        for i in evaluation.clips_of(class_id, class_id)[:1]:
            title = f"{titles[class_id]}, recognised ({probabilities[i, class_id]:.0%})"
            rows.append((title, clips[int(i)]))
    return rows


def draw_moments(
    strip: SubFigure, title: str, clip: np.ndarray, skeleton: Skeleton, frames: int
) -> None:
    """A clip at evenly spaced moments over the ghost of its first frame."""
    axes = strip.subplots(1, frames, sharex=True, sharey=True)
    moments = np.linspace(0, len(clip) - 1, frames).round().astype(int)
    for axis, moment in zip(axes, moments, strict=True):
        draw_pose(axis, clip[moment], skeleton, ghost=clip[0])
    strip.suptitle(title, x=0.01, ha="left")


def draw_rows(
    figure: Figure | SubFigure,
    rows: list[tuple[str, np.ndarray]],
    skeleton: Skeleton,
    frames: int,
) -> None:
    """Fill a figure with (title, clip), one a row."""
    strips = np.atleast_1d(figure.subfigures(max(len(rows), 1)))
    for strip, (title, clip) in zip(strips, rows, strict=False):
        draw_moments(strip, title, clip, skeleton, frames)


def _sheet(rows: list[tuple[str, np.ndarray]], skeleton: Skeleton, frames: int) -> Figure:
    figure = Sheet(figsize=(PAGE, 1.15 * max(len(rows), 1)), layout="constrained")
    draw_rows(figure, rows, skeleton, frames)
    return figure


def overlay_sheet(path: Path, landmarks: Path, frames: int = 6) -> Figure:
    """Frames of a video with the 17 joints over them, from its landmark file.

    The person's left is blue, the right orange. Raises InputError as `read_video` does.
    """
    with np.load(landmarks) as file:
        fps = file["fps"].item()
    world, image, visibility = load_landmarks(landmarks)
    wanted = np.unique(np.linspace(0, len(world) - 1, frames).round().astype(int))
    size = (PAGE, 0.4 * PAGE * 6 / len(wanted) / 1.8)
    figure, grid = subplots(1, len(wanted), figsize=size, squeeze=False)
    axes = iter(grid[0])
    margin = 0.15 * np.nanmax(np.ptp(image, axis=1))
    left, high = np.nanmin(image, axis=(0, 1)) - margin
    right, low = np.nanmax(image, axis=(0, 1)) + margin
    for t, (seconds, picture) in enumerate(read_video(path, fps)):
        height, width = picture.shape[:2]
        left, high, right, low = max(left, 0), max(high, 0), min(right, width), min(low, height)
        if t not in wanted:
            continue
        axis = next(axes)
        axis.imshow(picture)
        axis.set(title=f"{seconds:.2f} s", xlim=(left, right), ylim=(low, high))
        axis.set_axis_off()
        _draw_over_picture(axis, world[t], image[t], visibility[t])
    return figure


def _draw_over_picture(
    axis: Axes, world: np.ndarray, image: np.ndarray, visibility: np.ndarray
) -> None:
    """Draw the 17 joints of world landmarks (33, 3) where `image` (33, 2) shows the person.

    They are scaled and shifted so that the landmarks, weighted by `visibility` (33,), lie best on
    those of the image.
    """
    flat, weight = world[:, :2], visibility[:, None] / visibility.sum()  # (33, 2), (33, 1)
    origin, centre = (weight * flat).sum(0), (weight * image).sum(0)
    shared = (weight * (flat - origin) * (image - centre)).sum()
    scale = shared / (weight * (flat - origin) ** 2).sum()
    from_hips = to_joints(world[None])[0, :, :2]  # (17, 2)
    joints = centre + scale * (from_hips + flat[HIPS].mean(0) - origin)
    skeleton = load_skeleton()
    for parent, child in skeleton.bones:
        colour = COLORS[skeleton.side(child)]
        axis.plot(*joints[[parent, child]].T, color=colour, linewidth=1.5)

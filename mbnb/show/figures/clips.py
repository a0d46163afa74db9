"""Figures of clips: skeletons at evenly spaced moments, and over the frames of a video."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from PIL import Image

from mbnb.data.dataset import DataSet
from mbnb.evaluate.evaluation import Evaluation
from mbnb.show.figures.layout import shorten, subplots
from mbnb.show.figures.style import FONT, PAGE
from mbnb.show.fonts import Sheet
from mbnb.show.player import COLORS, draw_pose
from mbnb.skeleton import Skeleton, load_skeleton
from mbnb.video.frames import read_video
from mbnb.video.landmarks import load_landmarks, to_joints, unseen
from mbnb.video.pictures import shown_frames

HIPS = [23, 24]  # of MediaPipe's landmarks
KNUCKLE, TIPS = 9, (4, 8, 12, 16, 20)  # of those of a hand
FEW = 6  # clips or videos that each have a row
TILE = 480  # pixels of the longer side of a frame in it
NO_PICTURE = np.full((1, 1, 3), 235, np.uint8)


def pair_sheet(
    evaluation: Evaluation, true: int, predicted: int, skeleton: Skeleton, frames: int = 8
) -> Figure:
    """Confused clips of a pair of classes and a recognised clip of either, one a row."""
    return sheet(clips_of_pair(evaluation, true, predicted), skeleton, frames)


def examples(data: DataSet, split: str = "train", each: int = 2, seed: int = 0) -> list[int]:
    """Places of clips to look at: one, drawn by chance, of up to `each` classes of every region.

    Of a split without labels they are the first few.
    """
    labels, chance, places = data.splits[split].labels, np.random.default_rng(seed), []
    present = [i for i in data.classes.by_region if (labels == i).any()]
    for region in range(len(data.classes.region_names)):
        chosen = [i for i in present if data.classes.region_ids[i] == region][:each]
        places += [int(chance.choice(np.flatnonzero(labels == i))) for i in chosen]
    return places or list(range(min(FEW, len(labels))))


def clip_sheet(data: DataSet, places: list[int], split: str = "train", frames: int = 8) -> Figure:
    """Some clips of a split, a row each."""
    titles = [shorten(data.title(split, i), 400, FONT) for i in places]
    poses = [data.splits[split].drawn(i) for i in places]
    return sheet(list(zip(titles, poses)), data.skeleton, frames)


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
        rows.append((title, clips.drawn(int(i))))
    for class_id in (true, predicted):
        for i in evaluation.clips_of(class_id, class_id)[:1]:
            title = f"{titles[class_id]}, recognised ({probabilities[i, class_id]:.0%})"
            rows.append((title, clips.drawn(int(i))))
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


def sheet(rows: list[tuple[str, np.ndarray]], skeleton: Skeleton, frames: int = 8) -> Figure:
    """(title, clip), one a row, at evenly spaced moments."""
    figure = Sheet(figsize=(PAGE, 1.15 * max(len(rows), 1)), layout="constrained")
    draw_rows(figure, rows, skeleton, frames)
    return figure


def overlay_sheet(
    videos: Sequence[tuple[str, Path, Path]], faces: str = "keep", frames: int = 6
) -> Figure:
    """Whole frames of videos with the joints over them: (title, video, its landmark file) each.

    Each of a few videos has `frames` moments in a row, each of many one moment. The person's left
    is blue, the right orange; joints outside the picture are not drawn. faces: see `shown_frames`.
    Raises InputError as `read_video` does.
    """
    if len(videos) > FEW:
        frames = 3 if len(videos) <= 4 * FEW else 1
    together = max(1, min(6 // frames, len(videos)))  # videos in a row
    rows, columns = -(-len(videos) // together), together * frames
    size = (PAGE, rows * 1.5 * PAGE / max(columns, 4))
    figure, grid = subplots(rows, columns, figsize=size, squeeze=False)
    for axis in grid.flat:
        axis.set_axis_off()
    tiles = grid.reshape(rows * together, frames)  # (rows, columns) -> a row a video
    for axes, (title, path, landmarks) in zip(tiles, videos, strict=False):
        _overlay(axes, path, landmarks, faces)
        name = shorten(title, 72 * PAGE / together, FONT)
        if frames == 1 or shorten(name, 72 * PAGE / columns, FONT) == name:
            lines = [name, axes[0].get_title("left")][: 1 + (frames > 1)]
            axes[0].set_title("\n".join(lines), loc="left", parse_math=False)
            continue
        for axis in axes:  # a line stays free for the name, which may reach over all of them
            axis.set_title(f" \n{axis.get_title('left')}", loc="left")
        above = dict(xycoords="axes fraction", xytext=(0, 1.75 * FONT), textcoords="offset points")
        axes[0].annotate(name, (0, 1), **above, parse_math=False).set_in_layout(False)
    return figure


def film_sheet(path: Path, fps: float, length: int, frames: int = 6) -> Figure:
    """A video of `length` frames at evenly spaced moments, in a row.

    Raises InputError as `read_video` does.
    """
    moments = np.linspace(0, length - 1, frames).round().astype(int).tolist()
    film = enumerate(read_video(path, fps, TILE**2))
    pictures = [(seconds, picture) for t, (seconds, picture) in film if t in moments]
    tall = pictures[0][1].shape[0] / pictures[0][1].shape[1]
    size = (PAGE, tall * PAGE / frames + 0.3)
    figure, axes = subplots(1, frames, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (seconds, picture) in zip(axes.flat, pictures, strict=False):
        axis.imshow(picture)
        axis.set_title(f"{seconds:.2f} s", loc="left")
    return figure


def _overlay(axes: Sequence[Axes], path: Path, landmarks: Path, faces: str) -> None:
    """A video at evenly spaced moments, one for each of `axes`, with the joints over it."""
    with np.load(landmarks) as file:
        fps, (width, height) = file["fps"].item(), file["size"].tolist()
    found = load_landmarks(landmarks)
    hidden = unseen(found, (width, height))
    ends = np.linspace(0, len(hidden) - 1, len(axes)) if len(axes) > 1 else [len(hidden) // 2]
    moments = np.round(ends).astype(int).tolist()
    pictures = {}
    for t, (_, picture) in enumerate(shown_frames(path, fps, landmarks, faces)):
        if t in moments:
            small = Image.fromarray(picture)
            small.thumbnail((TILE, TILE))
            pictures[t] = np.asarray(small)
        if t == moments[-1]:
            break
    for axis, t in zip(axes, moments, strict=True):
        axis.imshow(pictures.get(t, NO_PICTURE), extent=(0, width, height, 0))
        axis.set(xlim=(0, width), ylim=(height, 0))
        axis.set_title(f"{t / fps:.2f} s", loc="left")
        if np.isfinite(found.image[t]).all():
            _draw_over_picture(axis, hidden[t], *(part[t] for part in found[:3]))
        for hand, side in zip(found.hands[t] if len(found) > 3 else (), ("left", "right")):
            # From the wrist to a knuckle and on to each tip; NaN is not drawn.
            for tip in TIPS:
                axis.plot(*hand[[0, KNUCKLE, tip], :2].T, color=COLORS[side], linewidth=0.7)


def _draw_over_picture(
    axis: Axes, hidden: np.ndarray, world: np.ndarray, image: np.ndarray, visibility: np.ndarray
) -> None:
    """Draw the joints of world landmarks (33, 3) where `image` (33, 2) shows the person.

    Those that are `hidden`, (17,) bool, are left out.

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
        if hidden[[parent, child]].any():
            continue
        colour = COLORS[skeleton.side(child)]
        axis.plot(*joints[[parent, child]].T, color=colour, linewidth=1.5)

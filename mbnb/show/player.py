"""Skeletons that move: a player for notebooks and pages, GIF files, and single drawn poses.

An angle is (yaw, pitch) in degrees. Yaw turns the front of the body towards the right of the
picture, pitch looks down on it; at (0, 0) x points right, y down and z away, as the data come. Left
limbs are blue and right ones orange (Okabe and Ito, Color Universal Design, 2008), and the first
frame stays behind as a grey ghost.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from mbnb.files import InputError, replacing
from mbnb.show.fonts import Sheet
from mbnb.show.page import Widget, pack_poses, png
from mbnb.skeleton import Skeleton, load_skeleton

H36M = load_skeleton()
ANGLE = (25.0, 8.0)
COLORS = {"left": "#0072b2", "right": "#e69f00", "middle": "#777777"}
GHOST, MARK = "#d4d4d4", "#009e73"
SMALLER = 0.45  # bones of hands and faces beside others
STILLS = 4  # clips of a player that its still picture shows


def scene_of(skeleton: Skeleton, fps: float) -> dict[str, Any]:
    """What `mbnb/show/web/player.js` must know beside the poses."""
    return {
        "fps": float(fps),
        "view": ANGLE,
        "joints": skeleton.joints,
        "bones": skeleton.bones,
        "sides": [skeleton.side(j) for j in range(len(skeleton))],
        "small": skeleton.small,
        "hands": _hands(skeleton),
    }


def _hands(skeleton: Skeleton) -> list[list[int]]:
    """The joints of the left hand and of the right one from the wrist on, where there are any."""
    whole = [
        [skeleton.joints.index(f"{side}_Wrist")]
        + [
            j
            for j, part in enumerate(skeleton.parts)
            if part == "hand" and skeleton.side(j) == name
        ]
        for side, name in (("L", "left"), ("R", "right"))
    ]
    return whole if len(whole[0]) > 1 else []


def player(
    clips: np.ndarray | Iterable[np.ndarray],
    titles: str | Sequence[str] | None = None,
    skeleton: Skeleton = H36M,
    fps: float = 30,
    height: int = 320,
    highlight: Sequence[str] | None = None,
    *,
    autoplay: bool = False,
    weights: Sequence[np.ndarray] | None = None,
    moments: Sequence[np.ndarray] | None = None,
    pictures: Sequence[Sequence[str]] | None = None,
) -> Widget:
    """Play one clip (T, J, 3) or several of any lengths, side by side and in step.

    All have one scale and one angle. A joint with NaN is not drawn; a clip that has ended holds its
    last frame.

    clips: in metres.
    height: pixels of each drawing, four to a row.
    highlight: names of joints or of body parts to ring.
    weights, moments: for each clip how much its joints (J,) and its frames (T,) count, from 0 to 1,
    shown as colours.
    pictures: for each clip the video's frames, evenly spaced over it, as addresses
    (`mbnb.video.thumbnails`).

    Raises InputError for clips that do not fit the skeleton, for a number of titles, weights,
    moments or pictures other than that of clips, and for names that the skeleton lacks.
    """
    clips, titles = _checked(clips, titles, skeleton)
    about, poses = pack_poses(clips)
    about["title"] = titles
    for key, values in (("weights", weights), ("moments", moments), ("pictures", pictures)):
        if values is not None and len(values) != len(clips):
            raise InputError(f"{key}: expected those of {len(clips)} clips, found {len(values)}")
        if values is not None:
            about[key] = [list(value) if key == "pictures" else as_bytes(value) for value in values]
    scene = scene_of(skeleton, fps) | {
        "height": height,
        "autoplay": autoplay,
        "marked": _marked(highlight, skeleton),
    }
    return Widget(
        data={"scene": scene, "clips": about},
        poses=poses,
        still=_still(clips[:STILLS], titles, skeleton),
        label=", ".join(titles),
    )


def as_bytes(shares: np.ndarray) -> list[int]:
    """Shares from 0 to 1 as whole numbers from 0 to 255; NaN becomes 0."""
    return np.rint(255 * np.nan_to_num(shares).clip(0, 1)).astype(int).tolist()


def save_gif(
    clips: np.ndarray | Iterable[np.ndarray],
    path: Path,
    titles: str | Sequence[str] | None = None,
    skeleton: Skeleton = H36M,
    fps: float = 30,
    size: int = 280,
    step: int = 2,
    angle: tuple[float, float] = ANGLE,
) -> None:
    """Write a GIF file of one clip (T, J, 3) or of several side by side, whole or not at all.

    It loops and shows every `step`-th frame. GIF counts hundredths of a second: durations alternate
    so that the whole keeps its time. Browsers do not honour less than two of them, so `step` grows
    to fps / 50 where it is below.

    size: pixels of each clip's square. Raises InputError as `player` does.
    """
    clips, titles = _checked(clips, titles, skeleton)
    length = max(map(len, clips))
    times = range(0, length, max(step, math.ceil(fps / 50)))
    ticks = np.rint(100 * np.array([*times, length]) / fps).astype(int)
    figure, axes = _row_of_axes(clips, angle, len(clips) * size / 100, size / 100)
    canvas = FigureCanvasAgg(figure)
    pictures = []
    for time in times:
        for ax, clip, title in zip(axes, clips, titles, strict=True):
            for artist in (*ax.collections, *ax.texts):
                artist.remove()
            draw_pose(ax, clip[min(time, len(clip) - 1)], skeleton, angle, ghost=clip[0])
            ax.set_title(title, fontsize=9, parse_math=False)
        axes[0].text(
            0, 0, f"{time / fps:.2f} s", transform=axes[0].transAxes, fontsize=8, color="#555555"
        )
        canvas.draw()
        figure.set_layout_engine("none")  # the first frame's layout holds for all
        pictures.append(np.array(canvas.buffer_rgba())[..., :3])  # (height, width, 3)
    # One palette for all of them: what stands still would shimmer otherwise.
    strip = Image.fromarray(np.concatenate(pictures)).quantize(64)
    images = [
        strip.crop((0, y, strip.width, y + len(pictures[0])))
        for y in range(0, strip.height, len(pictures[0]))
    ]
    with replacing(path) as part:
        images[0].save(
            part,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=(10 * np.diff(ticks)).tolist(),
            loop=0,
        )


def draw_pose(
    ax: Axes,
    pose: np.ndarray,
    skeleton: Skeleton = H36M,
    angle: tuple[float, float] = ANGLE,
    ghost: np.ndarray | None = None,
    highlight: Sequence[str] | None = None,
) -> None:
    """Draw one pose (J, 3) into `ax`; nearer bones are thicker and lie on top.

    The axes are in metres, right and up as seen; NaN joints and their bones are left out.

    ghost: a pose (J, 3) in grey below it. highlight: as for `player`.
    """
    thin = _thin(skeleton)
    small = np.where(skeleton.small, SMALLER, 1.0)  # (J,)
    points, bones = project(pose, angle), np.array(skeleton.bones)  # (J, 3), (J - 1, 2)
    if ghost is not None:
        ax.add_collection(
            LineCollection(
                project(ghost, angle)[bones][..., :2],
                colors=GHOST,
                linewidths=1.6 * thin * small[bones[:, 1]],
                capstyle="round",
            )
        )
    bones = bones[np.isfinite(points[bones]).all((1, 2))]
    depth = points[bones, 2].mean(1)
    bones, depth = bones[np.argsort(-depth)], np.sort(depth)[::-1]
    widths = np.clip(2.4 - 2.5 * (depth - depth.mean() if len(depth) else depth), 1.2, 4)
    widths = thin * widths * small[bones[:, 1]]
    colors = [COLORS[skeleton.side(child)] for _, child in bones]
    # A white line under each bone shows at a crossing which of the two is nearer.
    ends = points[bones][..., :2]
    shortened = 0.8 * ends + 0.2 * ends.mean(1, keepdims=True)
    lines = np.stack([shortened, ends], 1).reshape(-1, 2, 2)  # (bones, 2, 2, 2) -> (bones·2, 2, 2)
    ax.add_collection(
        LineCollection(
            lines,
            colors=[c for color in colors for c in ("white", color)],
            capstyle="round",
            linewidths=np.stack([widths + 1.8 * small[bones[:, 1]], widths], 1).ravel(),
            zorder=2,
        )
    )
    ax.scatter(
        *points[:, :2].T,
        s=7 * (thin * small) ** 2,
        c=[COLORS[skeleton.side(j)] for j in range(len(skeleton))],
        zorder=3,
    )
    ring = _marked(highlight, skeleton)
    ax.scatter(
        *points[ring, :2].T, s=60, facecolors="none", edgecolors=MARK, linewidths=1.5, zorder=4
    )
    ax.set_aspect("equal")
    ax.set_axis_off()


def _thin(skeleton: Skeleton) -> float:
    """How thin bones are drawn where a body has many, those of hands and face not counted."""
    return math.sqrt(17 / max(len(skeleton) - sum(skeleton.small), 17))


def project(poses: np.ndarray, angle: tuple[float, float]) -> np.ndarray:
    """Poses (..., J, 3) of x right, y down, z away -> right, up, away as seen from there."""
    (cy, cp), (sy, sp) = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = np.array([[cy, 0, -sy], [sp * sy, -cp, sp * cy], [cp * sy, sp, cp * cy]])
    return poses @ turn.T


def _checked(clips, titles, skeleton: Skeleton) -> tuple[list[np.ndarray], list[str]]:
    """Clips as a list of (T, J, 3) float64 and a title for each."""
    clips = [clips] if getattr(clips, "ndim", 0) == 3 else list(clips)
    clips = [np.asarray(clip, np.float64) for clip in clips]
    if titles is None:
        titles = [""] * len(clips)
    titles = [titles] if isinstance(titles, str) else [str(title) for title in titles]
    if not clips or len(titles) != len(clips):
        raise InputError(
            "expected at least one clip and a title for each, "
            f"found {len(clips)} clips and {len(titles)} titles"
        )
    for i, (clip, title) in enumerate(zip(clips, titles, strict=True)):
        if clip.ndim != 3 or len(clip) == 0 or clip.shape[1:] != (len(skeleton), 3):
            raise InputError(
                f"clip {i} {title!r}: expected (frames, {len(skeleton)}, 3) "
                f"for the skeleton {skeleton.name}, found {clip.shape}"
            )
    return clips, titles


def _marked(names: Sequence[str] | None, skeleton: Skeleton) -> list[int]:
    """Joints that carry one of the names or belong to a body part of that name."""
    names = [names] if isinstance(names, str) else list(names or [])
    unknown = [name for name in names if name not in skeleton.joints + skeleton.parts]
    if unknown:
        raise InputError(
            f"unknown joints or parts {unknown} for the skeleton {skeleton.name}; known: "
            f"{', '.join(dict.fromkeys(skeleton.joints + skeleton.parts))}"
        )
    return [
        j for j in range(len(skeleton)) if skeleton.joints[j] in names or skeleton.parts[j] in names
    ]


def _still(clips: list[np.ndarray], titles: Sequence[str], skeleton: Skeleton) -> bytes:
    """The middle frame of each clip over the ghost of its first, as a PNG file."""
    figure, axes = _row_of_axes(clips, ANGLE, 2.4 * len(clips), 2.6)
    for ax, clip, title in zip(axes, clips, titles):
        draw_pose(ax, clip[len(clip) // 2], skeleton, ghost=clip[0])
        ax.set_title(title, fontsize=8, parse_math=False)
    return png(figure)


def _row_of_axes(
    clips: list[np.ndarray], angle: tuple[float, float], width: float, height: float
) -> tuple[Figure, list[Axes]]:
    """A white figure, `width` by `height` inches, with axes for each clip.

    Axes hold all frames of their clip, and all have the scale of the widest and the tallest.
    """
    extents = []  # for each clip its lowest and greatest x and y, (2, 2)
    for clip in clips:
        points = project(clip, angle)[..., :2].reshape(-1, 2)  # (T, J, 2) -> (T·J, 2)
        points = points[np.isfinite(points).all(1)]
        extents.append(
            np.stack([points.min(0), points.max(0)]) if len(points) else np.zeros((2, 2))
        )
    half = 0.03 + np.ptp(extents, axis=1).max(0) / 2  # (2,)
    figure = Sheet((width, height), dpi=100, facecolor="white", layout="compressed")
    axes = list(figure.subplots(1, len(clips), squeeze=False)[0])
    for ax, extent in zip(axes, extents, strict=True):
        left, bottom = extent.mean(0) - half
        right, top = extent.mean(0) + half
        ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    return figure, axes

"""Skeletons that move: a player for notebooks and reports, GIF files, and one drawn pose for everything still.

A view is (yaw, pitch) in degrees. Yaw turns the front of the body towards the right of the picture, pitch looks down on
it; at (0, 0) x points right, y down and z away, as the data come. Left limbs are blue and right ones orange (Okabe and
Ito, Color Universal Design, 2008), and the first frame stays behind as a grey ghost.
"""

import base64
import html
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from mbnb.files import PACKAGE, InputError, replacing
from mbnb.skeleton import Skeleton, load_skeleton

H36M = load_skeleton()
VIEW = (25.0, 8.0)
COLORS = {"left": "#0072b2", "right": "#d55e00", "middle": "#777777"}
GHOST, MARK = "#d4d4d4", "#009e73"
UNSEEN = -32768
COLUMNS = 4  # clips in a row of the player
TITLE, CONTROLS = 26, 78  # pixels that a row's titles and the controls take below and above the drawings


@dataclass(frozen=True)
class Player:
    """`html` is a fragment that needs nothing else: a notebook shows it, a report embeds it."""

    html: str = field(repr=False)

    def _repr_html_(self) -> str:
        return self.html


def player(clips: np.ndarray | Iterable[np.ndarray], titles: str | Sequence[str] | None = None, skeleton: Skeleton = H36M,
           fps: float = 30, height: int = 320, highlight: Sequence[str] | None = None, *, autoplay: bool = False) -> Player:
    """Play one clip (T, J, 3) or several of any lengths side by side, in step, in one scale and one view.

    Metres; a joint with NaN is not drawn; a clip that has ended holds its last frame. height: pixels of each drawing, four
    to a row. highlight: names of joints or of body parts to ring. Raises InputError for clips that do not fit the skeleton,
    a number of titles other than that of clips, and names that the skeleton lacks.
    """
    clips, titles = _checked(clips, titles, skeleton)
    data = {
        "fps": float(fps), "height": height, "view": VIEW, "autoplay": autoplay, "columns": min(len(clips), COLUMNS), "joints": skeleton.joints,
        "bones": skeleton.bones, "sides": [skeleton.side(j) for j in range(len(skeleton))], "marked": _marked(highlight, skeleton),
        "clips": [{"title": title} | _packed(clip) for title, clip in zip(titles, clips, strict=True)],
    }
    # In a script element only '<' can end or open anything, and JSON writes it as well as an escape.
    payload = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    page = (PACKAGE / "player.html").read_text(encoding="utf-8").replace("DATA", payload)
    total = math.ceil(len(clips) / COLUMNS) * (height + TITLE) + CONTROLS
    return Player(f'<iframe title="Skeleton player" sandbox="allow-scripts" style="width:100%;height:{total}px;border:0" '
                  f'srcdoc="{html.escape(page)}"></iframe>')


def save_gif(clips: np.ndarray | Iterable[np.ndarray], path: Path, titles: str | Sequence[str] | None = None,
             skeleton: Skeleton = H36M, fps: float = 30, size: int = 280, step: int = 2,
             view: tuple[float, float] = VIEW) -> None:
    """Write every `step`-th frame of one clip (T, J, 3) or of several side by side as a GIF file that loops, whole or not at all.

    size: pixels of each clip's square. GIF counts hundredths of a second: durations alternate so that the whole keeps its
    time. Browsers do not honour less than two of them, so `step` grows to fps / 50 where it is below. Raises InputError as
    `player` does.
    """
    clips, titles = _checked(clips, titles, skeleton)
    length = max(map(len, clips))
    times = range(0, length, max(step, math.ceil(fps / 50)))
    ticks = np.rint(100 * np.array([*times, length]) / fps).astype(int)
    figure, axes = _row_of_axes(clips, view, len(clips) * size / 100, size / 100)
    canvas = FigureCanvasAgg(figure)
    pictures = []
    for time in times:
        for ax, clip, title in zip(axes, clips, titles, strict=True):
            for artist in (*ax.collections, *ax.texts):
                artist.remove()
            draw_pose(ax, clip[min(time, len(clip) - 1)], skeleton, view, ghost=clip[0])
            ax.set_title(title, fontsize=9, parse_math=False)
        axes[0].text(0, 0, f"{time / fps:.2f} s", transform=axes[0].transAxes, fontsize=8, color="#555555")
        canvas.draw()
        figure.set_layout_engine("none")  # the first frame's layout holds for all
        pictures.append(np.array(canvas.buffer_rgba())[..., :3])  # (height, width, 3)
    # One palette for all of them: what stands still would shimmer otherwise.
    strip = Image.fromarray(np.concatenate(pictures)).quantize(64)
    images = [strip.crop((0, y, strip.width, y + len(pictures[0]))) for y in range(0, strip.height, len(pictures[0]))]
    with replacing(path) as part:
        images[0].save(part, format="GIF", save_all=True, append_images=images[1:], duration=(10 * np.diff(ticks)).tolist(), loop=0)


def draw_pose(ax: Axes, pose: np.ndarray, skeleton: Skeleton = H36M, view: tuple[float, float] = VIEW,
              ghost: np.ndarray | None = None, highlight: Sequence[str] | None = None) -> None:
    """Draw one pose (J, 3) into `ax`, over the grey pose `ghost` (J, 3) if given; nearer bones are thicker and lie on top.

    The axes are in metres, right and up as seen; NaN joints and their bones are left out. highlight: as for `player`.
    """
    thin = math.sqrt(17 / max(len(skeleton), 17))
    points, bones = project(pose, view), np.array(skeleton.bones)  # (J, 3), (J - 1, 2)
    if ghost is not None:
        ax.add_collection(LineCollection(project(ghost, view)[bones][..., :2], colors=GHOST, linewidths=1.6 * thin, capstyle="round"))
    bones = bones[np.isfinite(points[bones]).all((1, 2))]
    depth = points[bones, 2].mean(1)
    bones, depth = bones[np.argsort(-depth)], np.sort(depth)[::-1]
    widths = thin * np.clip(2.4 - 2.5 * (depth - depth.mean() if len(depth) else depth), 1.2, 4)
    colors = [COLORS[skeleton.side(child)] for _, child in bones]
    # A white line under each bone shows at a crossing which of the two is nearer.
    ends = points[bones][..., :2]
    lines = np.stack([0.8 * ends + 0.2 * ends.mean(1, keepdims=True), ends], 1).reshape(-1, 2, 2)  # (2 * bones, 2, 2)
    ax.add_collection(LineCollection(lines, colors=[c for color in colors for c in ("white", color)], capstyle="round",
                                     linewidths=np.stack([widths + 1.8, widths], 1).ravel(), zorder=2))
    ax.scatter(*points[:, :2].T, s=7 * thin**2, c=[COLORS[skeleton.side(j)] for j in range(len(skeleton))], zorder=3)
    ring = _marked(highlight, skeleton)
    ax.scatter(*points[ring, :2].T, s=60, facecolors="none", edgecolors=MARK, linewidths=1.5, zorder=4)
    ax.set_aspect("equal")
    ax.set_axis_off()


def project(poses: np.ndarray, view: tuple[float, float]) -> np.ndarray:
    """(..., J, 3) metres, x right, y down, z away -> (..., J, 3) as seen in that view: right, up, away."""
    (cy, cp), (sy, sp) = np.cos(np.radians(view)), np.sin(np.radians(view))
    turn = np.array([[cy, 0, -sy], [sp * sy, -cp, sp * cy], [cp * sy, sp, cp * cy]])
    return poses @ turn.T


def _checked(clips, titles, skeleton: Skeleton) -> tuple[list[np.ndarray], list[str]]:
    """Clips as a list of (T, J, 3) float64 and a title for each."""
    clips = [clips] if getattr(clips, "ndim", 0) == 3 else list(clips)
    clips = [np.asarray(clip, np.float64) for clip in clips]
    titles = [titles] if isinstance(titles, str) else [""] * len(clips) if titles is None else [str(title) for title in titles]
    if not clips or len(titles) != len(clips):
        raise InputError(f"expected at least one clip and a title for each, found {len(clips)} clips and {len(titles)} titles")
    for i, (clip, title) in enumerate(zip(clips, titles, strict=True)):
        if clip.ndim != 3 or len(clip) == 0 or clip.shape[1:] != (len(skeleton), 3):
            raise InputError(f"clip {i} {title!r}: expected (frames, {len(skeleton)}, 3) for the skeleton {skeleton.name}, "
                             f"found {clip.shape}")
    return clips, titles


def _marked(names: Sequence[str] | None, skeleton: Skeleton) -> list[int]:
    """Joints that carry one of the names or belong to a body part of that name."""
    names = [names] if isinstance(names, str) else list(names or [])
    unknown = [name for name in names if name not in skeleton.joints + skeleton.parts]
    if unknown:
        raise InputError(f"unknown joints or parts {unknown} for the skeleton {skeleton.name}; known: "
                         f"{', '.join(dict.fromkeys(skeleton.joints + skeleton.parts))}")
    return [j for j in range(len(skeleton)) if skeleton.joints[j] in names or skeleton.parts[j] in names]


def _packed(clip: np.ndarray) -> dict:
    """A clip as base64 of little-endian int16 counts of `scale` metres from `centre`, joint by joint; UNSEEN for NaN."""
    seen = np.isfinite(clip).all(-1, keepdims=True)  # (T, J, 1)
    points = clip[seen[..., 0]] if seen.any() else np.zeros((1, 3))
    low, high = points.min(0), points.max(0)
    centre = ((low + high) / 2).round(6)
    scale = float((high - low).max() / 2 + 1e-4) / 32767
    counts = np.where(seen, np.rint((clip - centre) / scale), UNSEEN).astype("<i2")  # (T, J, 3)
    return {"centre": centre.tolist(), "scale": scale, "poses": base64.b64encode(counts.tobytes()).decode()}


def _row_of_axes(clips: list[np.ndarray], view: tuple[float, float], width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A white figure of inches with axes for each clip, which hold all of its frames; all have the scale of the widest and the tallest."""
    points = [project(clip, view)[..., :2].reshape(-1, 2) for clip in clips]  # (T * J, 2)
    points = [p[np.isfinite(p).all(1)] if np.isfinite(p).all(1).any() else np.zeros((1, 2)) for p in points]
    half = 0.03 + max(np.ptp(p, axis=0)[0] for p in points) / 2, 0.03 + max(np.ptp(p, axis=0)[1] for p in points) / 2
    figure = Figure((width, height), dpi=100, facecolor="white", layout="compressed")
    axes = list(figure.subplots(1, len(clips), squeeze=False)[0])
    for ax, p in zip(axes, points, strict=True):
        x, y = (p.min(0) + p.max(0)) / 2
        ax.set(xlim=(x - half[0], x + half[0]), ylim=(y - half[1], y + half[1]), aspect="equal")
    return figure, axes

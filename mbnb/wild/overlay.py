"""A video with the lifted skeletons, or anything else, over its pictures."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from tqdm.auto import tqdm

from mbnb.files import replacing
from mbnb.show.player import COLORS
from mbnb.skeleton import load_skeleton
from mbnb.video.frames import import_extra
from mbnb.video.pictures import shown_frames
from mbnb.wild.movement import Movement
from mbnb.wild.source import Source

MOST = 768 * 432  # pixels of a picture
THICK = 1 / 240  # of its longer side: a bone
UNSEEN = "#bbbbbb"  # bones of joints that nobody saw
BLANK = (235, 235, 235)


def write_overlay(
    path: Path,
    source: Source,
    people: Mapping[str, Movement],
    faces: str = "keep",
    besides: Callable[[Image.Image, int], None] | None = None,
) -> None:
    """Write an MP4 file of the source's video with the skeletons of people on it.

    Left limbs are blue, right ones orange, as in the player; grey is what was not found in the
    picture. `besides` may draw more on each picture, and is told its number. The rest is as in
    `draw_over`.
    """
    drawn = [(one.in_picture, one.joints[..., 2] > 0) for one in people.values()]

    def draw(image: Image.Image, t: int, small: float) -> None:
        for poses, seen in drawn:
            _draw(image, small * poses[t], seen[t])
        if besides:
            besides(image, t)

    draw_over(path, source, len(drawn[0][0]), draw, faces)


def draw_over(
    path: Path,
    source: Source,
    frames: int,
    draw: Callable[[Image.Image, int, float], None],
    faces: str = "keep",
) -> None:
    """Write an MP4 file of the source's video, or of blank pictures where `faces` are left out.

    It has the rate of the source and as many frames. `draw` draws into a picture, of frame t, whose
    pixels are so many times those of the source. Pictures come one at a time.
    """
    av = import_extra("av")
    small = min(1.0, math.sqrt(MOST / math.prod(source.size)))
    width, height = (2 * round(small * side / 2) for side in source.size)
    picture = np.full((height, width, 3), BLANK, np.uint8)
    pictures = iter(shown_frames(source.video, source.rate, source.landmarks, faces, MOST))
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with replacing(path) as part, av.open(str(part), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(source.rate).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.thread_type = "AUTO"
        stream.options = {"preset": "veryfast"} if codec == "libx264" else {}
        for t in tqdm(range(frames), "drawing", delay=3):
            _, picture = next(pictures, (0, picture))
            image = Image.fromarray(picture)
            draw(image, t, small)
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())


def _draw(image: Image.Image, pose: np.ndarray, seen: np.ndarray) -> None:
    """A pose (17, 3) in pixels, far bones first; `seen` (17,) is what was found."""
    if not np.isfinite(pose).all():
        return
    skeleton, pen = load_skeleton(), ImageDraw.Draw(image)
    thick = max(2, round(THICK * max(image.size)))
    for parent, child in sorted(skeleton.bones, key=lambda bone: -pose[list(bone), 2].mean()):
        both = [tuple(pose[joint, :2]) for joint in (parent, child)]
        colour = COLORS[skeleton.side(child)] if seen[parent] and seen[child] else UNSEEN
        pen.line(both, fill="white", width=thick + 2)
        pen.line(both, fill=colour, width=thick)

"""Short videos of a real person that any installation can make.

So the real extractor runs everywhere, in notebook 02 and in tests.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import cbook
from PIL import Image

from mbnb.classes import read_classes
from mbnb.data.convert import Source
from mbnb.files import InputError, replacing
from mbnb.video.frames import import_extra


class Motion(NamedTuple):
    """A picture swings sideways above the height `pivot`; `code` is the class of the movement.

    It swings by `degrees` from `band` pixels above the pivot on, and less below.
    """

    code: str
    degrees: float
    hertz: float
    pivot: int
    band: int

    def angles(self, seconds: float, fps: float) -> np.ndarray:
        """(T,) degrees, clockwise in the picture."""
        return self.degrees * np.sin(2 * np.pi * self.hertz * np.arange(round(seconds * fps)) / fps)


MOTIONS = {
    "tilting head": Motion("B4", 20, 0.6, 360, 100),
    "swaying body": Motion("A6", 12, 0.5, 600, 600),
    "shaking body": Motion("A1", 10, 2, 600, 300),
}


def _swing(picture: Image.Image, degrees: float, motion: Motion, strip: int = 10) -> Image.Image:
    """The picture bent sideways: each strip of rows turned about the pivot.

    Where nothing is, it has the colour of its corner.
    """
    pivot = complex(picture.width / 2, motion.pivot)

    def origin(x: int, y: int) -> tuple[float, float]:
        angle = np.radians(degrees * np.clip((motion.pivot - y) / motion.band, 0, 1))
        point = pivot + (complex(x, y) - pivot) * np.exp(-1j * angle)
        return point.real, point.imag

    width, mesh = picture.width, []
    for top in range(0, picture.height, strip):
        low = top + strip
        corners = *origin(0, top), *origin(0, low), *origin(width, low), *origin(width, top)
        mesh.append(((0, top, width, low), corners))
    return picture.transform(
        picture.size,
        Image.Transform.MESH,
        mesh,
        Image.Resampling.BILINEAR,
        fillcolor=picture.getpixel((0, 0)),
    )


def sample_video(
    path: Path, seconds: float = 3.0, fps: int = 30, motion: str = "tilting head"
) -> None:
    """A video made of matplotlib's portrait of Grace Hopper (public domain), moved.

    Her hips and legs are not in the picture, so the extractor invents them. Written as H.264, or as
    MPEG-4 where that encoder is missing. Raises InputError for a motion not in `MOTIONS`.
    """
    if motion not in MOTIONS:
        raise InputError(f"unknown motion {motion!r}; known: {', '.join(MOTIONS)}")
    av = import_extra("av")
    with Image.open(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as file:
        portrait = file.convert("RGB")
    with replacing(path) as part, av.open(str(part), "w") as container:
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = *portrait.size, "yuv420p"
        for degrees in MOTIONS[motion].angles(seconds, fps):
            frame = av.VideoFrame.from_image(_swing(portrait, degrees, MOTIONS[motion]))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def sample_videos(folder: Path, seconds: float = 3.0) -> list[Source]:
    """One sample video for each of `MOTIONS`, to be converted with the class table `document`.

    Those that are there already stay as they are, or they would be converted anew.
    """
    classes, sources = read_classes("document"), []
    for motion, (code, *_) in MOTIONS.items():
        path = Path(folder) / f"{code}_portrait.mp4"
        if not path.is_file():
            sample_video(path, seconds, motion=motion)
        label = classes.codes.index(code)
        sources.append(Source(path, path.stem, label, "portrait", "train", shown=path.name))
    return sources

"""Reading videos: frames at a constant rate, upright, one at a time; PyAV decodes."""

import base64
import importlib
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

from mbnb.files import InputError

FPS = 30.0  # frames a second of every clip, whatever the video had
# Containers round: only a file that lacks more than this of what it declares counts as cut short.
FEWEST_OF_DECLARED = 0.9


def import_extra(module: str) -> ModuleType:
    """A module of the optional extra `video`. Raises InputError that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"videos need {module}, which cannot be imported ({error}): pip install -e .[video]"
        ) from error


@dataclass
class Video:
    """The first video stream of a file, whose frames come at a constant rate.

    Iterating yields (seconds, (H, W, 3) uint8 RGB upright frame); frames are decoded while
    iterating and never held together. declared: frames that the container promises, 0 where it
    does not say; decoded and size (width, height) are known once it has been iterated.
    """

    path: Path
    fps: float
    source_fps: float
    declared: int
    decoded: int = 0
    size: tuple[int, int] = (0, 0)

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Each tick of 1 / fps seconds gets the frame whose time stamp is nearest.

        Raises InputError for a stream without frames and for a file cut short or damaged.
        """
        tick = 0
        for (seconds, frame), (following, _) in itertools.pairwise(self._decode()):
            while tick / self.fps < (seconds + following) / 2:
                # Phones store a turned picture and an angle (counter-clockwise), which decoders
                # report but do not apply.
                picture = np.ascontiguousarray(
                    np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                )
                self.size = picture.shape[1], picture.shape[0]
                yield tick / self.fps, picture
                tick += 1

    def _decode(self) -> Iterator[tuple[float, object]]:
        """Decoded frames with their seconds since the first, at last the end of the last one."""
        av = import_extra("av")
        self.decoded, start, seconds = 0, 0.0, 0.0
        try:
            with av.open(str(self.path)) as container:
                for frame in container.decode(container.streams.video[0]):
                    seconds = self.decoded / self.source_fps if frame.time is None else frame.time
                    start = seconds if self.decoded == 0 else start
                    self.decoded += 1
                    yield seconds - start, frame
        except av.error.FFmpegError as error:
            raise InputError(
                f"{self.path}: cut short or damaged: decoding stopped after {self.decoded} frames "
                f"of {self.declared or 'an unknown number'} ({error.strerror})"
            ) from error
        if not self.decoded:
            raise InputError(f"{self.path}: the video stream holds no frames")
        if self.decoded < FEWEST_OF_DECLARED * self.declared:
            raise InputError(
                f"{self.path}: cut short: {self.declared} frames declared, {self.decoded} there"
            )
        yield seconds - start + 1 / self.fps, None


def read_video(path: Path, fps: float = FPS) -> Video:
    """Open a video to iterate its frames at `fps` frames a second.

    Raises InputError for a file that is missing, cannot be read as a video, lacks its index or
    has no video stream, and where the extra `video` is missing.
    """
    av, path = import_extra("av"), Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                kinds = ", ".join(stream.type for stream in container.streams) or "nothing"
                raise InputError(f"{path}: no video stream, found {kinds}")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or stream.guessed_rate or FPS)
            if stream.duration:
                seconds = stream.duration * stream.time_base
            else:
                seconds = (container.duration or 0) / av.time_base
            # MP4 counts frames that trimming on a phone has hidden; its duration leaves them out.
            counted = 0 if "mp4" in container.format.name else stream.frames
            return Video(path, fps, rate, counted or round(seconds * rate))
    except av.error.FFmpegError as error:
        with open(path, "rb") as file:
            head = file.read(8)
        fault = "cannot be read as a video"
        if head[4:] == b"ftyp":
            fault = "cut short: begins as MP4, but its index is missing"
        elif head and isinstance(error, av.error.EOFError):
            fault = "ends before its first frame: the video stream holds no frames"
        raise InputError(f"{path}: {fault} ({error.strerror})") from error


def thumbnails(path: Path, fps: float = 10.0, height: int = 240) -> list[str]:
    """Frames of a video, `fps` a second, as `data:` addresses of JPEG pictures for a player.

    height: of the pictures, in pixels. Raises InputError as `read_video` does.
    """
    addresses = []
    for _, frame in read_video(path, fps):
        picture, file = Image.fromarray(frame), io.BytesIO()
        width = round(picture.width * height / picture.height)
        picture.resize((width, height)).save(file, "JPEG", quality=70)
        addresses.append(f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}")
    return addresses

"""Reading videos: frames at a constant rate, upright, one at a time; PyAV decodes.

What counts are the time stamps that the frames carry. What a container says of lengths, rates and
numbers of frames may be an estimate, a remnant of another file or a wish.
"""

import importlib
import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from mbnb.files import InputError
from mbnb.formats import expected_of

FPS = 30.0  # frames a second of every clip, whatever the video had
# Seconds between two frames up to which the nearer one stands for the time between. A longer time
# is a pause of the recording, and nobody knows what happened in it.
LONGEST_PAUSE = 0.34  # a third, however a container rounds it
# Containers round: only a stream that lacks more than this of what it declares is cut short.
LEAST_OF_DECLARED = 0.9
WHOLE = (0.0, math.inf)  # seconds of a video that is read from its beginning to its end


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
    """The first stream of moving pictures in a file, whose frames come at a constant rate.

    Iterating yields (seconds, (H, W, 3) uint8 RGB upright frame); frames are decoded while
    iterating and never held together. Seconds count from the first frame and leave out pauses.
    stream: its index in the file; streams: how many there are. aspect: width of a pixel over its
    height. most: pixels of a picture, which are made smaller beyond that; 0: never. declared: the
    second by the time stamps at which the stream itself says that it ends, 0 where it does not say.
    begins: the stamp at which the file begins, sound included, which is zero to whoever plays it.
    span: the seconds, as whoever plays it counts them, from and to which it is read.

    Known once it has been iterated: decoded frames; size (width, height); source_fps, the mean rate
    by the time stamps; pauses, each as the seconds (from, to) by the time stamps since the first;
    alone, the seconds between the rest and a first or last frame that was left out; stretches, for
    each stretch without a pause the seconds that are counted and the file's own at its beginning.
    """

    path: Path
    fps: float
    source_fps: float
    stream: int = 0
    aspect: float = 1.0
    declared: float = 0.0
    decoded: int = 0
    size: tuple[int, int] = (0, 0)
    pauses: list[tuple[float, float]] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    streams: int = 1
    begins: float = 0.0
    stretches: list[tuple[float, float]] = field(default_factory=list)
    most: int = 0
    span: tuple[float, float] = WHOLE

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Each tick of 1 / fps seconds gets the frame whose time stamp is nearest.

        Raises InputError for a stream without frames and for a file cut short or damaged.
        """
        tick, shown = 0, 0
        self.size, self.pauses, self.alone, self.stretches = (0, 0), [], [], []
        for (seconds, frame), (following, _) in itertools.pairwise(self._clock()):
            picture, shown = None, shown + 1
            while tick / self.fps < (seconds + following) / 2:
                picture = self._upright(frame) if picture is None else picture
                yield tick / self.fps, picture
                tick += 1
            if seconds:
                self.source_fps = (shown - 1) / seconds

    def _upright(self, frame: Any) -> np.ndarray:
        """The picture (H, W, 3) as it is to be seen, in the size of the video's first one."""
        # Camcorders store pixels that are not square.
        width, height = frame.width * self.aspect, frame.height
        small = min(1.0, math.sqrt(self.most / (width * height))) if self.most else 1.0
        how = {"width": round(small * width), "height": round(small * height)}
        if small < 1:
            how["interpolation"] = "FAST_BILINEAR"
        picture = frame.to_ndarray(format="rgb24", **how)
        picture = np.ascontiguousarray(_as_displayed(picture, frame.side_data))
        size = picture.shape[1], picture.shape[0]
        self.size = self.size if any(self.size) else size
        # Calls in a browser change their resolution with the connection.
        if size != self.size:
            picture = np.asarray(Image.fromarray(picture).resize(self.size))
        return picture

    def _clock(self) -> Iterator[tuple[float, Any]]:
        """Frames with their seconds since the first, without pauses; at last the end of the last.

        A stamp that goes back, as where two recordings were joined, is a pause, too.
        """
        first = before = None
        now, step = 0.0, 1 / self.source_fps
        for stamp, frame in self._in_order():
            first = stamp if first is None else first
            passed = stamp - (first if before is None else before)
            pauses = abs(passed) > LONGEST_PAUSE
            if pauses:
                self.pauses.append((before - first, stamp - first))
                passed = step
            elif passed > 0:
                step = passed
            now += max(passed, 0)
            if pauses or before is None:
                self.stretches.append((now, stamp - self.begins))
            before = stamp
            yield now, frame
        yield now + 1 / self.fps, None

    def _in_order(self) -> Iterator[tuple[float, Any]]:
        """Frames whose stamp is the middle one of their own and their two neighbours'.

        So two that are exchanged are sorted, and one that is wrong alone does not count; stamps
        that rise stay as they are. A first or last frame that a pause parts from all others is
        left out: cameras write one while they start.
        """
        before = -math.inf
        frames = itertools.chain(self._decode(), [(math.inf, None)])
        for (stamp, frame), (following, _) in itertools.pairwise(frames):
            outer = (following - stamp) if before == -math.inf else (stamp - before)
            alone = math.inf in (-before, following) and LONGEST_PAUSE < outer < math.inf
            if alone:
                self.alone.append(outer)
            else:
                yield sorted((before, stamp, following))[1], frame
            before = stamp

    def _decode(self) -> Iterator[tuple[float, Any]]:
        """Decoded frames in the decoder's order, with the time stamps that they carry, in seconds.

        A frame that carries none comes one step of the nominal rate behind the one before.
        """
        av = import_extra("av")
        self.decoded, stamp, first, end = 0, 0.0, math.inf, -math.inf
        try:
            with av.open(str(self.path)) as container:
                if self.most:  # faster, but what is damaged is noticed later
                    container.streams[self.stream].thread_type = "AUTO"
                if self.span[0] > 0:  # to the picture before it from which decoding can begin
                    container.seek(int((self.begins + self.span[0]) * av.time_base))
                for frame in container.decode(container.streams[self.stream]):
                    known = frame.time is not None and math.isfinite(frame.time)
                    lasts = 1 / self.source_fps
                    if known:
                        stamp = frame.time
                        lasts = max(lasts, float(frame.duration * frame.time_base))
                    elif self.decoded:
                        stamp += lasts
                    # Some frames come before the beginning that a file names.
                    if self.span[0] > 0 and stamp - self.begins < self.span[0]:
                        continue
                    if stamp - self.begins >= self.span[1]:
                        return
                    self.decoded += 1
                    first, end = min(first, stamp), max(end, stamp + lasts)
                    yield stamp, frame
        except av.error.FFmpegError as error:
            raise InputError(
                f"{self.path}: cut short or damaged: decoding stopped after {self.decoded} frames "
                f"({error.strerror})"
            ) from error
        if not self.decoded:
            part = "" if self.span == WHOLE else f" from {self.span[0]:g} to {self.span[1]:g} s"
            raise InputError(f"{self.path}: the video stream holds no frames{part}")
        # Some containers count what they declare from their own zero, others from the first frame.
        if max(end, end - first) < LEAST_OF_DECLARED * self.declared:
            raise InputError(
                f"{self.path}: cut short: the stream says that it ends at {self.declared:.2f} s, "
                f"its frames end at {end:.2f} s"
            )


def read_video(
    path: Path, fps: float = FPS, most: int = 0, span: tuple[float, float] = WHOLE
) -> Video:
    """Open a video to iterate its frames at `fps` frames a second, each of `most` pixels if any.

    span: see `Video`.

    Raises InputError for a file that is missing, cannot be read as a video, lacks its index or
    has no video stream, and where the extra `video` is missing.
    """
    av, path = import_extra("av"), Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with av.open(str(path)) as container:
            streams = moving(container)
            if not streams:
                kinds = [stream.type for stream in container.streams]
                found = ", ".join(kinds).replace("video", "a still picture") or "nothing"
                raise InputError(f"{path}: no video stream, found {found}")
            stream = streams[0]
            return Video(
                path,
                fps,
                source_fps=float(stream.guessed_rate or stream.average_rate or FPS),
                stream=stream.index,
                streams=len(streams),
                aspect=float(stream.sample_aspect_ratio or 1),
                declared=_declared(container, stream),
                begins=max(container.start_time or 0, 0) / av.time_base,
                most=most,
                span=span,
            )
    except av.error.FFmpegError as error:
        with open(path, "rb") as file:
            head = file.read(8)
        fault = "cannot be read as a video"
        if head[4:] == b"ftyp":
            fault = "cut short: begins as MP4, but its index is missing"
        elif head and isinstance(error, av.error.EOFError):
            fault = "ends before its first frame: the video stream holds no frames"
        elif joints := expected_of(path):
            fault = f"its name ends in {path.suffix}, but it is {joints}"
        raise InputError(f"{path}: {fault} ({error.strerror})") from error


def own_seconds(frames: int, fps: float, stretches: np.ndarray) -> np.ndarray:
    """(T,) the seconds by the file's own time stamps of frames that come every 1 / fps seconds.

    stretches: (S, 2), see `Video`; without any, the first frame is at 0 and there are no pauses.
    """
    counted = np.arange(frames) / fps
    if not len(stretches):
        return counted
    # The frame after a pause stands for the ticks that are nearer to it than to the one before.
    which = np.searchsorted(stretches[:, 0] - 0.5 / fps, counted, side="right") - 1
    # Where stamps begin anew, as in two recordings that were joined, players go on counting.
    passed = np.maximum.accumulate(stretches[:, 1] - stretches[:, 0])
    return counted + passed[which.clip(min=0)]


def moving(container: Any) -> list[Any]:
    """The streams of moving pictures in an open container: no covers of songs, no thumbnails."""
    still = import_extra("av").stream.Disposition
    pictures = still.attached_pic | still.timed_thumbnails | still.still_image
    return [stream for stream in container.streams.video if not stream.disposition & pictures]


def _as_displayed(picture: np.ndarray, side_data: Any) -> np.ndarray:
    """A picture (H, W, 3) turned and mirrored as the display matrix among its side data says.

    Phones store pictures as their sensors lie, and decoders report the matrix but do not apply it.
    """
    matrix = side_data.get(import_extra("av.sidedata.sidedata").Type.DISPLAYMATRIX)
    if matrix is None:
        return picture
    # A point (x, y) is shown at (xx * x + yx * y, xy * x + yy * y).
    xx, xy, _, yx, yy = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    across, down = xx, yy
    if abs(xy) > abs(xx):
        picture = picture.swapaxes(0, 1)  # (H, W, 3) -> (W, H, 3)
        across, down = yx, xy
    return picture[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def _declared(container: Any, stream: Any) -> float:
    """The second at which the stream itself says that it ends, 0 where it does not say.

    What MPEG streams declare is an estimate, and the length of a whole file may be that of its
    sound. Matroska's streams have a tag, which may be a remnant unless the file agrees.
    """
    whole = (container.duration or 0) / import_extra("av").time_base
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if tag:
        hours, minutes, seconds = map(float, tag.groups())
        return min(whole, 3600 * hours + 60 * minutes + seconds)
    if container.format.name == "avi" or "mp4" in container.format.name:
        return float((stream.duration or 0) * stream.time_base)
    return 0.0

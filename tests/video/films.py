"""Short videos that tests write, and the first skeleton's tilt in them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mbnb.formats.mediapipe33 import LEFT_EAR, RIGHT_EAR

av = pytest.importorskip("av", reason="videos need the extra: pip install -e .[video]")

# Files that are no whole videos, see the fixture `faulty`, and what their owner is told.
DAMAGED = {
    "cut.mp4": "decoding stopped after",
    "cut.mkv": r"cut short: the stream says that it ends at 1\.33 s, its frames end at 0\.\d+ s",
    "no_index.mp4": "index is missing",
    "text.mp4": "cannot be read as a video",
    "empty.mp4": "cannot be read as a video",
    "frameless.avi": "holds no frames",
    "frameless.mkv": "holds no frames",
    "sound.mp4": "no video stream, found audio",
    "cover.mp4": "no video stream, found a still picture",
    "nowhere.mp4": "no such file",
}


def write(
    path: Path,
    pictures,
    rate=30,
    rotation=0,
    stamps=None,
    codec="",
    format=None,
    aspect=1,
    matrix=None,
    **options,
) -> Path:
    """A video of (H, W, 3) uint8 pictures, with time stamps in milliseconds where given."""
    codec = codec or ("libx264" if "libx264" in av.codecs_available else "mpeg4")
    with av.open(str(path), "w", format=format, options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        if matrix:
            stream.set_display_matrix(matrix)
        if rotation:
            stream.set_display_rotation(rotation)
        if stamps is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if stamps is not None:
                frame.pts, frame.time_base = int(stamps[i]), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def grain(n: int) -> list[np.ndarray]:
    """Noise: nobody in it, and too much of it for an encoder to make small."""
    return list(np.random.default_rng(0).integers(0, 255, (n, 96, 64, 3), dtype=np.uint8))


def greys(n: int) -> list[np.ndarray]:
    """Pictures of one grey each, whose number is read from their brightness by `shown`."""
    return [np.full((64, 64, 3), round(250 * i / n), np.uint8) for i in range(n)]


def shown(pictures, n: int) -> list[int]:
    """Which of `greys(n)` each picture is."""
    return [round(picture.mean() * n / 250) for picture in pictures]


def stamped(path: Path, stamps: list[int], pictures=None) -> Path:
    """A Matroska video of one picture a stamp, in milliseconds and in any order."""
    pictures = pictures or greys(len(stamps))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuvj420p"
        for i, (stamp, picture) in enumerate(zip(stamps, pictures, strict=True)):
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                # Muxers ask that frames be decoded in order, not that they be shown in order.
                packet.time_base = Fraction(1, 1000)
                packet.pts, packet.dts = stamp, min(stamps) - len(stamps) + i
                container.mux(packet)
    return path


def copied(path: Path, source: Path) -> Path:
    """The same frames in a new container, as `ffmpeg -c copy` repairs recordings."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(old.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return path


def sound(path: Path) -> Path:
    """A file with sound and no picture."""
    silence = np.zeros((1, 8000), np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def cover(path: Path) -> Path:
    """The cover of a song, and no moving pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuvj420p"
        stream.disposition = av.stream.Disposition.attached_pic
        container.mux(stream.encode(av.VideoFrame.from_ndarray(greys(1)[0], format="rgb24")))
    return path


def frameless(path: Path) -> Path:
    """A video stream that begins and has no frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    return path


def tilt(points: np.ndarray) -> np.ndarray:
    """(T,) degrees by which the line from the right ear to the left is turned, clockwise."""
    ears = points[:, LEFT_EAR] - points[:, RIGHT_EAR]  # (T, 2 or 3)
    return np.degrees(np.arctan2(ears[:, 1], ears[:, 0]))

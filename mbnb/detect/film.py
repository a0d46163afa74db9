"""A video with skeleton, labels and timeline burnt in, a picture at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mbnb.coding.recordings import Recording
from mbnb.intervals import Coding, Interval, at
from mbnb.show.player import ANGLE, project
from mbnb.skeleton import load_skeleton
from mbnb.video.landmarks import load_landmarks, to_places
from mbnb.wild.overlay import write_overlay
from mbnb.wild.source import Source

AROUND = 10.0  # seconds of the timeline before and after now
# Okabe and Ito's colours but for black; regions take them in turn.
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
SIZE = (640, 480)  # of pictures where there is no video


@dataclass(frozen=True)
class _Drawn:
    """A person as an overlay draws them.

    in_picture: (T, J, 3) places in pixels, and a depth in any unit. joints: (T, J, 3), the last
    above 0 for what was seen.
    """

    in_picture: np.ndarray
    joints: np.ndarray


def write_film(
    path: Path,
    recording: Recording,
    coding: Coding,
    video: Path | None,
    landmarks: Path | None,
    fps: float,
    faces: str,
) -> None:
    """Write the video of a recording, or of its skeleton alone where there is no video."""
    if video and landmarks:
        with np.load(landmarks) as facts:
            size = tuple(facts["size"].tolist())
        places = to_places(load_landmarks(landmarks), size)
        depth = recording.pose[..., 2:]
        drawn = _Drawn(np.concatenate([places[..., :2], depth], -1), places)
        source = Source({}, fps, size, video, landmarks)
    else:
        source, drawn, faces = Source({}, fps, SIZE), _standing(recording.pose), "leave_out"
    strip = _Strip(coding)
    times = recording.times

    def label(picture: Image.Image, t: int) -> None:
        strip.draw(picture, float(times[min(t, len(times) - 1)]))

    write_overlay(path, source, {"person": drawn}, faces, label)


def _standing(pose: np.ndarray) -> _Drawn:
    """(T, J, 3) metres -> in the middle of an empty picture, as large as fits."""
    skeleton = load_skeleton()
    body = project(pose - pose[:, [skeleton.root]], ANGLE) * (1, -1, 1)  # (T, J, 3)
    reach = np.nanpercentile(np.abs(body), 99.5)
    places = body * (0.36 * SIZE[1] / reach) + (SIZE[0] / 2, 0.42 * SIZE[1], 0)
    seen = np.isfinite(places).all(-1, keepdims=True).astype(float)
    return _Drawn(places, np.concatenate([places[..., :2], seen], -1))


class _Strip:
    """What is written over a picture: labels of now, and a lane a region of the seconds around."""

    def __init__(self, coding: Coding):
        self.ones: Sequence[Interval] = sorted(coding, key=lambda one: one.start)
        self.starts = np.array([one.start for one in self.ones])
        self.longest = max((one.duration for one in self.ones), default=0.0)
        self.lanes = list(dict.fromkeys(one.tier for one in self.ones))

    def draw(self, picture: Image.Image, now: float) -> None:
        """Draw it over a picture of the second `now`."""
        width, height = picture.size
        pen, text = ImageDraw.Draw(picture, "RGBA"), max(10, height // 32)
        font = ImageFont.load_default(text)
        lane = max(6, height // 60)
        top = height - lane * len(self.lanes) - 4
        pen.rectangle((0, top - 2, width, height), fill=(0, 0, 0, 150))
        first, stop = np.searchsorted(self.starts, (now - AROUND - self.longest, now + AROUND))
        row = 4
        pen.text((4, row), at(now), "white", font, stroke_width=2, stroke_fill="black")
        for one in self.ones[first:stop]:
            place = self.lanes.index(one.tier)
            colour = COLOURS[place % len(COLOURS)]
            ends = [width / 2 * (1 + (s - now) / AROUND) for s in (one.start, one.end)]
            if ends[1] < 0:
                continue
            y = top + lane * place
            pen.rectangle((max(0, ends[0]), y + 1, min(width, ends[1]), y + lane - 1), fill=colour)
            if one.start <= now < one.end:
                row += text + 4
                sure = "" if one.confidence is None else f" {one.confidence:.0%}"
                said = f"{one.label}{sure}"
                pen.text((4, row), said, colour, font, stroke_width=2, stroke_fill="black")
        pen.line((width / 2, top - 2, width / 2, height), fill="white", width=1)

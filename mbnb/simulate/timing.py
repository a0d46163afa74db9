"""When a simulated movement happens: its time courses.

Goal-directed movements follow the minimum jerk (Flash & Hogan 1985).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from mbnb.simulate.choreography import Move

FPS = 30
FRAMES = (40, 90)  # the shortest and the longest clip
# Courses that go on while a move holds, as functions of an angle.
REPEATS = {
    "wave": np.sin,
    "bob": lambda angle: (1 - np.cos(angle)) / 2,
    "beat": lambda angle: np.maximum(np.sin(angle), 0),
}


class Span(NamedTuple):
    """Seconds before a movement, on the way, there, and on the way back (0: it stays)."""

    lead: float
    rise: float
    hold: float
    back: float


@dataclass(frozen=True)
class Timing:
    """When the move of a clip happens. rate: (frames,) Hz of what is repeated meanwhile."""

    span: Span
    frames: int
    rate: np.ndarray

    @classmethod
    def draw(cls, move: Move, tempo: float, rng: np.random.Generator) -> "Timing":
        """Onset, duration and rate at random, for a person of that tempo."""
        rate = rng.uniform(*move.rate) * np.sqrt(tempo)
        lead, tail = rng.uniform(0.1, 1), rng.uniform(0.1, 0.4)
        rise, fall = rng.uniform(*move.rise, 2) / tempo
        hold = rng.uniform(*move.cycles) / rate if move.cycles else rng.uniform(*move.hold)
        back = 0.0 if rng.random() < move.stay else fall
        seconds = lead + rise + hold + back + tail
        missing = max(0.0, FRAMES[0] / FPS - seconds)
        lead += missing * rng.random()
        frames = int(np.clip(round((seconds + missing) * FPS), *FRAMES))
        unsteady = rate * (1 + 0.1 * smooth_noise(rng, frames, 8))
        return cls(Span(lead, rise, hold, back), frames, unsteady)

    def courses(self, span: Span) -> dict[str, np.ndarray]:
        """Name of a time course -> its (frames,) values, for a movement within `span`.

        'busy' is 1 while the movement holds, 'cycles' counts the repeats so far.
        """
        t = np.arange(self.frames) / FPS
        shift = minimum_jerk((t - span.lead) / span.rise)
        out = shift
        if span.back:
            out = shift - minimum_jerk((t - span.lead - span.rise - span.hold) / span.back)
        busy = minimum_jerk((out - 0.6) / 0.4)
        cycles = np.cumsum(self.rate * (busy > 0)) / FPS
        return {
            "hold": out,
            "shift": shift,
            "release": 1 - shift,
            "always": np.ones(self.frames),
            "busy": busy,
            "cycles": cycles,
        }


def minimum_jerk(t: np.ndarray) -> np.ndarray:
    """From 0 at t = 0 to 1 at t = 1, as smoothly as can be."""
    t = np.clip(t, 0, 1)
    return t**3 * (10 - 15 * t + 6 * t**2)


def smooth_noise(rng: np.random.Generator, frames: int, sigma: float) -> np.ndarray:
    """(frames,) Gaussian noise of deviation 1, smoothed over `sigma` frames."""
    margin = int(4 * sigma) + 1
    noise = gaussian_filter1d(rng.standard_normal(frames + 2 * margin), sigma)[margin:-margin]
    return noise * np.sqrt(2 * np.sqrt(np.pi) * sigma)

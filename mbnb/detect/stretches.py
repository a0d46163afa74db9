"""A recording -> stretches in which somebody is seen, at an even rate, made whole.

What is not seen for longer than a pause divides a recording; nothing is made up there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mbnb.coding.recordings import Recording
from mbnb.config import Config
from mbnb.data.missing import complete
from mbnb.intervals import at
from mbnb.prepare.geometry import smooth
from mbnb.skeleton import Skeleton
from mbnb.video.frames import LONGEST_PAUSE

SHORTEST = 0.5  # seconds; less of somebody shows nothing


@dataclass(frozen=True)
class Stretch:
    """A part of a recording without a pause: its first second, and (T, J, 3) frames.

    The frames come `config.fps` times a second, are smoothed as in training, and have no NaN.
    """

    start: float
    frames: Tensor


@dataclass(frozen=True)
class Seen:
    """What is seen of a recording, and in a line each what is not."""

    stretches: tuple[Stretch, ...]
    notes: tuple[str, ...]


def stretches_of(recording: Recording, config: Config, skeleton: Skeleton) -> Seen:
    """All stretches of a recording in which somebody is seen."""
    found, notes, reached = [], [], float(recording.times[0])
    for first, stop in _present(recording):
        times = recording.times[first:stop]
        if times[-1] - times[0] < SHORTEST:
            continue
        if times[0] - reached > LONGEST_PAUSE:
            notes.append(f"nobody is seen from {at(reached)} to {at(times[0])}")
        reached = float(times[-1])
        body = complete(recording.pose[first:stop], skeleton)
        if isinstance(body, str):
            notes.append(f"from {at(times[0])} to {at(times[-1])}: {body}")
            continue
        frames = torch.as_tensor(_evenly(body.pose, times, config.fps))
        lengths = torch.tensor([len(frames)])
        frames = smooth(frames, lengths, config.smooth) if config.smooth else frames
        found.append(Stretch(float(times[0]), frames))
    end = float(recording.times[-1])
    if end - reached > LONGEST_PAUSE:
        notes.append(f"nobody is seen from {at(reached)} to {at(end)}")
    return Seen(tuple(found), tuple(notes))


def _present(recording: Recording) -> Iterator[tuple[int, int]]:
    """(first, end) of runs of frames with a body, no two further apart than a pause."""
    there = np.flatnonzero((~np.isnan(recording.pose).any(-1)).mean(1) > 0.3)
    if len(there):
        breaks = np.flatnonzero(np.diff(recording.times[there]) > LONGEST_PAUSE) + 1
        for run in np.split(there, breaks):
            yield int(run[0]), int(run[-1]) + 1


def _evenly(pose: np.ndarray, times: np.ndarray, fps: float) -> np.ndarray:
    """(T, J, 3) at even moments, linearly between the frames that were recorded."""
    moments = times[0] + np.arange(round((times[-1] - times[0]) * fps) + 1) / fps
    if len(moments) == len(times) and np.abs(moments - times).max() < 0.1 / fps:
        return pose
    after = np.searchsorted(times, moments).clip(1, len(times) - 1)
    share = ((moments - times[after - 1]) / np.diff(times)[after - 1]).clip(0, 1)
    share = share.astype(np.float32)[:, None, None]
    return pose[after - 1] * (1 - share) + pose[after] * share

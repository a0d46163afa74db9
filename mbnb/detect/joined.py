"""Long sequences of real people, joined from their clips with rests between.

Where nobody has coded a long recording, this is the nearest to one: movements are real, rests are
made. A person goes over from the end of one clip to the beginning of the next, stands there for a
while, and shakes as the sensor shook in the clips.
"""

from collections.abc import Iterator

import numpy as np
import torch

from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.coding.recordings import Recording
from mbnb.intervals import Coding, Interval
from mbnb.prepare.geometry import smooth
from mbnb.simulate.timing import minimum_jerk
from mbnb.skeleton import Skeleton

REST = (1.0, 5.0)  # seconds between two clips
WAY = (0.5, 1.0)  # of it, to where the next clip begins


def joined(
    clips: Clips, classes: ClassTable, skeleton: Skeleton, fps: float, seed: int = 0
) -> Iterator[tuple[Recording, Coding]]:
    """A recording a person, of all of their clips in an order drawn by `seed`, and its coding."""
    for person in dict.fromkeys(clips.subjects):
        own = [i for i, subject in enumerate(clips.subjects) if subject == person]
        rng = np.random.default_rng([seed, *person.encode()])
        yield _of_person(clips.take(rng.permutation(own)), classes, skeleton, fps, rng)


def _of_person(
    clips: Clips, classes: ClassTable, skeleton: Skeleton, fps: float, rng: np.random.Generator
) -> tuple[Recording, Coding]:
    frames = torch.as_tensor(clips.gather().copy())
    smoothed = smooth(frames, torch.as_tensor(clips.lengths)).numpy()
    shaking = frames.numpy() - smoothed
    person, parts, intervals, length = clips.subjects[0], [], [], 0
    here = None  # where the last clip ended
    starts = np.cumsum(clips.lengths) - clips.lengths
    for start, count, label in zip(starts, clips.lengths, clips.labels):
        pose = frames.numpy()[start : start + count].copy()
        calm = smoothed[start : start + count]
        if here is not None:
            # The next clip begins where the person is, not where it was recorded.
            shift = here[skeleton.root] - calm[0, skeleton.root]
            pose, calm = pose + shift * (1, 0, 1), calm + shift * (1, 0, 1)
        before = calm[0] if here is None else here
        rest = _rest(before, calm[0], shaking, fps, rng)
        parts += [rest, pose.astype(np.float32)]
        first = length + len(rest)
        length = first + int(count)
        name, region = classes.names[label], classes.regions[label]
        intervals.append(Interval(first / fps, length / fps, name, region, person))
        here = calm[-1]
    parts.append(_rest(here, here, shaking, fps, rng))
    pose = np.concatenate(parts)
    recording = Recording(f"joined_{person}", pose, np.arange(len(pose)) / fps, person)
    return recording, Coding(recording.name, tuple(intervals), length=len(pose) / fps)


def _rest(
    before: np.ndarray, after: np.ndarray, shaking: np.ndarray, fps: float, rng: np.random.Generator
) -> np.ndarray:
    """(T, J, 3): a while at one pose (J, 3), the way to another, and a while there."""
    way = rng.uniform(*WAY)
    frames, begin = round(rng.uniform(*REST) * fps), rng.random()
    t = np.arange(frames) / fps - begin * max(0.0, frames / fps - way)
    share = minimum_jerk(t / way)[:, None, None]
    first = int(rng.integers(max(1, len(shaking) - frames)))
    noise = np.resize(shaking[first : first + frames], (frames, *before.shape))
    return (before * (1 - share) + after * share + noise).astype(np.float32)

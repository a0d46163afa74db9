"""Random convolutions and discriminant analysis: the strongest simple method on few clips.

Channels of `model.kernels` are here the streams of the standardised skeleton and the distances
between its outer joints. Then comes `discriminant`.
"""

import itertools
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.model_selection import GroupKFold
from torch import Tensor
from tqdm.auto import tqdm

from mbnb.baselines.discriminant import fit_discriminant
from mbnb.baselines.linear import Bounds, probabilities_of
from mbnb.clips import Clips, first_rows
from mbnb.config import STREAMS
from mbnb.model.kernels import MOMENTS, SAMPLE, Kernels
from mbnb.prepare.geometry import gather_windows, smooth, standardise
from mbnb.prepare.streams import to_streams
from mbnb.scores.calibration import at_temperature, fit_temperature
from mbnb.skeleton import Skeleton

BLOCK = 256  # clips at a time
FOLDS = 5  # of people who are left out to fit the temperature


@dataclass(frozen=True)
class Convolutions:
    """Drawn kernels for clips of these joints."""

    skeleton: Skeleton
    fps: float
    kernels: Kernels

    def features(self, clips: Clips) -> np.ndarray:
        """(N, D), four numbers a kernel."""
        blocks = range(0, len(clips), BLOCK)
        found = []
        for start in tqdm(blocks, desc="random convolutions", unit="block", leave=False):
            rows = np.arange(start, min(start + BLOCK, len(clips)))
            found.append(self.kernels(channels(clips.take(rows), self.skeleton, self.fps)))
        return torch.cat(found).numpy()


@dataclass(frozen=True)
class Rocket:
    """Random `convolutions`, a `model` fitted to what they find, and its `temperature`."""

    convolutions: Convolutions
    model: ClassifierMixin
    temperature: float
    classes: int

    @classmethod
    def fit(
        cls, clips: Clips, skeleton: Skeleton, classes: int, seed: int = 0, fps: float = 30.0
    ) -> Self:
        """From labelled clips.

        The temperature is fitted to their people, some left out at a time; it is 1 where there is
        one person only.
        """
        convolutions = draw_convolutions(clips, skeleton, seed, fps)
        x, labels = convolutions.features(clips), clips.labels
        people, temperature = len(set(clips.subjects)), 1.0
        if people > 1:
            probabilities = np.zeros((len(clips), classes))
            folds = GroupKFold(min(FOLDS, people))
            for rest, left_out in folds.split(x, groups=clips.subjects):
                model = fit_discriminant(x[rest], labels[rest], Bounds())
                probabilities[left_out] = probabilities_of(model, x[left_out], classes)
            temperature = fit_temperature(labels, probabilities)
        return cls(convolutions, fit_discriminant(x, labels, Bounds()), temperature, classes)

    def features(self, clips: Clips) -> np.ndarray:
        """(1, N, D), one view of each clip."""
        return self.convolutions.features(clips)[None]

    def classify(self, features: np.ndarray) -> np.ndarray:
        """Features (1, N, D) -> calibrated probabilities (N, C)."""
        probabilities = probabilities_of(self.model, features[0], self.classes)
        return at_temperature(probabilities, self.temperature)

    def answer(self, clips: Clips) -> np.ndarray:
        """Calibrated probabilities (N, C)."""
        return self.classify(self.features(clips))


def channels(clips: Clips, skeleton: Skeleton, fps: float) -> Tensor:
    """(N, C, MOMENTS) streams of all joints, and distances between the outer ones and the root.

    Outer joints are those without a child and their parents.
    """
    lengths = torch.as_tensor(clips.lengths)
    frames = smooth(torch.as_tensor(clips.gather()).float(), lengths)
    starts, ends = first_rows(lengths).double(), (lengths - 1).double()
    poses = gather_windows(standardise(frames, lengths, skeleton), starts, ends, MOMENTS)
    streams = to_streams(poses, (ends / fps).float(), STREAMS, skeleton)  # (N, F, J, 12)
    outer = sorted({*skeleton.outer, skeleton.root})
    one, other = torch.tensor(list(itertools.combinations(outer, 2))).T
    distances = (poses[:, :, one] - poses[:, :, other]).norm(dim=-1)  # (N, F, pairs)
    return torch.cat([streams.flatten(2), distances], dim=-1).transpose(1, 2)  # -> (N, C, F)


def draw_convolutions(clips: Clips, skeleton: Skeleton, seed: int, fps: float) -> Convolutions:
    """Random kernels for clips like these."""
    rng = np.random.default_rng(seed)
    sample = rng.choice(len(clips), min(SAMPLE, len(clips)), replace=False)
    kernels = Kernels.draw(channels(clips.take(sample), skeleton, fps), rng)
    return Convolutions(skeleton, fps, kernels)

"""Random convolutions and discriminant analysis: the strongest simple method on few clips.

Kernels that nobody trains slide over all channels of a clip, and what they find is pooled over time
(ROCKET: Dempster, Petitjean and Webb, 2020; MultiRocket: Tan et al., 2022). Channels are the
streams of the standardised skeleton and the distances between its outer joints. Then comes
`discriminant`.
"""

import itertools
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.base import ClassifierMixin
from sklearn.model_selection import GroupKFold
from torch import Tensor
from tqdm.auto import tqdm

from mbnb.baselines.discriminant import fit_discriminant
from mbnb.baselines.linear import Bounds, probabilities_of
from mbnb.clips import Clips, first_rows
from mbnb.config import STREAMS
from mbnb.prepare.geometry import gather_windows, smooth, standardise
from mbnb.prepare.streams import to_streams
from mbnb.scores.calibration import at_temperature, fit_temperature
from mbnb.skeleton import Skeleton

MOMENTS = 64  # to which every clip is stretched
KERNELS, TOGETHER, WIDTH = 4096, 64, 9  # 64 of them share a dilation; their length in moments
MOST_CHANNELS = 30  # that a kernel sees
SAMPLE = 100  # clips from which scales of channels and thresholds of kernels are taken
BLOCK = 256  # clips at a time
FOLDS = 5  # of people who are left out to fit the temperature

Kernels = tuple[Tensor, int, Tensor]  # weights (TOGETHER, C, WIDTH), dilation, thresholds


@dataclass(frozen=True)
class Convolutions:
    """Drawn kernels, and the scales (C, 1) of the channels that they see."""

    skeleton: Skeleton
    fps: float
    mean: Tensor
    deviation: Tensor
    kernels: list[Kernels]

    def features(self, clips: Clips) -> np.ndarray:
        """(N, D), four numbers a kernel.

        They are the share of moments at which it finds more than its threshold, the most and the
        least that it finds, and the deviation.
        """
        features = np.empty((len(clips), 4 * TOGETHER * len(self.kernels)), np.float32)
        blocks = range(0, len(clips), BLOCK)
        for start in tqdm(blocks, desc="random convolutions", unit="block", leave=False):
            rows = np.arange(start, min(start + BLOCK, len(clips)))
            x = (channels(clips.take(rows), self.skeleton, self.fps) - self.mean) / self.deviation
            pooled = []
            for weights, dilation, thresholds in self.kernels:
                response = _slide(x, weights, dilation)  # (b, TOGETHER, F)
                above = (response > thresholds[:, None]).float().mean(-1)
                pooled += [above, response.amax(-1), response.amin(-1), response.std(-1)]
            features[rows] = torch.cat(pooled, dim=1).numpy()
        return features


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
    """Random kernels; each sees some channels, few more often than many.

    A kernel's threshold is a random quantile of what it finds in some of the clips.
    """
    draw = np.random.default_rng(seed)
    sample = draw.choice(len(clips), min(SAMPLE, len(clips)), replace=False)
    x = channels(clips.take(sample), skeleton, fps)
    mean, deviation = x.mean((0, 2))[:, None], x.std((0, 2))[:, None] + 1e-6
    x = (x - mean) / deviation
    most = min(x.shape[1], MOST_CHANNELS)
    kernels = []
    for _ in range(KERNELS // TOGETHER):
        weights = np.zeros((TOGETHER, x.shape[1], WIDTH), np.float32)
        for kernel in weights:
            count = int(2 ** draw.uniform(0, np.log2(most + 1)))
            values = draw.normal(size=(count, WIDTH))
            kernel[draw.choice(len(kernel), count, replace=False)] = values - values.mean(
                1, keepdims=True
            )
        dilation = int(2 ** draw.uniform(0, np.log2((MOMENTS - 1) / (WIDTH - 1))))
        response = _slide(x, torch.as_tensor(weights), dilation)
        response = response.transpose(0, 1).flatten(1).sort(dim=1).values  # (TOGETHER, n·F)
        places = torch.as_tensor(draw.uniform(0.1, 0.9, TOGETHER) * response.shape[1]).long()
        thresholds = response[torch.arange(TOGETHER), places]
        kernels.append((torch.as_tensor(weights), dilation, thresholds))
    return Convolutions(skeleton, fps, mean, deviation, kernels)


def _slide(x: Tensor, weights: Tensor, dilation: int) -> Tensor:
    """(b, C, F) -> (b, TOGETHER, F)."""
    return F.conv1d(x, weights, dilation=dilation, padding=dilation * (WIDTH // 2))

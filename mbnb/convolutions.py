"""Random convolutions and ridge regression: the strongest simple method on few clips, trained in seconds.

ROCKET (Dempster, Petitjean and Webb, 2020): kernels that nobody trains slide over all channels of a clip; of each the share of
positive values and the greatest value are features. Channels here are the streams of the standardised skeleton and the distances
between its outer joints, all computed at one number of moments.
"""

import itertools

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import softmax
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from mbnb.calibration import fit_temperature, person_shift
from mbnb.clips import Clips
from mbnb.config import STREAMS
from mbnb.skeleton import Skeleton
from mbnb.transforms import at_moments, smooth, to_streams

MOMENTS = 64
KERNELS, TOGETHER, WIDTH = 4096, 64, 9  # kernels, of which 64 share a dilation; their length in moments
MOST_CHANNELS = 30  # that a kernel sees
SEEN = 100  # clips from which the thresholds of the kernels are taken
PENALTY = 3000.0  # of the ridge regression, over features of deviation 1
BLOCK = 512  # clips at a time


def rocket(train: Clips, test: Clips, skeleton: Skeleton, classes: int, seed: int = 0, fps: float = 30.0, adapt: bool = True) -> np.ndarray:
    """Calibrated probabilities (N, C) for `test`; the temperature is fitted on people of `train` that were left out.

    With `adapt` what a person's clips have in common is taken off (`calibration.person_shift`), in train by the labels, in test by
    what the person's clips look like before.
    """
    draw = np.random.default_rng(seed)
    channels = _channels(train, skeleton, fps), _channels(test, skeleton, fps)
    mean, deviation = channels[0].mean((0, 2), keepdim=True), channels[0].std((0, 2), keepdim=True) + 1e-6
    kernels = _draw_kernels(draw, channels[0].shape[1])
    seen = torch.as_tensor(draw.choice(len(train), min(SEEN, len(train)), replace=False))
    thresholds = [_thresholds(draw, (channels[0][seen] - mean) / deviation, kernel) for kernel in kernels]
    x, x_test = (np.concatenate([_features((block - mean) / deviation, kernels, thresholds) for block in part.split(BLOCK)]) for part in channels)
    people = np.array(train.subjects)
    folds = min(5, len(set(people)))
    temperature = 1.0
    if folds > 1:
        scores = np.zeros((len(train), classes))
        for fit, held in GroupKFold(folds).split(x, groups=people):
            scores[held] = _scores(x[fit], train.labels[fit], people[fit], x[held], people[held], classes, adapt)
        temperature = fit_temperature(train.labels, softmax(scores, axis=1))
    return softmax(_scores(x, train.labels, people, x_test, np.array(test.subjects), classes, adapt) / temperature, axis=1)


def _channels(clips: Clips, skeleton: Skeleton, fps: float) -> Tensor:
    """(N, C, MOMENTS) streams of all joints, and distances between the joints without a child, their parents and the root."""
    lengths = torch.as_tensor(clips.lengths)
    poses = at_moments(smooth(torch.as_tensor(clips.gather()).float(), lengths), lengths, skeleton, MOMENTS)
    streams = to_streams(poses, ((lengths - 1) / fps).float(), STREAMS, skeleton).flatten(2)  # (N, F, J, 12) -> (N, F, J·12)
    ends = set(range(len(skeleton))) - set(skeleton.parents)
    outer = sorted(ends | {skeleton.parents[joint] for joint in ends} | {skeleton.root})
    pairs = torch.tensor(list(itertools.combinations(outer, 2)))
    distances = (poses[:, :, pairs[:, 0]] - poses[:, :, pairs[:, 1]]).norm(dim=-1)  # (N, F, pairs)
    return torch.cat([streams, distances], dim=-1).transpose(1, 2)


def _draw_kernels(draw: np.random.Generator, channels: int) -> list[tuple[int, Tensor]]:
    """Groups of (dilation, weights (TOGETHER, channels, WIDTH)); each kernel sees some channels, few more often than many."""
    kernels = []
    for _ in range(KERNELS // TOGETHER):
        weights = np.zeros((TOGETHER, channels, WIDTH), np.float32)
        for kernel in weights:
            chosen = draw.choice(channels, int(2 ** draw.uniform(0, np.log2(min(channels, MOST_CHANNELS) + 1))), replace=False)
            values = draw.normal(size=(len(chosen), WIDTH))
            kernel[chosen] = values - values.mean(1, keepdims=True)
        kernels.append((int(2 ** draw.uniform(0, np.log2((MOMENTS - 1) / (WIDTH - 1)))), torch.as_tensor(weights)))
    return kernels


def _slide(x: Tensor, kernel: tuple[int, Tensor]) -> Tensor:
    """(N, C, MOMENTS) -> (N, TOGETHER, MOMENTS)."""
    dilation, weights = kernel
    return F.conv1d(x, weights, dilation=dilation, padding=dilation * (WIDTH // 2))


def _thresholds(draw: np.random.Generator, x: Tensor, kernel: tuple[int, Tensor]) -> Tensor:
    """(TOGETHER,) above which a kernel's values count: random quantiles of what it finds in some clips."""
    found = _slide(x, kernel).transpose(0, 1).flatten(1)[:, ::3]  # (TOGETHER, n)
    shares = torch.as_tensor(draw.uniform(0.1, 0.9, TOGETHER), dtype=found.dtype)
    return found.sort(dim=1).values[torch.arange(TOGETHER), (shares * (found.shape[1] - 1)).long()]


def _features(x: Tensor, kernels: list[tuple[int, Tensor]], thresholds: list[Tensor]) -> np.ndarray:
    """(N, 2·KERNELS)"""
    found = []
    for kernel, threshold in zip(kernels, thresholds):
        values = _slide(x, kernel)
        found += [(values > threshold[:, None]).float().mean(-1), values.amax(-1)]
    return torch.cat(found, dim=1).numpy()


def _scores(x: np.ndarray, labels: np.ndarray, people: np.ndarray, x_test: np.ndarray, people_test: np.ndarray, classes: int, adapt: bool) -> np.ndarray:
    """(N, C) of ridge regression on one class against the others; what is not in train gets the lowest score."""
    def fit_and_score(x: np.ndarray, x_test: np.ndarray) -> np.ndarray:
        scale = StandardScaler().fit(x)
        model = RidgeClassifier(alpha=PENALTY).fit(scale.transform(x), labels)
        found = model.decision_function(scale.transform(x_test))
        found = np.stack([-found, found], axis=1) if found.ndim == 1 else found
        scores = np.full((len(x_test), classes), found.min(initial=0.0))
        scores[:, model.classes_] = found
        return scores

    scores = fit_and_score(x, x_test)
    if not adapt:
        return scores
    centre = x.mean(0)
    return fit_and_score(x - person_shift(x, people, labels, classes, centre), x_test - person_shift(x_test, people_test, scores.argmax(1), classes, centre))

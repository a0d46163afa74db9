"""Random convolutions and discriminant analysis: the strongest simple method on few clips, trained in a minute.

Kernels that nobody trains slide over all channels of a clip, and what they find is pooled over time (ROCKET: Dempster, Petitjean and
Webb, 2020; MultiRocket: Tan et al., 2022). Channels are the streams of the standardised skeleton and the distances between its outer
joints. Half of the kernels see a clip stretched to one number of moments, the others at its own pace. `mbnb.discriminant` classifies
what they find.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import softmax
from sklearn.model_selection import GroupKFold
from torch import Tensor

from mbnb.calibration import fit_temperature, log_loss, person_shift
from mbnb.clips import Clips, first_rows
from mbnb.config import STREAMS
from mbnb.discriminant import fit_discriminant
from mbnb.handedness import learn_and_find, turn
from mbnb.skeleton import Skeleton
from mbnb.transforms import flip, gather_windows, smooth, standardise, to_streams

MOMENTS = 64  # of a stretched clip
RATE, FEWEST, MOST = 10.0, 16, 192  # moments a second of a clip at its own pace, and how many it has at least and at most
KERNELS, TOGETHER, WIDTH = 4096, 64, 9  # kernels, of which 64 share a dilation; their length in moments
MOST_CHANNELS = 30  # that a kernel sees
SEEN = 100  # clips from which the thresholds of the kernels are taken
BLOCK = 256  # clips at a time

Kernel = tuple[Tensor, int, Tensor]  # weights (TOGETHER, C, WIDTH), dilation, thresholds (TOGETHER,)


def rocket(train: Clips, test: Clips, skeleton: Skeleton, classes: int, seed: int = 0, fps: float = 30.0, adapt: bool = True,
           handedness: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities (N, C) for `test`, and (N,) bool, which of its clips were seen in a mirror; the temperature is fitted on
    people of `train` that were left out.

    With `handedness` left-handed people are seen in a mirror (`mbnb.handedness`). With `adapt` what a person's clips have in common is
    taken off (`calibration.person_shift`), in train by the labels, in test by what the person's clips look like before; and classes have
    means for each person where that served the people who were left out.
    """
    x, x_test = _features(train, test, skeleton, seed, fps)
    people = np.array(train.subjects)
    folds = min(5, len(set(people)))
    best, temperature = 0, 1.0

    def answer(known: Clips, x: np.ndarray, asked: Clips, x_asked: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        turned, in_mirror = learn_and_find(known, asked, skeleton, classes) if handedness else (np.zeros(len(clips), bool) for clips in (known, asked))
        return _scores(turn(x, turned), known, turn(x_asked, in_mirror), asked, classes, adapt), in_mirror

    if folds > 1:
        ways = np.zeros((1 + adapt, len(train), classes))
        for fit, held in GroupKFold(folds).split(train.labels, groups=people):
            ways[:, held], _ = answer(train.take(fit), x[:, fit], train.take(held), x[:, held])
        temperatures = [fit_temperature(train.labels, softmax(scores, axis=1)) for scores in ways]
        losses = [log_loss(train.labels, softmax(scores / temperature, axis=1)) for scores, temperature in zip(ways, temperatures)]
        best = int(np.argmin(losses))
        temperature = temperatures[best]
    ways, in_mirror = answer(train, x, test, x_test)
    return softmax(ways[best] / temperature, axis=1), in_mirror


def _features(train: Clips, test: Clips, skeleton: Skeleton, seed: int, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """(2, N, 4·KERNELS) of the clips of `train` and of `test`, as they are and mirrored; scales and thresholds are those of `train`."""
    draw = np.random.default_rng(seed)
    seen = draw.choice(len(train), min(SEEN, len(train)), replace=False)
    found = []
    for own_pace in (False, True):
        part = [x for _, x in _channels(train.take(seen), skeleton, fps, own_pace)]
        flat = torch.cat([x.transpose(0, 1).flatten(1) for x in part], dim=1)  # n of (b, C, F) -> (C, moments of all)
        mean, deviation = flat.mean(1)[:, None], flat.std(1)[:, None] + 1e-6
        kernels = _draw_kernels(draw, [(x - mean) / deviation for x in part])
        for clips, mirrored in itertools.product((train, test), (False, True)):
            pooled = np.empty((len(clips), 2 * KERNELS), np.float32)
            for index, x in _channels(clips, skeleton, fps, own_pace, mirrored):
                pooled[index] = _pool((x - mean) / deviation, kernels)
            found.append(pooled)
    return tuple(np.stack([np.concatenate([found[i], found[i + 4]], axis=1) for i in pair]) for pair in ((0, 1), (2, 3)))


def _channels(clips: Clips, skeleton: Skeleton, fps: float, own_pace: bool, mirrored: bool = False) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Clips that have equally many moments, some at a time: their places (b,) and (b, C, moments) streams of all joints, and distances
    between the joints without a child, their parents and the root."""
    ends = set(range(len(skeleton))) - set(skeleton.parents)
    outer = sorted(ends | {skeleton.parents[joint] for joint in ends} | {skeleton.root})
    pairs = torch.tensor(list(itertools.combinations(outer, 2)))
    seconds = (clips.lengths - 1) / fps
    moments = (RATE * seconds + 1).round().astype(int).clip(FEWEST, MOST) if own_pace else np.full(len(clips), MOMENTS)
    for count in np.unique(moments):
        places = np.flatnonzero(moments == count)
        for index in np.split(places, range(BLOCK, len(places), BLOCK)):
            lengths = torch.as_tensor(clips.lengths[index])
            frames = smooth(torch.as_tensor(clips.gather(index)).float(), lengths)
            frames = standardise(flip(frames, skeleton.mirror) if mirrored else frames, lengths, skeleton)
            poses = gather_windows(frames, first_rows(lengths).double(), (lengths - 1).double(), int(count))
            streams = to_streams(poses, torch.as_tensor(seconds[index]).float(), STREAMS, skeleton).flatten(2)  # (b, F, J, 12) -> (b, F, J·12)
            distances = (poses[:, :, pairs[:, 0]] - poses[:, :, pairs[:, 1]]).norm(dim=-1)  # (b, F, pairs)
            yield index, torch.cat([streams, distances], dim=-1).transpose(1, 2)


def _draw_kernels(draw: np.random.Generator, seen: list[Tensor]) -> list[Kernel]:
    """Half of the kernels; each sees some channels, few more often than many, and its threshold is a random quantile of what it finds
    in clips (b, C, F)."""
    kernels, channels = [], seen[0].shape[1]
    for _ in range(KERNELS // 2 // TOGETHER):
        weights = np.zeros((TOGETHER, channels, WIDTH), np.float32)
        for kernel in weights:
            chosen = draw.choice(channels, int(2 ** draw.uniform(0, np.log2(min(channels, MOST_CHANNELS) + 1))), replace=False)
            values = draw.normal(size=(len(chosen), WIDTH))
            kernel[chosen] = values - values.mean(1, keepdims=True)
        weights, dilation = torch.as_tensor(weights), int(2 ** draw.uniform(0, np.log2((MOMENTS - 1) / (WIDTH - 1))))
        found = torch.cat([_slide(x, weights, dilation).transpose(0, 1).flatten(1) for x in seen], dim=1)[:, ::3]  # (TOGETHER, n)
        places = torch.as_tensor(draw.uniform(0.1, 0.9, TOGETHER) * (found.shape[1] - 1)).long()
        kernels.append((weights, dilation, found.sort(dim=1).values[torch.arange(TOGETHER), places]))
    return kernels


def _slide(x: Tensor, weights: Tensor, dilation: int) -> Tensor:
    """(b, C, F) -> (b, TOGETHER, F)."""
    return F.conv1d(x, weights, dilation=dilation, padding=dilation * (WIDTH // 2))


def _pool(x: Tensor, kernels: list[Kernel]) -> np.ndarray:
    """(b, C, F) -> (b, 2·KERNELS): of what each kernel finds the share above its threshold, the greatest and least value, the deviation."""
    found = []
    for weights, dilation, thresholds in kernels:
        values = _slide(x, weights, dilation)
        found += [(values > thresholds[:, None]).float().mean(-1), values.amax(-1), values.amin(-1), values.std(-1)]
    return torch.cat(found, dim=1).numpy()


def _scores(x: np.ndarray, train: Clips, x_test: np.ndarray, test: Clips, classes: int, adapt: bool) -> list[np.ndarray]:
    """(N, C) from the features of clips and of their mirror images, (2, N, D); with `adapt` a second time with the means of each person."""
    scores, _ = fit_discriminant(x, train.labels, classes).scores(x_test)
    if not adapt:
        return [scores]
    centre, answers = x.mean((0, 1)), scores.argmax(1)
    x = np.stack([side - person_shift(side, train.subjects, train.labels, classes, centre) for side in x])
    x_test = np.stack([side - person_shift(side, test.subjects, answers, classes, centre) for side in x_test])
    model = fit_discriminant(x, train.labels, classes)
    return [model.scores(x_test)[0], model.scores_by_person(x_test, test.subjects)]

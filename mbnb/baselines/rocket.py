"""Random convolutions and discriminant analysis: the strongest simple method on few clips, trained in a minute.

Kernels that nobody trains slide over all channels of a clip, and what they find is pooled over time (ROCKET: Dempster, Petitjean and
Webb, 2020; MultiRocket: Tan et al., 2022). Channels are the streams of the standardised skeleton and the distances between its outer
joints. Half of the kernels see a clip stretched to one number of moments, the others at its own pace. `mbnb.baselines.discriminant` classifies
what they find.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import softmax
from sklearn.model_selection import GroupKFold
from torch import Tensor
from tqdm.auto import tqdm

from mbnb.baselines.discriminant import Discriminant, fit_discriminant
from mbnb.clips import Clips, first_rows
from mbnb.config import STREAMS
from mbnb.people.handedness import learn_and_find, turn
from mbnb.prepare.geometry import flip, gather_windows, smooth, standardise, to_streams
from mbnb.scores.calibration import fit_temperature, log_loss, person_shift
from mbnb.skeleton import Skeleton

MOMENTS = 64  # of a stretched clip
RATE, FEWEST, MOST = (
    10.0,
    16,
    192,
)  # moments a second of a clip at its own pace, and how many it has at least and at most
KERNELS, TOGETHER, WIDTH = (
    4096,
    64,
    9,
)  # kernels, of which 64 share a dilation; their length in moments
MOST_CHANNELS = 30  # that a kernel sees
SEEN = 100  # clips from which the thresholds of the kernels are taken
BLOCK = 256  # clips at a time

Kernel = tuple[
    Tensor, int, Tensor
]  # weights (TOGETHER, C, WIDTH), dilation, thresholds (TOGETHER,)


@dataclass(frozen=True)
class Half:
    """Half of the kernels, and the scales (C, 1) of the channels that they see, of clips stretched to MOMENTS or at their `own_pace`."""

    own_pace: bool
    mean: Tensor
    deviation: Tensor
    kernels: list[Kernel]


@dataclass(frozen=True)
class Classifier:
    """Discriminants of what the kernels find, and of the same less what each person's clips have in common, whose `centre` is (D,)."""

    plain: Discriminant
    centre: np.ndarray
    centred: Discriminant

    def scores(self, x: np.ndarray, people: Sequence[str]) -> np.ndarray:
        """Of clips and their mirror images (2, N, D) of `people` (N,): (3, N, C), clip by clip, centred, and with the means of each person."""
        plain, _ = self.plain.scores(x)
        x = _less_person(x, people, plain.argmax(1), plain.shape[1], self.centre)
        return np.stack(
            [plain, self.centred.scores(x)[0], self.centred.scores_by_person(x, people)]
        )


@dataclass(frozen=True)
class Convolutions:
    """Fitted random convolutions. `temperatures` are those of the three scores of `Classifier`, fitted on people who were left out; `by_person` tells
    whether the last of them served those people better than the second."""

    halves: tuple[Half, Half]
    classifier: Classifier
    temperatures: tuple[float, float, float]
    by_person: bool
    fps: float

    def answer(
        self,
        clips: Clips,
        skeleton: Skeleton,
        in_mirror: np.ndarray | None = None,
        adapt: bool = True,
    ) -> np.ndarray:
        """Calibrated probabilities (N, C), those `in_mirror` (N,) seen in a mirror. With `adapt` what a person's clips have in common is taken off
        (`calibration.person_shift`), by what they look like before; and classes have means for each person where that served others."""
        x = _features(self.halves, clips, skeleton, self.fps)
        scores = self.classifier.scores(
            x if in_mirror is None else turn(x, in_mirror), clips.subjects
        )
        way = (1 + self.by_person) if adapt else 0
        return softmax(scores[way] / self.temperatures[way], axis=1)

    def state(self) -> dict:
        """Plain tensors and numbers, for a file; of the kernels, which see few channels, only what is not 0."""
        halves = [
            dataclasses.asdict(half)
            | {
                "kernels": [
                    (weights.to_sparse(), dilation, thresholds)
                    for weights, dilation, thresholds in half.kernels
                ]
            }
            for half in self.halves
        ]
        classifier = {
            "plain": self.classifier.plain.state(),
            "centre": torch.as_tensor(self.classifier.centre),
            "centred": self.classifier.centred.state(),
        }
        return {
            "halves": halves,
            "classifier": classifier,
            "temperatures": list(self.temperatures),
            "by_person": self.by_person,
            "fps": self.fps,
        }

    @staticmethod
    def of(state: dict) -> "Convolutions":
        """What `state` gave."""
        halves = tuple(
            Half(
                **half
                | {
                    "kernels": [
                        (weights.to_dense(), dilation, thresholds)
                        for weights, dilation, thresholds in half["kernels"]
                    ]
                }
            )
            for half in state["halves"]
        )
        plain, centre, centred = (
            state["classifier"][key] for key in ("plain", "centre", "centred")
        )
        return Convolutions(
            halves,
            Classifier(Discriminant.of(plain), centre.numpy(), Discriminant.of(centred)),
            tuple(state["temperatures"]),
            bool(state["by_person"]),
            float(state["fps"]),
        )


def fit_convolutions(
    clips: Clips,
    skeleton: Skeleton,
    classes: int,
    seed: int = 0,
    fps: float = 30.0,
    in_mirror: np.ndarray | None = None,
) -> Convolutions:
    """From labelled clips; temperatures are fitted on their people, a fifth left out at a time, 1 where there is one person only.

    Clips `in_mirror` (N,), of left-handed people as `mbnb.people.handedness` found them, are seen in one; of people left out they are found anew.
    Scales and thresholds of kernels are those of some of the clips.
    """
    draw = np.random.default_rng(seed)
    some = clips.take(draw.choice(len(clips), min(SEEN, len(clips)), replace=False))
    halves = tuple(_draw_half(draw, some, skeleton, fps, own_pace) for own_pace in (False, True))
    x, people, nobody = (
        _features(halves, clips, skeleton, fps),
        np.array(clips.subjects),
        np.zeros(len(clips), bool),
    )
    by_person, temperatures = False, (1.0, 1.0, 1.0)
    if len(set(people)) > 1:
        scores = np.zeros((3, len(clips), classes))
        for fit, held in GroupKFold(min(5, len(set(people)))).split(x[0], groups=people):
            known, asked = clips.take(fit), clips.take(held)
            turned, found = (
                (nobody[fit], nobody[held])
                if in_mirror is None
                else learn_and_find(known, asked, skeleton, classes)
            )
            scores[:, held] = _fit_classifier(turn(x[:, fit], turned), known, classes).scores(
                turn(x[:, held], found), asked.subjects
            )
        temperatures = tuple(
            fit_temperature(clips.labels, softmax(found, axis=1)) for found in scores
        )
        losses = [
            log_loss(clips.labels, softmax(found / temperature, axis=1))
            for found, temperature in zip(scores, temperatures)
        ]
        by_person = losses[2] < losses[1]
    x = turn(x, nobody if in_mirror is None else in_mirror)
    return Convolutions(halves, _fit_classifier(x, clips, classes), temperatures, by_person, fps)


def _fit_classifier(x: np.ndarray, clips: Clips, classes: int) -> Classifier:
    centre = x.mean((0, 1))
    centred = _less_person(x, clips.subjects, clips.labels, classes, centre)
    return Classifier(
        fit_discriminant(x, clips.labels, classes),
        centre,
        fit_discriminant(centred, clips.labels, classes),
    )


def _less_person(
    x: np.ndarray, people: Sequence[str], answers: np.ndarray, classes: int, centre: np.ndarray
) -> np.ndarray:
    """Features of clips and of their mirror images (2, N, D) less what each person's have in common."""
    return np.stack([side - person_shift(side, people, answers, classes, centre) for side in x])


def _draw_half(
    draw: np.random.Generator, some: Clips, skeleton: Skeleton, fps: float, own_pace: bool
) -> Half:
    found = [x for _, x in _channels(some, skeleton, fps, own_pace)]
    flat = torch.cat(
        [x.transpose(0, 1).flatten(1) for x in found], dim=1
    )  # n of (b, C, F) -> (C, moments of all)
    mean, deviation = flat.mean(1)[:, None], flat.std(1)[:, None] + 1e-6
    return Half(
        own_pace, mean, deviation, _draw_kernels(draw, [(x - mean) / deviation for x in found])
    )


def _features(
    halves: tuple[Half, Half], clips: Clips, skeleton: Skeleton, fps: float
) -> np.ndarray:
    """(2, N, D) of clips as they are and mirrored, four numbers a kernel."""
    width = 4 * sum(len(weights) for weights, _, _ in halves[0].kernels)
    found = np.empty((2, len(clips), len(halves) * width), np.float32)
    with tqdm(
        total=4 * len(clips), desc="random convolutions", unit="clip", mininterval=1.0, leave=False
    ) as bar:
        for (place, half), mirrored in itertools.product(enumerate(halves), (False, True)):
            for index, x in _channels(clips, skeleton, fps, half.own_pace, mirrored):
                found[int(mirrored), index, width * place : width * (place + 1)] = _pool(
                    (x - half.mean) / half.deviation, half.kernels
                )
                bar.update(len(index))
    return found


def _channels(
    clips: Clips, skeleton: Skeleton, fps: float, own_pace: bool, mirrored: bool = False
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Clips that have equally many moments, some at a time: their places (b,) and (b, C, moments) streams of all joints, and distances
    between the joints without a child, their parents and the root."""
    ends = set(range(len(skeleton))) - set(skeleton.parents)
    outer = sorted(ends | {skeleton.parents[joint] for joint in ends} | {skeleton.root})
    pairs = torch.tensor(list(itertools.combinations(outer, 2)))
    seconds = (clips.lengths - 1) / fps
    moments = (
        (RATE * seconds + 1).round().astype(int).clip(FEWEST, MOST)
        if own_pace
        else np.full(len(clips), MOMENTS)
    )
    for count in np.unique(moments):
        places = np.flatnonzero(moments == count)
        for index in np.split(places, range(BLOCK, len(places), BLOCK)):
            lengths = torch.as_tensor(clips.lengths[index])
            frames = smooth(torch.as_tensor(clips.gather(index)).float(), lengths)
            frames = standardise(
                flip(frames, skeleton.mirror) if mirrored else frames, lengths, skeleton
            )
            poses = gather_windows(
                frames, first_rows(lengths).double(), (lengths - 1).double(), int(count)
            )
            streams = to_streams(
                poses, torch.as_tensor(seconds[index]).float(), STREAMS, skeleton
            ).flatten(2)  # (b, F, J, 12) -> (b, F, J·12)
            distances = (poses[:, :, pairs[:, 0]] - poses[:, :, pairs[:, 1]]).norm(
                dim=-1
            )  # (b, F, pairs)
            yield index, torch.cat([streams, distances], dim=-1).transpose(1, 2)


def _draw_kernels(draw: np.random.Generator, seen: list[Tensor]) -> list[Kernel]:
    """Half of the kernels; each sees some channels, few more often than many, and its threshold is a random quantile of what it finds
    in clips (b, C, F)."""
    kernels, channels = [], seen[0].shape[1]
    for _ in range(KERNELS // 2 // TOGETHER):
        weights = np.zeros((TOGETHER, channels, WIDTH), np.float32)
        for kernel in weights:
            chosen = draw.choice(
                channels,
                int(2 ** draw.uniform(0, np.log2(min(channels, MOST_CHANNELS) + 1))),
                replace=False,
            )
            values = draw.normal(size=(len(chosen), WIDTH))
            kernel[chosen] = values - values.mean(1, keepdims=True)
        weights, dilation = (
            torch.as_tensor(weights),
            int(2 ** draw.uniform(0, np.log2((MOMENTS - 1) / (WIDTH - 1)))),
        )
        found = torch.cat(
            [_slide(x, weights, dilation).transpose(0, 1).flatten(1) for x in seen], dim=1
        )[:, ::3]  # (TOGETHER, n)
        places = torch.as_tensor(draw.uniform(0.1, 0.9, TOGETHER) * (found.shape[1] - 1)).long()
        kernels.append(
            (weights, dilation, found.sort(dim=1).values[torch.arange(TOGETHER), places])
        )
    return kernels


def _slide(x: Tensor, weights: Tensor, dilation: int) -> Tensor:
    """(b, C, F) -> (b, TOGETHER, F)."""
    return F.conv1d(x, weights, dilation=dilation, padding=dilation * (WIDTH // 2))


def _pool(x: Tensor, kernels: list[Kernel]) -> np.ndarray:
    """(b, C, F) -> (b, four times the kernels): of what each kernel finds the share above its threshold, the greatest and least value, the deviation."""
    found = []
    for weights, dilation, thresholds in kernels:
        values = _slide(x, weights, dilation)
        found += [
            (values > thresholds[:, None]).float().mean(-1),
            values.amax(-1),
            values.amin(-1),
            values.std(-1),
        ]
    return torch.cat(found, dim=1).numpy()

"""Stretches of a recording -> probabilities over time, by windows that slide over them.

A network that tells moments (`SpotNet`) asks its backbone about short windows of which every second
half is shared, so that it does its work twice and not once for every step. One that was trained on
clips
pools a whole window before it answers: its backbone sees the window's ends, so nothing of its work
can be shared, and every step costs a window.

Shapes: S steps, C classes; probabilities are (S, C + 1), the last column that nothing happens.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor
from tqdm.auto import tqdm

from mbnb.clips import pack
from mbnb.config import Config
from mbnb.detect.baseline import LinearNet
from mbnb.detect.stretches import Seen, Stretch
from mbnb.devices import mixed_precision
from mbnb.model.predict import Network
from mbnb.model.spotter import SpotNet
from mbnb.prepare.geometry import flip, gather_windows, standardise_equal
from mbnb.prepare.streams import fold, to_streams
from mbnb.skeleton import Skeleton

BATCH = 64  # windows at a time
LEAST = 1e-3  # added to deviations, that what never changes does not become large
BLOCK = 512  # windows of a network of clips that are prepared at a time


@dataclass(frozen=True)
class OverTime:
    """What is believed of each step of a recording.

    times: (S,) seconds, the middle of each step. step: seconds. values: (S, C + 1). Steps stand
    only where somebody is seen; `stretch` (S,) numbers the stretches that they are of.
    """

    times: np.ndarray
    values: np.ndarray
    stretch: np.ndarray
    step: float


def moment_seconds(config: Config) -> float:
    """How long a moment of SpotNet lasts."""
    return config.patch / config.rate


@torch.no_grad()
def slide_moments(
    model: SpotNet | LinearNet,
    seen: Seen,
    config: Config,
    skeleton: Skeleton,
    temperature: float = 1.0,
    mirror: Sequence[int] | None = None,
) -> OverTime:
    """Probabilities by a network of moments, (S, C + 1), a step a moment.

    mirror: the class that each becomes in a mirror; with it the mirrored body is asked, too.
    """
    step, parts = moment_seconds(config), []
    views = [(lambda pose: pose), lambda pose: flip(pose, skeleton.mirror)]
    model.eval()
    logits = []  # of each view, for each stretch
    for view in views[: 1 + (mirror is not None)]:
        said = [moments_of(model, one.frames, config, skeleton, view) for one in seen.stretches]
        logits.append([model(one[None])[0].cpu() for one in as_differences(said)])
    for stretch, (first, *others) in zip(seen.stretches, zip(*logits)):
        for other in others:
            first = (first + other[:, [*mirror, len(mirror)]]) / 2  # (S, C + 1)
        times = stretch.start + (np.arange(len(first)) + 0.5) * step
        parts.append((times, expit(first.numpy() / temperature)))
    return _joined(parts, step)


@torch.no_grad()
def moments_of(
    model: SpotNet | LinearNet,
    frames: Tensor,
    config: Config,
    skeleton: Skeleton,
    change: Callable[[Tensor], Tensor] = lambda pose: pose,
) -> Tensor:
    """What a network says of each moment of a stretch, (T, J, 3) -> (S, W) on its device.

    Of each window the middle half is taken, which has neighbours on both sides; windows overlap by
    half. `change`: what happens to standardised windows (B, F, J, 3) before they are looked at.
    """
    device = next(model.parameters()).device
    window, rate = config.moments, moment_seconds(config) * config.fps  # frames a moment
    count = max(1, round(len(frames) / rate))
    half, edge = window // 2, window // 4
    starts = torch.arange(0, count, half)  # of what is taken of each window
    # Beyond the ends, the first and the last pose are held.
    before = int(np.ceil(edge * rate))
    after = int(np.ceil((int(starts[-1]) + window) * rate)) - len(frames) + 1
    ends = (frames[:1].expand(before, -1, -1), frames[-1:].expand(max(0, after), -1, -1))
    frames = torch.cat([ends[0], frames, ends[1]]).to(device)
    samples = window * config.patch
    said = []
    for some in starts.split(BATCH):
        first = ((some - edge) * rate + before).double().to(device)
        span = torch.full_like(first, (window - 1 / config.patch) * rate)
        pose = standardise_equal(gather_windows(frames, first, span, samples), skeleton)
        x = to_streams(change(pose), (span / config.fps).float(), config.streams, skeleton)
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed_precision(config, device)):
            seen = model.moments(fold(x, config.patch))  # (B, F, W)
        said.append(seen[:, edge : edge + half].flatten(0, 1))
    return torch.cat(said)[:count]


def as_differences(said: Sequence[Tensor]) -> list[Tensor]:
    """What is said of moments (S, W), as differences from what is usual in one recording.

    said: of all its stretches. Each number gets a mean of 0 and a deviation of 1 over them: how
    somebody is built and sits says nothing of what they do.
    """
    if not said:
        return []
    every = torch.cat(list(said)).float()
    mean, deviation = every.mean(0), every.std(0, correction=0)
    return [(one.float() - mean) / (deviation + LEAST) for one in said]


def slide_clips(
    network: Network, seen: Seen, window: float, stride: float, rests: bool = True
) -> OverTime:
    """Probabilities by a network of clips, of windows as long as its clips are, (S, C + 1).

    A class of the table whose region is 'nothing' is what happens where nothing does; without one,
    or without `rests`, `nothing` stays empty (NaN): see `rest.py`.
    """
    config, classes = network.trained.config, network.classes
    idle = [i for i, region in enumerate(classes.regions) if region == "nothing"]
    acts = [i for i in range(len(classes)) if i not in idle]
    parts = []
    for stretch in seen.stretches:
        times, answers = [], []
        for middles, clips in tqdm(
            list(_windows(stretch, config.fps, window, stride)), "windows", delay=3, leave=False
        ):
            names = [str(i) for i in range(len(clips))]
            answers.append(network.answer(pack(clips, names, [-1] * len(clips), names)))
            times.append(middles)
        answer = np.concatenate(answers)
        nothing, acting = answer[:, idle].sum(1), answer[:, acts]
        if not (idle and rests):
            nothing = np.full(len(answer), np.nan)
            acting = acting / acting.sum(1, keepdims=True)
        parts.append((np.concatenate(times), np.column_stack([acting, nothing])))
    return _joined(parts, stride)


def _windows(
    stretch: Stretch, fps: float, window: float, stride: float
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """The middles of some windows in seconds, and their frames; at the ends they are shorter."""
    frames = stretch.frames.numpy()
    middles = (np.arange(max(1, round(len(frames) / fps / stride))) + 0.5) * stride
    half = window / 2 * fps
    for some in np.split(middles, np.arange(BLOCK, len(middles), BLOCK)):
        edges = [(round(m * fps - half), round(m * fps + half)) for m in some]
        clips = [frames[max(0, a) : max(max(0, a) + 2, b)] for a, b in edges]
        yield stretch.start + some, [clip if len(clip) > 1 else frames[-2:] for clip in clips]


def _joined(parts: Sequence[tuple[np.ndarray, np.ndarray]], step: float) -> OverTime:
    if not parts:
        return OverTime(np.zeros(0), np.zeros((0, 0)), np.zeros(0, int), step)
    number = np.repeat(np.arange(len(parts)), [len(times) for times, _ in parts])
    times, values = (np.concatenate(ones) for ones in zip(*parts))
    return OverTime(times, values.astype(np.float32), number, step)

"""Nothing told from something by a network that has seen clips alone.

A network of clips answers of any window as if something happened there. Where its class table has
a class of nothing, that tells rests. Else it is told by how much is moved: against the calmest
tenth of the same recording, since people and sensors differ. That takes a person who rests now and
then, and every movement for something.

Windows also cut movements in the middle. So what is between two rests is shown to the network a
second time, as the clip that it is.
"""

from dataclasses import replace

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.special import expit

from mbnb.clips import pack
from mbnb.config import Config
from mbnb.detect.decode import Decoding, runs, smoothed
from mbnb.detect.slide import OverTime
from mbnb.detect.stretches import Seen
from mbnb.model.predict import Network
from mbnb.skeleton import Skeleton

CALM = 10  # per cent of a recording's steps that are taken to be calmer than the rest level
SOMETHING, SHARPNESS = 1.8, 0.2  # times the rest level at which it is even odds; in logarithms
SECONDS = 0.5  # over which movement is averaged
FINGERS = 3  # joints, the fastest, that count: micro-actions are of a limb


def with_rests(over: OverTime, seen: Seen, config: Config, skeleton: Skeleton) -> OverTime:
    """Where `nothing` is empty, by movement; classes become the less probable the calmer it is."""
    if not np.isnan(over.values[:, -1]).any():
        return over
    energy = np.concatenate(
        [
            _energy(stretch.frames.numpy(), config, skeleton, over, number, stretch.start)
            for number, stretch in enumerate(seen.stretches)
        ]
    )  # (S,)
    ratio = energy / max(np.percentile(energy, CALM), 1e-9)
    something = expit((np.log(ratio.clip(1e-9)) - np.log(SOMETHING)) / SHARPNESS)
    values = over.values * something[:, None]
    values[:, -1] = 1 - something
    return replace(over, values=values.astype(np.float32))


def _energy(
    frames: np.ndarray,
    config: Config,
    skeleton: Skeleton,
    over: OverTime,
    number: int,
    start: float,
) -> np.ndarray:
    """(S,) trunks a second that the fastest joints move from the pelvis, around each step."""
    body = frames - frames[:, [skeleton.root]]
    pelvis, neck = skeleton.index("Pelvis", "Neck")
    trunk = np.median(np.linalg.norm(body[:, neck] - body[:, pelvis], axis=-1))
    speed = np.linalg.norm(np.diff(body, axis=0, append=body[-1:]), axis=-1) * config.fps / trunk
    fastest = np.sort(uniform_filter1d(speed, round(SECONDS * config.fps), axis=0), axis=1)
    moments = ((over.times[over.stretch == number] - start) * config.fps).round().astype(int)
    return fastest[moments.clip(0, len(body) - 1), -FINGERS:].mean(1)


def by_segments(network: Network, seen: Seen, over: OverTime, decoding: Decoding) -> OverTime:
    """The same, where something happens by what the network says of all of that as one clip."""
    values, fps = over.values.copy(), network.trained.config.fps
    acts = [i for i, region in enumerate(network.classes.regions) if region != "nothing"]
    clips, spans = [], []
    for number, stretch in enumerate(seen.stretches):
        rows = np.flatnonzero(over.stretch == number)
        something = 1 - smoothed(over.values[rows], decoding, over.step)[:, -1]
        gap, shortest = decoding.gap / over.step, decoding.shortest / over.step
        for first, stop in runs(something, 0.5, 0.5, gap, shortest):
            edges = (over.times[rows[[first, stop - 1]]] - stretch.start) * fps
            half = over.step / 2 * fps
            a, b = max(0, round(edges[0] - half)), round(edges[1] + half)
            clips.append(stretch.frames.numpy()[a : max(a + 2, b)])
            spans.append((rows[first], rows[stop - 1] + 1))
    if not clips:
        return over
    names = [str(i) for i in range(len(clips))]
    answers = network.answer(pack(clips, names, [-1] * len(clips), names))[:, acts]
    for (first, stop), answer in zip(spans, answers / answers.sum(1, keepdims=True)):
        values[first:stop, :-1] = answer
        values[first:stop, -1] = values[first:stop, -1].min()
    outside = np.ones(len(values), bool)
    for first, stop in spans:
        outside[first:stop] = False
    values[outside, :-1] = 0
    return replace(over, values=values)

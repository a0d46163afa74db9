"""Augmentation: what happens to a training clip, drawn anew each time it is seen.

All that is drawn for the clips of a batch stands in one `Draws`, each part by its name, so that
what is drawn and what is done with it can be read apart, and processes that share a batch draw
the same.
"""

import dataclasses
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mbnb.config import Config
from mbnb.prepare.geometry import gather_windows, limb_scales, reshape_bodies, turns
from mbnb.skeleton import Skeleton

LIMB_SCALE = 0.1  # bones of a training clip are up to this share longer or shorter
TILT = 0.25  # turns about the two horizontal axes, as a share of those about the vertical
NOISE_ROWS = 1 << 12  # rows of noise drawn for an epoch; each clip takes its own from a random row


@dataclass(frozen=True)
class Draws:
    """What happens to each of B clips.

    start, span: (B,) the window, its first frame in the clip and its length, both fractional.
    seconds: (B,) what the window lasts: the same movement, faster or slower.
    mirrored: (B,) bool, whether left and right are exchanged.
    limbs: (B, J, J) mixes the joints so that bones change their lengths, and sides where mirrored.
    turn: (B, 3, 3) turns a column (x, y, z).
    noise: (B,) the strength of the sensor's noise; noise_row: (B,) where in the noise it begins.
    """

    start: Tensor
    span: Tensor
    seconds: Tensor
    mirrored: Tensor
    limbs: Tensor
    turn: Tensor
    noise: Tensor
    noise_row: Tensor

    def __getitem__(self, rows: Tensor | slice) -> "Draws":
        """Of the clips at `rows`."""
        return Draws(**{f.name: getattr(self, f.name)[rows] for f in dataclasses.fields(self)})


def draw(
    spans: Tensor, config: Config, skeleton: Skeleton, mirror: bool, generator: torch.Generator
) -> Draws:
    """Draw for clips of `spans` (B,) frames; with `mirror`, half of them are mirrored."""
    count, device = len(spans), spans.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, dtype=torch.float64, device=device, generator=generator)

    share = 1 - config.stretch * uniform(count)
    start, tempo = uniform(count), 2 * uniform(count) - 1
    angles = math.radians(config.rotate) * (2 * uniform(count, 3) - 1)
    turn = turns((angles * torch.tensor([1, TILT, TILT], device=device)).float())
    sides = torch.tensor(skeleton.mirror, device=device)
    factors = 1 + LIMB_SCALE * (2 * uniform(count, len(skeleton)) - 1)
    factors = ((factors + factors[:, sides]) / 2).float()  # both sides alike
    limbs = limb_scales(factors, skeleton)
    mirrored = (uniform(count) < 0.5) & mirror
    limbs = torch.where(mirrored[:, None, None], limbs[:, sides], limbs)
    turn[:, 0] *= (1 - 2 * mirrored.float())[:, None]  # x changes its sign
    strength = config.noise * torch.randn(count, device=device, generator=generator)
    return Draws(
        start=spans * (1 - share) * start,
        span=spans * share,
        seconds=spans * share * (1 + config.stretch * tempo) / config.fps,
        mirrored=mirrored,
        limbs=limbs,
        turn=turn,
        noise=strength,
        noise_row=((NOISE_ROWS - config.clip_len) * uniform(count)).long(),
    )


def draw_noise(skeleton: Skeleton, device: torch.device, generator: torch.Generator) -> Tensor:
    """(NOISE_ROWS, J·3) of unit strength, for an epoch."""
    width = 3 * len(skeleton)
    return torch.randn(NOISE_ROWS, width, device=device, generator=generator)


def augment(frames: Tensor, starts: Tensor, count: int, draws: Draws, noise: Tensor) -> Tensor:
    """Do what was drawn to clips that begin at `starts` (B,): -> (B, count, J, 3).

    frames (sum T, J, 3) are standardised, noise comes from `draw_noise`.
    """
    pose = gather_windows(frames, starts + draws.start, draws.span, count)
    pose = reshape_bodies(pose, draws.limbs, draws.turn)
    rows = draws.noise_row[:, None] + torch.arange(count, device=frames.device)  # (B, count)
    pose.flatten(2).addcmul_(F.embedding(rows, noise), draws.noise[:, None, None])
    return pose

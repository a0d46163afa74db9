"""Corruption: what detectors of 2D joints do to them, as MotionBERT's pretraining imitates it.

Zhu et al., ICCV 2023, with the noise that its authors measured of a detector
(`tables/detector_noise.csv`, in half widths of the picture). All that is drawn stands in `Noise`
and `Mask`, so that what is drawn and what is done with it can be read apart.

Shapes: B clips, F frames, J joints.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from mbnb.files import TABLES, read_table

KEY_FRAMES = 27  # at which a joint's error is drawn; between them it is interpolated
OUTLIERS = 0.06  # width of the uniform errors of detections that went wrong
JITTER = 0.002  # deviation of the error that each frame adds
# A joint that is d off its place is believed with a / (d + a) + b d + a normal error.
BELIEF_A, BELIEF_B, BELIEF_MEAN, BELIEF_DEVIATION = 0.028, 1.1, -0.004585696384310722, 0.14310568571
JOINTS_HIDDEN, FRAMES_HIDDEN = 0.05, 0.1  # shares


@dataclass(frozen=True)
class Noise:
    """Draws of the errors of B clips.

    chosen: (B, K, J, 1) uniform, which of both kinds an error is. normal: (B, K, J, 2) standard
    normal. uniform: (B, K, J, 2) in [0, 1). jitter: (B or 1, F, J, 2) and belief: (B, F, J),
    standard normal.
    """

    chosen: Tensor
    normal: Tensor
    uniform: Tensor
    jitter: Tensor
    belief: Tensor


@dataclass(frozen=True)
class Mask:
    """Draws of what is hidden: joints (B, F, J, 1) and frames (B or 1, F, 1, 1), uniform."""

    joints: Tensor
    frames: Tensor


@lru_cache
def detector_noise(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Means (17, 2), deviations (17, 2) and shares (17, 1) of the normal errors."""
    columns = ("mean_x", "mean_y", "deviation_x", "deviation_y", "gaussian_share")
    rows = read_table(TABLES / "detector_noise.csv", columns)
    numbers = torch.tensor([[float(row[name]) for name in columns] for _, row in rows])
    return tuple(part.to(device) for part in numbers.split([2, 2, 1], dim=1))


def draw_noise(
    clips: int, frames: int, joints: int, generator: torch.Generator, shared: bool = False
) -> Noise:
    """Draw on the generator's device; `shared`: all clips get the same jitter, as in parity."""
    device = generator.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, device=device, generator=generator)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, device=device, generator=generator)

    return Noise(
        chosen=uniform(clips, KEY_FRAMES, joints, 1),
        normal=normal(clips, KEY_FRAMES, joints, 2),
        uniform=uniform(clips, KEY_FRAMES, joints, 2),
        jitter=normal(1 if shared else clips, frames, joints, 2),
        belief=normal(clips, frames, joints),
    )


def draw_mask(
    clips: int, frames: int, joints: int, generator: torch.Generator, shared: bool = False
) -> Mask:
    """Draw on the generator's device; `shared`: the same frames of all clips, as in parity."""
    device = generator.device
    return Mask(
        joints=torch.rand((clips, frames, joints, 1), device=device, generator=generator),
        frames=torch.rand(
            (1 if shared else clips, frames, 1, 1), device=device, generator=generator
        ),
    )


def detect(places: Tensor, noise: Noise) -> Tensor:
    """True places (B, F, J, 2 or more) -> detected ones with confidence (B, F, J, 3)."""
    mean, deviation, share = detector_noise(places.device)
    normal = noise.normal * deviation + mean
    outlier = OUTLIERS * (noise.uniform - 0.5)
    keys = torch.where(noise.chosen < share, normal, outlier)  # (B, K, J, 2)
    error = _between(keys, places.shape[1]) + JITTER * noise.jitter
    distance = error.norm(dim=-1)  # (B, F, J)
    belief = confidence(distance) + BELIEF_DEVIATION * noise.belief
    return torch.cat([places[..., :2] + error, belief.clamp(0, 1)[..., None]], dim=-1)


def confidence(distance: Tensor) -> Tensor:
    """How much joints are believed that are `distance` off, in the mean and before clipping."""
    return BELIEF_A / (distance + BELIEF_A) + BELIEF_B * distance + BELIEF_MEAN


def hide(
    x: Tensor, mask: Mask, joints: float = JOINTS_HIDDEN, frames: float = FRAMES_HIDDEN
) -> Tensor:
    """(B, F, J, C) with some joints and whole frames set to zero."""
    return x * (mask.joints > joints) * (mask.frames > frames)


def _between(keys: Tensor, frames: int) -> Tensor:
    """(B, K, J, 2) -> (B, frames, J, 2): linear in time, the ends on the ends."""
    rows = keys.flatten(2).transpose(1, 2)  # (B, K, J, 2) -> (B, J·2, K)
    rows = F.interpolate(rows, size=frames, mode="linear", align_corners=True)
    return rows.transpose(1, 2).unflatten(2, keys.shape[2:])  # -> (B, frames, J, 2)

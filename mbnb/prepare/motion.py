"""What a pretraining sees: windows of movement, corrupted, beside the true poses.

The default sees each window as a model of actions does (streams, patches of frames), from any side:
half of them flat, as a detector sees a picture, the others in depth with a sensor's noise; joints
and moments are hidden. `ParityMotion` does what MotionBERT's pretraining does.

Shapes: B windows, F frames, J joints, P frames of a patch.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.data.sources import METRES
from mbnb.files import InputError
from mbnb.prepare.augment import draw
from mbnb.prepare.cameras import draw_cameras
from mbnb.prepare.corrupt import detect, draw_mask, draw_noise, hide
from mbnb.prepare.geometry import (
    flip,
    gather_windows,
    reshape_bodies,
    standardise,
    standardise_flat,
)
from mbnb.prepare.parity import epoch_generator
from mbnb.prepare.streams import fold, to_streams
from mbnb.prepare.style import restyle
from mbnb.prepare.windows import parity_windows
from mbnb.skeleton import Skeleton

FLAT = 0.5  # share of the windows that are seen in a picture, without depth
HALF_PICTURE = 4.0  # lengths of a trunk that half a picture is wide, for a detector's errors
WOBBLE = 0.06  # largest deviation of a depth sensor's slow errors, in lengths of a trunk
HIDDEN = 0.2  # largest share of joints, and of moments, that are hidden in a window
WHOLE = 0.4  # share of the windows of which no joint is hidden, and of those with every moment
ALIKE = 4  # windows of a clip in a batch of which each is to be known again
CUT, TEMPO = 0.3, 0.2  # largest share that is cut off a twin, and by which it is faster or slower
OF_TWINS = 0.05  # share of joints, and of moments, that are hidden in twins
FEWEST = 24  # frames of the shortest windows


@dataclass(frozen=True)
class Twins:
    """Further looks at a batch's windows, two at each, in two styles.

    x: (V, F / P, J, C). same: (V,) of the whole batch, equal where the window is the same.
    """

    x: Tensor
    same: Tensor


@dataclass(frozen=True)
class Windows:
    """One batch: x, what the model sees, (B, F / P, J, C); true (B, F, J, 3) relative to the root.

    flat: (B,) bool, seen without depth: how far away the root is cannot be told.
    weight: (B, F, J) what joints count whose depth nobody knows; None where it is known.
    """

    x: Tensor
    true: Tensor
    flat: Tensor
    weight: Tensor | None = None
    twins: Twins | None = None


class MotionRecipe:
    """Windows of unlabelled clips, drawn anew in each epoch, each clip as often as it is long.

    `flat` is the share of the windows that are seen without depth. With `contrast` a batch has
    `ALIKE` windows of each clip, two looks at each in two styles, and the poses of every second.
    """

    def __init__(
        self,
        clips: Clips,
        config: Config,
        skeleton: Skeleton,
        device: torch.device,
        flat: float = FLAT,
        contrast: bool = False,
    ):
        self.config, self.skeleton, self.device = config, skeleton, device
        self.flat, self.contrast = flat, contrast
        self.frames = torch.as_tensor(clips.gather(), device=device)
        lengths = torch.as_tensor(clips.lengths, device=device)
        self.starts, self.lengths = lengths.cumsum(0) - lengths, lengths
        self.longest = config.clip_len - config.clip_len % config.patch
        span = self.longest / config.rate * config.fps
        counts = (lengths / span).ceil().long()
        self.clip_of = torch.arange(len(clips), device=device).repeat_interleave(counts)

    def __len__(self) -> int:
        return len(self.clip_of)

    def training_batches(
        self, indices: Iterable[Tensor], rank: int = 0, world: int = 1
    ) -> Iterator[Windows]:
        """Corrupted windows; all processes draw for whole batches, then each takes its share."""
        generator = epoch_generator(self.device)
        for index in indices:
            if self.contrast:  # windows of one clip are the hardest to tell apart
                index = index[: -(-len(index) // ALIKE)].repeat_interleave(ALIKE)[: len(index)]
            clip = self.clip_of[index.to(self.device)]
            frames = draw_frames(self.longest, self.config.patch, generator)
            spans = (self.lengths[clip] - 1).double()
            asked = (frames - 1) / self.config.rate * self.config.fps
            draws = draw(spans.clamp_max(asked), self.config, self.skeleton, True, generator)
            shift = torch.rand(len(clip), device=self.device, generator=generator).double()
            starts = self.starts[clip] + draws.start
            starts += (spans - draws.start - draws.span).clamp_min(0) * shift
            pose = gather_windows(self.frames, starts, draws.span, frames)
            lengths = torch.full((len(clip),), frames, device=self.device)
            flat_rows = standardise(pose.flatten(0, 1), lengths, self.skeleton)
            pose = flat_rows.unflatten(0, (-1, frames))  # (B·F, J, 3) -> (B, F, J, 3)
            pose = reshape_bodies(pose, draws.limbs, draws.turn)
            seconds, twins = draws.seconds.float(), None
            if self.contrast:
                twins = self._twins(pose, seconds, generator)
                twins = Twins(twins.x[rank::world], twins.same)
                pose, seconds = pose[::2], seconds[::2]
            batch = self._corrupt(pose, seconds, generator)
            x, true, flat = (part[rank::world] for part in (batch.x, batch.true, batch.flat))
            yield Windows(x, true, flat, twins=twins)

    def _twins(self, pose: Tensor, seconds: Tensor, generator: torch.Generator) -> Twins:
        """Windows (B, F, J, 3) seen twice: cut, in another style and body, turned, with errors."""
        count, frames = pose.shape[:2]

        def uniform() -> Tensor:
            return torch.rand(2 * count, device=self.device, generator=generator)

        both = restyle(torch.cat([pose, pose]), self.skeleton, generator)
        whole = torch.ones(2 * count, dtype=torch.float64, device=self.device)
        draws = draw(whole, self.config, self.skeleton, False, generator)
        both = reshape_bodies(both, draws.limbs, draws.turn)
        share = 1 - CUT * uniform()
        first = frames * torch.arange(2 * count, device=self.device)
        starts = first + (1 - share) * uniform() * (frames - 1)
        both = gather_windows(both.flatten(0, 1), starts, share * (frames - 1), frames)
        both = both + 0.5 * self._sensor_noise(both, generator)
        seconds = torch.cat([seconds, seconds]) * share * (1 + TEMPO * (2 * uniform() - 1))
        x = fold(to_streams(both, seconds, self.config.streams, self.skeleton), self.config.patch)
        mask = draw_mask(2 * count, x.shape[1], len(self.skeleton), generator)
        same = torch.arange(count, device=self.device).repeat(2)
        return Twins(hide(x, mask, OF_TWINS, OF_TWINS), same)

    def _corrupt(self, pose: Tensor, seconds: Tensor, generator: torch.Generator) -> Windows:
        count, frames, joints = pose.shape[:3]
        flat = torch.rand(count, device=self.device, generator=generator) < self.flat
        cameras = draw_cameras(count, generator)
        seen = torch.where(flat[:, None, None, None], cameras.see(pose), pose)
        noise = draw_noise(count, frames, joints, generator)
        picture = detect(cameras.project(seen) / HALF_PICTURE, noise)[..., :2]
        picture = standardise_flat(picture, self.skeleton)
        shapeless = torch.zeros_like(picture[..., :1])
        poor = torch.where(
            flat[:, None, None, None],
            torch.cat([picture, shapeless], dim=-1),
            seen + self._sensor_noise(seen, generator),
        )
        x = fold(to_streams(poor, seconds, self.config.streams, self.skeleton), self.config.patch)
        mask = draw_mask(count, x.shape[1], joints, generator)
        shares = torch.rand(2, count, 1, 1, 1, device=self.device, generator=generator)
        shares = HIDDEN * ((shares - WHOLE) / (1 - WHOLE)).clamp_min(0)
        true = seen - seen[:, :, self.skeleton.root, None]
        return Windows(hide(x, mask, *shares), true, flat)

    def _sensor_noise(self, pose: Tensor, generator: torch.Generator) -> Tensor:
        """Errors that drift and tremble, (B, F, J, 3), as strong as each window happens to get."""
        count, frames, joints = pose.shape[:3]

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, device=self.device, generator=generator)

        keys = normal(count, 3 * joints, max(2, frames // 4))
        drift = F.interpolate(keys, size=frames, mode="linear", align_corners=True)
        drift = drift.transpose(1, 2).unflatten(2, (joints, 3))  # (B, J·3, F) -> (B, F, J, 3)
        strength = torch.rand(count, 1, 1, 1, device=self.device, generator=generator)
        return WOBBLE * strength * (drift + 0.3 * normal(count, frames, joints, 3))


def draw_frames(longest: int, patch: int, generator: torch.Generator) -> int:
    """How many frames the windows of a batch have, whole patches of them."""
    fewest = min(longest, -(-FEWEST // patch) * patch)
    choices = (longest - fewest) // patch + 1
    drawn = torch.randint(choices, (), device=generator.device, generator=generator)
    return fewest + patch * int(drawn)


class ParityMotion:
    """MotionBERT's pretraining and lifting: windows of `clip_len`, half of them mirrored.

    x is (B, F, J, 3): x, y and a confidence, made of the true pose with a detector's errors, or
    `detected` by name of a clip where the settings say so; true in the same unit, of which a metre
    is `METRES`, relative to the root, or to its depth in the first frame.
    """

    STRIDE = 81

    def __init__(
        self,
        clips: Clips,
        config: Config,
        skeleton: Skeleton,
        device: torch.device,
        detected: Mapping[str, np.ndarray] | None = None,
    ):
        self.config, self.skeleton, self.device = config, skeleton, device
        names = [i for i, length in enumerate(clips.lengths.tolist()) for _ in range(length)]
        generator = torch.Generator().manual_seed(0)
        shape = len(clips), config.clip_len
        coins = torch.randint(2, shape, generator=generator)
        rows = parity_windows(names, config.clip_len, self.STRIDE, coins)
        self.frames = torch.as_tensor(clips.gather(), device=device)
        self.clip_of = torch.tensor(names, device=device)[rows[:, 0].to(device)]
        self.rows = rows.to(device)  # (W, F); windows overlap, so their frames stay where they are
        self.detected = None
        if not (config.synthetic or config.gt_2d):
            self.detected = self._detected(clips, detected or {})

    def __len__(self) -> int:
        return len(self.rows)

    def _detected(self, clips: Clips, detected: Mapping[str, np.ndarray]) -> Tensor:
        """(sum T, J, 3) what was detected. Raises InputError for clips of which nothing was."""
        missing = [name for name in clips.names if name not in detected]
        if missing:
            raise InputError(
                f"{len(missing)} clips have no detected 2D joints, {missing[0]} the first, which "
                f"synthetic: false asks for; give synthetic: true to make them of the 3D ones"
            )
        found = np.concatenate([detected[name] for name in clips.names])
        return torch.as_tensor(found, dtype=torch.float32, device=self.device)

    def training_batches(
        self, indices: Iterable[Tensor], rank: int = 0, world: int = 1
    ) -> Iterator[Windows]:
        """Corrupted windows; the jitter and the hidden frames are the same in a whole batch."""
        generator = epoch_generator(self.device)
        for index in indices:
            rows = self.rows[index.to(self.device)]
            pose = METRES * self.frames[rows]  # (B, F, J, 3)
            x = torch.cat([pose[..., :2], torch.ones_like(pose[..., :1])], dim=-1)
            x = x if self.detected is None else self.detected[rows]
            if self.config.flip:
                both = torch.stack([x, pose])  # (2, B, F, J, 3)
                x, pose = flip_half(both, self.skeleton, generator)
            x = spoil(x, self.config, generator)
            flat = torch.ones(len(pose), dtype=torch.bool, device=self.device)
            true = lifting_target(pose, self.config.rootrel, self.skeleton.root)
            yield Windows(x[rank::world], true[rank::world], flat[rank::world])


def flip_half(pose: Tensor, skeleton: Skeleton, generator: torch.Generator) -> Tensor:
    """Windows (..., B, F, J, 3), of which each is mirrored or not by a coin of its own."""
    coins = torch.rand(pose.shape[-4], device=pose.device, generator=generator)
    return torch.where(coins[:, None, None, None] > 0.5, flip(pose, skeleton.mirror), pose)


def lifting_target(pose: Tensor, root_relative: bool, root: int = 0) -> Tensor:
    """What MotionBERT lifts to, of poses (B, F, J, 3).

    Relative to the root of each frame, or "global": depth from the root's in the first frame.
    """
    if root_relative:
        return pose - pose[:, :, root, None]
    return torch.cat([pose[..., :2], pose[..., 2:] - pose[:, :1, root, None, 2:]], dim=-1)


def spoil(x: Tensor, config: Config, generator: torch.Generator, noisy: bool = True) -> Tensor:
    """Joints (B, F, J, 3) with a detector's errors and masks, as the settings of parity say.

    The jitter and the hidden frames are the same in the whole batch. Not `noisy` is what a detector
    saw already.
    """
    shape = x.shape[:3]
    if noisy and config.noise:
        x = detect(x, draw_noise(*shape, generator, shared=True))
    if config.mask_ratio or config.mask_T_ratio:
        mask = draw_mask(*shape, generator, shared=True)
        x = hide(x, mask, config.mask_ratio, config.mask_T_ratio)
    return x

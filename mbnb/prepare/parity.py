"""The parity recipe: what MotionBERT's action training does to a clip, its faults included.

Per-axis normalisation, z taken for a confidence and clipped, an all-zero second person, clips
resampled once, and movements that pile up in the stored clips epoch after epoch. The default
recipe does better; this one exists to agree with the original to the last digit.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.prepare.geometry import flip
from mbnb.skeleton import Skeleton

Parts = list[Tensor]
# Least and greatest size of a clip's frame beside the body, where it is not trained on.
TEST_SCALES = [2.0, 2.0]


class ParityRecipe:
    """Clips of equal length on the device; a batch is one part, (B, 2, clip_len, J, 3)."""

    def __init__(
        self,
        clips: Clips,
        config: Config,
        skeleton: Skeleton,
        device: torch.device,
        training: bool = False,
    ):
        self.config = config
        self.root, poses = skeleton.root, []
        for clip in clips:
            resample = drawn_index if training else resample_index
            index = resample(len(clip), config.clip_len)
            poses.append(self.people(torch.as_tensor(clip, dtype=torch.float32))[:, index])
        self.poses = torch.stack(poses).to(device)  # (N, 2, F, J, 3)
        self.labels = torch.as_tensor(clips.labels, device=device)
        self.frames_of = torch.full((len(clips),), config.clip_len)

    def __len__(self) -> int:
        return len(self.labels)

    def people(self, pose: Tensor) -> Tensor:
        """A clip as it is stored (T, J, 3) -> both persons (2, T, J, 3), the second one empty."""
        return with_empty_person(normalize_axes(pose, self.root))

    def test_batches(self, indices: Iterable[Tensor]) -> Iterator[Parts]:
        """The clips at each of `indices` (B,)."""
        for ((pose, ratios),) in self.test_poses(indices):
            yield [self.see(pose, ratios)]

    def test_poses(self, indices: Iterable[Tensor]) -> Iterator[list[tuple[Tensor, Tensor]]]:
        """Before `see`: poses (B, F, J, 3), and how much larger than the body its box is (B,)."""
        for index in indices:
            yield [(self.poses[index, 0], self._ratios(len(index), TEST_SCALES))]

    def see(self, pose: Tensor, ratios: Tensor) -> Tensor:
        """Poses (B, F, J, 3) -> what the model sees (B, 2, F, J, 3), the second person empty."""
        return crop_scale(with_empty_person(pose), ratios)

    def training_batches(
        self, indices: Iterable[Tensor], rank: int = 0, world: int = 1
    ) -> Iterator[tuple[Parts, Tensor]]:
        """Moved clips; the stored clips stay moved.

        Comes with the labels (B,) of the whole batch, of which the part holds every `world`-th
        clip from `rank` on.
        """
        generator = epoch_generator(self.poses.device)
        for index in indices:
            if self.config.random_move:
                self.poses[index] = drawn_move(self.poses[index], generator)
            ratios = self._ratios(len(index), self.config.scale_range_train, generator)
            part = crop_scale(self.poses[index[rank::world]], ratios[rank::world])
            yield [part], self.labels[index]

    def _ratios(
        self, count: int, bounds: list[float], generator: torch.Generator | None = None
    ) -> Tensor:
        ratios = torch.empty(count, device=generator.device if generator else self.labels.device)
        return ratios.uniform_(min(bounds), max(bounds), generator=generator)


def epoch_generator(device: torch.device) -> torch.Generator:
    """A random generator for an epoch's clips, seeded from torch's state.

    What a model draws meanwhile, in each process something else, does not change what happens to
    clips.
    """
    return torch.Generator(device).manual_seed(int(torch.randint(2**62, ())))


def normalize_axes(pose: Tensor, root: int = 0) -> Tensor:
    """(..., T, J, 3): root at the origin in every frame, each axis divided by its own deviation."""
    pose = pose - pose[..., root : root + 1, :]
    return pose / pose.std(dim=(-3, -2), correction=0, keepdim=True).clamp_min(1e-8)


def resample_index(length: int, frames: int) -> Tensor:
    """(frames,) positions floor(k·length / frames) that stretch or thin out a clip evenly.

    The quotient is rounded first, as the original does: of some lengths a position is one less.
    """
    return (torch.arange(frames, dtype=torch.float64) * (length / frames)).floor().long()


def random_resample_index(length: int, frames: int, draws: Tensor) -> Tensor:
    """(frames,) random positions in a clip of `length` frames.

    `draws` (frames,) holds coins (1 floor, 0 ceil) for short clips and uniforms in [0, 1) for
    clips of at least `frames` frames.
    """
    even = torch.arange(frames, dtype=torch.float64) * (length / frames)
    if length >= frames:
        index = even + draws.to(torch.float64) * length / frames
    else:
        index = torch.where(draws.bool(), even.floor(), even.ceil()).sort().values
    return index.clamp(0, length - 1).long()


def drawn_index(length: int, frames: int, generator: torch.Generator | None = None) -> Tensor:
    """(frames,) random positions, as `random_resample_index` has them, drawn anew."""
    uniform = torch.rand(frames, generator=generator)
    draws = uniform if length >= frames else uniform < 0.5
    return random_resample_index(length, frames, draws)


def replay_index(length: int, frames: int, start: int = 0) -> Tensor:
    """(frames,) positions that play a short clip again and again, or cut a long one at `start`."""
    rows = torch.arange(frames)
    return start + rows if length > frames else rows % length


def with_empty_person(pose: Tensor) -> Tensor:
    """(..., T, J, 3) -> (..., 2, T, J, 3), the second person all zeros."""
    return torch.stack([pose, torch.zeros_like(pose)], dim=-4)


def random_move(pose: Tensor, angle: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Turn, scale and shift x and y of (B, M, T, J, 3), linearly from first to last frame.

    angle (B, 2) in radians, scale (B, 2), shift (B, 2, 2) as (x or y, end).
    """
    time = torch.linspace(0, 1, pose.shape[-3], dtype=pose.dtype, device=pose.device)
    angle, scale, shift = (
        ends[..., :1] + (ends[..., 1:] - ends[..., :1]) * time for ends in (angle, scale, shift)
    )  # (B, T), (B, T), (B, 2, T)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)
    turn = torch.stack(rows, -2)  # (B, T, 2, 2)
    xy = torch.einsum("btdc,bmtjc->bmtjd", turn, pose[..., :2])
    xy = xy + shift.transpose(1, 2)[:, None, :, None]  # (B, 2, T) -> (B, 1, T, 1, 2)
    return torch.cat([xy, pose[..., 2:]], dim=-1)


def drawn_move(pose: Tensor, generator: torch.Generator) -> Tensor:
    """Clips (B, M, T, J, 3) moved by what is drawn: up to ±10°, 0.9 to 1.1 as large, ±0.1."""
    shape = 4, len(pose), 2
    ends = torch.rand(shape, device=pose.device, generator=generator) * 2 - 1
    shift = 0.1 * ends[2:].transpose(0, 1)  # (2, B, 2) -> (B, 2, 2)
    return random_move(pose, math.radians(10) * ends[0], 1 + 0.1 * ends[1], shift)


def crop_scale(pose: Tensor, ratio: Tensor) -> Tensor:
    """Map x and y of (B, M, T, J, 3) so that the box around the body, enlarged, fills [-1, 1].

    The box is around all points with z ≠ 0, `ratio` (B,) times as large; then all three channels
    are clipped to [-1, 1]. All zeros for clips with fewer than 4 such points or an empty box.
    """
    valid = (pose[..., 2] != 0).flatten(1)  # (B, M·T·J)
    xy = pose[..., :2].flatten(1, 3)  # (B, M·T·J, 2)
    low = xy.masked_fill(~valid[..., None], torch.inf).amin(1)  # (B, 2)
    high = xy.masked_fill(~valid[..., None], -torch.inf).amax(1)
    size = (high - low).amax(-1) * ratio  # (B,)
    usable = (valid.sum(1) >= 4) & (size > 0)
    low, high = (torch.where(usable[:, None], corner, 1.0) for corner in (low, high))
    size = torch.where(usable, size, 1.0)
    corner = (low + high - size[:, None]) / 2  # (B, 2)
    shape = (-1, 1, 1, 1)
    xy = ((pose[..., :2] - corner.view(*shape, 2)) / size.view(*shape, 1) - 0.5) * 2
    return torch.cat([xy, pose[..., 2:]], dim=-1).clamp(-1, 1) * usable.view(*shape, 1)


def crop_scale_3d(pose: Tensor, ratio: Tensor, root: int = 0) -> Tensor:
    """Map poses (..., T, J, 3) so that the longer side of their frame is 2; nothing is clipped.

    The frame is around x and y of the whole clip, and its longer side is divided by `ratio` (...).
    Depth is counted from the `root` in the first frame, and from -1 there.
    """
    xy = pose[..., :2].flatten(-3, -2)  # (..., T, J, 2) -> (..., T·J, 2)
    low, high = xy.amin(-2), xy.amax(-2)  # (..., 2)
    size = ((high - low).amax(-1) / ratio)[..., None, None, None]
    middle = ((low + high) / 2)[..., None, None, :]
    depth = pose[..., 2:] - pose[..., :1, root : root + 1, 2:]
    return torch.cat([2 * (pose[..., :2] - middle) / size, 2 * depth / size - 1], dim=-1)


def augment_3d(
    pose: Tensor, ratio: Tensor | None, coin: Tensor, mirror: Sequence[int] | Tensor
) -> Tensor:
    """Clips (B, T, J, 3) resized by `crop_scale_3d`, then mirrored where `coin` (B,) > 0.5.

    Without a `ratio` (B,) they keep their size, as in all of the original's own settings.
    """
    pose = pose if ratio is None else crop_scale_3d(pose, ratio)
    return torch.where(coin[:, None, None, None] > 0.5, flip(pose, mirror), pose)

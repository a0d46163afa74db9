"""What a training of meshes sees: windows of people with bodies, as a camera and a detector do.

Shapes: B windows, F frames, J = 17 joints in the picture, P frames of a patch, K joints of a body.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mbnb.bodies.body import Body
from mbnb.bodies.recordings import EVERY, Bodies
from mbnb.bodies.rotations import mirror_rotations, six_to_matrix
from mbnb.clips import first_rows
from mbnb.config import Config
from mbnb.prepare.cameras import draw_cameras
from mbnb.prepare.corrupt import detect, draw_mask, draw_noise, hide
from mbnb.prepare.geometry import flip, gather_windows, standardise_flat
from mbnb.prepare.motion import HALF_PICTURE, HIDDEN, WHOLE, draw_frames
from mbnb.prepare.parity import epoch_generator
from mbnb.prepare.streams import fold, to_streams
from mbnb.skeleton import Skeleton

OTHER_SHAPES = 0.7  # deviation of what is added to the numbers of a person's shape
FASTER = 0.2  # largest share by which a window is faster or slower


@dataclass(frozen=True)
class MeshWindows:
    """One batch: x (B, F / P, J, C), shape (B, S), and in the camera's axes the rotations.

    rotations: (B, F, K, 3, 3).
    """

    x: Tensor
    rotations: Tensor
    shape: Tensor


class MeshRecipe:
    """Windows of clips with bodies, drawn anew in each epoch, each clip as often as it is long.

    A body gets another shape, and with it other joints; what joints as recorded are off those of
    the body that was fitted is added to it in part, so that other people's ways to place joints
    are met. Cameras stand anywhere around.
    """

    def __init__(
        self, bodies: Bodies, body: Body, config: Config, skeleton: Skeleton, device: torch.device
    ):
        self.config, self.skeleton, self.device = config, skeleton, device
        self.body = body.skeleton_only().to(device)
        self.mirror = torch.tensor(body.mirror, device=device)
        own = self.body.pose(six_to_matrix(bodies.six).to(device), self._each_shape(bodies))
        joints = bodies.joints.to(device)
        place = bodies.place.to(device)
        off = joints - own.landmarks - place[:, None]  # (sum T, 17, 3)
        parts = [bodies.six.to(device).flatten(1), place, off.flatten(1)]
        self.frames = torch.cat(parts, dim=1)[:, None]  # (sum T, 1, 6·K + 3 + 51)
        self.shape = bodies.shape.to(device)
        self.lengths = bodies.lengths.to(device)
        self.starts = first_rows(self.lengths)
        self.fps = config.fps / EVERY
        self.longest = config.clip_len - config.clip_len % config.patch
        counts = (self.lengths * config.rate / self.fps / self.longest).ceil().long()
        self.clip_of = torch.arange(len(bodies), device=device).repeat_interleave(counts)

    def _each_shape(self, bodies: Bodies) -> Tensor:
        return bodies.shape.repeat_interleave(bodies.lengths, dim=0).to(self.device)

    def __len__(self) -> int:
        return len(self.clip_of)

    def training_batches(
        self, indices: Iterable[Tensor], rank: int = 0, world: int = 1
    ) -> Iterator[MeshWindows]:
        """All processes draw for whole batches, then each takes its share."""
        generator = epoch_generator(self.device)
        for index in indices:
            batch = self._batch(self.clip_of[index.to(self.device)], generator)
            yield MeshWindows(*(part[rank::world] for part in batch))

    def _batch(self, clip: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        count, frames = len(clip), draw_frames(self.longest, self.config.patch, generator)
        rotations, place, off, seconds = self._gather(clip, frames, generator)
        strange = torch.randn(self.shape[clip].shape, device=self.device, generator=generator)
        shape = self.shape[clip] + OTHER_SHAPES * strange
        each = shape.repeat_interleave(frames, dim=0)
        own = self.body.pose(rotations.flatten(0, 1), each).landmarks.unflatten(0, (count, -1))
        share = torch.rand(count, 1, 1, 1, device=self.device, generator=generator)
        joints = own + place[:, :, None] + share * off  # (B, F, 17, 3)
        turn, picture = self._photograph(joints, generator)
        rotations = torch.cat(
            [turn[:, None, None] @ rotations[:, :, :1], rotations[:, :, 1:]], dim=2
        )
        coins = torch.rand(count, device=self.device, generator=generator) < 0.5
        picture = torch.where(
            coins[:, None, None, None], flip(picture, self.skeleton.mirror), picture
        )
        mirrored = mirror_rotations(rotations, self.mirror)
        rotations = torch.where(coins[:, None, None, None, None], mirrored, rotations)
        x = fold(
            to_streams(picture, seconds, self.config.streams, self.skeleton), self.config.patch
        )
        mask = draw_mask(count, x.shape[1], len(self.skeleton), generator)
        shares = torch.rand(2, count, 1, 1, 1, device=self.device, generator=generator)
        shares = HIDDEN * ((shares - WHOLE) / (1 - WHOLE)).clamp_min(0)
        return hide(x, mask, *shares), rotations, shape

    def _gather(
        self, clip: Tensor, frames: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Rotations (B, F, K, 3, 3), places (B, F, 3), offsets (B, F, 17, 3), and seconds (B,)."""
        draws = torch.rand(2, len(clip), device=self.device, generator=generator).double()
        spans = (self.lengths[clip] - 1).double()
        seconds = (frames - 1) / self.config.rate
        asked = seconds * self.fps * (1 + FASTER * (2 * draws[0] - 1))
        taken = torch.minimum(spans, asked)
        starts = self.starts[clip] + (spans - taken) * draws[1]
        rows = gather_windows(self.frames, starts, taken, frames)[:, :, 0]
        joints = 6 * len(self.body)
        six, place, off = rows.split([joints, 3, 51], dim=-1)
        rotations = six_to_matrix(six.unflatten(-1, (-1, 6)))
        off = off.unflatten(-1, (17, 3))
        return rotations, place, off, (taken / self.fps).float()

    def _photograph(self, joints: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """How a camera turns (B, 3, 3), and what is detected, (B, F, 17, 3) without depth."""
        count, frames = joints.shape[:2]
        pelvis, neck = self.skeleton.index("Pelvis", "Neck")
        trunk = (joints[:, :, neck] - joints[:, :, pelvis]).norm(dim=-1).median(1).values
        middle = joints[:, :, pelvis].mean(1)[:, None, None]
        cameras = draw_cameras(count, generator)
        seen = cameras.see((joints - middle) / trunk[:, None, None, None].clamp_min(0.1))
        noise = draw_noise(count, frames, len(self.skeleton), generator)
        picture = detect(cameras.project(seen) / HALF_PICTURE, noise)[..., :2]
        picture = standardise_flat(picture, self.skeleton)
        return cameras.turn, torch.cat([picture, torch.zeros_like(picture[..., :1])], dim=-1)

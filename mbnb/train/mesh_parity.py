"""What the original's training of meshes sees: windows of pictures with SMPL's poses in them.

Shapes: B windows, F frames, K joints of the body.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from mbnb.bodies.body import Body
from mbnb.bodies.rotations import axis_angle_to_matrix, mirror_rotations
from mbnb.bodies.smpl import SHAPES
from mbnb.bodies.windows import MeshWindows
from mbnb.config import Config
from mbnb.data.smpl_pictures import Posed
from mbnb.prepare.geometry import flip
from mbnb.prepare.parity import epoch_generator
from mbnb.prepare.windows import parity_windows
from mbnb.skeleton import load_skeleton

STRIDE = 8
SINGLE_BATCH = 512  # pictures of COCO that are learned from at once


class ParityMeshes:
    """Windows of `clip_len` frames, of single pictures one, of which half are mirrored."""

    def __init__(self, part: Posed, body: Body, config: Config, device: torch.device):
        self.config, self.device = config, device
        names = [name for name, n in zip(part.clips.names, part.clips.lengths) for _ in range(n)]
        length, stride = (1, 1) if part.single else (config.clip_len, STRIDE)
        generator = torch.Generator().manual_seed(0)
        coins = torch.randint(2, (len(part.clips), length), generator=generator)
        self.rows = parity_windows(names, length, stride, coins).to(device)
        self.lengths = torch.as_tensor(part.clips.lengths, device=device)
        self.clip_of = torch.searchsorted(
            self.lengths.cumsum(0), self.rows[:, 0].contiguous(), right=True
        )
        self.batch_size = SINGLE_BATCH if part.single else config.batch_size
        self.seen = torch.as_tensor(part.clips.gather(), device=device)
        self.theta = torch.as_tensor(part.theta, device=device)
        self.mirror = torch.tensor(body.mirror, device=device)

    def __len__(self) -> int:
        return len(self.rows)

    def training_batches(
        self, indices: Iterable[Tensor], rank: int = 0, world: int = 1
    ) -> Iterator[MeshWindows]:
        """Windows, of which each is mirrored or not by a coin of its own."""
        generator = epoch_generator(self.device)
        for index in indices:
            rows = self.rows[index.to(self.device)]
            x, theta = self.seen[rows], self.theta[rows]  # (B, F, 17, 3), (B, F, 82)
            rotations = axis_angle_to_matrix(theta[..., :-SHAPES].unflatten(-1, (-1, 3)))
            if self.config.flip:
                coins = torch.rand(len(rows), device=self.device, generator=generator) > 0.5
                coins = coins[:, None, None, None]
                x = torch.where(coins, flip(x, load_skeleton().mirror), x)
                mirrored = mirror_rotations(rotations, self.mirror)
                rotations = torch.where(coins[..., None], mirrored, rotations)
            batch = x, rotations, theta[..., -SHAPES:]
            yield MeshWindows(*(part[rank::world] for part in batch))

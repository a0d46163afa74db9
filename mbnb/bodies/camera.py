"""Where a body stands before a camera that sees its joints.

Rays are places in a picture as told from its middle, in focal lengths: what lies there is at
(x / z, y / z) in the camera's axes, x right, y down, z away. Shapes: T frames, J joints.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mbnb.bodies.rotations import shortest

FOCAL = 1.0  # of a camera of which nothing is known: in diagonals of its picture
NEAREST = 0.3  # metres before the camera, nearer than which no joint comes
STEADY = 15  # frames over which it is the same how far away somebody is
JOINTS = 17  # of Human3.6M
LEAST = 1e-6  # belief in what was not seen, so that there is always an answer


@dataclass(frozen=True)
class Seen:
    """What a picture shows: rays (T, J, 2), and how much each is believed, (T, J), 0 to 1.

    Of Human3.6M's joints, and after them of a body's `TIPS` where they were looked for.
    """

    rays: Tensor
    belief: Tensor

    @property
    def has_tips(self) -> bool:
        return self.belief.shape[1] > JOINTS


@dataclass(frozen=True)
class Camera:
    """Where the picture's middle is, (x, y), and how long the focal length is, both in pixels."""

    middle: tuple[float, float]
    focal: float

    def rays(self, places: Tensor) -> Tensor:
        """Of places (..., 2) in pixels."""
        return (places - torch.tensor(self.middle)) / self.focal

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) before the camera -> places (..., 2)."""
        return self.focal * points[..., :2] / points[..., 2:] + np.array(self.middle)


def camera_of(size: tuple[float, float]) -> Camera:
    """A camera of which nothing is known but its picture's width and height.

    Its focal length is the picture's diagonal, an angle of 53 degrees (Kissos et al., 2020).
    """
    return Camera((size[0] / 2, size[1] / 2), FOCAL * math.hypot(*size))


def turn_towards(seen: Seen) -> Tensor:
    """(3, 3): from the axes of a camera that looks at somebody into those of one that sees them.

    A network sees joints about their own middle, as if the camera looked there.
    """
    weight = seen.belief.clamp_min(LEAST)[..., None]
    ray = (weight * seen.rays).sum((0, 1)) / weight.sum((0, 1))  # (2,)
    ahead, there = torch.tensor([[0.0, 0.0, 1.0]]), torch.cat([ray, ray.new_ones(1)])[None]
    return shortest(ahead, F.normalize(there, dim=-1))[0]


def joined(clips: Sequence[Seen]) -> Seen:
    """One after the other."""
    return Seen(torch.cat([one.rays for one in clips]), torch.cat([one.belief for one in clips]))


@torch.no_grad()
def stand(points: Tensor, seen: Seen) -> Tensor:
    """(T, 3): by which shift points (T, J, 3) lie nearest to what is seen, by least squares.

    Each joint gives two equations without a fraction, x + dx = ray · (z + dz). The distance is that
    of some frames, the rest of each.
    """
    weight = seen.belief.clamp_min(LEAST)[..., None]  # (T, J, 1)
    zero, one = torch.zeros_like(weight), torch.ones_like(weight)
    across = torch.cat([one, zero, -seen.rays[..., :1]], -1)
    down = torch.cat([zero, one, -seen.rays[..., 1:]], -1)
    rows = torch.stack([across, down], 2).flatten(1, 2)  # (T, J·2, 3)
    right = -off_rays(points, seen).flatten(1)[..., None]  # (T, J·2, 1)
    weighted = (weight.repeat_interleave(2, 1) * rows).transpose(1, 2)
    away = torch.linalg.solve(weighted @ rows, weighted @ right)[:, 2, 0]  # (T,)
    width = min(STEADY, (len(away) - 1) // 2 * 2 + 1)
    padded = F.pad(away[None, None], (width // 2, width // 2), mode="replicate")
    away = F.avg_pool1d(padded, width, 1)[0, 0]
    away = torch.maximum(away, NEAREST - points[..., 2].amin(1))
    moved = torch.cat([points[..., :2], points[..., 2:] + away[:, None, None]], -1)
    aside = -(weight * off_rays(moved, seen)).sum(1) / weight.sum(1)  # (T, 2)
    return torch.cat([aside, away[:, None]], -1)


def off_rays(points: Tensor, seen: Seen) -> Tensor:
    """(T, J, 2) metres between points (T, J, 3) and their rays, as far away as each is."""
    return points[..., :2] - seen.rays * points[..., 2:]

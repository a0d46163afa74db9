"""Cameras drawn at random around moving people, and what they see of them.

Shapes: B clips, F frames, J joints; poses (B, F, J, 3) with the person's middle at the origin, in
any unit.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mbnb.prepare.geometry import turns


@dataclass(frozen=True)
class Cameras:
    """Where B cameras stand: turn (B, 3, 3) into their axes, distance (B,) in the poses' unit."""

    turn: Tensor
    distance: Tensor

    def see(self, pose: Tensor) -> Tensor:
        """Poses in the cameras' axes: x right, y down, z away, the middle still at the origin."""
        return torch.einsum("bdc,bfjc->bfjd", self.turn, pose)

    def project(self, seen: Tensor) -> Tensor:
        """What `see` gave -> places in the picture (B, F, J, 2).

        In the poses' unit at the distance of the person's middle. Who comes nearer than a tenth
        of the distance stays there.
        """
        distance = self.distance[:, None, None, None]
        return seen[..., :2] * distance / (distance + seen[..., 2:]).clamp_min(0.1 * distance)


def draw_cameras(
    count: int,
    generator: torch.Generator,
    around: float = 180.0,
    above: tuple[float, float] = (-15.0, 30.0),
    tilt: float = 5.0,
    distances: tuple[float, float] = (4.0, 14.0),
) -> Cameras:
    """Cameras that look at the person.

    around: degrees to either side. above: degrees from which they look down. tilt: degrees of
    roll. distances: in the poses' unit, all evenly drawn; the default suits lengths of a trunk,
    some half metre.
    """

    def uniform(low: float, high: float) -> Tensor:
        shares = torch.rand(count, device=generator.device, generator=generator)
        return low + (high - low) * shares

    angles = [uniform(-around, around), -uniform(*above), uniform(-tilt, tilt)]
    degrees = torch.stack(angles, dim=1)  # (B, 3)
    return Cameras(turns(degrees * (math.pi / 180)), uniform(*distances))

"""Recovering bodies: joints in pictures -> rotations and a shape, through recordings of any length.

Shapes: T frames, K joints of the body, S numbers of its shape.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mbnb.bodies.body import Body
from mbnb.bodies.rotations import nearest_rotation
from mbnb.config import Config
from mbnb.model.lift import through_windows
from mbnb.model.mesh import both_ways
from mbnb.skeleton import Skeleton


@torch.no_grad()
def recover(
    network: nn.Module,
    body: Body,
    clips: Sequence[Tensor],
    config: Config,
    skeleton: Skeleton,
    belief: Sequence[Tensor] | None = None,
) -> list[tuple[Tensor, Tensor]]:
    """Places in pictures, N times (T, 17, 2) -> N times rotations (T, K, 3, 3) and a shape (S,).

    A clip has one shape, the mean over its frames. belief: as of `through_windows`.
    """

    def say(x: Tensor) -> Tensor:
        rotations, shape = network(x.to(next(network.parameters()).device))
        each = shape[:, None].expand(-1, rotations.shape[1], -1)
        said = torch.cat([rotations.flatten(-3), each], dim=-1).float().cpu()
        return both_ways(said, body)[:, :, None]  # (B, F, 1, 9·K + S)

    found = []
    for said in through_windows(say, clips, config, skeleton, belief):
        rotations = said[:, 0, : 9 * len(body)].unflatten(-1, (len(body), 3, 3))
        found.append((nearest_rotation(rotations), said[:, 0, 9 * len(body) :].mean(0)))
    return found

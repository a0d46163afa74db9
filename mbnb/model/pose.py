"""PoseNet: a backbone whose own head tells poses, fed piece by piece.

Shapes: B windows, F frames, J joints, C channels, P frames of a patch.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mbnb.model.action import PIECE_TOKENS
from mbnb.model.dstformer import DSTformer
from mbnb.model.heads import STATISTICS, statistics

WIDTH, NUMBERS = 256, 128  # of the layers that say which movement a window shows


class PoseNet(nn.Module):
    """(B, F / P, J, C) -> poses (B, F, J, 3), by a backbone with 3·P outputs a token.

    With `contrast` it also tells which of further windows show the same movement; `gather` sees
    what is said of them, for trainings whose batches are spread over processes. With `accumulate`
    a batch is computed in so many pieces, again for the gradient, which take less memory.
    """

    def __init__(self, backbone: DSTformer, patch: int, contrast: bool = False):
        super().__init__()
        self.backbone, self.patch = backbone, patch
        self.gather: Callable[[Tensor], Tensor] | None = None
        self.accumulate = 1
        if contrast:
            said = STATISTICS * backbone.num_joints * backbone.dim_rep
            self.project = nn.Sequential(
                nn.Linear(said, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Linear(WIDTH, NUMBERS)
            )

    def forward(self, x: Tensor, views: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Poses; with `views` (V, F / P, J, C) also a unit vector of each, (V, NUMBERS)."""
        pose = self.unfold(torch.cat([self._seen(piece) for piece in pieces(x, self.accumulate)]))
        if views is None:
            return pose
        said = torch.cat(
            [
                statistics(self._seen(piece, return_rep=True))
                for piece in pieces(views, self.accumulate)
            ]
        )
        said = self.gather(said) if self.gather else said
        return pose, F.normalize(self.project(said), dim=-1)

    def _seen(self, x: Tensor, **how: bool) -> Tensor:
        """What the backbone makes of a piece, computed again for the gradient where it must be."""
        if self.training and self.accumulate > 1:
            return checkpoint(self.backbone, x, use_reentrant=False, **how)
        return self.backbone(x, **how)

    def unfold(self, y: Tensor) -> Tensor:
        """What the backbone's head tells (B, F / P, J, 3·P) -> poses (B, F, J, 3)."""
        y = y.unflatten(-1, (self.patch, 3))  # (B, F / P, J, 3·P) -> (B, F / P, J, P, 3)
        return y.transpose(2, 3).flatten(1, 2)  # -> (B, F / P, P, J, 3) -> (B, F, J, 3)


def pieces(x: Tensor, least: int = 1) -> tuple[Tensor, ...]:
    """Windows as many as a processor's caches hold at a time; for a GPU in `least` pieces."""
    most = PIECE_TOKENS // x[0, ..., 0].numel() if x.device.type == "cpu" else len(x)
    return x.split(max(1, min(most, -(-len(x) // least))))

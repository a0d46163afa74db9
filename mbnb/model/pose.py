"""PoseNet: a backbone whose own head tells poses, fed piece by piece.

Shapes: B windows, F frames, J joints, C channels, P frames of a patch.
"""

import torch
from torch import Tensor, nn

from mbnb.model.action import PIECE_TOKENS
from mbnb.model.dstformer import DSTformer


class PoseNet(nn.Module):
    """(B, F / P, J, C) -> poses (B, F, J, 3), by a backbone with 3·P outputs a token."""

    def __init__(self, backbone: DSTformer, patch: int):
        super().__init__()
        self.backbone, self.patch = backbone, patch

    def forward(self, x: Tensor) -> Tensor:
        tokens = x[0, ..., 0].numel()
        size = max(1, PIECE_TOKENS // tokens) if x.device.type == "cpu" else len(x)
        y = torch.cat([self.backbone(piece) for piece in x.split(size)])
        y = y.unflatten(-1, (self.patch, 3))  # (B, F / P, J, 3·P) -> (B, F / P, J, P, 3)
        return y.transpose(2, 3).flatten(1, 2)  # -> (B, F / P, P, J, 3) -> (B, F, J, 3)

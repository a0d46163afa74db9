"""SpotNet: a backbone as it is, and behind it a head that tells what goes on at every moment.

Shapes: B windows or recordings, F moments of `config.patch` frames, J joints, R = dim_rep,
W = J·R numbers that the backbone says of a moment, H = hidden_dim.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mbnb.config import Config
from mbnb.model.action import PIECE_TOKENS
from mbnb.model.checkpoints import build_backbone

DILATIONS = (1, 2, 4, 8, 16)  # moments between the taps of one convolution after the other
RARE = -4.0  # where a class' logit begins: most are not there


class SpotNet(nn.Module):
    """What each moment is, by itself and by its neighbours; several classes may go on at once.

    The backbone looks at short windows and is not trained, so that it says the same of a moment
    whenever it is asked. Convolutions over ever more distant neighbours refine that, as in MS-TCN
    (Farha & Gall, CVPR 2019); they run over a recording of any length at once.
    """

    def __init__(self, config: Config, classes: int, joints: int):
        super().__init__()
        self.backbone = build_backbone(config, joints).requires_grad_(False)
        width = config.hidden_dim
        self.moment = nn.Linear(joints * config.dim_rep, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in DILATIONS)
        self.near = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=far, dilation=far) for far in DILATIONS
        )
        self.dropout = nn.Dropout(config.dropout_ratio)
        self.answer = nn.Linear(width, classes + 1)
        nn.init.constant_(self.answer.bias, RARE)

    def moments(self, x: Tensor) -> Tensor:
        """(B, F, J, C) -> (B, F, W), what the backbone says of each moment."""
        size = max(1, PIECE_TOKENS // x[0, ..., 0].numel()) if x.device.type == "cpu" else len(x)
        said = [self.backbone(piece, return_rep=True) for piece in x.split(size)]
        return torch.cat(said).flatten(2)  # (B, F, J, R) -> (B, F, W)

    def forward(self, said: Tensor) -> Tensor:
        """(B, F, W) -> logits (B, F, classes + 1), each of a yes or no; the last: nothing."""
        x = self.moment(self.dropout(said))  # (B, F, H)
        for conv, norm in zip(self.near, self.norms):
            around = conv(self.dropout(norm(x)).transpose(1, 2)).transpose(1, 2)
            x = x + F.gelu(around)
        return self.answer(self.dropout(F.gelu(x)))

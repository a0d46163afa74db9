"""What a network of moments is compared with: a linear model of each moment by itself."""

from torch import Tensor, nn

from mbnb.config import Config
from mbnb.model.spotter import RARE


class LinearNet(nn.Module):
    """Places, bones and their motion in a moment -> what happens, without anything in between."""

    def __init__(self, config: Config, classes: int, joints: int):
        super().__init__()
        self.answer = nn.Linear(joints * config.dim_in, classes + 1)
        nn.init.zeros_(self.answer.weight)
        nn.init.constant_(self.answer.bias, RARE)

    def moments(self, x: Tensor) -> Tensor:
        """(B, F, J, C) -> (B, F, J·C)."""
        return x.flatten(2)

    def forward(self, said: Tensor) -> Tensor:
        """(B, F, J·C) -> logits (B, F, classes + 1), each of a yes or no; the last: nothing."""
        return self.answer(said)

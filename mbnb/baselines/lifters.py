"""Simpler ways from 2D joints to 3D poses, to compare a lifting with.

All take windows (B, F, J, 3), x and y of each joint as the stream `joint` has them and a depth of
zero, and give poses (B, F, J, 3) relative to the root. They are trained as an encoder is.
"""

from torch import Tensor, nn

WIDTH = 1024  # of the published networks


class LinearLifter(nn.Module):
    """One linear map from a frame's joints to its pose."""

    def __init__(self, joints: int):
        super().__init__()
        self.layer = nn.Linear(2 * joints, 3 * joints)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x[..., :2].flatten(2))  # (B, F, J, 2) -> (B, F, J·2) -> (B, F, J·3)
        return y.unflatten(2, (-1, 3))


class FrameMLP(nn.Module):
    """Each frame by itself through two residual blocks (Martinez et al., ICCV 2017)."""

    def __init__(self, joints: int, width: int = WIDTH, dropout: float = 0.25):
        super().__init__()

        def dense(inputs: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)
            )

        self.enter = dense(2 * joints)
        self.blocks = nn.ModuleList(nn.Sequential(dense(width), dense(width)) for _ in range(2))
        self.leave = nn.Linear(width, 3 * joints)

    def features(self, x: Tensor) -> Tensor:
        """(B, F, J, C) -> what poses are made of, (B·F, width)."""
        y = self.enter(x[..., :2].flatten(2).flatten(0, 1))  # (B, F, J, 2) -> (B·F, J·2)
        for block in self.blocks:
            y = y + block(y)
        return y

    def forward(self, x: Tensor) -> Tensor:
        # (B·F, J·3) -> (B, F, J, 3)
        return self.leave(self.features(x)).view(*x.shape[:3], 3)


class TemporalLifter(nn.Module):
    """Dilated convolutions over time (VideoPose3D, Pavllo et al., CVPR 2019), 27 frames wide.

    Windows keep their length: their ends are repeated, as the authors pad a video.
    """

    def __init__(self, joints: int, width: int = WIDTH, dropout: float = 0.25):
        super().__init__()

        def convolve(inputs: int, taps: int, dilation: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv1d(
                    inputs,
                    width,
                    taps,
                    dilation=dilation,
                    padding=dilation * (taps // 2),
                    padding_mode="replicate",
                    bias=False,
                ),
                nn.BatchNorm1d(width),
                nn.ReLU(),
                nn.Dropout(dropout),
            )

        self.enter = convolve(2 * joints, 3, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(convolve(width, 3, dilation), convolve(width, 1, 1))
            for dilation in (3, 9)
        )
        self.leave = nn.Conv1d(width, 3 * joints, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.enter(x[..., :2].flatten(2).transpose(1, 2))  # (B, F, J·2) -> (B, J·2, F)
        for block in self.blocks:
            y = y + block(y)
        return self.leave(y).transpose(1, 2).unflatten(2, (-1, 3))  # (B, J·3, F) -> (B, F, J, 3)


LIFTERS: dict[str, type[nn.Module]] = {
    "linear": LinearLifter,
    "mlp": FrameMLP,
    "convolutions": TemporalLifter,
}

"""Random kernels: what filters that nobody trains find in a clip.

Kernels slide over all channels of a clip, and what they find is pooled over time (ROCKET: Dempster,
Petitjean and Webb, 2020; MultiRocket: Tan et al., 2022). With few clips that tells as much as what
an encoder has learned, and something else.

Shapes: B clips, C channels, K kernels in G groups of TOGETHER, S channels that kernels see in all.
"""

from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

MOMENTS = 64  # to which every clip is stretched
KERNELS, TOGETHER, WIDTH = 4096, 64, 9  # 64 of them share a dilation; their length in moments
MOST_CHANNELS = 30  # that a kernel sees
SAMPLE = 100  # clips from which scales of channels and thresholds of kernels are taken
FOUND = 4  # numbers that are told of a kernel
NO_PAIRS = torch.zeros(0, 2)


class Kernels(nn.Module):
    """(B, C, MOMENTS) -> (B, 4·K), four numbers a kernel.

    They are the share of moments at which it finds more than its threshold, the most and the least
    that it finds, and the deviation. What is NaN is not there: a kernel finds nothing in it.

    Kernels see few of the channels, so `values` (S, WIDTH) are kept of those alone, and `places`
    (S, 2) tell of which kernel and channel they are. `pairs` (P, 2) are joints whose distances are
    channels, too, where a clip is what a backbone sees.
    """

    def __init__(self, channels: int, values: int, groups: int, pairs: int = 0):
        super().__init__()
        shapes = dict(mean=(channels, 1), deviation=(channels, 1), values=(values, WIDTH))
        shapes |= dict(places=(values, 2), dilations=(groups,), thresholds=(groups, TOGETHER))
        shapes |= dict(pairs=(pairs, 2))
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))
        filters = torch.zeros(groups, TOGETHER, channels, WIDTH)
        self.register_buffer("filters", filters, persistent=False)
        self.steps = [1] * groups
        self.register_load_state_dict_post_hook(lambda module, _: module._fill())

    @classmethod
    def draw(cls, x: Tensor, rng: np.random.Generator, pairs: Tensor = NO_PAIRS) -> Self:
        """For clips like x (N, C, MOMENTS), of which scales and thresholds are taken.

        Each kernel sees some channels, few more often than many. Its threshold is a random quantile
        of what it finds.
        """
        channels, groups = x.shape[1], KERNELS // TOGETHER
        most = min(channels, MOST_CHANNELS)
        mean, deviation = x.mean((0, 2))[:, None], x.std((0, 2))[:, None] + 1e-6
        x = (x - mean) / deviation
        values, places, dilations, thresholds = [], [], [], []
        for group in range(groups):
            filters = torch.zeros(TOGETHER, channels, WIDTH)
            for kernel, own in enumerate(filters, group * TOGETHER):
                count = int(2 ** rng.uniform(0, np.log2(most + 1)))
                drawn = rng.normal(size=(count, WIDTH))
                seen = rng.choice(channels, count, replace=False)
                own[seen] = torch.as_tensor(drawn - drawn.mean(1, keepdims=True)).float()
                values.append(own[seen])
                places += [(kernel, channel) for channel in seen]
            dilations.append(int(2 ** rng.uniform(0, np.log2((MOMENTS - 1) / (WIDTH - 1)))))
            found = _slide(x, filters, dilations[-1])
            found = found.transpose(0, 1).flatten(1).sort(dim=1).values  # (TOGETHER, N·MOMENTS)
            rank = torch.as_tensor(rng.uniform(0.1, 0.9, TOGETHER) * found.shape[1]).long()
            thresholds.append(found[torch.arange(TOGETHER), rank])
        kernels = cls(channels, len(places), groups, len(pairs))
        buffers = dict(mean=mean, deviation=deviation, values=torch.cat(values))
        # Numbers of joints and channels are kept as weights are, which are all floating point.
        buffers |= dict(places=torch.tensor(places).float(), thresholds=torch.stack(thresholds))
        buffers |= dict(dilations=torch.tensor(dilations).float(), pairs=pairs.float())
        kernels.load_state_dict(buffers)
        return kernels

    def _fill(self) -> None:
        """Make the filters, and the steps that they take, of what is kept of them."""
        self.steps = self.dilations.int().tolist()
        kernel, channel = self.places.long().T
        self.filters.zero_().flatten(0, 1)[kernel, channel] = self.values

    def forward(self, x: Tensor) -> Tensor:
        x = ((x - self.mean) / self.deviation).nan_to_num()
        pooled = []
        for filters, dilation, thresholds in zip(self.filters, self.steps, self.thresholds):
            found = _slide(x, filters, dilation)  # (B, TOGETHER, MOMENTS)
            beyond = found - thresholds[:, None]
            above = (beyond > 0).float()
            if found.requires_grad:  # whoever asks for a slope, where a count has none
                soft = (beyond / (found.std(-1, keepdim=True) + 1e-6)).sigmoid()
                above = above + soft - soft.detach()
            pooled += [above.mean(-1), found.amax(-1), found.amin(-1), found.std(-1)]
        return torch.cat(pooled, dim=1)


def stretched(x: Tensor, numbers: int, pairs: Tensor) -> Tensor:
    """What a backbone sees (B, F, J, P·c), P frames of a patch together, -> (B, C, MOMENTS).

    Channels are the c `numbers` of every joint, and the distances between `pairs` of joints. The
    first three numbers are a joint's place from the root, which among the pairs has the number J.
    """
    frames = x.unflatten(-1, (-1, numbers)).transpose(2, 3).flatten(1, 2)  # -> (B, F·P, J, c)
    places = F.pad(frames[..., :3], (0, 0, 0, 1))  # (B, F·P, J + 1, 3)
    one, other = pairs.long().T
    distances = (places[:, :, one] - places[:, :, other]).norm(dim=-1)  # (B, F·P, pairs)
    channels = torch.cat([frames.flatten(2), distances], dim=-1).transpose(1, 2)
    return F.interpolate(channels, MOMENTS, mode="linear", align_corners=True)


def _slide(x: Tensor, filters: Tensor, dilation: int) -> Tensor:
    """(B, C, MOMENTS) -> (B, TOGETHER, MOMENTS)."""
    return F.conv1d(x, filters, dilation=dilation, padding=dilation * (WIDTH // 2))

"""Heads: what is made of a representation, for actions and for one-shot recognition.

Shapes: B batch, M persons, F frames, J joints, R = dim_rep, S values that are pooled over a clip.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mbnb.model.kernels import FOUND, Kernels, stretched

STATISTICS = 4  # numbers of each of a joint's that `statistics` gives
MOMENTUM = 0.1  # of the mean that `Head` keeps


class Head(nn.Module):
    """What heads have in common: `usual`, (S·J·R) the mean of what is pooled.

    It takes the place of what is NaN because a joint was not seen. It is None in a head that has
    learned nothing of that kind, and no part of the weights.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("usual", None, persistent=False)

    def expect_missing(self) -> None:
        """Learn from now on what is usual."""
        self.usual = torch.zeros_like(self.fc1.weight[0])

    def completed(self, pooled: Tensor) -> Tensor:
        """(B, S·J·R) without NaN; in training the mean follows what is known."""
        if self.usual is None:
            return pooled
        if self.training:
            with torch.no_grad():
                mean = pooled.nanmean(0)
                self.usual.lerp_(torch.where(mean.isnan(), self.usual, mean), MOMENTUM)
        return torch.where(pooled.isnan(), self.usual, pooled)


class ActionHeadClassification(Head):
    """(B, M, F, J, R) -> logits (B, num_classes), behind them those of `num_regions`.

    `sizes` tells how many logits are of classes and of regions. The authors' dropout stands
    before the mean over frames, where averaging undoes it; `drop_pooled` puts it behind. The mean
    is over each of `segments` parts of a clip, one after the other; with `peaks` the greatest
    value over the clip stands beside them.
    """

    def __init__(
        self,
        dropout_ratio: float = 0.0,
        dim_rep: int = 512,
        num_classes: int = 60,
        num_joints: int = 17,
        hidden_dim: int = 2048,
        drop_pooled: bool = False,
        segments: int = 1,
        peaks: bool = False,
        num_regions: int = 0,
    ):
        super().__init__()
        self.dropout = nn.Dropout(dropout_ratio)
        self.drop_pooled, self.segments, self.peaks = drop_pooled, segments, peaks
        self.sizes = (num_classes, num_regions)
        self.fc1 = nn.Linear((segments + peaks) * num_joints * dim_rep, hidden_dim)
        self.bn = nn.BatchNorm1d(hidden_dim, momentum=0.1)
        self.fc2 = nn.Linear(hidden_dim, num_classes)
        if num_regions:
            self.regions = nn.Linear(hidden_dim, num_regions)

    def pool(self, representation: Tensor, seen: Tensor | None = None) -> Tensor:
        """(B, M, F, J, R) -> (B, S·J·R), each clip by itself."""
        if not self.drop_pooled:
            representation = self.dropout(representation)
        return pool(representation, self.segments, self.peaks)

    def embed(self, pooled: Tensor) -> Tensor:
        """(B, S·J·R) -> (B, hidden_dim), what the logits are made of."""
        pooled = self.completed(pooled)
        return self.fc1(self.dropout(pooled) if self.drop_pooled else pooled)

    def unit(self, embedded: Tensor) -> Tensor:
        """(B, hidden_dim) -> unit vectors of what the last layer sees."""
        return F.normalize(F.relu(self.bn(embedded)), dim=-1)

    def answer(self, embedded: Tensor) -> Tensor:
        """(B, hidden_dim) -> logits (B, sum of sizes); in training a batch shares statistics."""
        hidden = F.relu(self.bn(embedded))
        logits = self.fc2(hidden)
        if not self.sizes[1]:
            return logits
        return torch.cat([logits, self.regions(hidden)], dim=-1)

    def classify(self, pooled: Tensor) -> Tensor:
        """(B, S·J·R) -> logits (B, sum of sizes)."""
        return self.answer(self.embed(pooled))

    def forward(self, representation: Tensor) -> Tensor:
        return self.classify(self.pool(representation))


class DiscriminantHead(Head):
    """(B, M, F, J, R) -> logits (B, num_classes), by directions that are found in closed form.

    `fc1` takes the `statistics` of a clip's moments, and of the steps between them, to directions
    in which the classes differ, and only the angle in their space matters to `fc2`. Where there are
    `kernels`, K of them, what these find in what the backbone sees stands behind the statistics.
    """

    def __init__(
        self, num_classes: int, dim_rep: int = 512, num_joints: int = 17, hidden_dim: int = 2048
    ):
        super().__init__()
        self.sizes = (num_classes, 0)
        self.kernels: Kernels | None = None
        self.fc1 = nn.Linear(2 * STATISTICS * num_joints * dim_rep, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, num_classes)

    def use(self, kernels: Kernels) -> None:
        """Have kernels, with room for what they find; `fc1` begins anew."""
        width = self.fc1.in_features + kernels.thresholds.numel() * FOUND
        self.kernels, self.fc1 = kernels, nn.Linear(width, self.fc1.out_features)

    def pool(self, representation: Tensor, seen: Tensor | None = None) -> Tensor:
        """(B, M, F, J, R) -> (B, 8·J·R + 4·K), of moments and of the steps between.

        `seen` (B, M, F, J, C), what the backbone sees, is for the kernels. Mean over persons.
        """
        steps = representation.diff(dim=2)
        steps = steps if steps.shape[2] else torch.zeros_like(representation)
        values = [statistics(representation), statistics(steps)]  # (B, M, 4·J·R) each
        if self.kernels is not None:
            pairs = self.kernels.pairs
            numbers = (len(self.kernels.mean) - len(pairs)) // seen.shape[3]
            found = self.kernels(stretched(seen.flatten(0, 1), numbers, pairs))
            values.append(found.unflatten(0, seen.shape[:2]))  # (B·M, 4·K) -> (B, M, 4·K)
        return torch.cat(values, dim=-1).mean(1)

    def embed(self, pooled: Tensor) -> Tensor:
        """(B, 8·J·R + 4·K) -> (B, hidden_dim), what the logits are made of."""
        return self.fc1(self.completed(pooled))

    def unit(self, embedded: Tensor) -> Tensor:
        """(B, hidden_dim) -> unit vectors."""
        return F.normalize(embedded, dim=-1)

    def answer(self, embedded: Tensor) -> Tensor:
        """(B, hidden_dim) -> logits (B, num_classes)."""
        return self.fc2(self.unit(embedded))

    def classify(self, pooled: Tensor) -> Tensor:
        """(B, 8·J·R + 4·K) -> logits (B, num_classes)."""
        return self.answer(self.embed(pooled))

    def forward(self, representation: Tensor) -> Tensor:
        return self.classify(self.pool(representation))


class ActionHeadEmbed(Head):
    """(B, M, F, J, R) -> unit vectors (B, hidden_dim), for the nearest of one example each.

    `drop_pooled` and `peaks` are as in the head that tells classes.
    """

    def __init__(
        self,
        dropout_ratio: float = 0.0,
        dim_rep: int = 512,
        num_joints: int = 17,
        hidden_dim: int = 2048,
        drop_pooled: bool = False,
        peaks: bool = False,
    ):
        super().__init__()
        self.dropout = nn.Dropout(dropout_ratio)
        self.drop_pooled, self.peaks = drop_pooled, peaks
        self.fc1 = nn.Linear((1 + peaks) * num_joints * dim_rep, hidden_dim)

    def pool(self, representation: Tensor, seen: Tensor | None = None) -> Tensor:
        """(B, M, F, J, R) -> (B, S·J·R)."""
        if not self.drop_pooled:
            representation = self.dropout(representation)
        return pool(representation, peaks=self.peaks)

    def embed(self, pooled: Tensor) -> Tensor:
        """(B, S·J·R) -> (B, hidden_dim), of any length."""
        return self.fc1(self.dropout(pooled) if self.drop_pooled else pooled)

    def unit(self, embedded: Tensor) -> Tensor:
        """(B, hidden_dim) -> unit vectors."""
        return F.normalize(embedded, dim=-1)

    def classify(self, pooled: Tensor) -> Tensor:
        """(B, S·J·R) -> unit vectors (B, hidden_dim)."""
        return self.unit(self.embed(pooled))

    def forward(self, representation: Tensor) -> Tensor:
        return self.classify(self.pool(representation))


def statistics(representation: Tensor) -> Tensor:
    """(..., F, J, R) -> (..., 4·J·R): over a clip the mean, greatest, least, and the deviation."""
    x = representation.to(torch.promote_types(representation.dtype, torch.float32))
    # Where nothing moves, the deviation has no gradient.
    deviation = x.var(-3, correction=0).clamp_min(1e-12).sqrt()
    values = torch.stack([x.mean(-3), x.amax(-3), x.amin(-3), deviation], dim=-3)
    return values.flatten(-3)  # (..., 4, J, R) -> (..., 4·J·R)


def pool(representation: Tensor, segments: int = 1, peaks: bool = False) -> Tensor:
    """(B, M, F, J, R) -> (B, S·J·R): means over parts of a clip and its peak, mean over persons."""
    exact = torch.promote_types(representation.dtype, torch.float32)
    frames = representation.shape[2]
    # Of a clip with fewer frames than segments, neighbours share a frame.
    edges = [(i * frames // segments, -(-(i + 1) * frames // segments)) for i in range(segments)]
    values = [representation[:, :, first:end].mean(2, dtype=exact) for first, end in edges]
    if peaks:
        values.append(representation.amax(2).to(exact))
    stacked = torch.stack(values, dim=2).flatten(2)  # S of (B, M, J, R) -> (B, M, S·J·R)
    return stacked.mean(1)  # (B, S·J·R)

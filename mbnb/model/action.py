"""ActionNet: a backbone with an action head, fed piece by piece.

Shapes: B batch, M persons, F frames, J joints, C channels, R = dim_rep.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mbnb.model.dstformer import DSTformer
from mbnb.model.heads import ActionHeadClassification, ActionHeadEmbed, DiscriminantHead

PIECE_TOKENS = 8192  # frames · joints that a processor's caches hold well
GRID = 65535  # frames that a GPU's fused kernels take at once as so many sequences of joints


class ActionNet(nn.Module):
    """A DSTformer backbone with an action head; `version` is 'class', 'discriminant' or 'embed'.

    The backbone takes a batch piece by piece, since a processor's caches and its allocator like
    small buffers; a GPU takes it whole if it can. In training, pieces beyond `keep_tokens` (clips
    · persons · frames · joints) are computed again for the gradient instead of kept; with
    `accumulate` all are, in so many pieces or more, and their gradients add up. `gather` sees the
    pooled clips before they meet in the head, for trainings whose batches are spread over
    processes. `masks` tells that joints may be NaN, which were not seen; then the head has to know
    what is `usual`.
    """

    def __init__(
        self,
        backbone: DSTformer,
        dim_rep: int = 512,
        num_classes: int = 60,
        dropout_ratio: float = 0.0,
        version: str = "class",
        hidden_dim: int = 2048,
        num_joints: int = 17,
        drop_pooled: bool = False,
        segments: int = 1,
        peaks: bool = False,
        num_regions: int = 0,
    ):
        super().__init__()
        if version not in ("class", "discriminant", "embed"):
            raise ValueError(f"version must be class, discriminant or embed, got {version!r}")
        self.backbone = backbone
        self.feat_J = num_joints
        common = dict(dim_rep=dim_rep, num_joints=num_joints, hidden_dim=hidden_dim)
        if version == "embed":
            self.head = ActionHeadEmbed(
                dropout_ratio, drop_pooled=drop_pooled, peaks=peaks, **common
            )
        elif version == "discriminant":
            self.head = DiscriminantHead(num_classes, **common)
        else:
            self.head = ActionHeadClassification(
                num_classes=num_classes,
                drop_pooled=drop_pooled,
                segments=segments,
                peaks=peaks,
                num_regions=num_regions,
                dropout_ratio=dropout_ratio,
                **common,
            )
        self.keep_tokens = math.inf
        self.masks = False
        self.accumulate = 1
        self.gather: Callable[[Tensor], Tensor] | None = None

    def forward(self, x: Tensor | list[Tensor], embed: bool = False) -> Tensor:
        """(B, M, F, J, C), or a list of such parts that differ in F, -> logits or unit vectors.

        Logits (B, sum of the head's sizes), unit vectors (B, hidden_dim); with `embed` what the
        logits are made of (B, hidden_dim).
        """
        pooled, kept = [], 0
        parts = [x] if isinstance(x, Tensor) else x
        most, keep = self._most_tokens(parts), self.keep_tokens
        if self.training and self.accumulate > 1:
            whole = sum(part[..., 0].numel() for part in parts)
            most, keep = min(most, -(-whole // self.accumulate)), 0
        for part in parts:
            tokens = part[0, ..., 0].numel()
            for piece in part.split(max(1, most // tokens)):
                kept += len(piece) * tokens
                if self.training and kept > keep:
                    pooled.append(checkpoint(self.pooled, piece, use_reentrant=False))
                else:
                    pooled.append(self.pooled(piece))
        pooled = self.gather(torch.cat(pooled)) if self.gather else torch.cat(pooled)
        # The head is small, and its statistics want float32.
        with torch.autocast(pooled.device.type, enabled=False):
            return self.head.embed(pooled) if embed else self.head.classify(pooled)

    def pooled(self, x: Tensor) -> Tensor:
        """(B, M, F, J, C) -> (B, S·J·R), behind it what a head's kernels find.

        Of a joint that is NaN all that is pooled is NaN, too, and nothing else depends on it.
        """
        return self.head.pool(self._represent(x), x)

    def _represent(self, x: Tensor) -> Tensor:
        """(B, M, F, J, C) -> (B, M, F, J, R). Empty persons, all zero, share a run."""
        people = x.flatten(0, 1)  # (B, M, F, J, C) -> (B·M, F, J, C)
        if self.masks and (gone := people[:, 0, :, 0].isnan()).any():  # (B·M, J)
            feat = self.backbone(people.nan_to_num(), return_rep=True, there=~gone)
            feat = feat.masked_fill(gone[:, None, :, None], torch.nan)
            return feat.unflatten(0, x.shape[:2])  # (B·M, F, J, R) -> (B, M, F, J, R)
        there = people.flatten(1).any(1) if x.shape[1] > 1 else None  # (B·M,)
        if there is None or there.sum() >= len(people) - 1:
            feat = self.backbone(people, return_rep=True)
        else:
            feat = self.backbone(torch.cat([people[there], people[~there][:1]]), return_rep=True)
            feat = feat[torch.where(there, there.cumsum(0) - 1, len(feat) - 1)]
        return feat.unflatten(0, x.shape[:2])  # (B·M, F, J, R) -> (B, M, F, J, R)

    def _most_tokens(self, parts: list[Tensor]) -> int:
        """How many tokens the backbone takes at a time."""
        if parts[0].device.type == "cpu":
            return PIECE_TOKENS
        most = GRID * self.feat_J
        if self.training and sum(part[..., 0].numel() for part in parts) > self.keep_tokens:
            # What is computed again is kept, too, for as long as its gradient takes.
            return min(most, int(self.keep_tokens / 4))
        return most

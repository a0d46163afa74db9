"""DSTformer and its action heads.

Zhu et al., MotionBERT: A Unified Perspective on Learning Human Motion Representations, ICCV 2023 (arXiv 2210.06551).
Constructor keywords and parameter names are those of the authors' code, so that scripts and weights carry over.
Shapes: B batch, M persons, F frames, J joints, C channels, D = dim_feat, R = dim_rep, H heads.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

PIECE_TOKENS = 8192  # frames · joints that a processor's caches hold well
GRID = 65535  # frames that a GPU's fused kernels take at once as so many sequences of joints
SHORT = 64  # up to so many joints or frames, plain products are faster on processors than the fused kernel (seen: 1.6 times with 17 joints, 3.4 in few channels)


class Attention(nn.Module):
    """Multi-head self-attention over the last but one axis: (..., N, D) -> (..., N, D)."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        qkv_bias: bool,
        qk_scale: float | None,
        attn_drop: float,
        drop: float,
    ):
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"dim_feat must be a multiple of num_heads, got {dim} and {num_heads}")
        self.num_heads, self.scale, self.attn_drop = num_heads, qk_scale, attn_drop
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).flatten(
            0, -3
        )  # (..., N, D) -> (L, N, 3·D): the fused kernels take one leading axis only
        q, k, v = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1)
        )  # each (L, H, N, D/H)
        if x.device.type == "cpu" and x.shape[-2] <= SHORT:
            weights = (q * (self.scale or q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).softmax(
                -1
            )  # (L, H, N, N)
            y = F.dropout(weights, self.attn_drop, self.training) @ v
        else:
            y = F.scaled_dot_product_attention(
                q, k, v, dropout_p=self.attn_drop if self.training else 0.0, scale=self.scale
            )
        return self.proj_drop(
            self.proj(y.transpose(1, 2).flatten(2).view(x.shape))
        )  # (L, H, N, D/H) -> (..., N, D)


class MLP(nn.Module):
    """(..., D) -> (..., D) through `hidden` units and the exact GELU."""

    def __init__(self, dim: int, hidden: int, drop: float):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.fc2(self.drop(F.gelu(self.fc1(x)))))


class DropPath(nn.Module):
    """Stochastic depth: drops a sub-layer's whole output for a random part of the batch (Huang et al., 2016)."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = x.new_empty(x.shape[0], *[1] * (x.ndim - 1)).bernoulli_(1 - self.rate)  # (B, 1, ...)
        return x * keep / (1 - self.rate)


class Block(nn.Module):
    """Spatial attention (joints of a frame) and temporal attention (frames of a joint), each with an MLP.

    `order` is 'st' (spatial pair first) or 'ts'. (B, F, J, D) -> (B, F, J, D).
    """

    def __init__(
        self,
        order: str,
        dim: int,
        hidden: int,
        drop: float,
        drop_path: float,
        norm_layer: Callable,
        **attention,
    ):
        super().__init__()
        self.order = order
        for axis in "st":
            setattr(self, f"norm1_{axis}", norm_layer(dim))
            setattr(self, f"attn_{axis}", Attention(dim, drop=drop, **attention))
            setattr(self, f"norm2_{axis}", norm_layer(dim))
            setattr(self, f"mlp_{axis}", MLP(dim, hidden, drop))
        self.drop_path = DropPath(drop_path)

    def spatial(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn_s(self.norm1_s(x)))  # attends over J in (B, F, J, D)
        return x + self.drop_path(self.mlp_s(self.norm2_s(x)))

    def temporal(self, x: Tensor) -> Tensor:
        swapped = self.norm1_t(x).transpose(1, 2)  # (B, F, J, D) -> (B, J, F, D), attends over F
        x = x + self.drop_path(self.attn_t(swapped).transpose(1, 2))  # back to (B, F, J, D)
        return x + self.drop_path(self.mlp_t(self.norm2_t(x)))

    def forward(self, x: Tensor) -> Tensor:
        return (
            self.temporal(self.spatial(x)) if self.order == "st" else self.spatial(self.temporal(x))
        )


class DSTformer(nn.Module):
    """Dual-stream spatio-temporal transformer: two orders of the same sub-layers, fused after every layer.

    A clip of F frames takes the first F temporal embeddings, as the authors' does; with `stretch_time` the `maxlen` embeddings
    cover every clip from its beginning to its end, so that clips of different lengths agree on what its middle is.
    """

    def __init__(
        self,
        dim_in: int = 3,
        dim_out: int = 3,
        dim_feat: int = 256,
        dim_rep: int = 512,
        depth: int = 5,
        num_heads: int = 8,
        mlp_ratio: float = 4,
        num_joints: int = 17,
        maxlen: int = 243,
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        norm_layer: Callable | None = None,
        att_fuse: bool = True,
        stretch_time: bool = False,
    ):
        super().__init__()
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.dim_in, self.dim_out, self.dim_feat, self.dim_rep = dim_in, dim_out, dim_feat, dim_rep
        self.num_joints, self.maxlen, self.att_fuse, self.stretch_time = (
            num_joints,
            maxlen,
            att_fuse,
            stretch_time,
        )
        self.joints_embed = nn.Linear(dim_in, dim_feat)
        self.pos_embed = nn.Parameter(torch.zeros(1, num_joints, dim_feat))
        self.temp_embed = nn.Parameter(torch.zeros(1, maxlen, 1, dim_feat))
        self.pos_drop = nn.Dropout(drop_rate)
        rates = torch.linspace(0, drop_path_rate, depth).tolist()
        common = dict(
            dim=dim_feat,
            hidden=round(dim_feat * mlp_ratio),
            drop=drop_rate,
            norm_layer=norm_layer,
            num_heads=num_heads,
            qkv_bias=qkv_bias,
            qk_scale=qk_scale,
            attn_drop=attn_drop_rate,
        )
        self.blocks_st = nn.ModuleList(Block("st", drop_path=rate, **common) for rate in rates)
        self.blocks_ts = nn.ModuleList(Block("ts", drop_path=rate, **common) for rate in rates)
        self.norm = norm_layer(dim_feat)
        self.pre_logits = nn.ModuleDict({"fc": nn.Linear(dim_feat, dim_rep)})
        self.head = nn.Linear(dim_rep, dim_out)
        if att_fuse:
            self.ts_attn = nn.ModuleList(nn.Linear(dim_feat * 2, 2) for _ in rates)
        self.apply(self._start)
        for embedding in (self.pos_embed, self.temp_embed):
            nn.init.trunc_normal_(embedding, std=0.02)
        if att_fuse:
            for gate in self.ts_attn:
                nn.init.zeros_(gate.weight)
                nn.init.constant_(gate.bias, 0.5)

    @staticmethod
    def _start(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def get_representation(self, x: Tensor) -> Tensor:
        """(B, F, J, dim_in) -> (B, F, J, R), 1 ≤ F ≤ maxlen. Raises ValueError for any other shape."""
        if (
            x.ndim != 4
            or x.shape[2:] != (self.num_joints, self.dim_in)
            or not 1 <= x.shape[1] <= self.maxlen
        ):
            raise ValueError(
                f"expected (B, F, {self.num_joints}, {self.dim_in}) with 1 to {self.maxlen} frames (maxlen), got {tuple(x.shape)}"
            )
        time = (
            self._stretched_time(x.shape[1])
            if self.stretch_time
            else self.temp_embed[:, : x.shape[1]]
        )
        x = self.joints_embed(x) + self.pos_embed + time  # (B, F, J, D)
        x = self.pos_drop(x)
        gates = self.ts_attn if self.att_fuse else [None] * len(self.blocks_st)
        for block_st, block_ts, gate in zip(self.blocks_st, self.blocks_ts, gates):
            x = self.layer(x, block_st, block_ts, gate)
        return torch.tanh(self.pre_logits["fc"](self.norm(x)))

    @staticmethod
    def layer(x: Tensor, block_st: Block, block_ts: Block, gate: nn.Linear | None) -> Tensor:
        """(B, F, J, D) -> (B, F, J, D): both orders, each of which has its share in every joint of every frame."""
        x_st, x_ts = block_st(x), block_ts(x)
        if gate is None:
            return (x_st + x_ts) / 2
        share = gate(torch.cat([x_st, x_ts], dim=-1)).softmax(dim=-1)  # (B, F, J, 2)
        return x_st * share[..., :1] + x_ts * share[..., 1:]

    def _stretched_time(self, frames: int) -> Tensor:
        """(1, F, 1, D): each the mean of the embeddings of its part of a clip."""
        edges = torch.arange(frames + 1, device=self.temp_embed.device) * self.maxlen
        first, last = edges[:-1] // frames, (edges[1:] + frames - 1) // frames  # (F,)
        sums = F.pad(self.temp_embed[0, :, 0].cumsum(0), (0, 0, 1, 0))  # (maxlen + 1, D)
        return ((sums[last] - sums[first]) / (last - first)[:, None])[None, :, None]

    def forward(self, x: Tensor, return_rep: bool = False) -> Tensor:
        """(B, F, J, dim_in) -> (B, F, J, dim_out), or the representation with `return_rep`."""
        representation = self.get_representation(x)
        return representation if return_rep else self.head(representation)

    @property
    def bytes_per_token(self) -> int:
        """Roughly what a training step keeps in float32 for the gradients of one joint in one frame."""
        hidden = self.blocks_st[0].mlp_s.fc1.out_features
        attention = self.blocks_st[0].attn_s
        sub_layers = 4 * (8 * self.dim_feat + 2 * hidden)  # two blocks' spatial and temporal pairs
        sub_layers += 2 * (
            3 * self.dim_feat + attention.num_heads * self.num_joints
        )  # what spatial attention keeps besides on processors
        return 4 * (
            len(self.blocks_st) * (sub_layers + 6 * self.dim_feat)
            + 2 * self.dim_feat
            + 2 * self.dim_rep
        )

    def get_classifier(self) -> nn.Module:
        return self.head

    def reset_classifier(self, dim_out: int, global_pool: str = "") -> None:
        """A fresh output layer of `dim_out` channels."""
        self.dim_out = dim_out
        self.head = nn.Linear(self.dim_rep, dim_out)


class ActionHeadClassification(nn.Module):
    """(B, M, F, J, R) -> logits (B, num_classes), behind them those of mirrored clips as classes of their own (`mirrored`) and those
    of `num_regions`, where the head has them; `sizes` tells how many of each.

    The authors' dropout stands before the mean over frames, where averaging undoes it; `drop_pooled` puts it behind. The
    mean is over each of `segments` parts of a clip, one after the other; with `peaks` the greatest value over the clip stands beside
    them (S values in all below).
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
        mirrored: bool = False,
        num_regions: int = 0,
    ):
        super().__init__()
        self.dropout = nn.Dropout(dropout_ratio)
        self.drop_pooled, self.segments, self.peaks = drop_pooled, segments, peaks
        self.sizes = (num_classes, num_classes * mirrored, num_regions)
        self.fc1 = nn.Linear((segments + peaks) * num_joints * dim_rep, hidden_dim)
        self.bn = nn.BatchNorm1d(hidden_dim, momentum=0.1)
        self.fc2 = nn.Linear(hidden_dim, num_classes)
        if mirrored:
            self.mirrored = nn.Linear(hidden_dim, num_classes)
        if num_regions:
            self.regions = nn.Linear(hidden_dim, num_regions)

    def pool(self, feat: Tensor) -> Tensor:
        """(B, M, F, J, R) -> (B, S·J·R), each clip by itself."""
        return _pooled(feat if self.drop_pooled else self.dropout(feat), self.segments, self.peaks)

    def classify(self, pooled: Tensor) -> Tensor:
        """(B, S·J·R) -> logits (B, sum of sizes); in training the clips of a batch share their statistics."""
        return self.answer(self.embed(pooled))

    def embed(self, pooled: Tensor) -> Tensor:
        """(B, S·J·R) -> (B, hidden_dim), around `bn.running_mean`."""
        return self.fc1(self.dropout(pooled) if self.drop_pooled else pooled)

    def answer(self, embedded: Tensor) -> Tensor:
        """(B, hidden_dim) -> logits (B, sum of sizes)."""
        hidden = F.relu(self.bn(embedded))
        layers = [
            getattr(self, name) for name in ("fc2", "mirrored", "regions") if hasattr(self, name)
        ]
        return (
            torch.cat([layer(hidden) for layer in layers], dim=-1)
            if len(layers) > 1
            else self.fc2(hidden)
        )

    def forward(self, feat: Tensor) -> Tensor:
        return self.classify(self.pool(feat))


class ActionHeadEmbed(nn.Module):
    """(B, M, F, J, R) -> unit vectors (B, hidden_dim), for one-shot recognition by the nearest exemplar."""

    def __init__(
        self,
        dropout_ratio: float = 0.0,
        dim_rep: int = 512,
        num_joints: int = 17,
        hidden_dim: int = 2048,
    ):
        super().__init__()
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc1 = nn.Linear(num_joints * dim_rep, hidden_dim)

    def pool(self, feat: Tensor) -> Tensor:
        """(B, M, F, J, R) -> (B, J·R)."""
        return _pooled(self.dropout(feat))

    def classify(self, pooled: Tensor) -> Tensor:
        """(B, J·R) -> unit vectors (B, hidden_dim)."""
        return F.normalize(self.fc1(pooled), dim=-1)

    def forward(self, feat: Tensor) -> Tensor:
        return self.classify(self.pool(feat))


def _pooled(feat: Tensor, segments: int = 1, peaks: bool = False) -> Tensor:
    exact, frames = torch.promote_types(feat.dtype, torch.float32), feat.shape[2]
    # Of a clip with fewer frames than segments, neighbours share a frame.
    found = [
        feat[:, :, i * frames // segments : -(-(i + 1) * frames // segments)].mean(2, dtype=exact)
        for i in range(segments)
    ]
    found += [feat.amax(2).to(exact)] if peaks else []
    return (
        torch.stack(found, dim=2).flatten(2).mean(1)
    )  # (B, M, S, J, R) -> (B, M, S·J·R) -> (B, S·J·R)


class ActionNet(nn.Module):
    """A DSTformer backbone with an action head; `version` is 'class' or 'embed'.

    The backbone takes a batch piece by piece, since a processor's caches and its allocator like small buffers; a GPU takes it whole if it can. In
    training, pieces beyond `keep_tokens` (clips · persons · frames · joints) are computed again for the gradient instead of kept.
    `gather` sees the pooled clips before they meet in the head, for trainings whose batches are spread over processes.
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
        mirrored: bool = False,
        num_regions: int = 0,
    ):
        super().__init__()
        if version not in ("class", "embed"):
            raise ValueError(f"version must be 'class' or 'embed', got {version!r}")
        self.backbone = backbone
        self.feat_J = num_joints
        common = dict(
            dropout_ratio=dropout_ratio,
            dim_rep=dim_rep,
            num_joints=num_joints,
            hidden_dim=hidden_dim,
        )
        self.head = (
            ActionHeadEmbed(**common)
            if version == "embed"
            else ActionHeadClassification(
                num_classes=num_classes,
                drop_pooled=drop_pooled,
                segments=segments,
                peaks=peaks,
                mirrored=mirrored,
                num_regions=num_regions,
                **common,
            )
        )
        self.keep_tokens = math.inf
        self.gather: Callable[[Tensor], Tensor] | None = None

    def forward(self, x: Tensor | list[Tensor], embed: bool = False) -> Tensor:
        """(B, M, F, J, C), or a list of such parts that differ in F, -> logits (B, sum of the head's sizes), or unit vectors (B, hidden_dim);
        with `embed` what the logits are made of (B, hidden_dim)."""
        pooled, kept = [], 0
        parts = [x] if isinstance(x, Tensor) else x
        most = PIECE_TOKENS
        if parts[0].device.type != "cpu":
            most = GRID * self.feat_J
            if self.training and sum(part[..., 0].numel() for part in parts) > self.keep_tokens:
                most = min(
                    most, int(self.keep_tokens / 4)
                )  # what is computed again is, for its time, kept too
        for part in parts:
            tokens = part[0, ..., 0].numel()
            for piece in part.split(max(1, most // tokens)):
                kept += len(piece) * tokens
                again = self.training and kept > self.keep_tokens
                pooled.append(
                    checkpoint(self.pooled, piece, use_reentrant=False)
                    if again
                    else self.pooled(piece)
                )
        pooled = self.gather(torch.cat(pooled)) if self.gather else torch.cat(pooled)
        with torch.autocast(
            pooled.device.type, enabled=False
        ):  # the head is small, and its statistics want float32
            return self.head.embed(pooled) if embed else self.head.classify(pooled)

    def pooled(self, x: Tensor) -> Tensor:
        """(B, M, F, J, C) -> (B, S·J·R). Empty persons, all zero, share one run of the backbone."""
        people = x.flatten(0, 1)  # (B, M, F, J, C) -> (B·M, F, J, C)
        there = people.flatten(1).any(1) if x.shape[1] > 1 else None  # (B·M,)
        if there is None or there.sum() >= len(people) - 1:
            feat = self.backbone(people, return_rep=True)
        else:
            feat = self.backbone(torch.cat([people[there], people[~there][:1]]), return_rep=True)
            feat = feat[torch.where(there, there.cumsum(0) - 1, len(feat) - 1)]
        return self.head.pool(feat.unflatten(0, x.shape[:2]))  # (B·M, F, J, R) -> (B, M, F, J, R)

"""DSTformer, the backbone of MotionBERT.

Zhu et al., MotionBERT: A Unified Perspective on Learning Human Motion Representations, ICCV 2023
(arXiv 2210.06551). Constructor keywords and parameter names are those of the authors' code, so that
scripts and weights carry over.

Shapes: B batch, F frames, J joints, C channels, D = dim_feat, R = dim_rep, H heads.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Up to so many joints or frames, plain products are faster on processors than the fused kernel:
# 1.6 times with 17 joints, 3.4 times in few channels.
SHORT = 64


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

    def forward(self, x: Tensor, there: Tensor | None = None) -> Tensor:
        """(..., N, D) -> (..., N, D); nothing looks at what is not `there`, (L, N) bool."""
        keys = None if there is None else there[:, None, None]  # (L, 1, 1, N)
        qkv = self.qkv(x).flatten(
            0, -3
        )  # (..., N, D) -> (L, N, 3·D): the fused kernels take one leading axis only
        q, k, v = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1)
        )  # each (L, H, N, D/H)
        # An exported graph has to have one way for all lengths.
        if torch.compiler.is_exporting() or (x.device.type == "cpu" and x.shape[-2] <= SHORT):
            likeness = q * (self.scale or q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
            if keys is not None:
                likeness = likeness.masked_fill(~keys, -torch.inf)
            weights = likeness.softmax(-1)  # (L, H, N, N)
            y = F.dropout(weights, self.attn_drop, self.training) @ v
        else:
            dropped = self.attn_drop if self.training else 0.0
            y = F.scaled_dot_product_attention(
                q, k, v, attn_mask=keys, dropout_p=dropped, scale=self.scale
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
    """Stochastic depth (Huang et al., 2016).

    Drops a sub-layer's whole output for a random part of the batch.
    """

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = x.new_empty(x.shape[0], *[1] * (x.ndim - 1)).bernoulli_(1 - self.rate)  # (B, 1, ...)
        return x * keep / (1 - self.rate)


class Block(nn.Module):
    """Spatial and temporal attention, each with an MLP.

    Spatial attention is among the joints of a frame, temporal among the frames of a joint.
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

    def spatial(self, x: Tensor, there: Tensor | None) -> Tensor:
        if there is not None:
            there = there.repeat_interleave(x.shape[1], 0)  # (B, J) -> (B·F, J)
        # It attends over J in (B, F, J, D).
        x = x + self.drop_path(self.attn_s(self.norm1_s(x), there))
        return x + self.drop_path(self.mlp_s(self.norm2_s(x)))

    def temporal(self, x: Tensor) -> Tensor:
        swapped = self.norm1_t(x).transpose(1, 2)  # (B, F, J, D) -> (B, J, F, D), attends over F
        x = x + self.drop_path(self.attn_t(swapped).transpose(1, 2))  # back to (B, F, J, D)
        return x + self.drop_path(self.mlp_t(self.norm2_t(x)))

    def forward(self, x: Tensor, there: Tensor | None = None) -> Tensor:
        if self.order == "st":
            return self.temporal(self.spatial(x, there))
        return self.spatial(self.temporal(x), there)


class DSTformer(nn.Module):
    """Dual-stream spatio-temporal transformer: two orders of the same sub-layers, fused.

    A clip of F frames takes the first F temporal embeddings, as the authors' does; with
    `stretch_time` the `maxlen` embeddings cover every clip from its beginning to its end, so that
    clips of different lengths agree on what its middle is.
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
        rates = torch.linspace(0, drop_path_rate, depth, device="cpu").tolist()
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

    def get_representation(self, x: Tensor, there: Tensor | None = None) -> Tensor:
        """(B, F, J, dim_in) -> (B, F, J, R), 1 ≤ F ≤ maxlen.

        there: (B, J) bool; what is said of the others says nothing, and nothing depends on them.
        Raises ValueError for any other shape.
        """
        joints = x.ndim == 4 and x.shape[2:] == (self.num_joints, self.dim_in)
        if not joints or not 1 <= x.shape[1] <= self.maxlen:
            raise ValueError(
                f"expected (B, F, {self.num_joints}, {self.dim_in}) with 1 to {self.maxlen} frames "
                f"(maxlen), got {tuple(x.shape)}"
            )
        frames = x.shape[1]
        time = self._stretched_time(frames) if self.stretch_time else self.temp_embed[:, :frames]
        x = self.joints_embed(x) + self.pos_embed + time  # (B, F, J, D)
        x = self.pos_drop(x)
        gates = self.ts_attn if self.att_fuse else [None] * len(self.blocks_st)
        for block_st, block_ts, gate in zip(self.blocks_st, self.blocks_ts, gates):
            x = self.layer(x, block_st, block_ts, gate, there)
        return torch.tanh(self.pre_logits["fc"](self.norm(x)))

    @staticmethod
    def layer(
        x: Tensor,
        block_st: Block,
        block_ts: Block,
        gate: nn.Linear | None,
        there: Tensor | None = None,
    ) -> Tensor:
        """(B, F, J, D) -> (B, F, J, D): both orders, with shares for each joint of each frame."""
        x_st, x_ts = block_st(x, there), block_ts(x, there)
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

    def forward(self, x: Tensor, return_rep: bool = False, there: Tensor | None = None) -> Tensor:
        """(B, F, J, dim_in) -> (B, F, J, dim_out), or the representation with `return_rep`."""
        representation = self.get_representation(x, there)
        return representation if return_rep else self.head(representation)

    @property
    def bytes_per_token(self) -> int:
        """Roughly what a training step keeps for the gradients of one joint in one frame."""
        hidden = self.blocks_st[0].mlp_s.fc1.out_features
        attention = self.blocks_st[0].attn_s
        sub_layers = 4 * (8 * self.dim_feat + 2 * hidden)  # two blocks' spatial and temporal pairs
        # What spatial attention keeps besides on processors.
        sub_layers += 2 * (3 * self.dim_feat + attention.num_heads * self.num_joints)
        layers = len(self.blocks_st) * (sub_layers + 6 * self.dim_feat)
        return 4 * (layers + 2 * self.dim_feat + 2 * self.dim_rep)  # of float32

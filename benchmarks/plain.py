"""The reference system done plainly: what benchmarks measure against and tests compare with.

MotionBERT's action recognition as its formulas read: an empty second person beside every clip,
attention written out, one clip after another through numpy, float32 throughout. Nothing here is
fast, and mbnb does not use it.
Source: Zhu et al., MotionBERT, ICCV 2023 (arXiv 2210.06551), and what its training code computes.
Shapes: B batch, M persons, F frames, J joints, C channels, D = dim_feat, R = dim_rep, H heads.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]  # of an ActionNet, by the names that its state_dict() gives them


def logits(
    weights: Weights, x: Tensor, heads: int, dropout: float = 0.0, training: bool = False
) -> Tensor:
    """(B, M, F, J, C) -> (B, classes): backbone and action head.

    Training uses the batch's own statistics and drops out.
    """
    batch, persons = x.shape[:2]
    feat = representation(
        weights, x.reshape(batch * persons, *x.shape[2:]), heads
    )  # (B, M, F, J, C) -> (B·M, F, J, C)
    feat = F.dropout(feat, dropout, training)
    feat = (
        feat.mean(1).reshape(batch, persons, -1).mean(1)
    )  # (B·M, F, J, R) -> (B, M, J·R) -> (B, J·R)
    hidden = _linear(weights, "head.fc1", feat)
    running = [weights[f"head.bn.running_{name}"] for name in ("mean", "var")]
    hidden = F.batch_norm(
        hidden, *running, weights["head.bn.weight"], weights["head.bn.bias"], training, 0.1
    )
    return _linear(weights, "head.fc2", torch.relu(hidden))


def representation(weights: Weights, x: Tensor, heads: int) -> Tensor:
    """(B, F, J, C) -> (B, F, J, R) through the dual-stream transformer."""
    x = (
        _linear(weights, "backbone.joints_embed", x)
        + weights["backbone.pos_embed"][:, None]
        + weights["backbone.temp_embed"][:, : x.shape[1]]
    )
    layer = 0
    while f"backbone.blocks_st.{layer}.norm1_s.weight" in weights:
        streams = []
        for order in ("st", "ts"):
            name, y = f"backbone.blocks_{order}.{layer}", x
            for axis in order:
                y = y + _attention(
                    weights,
                    f"{name}.attn_{axis}",
                    _norm(weights, f"{name}.norm1_{axis}", y),
                    heads,
                    over_frames=axis == "t",
                )
                y = y + _mlp(
                    weights, f"{name}.mlp_{axis}", _norm(weights, f"{name}.norm2_{axis}", y)
                )
            streams.append(y)
        share = torch.softmax(
            _linear(weights, f"backbone.ts_attn.{layer}", torch.cat(streams, -1)), -1
        )  # (B, F, J, 2)
        x = streams[0] * share[..., 0:1] + streams[1] * share[..., 1:2]
        layer += 1
    return torch.tanh(
        _linear(weights, "backbone.pre_logits.fc", _norm(weights, "backbone.norm", x))
    )


def _attention(weights: Weights, name: str, x: Tensor, heads: int, over_frames: bool) -> Tensor:
    batch, frames, joints, dim = x.shape
    qkv = _linear(weights, f"{name}.qkv", x).reshape(batch, frames, joints, 3, heads, dim // heads)
    # (B, F, J, 3, H, D/H) -> three of (B, H, J, F, D/H), or of (B, H, F, J, D/H)
    q, k, v = qkv.permute(3, 0, 4, 2, 1, 5) if over_frames else qkv.permute(3, 0, 4, 1, 2, 5)
    y = torch.softmax(q @ k.transpose(-2, -1) * (dim // heads) ** -0.5, -1) @ v
    y = y.permute(0, 3, 2, 1, 4) if over_frames else y.permute(0, 2, 3, 1, 4)  # (B, F, J, H, D/H)
    return _linear(weights, f"{name}.proj", y.reshape(batch, frames, joints, dim))


def _mlp(weights: Weights, name: str, x: Tensor) -> Tensor:
    return _linear(weights, f"{name}.fc2", F.gelu(_linear(weights, f"{name}.fc1", x)))


def _norm(weights: Weights, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-6)


def _linear(weights: Weights, name: str, x: Tensor) -> Tensor:
    return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


class PlainDataSet:
    """Clips (T, J, 3) prepared once and augmented one by one, as the original data set does it."""

    def __init__(self, clips: list[np.ndarray], frames: int, rng: np.random.Generator):
        self.rng = rng
        self.clips = [with_empty_person(resample(normalize(clip), frames)) for clip in clips]

    def training_batch(self, indices: list[int]) -> Tensor:
        """(B, 2, F, J, 3), moved and scaled in a new way; the clips stay moved."""
        batch = []
        for i in indices:
            self.clips[i] = random_move(self.clips[i], self.rng)
            batch.append(
                torch.from_numpy(
                    crop_scale(self.clips[i], self.rng.uniform(0.8, 3.2)).astype(np.float32)
                )
            )
        return torch.stack(batch)

    def test_batch(self, indices: list[int]) -> Tensor:
        """(B, 2, F, J, 3)."""
        return torch.stack(
            [torch.from_numpy(crop_scale(self.clips[i], 2.0).astype(np.float32)) for i in indices]
        )


def normalize(pose: np.ndarray, root: int = 0) -> np.ndarray:
    """(T, J, 3): the root at the origin in every frame, each axis divided by its own deviation."""
    pose = pose - pose[:, root : root + 1]
    return pose / np.maximum(pose.std(axis=(0, 1)), 1e-8)


def resample(pose: np.ndarray, frames: int) -> np.ndarray:
    """(T, J, 3) -> (frames, J, 3), frame floor(k·T / frames)."""
    return pose[np.arange(frames) * len(pose) // frames]


def with_empty_person(pose: np.ndarray) -> np.ndarray:
    """(F, J, 3) -> (2, F, J, 3)."""
    return np.stack([pose, np.zeros_like(pose)])


def random_move(pose: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn, scale and shift x and y of (M, F, J, 3) by values linear in the frames."""
    frames = pose.shape[1]
    angle = np.radians(np.linspace(*rng.uniform(-10, 10, 2), frames))
    scale = np.linspace(*rng.uniform(0.9, 1.1, 2), frames)
    shift = np.stack([np.linspace(*rng.uniform(-0.1, 0.1, 2), frames) for _ in "xy"], -1)
    turn = np.array(
        [
            [np.cos(angle) * scale, -np.sin(angle) * scale],
            [np.sin(angle) * scale, np.cos(angle) * scale],
        ]
    )  # (2, 2, F)
    moved = pose.copy()
    moved[..., :2] = np.einsum("dcf,mfjc->mfjd", turn, pose[..., :2]) + shift[None, :, None]
    return moved


def crop_scale(pose: np.ndarray, ratio: float) -> np.ndarray:
    """Map x and y of (M, F, J, 3) by the box around the body, `ratio` times as large.

    The box is around all points with z ≠ 0; all three channels are clipped to [-1, 1].
    """
    points = pose[pose[..., 2] != 0][:, :2]
    if len(points) < 4:
        return np.zeros_like(pose)
    low, high = points.min(0), points.max(0)
    size = (high - low).max() * ratio
    if size == 0:
        return np.zeros_like(pose)
    scaled = pose.copy()
    scaled[..., :2] = ((pose[..., :2] - (low + high - size) / 2) / size - 0.5) * 2
    return np.clip(scaled, -1, 1)

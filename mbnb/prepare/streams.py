"""Streams: what a model sees of each joint. Places, bones, and the motion of both."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mbnb.skeleton import Skeleton


def to_streams(pose: Tensor, seconds: Tensor, streams: Sequence[str], skeleton: Skeleton) -> Tensor:
    """(B, F, J, 3) -> (B, F, J, 3·S), the named `config.STREAMS` side by side.

    `seconds` (B,) is what a window lasts. A joint is seen from the root, the root from where the
    clip's origin is; a bone reaches from its joint's parent to the joint, the root's has no
    length; motion is per second.
    """
    kinds = [k for k in ("joint", "bone") if any(stream.startswith(k) for stream in streams)]
    matrix = _stream_matrix(skeleton, *kinds)
    matrix = torch.as_tensor(matrix, dtype=pose.dtype, device=pose.device)
    places = pose.flatten(2) @ matrix  # (B, F, J·3) -> (B, F, J·3·K)
    places = places.unflatten(-1, (len(skeleton), -1))  # -> (B, F, J, 3·K)
    width = places.shape[-1]
    both = pose.new_empty(*places.shape[:-1], 2 * width)
    both[..., :width] = places
    torch.sub(places[:, 1:], places[:, :-1], out=both[:, :-1, :, width:])
    steps_a_second = max(pose.shape[1] - 1, 1) / seconds.clamp_min(1e-6)
    both[..., width:] *= steps_a_second[:, None, None, None]
    both[:, -1, :, width:] = 0
    order = [*kinds, *(f"{kind}_motion" for kind in kinds)]
    if list(streams) == order:
        return both
    return torch.cat([both[..., 3 * i : 3 * i + 3] for i in map(order.index, streams)], dim=-1)


def fold(x: Tensor, patch: int) -> Tensor:
    """`patch` frames one after the other as one: (B, F, J, C) -> (B, F / patch, J, patch·C)."""
    if patch == 1:
        return x
    x = x.unflatten(1, (-1, patch))  # (B, F, J, C) -> (B, F / P, P, J, C)
    return x.transpose(2, 3).flatten(3)  # -> (B, F / P, J, P·C)


@lru_cache
def _stream_matrix(skeleton: Skeleton, *kinds: str) -> np.ndarray:
    """(J·3, J·K·3) that takes a pose to its joints as seen from the root, and to its bones."""
    joint, bone, root = np.eye(len(skeleton)), skeleton.differences.copy(), skeleton.root
    joint[:, root] -= 1
    joint[root, root] = 1
    bone[root] = 0
    stacked = np.stack([{"joint": joint, "bone": bone}[kind] for kind in kinds])  # (K, J, J)
    matrix = np.einsum("kij,dc->jcikd", stacked, np.eye(3))  # (J, 3, J, K, 3)
    return matrix.reshape(3 * len(skeleton), -1)  # -> (J·3, J·K·3)

"""Transforms of poses as batched torch functions: the same code on CPU and GPU.

Shapes: B clips, M persons, T or F frames, J joints; a pose is (x right, y down, z away). Functions of the first half do
what MotionBERT's data set does (the `parity` recipe); those of the second half are the default recipe's. Random numbers
are drawn by the callers in `mbnb.prepare.recipes`, so that every function here gives the same output for the same input.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import savgol_filter
from torch import Tensor

from mbnb.clips import first_rows
from mbnb.skeleton import Skeleton

# ---------------------------------------------------------------- MotionBERT's own


def normalize_axes(pose: Tensor, root: int = 0) -> Tensor:
    """(..., T, J, 3): root at the origin in every frame, each axis divided by its own deviation over frames and joints."""
    pose = pose - pose[..., root : root + 1, :]
    return pose / pose.std(dim=(-3, -2), correction=0, keepdim=True).clamp_min(1e-8)


def resample_index(length: int, frames: int) -> Tensor:
    """(frames,) positions floor(k·length / frames) that stretch or thin out a clip evenly."""
    return torch.arange(frames) * length // frames


def random_resample_index(length: int, frames: int, draws: Tensor) -> Tensor:
    """(frames,) random positions. `draws` (frames,) holds coins (1 floor, 0 ceil) for short clips and uniforms in [0, 1)
    for clips of at least `frames` frames."""
    even = torch.arange(frames, dtype=torch.float64) * length / frames
    if length >= frames:
        index = even + draws.to(torch.float64) * length / frames
    else:
        index = torch.where(draws.bool(), even.floor(), even.ceil()).sort().values
    return index.clamp(0, length - 1).long()


def with_empty_person(pose: Tensor) -> Tensor:
    """(..., T, J, 3) -> (..., 2, T, J, 3), the second person all zeros."""
    return torch.stack([pose, torch.zeros_like(pose)], dim=-4)


def random_move(pose: Tensor, angle: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Turn, scale and shift x and y of (B, M, T, J, 3) by values that change linearly from the first to the last frame.

    angle (B, 2) in radians, scale (B, 2), shift (B, 2, 2) as (x or y, end).
    """
    time = torch.linspace(0, 1, pose.shape[-3], dtype=pose.dtype, device=pose.device)
    angle, scale, shift = (
        value[..., :1] + (value[..., 1:] - value[..., :1]) * time for value in (angle, scale, shift)
    )  # (B, T) or (B, 2, T)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    turn = torch.stack(
        [torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2
    )  # (B, T, 2, 2)
    xy = (
        torch.einsum("btdc,bmtjc->bmtjd", turn, pose[..., :2])
        + shift.transpose(1, 2)[:, None, :, None]
    )  # shift as (B, 1, T, 1, 2)
    return torch.cat([xy, pose[..., 2:]], dim=-1)


def crop_scale(pose: Tensor, ratio: Tensor) -> Tensor:
    """Map x and y of (B, M, T, J, 3) so that the box around all points with z ≠ 0, `ratio` (B,) times enlarged, fills
    [-1, 1]; then clip all three channels to it. All zeros for clips with fewer than 4 such points or an empty box."""
    valid = (pose[..., 2] != 0).flatten(1)  # (B, M·T·J)
    xy = pose[..., :2].flatten(1, 3)  # (B, M·T·J, 2)
    low = xy.masked_fill(~valid[..., None], torch.inf).amin(1)  # (B, 2)
    high = xy.masked_fill(~valid[..., None], -torch.inf).amax(1)
    size = (high - low).amax(-1) * ratio  # (B,)
    usable = (valid.sum(1) >= 4) & (size > 0)
    low, high, size = (
        torch.where(usable.view(-1, *[1] * (value.ndim - 1)), value, 1.0)
        for value in (low, high, size)
    )
    corner = (low + high - size[:, None]) / 2  # (B, 2)
    shape = (-1, 1, 1, 1)
    xy = ((pose[..., :2] - corner.view(*shape, 2)) / size.view(*shape, 1) - 0.5) * 2
    return torch.cat([xy, pose[..., 2:]], dim=-1).clamp(-1, 1) * usable.view(*shape, 1)


def flip(pose: Tensor, mirror: Sequence[int] | Tensor) -> Tensor:
    """Exchange left and right of (..., J, C): x changes its sign, and joints their sides (`Skeleton.mirror`)."""
    sign = torch.ones(pose.shape[-1], dtype=pose.dtype, device=pose.device)
    sign[0::3] = -1
    return pose.index_select(-2, torch.as_tensor(mirror, device=pose.device)) * sign


def camera_range(pixels: Tensor, width: int, height: int) -> Tensor:
    """Pixels (..., 2) to MotionBERT's range: the longer side spans [-1, 1], the shorter one starts at -1."""
    return pixels / max(width, height) * 2 - 1


def untangle(tracks: Tensor) -> Tensor:
    """Two tracked people (2, T, J, C) whose identities a tracker has exchanged: swap back from frame to frame.

    A frame counts where the first person is farther from its own last pose than from the other's; the two are exchanged
    where the count so far is odd.
    """
    step = torch.linalg.vector_norm(tracks[:1, 1:] - tracks[:, :-1], dim=-1).sum(
        -1
    )  # (2 before, T - 1)
    swaps = (step[0] > step[1]).cumsum(0) % 2 == 1
    swapped = torch.cat([swaps.new_zeros(1), swaps])[None, :, None, None]  # (1, T, 1, 1)
    return torch.where(swapped, tracks.flip(0), tracks)


# ---------------------------------------------------------------- the default recipe


def smooth(frames: Tensor, lengths: Tensor, window: int = 7, order: int = 2) -> Tensor:
    """Savitzky-Golay filter along the frames of clips that lie one after the other; clips shorter than the window get a shorter one.

    frames (sum T, J, C), lengths (N,). Divides the noise of a still joint by about 2-4 without lag, keeping 80-100 % of a nod; see
    `mbnb.video.landmarks`.
    """
    widths = (lengths - 1 + lengths % 2).clamp_max(window)
    smoothed = frames.clone()
    clip = torch.repeat_interleave(lengths)
    for width in widths.unique().tolist():
        if width <= order:
            continue
        rows, own = (widths[clip] == width).nonzero()[:, 0], lengths[widths == width]
        x, ends, half = frames[rows], own.cumsum(0), width // 2
        filters = torch.as_tensor(
            savgol_filter(np.eye(width), width, order, axis=0),
            dtype=frames.dtype,
            device=frames.device,
        )
        inner = len(x) - 2 * half
        y = x.clone()
        y[half : half + inner] = sum(filters[half, k] * x[k : k + inner] for k in range(width))
        # A filter's other rows say what becomes of the ends of a clip, where the window does not fit around a frame.
        for first, ending in ((ends - own, slice(half)), (ends - width, slice(half + 1, width))):
            places = first[:, None] + torch.arange(width, device=frames.device)  # (N, width)
            y[places[:, ending]] = torch.einsum("hw,nwjc->nhjc", filters[ending], x[places])
        smoothed[rows] = y
    return smoothed


def standardise(frames: Tensor, lengths: Tensor, skeleton: Skeleton) -> Tensor:
    """Clips in metres, one after the other, -> each facing the camera, its mean pelvis at the origin, in lengths of its trunk.

    frames (sum T, J, 3), lengths (N,). One turn about the vertical, one shift and one scale for a whole clip: proportions,
    depth and the way through the room stay.
    """
    pelvis, neck, left_hip, right_hip, left_shoulder, right_shoulder = skeleton.index(
        "Pelvis", "Neck", "L_Hip", "R_Hip", "L_Shoulder", "R_Shoulder"
    )
    clip = torch.repeat_interleave(lengths)
    across = (
        frames[:, left_hip]
        - frames[:, right_hip]
        + frames[:, left_shoulder]
        - frames[:, right_shoulder]
    )
    means = torch.segment_reduce(
        torch.cat([frames[:, pelvis], across], -1), "mean", lengths=lengths
    )  # (N, 6)
    turn = torch.atan2(means[:, 5], means[:, 3])
    trunk = (frames[:, neck] - frames[:, pelvis]).norm(dim=-1)
    order = trunk.argsort()
    order = order[clip[order].argsort(stable=True)]  # by clip, within it by length of the trunk
    median = trunk[order[first_rows(lengths) + (lengths - 1) // 2]].clamp_min(1e-6)
    centred = (frames - means[clip, None, :3]) / median[clip, None, None]
    return rotate(centred[:, None], vertical=turn[clip])[:, 0]


def rotate(pose: Tensor, vertical: Tensor) -> Tensor:
    """Turn (..., T, J, 3) about the y axis by `vertical` (...) radians: from z towards x."""
    cos, sin = vertical.cos()[..., None, None], vertical.sin()[..., None, None]
    x, y, z = pose.unbind(-1)
    return torch.stack([x * cos + z * sin, y, z * cos - x * sin], dim=-1)


def gather_windows(
    frames: Tensor, start: Tensor, length: Tensor, count: int, warp: Tensor | None = None
) -> Tensor:
    """Windows of ragged clips at `count` moments, linearly interpolated.

    frames (sum T, J, C); start (B,) first moment in frames and length (B,) frames from the first to the last moment
    (both fractional, within one clip each) -> (B, count, J, C). The moments are evenly spaced; with `warp` (B,), from -1 to
    1, the movement begins slower and ends faster, or the other way.
    """
    times = torch.linspace(0, 1, count, dtype=start.dtype, device=start.device).expand(
        len(start), count
    )
    if warp is not None:
        times = times - warp[:, None] * times * (1 - times)
    moments = start[:, None] + length[:, None] * times  # (B, count)
    before = moments.floor().long().clamp(0, len(frames) - 1)
    after = torch.minimum(before + 1, (start + length).ceil().long()[:, None]).clamp_max(
        len(frames) - 1
    )
    share = (moments - before).to(frames.dtype)[..., None]
    rows = frames.flatten(1)  # (sum T, J, C) -> (sum T, J·C)
    windows = F.embedding(before, rows).lerp_(F.embedding(after, rows), share)
    return windows.unflatten(-1, frames.shape[1:])  # (B, count, J·C) -> (B, count, J, C)


def at_moments(frames: Tensor, lengths: Tensor, skeleton: Skeleton, count: int) -> Tensor:
    """Whole clips in metres, one after the other, (sum T, J, 3) with lengths (N,) -> standardised, at `count` moments each: (N, count, J, 3)."""
    return gather_windows(
        standardise(frames, lengths, skeleton),
        first_rows(lengths).double(),
        (lengths - 1).double(),
        count,
    )


def turns(angles: Tensor) -> Tensor:
    """(B, 3) radians about the vertical, then the x, then the z axis -> (B, 3, 3) that turn a column (x, y, z)."""
    axes = torch.eye(3, device=angles.device).expand(
        len(angles), 3, 3
    )  # one moment of three "joints", the unit vectors as rows
    for angle, order in zip(angles.unbind(1), ([0, 1, 2], [1, 0, 2], [0, 2, 1])):
        axes = rotate(axes[:, None, :, order], vertical=angle)[:, 0][..., order]
    return axes.transpose(1, 2)  # rows -> columns


def limb_scales(factors: Tensor, skeleton: Skeleton) -> Tensor:
    """Factors (B, J) of the bones, that of a bone at its child, that of the way of the body at the root -> (B, J, J) that
    lengthen the bones of a pose (J, 3) so."""
    to_bones, to_joints = (
        torch.as_tensor(matrix, dtype=factors.dtype, device=factors.device)
        for matrix in (skeleton.differences, skeleton.ancestry)
    )
    return to_joints @ (factors[:, :, None] * to_bones)


def reshape_bodies(pose: Tensor, joints: Tensor, turn: Tensor) -> Tensor:
    """(B, T, J, 3) with joints mixed by (B, J, J) and turned by (B, 3, 3): one matrix product a clip for everything linear."""
    both = (
        torch.einsum("bjk,bdc->bkcjd", joints, turn).flatten(3).flatten(1, 2)
    )  # (B, J, 3, J, 3) -> (B, J·3, J·3)
    return (pose.flatten(2) @ both).view_as(pose)  # (B, T, J·3) -> (B, T, J, 3)


def to_streams(pose: Tensor, seconds: Tensor, streams: Sequence[str], skeleton: Skeleton) -> Tensor:
    """(B, F, J, 3) -> (B, F, J, 3·S), the named `config.STREAMS` side by side; the window lasts `seconds` (B,).

    A joint is seen from the root, the root from where the clip's origin is; a bone reaches from its joint's parent to the joint, the
    root's has no length; motion is per second.
    """
    kinds = [
        kind for kind in ("joint", "bone") if any(stream.startswith(kind) for stream in streams)
    ]
    matrix = torch.as_tensor(_stream_matrix(skeleton, *kinds), dtype=pose.dtype, device=pose.device)
    places = (pose.flatten(2) @ matrix).unflatten(
        -1, (len(skeleton), -1)
    )  # (B, F, J·3) -> (B, F, J, 3·K)
    wide = places.shape[-1]
    made = pose.new_empty(*places.shape[:-1], 2 * wide)
    made[..., :wide] = places
    torch.sub(places[:, 1:], places[:, :-1], out=made[:, :-1, :, wide:])
    made[..., wide:] *= (max(pose.shape[1] - 1, 1) / seconds.clamp_min(1e-6))[:, None, None, None]
    made[:, -1, :, wide:] = 0
    order = [*kinds, *(f"{kind}_motion" for kind in kinds)]
    return (
        made
        if list(streams) == order
        else torch.cat([made[..., 3 * i : 3 * i + 3] for i in map(order.index, streams)], dim=-1)
    )


@lru_cache
def _stream_matrix(skeleton: Skeleton, *kinds: str) -> np.ndarray:
    """(J·3, J·K·3) that takes a pose to its joints as seen from the root and its bones, as far as `kinds` names them, side by side."""
    joint, bone, root = np.eye(len(skeleton)), skeleton.differences.copy(), skeleton.root
    joint[:, root] -= 1
    joint[root, root] = 1
    bone[root] = 0
    stacked = np.stack([{"joint": joint, "bone": bone}[kind] for kind in kinds])  # (K, J, J)
    return np.einsum("kij,dc->jcikd", stacked, np.eye(3)).reshape(
        3 * len(skeleton), -1
    )  # (J, 3, J, K, 3) -> (J·3, J·K·3)


def speeds(pose: np.ndarray, fps: float = 30.0) -> np.ndarray:
    """(T - 1, J) the speed of each joint of (T, J, 3) from frame to frame in metres per second, after smoothing away the sensor's noise."""
    smoothed = smooth(torch.as_tensor(pose), torch.tensor([len(pose)]))
    return (smoothed.diff(dim=0).norm(dim=-1) * fps).numpy()


def motion_energy(pose: np.ndarray, fps: float = 30.0) -> np.ndarray:
    """(J,) the mean of `speeds` over the frames."""
    return speeds(pose, fps).mean(0)

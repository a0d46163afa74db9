"""Geometry of poses as batched torch functions: the same code on CPU and GPU.

Shapes: B clips, T or F frames, J joints, C channels; a pose is (x right, y down, z away) in
metres. Clips lie one after the other in one array of frames, with their lengths beside it. No
function here draws
chance: the same input gives the same output.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import savgol_filter
from torch import Tensor

from mbnb.clips import Clips, first_rows
from mbnb.skeleton import Skeleton

LEAST_TRUNK = 0.2  # of the joints' mean distance from the pelvis, which is about a trunk
# Root mean square distance of a person's joints from their middle, in a picture, in lengths of the
# trunk: 0.92 to 0.97 in the median of motion capture and of two depth sensors.
TRUNKS_OF_SPREAD = 0.92


def flip(pose: Tensor, mirror: Sequence[int] | Tensor) -> Tensor:
    """Exchange left and right of (..., J, C): x changes its sign, joints change their sides.

    `mirror` (J,) is `Skeleton.mirror`; C is a multiple of 3, or 3 and further channels.
    """
    sign = torch.ones(pose.shape[-1], dtype=pose.dtype, device=pose.device)
    sign[0::3] = -1
    return pose.index_select(-2, torch.as_tensor(mirror, device=pose.device)) * sign


def rotate(pose: Tensor, vertical: Tensor) -> Tensor:
    """Turn (..., T, J, 3) about the y axis by `vertical` (...) radians: from z towards x."""
    cos, sin = vertical.cos()[..., None, None], vertical.sin()[..., None, None]
    x, y, z = pose.unbind(-1)
    return torch.stack([x * cos + z * sin, y, z * cos - x * sin], dim=-1)


def smooth(frames: Tensor, lengths: Tensor, window: int = 7, order: int = 2) -> Tensor:
    """Savitzky-Golay filter along the frames of each clip; short clips get a shorter window.

    frames (sum T, J, C), lengths (N,). It divides the noise of a still joint by about 2 to 4
    without lag, and keeps 80 to 100 % of a nod.
    """
    widths = (lengths - 1 + lengths % 2).clamp_max(window)
    smoothed = frames.clone()
    clip = torch.repeat_interleave(lengths)
    for width in widths.unique().tolist():
        if width <= order:
            continue
        rows, counts = (widths[clip] == width).nonzero()[:, 0], lengths[widths == width]
        x, ends, half = frames[rows], counts.cumsum(0), width // 2
        kernels = savgol_filter(np.eye(width), width, order, axis=0)
        filters = torch.as_tensor(kernels, dtype=frames.dtype, device=frames.device)
        inner = len(x) - 2 * half
        y = x.clone()
        y[half : half + inner] = sum(filters[half, k] * x[k : k + inner] for k in range(width))
        # The other rows of the filter are for both ends of a clip, where the window does not fit.
        for first, ending in (
            (ends - counts, slice(half)),
            (ends - width, slice(half + 1, width)),
        ):
            places = first[:, None] + torch.arange(width, device=frames.device)  # (N, width)
            y[places[:, ending]] = torch.einsum("hw,nwjc->nhjc", filters[ending], x[places])
        smoothed[rows] = y
    return smoothed


def smooth_equal(pose: Tensor, window: int = 7, order: int = 2) -> Tensor:
    """`smooth` of clips of one length, (B, T, J, C), in operations that can be exported."""
    filters = torch.zeros(window // 2 + 1, window, window, dtype=pose.dtype)
    for half, kernel in enumerate(filters):
        width = 2 * half + 1
        rows = np.eye(width)
        rows = savgol_filter(rows, width, order, axis=0) if width > order else rows
        kernel[:width, :width] = torch.as_tensor(rows)
    moments = torch.arange(pose.shape[1], device=pose.device)
    last = moments[-1:]
    width = (last + (last + 1) % 2).clamp_max(window)
    first = torch.minimum((moments - width // 2).clamp_min(0), last + 1 - width)  # (T,)
    near = first[:, None] + torch.arange(window, device=pose.device)  # (T, window)
    weights = filters.to(pose.device)[width // 2, moments - first]  # (T, window)
    return torch.einsum("tw,btwjc->btjc", weights, pose[:, torch.minimum(near, last)])


def standardise(frames: Tensor, lengths: Tensor, skeleton: Skeleton) -> Tensor:
    """Each clip facing the camera, its mean pelvis at the origin, in lengths of its trunk.

    frames (sum T, J, 3) metres, lengths (N,) -> (sum T, J, 3). A clip gets one turn about the
    vertical, by its mean pose, one shift and one scale: proportions, depth and the way through
    the room stay. A trunk counts as `LEAST_TRUNK` of the body at least, so that a clip without one
    stays within reach of others.
    """
    clip = torch.repeat_interleave(lengths)
    both, trunk = _body(frames, skeleton)
    means = torch.segment_reduce(both, "mean", lengths=lengths)  # (N, 7)
    order = trunk.argsort()
    order = order[clip[order].argsort(stable=True)]  # by clip, within it by length of the trunk
    median = trunk[order[first_rows(lengths) + (lengths - 1) // 2]]
    return _placed(frames[:, None], means[clip], median[clip])[:, 0]


def standardise_equal(pose: Tensor, skeleton: Skeleton) -> Tensor:
    """`standardise` of clips of one length, (B, T, J, 3), in operations that can be exported."""
    both, trunk = _body(pose, skeleton)
    middle = torch.arange(pose.shape[1], device=pose.device)[-1:] // 2
    return _placed(pose, both.mean(1), trunk.sort(1).values[:, middle][:, 0])


def _body(pose: Tensor, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
    """(..., J, 3) -> (..., 7) place, width from right to left, size; (...) length of the trunk."""
    pelvis, neck, left_hip, right_hip, left_shoulder, right_shoulder = skeleton.index(
        "Pelvis", "Neck", "L_Hip", "R_Hip", "L_Shoulder", "R_Shoulder"
    )
    hips = pose[..., left_hip, :] - pose[..., right_hip, :]
    across = hips + pose[..., left_shoulder, :] - pose[..., right_shoulder, :]
    root = pose[..., pelvis, :]
    size = (pose - root[..., None, :]).norm(dim=-1).mean(-1, keepdim=True)  # (..., 1)
    trunk = (pose[..., neck, :] - root).norm(dim=-1)
    return torch.cat([root, across, size], -1), trunk


def _placed(pose: Tensor, means: Tensor, trunk: Tensor) -> Tensor:
    """Clips (N, T, J, 3) put where their mean `_body` (N, 7) and median trunk (N,) say."""
    trunk = torch.maximum(trunk, LEAST_TRUNK * means[:, 6]).clamp_min(1e-6)
    centred = (pose - means[:, None, None, :3]) / trunk[:, None, None, None]
    return rotate(centred, vertical=torch.atan2(means[:, 5], means[:, 3]))


def standardise_flat(places: Tensor, skeleton: Skeleton) -> Tensor:
    """Places in a picture (B, F, J, 2) in any unit -> centred, about a trunk to the unit.

    A window gets one shift, by its mean pelvis, and one scale, by how far its joints spread, since
    a trunk that is bent towards the camera has no length in a picture.
    """
    pelvis = places[:, :, skeleton.index("Pelvis")[0]].mean(1)[:, None, None]  # (B, 1, 1, 2)
    spread = (places - places.mean(2, keepdim=True)).square().sum(-1).mean(2).sqrt()  # (B, F)
    scale = TRUNKS_OF_SPREAD / spread.mean(1).clamp_min(1e-6)  # (B,)
    return (places - pelvis) * scale[:, None, None, None]


def gather_windows(frames: Tensor, start: Tensor, length: Tensor, count: int) -> Tensor:
    """Windows of clips at `count` evenly spaced moments, linearly interpolated.

    frames (sum T, J, C); start (B,) the first moment in frames and length (B,) the frames from
    the first to the last moment, both fractional and within one clip -> (B, count, J, C).
    """
    times = torch.linspace(0, 1, count, dtype=start.dtype, device=start.device)
    moments = start[:, None] + length[:, None] * times  # (B, count)
    before = moments.floor().long().clamp(0, len(frames) - 1)
    last = (start + length).ceil().long()[:, None]
    after = torch.minimum(before + 1, last).clamp_max(len(frames) - 1)
    share = (moments - before).to(frames.dtype)[..., None]
    rows = frames.flatten(1)  # (sum T, J, C) -> (sum T, J·C)
    windows = F.embedding(before, rows).lerp_(F.embedding(after, rows), share)
    return windows.unflatten(-1, frames.shape[1:])  # (B, count, J·C) -> (B, count, J, C)


def at_moments(frames: Tensor, lengths: Tensor, skeleton: Skeleton, count: int) -> Tensor:
    """Whole clips in metres, (sum T, J, 3) with lengths (N,) -> standardised, (N, count, J, 3)."""
    standardised = standardise(frames, lengths, skeleton)
    starts, spans = first_rows(lengths).double(), (lengths - 1).double()
    return gather_windows(standardised, starts, spans, count)


def turns(angles: Tensor) -> Tensor:
    """Radians about the vertical, then the x, then the z axis (B, 3) -> (B, 3, 3) for columns."""
    # One moment of three "joints", the unit vectors as rows.
    axes = torch.eye(3, device=angles.device).expand(len(angles), 3, 3)
    for angle, order in zip(angles.unbind(1), ([0, 1, 2], [1, 0, 2], [0, 2, 1])):
        axes = rotate(axes[:, None, :, order], vertical=angle)[:, 0][..., order]
    return axes.transpose(1, 2)  # rows -> columns


def limb_scales(factors: Tensor, skeleton: Skeleton) -> Tensor:
    """Matrices (B, J, J) that lengthen the bones of a pose (J, 3) by `factors` (B, J).

    A bone's factor stands at its child, that of the body's way at the root.
    """
    to_bones = torch.as_tensor(skeleton.differences, dtype=factors.dtype, device=factors.device)
    to_joints = torch.as_tensor(skeleton.ancestry, dtype=factors.dtype, device=factors.device)
    return to_joints @ (factors[:, :, None] * to_bones)


def reshape_bodies(pose: Tensor, joints: Tensor, turn: Tensor) -> Tensor:
    """(B, T, J, 3) with joints mixed by `joints` (B, J, J) and turned by `turn` (B, 3, 3).

    One matrix product a clip does both.
    """
    both = torch.einsum("bjk,bdc->bkcjd", joints, turn)  # (B, J, 3, J, 3)
    both = both.flatten(3).flatten(1, 2)  # -> (B, J·3, J·3)
    return (pose.flatten(2) @ both).view_as(pose)  # (B, T, J·3) -> (B, T, J, 3)


def speeds(
    clips: Clips, fps: float = 30.0, each: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """How fast joints are, smoothed against the sensor's noise, in m/s, some clips at a time.

    Yields places of clips (N,) and means (N, each, J) over `each` equal parts of a clip, which
    share a frame where they are more than its frames. Nothing moves in a clip of one frame.
    """
    for index in clips.blocks():
        lengths = torch.as_tensor(clips.lengths[index])
        smoothed = smooth(torch.as_tensor(clips.gather(index)), lengths)
        steps = smoothed.diff(dim=0).norm(dim=-1).double() * fps  # (sum T - 1, J)
        sums = F.pad(steps.cumsum(0), (0, 0, 1, 1))  # (sum T + 1, J), what comes before a row
        edges = (lengths - 1)[:, None] * torch.arange(each + 1)  # (N, each + 1), in parts of a step
        first = edges[:, :-1] // each
        stop = torch.maximum((edges[:, 1:] + each - 1) // each, first + 1)
        first, stop = (first_rows(lengths)[:, None] + rows for rows in (first, stop))
        means = (sums[stop] - sums[first]) / (stop - first)[..., None]  # (N, each, J)
        yield index, means.where((lengths > 1)[:, None, None], 0.0).float().numpy()


def motion_energy(clips: Clips, fps: float = 30.0) -> np.ndarray:
    """(N, J) the mean of `speeds` over each clip."""
    parts = [means[:, 0] for _, means in speeds(clips, fps)]
    return np.concatenate(parts) if len(clips) else np.zeros((0, clips.frames.shape[1]), np.float32)

"""Transforms of poses as batched torch functions: the same code on CPU and GPU.

Shapes: B clips, M persons, T or F frames, J joints; a pose is (x right, y down, z away). Functions of the first half do
what MotionBERT's data set does (the `parity` recipe); those of the second half are the default recipe's. Random numbers
are drawn by the callers in `mbnb.recipes`, so that every function here gives the same output for the same input.
"""

import numpy as np
import torch
from scipy.signal import savgol_filter
from torch import Tensor

from mbnb.skeleton import Skeleton

# ---------------------------------------------------------------- MotionBERT's own


def normalize_axes(pose: Tensor, root: int = 0) -> Tensor:
    """(..., T, J, 3): root at the origin in every frame, each axis divided by its own deviation over frames and joints."""
    pose = pose - pose[..., root:root + 1, :]
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
    angle, scale, shift = (value[..., :1] + (value[..., 1:] - value[..., :1]) * time for value in (angle, scale, shift))  # (B, T) or (B, 2, T)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)  # (B, T, 2, 2)
    xy = torch.einsum("btdc,bmtjc->bmtjd", turn, pose[..., :2]) + shift.transpose(1, 2)[:, None, :, None]  # shift as (B, 1, T, 1, 2)
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
    low, high, size = (torch.where(usable.view(-1, *[1] * (value.ndim - 1)), value, 1.0) for value in (low, high, size))
    corner = (low + high - size[:, None]) / 2  # (B, 2)
    shape = (-1, 1, 1, 1)
    xy = ((pose[..., :2] - corner.view(*shape, 2)) / size.view(*shape, 1) - 0.5) * 2
    return torch.cat([xy, pose[..., 2:]], dim=-1).clamp(-1, 1) * usable.view(*shape, 1)


def flip(pose: Tensor, mirror: tuple[int, ...]) -> Tensor:
    """Exchange left and right of (..., J, C): x changes its sign, and joints their sides (`Skeleton.mirror`)."""
    sign = torch.ones(pose.shape[-1], dtype=pose.dtype, device=pose.device)
    sign[0::3] = -1
    return pose[..., list(mirror), :] * sign


def camera_range(pixels: Tensor, width: int, height: int) -> Tensor:
    """Pixels (..., 2) to MotionBERT's range: the longer side spans [-1, 1], the shorter one starts at -1."""
    return pixels / max(width, height) * 2 - 1


def untangle(tracks: Tensor) -> Tensor:
    """Two tracked people (2, T, J, C) whose identities a tracker has exchanged: swap back from frame to frame.

    A frame counts where the first person is farther from its own last pose than from the other's; the two are exchanged
    where the count so far is odd.
    """
    step = torch.linalg.vector_norm(tracks[:1, 1:] - tracks[:, :-1], dim=-1).sum(-1)  # (2 before, T - 1)
    swaps = (step[0] > step[1]).cumsum(0) % 2 == 1
    swapped = torch.cat([swaps.new_zeros(1), swaps])[None, :, None, None]  # (1, T, 1, 1)
    return torch.where(swapped, tracks.flip(0), tracks)


# ---------------------------------------------------------------- the default recipe


def smooth(pose: np.ndarray, window: int = 7, order: int = 2) -> np.ndarray:
    """Savitzky-Golay filter along the frames of (T, J, C); clips shorter than the window get a shorter one.

    Divides the noise of a still joint by about 2-4 without lag, keeping 80-100 % of a nod; see `mbnb.video`.
    """
    window = min(window, len(pose) - 1 + len(pose) % 2)
    return savgol_filter(pose, window, order, axis=0) if window > order else pose


def standardise(pose: Tensor, skeleton: Skeleton) -> Tensor:
    """A clip (..., T, J, 3) in metres -> facing the camera, its mean pelvis at the origin, in lengths of its trunk.

    One turn about the vertical, one shift and one scale for the whole clip: proportions, depth and the way through the
    room stay.
    """
    pelvis, neck, left_hip, right_hip, left_shoulder, right_shoulder = skeleton.index(
        "Pelvis", "Neck", "L_Hip", "R_Hip", "L_Shoulder", "R_Shoulder")
    pose = pose - pose[..., pelvis, :].mean(dim=-2)[..., None, None, :]
    across = (pose[..., left_hip, :] - pose[..., right_hip, :] + pose[..., left_shoulder, :] - pose[..., right_shoulder, :]).mean(-2)
    turn = torch.atan2(across[..., 2], across[..., 0])
    trunk = (pose[..., neck, :] - pose[..., pelvis, :]).norm(dim=-1).median(-1).values.clamp_min(1e-6)
    return rotate(pose, vertical=turn) / trunk[..., None, None, None]


def rotate(pose: Tensor, vertical: Tensor) -> Tensor:
    """Turn (..., T, J, 3) about the y axis by `vertical` (...) radians: from z towards x."""
    cos, sin = vertical.cos()[..., None, None], vertical.sin()[..., None, None]
    x, y, z = pose.unbind(-1)
    return torch.stack([x * cos + z * sin, y, z * cos - x * sin], dim=-1)


def gather_windows(frames: Tensor, start: Tensor, length: Tensor, count: int) -> Tensor:
    """Windows of ragged clips at `count` evenly spaced moments, linearly interpolated.

    frames (sum T, J, C); start (B,) first moment in frames and length (B,) frames from the first to the last moment
    (both fractional, within one clip each) -> (B, count, J, C).
    """
    moments = start[:, None] + length[:, None] * torch.linspace(0, 1, count, dtype=start.dtype, device=start.device)  # (B, count)
    before = moments.floor().long().clamp(0, len(frames) - 1)
    after = torch.minimum(before + 1, (start + length).ceil().long()[:, None]).clamp(max=len(frames) - 1)
    share = (moments - before).to(frames.dtype)[..., None, None]
    return torch.lerp(frames[before], frames[after], share)


def scale_limbs(pose: Tensor, factors: Tensor, skeleton: Skeleton) -> Tensor:
    """Lengthen bones of (B, T, J, 3): factors (B, J), that of a bone at its child; the root's factor scales its way."""
    parents = torch.tensor([max(parent, 0) for parent in skeleton.parents], device=pose.device)
    bones = pose - pose[..., parents, :]
    bones[..., skeleton.root, :] = pose[..., skeleton.root, :]
    bones = bones * factors[:, None, :, None]
    chain = torch.as_tensor(skeleton.ancestry, dtype=pose.dtype, device=pose.device)
    return torch.einsum("jk,btkc->btjc", chain, bones)


def add_motion(pose: Tensor, seconds: Tensor) -> Tensor:
    """(B, F, J, 3) -> (B, F, J, 6): beside each position its velocity per second; the window lasts `seconds` (B,)."""
    step = (seconds / max(pose.shape[1] - 1, 1)).clamp_min(1e-6)[:, None, None, None]
    velocity = torch.diff(pose, dim=1, append=pose[:, -1:]) / step
    return torch.cat([pose, velocity], dim=-1)


def motion_energy(pose: np.ndarray, fps: float = 30.0) -> np.ndarray:
    """(J,) the mean speed of each joint of (T, J, 3) in metres per second, after smoothing away the sensor's noise."""
    return np.linalg.norm(np.diff(smooth(pose), axis=0), axis=-1).mean(0) * fps

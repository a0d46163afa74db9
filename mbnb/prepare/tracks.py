"""What a pretraining sees of people without depth: PoseTrack18 and InstaVariety, see `data.tracks`.

`ParityTracks` does what MotionBERT does. The default, `FlatTracks`, does not repeat its faults:
people are standardised and never cut off at the picture's edge; joints that nobody saw are hidden
from the model, count nothing and get no errors; a confidence counts from 0 to 1; where the root was
not seen nothing relative to it is known, so the frame counts nothing; errors differ by window.

Shapes: B windows, F frames, J joints, P frames of a patch.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from mbnb.config import Config
from mbnb.data.tracks import Tracks
from mbnb.formats import posetrack18
from mbnb.prepare.corrupt import detect, draw_mask, draw_noise, hide
from mbnb.prepare.geometry import gather_windows, standardise_flat
from mbnb.prepare.motion import HALF_PICTURE, HIDDEN, Windows, flip_half, lifting_target, spoil
from mbnb.prepare.parity import crop_scale, epoch_generator
from mbnb.prepare.streams import fold, to_streams
from mbnb.prepare.windows import cover, parity_windows
from mbnb.skeleton import Skeleton

ANNOTATED, DETECTED = (30, 30), (81, 27)  # frames and stride of windows
CROPS = (0.25, 1.0)  # MotionBERT's range of the ratio of `crop_scale`
VISIBLE = 306  # joints of the 510 in 30 frames, which a track must have more than
NEVER_SEEN = (7, 10)  # spine and top of the head, which InstaVariety lacks


def crop_2d(points: Tensor, ratio: Tensor) -> Tensor:
    """`parity.crop_scale` of clips of one person, (B, T, J, 3) and ratios (B,)."""
    return crop_scale(points[:, None], ratio)[:, 0]


def posetrack_window(points: np.ndarray, ratio: float) -> np.ndarray | None:
    """A track (T, 17, 3) of PoseTrack's keypoints -> MotionBERT's window of it, (30, 17, 3).

    The first 30 frames are cropped, then become joints of Human3.6M, all zero where they were not
    seen. None for a track that is shorter, too little seen, or without a root in one of the frames.
    """
    length = ANNOTATED[0]
    points = points[:length]
    if len(points) < length or points[..., 2].sum() <= VISIBLE:
        return None
    cropped = crop_2d(torch.as_tensor(points)[None], torch.tensor([ratio]))[0].numpy()
    joints = posetrack18.to_h36m(cropped)
    joints = joints * (joints[..., 2:] != 0)
    return joints if joints[:, 0, 2].sum() >= length else None


def instavariety_track(joints: np.ndarray) -> np.ndarray:
    """A detected person (T, 17, 3) in pixels -> as MotionBERT keeps it in `motion_all.npy`.

    Cropped, seen from the root in the first frame, all zero where the confidence is zero.
    """
    joints = joints.copy()
    joints[:, NEVER_SEEN] = 0
    cropped = crop_2d(torch.as_tensor(joints)[None], torch.ones(1))[0].numpy()
    cropped[..., :2] -= cropped[:1, :1, :2]
    return cropped * (cropped[..., 2:] != 0)


def instavariety_windows(motion: Tensor, track: Tensor, coins: Tensor | None = None) -> Tensor:
    """(W, 81) rows of `motion_all.npy`, cut by MotionBERT's rule, see `parity_windows`.

    Those stay whose root is believed in the first frame. Without `coins` they are drawn, always
    the same ones.
    """
    names = track.tolist()
    if coins is None:
        shape = len(set(names)), DETECTED[0]
        coins = torch.randint(2, shape, generator=torch.Generator().manual_seed(0))
    rows = parity_windows(names, *DETECTED, coins)
    return rows[motion[rows[:, 0], 0, 2] > 0]


def instavariety_window(joints: Tensor, ratio: Tensor) -> Tensor:
    """Windows (B, 81, 17, 3), cropped by `ratio` (B,), all zero where the confidence is zero."""
    cropped = crop_2d(joints, ratio)
    return cropped * (cropped[..., 2:] != 0)


class ParityTracks:
    """MotionBERT's windows of people without depth; x and true are (B, F, J, 3).

    Annotated windows are cropped once and get a detector's errors; detected ones are cropped anew
    each time. Weights are the confidences before that.
    """

    def __init__(self, tracks: Tracks, config: Config, skeleton: Skeleton, device: torch.device):
        self.config, self.skeleton, self.device = config, skeleton, device
        self.annotated = tracks.annotated
        if tracks.annotated:
            draws = np.random.default_rng(0)
            ends = np.flatnonzero(np.diff(tracks.track)) + 1
            people = np.split(tracks.points, ends)
            windows = [posetrack_window(one, draws.uniform(*CROPS)) for one in people]
            kept = [window for window in windows if window is not None]
            self.windows = torch.as_tensor(np.array(kept), dtype=torch.float32, device=device)
            self.rows = torch.arange(len(kept), device=device)
        else:
            self.windows = torch.as_tensor(tracks.points, dtype=torch.float32, device=device)
            rows = instavariety_windows(self.windows.cpu(), torch.as_tensor(tracks.track))
            self.rows = rows.to(device)

    def __len__(self) -> int:
        return len(self.rows)

    def training_batches(
        self, indices: Iterable[Tensor], rank: int = 0, world: int = 1
    ) -> Iterator[Windows]:
        """Corrupted windows; all processes draw for whole batches, then each takes its share."""
        generator = epoch_generator(self.device)
        for index in indices:
            joints = self.windows[self.rows[index.to(self.device)]]  # (B, F, J, 3)
            if not self.annotated:
                ratios = torch.empty(len(joints), device=self.device)
                ratios.uniform_(*CROPS, generator=generator)
                joints = instavariety_window(joints, ratios)
            if self.config.flip:
                joints = flip_half(joints, self.skeleton, generator)
            x = spoil(joints, self.config, generator, noisy=self.annotated)
            true = lifting_target(joints, self.config.rootrel, self.skeleton.root)
            flat = torch.ones(len(joints), dtype=torch.bool, device=self.device)
            parts = (x, true, flat, joints[..., 2])
            yield Windows(*(part[rank::world] for part in parts))


class FlatTracks:
    """Windows of people without depth for the default recipe, in its unit and its streams.

    Joints that were not seen lie where they would lie between the frames in which they were, so
    that bones to others make sense; the model does not see them.
    """

    def __init__(self, tracks: Tracks, config: Config, skeleton: Skeleton, device: torch.device):
        self.config, self.skeleton, self.device = config, skeleton, device
        self.annotated = tracks.annotated
        longest = config.clip_len - config.clip_len % config.patch
        length, stride = ANNOTATED if tracks.annotated else DETECTED
        moments = round((length - 1) * config.rate / config.fps) + 1 if config.rate else longest
        self.frames = min(longest, max(config.patch, moments - moments % config.patch))
        ends = np.flatnonzero(np.diff(tracks.track)) + 1
        belief = np.clip(tracks.joints[..., 2], 0, 1)
        belief[belief[:, skeleton.root] == 0] = 0  # what is relative to a root that nobody saw
        joints = np.concatenate([tracks.joints[..., :2], belief[..., None]], axis=-1)
        starts, filled, first = [], [], 0
        for person in np.split(joints, ends):
            seen = person[..., 2] > 0
            if len(person) >= length and 2 * seen.sum() > seen.size:
                starts += [first + rows[0] for rows in cover(len(person), length, stride)]
            filled.append(fill_joints(person, skeleton))
            first += len(person)
        whole = np.concatenate(filled).astype(np.float32)
        self.joints = torch.as_tensor(whole, device=device)  # (F, J, 3)
        self.starts = torch.tensor(starts, dtype=torch.float64, device=device)
        self.span = length - 1

    def __len__(self) -> int:
        return len(self.starts)

    def training_batches(
        self, indices: Iterable[Tensor], rank: int = 0, world: int = 1
    ) -> Iterator[Windows]:
        """Corrupted windows; all processes draw for whole batches, then each takes its share."""
        generator = epoch_generator(self.device)
        for index in indices:
            starts = self.starts[index.to(self.device)]
            spans = torch.full_like(starts, self.span)
            joints = gather_windows(self.joints, starts, spans, self.frames)
            seen = gather_windows((self.joints[..., 2:] > 0).float(), starts, spans, self.frames)
            joints[..., 2:] *= seen > 0.999  # between a seen and an unseen place lies an unseen one
            if self.config.flip:
                joints = flip_half(joints, self.skeleton, generator)
            batch = self._corrupt(joints, (spans / self.config.fps).float(), generator)
            parts = (batch.x, batch.true, batch.flat, batch.weight)
            yield Windows(*(part[rank::world] for part in parts))

    def _corrupt(self, joints: Tensor, seconds: Tensor, generator: torch.Generator) -> Windows:
        count, frames, number = joints.shape[:3]
        places, weight = standardise_flat(joints[..., :2], self.skeleton), joints[..., 2]
        true = torch.cat([places, torch.zeros_like(places[..., :1])], dim=-1)
        poor = places
        if self.annotated:
            noise = draw_noise(count, frames, number, generator)
            poor = standardise_flat(detect(places / HALF_PICTURE, noise)[..., :2], self.skeleton)
        poor = torch.cat([poor, torch.zeros_like(poor[..., :1])], dim=-1)
        patch = self.config.patch
        x = fold(to_streams(poor, seconds, self.config.streams, self.skeleton), patch)
        whole = weight.unflatten(1, (-1, patch)).amin(2) > 0  # (B, F, J) -> (B, F / P, J)
        mask = draw_mask(count, x.shape[1], number, generator)
        shares = HIDDEN * torch.rand(2, count, 1, 1, 1, device=self.device, generator=generator)
        x = hide(x * whole[..., None], mask, *shares)
        true = true - true[:, :, self.skeleton.root, None]
        return Windows(x, true, torch.ones(count, dtype=torch.bool, device=self.device), weight)


def fill_joints(joints: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, J, 3) x, y, confidence -> the same with places for what was not seen.

    Linearly between frames; a joint that is never seen lies on the nearest joint above it that is.
    """
    filled, times = joints.copy(), np.arange(len(joints))
    for joint, parent in enumerate(skeleton.parents):
        seen = joints[:, joint, 2] > 0
        if not seen.any():
            filled[:, joint, :2] = filled[:, max(parent, 0), :2]
            continue
        for axis in range(2):
            known = joints[seen, joint, axis]
            filled[:, joint, axis] = np.interp(times, times[seen], known)
    return filled

"""Lifting scored: 2D joints of people who were in no training, lifted and compared with the truth.

Each clip is seen by one camera that is always the same, with a detector's errors. All methods get
the same pictures, and the size of each person is given to all of them alike: errors are of shape.

Shapes: T frames of a clip, J joints.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mbnb.clips import first_rows
from mbnb.config import Config
from mbnb.data.motion import Motion
from mbnb.prepare.cameras import Cameras, draw_cameras
from mbnb.prepare.corrupt import detect, draw_noise
from mbnb.prepare.geometry import flip, gather_windows, standardise, standardise_flat
from mbnb.prepare.motion import HALF_PICTURE, METRES
from mbnb.prepare.streams import fold, to_streams
from mbnb.prepare.windows import cover
from mbnb.scores.poses import aligned_errors, joint_errors, scaled_errors, velocity_errors
from mbnb.skeleton import Skeleton

# Network: what it sees (B, F / P, J, C) -> poses (B, F, J, 3) in lengths of a trunk.
Lifter = Callable[[Tensor], Tensor]
ERRORS = ("mpjpe", "p_mpjpe", "n_mpjpe", "velocity")
TRUNK = 0.5  # metres, of a grown person
BATCH = 128  # windows that are lifted at once
STRETCH = 81  # frames for which a detector's errors are drawn at a time, as for windows in training


@dataclass(frozen=True)
class Lifted:
    """N clips that were lifted.

    clips: a row a clip: clip, subject, kind, frames, and `ERRORS`, its means over the frames in mm,
    of velocity in mm a frame. joints: (N, J) mm, the mean error of each joint. places: what was
    seen, N times (T, J, 2); predicted and true: N times (T, J, 3) from the root; all in metres.
    """

    clips: pd.DataFrame
    joints: np.ndarray
    places: list[np.ndarray]
    predicted: list[np.ndarray]
    true: list[np.ndarray]


def photograph(pose: np.ndarray, name: str, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
    """A clip (T, J, 3) in metres, seen by a camera -> detected (T, J, 2), true (T, J, 3).

    The clip's `name` says which camera. Places are in half widths of the picture, the true pose is
    in lengths of the person's trunk.
    """
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    frames = torch.as_tensor(pose)
    centred = standardise(frames, torch.tensor([len(pose)]), skeleton)[None]
    cameras = draw_cameras(1, generator)
    # Whoever walks about does not walk into the camera.
    reach = centred[0, :, skeleton.root, [0, 2]].norm(dim=-1).max()
    cameras = Cameras(cameras.turn, cameras.distance + reach)
    seen = cameras.see(centred)
    places = cameras.project(seen)[0] / HALF_PICTURE  # (T, J, 2)
    stretches = -(-len(places) // STRETCH)
    noise = draw_noise(stretches, STRETCH, len(skeleton), generator)
    padded = torch.cat([places, places[-1:].expand(stretches * STRETCH - len(places), -1, -1)])
    detected = detect(padded.unflatten(0, (stretches, STRETCH)), noise)  # -> (S, STRETCH, J, 3)
    return detected.flatten(0, 1)[: len(places), :, :2], seen[0]


def lift(
    lifter: Lifter, clips: Sequence[Tensor], config: Config, skeleton: Skeleton
) -> list[Tensor]:
    """Places in pictures, N times (T, J, 2) in any unit -> N times (T, J, 3), in trunks.

    Poses are from the root. Windows overlap by half and cover every frame; each is lifted as it is
    and in a mirror. Where windows overlap, the nearer a frame is to a window's middle, the more
    that window counts.
    """
    frames, lengths = torch.cat(list(clips)), torch.tensor([len(clip) for clip in clips])
    windows: dict[int, list[np.ndarray]] = {}  # by how many moments they have: their frames
    for first, length in zip(first_rows(lengths).tolist(), lengths.tolist()):
        moments, stretch = _window(length, config)
        rows = first + cover(length, stretch, max(1, stretch // 2))
        windows.setdefault((moments, rows.shape[1]), []).append(rows)
    total, weights = torch.zeros(len(frames), len(skeleton), 3), torch.zeros(len(frames), 1, 1)
    for (moments, stretch), of_clips in windows.items():
        # (W, stretch) frames of each window
        near = torch.bartlett_window(stretch + 2, periodic=False)[1:-1, None, None]
        for rows in torch.as_tensor(np.concatenate(of_clips)).split(BATCH):
            lifted = _lift_windows(lifter, frames, rows, moments, config, skeleton)
            total.index_add_(0, rows.flatten(), (near * lifted).flatten(0, 1))
            weights.index_add_(0, rows.flatten(), near.repeat(len(rows), 1, 1))
    lifted = total / weights
    return list((lifted - lifted[:, skeleton.root, None]).split(lengths.tolist()))


def _window(length: int, config: Config) -> tuple[int, int]:
    """How many moments the network sees of a clip at once, and how many frames that takes."""
    if config.parity:
        return min(length, config.clip_len), min(length, config.clip_len)
    longest = config.clip_len - config.clip_len % config.patch
    rate = config.rate or config.fps
    moments = max(2, round((length - 1) * rate / config.fps) + 1)
    moments = min(longest, max(config.patch, moments - moments % config.patch))
    return moments, min(int((moments - 1) * config.fps / rate) + 1, length)


@torch.no_grad()
def _lift_windows(
    lifter: Lifter, frames: Tensor, rows: Tensor, moments: int, config: Config, skeleton: Skeleton
) -> Tensor:
    """The frames at `rows` (B, stretch) of (sum T, J, 2), lifted: (B, stretch, J, 3)."""
    starts, spans = rows[:, 0].double(), (rows[:, -1] - rows[:, 0]).double()
    flat = standardise_flat(gather_windows(frames, starts, spans, moments), skeleton)
    pose = torch.cat([flat, torch.zeros_like(flat[..., :1])], dim=-1)
    both = torch.cat([pose, flip(pose, skeleton.mirror)])  # (2·B, F, J, 3)
    unit = METRES * TRUNK if config.parity else 1.0  # what a trunk is to the network
    if config.parity:
        x = torch.cat([unit * both[..., :2], torch.ones_like(both[..., :1])], dim=-1)
    else:
        seconds = (spans / config.fps).float().repeat(2)
        x = fold(to_streams(both, seconds, config.streams, skeleton), config.patch)
    straight, mirrored = (lifter(x).float().cpu() / unit).chunk(2)
    lifted = (straight + flip(mirrored, skeleton.mirror)) / 2
    starts = moments * torch.arange(len(rows), dtype=torch.float64)
    spans = torch.full_like(starts, moments - 1)
    return gather_windows(lifted.flatten(0, 1), starts, spans, rows.shape[1])


def score_lifter(lifter: Lifter, data: Motion, config: Config, split: str = "test") -> Lifted:
    """The clips of people who were left out, photographed, lifted and compared with the truth.

    `config` says what the lifter sees.
    """
    clips, skeleton = data.splits[split], data.skeleton
    pictures = [photograph(pose, name, skeleton) for name, pose in zip(clips.names, clips)]
    lifted = lift(lifter, [places for places, _ in pictures], config, skeleton)
    rows, joints, places, predicted, true = [], [], [], [], []
    for i, pose in enumerate(clips):
        seen = (pictures[i][1] - pictures[i][1][:, skeleton.root, None]).double().numpy()
        metres = np.linalg.norm(pose - pose[:, skeleton.root, None], axis=-1).sum()
        metres /= np.linalg.norm(seen, axis=-1).sum()
        places.append(metres * HALF_PICTURE * pictures[i][0].numpy())
        predicted.append(metres * lifted[i].double().numpy())
        true.append(metres * seen)
        pair = 1000 * predicted[i], 1000 * true[i]
        joints.append(np.linalg.norm(pair[0] - pair[1], axis=-1).mean(0))
        measures = (joint_errors, aligned_errors, scaled_errors, velocity_errors)
        rows.append(
            {
                "clip": clips.names[i],
                "subject": clips.subjects[i],
                "kind": data.kinds[split][i] or "not told",
                "frames": len(pose),
            }
            | {name: measure(*pair).mean() for name, measure in zip(ERRORS, measures)}
        )
    return Lifted(pd.DataFrame(rows), np.stack(joints), places, predicted, true)

"""Lifting scored: 2D joints of people who were in no training, lifted and compared with the truth.

Each clip is seen by one camera that is always the same, with a detector's errors. All methods get
the same pictures, and the size of each person is given to all of them alike: errors are of shape.

Shapes: T frames of a clip, J joints.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from mbnb.config import Config
from mbnb.data.motion import Motion
from mbnb.prepare.cameras import draw_cameras
from mbnb.prepare.corrupt import detect, draw_noise
from mbnb.prepare.geometry import flip, gather_windows, standardise, standardise_flat
from mbnb.prepare.motion import HALF_PICTURE
from mbnb.prepare.streams import fold, to_streams
from mbnb.prepare.windows import cover
from mbnb.scores.poses import aligned_errors, joint_errors, scaled_errors, velocity_errors
from mbnb.skeleton import Skeleton

# Network: what it sees (B, F / P, J, C) -> poses (B, F, J, 3) in lengths of a trunk.
Lifter = Callable[[Tensor], Tensor]


def photograph(pose: np.ndarray, number: int, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
    """A clip (T, J, 3) in metres, seen by a camera -> detected (T, J, 2), true (T, J, 3).

    `number` says which camera. Places are in half widths of the picture, the true pose is in
    lengths of the person's trunk.
    """
    generator = torch.Generator().manual_seed(number)
    frames = torch.as_tensor(pose)
    centred = standardise(frames, torch.tensor([len(pose)]), skeleton)[None]
    cameras = draw_cameras(1, generator)
    seen = cameras.see(centred)
    noise = draw_noise(1, len(pose), len(skeleton), generator)
    detected = detect(cameras.project(seen) / HALF_PICTURE, noise)
    return detected[0, ..., :2], seen[0]


def lift(lifter: Lifter, places: Tensor, config: Config, skeleton: Skeleton) -> Tensor:
    """Places in a picture (T, J, 2), any unit -> poses (T, J, 3) from the root, in trunks.

    Windows overlap by half and cover every frame; each is lifted as it is and in a mirror. Where
    windows overlap, the nearer a frame is to a window's middle, the more that window counts.
    """
    longest = config.clip_len - config.clip_len % config.patch
    moments = max(2, round((len(places) - 1) * config.rate / config.fps) + 1)
    moments = max(config.patch, moments - moments % config.patch)
    window = min(longest, moments)
    span = min((window - 1) * config.fps / config.rate, len(places) - 1)  # frames of the recording
    steps = cover(len(places), int(span) + 1, max(1, int(span) // 2))
    total, weights = torch.zeros(len(places), len(skeleton), 3), torch.zeros(len(places), 1, 1)
    spans = torch.tensor([steps.shape[1] - 1.0], dtype=torch.float64)
    for rows in steps:
        start = torch.tensor([float(rows[0])], dtype=torch.float64)
        flat = standardise_flat(gather_windows(places, start, spans, window), skeleton)
        pose = torch.cat([flat, torch.zeros_like(flat[..., :1])], dim=-1)
        both = torch.cat([pose, flip(pose, skeleton.mirror)])  # (2, F, J, 3)
        seconds = (spans / config.fps).float().expand(2)
        x = fold(to_streams(both, seconds, config.streams, skeleton), config.patch)
        straight, mirrored = lifter(x).float().split(1)
        lifted = (straight + flip(mirrored, skeleton.mirror)) / 2
        back = torch.tensor([0.0], dtype=torch.float64)
        last = torch.tensor([window - 1.0], dtype=torch.float64)
        at_frames = gather_windows(lifted[0], back, last, len(rows))[0]
        near = torch.bartlett_window(len(rows) + 2, periodic=False)[1:-1, None, None]
        total[rows] += near * at_frames
        weights[rows] += near
    lifted = total / weights
    return lifted - lifted[:, skeleton.root, None]


def score_lifter(
    lifter: Lifter, data: Motion, config: Config, split: str = "test"
) -> tuple[pd.DataFrame, np.ndarray]:
    """A row a clip of people who were left out, and the errors (clips, J) of each joint, in mm.

    Columns: clip, subject, kind, frames, mpjpe, p_mpjpe, n_mpjpe, velocity (mm a frame).
    """
    clips, skeleton = data.splits[split], data.skeleton
    pelvis, neck = skeleton.index("Pelvis", "Neck")
    rows, of_joints = [], []
    for number, pose in enumerate(tqdm(clips, desc="lifting", unit="clip", delay=2)):
        places, seen = photograph(pose, number, skeleton)
        predicted = lift(lifter, places, config, skeleton).double().numpy()
        true = (seen - seen[:, skeleton.root, None]).double().numpy()
        size = 1000 * float(np.median(np.linalg.norm(pose[:, neck] - pose[:, pelvis], axis=-1)))
        predicted, true = size * predicted, size * true
        of_joints.append(np.linalg.norm(predicted - true, axis=-1).mean(0))
        rows.append(
            {
                "clip": clips.names[number],
                "subject": clips.subjects[number],
                "kind": data.kinds[split][number],
                "frames": len(pose),
                "mpjpe": joint_errors(predicted, true).mean(),
                "p_mpjpe": aligned_errors(predicted, true).mean(),
                "n_mpjpe": scaled_errors(predicted, true).mean(),
                "velocity": velocity_errors(predicted, true).mean(),
            }
        )
    return pd.DataFrame(rows), np.stack(of_joints)

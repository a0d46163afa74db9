"""Lifting scored: 2D joints of people who were in no training, lifted and compared with the truth.

Each clip is seen by one camera that is always the same, with a detector's errors. All methods get
the same pictures, and the size of each person is given to all of them alike: errors are of shape.

Shapes: T frames of a clip, J joints.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mbnb.config import Config
from mbnb.data.motion import Motion
from mbnb.model.lift import Lifter, lift
from mbnb.prepare.cameras import Cameras, draw_cameras
from mbnb.prepare.corrupt import detect, draw_noise
from mbnb.prepare.geometry import standardise
from mbnb.prepare.motion import HALF_PICTURE
from mbnb.scores.poses import aligned_errors, joint_errors, scaled_errors, velocity_errors
from mbnb.skeleton import Skeleton

ERRORS = ("mpjpe", "p_mpjpe", "n_mpjpe", "velocity")
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

"""What a pretrained encoder makes of spoilt windows of people whom it did not learn from.

Shapes: W windows, F frames of one, J joints.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mbnb.config import Config
from mbnb.data.motion import Motion
from mbnb.files import InputError
from mbnb.model.checkpoints import load_pose_net
from mbnb.prepare.motion import METRES
from mbnb.skeleton import Skeleton
from mbnb.train.pretrain import recipe_of

HELD_OUT = "val"
SHOWN = 32  # windows that are kept to be looked at


@dataclass(frozen=True)
class Recovery:
    """W windows of people held out, spoilt and made good.

    windows: a row a window: clip, subject, kind, seen ("flat", without depth, or "in depth"), and
    the mean `error` over joints and frames in mm. joints: (W, J) mm. Of the first `SHOWN` windows,
    in chance order, spoilt (NaN where hidden), recovered and true: lists of (F, J, 3) from the
    root, in metres.
    """

    windows: pd.DataFrame
    joints: np.ndarray
    spoilt: list[np.ndarray]
    recovered: list[np.ndarray]
    true: list[np.ndarray]


@torch.no_grad()
def recover(config: Config, data: Motion) -> Recovery:
    """What the run's best encoder makes of people held out; each window is the same every time.

    Raises InputError where nobody was held out.
    """
    network, seen = load_pose_net(config.folder.best, config)
    if HELD_OUT not in data.splits:
        raise InputError("setting 'val_fraction': nobody is held out to show what was learned")
    clips = data.splits[HELD_OUT]
    recipe = recipe_of(seen, data, HELD_OUT, torch.device("cpu"))
    pelvis, neck = data.skeleton.index("Pelvis", "Neck")
    trunks = [np.median(np.linalg.norm(p[:, neck] - p[:, pelvis], axis=-1)) for p in clips]
    sizes = [1 / METRES] * len(clips) if seen.parity else trunks  # metres in the network's unit
    rows, joints, poses = [], [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        order = torch.randperm(len(recipe)).split(SHOWN)
        for index, batch in zip(order, recipe.training_batches(order)):
            places = recipe.clip_of[index].tolist()
            size = torch.tensor([sizes[place] for place in places])[:, None, None, None]
            recovered, true = size * network(batch.x), size * batch.true  # (B, F, J, 3)
            errors = 1000 * (recovered - true).norm(dim=-1).mean(1)  # (B, J)
            joints.append(errors.numpy())
            rows += [
                {
                    "clip": clips.names[place],
                    "subject": clips.subjects[place],
                    "kind": data.kinds[HELD_OUT][place] or "not told",
                    "seen": "flat" if flat else "in depth",
                    "error": error,
                }
                for place, flat, error in zip(places, batch.flat, errors.mean(1).tolist())
            ]
            if not poses:
                spoilt = size * _places(batch.x, seen, data.skeleton)
                poses = [list(part.numpy()) for part in (spoilt, recovered, true)]
    return Recovery(pd.DataFrame(rows), np.concatenate(joints), *poses)


def _places(x: Tensor, config: Config, skeleton: Skeleton) -> Tensor:
    """What is seen, (B, F / P, J, C), as poses from the root (B, F, J, 3); NaN where hidden."""
    if config.parity:  # x, y and a confidence
        x = torch.cat([x[..., :2] - x[:, :, skeleton.root, None, :2], 0 * x[..., 2:]], dim=-1)
    x = x.unflatten(-1, (config.patch, -1)).transpose(2, 3).flatten(1, 2)  # -> (B, F, J, C / P)
    first = 3 * config.streams.index("joint") if "joint" in config.streams else 0
    pose = x[..., first : first + 3].masked_fill((x == 0).all(-1, keepdim=True), torch.nan)
    pose[:, :, skeleton.root] = 0
    return pose


def errors_by(recovery: Recovery, column: str) -> pd.DataFrame:
    """Mean error in mm by `column` of the windows (rows) and how they were seen (columns)."""
    return recovery.windows.pivot_table(index=column, columns="seen", values="error")


def errors_by_joint(recovery: Recovery, joints: tuple[str, ...]) -> pd.DataFrame:
    """Mean error in mm of each joint (rows) by how windows were seen (columns)."""
    table = pd.DataFrame(recovery.joints, columns=list(joints))
    return table.groupby(recovery.windows["seen"]).mean().T.rename_axis("joint")


def examples(recovery: Recovery, count: int) -> list[int]:
    """Places of the first `count` windows of those shown that were seen flat, then in depth."""
    shown = recovery.windows["seen"][: len(recovery.true)]
    return [i for seen in ("flat", "in depth") for i in shown.index[shown == seen][:count]]

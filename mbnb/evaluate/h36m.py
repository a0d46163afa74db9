"""The protocol by which MotionBERT scores lifted poses on Human3.6M.

Its truth is the pose in the picture, in millimetres by one factor a frame ("2.5D"). For somebody
off the axis that is not the body's shape, so these errors cannot be compared with those of
VideoPose3D's protocol, which takes the true pose in front of the camera.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm.auto import tqdm

from mbnb.config import Config
from mbnb.data.h36m import Pictures, read_pictures
from mbnb.devices import pick_device
from mbnb.files import ROOT, InputError
from mbnb.formats.pickles import is_pickle
from mbnb.model.checkpoints import load_pose_net
from mbnb.model.lift import lift_flipped
from mbnb.prepare.windows import cover, parity_windows
from mbnb.scores.poses import aligned_errors, joint_errors

# The truth of these recordings is shifted, so all four cameras of them are left out.
SHIFTED = ("s_09_act_05_subact_02", "s_09_act_10_subact_02", "s_09_act_13_subact_01")
BATCH = 16  # windows that are lifted at once


def score_h36m(config: Config, checkpoint: str | Path) -> pd.DataFrame:
    """A lifting network scored on Human3.6M's test subjects: a row an action, and their mean.

    The file is the one of `config.motion` that holds Human3.6M's pictures; `checkpoint` is ours or
    the original's. Columns: action; mpjpe and p_mpjpe, in millimetres by the original's protocol,
    whose windows leave out the end of each recording; mpjpe_all and p_mpjpe_all, the same over
    every frame. Raises InputError where there is no such file, and for another sort of network.
    """
    files = _pickles(config)
    if not files:
        raise InputError(
            "setting 'motion': expected h36m_sh_conf_cam_source_final.pkl of Human3.6M among "
            f"{', '.join(str(ROOT / source) for source in config.motion) or 'no files'}"
        )
    network, seen = load_pose_net(checkpoint, config)
    if not seen.parity:
        raise InputError(f"{checkpoint}: not of the recipe parity, whose protocol this is")
    test = read_pictures(files[0])["test"]
    network = network.to(pick_device(config))
    runs = _runs(test.sequences)
    generator = torch.Generator().manual_seed(0)
    coins = torch.randint(2, (len(runs), seen.clip_len), generator=generator)
    theirs = parity_windows(test.sequences, seen.clip_len, seen.clip_len, coins).numpy()
    whole = [rows[cover(len(rows), seen.clip_len, seen.clip_len)] for rows in runs]
    of_windows, of_all = (
        _by_action(test, pd.concat([_score(test, w, network, seen) for w in tqdm(some, delay=2)]))
        for some in ([theirs], whole)
    )
    table = of_windows.merge(of_all, on="action", how="right", suffixes=("", "_all"))
    means = table.drop(columns="action").mean()
    last = pd.DataFrame([{"action": "mean of actions"} | means.to_dict()])
    return pd.concat([table, last], ignore_index=True)


def _pickles(config: Config) -> list[Path]:
    paths = [(ROOT / source).resolve() for source in config.motion]
    return [path for path in paths if path.is_file() and is_pickle(path)]


def is_named(config: Config) -> bool:
    """Whether an encoder of the recipe parity has Human3.6M's file among its recordings."""
    return config.parity and bool(_pickles(config))


def _runs(sequences: Sequence[str]) -> list[np.ndarray]:
    """The frames of each recording; neighbours of one name are one."""
    runs = [sum(1 for _ in members) for _, members in groupby(sequences)]
    return np.split(np.arange(len(sequences)), np.cumsum(runs)[:-1])


def _score(
    pictures: Pictures, windows: np.ndarray, network: nn.Module, config: Config
) -> pd.DataFrame:
    """`_frame_errors` of what the network makes of windows (W, L) of frames."""
    x = pictures.detected
    if config.gt_2d:
        x = np.concatenate([pictures.true[..., :2], np.ones_like(x[..., 2:])], axis=-1)
    rows = torch.as_tensor(windows).split(BATCH)
    predicted = [lift_flipped(network, torch.as_tensor(x[r]).float(), config.flip) for r in rows]
    predicted = torch.cat(predicted).numpy() if len(windows) else np.zeros((*windows.shape, 17, 3))
    return _frame_errors(pictures, windows, predicted, config.rootrel, config.gt_2d)


def h36m_errors(
    pictures: Pictures,
    windows: np.ndarray,
    predicted: np.ndarray,
    root_relative: bool = True,
    true_2d: bool = False,
) -> pd.DataFrame:
    """A row an action: `action`, `mpjpe` and `p_mpjpe` in millimetres, means over its frames.

    windows: (W, L) frames of `pictures`. predicted: (W, L, 17, 3) in half widths of the picture.
    A frame that stands in several windows counts once, with the mean of its errors there; of one
    that a window was stretched with, the last of its places in the window counts.
    """
    frames = _frame_errors(pictures, windows, predicted, root_relative, true_2d)
    return _by_action(pictures, frames)


def _by_action(pictures: Pictures, frames: pd.DataFrame) -> pd.DataFrame:
    """Means over the frames of each action, without the recordings that are `SHIFTED`."""
    frames = frames.assign(action=[pictures.actions[frame] for frame in frames.index])
    shifted = [pictures.sequences[frame].startswith(SHIFTED) for frame in frames.index]
    return frames[~np.array(shifted, bool)].groupby("action").mean().reset_index()


def _frame_errors(
    pictures: Pictures,
    windows: np.ndarray,
    predicted: np.ndarray,
    root_relative: bool,
    true_2d: bool,
) -> pd.DataFrame:
    """`mpjpe` and `p_mpjpe` of each frame in `windows`, see `h36m_errors`."""
    predicted = predicted.astype(np.float64)
    if root_relative:
        predicted[..., :1, :] = 0
    if true_2d:
        predicted[..., :2] = pictures.true[windows][..., :2]
    millimetres = pictures.pixels(predicted, windows) * pictures.factors[windows][..., None, None]
    true = pictures.millimetres[windows]
    millimetres, true = millimetres - millimetres[..., :1, :], true - true[..., :1, :]
    errors = pd.DataFrame(
        {
            "window": np.repeat(np.arange(len(windows)), windows.shape[1]),
            "frame": windows.ravel(),
            "mpjpe": joint_errors(millimetres, true).ravel(),
            "p_mpjpe": aligned_errors(millimetres, true).ravel(),
        }
    )
    errors = errors.drop_duplicates(["window", "frame"], keep="last")
    return errors.groupby("frame")[["mpjpe", "p_mpjpe"]].mean()

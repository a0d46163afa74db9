"""The protocol by which MotionBERT scores lifted poses on Human3.6M.

Its truth is the pose in the picture, in millimetres by one factor a frame ("2.5D"). For somebody
off the axis that is not the body's shape, so these errors cannot be compared with those of
VideoPose3D's protocol, which takes the true pose in front of the camera.
"""

import numpy as np
import pandas as pd

from mbnb.data.h36m import Pictures
from mbnb.scores.poses import aligned_errors, joint_errors

# The truth of these recordings is shifted, so all four cameras of them are left out.
SHIFTED = ("s_09_act_05_subact_02", "s_09_act_10_subact_02", "s_09_act_13_subact_01")


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
    frames = errors.groupby("frame")[["mpjpe", "p_mpjpe"]].mean()
    frames["action"] = [pictures.actions[frame] for frame in frames.index]
    shifted = [pictures.sequences[frame].startswith(SHIFTED) for frame in frames.index]
    return frames[~np.array(shifted)].groupby("action").mean().reset_index()

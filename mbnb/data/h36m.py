"""Human3.6M as MotionBERT takes it: detected 2D joints beside the 3D ones of the same picture.

The file that circulates as `h36m_sh_conf_cam_source_final.pkl` holds a dictionary for `train` and
one for `test`, a row a frame. Subjects 9 and 11 are the test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mbnb.formats.pickles import read_pickle, refusal

# Width and height in pixels of the cameras that are not 1000 x 1000.
HIGHER = {"54138969": 1002, "60457274": 1002}
WIDTH = 1000
EXPECTED = "Human3.6M as h36m_sh_conf_cam_source_final.pkl has it, a dictionary with train and test"


@dataclass(frozen=True)
class Pictures:
    """F frames of one part of Human3.6M, in the units of a network: half widths of the picture.

    detected: (F, 17, 3) x, y and confidence. true: (F, 17, 3) x, y and depth. height: (F,) in
    widths. sequences: F names of recordings. Of test frames also actions: F names, and factors:
    (F,) millimetres a pixel, and millimetres: (F, 17, 3).
    """

    detected: np.ndarray
    true: np.ndarray
    height: np.ndarray
    sequences: tuple[str, ...]
    actions: tuple[str, ...] = ()
    factors: np.ndarray | None = None
    millimetres: np.ndarray | None = None

    def pixels(self, pose: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Poses (..., 17, 3) of `frames` (...) in half widths -> pixels, depth in pixels, too."""
        lowest = np.ones((*frames.shape, 1, 3))
        lowest[..., 1] = self.height[frames][..., None]
        lowest[..., 2] = 0
        return (pose + lowest) * WIDTH / 2


def pictures(part: Mapping[str, Any]) -> Pictures:
    """`train` or `test` of the file, as the network's input and label."""
    cameras = [str(name) for name in part["camera_name"]]
    height = np.array([HIGHER.get(name, WIDTH) / WIDTH for name in cameras])
    true = np.asarray(part["joint3d_image"], np.float64)
    joints = np.asarray(part["joint_2d"], np.float64)
    confidence = np.asarray(part.get("confidence", np.ones(joints.shape[:2])), np.float64)
    corner = np.stack([np.ones_like(height), height], -1)[:, None]  # (F, 1, 2)

    def in_widths(xy: np.ndarray) -> np.ndarray:
        return xy / WIDTH * 2 - corner

    is_test = "2.5d_factor" in part
    actions = tuple(map(str, part["action"])) if is_test else ()
    if true.ndim != 3 or len(actions) not in (0, len(true)):
        found = f"{true.shape} and {len(actions)}"
        raise ValueError(f"joints (F, 17, 3) and F actions expected, {found} found")
    return Pictures(
        detected=np.concatenate(
            [in_widths(joints), confidence.reshape(*joints.shape[:2], 1)], axis=-1
        ),  # (F, 17) or (F, 17, 1) -> (F, 17, 1)
        true=np.concatenate([in_widths(true[..., :2]), true[..., 2:] / WIDTH * 2], axis=-1),
        height=height,
        sequences=tuple(map(str, part["source"])),
        actions=actions,
        factors=np.asarray(part["2.5d_factor"], np.float64) if is_test else None,
        millimetres=np.asarray(part["joints_2.5d_image"], np.float64) if is_test else None,
    )


def read_pictures(path: Path) -> dict[str, Pictures]:
    """Both parts of the file. Raises InputError for what is none, or asks for more than data."""
    content = read_pickle(path, EXPECTED)
    try:
        return {part: pictures(content[part]) for part in ("train", "test")}
    except Exception as error:  # whatever stands there in place of rows
        raise refusal(path, EXPECTED, error) from None

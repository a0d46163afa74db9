"""People's 2D joints -> how they moved in 3D, by an encoder."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from mbnb.config import Config
from mbnb.devices import pick_device
from mbnb.model.lift import TRUNK, lift
from mbnb.prepare.detections import believed, complete, seen_in_picture, stretches
from mbnb.skeleton import load_skeleton
from mbnb.video.frames import LONGEST_PAUSE


@dataclass(frozen=True)
class Movement:
    """One person through T pictures, NaN where not found for longer than can be bridged.

    pose: (T, 17, 3) from the pelvis, x to the right, y down, z away, in metres if the trunk is
    `TRUNK` long: a picture does not tell how large somebody is. way: (T, 3) metres of the pelvis
    from the middle of the picture, without depth. Poses lie in the picture, in pixels, where
    `shift + scale * pose[..., :2]` is; scale: (T,), shift: (T, 2). joints: (T, 17, 3) what was
    believed of what was found, x and y in pixels and a belief.
    """

    pose: np.ndarray
    way: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    joints: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """(T,) bool, in which pictures there is a pose."""
        return np.isfinite(self.scale)

    @property
    def in_picture(self) -> np.ndarray:
        """(T, 17, 3) the poses in pixels, depth from the pelvis too."""
        pixels = self.scale[:, None, None] * self.pose
        pixels[..., :2] += self.shift[:, None]
        return pixels


def lift_person(
    joints: np.ndarray,
    rate: float,
    size: tuple[int, int] | None,
    network: nn.Module,
    config: Config,
) -> Movement:
    """One person's joints (T, 17, 3) in pictures of `size`, NaN where not found, lifted.

    config: what the network sees, as `load_pose_net` has it.
    """
    skeleton, device = load_skeleton(), pick_device(config)
    joints = believed(joints, rate)
    frames = len(joints)
    pose = np.full((frames, 17, 3), np.nan, np.float32)
    scale, shift = np.full(frames, np.nan), np.full((frames, 2), np.nan)
    parts = stretches(joints, round(LONGEST_PAUSE * rate))
    filled = [complete(joints[part]) for part in parts]
    lifted = lift(
        lambda x: network(x.to(device)),
        [torch.as_tensor(places, dtype=torch.float32) for places, _ in filled],
        config,
        skeleton,
        [torch.as_tensor(belief, dtype=torch.float32) for _, belief in filled],
    )
    for part, (places, belief), lifted_part in zip(parts, filled, lifted):
        pose[part] = TRUNK * lifted_part.numpy()
        scale[part], shift[part] = seen_in_picture(pose[part], places, belief, rate)
    middle = np.array(size) / 2 if size else np.nanmean(shift, axis=0)
    way = np.column_stack([(shift - middle) / scale[:, None], 0 * scale])
    return Movement(pose, way, scale, shift, joints)

"""Joints in pictures as clips: x, y and a confidence, without depth, `pose_2d.npy`.

A clip gets z = 0, its middle at the origin, and a size at which it is like a body in metres; y is
down, as in pictures. What a detector does not believe in was not seen. Models see such clips with
the setting `without_depth` alone.
"""

import numpy as np

from mbnb.data.missing import Body, complete
from mbnb.skeleton import Skeleton

BELIEVED = 0.2  # confidence below which a joint was not seen
SPREAD = 0.46  # metres, the root mean square distance of a person's joints from their middle


def flat_body(joints: np.ndarray, skeleton: Skeleton) -> Body | str:
    """What a clip (T, J, 2 or 3) of x, y and maybe confidence shows, or why it is of no use."""
    places = joints[..., :2].astype(np.float32)
    seen = np.isfinite(joints).all(-1) & (places != 0).any(-1)
    if joints.shape[-1] == 3:
        seen &= np.nan_to_num(joints[..., 2]) >= BELIEVED
    if not seen.any():
        return "nothing is seen"
    known = np.where(seen[..., None], places, np.nan)
    middle = np.nanmedian(known, (0, 1))
    spread = np.sqrt(np.nanmean(((known - middle) ** 2).sum(-1)))
    pose = np.zeros((*places.shape[:2], 3), np.float32)
    pose[..., :2] = (known - middle) * (SPREAD / max(spread, 1e-9))
    pose[~seen] = np.nan
    body = complete(pose, skeleton)
    if not isinstance(body, str):
        body.pose[..., 2] = 0  # a body at rest has depth, which is a guess here
    return body

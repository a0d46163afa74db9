"""Style: what differs between two people who make the same movement, drawn at random.

One reaches further with the arms, another holds them closer, a third begins slowly. A pretraining
sees each window in two styles, so that its encoder learns what movement it is, not whose.

Shapes: B windows, F frames, J joints, G limbs.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from mbnb.skeleton import Skeleton

EACH_JOINT, EACH_LIMB = 0.3, 0.15  # deviations of the logarithm of how largely joints move
POSTURE = 0.12  # deviation of where a limb's end is held, in lengths of the trunk
TEMPOS, SLOWEST = 6, 0.5  # tempo is drawn at so many moments, from this to so much plus 1


def restyle(pose: Tensor, skeleton: Skeleton, generator: torch.Generator) -> Tensor:
    """(B, F, J, 3) in lengths of a trunk -> the same movements, each in another style.

    Joints move more or less about where they are in the mean, limbs are held elsewhere, and time
    goes faster and slower; first and last moment stay.
    """
    count, frames, joints = pose.shape[:3]
    limbs, reach = _limbs(skeleton, pose.device)  # (J, G), (J,)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, device=pose.device, generator=generator)

    sizes = EACH_JOINT * normal(count, joints) + EACH_LIMB * normal(count, limbs.shape[1]) @ limbs.T
    mean = pose.mean(1, keepdim=True)
    pose = mean + sizes.exp()[:, None, :, None] * (pose - mean)
    held = POSTURE * normal(count, limbs.shape[1], 3)
    pose = pose + (reach[:, None] * (limbs @ held))[:, None]  # (B, J, 3) -> (B, 1, J, 3)
    tempos = SLOWEST + torch.rand(count, 1, TEMPOS, device=pose.device, generator=generator)
    steps = F.interpolate(tempos, size=frames - 1, mode="linear", align_corners=True)[:, 0]
    moments = F.pad(steps.cumsum(1), (1, 0))
    moments = moments / moments[:, -1:] * (frames - 1)  # (B, F)
    before = moments.floor().long().clamp_max(frames - 2)
    share = (moments - before)[..., None, None]
    rows = torch.arange(count, device=pose.device)[:, None]
    return pose[rows, before].lerp(pose[rows, before + 1], share)


@lru_cache
def _limbs(skeleton: Skeleton, device: torch.device) -> tuple[Tensor, Tensor]:
    """(J, G) which limb a joint belongs to, and (J,) how far along it, 1 at its end."""
    limbs = [(part, skeleton.side(joint)) for joint, part in enumerate(skeleton.parts)]
    above = skeleton.ancestry.sum(1) - 1  # (J,)
    last = {limb: max(a for a, other in zip(above, limbs) if other == limb) for limb in limbs}
    reach = [float(a / max(last[limb], 1)) for a, limb in zip(above, limbs)]
    members = [[limb == other for other in dict.fromkeys(limbs)] for limb in limbs]
    return (
        torch.tensor(members, dtype=torch.float32, device=device),
        torch.tensor(reach, device=device),
    )

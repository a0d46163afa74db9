"""Inverse kinematics: a body of a given shape, posed so that its joints lie where 17 joints lie.

In closed form, one joint after the other from the root on. Shapes: B poses, K joints of the body.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mbnb.bodies.body import Body
from mbnb.bodies.rotations import align_vectors, shortest

SLIGHT = 0.05  # weight of where a limb's plane would be, were it turned no more than it must
# What a joint's rotation is told by: Human3.6M's joints seen from another of them. Of limbs the
# second is the end of the next bone: in which plane a limb bends.
TRUNK = ((0, (1, 4, 7)), (7, (8, 11, 14)), (8, (9, 10)))
LIMBS = ((1, 2, 3), (4, 5, 6), (11, 12, 13), (14, 15, 16))
LEGS = (1, 4)  # of the limbs: they are straight at rest, and bend about the body's left


@dataclass(frozen=True)
class Rig:
    """Which joints of a body move Human3.6M's: the numbers of joints.

    root, back and neck move `TRUNK`; limbs are (upper, lower) of each of `LIMBS`.
    """

    root: int
    back: int
    neck: int
    limbs: tuple[tuple[int, int], ...]


def rig_of(body: Body) -> Rig:
    """The joints nearest to Human3.6M's on the body at rest, whose subtree moves what follows."""
    landmarks = body.landmarks @ torch.cat([body.template, body.rest])  # (17, 3)
    away = torch.cdist(landmarks, body.rest)  # (17, K)

    def nearest(landmark: int) -> int:
        return int(away[landmark].argmin())

    moved = body.ancestry()
    head = body.main_joint()[body.landmarks[10, : len(body.template)].argmax()]
    above = [k for k in range(len(body)) if moved[head, k] and k != int(head)]
    return Rig(0, nearest(7), above[-1], tuple((nearest(a), nearest(b)) for a, b, _ in LIMBS))


@torch.no_grad()
def pose_by_joints(body: Body, shape: Tensor, joints: Tensor) -> Tensor:
    """Rotations (B, K, 3, 3) of bodies of `shape` (B, S′) for joints (B, 17, 3) in any axes.

    The body's size need not be that of the joints: directions alone count.
    """
    rig, count = rig_of(body), len(joints)
    vertices, rest = body.at_rest(shape)
    own = body.landmarks @ torch.cat([vertices, rest], dim=1)  # (B, 17, 3)
    local = torch.eye(3).to(joints).expand(count, len(body), 3, 3).clone()
    turn = local.clone()  # of each joint in the room

    def follow(first: int) -> None:
        for joint in range(max(first, 1), len(body)):
            turn[:, joint] = turn[:, body.parents[joint]] @ local[:, joint]

    def set_joint(joint: int, whole: Tensor) -> None:
        parent = body.parents[joint]
        local[:, joint] = whole if parent < 0 else turn[:, parent].transpose(1, 2) @ whole
        turn[:, joint] = whole
        follow(joint + 1)

    for joint, (base, ends) in zip((rig.root, rig.back, rig.neck), TRUNK):
        vectors = own[:, list(ends)] - own[:, base, None]
        targets = joints[:, list(ends)] - joints[:, base, None]
        weights = vectors.new_ones(1, len(ends), 1)
        set_joint(joint, align_vectors(vectors, targets, weights))
    for (upper, lower), limb in zip(rig.limbs, LIMBS):
        bones = [points[:, limb[1:]] - points[:, limb[:2]] for points in (own, joints)]
        first, normal = _frame(bones[0])
        if limb[0] in LEGS:
            normal = F.normalize(torch.eye(3).to(normal)[0].expand_as(normal), dim=-1)
        first_seen, bent = _frame(bones[1])
        as_is = (turn[:, body.parents[upper]] @ normal[..., None])[..., 0]
        ahead = (turn[:, body.parents[upper]] @ first[..., None])[..., 0]
        as_is = (shortest(ahead, first_seen) @ as_is[..., None])[..., 0]
        vectors = torch.stack([first, normal, normal], dim=1)
        targets = torch.stack([first_seen, bent, SLIGHT * as_is], dim=1)
        set_joint(upper, align_vectors(vectors, targets, vectors.new_ones(1, 3, 1)))
        second, seen = (F.normalize(b[:, 1], dim=-1) for b in bones)
        step = shortest((turn[:, upper] @ second[..., None])[..., 0], seen)
        set_joint(lower, step @ turn[:, upper])
    return local


def _frame(bones: Tensor) -> tuple[Tensor, Tensor]:
    """Two bones of a limb (B, 2, 3) -> the first's direction, and across the plane of both."""
    first, second = F.normalize(bones, dim=-1).unbind(1)
    return first, torch.linalg.cross(first, second)

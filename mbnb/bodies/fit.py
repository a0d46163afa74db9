"""A body fitted to recordings of 17 joints: one shape for a person, a pose for each frame.

Adam moves shape and poses together from where `pose_by_joints` puts them: joints shall lie where
they were recorded, no joint bends as nobody's does (`joint_limits.csv`), nothing trembles,
and what 17 joints do not tell stays at rest. Joints that a network lifted are known worse in depth
than in the picture, so a body is fitted to both. Shapes: T frames, K joints of the body.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mbnb.bodies.body import TIPS, Body
from mbnb.bodies.camera import JOINTS, Seen, joined, off_rays, stand
from mbnb.bodies.kinematics import pose_by_joints
from mbnb.bodies.rotations import matrix_to_axis_angle, matrix_to_six, six_to_matrix
from mbnb.files import read_table

STEPS, RATE = 100, 0.02
SIZES = 10  # numbers of a shape
KNEE = 0.05  # metres of error from which on a joint counts by its distance, not its square
BENT, TREMBLING, AT_REST, USUAL = 0.05, 0.01, 2e-4, 3e-5  # what each of the other parts counts
# Of joints that were lifted: what an error in the picture's axes and in depth count of one in the
# picture itself, and how much more than of recorded ones trembling and being bent count.
LIFTED_ACROSS, LIFTED_AWAY, LIFTED_CALM, LIFTED_AT_REST = 0.2, 0.3, 4.0, 4.0
# An average grown person's body mass index of 24.5 kg/m² at 1.70 m, as kg/m³, which no size
# changes, of water's 1000 kg/m³; and what counts how far somebody is from that, or from the build
# by which they cover what they do of a video.
BUILD, AVERAGE, COVERED = 24.5 / 1.70, 0.1, 1.0
UNSEEN = ("wrist", "foot")  # joints that nothing tells of but their tips, where they are seen
UNSEEN_AT_REST = 50.0  # how much more these stay at rest
WAYS = ("forward", "twist", "side")


@dataclass(frozen=True)
class Fitted:
    """One person's fit: shape (S,), rotations N times (T, K, 3, 3), residual (17,) mm of joints.

    place: N times (T, 3), the root joint in the axes and the metres of the recordings.
    """

    shape: Tensor
    rotations: list[Tensor]
    place: list[Tensor]
    residual: np.ndarray


class Limits:
    """How far each joint of a body may bend forward, twist and bend aside, in radians."""

    def __init__(self, body: Body):
        columns = [f"{way}_{end}" for way in WAYS for end in ("low", "high")]
        rows = read_table(Path(__file__).with_name("joint_limits.csv"), ("joint", *columns))
        table = {row["joint"]: [float(row[name]) for name in columns] for _, row in rows}
        stems = [name.removesuffix(".L").removesuffix(".R") for name in body.names]
        known = torch.tensor([table.get(stem, [-1e3, 1e3] * 3) for stem in stems])
        self.low, self.high = torch.deg2rad(known).unflatten(1, (3, 2)).unbind(2)  # (K, 3) each
        self.at_rest = torch.tensor([UNSEEN_AT_REST if s in UNSEEN else 1.0 for s in stems])
        self.axes = bending_axes(body)

    def loss(self, rotations: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        """Of rotations (T, K, 3, 3): squares beyond the limits, and of what is bent at all.

        told: (T, K) how much, 0 to 1, the tips of `UNSEEN` joints are seen.
        """
        vector = matrix_to_axis_angle(rotations[:, 1:])  # (T, K - 1, 3)
        bent = (self.axes[1:] @ vector[..., None])[..., 0]
        beyond = F.relu(self.low[1:] - bent) + F.relu(bent - self.high[1:])
        still = 1 + (self.at_rest - 1) * (1 - told)  # (T, K)
        rest = still[:, 1:, None] * vector.square()
        return beyond.square().sum((1, 2)), rest.sum((1, 2))


def bending_axes(body: Body) -> Tensor:
    """(K, 3, 3): the axes about which joints bend forward, twist, and bend aside, as rows.

    A joint twists about the bone to its children, or what has none about the bone to it.
    """
    axes = []
    for joint, parent in enumerate(body.parents):
        children = [k for k, of in enumerate(body.parents) if of == joint]
        bone = body.rest[children].mean(0) - body.rest[joint] if children else None
        bone = bone if bone is not None else body.rest[joint] - body.rest[max(parent, 0)]
        bone = F.normalize(bone, dim=0)
        forward = bone.new_tensor([0, 0, 1])
        bend = F.normalize(torch.linalg.cross(bone, forward), dim=0)
        axes.append(torch.stack([bend, bone, torch.linalg.cross(bend, bone)]))
    return torch.stack(axes)


def fit_person(
    body: Body,
    clips: Sequence[Tensor],
    sizes: int = SIZES,
    steps: int = STEPS,
    smooth: float = 1.0,
    seen: Sequence[Seen] = (),
    stout: tuple[float, float] | None = None,
) -> Fitted:
    """Fit one person's clips, N times (T, 17, 3) in metres, in any axes.

    sizes: numbers of the shape. smooth: how much more, or less, trembling counts. seen: where the
    clips were lifted, what they were lifted from, by a camera in whose axes they are; then `place`
    is as far from the camera as the body's size says. stout: joints do not tell how stout
    somebody is, so be it like this `build`, and how much that counts.
    """
    bones, limits = body.skeleton_only(), Limits(body)
    joints = torch.cat(list(clips))
    picture = joined(seen) if seen else None
    told = _told(body, picture, len(joints))
    calm, still = (LIFTED_CALM, LIFTED_AT_REST) if seen else (1.0, 1.0)
    lengths = [len(clip) for clip in clips]
    shape = torch.zeros(1, sizes, requires_grad=True)
    six = matrix_to_six(pose_by_joints(bones, shape.expand(len(joints), -1), joints))
    six.requires_grad_(True)
    if seen and picture.has_tips:
        bones = body.with_tips().skeleton_only()
    within = torch.ones(len(joints) - 1)  # steps from frame to frame of one clip
    within[torch.tensor(lengths).cumsum(0)[:-1] - 1] = 0
    optimizer = torch.optim.Adam([{"params": [six]}, {"params": [shape], "lr": 4 * RATE}], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rotations = six_to_matrix(six)
        found = bones.pose(rotations, shape.expand(len(joints), -1)).landmarks
        error = _error(found, joints, picture)
        beyond, rest = limits.loss(rotations, told)
        tremble = within * rotations.diff(dim=0).square().sum((1, 2, 3))
        frames = 2 * error + (BENT * beyond + still * AT_REST * rest) / len(body)
        loss = frames.mean() + calm * smooth * TREMBLING * tremble.mean() / len(body)
        loss = loss + USUAL * shape.square().sum()
        if stout:
            loss = loss + stout[1] * (build(body, shape) / stout[0] - 1).square().sum()
        optimizer.zero_grad()
        # Each frame's pose has the step that it would have alone.
        (loss * len(joints)).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        rotations = six_to_matrix(six)
        posed = bones.pose(rotations, shape.expand(len(joints), -1))
        found = posed.landmarks[:, :JOINTS]
        off = _length(_centred(found) - _centred(joints))
        shift = joints.mean(1) - found.mean(1)
        shift = stand(posed.landmarks, picture) if picture else shift
    return Fitted(
        shape.detach()[0],
        list(rotations.split(lengths)),
        list((shift + posed.joints[:, 0]).split(lengths)),
        1000 * off.mean(0).numpy(),
    )


def _told(body: Body, picture: Seen | None, frames: int) -> Tensor:
    """(T, K) for `Limits.loss`."""
    told = torch.zeros(frames, len(body))
    if picture and picture.has_tips:
        told[:, [body.names.index(tip) for tip in TIPS]] = picture.belief[:, JOINTS:]
    return told


def build(body: Body, shape: Tensor) -> Tensor:
    """(B,) kg/m³: how heavy bodies of `shape` (B, S) are for their height, cubed."""
    vertices, _ = body.at_rest(shape)
    a, b, c = vertices[:, body.faces].unbind(2)  # (B, F, 3) each
    litres = 1000 * (torch.linalg.cross(a, b) * c).sum((1, 2)) / 6
    height = vertices[..., 1].amax(1) - vertices[..., 1].amin(1)
    return litres / height**3


def _error(found: Tensor, joints: Tensor, picture: Seen | None) -> Tensor:
    """(T,) what it counts that joints are not where they were, and not where they were seen.

    Each frame's are shifted onto each other in the mean. found: with tips where they are seen.
    """
    off = _centred(found[:, :JOINTS]) - _centred(joints)
    if picture is None:
        return _robust(_length(off)).mean(1)
    off = off * off.new_tensor([LIFTED_ACROSS, LIFTED_ACROSS, LIFTED_AWAY]).sqrt()
    with torch.no_grad():
        shift = stand(found, picture)
    aside = _length(off_rays(found + shift[:, None], picture))
    return _robust(_length(off)).mean(1) + (picture.belief * _robust(aside)).sum(1) / JOINTS


def _centred(joints: Tensor) -> Tensor:
    return joints - joints.mean(1, keepdim=True)


def _length(off: Tensor) -> Tensor:
    """The length of each vector, with a gradient at zero too."""
    return (off.square().sum(-1) + 1e-10).sqrt()


def _robust(off: Tensor) -> Tensor:
    return F.huber_loss(off, torch.zeros_like(off), delta=KNEE, reduction="none")

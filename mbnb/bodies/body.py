"""A body: vertices on a tree of joints, moved by a shape and by a rotation of each joint.

Skinning is as SMPL's authors publish it (Loper et al., SIGGRAPH Asia 2015). A shape moves vertices
and joints at rest; rotations are told in the axes of the body at rest, each of its parent's.

Shapes: B bodies, V vertices, K joints, S numbers of a shape, 17 joints of Human3.6M.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mbnb.files import InputError, replacing

FACTS = "mbnb_body"  # in a file: what is not an array
# Where feet and hands end: by joint, left before right, the share of the way to the farthest vertex
# that it moves. Toes, and the knuckles' middle.
TIPS = {"foot.L": 1.0, "foot.R": 1.0, "wrist.L": 0.5, "wrist.R": 0.5}
HALF = ("shapes", "joint_shapes", "weights")  # what is kept in half the bytes


@dataclass(frozen=True)
class Posed:
    """Bodies in metres: vertices (B, V, 3), joints (B, K, 3), landmarks (B, 17, 3)."""

    vertices: Tensor
    joints: Tensor
    landmarks: Tensor


@dataclass(frozen=True)
class Body:
    """What a body model is, in metres: x to the left of who stands in it, y up, z forward.

    template (V, 3) and shapes (S, V, 3): vertices are template + shape · shapes. rest (K, 3) and
    joint_shapes (S, K, 3): the same of joints. weights (V, K): how much each joint moves a vertex.
    correctives (9·(K - 1), V·3) are added for rotations, or None. landmarks (17, V + K):
    Human3.6M's joints of vertices and joints. faces (F, 3). parents: of each joint, -1 of the
    first. mirror: the joint on the other side of each.
    """

    name: str
    names: tuple[str, ...]
    parents: tuple[int, ...]
    mirror: tuple[int, ...]
    template: Tensor
    shapes: Tensor
    rest: Tensor
    joint_shapes: Tensor
    weights: Tensor
    landmarks: Tensor
    faces: Tensor
    correctives: Tensor | None = None

    def __len__(self) -> int:
        """How many joints are rotated."""
        return len(self.parents)

    def pose(self, rotations: Tensor, shape: Tensor) -> Posed:
        """Bodies with `rotations` (B, K, 3, 3) and `shape` (B, S′), S′ numbers of S or fewer."""
        vertices, joints = self.at_rest(shape)
        if self.correctives is not None:
            bent = rotations[:, 1:] - torch.eye(3).to(rotations)
            vertices = vertices + (bent.flatten(1) @ self.correctives).unflatten(1, (-1, 3))
        turns, places = [rotations[:, 0]], [joints[:, 0]]
        for joint, parent in enumerate(self.parents[1:], start=1):
            bone = joints[:, joint] - joints[:, parent]
            places.append(places[parent] + (turns[parent] @ bone[..., None])[..., 0])
            turns.append(turns[parent] @ rotations[:, joint])
        turn, place = torch.stack(turns, 1), torch.stack(places, 1)  # (B, K, 3, 3), (B, K, 3)
        shift = place - (turn @ joints[..., None])[..., 0]
        both = torch.cat([turn, shift[..., None]], dim=-1).flatten(2)  # (B, K, 12)
        both = (self.weights @ both).unflatten(2, (3, 4))  # -> (B, V, 12) -> (B, V, 3, 4)
        # Products of matrices so small are slower than sums.
        vertices = (both[..., :3] * vertices[..., None, :]).sum(-1) + both[..., 3]
        return Posed(vertices, place, self.landmarks @ torch.cat([vertices, place], dim=1))

    def at_rest(self, shape: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices (B, V, 3) and joints (B, K, 3) of `shape` (B, S′) without rotations."""
        size = shape.shape[1]
        vertices = self.template + (shape @ self.shapes[:size].flatten(1)).unflatten(1, (-1, 3))
        moved = (shape @ self.joint_shapes[:size].flatten(1)).unflatten(1, (-1, 3))
        return vertices, self.rest + moved

    def to(self, other: torch.device | torch.dtype | Tensor) -> "Body":
        """The same on another device, or in numbers of another kind."""
        arrays = {name: value.to(other) for name, value in self._arrays().items()}
        return dataclasses.replace(self, **arrays | {"faces": arrays["faces"].long()})

    def with_joints(self, kept: Sequence[str]) -> "Body":
        """The same body with these joints alone to be rotated; others go with their parents."""
        unknown = set(kept) - set(self.names)
        if unknown:
            raise InputError(f"{self.name}: has no joints {', '.join(sorted(unknown))}")
        chosen = [i for i, name in enumerate(self.names) if name in kept]
        place = {joint: k for k, joint in enumerate(chosen)}
        nearest: list[int] = []  # the kept joint that each goes with
        for joint, parent in enumerate(self.parents):
            nearest.append(place[joint] if joint in place else nearest[parent])
        weights = torch.zeros(len(self.weights), len(chosen), dtype=self.weights.dtype)
        weights = weights.index_add(1, torch.tensor(nearest), self.weights)
        count = len(self.template)
        of_joints = self.landmarks[:, count:]
        lost = of_joints.abs().amax(0) > 0
        lost[chosen] = False
        if self.correctives is not None or lost.any():
            raise InputError(f"{self.name}: joints that something else needs cannot be left out")
        return dataclasses.replace(
            self,
            names=tuple(self.names[i] for i in chosen),
            parents=tuple(-1 if p < 0 else nearest[p] for p in (self.parents[i] for i in chosen)),
            mirror=tuple(place[self.mirror[i]] for i in chosen),
            rest=self.rest[chosen],
            joint_shapes=self.joint_shapes[:, chosen],
            weights=weights,
            landmarks=torch.cat([self.landmarks[:, :count], of_joints[:, chosen]], dim=1),
        )

    def on_vertices(self, kept: Tensor) -> "Body":
        """The same with the vertices (V′,) alone that `kept` names, and no faces."""
        both = torch.cat([kept, len(self.template) + torch.arange(len(self))])
        correctives = self.correctives
        if correctives is not None:
            correctives = correctives.unflatten(1, (-1, 3))[:, kept].flatten(1)
        return dataclasses.replace(
            self,
            template=self.template[kept],
            shapes=self.shapes[:, kept],
            weights=self.weights[kept],
            landmarks=self.landmarks[:, both],
            faces=self.faces[:0],
            correctives=correctives,
        )

    def skeleton_only(self) -> "Body":
        """The same with no more vertices than Human3.6M's joints need."""
        used = self.landmarks[:, : len(self.template)].abs().amax(0) > 0
        return self.on_vertices(used.nonzero()[:, 0])

    def with_tips(self) -> "Body":
        """The same with a landmark more for each of `TIPS`, a vertex of the skin."""
        rows, main = torch.zeros(len(TIPS), self.landmarks.shape[1]), self.main_joint()
        for row, (joint, share) in zip(rows, TIPS.items()):
            start = self.rest[self.names.index(joint)]
            own = (main == self.names.index(joint)).nonzero()[:, 0]
            along = self.template[own] - start
            end = share * along[along.norm(dim=1).argmax()]
            row[own[(along - end).norm(dim=1).argmin()]] = 1
        return dataclasses.replace(self, landmarks=torch.cat([self.landmarks, rows]))

    def main_joint(self) -> Tensor:
        """(V,) the joint that moves each vertex most."""
        return self.weights.argmax(1)

    def ancestry(self) -> Tensor:
        """(K, K) bool: whether the second joint, or the first itself, moves the first."""
        moved = torch.eye(len(self), dtype=torch.bool)
        for joint, parent in enumerate(self.parents[1:], start=1):
            moved[joint] |= moved[parent]
        return moved

    def _arrays(self) -> dict[str, Tensor]:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def write_body(body: Body, path: Path, digits: int = 32) -> None:
    """Write a body as safetensors; with 16 `digits` what may be is kept in half the bytes."""
    arrays = {
        name: value.half() if digits == 16 and name in HALF else value
        for name, value in body._arrays().items()
    }
    arrays["faces"] = arrays["faces"].int()
    facts = {name: getattr(body, name) for name in ("name", "names", "parents", "mirror")}
    packed = save({n: v.contiguous() for n, v in arrays.items()}, {FACTS: json.dumps(facts)})
    with replacing(path) as part:
        part.write_bytes(packed)


def read_body(path: Path) -> Body:
    """A body that `write_body` wrote, in float32. Raises InputError for another file."""
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})[FACTS])
            arrays = {name: file.get_tensor(name) for name in file.keys()}
        facts |= {name: tuple(facts[name]) for name in ("names", "parents", "mirror")}
        body = Body(**facts, **arrays).to(torch.float32)
        # Half of the bytes are not exact enough for parts of a whole.
        return dataclasses.replace(body, weights=body.weights / body.weights.sum(1, keepdim=True))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: expected a body that mbnb wrote ({error})") from None

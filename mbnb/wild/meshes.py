"""People's 2D joints -> bodies with a surface: one shape for each person, a pose for each picture.

Shapes: T pictures, K joints of the body, V vertices, S numbers of a shape.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mbnb.bodies.body import Body, Posed
from mbnb.bodies.fit import fit_person
from mbnb.bodies.rotations import nearest_rotation
from mbnb.config import Config
from mbnb.devices import pick_device
from mbnb.model.lift import TRUNK, lift
from mbnb.model.mesh import MeshNet
from mbnb.model.recover import recover
from mbnb.prepare.detections import believed, complete, seen_in_picture, stretches
from mbnb.prepare.geometry import smooth
from mbnb.skeleton import load_skeleton
from mbnb.video.frames import LONGEST_PAUSE
from mbnb.wild.source import Source

AT_ONCE = 256  # pictures of which vertices are made together


@dataclass(frozen=True)
class BodyMovement:
    """One person's body through T pictures, NaN where not found for longer than can be bridged.

    rotations (T, K, 3, 3), the first in the axes of the camera, x right, y down, z away; shape
    (S,). A vertex lies in the picture, in pixels, where `shift + scale * vertex[..., :2]` is, of
    vertices from the pelvis in metres if the trunk is `TRUNK` long; scale: (T,), shift: (T, 2).
    joints: (T, 17, 3) what was believed of what was found, x and y in pixels and a belief.
    """

    body: Body
    rotations: np.ndarray
    shape: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    joints: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """(T,) bool, in which pictures there is a body."""
        return np.isfinite(self.scale)

    @functools.cached_property
    def size(self) -> float:
        """By which the body is as large as one whose trunk is `TRUNK` long."""
        return _size(self.body, torch.as_tensor(self.shape))

    @functools.cached_property
    def vertices(self) -> np.ndarray:
        """(T, V, 3) metres from the pelvis, float32."""
        made = np.full((len(self.scale), len(self.body.template), 3), np.nan, np.float32)
        for rows in np.array_split(
            np.flatnonzero(self.found), -(-self.found.sum() // AT_ONCE) or 1
        ):
            if len(rows):
                rotations = torch.as_tensor(self.rotations[rows])
                posed = _posed(self.body, rotations, torch.as_tensor(self.shape))
                made[rows] = (self.size * (posed.vertices - posed.landmarks[:, :1])).numpy()
        return made

    def first_joint(self) -> np.ndarray:
        """(T, 3) metres of the body's first joint from the pelvis."""
        rows = np.flatnonzero(self.found)
        rotations = torch.as_tensor(self.rotations[rows])
        posed = _posed(self.body.skeleton_only(), rotations, torch.as_tensor(self.shape))
        first = np.full((len(self.scale), 3), np.nan, np.float32)
        first[rows] = self.size * (posed.joints[:, 0] - posed.landmarks[:, 0]).numpy()
        return first

    def in_picture(self, t: int) -> np.ndarray:
        """(V, 3) pixels, depth from the pelvis too."""
        pixels = self.scale[t] * self.vertices[t]
        pixels[:, :2] += self.shift[t]
        return pixels

    def way(self, size: tuple[int, int] | None) -> np.ndarray:
        """(T, 3) metres of the pelvis from the middle of the picture, without depth."""
        middle = np.array(size) / 2 if size else np.nanmean(self.shift, axis=0)
        return np.column_stack([(self.shift - middle) / self.scale[:, None], 0 * self.scale])


# One person's places in pictures, N times (T, 17, 2), and how much each is believed, (T, 17), to
# rotations, N times (T, K, 3, 3), and a shape (S,).
Finder = Callable[[list[Tensor], list[Tensor]], tuple[list[Tensor], Tensor]]


def finder_of(network: nn.Module, body: Body, config: Config) -> Finder:
    """The way from places to a body, by a network for meshes or by one that lifts.

    Of what is lifted, a body is fitted to: one shape for the person, a pose in each picture, within
    the limits of joints. Both smooth movement, over the setting `smooth`. config: what it sees.
    """
    skeleton, device = load_skeleton(), pick_device(config)

    def by_meshes(places: list[Tensor], belief: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        told = recover(network, body, places, config, skeleton, belief)
        weights = torch.tensor([len(one) for one in places], dtype=torch.float32)
        shape = (torch.stack([one for _, one in told]) * weights[:, None]).sum(0) / weights.sum()
        return [_smoothed(one, config.smooth) for one, _ in told], shape

    def by_lifting(places: list[Tensor], belief: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        lifted = lift(lambda x: network(x.to(device)), places, config, skeleton, belief)
        fit = fit_person(body, [TRUNK * one for one in lifted])
        return [_smoothed(one, config.smooth) for one in fit.rotations], fit.shape

    return by_meshes if isinstance(network, MeshNet) else by_lifting


def recover_people(source: Source, find: Finder, body: Body) -> dict[str, BodyMovement]:
    """Everybody of a source."""
    return {
        name: recover_person(joints, source.rate, find, body)
        for name, joints in source.people.items()
    }


def recover_person(joints: np.ndarray, rate: float, find: Finder, body: Body) -> BodyMovement:
    """One person's joints (T, 17, 3) in pictures, NaN where not found."""
    joints = believed(joints, rate)
    frames = len(joints)
    rotations = np.full((frames, len(body), 3, 3), np.nan, np.float32)
    scale, shift = np.full(frames, np.nan), np.full((frames, 2), np.nan)
    parts = stretches(joints, round(LONGEST_PAUSE * rate))
    filled = [complete(joints[part]) for part in parts]
    places = [torch.as_tensor(one, dtype=torch.float32) for one, _ in filled]
    belief = [torch.as_tensor(one, dtype=torch.float32) for _, one in filled]
    turned, shape = find(places, belief)
    size, bones = _size(body, shape), body.skeleton_only()
    for part, own, (at, believe) in zip(parts, turned, filled):
        posed = _posed(bones, own, shape)
        pose = size * (posed.landmarks - posed.landmarks[:, :1]).numpy()
        rotations[part] = own.numpy()
        scale[part], shift[part] = seen_in_picture(pose, at, believe, rate)
    return BodyMovement(body, rotations, shape.numpy(), scale, shift, joints)


def _smoothed(rotations: Tensor, window: int) -> Tensor:
    """(T, K, 3, 3), over a `window` of frames; 0: as they are."""
    if not window:
        return rotations
    flat = rotations.flatten(2)  # (T, K, 9)
    flat = smooth(flat, torch.tensor([len(flat)]), window)
    return nearest_rotation(flat.unflatten(2, (3, 3)))


def _posed(body: Body, rotations: Tensor, shape: Tensor) -> Posed:
    return body.pose(rotations, shape.expand(len(rotations), -1))


def _size(body: Body, shape: Tensor) -> float:
    pelvis, neck = load_skeleton().index("Pelvis", "Neck")
    at_rest = body.landmarks @ torch.cat([one[0] for one in body.at_rest(shape[None])])
    return TRUNK / float((at_rest[neck] - at_rest[pelvis]).norm())

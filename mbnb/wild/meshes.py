"""People's 2D joints -> bodies with a surface: one shape for each person, a pose for each picture.

Shapes: T pictures, K joints of the body, V vertices, S numbers of a shape.
"""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mbnb.bodies.body import TIPS, Body, Posed
from mbnb.bodies.camera import JOINTS, Camera, Seen, camera_of, stand, turn_towards
from mbnb.bodies.fit import AVERAGE, BUILD, fit_person
from mbnb.bodies.rotations import nearest_rotation
from mbnb.config import Config
from mbnb.devices import pick_device
from mbnb.model.lift import TRUNK, lift
from mbnb.model.mesh import MeshNet
from mbnb.model.recover import recover
from mbnb.prepare.detections import believed, complete, stretches
from mbnb.prepare.geometry import smooth
from mbnb.skeleton import load_skeleton
from mbnb.video.frames import LONGEST_PAUSE
from mbnb.wild.source import Source

AT_ONCE = 256  # pictures of which vertices are made together
CROWN = 0.1  # of a belief is left to the top of the head, which no detector finds but others guess


@dataclass(frozen=True)
class BodyMovement:
    """One person's body through T pictures, NaN where not found for longer than can be bridged.

    rotations (T, K, 3, 3), the first in the axes of the camera, x right, y down, z away; shape
    (S,). place: (T, 3) metres of the pelvis from the camera if the trunk is `TRUNK` long. joints:
    (T, 17, 3) what was believed of what was found, x and y in pixels and a belief.
    """

    body: Body
    rotations: np.ndarray
    shape: np.ndarray
    place: np.ndarray
    camera: Camera
    joints: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """(T,) bool, in which pictures there is a body."""
        return np.isfinite(self.place[:, 0])

    @functools.cached_property
    def size(self) -> float:
        """By which the body is as large as one whose trunk is `TRUNK` long."""
        return _size(self.body, torch.as_tensor(self.shape))

    @functools.cached_property
    def vertices(self) -> np.ndarray:
        """(T, V, 3) metres from the pelvis, float32."""
        made = np.full((len(self.place), len(self.body.template), 3), np.nan, np.float32)
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
        first = np.full((len(self.place), 3), np.nan, np.float32)
        first[rows] = self.size * (posed.joints[:, 0] - posed.landmarks[:, 0]).numpy()
        return first

    def in_picture(self, t: int) -> np.ndarray:
        """(V, 3) pixels, depth from the pelvis too."""
        points = self.vertices[t] + self.place[t]
        deep = self.vertices[t][:, 2:] * self.camera.focal / self.place[t, 2]
        return np.concatenate([self.camera.project(points), deep], axis=1)

    @functools.cached_property
    def aside(self) -> np.ndarray:
        """(T,) metres: how far the body's joints lie beside those that were found, in the mean."""
        beside = np.full(len(self.place), np.nan)
        rows = np.flatnonzero(self.found & (self.joints[..., 2] > 0).any(1))
        posed = _posed(
            self.body.skeleton_only(),
            torch.as_tensor(self.rotations[rows]),
            torch.as_tensor(self.shape),
        )
        pose = self.size * (posed.landmarks - posed.landmarks[:, :1]).numpy()
        off = self.camera.project(pose + self.place[rows, None]) - self.joints[rows, :, :2]
        belief = np.nan_to_num(self.joints[rows, :, 2])
        mean = np.average(np.linalg.norm(np.nan_to_num(off), axis=-1), axis=1, weights=belief)
        beside[rows] = mean * self.place[rows, 2] / self.camera.focal
        return beside


# One person's places in pictures, N times (T, 17, 2), and what a camera sees there, to rotations, N
# times (T, K, 3, 3), in the camera's axes, and a shape (S,).
Finder = Callable[[list[Tensor], list[Seen]], tuple[list[Tensor], Tensor]]


def finder_of(
    network: nn.Module,
    body: Body,
    config: Config,
    stout: tuple[float, float] = (BUILD, AVERAGE),
) -> Finder:
    """The way from places to a body, by a network for meshes or by one that lifts.

    A body is fitted to what is lifted and to what it was lifted from: one shape for the person, a
    pose in each picture, within the limits of joints. Both ways smooth movement, over the setting
    `smooth`. config: what the network sees. stout: for `fit_person`.
    """
    skeleton, device = load_skeleton(), pick_device(config)

    def by_meshes(places: list[Tensor], seen: list[Seen]) -> tuple[list[Tensor], Tensor]:
        belief = [one.belief[:, :JOINTS] for one in seen]
        told = recover(network, body, places, config, skeleton, belief)
        weights = torch.tensor([len(one) for one in places], dtype=torch.float32)
        shape = (torch.stack([one for _, one in told]) * weights[:, None]).sum(0) / weights.sum()
        turned = [_smoothed(one, config.smooth) for one, _ in told]
        for one, there in zip(turned, seen):
            one[:, 0] = turn_towards(there) @ one[:, 0]
        return turned, shape

    def by_lifting(places: list[Tensor], seen: list[Seen]) -> tuple[list[Tensor], Tensor]:
        belief = [one.belief[:, :JOINTS] for one in seen]
        lifted = lift(lambda x: network(x.to(device)), places, config, skeleton, belief)
        turned = [TRUNK * one @ turn_towards(there).T for one, there in zip(lifted, seen)]
        fit = fit_person(body, turned, seen=seen, stout=stout)
        return [_smoothed(one, config.smooth) for one in fit.rotations], fit.shape

    return by_meshes if isinstance(network, MeshNet) else by_lifting


def recover_people(source: Source, find: Finder, body: Body) -> dict[str, BodyMovement]:
    """Everybody of a source, before one camera."""
    camera = _camera_of(source)
    return {
        name: recover_person(joints, source.rate, find, body, camera, source.tips.get(name))
        for name, joints in source.people.items()
    }


def _camera_of(source: Source) -> Camera:
    """Where nobody knows the pictures' size, what was found is taken to fill half of it."""
    if source.size:
        return camera_of(source.size)
    places = np.concatenate([one.reshape(-1, 3) for one in source.people.values()])[:, :2]
    low, high = np.nanmin(places, 0), np.nanmax(places, 0)
    middle = tuple(((low + high) / 2).tolist())
    return dataclasses.replace(camera_of(tuple((2 * (high - low)).tolist())), middle=middle)


def recover_person(
    joints: np.ndarray,
    rate: float,
    find: Finder,
    body: Body,
    camera: Camera,
    tips: np.ndarray | None = None,
) -> BodyMovement:
    """One person's joints (T, 17, 3) in pictures, and tips (T, 4, 3), NaN where not found."""
    joints = believed(joints, rate)
    frames = len(joints)
    rotations = np.full((frames, len(body), 3, 3), np.nan, np.float32)
    place = np.full((frames, 3), np.nan)
    parts = stretches(joints, round(LONGEST_PAUSE * rate))
    filled = [
        [torch.as_tensor(part, dtype=torch.float32) for part in complete(joints[rows])]
        for rows in parts
    ]
    tipped = tips is not None and set(TIPS) <= set(body.names)
    bones = (body.with_tips() if tipped else body).skeleton_only()
    seen = []
    for rows, (places, belief) in zip(parts, filled):
        belief[:, load_skeleton().index("Head_top")] *= CROWN
        if tipped:
            ends = torch.as_tensor(np.nan_to_num(tips[rows]), dtype=torch.float32)
            places = torch.cat([places, ends[..., :2]], 1)  # (T, 21, 2)
            belief = torch.cat([belief, ends[..., 2]], 1)
        seen.append(Seen(camera.rays(places), belief))
    turned, shape = find([places for places, _ in filled], seen)
    own_size = _size(body, shape)
    for rows, own, there in zip(parts, turned, seen):
        landmarks = _posed(bones, own, shape).landmarks
        rotations[rows] = own.numpy()
        place[rows] = stand(own_size * (landmarks - landmarks[:, :1]), there).numpy()
    return BodyMovement(body, rotations, shape.numpy(), place, camera, joints)


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

"""Meshes scored: bodies told from 2D joints of people who were in no training.

As `evaluate.lifting`: each clip is seen by one camera that is always the same, with a detector's
errors, and all methods get the same pictures. What is true is the body that was fitted to the
recording. A picture does not tell how large somebody is: `mpve` and the other errors are of bodies
as large as the true one, `mpve_own_size` of bodies as large as a method says.

Shapes: T frames of a clip, V vertices, K joints of the body.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from mbnb.baselines.meshes import FrameMesh, by_kinematics
from mbnb.bodies import load_body
from mbnb.bodies.body import Body, Posed
from mbnb.bodies.camera import Seen, camera_of
from mbnb.bodies.fit import fit_person
from mbnb.bodies.recordings import EVERY, Bodies, fit_recordings
from mbnb.bodies.rotations import align_vectors, axis_angle_to_matrix
from mbnb.bodies.smpl import SHAPES
from mbnb.config import LIFTER, Config
from mbnb.data.motion import Motion
from mbnb.data.smpl_pictures import load_pictures
from mbnb.evaluate.lifting import photograph
from mbnb.evaluate.tables import write_csv
from mbnb.files import InputError
from mbnb.model.checkpoints import carried_by, load_pose_net, tells_meshes
from mbnb.model.lift import TRUNK, lift
from mbnb.model.mesh import Meshes, MeshNet, flip_averaged, meshes_of
from mbnb.model.mesh_files import load_mesh_net
from mbnb.model.recover import recover
from mbnb.model.shipped import find_weights
from mbnb.model.weight_files import read_checkpoint
from mbnb.scores.intervals import over_people
from mbnb.scores.poses import aligned_errors
from mbnb.skeleton import load_skeleton

NETWORK, IK, FITTED = "network", "lifted, by inverse kinematics", "lifted, fitted"
ERRORS = ("mpve", "mpjpe", "pa_mpjpe", "mpve_own_size")
SCORED = (1, 2, 3, 4, 5, 6, 8, *range(10, 17))  # the 14 joints that are compared everywhere
# A way from places in pictures, N times (T, 17, 2), to rotations (T, K, 3, 3) and shapes (S,).
Method = Callable[[Sequence[Tensor]], list[tuple[Tensor, Tensor]]]


@dataclass(frozen=True)
class Recovered:
    """N clips: a row a clip, and (N, K) mm of the vertices that each joint moves most."""

    clips: pd.DataFrame
    parts: np.ndarray


def score_meshes(
    methods: dict[str, Method], bodies: Bodies, body: Body, data: Motion, split: str = "test"
) -> dict[str, Recovered]:
    """The clips of a split photographed, bodies told of them by each method, and compared."""
    clips = data.splits[split]
    place = {name: i for i, name in enumerate(clips.names)}
    poses = [np.asarray(clips[place[name]]) for name in bodies.names]
    pictures = [photograph(pose, n, data.skeleton) for pose, n in zip(poses, bodies.names)]
    told = {name: way([places for places, _ in pictures]) for name, way in methods.items()}
    rows: dict[str, list] = {name: [] for name in methods}
    parts: dict[str, list] = {name: [] for name in methods}
    for i, name in enumerate(bodies.names):
        true = _seen(bodies, i, body, pictures[i][1][::EVERY])
        facts = {"clip": name, "subject": bodies.subjects[i], "frames": len(true.vertices)}
        for method in methods:
            rotations, shape = told[method][i]
            turned = rotations[::EVERY]
            posed = body.pose(turned, shape.expand(len(turned), -1))
            errors, of_parts = compare(posed, true, body)
            rows[method].append(facts | errors)
            parts[method].append(of_parts)
    return {n: Recovered(pd.DataFrame(rows[n]), np.stack(parts[n])) for n in methods}


def _seen(bodies: Bodies, i: int, body: Body, seen: Tensor) -> Posed:
    """The true body of a clip in the axes of the camera that saw its joints as `seen`."""
    joints, rotations, _ = bodies.clip(i)
    turn = align_vectors(  # the camera's turn is the same in all frames
        (joints - joints.mean(1, keepdim=True)).flatten(0, 1),
        (seen - seen.mean(1, keepdim=True)).flatten(0, 1),
        torch.ones(1, 1),
    )
    turned = torch.cat([turn @ rotations[:, :1], rotations[:, 1:]], dim=1)
    return body.pose(turned, bodies.shape[i].expand(len(turned), -1))


def compare(found: Posed, true: Posed, body: Body) -> tuple[dict[str, float], np.ndarray]:
    """`ERRORS` of bodies in T frames in mm, and (K,) the mean of vertices by their main joint."""
    ours, theirs = found.landmarks, true.landmarks
    size = _spread(theirs) / _spread(ours)
    away = [size * _from(found.vertices, ours), _from(true.vertices, theirs)]
    off = 1000 * (away[0] - away[1]).norm(dim=-1)  # (T, V)
    own_size = 1000 * (away[0] / size - away[1]).norm(dim=-1)
    joints = [1000 * (factor * _from(x, x))[:, SCORED] for factor, x in ((size, ours), (1, theirs))]
    pairs = [one.double().numpy() for one in joints]
    sums = torch.zeros(len(body)).index_add_(0, body.main_joint(), off.mean(0))
    counts = torch.bincount(body.main_joint(), minlength=len(body)).clamp_min(1)
    errors = {
        "mpve": off.mean().item(),
        "mpjpe": float(np.linalg.norm(pairs[0] - pairs[1], axis=-1).mean()),
        "pa_mpjpe": float(aligned_errors(*pairs).mean()),
        "mpve_own_size": own_size.mean().item(),
    }
    return errors, (sums / counts).numpy()


def _from(points: Tensor, landmarks: Tensor) -> Tensor:
    """Points (T, N, 3) from the pelvis."""
    return points - landmarks[:, :1]


def _spread(landmarks: Tensor) -> Tensor:
    """How far joints are from the pelvis, in the mean."""
    return _from(landmarks, landmarks).norm(dim=-1).mean()


def evaluate_meshes(
    config: Config, checkpoint: Path, data: Motion, others: Mapping[str, Path] | None = None
) -> dict[str, Recovered]:
    """Bodies of the people of test, by a network for meshes or by what a network lifts.

    A file of meshes is scored itself, beside what mbnb's lifter lifts; another one lifts. `IK` is
    the mean body put on each frame's joints. `FITTED` is one shape for a clip, and smooth, fitted
    to the places in the picture too, as of a camera of which nothing is known. `others` are
    networks of each frame by itself, by name. Writes `meshes.csv` and `mesh_clips.csv`. Raises
    InputError where nobody is in test.
    """
    if "test" not in data.splits:
        raise InputError(f"{data.root}: nobody is in test, so there is nobody to score bodies on")
    body = load_body(config.body)
    bodies = fit_recordings(data, body, ("train", "test"))
    methods = {}
    if tells_meshes(checkpoint):
        methods[NETWORK] = _by_network(*load_mesh_net(checkpoint, config, body), body)
        checkpoint = find_weights(LIFTER)
    for name, path in (others or {}).items():
        methods[name] = _by_network(*load_frame_mesh(path, config, len(body)), body)
    mean = bodies["train"].shape.mean(0)
    lifter, sees = load_pose_net(checkpoint, config)

    def lifted(places: Sequence[Tensor]) -> list[Tensor]:
        return [TRUNK * pose for pose in lift(lifter, places, sees, data.skeleton)]

    def fitted(places: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        fits = []
        for flat, pose in zip(places, tqdm(lifted(places), "fitting", delay=3)):
            seen = Seen(flat / camera_of((2, 2)).focal, torch.ones(flat.shape[:2]))
            fits.append(fit_person(body, [pose], seen=[seen]))
        return [(fit.rotations[0], fit.shape) for fit in fits]

    methods[IK] = lambda places: by_kinematics(body, mean, lifted(places))
    methods[FITTED] = fitted
    recovered = score_meshes(methods, bodies["test"], body, data)
    write_csv(mesh_table(recovered, config).reset_index(), config.folder.meshes)
    clips = [one.clips.assign(method=name) for name, one in recovered.items()]
    write_csv(pd.concat(clips), config.folder.mesh_clips)
    return recovered


def _by_network(network: nn.Module, seen: Config, body: Body) -> Method:
    skeleton = load_skeleton()
    return lambda places: recover(network, body, places, seen, skeleton)


def load_frame_mesh(path: Path, config: Config, joints: int) -> tuple[nn.Module, Config]:
    """A network of each frame by itself that `train.mesh` trained, and what it sees.

    Raises InputError for another file.
    """
    content = read_checkpoint(path)
    seen = Config.of(saved=carried_by(content))
    network = FrameMesh(seen, joints)
    try:
        network.load_state_dict(content["model"])
    except (KeyError, RuntimeError):
        told = "expected a run of `mesh-train --each-frame` for the same body"
        raise InputError(f"{path}: {told}") from None
    return network.eval(), dataclasses.replace(seen, fps=config.fps)


def score_pictures(config: Config, checkpoint: Path) -> pd.DataFrame:
    """The original's evaluation on the test part of files with SMPL's poses, a row a file.

    Windows one after the other, the mean with their mirror, each body from its own pelvis; mm.
    """
    body = load_body(config.body)
    network, seen = load_mesh_net(checkpoint, config, body)
    _, parts = load_pictures(config)
    rows = []
    for name, part in zip(config.motion, parts["test"]):
        errors, frames, first = [], [], 0
        for clip in part.clips:
            theta = torch.as_tensor(part.theta[first : first + len(clip)])
            first += len(clip)
            for x, true in zip(
                torch.as_tensor(np.array(clip)).split(seen.clip_len), theta.split(seen.clip_len)
            ):
                errors.append(_picture_errors(network, body, x[None], true[None]))
                frames.append(len(x))
        rows.append({"file": Path(name).name} | dict(zip(ERRORS, np.average(errors, 0, frames))))
    return pd.DataFrame(rows)


@torch.no_grad()
def _picture_errors(
    network: MeshNet, body: Body, x: Tensor, theta: Tensor
) -> tuple[float, float, float]:
    """MPVE, and of 14 joints MPJPE and PA-MPJPE, of a window (1, F, 17, 3)."""
    found = flip_averaged(network, body, x)
    rotations = axis_angle_to_matrix(theta[..., :-SHAPES].unflatten(-1, (-1, 3)))
    true = meshes_of(body, rotations, theta[..., -SHAPES:], digits=False)
    return original_errors(found, true)


def original_errors(found: Meshes, true: Meshes) -> tuple[float, float, float]:
    """MPVE, and of 14 joints MPJPE and PA-MPJPE, as the original has them, in mm."""
    away = [one.vertices - one.landmarks[..., :1, :] for one in (found, true)]
    joints = [
        (one.landmarks - one.landmarks[..., :1, :])[..., SCORED, :].double().flatten(0, -3).numpy()
        for one in (found, true)
    ]
    return (
        (away[0] - away[1]).norm(dim=-1).mean().item(),
        float(np.linalg.norm(joints[0] - joints[1], axis=-1).mean()),
        float(aligned_errors(*joints).mean()),
    )


def mesh_table(recovered: dict[str, Recovered], config: Config) -> pd.DataFrame:
    """A row a method: each of `ERRORS` as its mean over all frames, and its 95 % interval."""
    rows = {}
    for name, one in recovered.items():
        errors, frames = one.clips[list(ERRORS)].to_numpy(), one.clips["frames"].to_numpy()

        def means(counts: np.ndarray, errors=errors, frames=frames) -> np.ndarray:
            return np.average(errors, axis=0, weights=counts * frames)

        bounds = over_people(means, one.clips["subject"], config.bootstraps, config.seed)
        rows[name] = {
            f"{error}{end}": number
            for error, value, (low, high) in zip(ERRORS, means(np.ones(len(errors))), bounds)
            for end, number in (("", value), ("_low", low), ("_high", high))
        }
    return pd.DataFrame(rows).T.rename_axis("method")


def by_part(recovered: dict[str, Recovered], body: Body) -> pd.DataFrame:
    """The mean error of vertices in mm (columns: methods) by the joint that moves them most."""
    frames = next(iter(recovered.values())).clips["frames"]
    means = {name: np.average(one.parts, axis=0, weights=frames) for name, one in recovered.items()}
    table = pd.DataFrame(means, index=pd.Index(body.names, name="part"))
    stems = [name.removesuffix(".L").removesuffix(".R") for name in body.names]
    return table.groupby(stems, sort=False).mean()

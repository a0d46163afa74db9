"""Meshes scored: bodies told from 2D joints of people who were in no training.

As `evaluate.lifting`: each clip is seen by one camera that is always the same, with a detector's
errors, and all methods get the same pictures. What is true is the body that was fitted to the
recording. A picture does not tell how large somebody is: `mpve` and the other errors are of bodies
as large as the true one, `mpve_own_size` of bodies as large as a method says.

Shapes: T frames of a clip, V vertices, K joints of the body.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mbnb.bodies.body import Body, Posed
from mbnb.bodies.recordings import EVERY, Bodies
from mbnb.bodies.rotations import align_vectors
from mbnb.config import Config
from mbnb.data.motion import Motion
from mbnb.evaluate.lifting import photograph
from mbnb.scores.intervals import over_people
from mbnb.scores.poses import aligned_errors

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

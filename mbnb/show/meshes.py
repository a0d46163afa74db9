"""Bodies with a surface that move, for notebooks and pages: to be turned and played.

What travels is each body at rest and its rotations; the browser moves the vertices.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from mbnb.bodies.body import Body
from mbnb.bodies.rotations import matrix_to_six
from mbnb.show.page import Widget, png

ANGLE = (25.0, 8.0)
COLOURS = ((86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167))  # Okabe and Ito
AROUND = 1.15  # how much larger the view is than what moves in it
LIGHT = np.array([-0.35, -0.6, -0.72])  # to where it comes from: left, above, the viewer
DARKEST = 0.35
REACH = 0.6  # metres that a body reaches at least about its first joint


@dataclass(frozen=True)
class Moving:
    """A body that moves: rotations (T, K, 3, 3), shape (S,), size that it is scaled by.

    place: (T, 3) metres of the first joint, x right, y down, z away; NaN where nobody is seen.
    """

    title: str
    body: Body
    rotations: np.ndarray
    shape: np.ndarray
    place: np.ndarray
    size: float = 1.0


class MeshWidget(Widget):
    """What `mesh.js` draws."""

    scripts = ("player.js", "mesh.js")
    mount = "mountMesh"


def mesh_player(people: Sequence[Moving], fps: float = 30, height: int = 420) -> MeshWidget:
    """Play people of one kind of body and one number of frames, in one room and in step."""
    body, frames = people[0].body, len(people[0].place)
    weights, joints = body.weights.topk(4, dim=1)
    shares = (255 * weights / weights.sum(1, keepdim=True)).round()
    shares[:, 0] += 255 - shares.sum(1)
    parts = [
        body.faces.numpy().astype("<u4"),
        joints.numpy().astype(np.uint8),
        shares.numpy().astype(np.uint8),
    ]
    for one in people:
        rest = body.at_rest(torch.as_tensor(one.shape, dtype=torch.float32)[None])
        parts += [(one.size * part[0].numpy()).astype("<f4") for part in rest]
        six = matrix_to_six(torch.as_tensor(one.rotations)).numpy()
        parts.append(one.place.astype("<f4"))
        parts.append(np.rint(32767 * np.nan_to_num(six)).astype("<i2"))
    padded = [raw + bytes(-len(raw) % 4) for raw in (part.tobytes() for part in parts)]
    places = np.concatenate([one.place for one in people])
    low, high = np.nanmin(places, 0), np.nanmax(places, 0)
    reach = REACH + max(float(one.size * body.template.abs().max()) for one in people)
    wide = float(np.hypot(*(high - low)[[0, 2]]) + 2 * REACH)
    data = {
        "fps": float(fps),
        "frames": frames,
        "height": height,
        "view": ANGLE,
        "vertices": len(body.template),
        "joints": len(body),
        "faces": len(body.faces),
        "parents": list(body.parents),
        "centre": ((low + high) / 2).tolist(),
        "wide": AROUND * wide,
        "tall": AROUND * float(high[1] - low[1] + 2 * min(reach, 1.1)),
        "people": [
            {"title": one.title, "colour": COLOURS[i % len(COLOURS)]}
            for i, one in enumerate(people)
        ],
    }
    titles = ", ".join(one.title for one in people)
    return MeshWidget(
        data=data, poses=zlib.compress(b"".join(padded), 6), label=titles, still=_still(people)
    )


def _still(people: Sequence[Moving]) -> bytes:
    """A picture of everybody's middle frame, for where no script runs."""
    figure = Figure(figsize=(6, 4))
    axes = figure.subplots()
    for i, one in enumerate(people):
        rows = np.flatnonzero(np.isfinite(one.place[:, 0]))
        if not len(rows):
            continue
        t = rows[len(rows) // 2]
        turned = torch.as_tensor(one.rotations[t], dtype=torch.float32)[None]
        posed = one.body.pose(turned, torch.as_tensor(one.shape, dtype=torch.float32)[None])
        points = one.size * (posed.vertices - posed.joints[:, :1])[0].numpy() + one.place[t]
        faces, shades = shaded(points, one.body.faces.numpy())
        colours = shades[:, None] * np.array(COLOURS[i % len(COLOURS)]) / 255
        flat = points[faces][..., :2]
        # Without edges of their own colour, gaps show between faces.
        axes.add_collection(PolyCollection(flat, facecolors=colours, edgecolors="face", lw=0.4))
    axes.autoscale()
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.axis("off")
    return png(figure)


def shaded(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a surface (V, 3), z away, the faces (N, 3) that look here, far first; brightness (N,)."""
    a, b, c = points[faces].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    front = np.flatnonzero(normals[:, 2] < 0)
    front = front[np.argsort(-(a + b + c)[front, 2])]
    unit = normals[front] / np.linalg.norm(normals[front], axis=1, keepdims=True).clip(1e-9)
    return faces[front], DARKEST + (1 - DARKEST) * (unit @ LIGHT).clip(0, 1)

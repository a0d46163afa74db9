"""Bodies in files of other tools: glTF with the movement in it, and OBJ of a single picture."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mbnb.bodies.rotations import matrix_to_quaternion
from mbnb.files import replacing, write_text
from mbnb.wild.meshes import BodyMovement

FLOAT, BYTE, INTEGER = 5126, 5121, 5125  # how glTF names kinds of numbers
MOST_JOINTS = 4  # that move a vertex in glTF
TO_VIEWER = [1.0, 0.0, 0.0, 0.0]  # half a turn about x: from y down and z away to y up


def write_gltf(path: Path, one: BodyMovement, rate: float) -> None:
    """Write a binary glTF 2.0 file: the body with its skeleton and how it moved.

    Of a vertex the four joints that move it most count. In pictures without the person the body
    stays as it was.
    """
    file, body = _Buffer(), one.body
    shape = torch.as_tensor(one.shape)[None]
    vertices, rest = (part[0].numpy() * np.float32(one.size) for part in body.at_rest(shape))
    weights, joints = body.weights.topk(min(MOST_JOINTS, len(body)), dim=1)
    weights = (weights / weights.sum(1, keepdim=True)).numpy()
    bind = np.tile(np.eye(4, dtype=np.float32), (len(body), 1, 1))
    bind[:, 3, :3] = -rest  # columns one after the other
    primitive = {
        "attributes": {
            "POSITION": file.add(vertices, "VEC3", bounds=True),
            "JOINTS_0": file.add(joints.numpy().astype(np.uint8), "VEC4", BYTE),
            "WEIGHTS_0": file.add(weights.astype(np.float32), "VEC4"),
        },
        "indices": file.add(body.faces.numpy().astype("<u4").ravel(), "SCALAR", INTEGER),
    }
    nodes: list[dict[str, Any]] = []
    for joint, parent in enumerate(body.parents):
        offset = rest[joint] - (rest[parent] if parent >= 0 else 0)
        children = [k for k, of in enumerate(body.parents) if of == joint]
        nodes.append({"name": body.names[joint], "translation": offset.tolist()})
        nodes[-1] |= {"children": children} if children else {}
    nodes.append({"name": "camera axes", "rotation": TO_VIEWER, "children": [0, len(body) + 1]})
    nodes.append({"name": "body", "mesh": 0, "skin": 0})
    document = {
        "asset": {"version": "2.0", "generator": "mbnb"},
        "scene": 0,
        "scenes": [{"nodes": [len(body)]}],
        "nodes": nodes,
        "meshes": [{"primitives": [primitive]}],
        "skins": [
            {"joints": list(range(len(body))), "inverseBindMatrices": file.add(bind, "MAT4")}
        ],
        "animations": [_animation(file, one, rate, rest)],
    }
    with replacing(path) as part:
        part.write_bytes(file.packed(document))


def _animation(file: "_Buffer", one: BodyMovement, rate: float, rest: np.ndarray) -> dict[str, Any]:
    """A rotation of every joint, and the way of the first, at the moments where it was found."""
    rows = np.flatnonzero(one.found)
    times = file.add((rows / rate).astype(np.float32), "SCALAR", bounds=True)
    turns = matrix_to_quaternion(torch.as_tensor(one.rotations[rows])).numpy()
    turns = np.concatenate([turns[..., 1:], turns[..., :1]], axis=-1)  # glTF has w last
    flips = np.cumprod(np.where((turns[1:] * turns[:-1]).sum(-1) < 0, -1, 1), axis=0)
    turns[1:] *= flips[..., None]  # the short way round between moments
    root = (one.first_joint() + one.place)[rows]
    channels = [("translation", 0, file.add(root.astype(np.float32), "VEC3"))]
    channels += [
        ("rotation", k, file.add(turns[:, k].astype(np.float32), "VEC4"))
        for k in range(len(one.body))
    ]
    return {
        "name": "movement",
        "samplers": [{"input": times, "output": output} for _, _, output in channels],
        "channels": [
            {"sampler": i, "target": {"node": node, "path": what}}
            for i, (what, node, _) in enumerate(channels)
        ],
    }


class _Buffer:
    """The arrays of a glTF file, one after the other."""

    def __init__(self) -> None:
        self.bytes, self.views, self.accessors = bytearray(), [], []

    def add(self, array: np.ndarray, kind: str, numbers: int = FLOAT, bounds: bool = False) -> int:
        """Add an array and return its number."""
        view = {"buffer": 0, "byteOffset": len(self.bytes), "byteLength": array.nbytes}
        self.views.append(view)
        self.bytes += np.ascontiguousarray(array).tobytes()
        self.bytes += bytes(-len(self.bytes) % 4)
        accessor = {"bufferView": len(self.views) - 1, "componentType": numbers, "type": kind}
        accessor["count"] = len(array)
        if bounds:
            both = (
                np.atleast_1d(end).astype(float).tolist() for end in (array.min(0), array.max(0))
            )
            accessor |= dict(zip(("min", "max"), both))
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def packed(self, document: dict[str, Any]) -> bytes:
        """The whole file: a head, the document, the arrays."""
        document |= {"bufferViews": self.views, "accessors": self.accessors}
        document |= {"buffers": [{"byteLength": len(self.bytes)}]}
        text = json.dumps(document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(self.bytes), b"BIN\0") + bytes(self.bytes)
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def write_obj(path: Path, one: BodyMovement, t: int) -> None:
    """Write the surface in picture `t` as Wavefront OBJ, in metres, y up."""
    lines = [f"v {x:.5f} {-y:.5f} {-z:.5f}" for x, y, z in one.vertices[t].tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (one.body.faces.numpy() + 1).tolist()]
    write_text(path, "\n".join(lines) + "\n")

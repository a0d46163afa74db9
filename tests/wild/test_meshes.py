"""Bodies in the wild: from joints to files of other tools, which hold the very same surface."""

import dataclasses
import json
import struct

import numpy as np
import pytest
import torch
from build import TINY

from mbnb.bodies import load_body
from mbnb.bodies.camera import camera_of
from mbnb.bodies.rotations import axis_angle_to_matrix
from mbnb.config import Config
from mbnb.data.motion import MOVEMENT
from mbnb.files import InputError
from mbnb.model.checkpoints import save_checkpoint
from mbnb.model.mesh_files import build_mesh_net
from mbnb.wild.mesh_tool import doubts, mesh_into
from mbnb.wild.meshes import BodyMovement
from mbnb.wild.models import write_gltf, write_obj
from mbnb.wild.silhouettes import (
    BUILDS,
    build_covering,
    is_of,
    overlap,
    silhouettes,
    with_build,
)
from mbnb.wild.source import Source
from mbnb.wild.surface import silhouette

FRAMES = 12
CAMERA = camera_of((800, 900))


@pytest.fixture
def mover():
    """Somebody who bends in every picture but two in the middle."""
    body = load_body()
    torch.manual_seed(0)
    turns = axis_angle_to_matrix(0.4 * torch.randn(FRAMES, len(body), 3)).numpy()
    turns[:, 0] = turns[:, 0] @ np.diag([1, -1, -1]).astype(np.float32)
    turns[5:7] = np.nan
    place = np.column_stack([np.linspace(-0.3, 0.3, FRAMES), *np.full((2, FRAMES), [[0], [4]])])
    place[5:7] = np.nan
    shape = np.array([0.3, -1, 0.5, 0, 0, 0, 0, 0, 0, 0], np.float32)
    return BodyMovement(body, turns, shape, place, CAMERA, np.zeros((FRAMES, 17, 3)))


def read_gltf(path):
    """The document of a binary glTF file and a function that reads its arrays."""
    raw = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", raw)
    assert (magic, version, length) == (b"glTF", 2, len(raw))
    size, _ = struct.unpack_from("<I4s", raw, 12)
    document, data = json.loads(raw[20 : 20 + size]), raw[28 + size :]
    kinds = {5126: np.float32, 5121: np.uint8, 5125: np.uint32}
    widths = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}

    def array(number):
        accessor = document["accessors"][number]
        view = document["bufferViews"][accessor["bufferView"]]
        count = accessor["count"] * widths[accessor["type"]]
        kind = kinds[accessor["componentType"]]
        assert count * np.dtype(kind).itemsize == view["byteLength"]
        flat = np.frombuffer(data, kind, count, view["byteOffset"])
        return flat.reshape(accessor["count"], -1)

    return document, array


def turned(quaternion):
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_gltf_s_own_rules_give_the_same_surface(mover, tmp_path):
    write_gltf(tmp_path / "one.glb", mover, 25.0)
    document, array = read_gltf(tmp_path / "one.glb")
    animation = document["animations"][0]
    times = array(animation["samplers"][0]["input"])[:, 0]
    np.testing.assert_allclose(times, np.flatnonzero(mover.found) / 25, atol=1e-6)
    key = 7  # of the pictures with the person: the tenth picture
    nodes = [dict(node) for node in document["nodes"]]
    for channel in animation["channels"]:
        target, sampler = channel["target"], animation["samplers"][channel["sampler"]]
        nodes[target["node"]][target["path"]] = array(sampler["output"])[key]
    world = {}

    def place(number, above):
        node, own = nodes[number], np.eye(4)
        own[:3, :3] = turned(node.get("rotation", (0, 0, 0, 1)))
        own[:3, 3] = node.get("translation", (0, 0, 0))
        world[number] = above @ own
        for child in node.get("children", ()):
            place(child, world[number])

    for root in document["scenes"][0]["nodes"]:
        place(root, np.eye(4))
    skin = document["skins"][0]
    bind = array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    joints = np.stack([world[j] @ b for j, b in zip(skin["joints"], bind)])
    parts = {k: array(n) for k, n in document["meshes"][0]["primitives"][0]["attributes"].items()}
    points = np.concatenate([parts["POSITION"], np.ones((len(parts["POSITION"]), 1))], axis=1)
    each = np.einsum("vwij,vj->vwi", joints[parts["JOINTS_0"]], points)[..., :3]
    found = (each * parts["WEIGHTS_0"][..., None]).sum(1)
    expected = (mover.vertices[9] + mover.place[9]) * (1, -1, -1)
    off = np.linalg.norm(found - expected, axis=1)
    assert np.median(off) < 1e-4 and off.max() < 0.02  # of some vertices more joints move a little
    np.testing.assert_allclose(parts["WEIGHTS_0"].sum(1), 1, atol=1e-5)


def test_obj_and_silhouette_show_the_body_where_it_is(mover, tmp_path):
    write_obj(tmp_path / "one.obj", mover, 9)
    lines = (tmp_path / "one.obj").read_text().splitlines()
    points = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
    np.testing.assert_allclose(points, mover.vertices[9] * (1, -1, -1), atol=1e-5)
    faces = np.array([line.split()[1:] for line in lines if line.startswith("f ")], int)
    np.testing.assert_array_equal(faces - 1, mover.body.faces.numpy())
    assert np.isnan(mover.vertices[5]).all() and not mover.found[5]
    pixels = mover.in_picture(9)
    mask = silhouette(pixels, faces - 1, (900, 900))
    down, across = np.nonzero(mask)
    assert (across.min(), across.max()) == pytest.approx(
        (pixels[:, 0].min(), pixels[:, 0].max()), abs=1.5
    )
    trunk = pixels[mover.body.main_joint() == 0]
    assert mask[trunk[:, 1].astype(int), trunk[:, 0].astype(int)].mean() > 0.9
    assert down.min() >= pixels[:, 1].min() - 1.5


def test_a_body_aside_from_what_was_found_is_told(mover):
    rows = np.flatnonzero(mover.found)
    shape = torch.as_tensor(mover.shape).expand(len(rows), -1)
    posed = mover.body.pose(torch.as_tensor(mover.rotations[rows]), shape).landmarks
    points = mover.size * (posed - posed[:, :1]).numpy() + mover.place[rows, None]
    joints = np.full((FRAMES, 17, 3), np.nan)
    joints[rows] = np.concatenate([CAMERA.project(points), np.ones((len(rows), 17, 1))], axis=2)
    assert not doubts({"me": dataclasses.replace(mover, joints=joints)})
    joints[9, :, 0] += 0.2 * CAMERA.focal / mover.place[9, 2]  # two decimetres
    joints[9, 3, :2], joints[9, 3, 2] = 1e4, 0  # what is not believed
    (line,) = doubts({"me": dataclasses.replace(mover, joints=joints)})
    assert "me: in 1 frames" in line and "in frame 9 20 cm" in line


def test_simulated_people_get_bodies_pages_and_files(tmp_path):
    chosen = Config.of(TINY, {"smooth": 5})
    torch.manual_seed(0)
    network = build_mesh_net(chosen, len(load_body()))
    save_checkpoint(tmp_path / "best.pt", network, chosen, MOVEMENT, task="meshes")
    source, people = mesh_into(None, tmp_path / "out", tmp_path / "best.pt", chosen)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    files = [f"person_{i}.{end}" for i in (1, 2) for end in ("glb", "npz", "obj")]
    assert names == sorted(["about.json", "meshes.html", *files])
    one = people["person 2"]
    with np.load(tmp_path / "out" / "person_2.npz") as file:
        assert file["vertices"].shape == (len(one.found), 1229, 3)
        assert file["shape"].shape == (10,) and file["names"][0] == "root"
        np.testing.assert_array_equal(np.isnan(file["place"][:, 0]), ~one.found)
    assert np.isfinite(one.vertices[one.found]).all()
    # A trunk of half a metre, whatever the shape.
    joints = torch.as_tensor(one.rotations[one.found][:1])
    posed = one.body.pose(joints, torch.as_tensor(one.shape)[None]).landmarks[0] * one.size
    assert (posed[8] - posed[0]).norm() == pytest.approx(0.5, abs=0.05)
    page = (tmp_path / "out" / "meshes.html").read_text("utf-8")
    assert "sha256-" in page.partition("<title>")[0]  # nothing runs but its own script
    assert "mountMesh" in page and "person 2" in page
    with pytest.raises(InputError, match="no person 'person 3'"):
        mesh_into(None, tmp_path / "out", tmp_path / "best.pt", chosen, person="person 3")


def test_somebody_is_as_stout_as_what_they_cover(mover):
    stouter = dataclasses.replace(
        mover, shape=with_build(mover.body, torch.as_tensor(mover.shape), BUILDS[6]).numpy()
    )
    faces = mover.body.faces.numpy()
    masks = {t: silhouette(stouter.in_picture(t), faces, (800, 900)) for t in (2, 9)}
    assert build_covering(mover, masks) == BUILDS[6]
    assert overlap(mover, 9, masks[9]) < 0.95 < overlap(stouter, 9, masks[9])


def test_a_person_is_told_from_the_wall_behind(shared):
    video = shared / "ma52" / "clips" / "0019_02_0078.mp4"
    source = Source({}, 25.0, (1080, 1296), video)
    (mask,) = silhouettes(source, [10]).values()
    assert mask.shape == (1296, 1080) and 0.03 < mask.mean() < 0.3
    down, across = (where.mean() for where in np.nonzero(mask))
    for x, is_on in ((across, True), (40, False)):  # where nobody sits
        assert is_of(mask, np.tile([x, down, 1.0], (17, 1))) == is_on
    assert silhouettes(source, [10**6]) == {}

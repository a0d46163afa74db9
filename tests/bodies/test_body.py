"""Skinning: the original's made-up body, the small body, and Anny's own forward pass."""

import dataclasses

import pytest
import torch
from bodies.bodies import golden_body

from mbnb.bodies import load_body
from mbnb.bodies.body import read_body, write_body
from mbnb.bodies.library import CACHE
from mbnb.bodies.rotations import axis_angle_to_matrix, mirror_rotations
from mbnb.files import InputError
from mbnb.skeleton import load_skeleton


@pytest.fixture(scope="module")
def golden(shared):
    return torch.load(shared / "golden" / "motionbert" / "mesh.pt", weights_only=True)


def random_pose(body, count=4, angle=0.5, sizes=10):
    torch.manual_seed(1)
    rotations = axis_angle_to_matrix(angle * torch.randn(count, len(body), 3))
    return rotations.to(body.template), torch.randn(count, sizes).to(body.template)


def test_skinning_is_smpl_s_of_the_golden_numbers(golden):
    body, theta = golden_body(golden), golden["eval"]["theta"].flatten(0, 1)
    posed = body.pose(axis_angle_to_matrix(theta[:, :72].unflatten(1, (-1, 3))), theta[:, 72:])
    for ours, theirs in ((posed.vertices, "verts"), (posed.landmarks, "kp_3d")):
        expected = golden["eval"][theirs].flatten(0, 1)
        torch.testing.assert_close(1000 * ours, expected, atol=1e-4, rtol=0)


def test_a_turned_body_is_the_body_turned_and_a_mirrored_one_is_its_mirror_image():
    body = load_body()
    rotations, shape = random_pose(body)
    posed = body.pose(rotations, shape)
    turn = axis_angle_to_matrix(torch.tensor([0.3, 1.0, -0.4]))
    turned = rotations.clone()
    turned[:, 0] = turn @ turned[:, 0]
    torch.testing.assert_close(
        body.pose(turned, shape).vertices, posed.vertices @ turn.T, atol=1e-5, rtol=0
    )
    mirrored = body.pose(mirror_rotations(rotations, torch.tensor(body.mirror)), shape)
    swapped = posed.landmarks[:, load_skeleton().mirror] * torch.tensor([-1, 1, 1])
    # People of MakeHuman are not exactly alike on both sides.
    torch.testing.assert_close(mirrored.landmarks, swapped, atol=2e-3, rtol=0)


def test_the_small_body_is_a_person_of_whom_each_part_is_found():
    body = load_body()
    assert len(body.template) == 1229 and len(body) == 19 and body.shapes.shape[0] == 10
    vertices, joints = body.at_rest(torch.zeros(1, 10))
    assert 1.5 < vertices[0, :, 1].max() - vertices[0, :, 1].min() < 1.9
    landmarks = (body.landmarks @ torch.cat([vertices, joints], dim=1))[0]
    names = load_skeleton().joints
    height = dict(zip(names, landmarks[:, 1].tolist()))
    assert height["Head_top"] > height["Neck"] > height["Pelvis"] > height["L_Knee"]
    assert landmarks[names.index("L_Hip"), 0] > 0 > landmarks[names.index("R_Hip"), 0]
    assert landmarks[names.index("Head"), 2] > 0.1  # the nose is in front
    torch.testing.assert_close(body.weights.sum(1), torch.ones(1229))
    edges = body.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).sort(1).values
    assert (edges.unique(dim=0, return_counts=True)[1] <= 2).all()  # a surface


def test_fewer_joints_or_vertices_leave_the_others_where_they_were(tmp_path):
    body = load_body()
    kept = [name for name in body.names if not name.startswith("clavicle")]
    fewer = body.with_joints(kept)
    rotations, shape = random_pose(body)
    for side in "LR":
        rotations[:, body.names.index(f"clavicle.{side}")] = torch.eye(3)
    chosen = [body.names.index(name) for name in kept]
    whole = body.pose(rotations, shape)
    with pytest.raises(InputError, match="joints that something else needs"):
        body.with_joints(["root"])
    torch.testing.assert_close(
        fewer.pose(rotations[:, chosen], shape).vertices, whole.vertices, atol=1e-5, rtol=0
    )
    bones = body.skeleton_only()
    assert len(bones.template) == 2  # the nose and the top of the head
    torch.testing.assert_close(bones.pose(rotations, shape).landmarks, whole.landmarks)
    write_body(body, tmp_path / "body.safetensors")
    again = read_body(tmp_path / "body.safetensors")
    assert again.names == body.names
    torch.testing.assert_close(again.pose(rotations, shape).vertices, whole.vertices)


def test_anny_s_own_forward_pass_gives_the_same_vertices():
    anny = pytest.importorskip("anny", reason="Anny is an extra")
    path = CACHE / "anny.safetensors"
    if not path.exists():
        pytest.skip(
            "Anny has not been read yet, which takes minutes: mbnb.bodies.load_body('anny')"
        )
    body = read_body(path)
    model = anny.Anny(skinning_method="lbs", phenotype_blendshapes="original")
    people = torch.rand(2, len(model.phenotype_labels), dtype=torch.float64)
    drawn = {label: people[:, i] for i, label in enumerate(model.phenotype_labels)}
    coefficients = model.get_phenotype_blendshape_coefficients(**drawn)
    rest = model.get_rest_model(coefficients)
    rotations, _ = random_pose(body, 2, angle=0.3)
    place = rest["rest_bone_poses"][..., :3, 3]
    to_ours = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=torch.float64)

    # The same rest vertices and joints as Anny's, so that skinning alone is compared.
    points = (rest["rest_vertices"] - place[:, :1]) @ to_ours.T
    for person in range(2):
        own = dataclasses.replace(
            body.to(torch.float64),
            template=points[person],
            rest=(place[person] - place[person, :1]) @ to_ours.T,
        )
        posed = own.pose(rotations[person, None].double(), torch.zeros(1, 1).double())
        deltas = torch.eye(4, dtype=torch.float64).repeat(1, len(body), 1, 1)
        turns = [to_ours.T @ rotations[person, 0].double() @ to_ours]
        for joint, parent in enumerate(body.parents[1:], start=1):
            turns.append(turns[parent] @ (to_ours.T @ rotations[person, joint].double() @ to_ours))
        bones = torch.stack(turns) @ rest["rest_bone_poses"][person, :, :3, :3]
        deltas[0, :, :3, :3] = bones
        theirs = model(
            deltas,
            {k: v[person, None] for k, v in drawn.items()},
            pose_parameterization="world-orient",
        )["vertices"][0]
        off = (theirs - theirs.mean(0)) @ to_ours.T - posed.vertices[0] + posed.vertices[0].mean(0)
        assert off.norm(dim=-1).max() < 1e-4  # metres

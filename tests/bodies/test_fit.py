"""Fitting and inverse kinematics: a body is found again in its joints."""

import pytest
import torch

from mbnb.bodies import load_body
from mbnb.bodies.fit import Limits, fit_person
from mbnb.bodies.kinematics import pose_by_joints, rig_of
from mbnb.bodies.rotations import axis_angle_to_matrix

FRAMES = 24


@pytest.fixture(scope="module")
def person():
    """(T, 17, 3) joints of a body that bends elbows and knees, and its shape."""
    body = load_body()
    time = torch.linspace(0, 3, FRAMES)
    turns = torch.zeros(FRAMES, len(body), 3)
    axes = Limits(body).axes
    for name, most in (("lowerarm01.L", 60), ("lowerleg01.R", -70), ("upperarm01.R", 50)):
        joint = body.names.index(name)
        turns[:, joint] = torch.deg2rad(most * time.sin().abs())[:, None] * axes[joint, 0]
    rotations = axis_angle_to_matrix(turns)
    rotations[:, 0] = axis_angle_to_matrix(torch.tensor([3.0, 0.2, 0.0]))
    shape = torch.tensor([0.4, -0.8, 0.5] + [0.0] * 7)
    return body.pose(rotations, shape.expand(FRAMES, -1)).landmarks + 2, shape


def test_the_joints_of_a_body_are_known_for_what_they_are():
    body = load_body()
    rig = rig_of(body)
    names = [body.names[k] for k in (rig.root, rig.back, rig.neck)]
    assert names == ["root", "spine02", "neck01"]
    limbs = [tuple(body.names[k] for k in pair) for pair in rig.limbs]
    assert limbs == [
        ("upperleg01.R", "lowerleg01.R"),
        ("upperleg01.L", "lowerleg01.L"),
        ("upperarm01.L", "lowerarm01.L"),
        ("upperarm01.R", "lowerarm01.R"),
    ]


def test_inverse_kinematics_of_the_right_shape_is_nearly_exact(person):
    joints, shape = person
    body = load_body().skeleton_only()
    found = body.pose(
        pose_by_joints(body, shape.expand(FRAMES, -1), joints), shape.expand(FRAMES, -1)
    )
    off = found.landmarks - found.landmarks[:, :1] - joints + joints[:, :1]
    assert off.norm(dim=-1).mean() < 0.006
    smaller = pose_by_joints(body, shape.expand(FRAMES, -1), 0.5 * joints)
    torch.testing.assert_close(smaller, pose_by_joints(body, shape.expand(FRAMES, -1), joints))


def test_a_fit_finds_shape_and_pose_within_limits_and_in_place(person):
    joints, shape = person
    body = load_body()
    fit = fit_person(body, [joints[:10], joints[10:]], steps=60)
    assert fit.residual.mean() < 6  # mm
    assert [len(one) for one in fit.rotations] == [10, 14]
    beyond, _ = Limits(body).loss(torch.cat(fit.rotations), torch.zeros(1, 1))
    assert beyond.max() < 0.01
    rest = [body.at_rest(one[None])[0][0] for one in (shape, fit.shape)]
    height = [(one[:, 1].max() - one[:, 1].min()).item() for one in rest]
    assert height[0] == pytest.approx(height[1], abs=0.03)
    posed = body.pose(torch.cat(fit.rotations), fit.shape.expand(FRAMES, -1))
    there = posed.landmarks - posed.joints[:, :1] + torch.cat(fit.place)[:, None]
    assert (there - joints).norm(dim=-1).mean() < 0.008  # metres

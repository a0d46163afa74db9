"""A camera's rays: where a body stands before it, and a body fitted to what it sees."""

import pytest
import torch

from mbnb.bodies import load_body
from mbnb.bodies.camera import Seen, camera_of, stand, turn_towards
from mbnb.bodies.fit import AVERAGE, BUILD, COVERED, build, fit_person
from mbnb.bodies.rotations import axis_angle_to_matrix, matrix_to_axis_angle

FRAMES = 12
CAMERA = camera_of((640, 480))


@pytest.fixture(scope="module")
def filmed():
    """Joints (T, 17, 3) from the pelvis of somebody seen from near by, aside of the middle.

    Also where the pelvis is, (T, 3), and what the camera sees of joints and tips.
    """
    body = load_body()
    turns = torch.zeros(FRAMES, len(body), 3)
    turns[:, 0] = torch.tensor([torch.pi, 0.0, 0.0])
    for side in "LR":
        turns[:, body.names.index(f"upperarm01.{side}"), 0] = -torch.linspace(0, 1.2, FRAMES)
        turns[:, body.names.index(f"foot.{side}"), 0] = 0.4  # toes down
    posed = body.with_tips().pose(axis_angle_to_matrix(turns), torch.zeros(FRAMES, 10)).landmarks
    posed = posed - posed[:, :1]
    place = torch.tensor([0.8, -0.2, 2.6]).expand(FRAMES, 3)
    places = CAMERA.project((posed + place[:, None]).numpy())
    rays = CAMERA.rays(torch.as_tensor(places, dtype=torch.float32))
    return posed[:, :17], place, Seen(rays, torch.ones(FRAMES, 21))


def joints_of(seen):
    """What is seen without the tips of feet and hands."""
    return Seen(seen.rays[:, :17], seen.belief[:, :17])


def test_a_body_stands_where_its_joints_are_seen(filmed):
    joints, place, seen = filmed
    seen = joints_of(seen)
    torch.testing.assert_close(stand(joints, seen), place, atol=1e-3, rtol=0)
    half = Seen(seen.rays.clone(), seen.belief.clone())
    half.rays[:, 3], half.belief[:, 3] = 9.0, 0.0  # what is not believed
    assert (stand(joints, half) - place).norm(dim=-1).max() < 0.05
    aside = turn_towards(seen) @ torch.tensor([0.0, 0.0, 1.0])
    assert torch.linalg.cross(aside, place[0] / place[0].norm()).norm() < 0.05


def test_a_fit_to_the_picture_mends_what_was_lifted_wrongly(filmed):
    joints, place, seen = filmed
    generator = torch.Generator().manual_seed(0)
    wrong = torch.randn(1, 17, 3, generator=generator) * torch.tensor([0.03, 0.03, 0.07])
    body, errors = load_body(), []
    for picture in ((), (joints_of(seen),)):
        fit = fit_person(body, [joints + wrong], steps=40, seen=picture)
        posed = body.pose(fit.rotations[0], fit.shape.expand(FRAMES, -1)).landmarks
        errors.append((posed - posed[:, :1] - joints).norm(dim=-1).mean().item())
    assert errors[1] < 0.85 * errors[0]
    assert (fit.place[0] - place).norm(dim=-1).mean() < 0.3  # of 2.6 m, in sizes that nobody knows


def test_feet_point_where_toes_are_seen(filmed):
    joints, _, seen = filmed
    body, bent = load_body(), []
    feet = [body.names.index(f"foot.{side}") for side in "LR"]
    for picture in (joints_of(seen), seen):
        fit = fit_person(body, [joints], steps=60, seen=[picture])
        bent.append(matrix_to_axis_angle(fit.rotations[0][:, feet])[..., 0].mean().item())
    assert bent[0] < 0.1 and bent[1] == pytest.approx(0.4, abs=0.15)


def test_nobody_is_stouter_or_thinner_than_is_told(filmed):
    joints, _, seen = filmed
    body = load_body()
    builds = [
        build(
            body,
            fit_person(body, [joints], steps=40, seen=[joints_of(seen)], stout=one).shape[None],
        )
        for one in (None, (BUILD, AVERAGE), (1.5 * BUILD, COVERED))
    ]
    untold, average, stout = (one.item() / BUILD for one in builds)
    assert abs(untold - 1) > 0.1 > 5 * abs(average - 1) and stout == pytest.approx(1.5, abs=0.1)

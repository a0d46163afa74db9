"""Random cameras: who looks from above sees heads nearer, and who is near sees them larger."""

import pytest
import torch

from mbnb.prepare.cameras import Cameras, draw_cameras

STICK = torch.tensor([[[[0.0, -1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]])  # head, middle, feet


def test_a_camera_above_sees_the_head_nearer_and_larger():
    generator = torch.Generator().manual_seed(0)
    cameras = draw_cameras(1, generator, 0.0, (30.0, 30.0), 0.0, (4.0, 4.0))
    seen = cameras.see(STICK)
    assert seen[0, 0, 0, 2] == pytest.approx(-0.5) and seen[0, 0, 2, 2] == pytest.approx(0.5)
    head, middle, feet = cameras.project(seen)[0, 0].unbind()
    assert torch.equal(middle, torch.zeros(2)) and -head[1] > feet[1] > 0


def test_from_far_away_a_picture_is_the_pose_without_depth():
    generator = torch.Generator().manual_seed(1)
    pose = torch.randn(8, 5, 17, 3, generator=generator)
    cameras = draw_cameras(8, generator, distances=(1e6, 1e6))
    seen = cameras.see(pose)
    torch.testing.assert_close(seen.norm(dim=-1), pose.norm(dim=-1))
    torch.testing.assert_close(cameras.project(seen), seen[..., :2], atol=1e-4, rtol=1e-4)


def test_who_steps_through_the_camera_stays_in_front_of_it():
    cameras = Cameras(torch.eye(3)[None], torch.tensor([2.0]))
    behind = torch.tensor([[[[0.3, 0.1, -5.0]]]])
    assert cameras.project(behind).isfinite().all()
    assert cameras.project(behind)[..., 0] == pytest.approx(3.0)

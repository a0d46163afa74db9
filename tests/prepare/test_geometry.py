"""Geometry and streams: the properties that they promise."""

import numpy as np
import pytest
import torch
from scipy.signal import savgol_filter

from mbnb.prepare import geometry
from mbnb.prepare.streams import to_streams
from mbnb.skeleton import load_skeleton

SKELETON = load_skeleton()


def test_flip_twice_is_nothing():
    x = torch.randn(2, 5, 17, 6)
    torch.testing.assert_close(geometry.flip(geometry.flip(x, SKELETON.mirror), SKELETON.mirror), x)


def person(frames=20, seed=0):
    """A standing person with random movements, (frames, 17, 3)."""
    rng = torch.Generator().manual_seed(seed)
    pose = torch.zeros(17, 3)
    for joint, (x, y) in enumerate(
        [
            (0, 0),
            (-0.1, 0),
            (-0.1, 0.4),
            (-0.1, 0.8),
            (0.1, 0),
            (0.1, 0.4),
            (0.1, 0.8),
            (0, -0.25),
            (0, -0.5),
            (0, -0.6),
            (0, -0.75),
            (0.18, -0.5),
            (0.2, -0.25),
            (0.22, 0),
            (-0.18, -0.5),
            (-0.2, -0.25),
            (-0.22, 0),
        ]
    ):
        pose[joint, :2] = torch.tensor([x, y])
    return pose + 0.02 * torch.randn(frames, 17, 3, generator=rng).cumsum(0) / 3


def test_standardising_forgets_size_place_and_facing_and_keeps_proportions():
    pose = person()
    other = geometry.rotate(pose * 1.3, torch.tensor(0.6)) + torch.tensor([0.4, -0.2, 2.0])
    both = geometry.standardise(
        torch.cat([pose, other[:15], other]), torch.tensor([20, 15, 20]), SKELETON
    )
    measured = geometry.standardise(pose, torch.tensor([20]), SKELETON)
    torch.testing.assert_close(both[35:], measured, atol=1e-5, rtol=0)
    torch.testing.assert_close(both[:20], measured, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        both[20:35],
        geometry.standardise(other[:15], torch.tensor([15]), SKELETON),
        atol=1e-5,
        rtol=0,
    )
    ratio = (measured[:, 3] - measured[:, 2]).norm(dim=-1) / (pose[:, 3] - pose[:, 2]).norm(dim=-1)
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))
    assert measured[:, 0].std() > 0, "the pelvis' own movement must stay"


def test_windows_interpolate_within_their_own_clip():
    lengths = [5, 3, 8]
    frames = torch.cat(
        [torch.arange(n, dtype=torch.float32) + 100 * i for i, n in enumerate(lengths)]
    ).view(-1, 1, 1)
    offsets = torch.tensor([0, 5, 8], dtype=torch.float64)
    whole = geometry.gather_windows(
        frames, offsets, torch.tensor(lengths, dtype=torch.float64) - 1, 9
    )[..., 0, 0]
    for i, n in enumerate(lengths):
        torch.testing.assert_close(whole[i], 100 * i + torch.linspace(0, n - 1, 9))


def test_limbs_scale_without_bending():
    pose = person()[None]
    factors = torch.ones(1, 17)
    factors[0, 13] = 1.5
    scaled = geometry.reshape_bodies(
        pose, geometry.limb_scales(factors, SKELETON), torch.eye(3)[None]
    )
    torch.testing.assert_close(scaled[:, :, :13], pose[:, :, :13])
    torch.testing.assert_close(
        scaled[:, :, 13] - scaled[:, :, 12], 1.5 * (pose[:, :, 13] - pose[:, :, 12])
    )


def test_turning_about_three_axes_is_one_rotation():
    pose, angles = (
        person()[None].expand(4, -1, -1, -1),
        torch.tensor([[0.4, 0, 0], [0, 0.4, 0], [0, 0, 0.4], [0.3, -0.2, 0.1]]),
    )
    turn = geometry.turns(angles)
    torch.testing.assert_close(turn @ turn.transpose(1, 2), torch.eye(3).expand(4, 3, 3))
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(4))
    turned = geometry.reshape_bodies(pose, torch.eye(17).expand(4, 17, 17), turn)
    torch.testing.assert_close(turned[0], geometry.rotate(pose[0], torch.tensor(0.4)))
    for axis, kept in ((0, 1), (1, 0), (2, 2)):
        torch.testing.assert_close(turned[axis, ..., kept], pose[axis, ..., kept])
    vertical, x, z = (turn[i] for i in range(3))
    torch.testing.assert_close(geometry.turns(torch.tensor([[0.4, 0.4, 0.4]]))[0], z @ x @ vertical)


def test_streams_are_positions_from_the_root_bones_and_their_velocities_per_second():
    torch.manual_seed(0)
    pose = torch.randn(1, 1, 17, 3) + torch.linspace(0, 2, 11).view(1, 11, 1, 1) * torch.arange(
        17.0
    ).view(1, 1, 17, 1)  # joint j moves 2·j in 4 seconds
    joint, bone, joint_motion, bone_motion = to_streams(
        pose, torch.tensor([4.0]), ("joint", "bone", "joint_motion", "bone_motion"), SKELETON
    ).split(3, dim=-1)
    torch.testing.assert_close(joint[:, :, 0], pose[:, :, 0])
    torch.testing.assert_close(joint[:, :, 1:], pose[:, :, 1:] - pose[:, :, :1])
    torch.testing.assert_close(joint_motion[0, :-1, :, 0], (torch.arange(17.0) / 2).expand(10, 17))
    assert bone[:, :, 0].abs().max() == 0
    for parent, child in SKELETON.bones:
        torch.testing.assert_close(bone[:, :, child], pose[:, :, child] - pose[:, :, parent])
        torch.testing.assert_close(
            bone_motion[0, :-1, child], torch.full((10, 3), (child - parent) / 2), atol=1e-4, rtol=0
        )


def test_smoothing_keeps_a_slow_movement_and_quiets_noise():
    time = torch.arange(90) / 30
    nod = torch.sin(2 * torch.pi * 1.5 * time)[:, None, None]
    assert np.ptp(geometry.smooth(nod, torch.tensor([90])).numpy()) > 0.8 * np.ptp(nod.numpy())
    noise = torch.randn(3000, 1, 1, generator=torch.Generator().manual_seed(0))
    assert geometry.smooth(noise, torch.tensor([3000])).std() < 0.65 * noise.std()


@pytest.mark.parametrize("window", [5, 7, 11])
def test_smoothing_many_clips_is_what_scipy_does_with_each(window):
    lengths = torch.tensor([2, 40, 7, 3, 11, 4, 6, 30, 5])
    frames = torch.randn(
        int(lengths.sum()), 17, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    for clip, smoothed in zip(
        frames.split(lengths.tolist()),
        geometry.smooth(frames, lengths, window).split(lengths.tolist()),
    ):
        width = min(window, len(clip) - 1 + len(clip) % 2)
        expected = savgol_filter(clip.numpy(), width, 2, axis=0) if width > 2 else clip.numpy()
        np.testing.assert_allclose(smoothed, expected, atol=1e-12)

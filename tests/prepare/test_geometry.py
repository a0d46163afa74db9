"""Geometry and streams: the properties that they promise."""

import numpy as np
import pytest
import torch
from build import H36M, person
from scipy.signal import savgol_filter

from mbnb.clips import pack
from mbnb.prepare import geometry
from mbnb.prepare.geometry import motion_energy, smooth, speeds
from mbnb.prepare.streams import to_streams

POSE = torch.tensor(person(0, 20, step=0.0067))  # (20, 17, 3) of somebody who moves at random


def test_flip_twice_is_nothing():
    x = torch.randn(2, 5, 17, 6)
    torch.testing.assert_close(geometry.flip(geometry.flip(x, H36M.mirror), H36M.mirror), x)


def test_standardising_forgets_size_place_and_facing_and_keeps_proportions():
    def standardised(frames, *lengths):
        return geometry.standardise(frames, torch.tensor(lengths), H36M)

    other = geometry.rotate(POSE * 1.3, torch.tensor(0.6)) + torch.tensor([0.4, -0.2, 2.0])
    several = standardised(torch.cat([POSE, other[:15], other]), 20, 15, 20)
    alone = standardised(POSE, 20)
    torch.testing.assert_close(several[35:], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(several[:20], alone, atol=1e-6, rtol=0)
    torch.testing.assert_close(several[20:35], standardised(other[:15], 15), atol=1e-5, rtol=0)
    ratio = (alone[:, 3] - alone[:, 2]).norm(dim=-1) / (POSE[:, 3] - POSE[:, 2]).norm(dim=-1)
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))
    assert alone[:, 0].std() > 0, "the pelvis' own movement must stay"


def test_windows_interpolate_within_their_own_clip():
    lengths = torch.tensor([5, 3, 8])
    numbered = [torch.arange(length) + 100.0 * i for i, length in enumerate(lengths)]
    frames = torch.cat(numbered).view(-1, 1, 1)  # (T,) -> (T, 1, 1)
    starts = torch.tensor([0, 5, 8], dtype=torch.float64)
    windows = geometry.gather_windows(frames, starts, lengths.double() - 1, 9)[..., 0, 0]
    for i, length in enumerate(lengths):
        expected = 100 * i + torch.linspace(0, length - 1, 9)
        torch.testing.assert_close(windows[i], expected)


def test_limbs_scale_without_bending():
    factors = torch.ones(1, 17)
    factors[0, 13] = 1.5
    limbs = geometry.limb_scales(factors, H36M)
    scaled = geometry.reshape_bodies(POSE[None], limbs, torch.eye(3)[None])[0]
    torch.testing.assert_close(scaled[:, :13], POSE[:, :13])
    longer = 1.5 * (POSE[:, 13] - POSE[:, 12])
    torch.testing.assert_close(scaled[:, 13] - scaled[:, 12], longer)


def test_turning_about_three_axes_is_one_rotation():
    poses = POSE.expand(4, -1, -1, -1)
    turn = geometry.turns(torch.tensor([[0.4, 0, 0], [0, 0.4, 0], [0, 0, 0.4], [0.3, -0.2, 0.1]]))
    torch.testing.assert_close(turn @ turn.transpose(1, 2), torch.eye(3).expand(4, 3, 3))
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(4))
    turned = geometry.reshape_bodies(poses, torch.eye(17).expand(4, 17, 17), turn)
    torch.testing.assert_close(turned[0], geometry.rotate(POSE, torch.tensor(0.4)))
    for i, axis in ((0, 1), (1, 0), (2, 2)):
        torch.testing.assert_close(turned[i, ..., axis], POSE[..., axis])
    vertical, x, z = (turn[i] for i in range(3))
    torch.testing.assert_close(geometry.turns(torch.tensor([[0.4, 0.4, 0.4]]))[0], z @ x @ vertical)


def test_streams_are_positions_from_the_root_bones_and_their_velocities_per_second():
    torch.manual_seed(0)
    joints = torch.arange(17.0)
    walked = torch.linspace(0, 2, 11)[:, None] * joints  # joint j moves 2·j in 4 seconds
    pose = torch.randn(1, 1, 17, 3) + walked[None, ..., None]  # (1, 11, 17, 3)
    streams = to_streams(
        pose, torch.tensor([4.0]), ("joint", "bone", "joint_motion", "bone_motion"), H36M
    )
    joint, bone, joint_motion, bone_motion = streams.split(3, dim=-1)
    torch.testing.assert_close(joint[:, :, 0], pose[:, :, 0])
    torch.testing.assert_close(joint[:, :, 1:], pose[:, :, 1:] - pose[:, :, :1])
    torch.testing.assert_close(joint_motion[0, :-1, :, 0], (joints / 2).expand(10, 17))
    assert bone[:, :, 0].abs().max() == 0
    for parent, child in H36M.bones:
        torch.testing.assert_close(bone[:, :, child], pose[:, :, child] - pose[:, :, parent])
        velocity = torch.full((10, 3), (child - parent) / 2)
        torch.testing.assert_close(bone_motion[0, :-1, child], velocity, atol=1e-4, rtol=0)


def test_smoothing_keeps_a_slow_movement_and_quiets_noise():
    time = torch.arange(90) / 30
    nod = torch.sin(2 * torch.pi * 1.5 * time)[:, None, None]
    assert np.ptp(geometry.smooth(nod, torch.tensor([90])).numpy()) > 0.8 * np.ptp(nod.numpy())
    noise = torch.randn(3000, 1, 1, generator=torch.Generator().manual_seed(0))
    assert geometry.smooth(noise, torch.tensor([3000])).std() < 0.65 * noise.std()


@pytest.mark.parametrize("window", [5, 7, 11])
def test_smoothing_many_clips_is_what_scipy_does_with_each(window):
    lengths = torch.tensor([2, 40, 7, 3, 11, 4, 6, 30, 5])
    rng = torch.Generator().manual_seed(1)
    frames = torch.randn(int(lengths.sum()), 17, 3, dtype=torch.float64, generator=rng)
    smooth = geometry.smooth(frames, lengths, window)
    for clip, smoothed in zip(frames.split(lengths.tolist()), smooth.split(lengths.tolist())):
        width = min(window, len(clip) - 1 + len(clip) % 2)
        expected = savgol_filter(clip.numpy(), width, 2, axis=0) if width > 2 else clip.numpy()
        np.testing.assert_allclose(smoothed, expected, atol=1e-12)


def test_speeds_of_many_clips_are_those_of_each():
    poses = [person(i, frames) for i, frames in enumerate([30, 2, 60, 17, 1, 9])]
    many = pack(poses, list("abcdef"), [0] * 6, list("abcdef"))
    ((index, means),) = speeds(many, 25.0, each=4)
    assert index.tolist() == list(range(6)) and not means[4].any()
    for place in (0, 2, 3, 5):
        smoothed = smooth(torch.as_tensor(poses[place]), torch.tensor([len(poses[place])]))
        speed = (smoothed.diff(dim=0).norm(dim=-1) * 25).numpy()  # (T - 1, J)
        parts = [speed[len(speed) * k // 4 : -(-len(speed) * (k + 1) // 4)] for k in range(4)]
        expected = [part.mean(0) for part in parts]
        np.testing.assert_allclose(means[place], expected, rtol=1e-5)
        np.testing.assert_allclose(motion_energy(many, 25.0)[place], speed.mean(0), rtol=1e-5)

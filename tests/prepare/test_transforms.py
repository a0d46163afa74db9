"""Transforms against numbers that the original code produced, and the properties that they promise."""

import numpy as np
import pytest
import torch
from scipy.signal import savgol_filter

from mbnb.prepare import transforms
from mbnb.skeleton import load_skeleton

SKELETON = load_skeleton()


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "data_ops.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def close(measured, expected, atol=2e-6):
    np.testing.assert_allclose(np.asarray(measured), expected, atol=atol, rtol=1e-5)


@pytest.mark.parametrize("name", ["r1", "r2", "r08", "r32"])
def test_crop_scale_equals_the_original(golden, name):
    x, ratio = (
        torch.tensor(golden[f"crop_{name}_in"]),
        torch.tensor([float(golden[f"crop_{name}_ratio"])]),
    )
    close(transforms.crop_scale(x[None], ratio)[0], golden[f"crop_{name}_out"])


@pytest.mark.parametrize("name", ["3d", "allz0", "3valid", "degenerate"])
def test_crop_scale_of_odd_clips_equals_the_original(golden, name):
    x = torch.tensor(golden[f"crop_{name}_in"]).reshape(
        1, -1, *golden[f"crop_{name}_in"].shape[-3:]
    )  # (1, M, T, J, 3)
    close(
        transforms.crop_scale(x, torch.tensor([2.0]))[0].reshape(
            golden[f"crop_{name}_out_r2"].shape
        ),
        golden[f"crop_{name}_out_r2"],
    )


def test_crop_scale_treats_each_clip_of_a_batch_alone(golden):
    x = torch.stack([torch.tensor(golden[f"crop_{name}_in"]) for name in ("r1", "r2")])
    both = transforms.crop_scale(x, torch.tensor([1.0, 2.0]))
    close(both[0], golden["crop_r1_out"])
    close(both[1], golden["crop_r2_out"])


def test_resampling_equals_the_original(golden):
    for key, expected in golden.items():
        parts = key.split("_")
        if key.startswith("resample_det"):
            close(transforms.resample_index(int(parts[2]), int(parts[3])), expected)
        elif key.startswith("resample_rnd") and key.endswith("_out"):
            draws = golden.get(key.replace("_out", "_sel"), golden.get(key.replace("_out", "_u")))
            close(
                transforms.random_resample_index(int(parts[2]), int(parts[3]), torch.tensor(draws)),
                expected,
            )


def test_other_operations_equal_the_original(golden):
    close(transforms.normalize_axes(torch.tensor(golden["norm_in"])), golden["norm_out"])
    close(
        transforms.normalize_axes(torch.tensor(golden["norm_flatz_in"])), golden["norm_flatz_out"]
    )
    close(transforms.with_empty_person(torch.tensor(golden["to2_in"])), golden["to2_out"])
    moved = transforms.random_move(
        torch.tensor(golden["move_in"], dtype=torch.float64)[None],
        torch.deg2rad(torch.tensor(golden["move_angle_deg"]))[None],
        torch.tensor(golden["move_scale"])[None],
        torch.tensor(np.stack([golden["move_tx"], golden["move_ty"]]))[None],
    )
    close(moved[0], golden["move_out"])
    close(transforms.flip(torch.tensor(golden["flip_in"]), SKELETON.mirror), golden["flip_out"])
    for key in [key for key in golden if key.startswith("cam_out")]:
        height, width = (int(part[1:]) for part in key.split("_")[2:])
        close(transforms.camera_range(torch.tensor(golden["cam_in"]), width, height), golden[key])
    close(
        transforms.untangle(torch.tensor(golden["track_in"], dtype=torch.float64)),
        golden["track_out"],
    )


def test_flip_twice_is_nothing():
    x = torch.randn(2, 5, 17, 6)
    torch.testing.assert_close(
        transforms.flip(transforms.flip(x, SKELETON.mirror), SKELETON.mirror), x
    )


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
    other = transforms.rotate(pose * 1.3, torch.tensor(0.6)) + torch.tensor([0.4, -0.2, 2.0])
    both = transforms.standardise(
        torch.cat([pose, other[:15], other]), torch.tensor([20, 15, 20]), SKELETON
    )
    measured = transforms.standardise(pose, torch.tensor([20]), SKELETON)
    torch.testing.assert_close(both[35:], measured, atol=1e-5, rtol=0)
    torch.testing.assert_close(both[:20], measured, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        both[20:35],
        transforms.standardise(other[:15], torch.tensor([15]), SKELETON),
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
    whole = transforms.gather_windows(
        frames, offsets, torch.tensor(lengths, dtype=torch.float64) - 1, 9
    )[..., 0, 0]
    for i, n in enumerate(lengths):
        torch.testing.assert_close(whole[i], 100 * i + torch.linspace(0, n - 1, 9))


def test_limbs_scale_without_bending():
    pose = person()[None]
    factors = torch.ones(1, 17)
    factors[0, 13] = 1.5
    scaled = transforms.reshape_bodies(
        pose, transforms.limb_scales(factors, SKELETON), torch.eye(3)[None]
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
    turn = transforms.turns(angles)
    torch.testing.assert_close(turn @ turn.transpose(1, 2), torch.eye(3).expand(4, 3, 3))
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(4))
    turned = transforms.reshape_bodies(pose, torch.eye(17).expand(4, 17, 17), turn)
    torch.testing.assert_close(turned[0], transforms.rotate(pose[0], torch.tensor(0.4)))
    for axis, kept in ((0, 1), (1, 0), (2, 2)):
        torch.testing.assert_close(turned[axis, ..., kept], pose[axis, ..., kept])
    vertical, x, z = (turn[i] for i in range(3))
    torch.testing.assert_close(
        transforms.turns(torch.tensor([[0.4, 0.4, 0.4]]))[0], z @ x @ vertical
    )


def test_streams_are_positions_from_the_root_bones_and_their_velocities_per_second():
    torch.manual_seed(0)
    pose = torch.randn(1, 1, 17, 3) + torch.linspace(0, 2, 11).view(1, 11, 1, 1) * torch.arange(
        17.0
    ).view(1, 1, 17, 1)  # joint j moves 2·j in 4 seconds
    joint, bone, joint_motion, bone_motion = transforms.to_streams(
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
    assert np.ptp(transforms.smooth(nod, torch.tensor([90])).numpy()) > 0.8 * np.ptp(nod.numpy())
    noise = torch.randn(3000, 1, 1, generator=torch.Generator().manual_seed(0))
    assert transforms.smooth(noise, torch.tensor([3000])).std() < 0.65 * noise.std()


@pytest.mark.parametrize("window", [5, 7, 11])
def test_smoothing_many_clips_is_what_scipy_does_with_each(window):
    lengths = torch.tensor([2, 40, 7, 3, 11, 4, 6, 30, 5])
    frames = torch.randn(
        int(lengths.sum()), 17, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    for clip, smoothed in zip(
        frames.split(lengths.tolist()),
        transforms.smooth(frames, lengths, window).split(lengths.tolist()),
    ):
        width = min(window, len(clip) - 1 + len(clip) % 2)
        expected = savgol_filter(clip.numpy(), width, 2, axis=0) if width > 2 else clip.numpy()
        np.testing.assert_allclose(smoothed, expected, atol=1e-12)

"""The parity recipe: number by number what the original code does."""

import numpy as np
import pytest
import torch
from build import H36M
from prepare.recipes import ALL, recipe, some_clips, test_batch, training_batch

from benchmarks import plain
from mbnb.clips import pack
from mbnb.formats.keypoints import camera_range, untangle
from mbnb.prepare import ParityRecipe, parity
from mbnb.prepare.geometry import flip


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "data_ops.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def close(measured, expected, atol=2e-6):
    np.testing.assert_allclose(np.asarray(measured), expected, atol=atol, rtol=1e-5)


@pytest.mark.parametrize("name", ["r1", "r2", "r08", "r32"])
def test_crop_scale_equals_the_original(golden, name):
    x, ratio = golden[f"crop_{name}_in"], golden[f"crop_{name}_ratio"]
    scaled = parity.crop_scale(torch.tensor(x)[None], torch.tensor([float(ratio)]))
    close(scaled[0], golden[f"crop_{name}_out"])


@pytest.mark.parametrize("name", ["3d", "allz0", "3valid", "degenerate"])
def test_crop_scale_of_odd_clips_equals_the_original(golden, name):
    x, expected = torch.tensor(golden[f"crop_{name}_in"]), golden[f"crop_{name}_out_r2"]
    clips = x.reshape(1, -1, *x.shape[-3:])  # ([M,] T, J, 3) -> (1, M, T, J, 3)
    scaled = parity.crop_scale(clips, torch.tensor([2.0]))
    close(scaled.reshape(expected.shape), expected)  # (1, M, T, J, 3) -> ([M,] T, J, 3)


def test_crop_scale_treats_each_clip_of_a_batch_alone(golden):
    x = torch.stack([torch.tensor(golden[f"crop_{name}_in"]) for name in ("r1", "r2")])
    both = parity.crop_scale(x, torch.tensor([1.0, 2.0]))
    close(both[0], golden["crop_r1_out"])
    close(both[1], golden["crop_r2_out"])


def test_resampling_equals_the_original(golden):
    for key, expected in golden.items():
        parts = key.split("_")
        if key.startswith("resample_det"):
            close(parity.resample_index(int(parts[2]), int(parts[3])), expected)
        elif key.startswith("resample_rnd") and key.endswith("_out"):
            draws = golden.get(key.replace("_out", "_sel"), golden.get(key.replace("_out", "_u")))
            close(
                parity.random_resample_index(int(parts[2]), int(parts[3]), torch.tensor(draws)),
                expected,
            )


def test_other_operations_equal_the_original(golden):
    close(parity.normalize_axes(torch.tensor(golden["norm_in"])), golden["norm_out"])
    close(parity.normalize_axes(torch.tensor(golden["norm_flatz_in"])), golden["norm_flatz_out"])
    close(parity.with_empty_person(torch.tensor(golden["to2_in"])), golden["to2_out"])
    moved = parity.random_move(
        torch.tensor(golden["move_in"], dtype=torch.float64)[None],
        torch.deg2rad(torch.tensor(golden["move_angle_deg"]))[None],
        torch.tensor(golden["move_scale"])[None],
        torch.tensor(np.stack([golden["move_tx"], golden["move_ty"]]))[None],
    )
    close(moved[0], golden["move_out"])
    close(flip(torch.tensor(golden["flip_in"]), H36M.mirror), golden["flip_out"])
    for key in [key for key in golden if key.startswith("cam_out")]:
        height, width = (int(part[1:]) for part in key.split("_")[2:])
        close(camera_range(golden["cam_in"], width, height), golden[key])
    close(untangle(golden["track_in"].astype(float)), golden["track_out"])


def test_the_parity_recipe_yields_what_the_original_data_set_yields(shared):
    with np.load(shared / "golden" / "pipeline.npz", allow_pickle=False) as golden:
        raw = [golden[f"raw_clip_{i}"] for i in range(4)]
        clips = pack(raw, list("abcd"), [golden[f"label_clip_{i}"] for i in range(4)], list("abcd"))
        whole = recipe(clips, recipe="parity", clip_len=golden["n_frames"].item())
        assert isinstance(whole, ParityRecipe)
        batch = test_batch(whole, torch.arange(4))
        for i in range(4):
            np.testing.assert_allclose(batch[i], golden[f"out_clip_{i}"], atol=3e-6)
            assert whole.labels[i] == golden[f"label_clip_{i}"]
        np.testing.assert_allclose(whole.poses[3], golden["out_noscale_clip_3"], atol=3e-6)


def test_parity_settings_do_what_they_say():
    settings = dict(clip_len=30, random_move=False, scale_range_train=[1, 1])
    unmoved = recipe(recipe="parity", **settings)
    stored = unmoved.poses.clone()
    first, labels = training_batch(unmoved, ALL)
    assert torch.equal(unmoved.poses, stored)
    torch.testing.assert_close(first, parity.crop_scale(stored, torch.ones(6)))
    assert labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert first[..., :2].abs().amax(dim=(1, 2, 3, 4)).tolist() == pytest.approx([1] * 6)


def test_parity_resamples_at_random_for_training_alone():
    torch.manual_seed(0)
    a, b = (recipe(recipe="parity", clip_len=15, training=True).poses for _ in range(2))
    assert not torch.equal(a, b)
    a, b = (recipe(recipe="parity", clip_len=15).poses for _ in range(2))
    assert torch.equal(a, b)


def test_the_plain_reference_prepares_what_the_original_prepares(shared):
    with np.load(shared / "golden" / "pipeline.npz", allow_pickle=False) as golden:
        raw = [golden[f"raw_clip_{i}"] for i in range(4)]
        data = plain.PlainDataSet(raw, golden["n_frames"].item(), np.random.default_rng(0))
        batch = data.test_batch([0, 1, 2, 3])
        for i in range(4):
            np.testing.assert_allclose(batch[i], golden[f"out_clip_{i}"], atol=3e-6)


def test_the_parity_recipe_equals_the_plain_reference():
    clips = some_clips()
    expected = plain.PlainDataSet(list(clips), 30, np.random.default_rng(0)).test_batch(range(6))
    batch = test_batch(recipe(clips, recipe="parity", clip_len=30), ALL)
    torch.testing.assert_close(batch, expected, atol=1e-5, rtol=1e-5)


@pytest.fixture(scope="module")
def augmented(shared):
    path = shared / "golden" / "motionbert" / "augment.npz"
    with np.load(path, allow_pickle=False) as file:
        return {key: torch.tensor(file[key]) for key in file.files}


@pytest.mark.parametrize("case", ["0", "1", "2"])
def test_clips_with_depth_are_resized_and_mirrored_as_the_originals(case, augmented):
    pose, ratio = augmented[f"aug3d{case}_in"], augmented[f"aug3d{case}_ratio"]
    cropped = parity.crop_scale_3d(pose, ratio)
    close(cropped, augmented[f"crop3d{case}_out"])
    coin = augmented[f"aug3d{case}_coin"]
    varied = parity.augment_3d(pose[None], ratio[None], coin[None], H36M.mirror)
    close(varied[0], augmented[f"aug3d{case}_out"])


def test_shipped_settings_mirror_clips_and_keep_their_size(augmented):
    pose = augmented["aug3d_default_in"]
    varied = parity.augment_3d(pose[None], None, torch.ones(1), H36M.mirror)
    close(varied[0], augmented["aug3d_default_out"])


def test_a_short_clip_is_played_again_and_a_long_one_cut_as_the_originals(shared):
    with np.load(shared / "golden" / "motionbert" / "data.npz", allow_pickle=False) as golden:
        close(parity.replay_index(10, 24), golden["replay_10_24"])
        close(parity.replay_index(24, 24), golden["replay_24_24"])
        close(parity.replay_index(50, 24, start=13), golden["replay_50_24_start13"])

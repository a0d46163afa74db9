"""What a pretraining sees: true poses beside spoilt ones, alike for all who share a batch."""

import numpy as np
import pytest
import torch
from build import H36M, clips, config

from mbnb.files import InputError
from mbnb.prepare.geometry import standardise_flat
from mbnb.prepare.motion import METRES, MotionRecipe, ParityMotion

CPU = torch.device("cpu")


def batches(kind=MotionRecipe, seed=0, rank=0, world=1, **settings):
    recipe = kind(clips("abc", [0, 1, 2] * 20, "train"), config(**settings), H36M, CPU)
    torch.manual_seed(seed)
    return list(recipe.training_batches(torch.arange(len(recipe)).split(16), rank, world))


def test_flat_windows_have_no_depth_and_others_are_near_the_truth():
    windows = batches(patch=1, streams=["joint"])
    x, true = (
        torch.cat([part[:, :8] for part in parts])
        for parts in zip(*((b.x, b.true) for b in windows))
    )
    flat = torch.cat([batch.flat for batch in windows])
    assert 0.2 < flat.float().mean() < 0.8
    assert (x[flat][..., 2] == 0).all() and (true[flat][..., 2] != 0).any()
    hidden = (x == 0).all(-1, keepdim=True)
    assert 0.02 < hidden.float().mean() < 0.4
    error = ((x - true).norm(dim=-1, keepdim=True) * ~hidden)[~flat][:, :, 1:]
    assert 0 < error.median() < 0.2
    assert (true[:, :, H36M.root] == 0).all()


def test_processes_that_share_a_batch_see_its_parts():
    whole = batches()
    shares = [batches(rank=rank, world=2) for rank in (0, 1)]
    for batch, first, second in zip(whole, *shares):
        assert torch.equal(batch.x[0::2], first.x) and torch.equal(batch.true[1::2], second.true)
    assert not torch.equal(batches(seed=1)[0].x, whole[0].x)


def test_a_picture_is_standardised_whatever_its_unit_and_place():
    places = torch.randn(4, 6, 17, 2)
    moved = 300 * places + torch.tensor([640.0, 360.0])
    torch.testing.assert_close(
        standardise_flat(moved, H36M), standardise_flat(places, H36M), atol=1e-4, rtol=1e-4
    )


def test_parity_sees_the_picture_and_a_confidence():
    settings = dict(recipe="parity", clip_len=24)
    (batch, *_) = batches(ParityMotion, **settings)
    assert batch.x.shape[1:] == (24, 17, 3) and batch.flat.all()
    confidence = batch.x[..., 2]
    assert 0 <= confidence.min() and confidence.max() <= 1
    frames = (batch.x == 0).flatten(2).all(2)
    assert all(torch.equal(frames[0], other) for other in frames)
    tall = (batch.true[..., 1].amax(-1) - batch.true[..., 1].amin(-1)).median()
    assert tall == pytest.approx(1.6 * METRES, rel=0.3)
    np.testing.assert_array_equal(batch.true[:, :, H36M.root], 0)


def detected_of(some):
    """Joints as a detector might have found them, by name of a clip."""
    return {
        name: np.concatenate([METRES * pose[..., :2] + 0.01, np.full_like(pose[..., :1], 0.7)], -1)
        for name, pose in zip(some.names, some)
    }


def lifting(recipe, **settings):
    """The first batch of a training of lifting: no noise, no masks, not mirrored."""
    some = clips("abc", [0, 1, 2] * 20, "train")
    off = dict(recipe="parity", clip_len=24, noise=0, mask_ratio=0, mask_T_ratio=0, flip=False)
    windows = recipe(some, config(**off | settings), H36M, CPU, detected_of(some))
    return next(windows.training_batches(torch.arange(len(windows)).split(16))), windows


def test_lifting_sees_what_was_detected_or_the_true_places():
    batch, windows = lifting(ParityMotion, synthetic=False)
    pose = METRES * windows.frames[windows.rows[:16]]
    torch.testing.assert_close(batch.x[..., :2], pose[..., :2] + 0.01)
    torch.testing.assert_close(batch.true, pose - pose[:, :, :1])
    assert (batch.x[..., 2] == np.float32(0.7)).all()
    batch, _ = lifting(ParityMotion, synthetic=False, gt_2d=True)
    torch.testing.assert_close(batch.x[..., :2], pose[..., :2])
    assert (batch.x[..., 2] == 1).all()
    batch, _ = lifting(ParityMotion, synthetic=False, rootrel=False)
    torch.testing.assert_close(batch.true[..., :2], pose[..., :2])
    assert (batch.true[:, 0, 0, 2] == 0).all() and (batch.true[:, -1, 0, 2] != 0).all()


def test_lifting_mirrors_what_it_sees_with_what_it_is_asked_for():
    torch.manual_seed(0)
    batch, windows = lifting(ParityMotion, synthetic=False, flip=True)
    pose = METRES * windows.frames[windows.rows[:16]]
    turned = (batch.true - (pose - pose[:, :, :1])).abs().amax((1, 2, 3)) > 1e-3
    assert 0 < turned.sum() < 16
    straight, mirrored = (
        batch.x[..., 0] - pose[..., 0],
        batch.x[:, :, H36M.mirror, 0] + pose[..., 0],
    )
    torch.testing.assert_close(straight[~turned], torch.full_like(straight[~turned], 0.01))
    torch.testing.assert_close(mirrored[turned], torch.full_like(mirrored[turned], -0.01))


def test_clips_of_which_nothing_was_detected_are_named():
    some = clips("ab", [0, 1], "train")
    with pytest.raises(InputError, match="4 clips have no detected 2D joints"):
        ParityMotion(some, config(recipe="parity", synthetic=False, clip_len=24), H36M, CPU)

"""What a pretraining sees: true poses beside spoilt ones, alike for all who share a batch."""

import numpy as np
import pytest
import torch
from build import H36M, clips, config

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

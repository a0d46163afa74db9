"""What a model sees of 2D keypoints: the original's numbers, and without its faults."""

import numpy as np
import pytest
import torch
from build import H36M, config
from data.ntu import write_ntu

from mbnb.data import load
from mbnb.files import InputError
from mbnb.prepare import make_recipe, parity

CPU, ALL = torch.device("cpu"), [torch.arange(12)]
FRAMES = 10


@pytest.mark.parametrize("clip", range(4))
def test_the_crop_equals_the_original(shared, clip):
    with np.load(shared / "golden" / "motionbert" / "oneshot.npz", allow_pickle=False) as golden:
        stored, expected = (
            torch.as_tensor(golden[f"ntu{clip}_{key}"]) for key in ("stored", "out")
        )
    seen = parity.crop_scale(stored[None], torch.tensor([2.0]))
    torch.testing.assert_close(seen[0], expected, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_ntu(tmp_path_factory.mktemp("ntu") / "ntu60_hrnet.pkl", classes=1)


def recipe_of(path, training=False, **settings):
    data_of = dict(data_root=path, data_split="xsub", val_fraction=0.0, clip_len=FRAMES)
    settings = config(**data_of, **settings)
    clips = load(settings).splits["train"]
    return make_recipe(clips, settings, H36M, None, CPU, training)


def seen(recipe):
    return torch.cat([part for parts in recipe.test_batches([torch.arange(8)]) for part in parts])


def trained_on(recipe, seed):
    torch.manual_seed(seed)
    ((parts, labels),) = recipe.training_batches([torch.arange(8)])
    assert labels.tolist() == [0] * 8
    return parts[0]


def test_training_draws_anew_each_time_and_leaves_the_clips_as_they_are(path):
    theirs = recipe_of(path, training=True, recipe="parity", scale_range_train=[1, 3])
    ours = recipe_of(path, training=True)
    before, stored = seen(ours), theirs.poses.clone()
    first, second = trained_on(ours, 1), trained_on(ours, 2)
    assert first.shape == before.shape == (8, 2, FRAMES, 17, 3)
    assert torch.equal(trained_on(ours, 1), first) and not torch.equal(first, second)
    assert not torch.equal(first[..., 2], second[..., 2])  # frames are drawn anew, too
    assert torch.equal(seen(ours), before)
    trained_on(theirs, 1)
    assert not torch.equal(theirs.poses, stored)  # the original's fault


def test_who_is_not_there_stays_away(path):
    theirs, ours = recipe_of(path, True, recipe="parity"), recipe_of(path)
    alone = torch.tensor([not clip[:, 1].any() for clip in ours.clips])
    assert 0 < alone.sum() < 8
    assert trained_on(theirs, 0)[alone, 1].abs().sum() > 0  # the original's fault
    for people in (trained_on(ours, 0), seen(ours)):
        assert not people[alone, 1].any() and people[~alone, 1].any()


def test_processes_that_share_a_batch_see_the_same(path):
    ours = recipe_of(path)
    whole = trained_on(ours, 3)
    for rank in (0, 1):
        torch.manual_seed(3)
        ((parts, _),) = ours.training_batches([torch.arange(8)], rank, 2)
        assert torch.equal(parts[0], whole[rank::2])


def test_more_than_places_cannot_be_seen(path):
    with pytest.raises(InputError, match=r"streams \[joint\], patch 1 and rate 0"):
        recipe_of(path, streams=["joint", "bone"])

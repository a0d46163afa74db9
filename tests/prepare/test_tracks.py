"""People without depth: the original's windows number by number, and ours without its faults."""

import numpy as np
import pytest
import torch
from build import H36M, config
from data.originals import write_instavariety, write_posetrack

from mbnb.data.checks import Findings
from mbnb.data.sources import METRES, upright
from mbnb.data.tracks import read_instavariety, read_posetrack
from mbnb.formats import posetrack18
from mbnb.prepare.geometry import flip
from mbnb.prepare.parity import random_resample_index
from mbnb.prepare.tracks import (
    FlatTracks,
    ParityTracks,
    crop_2d,
    instavariety_track,
    instavariety_window,
    instavariety_windows,
    posetrack_window,
)
from mbnb.prepare.windows import parity_windows

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "motionbert" / "data.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """Both kinds of people without depth; of each the first is too little seen."""
    folder = tmp_path_factory.mktemp("tracks")
    posetrack = write_posetrack(folder / "posetrack", 5)
    findings = Findings()
    annotated = read_posetrack(sorted(posetrack.glob("*.json")), findings)
    detected = read_instavariety(write_instavariety(folder / "insta", 3), findings)
    assert not findings.errors
    annotated.points[:32, 5:, 2] = 0
    detected.points[:90, 3:] = 0
    return annotated, detected


def close(measured, expected, atol=1e-6):
    np.testing.assert_allclose(np.asarray(measured), expected, atol=atol)


def test_annotated_windows_equal_the_originals(golden):
    close(posetrack18.to_h36m(golden["posetrack_in"]), golden["posetrack_out"], 1e-9)
    for name, ratio, expected in zip((0, 3), golden["pt_ratios"], golden["pt_out"]):
        close(posetrack_window(golden[f"pt_in{name}"], ratio), expected)
    points = golden["pt_in0"]
    assert posetrack_window(points[:29], 1.0) is None
    assert posetrack_window(np.where(np.arange(17)[:, None] > 9, 0, points), 1.0) is None
    points = points.copy()
    points[5, 11] = 0
    assert posetrack_window(points, 1.0) is None, "the root is lost once"


def test_detected_windows_equal_the_originals(golden):
    motion = torch.tensor(golden["insta_motion"])
    track = torch.arange(3).repeat_interleave(torch.tensor(golden["insta_lengths"]))
    rows = instavariety_windows(motion, track, torch.tensor(golden["insta_coins"]))
    assert len(rows) == golden["insta_n"]
    close(motion[rows[:, 0]], golden["insta_first_frames"])
    close(motion[rows[-1]], golden["insta_last_in"])
    ratio = torch.tensor([float(golden["insta_last_ratio"])])
    close(instavariety_window(motion[rows[-1:]], ratio)[0], golden["insta_last_out"])
    close(instavariety_track(golden["insta_track_in"]), golden["insta_track_out"], 1e-9)


@pytest.mark.parametrize("case", ["0", "1", "2"])
def test_crops_and_mirrors_equal_the_originals(case, golden):
    ratio = torch.tensor([float(golden[f"crop{case}_ratio"])])
    cropped = crop_2d(torch.tensor(golden[f"crop{case}_in"])[None], ratio)
    close(cropped[0], golden[f"crop{case}_out"])
    close(flip(torch.tensor(golden["flip_in"]), H36M.mirror), golden["flip_out"])


def test_motion_capture_is_laid_into_the_picture_as_by_the_original(golden):
    first, second = (golden[f"amass_in{i}"].transpose(1, 0, 2) for i in (0, 1))
    close(METRES * upright(first), golden["amass_out0"])
    rows = random_resample_index(60, 243, torch.tensor(golden["amass_coins"]))
    close(METRES * upright(second)[rows][::9], golden["amass_out1"])
    names = np.repeat(np.arange(3), golden["amass_lengths"]).tolist()
    coins = torch.tensor(golden["amass_coins"])[None]
    assert len(parity_windows(names, 243, 81, coins)) == golden["amass_n_clips"]


def all_windows(kind, tracks, **settings):
    recipe = kind(tracks, config(**settings), H36M, CPU)
    torch.manual_seed(0)
    (batch,) = recipe.training_batches([torch.arange(len(recipe))])
    return batch


def test_parity_crops_spoils_and_weighs_as_the_original(tracks):
    annotated, detected = (
        all_windows(ParityTracks, one, recipe="parity", clip_len=24) for one in tracks
    )
    assert annotated.x.shape == (4, 30, 17, 3) and detected.x.shape == (3, 81, 17, 3)
    for batch in (annotated, detected):
        assert batch.x[..., :2].abs().max() < 1.3 and batch.weight.shape == batch.x.shape[:3]
        assert (batch.true[:, :, 0] == 0).all()
    unseen = annotated.weight == 0
    assert unseen.any() and annotated.x[unseen][:, 2].max() > 0.5, "a fault of the original's"


def test_windows_of_the_default_are_seen_whole_and_what_nobody_saw_counts_nothing(tracks):
    settings = dict(patch=1, streams=["joint"], clip_len=24, flip=False)
    annotated, detected = (all_windows(FlatTracks, one, **settings) for one in tracks)
    assert len(annotated.x) >= 4 and len(detected.x) >= 2
    for batch in (annotated, detected):
        unseen = batch.weight == 0
        assert unseen.any() and (batch.x[unseen] == 0).all()
        assert (batch.weight >= 0).all() and (batch.weight <= 1).all()
        x, true = batch.x[..., :2], batch.true[..., :2]
        known = ~unseen & (x != 0).any(-1)
        known[:, :, 0] = False
        assert (x - true)[known].norm(dim=-1).median() < 0.1
        assert 0.5 < batch.true[..., 1].abs().amax((1, 2)).min()
    assert not torch.equal(annotated.x[0] == 0, annotated.x[1] == 0), "masks differ by window"


def test_a_lost_root_costs_its_frames_alone(tracks):
    settings = dict(patch=1, streams=["joint"], flip=False, clip_len=81, rate=30.0)
    points = tracks[1].points.copy()
    points[100:110, 0] = 0
    lost = type(tracks[1])("lost", points, tracks[1].track, annotated=False)
    batch = all_windows(FlatTracks, lost, **settings)
    assert (batch.weight[0, 10:20] == 0).all() and (batch.weight[0, 21:].amax(-1) > 0).all()


def test_processes_that_share_a_batch_see_its_parts(tracks):
    for kind, settings in ((ParityTracks, {"recipe": "parity", "clip_len": 24}), (FlatTracks, {})):
        recipe = kind(tracks[0], config(**settings), H36M, CPU)
        batches = []
        for share in ((0, 1), (0, 2), (1, 2)):
            torch.manual_seed(0)
            batches += recipe.training_batches([torch.arange(len(recipe))], *share)
        whole, first, second = batches
        assert torch.equal(whole.x[0::2], first.x) and torch.equal(
            whole.weight[1::2], second.weight
        )

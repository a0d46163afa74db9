"""Lifting people in pictures: time, strays, what is hidden, people apart, and the way back."""

import json

import numpy as np
import pytest
import torch
from build import H36M
from wild.conftest import of, write_tracked

from mbnb.config import LIFTER, Config
from mbnb.evaluate.lifting import photograph
from mbnb.model.lift import TRUNK
from mbnb.model.shipped import find_weights
from mbnb.prepare.detections import (
    STANDING,
    believed,
    complete,
    original_crop,
    seen_in_picture,
    stretches,
)
from mbnb.scores.poses import joint_errors
from mbnb.wild.movement import lift_person
from mbnb.wild.original import lift_as_original, read_rows
from mbnb.wild.source import Source, read_source
from mbnb.wild.tool import lift_people, load_lifter

RATE = 24.0  # the network's own, so that nothing is interpolated


def lifted(joints, echo, rate=RATE):
    network, config = echo
    return lift_person(joints, rate, (1280, 720), network, of(config, fps=rate))


def test_a_frame_without_anybody_stays_in_time(walker, echo):
    joints = walker(150)
    whole = lifted(joints, echo)
    gone = joints.copy()
    gone[[30, 31, 32]] = np.nan
    gone[80:110] = np.nan
    some = lifted(gone, echo)
    assert len(some.pose) == 150 and np.isfinite(some.pose[:80]).all()
    assert np.isnan(some.pose[80:110]).all() and np.isnan(some.way[80:110]).all(), "nobody knows"
    assert np.isnan(some.joints[[30, 31, 32]]).all()
    # Where there were joints the picture is the same, at the same moments.
    there = some.found & np.isfinite(some.joints[..., 2]).all(1)
    off = np.linalg.norm((some.in_picture - whole.in_picture)[there, :, :2], axis=-1)
    assert np.median(off) < 3, "pixels"


def test_frames_and_people_of_a_file_are_those_of_the_video(alphapose, golden, original):
    network, config = original
    source = read_source(alphapose, alphapose.with_name("none.npz"))
    assert {name: len(joints) for name, joints in source.people.items()} == {"1": 300, "2": 300}
    one = lift_people(source, network, config)["1"]
    nobody = np.isnan(one.joints[..., 2]).all(1)
    assert np.flatnonzero(nobody).tolist() == golden["missing_frames"]
    assert one.found.all(), "single frames are bridged"
    rows = read_rows(alphapose, "1")
    kept = one.joints[~nobody]
    known = np.isfinite(kept).all(-1)
    np.testing.assert_allclose(kept[known], rows[known], atol=1e-3)


def test_two_people_are_two_motions_and_each_the_same_without_the_other(walker, echo):
    network, config = echo
    people = {"1": walker(90), "2": walker(90, seed=1) + (300, 0, 0)}
    both = lift_people(Source(people, RATE, (1280, 720)), network, config)
    for name, joints in people.items():
        alone = lift_people(Source({name: joints}, RATE, (1280, 720)), network, config)[name]
        np.testing.assert_array_equal(both[name].pose, alone.pose)
    assert np.abs(both["1"].pose - both["2"].pose).max() > 0.1
    assert (both["2"].way - both["1"].way)[:, 0].mean() > 0.5, "they stand side by side"


def test_a_stray_point_does_not_shrink_the_body_as_it_does_in_the_original(walker, echo, original):
    joints = walker(120)
    stray = joints.copy()
    stray[60, 13, :2] += 3000
    clean, marred = lifted(joints, echo), lifted(stray, echo)
    size = np.linalg.norm(clean.pose, axis=-1).mean()
    assert np.linalg.norm(marred.pose - clean.pose, axis=-1).mean() < 0.02 * size
    assert np.isnan(marred.joints[60, 13]).all()
    extents = [
        np.ptp(original_crop(torch.as_tensor(one))[:60, :, 1].numpy()) for one in (joints, stray)
    ]
    assert extents[1] < 0.2 * extents[0], "the fault"


def test_a_later_walk_does_not_shrink_who_stands_now(walker, echo):
    joints = walker(240)
    walks = joints.copy()
    walks[120:, :, 0] += 20 * np.arange(120)[:, None]
    stands, then = lifted(joints, echo), lifted(walks, echo)
    np.testing.assert_allclose(then.pose[:60], stands.pose[:60], atol=1e-6)
    assert then.way[-1, 0] - then.way[0, 0] > 3, "metres"


def test_what_was_not_found_is_hidden_as_in_training(walker, echo, original):
    joints = walker(64)
    joints[:, 6] = np.nan  # never
    joints[17, 13] = np.nan  # once
    lifted(joints, echo)
    straight, mirrored = echo[0].seen[0].abs().sum(-1).unbind(0)  # (F / P, J) each
    assert (straight[:, 6] == 0).all() and (mirrored[:, 3] == 0).all(), "left and right change"
    assert straight[4, 13] == 0 and (straight[[3, 5], 13] > 0).all(), "a moment has four frames"
    assert (straight[:, 1:6] > 0).all()
    seen = []
    network, config = original
    hook = network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    lift_person(joints, RATE, None, network, of(config, fps=RATE))
    hook.remove()
    x = seen[0][0]
    assert (x[:, 6] == 0).all() and (x[17, 13] == 0).all()
    torch.testing.assert_close(x[16, 13, 2], torch.tensor(0.9))
    assert (original_crop(torch.nan_to_num(torch.as_tensor(joints)))[..., :2] != 0).any()


def test_windows_are_blended_where_the_original_bends_and_jumps(walker, original):
    joints, (network, config) = walker(500), original
    theirs = lift_as_original(joints, network, of(config, rootrel=False))
    ours = lifted(joints, load_lifter(find_weights(LIFTER), Config.of({"device": "cpu"}))).pose
    jumps = [
        np.linalg.norm(np.diff(pose - pose[:, :1], axis=0), axis=-1).mean(1)
        for pose in (theirs, ours)
    ]
    assert jumps[0][[242, 485]].min() > 3 * np.median(jumps[0]), "the fault"
    borders, moments = np.arange(31, 467, 32), np.arange(3, 499, 4)  # a moment has four frames
    assert jumps[1][borders].mean() < 1.2 * jumps[1][moments].mean()


def test_a_scaling_can_be_undone(walker):
    pose = np.random.default_rng(0).normal(0, 0.3, (70, 17, 3))
    places = np.linspace(80, 120, 70)[:, None, None] * pose[..., :2] + (300, 200)
    belief = np.ones((70, 17))
    belief[20] = 0
    scale, shift = seen_in_picture(pose, places, belief, RATE)
    np.testing.assert_allclose(scale[30:40], np.linspace(80, 120, 70)[30:40], rtol=0.02)
    off = shift[:, None] + scale[:, None, None] * pose[..., :2] - places
    assert np.abs(off).max() < 25 and np.abs(off[30:40]).max() < 3


def test_unknown_joints_are_where_a_body_has_them():
    joints = np.concatenate([100 * STANDING + (400, 300), np.ones((17, 1))], -1)[None].repeat(20, 0)
    joints[:, [0, 1, 4], :] = np.nan  # as where hips are behind a table
    joints[5:9] = np.nan
    joints[12:, 13] += (7, 0, 0)
    joints[11, 13] = np.nan
    places, belief = complete(believed(joints, RATE))
    truth = np.broadcast_to(100 * STANDING + (400, 300), places.shape).copy()
    truth[12:, 13] += (7, 0)
    truth[11, 13] += (3.5, 0)
    np.testing.assert_allclose(places, truth, atol=1.5)
    assert (belief == 0).sum() == 20 * 3 + 4 * 14 + 1


def test_what_cannot_be_believed_is_not(walker):
    joints = walker(50)
    joints[3, 4, 2] = 1.07
    joints[7, 5:, :] = np.nan
    joints[7, 2, 0] = np.inf
    found = believed(joints, RATE)
    assert found[3, 4, 2] == 1 and np.isnan(found[7, 2]).all()
    joints[8, 3:, :] = np.nan
    found = believed(joints, RATE)
    assert np.isnan(found[8]).all(), "three joints do not tell where a body is"
    assert stretches(found, 10) == [slice(0, 50)]
    found[20:31] = np.nan
    assert stretches(found, 10) == [slice(0, 20), slice(31, 50)]
    assert stretches(np.full((5, 17, 3), np.nan), 10) == []


def test_lifted_people_of_motion_capture_are_as_far_off_as_the_lifting_notebook_says(
    shared, tmp_path
):
    """The very error of `score_lifter`, by way of a file in pixels and the command's files."""
    recordings = np.load(shared / "real" / "mocap.npz")
    network, config = load_lifter(find_weights(LIFTER), Config.of({"device": "cpu"}))
    ends = np.append(recordings["offsets"], len(recordings["frames"]))
    tested = np.flatnonzero(recordings["split"] == "test")[[3, 40, 80]]
    errors = []
    from mbnb.evaluate.lifting import lift

    for i in tested:
        pose = recordings["frames"][ends[i] : ends[i + 1]].astype(np.float32)
        places, true = photograph(pose, str(recordings["clip_names"][i]), H36M)
        true = (true - true[:, :1]).numpy()
        joints = np.concatenate([500 + 500 * places.numpy(), np.full((len(pose), 17, 1), 0.8)], -1)
        path = write_tracked(tmp_path / f"{i}.json", {1: joints})
        source = read_source(path, tmp_path / "none.npz", fps=30.0)
        ours = lift_people(source, network, config)["1"].pose / TRUNK
        (theirs,) = lift(network, [places], config, H36M)
        errors.append([joint_errors(one, true).mean() for one in (ours, theirs.numpy())])
    ours, theirs = np.mean(errors, axis=0)
    assert ours == pytest.approx(theirs, rel=0.02)
    assert json.loads(path.read_text())["images"][0]["width"] == 1280

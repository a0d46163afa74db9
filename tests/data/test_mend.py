"""Repair of clips: what is damaged comes back, what is not stays as it was."""

import numpy as np
import pytest
from build import H36M, SEATED, clips, config, data_folder, moving, posture, splits

from benchmarks import damage as damages
from mbnb.clips import pack
from mbnb.data.dataset import load
from mbnb.data.mend import exchanged, mended, outliers, repaired
from mbnb.data.missing import complete
from mbnb.files import ROOT
from mbnb.skeleton import load_skeleton

REAL = ROOT.parent / "shared" / "real"
ALL = ("gaps", "outliers", "flips")
(WRIST,) = H36M.index("L_Wrist")


def waving(frames=60):
    """Somebody seated whose whole body sways, and whose left arm goes up and down."""
    time = np.linspace(0, 3, frames)[:, None]
    pose = np.repeat(posture(SEATED)[None], frames, 0)
    pose += 0.02 * np.sin(2 * time)[:, None]
    arm = H36M.index("L_Elbow", "L_Wrist")
    pose[:, arm, 1] -= 0.15 * np.sin(3 * time) * (0.5, 1.0)
    return pose.astype(np.float32)


def error(pose, true):
    return np.linalg.norm(pose - true, axis=-1).mean()


def test_a_clip_without_faults_stays_as_it_is():
    whole = clips("ab", [0, 8, 17], pose=lambda label, seed: moving(label % 4, seed))
    fixed = repaired(whole, H36M, ALL)
    assert fixed.seen is None
    np.testing.assert_array_equal(fixed.gather(), whole.gather())
    assert repaired(whole, H36M, ()) is whole


@pytest.mark.parametrize("joints", [("Elbow", "Wrist"), ("Knee", "Ankle"), ("Hip",), ("Shoulder",)])
@pytest.mark.parametrize("start", [0, 20, 53])
def test_exchanged_sides_are_put_back(joints, start):
    true = waving()
    here = H36M.index(*(f"{side}_{joint}" for side in "LR" for joint in joints))
    pose, rows = true.copy(), slice(start, start + 7)
    pose[rows, here] = true[rows][:, [H36M.mirror[joint] for joint in here]]
    found = exchanged(pose, H36M)
    assert {tuple(row) for row in np.argwhere(found)} == {
        (t, joint) for t in range(start, start + 7) for joint in here
    }
    fixed, seen = mended(pose, None, H36M, ["flips"])
    np.testing.assert_array_equal(fixed, true)
    assert seen is None


def test_a_joint_that_is_away_for_a_moment_was_not_seen():
    pose = waving()
    pose[30:32, WRIST] += 0.4
    assert np.argwhere(outliers(pose, H36M)).tolist() == [[30, WRIST], [31, WRIST]]
    fixed, seen = mended(pose, None, H36M, ["outliers", "gaps"])
    assert np.argwhere(~seen).tolist() == [[30, WRIST], [31, WRIST]]
    assert error(fixed, waving()) < 0.001 * error(pose, waving()) + 1e-5


def test_a_gap_is_bridged_as_the_parent_moves():
    true, pose = waving(), waving()
    pose[20:35, H36M.index("L_Elbow", "L_Wrist")] = np.nan
    body = complete(pose, H36M)
    fixed, seen = mended(body.pose, body.seen, H36M, ["gaps"])
    assert error(fixed, true) < 0.25 * error(body.pose, true)
    np.testing.assert_array_equal(fixed[body.seen], true[body.seen])
    np.testing.assert_array_equal(seen, body.seen)


def test_bones_get_one_length_and_keep_their_directions():
    pose = waving()
    fixed, _ = mended(pose, None, H36M, ["bones"])
    parents, children = np.array(H36M.bones).T
    before, after = (p[:, children] - p[:, parents] for p in (pose, fixed))
    lengths = np.linalg.norm(after, axis=-1)
    assert np.ptp(lengths, axis=0).max() < 1e-5
    cosine = (before * after).sum(-1) / np.linalg.norm(before, axis=-1) / lengths
    np.testing.assert_allclose(cosine, 1, atol=1e-5)


def test_hands_of_whole_bodies_are_looked_at_too():
    skeleton = load_skeleton("wholebody44")
    rng = np.random.default_rng(0)
    pose = np.repeat(rng.normal(0, 0.3, (1, 44, 3)), 40, 0) + rng.normal(0, 1e-3, (40, 44, 3))
    pose = pose.astype(np.float32)
    hand = [j for j, name in enumerate(skeleton.joints) if "wrist" in name.lower()][:1]
    pose[10, hand] += 0.5 + np.abs(pose).max()
    assert outliers(pose, skeleton)[10, hand].all()


def test_what_is_stored_stays_as_it_is_while_what_is_read_is_mended(tmp_path):
    train = splits()["train"]
    poses = [pose.copy() for pose in train]
    poses[0][7, WRIST] += 0.5
    train = pack(poses, train.names, train.labels, train.subjects)
    folder = data_folder(tmp_path / "data", splits(train=train))
    stored = {path: path.read_bytes() for path in folder.rglob("*.npy")}
    plain, fixed = (
        load(config(data_root=folder, repair=way)).splits["train"] for way in ([], ["outliers"])
    )
    assert plain.seen is None and np.argwhere(~fixed.gather_seen()).tolist() == [[7, WRIST]]
    assert error(fixed[0], plain[0]) > 0.001 and fixed.digest != plain.digest
    assert {path: path.read_bytes() for path in folder.rglob("*.npy")} == stored


@pytest.mark.skipif(not REAL.is_dir(), reason="no recordings of real people beside the project")
@pytest.mark.parametrize("name", damages.SETS)
def test_real_people_get_back_what_was_damaged_and_keep_what_was_not(name):
    poses = list(damages.recordings(name, 6))
    for damage, way in {
        "gaps": "gaps",
        "lost": "gaps",
        "spikes": "outliers",
        "flips": "flips",
    }.items():
        rng, before, after = np.random.default_rng(1), 0, 0
        for true in poses:
            bad = getattr(damages, damage)(true, rng).astype(np.float32)
            body = complete(bad, H36M)
            before += error(body.pose, true)
            after += error(mended(body.pose, body.seen, H36M, [way])[0], true)
            kept = mended(true, None, H36M, [way])[0]
            assert error(kept, true) < 0.0005  # metres
        assert after < 0.8 * before, (damage, before, after)

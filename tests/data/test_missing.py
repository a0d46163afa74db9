"""Joints that a tracker did not see: recognised, filled in without motion, said by clip."""

import numpy as np
import pytest
from build import H36M, SEATED, clips, config, data_folder, moving, person, posture, splits
from data.findings import errors_of, find

from mbnb.clips import join
from mbnb.data.dataset import load, verify
from mbnb.data.missing import complete, moves, surely_whole
from mbnb.files import InputError
from mbnb.skeleton import load_skeleton

LEGS = H36M.index("L_Knee", "R_Knee", "L_Ankle", "R_Ankle")
LOWER = [*LEGS, *H36M.index("L_Hip", "R_Hip", "Pelvis")]
(WRIST,) = H36M.index("L_Wrist")


def gone(joints, mark, frames=slice(None), pose=None):
    """Somebody seated, some joints of whom are marked as not seen."""
    pose = moving(0, 3, 30) if pose is None else pose.copy()
    pose[frames, joints] = mark
    return pose


def unseen(body):
    return np.zeros((0, 2), int) if body.seen is None else np.argwhere(~body.seen)


@pytest.mark.parametrize("mark", [np.nan, 0.0, -1.0, 1e6, (np.nan, 0.1, 0.2)])
def test_however_a_tracker_marks_it_a_joint_was_not_seen(mark):
    body = complete(gone(WRIST, mark, slice(5, 9)), H36M)
    assert unseen(body).tolist() == [[t, WRIST] for t in range(5, 9)]
    assert not body.far
    filled = body.pose[4:10, WRIST]
    np.testing.assert_allclose(np.diff(filled, n=2, axis=0), 0, atol=1e-6)  # a straight line
    ends = complete(gone(WRIST, mark, slice(0, 5)), H36M).pose
    np.testing.assert_array_equal(ends[:5, WRIST], np.repeat(ends[5:6, WRIST], 5, 0))


@pytest.mark.parametrize("mark", [(1e-6, -2e-6, 0), (-0.0, 0, 1e-9), (-1, -1, 0), (-1, 5, 0.0)])
@pytest.mark.parametrize("frames", [slice(5, 9), slice(None)], ids=["some frames", "each frame"])
def test_nearly_zero_or_at_the_end_of_a_torn_bone_a_joint_was_not_seen(mark, frames):
    body = complete(gone(WRIST, mark, frames), H36M)
    assert unseen(body).tolist() == [[t, WRIST] for t in range(30)[frames]]
    pose = gone(WRIST, 0, frames)  # as where a tracker's zeros were centred along with the rest
    centred = complete(pose - pose[:, :1], H36M)
    assert unseen(centred).tolist() == [[t, WRIST] for t in range(30)[frames]]


def test_numbers_that_overflow_when_squared_are_far_off():
    with np.errstate(all="raise"):
        body = complete(gone(WRIST, (0.1, 1e30, 0.1), slice(5, 6)), H36M)
    assert unseen(body).tolist() == [[5, WRIST]] and body.far


def test_a_skeleton_that_is_centred_but_for_rounding_has_its_centre():
    pose = moving(1, 1)
    noise = np.random.default_rng(0).normal(0, 1e-7, (len(pose), 3))
    pose[:, 1:] -= pose[:, :1]
    pose[:, 0] = noise
    assert complete(pose, H36M).seen is None


def test_several_joints_that_keep_one_place_were_not_seen():
    pose = gone([*LEGS, WRIST], (-1.0, -1.0, 0.0))  # a picture's corner
    assert set(unseen(complete(pose, H36M))[:, 1]) == {*LEGS, WRIST}
    moving_together = moving(0, 3, 30)
    moving_together[:, 10] = moving_together[:, 9]  # a head without a top
    assert complete(moving_together, H36M).seen is None


def test_a_whole_body_is_left_as_it_is():
    for pose in (person(0), moving(1, 1), person(2, skeleton=load_skeleton("wholebody44"))):
        skeleton = H36M if pose.shape[1] == 17 else load_skeleton("wholebody44")
        body = complete(pose, skeleton)
        assert body.seen is None and body.pose is pose


@pytest.mark.parametrize("frames", [slice(None), slice(0, 1)], ids=["each frame", "the first"])
def test_the_joint_that_a_skeleton_is_centred_on_is_seen(frames):
    pose = moving(1, 1)
    pose = pose - (pose[:, :1] if frames == slice(None) else pose[0, 0])
    assert complete(pose, H36M).seen is None
    without = unseen(complete(gone([*LEGS, *H36M.index("L_Hip", "R_Hip")], 0.0, pose=pose), H36M))
    assert set(without[:, 1]) == {*LOWER} - {0}
    empty = complete(gone(slice(None), 0.0, slice(4, 6), pose=pose), H36M)
    assert set(unseen(empty)[:, 0]) == {4, 5} and (~empty.seen).sum() == 2 * 17


def test_joints_that_are_never_seen_rest_where_a_body_has_them():
    pose = moving(0, 3, 30)
    trunk = np.linalg.norm(pose[:, 8] - pose[:, 0], axis=-1).mean()
    for joints in (LEGS, LOWER, [WRIST]):
        body = complete(gone(joints, np.nan), H36M)
        assert set(unseen(body)[:, 1]) == set(joints)
        assert np.linalg.norm(body.pose - pose, axis=-1).mean(0).max() < 0.7 * trunk
        parents = [H36M.parents[joint] for joint in joints if joint]
        bones = body.pose[:, [joint for joint in joints if joint]] - body.pose[:, parents]
        if joints is not LOWER:  # there the spine moves between what is seen
            np.testing.assert_allclose(np.ptp(bones, axis=0), 0, atol=1e-5)


def test_one_absurd_coordinate_was_not_seen_either():
    body = complete(gone(WRIST, (0.2, 5e4, 2), slice(7, 8)), H36M)
    assert body.far and unseen(body).tolist() == [[7, WRIST]]
    jumped = moving(0, 3, 30)
    jumped[12] += 300  # the whole body, for a moment
    assert set(unseen(complete(jumped, H36M))[:, 0]) == {12}


@pytest.mark.parametrize(
    "pose, why",
    [
        (np.zeros((9, 17, 3), np.float32), "nothing is seen"),
        (np.full((9, 17, 3), np.nan, np.float32), "nothing is seen"),
        (np.full((9, 17, 3), 7.5, np.float32), "nothing is seen"),
        (gone(slice(None), 0.0, slice(1, None)), "in one frame only"),
        (gone(slice(7, 17), np.nan), "neither trunk nor head and shoulders"),
        (np.tile(np.float32([0.1, 0.2, 0.3]), (9, 17, 1)), "nothing is seen"),
        (moving(0, 3, 30)[:, [0, *range(1, 8), 0, *range(9, 17)]], "pelvis and neck are in one"),
    ],
)
def test_a_clip_without_a_body_is_of_no_use(pose, why):
    assert why in complete(pose, H36M)


def test_what_does_not_move_is_told_from_what_hardly_does():
    still = np.repeat(posture(SEATED)[None], 20, 0)
    noise = np.random.default_rng(0).normal(0, 0.001, still.shape)
    assert not moves(still, H36M) and not moves(1000 * still, H36M)
    assert moves(still + noise, H36M) and moves(person(0), H36M)


def spoiled_folder(tmp_path, packed):
    """A data set some clips of which are damaged in different ways."""
    train = splits()["train"]
    poses = {name: pose.copy() for name, pose in zip(train.names, train)}
    names = list(poses)
    poses[names[0]][:] = 0
    poses[names[1]][:, WRIST] = 0
    poses[names[2]][3:5, LEGS] = np.nan
    poses[names[3]][4, WRIST] = 1e5
    poses[names[4]][:] = poses[names[4]][:1]
    frames = np.concatenate(list(poses.values()))
    other = train.__class__(frames, *[getattr(train, key) for key in list(vars(train))[1:6]])
    return data_folder(tmp_path / "data", splits(train=other), packed=packed), names


@pytest.mark.parametrize("packed", [False, True])
def test_clips_are_named_and_the_others_go_on(tmp_path, packed):
    root, names = spoiled_folder(tmp_path, packed)
    table, train = verify(root), root / "train"
    assert not len(errors_of(table)) and len(table) == 4
    find(table, "warning", train, f"nothing is seen in 1 of 18 clips, left out: {names[0]}")
    words = f"not seen (NaN or 0, 0, 0) in 2 of 18 clips ({names[1]}, {names[2]})"
    find(table, "warning", train, words)
    find(table, "warning", train, f"far off the body in 1 of 18 clips ({names[3]})")
    find(table, "warning", train, f"nothing moves in 1 of 18 clips: {names[4]}")
    data = load(config(data_root=root))
    assert len(data.doubts) == 4 and all(
        f"warning: {doubt}" in data.describe() for doubt in data.doubts
    )
    clips = data.splits["train"]
    assert names[0] not in clips.names and np.isfinite(clips.frames).all()
    assert np.abs(clips.frames).max() < 5
    assert np.isnan(clips.drawn(0)[:, WRIST]).all() and not np.isnan(clips.drawn(4)).any()


def test_the_mask_goes_where_the_clips_go(tmp_path, monkeypatch):
    monkeypatch.setattr("mbnb.data.cache.WORTH", 1)
    monkeypatch.setattr("mbnb.data.cache.ROOT", tmp_path / "checkout")
    root, _ = spoiled_folder(tmp_path, False)
    first, cached = (load(config(data_root=root)) for _ in range(2))
    assert isinstance(cached.splits["train"].frames, np.memmap)
    assert first.doubts == cached.doubts
    train, val = cached.splits["train"], cached.splits["val"]
    np.testing.assert_array_equal(train.seen, first.splits["train"].seen)
    both = join([val, train.take(np.array([1, 0]))])
    last = len(both) - 1
    np.testing.assert_array_equal(both.drawn(last), train.drawn(0))
    assert both.seen_in(0) is None
    again = data_folder(tmp_path / "again", {"train": both})
    reread = load(config(data_root=again, val_fraction=0.0)).splits["train"]
    np.testing.assert_array_equal(reread.gather_seen(), both.gather_seen())
    np.testing.assert_allclose(reread.gather(), both.gather(), atol=1e-6)


def test_a_split_in_which_nobody_is_seen_is_an_error(tmp_path):
    nobody = clips("ab", [0, 8], pose=lambda label, seed: np.zeros((9, 17, 3), np.float32))
    root = data_folder(tmp_path / "data", splits(train=nobody))
    find(verify(root), "error", root / "train", "no clip is left")
    with pytest.raises(InputError, match="in none a person can be seen"):
        load(config(data_root=root))


def test_clips_that_were_filled_up_are_said_by_name(tmp_path):
    one = clips("ab", [0, 8, 17])
    longer = [np.concatenate([pose, np.repeat(pose[-1:], 50, 0)]) for pose in one]
    padded = clips("ab", [0, 8, 17], pose=lambda label, seed: longer[seed])
    table = verify(data_folder(tmp_path / "data", splits(train=padded)))
    words = f"most frames repeat the one before in 6 of 6 clips: {one.names[0]}, "
    find(table, "warning", tmp_path / "data" / "train", words)
    assert len(table) == 1


def test_a_hand_that_is_lost_for_a_while_stays_at_its_wrist():
    whole = load_skeleton("wholebody44")
    pose = np.zeros((30, 44, 3), np.float32)
    for i, name in enumerate(whole.joints):
        near = (
            name if name in SEATED else f"{name[0]}_Wrist" if whole.parts[i] == "hand" else "Head"
        )
        pose[:, i] = np.array(SEATED[near]) + [0.002 * i, 0.001 * i, 0.01]
    arm = whole.index("L_Wrist", "L_Hand", "L_Index")
    pose[:, arm] += np.linspace(0, 0.5, 30)[:, None, None] * np.float32([0, -1, 0])
    true, lost = pose.copy(), slice(10, 30)  # it is gone to the end, while the arm goes up
    pose[lost, whole.index("L_Hand")[0]] = pose[lost, whole.index("L_Index")[0]] = np.nan
    body = complete(pose, whole)
    assert not body.seen[lost, whole.index("L_Index")[0]].any()
    np.testing.assert_allclose(body.pose[:, arm], true[:, arm], atol=1e-5)


def test_what_is_told_of_many_clips_at_once_is_told_of_each():
    """Nothing that needs a look is passed over, and most whole clips are told at once."""
    rng = np.random.default_rng(0)
    poses = [person(i, 60 if i % 2 else None) for i in range(60)]
    whole = surely_whole(poses, H36M)
    assert whole.mean() > 0.9
    spoilt = []
    for i, pose in enumerate(poses):
        frame, joint = rng.integers(len(pose)), rng.integers(17)
        value = ([np.nan] * 3, [0, 0, 0], [9e5, 0, 1], [-1, -1, -1], [0, 0, 30])[i % 5]
        pose = pose.copy()
        pose[frame : frame + 4, joint] = pose[frame, joint] + 1e-9 if i % 7 == 0 else value
        spoilt.append(pose)
    for pose, is_whole in zip([*poses, *spoilt], [*whole, *surely_whole(spoilt, H36M)]):
        body = complete(pose, H36M)
        assert not is_whole or (body.seen is None and body.pose is pose)


def test_a_frame_whose_joints_are_in_one_point_says_nothing_of_the_others():
    pose = person(0, 30)
    seen = H36M.index("R_Hip", "L_Hip", "L_Knee", "L_Shoulder", "R_Wrist")
    pose[0] = np.nan
    pose[0, seen] = -0.7, 0, 0
    assert np.isfinite(complete(pose, H36M).pose).all()

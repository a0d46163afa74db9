"""Joints in pictures, without depth: read, trained on, asked about, and refused where they must."""

import numpy as np
import pytest
from build import CLASSES, H36M, clips, config, data_set, moving, splits
from run.headless import command_line

from mbnb.classes import write_classes
from mbnb.data.dataset import load, verify
from mbnb.data.flat import flat_body
from mbnb.files import InputError
from mbnb.train import train

FLAT = dict(without_depth=True, init_from="", val_fraction=0.0)


def picture(pose, seed=0):
    """(T, 17, 3) pixels and confidences of somebody whom a camera two metres away sees."""
    belief = np.random.default_rng(seed).uniform(0.5, 1, pose.shape[:2])
    places = 400 + 500 * pose[..., :2] / pose[..., 2:]
    return np.concatenate([places, belief[..., None]], -1).astype(np.float32)


def errors_of(folder):
    """What would break a training on it."""
    table = verify(folder)
    return table["problem"][table["severity"] == "error"].tolist()


def folder_of(root, spoil=lambda i, joints: joints, name="pose_2d.npy"):
    """A data set of pictures in the documented layout."""
    people = dict(train=clips("abc", [0, 1, 2, 3], pose=moving, classes=CLASSES))
    people["test"] = clips("de", [0, 1, 2, 3], "test", pose=moving, seed=50, classes=CLASSES)
    for split, some in people.items():
        lines = [f"{clip} {label}\n" for clip, label in zip(some.names, some.labels)]
        for i, (clip, pose) in enumerate(zip(some.names, some)):
            (root / split / clip).mkdir(parents=True)
            np.save(root / split / clip / name, spoil(i, picture(pose, i)))
        (root / f"{split}_labels.txt").write_text("".join(lines))
    write_classes(CLASSES, root / "classes.csv")
    rows = [f"{c},{s}\n" for some in people.values() for c, s in zip(some.names, some.subjects)]
    (root / "subjects.csv").write_text("clip,subject\n" + "".join(rows))
    return root


def test_a_picture_in_any_size_and_place_is_the_same_clip():
    joints = picture(moving(0, 1))
    elsewhere = joints * (3, 3, 1) + (90, -40, 0)
    one, other = (flat_body(some, H36M).pose for some in (joints, elsewhere))
    np.testing.assert_allclose(one, other, atol=1e-4)
    assert not one[..., 2].any()
    trunk = np.linalg.norm(one[:, 8] - one[:, 0], axis=-1)
    assert 0.3 < np.median(trunk) < 0.8  # about a person's, in metres
    np.testing.assert_allclose(flat_body(joints[..., :2], H36M).pose, one)


def test_what_a_detector_does_not_believe_in_was_not_seen():
    joints = picture(moving(0, 1, 30))
    joints[3:6, 13] = (900, 900, 0.1)
    joints[7:9, 16] = 0
    joints[:, 6, 2] = np.nan
    body = flat_body(joints, H36M)
    unseen = {(t, 13) for t in (3, 4, 5)} | {(t, 16) for t in (7, 8)} | {(t, 6) for t in range(30)}
    assert {tuple(row) for row in np.argwhere(~body.seen)} == unseen
    assert np.isfinite(body.pose).all() and np.abs(body.pose).max() < 2
    assert flat_body(np.zeros((9, 17, 3)), H36M) == "nothing is seen"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("flat") / "pictures")


def test_pictures_are_a_data_set_without_depth(pictures):
    assert verify(pictures).empty
    data = load(config(data_root=pictures))
    assert data.without_depth and any("without depth" in note for note in data.notes)
    assert not data.splits["train"].gather()[..., 2].any()


def test_actions_are_learned_from_pictures_and_told_in_new_ones(pictures, tmp_path):
    about = dict(data_root=pictures, outputs=tmp_path, run="flat", **FLAT)
    history = train(config(**about), load(config(**about)))
    assert np.isfinite(history["train_loss"]).all()
    done = command_line("predict", tmp_path / "flat", pictures)
    assert done.exit_code == 0 and done.stdout.count("\n") == 9


def test_a_model_that_needs_depth_says_so_in_a_line(pictures, tmp_path):
    about = dict(data_root=pictures, outputs=tmp_path, run="deep")
    for settings in ({}, dict(recipe="parity", without_depth=True)):
        with pytest.raises(InputError, match="without depth.*`without_depth: true`.*mbnb lift"):
            train(config(**about, **settings), load(config(**about, **settings)))
    deep = config(outputs=tmp_path, run="deep", val_fraction=0.0, init_from="", epochs=1)
    parts = dict(train=clips("abc", [0, 1, 2, 3], pose=moving, classes=CLASSES))
    train(deep, data_set(parts))
    done = command_line("predict", tmp_path / "deep", pictures)
    assert done.exit_code == 2 and "was trained on joints with depth" in done.stderr


def test_confidences_are_not_taken_for_depth(tmp_path):
    errors = errors_of(folder_of(tmp_path / "mistaken", name="pose_3d.npy"))
    assert len(errors) == 1 and "call such files pose_2d.npy" in errors[0]
    upside_down = folder_of(tmp_path / "up", lambda i, joints: joints * (1, -1, 1))
    assert any("y is up instead of down" in error for error in errors_of(upside_down))
    mixed = folder_of(tmp_path / "mixed")
    some = sorted((mixed / "train").iterdir())[2]
    np.save(some / "pose_3d.npy", splits()["train"][0])
    assert any("pose_2d.npy alone" in error for error in errors_of(mixed))

"""Folders and packed splits: damage of every kind is one clear error."""

import dataclasses
import unicodedata

import numpy as np
import pytest
from build import clips, config, data_folder, person, splits
from data.findings import errors_of, find

from mbnb.data.dataset import load, verify
from mbnb.files import InputError
from mbnb.skeleton import load_skeleton


def save_packed(path, **changes):
    """Write a sound `train.npz`, changed in one or two of its arrays, or without them (None)."""
    train = splits()["train"]
    arrays = dict(
        frames=train.frames,
        offsets=np.append(0, train.lengths.cumsum()),
        clip_names=np.array(train.names),
    )
    np.savez(path, **{k: array for k, array in (arrays | changes).items() if array is not None})


@pytest.mark.parametrize(
    "changes, words",
    [
        (dict(frames=None), "expected an npz with frames, offsets and clip_names"),
        (dict(offsets=np.arange(5)), "expected offsets rising from 0"),
        (dict(offsets=np.arange(19) * 1.0), "offsets (N + 1,) of whole numbers"),
        (dict(offsets=np.zeros((0,), np.int64)), "expected offsets rising from 0"),
        (dict(offsets=np.array(3)), "expected frames (sum T, J, 3), offsets (N + 1,)"),
        (dict(clip_names=np.array("one")), "clip_names (N,) of text"),
        (dict(clip_names=np.array(list(range(18)))), "clip_names (N,) of text"),
        (dict(clip_names=np.array([{}] * 18, object)), "expected an npz with frames, offsets"),
        (dict(frames=np.array(None, object)), "expected an npz with frames, offsets"),
        (dict(frames=np.array(3.0)), "expected frames (sum T, J, 3)"),
        (dict(clip_names=np.array(["../x"] * 18)), "plain names of clips, found the path '../x'"),
    ],
)
def test_a_broken_packed_split_is_one_clear_error(changes, words, tmp_path):
    root = data_folder(tmp_path / "data", splits(), packed=True)
    save_packed(root / "train.npz", **changes)
    errors = errors_of(verify(root))
    assert words in " ".join(errors["problem"])
    assert set(errors["file"]) == {str(root / "train.npz")}
    assert len(errors) <= 2
    with pytest.raises(InputError, match=r"train\.npz"):
        load(config(data_root=root))


@pytest.fixture
def packed(tmp_path):
    """A packed data set."""
    return data_folder(tmp_path / "data", splits(), packed=True)


def test_a_damaged_packed_file_is_an_error(packed):
    train = packed / "train.npz"
    whole = train.read_bytes()
    for content in (whole[:-100], whole[:2000] + whole[2100:], b"", b"text", whole[:40]):
        train.write_bytes(content)
        assert set(errors_of(verify(packed))["file"]) == {str(train)}
    with open(train, "wb") as file:
        np.save(file, person(0))
    find(verify(packed), "error", train, "expected an npz with frames")


def test_a_packed_file_that_lies_elsewhere_is_not_followed(packed, tmp_path):
    train = (packed / "train.npz").rename(tmp_path / "elsewhere.npz")
    (packed / "train.npz").symlink_to(train)
    words = "leads out of the data folder and is not followed"
    find(verify(packed), "error", packed / "train.npz", words)


def test_faults_within_a_packed_file_are_named_by_clip(packed):
    train, path = splits()["train"], packed / "train.npz"
    frames, names = train.frames.copy(), list(train.names)
    frames[0, 0, 0] = np.inf
    save_packed(path, frames=frames, clip_names=np.array([*names[:2], names[1], *names[3:]]))
    table = verify(packed)
    words = "infinite values, 1 in all, first in frame 0 at Pelvis"
    find(table, "error", path / names[0], words)
    find(table, "error", path, f"the clip {names[1]} is in it 2 times")
    find(table, "error", packed / "train_labels.txt", f"no clip {names[2]}", 3)


def test_an_unlabelled_packed_split_may_not_name_paths(packed):
    (packed / "test_labels.txt").unlink()
    two = splits()["test"].take(np.array([0, 0]))
    np.savez(
        packed / "test.npz",
        frames=two.gather(),
        offsets=np.append(0, two.lengths.cumsum()),
        clip_names=np.array(["/etc/one", "/etc/two"]),
    )
    find(verify(packed), "error", packed / "test.npz", "found the path '/etc/one'")


def test_missing_and_empty_parts(tmp_path):
    find(verify(tmp_path / "none"), "error", tmp_path / "none", "expected a folder")
    find(verify(tmp_path), "error", tmp_path, "found no split")
    (tmp_path / "train").mkdir()
    (tmp_path / "test_labels.txt").write_text("x 0\n")
    labels = tmp_path / "train_labels.txt"
    table = verify(tmp_path)
    find(table, "error", labels, "found no such file")
    find(table, "error", tmp_path / "train", "expected clips, found none")
    find(table, "error", tmp_path / "test_labels.txt", "labels without clips")
    labels.write_text("# nothing\n")
    find(verify(tmp_path), "error", labels, "expected clips, found none")
    labels.write_bytes(b"\xff\xfe\x00")
    find(verify(tmp_path), "error", labels, "cannot be read as text")
    with pytest.raises(InputError, match="expected a folder"):
        load(config(data_root=tmp_path / "none"))


def clip_paths(root, split="train"):
    """The folders of a split's clips."""
    return sorted((root / split).iterdir())


def test_a_split_that_lies_elsewhere_is_one_error(tmp_path):
    root = data_folder(tmp_path / "data", splits())
    (root / "train").rename(tmp_path / "other disk")
    (root / "train").symlink_to(tmp_path / "other disk")
    table = verify(root)
    words = f"is not followed: put here what lies in '{tmp_path}/other disk'"
    find(table, "error", root / "train", words)
    assert len(table) == 1
    (tmp_path / "other disk").rename(tmp_path / "gone")
    find(verify(root), "error", root / "train", "is a link to '")
    (root / "train").unlink()
    (tmp_path / "gone").rename(root / "Train")
    table = verify(root)
    words = "expected train/ or train.npz beside it, found Train, test, val"
    find(table, "error", root / "train_labels.txt", words)
    assert len(table) == 1


def test_a_data_set_that_is_a_link_as_a_whole_is_read(tmp_path):
    data_folder(tmp_path / "data", splits())
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert not len(verify(tmp_path / "link"))


def test_many_errors_of_one_kind_are_one_with_their_number(tmp_path):
    root = data_folder(tmp_path / "data", splits())
    first, *others = clip_paths(root)
    for path in (first, *others):
        np.save(path / "pose_3d.npy", np.zeros((30, 16, 3), np.float32))
    labels = root / "val_labels.txt"
    labels.write_text(labels.read_text().replace(" ", " x") + "one 1.5\n")
    table = verify(root)
    words = "found (30, 16, 3) (the first of 18 of this kind, then B3_a_train1/pose_3d.npy, "
    find(table, "error", first / "pose_3d.npy", words)
    words = "(the first of 5 of this kind, then on lines 2, 3, 4 and 1 more)"
    find(table, "error", labels, words, 1)
    assert len(errors_of(table)) == 2
    for path in (first, *others):
        (path / "pose_3d.npy").rename(path / "keypoints.npy")
    words = "no such file; there are keypoints.npy (the first of 18"
    find(verify(root), "error", first / "pose_3d.npy", words)


def test_clips_that_lie_where_nobody_looks_are_said(tmp_path):
    root = data_folder(tmp_path / "data", splits())
    (root / "val").rename(root / "validation")
    (root / "val_labels.txt").unlink()
    find(verify(root), "warning", root, "clips in validation are left out: splits are called train")
    (root / "train").rename(root / "deep")
    (root / "train").mkdir()
    (root / "deep").rename(root / "train" / "all")
    find(verify(root), "error", root / "train", "clips lie a folder too deep, such as all/")


def test_what_operating_systems_leave_behind_is_passed_over(tmp_path):
    root = data_folder(tmp_path / "data", splits())
    (root / "test_labels.txt").unlink()
    for name in ("._a", ".DS_Store", "Thumbs.db", "desktop.ini", "Icon\r"):
        (root / "test" / name).write_text("")
    for name in ("__MACOSX", "@eaDir"):
        (root / "test" / name).mkdir()
    assert not len(verify(root))
    (root / "test" / "notes.txt").write_text("")
    find(
        verify(root),
        "warning",
        root / "test",
        "found 1 files beside them, which are left out: notes",
    )


def test_names_of_macs_and_windows_are_the_names_of_lists(tmp_path):
    train = dataclasses.replace(clips("abc", [0]), names=("ü one", "two", "three"))
    root = data_folder(tmp_path / "data", {"train": train})
    one, three, two = clip_paths(root)[2], clip_paths(root)[0], clip_paths(root)[1]
    one.rename(root / "train" / unicodedata.normalize("NFD", "ü one"))
    two.rename(root / "train" / "two ")
    three.rename(root / "train" / "three.MOV")
    assert not len(verify(root))
    data = load(config(data_root=root, val_fraction=0))
    assert data.splits["train"].names == train.names and data.known_people
    (root / "train" / "two").mkdir()
    find(verify(root), "error", root / "train" / "two ", "is the clip 'two' a second time")


def test_the_skeleton_setting_decides_the_number_of_joints(tmp_path):
    train = clips("abc", [0, 8], skeleton=load_skeleton("wholebody44"))
    root = data_folder(tmp_path / "data", {"train": train}, packed=True)
    data = load(config(data_root=root, skeleton="wholebody44"))
    assert data.splits["train"].frames.shape[1:] == (44, 3)
    assert len(data.skeleton) == 44
    with pytest.raises(InputError, match=r"expected the shape \(T, 17, 3\), found \(\d+, 44, 3\)"):
        load(config(data_root=root))

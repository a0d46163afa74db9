"""A data set that is written reads back equal, in both layouts."""

import numpy as np
import pytest
from build import DOCUMENT, clips, config, data_folder, splits

from mbnb.clips import UNLABELLED, Clips
from mbnb.data.dataset import load, verify
from mbnb.files import InputError


def assert_equal(a: Clips, b: Clips):
    assert (a.names, a.subjects) == (b.names, b.subjects)
    assert (a.labels.tolist(), a.lengths.tolist()) == (b.labels.tolist(), b.lengths.tolist())
    assert np.array_equal(a.gather(), b.gather())
    assert a.frames.dtype == b.frames.dtype == np.float32


def test_both_layouts_read_back_equal(tmp_path):
    written = splits()
    folders = data_folder(tmp_path / "folders", written)
    packed = data_folder(tmp_path / "packed", written, packed=True)
    pose = np.load(folders / "train" / "A1_a_train0" / "pose_3d.npy")
    assert pose.shape[1:] == (17, 3)
    assert sorted(path.name for path in packed.iterdir()) == [
        "classes.csv",
        "subjects.csv",
        "test.npz",
        "test_labels.txt",
        "train.npz",
        "train_labels.txt",
        "val.npz",
        "val_labels.txt",
    ]
    read = [load(config(data_root=root)) for root in (folders, packed)]
    for data in read:
        assert len(verify(data.root)) == 0
        assert data.splits.keys() == written.keys()
        assert data.classes == DOCUMENT
        assert (data.known_people, data.simulated) == (True, False)
        for split in written:
            assert_equal(data.splits[split], written[split])
    assert read[0].fingerprint() == read[1].fingerprint()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("label_file", ["all zero", "none"])
def test_an_unlabelled_test_split_is_taken_as_such(packed, label_file, tmp_path):
    unlabelled = clips("ij", [UNLABELLED] * 2, "test", seed=50)
    root = data_folder(tmp_path / "data", splits(test=unlabelled), packed=packed)
    assert not (root / "test_labels.txt").exists()
    if label_file == "all zero":  # as in the official test list
        lines = [f"{name}.mp4 0\n" for name in unlabelled.names]
        (root / "test_labels.txt").write_text("".join(lines))
    data = load(config(data_root=root))
    assert not data.splits["test"].labelled
    assert_equal(data.splits["test"], unlabelled)
    assert any("test is unlabelled" in note for note in data.notes)
    assert "test 4 (unlabelled)" in data.describe()
    assert data.splits["val"].labelled


def test_one_unlabelled_clip_stays_unlabelled_and_half_labelled_splits_are_refused(tmp_path):
    root = data_folder(tmp_path / "data", {"test": clips("i", [UNLABELLED], "test")})
    assert not load(config(data_root=root)).splits["test"].labelled
    with pytest.raises(InputError, match="1 of 2 have none"):
        data_folder(tmp_path / "half", {"train": clips("i", [3, UNLABELLED])})
    assert not (tmp_path / "half").exists()

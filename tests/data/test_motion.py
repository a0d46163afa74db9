"""Recordings without classes: from files and folders, at one rate, people kept apart."""

import numpy as np
import pytest
from build import clips, config, data_folder, splits

from mbnb.data.motion import at_rate, load_motion
from mbnb.files import InputError


def packed(path, people, split, fps=30.0, frames=20):
    """An npz with a clip of each person."""
    poses = clips(people, [0] * len(people), "train").frames[: frames * len(people)]
    names = [f"{path.stem}_{i}" for i in range(len(people))]
    offsets = np.arange(len(people) + 1) * (len(poses) // len(people))
    np.savez(
        path,
        frames=poses[: offsets[-1]].astype(np.float16),
        offsets=offsets,
        clip_names=np.array(names),
        subject=np.array(list(people)),
        split=np.array(split),
        kind=np.array(["walk"] * len(people)),
        fps=np.float32(fps),
    )
    return str(path)


def test_files_and_folders_become_one_and_labels_are_not_looked_at(tmp_path):
    file = packed(tmp_path / "moves.npz", "xyz", ["train", "train", "test"])
    folder = str(data_folder(tmp_path / "data", splits()))
    motion = load_motion(config(motion=[file, folder], val_fraction=0.0))
    train, test = motion.splits["train"], motion.splits["test"]
    assert {"x", "y"} < set(train.subjects) and "z" in test.subjects
    assert set(train.labels) == {0} and train.frames.dtype == np.float32
    assert motion.kinds["train"][:2] == ("walk", "walk") and motion.kinds["train"][-1] == ""


def test_other_rates_are_brought_to_that_of_the_settings(tmp_path):
    file = packed(tmp_path / "fast.npz", "x", ["train"], fps=60.0)
    assert load_motion(config(motion=[file])).splits["train"].lengths.tolist() == [10]
    ramp = np.arange(9.0)[:, None, None] * np.ones((1, 17, 3))
    np.testing.assert_allclose(at_rate(ramp, 50, 30)[:, 0, 0], np.arange(0, 8.01, 50 / 30))


def test_people_of_test_are_in_nobodys_train(tmp_path):
    one = packed(tmp_path / "one.npz", "xy", ["train", "test"])
    other = packed(tmp_path / "other.npz", "y", ["train"])
    with pytest.raises(InputError, match="people of test are in train, too: y"):
        load_motion(config(motion=[one, other]))
    with pytest.raises(InputError, match="found 'dev'"):
        load_motion(config(motion=[packed(tmp_path / "odd.npz", "x", ["dev"])]))


def test_real_recordings_are_read_as_they_are_described(shared):
    motion = load_motion(config(motion=[str(shared / "real" / "mocap.npz")], val_fraction=0.0))
    train, test = motion.splits["train"], motion.splits["test"]
    assert (len(set(train.subjects)), len(set(test.subjects))) == (23, 9)
    assert len(train) + len(test) == 509 and "walk" in motion.kinds["test"]

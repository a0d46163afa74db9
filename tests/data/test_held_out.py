"""People held out from train: nobody is on both sides, whatever the data set."""

import numpy as np
import pytest
from build import clips, config, data_folder

from mbnb.data.dataset import load, people_overlap
from mbnb.data.held_out import take_few
from mbnb.files import InputError


def test_people_are_held_out_where_there_is_no_val_split(tmp_path):
    people = [f"p{i}" for i in range(14)]
    root = data_folder(tmp_path / "data", {"train": clips(people, [0, 8, 17, 40])})
    people_of_fold = {}
    for fold, seed in ((0, 0), (0, 1), (1, 0)):
        data = load(config(data_root=root, fold=fold, seed=seed))
        train, val = data.splits["train"], data.splits["val"]
        assert not set(train.subjects) & set(val.subjects)
        assert len(train) + len(val) == 56
        assert len(set(val.subjects)) == 2
        assert set(val.labels) == {0, 8, 17, 40}
        assert any("2 of 14 people were held out" in note for note in data.notes)
        same = people_of_fold.setdefault(fold, val.subjects)
        assert same == val.subjects, "the same people whatever the seed"
    assert people_of_fold[0] != people_of_fold[1]
    assert people_overlap(data).to_numpy().tolist() == [[12, 0], [0, 2]]
    half = load(config(data_root=root, val_fraction=0.5))
    assert len(set(half.splits["val"].subjects)) == 7
    assert "val" not in load(config(data_root=root, val_fraction=0)).splits


def test_folds_leave_everybody_out_once(tmp_path):
    train = clips([f"p{i}" for i in range(6)], [0, 8])
    test = clips(["p6", "p7"], [0, 8], "test", seed=50)
    root = data_folder(tmp_path / "data", {"train": train, "test": test})
    thirds = [
        load(config(data_root=root, val_fraction=0.34, fold=fold)).splits for fold in range(3)
    ]
    held_out = [set(splits["val"].subjects) for splits in thirds]
    assert set.union(*held_out) == {f"p{i}" for i in range(6)} and sum(map(len, held_out)) == 6
    for splits, people in zip(thirds, held_out):
        assert not set(splits["train"].subjects) & people
    alone = [
        load(config(data_root=root, val_fraction=1 / 8, fold=fold, pool=True)).splits
        for fold in range(8)
    ]
    assert [set(splits["val"].subjects) for splits in alone] == [{f"p{i}"} for i in range(8)]
    assert all(len(splits["train"]) == 14 and "test" not in splits for splits in alone)
    with pytest.raises(InputError, match="'fold': expected below 6"):
        load(config(data_root=root, val_fraction=0.1, fold=7))


def test_folds_of_data_with_a_val_split_are_refused(tmp_path):
    train = clips([f"p{i}" for i in range(8)], [0, 8])
    val = clips([f"q{i}" for i in range(3)], [0, 8], "val", seed=50)
    root = data_folder(tmp_path / "data", {"train": train, "val": val})
    assert len(load(config(data_root=root)).splits["val"]) == 6
    with pytest.raises(InputError, match="'fold': 1, but .*data has a val split of its own"):
        load(config(data_root=root, fold=1))
    pooled = load(config(data_root=root, fold=1, pool=True))
    assert len(set(pooled.splits["val"].subjects)) == 2
    assert any("train and val were pooled" in note for note in pooled.notes)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    "people, labels", [("abc", [0]), ("ab", [0, 1]), ("abcde", [0, 1, 2]), ("a", [0, 1, 2])]
)
def test_holding_out_works_for_the_smallest_data_sets(people, labels, known, seed, tmp_path):
    root = data_folder(tmp_path / "data", {"train": clips(people, labels)})
    if not known:
        (root / "subjects.csv").unlink()
    data = load(config(data_root=root, seed=seed))
    if len(people) == 1 and known:
        assert list(data.splits) == ["train"]
        assert any("one person only" in note for note in data.notes)
    else:
        train, val = data.splits["train"], data.splits["val"]
        assert len(train) > 0 < len(val)
        assert len(train) + len(val) == len(people) * len(labels)
        assert not set(train.subjects) & set(val.subjects)


def test_few_clips_are_a_part_of_more_and_shared_among_people():
    everybody = clips("abcd", [0, 0, 0, 1, 1, 1], "train")
    two = take_few(everybody, 0, 2, seed=0)
    assert np.bincount(two.labels).tolist() == [2, 2]
    for label in (0, 1):
        assert len({two.subjects[i] for i in np.flatnonzero(two.labels == label)}) == 2
    four = take_few(everybody, 0, 4, seed=0)
    assert set(two.names) < set(four.names) and len(set(four.subjects)) == 4
    alone = take_few(everybody, 1, 2, seed=0)
    assert len(set(alone.subjects)) == 1 and len(alone) == 4
    assert set(alone.subjects) <= set(take_few(everybody, 2, 0, seed=0).subjects)
    assert len(take_few(everybody, 0, 0, seed=0)) == len(everybody)

"""The cache of a data set: it is read once, and again where anything has changed."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from build import config, data_folder, person, splits

from mbnb.data import dataset
from mbnb.data.dataset import load
from mbnb.files import InputError


@pytest.fixture
def cached(monkeypatch, tmp_path):
    """A small data set worth a cache, the folder of caches, and a row for each reading."""
    monkeypatch.setattr("mbnb.data.cache.WORTH", 1)
    monkeypatch.setattr("mbnb.data.cache.ROOT", tmp_path / "checkout")
    readings = []
    read = dataset._read
    monkeypatch.setattr(dataset, "_read", lambda *values: readings.append(1) or read(*values))
    root = data_folder(tmp_path / "data", splits())
    return root, tmp_path / "checkout" / "data" / "cache", readings


def test_a_data_set_is_read_once_and_then_taken_from_its_cache(cached):
    root, caches, readings = cached
    first, again = load(config(data_root=root)), load(config(data_root=root))
    assert len(readings) == 1 and len(list(caches.iterdir())) == 1
    assert isinstance(again.splits["train"].frames, np.memmap)
    for split, clips in first.splits.items():
        np.testing.assert_array_equal(again.splits[split].gather(), clips.gather())
        assert again.splits[split].names == clips.names
    for value in ("notes", "known_people", "classes", "simulated"):
        assert getattr(first, value) == getattr(again, value)
    assert first.fingerprint() == again.fingerprint()


def relabel(root):
    path = root / "train_labels.txt"
    path.write_text(path.read_text().replace(" 8\n", " 17\n"))


@pytest.mark.parametrize(
    "change",
    [
        lambda root: np.save(next(root.glob("train/*/pose_3d.npy")), person(77, 9)),
        lambda root: shutil.rmtree(next(root.glob("val/*"))),
        lambda root: (root / "subjects.csv").unlink(),
        relabel,
    ],
    ids=["a clip", "a clip less", "no people", "labels"],
)
def test_a_change_of_the_data_makes_a_new_cache_and_removes_the_old_one(cached, change):
    root, caches, readings = cached
    before = load(config(data_root=root)).fingerprint()
    change(root)
    try:
        after = load(config(data_root=root)).fingerprint()
    except InputError:  # a label without its clip
        after = None
    assert len(readings) == 2 and before != after
    assert len(list(caches.iterdir())) == 1
    if after:
        assert load(config(data_root=root, val_fraction=0.0)).fingerprint() == after


def test_another_reader_reads_anew_whichever_of_its_files_has_changed(
    cached, monkeypatch, tmp_path
):
    root, _, readings = cached
    room = shutil.copytree(Path(dataset.__file__).parent, tmp_path / "room")
    monkeypatch.setattr(dataset, "__file__", str(room / "dataset.py"))
    load(config(data_root=root))
    files = sorted(room.glob("*.py"))
    for path in files:
        path.write_text(path.read_text() + "# changed\n")
        load(config(data_root=root))
    assert len(readings) == 1 + len(files)


def test_a_faulty_data_set_is_not_cached_and_an_unwritable_cache_is_no_fault(cached):
    root, caches, _ = cached
    pose = next(root.glob("train/*/pose_3d.npy"))
    sound = pose.read_bytes()
    np.save(pose, np.full((5, 17, 3), np.inf))
    for _ in range(2):
        with pytest.raises(InputError, match="infinite"):
            load(config(data_root=root))
    assert not caches.exists()
    pose.write_bytes(sound)
    caches.parent.mkdir(parents=True)
    caches.write_text("in the way")
    assert len(load(config(data_root=root)).splits["train"]) == 18


@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "with gaps"])
def test_what_is_large_is_mapped_where_it_lies_and_copied_only_if_filled_in(
    cached, monkeypatch, tmp_path, gaps
):
    _, caches, _ = cached
    parts = splits()
    if gaps:
        seen = np.ones(parts["train"].frames.shape[:2], bool)
        seen[3:6, 13] = False
        parts["train"] = dataclasses.replace(parts["train"], seen=seen)
    in_folders = load(config(data_root=data_folder(tmp_path / "folders", parts))).splits["train"]
    expected = {name: in_folders.drawn(i) for i, name in enumerate(in_folders.names)}
    shutil.rmtree(caches)
    root = data_folder(tmp_path / "packed", parts, packed=True)
    labels = root / "train_labels.txt"  # in another order than the clips
    labels.write_text("\n".join(reversed(labels.read_text().split("\n"))))
    content = (root / "train.npz").read_bytes()
    monkeypatch.setattr("mbnb.formats.arrays.MAPPED", 0)
    for _ in ("read", "from the cache"):
        train = load(config(data_root=root)).splits["train"]
        assert isinstance(train.frames, np.memmap) and train.names == in_folders.names[::-1]
        for i, name in enumerate(train.names):
            np.testing.assert_array_equal(train.drawn(i), expected[name])
    assert (root / "train.npz").read_bytes() == content
    copies = {path.name for path in caches.glob("*/*.npy")}
    assert copies == ({"train.npy", "train_seen.npy"} if gaps else set())
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 1
    (root / "train.npz").write_bytes(damaged)
    with pytest.raises(InputError, match="Bad CRC-32"):
        load(config(data_root=root))

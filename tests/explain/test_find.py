"""Clips like another one: found by what moves, kept by the collection's state, or refused."""

import numpy as np
import pandas as pd
import pytest
from build import CLASSES, clips, config, data_folder, moving
from run.headless import command_line

from mbnb.data.dataset import load
from mbnb.explain import find as alike
from mbnb.files import InputError
from mbnb.model.shipped import find_weights
from mbnb.train import train


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Where vectors are kept, in place of the checkout's own cache."""
    monkeypatch.setattr("mbnb.data.cache.ROOT", tmp_path / "checkout")
    return tmp_path / "checkout" / "data" / "cache"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty clips of ten people in train, and eight of two others in test."""
    splits = {
        "train": clips("abcdefghij", [0, 2, 3], pose=moving, classes=CLASSES),
        "test": clips("kl", [0, 1, 2, 3], "test", pose=moving, seed=70, classes=CLASSES),
    }
    return data_folder(tmp_path_factory.mktemp("collection") / "data", splits, CLASSES)


def settings(folder, **others):
    return config(data_root=folder, val_fraction=0.0, **others)


def test_the_encoder_finds_the_same_movement_and_itself_under_another_name(folder, kept, tmp_path):
    encoder = find_weights("encoder")
    names = load(settings(folder)).splits["test"].names
    found = alike.find(settings(folder), names[0], encoder, count=40)
    assert names[0] not in set(found.table["clip"]) and len(found.table) == 37
    assert found.table["cosine"].is_monotonic_decreasing and found.asked.names == (names[0],)
    assert list(found.clips.names) == found.table["clip"].tolist()
    assert set(found.table["split"]) == {"train", "test"}
    copied = tmp_path / "copy"
    copied.mkdir()
    pose = np.load(folder / "test" / names[0] / "pose_3d.npy")
    np.save(copied / "pose_3d.npy", pose)
    other = alike.find(settings(folder), str(copied), encoder, count=3)
    assert other.table["clip"][0] == names[0] and other.table["cosine"][0] > 0.9999
    assert other.table["class"][0] == "C1 waving"


def test_a_run_finds_by_what_it_has_learned(folder, kept, tmp_path):
    own = settings(folder, outputs=tmp_path, patch=1, head="discriminant")
    data = load(own)
    train(own, data)
    right = []
    for name, label in zip(data.splits["test"].names, data.splits["test"].labels):
        if label != 1:  # which is in test alone
            found = alike.find(own, name, own.folder.best, count=3)
            right += (found.table["class"] == data.classes.titles[label]).tolist()
    assert np.mean(right) > 0.8


def test_vectors_are_kept_until_the_collection_changes(folder, kept, tmp_path, monkeypatch):
    moved = data_folder(tmp_path / "mine", load(settings(folder)).splits, CLASSES)
    encoder, asked = find_weights("encoder"), load(settings(moved)).splits["test"].names[0]
    first = alike.find(settings(moved), asked, encoder)
    (file,) = kept.glob("alike-*/*.npz")
    with monkeypatch.context() as patched:
        patched.setattr(alike, "_looker", lambda *_: pytest.fail("they were kept"))
        again = alike.find(settings(moved), asked, encoder)
    pd.testing.assert_frame_equal(first.table, again.table)
    fewer = alike.find(settings(moved, unseen_classes=2), asked, encoder, count=40).table
    assert len(fewer) == 10 + 4 - 1 and set(fewer[fewer["split"] == "train"]["class"]) == {
        "D2 kicking"
    }
    alike.find(settings(moved), asked, encoder)
    gone = first.table["clip"][0]
    place = moved / first.table["split"][0] / gone / "pose_3d.npy"
    np.save(place, np.load(place)[::-1])
    changed = alike.find(settings(moved), asked, encoder)
    assert not changed.table.equals(first.table)
    (other,) = kept.glob("alike-*/*.npz")  # that of the earlier state is gone
    assert other != file


def test_what_is_no_clip_is_told_with_what_is_meant(folder, kept, tmp_path):
    encoder, own = find_weights("encoder"), settings(folder)
    name = load(own).splits["test"].names[0]
    with pytest.raises(InputError, match=f"such as {name}, or a file"):
        alike.find(own, name[:-1] + "x", encoder)
    np.save(tmp_path / "flat.npy", np.zeros((9, 17, 2)))
    with pytest.raises(InputError, match=r"flat.npy: expected the shape \(T, 17, 3\)"):
        alike.find(own, str(tmp_path / "flat.npy"), encoder)
    np.save(tmp_path / "none.npy", np.full((9, 17, 3), np.nan))
    with pytest.raises(InputError, match=r"none.npy: nothing is seen"):
        alike.find(own, str(tmp_path / "none.npy"), encoder)


def test_the_command_writes_a_table_and_a_page_of_players(folder, kept, tmp_path, browser):
    name = load(settings(folder)).splits["test"].names[0]
    out = tmp_path / "like.csv"
    done = command_line("find", name, folder, "--out", out, "--count", 5, "-p", "device", "cpu")
    assert done.exit_code == 0, done.stderr
    table = pd.read_csv(out)
    assert table["rank"].tolist() == [1, 2, 3, 4, 5] and table["clip"][0] in done.stdout
    browser.get(out.with_suffix(".html").as_uri())
    drawn = "return document.querySelector('.mbnb').shadowRoot.querySelectorAll('canvas.skeleton')"
    assert len(browser.execute_script(drawn)) == 6
    rows = browser.execute_script("return document.querySelector('table').innerText")
    assert all(clip in rows for clip in table["clip"])
    assert [e for e in browser.get_log("browser") if "favicon" not in e["message"]] == []
    refused = command_line("find", name, folder, "--out", tmp_path / "a.html")
    assert refused.exit_code == 2 and "expected the CSV file" in refused.stderr

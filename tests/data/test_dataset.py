"""A data set as a whole: its fingerprint, its warnings, and recordings of real people."""

import dataclasses
import shutil

import numpy as np
import pytest
from build import DOCUMENT, clips, config, data_folder, splits
from data.findings import find
from run.headless import command_line

from mbnb.data.dataset import load, people_overlap, verify


def test_the_fingerprint_tells_every_difference(tmp_path):
    def fingerprint(classes=DOCUMENT, **changes):
        val = dataclasses.replace(splits()["val"], **changes)
        root = data_folder(tmp_path / "data", splits(val=val), classes)
        return load(config(data_root=root)).fingerprint()

    moved = splits()["val"].frames.copy()
    moved[0, 0, 0] += 1e-3
    renamed = dataclasses.replace(DOCUMENT, names=("Trembling", *DOCUMENT.names[1:]))
    fingerprints = [
        fingerprint(),
        fingerprint(frames=moved),
        fingerprint(labels=np.array([0, 8, 8, 8])),
        fingerprint(subjects=("g", "g", "h", "k")),
        fingerprint(renamed),
    ]
    assert len(set(fingerprints)) == len(fingerprints)
    assert fingerprint() == fingerprints[0]


def test_warnings_alone_do_not_stop_a_training(tmp_path):
    leaky = splits(test=clips("aj", [8, 17], "test", seed=200))
    root = data_folder(tmp_path / "data", leaky)
    assert verify(root)["severity"].tolist() == ["warning"]
    data = load(config(data_root=root))
    assert people_overlap(data).loc["train", "test"] == 1
    assert any("1 people of test are also in train" in note for note in data.notes)
    assert f"1 warning, see python -m mbnb verify {root}" in data.verdict


def test_a_verdict_says_what_the_data_set_is_good_for(tmp_path):
    few = data_folder(tmp_path / "few", splits())
    assert "; too few to score: 4 clips of 2 people" in load(config(data_root=few)).verdict
    root = data_folder(
        tmp_path / "data", splits(test=clips("jk", [0, 8, 17] * 2, "test", seed=900))
    )
    ready = "ready to train: 22 clips of 8 people in 3 classes"
    assert load(config(data_root=root)).verdict == f"{ready}; scored on 2 other people"
    (root / "test_labels.txt").unlink()
    assert (
        load(config(data_root=root)).verdict
        == f"{ready}; nothing to score it on, test is unlabelled"
    )
    (root / "subjects.csv").unlink()
    assert "ready to train: 22 clips in 3 classes" in load(config(data_root=root)).verdict
    for split in ("train", "val"):
        (root / f"{split}_labels.txt").unlink()
        shutil.rmtree(root / split)
    assert "nothing to train on" in load(config(data_root=root)).verdict
    assert "not yet: 1 thing would break" in command_line("verify", tmp_path).output


@pytest.mark.parametrize(
    "name, counts, classes, regions, warned",
    [
        ("kinder_gator", (580, 579), 58, 4, "the bone to L_Shoulder varies in length"),
        ("ui_prmd", (958, 975), 10, 1, "the bone to R_Shoulder varies in length"),
    ],
)
def test_recordings_of_real_people_load_with_warnings(
    name, counts, classes, regions, warned, recordings
):
    root = recordings(name)
    table = verify(root)
    assert set(table["severity"]) == {"warning"}
    find(table, "warning", root / "train", warned)
    data = load(config(data_root=root))
    train, val, test = (data.splits[split] for split in ("train", "val", "test"))
    assert (len(train) + len(val), len(test)) == counts
    assert (len(data.classes), len(data.classes.region_names)) == (classes, regions)
    assert data.known_people
    overlap = people_overlap(data).to_numpy()
    assert (overlap - np.diag(overlap.diagonal()) == 0).all()
    assert not data.simulated

"""A data set with every fault at once: nothing is overlooked, followed or executed."""

import csv
import os
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
from build import clips, config, data_folder, person
from data.findings import errors_of, find

from mbnb.data.dataset import load, verify
from mbnb.files import InputError


class Payload:
    """An object whose unpickling leaves a folder behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def spoiled(value):
    pose = person(70)
    pose[2, 5, 1] = value
    return pose


def stretchy():
    pose = person(81, frames=10)
    pose[::2, 13, 1] += 0.2  # the left wrist
    return pose


def add(root, name, content):
    """A clip of train whose file holds bytes or an array, or is missing (None)."""
    path = root / "train" / name / "pose_3d.npy"
    path.parent.mkdir()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content, allow_pickle=True)


def add_faulty_poses(root):
    """Clips whose file is at fault; their label lines."""
    first = root / "train" / "A1_p0_train0" / "pose_3d.npy"
    payload = Payload(root.parent / "unpickled")
    contents = {
        "A1_shape": np.zeros((9, 16, 3), np.float32),
        "A1_nan": spoiled(np.nan),
        "A1_inf": spoiled(-np.inf),
        "A1_huge": person(73).astype(np.float64) + 1e300,
        "A1_empty": np.zeros((0, 17, 3), np.float32),
        "A1_one": person(74, frames=1),
        "A1_text": np.full((9, 17, 3), "1.0"),
        "A1_object": pickle.dumps(payload),
        "A1_array": np.array([payload], object),
        "A1_cut": first.read_bytes()[:-7],
        "A1_nothing": b"",
        "A1_nofile": None,
        "A1_zip": None,
        "A1_copy": first.read_bytes(),
        "A1_stretchy": stretchy(),
    }
    for name, content in contents.items():
        add(root, name, content)
    with open(root / "train" / "A1_zip" / "pose_3d.npy", "wb") as file:
        np.savez(file, person(75))
    return [f"{name} 0" for name in contents]


def add_faulty_labels(root):
    """Clips whose label is at fault or missing, and labels without a clip; the lines."""
    labels = {
        "A1_range": "52",
        "A1_negative": "-1",
        "A1_word": "nodding",
        "A1_nolabel": "",
        "B3_claims": "11",
        "D99_claims": "11",
    }
    for i, name in enumerate([*labels, "A1_extra"]):
        add(root, name, person(90 + i))
    return [
        *(f"{name} {label}" for name, label in labels.items()),
        "A1_missing 0",
        "A1_p0_train0.mp4 0",
    ]


def add_links(root):
    """Clips and labels that lead out of the folder, and a link to itself; their label lines."""
    outside = root.parent / "outside"
    outside.mkdir()
    np.save(outside / "pose_3d.npy", person(80))
    (root / "train" / "A1_link").mkdir()
    (root / "train" / "A1_link" / "pose_3d.npy").symlink_to(outside / "pose_3d.npy")
    (root / "train" / "A1_linked").symlink_to(outside)
    (root / "train" / "A1_loop").mkdir()
    (root / "train" / "A1_loop" / "pose_3d.npy").symlink_to("pose_3d.npy")
    names = ["../outside", "..", str(outside), "A1_link", "A1_linked", "A1_loop"]
    return [f"{name} 0" for name in names]


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A data set with every fault at once, beside a folder that it must not reach."""
    train = clips([f"p{i}" for i in range(8)], [0, 8])
    test = clips(["q0", "q1", "p0"], [0, 8], "test", seed=50)
    root = data_folder(tmp_path_factory.mktemp("broken") / "data", {"train": train, "test": test})
    lines = add_faulty_poses(root) + add_faulty_labels(root) + add_links(root)
    with open(root / "train_labels.txt", "a") as file:
        file.write("\n".join(lines) + "\n")
    for path in (root / "test").glob("*/pose_3d.npy"):
        np.save(path, 1000 * np.load(path))
    leaked = root / "test" / "A1_q0_test0" / "pose_3d.npy"
    shutil.copy(root / "train" / "B3_p7_train15" / "pose_3d.npy", leaked)
    people = [["stranger_1", "p1"], ["stranger_2", "p1"], ["A1_p0_train0", "p1"], ["A1_one", ""]]
    with open(root / "subjects.csv", "a", newline="") as file:
        csv.writer(file).writerows(people)
    return root


@pytest.fixture(scope="module")
def table(broken):
    return verify(broken)


@pytest.mark.parametrize(
    "entry, words",
    [
        ("A1_missing", "no clip A1_missing"),
        ("A1_range", "expected a class id from 0 to 51, found 52 for A1_range"),
        ("A1_negative", "found -1 for A1_negative"),
        ("A1_word", "expected `name id`, found 'A1_word nodding'"),
        ("A1_nolabel", "expected `name id`, found 'A1_nolabel'"),
        ("A1_p0_train0.mp4", "A1_p0_train0 stands already on line 1"),
        ("../outside", "expected the plain name of a clip, found the path '../outside'"),
        ("..", "expected the plain name of a clip, found the path '..'"),
        ("/outside", "expected the plain name of a clip, found the path '/"),
    ],
)
def test_a_faulty_label_is_named_with_its_line(broken, table, entry, words):
    labels = broken / "train_labels.txt"
    names = [line.split(" ")[0] for line in labels.read_text().splitlines()]
    (line,) = [
        number
        for number, name in enumerate(names, 1)
        if name == entry or (entry == "/outside" and name.startswith("/"))
    ]
    find(table, "error", labels, words, line)


FAULTY_POSES = {
    "A1_shape": "expected the shape (T, 17, 3), found (9, 16, 3)",
    "A1_inf": "infinite values, 1 in all, first in frame 2 at L_Knee",
    "A1_huge": "infinite values",
    "A1_empty": "at least 2 frames, found 0",
    "A1_one": "at least 2 frames, found 1",
    "A1_text": "expected numbers, found <U3",
    "A1_object": "not a numpy array",
    "A1_array": "not a numpy array",
    "A1_cut": "not a numpy array",
    "A1_nothing": "not a numpy array",
    "A1_nofile": "no such file",
    "A1_zip": "not a numpy array",
    "A1_loop": "no such file",
    "A1_link": "leads out of the data folder and is not followed",
    "A1_linked": "leads out of the data folder and is not followed",
}


@pytest.mark.parametrize("name, words", FAULTY_POSES.items())
def test_a_faulty_clip_is_named(broken, table, name, words):
    find(table, "error", broken / "train" / name / "pose_3d.npy", words)


def test_people_of_a_clip_must_agree(broken, table):
    people = broken / "subjects.csv"
    find(table, "error", people, "clip A1_p0_train0 has the subjects p0 and p1", 26)
    find(table, "error", people, "no value for subject", 27)


def test_what_is_suspicious_is_a_warning(broken, table):
    train, test, labels = broken / "train", broken / "test", broken / "train_labels.txt"
    people = broken / "subjects.csv"
    for where, words in (
        (labels, "5 clips of train are not labelled in it and left out: A1_extra, A1_negative"),
        (
            train / "A1_copy" / "pose_3d.npy",
            "the same frames as train/A1_p0_train0/pose_3d.npy",
        ),
        (
            test / "A1_q0_test0" / "pose_3d.npy",
            "the same frames as train/B3_p7_train15/pose_3d.npy",
        ),
        (labels, "1 clips named B3_… carry the id 11 (B6 Raising head), but B3 is class 8"),
        (labels, "1 clips are named with codes that are not in the class table, D99 the first"),
        (people, "no subject for 5 of 21 clips in train, A1_nan the first"),
        (people, "2 clips of it are not in any split, stranger_1 the first"),
        (broken, "1 people are both in train and in test"),
        (test, "pelvis to neck measures 5"),
        (train, "the bone to L_Wrist varies in length by over 15% in 1 of 21 clips"),
        (train, "joints were not seen (NaN or 0, 0, 0) in 1 of 21 clips (A1_nan)"),
    ):
        find(table, "warning", where, words)


def test_nothing_else_is_found_and_errors_come_first(broken, table):
    faulty_labels = 9
    assert len(errors_of(table)) == faulty_labels + len(FAULTY_POSES) + 2
    assert len(table) - len(errors_of(table)) == 11
    assert table["severity"].is_monotonic_increasing
    assert not (broken.parent / "unpickled").exists()


def test_loading_names_every_error_and_no_warning(broken, table):
    with pytest.raises(InputError) as caught:
        load(config(data_root=broken))
    lines = str(caught.value).splitlines()
    for row in errors_of(table).itertuples():
        line = "" if pd.isna(row.line) else f", line {row.line}"
        assert f"{row.file}{line}: {row.problem}" in lines
    assert len(lines) == len(errors_of(table))
    assert not (broken.parent / "unpickled").exists()

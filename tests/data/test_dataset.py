"""The documented layout: what is right reads back equal, and of what is wrong nothing is overlooked, followed or executed."""

import csv
import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mbnb.classes import ClassTable, read_classes, write_classes
from mbnb.clips import UNLABELLED, Clips, pack
from mbnb.data.labels import read_labels
from mbnb.data.write import write_dataset
from mbnb.config import Config
from mbnb.data import dataset
from mbnb.data.dataset import load, people_overlap, verify
from mbnb.files import ROOT, InputError
from mbnb.skeleton import load_skeleton

CLASSES = read_classes("document")
STANDING = np.array(
    [
        (0, 0),
        (-0.1, 0),
        (-0.1, 0.4),
        (-0.1, 0.8),
        (0.1, 0),
        (0.1, 0.4),
        (0.1, 0.8),
        (0, -0.25),
        (0, -0.5),
        (0, -0.6),
        (0, -0.75),
        (0.18, -0.5),
        (0.2, -0.25),
        (0.22, 0),
        (-0.18, -0.5),
        (-0.2, -0.25),
        (-0.22, 0),
    ]
)


def person(seed, frames=None, joints=17):
    """(frames, joints, 3) of a person in metres that sways a little."""
    rng = np.random.default_rng(seed)
    if joints == 17:
        base = np.column_stack([STANDING, np.full(17, 2.0)])
    else:
        base = rng.normal(0, 0.3, (joints, 3))
        base[load_skeleton("wholebody44").index("Pelvis", "Neck")] = (0, 0, 2), (0, -0.5, 2)
    frames = frames or int(rng.integers(5, 12))
    return (
        base + 0.05 * rng.normal(size=(frames, 1, 3)) + 0.001 * rng.normal(size=(frames, joints, 3))
    ).astype(np.float32)


def clips(people, labels, split="train", joints=17, first_seed=0):
    """One clip for each person and label; names carry the label's code."""
    rows = [(name, label) for name in people for label in labels]
    names = [
        f"{CLASSES.codes[max(label, 0)]}_{name}_{split}{i}" for i, (name, label) in enumerate(rows)
    ]
    poses = [person(first_seed + i, joints=joints) for i in range(len(rows))]
    return pack(poses, names, [label for _, label in rows], [name for name, _ in rows], joints)


def splits(**more):
    return {
        "train": clips("abcdef", [0, 8, 17]),
        "val": clips("gh", [0, 8], "val", first_seed=100),
        "test": clips("ij", [8, 17], "test", first_seed=200),
    } | more


def config(root, **changes):
    return Config.of({"data_root": str(root)}, changes)


def problems(table, severity):
    return table[table["severity"] == severity]


def find(table, severity, file, words, line=None):
    """There is one row of that severity about `file` and `line` whose problem holds the words."""
    same_line = table["line"].isna() if line is None else (table["line"] == line).fillna(False)
    said = table["problem"].str.contains(words, regex=False)
    rows = table[(table["severity"] == severity) & (table["file"] == str(file)) & same_line & said]
    assert len(rows) == 1, (
        f"{severity} {file} {line} {words!r}: {len(rows)} rows in\n{table.to_string()}"
    )


def assert_equal(a: Clips, b: Clips):
    assert (a.names, a.subjects, a.labels.tolist(), a.lengths.tolist()) == (
        b.names,
        b.subjects,
        b.labels.tolist(),
        b.lengths.tolist(),
    )
    assert np.array_equal(a.frames, b.frames)
    assert a.frames.dtype == b.frames.dtype == np.float32


def test_both_layouts_read_back_equal(tmp_path):
    written = splits()
    write_dataset(tmp_path / "folders", written, CLASSES)
    write_dataset(tmp_path / "packed", written, CLASSES, packed=True)
    assert np.load(tmp_path / "folders" / "train" / "A1_a_train0" / "pose_3d.npy").shape[1:] == (
        17,
        3,
    )
    assert sorted(path.name for path in (tmp_path / "packed").iterdir()) == [
        "classes.csv",
        "subjects.csv",
        "test.npz",
        "test_labels.txt",
        "train.npz",
        "train_labels.txt",
        "val.npz",
        "val_labels.txt",
    ]
    read = [load(config(tmp_path / name)) for name in ("folders", "packed")]
    for data in read:
        assert len(verify(data.root)) == 0
        assert data.splits.keys() == written.keys()
        assert data.classes == CLASSES
        assert (data.known_people, data.simulated) == (True, False)
        for split in written:
            assert_equal(data.splits[split], written[split])
    assert read[0].fingerprint() == read[1].fingerprint()


def test_the_fingerprint_tells_every_difference(tmp_path):
    def fingerprint(classes=CLASSES, **more):
        write_dataset(tmp_path / "data", splits(**more), classes)
        return load(config(tmp_path / "data")).fingerprint()

    val = splits()["val"]
    moved = val.frames.copy()
    moved[0, 0, 0] += 1e-3
    relabelled = Clips(
        val.frames, val.starts, val.lengths, val.names, np.array([0, 8, 8, 8]), val.subjects
    )
    renamed = ClassTable(
        CLASSES.codes, ("Trembling", *CLASSES.names[1:]), CLASSES.regions, CLASSES.mirror
    )
    found = [
        fingerprint(),
        fingerprint(val=Clips(moved, val.starts, val.lengths, val.names, val.labels, val.subjects)),
        fingerprint(val=relabelled),
        fingerprint(
            val=Clips(
                val.frames, val.starts, val.lengths, val.names, val.labels, ("g", "g", "h", "k")
            )
        ),
        fingerprint(renamed),
    ]
    assert len(set(found)) == len(found)
    assert fingerprint() == found[0]


def test_the_documents_own_example_is_read_and_its_contradictions_are_said(tmp_path):
    for i, name in enumerate(("A1_sample_001", "B3_sample_002", "C5_sample_003", "D1_sample_004")):
        (tmp_path / "train" / name).mkdir(parents=True)
        np.save(tmp_path / "train" / name / "pose_3d.npy", person(i).astype(np.float64))
    (tmp_path / "train_labels.txt").write_text(
        "A1_sample_001 0    # A1: Shaking body\nB3_sample_002.mp4 11   # B3: Turning head  \n\n# a remark\n"
        "C5_sample_003\t17\r\nD1_sample_004 26\n",
        encoding="utf-8-sig",
    )
    table = verify(tmp_path)
    assert set(table["severity"]) == {"warning"}
    for code, label, means in (
        ("B3", "11 (B6 Raising head)", 8),
        ("C5", "17 (C3 Waving hands)", 19),
        ("D1", "26 (C12 Touching neck)", 35),
    ):
        find(
            table,
            "warning",
            tmp_path / "train_labels.txt",
            f"1 clips named {code}_… carry the id {label}, but {code} is class {means}",
        )
    data = load(config(tmp_path, val_fraction=0))
    assert data.splits["train"].labels.tolist() == [0, 11, 17, 26]
    assert data.splits["train"].names[1] == "B3_sample_002"
    assert not data.known_people
    assert len(set(data.splits["train"].subjects)) == 4


def test_names_with_blanks_are_names(tmp_path):
    (tmp_path / "labels.txt").write_text("clip one.mp4 3\nclip  two 4\n")
    assert read_labels(tmp_path / "labels.txt", CLASSES) == ({"clip one": 3, "clip  two": 4}, [])


def test_a_data_set_without_classes_takes_the_setting_and_says_so(tmp_path):
    write_dataset(tmp_path / "data", {"train": clips("abc", [0, 51])}, CLASSES)
    (tmp_path / "data" / "classes.csv").unlink()
    for name in ("document", "ma52"):
        data = load(config(tmp_path / "data", class_table=name))
        assert data.classes == read_classes(name)
        assert any(f"{name!r} by the setting class_table" in note for note in data.notes)
        assert name in data.describe()
    small = ClassTable(("A1", "D17"), ("one", "two"), ("body", "head"))
    write_classes(small, tmp_path / "mine.csv")
    table = verify(
        tmp_path / "data", config(tmp_path / "data", class_table=str(tmp_path / "mine.csv"))
    )
    find(
        table,
        "error",
        tmp_path / "data" / "train_labels.txt",
        "expected a class id from 0 to 1, found 51",
        line=2,
    )
    find(
        verify(tmp_path / "data", config(tmp_path / "data", class_table="mine")),
        "error",
        ROOT / "mine",
        "expected 'document' or 'ma52'",
    )
    with pytest.raises(InputError, match="'action_classes': 60, but .* 52 classes"):
        load(config(tmp_path / "data", action_classes=60))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("label_file", ["all zero", "none"])
def test_an_unlabelled_test_split_is_taken_as_such(packed, label_file, tmp_path):
    unlabelled = clips("ij", [UNLABELLED] * 2, "test", first_seed=50)
    write_dataset(tmp_path / "data", splits(test=unlabelled), CLASSES, packed)
    assert not (tmp_path / "data" / "test_labels.txt").exists()
    if label_file == "all zero":  # as in the official test list
        (tmp_path / "data" / "test_labels.txt").write_text(
            "".join(f"{name}.mp4 0\n" for name in unlabelled.names)
        )
    data = load(config(tmp_path / "data"))
    assert not data.splits["test"].labelled
    assert_equal(data.splits["test"], unlabelled)
    assert any("test is unlabelled" in note for note in data.notes)
    assert "test 4 (unlabelled)" in data.describe()
    assert data.splits["val"].labelled


def test_one_unlabelled_clip_stays_unlabelled_and_half_labelled_splits_are_refused(tmp_path):
    write_dataset(tmp_path / "data", {"test": clips("i", [UNLABELLED], "test")}, CLASSES)
    assert not load(config(tmp_path / "data")).splits["test"].labelled
    with pytest.raises(InputError, match="1 of 2 have none"):
        write_dataset(tmp_path / "half", {"train": clips("i", [3, UNLABELLED])}, CLASSES)
    assert not (tmp_path / "half").exists()


def test_people_are_held_out_where_there_is_no_val_split(tmp_path):
    write_dataset(
        tmp_path / "data", {"train": clips([f"p{i}" for i in range(14)], [0, 8, 17, 40])}, CLASSES
    )
    held = {}
    for fold, seed in ((0, 0), (0, 1), (1, 0)):
        data = load(config(tmp_path / "data", fold=fold, seed=seed))
        train, val = data.splits["train"], data.splits["val"]
        assert not set(train.subjects) & set(val.subjects)
        assert len(train) + len(val) == 56
        assert len(set(val.subjects)) == 2
        assert set(val.labels) == {0, 8, 17, 40}
        assert any("2 of 14 people were held out" in note for note in data.notes)
        assert held.setdefault(fold, val.subjects) == val.subjects, (
            "the same people whatever the seed"
        )
    assert held[0] != held[1]
    assert people_overlap(data).to_numpy().tolist() == [[12, 0], [0, 2]]
    half = load(config(tmp_path / "data", val_fraction=0.5))
    assert len(set(half.splits["val"].subjects)) == 7
    assert "val" not in load(config(tmp_path / "data", val_fraction=0)).splits


def test_folds_of_data_with_a_val_split_are_refused(tmp_path):
    write_dataset(
        tmp_path / "data",
        {
            "train": clips([f"p{i}" for i in range(8)], [0, 8]),
            "val": clips([f"q{i}" for i in range(3)], [0, 8], "val"),
        },
        CLASSES,
    )
    assert len(load(config(tmp_path / "data")).splits["val"]) == 6
    with pytest.raises(InputError, match="'fold': 1, but .*data has a val split of its own"):
        load(config(tmp_path / "data", fold=1))
    assert len(set(load(config(tmp_path / "data", fold=1, pool=True)).splits["val"].subjects)) == 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    "people, labels", [("abc", [0]), ("ab", [0, 1]), ("abcde", [0, 1, 2]), ("a", [0, 1, 2])]
)
def test_holding_out_works_for_the_smallest_data_sets(people, labels, known, seed, tmp_path):
    write_dataset(tmp_path / "data", {"train": clips(people, labels)}, CLASSES)
    if not known:
        (tmp_path / "data" / "subjects.csv").unlink()
    data = load(config(tmp_path / "data", seed=seed))
    if len(people) == 1 and known:
        assert list(data.splits) == ["train"]
        assert any("one person only" in note for note in data.notes)
    else:
        train, val = data.splits["train"], data.splits["val"]
        assert len(train) > 0 < len(val)
        assert len(train) + len(val) == len(people) * len(labels)
        assert not set(train.subjects) & set(val.subjects)


def test_the_skeleton_setting_decides_the_number_of_joints(tmp_path):
    write_dataset(
        tmp_path / "data", {"train": clips("abc", [0, 8], joints=44)}, CLASSES, packed=True
    )
    data = load(config(tmp_path / "data", skeleton="wholebody44"))
    assert data.splits["train"].frames.shape[1:] == (44, 3)
    assert len(data.skeleton) == 44
    with pytest.raises(InputError, match=r"expected the shape \(T, 17, 3\), found \(\d+, 44, 3\)"):
        load(config(tmp_path / "data"))


class Payload:
    """An object whose unpickling leaves a folder behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A data set with every fault at once, beside a folder that it must not reach."""
    root = tmp_path_factory.mktemp("broken") / "data"
    test = clips(["q0", "q1", "p0"], [0, 8], "test", first_seed=50)
    write_dataset(
        root, {"train": clips([f"p{i}" for i in range(8)], [0, 8]), "test": test}, CLASSES
    )
    lines = (root / "train_labels.txt").read_text().splitlines()  # 16 good ones

    def add(name, pose, label="0"):
        (root / "train" / name).mkdir()
        if isinstance(pose, bytes):
            (root / "train" / name / "pose_3d.npy").write_bytes(pose)
        elif pose is not None:
            np.save(root / "train" / name / "pose_3d.npy", pose)
        if label is not None:
            lines.append(f"{name} {label}")

    def spoiled(value):
        pose = person(70)
        pose[2, 5, 1] = value
        return pose

    lines.append("A1_missing 0")  # 17
    add("A1_extra", person(71), None)
    add("A1_shape", np.zeros((9, 16, 3), np.float32))  # 18
    add("A1_nan", spoiled(np.nan))
    add("A1_inf", spoiled(-np.inf))
    add("A1_huge", person(73).astype(np.float64) + 1e300)
    add("A1_empty", np.zeros((0, 17, 3), np.float32))
    add("A1_one", person(74, frames=1))
    add("A1_text", np.full((9, 17, 3), "1.0"))
    add("A1_object", pickle.dumps(Payload(root.parent / "unpickled")))  # 25
    add("A1_array", None)
    np.save(
        root / "train" / "A1_array" / "pose_3d.npy",
        np.array([Payload(root.parent / "unpickled")], object),
        allow_pickle=True,
    )
    add("A1_cut", (root / "train" / "A1_p0_train0" / "pose_3d.npy").read_bytes()[:-7])
    add("A1_nothing", b"")
    add("A1_nofile", None)
    add("A1_zip", None)
    with open(root / "train" / "A1_zip" / "pose_3d.npy", "wb") as file:
        np.savez(file, person(75))  # 30
    add("A1_range", person(76), "52")
    add("A1_negative", person(77), "-1")
    add("A1_word", person(78), "nodding")  # 33
    add("A1_nolabel", person(79), "")
    lines.append("A1_p0_train0.mp4 0")  # 35
    add("A1_copy", person(0, frames=len(np.load(root / "train" / "A1_p0_train0" / "pose_3d.npy"))))
    shutil.copy(
        root / "train" / "A1_p0_train0" / "pose_3d.npy", root / "train" / "A1_copy" / "pose_3d.npy"
    )
    (root.parent / "outside").mkdir()
    np.save(root.parent / "outside" / "pose_3d.npy", person(80))
    lines += ["../outside 0", ".. 0", f"{root.parent}/outside 0"]  # 37 38 39
    (root / "train" / "A1_link").mkdir()
    (root / "train" / "A1_link" / "pose_3d.npy").symlink_to(root.parent / "outside" / "pose_3d.npy")
    (root / "train" / "A1_linked").symlink_to(root.parent / "outside")
    (root / "train" / "A1_loop").mkdir()
    (root / "train" / "A1_loop" / "pose_3d.npy").symlink_to("pose_3d.npy")
    lines += ["A1_link 0", "A1_linked 0", "A1_loop 0"]
    stretchy = person(81, frames=10)
    stretchy[::2, 13, 1] += 0.2
    add("A1_stretchy", stretchy)
    add("B3_claims", person(82), "11")
    add("D99_claims", person(83), "11")
    (root / "train_labels.txt").write_text("\n".join(lines) + "\n")
    for path in (root / "test").glob("*/pose_3d.npy"):
        np.save(path, 1000 * np.load(path))
    leaked = root / "test" / "A1_q0_test0" / "pose_3d.npy"
    shutil.copy(root / "train" / "B3_p7_train15" / "pose_3d.npy", leaked)
    with open(root / "subjects.csv", "a", newline="") as file:
        csv.writer(file).writerows(
            [["stranger_1", "p1"], ["stranger_2", "p1"], ["A1_p0_train0", "p1"], ["A1_one", ""]]
        )
    return root


def test_every_problem_is_found_at_once(broken):
    table = verify(broken)
    labels, train = broken / "train_labels.txt", broken / "train"
    lines = {
        line.split(" ")[0]: number for number, line in enumerate(labels.read_text().splitlines(), 1)
    }

    find(table, "error", labels, "no clip A1_missing", lines["A1_missing"])
    find(
        table,
        "error",
        labels,
        "expected a class id from 0 to 51, found 52 for A1_range",
        lines["A1_range"],
    )
    find(table, "error", labels, "found -1 for A1_negative", lines["A1_negative"])
    find(table, "error", labels, "expected `name id`, found 'A1_word nodding'", lines["A1_word"])
    find(table, "error", labels, "expected `name id`, found 'A1_nolabel'", lines["A1_nolabel"])
    find(table, "error", labels, "A1_p0_train0 stands already on line 1", lines["A1_p0_train0.mp4"])
    for name in ("../outside", "..", f"{broken.parent}/outside"):
        find(
            table,
            "error",
            labels,
            f"expected the plain name of a clip, found the path {name!r}",
            lines[name],
        )
    for name, words in {
        "A1_shape": "expected the shape (T, 17, 3), found (9, 16, 3)",
        "A1_nan": "NaN or infinite values, 1 in all, first in frame 2 at L_Knee",
        "A1_inf": "NaN or infinite values, 1 in all",
        "A1_huge": "NaN or infinite",
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
    }.items():
        find(table, "error", train / name / "pose_3d.npy", words)
    find(
        table, "error", broken / "subjects.csv", "clip A1_p0_train0 has the subjects p0 and p1", 26
    )
    find(table, "error", broken / "subjects.csv", "no value for subject", 27)
    assert len(problems(table, "error")) == 9 + 16 + 2

    find(table, "warning", train / "A1_extra", "not labelled in train_labels.txt: left out")
    find(
        table,
        "warning",
        train / "A1_copy" / "pose_3d.npy",
        "the same frames as train/A1_p0_train0/pose_3d.npy",
    )
    find(
        table,
        "warning",
        broken / "test" / "A1_q0_test0" / "pose_3d.npy",
        "the same frames as train/B3_p7_train15/pose_3d.npy",
    )
    find(
        table,
        "warning",
        labels,
        "1 clips named B3_… carry the id 11 (B6 Raising head), but B3 is class 8",
    )
    find(
        table,
        "warning",
        labels,
        "1 clips are named with codes that are not in the class table, D99 the first",
    )
    find(
        table,
        "warning",
        broken / "subjects.csv",
        "no subject for 4 of 20 clips in train, A1_copy the first",
    )
    find(
        table,
        "warning",
        broken / "subjects.csv",
        "3 clips of it are not in any split, A1_one the first",
    )
    find(table, "warning", broken, "1 people are both in train and in test")
    find(table, "warning", broken / "test", "pelvis to neck measures 5")
    find(
        table, "warning", train, "the bone to L_Wrist varies in length by over 15% in 1 of 20 clips"
    )
    assert len(problems(table, "warning")) == 10 + 4, (
        "beside those, each clip whose label is at fault counts as not labelled"
    )
    assert table["severity"].is_monotonic_increasing, "errors come first"
    assert not (broken.parent / "unpickled").exists()


def test_loading_names_every_error_and_no_warning(broken):
    with pytest.raises(InputError) as caught:
        load(config(broken))
    message = str(caught.value)
    table = verify(broken)
    for row in problems(table, "error").itertuples():
        assert (
            f"{row.file}{'' if pd.isna(row.line) else f', line {row.line}'}: {row.problem}"
            in message
        )
    assert len(message.splitlines()) == len(problems(table, "error"))
    assert not (broken.parent / "unpickled").exists()


def test_warnings_alone_do_not_stop_a_training(tmp_path):
    root = tmp_path / "data"
    leaky = splits(test=clips("aj", [8, 17], "test", first_seed=200))
    write_dataset(root, leaky, CLASSES)
    table = verify(root)
    assert table["severity"].tolist() == ["warning"]
    data = load(config(root))
    assert people_overlap(data).loc["train", "test"] == 1
    assert any("1 warnings: python -m mbnb verify" in note for note in data.notes)


def save_packed(path, **changes):
    good = splits()["train"]
    arrays = (
        dict(
            frames=good.frames,
            offsets=np.append(0, good.lengths.cumsum()),
            clip_names=np.array(good.names),
        )
        | changes
    )
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})


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
        (
            dict(clip_names=np.array([{}] * 18, object)),
            "expected an npz with frames, offsets and clip_names",
        ),
        (
            dict(frames=np.array(None, object)),
            "expected an npz with frames, offsets and clip_names",
        ),
        (dict(frames=np.array(3.0)), "expected frames (sum T, J, 3)"),
        (
            dict(clip_names=np.array(["../x"] * 18)),
            "the plain names of clips, found the path '../x'",
        ),
    ],
)
def test_a_broken_packed_split_is_one_clear_error(changes, words, tmp_path):
    write_dataset(tmp_path / "data", splits(), CLASSES, packed=True)
    save_packed(tmp_path / "data" / "train.npz", **changes)
    errors = problems(verify(tmp_path / "data"), "error")
    assert words in " ".join(errors["problem"])
    assert set(errors["file"]) == {str(tmp_path / "data" / "train.npz")}
    assert len(errors) <= 2
    with pytest.raises(InputError, match=r"train\.npz"):
        load(config(tmp_path / "data"))


def test_other_damage_to_packed_splits(tmp_path):
    root = tmp_path / "data"
    write_dataset(root, splits(), CLASSES, packed=True)
    whole = (root / "train.npz").read_bytes()
    for content in (whole[:-100], whole[:2000] + whole[2100:], b"", b"text", whole[:40]):
        (root / "train.npz").write_bytes(content)
        assert set(problems(verify(root), "error")["file"]) == {str(root / "train.npz")}
    with open(root / "train.npz", "wb") as file:
        np.save(file, person(0))
    find(verify(root), "error", root / "train.npz", "expected an npz with frames")
    (root / "train.npz").unlink()
    (tmp_path / "elsewhere.npz").write_bytes(whole)
    (root / "train.npz").symlink_to(tmp_path / "elsewhere.npz")
    find(
        verify(root),
        "error",
        root / "train.npz",
        "leads out of the data folder and is not followed",
    )
    (root / "train.npz").unlink()
    frames = splits()["train"].frames.copy()
    frames[0, 0, 0] = np.nan
    names = list(splits()["train"].names)
    save_packed(
        root / "train.npz", frames=frames, clip_names=np.array([*names[:2], names[1], *names[3:]])
    )
    table = verify(root)
    find(
        table,
        "error",
        root / "train.npz" / names[0],
        "NaN or infinite values, 1 in all, first in frame 0 at Pelvis",
    )
    find(table, "error", root / "train.npz", f"the clip {names[1]} is in it 2 times")
    find(table, "error", root / "train_labels.txt", f"no clip {names[2]}", 3)


def test_an_unlabelled_packed_split_may_not_name_paths(tmp_path):
    write_dataset(tmp_path / "data", splits(), CLASSES, packed=True)
    (tmp_path / "data" / "test_labels.txt").unlink()
    two = splits()["test"].take(np.array([0, 0]))
    np.savez(
        tmp_path / "data" / "test.npz",
        frames=two.gather(),
        offsets=np.append(0, two.lengths.cumsum()),
        clip_names=np.array(["/etc/one", "/etc/two"]),
    )
    find(
        verify(tmp_path / "data"),
        "error",
        tmp_path / "data" / "test.npz",
        "found the path '/etc/one'",
    )


def test_missing_and_empty_parts(tmp_path):
    find(verify(tmp_path / "none"), "error", tmp_path / "none", "expected a folder")
    find(verify(tmp_path), "error", tmp_path, "found no split")
    (tmp_path / "train").mkdir()
    (tmp_path / "test_labels.txt").write_text("x 0\n")
    table = verify(tmp_path)
    find(table, "error", tmp_path / "train_labels.txt", "found no such file")
    find(table, "error", tmp_path / "train", "expected clips, found none")
    find(table, "error", tmp_path / "test_labels.txt", "labels without clips")
    (tmp_path / "train_labels.txt").write_text("# nothing\n")
    find(verify(tmp_path), "error", tmp_path / "train_labels.txt", "expected clips, found none")
    (tmp_path / "train_labels.txt").write_bytes(b"\xff\xfe")
    find(verify(tmp_path), "error", tmp_path / "train_labels.txt", "cannot be read as text")
    with pytest.raises(InputError, match="expected a folder"):
        load(config(tmp_path / "none"))


def test_faulty_tables_of_a_data_set_are_named_with_their_lines_and_nothing_else(tmp_path):
    root = tmp_path / "data"
    write_dataset(root, splits(), CLASSES)
    (root / "classes.csv").write_text("class_id,code,name,region\n0,A1,one,body\n0,A2,two,\n")
    (root / "subjects.csv").write_text("clip,person\nx,y\n")
    errors = problems(verify(root), "error")
    found = [
        (file.removeprefix(f"{root}/"), *rest)
        for file, *rest in errors[["file", "line", "problem"]].to_numpy().tolist()
    ]
    assert found == [
        ("classes.csv", 3, "no value for region"),
        ("classes.csv", 3, "class_id 0 stands there a second time"),
        ("subjects.csv", 1, "expected the columns clip, subject; missing: subject"),
    ]
    (root / "subjects.csv").write_bytes(b"\xff\xfe\x00")
    find(verify(root), "error", root / "subjects.csv", "cannot be read as a CSV table")


@pytest.mark.parametrize(
    "name, counts, classes, regions, warned",
    [
        ("kinder_gator", (580, 579), 58, 4, "the bone to L_Shoulder varies in length"),
        ("ui_prmd", (958, 975), 10, 1, "the bone to R_Shoulder varies in length"),
    ],
)
def test_recordings_of_real_people_load_with_warnings(
    name, counts, classes, regions, warned, shared, tmp_path
):
    subprocess.run(
        [sys.executable, shared / "real" / "unpack.py", name, tmp_path / name],
        check=True,
        capture_output=True,
    )
    table = verify(tmp_path / name)
    assert set(table["severity"]) == {"warning"}
    find(table, "warning", tmp_path / name / "train", warned)
    data = load(config(tmp_path / name))
    train, val, test = (data.splits[split] for split in ("train", "val", "test"))
    assert (len(train) + len(val), len(test)) == counts
    assert (len(data.classes), len(data.classes.region_names)) == (classes, regions)
    assert data.known_people
    overlap = people_overlap(data).to_numpy()
    assert (overlap - np.diag(overlap.diagonal()) == 0).all()
    assert not data.simulated


@pytest.fixture
def cached(monkeypatch, tmp_path):
    """A small data set that is worth a cache; the folder of all caches; how often a data set was read."""
    monkeypatch.setattr("mbnb.data.cache.WORTH", 1)
    monkeypatch.setattr("mbnb.data.cache.ROOT", tmp_path / "checkout")
    readings = []
    read = dataset._read
    monkeypatch.setattr(dataset, "_read", lambda *given: readings.append(1) or read(*given))
    write_dataset(tmp_path / "data", splits(), CLASSES)
    return tmp_path / "data", tmp_path / "checkout" / "data" / "cache", readings


def test_a_data_set_is_read_once_and_then_taken_from_its_cache(cached):
    root, folder, readings = cached
    first, again = load(config(root)), load(config(root))
    assert len(readings) == 1 and len(list(folder.iterdir())) == 1
    assert isinstance(again.splits["train"].frames, np.memmap)
    for split in first.splits:
        assert_equal(first.splits[split], again.splits[split])
    assert (first.notes, first.known_people, first.classes, first.fingerprint()) == (
        again.notes,
        again.known_people,
        again.classes,
        again.fingerprint(),
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda root: np.save(next(root.glob("train/*/pose_3d.npy")), person(77, 9)),
        lambda root: shutil.rmtree(next(root.glob("val/*"))),
        lambda root: (root / "subjects.csv").unlink(),
        lambda root: (root / "train_labels.txt").write_text(
            (root / "train_labels.txt").read_text().replace(" 8\n", " 17\n")
        ),
    ],
    ids=["a clip", "a clip less", "no people", "labels"],
)
def test_a_change_of_the_data_makes_a_new_cache_and_removes_the_old_one(cached, change):
    root, folder, readings = cached
    before = load(config(root)).fingerprint()
    change(root)
    try:
        after = load(config(root)).fingerprint()
    except InputError:  # a label without its clip
        after = None
    assert len(readings) == 2 and before != after
    assert len(list(folder.iterdir())) == 1
    assert load(config(root, val_fraction=0.0)).fingerprint() == after if after else True


def test_a_faulty_data_set_is_not_cached_and_an_unwritable_cache_is_no_fault(cached):
    root, folder, readings = cached
    pose = next(root.glob("train/*/pose_3d.npy"))
    good = pose.read_bytes()
    np.save(pose, np.full((5, 17, 3), np.nan))
    for _ in range(2):
        with pytest.raises(InputError, match="NaN"):
            load(config(root))
    assert not folder.exists()
    pose.write_bytes(good)
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    assert len(load(config(root)).splits["train"]) == 18


def test_taken_clips_share_their_frames_and_gather_in_any_order():
    whole = splits()["train"]
    some = whole.take(np.array([4, 5, 1]))
    assert some.frames is whole.frames
    assert np.shares_memory(whole.gather(), whole.frames)
    assert np.shares_memory(some.take(np.array([0, 1])).gather(), whole.frames)
    np.testing.assert_array_equal(some.gather(), np.concatenate([whole[4], whole[5], whole[1]]))
    np.testing.assert_array_equal(
        some.gather(np.array([2, 0])), np.concatenate([whole[1], whole[4]])
    )
    assert (
        some.digest
        == pack(list(some), some.names, some.labels, some.subjects).digest
        != whole.digest
    )

"""Label files, class tables and people: what is accepted, and what of it is said."""

import numpy as np
import pytest
from build import DOCUMENT, clips, config, data_folder, person, splits
from data.findings import errors_of, find

from mbnb.classes import ClassTable, read_classes, write_classes
from mbnb.data.dataset import load, verify
from mbnb.data.labels import read_labels
from mbnb.files import ROOT, InputError


def test_the_documents_own_example_is_read_and_its_contradictions_are_said(tmp_path):
    for i, name in enumerate(("A1_sample_001", "B3_sample_002", "C5_sample_003", "D1_sample_004")):
        (tmp_path / "train" / name).mkdir(parents=True)
        np.save(tmp_path / "train" / name / "pose_3d.npy", person(i).astype(np.float64))
    labels = tmp_path / "train_labels.txt"
    labels.write_text(
        "A1_sample_001 0    # A1: Shaking body\n"
        "B3_sample_002.mp4 11   # B3: Turning head  \n"
        "\n"
        "# a remark\n"
        "C5_sample_003\t17\r\n"
        "D1_sample_004 26\n",
        encoding="utf-8-sig",
    )
    table = verify(tmp_path)
    assert set(table["severity"]) == {"warning"}
    for code, label, means in (
        ("B3", "11 (B6 Raising head)", 8),
        ("C5", "17 (C3 Waving hands)", 19),
        ("D1", "26 (C12 Touching neck)", 35),
    ):
        words = f"1 clips named {code}_… carry the id {label}, but {code} is class {means}"
        find(table, "warning", labels, words)
    data = load(config(data_root=tmp_path, val_fraction=0))
    assert data.splits["train"].labels.tolist() == [0, 11, 17, 26]
    assert data.splits["train"].names[1] == "B3_sample_002"
    assert not data.known_people
    assert len(set(data.splits["train"].subjects)) == 4


def test_names_with_blanks_are_names(tmp_path):
    (tmp_path / "labels.txt").write_text("clip one.mp4 3\nclip  two 4\n")
    assert read_labels(tmp_path / "labels.txt", DOCUMENT) == ({"clip one": 3, "clip  two": 4}, [])


@pytest.fixture
def without_classes(tmp_path):
    """A data set that does not bring a class table."""
    root = data_folder(tmp_path / "data", {"train": clips("abc", [0, 51])})
    (root / "classes.csv").unlink()
    return root


@pytest.mark.parametrize("name", ["document", "ma52"])
def test_a_data_set_without_classes_takes_the_setting_and_says_so(name, without_classes):
    data = load(config(data_root=without_classes, class_table=name))
    assert data.classes == read_classes(name)
    assert any(f"{name!r} by the setting class_table" in note for note in data.notes)
    assert name in data.describe()


def test_a_class_table_that_does_not_fit_is_an_error(without_classes, tmp_path):
    small = ClassTable(("A1", "D17"), ("one", "two"), ("body", "head"))
    write_classes(small, tmp_path / "mine.csv")
    table = verify(without_classes, config(class_table=tmp_path / "mine.csv"))
    labels = without_classes / "train_labels.txt"
    find(table, "error", labels, "expected a class id from 0 to 1, found 51", line=2)
    table = verify(without_classes, config(class_table="mine"))
    find(table, "error", ROOT / "mine", "expected 'document' or 'ma52'")
    with pytest.raises(InputError, match="'action_classes': 60, but .* 52 classes"):
        load(config(data_root=without_classes, action_classes=60))


def test_faulty_tables_of_a_data_set_are_named_with_their_lines_and_nothing_else(tmp_path):
    root = data_folder(tmp_path / "data", splits())
    (root / "classes.csv").write_text("class_id,code,name,region\n0,A1,one,body\n0,A2,two,\n")
    (root / "subjects.csv").write_text("clip,person\nx,y\n")
    errors = errors_of(verify(root))[["file", "line", "problem"]].to_numpy().tolist()
    assert [(file.removeprefix(f"{root}/"), *rest) for file, *rest in errors] == [
        ("classes.csv", 3, "no value for region"),
        ("classes.csv", 3, "class_id 0 stands there a second time"),
        (
            "subjects.csv",
            1,
            "expected the columns clip, subject; missing: subject; found: clip, person",
        ),
    ]
    (root / "subjects.csv").write_bytes(b"\xff\xfe\x00")
    find(verify(root), "error", root / "subjects.csv", "cannot be read as a CSV table")

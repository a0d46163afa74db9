"""Label files, class tables and people: what is accepted, and what of it is said."""

import dataclasses

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


LISTS = {
    "endings": "a.MOV 0\nb.mts 8\n",
    "a header and commas": "clip,label\r\na.mp4,0\r\nb.mp4,8\r\n",
    "semicolons and quotes": '"a";"0";;\n"b";"8";;\n;;;\n',
    "further columns in another order": "label;person;video\n0;x;a.avi\n8;y;b.avi\n",
    "a word to Excel": "sep=;\r\nVideo;Class ID\r\na;0\r\nb;8\r\n",
    "numbers of a table": "a\t0.0\rb\t8.0\r",
    "remarks and blank lines": "name id\n# all\n\na 0 # one\nb 8\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_label_list_is_read_as_anybody_writes_it(kind, encoding, tmp_path):
    (tmp_path / "labels.txt").write_bytes(LISTS[kind].encode(encoding))
    assert read_labels(tmp_path / "labels.txt", DOCUMENT, {"a", "b"}) == ({"a": 0, "b": 8}, [])


@pytest.mark.parametrize(
    "entry, words",
    [
        ("c Turning head", "'Turning head' is class 8 (B3 Turning head)"),
        ("c,b3", "'b3' is class 8 (B3 Turning head)"),
        ("c\tBODY", "is classes 0 (A1 Shaking body), 1 (A2 Turning around), 2 (A3"),
        ("c 3.5", "the id is a number from 0 to 51, as in classes.csv"),
        ("c", "expected `name id`, found 'c'"),
        ("c 8 nodding", "behind the id, a remark begins with a blank and #"),
        ("8 c", "the name of the clip comes first, then the id"),
        (r"C:\videos\c.mp4 3", "expected the plain name of a clip, found the path"),
    ],
)
def test_a_class_that_is_no_number_is_answered_with_its_number(entry, words, tmp_path):
    (tmp_path / "labels.txt").write_text(f"a 0\n{entry}\nb 8\n")
    labels, ((line, fault),) = read_labels(tmp_path / "labels.txt", DOCUMENT)
    assert labels == {"a": 0, "b": 8} and line == 2 and words in fault


@pytest.mark.parametrize(
    "header, row",
    [
        ("id;clip;label", "{line};{clip};{id}"),
        ("clip;class;label_id", "{clip};nodding;{id}"),
        ("clip;id;class", "{clip};{id};nodding"),
        ("video;clip;action;class_id", "a;{clip};{line};{id}"),
    ],
)
def test_of_columns_with_like_names_the_one_that_is_meant_counts(header, row, tmp_path):
    rows = [row.format(line=i, clip=f"clip{i}", id=8 - i) for i in range(3)]
    (tmp_path / "labels.txt").write_text("\n".join([header, *rows]))
    wanted = {"clip0": 8, "clip1": 7, "clip2": 6}
    assert read_labels(tmp_path / "labels.txt", DOCUMENT) == (wanted, [])


def test_labels_without_clips_are_one_fault_that_knows_spellings(tmp_path):
    path, names = tmp_path / "labels.txt", [f"{i:04d}" for i in range(30)]
    path.write_text("".join(f"{int(name)} 0\n" for name in names))
    (line, fault), *others = read_labels(path, DOCUMENT, names)[1]
    assert line == 1 and not others
    words = (
        "no clip 0, 1, 2 and 27 more: 30 labels are for no clip there is; is '0' the clip '0000'?"
    )
    assert fault == words
    path.write_text("anna_nod 0\nanna_shake 3\n")
    assert read_labels(path, DOCUMENT, ["anna_nod", "anna_shaek"])[1] == [
        (2, "no clip anna_shake; is 'anna_shake' the clip 'anna_shaek'?")
    ]


def test_an_unreadable_class_table_makes_no_further_rows(tmp_path):
    root = data_folder(tmp_path / "data", splits())
    (root / "classes.csv").write_bytes(b"PK\x03\x04")
    table = verify(root)
    find(table, "error", root / "classes.csv", "is a zip archive, not text")
    assert len(table) == 1


def test_code_page_1252_and_names_nearly_right_are_said(tmp_path):
    root = data_folder(tmp_path / "data", {"train": clips(["Jörg", "ida"], [0, 8], name="c{i}")})
    subjects = root / "subjects.csv"
    subjects.write_bytes(subjects.read_bytes().decode().encode("cp1252"))
    assert load(config(data_root=root, val_fraction=0)).splits["train"].subjects[0] == "Jörg"
    find(verify(root), "warning", subjects, "where 'Jörg' is not what you wrote, save it as UTF-8")
    subjects.rename(root / "Subjects.csv.txt")
    find(verify(root), "warning", subjects, "there is no such file, but Subjects.csv.txt")


def people_of(folder, names, subjects):
    """A data set of clips 0001, 0002, … whose subjects.csv says that of these names."""
    train = dataclasses.replace(
        clips(["0001", "0002", "0003"], [0, 8]), names=tuple(f"{i:04d}" for i in range(1, 7))
    )
    root = data_folder(folder / "data", {"train": train})
    lines = [f"{name};{subject}\n" for name, subject in zip(names, subjects)]
    (root / "subjects.csv").write_text("Clip;Subject\n" + "".join(lines))
    return root, verify(root)


PEOPLE = ["0001", "0001", "0002", "0002", "0003", "0003"]


@pytest.mark.parametrize(
    "names, words",
    [
        (
            range(1, 7),
            "6 of its 6 clips are not in the data, '1' for instance, where the data have",
        ),
        (["0001", "0002", "3", "4", "5", "6"], "4 of its 6 clips are not in the data, '3' for"),
        (["0001", *"bcdef"], "5 of its 6 clips are not in the data, 'b' for instance, where the"),
        (["other"] * 6, "1 of its 1 clips are not in the data, 'other' for instance"),
    ],
)
def test_people_of_clips_that_a_spreadsheet_renamed_are_an_error(names, words, tmp_path):
    root, table = people_of(tmp_path, names, ["one"] * 6)
    find(table, "error", root / "subjects.csv", words)
    assert len(table) == 1
    with pytest.raises(InputError, match="where the data have '000[123]'"):
        load(config(data_root=root))


def test_people_are_known_only_where_all_clips_have_one(tmp_path):
    root, table = people_of(tmp_path, ["0001.MOV", "0002", "0003", "0004", "0005"], PEOPLE)
    find(table, "warning", root / "subjects.csv", "no subject for 1 of 6 clips in train, 0006 the")
    data = load(config(data_root=root, val_fraction=0))
    assert not data.known_people and data.splits["train"].subjects[0] == "0001"
    assert any("1 labelled clips have no person in subjects.csv" in note for note in data.notes)


@pytest.mark.parametrize(
    "people, words",
    [
        (["a_s1", "a_s2", "b_s1", "b_s2", "c_s1", "c_s2"], "several sessions, it seems: a_s1 and"),
        ([f"sub-0{i}_ses-{j}" for i in (1, 2) for j in (1, 2, 3)], "sub-01_ses-1 and sub-01_ses-2"),
        ([f"anna{i}" for i in range(1, 7)], "each of its 6 clips has a person of its own"),
        (["a", "a", "b", "b", "unknown", "unknown"], "a person called unknown: if that means"),
        (["a", "a", "a", "?", "?", "NaN"], "a person called ?, NaN: if that means"),
        (["a", "a", "b", "b", "B", "b"], "spelled in two ways, two people or one: B and b"),
        (["1001", "1.001", "1001", "2", "2", "2"], "two people or one: 1.001 and 1001"),
        (["1,001,002", "1001002", *"2222"], "two people or one: 1,001,002 and 1001002"),
    ],
)
def test_people_who_may_be_others_are_said_to_whoever_trains(people, words, tmp_path):
    root, table = people_of(tmp_path, [f"{i:04d}" for i in range(1, 7)], people)
    find(table, "warning", root / "subjects.csv", words)
    assert len(table) == 1
    assert words in load(config(data_root=root, val_fraction=0)).describe()


def test_people_of_one_place_in_no_sessions_are_fine(tmp_path):
    people = ["lab_s1", "lab_s1", "lab_s2", "lab_s2", "lab_s3", "lab_s3"]
    assert not len(people_of(tmp_path, [f"{i:04d}" for i in range(1, 7)], people)[1])


@pytest.mark.parametrize("failed", ["#N/A", "#NV", "#REF!", "#WERT!", "#DIV/0!", "#NAME?", "<NA>"])
def test_a_formula_that_failed_names_nobody(failed, tmp_path):
    root, table = people_of(
        tmp_path, [f"{i:04d}" for i in range(1, 7)], ["a", "a", "b", "b", *[failed] * 2]
    )
    find(table, "warning", root / "subjects.csv", "no subject for 2 of 6 clips in train, 0005")
    assert not load(config(data_root=root, val_fraction=0)).known_people


def test_regions_that_differ_in_capitals_alone_are_said(tmp_path):
    classes = ClassTable(("C1", "C2"), ("waving", "pushing"), ("Upper limb", "upper  limb"))
    root = data_folder(tmp_path / "data", {"train": clips("ab", [0, 1], classes=classes)}, classes)
    find(verify(root), "warning", root / "classes.csv", "two regions or one: Upper limb and upper")


def test_a_table_that_cannot_be_read_is_one_error(tmp_path):
    root = data_folder(tmp_path / "data", splits())
    (root / "classes.csv").write_bytes(
        "class_id,code,name,region\n0,A,手を振る,a".encode("shift_jis")
    )
    rows = verify(root)
    assert rows["file"].eq(str(root / "classes.csv")).sum() == 1
    find(
        rows, "error", root / "classes.csv", "it is in neither UTF-8 nor UTF-16 nor code page 1252"
    )


def test_people_whose_names_a_spreadsheet_changed_are_a_warning(tmp_path):
    names = [f"{i:04d}" for i in range(1, 7)]
    root, table = people_of(tmp_path, names, ["0001", "1", "1E+10", "02. Jan", "NA", "None"])
    subjects = root / "subjects.csv"
    find(table, "warning", subjects, "spelled in two ways, two people or one: 0001 and 1")
    find(table, "warning", subjects, "people called 02. Jan, 1E+10: has a spreadsheet made")
    data = load(config(data_root=root, val_fraction=0))
    assert data.splits["train"].subjects[-2:] == ("NA", "None") and data.known_people

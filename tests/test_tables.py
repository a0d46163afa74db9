"""Skeletons and classes as tables: ours are right, a faulty one is refused with all faults."""

import csv
import io
import re
import zipfile

import numpy as np
import pytest

from mbnb import skeleton
from mbnb.classes import ClassTable, read_classes, write_classes
from mbnb.files import InputError
from mbnb.skeleton import load_skeleton


def faults_of(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    return str(caught.value).splitlines()


def test_the_17_joints_stand_in_the_order_of_the_document(shared):
    text = (shared / "mission" / "000_5264d2a983e10901.txt").read_text(encoding="utf-8")
    listed = re.findall(r"'(\w+)'", text[text.index("joints = [") : text.index("'R_Wrist'") + 10])
    assert list(load_skeleton().joints) == listed
    assert len(listed) == 17


def test_bones_and_parts_of_human36m():
    table = load_skeleton()
    bones = {(table.joints[a], table.joints[b]) for a, b in table.bones}
    assert bones == {
        ("Pelvis", "R_Hip"),
        ("R_Hip", "R_Knee"),
        ("R_Knee", "R_Ankle"),
        ("Pelvis", "L_Hip"),
        ("L_Hip", "L_Knee"),
        ("L_Knee", "L_Ankle"),
        ("Pelvis", "Spine1"),
        ("Spine1", "Neck"),
        ("Neck", "Head"),
        ("Head", "Head_top"),
        ("Neck", "L_Shoulder"),
        ("L_Shoulder", "L_Elbow"),
        ("L_Elbow", "L_Wrist"),
        ("Neck", "R_Shoulder"),
        ("R_Shoulder", "R_Elbow"),
        ("R_Elbow", "R_Wrist"),
    }
    parts = {part: set() for part in table.parts}
    for joint, part in zip(table.joints, table.parts):
        parts[part].add(joint)
    assert parts["body"] == {"Pelvis", "Spine1", "Neck"}
    assert parts["head"] == {"Head", "Head_top"}
    assert {joint[2:] for joint in parts["upper limb"]} == {"Shoulder", "Elbow", "Wrist"}
    assert {joint[2:] for joint in parts["lower limb"]} == {"Hip", "Knee", "Ankle"}


@pytest.mark.parametrize("name, joints", [("h36m17", 17), ("wholebody44", 44)])
def test_every_skeleton_is_a_tree_with_two_like_sides(name, joints):
    table = load_skeleton(name)
    assert len(table) == joints == len(set(table.joints))
    assert len(table.bones) == joints - 1
    small = {"hand", "face"} if joints == 44 else set()
    assert set(table.parts) == {"body", "head", "upper limb", "lower limb"} | small
    for i, other in enumerate(table.mirror):
        assert table.mirror[other] == i
        side, name = table.joints[i][:2], table.joints[i][2:]
        assert table.joints[other] == {"L_": "R_", "R_": "L_"}.get(side, side) + name
        assert {table.side(i), table.side(other)} in ({"left", "right"}, {"middle"})
        if table.parents[i] >= 0:  # a bone's mirror is a bone
            assert table.parents[other] == table.mirror[table.parents[i]]
        above = i
        for _ in range(joints):
            above = table.parents[above] if above != table.root else above
        assert above == table.root


def test_an_unknown_skeleton_and_a_faulty_one_are_refused(tmp_path, monkeypatch):
    assert "h36m17, wholebody44" in faults_of(load_skeleton, "../classes")[0]
    text = (skeleton.TABLES / "h36m17.csv").read_text()
    monkeypatch.setattr(skeleton, "TABLES", tmp_path)
    bad = text.replace("R_Knee,R_Hip,L_Knee", "R_Knee,R_Hips,R_Knee").replace(
        "Head_top,Head,Head_top,head", "Head_top,Head,Head_top,"
    )
    (tmp_path / "bad.csv").write_text(bad)
    faults = "\n".join(faults_of(load_skeleton, "bad"))
    for fault in (
        "line 4: R_Knee names the unknown joint R_Hips",
        "line 7: R_Knee, the mirror of L_Knee, has another mirror",
        "line 12: no value for part",
    ):
        assert f"bad.csv, {fault}" in faults
    (tmp_path / "circle.csv").write_text(text.replace("R_Hip,Pelvis", "R_Hip,R_Ankle"))
    assert [fault.rpartition(", ")[2] for fault in faults_of(load_skeleton, "circle")] == [
        f"line {line}: {joint} is its own ancestor"
        for line, joint in ((3, "R_Hip"), (4, "R_Knee"), (5, "R_Ankle"))
    ]


def test_the_documents_classes_are_the_documents(shared):
    text = (shared / "mission" / "000_5264d2a983e10901.txt").read_text(encoding="utf-8")
    listed = re.findall(r"^- ([A-D]\d+): (.*?)\s*$", text, re.MULTILINE)
    table = read_classes("document")
    assert list(zip(table.codes, table.names)) == listed
    assert len(table) == 52
    assert table.region_names == ("body", "head", "upper limb", "lower limb")
    assert all("ABCD"[region] == code[0] for region, code in zip(table.region_ids, table.codes))
    assert np.bincount(table.region_ids).tolist() == [6, 9, 20, 17]


def test_the_official_classes_are_the_official_ones(shared):
    listed = [
        line.split("\t") for line in (shared / "ma52" / "label_name.txt").read_text().splitlines()
    ]
    table = read_classes("ma52")
    assert [[str(i), name] for i, name in enumerate(table.names)] == listed
    bounds = {
        "body": (0, 4),
        "head": (5, 10),
        "upper limb": (11, 23),
        "lower limb": (24, 31),
        "body-hand": (32, 37),
        "head-hand": (38, 47),
        "leg-hand": (48, 51),
    }
    assert table.region_names == tuple(bounds)
    for letter, (region, (first, last)) in zip("ABCDEFG", bounds.items()):
        ids = range(first, last + 1)
        assert [i for i in range(len(table)) if table.regions[i] == region] == list(ids)
        assert table.codes[first : last + 1] == tuple(f"{letter}{i}" for i in ids)


@pytest.mark.parametrize("name", ["document", "ma52", "ma52_still"])
def test_a_table_written_reads_back_equal(name, tmp_path):
    table = read_classes(name)
    write_classes(table, tmp_path / "classes.csv")
    assert read_classes(tmp_path / "classes.csv") == table
    without = ClassTable(table.codes, table.names, table.regions)
    write_classes(without, tmp_path / "classes.csv")
    assert read_classes(tmp_path / "classes.csv").mirror is None


def test_rows_may_stand_in_any_order_and_names_may_hold_commas(tmp_path):
    path = tmp_path / "classes.csv"
    rows = ['b,"left, up",X,2,1,?', "a,none,Z,0,0,", 'b,"right, up",Y,1,2,']
    text = "\n".join(["region,name,code,class_id,mirror,more", *rows])
    path.write_text(text, encoding="utf-8-sig")
    assert read_classes(path) == ClassTable(
        ("Z", "Y", "X"), ("none", "right, up", "left, up"), ("a", "b", "b"), (0, 2, 1)
    )


SCHOOL = ClassTable(
    ("01", "02", "NA"), ("Kopf schütteln", "True", "left, up"), ("0", "1", "NA"), (0, 1, 2)
)
ROWS = [
    ["class_id", "code", "name", "region", "mirror"],
    *(
        [f"{i}", code, name, region, f"{i}"]
        for i, (code, name, region) in enumerate(zip(SCHOOL.codes, SCHOOL.names, SCHOOL.regions))
    ),
]


def table_text(rows=ROWS, separator=",", end="\n", quoting=csv.QUOTE_MINIMAL):
    """These rows as a CSV file of that kind."""
    file = io.StringIO()
    csv.writer(file, delimiter=separator, lineterminator=end, quoting=quoting).writerows(rows)
    return file.getvalue()


SPREADSHEETS = {
    "semicolons": table_text(separator=";").encode(),
    "tabs": table_text(separator="\t", end="\r\n").encode(),
    "Unicode text of Excel": table_text(separator="\t", end="\r\n").encode("utf-16"),
    "UTF-16 without its mark": table_text(separator=";").encode("utf-16-le"),
    "code page 1252": table_text(separator=";").encode("cp1252"),
    "old Macs": table_text(end="\r").encode(),
    "quotes": table_text(separator=";", quoting=csv.QUOTE_ALL).encode(),
    "sep": ("sep=;\r\n" + table_text(separator=";")).encode("utf-8-sig"),
    "empty columns and rows": table_text([[""] * 3, *(["", *row, ""] for row in ROWS), [""] * 9]),
    "headers": table_text([[" Class ID ", "CODE", "Name", "region ", "Mirror"], *ROWS[1:]]),
    "decimal commas": table_text([ROWS[0], *([row[0] + ",0", *row[1:]] for row in ROWS[1:])], ";"),
    "floats": table_text([ROWS[0], *([row[0] + ".0", *row[1:]] for row in ROWS[1:])]),
    "rows in quotes": table_text([[line] for line in table_text().splitlines()]).encode(),
    "formulas": table_text([ROWS[0], *([row[0], f'="{row[1]}"', *row[2:]] for row in ROWS[1:])]),
    "blanks behind commas": table_text().replace(",", ", ").replace("left,  up", "left, up"),
    "two marks": ("\ufeff" + table_text()).encode("utf-8-sig"),
}


@pytest.mark.parametrize("kind", SPREADSHEETS)
def test_a_table_is_read_as_any_spreadsheet_writes_it(kind, tmp_path):
    content = SPREADSHEETS[kind]
    (tmp_path / "classes.csv").write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    assert read_classes(tmp_path / "classes.csv") == SCHOOL


def zipped(name):
    """A zip archive that holds a file of that name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "")
    return file.getvalue()


@pytest.mark.parametrize(
    "content, words",
    [
        (zipped("xl/workbook.xml"), "is an Excel workbook, not text; save it as"),
        (zipped("content.xml"), "is a LibreOffice spreadsheet"),
        (zipped("Index/Document.iwa"), "is a Numbers spreadsheet"),
        (zipped("classes.csv"), "is a zip archive, not text; unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "is an Excel workbook"),
        (b"\n<!DOCTYPE html><html>", "is a web page, not text; download the file itself"),
        (b"{\\rtf1\\ansi", "is formatted text (RTF)"),
        (b"version https://git-lfs.github.com/spec/v1\n", "`git lfs pull` fetches the file"),
        (bytes(range(256)), "neither UTF-8 nor UTF-16 nor code page 1252"),
        (
            table_text(ROWS[1:]).encode(),
            "line 1: expected the columns class_id, code, name, region",
        ),
        (table_text().replace('"', "").encode(), "line 4: expected 5 cells, found 6: a cell that"),
        (table_text([[*row, row[1]] for row in ROWS]).encode(), "column code stands there more"),
        (table_text().replace("\n0", "\n3").encode(), "the number of classes, found 3; from 0 on"),
    ],
)
def test_what_cannot_be_read_is_said_for_what_it_is(content, words, tmp_path):
    (tmp_path / "classes.csv").write_bytes(content)
    assert words in faults_of(read_classes, tmp_path / "classes.csv")[0]


def test_every_fault_of_a_class_table_is_listed_with_its_line(tmp_path):
    path = tmp_path / "classes.csv"
    lines = [
        "class_id,code,name,region,mirror",
        "0,A1,one,body,0",
        "x,A2,two,body,1",
        "0,A3,three,body,2",
        "9,A1,four,body,3",
        "4,A5,,body,4",
        ",A6,six,,5",
        "6,A7,seven,body,77",
        "7,A8,eight,head,",
    ]
    path.write_text("\n".join(lines))
    faults = faults_of(read_classes, path)
    expected = {
        3: ["whole number", "'x'"],
        4: ["second time"],
        5: ["below 8", "line 2"],
        6: ["no value for name"],
        7: ["no value for class_id", "no value for region"],
        8: ["'77'"],
        9: ["as mirror"],
    }
    for line, words in expected.items():
        about = " ".join(fault for fault in faults if fault.startswith(f"{path}, line {line}: "))
        assert all(word in about for word in words), (line, about)
    assert all(int(re.search(r"line (\d+)", fault)[1]) in expected for fault in faults)


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "class_id,code,name\n0,A1,one\n",
            "line 1: expected the columns class_id, code, name, region; missing: region",
        ),
        ("class_id,code,name,region\n", "no classes"),
        ("", "line 1: expected the columns"),
        (
            "class_id,code,name,region,mirror\n0,A,a,x,1\n1,B,b,x,1\n",
            "line 2: class 0 has the mirror 1, which has another",
        ),
    ],
)
def test_other_faulty_tables(text, message, tmp_path):
    (tmp_path / "classes.csv").write_text(text)
    assert message in faults_of(read_classes, tmp_path / "classes.csv")[0]


def test_a_table_that_is_no_text_and_one_that_is_not_there_are_clear_errors(tmp_path):
    (tmp_path / "classes.csv").write_bytes(b"class_id,code\xff\xfe\x00")
    assert "cannot be read as a CSV table" in faults_of(read_classes, tmp_path / "classes.csv")[0]
    assert "'document' or 'ma52'" in faults_of(read_classes, "ma-52")[0]


def test_a_missing_id_does_not_hide_what_else_is_wrong(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text("class_id,code,name,region,mirror\n0,A,a,x,1\n,B,b,x,0\n")
    assert faults_of(read_classes, path) == [f"{path}, line 3: no value for class_id"]


def test_a_clips_name_claims_a_class_only_by_a_code():
    table = read_classes("document")
    assert table.id_of_code("B3_sample_002") == 8
    assert table.id_of_code("D18_sample") == -1
    for name in ("0003_01_0001", "B3", "nodding_1", "b3_x", "_x", "Bob_1"):
        assert table.id_of_code(name) is None

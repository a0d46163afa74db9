"""Edits of a timeline: checked like any file of a stranger, and applied without losing anything."""

import json
from dataclasses import replace

import pytest
from coding.test_eaf import check_structure
from run.headless import command_line

from mbnb.coding import read_coding, write_coding
from mbnb.coding.edits import Edit, apply_edits, check_edits, read_edits, segment_names
from mbnb.files import InputError
from mbnb.intervals import HUMAN, MACHINE, Coding, Interval

FOUND = (
    Interval(1.0, 2.0, "nodding", "head", "anna", MACHINE, 0.9),
    Interval(1.5, 3.0, "touching nose", "hand", "anna", MACHINE, 0.6),
    Interval(4.0, 4.5, "nodding", "head", "anna", MACHINE, 0.5),
    Interval(6.0, 7.0, "shaking head", "head", "bert", MACHINE, 0.7),
)


def edit(segment, verdict, start=1.0, end=2.0, label="nodding", tier="head", person="anna"):
    return Edit(segment, verdict, start, end, label, tier, person)


def content(edits, **values):
    """An edits file as the page writes it."""
    about = {"format": "mbnb edits", "version": 1, "recording": "film", "length": 10.0}
    entries = [vars(one) if isinstance(one, Edit) else one for one in edits]
    return about | {"edits": entries} | values


def test_what_was_corrected_is_human_and_what_was_rejected_is_gone(tmp_path):
    coding = Coding("film", FOUND)
    write_coding([coding], tmp_path / "film.eaf")
    names = segment_names(coding)
    edits = [
        edit(names[0], "accepted"),
        edit(names[1], "rejected", 1.5, 3.0, "touching nose", "hand"),
        edit(names[2], "changed", 3.9, 4.6667, "<script>&\x85 'shaking'"),
        edit("new-1", "added", 8.0, 9.0, "crossing legs", "legs", "bert"),
    ]
    path = tmp_path / "film_edits.json"
    path.write_text(json.dumps(content(edits)))
    asked = ("coding", tmp_path / "film.eaf", "--edits", path, "--to", tmp_path / "new.eaf")
    done = command_line(*asked)
    assert done.exit_code == 0, done.output
    check_structure(tmp_path / "new.eaf")
    corrected = read_coding(tmp_path / "new.eaf")
    about = [(x.start, x.end, x.label, x.tier, x.person, x.origin, x.confidence) for x in corrected]
    assert sorted(about) == [
        (1.0, 2.0, "nodding", "head", "anna", HUMAN, None),
        (3.9, 4.667, "<script>&\x85 'shaking'", "head", "anna", HUMAN, None),
        (6.0, 7.0, "shaking head", "head", "bert", MACHINE, 0.7),
        (8.0, 9.0, "crossing legs", "legs", "bert", HUMAN, None),
    ]
    of_people = command_line("coding", tmp_path / "new.eaf", "--origin", "human")
    assert "new: 3 intervals" in of_people.output and "shaking head" not in of_people.output


def test_segments_have_the_same_name_in_every_file_and_order(tmp_path):
    coding = Coding("film", (*FOUND, FOUND[0], replace(FOUND[0], origin=HUMAN)))
    names = segment_names(coding)
    assert len(set(names)) == len(names) == 6 and names[4] == f"{names[0]}-2"
    for ending in ("eaf", "csv"):
        write_coding([coding], tmp_path / f"film.{ending}")
        assert set(segment_names(read_coding(tmp_path / f"film.{ending}"))) == set(names)
    backwards = replace(coding, intervals=coding.intervals[::-1])
    assert set(segment_names(backwards)) == set(names)


def test_a_humans_own_annotation_is_changed_where_it_stands(shared, tmp_path):
    """In a document of ELAN's, with what depends on it."""
    coding = read_coding(shared / "formats/elan/gesture_two_speakers.eaf")
    names = segment_names(coding)
    parents = {one.parent for one in coding if one.parent}
    parent = next(i for i, one in enumerate(coding) if one.identity in parents)
    free = next(i for i, one in enumerate(coding) if not one.parent and one.identity not in parents)
    children = {one.identity for one in coding if one.parent == coding.intervals[parent].identity}
    one = coding.intervals[free]
    edits = [
        edit(names[parent], "rejected"),
        edit(names[free], "changed", one.start + 0.1, one.end, "another", "elsewhere", "nobody"),
    ]
    write_coding([apply_edits(coding, edits)], tmp_path / "new.eaf")
    check_structure(tmp_path / "new.eaf")
    after = {one.identity: one for one in read_coding(tmp_path / "new.eaf")}
    gone = {one.identity for one in coding} - set(after)
    assert {coding.intervals[parent].identity, *children} <= gone and children
    assert after[one.identity] == replace(one, start=round(one.start + 0.1, 3), label="another")


def test_edits_outlast_another_detection():
    coding = Coding("film", FOUND[:1])
    old = segment_names(Coding("film", FOUND))
    edits = [
        edit(old[0], "accepted"),
        edit(old[1], "rejected", 1.5, 3.0, "touching nose"),
        edit(old[2], "accepted", 4.0, 4.5),
    ]
    corrected = apply_edits(coding, edits)
    about = [(one.start, one.label, one.origin) for one in corrected]
    assert about == [(1.0, "nodding", HUMAN), (4.0, "nodding", HUMAN)]
    assert "2 edited segments are not in it" in corrected.remarks[0]
    with pytest.raises(InputError, match="none of the 2 segments"):
        apply_edits(Coding("other", FOUND[3:]), edits[1:])


def test_every_fault_of_a_file_is_said_at_once(tmp_path):
    good = vars(edit("a", "accepted"))
    wrong = [
        good,
        good,
        good | {"segment": "b", "verdict": "maybe"},
        good | {"segment": "c", "start": 3.0},
        good | {"segment": "d", "end": 99.0},
        good | {"segment": "e", "start": -1},
        good | {"segment": "f", "start": True, "end": "2"},
        good | {"segment": "g", "label": "bell\x07"},
        good | {"segment": "h", "label": "\ud800"},
        good | {"segment": 7},
        "nothing",
        {},
    ]
    with pytest.raises(InputError) as caught:
        check_edits(content(wrong), "film_edits.json")
    said = str(caught.value).splitlines()
    assert all(line.startswith("film_edits.json: ") for line in said)
    for line in (
        "edit 3: expected one of accepted, rejected, changed, added as verdict, found 'maybe'",
        "edit 4: expected 0 ≤ start ≤ end ≤ 0:11.000, found 3 and 2 s",
        "edit 5: expected 0 ≤ start ≤ end ≤ 0:11.000, found 1 and 99 s",
        "edit 6: expected 0 ≤ start ≤ end ≤ 0:11.000, found -1 and 2 s",
        "edit 7: expected start and end in seconds, found [True, '2']",
        "edit 11: expected an object, found 'nothing'",
        "segment 'a' has 2 edits",
    ):
        assert f"film_edits.json: {line}" in said
    assert sum(line.startswith("film_edits.json: edit 12") for line in said) == 6
    with pytest.raises(InputError, match="and 80 more"):
        check_edits(content(["no"] * 100), "film_edits.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "expected edits of a timeline"),
        ('{"format": "mbnb edits", "version": 2}', "expected version 1"),
        (json.dumps(content([]) | {"edits": {}}), "a list of edits"),
        (json.dumps(content([], length=float("nan"))), "NaN is no number"),
        ('{"format": "mbnb edits", "edits": [', "cut short or damaged JSON"),
        ("[" * 100_000, "cut short or damaged JSON"),
        (json.dumps(content([])).replace("10.0", "1e999"), "the recording's seconds as length"),
    ],
)
def test_what_is_no_file_of_edits_is_refused_in_a_line(tmp_path, text, said):
    path = tmp_path / "film_edits.json"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_edits(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
    (tmp_path / "film.csv").write_text("start,end,label\n0,1,nodding\n")
    refused = command_line("coding", tmp_path / "film.csv", "--edits", path)
    assert refused.exit_code == 2 and said in refused.output

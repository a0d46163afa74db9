"""ELAN's documents: nothing is lost in them, and what is added is as the schema has it."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from mbnb.coding import read_coding, write_coding
from mbnb.coding.eaf_write import ORDER
from mbnb.files import InputError
from mbnb.intervals import MACHINE, Coding, Interval, Medium

REQUIRED = {  # attributes that EAFv3.0.xsd demands
    "ANNOTATION_DOCUMENT": "AUTHOR DATE VERSION",
    "MEDIA_DESCRIPTOR": "MEDIA_URL MIME_TYPE",
    "TIME_SLOT": "TIME_SLOT_ID",
    "TIER": "TIER_ID LINGUISTIC_TYPE_REF",
    "ALIGNABLE_ANNOTATION": "ANNOTATION_ID TIME_SLOT_REF1 TIME_SLOT_REF2",
    "REF_ANNOTATION": "ANNOTATION_ID ANNOTATION_REF",
    "LINGUISTIC_TYPE": "LINGUISTIC_TYPE_ID",
    "CONSTRAINT": "STEREOTYPE",
    "CONTROLLED_VOCABULARY": "CV_ID",
}
KEYS = {  # attributes that name another element, by its tag and attribute
    "TIME_SLOT_REF1": ("TIME_SLOT", "TIME_SLOT_ID"),
    "TIME_SLOT_REF2": ("TIME_SLOT", "TIME_SLOT_ID"),
    "PARENT_REF": ("TIER", "TIER_ID"),
    "LINGUISTIC_TYPE_REF": ("LINGUISTIC_TYPE", "LINGUISTIC_TYPE_ID"),
    "CONSTRAINTS": ("CONSTRAINT", "STEREOTYPE"),
    "CONTROLLED_VOCABULARY_REF": ("CONTROLLED_VOCABULARY", "CV_ID"),
}
FILES = (
    "gesture_two_speakers",
    "included_in_external_cv",
    "overlap_cases",
    "empty_values",
    "two_speakers_praat_import",
)


def check_structure(path):
    """What ELAN's schema demands of a document, as far as it is about order, keys and names."""
    root = ET.parse(path).getroot()
    places = [ORDER.index(part.tag) for part in root]
    assert places == sorted(places)
    assert {"HEADER", "TIME_ORDER"} <= {part.tag for part in root}
    for element in root.iter():
        assert set(REQUIRED.get(element.tag, "").split()) <= set(element.keys()), element.tag
        for name, (tag, key) in KEYS.items():
            if name in element.keys():
                assert element.get(name) in {one.get(key) for one in root.iter(tag)}, name
        if element.tag in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            assert [child.tag for child in element] == ["ANNOTATION_VALUE"]
    annotations = [one.get("ANNOTATION_ID") for one in root.iter() if "ANNOTATION_ID" in one.keys()]
    slots = [slot.get("TIME_SLOT_ID") for slot in root.iter("TIME_SLOT")]
    assert len({*annotations, *slots}) == len(annotations) + len(slots)
    for one in root.iter("REF_ANNOTATION"):
        assert one.get("ANNOTATION_REF") in annotations


@pytest.mark.parametrize("name", FILES)
def test_a_round_trip_loses_nothing_at_all(shared, tmp_path, name):
    source = shared / "formats/elan" / f"{name}.eaf"
    coding = read_coding(source)
    write_coding([coding], tmp_path / "back.eaf")
    assert ET.canonicalize(from_file=tmp_path / "back.eaf") == ET.canonicalize(from_file=source)
    check_structure(tmp_path / "back.eaf")


@pytest.mark.parametrize("name", FILES)
def test_machine_annotations_are_added_beside_what_is_there(shared, tmp_path, name):
    coding = read_coding(shared / "formats/elan" / f"{name}.eaf")
    found = (
        Interval(1.0, 2.5, "nodding", "head", "W", MACHINE, 0.75),
        Interval(2.0, 3.0, "shaking", "head", "W", MACHINE, 0.5),  # overlaps: on another line
        Interval(1.0, 1.5, "scratching", "hand", "", MACHINE, 0.25),
    )
    path = tmp_path / "more.eaf"
    write_coding([replace(coding, intervals=coding.intervals + found)], path)
    check_structure(path)
    # A vocabulary outside is found beside the document.
    back = read_coding(path)
    human = tuple(one for one in back if one.origin != MACHINE)
    assert human == coding.intervals
    machine = {replace(one, identity="") for one in back if one.origin == MACHINE}
    assert machine == set(found)
    tiers = [tier.get("TIER_ID") for tier in ET.parse(path).getroot().iter("TIER")]
    assert {"head (machine, W)", "head (machine, W) 2", "hand (machine)"} <= set(tiers)
    write_coding([back], tmp_path / "again.eaf")
    assert ET.canonicalize(from_file=tmp_path / "again.eaf") == ET.canonicalize(from_file=path)


def test_times_are_found_where_slots_have_none_and_for_what_refers_to_others(shared):
    coding = read_coding(shared / "formats/elan/gesture_two_speakers.eaf")
    by_name = {one.identity: one for one in coding}
    assert (by_name["a57"].label, by_name["a57"].start, by_name["a57"].end) == (
        "you",
        11.47,
        11.705,
    )
    assert (by_name["a58"].label, by_name["a58"].start, by_name["a58"].end) == (
        "follow",
        11.705,
        11.94,
    )
    meaning = by_name["a292"]
    assert meaning.label == "Going out of the Insitute" and meaning.parent == "a235"
    assert (
        (meaning.start, meaning.end) == (by_name["a235"].start, by_name["a235"].end) == (1.6, 2.24)
    )
    (remark,) = coding.remarks
    assert "not in its tier's vocabulary: 'retraction' at 0:33.360 on 'W-RGph'" in remark
    phases = next(tier for tier in coding.tiers if tier.name == "W-RGph")
    assert phases.vocabulary == ("preparation", "stroke", "hold", "part.retraction")
    assert phases.parent == "W-RGU"


def test_a_vocabulary_outside_is_the_one_beside_the_document(shared, tmp_path):
    source = shared / "formats/elan/included_in_external_cv.eaf"
    tiers = {tier.name: tier for tier in read_coding(source).tiers}
    assert tiers["StoryChunkType"].vocabulary == ("Narration", "Dialogue", "Meta", "Title")
    assert tiers["StoryChunkLanguage"].vocabulary == ("English",)
    alone = tmp_path / "alone.eaf"
    alone.write_bytes(source.read_bytes())
    remarks = read_coding(alone).remarks
    assert any("'MarkerType' is in file:/media" in remark for remark in remarks)
    assert "links sound alone, no video: fables_01_03_aesop_64kb.wav" in remarks


def document(tiers, slots="", types="", media=""):
    """A small document with these parts."""
    return (
        '<ANNOTATION_DOCUMENT AUTHOR="" DATE="" VERSION="3.0"><HEADER TIME_UNITS="milliseconds">'
        f"{media}</HEADER><TIME_ORDER>{slots}</TIME_ORDER>{tiers}"
        f'<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="t"/>{types}</ANNOTATION_DOCUMENT>'
    )


def slots_of(**times):
    return "".join(
        f'<TIME_SLOT TIME_SLOT_ID="{name}"'
        + (f' TIME_VALUE="{time}"/>' if time is not None else "/>")
        for name, time in times.items()
    )


def tier_of(name, *annotations, kind="t", parent=""):
    depends = f' PARENT_REF="{parent}"' if parent else ""
    inside = "".join(
        f'<ANNOTATION><{tag} ANNOTATION_ID="{identity}" {about}>'
        f"<ANNOTATION_VALUE>{identity}</ANNOTATION_VALUE></{tag}></ANNOTATION>"
        for tag, identity, about in annotations
    )
    return f'<TIER TIER_ID="{name}" LINGUISTIC_TYPE_REF="{kind}"{depends}>{inside}</TIER>'


def aligned(identity, first, last):
    about = f'TIME_SLOT_REF1="{first}" TIME_SLOT_REF2="{last}"'
    return "ALIGNABLE_ANNOTATION", identity, about


def reference(identity, parent, previous=""):
    about = f'ANNOTATION_REF="{parent}"' + (
        f' PREVIOUS_ANNOTATION="{previous}"' if previous else ""
    )
    return "REF_ANNOTATION", identity, about


def test_divisions_share_the_time_of_their_parent_wherever_their_tiers_stand(tmp_path):
    types = '<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="d" CONSTRAINTS="Symbolic_Subdivision"/>'
    types += '<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="s" CONSTRAINTS="Symbolic_Association"/>'
    tiers = (
        tier_of("about", reference("x", "a2"), kind="s", parent="parts")
        + tier_of("parts", reference("a2", "a", "a1"), reference("a1", "a"), kind="d", parent="top")
        + tier_of(
            "top", aligned("a", "s1", "s2"), aligned("b", "s2", "s3"), aligned("c", "s3", "s4")
        )
    )
    slots = slots_of(s1=1000, s2=None, s3=None, s4=4000)
    (tmp_path / "d.eaf").write_text(document(tiers, slots, types))
    times = {one.identity: (one.start, one.end) for one in read_coding(tmp_path / "d.eaf")}
    assert times["a"] == (1, 2) and times["b"] == (2, 3) and times["c"] == (3, 4)
    assert times["a1"] == (1, 1.5) and times["a2"] == times["x"] == (1.5, 2)


def test_a_document_cut_short_or_with_loose_ends_is_refused_with_the_place(shared, tmp_path):
    path = tmp_path / "cut.eaf"
    whole = (shared / "formats/elan/overlap_cases.eaf").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.eaf, line \d+: cut short"):
        read_coding(path)
    loose = tier_of("a", aligned("a1", "s1", "s9")) + tier_of("b", reference("b1", "z"), kind="u")
    path.write_text(document(loose, slots_of(s1=0)))
    with pytest.raises(InputError) as refused:
        read_coding(path)
    assert "the time slot 's9' is missing" in str(refused.value)
    assert "its type 'u' is not defined" in str(refused.value)
    lost = tier_of("b", reference("b1", "z"))
    path.write_text(document(lost))
    with pytest.raises(InputError, match="'b1' on 'b' refers to 'z', which is missing"):
        read_coding(path)


def test_what_is_odd_is_said_and_nothing_is_lost(tmp_path):
    slots = slots_of(s1=0, s2=3000, s3=2000, s4=5000)
    tiers = tier_of("a", aligned("a1", "s1", "s2"), aligned("a2", "s3", "s4"))
    media = "".join(
        f'<MEDIA_DESCRIPTOR MEDIA_URL="file:///{name}" MIME_TYPE="video/mp4"{origin}/>'
        for name, origin in (("left.mp4", ""), ("right%20side.mp4", ' TIME_ORIGIN="1500"'))
    )
    (tmp_path / "odd.eaf").write_text(document(tiers, slots, media=media))
    coding = read_coding(tmp_path / "odd.eaf")
    assert len(coding) == 2
    assert [medium.offset for medium in coding.media] == [0.0, 1.5]
    assert coding.remarks == (
        "1 interval overlaps the one before it on its tier: 'a2' at 0:02.000 on 'a'",
        "links 2 videos: left.mp4, right side.mp4",
    )


def test_corrections_change_what_was_corrected_alone(shared, tmp_path):
    coding = read_coding(shared / "formats/elan/gesture_two_speakers.eaf")
    gone = {"a235", "a292"}  # a phase and what it means
    ones = []
    for one in coding:
        if one.identity == "a236":
            one = replace(one, label="hold", start=2.3)
        if one.identity not in gone:
            ones.append(one)
    path = tmp_path / "corrected.eaf"
    write_coding([replace(coding, intervals=tuple(ones))], path)
    check_structure(path)
    back = read_coding(path)
    assert back.intervals == tuple(ones)
    assert len(back) == len(coding) - 2


def test_a_new_document_is_as_the_schema_has_it(tmp_path):
    ones = (Interval(0.25, 1.0, "nod", "head", "anna", MACHINE, 0.5), Interval(2, 2, "x"))
    write_coding([Coding("f", ones, media=(Medium("/v/f é.mp4"),))], tmp_path / "f.eaf")
    check_structure(tmp_path / "f.eaf")
    back = read_coding(tmp_path / "f.eaf")
    assert {replace(one, identity="") for one in back} == set(ones)
    assert back.media[0].address == "file:///v/f é.mp4"
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "a b.mp4").touch()
    video = Medium(str(tmp_path / "v" / "a b.mp4"))
    write_coding([Coding("f", ones, media=(video, Medium("C:\\v\\b.mpg")))], tmp_path / "f.eaf")
    here, there = ET.parse(tmp_path / "f.eaf").getroot().iter("MEDIA_DESCRIPTOR")
    assert here.get("RELATIVE_MEDIA_URL") == "./v/a b.mp4"
    assert read_coding(tmp_path / "f.eaf").media[0].address == f"file://{video.address}"
    assert (there.get("MEDIA_URL"), there.get("MIME_TYPE")) == ("file:///C:/v/b.mpg", "video/mpeg")
    with pytest.raises(InputError, match="of one recording, found 2"):
        write_coding([back, back], tmp_path / "g.eaf")


def test_a_recordings_name_and_length_outlast_a_file_of_another_name(tmp_path):
    coding = Coding("anna 1", (Interval(0.25, 1.0, "nod"),), length=61.5)
    write_coding([coding], tmp_path / "machine.eaf")
    check_structure(tmp_path / "machine.eaf")
    for _ in range(2):  # and a correction of it keeps them
        back = read_coding(tmp_path / "machine.eaf")
        assert (back.name, back.length) == ("anna 1", 61.5)
        write_coding([back], tmp_path / "machine.eaf")

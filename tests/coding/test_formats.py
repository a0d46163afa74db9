"""Files of annotation tools: every real one reads by its facts, or is refused with a reason."""

import math
import pickle
import zipfile

import pytest

from mbnb.coding import choose, describe, read_coding, read_codings, write_coding
from mbnb.files import InputError
from mbnb.intervals import MACHINE, Coding, Interval, Medium, overlapping

# By file: recordings, intervals of each tier of the first that has some, and one of its intervals.
FACTS = {
    "elan/gesture_two_speakers.eaf": (
        1,
        {
            "K-Spch": 7,
            "W-Spch": 15,
            "W-Words": 97,
            "W-POS": 97,
            "W-IPA": 15,
            "W-RGU": 1,
            "W-RGph": 59,
            "W-RGMe": 19,
            "K-RGU": 1,
            "K-RGph": 3,
            "K-RGMe": 1,
        },
        (1.6, 2.24, "stroke", "W-RGph"),
    ),
    "elan/included_in_external_cv.eaf": (
        1,
        dict(Story=16, SectionMarker=3, StoryChunk=28, StoryChunkLanguage=28, StoryChunkType=22),
        (0.61, 2.71, "This is a libriVox recording", "Story"),
    ),
    "elan/overlap_cases.eaf": (
        1,
        dict(Tier0=3, Tier1=5, Tier2=4, Parent=5, Child=3, ChildOfChild=3),
        (0.68, 2.12, "CASE1-6", "ChildOfChild"),
    ),
    "elan/empty_values.eaf": (
        1,
        {"intervals": 6, "empty_intervals": 6},
        (0.0, 0.012, "", "intervals"),
    ),
    "elan/two_speakers_praat_import.eaf": (
        1,
        {"TeaF-P1": 15, "StuL2": 16},
        (3.958, 4.226, "<<f>SÍ;>", "TeaF-P1"),
    ),
    "elan/tab_export_hms.txt": (
        1,
        {"Speaker 3": 2, "Speaker 1": 4, "Speaker 2": 3},
        (60.35, 62.16, "Okay let's do this", "Speaker 3"),
    ),
    "boris/project_v7_12_observations.boris": (12, {"": 2}, (22.425, 22.425, "p", "")),
    "boris/tabular_events.tsv": (1, {"": 4}, (3.3, 7.75, "s", "")),
    "boris/tabular_events.csv": (1, {"": 4}, (3.3, 7.75, "s", "")),
    "boris/aggregated_events_1.tsv": (1, {"": 18}, (1.8, 8.125, "s", "")),
    "boris/aggregated_events_3_no_header.tsv": (1, {"": 10}, (1.8, 8.125, "s", "")),
    "boris/aggregated_events_4.tsv": (1, {"": 6}, (32.825, 32.825, "p", "")),
    "boris/aggregated_events_5.tsv": (1, {"": 3}, (5.0, 8.125, "s", "")),
    "datavyu/hands_dyad1.opf": (
        1,
        dict(childhands=50, parenthands=50),
        (28.846, 157.944, "left", "childhands"),
    ),
    "datavyu/hands_dyad3.opf": (
        1,
        dict(childhands=3, parenthands=5),
        (3234.29, 3155.076, "l", "childhands"),
    ),
    **{
        f"datavyu/{name}": (
            1,
            dict(float=10, int=10, text=10, nominal=10, predicate=10, matrix=10),
            (30.0, 31.0, "1.200000", "matrix"),
        )
        for name in ("all_cell_types.opf", "all_cell_types.csv", "old_db_v2.csv")
    },
    "datavyu/old_db_v3.csv": (
        1,
        dict(float=10, int=10, text=10, nominal=10, matrix=10),
        (30.0, 31.0, "1234", "int"),
    ),
    "datavyu/childhands__dyad1.csv": (
        1,
        {"childhands": 50},
        (28.846, 157.944, "left", "childhands"),
    ),
    "datavyu/parenthands__dyad1.csv": (
        1,
        {"parenthands": 50},
        (96.019, 148.073, "", "parenthands"),
    ),
    "datavyu/childhands__dyad3.csv": (
        1,
        {"childhands": 3},
        (313.991, 771.74, "right", "childhands"),
    ),
    "datavyu/parenthands__dyad3.csv": (
        1,
        {"parenthands": 5},
        (1411.097, 1541.54, "0", "parenthands"),
    ),
    **{
        f"textgrid/{name}.TextGrid": (
            1,
            dict(phone=16, word=6, pitch=4),
            (0.59787, 0.59787, "120", "pitch"),
        )
        for name in ("short_crlf_point_tier", "long_utf16be")
    },
    "textgrid/short_newlines_and_quotes.TextGrid": (
        1,
        {'"word"': 6, "phrase": 3, "": 4},
        (0.064691, 0.411563, '"""BOBBY"""\nNoun', '"word"'),
    ),
    "textgrid/same_tier_name_three_times.TextGrid": (
        1,
        {"Mary": 3, "Mary 2": 3, "Mary 3": 3},
        (0.065886, 0.234288, "Mary", "Mary"),
    ),
    "textgrid/two_speakers_gat.TextGrid": (
        1,
        {"Pr": 5, "Ph": 4},
        (2.589323, 2.91047, "[a]HA,", "Ph"),
    ),
    "temporal/activitynet_style_annotations.json": (2, {"": 1}, (0.3, 0.6, "Rock climbing", "")),
    "temporal/activitynet_style_ground_truth.json": (
        2,
        {"": 3},
        (11.553655, 57.068055, "Wakeboarding", ""),
    ),
    "temporal/activitynet_style_result.json": (2, {"": 10}, (0.0, 206.346562, "Wakeboarding", "")),
    "temporal/smg_test_label.pkl": (610, {"": 1}, (0.0, math.inf, "8", "")),
}
REFUSED = {
    "boris/observations_list.tsv": "list of observations",
    "boris/time_budget.json": "sums of durations",
    "elan/included_in_external_cv.ecv": "a vocabulary",
}


@pytest.mark.parametrize("name", FACTS)
def test_a_real_file_reads_by_its_facts(shared, name):
    recordings, counts, (start, end, label, tier) = FACTS[name]
    codings = read_codings(shared / "formats" / name)
    assert len(codings) == recordings
    first = next(coding for coding in codings if len(coding))
    assert {t: len(first.on(t)) for t in dict.fromkeys(one.tier for one in first)} == counts
    same = [one for one in first.on(tier) if one.label == label]
    assert any(
        one.start == pytest.approx(start, abs=1e-5) and one.end == pytest.approx(end, abs=1e-5)
        for one in same
    )


@pytest.mark.parametrize("name", REFUSED)
def test_a_real_file_without_intervals_is_refused_with_the_reason(shared, name):
    with pytest.raises(InputError, match=REFUSED[name]):
        read_codings(shared / "formats" / name)


def test_every_annotation_file_there_is_has_its_facts_here(shared):
    rooms = ("elan", "boris", "datavyu", "textgrid", "temporal")
    there = {f"{room}/{p.name}" for room in rooms for p in (shared / "formats" / room).iterdir()}
    assert there == set(FACTS) | set(REFUSED)


def test_boris_events_pair_by_toggling_and_lie_on_their_own_videos(shared):
    project = {c.name: c for c in read_codings(shared / "formats/boris" / NAME_OF_PROJECT)}
    table = read_coding(shared / "formats/boris/aggregated_events_1.tsv")
    assert _times(project["observation #2"]) == _times(table)
    first, second = project["observation #2"].media
    assert (first.offset, second.offset) == (0.0, -179.96)  # they follow each other
    assert project["offset positif"].media[1].offset == -20.0
    assert project["offset neg"].media[1].offset == 20.0
    lone = project["live not paired"]
    assert "'s' started at 0:26.862 and was never stopped: kept as a moment" in lone.remarks
    states = [one for one in project["modifiers"] if one.label == "r"]
    assert [one.modifiers for one in states] == [(("modif #1", "m1"),), ()]
    assert {one.person for one in project["observation #1"]} == {"subject1", "subject2"}


NAME_OF_PROJECT = "project_v7_12_observations.boris"


def _times(coding):
    return sorted((one.start, one.end, one.label, one.person) for one in coding)


def test_datavyu_tables_and_files_have_the_same_cells(shared):
    folder = shared / "formats/datavyu"
    whole = read_coding(folder / "hands_dyad1.opf")
    for tier in ("childhands", "parenthands"):
        assert read_coding(folder / f"{tier}__dyad1.csv").intervals == whole.on(tier).intervals
    looks = choose([whole], folder, tiers=["childhands"], by="look")[0]
    assert [one.label for one in looks][:3] == ["", "1", "1"]
    odd = read_coding(folder / "hands_dyad3.opf").remarks
    assert odd == ("1 interval ends before it starts: 'l' at 53:54.290 on 'childhands'",)


def test_tables_of_boris_8_tell_modifiers_an_offset_of_the_clock_and_videos_in_a_row(tmp_path):
    about = "Observation id,Source,Time offset (s),Media duration (s),Subject,Behavior,Modifier #1,"
    row = "a,player #1:v/a.mp4;v/b.mp4|player #2:c.mp4,60,90.5;30|120,anna,nod,left,"
    states = f"{about}Behavior type,Start (s),Stop (s)\n{row}STATE,61,62.5\n"
    events = f"{about}Behavior type,Time\n{row}START,61\n{row}STOP,62.5\n"
    for name, text in {"states.csv": states, "events.csv": events}.items():
        (tmp_path / name).write_text(text)
        coding = read_coding(tmp_path / name)
        (one,) = coding
        assert (one.start, one.end, one.label, one.person) == (1, 2.5, "nod", "anna"), name
        assert one.modifiers == (("modifier #1", "left"),)
        videos = [(medium.name, medium.offset, medium.length) for medium in coding.media]
        assert videos == [("a.mp4", 0.0, 90.5), ("b.mp4", -90.5, 30.0), ("c.mp4", None, 120.0)]


def test_praat_is_read_by_its_numbers_and_texts_not_by_its_words(tmp_path):
    text = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n10\n12\n<exists>\n1\n'
    text += (
        '"IntervalTier"\n"é"\n10\n12\n2\n10\n11\n"text = 3 item [4]: ""IntervalTier"""\n11\n12\n"b"'
    )
    path = tmp_path / "a.TextGrid"
    path.write_bytes(text.encode("cp1252"))
    first, last = read_coding(path)
    assert (first.start, first.end, first.tier) == (10, 11, "é")
    assert first.label == 'text = 3 item [4]: "IntervalTier"' and last.label == "b"
    path.write_bytes(text.encode("utf-16")[:-12])
    with pytest.raises(InputError, match="cut short"):
        read_codings(path)


@pytest.mark.parametrize(
    "lines",
    [
        "start,end,label,person\n1.5,2.25,nod,anna\n0:01:02.5,1:03,shake,anna\n",
        "Label;Start;End;Person\nnod;1,5;2,25;anna\nshake;62,5;63;anna\n",
        "begin\tstop\tcode\tsubject\n1.5\t2.25\tnod\tanna\n62.5\t63\tshake\tanna\n",
    ],
)
def test_plain_tables_read_however_spreadsheets_write_them(tmp_path, lines):
    (tmp_path / "c.csv").write_text(lines)
    assert _times(read_coding(tmp_path / "c.csv")) == [
        (1.5, 2.25, "nod", "anna"),
        (62.5, 63.0, "shake", "anna"),
    ]


ELAN_TABLES = [
    "Tier\tParticipant\tBegin Time - msec\tEnd Time - msec\tDuration - msec\tAnnotation\n"
    "head\tanna\t1500\t2250\t750\tnod 3\n",
    "head\tanna\t00:00:01.500\t1.500\t00:00:02.250\t2.250\t00:00:00.750\t0.750\tnod 3\n",
    "Begin Time - ss.msec\tEnd Time - ss.msec\tDuration - ss.msec\thead\thand\n"
    "1.5\t2.25\t0.75\tnod 3\t\n",
    "head\tanna\t00:00:01.500\t00:00:02.250\tnod 3\n",
]


@pytest.mark.parametrize("text", ELAN_TABLES)
def test_elan_exports_read_whichever_columns_were_chosen(tmp_path, text):
    (tmp_path / "t.txt").write_text(text)
    (one,) = read_coding(tmp_path / "t.txt")
    assert (one.start, one.end, one.label, one.tier) == (1.5, 2.25, "nod 3", "head")


def test_hostile_files_are_refused_in_one_line(tmp_path):
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><ANNOTATION_DOCUMENT>&b;'
    (tmp_path / "bomb.eaf").write_text(bomb)
    (tmp_path / "code.pkl").write_bytes(pickle.dumps((print, [1])))
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with zipfile.ZipFile(tmp_path / "cut.opf", "w") as archive:
        archive.writestr("db", "#4\na (TEXT,true,)\n00:00:01:00")
    (tmp_path / "none.csv").write_text("start,end,label\nsoon,2,nod\n")
    said = {
        "bomb.eaf": "entities",
        "code.pkl": "more than data",
        "deep.json": "JSON",
        "cut.opf": "line 3: cut short",
        "none.csv": "line 2: expected seconds or h:mm:ss.mmm as start, found 'soon'",
        "gone.eaf": "no such file",
    }
    for name, text in said.items():
        with pytest.raises(InputError, match=text) as refused:
            read_codings(tmp_path / name)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("ending", [".eaf", ".csv", ".boris", ".tsv"])
def test_what_is_written_reads_back(tmp_path, ending):
    ones = (
        Interval(1.5, 2.25, "nod", "head", "anna", MACHINE, 0.875),
        Interval(3.0, 3.0, "blink", "head", "anna"),
        Interval(2.0, 4.0, "scratch", "hand", "ben", modifiers=(("hand", "left"),)),
    )
    coding = Coding("film", ones, media=(Medium("film.mp4"),))
    path = tmp_path / f"film{ending}"
    write_coding([coding], path)
    back = read_coding(path)
    kept = {"start", "end", "label", "person", "origin", "confidence"}
    kept |= {"tier"} if ending in (".eaf", ".csv") else set()
    kept |= {"modifiers"} if ending != ".tsv" else set()  # which has no names of modifiers

    def facts(intervals):
        return sorted(
            str([(name, getattr(one, name)) for name in sorted(kept)]) for one in intervals
        )

    assert facts(back) == facts(ones)
    if ending in (".eaf", ".boris"):
        assert back.media[0].name == "film.mp4"
    assert "film: 3 intervals up to 0:04.000; of anna, ben" in describe([back])


def test_a_file_of_hundreds_of_recordings_is_described_in_a_dozen_lines():
    many = [Coding(f"film{i}", (Interval(0, math.inf, "nod"),)) for i in range(300)]
    lines = describe(many).splitlines()
    assert lines[0] == "film0: 1 interval, each of the whole recording"
    assert lines[-1].startswith("and 288 others, with 288 intervals: 'nod'") and len(lines) == 25


def test_boris_gets_nothing_that_it_would_pair_wrongly(tmp_path):
    nested = Coding("a", (Interval(0, 5, "nod"), Interval(1, 2, "nod")))
    with pytest.raises(InputError, match="starts no state again before it stops.*0:01.000"):
        write_coding([nested], tmp_path / "a.boris")
    mixed = Coding("a", (Interval(0, 5, "nod"), Interval(6, 6, "nod")))
    with pytest.raises(InputError, match="either as a point or as a state.*nod"):
        write_coding([mixed], tmp_path / "a.boris")
    with pytest.raises(InputError, match="ends in .eaf, .boris, .tsv, .csv"):
        write_coding([mixed], tmp_path / "a.doc")


def test_intervals_that_overlap_are_found_on_their_own_tier_alone():
    one, two = Interval(0, 9, "a", "x"), Interval(1, 2, "b", "x")
    three, other = Interval(3, 4, "c", "x"), Interval(5, 6, "d", "y")
    assert overlapping([one, two, three, other]) == [(one, two), (one, three)]

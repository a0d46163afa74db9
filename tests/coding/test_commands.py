"""The commands coding, cut and agree, as somebody types them."""

import build
import numpy as np
import pandas as pd
import pytest
from run.headless import command_line

ANNA = "start,end,label,person\n0.5,1.5,nodding,anna\n2,3,nodding,anna\n1,2.5,touching nose,anna\n"
BERT = "start,end,label,person\n0.6,1.5,nodding,anna\n4,5,crossing legs,anna\n"
FOUND = "start,end,label,confidence\n0.5,1.6,nodding,0.9\n4,4.8,nodding,0.5\n9,9.5,sneezing,0.4\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, text in {"anna": ANNA, "bert": BERT, "found": FOUND}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    frames = build.person(0, 300)
    np.savez(tmp_path / "films.npz", frames=frames, offsets=[0, 300], clip_names=["anna"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_coding_is_shown_converted_and_counted(folder):
    shown = command_line(
        "coding", "anna.csv", "--to", "anna.eaf", "--video", "anna.mp4", "--measures", "m"
    )
    assert shown.exit_code == 0, shown.output
    assert "anna: 3 intervals up to 0:03.000; of anna; links anna.mp4" in shown.output
    assert "3 intervals; 'nodding', 'touching nose'" in shown.output
    again = command_line("coding", "anna.eaf", "--person", "ben")
    assert again.exit_code == 2 and "--person ben: not there; there is anna" in again.output
    table = pd.read_csv("m/measures.csv")
    assert table["count"].sum() == 6  # by class and by region
    regions = command_line("coding", "anna.eaf", "--to", "a.csv", "--classes", "ma52")
    assert regions.exit_code == 0 and "of no class" not in regions.output
    (folder / "odd.csv").write_text("start,end,label\n0,1,nodding\n1,2,noding\n")
    odd = command_line("coding", "odd.csv", "--classes", "ma52")
    assert "of no class: noding" in odd.output
    (folder / "talk.csv").write_text(
        "start,end,label,tier,person\n0,5,question,phase,\n1,2,nod,head,anna\n3,4,tap,hand,ben\n"
    )
    asked = ("--tier", "head", "--person", "anna", "--measures", "n", "--stretches", "phase")
    assert command_line("coding", "talk.csv", *asked).exit_code == 0
    table = pd.read_csv("n/measures.csv")
    assert set(table["stretch"]) == {"(whole)", "question"} and set(table["person"]) == {"anna"}
    none = command_line("coding", "talk.csv", "--measures", "n", "--stretches", "phases")
    assert "--stretches phases: not there; there is phase, head, hand" in none.output
    assert pd.read_csv("a.csv")["region"].tolist() == ["head", "head", "head-hand"]
    before = (folder / "anna.eaf").read_bytes()
    itself = command_line("coding", "anna.eaf", "--person", "anna", "--to", "./anna.eaf")
    assert itself.exit_code == 2 and "is the file that is read" in itself.output
    assert (folder / "anna.eaf").read_bytes() == before


def test_clips_are_cut_and_verify(folder):
    made = command_line("cut", "anna.csv", "films.npz", "clips", "--classes", "ma52")
    assert made.exit_code == 0, made.output
    assert "3 of 3 intervals cut" in made.output and "…" not in made.output
    checked = command_line("verify", "clips")
    assert checked.exit_code == 0 and "train 3" in checked.output
    wrong = command_line("cut", "anna.csv", "films.npz", "more", "--classes", "clips/none.csv")
    assert wrong.exit_code == 2 and "class table 'clips/none.csv'" in wrong.output
    over = command_line("cut", "anna.csv", "films.npz", ".")
    assert over.exit_code == 2 and "holds something else" in over.output


def test_a_phase_that_fills_a_recording_leaves_no_time_of_nothing_which_is_said(folder):
    (folder / "talk.csv").write_text(
        "recording,start,end,label,tier\nanna,0,10,answer,phase\nanna,1,2,nodding,head\n"
    )
    asked = "cut", "talk.csv", "films.npz"
    whole = command_line(*asked, "whole", "--classes", "ma52", "--nothing", "2")
    assert whole.exit_code == 0 and "--nothing: no clip of it" in whole.output
    tier = command_line(*asked, "tier", "--classes", "ma52", "--nothing", "2", "--tier", "head")
    assert tier.exit_code == 0 and "no clip of it" not in tier.output


def test_coders_and_a_machine_are_compared(folder):
    two = command_line("agree", "anna.csv", "bert.csv", "--classes", "ma52", "--out", "tables")
    assert two.exit_code == 0, two.output
    assert "by units of 0.1 s" in two.output and "Krippendorff's alpha of 2 coders" in two.output
    table = pd.read_csv("tables/agreement.csv")
    classes = ["B9 nodding", "D28 crossing legs", "F43 touching nose", "(all)"]
    assert table["class"].tolist() == classes
    assert len(pd.read_csv("tables/disagreements.csv")) == 3
    machine = command_line("agree", "anna.csv", "found.csv", "--classes", "ma52")
    assert "mean average precision" in machine.output
    assert "found, found: 1 intervals are of no class and left out: 'sneezing'" in machine.output
    three = command_line("agree", "anna.csv", "bert.csv", "found.csv")
    assert "Krippendorff's alpha of 3 coders" in three.output
    # A file of several recordings beside one that calls its only one as it likes.
    (folder / "both.csv").write_text(
        "recording,start,end,label\nanna,0.5,1.5,nodding\ncarl,2,3,nodding\n"
    )
    one = command_line("agree", "both.csv", "found.csv", "--recording", "anna")
    assert one.exit_code == 0 and "both and found" in one.output


def test_what_cannot_be_compared_is_said_in_a_line(folder):
    (folder / "other.csv").write_text("start,end,label\n0,1,jumping\n")
    strange = command_line("agree", "anna.csv", "other.csv")
    assert strange.exit_code == 0 and "no label stands in all of these files" in strange.output
    for words, said in {
        ("anna.csv",): "one coder alone",
        ("anna.csv", "anna.csv"): "given twice",
        ("anna.csv", "bert.csv", "--unit", "0"): "expected seconds above 0",
        ("anna.csv", "other.csv", "--classes", "ma52"): "the list of classes does not match",
        ("anna.csv", "none.csv"): "no such file",
    }.items():
        refused = command_line("agree", *words)
        assert refused.exit_code == 2 and said in refused.output, refused.output

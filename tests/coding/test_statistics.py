"""Tables for statistics, by hand; a codebook that names every column."""

import numpy as np
import pandas as pd
import pytest

from mbnb.classes import ClassTable
from mbnb.coding.statistics import ABOUT, CODEBOOK, MEASURES, TRANSITIONS, WHOLE, write_measures
from mbnb.intervals import Coding, Interval

TABLE = ClassTable(("B1", "D1", "D2"), ("nod", "scratch", "tap"), ("head", "hand", "hand"))
# Two minutes; questions in the first and third half minute, answers in the others.
TALK = tuple(
    Interval(30 * i, 30 * (i + 1), kind, "talk") for i, kind in enumerate(["Q", "A", "Q", "A"])
)
CODING = Coding(
    "film",
    (
        Interval(10, 12, "nod", "head", "anna"),
        Interval(11, 14, "nod", "head", "anna"),  # overlaps: four seconds of nodding
        Interval(29, 33, "D1", "hand", "anna"),  # begins in the question, ends in the answer
        Interval(120, 120, "nod", "head", "anna"),  # a moment, the very last
        Interval(95, 96, "nod", "head", "ben"),
        *TALK,
    ),
    length=120.0,
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("measures")
    write_measures([CODING], folder, TABLE, "talk")
    names = (MEASURES, TRANSITIONS, CODEBOOK)
    return {
        name: pd.read_csv(folder / name, keep_default_na=False, na_values=[""]) for name in names
    }


def row_of(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_the_whole_recording_is_counted_as_by_hand(tables):
    nod = row_of(tables[MEASURES], person="anna", stretch=WHOLE, level="class", name="nod")
    assert (nod["count"], nod["observed_s"], nod["rate_per_min"]) == (3, 120, 1.5)
    assert (nod["total_s"], nod["share"]) == (4, pytest.approx(4 / 120, abs=1e-6))
    assert (nod["mean_s"], nod["sd_s"]) == (2.5, pytest.approx(np.sqrt(0.5), abs=1e-6))
    assert (nod["latency_s"], nod["region"]) == (10, "head")
    never = row_of(tables[MEASURES], person="anna", stretch=WHOLE, level="class", name="tap")
    assert (never["count"], never["share"]) == (0, 0) and np.isnan(never["latency_s"])
    hand = row_of(tables[MEASURES], person="anna", stretch=WHOLE, level="region", name="hand")
    assert (hand["count"], hand["total_s"]) == (1, 4)


def test_stretches_count_what_begins_in_them_and_the_time_that_lies_in_them(tables):
    of_anna = dict(person="anna", level="class", name="scratch")
    asked, answered = (row_of(tables[MEASURES], stretch=s, **of_anna) for s in "QA")
    assert (asked["count"], asked["total_s"], asked["mean_s"]) == (1, 1, 4)
    assert (answered["count"], answered["total_s"]) == (0, 3)
    assert (asked["observed_s"], asked["stretches"], asked["latency_n"]) == (60, 2, 1)
    assert asked["latency_s"] == 29
    ben = row_of(tables[MEASURES], person="ben", stretch="A", level="class", name="nod")
    assert (ben["count"], ben["latency_s"]) == (1, 5)
    assert "Q" not in set(tables[MEASURES]["name"]) and "" not in set(tables[MEASURES]["person"])


def test_transitions_are_what_begins_next(tables):
    table = tables[TRANSITIONS]
    rows = table[(table["person"] == "anna") & (table["level"] == "class")]
    whole = rows[rows["stretch"] == WHOLE][["from", "to", "count", "probability"]]
    assert whole.to_numpy().tolist() == [
        ["nod", "nod", 1, 0.5],
        ["nod", "scratch", 1, 0.5],
        ["scratch", "nod", 1, 1.0],
    ]


def test_the_codebook_names_every_column_and_no_other(tables):
    for name in (MEASURES, TRANSITIONS):
        assert list(tables[name].columns) == list(ABOUT[name])
    named = list(zip(tables[CODEBOOK]["table"], tables[CODEBOOK]["column"]))
    assert named == [(table, column) for table, of in ABOUT.items() for column in of]


def test_without_classes_and_stretches_labels_and_tiers_stand_for_themselves(tmp_path):
    ones = (Interval(0, 1, "x", "left"), Interval(2, 4, "y"))
    table = write_measures([Coding("f", ones)], tmp_path)[MEASURES]
    classes = table[table["level"] == "class"].set_index("name")
    assert classes["share"].to_dict() == pytest.approx({"x": 0.25, "y": 0.5})
    assert classes["region"].to_dict() == {"x": "left", "y": "(none)"}

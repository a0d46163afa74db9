"""Agreement of coders: by hand, by scikit-learn, by krippendorff, by ActivityNet's evaluation."""

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from mbnb.coding import read_codings
from mbnb.coding.agreement import (
    ALL,
    Coders,
    agreement_table,
    alpha_table,
    disagreements,
    event_kappa,
    kappa,
    mean_average_precision,
    paired_events,
)
from mbnb.coding.alignment import in_units, pairs
from mbnb.files import InputError
from mbnb.intervals import MACHINE, Coding, Interval

NODS = {  # ten seconds, of which both have two, each has two more, and neither has four
    "a": [Coding("film", (Interval(0, 4, "nod"),), length=10)],
    "b": [Coding("film.csv", (Interval(2, 6, "nod"),), length=10)],
}


def random_coding(seed, count=60, end=600.0):
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.uniform(0, end - 5, count))
    labels = rng.choice(["nod", "shake", "touch"], count)
    lasts = rng.uniform(0.2, 4, count)
    ones = (Interval(s, s + d, str(x)) for s, d, x in zip(starts, lasts, labels))
    return Coding("film", tuple(ones), length=end)


@pytest.fixture(scope="module")
def random_coders():
    first = random_coding(0)
    shifted = tuple(
        Interval(one.start + 0.3, one.end + 0.1, one.label if i % 4 else "nod")
        for i, one in enumerate(first)
        if i % 5
    )
    second = Coding("film", shifted, length=600.0)
    return Coders({"a": [first], "b": [second], "c": [random_coding(2)]})


def row_of(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_kappa_and_alpha_of_ten_seconds_are_those_worked_out_by_hand():
    coders = Coders(NODS, unit=1.0)
    row = row_of(agreement_table(coders), **{"class": "nod"})
    assert row["agreement_time"] == pytest.approx(0.6)
    # By chance 0.4 · 0.4 + 0.6 · 0.6 = 0.52 agree, and 0.6 do.
    assert row["kappa_time"] == pytest.approx(0.08 / 0.48)
    # 8 of 20 values disagree; by chance it would be 2 · 8 · 12 / 19.
    alpha = row_of(alpha_table(coders), **{"class": "nod"})["alpha_time"]
    assert alpha == pytest.approx(1 - 8 / (2 * 8 * 12 / 19))
    assert (row["f1_0.1"], row["f1_0.25"], row["f1_0.5"]) == (1, 1, 0)  # 2 of 6 seconds are shared
    assert row["onset_mean_s"] == row["offset_mean_s"] == 2
    assert np.isnan(row["kappa_time_low"])  # ten seconds are too few


def test_kappa_is_scikit_learns_and_alpha_krippendorffs(random_coders):
    coders = random_coders
    tables = agreement_table(coders, resamples=200), alpha_table(coders)
    moments = (np.arange(6000) + 0.5) / 10
    for label in coders.labels:
        there = {
            coder: np.array(
                [
                    any(o.label == label and o.start <= t < o.end for o in ones["film"])
                    for t in moments
                ]
            )
            for coder, ones in coders.coded.items()
        }
        row = row_of(tables[0], **{"class": label, "coder_1": "a", "coder_2": "b"})
        expected = cohen_kappa_score(there["a"], there["b"])
        assert row["kappa_time"] == pytest.approx(expected)
        assert row["kappa_time_low"] < expected < row["kappa_time_high"]
        alpha = krippendorff.alpha(
            np.array([*there.values()]).astype(int), level_of_measurement="nominal"
        )
        assert row_of(tables[1], **{"class": label})["alpha_time"] == pytest.approx(alpha)
    copied = row_of(tables[0], **{"class": ALL, "coder_1": "a", "coder_2": "b"})
    others = row_of(tables[0], **{"class": ALL, "coder_1": "a", "coder_2": "c"})
    assert copied["kappa_time"] > 0.5 > 0.2 > others["kappa_time"]
    assert copied["kappa_event"] > 0.3 > others["kappa_event"]


def test_kappa_by_events_is_that_of_their_labels_side_by_side():
    a = Coding("f", (Interval(0, 2, "nod"), Interval(3, 5, "shake"), Interval(8, 9, "nod")))
    b = Coding("f", (Interval(0.5, 2, "nod"), Interval(3, 4, "nod"), Interval(20, 21, "shake")))
    events = paired_events(Coders({"a": [a], "b": [b]}), "a", "b")
    assert sorted(zip(*events)) == [("", "shake"), ("nod", ""), ("nod", "nod"), ("shake", "nod")]
    # 1 of 4 agree; by chance 2/4 · 2/4 + 1/4 · 1/4 + 1/4 · 1/4 = 6/16 would.
    assert event_kappa(*events) == pytest.approx((1 / 4 - 6 / 16) / (1 - 6 / 16))
    assert event_kappa(*events, "nod") == pytest.approx((1 / 2 - 1 / 2) / (1 / 2))


def test_pairs_are_as_many_as_can_be_and_the_same_both_ways_round():
    # The first would take the second's only partner if it chose for itself.
    a = [Interval(0, 10, "x"), Interval(9, 12, "x")]
    b = [Interval(4, 11, "x"), Interval(0, 3.5, "x")]
    assert pairs(a, b, 0.25) == [(0, 1), (1, 0)]
    assert sorted((i, j) for j, i in pairs(b, a, 0.25)) == [(0, 1), (1, 0)]
    assert pairs(a, [Interval(0, 10, "y")], 0.25) == []
    assert pairs([Interval(5, 5, "x")], [Interval(5.02, 5.02, "x")], 0.5) == [(0, 0)]  # moments


def test_units_are_told_by_their_middles_and_moments_by_where_they_fall():
    there = in_units([Interval(0.04, 0.26, "a"), Interval(0.3, 0.3, "b")], ["a", "b"], 0.45, 0.1)
    assert there[:, 0].tolist() == [True, True, True, False, False]
    assert there[:, 1].tolist() == [False, False, False, True, False]


def test_disagreements_say_who_has_what_alone_in_the_order_of_time():
    a = Coding("f", (Interval(0, 2, "nod"), Interval(3, 5, "shake"), Interval(60, 61, "nod")))
    b = Coding("f", (Interval(0.5, 2, "nod"), Interval(3, 4, "nod"), Interval(20, 21, "shake")))
    table = disagreements(Coders({"a": [a], "b": [b]}))
    assert table[["time", "label_1", "label_2", "kind"]].to_numpy().tolist() == [
        ["0:03.000", "shake", "nod", "another label"],
        ["0:20.000", "", "shake", "only b"],
        ["1:00.000", "nod", "", "only a"],
    ]


def test_kappa_of_any_labels_is_scikit_learns():
    rng = np.random.default_rng(0)
    for kinds in (2, 3, 40):
        a, b = rng.integers(kinds, size=(2, 200))
        b[:90] = a[:90]
        assert kappa(a, b) == pytest.approx(cohen_kappa_score(a, b))
    assert kappa(["x", "y"], ["x", "y"]) == 1 and np.isnan(kappa(["x"], ["x"]))


def test_people_who_all_coders_name_are_compared_each_with_themselves():
    coded = {"a": ("anna", "ben"), "b": ("ben", "anna")}
    codings = {
        coder: [
            Coding("f", tuple(Interval(i, i + 1, "nod", person=p) for i, p in enumerate(names)))
        ]
        for coder, names in coded.items()
    }
    coders = Coders(codings)
    assert coders.recordings == ["f [anna]", "f [ben]"]
    assert row_of(agreement_table(coders), **{"class": "nod"})["f1_0.1"] == 0


def test_what_cannot_be_compared_is_refused():
    several = [Coding("x", (Interval(0, 1, "a"),)), Coding("y", ())]
    with pytest.raises(InputError, match="no recording that all have coded; a: x, y; b: film.csv"):
        Coders({"a": several, "b": NODS["b"]})
    with pytest.raises(InputError, match="no intervals with labels: a, b"):
        Coders({"a": several[1:], "b": several[1:]})


def test_average_precision_is_that_of_activitynets_evaluation(shared):
    folder = shared / "formats/temporal"
    truth = {c.name[2:]: c for c in read_codings(folder / "activitynet_style_ground_truth.json")}
    answers = {c.name: c for c in read_codings(folder / "activitynet_style_result.json")}
    steps = np.linspace(0.5, 0.95, 10).round(2)
    row = row_of(mean_average_precision(truth, answers, steps), **{"class": ALL})
    # What mmaction2's tests have for these two files.
    expected = [0.71428571] * 3 + [0.6875] * 2 + [0.59722222] + [0.52083333] * 3 + [0.5]
    assert [row[str(step)] for step in steps] == pytest.approx(expected, abs=1e-7)
    assert row["mean"] == pytest.approx(0.6177579365079365)


def test_average_precision_of_three_answers_is_that_worked_out_by_hand():
    truth = {"f": [Interval(0, 10, "nod"), Interval(20, 30, "nod")]}
    found = [(0, 9, 0.9), (1, 9, 0.8), (21, 30, 0.7)]  # right, the same once more, right
    answers = {"f": [Interval(s, e, "nod", "", "", MACHINE, p) for s, e, p in found]}
    table = mean_average_precision(truth, answers)
    # Half of what there is at a precision of 1, the other half at 2/3; of an IoU of 0.9 still.
    assert row_of(table, **{"class": "nod"})["0.9"] == pytest.approx((1 + 2 / 3) / 2)
    assert row_of(mean_average_precision(truth, {}), **{"class": ALL})["mean"] == 0

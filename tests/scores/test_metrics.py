"""Scores against golden numbers and scikit-learn, and what intervals over people promise."""

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score

from mbnb.classes import ClassTable, read_classes
from mbnb.scores.metrics import (
    SCORES,
    compare,
    confusion,
    f1_per_class,
    hits,
    intervals,
    official,
    score,
)


def table(classes, regions=2):
    ids = range(classes)
    return ClassTable(
        tuple(f"A{i}" for i in ids),
        tuple(f"class {i}" for i in ids),
        tuple(f"region {i % regions}" for i in ids),
    )


def guesses(clips, classes, seed=0, skill=1.0):
    """Labels and probabilities that favour them the more, the greater the skill."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, clips)
    logits = rng.normal(size=(clips, classes))
    logits[np.arange(clips), labels] += skill
    return labels, np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def test_accuracies_equal_the_original(shared):
    with np.load(shared / "golden" / "data_ops.npz", allow_pickle=False) as golden:
        scores = score(golden["acc_y"], golden["acc_logits"], table(8))
        assert scores["top1"] * 100 == pytest.approx(golden["acc_top1"].item(), abs=1e-4)
        assert scores["top5"] * 100 == pytest.approx(golden["acc_top5"].item(), abs=1e-4)


@pytest.mark.parametrize("clips, classes", [(400, 6), (30, 52), (5, 2)])
def test_macro_f1_equals_scikit_learn(clips, classes):
    labels, probabilities = guesses(clips, classes)
    expected = f1_score(labels, probabilities.argmax(1), average="macro")
    assert score(labels, probabilities, table(classes))["macro_f1"] == pytest.approx(expected)


def test_a_class_that_nobody_shows_or_predicts_has_no_f1():
    assert np.isnan(f1_per_class(confusion(np.array([0, 0]), np.array([0, 2]), 4))).tolist() == [
        False,
        True,
        False,
        True,
    ]


def test_confusion_has_truth_in_rows():
    matrix = confusion(np.array([0, 0, 2]), np.array([1, 1, 2]), 3)
    assert matrix.tolist() == [[0, 2, 0], [0, 0, 0], [0, 0, 1]]


def test_the_right_region_counts_even_for_the_wrong_class():
    classes = read_classes("document")
    probabilities = np.eye(52)[[1, 6, 20, 51]]
    scores = score(np.array([0, 6, 15, 0]), probabilities, classes)
    assert scores["top1"] == 0.25
    assert scores["region_top1"] == 0.75


def test_hits_take_the_first_of_equals_as_argmax_does_and_broken_outputs_hit_nothing():
    labels = np.arange(8)
    equal = np.full((8, 8), 0.125)
    assert hits(labels, equal, 5).tolist() == [True] * 5 + [False] * 3
    assert (hits(labels, equal, 1) == (equal.argmax(1) == labels)).all()
    assert not hits(labels, np.full((8, 8), np.nan), 5).any()
    labels, probabilities = guesses(200, 12)
    assert all(
        (hits(labels, probabilities, k) <= hits(labels, probabilities, k + 1)).all()
        for k in range(1, 12)
    )
    assert hits(labels, probabilities, 12).all()


def test_fewer_than_five_classes():
    labels, probabilities = guesses(60, 3)
    scores = score(labels, probabilities, table(3))
    assert scores["top5"] == 1
    assert scores["top1"] < 1
    bounds = intervals(
        labels, probabilities, [f"p{i % 6}" for i in range(60)], table(3), resamples=50
    )
    assert bounds["top5"] == (1, 1)


def test_weights_equal_repeated_clips():
    labels, probabilities = guesses(50, 7)
    weights = np.random.default_rng(1).integers(0, 4, 50)
    repeated = np.repeat(np.arange(50), weights)
    weighted = score(labels, probabilities, table(7), weights)
    assert weighted == pytest.approx(score(labels[repeated], probabilities[repeated], table(7)))
    assert weighted != pytest.approx(score(labels, probabilities, table(7)))


def people(count, clips_each=12):
    """Guesses for people of very different skill, so that it matters whether people or clips are drawn anew."""
    parts = [guesses(clips_each, 6, seed=i, skill=3.0 * (i % 2)) for i in range(count)]
    labels, probabilities = (np.concatenate(part) for part in zip(*parts))
    return labels, probabilities, [f"person {i}" for i in range(count) for _ in range(clips_each)]


def test_intervals_hold_the_score_and_narrow_with_more_people():
    width = {}
    for count in (4, 60):
        labels, probabilities, subjects = people(count)
        scores = score(labels, probabilities, table(6))
        bounds = intervals(labels, probabilities, subjects, table(6), resamples=300)
        assert tuple(bounds) == SCORES
        for key, (low, high) in bounds.items():
            assert low <= scores[key] <= high, key
        width[count] = bounds["top1"][1] - bounds["top1"][0]
    assert width[4] > 2 * width[60] > 0


def test_clips_of_one_person_do_not_count_as_independent():
    labels, probabilities, subjects = people(8, clips_each=40)
    by_person = intervals(labels, probabilities, subjects, table(6), resamples=300)["top1"]
    by_clip = intervals(
        labels, probabilities, [f"{i}" for i in range(len(labels))], table(6), resamples=300
    )["top1"]
    assert by_person[1] - by_person[0] > 2 * (by_clip[1] - by_clip[0])


def test_intervals_are_the_same_for_the_same_seed_and_whatever_the_order_of_clips():
    labels, probabilities, subjects = people(6)
    first = intervals(labels, probabilities, subjects, table(6), resamples=100, seed=5)
    assert first == intervals(labels, probabilities, subjects, table(6), resamples=100, seed=5)
    order = np.random.default_rng(0).permutation(len(labels))
    shuffled = intervals(
        labels[order],
        probabilities[order],
        [subjects[i] for i in order],
        table(6),
        resamples=100,
        seed=5,
    )
    assert all(shuffled[key] == pytest.approx(first[key]) for key in SCORES)
    assert first != intervals(labels, probabilities, subjects, table(6), resamples=100, seed=6)


def test_intervals_over_few_people_hold_the_truth_about_as_often_as_they_say():
    rng, found = np.random.default_rng(0), []
    for study in range(200):
        skill = rng.normal(0.6, 0.15, 5).clip(0, 1)
        right = rng.random((5, 50)) < skill[:, None]
        bounds = compare(
            right.ravel(), np.zeros(250), np.repeat(list("abcde"), 50), resamples=400, seed=study
        )
        found.append(bounds["low"] <= 0.6 <= bounds["high"])
    assert 0.9 < np.mean(found) < 0.98  # plain percentiles: 0.85


def test_a_paired_comparison_counts_what_changed_and_takes_mcnemars_exact_test():
    was, now = np.zeros(20, bool), np.zeros(20, bool)
    now[:8], was[8:10], was[15:], now[15:] = True, True, True, True
    found = compare(now, was, [f"p{i % 4}" for i in range(20)], resamples=50)
    assert (found["gained"], found["lost"], found["difference"]) == (8, 2, pytest.approx(0.3))
    assert found["p"] == pytest.approx(2 * sum(math.comb(10, k) for k in range(3)) / 2**10)


def test_official_scores_are_those_of_scikit_learn():
    labels, probabilities = guesses(300, 6)
    classes = table(6)
    ids = np.array(classes.region_ids)
    body = np.stack(
        [probabilities[:, ids == region].sum(1) for region in range(len(classes.region_names))],
        axis=1,
    )
    found = official(labels, probabilities, classes)
    for level, true, values in (("action", labels, probabilities), ("body", ids[labels], body)):
        for kind in ("macro", "micro"):
            assert found[f"{level}_f1_{kind}"] == pytest.approx(
                f1_score(true, values.argmax(1), average=kind)
            )
    assert found["F1_mean"] == pytest.approx(
        np.mean(
            [
                found[f"{level}_f1_{kind}"]
                for level in ("action", "body")
                for kind in ("macro", "micro")
            ]
        )
    )
    other = official(labels, probabilities, classes, np.eye(len(classes.region_names))[ids[labels]])
    assert other["body_top1"] == 1 and other["action_top1"] == found["action_top1"]


def test_one_person_gives_no_interval():
    labels, probabilities = guesses(20, 6)
    assert np.isnan(list(intervals(labels, probabilities, ["p"] * 20, table(6)).values())).all()

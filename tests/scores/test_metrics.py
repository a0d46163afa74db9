"""Scores against golden numbers and scikit-learn."""

import build
import numpy as np
import pytest
from sklearn.metrics import f1_score

from mbnb.classes import ClassTable
from mbnb.scores.metrics import (
    confusion,
    f1_per_class,
    hits,
    official_scores,
    region_probabilities,
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
    """Labels drawn by chance, and `build.guesses` of them."""
    labels = np.random.default_rng(seed).integers(0, classes, clips)
    return labels, build.guesses(labels, classes, skill, seed)


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
    f1 = f1_per_class(confusion(np.array([0, 0]), np.array([0, 2]), 4))
    assert np.isnan(f1).tolist() == [False, True, False, True]


def test_confusion_has_truth_in_rows():
    matrix = confusion(np.array([0, 0, 2]), np.array([1, 1, 2]), 3)
    assert matrix.tolist() == [[0, 2, 0], [0, 0, 0], [0, 0, 1]]


def test_the_right_region_counts_even_for_the_wrong_class():
    probabilities = np.eye(52)[[1, 6, 20, 51]]
    scores = score(np.array([0, 6, 15, 0]), probabilities, build.DOCUMENT)
    assert scores["top1"] == 0.25
    assert scores["region_top1"] == 0.75


def test_hits_take_the_first_of_equals_as_argmax_does_and_broken_outputs_hit_nothing():
    labels = np.arange(8)
    equal = np.full((8, 8), 0.125)
    assert hits(labels, equal, 5).tolist() == [True] * 5 + [False] * 3
    assert (hits(labels, equal, 1) == (equal.argmax(1) == labels)).all()
    assert not hits(labels, np.full((8, 8), np.nan), 5).any()
    labels, probabilities = guesses(200, 12)
    among = [hits(labels, probabilities, k) for k in range(1, 13)]
    assert all((fewer <= more).all() for fewer, more in zip(among, among[1:]))
    assert among[-1].all()


def test_fewer_than_five_classes():
    labels, probabilities = guesses(60, 3)
    scores = score(labels, probabilities, table(3))
    assert scores["top5"] == 1
    assert scores["top1"] < 1


def test_weights_equal_repeated_clips():
    labels, probabilities = guesses(50, 7)
    weights = np.random.default_rng(1).integers(0, 4, 50)
    repeated = np.repeat(np.arange(50), weights)
    weighted = score(labels, probabilities, table(7), weights)
    assert weighted == pytest.approx(score(labels[repeated], probabilities[repeated], table(7)))
    assert weighted != pytest.approx(score(labels, probabilities, table(7)))


def test_official_scores_are_those_of_scikit_learn():
    labels, probabilities = guesses(300, 6)
    classes = table(6)
    ids = np.array(classes.region_ids)
    body = region_probabilities(probabilities, classes)
    scores = official_scores(labels, probabilities, classes)
    f1 = {
        f"{level}_f1_{kind}": f1_score(truth, values.argmax(1), average=kind)
        for level, truth, values in (("action", labels, probabilities), ("body", ids[labels], body))
        for kind in ("macro", "micro")
    }
    assert {name: scores[name] for name in f1} == pytest.approx(f1)
    assert scores["F1_mean"] == pytest.approx(np.mean(list(f1.values())))
    top1 = (probabilities.argmax(1) == labels).mean()
    assert scores["action_top1"] == scores["action_f1_micro"] == top1
    head = np.eye(len(classes.region_names))[ids[labels]]
    with_head = official_scores(labels, probabilities, classes, head)
    assert with_head["body_top1"] == 1 and with_head["action_top1"] == scores["action_top1"]


def test_regions_are_sums_of_their_classes_or_the_mean_with_a_head():
    classes = table(4)
    sums = region_probabilities(np.array([[0.1, 0.2, 0.3, 0.4]]), classes)
    np.testing.assert_allclose(sums, [[0.4, 0.6]])
    both = region_probabilities(np.array([[0.1, 0.2, 0.3, 0.4]]), classes, np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(both, [[0.7, 0.3]])

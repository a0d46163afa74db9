"""What intervals over people and paired comparisons promise."""

import math

import build
import numpy as np
import pytest

from mbnb.classes import ClassTable
from mbnb.scores import (
    SCORES,
    compare,
    f1_intervals,
    official_interval,
    official_scores,
    score,
    score_intervals,
)

SIX = ClassTable(tuple("ABCDEF"), tuple("abcdef"), ("body", "head") * 3)


def people(count, clips_each=12):
    """Guesses for people of very different skill, so that drawing people is not drawing clips."""
    labels = np.random.default_rng(count).integers(0, 6, (count, clips_each))
    parts = [build.guesses(row, 6, 3.0 * (i % 2), seed=i) for i, row in enumerate(labels)]
    subjects = [f"person {i}" for i in range(count) for _ in range(clips_each)]
    return labels.ravel(), np.concatenate(parts), subjects


def test_intervals_hold_the_score_and_narrow_with_more_people():
    width = {}
    for count in (4, 60):
        labels, probabilities, subjects = people(count)
        scores = score(labels, probabilities, SIX)
        bounds = score_intervals(labels, probabilities, subjects, SIX, resamples=300)
        assert tuple(bounds) == SCORES
        for key, (low, high) in bounds.items():
            assert low <= scores[key] <= high, key
        width[count] = bounds["top1"][1] - bounds["top1"][0]
    assert width[4] > 2 * width[60] > 0


def test_clips_of_one_person_do_not_count_as_independent():
    labels, probabilities, subjects = people(8, clips_each=40)
    width = {}
    for unit, drawn in (("people", subjects), ("clips", list(map(str, range(len(labels)))))):
        low, high = score_intervals(labels, probabilities, drawn, SIX, resamples=300)["top1"]
        width[unit] = high - low
    assert width["people"] > 2 * width["clips"]


def test_intervals_are_the_same_for_the_same_seed_and_whatever_the_order_of_clips():
    labels, probabilities, subjects = people(6)

    def intervals(order, seed):
        whose = [subjects[i] for i in order]
        return score_intervals(labels[order], probabilities[order], whose, SIX, 100, seed)

    order = np.arange(len(labels))
    first = intervals(order, seed=5)
    assert first == intervals(order, seed=5) != intervals(order, seed=6)
    shuffled = intervals(np.random.default_rng(0).permutation(order), seed=5)
    assert all(shuffled[key] == pytest.approx(first[key]) for key in SCORES)


def test_intervals_over_few_people_hold_the_truth_about_as_often_as_they_say():
    rng, people = np.random.default_rng(0), np.repeat(list("abcde"), 50)
    hold = []
    for study in range(200):
        skill = rng.normal(0.6, 0.15, 5).clip(0, 1)
        right = rng.random((5, 50)) < skill[:, None]
        bounds = compare(right.ravel(), np.zeros(250), people, resamples=400, seed=study)
        hold.append(bounds["low"] <= 0.6 <= bounds["high"])
    assert 0.9 < np.mean(hold) < 0.98  # plain percentiles: 0.85


def test_a_paired_comparison_counts_what_changed_and_takes_mcnemars_exact_test():
    was, now = np.zeros(20, bool), np.zeros(20, bool)
    now[:8], was[8:10], was[15:], now[15:] = True, True, True, True
    change = compare(now, was, [f"p{i % 4}" for i in range(20)], resamples=50)
    assert (change["gained"], change["lost"], change["difference"]) == (8, 2, pytest.approx(0.3))
    assert change["low"] <= 0.3 <= change["high"]
    assert change["p"] == pytest.approx(2 * sum(math.comb(10, k) for k in range(3)) / 2**10)
    same = compare(now, now, [f"p{i % 4}" for i in range(20)], resamples=50)
    assert (same["p"], same["low"], same["high"]) == (1, 0, 0)


def test_intervals_of_a_class_and_of_the_official_score_hold_what_they_are_about():
    labels, probabilities, subjects = people(12)
    others = labels != 5  # nobody shows or is told class 5
    labels, probabilities = labels[others], probabilities[others] * (np.arange(6) < 5)
    subjects = [subject for subject, is_other in zip(subjects, others) if is_other]
    low, high = f1_intervals(labels, probabilities.argmax(1), subjects, 6, resamples=200).T
    assert (low[:5] < high[:5]).all() and np.isnan([low[5], high[5]]).all()
    low, high = official_interval(labels, probabilities, subjects, SIX, resamples=200)
    assert low < official_scores(labels, probabilities, SIX)["F1_mean"] < high


def test_one_person_gives_no_interval():
    labels, probabilities, _ = people(1)
    alone = ["p"] * len(labels)
    assert np.isnan(list(score_intervals(labels, probabilities, alone, SIX).values())).all()
    assert np.isnan(f1_intervals(labels, labels, alone, 6)).all()
    assert official_interval(labels, probabilities, alone, SIX) is None
    assert math.isnan(compare(labels == 0, labels == 1, alone)["low"])

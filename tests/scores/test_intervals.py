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
    by_person = score_intervals(labels, probabilities, subjects, SIX, resamples=300)["top1"]
    by_clip = score_intervals(
        labels, probabilities, [f"{i}" for i in range(len(labels))], SIX, resamples=300
    )["top1"]
    assert by_person[1] - by_person[0] > 2 * (by_clip[1] - by_clip[0])


def test_intervals_are_the_same_for_the_same_seed_and_whatever_the_order_of_clips():
    labels, probabilities, subjects = people(6)
    first = score_intervals(labels, probabilities, subjects, SIX, resamples=100, seed=5)
    assert first == score_intervals(labels, probabilities, subjects, SIX, resamples=100, seed=5)
    order = np.random.default_rng(0).permutation(len(labels))
    shuffled = score_intervals(
        labels[order],
        probabilities[order],
        [subjects[i] for i in order],
        SIX,
        resamples=100,
        seed=5,
    )
    assert all(shuffled[key] == pytest.approx(first[key]) for key in SCORES)
    assert first != score_intervals(labels, probabilities, subjects, SIX, resamples=100, seed=6)


def test_intervals_over_few_people_hold_the_truth_about_as_often_as_they_say():
    rng, held = np.random.default_rng(0), []
    for study in range(200):
        skill = rng.normal(0.6, 0.15, 5).clip(0, 1)
        right = rng.random((5, 50)) < skill[:, None]
        bounds = compare(
            right.ravel(), np.zeros(250), np.repeat(list("abcde"), 50), resamples=400, seed=study
        )
        held.append(bounds["low"] <= 0.6 <= bounds["high"])
    assert 0.9 < np.mean(held) < 0.98  # plain percentiles: 0.85


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
    never = labels != 5  # nobody shows or is told class 5
    labels, probabilities = labels[never], probabilities[never] * (np.arange(6) < 5)
    subjects = [subject for subject, kept in zip(subjects, never) if kept]
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

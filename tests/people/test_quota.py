"""Clips of one person judged together: who keeps to a rule, and what it says about them."""

import numpy as np
import pytest

from mbnb.people import Known
from mbnb.people.quota import Quota, learn_quota
from mbnb.scores.metrics import hits

CLASSES = 12


def recorded(counts):
    """Labels and people of clips in these numbers (people, classes)."""
    person, label = (
        place.repeat(np.ravel(counts)) for place in np.indices(np.shape(counts)).reshape(2, -1)
    )
    return label, np.char.add("person ", person.astype(str))


def seen(labels, sharpness, bias=0.0):
    """Probabilities that favour the true classes somewhat, and some classes in all clips."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(len(labels), CLASSES)) + rng.normal(0, bias, CLASSES)
    scores[np.arange(len(labels)), labels] += sharpness
    return np.exp(scores) / np.exp(scores).sum(1, keepdims=True)


@pytest.mark.parametrize("times", [1, 4])
def test_people_who_were_asked_for_the_same_keep_to_a_rule(times):
    counts = np.full((6, CLASSES), times)
    quota = learn_quota(*recorded(counts), CLASSES)
    assert quota.strength == 1 and (quota.clips == times).all()
    counts[2, 3:5] = 0  # what one of them left out is no reason to give the others less
    counts[4, 7] -= 1
    quota = learn_quota(*recorded(counts), CLASSES)
    assert quota.strength == 1 and (quota.clips == times).all()
    counts[5, 0] += 2 * times
    assert 0.5 < learn_quota(*recorded(counts), CLASSES).strength < 1


@pytest.mark.parametrize("concentration", [0.3, 5.0, 1e6])
def test_people_who_do_as_they_please_keep_to_none(concentration):
    rng = np.random.default_rng(1)
    counts = [
        rng.multinomial(40, rng.dirichlet(np.full(CLASSES, concentration))) for _ in range(20)
    ]
    assert learn_quota(*recorded(counts), CLASSES) is None


def test_people_who_were_asked_for_different_things_keep_to_none():
    half = np.arange(CLASSES) < CLASSES // 2
    assert learn_quota(*recorded(np.where([half, ~half, half, ~half], 2, 0)), CLASSES) is None


@pytest.mark.parametrize(
    "counts",
    [
        [[3, 2, 1]],
        [[1, 1, 0], [1, 1, 0]],
        [[4, 0, 0], [4, 0, 0]],
        [[0, 6, 0]],
        np.zeros((1, 3), int),
    ],
)
def test_too_few_clips_show_no_rule(counts):
    assert learn_quota(*recorded(counts), 3) is None


def test_a_clip_gets_the_class_that_a_surer_one_leaves():
    probabilities = np.array([[0.6, 0.4, 0.0], [0.9, 0.1, 0.0], [0.0, 0.1, 0.9]])
    shared = Quota(np.ones(3), 1.0).apply(probabilities, Known(["ann"] * 3, probabilities))
    assert shared.argmax(1).tolist() == [1, 0, 2]
    of_two = Quota(np.ones(3), 1.0).apply(
        probabilities, Known(["ann", "bob", "bob"], probabilities)
    )
    assert of_two.argmax(1).tolist() == [0, 0, 2], "another person's clips take nothing away"
    assert Quota(np.full(3, 2.0), 1.0).apply(
        probabilities, Known(["ann"] * 3, probabilities)
    ).argmax(1).tolist() == [
        0,
        0,
        2,
    ], "there is room for two"


def test_nobody_gets_more_of_a_class_than_the_quota():
    labels, people = recorded(np.full((3, CLASSES), 2))
    probabilities = seen(labels, 3.0, bias=0.8)
    shared = Quota(np.full(CLASSES, 2.0), 1.0).apply(probabilities, Known(people, probabilities))
    np.testing.assert_allclose(shared.sum(1), 1)
    for person in set(people):
        assert probabilities[people == person].sum(0).max() > 2.5
        assert shared[people == person].sum(0).max() < 2.01
    order = np.random.default_rng(0).permutation(len(labels))
    np.testing.assert_allclose(
        Quota(np.full(CLASSES, 2.0), 1.0).apply(
            probabilities[order], Known(people[order], probabilities[order])
        ),
        shared[order],
    )
    assert hits(labels, shared, 1).mean() > hits(labels, probabilities, 1).mean() + 0.1


def test_few_clips_of_a_person_are_left_as_they_are():
    labels, people = recorded(np.eye(CLASSES, dtype=int)[:1])
    probabilities = seen(labels, 2.0)
    np.testing.assert_allclose(
        Quota(np.ones(CLASSES), 1.0).apply(probabilities, Known(people, probabilities)),
        probabilities,
        atol=0.02,
    )


@pytest.mark.parametrize(
    "labels",
    [np.zeros(3, int), np.zeros(CLASSES, int), np.arange(3).repeat(8), np.arange(6).repeat(4)],
)
def test_who_shows_something_else_than_people_in_training_is_left_as_they_are(labels):
    planned, people = recorded(np.ones((4, CLASSES), int))
    probabilities = seen(np.r_[planned, labels], 6.0)
    whose = [*people, *["another"] * len(labels)]
    shared = Quota(np.ones(CLASSES), 1.0).apply(probabilities, Known(whose, probabilities))
    other = np.arange(len(shared)) >= len(planned)
    assert (shared[other] == probabilities[other]).all()
    assert (shared[~other] != probabilities[~other]).any(1).all(), (
        "the others are judged together none the less"
    )


def test_a_person_with_more_clips_has_a_larger_quota():
    labels, people = recorded(np.full((1, CLASSES), 3))
    probabilities = seen(labels, 6.0)
    shared = Quota(np.ones(CLASSES), 1.0).apply(probabilities, Known(people, probabilities))
    assert (shared.argmax(1) == labels).mean() > 0.95


def test_a_class_that_nobody_showed_is_given_to_nobody():
    labels, people = recorded(np.r_[np.ones(CLASSES - 1, int), 0][None])
    probabilities, quota = seen(labels, 0.0), Quota(np.r_[np.ones(CLASSES - 1), 0.0], 0.5)
    shared = quota.apply(probabilities, Known(people, probabilities))
    assert np.isfinite(shared).all() and (shared[:, -1] == 0).all()

"""Clips of one person judged together: who keeps to a rule, and what it says about them."""

import numpy as np
import pytest
from build import guesses

from mbnb.people import Known
from mbnb.people.quota import Quota, learn_quota
from mbnb.scores.metrics import hits

CLASSES = 12


def recorded(counts):
    """Labels and people of clips in these numbers (people, classes)."""
    whose, labels = np.indices(np.shape(counts)).reshape(2, -1).repeat(np.ravel(counts), axis=1)
    return labels, np.char.add("person ", whose.astype(str))


def shared_out(probabilities, people, clips, strength=1.0):
    """The probabilities after a quota of so many clips of each class a person."""
    quota = Quota(np.asarray(clips, float), strength)
    return quota.apply(probabilities, Known(people, probabilities))


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
    habits = rng.dirichlet(np.full(CLASSES, concentration), 20)
    counts = [rng.multinomial(40, habit) for habit in habits]
    assert learn_quota(*recorded(counts), CLASSES) is None


def test_people_who_were_asked_for_different_things_keep_to_none():
    half = np.arange(CLASSES) < CLASSES // 2
    assert learn_quota(*recorded(np.where([half, ~half, half, ~half], 2, 0)), CLASSES) is None


@pytest.mark.parametrize(
    "counts",
    [[[3, 2, 1]], [[1, 1, 0]] * 2, [[4, 0, 0]] * 2, [[0, 6, 0]], np.zeros((1, 3), int)],
)
def test_too_few_clips_show_no_rule(counts):
    assert learn_quota(*recorded(counts), 3) is None


def test_a_clip_gets_the_class_that_a_surer_one_leaves():
    probabilities = np.array([[0.6, 0.4, 0.0], [0.9, 0.1, 0.0], [0.0, 0.1, 0.9]])
    of_one = shared_out(probabilities, ["ann"] * 3, np.ones(3))
    assert of_one.argmax(1).tolist() == [1, 0, 2]
    of_two = shared_out(probabilities, ["ann", "bob", "bob"], np.ones(3))
    assert of_two.argmax(1).tolist() == [0, 0, 2], "another person's clips take nothing away"
    of_more = shared_out(probabilities, ["ann"] * 3, np.full(3, 2))
    assert of_more.argmax(1).tolist() == [0, 0, 2], "there is room for two"


def test_nobody_gets_more_of_a_class_than_the_quota():
    labels, people = recorded(np.full((3, CLASSES), 2))
    favour = np.exp(np.random.default_rng(0).normal(0, 0.8, CLASSES))  # of a class, in all clips
    probabilities = guesses(labels, CLASSES, 3.0) * favour
    probabilities /= probabilities.sum(1, keepdims=True)
    shared = shared_out(probabilities, people, np.full(CLASSES, 2))
    np.testing.assert_allclose(shared.sum(1), 1)
    for person in set(people):
        assert probabilities[people == person].sum(0).max() > 2.5
        assert shared[people == person].sum(0).max() < 2.01
    order = np.random.default_rng(0).permutation(len(labels))
    shuffled = shared_out(probabilities[order], people[order], np.full(CLASSES, 2))
    np.testing.assert_allclose(shuffled, shared[order])
    assert hits(labels, shared, 1).mean() > hits(labels, probabilities, 1).mean() + 0.1


def test_few_clips_of_a_person_are_left_as_they_are():
    labels, people = recorded(np.eye(CLASSES, dtype=int)[:1])
    probabilities = guesses(labels, CLASSES, 2.0)
    shared = shared_out(probabilities, people, np.ones(CLASSES))
    np.testing.assert_allclose(shared, probabilities, atol=0.02)


@pytest.mark.parametrize(
    "labels",
    [np.zeros(3, int), np.zeros(CLASSES, int), np.arange(3).repeat(8), np.arange(6).repeat(4)],
)
def test_who_shows_something_else_than_people_in_training_is_left_as_they_are(labels):
    planned, people = recorded(np.ones((4, CLASSES), int))
    probabilities = guesses(np.r_[planned, labels], CLASSES, 6.0)
    whose = [*people, *["another"] * len(labels)]
    shared = shared_out(probabilities, whose, np.ones(CLASSES))
    changed = (shared != probabilities).any(1)
    assert not changed[len(planned) :].any()
    assert changed[: len(planned)].all(), "the others are judged together none the less"


def test_a_person_with_more_clips_has_a_larger_quota():
    labels, people = recorded(np.full((1, CLASSES), 3))
    shared = shared_out(guesses(labels, CLASSES, 6.0), people, np.ones(CLASSES))
    assert (shared.argmax(1) == labels).mean() > 0.95


def test_a_class_that_nobody_showed_is_given_to_nobody():
    planned = np.r_[np.ones(CLASSES - 1, int), 0]
    labels, people = recorded(planned[None])
    shared = shared_out(guesses(labels, CLASSES, 0.0), people, planned, strength=0.5)
    assert np.isfinite(shared).all() and (shared[:, -1] == 0).all()

"""Discriminant analysis on features whose classes are known."""

import numpy as np
import pytest

from mbnb.baselines.discriminant import fit_discriminant


def drawn(people, each, features, seed, own=0.0, classes=4):
    """Features of clips and of their mirror images (2, N, D), labels and people; `own` is how far a person's means lie from the classes'."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(7).normal(size=(2, classes, features)) / np.sqrt(features) * 3
    label, person = (
        np.tile(np.repeat(np.arange(classes), each), people),
        np.repeat(np.arange(people), classes * each),
    )
    shift = own * rng.normal(size=(people, classes, features)) / np.sqrt(features) * 3
    x = (
        means[:, label]
        + shift[person, label]
        + rng.normal(size=(2, len(label), features)) * 0.4 / np.sqrt(features)
    )
    return x, label, [f"p{i}" for i in person]


@pytest.mark.parametrize("features", [10, 400])
def test_clips_go_to_their_classes_with_fewer_features_than_clips_and_with_more(features):
    x, labels, _ = drawn(5, 3, features, 0)
    x_new, labels_new, _ = drawn(3, 2, features, 1)
    model = fit_discriminant(x, labels, 6)
    scores, mirrored = model.scores(x_new)
    assert scores.shape == (24, 6) and (scores.argmax(1) == labels_new).all()
    np.testing.assert_allclose(model.scores(x_new[::-1])[0], mirrored)
    assert (scores[:, 4:] == scores.min()).all(), "classes that were not there"
    assert (scores.max(1) > mirrored.max(1)).all()


def test_a_persons_own_means_help_where_people_differ_and_classes_recur():
    x, labels, _ = drawn(8, 6, 40, 0, own=1.5, classes=12)
    x_new, labels_new, people = drawn(10, 10, 40, 1, own=1.5, classes=12)
    model = fit_discriminant(x, labels, 12)
    plain, by_person = (
        (scores.argmax(1) == labels_new).mean()
        for scores in (model.scores(x_new)[0], model.scores_by_person(x_new, people))
    )
    assert by_person > plain + 0.04
    alone = model.scores_by_person(x_new, [f"{name}_{i}" for i, name in enumerate(people)])
    assert (alone.argmax(1) == model.scores(x_new)[0].argmax(1)).mean() > 0.98, (
        "a single clip hardly moves anything"
    )

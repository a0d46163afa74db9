"""What is a person's own way is taken off, as far as the person shows enough to tell it."""

import numpy as np

from mbnb.people import Known
from mbnb.people.adapt import Adapt

CLASSES, FEATURES, VIEWS = 6, 4, 2


def people_with_ways(count=5, each=60, seed=0):
    """Clips of all classes by people who differ by a constant: features, names, classes, ways."""
    rng = np.random.default_rng(seed)
    means, ways = rng.normal(size=(CLASSES, FEATURES)), rng.normal(size=(count, FEATURES))
    person, labels = np.repeat(np.arange(count), each), np.tile(np.arange(CLASSES), count * 10)
    features = means[labels] + ways[person] + rng.normal(0, 0.01, (count * each, FEATURES))
    names = [f"p{i}" for i in person]
    return np.stack([features, 2 * features]), names, labels, ways[person]


def known(features, names, labels):
    return Known(names, np.eye(CLASSES)[labels], features, labels)


def test_people_who_show_everything_lose_their_ways():
    features, names, labels, _ = people_with_ways()
    clips = known(features, names, labels)
    step = Adapt.fit(clips)
    adapted = step.apply(features, clips)
    for view in range(VIEWS):
        for label in range(CLASSES):
            same = adapted[view, labels == label]
            assert same.std(0).max() < 0.1 < features[view, labels == label].std(0).max()
    centres = [adapted[:, np.array(names) == name].mean(1) for name in set(names)]
    np.testing.assert_allclose(centres, np.stack([step.centre] * len(centres)), atol=1e-6)


def test_who_is_only_seen_doing_one_thing_is_hardly_moved():
    features, names, labels, _ = people_with_ways()
    step = Adapt.fit(known(features, names, labels))
    alike = labels == 0
    one = known(features[:, alike], ["q"] * alike.sum(), labels[alike])
    moved = step.apply(one.features, one) - one.features
    whole = step.centre - one.features.mean(1)
    np.testing.assert_allclose(moved.mean(1), whole / CLASSES, atol=1e-6)


def test_the_order_of_clips_and_other_people_play_no_part():
    features, names, labels, _ = people_with_ways()
    clips = known(features, names, labels)
    step = Adapt.fit(clips)
    adapted = step.apply(features, clips)
    some = np.random.default_rng(1).permutation(np.flatnonzero(np.array(names) == "p2"))
    one = known(features[:, some], [names[i] for i in some], labels[some])
    np.testing.assert_allclose(step.apply(one.features, one), adapted[:, some], atol=1e-9)


def test_what_is_written_reads_back_equal():
    features, names, labels, _ = people_with_ways()
    clips = known(features, names, labels)
    step = Adapt.fit(clips)
    again = Adapt.of(step.state())
    np.testing.assert_array_equal(again.apply(features, clips), step.apply(features, clips))

"""One example of each unseen class: who gives them, who is asked, and what the score is of."""

import numpy as np
import pandas as pd
import pytest
from build import CLASSES, clips, config, data_set, moving
from data.ntu import name_of

from mbnb.clips import pack
from mbnb.data.held_out import hold_classes_out
from mbnb.evaluate.one_shot import (
    ADAPTED,
    CONVOLUTIONS,
    NETWORK,
    POSES,
    answers,
    draw_examples,
    match,
    one_shot,
    top1_interval,
)
from mbnb.files import InputError
from mbnb.train import train


def some(names, labels):
    return clips(names, labels, "test", pose=moving, classes=CLASSES)


def test_the_match_equals_the_original(shared):
    with np.load(shared / "golden" / "motionbert" / "oneshot.npz", allow_pickle=False) as golden:
        parts = [golden[f"match_{key}"].astype(float) for key in ("exemplars", "queries")]
        vectors = np.concatenate([part / np.linalg.norm(part, axis=1)[:, None] for part in parts])
        likeness, count = vectors @ vectors.T, len(parts[0])
        labels = np.concatenate([golden["match_exemplar_y"], golden["match_query_y"]])
        np.testing.assert_allclose(likeness[:count, count:], golden["match_similarity"], atol=1e-6)
        expected = golden["match_accuracy"]
    rows = np.arange(len(vectors))
    draw = type("Draw", (), dict(examples=rows[:count], asked=rows[count:]))
    right = match(likeness, labels, draw) == labels[count:]
    assert right.mean() == pytest.approx(expected, abs=1e-6)


def test_one_person_shows_each_class_once_and_others_are_asked():
    asked = some("abcd", [0, 2, 2])
    draws = draw_examples(asked)
    people = np.array(asked.subjects)
    assert {draw.giver for draw in draws} == set("abcd")
    for draw in draws:
        assert set(people[draw.examples]) == {draw.giver}
        assert asked.labels[draw.examples].tolist() == [0, 2]
        assert set(people[draw.asked]) == set("abcd") - {draw.giver} and len(draw.asked) == 9
    again = draw_examples(asked)
    assert all(np.array_equal(a.examples, b.examples) for a, b in zip(draws, again))
    with pytest.raises(InputError, match="at least two unseen classes"):
        draw_examples(some("abcd", [0]))
    with pytest.raises(InputError, match="2 classes of 1 people"):
        draw_examples(some("a", [0, 2]))


def test_a_class_that_somebody_lacks_is_shown_by_another():
    lacking = some("ab", [0, 2])
    others = lacking.take(
        np.flatnonzero([not (s == "a" and k == 2) for s, k in zip("aabb", [0, 2] * 2)])
    )
    more = pack(
        [*others, *some("c", [0, 2])], [f"clip{i}" for i in range(5)], [0, 0, 2, 0, 2], "abbcc"
    )
    for draw in draw_examples(more):
        givers = np.array(more.subjects)[draw.examples]
        assert more.labels[draw.examples].tolist() == [0, 2]
        assert not set(givers) & set(np.array(more.subjects)[draw.asked])


def test_of_ntu_the_authors_examples_are_taken():
    labels = np.array([0, 66])
    names = [name_of(label, person, 3, i) for label in labels for person in (1, 8) for i in (1, 2)]
    poses = [moving(0, 0)] * len(names)
    people = ["P001", "P001", "P008", "P008"] * 2
    (draw,) = draw_examples(pack(poses, names, labels.repeat(4), people))
    assert [names[i] for i in draw.examples] == ["S001C003P008R001A001", "S018C003P008R001A067"]
    assert len(draw.asked) == len(names) - 2  # also what person 8 does a second time
    with pytest.raises(InputError, match="1 of NTU-120's examples are not there: S018"):
        keep = [i for i, name in enumerate(names) if name != "S018C003P008R001A067"]
        draw_examples(pack(poses, names, labels.repeat(4), people).take(np.array(keep)))


def test_the_interval_is_over_those_who_show_and_those_who_are_asked():
    asked = some("abcdef", [0, 2])
    same = asked.labels[:, None] == asked.labels
    settings = config(bootstraps=200)
    perfect = answers(asked, same.astype(float), draw_examples(asked))
    assert top1_interval(perfect, settings) == (1.0, 1.0, 1.0)
    # Whoever looks at a's examples is wrong: how good it is depends on who shows.
    bad = np.array([s == "a" for s in asked.subjects])
    likeness = np.where(bad[:, None] | bad, ~same, same).astype(float)
    top1, low, high = top1_interval(answers(asked, likeness, draw_examples(asked)), settings)
    assert top1 == pytest.approx(2 / 3) and low < 0.5 and high > 0.85


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Two of four classes unseen, by the rule."""
    whole = {
        "train": clips("abcdef", [0, 1, 2, 3], pose=moving, classes=CLASSES),
        "test": clips("ghij", [0, 1, 2, 3], "test", pose=moving, seed=90, classes=CLASSES),
    }
    settings = config(unseen_classes=2, outputs=tmp_path_factory.mktemp("outputs"), patch=1)
    splits, note = hold_classes_out(whole, settings, "people")
    assert set(splits["train"].labels) == {1, 3} and set(splits["test"].labels) == {0, 2}
    assert "every 2nd class" in note and "train 12, test 8" in note
    return settings, data_set(splits)


def test_a_run_is_scored_beside_simpler_methods(held):
    settings, data = held
    train(settings, data)
    found = one_shot(settings, data)
    assert list(found) == [NETWORK, POSES, CONVOLUTIONS, ADAPTED]
    table = pd.read_csv(settings.folder.one_shot).set_index("method")
    rows = pd.read_csv(settings.folder.one_shot_clips)
    for name, own in rows.groupby("method"):
        assert len(own) == 4 * 6 and (own["giver"] != own["subject"]).all()
        assert table["top1"][name] == pytest.approx((own["true"] == own["predicted"]).mean())
    assert table["top1"][CONVOLUTIONS] > 0.6 and (table["low"] <= table["top1"]).all()
    again = one_shot(settings, data)
    assert all(found[name].equals(again[name]) for name in found)


def test_without_unseen_classes_there_is_nothing_to_score(held):
    settings, data = held
    with pytest.raises(InputError, match="-p unseen_classes 6"):
        one_shot(config(outputs=settings.outputs), data)
    with pytest.raises(InputError, match="no clip to learn"):
        hold_classes_out(data.splits, config(unseen_classes=1), "people")

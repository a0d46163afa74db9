"""The leak audit: each kind of leak, put into clean data, is found, and only that one."""

import dataclasses

import build
import numpy as np
import pytest

from mbnb.clips import join, pack
from mbnb.scores.audit import audit, leaks_of
from mbnb.simulate import simulate

EACH = 24  # clips a person


def people(names, seed):
    """Unremarkable clips, in no order: people who stand somewhere in the room and sway."""

    def placed(label, seed):
        return build.person(seed, step=0.01) + np.random.default_rng(seed).uniform(-1, 1, 3)

    settings = dict(seed=1000 * seed, classes=build.CLASSES, name=f"clip_{seed}_{{i}}")
    clips = build.clips(names, list(range(4)) * (EACH // 4), pose=placed, **settings)
    return clips.take(np.random.default_rng(seed).permutation(len(clips)))


def data_of(train, test):
    return build.data_set({"train": train, "test": test})


@pytest.fixture(scope="module")
def clean():
    return people(["p1", "p2", "p3"], 0), people(["q1", "q2"], 1)


def changed(clips, poses):
    """The same clips with other frames."""
    return pack(poses, clips.names, clips.labels, clips.subjects)


def test_clean_data_have_no_findings(clean):
    assert audit(data_of(*clean)).empty


def test_people_and_noisy_copies_on_both_sides_are_leaks(clean):
    train, test = clean
    noise = np.random.default_rng(2).normal(0, 0.002, train[3][::2].shape).astype(np.float32)
    copy = pack([train[3][::2] + noise + 0.7], ["copied"], train.labels[3:4], ["q1"])
    data = data_of(train, join([test, copy]))
    assert audit(data)["kind"].tolist() == ["copies"]
    (leak,) = leaks_of(data, "test")
    assert "1 of 49" in leak and f"copied and {train.names[3]}" in leak
    data = data_of(train, join([test, people(["p2"], 5)]))
    assert audit(data)["kind"].tolist() == ["people"]
    assert leaks_of(data, "test") == ["1 of the 3 people of test are also in train"]
    assert leaks_of(data, "train") == []


def test_without_known_people_nobody_is_said_to_be_on_both_sides(clean):
    train, test = clean
    data = data_of(train, join([test, people(["p2"], 5)]))
    assert audit(dataclasses.replace(data, known_people=False)).empty


def test_names_that_tell_the_class_or_the_body_part_are_noted(clean):
    train, test = clean
    for told, values in (("body region", train.labels // 2), ("class", train.labels)):
        names = tuple(f"take_v{value}_{i:04d}" for i, value in enumerate(values))
        findings = audit(data_of(dataclasses.replace(train, names=names), test))
        columns = findings[["kind", "severity", "where"]]
        assert columns.values.tolist() == [["names", "note", "train"]]
        assert f"field 2 of the clips' names tells the {told}" in findings["what"][0]


def test_traces_of_the_recording_are_noted(clean):
    train, test = clean
    placed = [
        clip - clip[:, :1].mean(0) + np.array([3.0 * label, 0, 0], np.float32)
        for clip, label in zip(train, train.labels)
    ]
    findings = audit(data_of(changed(train, placed), test))
    assert findings["kind"].tolist() == ["recording"]
    assert "place in the room" in findings["what"][0]
    stuck = [clip.copy() for clip in train]
    for clip, label in zip(stuck, train.labels):
        if label == 2:
            clip[:, 13] = clip[0, 13]
    findings = audit(data_of(changed(train, stuck), test))
    assert findings["kind"].tolist() == ["dead joints"]
    assert "L_Wrist" in findings["what"][0]


def test_a_single_class_is_audited_without_a_crash(clean):
    train, test = clean
    one = train.take(np.flatnonzero(train.labels == 2))
    assert not audit(data_of(one, test))["kind"].isin(["recording", "dead joints"]).any()


def test_simulated_people_have_no_leaks():
    splits = simulate(people=6, test_people=2, clips_per_person=26, seed=0)
    data = build.data_set(splits, build.DOCUMENT, simulated=True)
    assert (audit(data)["severity"] == "note").all()


def test_a_copy_is_found_among_more_clips_than_the_sample(clean, monkeypatch):
    monkeypatch.setattr("mbnb.scores.audit.SAMPLE", 20)
    train, test = clean
    copy = pack([train[40][::2] + 0.7], ["copied"], train.labels[40:41], ["q1"])
    (leak,) = leaks_of(data_of(train, join([test, copy])), "test")
    assert "1 of 49" in leak and f"copied and {train.names[40]}" in leak

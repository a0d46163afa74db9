"""Clips of one person judged together: who keeps to a rule, and what it says about clips that look alike."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from mbnb.__main__ import main
from mbnb.config import Config, saved_config
from mbnb.data.dataset import load
from mbnb.evaluate.ensemble import combine, leaderboard
from mbnb.evaluate.evaluation import compare_with_baselines, evaluate, load_evaluation
from mbnb.people.quota import Quota, learn_quota
from mbnb.scores.metrics import hits
from mbnb.show.figures import Captions

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
    shared = Quota(np.ones(3), 1.0).share_out(probabilities, ["ann"] * 3)
    assert shared.argmax(1).tolist() == [1, 0, 2]
    of_two = Quota(np.ones(3), 1.0).share_out(probabilities, ["ann", "bob", "bob"])
    assert of_two.argmax(1).tolist() == [0, 0, 2], "another person's clips take nothing away"
    assert Quota(np.full(3, 2.0), 1.0).share_out(probabilities, ["ann"] * 3).argmax(1).tolist() == [
        0,
        0,
        2,
    ], "there is room for two"


def test_nobody_gets_more_of_a_class_than_the_quota():
    labels, people = recorded(np.full((3, CLASSES), 2))
    probabilities = seen(labels, 3.0, bias=0.8)
    shared = Quota(np.full(CLASSES, 2.0), 1.0).share_out(probabilities, people)
    np.testing.assert_allclose(shared.sum(1), 1)
    for person in set(people):
        assert probabilities[people == person].sum(0).max() > 2.5
        assert shared[people == person].sum(0).max() < 2.01
    order = np.random.default_rng(0).permutation(len(labels))
    np.testing.assert_allclose(
        Quota(np.full(CLASSES, 2.0), 1.0).share_out(probabilities[order], people[order]),
        shared[order],
    )
    assert hits(labels, shared, 1).mean() > hits(labels, probabilities, 1).mean() + 0.1


def test_few_clips_of_a_person_are_left_as_they_are():
    labels, people = recorded(np.eye(CLASSES, dtype=int)[:1])
    probabilities = seen(labels, 2.0)
    np.testing.assert_allclose(
        Quota(np.ones(CLASSES), 1.0).share_out(probabilities, people), probabilities, atol=0.02
    )


@pytest.mark.parametrize(
    "labels",
    [np.zeros(3, int), np.zeros(CLASSES, int), np.arange(3).repeat(8), np.arange(6).repeat(4)],
)
def test_who_shows_something_else_than_people_in_training_is_left_as_they_are(labels):
    planned, people = recorded(np.ones((4, CLASSES), int))
    probabilities = seen(np.r_[planned, labels], 6.0)
    shared = Quota(np.ones(CLASSES), 1.0).share_out(
        probabilities, [*people, *["another"] * len(labels)]
    )
    other = np.arange(len(shared)) >= len(planned)
    assert (shared[other] == probabilities[other]).all()
    assert (shared[~other] != probabilities[~other]).any(1).all(), (
        "the others are judged together none the less"
    )


def test_a_person_with_more_clips_has_a_larger_quota():
    labels, people = recorded(np.full((1, CLASSES), 3))
    probabilities = seen(labels, 6.0)
    shared = Quota(np.ones(CLASSES), 1.0).share_out(probabilities, people)
    assert (shared.argmax(1) == labels).mean() > 0.95


def test_a_class_that_nobody_showed_is_given_to_nobody():
    labels, people = recorded(np.r_[np.ones(CLASSES - 1, int), 0][None])
    shared = Quota(np.r_[np.ones(CLASSES - 1), 0.0], 0.5).share_out(seen(labels, 0.0), people)
    assert np.isfinite(shared).all() and (shared[:, -1] == 0).all()


def test_people_of_a_planned_study_are_judged_together_in_evaluation_and_in_what_is_kept_of_it(
    tmp_path,
):
    settings = {
        "outputs": str(tmp_path),
        "simulated_people": 8,
        "simulated_test_people": 3,
        "simulated_clips": 52,
        "method": "linear",
        "bootstraps": 20,
    }
    config, alone = (
        Config.of(settings, {"run": run, "quota": quota})
        for run, quota in (("together", True), ("alone", False))
    )
    data = load(config)
    together, one_by_one = evaluate(config, data), evaluate(alone, data)
    np.testing.assert_array_equal(together.alone, one_by_one.probabilities)
    assert one_by_one.alone is None
    assert together.correct.mean() > one_by_one.correct.mean() + 0.02
    metrics = json.loads(config.folder.metrics.read_text())
    assert (
        metrics["top1_alone"] == pytest.approx(one_by_one.correct.mean())
        and metrics["model"] == "linear"
    )
    assert json.loads((alone.folder.path / "metrics.json").read_text())["top1_alone"] is None
    again = load_evaluation(config, data)
    np.testing.assert_allclose(again.alone, together.alone, atol=1e-6)
    assert (again.predictions == together.predictions).all() and metrics[
        "people_beside_quota"
    ] == []
    assert "judged together" in Captions(config, data, again)(
        "confusion_matrix"
    ) and "judged" not in Captions(alone, data, one_by_one)("confusion_matrix")
    table = compare_with_baselines(config, data, again).set_index("method")["top1"]
    assert table["linear model"] == table["linear"], "the same method on the same people"


def test_kept_predictions_of_other_settings_are_made_anew_and_later_notebooks_follow(
    tmp_path, capsys
):
    settings = {
        "outputs": str(tmp_path),
        "simulated_people": 8,
        "simulated_test_people": 3,
        "simulated_clips": 52,
        "method": "linear",
        "bootstraps": 20,
    }
    data = load(Config.of(settings))
    evaluate(Config.of(settings), data)
    without = saved_config({"outputs": str(tmp_path), "quota": False})
    assert (
        load_evaluation(without, data).alone is None
        and "'quota': False}: evaluating anew" in capsys.readouterr().out
    )
    later = saved_config({"outputs": str(tmp_path)})
    assert not later.quota and later.method == "linear"
    assert load_evaluation(later, data).alone is None and "anew" not in capsys.readouterr().out


def test_runs_are_combined_clip_by_clip_and_then_judged_together(tmp_path):
    settings = {
        "outputs": str(tmp_path),
        "simulated_people": 8,
        "simulated_test_people": 3,
        "simulated_clips": 52,
        "bootstraps": 20,
    }
    runs = {
        name: Config.of(settings, {"run": name, "method": method, "quota": quota})
        for name, method, quota in (
            ("linear", "linear", True),
            ("nearest", "nearest", True),
            ("free", "nearest", False),
        )
    }
    data = load(runs["linear"])
    found = {name: evaluate(config, data) for name, config in runs.items()}
    both = combine(Config.of(settings, {"run": "both"}), ["linear", "free"], [3, 1])
    mean = 0.75 * found["linear"].alone + 0.25 * found["free"].probabilities
    np.testing.assert_allclose(both.alone, mean, atol=1e-5)
    quota = learn_quota(
        data.splits["train"].labels, data.splits["train"].subjects, len(data.classes)
    )
    np.testing.assert_allclose(
        both.probabilities, quota.share_out(mean, both.clips.subjects), atol=1e-4
    )
    np.testing.assert_allclose(
        combine(Config.of(settings, {"run": "same"}), ["nearest", "free"]).probabilities,
        found["nearest"].probabilities,
        atol=1e-4,
    )
    again = combine(Config.of(settings, {"run": "again"}), ["both"])
    np.testing.assert_allclose(again.alone, both.alone, atol=1e-5)
    np.testing.assert_allclose(again.probabilities, both.probabilities, atol=1e-4)
    board = leaderboard(tmp_path).set_index("run")["top1_alone"]
    assert set(board.index[board.isna()]) == {"free"} and board["both"] == pytest.approx(
        (mean.argmax(1) == both.clips.labels).mean()
    )
    alone = combine(
        Config.of(settings, {"run": "alone", "quota": False}), ["linear", "free"], [3, 1]
    )
    np.testing.assert_allclose(alone.probabilities, both.alone, atol=1e-6)


def test_predict_judges_people_together_when_told_that_they_were_asked_for_the_same(tmp_path):
    config = Config.of(
        {
            "outputs": str(tmp_path),
            "run": "planned",
            "simulated_people": 6,
            "simulated_test_people": 2,
            "simulated_clips": 52,
            "val_fraction": 0.0,
            "epochs": 4,
            "dim_feat": 16,
            "dim_rep": 16,
            "num_heads": 2,
            "hidden_dim": 32,
            "clip_len": 16,
            "bootstraps": 5,
            "views": 1,
            "device": "cpu",
            "convolutions": 0,
        }
    )
    data = load(config)
    evaluation = evaluate(config, data)
    alone = evaluation.alone.argmax(1)
    assert (alone != evaluation.predictions).any()
    checkpoint, tables = config.folder.latest, {}
    for flags in ((), ("--together",)):
        done = CliRunner().invoke(
            main,
            ["predict", str(checkpoint), str(data.root), *flags, "--out", str(tmp_path / "p.csv")],
        )
        assert done.exit_code == 0, done.stderr
        tables[flags] = (
            pd.read_csv(tmp_path / "p.csv")
            .set_index("clip")["predicted"][list(evaluation.clips.names)]
            .map(data.classes.codes.index)
        )
    assert (tables[()] == alone).all() and (tables["--together",] == evaluation.predictions).all()
    content = torch.load(checkpoint, weights_only=True)
    torch.save(content | {"quota": None}, checkpoint)
    done = CliRunner().invoke(main, ["predict", str(checkpoint), str(data.root), "--together"])
    assert done.exit_code == 2 and "has no rule to go by" in done.stderr
    torch.save(content | {"quota": {"clips": 3}}, checkpoint)
    done = CliRunner().invoke(main, ["predict", str(checkpoint), str(data.root)])
    assert (
        done.exit_code == 2 and "another idea of handedness, quota or convolutions" in done.stderr
    )

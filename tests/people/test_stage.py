"""The people stage: fitted once on train, in one file, beside what clips say by themselves."""

import dataclasses
import json

import build
import numpy as np
import pandas as pd
import pytest
from run.headless import command_line

from mbnb.baselines import METHODS
from mbnb.config import saved_config
from mbnb.data.dataset import load
from mbnb.evaluate.compare import compare_with_baselines
from mbnb.evaluate.ensemble import combine
from mbnb.evaluate.leaderboard import leaderboard
from mbnb.evaluate.score import evaluate, load_evaluation
from mbnb.files import InputError
from mbnb.people import Known, Stage, look
from mbnb.people.quota import learn_quota
from mbnb.runs import probability_columns

# Everybody shows each of the 52 classes once, which a quota can be learned from.
PLANNED = dict(simulated_people=8, simulated_test_people=3, simulated_clips=52, val_fraction=0.0)


def config(outputs, run, **changes):
    return build.config(outputs=outputs, run=run, **PLANNED, **changes)


@pytest.fixture(scope="module")
def data():
    return load(build.config(**PLANNED))


@pytest.fixture(scope="module")
def linear(data):
    return METHODS["linear"].fit(data.splits["train"], data.skeleton, len(data.classes))


def test_a_stage_stands_behind_any_predictor_and_reads_back_equal(data, linear, tmp_path):
    stage = Stage.fit(["adapt", "quota"], linear, data.splits["train"], 52, "mark")
    assert list(stage.steps) == ["adapt", "quota"]
    clips = look(linear, data.splits["test"])
    np.testing.assert_allclose(clips.probabilities, linear.answer(data.splits["test"]))
    adapted = stage.answer(linear, clips)
    np.testing.assert_allclose(adapted.sum(1), 1, atol=1e-6)
    assert (adapted.argmax(1) != clips.probabilities.argmax(1)).any()
    stage.save(tmp_path / "people.npz")
    again = Stage.load(tmp_path / "people.npz")
    assert again.fingerprint == "mark"
    np.testing.assert_array_equal(again.answer(linear, clips), adapted)
    (tmp_path / "people.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a people stage"):
        Stage.load(tmp_path / "people.npz")


def test_steps_are_applied_one_after_the_other_whatever_order_they_are_named_in(data, linear):
    train, clips = data.splits["train"], look(linear, data.splits["test"])
    alone = {name: Stage.fit([name], linear, train, 52) for name in ("adapt", "quota")}
    adapted = alone["adapt"].answer(linear, clips)
    both = alone["quota"].answer(linear, dataclasses.replace(clips, probabilities=adapted))
    for names in (["adapt", "quota"], ["quota", "adapt"]):
        stage = Stage.fit(names, linear, train, 52)
        np.testing.assert_allclose(stage.answer(linear, clips), both, atol=1e-12)


def test_labels_of_the_people_who_are_judged_play_no_part(data, linear):
    stage = Stage.fit(["adapt", "quota"], linear, data.splits["train"], 52)
    test = data.splits["test"]
    shuffled = dataclasses.replace(test, labels=np.roll(test.labels, 7))
    adapted = [stage.answer(linear, look(linear, clips)) for clips in (test, shuffled)]
    np.testing.assert_array_equal(*adapted)


def test_a_step_that_needs_features_says_so_where_there_are_none(data):
    largest = METHODS["largest"].fit(data.splits["train"], data.skeleton, len(data.classes))
    with pytest.raises(InputError, match="adapt needs features"):
        Stage.fit(["adapt"], largest, data.splits["train"], 52)
    assert list(Stage.fit(["quota"], largest, data.splits["train"], 52).steps) == ["quota"]


def test_scores_are_clip_by_clip_and_what_the_stage_made_stands_beside(data, tmp_path, capsys):
    plain = config(tmp_path, "plain", method="linear")
    with_people = config(tmp_path, "people", method="linear", people=["adapt", "quota"])
    alone, evaluation = evaluate(plain, data), evaluate(with_people, data)
    np.testing.assert_array_equal(evaluation.probabilities, alone.probabilities)
    assert alone.adapted is None and evaluation.steps == ("adapt", "quota")
    assert "with each person's other clips (adapt, quota)" in capsys.readouterr().out
    metrics = {one.run: json.loads(one.folder.metrics.read_text()) for one in (plain, with_people)}
    assert metrics["plain"]["with_people"] is None and not plain.folder.people_predictions.exists()
    assert metrics["plain"]["top1"] == metrics["people"]["top1"] == alone.correct.mean()
    top1 = (evaluation.adapted.argmax(1) == evaluation.clips.labels).mean()
    assert metrics["people"]["with_people"]["top1"] == pytest.approx(top1)
    again = load_evaluation(with_people, data)
    np.testing.assert_allclose(again.probabilities, evaluation.probabilities, atol=1e-5)
    np.testing.assert_allclose(again.adapted, evaluation.adapted, atol=1e-5)
    assert again.steps == evaluation.steps
    board = leaderboard(tmp_path).set_index("run")
    assert board["top1"].nunique() == 1
    assert board["top1_with_people"]["people"] == pytest.approx(top1)
    assert np.isnan(board["top1_with_people"]["plain"])
    table = compare_with_baselines(with_people, data, again).set_index("method")["top1"]
    assert table["linear model"] == table["linear"], "the same method on the same people"
    suffix = ", with people's other clips (adapt, quota)"
    assert table[f"linear model{suffix}"] == table[f"linear{suffix}"] != table["linear"]


def test_kept_predictions_of_other_steps_are_made_anew_and_later_notebooks_follow(
    data, tmp_path, capsys
):
    first = config(tmp_path, "r", method="linear")
    evaluate(first, data)
    changed = saved_config({"outputs": str(tmp_path), "run": "r", "people": ["quota"]})
    assert load_evaluation(changed, data).steps == ("quota",)
    assert "evaluating anew" in capsys.readouterr().out
    later = saved_config({"outputs": str(tmp_path), "run": "r"})
    assert later.people == ["quota"] and later.method == "linear"
    assert load_evaluation(later, data).adapted is not None
    assert "anew" not in capsys.readouterr().out


def test_means_of_runs_are_clip_by_clip_and_probabilities_may_be_shared_out_behind(data, tmp_path):
    runs = {
        name: evaluate(config(tmp_path, name, method=name), data) for name in ("linear", "nearest")
    }
    both = combine(config(tmp_path, "both", people=["quota"]), ["linear", "nearest"], [3, 1])
    mean = 0.75 * runs["linear"].probabilities + 0.25 * runs["nearest"].probabilities
    np.testing.assert_allclose(both.probabilities, mean, atol=1e-5)
    train = data.splits["train"]
    quota = learn_quota(train.labels, train.subjects, len(data.classes))
    expected = quota.apply(mean, Known(both.clips.subjects, mean))
    np.testing.assert_allclose(both.adapted, expected, atol=1e-4)
    with pytest.raises(InputError, match="adapt needs features"):
        combine(config(tmp_path, "other", people=["adapt"]), ["linear", "nearest"])


def test_a_networks_stage_is_fitted_once_and_predict_uses_it(data, tmp_path):
    settings = config(tmp_path, "network", views=1)
    alone = evaluate(settings, data)
    people = ("-p", "people", "adapt,quota")

    def predict(*options):
        out = ("--out", tmp_path / "p.csv")
        return command_line("predict", settings.folder.best, data.root, *options, *out)

    refused = predict(*people)
    assert refused.exit_code == 2 and "nothing fitted on train beside it" in refused.stderr
    with_people = dataclasses.replace(settings, people=["adapt", "quota"])
    evaluation = evaluate(with_people, data)
    np.testing.assert_allclose(evaluation.probabilities, alone.probabilities, atol=1e-6)
    assert (evaluation.adapted.argmax(1) != evaluation.predictions).any()
    written = settings.folder.people.stat().st_mtime_ns
    evaluate(with_people, data)
    assert settings.folder.people.stat().st_mtime_ns == written, "fitted once"

    done = predict(*people)
    assert done.exit_code == 0, done.stderr
    for name, expected in (("p", evaluation.probabilities), ("p_people", evaluation.adapted)):
        table = pd.read_csv(tmp_path / f"{name}.csv").set_index("clip")
        values = table.loc[list(evaluation.clips.names), probability_columns(data.classes.codes)]
        np.testing.assert_allclose(values, expected, atol=1e-4)
    only = predict("-p", "people", "quota")
    assert only.exit_code == 2 and "other steps or other views" in only.stderr

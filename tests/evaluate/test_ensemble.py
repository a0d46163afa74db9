"""Several runs as one: ensembles, pooled folds, other models' scores."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from build import config, guesses
from evaluate.conftest import CLASSES, LABELS
from run.headless import command_line

from mbnb.classes import read_classes
from mbnb.data.dataset import load
from mbnb.evaluate.ensemble import combine, fuse
from mbnb.evaluate.leaderboard import leaderboard
from mbnb.evaluate.score import load_evaluation
from mbnb.evaluate.tables import prediction_table, read_regions, read_scores


def test_an_ensemble_is_the_weighted_mean_and_a_run_like_others(evaluated, tmp_path):
    one, other = guesses(LABELS, 3, seed=1), guesses(LABELS, 3, skill=0.5, seed=2)
    data = load(evaluated("one", one))
    evaluated("other", other)
    names = [f"c{100 + i}.mp4" for i in range(18)]
    logits = pd.DataFrame(np.log(other) + 3, names, CLASSES.codes)
    logits.rename_axis("vid").to_csv(tmp_path / "foreign.csv")
    both = config(outputs=tmp_path, run="both")
    evaluation = combine(both, ["one", "other"], [3, 1])
    np.testing.assert_allclose(evaluation.probabilities, (3 * one + other) / 4, atol=1e-5)
    foreign = combine(both, ["one", tmp_path / "foreign.csv"])
    np.testing.assert_allclose(foreign.probabilities, (one + other) / 2, atol=1e-5)
    assert foreign.regions is None, "the other model has no region head"
    again = load_evaluation(both, data)
    np.testing.assert_allclose(again.probabilities, foreign.probabilities, atol=1e-5)
    table = leaderboard(tmp_path)
    assert set(table["run"]) == {"one", "other", "both"}
    assert table["top1"].is_monotonic_decreasing


def test_folds_are_pooled(evaluated, tmp_path):
    whole = guesses(LABELS, 3, seed=3)
    evaluated("fold0", whole[::2], slice(0, None, 2))
    evaluated("fold1", whole[1::2], slice(1, None, 2))
    evaluation = combine(config(outputs=tmp_path, run="all"), ["fold0", "fold1"])
    assert sorted(evaluation.clips.names) == [f"c{100 + i}" for i in range(18)]
    assert evaluation.correct.mean() == pytest.approx((whole.argmax(1) == LABELS).mean())


def printed_by(*command):
    """What a command prints, which must end well."""
    done = command_line(*command)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


@pytest.fixture
def unlabelled(tmp_path):
    """Two models' tables for 9 clips without labels; names, scores, and our region head."""
    rng = np.random.default_rng(0)
    names, classes = [f"{i:04d}" for i in range(9)], read_classes("ma52")
    scores = [rng.dirichlet(np.ones(52), 9) for _ in range(2)]
    regions = rng.dirichlet(np.ones(7), 9)
    prediction_table(names, classes, scores[0], regions).to_csv(tmp_path / "ours.csv", index=False)
    # The other's clips stand in another order, and its numbers are rounded, so sums are not 1.
    other = pd.DataFrame(scores[1].round(2), index=[f"{name}.mp4" for name in names])
    other.iloc[::-1].rename_axis("vid").to_csv(tmp_path / "other.csv")
    return names, scores, regions


def test_tables_without_labels_are_fused_and_can_be_submitted(unlabelled, tmp_path):
    (names, scores, _), classes = unlabelled, read_classes("ma52")
    sources = [tmp_path / "ours.csv", tmp_path / "other.csv"]
    places = ["-p", "outputs", tmp_path, "-p", "run", "both"]
    assert "no scores" in printed_by("combine", *sources, "--weights", "3,1", *places)
    path = tmp_path / "both" / "predictions.csv"
    fused = read_scores(path, classes).loc[names].to_numpy()
    rounded = scores[1].round(2) / scores[1].round(2).sum(1, keepdims=True)
    np.testing.assert_allclose(fused, (3 * scores[0] + rounded) / 4, atol=1e-5)
    assert read_regions(path, classes) is None, "the other model has no region head"
    members = json.loads((tmp_path / "both" / "members.json").read_text())
    weights = {Path(one["source"]).name: one["weight"] for one in members}
    assert weights == {"ours.csv": 3, "other.csv": 1}
    assert members[0]["fingerprint"] != members[1]["fingerprint"]
    sample = tmp_path / "sample.csv"
    rows = "".join(f"{name},0,0\n" for name in names)
    sample.write_text("vid,action_pred_1,body_pred_1\n" + rows)
    printed_by("submit", path, "--sample", sample, "--out", tmp_path / "s.zip")
    with zipfile.ZipFile(tmp_path / "s.zip") as file:
        table = pd.read_csv(file.open("prediction.csv"), dtype={"vid": str})
    assert table["vid"].tolist() == names
    assert (table["action_pred_1"] == fused.argmax(1)).all()


def test_what_heads_say_of_regions_is_fused_where_all_have_one(unlabelled, tmp_path):
    (names, _, regions), classes = unlabelled, read_classes("ma52")
    path = fuse(config(outputs=tmp_path, run="same"), [tmp_path / "ours.csv"] * 2, classes)
    np.testing.assert_allclose(read_regions(path, classes).loc[names], regions, atol=1e-5)

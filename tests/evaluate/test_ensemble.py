"""Several runs as one: ensembles, pooled folds, other models' scores"""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from evaluate.conftest import CLASSES, answers

from mbnb.__main__ import main
from mbnb.classes import read_classes
from mbnb.config import Config
from mbnb.data.dataset import load
from mbnb.evaluate.ensemble import combine, fuse
from mbnb.evaluate.leaderboard import leaderboard
from mbnb.evaluate.score import load_evaluation
from mbnb.evaluate.tables import prediction_table, read_regions, read_scores


def test_an_ensemble_is_the_weighted_mean_and_a_run_like_others(outputs):
    one, other = answers(0.5, 1), answers(0.2, 2)
    settings = outputs("one", one)
    outputs("other", other)
    pd.DataFrame(
        np.log(other) + 3, index=[f"c{100 + i}.mp4" for i in range(18)], columns=CLASSES.codes
    ).rename_axis("vid").to_csv(outputs.folder / "foreign.csv")
    both = Config.of({"outputs": str(outputs.folder), "run": "both", "bootstraps": 50})
    evaluation = combine(both, ["one", "other"], [3, 1])
    np.testing.assert_allclose(evaluation.probabilities, (3 * one + other) / 4, atol=1e-5)
    foreign = combine(both, ["one", outputs.folder / "foreign.csv"])
    np.testing.assert_allclose(foreign.probabilities, (one + other) / 2, atol=1e-5)
    assert foreign.regions is None, "the other model has no region head"
    again = load_evaluation(both, load(settings))
    np.testing.assert_allclose(again.probabilities, foreign.probabilities, atol=1e-5)
    table = leaderboard(outputs.folder)
    assert set(table["run"]) == {"one", "other", "both"}
    assert table["top1"].is_monotonic_decreasing


def test_folds_are_pooled(outputs):
    whole = answers(0.4, 3)
    outputs("fold0", whole[::2], slice(0, None, 2))
    outputs("fold1", whole[1::2], slice(1, None, 2))
    evaluation = combine(
        Config.of({"outputs": str(outputs.folder), "run": "all", "bootstraps": 50}),
        ["fold0", "fold1"],
    )
    assert sorted(evaluation.clips.names) == sorted(f"c{100 + i}" for i in range(18))
    assert evaluation.correct.mean() == pytest.approx((whole.argmax(1) == np.arange(18) % 3).mean())


def call(*command):
    """What the command line prints."""
    words = [str(word) for word in command]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
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
    assert "no scores" in call("combine", *sources, "--weights", "3,1", *places)
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
    call("submit", path, "--sample", sample, "--out", tmp_path / "s.zip")
    with zipfile.ZipFile(tmp_path / "s.zip") as file:
        table = pd.read_csv(file.open("prediction.csv"), dtype={"vid": str})
    assert table["vid"].tolist() == names
    assert (table["action_pred_1"] == fused.argmax(1)).all()


def test_what_heads_say_of_regions_is_fused_where_all_have_one(unlabelled, tmp_path):
    (names, _, regions), classes = unlabelled, read_classes("ma52")
    config = Config.of({"outputs": str(tmp_path), "run": "same"})
    path = fuse(config, [tmp_path / "ours.csv"] * 2, classes)
    np.testing.assert_allclose(read_regions(path, classes).loc[names], regions, atol=1e-5)

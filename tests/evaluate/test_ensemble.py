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


def test_tables_without_labels_are_fused_and_can_be_submitted(tmp_path):
    rng = np.random.default_rng(0)
    names, classes = [f"{i:04d}" for i in range(9)], read_classes("ma52")
    scores = [rng.dirichlet(np.ones(52), 9) for _ in range(2)]
    heads = rng.dirichlet(np.ones(7), 9)
    prediction_table(names, classes, scores[0], heads).to_csv(tmp_path / "ours.csv", index=False)
    # The other's clips stand in another order, and its numbers are rounded so that they do not sum to 1.
    pd.DataFrame(scores[1].round(2), index=[f"{name}.mp4" for name in names]).iloc[
        ::-1
    ].rename_axis("vid").to_csv(tmp_path / "other.csv")
    sample = tmp_path / "sample.csv"
    sample.write_text(
        "vid,action_pred_1,body_pred_1\n" + "".join(f"{name},0,0\n" for name in names)
    )
    command = [
        str(tmp_path / "ours.csv"),
        str(tmp_path / "other.csv"),
        "--weights",
        "3,1",
        "-p",
        "outputs",
        str(tmp_path),
        "-p",
        "run",
        "both",
    ]
    assert (
        "no scores"
        in CliRunner().invoke(main, ["combine", *command], catch_exceptions=False).output
    )
    fused = read_scores(tmp_path / "both" / "predictions.csv", classes)
    rounded = scores[1].round(2) / scores[1].round(2).sum(1, keepdims=True)
    np.testing.assert_allclose(
        fused.loc[names].to_numpy(), (3 * scores[0] + rounded) / 4, atol=1e-5
    )
    assert read_regions(tmp_path / "both" / "predictions.csv", classes) is None, (
        "the other model has no region head"
    )
    members = json.loads((tmp_path / "both" / "members.json").read_text())
    assert [(Path(one["source"]).name, one["weight"]) for one in members] == [
        ("ours.csv", 3),
        ("other.csv", 1),
    ]
    assert members[0]["fingerprint"] != members[1]["fingerprint"]
    fuse(Config.of({"outputs": str(tmp_path), "run": "same"}), [tmp_path / "ours.csv"] * 2, classes)
    np.testing.assert_allclose(
        read_regions(tmp_path / "same" / "predictions.csv", classes).loc[names], heads, atol=1e-5
    )
    CliRunner().invoke(
        main,
        [
            "submit",
            str(tmp_path / "both" / "predictions.csv"),
            "--sample",
            str(sample),
            "--out",
            str(tmp_path / "s.zip"),
        ],
        catch_exceptions=False,
    )
    with zipfile.ZipFile(tmp_path / "s.zip") as file:
        table = pd.read_csv(file.open("prediction.csv"), dtype={"vid": str})
    assert (
        table["vid"].tolist() == names
        and (table["action_pred_1"] == fused.loc[names].to_numpy().argmax(1)).all()
    )

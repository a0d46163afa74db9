"""Several runs as one: ensembles, pooled folds, other models' scores, paired comparisons, grids and submissions."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mbnb.__main__ import main
from mbnb.classes import ClassTable, read_classes
from mbnb.clips import pack
from mbnb.config import Config
from mbnb.data.dataset import load
from mbnb.data.write import write_dataset
from mbnb.evaluate.ensemble import (
    combine,
    compare_variants,
    fuse,
    leaderboard,
    read_regions,
    read_scores,
)
from mbnb.evaluate.evaluation import (
    Evaluation,
    find_clips,
    load_evaluation,
    prediction_table,
    write_evaluation,
)
from mbnb.files import ROOT, InputError
from mbnb.run.notebooks import plan_grid, run_grid
from mbnb.scores.challenge import write_submission

CLASSES = ClassTable(
    ("A1", "A2", "B1"), ("swaying", "leaning", "nodding"), ("body", "body", "head")
)


def clips(count, people, first=0):
    rng = np.random.default_rng(first)
    poses = [rng.normal(0, 0.3, (9, 17, 3)).astype(np.float32) for _ in range(count)]
    return pack(
        poses,
        [f"c{first + i}" for i in range(count)],
        np.arange(count) % 3,
        [f"p{first + i % people}" for i in range(count)],
    )


@pytest.fixture
def outputs(tmp_path):
    """A data set of 6 people, and a function that makes an evaluated run of given probabilities."""
    write_dataset(
        tmp_path / "data", {"train": clips(18, 3), "test": clips(18, 3, first=100)}, CLASSES
    )

    def make(name, probabilities, index=slice(None), split="test"):
        config = Config.of(
            {
                "data_root": str(tmp_path / "data"),
                "outputs": str(tmp_path),
                "run": name,
                "val_fraction": 0.0,
                "bootstraps": 50,
            }
        )
        data = load(config)
        chosen = data.splits[split].take(np.arange(18)[index])
        config.save(config.folder.config)
        write_evaluation(
            config,
            data,
            Evaluation(split, chosen, data.classes, probabilities),
            {"checkpoint": "best.pt"},
        )
        return config

    make.folder = tmp_path
    return make


def answers(right, seed):
    """(18, 3) probabilities that are right with the given frequency."""
    rng = np.random.default_rng(seed)
    found = rng.dirichlet([1, 1, 1], 18)
    found[np.arange(18), np.arange(18) % 3] += right
    return found / found.sum(1, keepdims=True)


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


def test_what_does_not_fit_is_refused_all_at_once(outputs):
    settings = outputs("one", answers(0.5, 1))
    config = Config.of({"outputs": str(outputs.folder), "run": "both"})
    with pytest.raises(InputError, match="(?s)nowhere: neither.*nothing: neither"):
        combine(config, ["one", "nowhere", "nothing"])
    (outputs.folder / "bad.csv").write_text("vid,A1,B1\nc100,0.5,x\nc100,1,0\n")
    with pytest.raises(InputError, match="(?s)no column A2.*c100 stands there more than once"):
        read_scores(outputs.folder / "bad.csv", CLASSES)
    (outputs.folder / "bad.csv").write_text("vid,A1,A2,B1\nc100,0.5,0.5,x\n")
    with pytest.raises(InputError, match="line 2: expected numbers"):
        read_scores(outputs.folder / "bad.csv", CLASSES)
    (outputs.folder / "fine.csv").write_text("vid,A1,A2,B1\n0001.mp4,0.25,0.25,0.5\n")
    assert read_scores(outputs.folder / "fine.csv", CLASSES).loc["0001"].tolist() == [
        0.25,
        0.25,
        0.5,
    ]
    (outputs.folder / "loose.csv").write_text(
        "vid,A1,A2,B1\n0001,0.1,0.1,0.1\n0002,0.2,0.3,0.5\n0003,0.9,0.9,0.9\n"
    )
    with pytest.raises(
        InputError, match="(?s)line 2: expected probabilities that sum to 1.* 0.3 .*line 4"
    ):
        read_scores(outputs.folder / "loose.csv", CLASSES)
    (outputs.folder / "some.csv").write_text("vid,A1,A2,B1\nc100,0.5,0.5,0\n")
    with pytest.raises(
        InputError,
        match="17 of 18 clips are in fewer than others, c101 the first, which is not in .*some.csv",
    ):
        combine(config, ["one", outputs.folder / "some.csv"])
    with pytest.raises(
        InputError, match="1 of 2 clips are not among the labelled ones .* who the first"
    ):
        find_clips(load(settings), ["c100", "who"])
    write_dataset(
        outputs.folder / "twice", {"train": clips(18, 18), "test": clips(18, 3, first=17)}, CLASSES
    )
    with pytest.raises(
        InputError, match="1 of 3 clips have a name that two splits .* use, c17 the first"
    ):
        find_clips(
            load(Config.of({"data_root": str(outputs.folder / "twice"), "val_fraction": 0.0})),
            ["c16", "c17", "c18"],
        )


def test_variants_are_compared_on_the_same_clips(outputs):
    good, poor = answers(1.0, 4), answers(0.0, 5)
    settings = outputs("good", good)
    outputs("poor", poor)
    outputs("half", poor[:9], slice(0, 9))
    table = compare_variants(
        load(settings),
        outputs.folder,
        {"poor": ["poor"], "good": ["good"], "both": ["good", "poor"]},
        50,
    )
    right = [
        (probabilities.argmax(1) == np.arange(18) % 3).mean() for probabilities in (poor, good)
    ]
    assert table["top1"].tolist() == pytest.approx([right[0], right[1], sum(right) / 2])
    assert table["difference"].tolist() == pytest.approx(
        [0, right[1] - right[0], (right[1] - right[0]) / 2]
    )
    assert table["p"][0] == 1 and table["p"][1] < 0.05 and table["low"][1] > 0
    with pytest.raises(InputError, match="other clips"):
        compare_variants(load(settings), outputs.folder, {"good": ["good"], "half": ["half"]})
    with pytest.raises(InputError, match="not evaluated yet: missing"):
        compare_variants(load(settings), outputs.folder, {"good": ["good", "missing"]})


def test_a_grid_is_every_variant_with_every_combination():
    plan = plan_grid(
        {
            "run": "g",
            "epochs": 3,
            "variants": {"plain": None, "no mixup": {"mixup": 0.0}},
            "grid": {"fold": [0, 1], "seed": [5]},
        }
    )
    assert {variant: list(runs) for variant, runs in plan.items()} == {
        "plain": ["g-plain-fold0-seed5", "g-plain-fold1-seed5"],
        "no mixup": ["g-no_mixup-fold0-seed5", "g-no_mixup-fold1-seed5"],
    }
    assert plan["no mixup"]["g-no_mixup-fold1-seed5"] == {
        "run": "g-no_mixup-fold1-seed5",
        "epochs": 3,
        "mixup": 0.0,
        "fold": 1,
        "seed": 5,
    }
    with pytest.raises(InputError, match="(?s)did you mean 'mixup'.*did you mean 'mixup'"):
        plan_grid({"variants": {"a": {"mixpu": 1}}, "grid": {"seed": [0, 1]}})
    with pytest.raises(InputError, match="a list of values"):
        plan_grid({"grid": {"seed": 3}})


def test_variants_that_differ_in_their_evaluation_share_a_training(outputs):
    outputs("data", np.eye(3)[np.arange(18) % 3])
    small = dict(
        dim_feat=8,
        dim_rep=8,
        num_heads=2,
        hidden_dim=16,
        clip_len=8,
        patch=1,
        epochs=2,
        val_fraction=0.4,
        scored="val",
        bootstraps=5,
        device="cpu",
        convolutions=0,
        data_root=str(outputs.folder / "data"),
        outputs=str(outputs.folder / "grid"),
        run="",
    )
    plan = plan_grid(
        small
        | {
            "variants": {
                "default": {},
                "one view": {"views": 1},
                "no mixup": {"mixup": 0.0},
                "largest": {"method": "largest"},
            }
        }
    )
    run_grid(plan, (1, 2))
    assert {path.parent.name for path in outputs.folder.glob("grid/*/metrics.json")} == {
        "default",
        "one_view",
        "largest",
    }, "one machine has all of a training"
    run_grid(plan, (2, 2))
    default, one_view, no_mixup = (
        outputs.folder / "grid" / name / "checkpoints" / "latest.pt"
        for name in ("default", "one_view", "no_mixup")
    )
    assert default.read_bytes() == one_view.read_bytes() != no_mixup.read_bytes()
    assert (
        one_view.parents[1].joinpath("history.csv").exists()
        and len(leaderboard(outputs.folder / "grid")) == 4
    )
    written = {
        path: path.stat().st_mtime_ns for path in outputs.folder.rglob("*") if path.is_file()
    }
    run_grid(plan)
    near = small | {
        name: os.path.relpath(small[name], ROOT) for name in ("data_root", "outputs")
    }  # as a notebook may write the same places
    run_grid(plan_grid(near | {"variants": {"default": {}, "largest": {"method": "largest"}}}))
    assert written == {
        path: path.stat().st_mtime_ns for path in outputs.folder.rglob("*") if path.is_file()
    }, "nothing is done twice"


def test_a_submission_follows_the_sample_to_the_letter(tmp_path):
    classes = read_classes("ma52")
    rng = np.random.default_rng(0)
    names = [f"{i:04d}" for i in range(7)]
    probabilities = pd.DataFrame(rng.dirichlet(np.ones(52), 7), index=names, columns=classes.codes)
    sample = tmp_path / "sample.csv"
    columns = [
        "vid",
        *(f"action_pred_{i}" for i in range(1, 6)),
        *(f"body_pred_{i}" for i in range(1, 6)),
    ]
    order = names[::-1]
    sample.write_text(
        ",".join(columns) + "\n" + "".join(f"{name}.mp4" + ",0" * 10 + "\n" for name in order)
    )
    assert write_submission(tmp_path / "s.zip", sample, probabilities, classes) == 7
    with zipfile.ZipFile(tmp_path / "s.zip") as file:
        table = pd.read_csv(file.open("prediction.csv"))
    assert table.columns.tolist() == columns
    assert table["vid"].tolist() == [f"{name}.mp4" for name in order]
    best = probabilities.loc[order].to_numpy().argsort(1)[:, ::-1]
    assert (table[columns[1:6]].to_numpy() == best[:, :5]).all()
    letters = sorted({code[0] for code in classes.codes})
    sums = np.stack(
        [
            probabilities.loc[order, [code for code in classes.codes if code[0] == letter]].sum(
                axis=1
            )
            for letter in letters
        ],
        1,
    )
    assert (table["body_pred_1"] == sums.argmax(1)).all()
    assert table[columns[6:]].isin(range(len(letters))).all(axis=None)

    sample.write_text(
        '"action_pred_1","vid"\n' + "".join(f'"0","{name}"\n' for name in order)
    )  # quoted, and in another order
    assert write_submission(tmp_path / "s.zip", sample, probabilities, classes) == 7
    with zipfile.ZipFile(tmp_path / "s.zip") as file:
        table = pd.read_csv(file.open("prediction.csv"), dtype={"vid": str})
    assert table.columns.tolist() == ["action_pred_1", "vid"] and table["vid"].tolist() == order
    sample.write_text("vid\n" + "\n".join(names))
    assert write_submission(tmp_path / "s.zip", sample, probabilities, classes) == 7

    sample.write_text("0001.mp4 0\n0009.mp4 0\n0009.mp4 0\n")
    before = (tmp_path / "s.zip").read_bytes()
    with pytest.raises(
        InputError,
        match="(?s)0009 stands there more than once.*no prediction for 0009.*a prediction for 0000",
    ):
        write_submission(tmp_path / "s.zip", sample, probabilities, classes)
    assert (tmp_path / "s.zip").read_bytes() == before
    sample.write_text("vid,guess\n" + "".join(f"{name},0\n" for name in names))
    with pytest.raises(InputError, match="guess"):
        write_submission(tmp_path / "s.zip", sample, probabilities, classes)
    sample.write_text(
        "vid,action_pred_1,action_pred_1\n" + "".join(f"{name},0,0\n" for name in names)
    )
    with pytest.raises(InputError, match="action_pred_1 stands there more than once"):
        write_submission(tmp_path / "s.zip", sample, probabilities, classes)

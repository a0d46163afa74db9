"""Beside answers stands what the model learned from, how often it was right, and what is unsure."""

import io
import json
import shutil

import build
import pandas as pd
import pytest
import torch
from run.headless import command_line, options

from mbnb.data import dataset
from mbnb.data.write import write_dataset
from mbnb.evaluate import evaluate
from mbnb.evaluate.origin import origin
from mbnb.evaluate.tables import read_scores
from mbnb.model.checkpoints import read_checkpoint
from mbnb.train import train


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A run that learned from simulated people, its data as a folder, and its metrics."""
    root = tmp_path_factory.mktemp("origin")
    config = build.config(outputs=root, run="sim", epochs=1, **build.SIMULATED)
    data = dataset.load(config)
    train(config, data)
    evaluate(config, data)
    test = {"test": data.splits["test"].take(range(6))}
    write_dataset(root / "new", test, data.classes)
    return config, root / "new", json.loads(config.folder.metrics.read_text())


def predicted(config, folder, *more):
    done = command_line("predict", config.folder.best, folder, *more)
    assert done.exit_code == 0, done.stderr
    return pd.read_csv(io.StringIO(done.stdout), dtype=str, keep_default_na=False), done.stderr


def test_answers_have_names_and_say_what_stands_behind_them(simulated):
    config, folder, metrics = simulated
    table, said = predicted(config, folder)
    names = dict(zip(build.DOCUMENT.codes, build.DOCUMENT.names))
    assert table["name"].tolist() == [names[code] for code in table["predicted"]]
    low, high = (f"{bound:.1%}" for bound in metrics["intervals"]["top1"])
    assert said.splitlines()[-2] == (
        "best.pt learned from simulated people (78 clips of 3 people); on 3 people unseen in "
        f"training it was right in {metrics['top1']:.1%} of 78 clips (95 % interval {low} to "
        f"{high}); on simulated people a score says nothing about real ones"
    )


def test_answers_below_a_stated_confidence_are_said_to_be_unsure(simulated):
    config, folder, _ = simulated
    table, said = predicted(config, folder)
    low = table["confidence"].astype(float) < 0.5
    assert (table["sure"] == "no").tolist() == low.tolist()
    told = f"{low.sum()} of 6 answers are unsure, with a confidence below 50%"
    assert low.any() and said.splitlines()[-1] == told
    table, said = predicted(config, folder, "-p", "reject", "0.9")
    assert said.endswith("with a confidence below 90%\n")
    assert set(table.loc[table["sure"] == "no", ["predicted", "name"]].to_numpy().ravel()) == {""}


def test_tables_with_names_are_read_by_what_comes_after(simulated, tmp_path):
    config, folder, _ = simulated
    done = command_line("predict", config.folder.best, folder, "--out", tmp_path / "a.csv")
    assert done.exit_code == 0 and "a.csv: 6 clips" in done.stderr
    scores = read_scores(tmp_path / "a.csv", build.DOCUMENT)
    assert scores.shape == (6, 52)
    pair = (tmp_path / "a.csv", tmp_path / "a.csv")
    given = options(outputs=tmp_path, run="both", class_table="document")
    done = command_line("combine", *pair, *given)
    assert done.exit_code == 0, done.stderr
    both = read_scores(tmp_path / "both" / "predictions.csv", build.DOCUMENT)
    assert abs(both - scores).to_numpy().max() < 1e-5
    columns = pd.read_csv(config.folder.predictions, nrows=1).columns[:8].tolist()
    assert columns == [
        *("clip", "subject", "true", "predicted", "name", "confidence", "sure", "correct"),
    ]


def test_a_checkpoint_alone_says_what_it_knows_of_itself(simulated, tmp_path):
    config, _, _ = simulated
    moved = tmp_path / "elsewhere" / "mine.pt"
    moved.parent.mkdir()
    shutil.copy(config.folder.best, moved)
    line = origin(moved)
    row = read_checkpoint(moved)["history"][0]
    assert f"it was right in {row['val_top1']:.1%}; on simulated people" in line
    assert "on 1 people held out" not in line and "on one person held out from training" in line
    content = torch.load(moved, weights_only=True)
    del content["learned"], content["history"]
    torch.save(content, moved)
    assert origin(moved) == (
        "mine.pt learned from simulated people; it was not scored on people it had not seen; "
        "on simulated people a score says nothing about real ones"
    )
    torch.save({"model": content["model"]}, moved)
    assert origin(moved).startswith("mine.pt learned from data that the file does not name; it was")


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ({"n_test": 1, "people": 1}, "too few to score: 1 clip of 1 person"),
        ({"people": 1, "intervals": {"top1": None}}, "on one person unseen in training it was"),
        ({"known_people": False}, "on people who are not told apart it was right in"),
        ({"people_also_in_train": 2}, "on 3 people, 2 of whom were in training, too, it was right"),
    ],
)
def test_whose_clips_were_scored_is_said(metrics, told, simulated, tmp_path):
    config, _, before = simulated
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(config.folder.best, tmp_path / "checkpoints")
    (tmp_path / "metrics.json").write_text(json.dumps(before | metrics))
    line = origin(tmp_path / "checkpoints" / "best.pt")
    assert told in line
    assert ("interval" in line) == ("intervals" not in metrics and "n_test" not in metrics)

"""Where too few clips were scored, no share of them stands anywhere as if it meant something."""

import json

import build
import numpy as np
import pandas as pd
import pytest

from mbnb.data.dataset import load
from mbnb.evaluate import Evaluation
from mbnb.evaluate.compare import compare_with_baselines
from mbnb.evaluate.leaderboard import leaderboard
from mbnb.evaluate.score import write_evaluation
from mbnb.show import figures
from mbnb.show.report import write_report
from mbnb.text import counted, too_few

CLASSES = build.CLASSES
FEW = "too few to score: 1 clip of 1 person"


def scored(tmp_path, people, labels):
    """Settings, data and an evaluation in which every clip of test is right."""
    train = build.clips("ab", [0, 1, 2, 3], classes=CLASSES)
    test = build.clips(people, labels, "test", seed=50, classes=CLASSES)
    root = build.data_folder(tmp_path / "data", {"train": train, "test": test}, CLASSES)
    config = build.config(
        data_root=root, outputs=tmp_path, run="few", method="linear", val_fraction=0.0
    )
    data = load(config)
    test = data.splits["test"]
    probabilities = build.guesses(test.labels, len(CLASSES), skill=20.0)
    return config, data, Evaluation("test", test, data.classes, probabilities)


@pytest.fixture
def one_clip(tmp_path, capsys):
    config, data, evaluation = scored(tmp_path, "c", [2])
    config.save(config.folder.config)
    about = {"model": "linear", "members": {"linear": 1.0}}
    write_evaluation(config, data, evaluation, about)
    assert FEW in capsys.readouterr().out
    return config, data, evaluation


def test_metrics_and_the_leaderboard_say_so(one_clip, tmp_path):
    config, _, _ = one_clip
    metrics = json.loads(config.folder.metrics.read_text())
    assert next(iter(metrics.items())) == ("too_few", FEW)
    scores = [metrics[key] for key in ("top1", "top5", "macro_f1", "region_top1", "official")]
    assert scores == [None] * 5 and set(metrics["intervals"].values()) == {None}
    (row,) = leaderboard(tmp_path).to_dict("records")
    assert row["split"] == "test, too few to score"
    assert all(pd.isna(row[key]) for key in ("top1", "macro_f1", "F1_mean", "low", "high"))
    assert pd.read_csv(config.folder.predictions)["correct"].tolist() == [True]


def test_the_table_of_04_and_captions_say_so(one_clip):
    config, data, evaluation = one_clip
    table = compare_with_baselines(config, data, evaluation)
    assert len(table) == 3
    assert set(table.drop(columns="method").to_numpy().ravel()) == {"too few to score"}
    assert figures.Captions(config, data, evaluation)("confusion_matrix").endswith(f"; {FEW}.")
    title = figures.confusion_matrix(evaluation).axes[0].get_title()
    assert title == "1 clip of test, too few to score"


def test_the_report_headlines_no_share_and_leaves_no_blank(one_clip):
    config, data, evaluation = one_clip
    compare_with_baselines(config, data, evaluation)
    overview = figures.overview(evaluation, data)
    assert overview.get_size_inches()[1] < 3, "nothing stands where nothing is confused"
    assert len(overview.texts) == 0 and len(overview.subfigs) == 0
    page = write_report(config).read_text()
    assert "<strong>Too few to score: 1 clip of 1 person.</strong>" in page
    head = page.partition("The clips behind the errors")[0].partition("</style>")[2]
    assert "100.0 %" not in head and "Nothing: all clips were recognised." in head


def test_one_person_has_scores_without_an_interval(tmp_path):
    config, data, evaluation = scored(tmp_path, "c", [0, 1, 2, 3] * 3)
    write_evaluation(config, data, evaluation, {"model": "linear", "members": {"linear": 1.0}})
    metrics = json.loads(config.folder.metrics.read_text())
    assert metrics["top1"] == 1 and set(metrics["intervals"].values()) == {None}
    table = compare_with_baselines(config, data, evaluation)
    assert table["top1"].iloc[-1] == "100.0% (one person only)"


def test_intervals_over_clips_of_unknown_people_are_called_so(tmp_path):
    config, _, _ = scored(tmp_path, "cd", [0, 1, 2, 3] * 2)
    (tmp_path / "data" / "subjects.csv").unlink()
    data = load(config)
    assert not data.known_people
    probabilities = np.eye(4)[data.splits["test"].labels]
    evaluation = Evaluation("test", data.splits["test"], data.classes, probabilities)
    write_evaluation(config, data, evaluation, {"model": "linear", "members": {"linear": 1.0}})
    page = write_report(config).read_text()
    assert "95 % interval over clips" in page and "interval over people" not in page


@pytest.mark.parametrize(
    ("clips", "people", "told"),
    [(1, 1, "1 clip of 1 person"), (9, 3, "9 clips of 3 people"), (10, 2, "10 clips of 2 people")],
)
def test_fewer_than_ten_clips_are_too_few(clips, people, told):
    assert counted(clips, people) == told
    assert too_few(clips, people) == (f"too few to score: {told}" if clips < 10 else "")

"""The notebooks on recordings of real people and on videos of them."""

import json

import numpy as np
import pandas as pd
import pytest
from build import TINY, config
from run.headless import OUTSIDE, errors, run

from mbnb.data.dataset import load
from mbnb.evaluate import evaluate
from mbnb.runs import RunFolder
from mbnb.train import train


def test_the_same_notebooks_run_on_recordings_of_real_people(recordings, tmp_path):
    done = run(tmp_path, "03", "04", "05", data_root=recordings("kinder_gator"), run="kg", **TINY)
    assert done.returncode == 0, done.stderr
    folder = RunFolder(tmp_path / "kg")
    executed = sorted(folder.notebooks.glob("*.ipynb"))
    assert [path.name[:2] for path in executed] == ["03", "04", "05"]
    assert [errors(path) for path in executed] == [[]] * 3
    metrics = json.loads(folder.metrics.read_text())
    assert metrics["n_test"] == 579 and not metrics["simulated"]
    assert metrics["people_also_in_train"] == 0
    assert 0 <= metrics["top1"] <= metrics["top5"] <= 1
    assert len(pd.read_csv(folder.per_class)) == 58
    table = pd.read_csv(folder.predictions)
    assert len(table) == 579 and table["correct"].mean() == pytest.approx(metrics["top1"])
    np.testing.assert_allclose(table.filter(regex="^p_").sum(axis=1), 1, atol=1e-3)
    written = (folder.config, folder.environment, folder.history, folder.best, folder.latest)
    assert all(path.is_file() for path in (*written, folder.class_pages / "index.html"))
    figures = ("confusion_matrix", "region_matrix", "error_split", "class_profile", "curves")
    assert {f"{name}.png" for name in figures} <= {path.name for path in folder.figures.iterdir()}
    report = folder.report.read_text()
    assert len(report) < 10_000_000 and report.count("data:image/png;base64,") >= 10
    assert report.count('data-mount="mountExplorer"') == 1
    for page in (report, folder.explorer.read_text()):
        assert OUTSIDE.findall(page) == []


def test_recordings_of_exercises_are_trained_on_and_scored_clip_by_clip(recordings, tmp_path):
    settings = config(data_root=recordings("ui_prmd"), outputs=tmp_path, val_fraction=0.0)
    data = load(settings)
    train(settings, data)
    evaluation = evaluate(settings, data)
    metrics = json.loads(settings.folder.metrics.read_text())
    assert metrics["n_test"] == 975 and len(evaluation.per_class) == 10
    assert metrics["with_people"] is None and metrics["people"] == 5


def test_videos_become_clips_that_01_shows(shared, tmp_path):
    labels = {"0030_01_0002": 0, "0019_02_0078": 9, "0020_01_0008": 1}
    lines = [f"{name}.mp4 {label}\n" for name, label in labels.items()]
    (tmp_path / "labels.txt").write_text("".join(lines))
    done = run(
        tmp_path,
        "02",
        run="ma52",
        videos=shared / "ma52" / "clips",
        video_labels=tmp_path / "labels.txt",
        video_person="[0-9]+",
        class_table="ma52",
    )
    assert done.returncode == 0, done.stderr
    converted = tmp_path / "ma52" / "converted"
    written = {path.parent.name: np.load(path) for path in converted.glob("train/*/pose_3d.npy")}
    assert written.keys() == labels.keys()
    assert all(pose.shape[1:] == (17, 3) and np.isfinite(pose).all() for pose in written.values())
    assert "F43,touching nose,head-hand" in (converted / "classes.csv").read_text()
    subjects = pd.read_csv(converted / "subjects.csv", dtype=str)["subject"]
    assert set(subjects) == {"0019", "0020", "0030"}
    done = run(tmp_path, "01", run="shown", data_root=converted)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "shown" / "figures" / "clips.png").exists()

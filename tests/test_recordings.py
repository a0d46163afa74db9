"""The notebooks on recordings of real people and on videos of them."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
from run.test_run import NOTEBOOKS, TINY, check_run, run

from mbnb.config import Config
from mbnb.data.dataset import load
from mbnb.evaluate import evaluate
from mbnb.train import train


def unpacked(shared, name, folder):
    subprocess.run(
        [sys.executable, shared / "real" / "unpack.py", name, folder],
        check=True,
        capture_output=True,
    )
    return folder


def test_the_same_notebooks_run_on_recordings_of_real_people(shared, tmp_path):
    shown = ("03", "04", "05")
    done = run(
        tmp_path,
        *shown,
        data_root=unpacked(shared, "kinder_gator", tmp_path / "data"),
        run="kg",
        **TINY,
    )
    assert done.returncode == 0, done.stderr
    metrics = check_run(
        tmp_path / "kg", [path.name for path in NOTEBOOKS if path.name.startswith(shown)]
    )
    assert (
        metrics["n_test"] == 579
        and metrics["people_also_in_train"] == 0
        and not metrics["simulated"]
    )
    assert len(pd.read_csv(tmp_path / "kg" / "per_class.csv")) == 58


def test_recordings_of_exercises_are_trained_on_and_scored_clip_by_clip(shared, tmp_path):
    data = load(
        Config.of(
            {"data_root": str(unpacked(shared, "ui_prmd", tmp_path / "data")), "val_fraction": 0.0}
        )
    )
    settings = Config.of(
        TINY,
        {
            "data_root": str(data.root),
            "outputs": str(tmp_path),
            "run": "ui",
            "val_fraction": 0.0,
        },
    )
    train(settings, data)
    evaluation = evaluate(settings, data)
    metrics = json.loads((tmp_path / "ui" / "metrics.json").read_text())
    assert metrics["n_test"] == 975 and len(evaluation.per_class) == 10
    assert metrics["with_people"] is None and metrics["people"] == 5


def test_videos_become_clips_that_01_shows(shared, tmp_path):
    labels = {"0030_01_0002": 0, "0019_02_0078": 9, "0020_01_0008": 1}
    (tmp_path / "labels.txt").write_text(
        "".join(f"{name}.mp4 {label}\n" for name, label in labels.items())
    )
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
    assert set(pd.read_csv(converted / "subjects.csv", dtype=str)["subject"]) == {
        "0019",
        "0020",
        "0030",
    }
    done = run(tmp_path, "01", run="shown", data_root=converted)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "shown" / "figures" / "clips.png").exists()

"""The notebooks, headlessly: on simulated people at a tiny size, on recordings of real people, and when something is wrong."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TINY = dict(epochs=2, dim_feat=8, dim_rep=8, depth=1, num_heads=2, hidden_dim=16, clip_len=8, batch_size=64, bootstraps=30)
SIMULATED = dict(simulated_people=7, simulated_test_people=3, simulated_clips=26)


def call(*command, **options):
    return subprocess.run([sys.executable, "-m", *map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=500, **options)


def run(outputs, *notebooks, **parameters):
    given = [part for key, value in {"outputs": outputs, "recipes": ROOT / "tests" / "recipes.yaml", **parameters}.items() for part in ("-p", key, value)]
    return call("mbnb", "run", *notebooks, *given)


def errors(path):
    notebook = nbformat.read(path, as_version=4)
    return [output.ename for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs if output.output_type == "error"]


def outside_addresses(page):
    """What a browser would fetch from elsewhere."""
    return re.findall(r"""(?:src|href|url|@import|fetch|import)\s*[=(:]?\s*["'(]?\s*((?:https?:)?//[^\s"')]+)""", page)


def check_run(folder, notebooks):
    assert [path.name for path in sorted((folder / "notebooks").glob("*.ipynb"))] == notebooks
    for path in (folder / "notebooks").glob("*.ipynb"):
        assert errors(path) == []
    kept = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"config.yaml", "environment.json", "history.csv", "metrics.json", "predictions.csv", "per_class.csv", "report.html",
            "checkpoints/best.pt", "checkpoints/latest.pt"} <= kept
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {"top1", "top5", "macro_f1", "region_top1", "n_test"} <= metrics.keys()
    assert 0 <= metrics["top1"] <= metrics["top5"] <= 1
    table = pd.read_csv(folder / "predictions.csv")
    assert len(table) == metrics["n_test"]
    assert table["correct"].mean() == pytest.approx(metrics["top1"])
    np.testing.assert_allclose(table.filter(regex="^p_").sum(axis=1), 1, atol=1e-3)
    report = (folder / "report.html").read_text()
    assert outside_addresses(report) == []
    assert len(report) < 10_000_000
    for name in ("confusion_matrix", "region_matrix", "error_split", "class_profile", "curves"):
        assert f"figures/{name}.png" in kept
    assert report.count("data:image/png;base64,") >= 10
    assert report.count("srcdoc=") >= 1
    ablation = pd.read_csv(folder / "recipes" / "ablation.csv")
    assert ablation["variant"].tolist() == ["default", "random convolutions", "linear model"] and ablation["difference"][0] == 0
    return metrics


@pytest.fixture(scope="module")
def simulated_run(tmp_path_factory):
    outputs = tmp_path_factory.mktemp("outputs")
    done = run(outputs, run="tiny", **TINY, **SIMULATED)
    assert done.returncode == 0, done.stderr
    return outputs / "tiny"


def test_all_notebooks_run_on_simulated_people(simulated_run):
    metrics = check_run(simulated_run, [path.name for path in NOTEBOOKS])
    assert metrics["simulated"] and metrics["n_test"] == 78 and metrics["people_also_in_train"] == 0
    assert set(metrics["baselines"]) == {"linear model", "always the largest class"}
    assert "Simulated people" in (simulated_run / "report.html").read_text()
    assert (simulated_run / "figures" / "clip.gif").read_bytes()[:6] == b"GIF89a"
    quality = pd.read_csv(simulated_run / "converted" / "quality.csv")
    assert len(quality) == 3 and (quality["detected"] > 0.9).all()


def test_a_long_training_leaves_no_flood_of_lines(simulated_run):
    notebook = nbformat.read(simulated_run / "notebooks" / "03_training.ipynb", as_version=4)
    printed = "".join(output.text for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs if output.output_type == "stream")
    assert len(printed.splitlines()) < 20


def test_a_later_notebook_needs_the_name_of_the_run_only(simulated_run):
    before = json.loads((simulated_run / "metrics.json").read_text())
    (simulated_run / "metrics.json").unlink()
    done = run(simulated_run.parent, "04", run="tiny")
    assert done.returncode == 0, done.stderr
    assert json.loads((simulated_run / "metrics.json").read_text()) == before


def test_the_commands_beside_run_do_the_same(simulated_run, tmp_path):
    checkpoint = simulated_run / "checkpoints" / "best.pt"
    done = call("mbnb", "evaluate", checkpoint, "-p", "run", "again", "-p", "outputs", tmp_path)
    assert done.returncode == 0, done.stderr
    saved = json.loads((simulated_run / "metrics.json").read_text())
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())
    assert {key: again[key] for key in ("top1", "macro_f1", "intervals", "fingerprint")} == {
        key: saved[key] for key in ("top1", "macro_f1", "intervals", "fingerprint")}
    table = call("mbnb", "leaderboard", "-p", "outputs", tmp_path).stdout
    assert "again" in table and "simulated" in table
    done = call("mbnb", "combine", "again", tmp_path / "again" / "predictions.csv", "--weights", "2,1", "-p", "outputs", tmp_path, "-p", "run", "both")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "both" / "metrics.json").read_text())["top1"] == saved["top1"]
    done = call("mbnb", "submit", tmp_path / "again" / "predictions.csv", "--sample", tmp_path / "again" / "predictions.csv", "-p", "class_table", "document",
                "--out", tmp_path / "s.zip")
    assert done.returncode == 2 and "expected the columns vid" in done.stderr and not (tmp_path / "s.zip").exists()

    data = tmp_path / "people"
    size = [part for key, value in SIMULATED.items() for part in ("-p", key, value)]
    assert call("mbnb", "simulate", data, *size).returncode == 0
    verified = subprocess.run([sys.executable, "-m", "mbnb", "verify", data.name], cwd=tmp_path, capture_output=True, text=True)
    assert verified.returncode == 0 and "0 errors" in verified.stdout and "simulated people" in verified.stdout, verified.stdout
    (data / "test_labels.txt").unlink()  # predicting needs no labels
    done = call("mbnb", "predict", checkpoint, data, "--out", tmp_path / "p.csv")
    assert done.returncode == 0, done.stderr
    predicted = pd.read_csv(tmp_path / "p.csv").set_index("clip").filter(regex="^p_")
    expected = pd.read_csv(simulated_run / "predictions.csv").set_index("clip").filter(regex="^p_")
    np.testing.assert_allclose(predicted, expected.loc[predicted.index], atol=1e-3)

    np.save(data / "train" / next(iter(sorted(os.listdir(data / "train")))) / "pose_3d.npy", np.full((9, 17, 3), np.nan))
    verified = call("mbnb", "verify", data)
    assert verified.returncode == 1 and "NaN" in verified.stdout and "1 errors" in verified.stdout

    done = call("mbnb", "monitor", simulated_run)
    assert done.returncode == 0 and "epoch 2 of 2" in done.stdout, done.stderr


def test_training_by_command_with_the_documented_yaml(shared, tmp_path):
    text = (shared / "mission" / "000_5264d2a983e10901.txt").read_text(encoding="utf-8", errors="replace")
    (tmp_path / "MB_train_custom.yaml").write_text(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])
    data = tmp_path / "people"
    assert call("mbnb", "simulate", data, "-p", "simulated_people", 2, "-p", "simulated_test_people", 1, "-p", "simulated_clips", 3).returncode == 0
    done = call("mbnb", "train", "-f", tmp_path / "MB_train_custom.yaml", "-p", "epochs", 1, "-p", "data_root", data, "-p", "outputs", tmp_path, "-p", "run", "doc")
    assert done.returncode == 0, done.stderr
    settings = (tmp_path / "doc" / "config.yaml").read_text()
    for line in ("recipe: parity", "dim_feat: 192", "hidden_dim: 64", "lr_head: 8.0e-05", "clip_len: 243", "dropout_ratio: 0.7"):
        assert line in settings


@pytest.mark.parametrize("command", ["papermill", "mbnb"])
def test_an_unknown_parameter_is_refused(tmp_path, command):
    if command == "papermill":
        done = call("papermill", NOTEBOOKS[2], tmp_path / "out.ipynb", "-p", "epohcs", 5, "-k", "python3", "--cwd", ROOT / "notebooks")
    else:
        done = run(tmp_path, "03", epohcs=5)
    assert done.returncode != 0
    assert "did you mean 'epochs'" in done.stderr


def test_plain_papermill_passes_parameters_on(tmp_path):
    given = [part for key, value in {"outputs": tmp_path, "run": "plain", **TINY, **SIMULATED, "epochs": 1}.items() for part in ("-p", key, value)]
    done = call("papermill", NOTEBOOKS[2], tmp_path / "out.ipynb", *given, "-k", "python3")
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(tmp_path / "plain" / "history.csv")) == 1


def test_a_broken_notebook_is_kept_and_stops_the_run(tmp_path):
    done = run(tmp_path, "01", "03", data_root=tmp_path / "nowhere", run="broken")
    assert done.returncode == 1
    assert "nowhere" in done.stderr and "InputError" in done.stderr
    assert errors(tmp_path / "broken" / "notebooks" / "01_data_exploration.ipynb")
    assert not (tmp_path / "broken" / "notebooks" / "03_training.ipynb").exists()


@pytest.mark.parametrize("name, classes, n_test", [("kinder_gator", 58, 579), ("ui_prmd", 10, 975)])
def test_the_same_notebooks_run_on_recordings_of_real_people(shared, tmp_path, name, classes, n_test):
    subprocess.run([sys.executable, shared / "real" / "unpack.py", name, tmp_path / name], check=True, capture_output=True)
    done = run(tmp_path, data_root=tmp_path / name, run=name, **TINY)
    assert done.returncode == 0, done.stderr
    metrics = check_run(tmp_path / name, [path.name for path in NOTEBOOKS if not path.name.startswith("02")])
    assert metrics["n_test"] == n_test and metrics["people_also_in_train"] == 0 and not metrics["simulated"]
    assert len(pd.read_csv(tmp_path / name / "per_class.csv")) == classes


def test_videos_become_clips_that_01_shows(shared, tmp_path):
    labels = {"0030_01_0002": 0, "0019_02_0078": 9, "0020_01_0008": 1}
    (tmp_path / "labels.txt").write_text("".join(f"{name}.mp4 {label}\n" for name, label in labels.items()))
    done = run(tmp_path, "02", run="ma52", videos=shared / "ma52" / "clips", video_labels=tmp_path / "labels.txt", video_person="[0-9]+", class_table="ma52")
    assert done.returncode == 0, done.stderr
    converted = tmp_path / "ma52" / "converted"
    written = {path.parent.name: np.load(path) for path in converted.glob("train/*/pose_3d.npy")}
    assert written.keys() == labels.keys()
    assert all(pose.shape[1:] == (17, 3) and np.isfinite(pose).all() for pose in written.values())
    assert "F43,touching nose,head-hand" in (converted / "classes.csv").read_text()
    assert set(pd.read_csv(converted / "subjects.csv", dtype=str)["subject"]) == {"0019", "0020", "0030"}
    done = run(tmp_path, "01", run="shown", data_root=converted)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "shown" / "figures" / "clips.png").exists()

"""Results go beside the checkpoint that was named, wherever its run was trained."""

import json
import shutil
from pathlib import Path

import build
import numpy as np
import pytest
from run.headless import command_line

from mbnb.config import Config, found_in, read_yaml, saved_config
from mbnb.evaluate.ensemble import combine
from mbnb.runs import RunFolder

SCORES = {"metrics.json", "predictions.csv", "per_class.csv"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Settings of a small finished training; its folder is moved away by nobody."""
    folder = tmp_path_factory.mktemp("trained")
    splits = {"train": build.clips("abcd", [0, 8, 17]), "test": build.clips("xy", [0, 8], "test")}
    root = build.data_folder(folder / "data", splits)
    settings = build.config(outputs=folder / "outputs", run="mine", data_root=root, epochs=1)
    settings.save(folder / "mine.yaml")
    assert command_line("train", "-f", folder / "mine.yaml").exit_code == 0
    return settings


@pytest.fixture
def moved(trained, tmp_path):
    """The run as it came to another place under another name, and the place that is gone."""
    here = tmp_path / "from a colleague" / "renamed ü"
    shutil.copytree(trained.folder.path, here)
    gone = trained.folder.path.with_name("gone")
    trained.folder.path.rename(gone)
    yield RunFolder(here)
    assert not trained.folder.path.exists(), "it was made again"
    gone.rename(trained.folder.path)


def test_a_moved_run_is_evaluated_where_it_lies(moved):
    done = command_line("evaluate", moved.latest)
    assert done.exit_code == 0, (done.output, done.exception)
    assert SCORES <= {path.name for path in moved.path.iterdir()}
    kept = read_yaml(moved.config)
    assert (kept["outputs"], kept["run"]) == (str(moved.path.parent), moved.path.name)
    settings = saved_config({"outputs": str(moved.path.parent), "run": moved.path.name})
    assert settings.folder.path == moved.path


def test_a_training_goes_on_where_its_run_lies_now(moved):
    settings = saved_config({"outputs": str(moved.path.parent), "run": moved.path.name})
    settings.save(moved.path.parent / "more.yaml")
    done = command_line("train", "-f", moved.path.parent / "more.yaml", "-p", "epochs", 2)
    assert done.exit_code == 0, (done.output, done.exception)
    assert len(moved.history.read_text().splitlines()) == 3


def test_another_name_or_place_that_is_given_counts(moved, tmp_path):
    options = ["-p", "outputs", tmp_path / "elsewhere", "-p", "run", "other"]
    done = command_line("evaluate", moved.latest, *options)
    assert done.exit_code == 0, (done.output, done.exception)
    assert SCORES <= {path.name for path in (tmp_path / "elsewhere" / "other").iterdir()}
    assert not moved.metrics.exists()


def test_a_checkpoint_by_itself_has_a_folder_of_its_name_beside_it(moved, tmp_path):
    loose = shutil.copy(moved.best, tmp_path / "colleague.pt")
    done = command_line("evaluate", loose)
    assert done.exit_code == 0, (done.output, done.exception)
    assert SCORES <= {path.name for path in (tmp_path / "colleague").iterdir()}


@pytest.mark.parametrize(
    "old", ["/home/anna/mbnb/outputs", "C:\\Users\\Anna B\\mbnb\\outputs", "D:/mbnb/outputs"]
)
def test_files_of_the_run_and_beside_it_are_found_again(old, tmp_path):
    folder = RunFolder(tmp_path / "mine2")
    folder.checkpoints.mkdir(parents=True)
    folder.latest.touch()
    (tmp_path / "films" / "converted").mkdir(parents=True)
    between = "\\" if "\\" in old else "/"
    saved = {
        "outputs": old,
        "run": "mine",
        "checkpoint": between.join([old, "mine", "checkpoints", "latest.pt"]),
        "data_root": between.join([old, "films", "converted"]),
        "videos": between.join([old, "not", "there"]),
        "class_table": "ma52",
    }
    found = found_in(folder, saved)
    assert found == saved | {
        "outputs": str(tmp_path),
        "run": "mine2",
        "checkpoint": str(folder.latest),
        "data_root": str(tmp_path / "films" / "converted"),
    }
    assert Path(Config.of(saved=found).folder.path) == folder.path


def test_runs_that_were_moved_are_combined_where_they_are(evaluated, tmp_path):
    labels = np.arange(18) % 3
    for seed, name in enumerate(("one", "two")):
        evaluated(name, build.guesses(labels, 3, seed=seed))
        shutil.move(tmp_path / name, tmp_path / "new" / name)
    both = build.config(outputs=tmp_path / "new", run="both")
    combine(both, ["one", "two"])
    assert json.loads(both.folder.metrics.read_text())["n_test"] == 18
    assert not (tmp_path / "one").exists()

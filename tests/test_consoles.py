"""Any console and any file takes what commands print; files of tables are UTF-8."""

import os
import subprocess
import sys

import build
import pandas as pd
import pytest
from run.headless import command_line

from mbnb.config import settings_page
from mbnb.files import ROOT

ENCODINGS = ("cp1252", "ascii", "cp437", "cp1251", "shift_jis")


def printed(encoding, *command):
    """What a command prints, as bytes, on a console or into a file of this encoding."""
    return subprocess.run(
        [sys.executable, "-m", "mbnb", *map(str, command)],
        cwd=ROOT,
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run that has been training for three epochs, its name with an umlaut."""
    folder = tmp_path_factory.mktemp("runs") / "größer … 文"
    folder.mkdir()
    history = {"epoch": [1, 2, 3], "train_loss": [3.0, 2.0, 1.0], "train_top1": [0.1, 0.2, 0.3]}
    pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    (folder / "config.yaml").write_text("epochs: 6\n")
    return folder


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_monitor_is_plain_where_letters_are_lacking(encoding, run):
    done = printed(encoding, "monitor", run)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode(encoding)
    assert "epoch 3 of 6" in text and "train_loss" in text
    if encoding == "ascii":
        assert "grosser ... ?: epoch 3 of 6  ###############..............." in text
        assert "train_loss         #51" in text


@pytest.mark.parametrize("encoding", ENCODINGS[:2])
def test_errors_name_paths_of_any_letters(encoding, run):
    for command in (["verify", run], ["evaluate", run / "nothing.pt"], ["predict", run, run]):
        done = printed(encoding, *command)
        assert done.returncode in (1, 2) and b"Traceback" not in done.stderr, done.stderr
        assert b"UnicodeEncodeError" not in done.stderr
        assert "gr" in (done.stdout + done.stderr).decode(encoding)


def test_names_that_are_no_text_are_shown_as_far_as_they_are(tmp_path):
    if os.name != "posix":
        pytest.skip("names are text there")
    done = subprocess.run(
        [sys.executable, "-m", "mbnb", "verify", os.fsencode(tmp_path) + b"/caf\xe9"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "/caf?: expected a folder" in done.stdout, done.stderr


def test_what_becomes_a_file_is_utf_8(tmp_path):
    assert printed("cp1252", "settings", "--page").stdout.decode() == settings_page().replace(
        "\n", os.linesep
    )
    splits = {"train": build.clips("abc", [0, 8, 17], name="{code}_文{i}")}
    root = build.data_folder(tmp_path / "data", splits)
    settings = build.config(outputs=tmp_path, run="mine", data_root=root, epochs=1, val_fraction=0)
    settings.save(tmp_path / "mine.yaml")
    assert command_line("train", "-f", tmp_path / "mine.yaml").exit_code == 0
    done = printed("cp1252", "predict", settings.folder.latest, root, "--split", "train")
    assert done.returncode == 0 and "_文0," in done.stdout.decode("utf-8"), done.stderr

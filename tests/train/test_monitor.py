"""What a training shows while it runs and leaves when it is killed."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from run.headless import command_line
from train.conftest import config

from mbnb.files import ROOT
from mbnb.runs import RunFolder
from mbnb.show.figures import curves
from mbnb.train import monitor, read_history
from mbnb.train.history import region_table, write_history


def test_a_killed_training_leaves_what_a_monitor_draws(folder, tmp_path):
    settings = config(tmp_path, run="killed", data_root=folder, epochs=400)
    settings.save(tmp_path / "given.yaml")
    process = subprocess.Popen(
        [sys.executable, "-m", "mbnb", "train", "-f", str(tmp_path / "given.yaml")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and len(read_history(settings.folder)[0]) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    history, regions = read_history(settings.folder)
    assert 2 <= len(history) < 400 and regions["epoch"].max() == len(history)

    text, _ = monitor.progress(settings.folder)
    assert "running: last epoch" in text and "to go" in text
    os.utime(settings.folder.history, (0, time.time() - 3600))
    text, finished = monitor.progress(settings.folder)
    assert "no epoch for 60 min" in text and "stopped or crashed" in text and not finished
    assert f"epoch {len(history)} of 400" in text and "grad_norm_head" in text
    assert "clips of held-out people: rows true, columns predicted" in text
    shown = command_line("monitor", settings.folder.path)
    assert shown.exit_code == 0 and text.splitlines()[0] in shown.output, shown.output
    figures = {path.name for path in settings.folder.figures.iterdir()}
    assert figures == {"curves.png", "curves.pdf", "curves.txt"}


def test_a_monitor_reads_histories_of_older_versions_and_of_finished_runs(tmp_path):
    refused = command_line("monitor", tmp_path)
    assert refused.exit_code == 2 and "no training has begun" in refused.output
    (tmp_path / "environment.json").write_text('{"data": {"clips": {"train": 1200}}}')
    assert "no epoch of ? is finished" in command_line("monitor", tmp_path).output
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train_loss": [3.0, 2.0, 1.0],
            "train_top1": [0.1, np.nan, 0.3],
            "clips_per_second": 10.0,
        }
    )
    for column in ("clips_per_second", "train_top1"):
        history.to_csv(tmp_path / "history.csv", index=False)
        shown = command_line("monitor", tmp_path)
        assert shown.exit_code == 0, shown.output
        assert "epoch 3 of ?" in shown.output and "best epoch 3" in shown.output
        assert ("usually 2 min" in shown.output) == ("clips_per_second" in history)
        history = history.drop(columns=column)
    (tmp_path / "config.yaml").write_text("epochs: 3\n")
    shown = command_line("monitor", tmp_path, "--watch", 1)  # ends, since the run is finished
    assert shown.exit_code == 0 and "finished" in shown.output


def test_a_sparkline_keeps_the_course_of_any_number_of_values():
    assert monitor.sparkline([1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇█"
    assert monitor.sparkline([2.0, np.nan, 3.0]) == "▁ █"
    assert monitor.sparkline([5.0] * 3) == "▁▁▁"
    assert monitor.sparkline(range(1000), width=8) == "▁▂▃▄▅▆▇█"


def test_regions_that_are_called_by_numbers_stay_text(tmp_path):
    names = ("0", "1", "2.0", "True", "NA")
    regions = region_table({1: np.eye(5, dtype=int).tolist()}, "val", names)
    history = pd.DataFrame({"epoch": [1], "val_loss": [np.nan], "val_top1": [0.5]})
    write_history(RunFolder(tmp_path), history, regions)
    again, read = read_history(RunFolder(tmp_path))
    pd.testing.assert_frame_equal(again, history)
    assert read["true"].unique().tolist() == list(names)
    assert read["clips"].sum() == 5
    text, _ = monitor.progress(RunFolder(tmp_path))
    assert "2.0" in text.splitlines()[-3]
    assert curves(again, read).axes

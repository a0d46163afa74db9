"""Trainings that several processes share: they lose what one loses."""

import dataclasses
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest
import torch
from train.conftest import CLOCKED, config, people, weights

from mbnb.data.dataset import load
from mbnb.files import ROOT, InputError
from mbnb.train import train

# Large batches, noise and dropout of the head are the same for all processes; among the sizes are
# such as do not divide evenly.
SHARED = dict(
    batch_size=9, dropout_ratio=0.3, rate=20.0, clip_len=40, lr_backbone=1e-3, lr_head=1e-3
)


def in_processes(count, settings):
    """The history of a training in `count` processes of torchrun, as a cluster would start them."""
    path = settings.folder.path / "given.yaml"
    settings.save(path)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={count}", "-m", "mbnb", "train", "-f", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return pd.read_csv(settings.folder.history).drop(columns=CLOCKED)


def test_two_processes_lose_what_one_loses_and_either_goes_on_for_the_other(folder, tmp_path):
    both, reference = (
        config(tmp_path, run=name, data_root=folder, epochs=2, **SHARED) for name in ("two", "one")
    )
    history = in_processes(2, both)
    expected = train(reference, load(reference)).drop(columns=CLOCKED)
    assert list(history.columns) == list(expected.columns)
    pd.testing.assert_frame_equal(history, expected, rtol=1e-3, atol=1e-4)
    for key, value in weights(both).items():
        # BatchNorm takes this bias out again: its gradients are rounding errors.
        if key != "head.fc1.bias":
            expected_value = weights(reference)[key]
            torch.testing.assert_close(value, expected_value, atol=1e-3, rtol=1e-2, msg=key)
    # Two epochs in two processes and a third in one are three epochs in one. After so short a
    # training two classes are equally likely to the third digit.
    ties = ["val_top1", "val_macro_f1", "val_region_top1"]
    longer = [dataclasses.replace(settings, epochs=3) for settings in (both, reference)]
    third, expected = (train(one, load(one)).drop(columns=[*CLOCKED, *ties]) for one in longer)
    pd.testing.assert_frame_equal(third, expected, rtol=1e-3, atol=1e-3)


def test_the_setting_devices_starts_processes_and_shows_every_epoch(folder, data, tmp_path):
    settings = config(tmp_path, data_root=folder, devices=2, epochs=2)
    shown = []
    history = train(settings, load(settings), on_epoch=lambda table: shown.append(len(table)))
    assert history["epoch"].tolist() == [1, 2]
    assert shown == sorted(set(shown)) and shown[-1] == 2
    assert settings.folder.config.exists()
    other = dataclasses.replace(data, splits={"train": people("abcde", [0, 2], seed=900)})
    with pytest.raises(InputError, match="several processes read the data themselves"):
        train(dataclasses.replace(settings, run="other"), other)
    with pytest.raises(InputError, match="30 processes cannot share batches of"):
        train(dataclasses.replace(settings, run="many", batch_size=29, devices=30), load(settings))


def test_processes_end_with_who_started_them_even_where_it_is_killed(folder, tmp_path):
    if sys.platform != "linux":
        pytest.skip("only Linux ends the children of a killed process")
    settings = config(tmp_path, data_root=folder, devices=2, epochs=2000)
    settings.save(tmp_path / "given.yaml")
    command = [sys.executable, "-m", "mbnb", "train", "-f", str(tmp_path / "given.yaml")]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as parent:
        while parent.poll() is None and not settings.folder.history.exists():
            time.sleep(0.1)
        children = psutil.Process(parent.pid).children(recursive=True)
        assert len(children) >= 3  # torchrun, and its two
        with pytest.raises(InputError, match="is being written to"), settings.folder.claimed():
            pass
        parent.kill()
    assert psutil.wait_procs(children, timeout=60)[1] == []
    with settings.folder.claimed():
        pass

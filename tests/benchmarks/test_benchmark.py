"""The benchmark runs and says what it measured; its numbers are judged by nobody here."""

import json
from types import SimpleNamespace

import pandas as pd
import torch

from benchmarks.benchmark import benchmark, fitting_batch
from benchmarks.steps import BATCH
from mbnb.config import Config


def test_a_quick_run_measures_every_task_and_draws_the_picture(tmp_path):
    config = Config.of(dict(outputs=str(tmp_path), run="speed", device="cpu"))
    table = benchmark(config, quick=True)
    assert set(table["task"]) == {
        "training step",
        "evaluation",
        "input pipeline",
        "loading",
        "epoch",
        "peak memory of a training step",
        "first training step after the start",
    }
    assert (table[["ours", "reference", "ratio"]] > 0).all(axis=None)
    arithmetic = table[table["task"].isin(["training step", "evaluation", "epoch"])]
    assert arithmetic["GFLOP/s"].notna().all()
    assert arithmetic["share of peak"].between(0.001, 1.5).all()
    assert len(pd.read_csv(config.folder.path / "benchmark.csv")) == len(table)
    assert json.loads((config.folder.path / "benchmark.json").read_text())["device"] == "cpu"
    assert (config.folder.path / "benchmark.png").read_bytes().startswith(b"\x89PNG")
    assert (config.folder.path / "benchmark.pdf").read_bytes().startswith(b"%PDF")


def test_batches_fit_the_memory_and_are_never_a_single_clip(monkeypatch):
    settings = Config.of({"preset": "lite", "rate": 0.0, "clip_len": 243})
    batches = []
    for gigabytes in (1, 20, 500):
        monkeypatch.setattr(
            "benchmarks.benchmark.psutil.virtual_memory",
            lambda gigabytes=gigabytes: SimpleNamespace(available=gigabytes * 2**30),
        )
        batches.append(fitting_batch(settings, 243, torch.device("cpu")))
    assert batches[0] == 2 < batches[1] < batches[2] == BATCH

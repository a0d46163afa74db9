"""A process's first training step: how long after its start it is made, and its memory."""

import multiprocessing
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import psutil
import torch

from benchmarks.steps import both_steps
from mbnb.config import Config
from mbnb.devices import pick_device


def first_step(settings: Config, batch: int) -> list[dict[str, object]]:
    """Two rows of the table, ours and the reference's in processes of their own."""
    gigabytes, seconds = {}, {}
    for name in ("ours", "reference"):
        gigabytes[name], seconds[name] = in_a_process(settings, batch, name)
    task = {"size": settings.preset, "frames": settings.clip_len, "clips": batch}
    unmeasured = {"GFLOP/s": np.nan, "share of peak": np.nan}
    return [
        {"task": name, **task, **values, "unit": unit}
        | {"ratio": values["reference"] / values["ours"]}
        | unmeasured
        for name, values, unit in (
            ("peak memory of a training step", gigabytes, "GB"),
            ("first training step after the start", seconds, "s"),
        )
    ]


def in_a_process(settings: Config, batch: int, name: str) -> tuple[float, float]:
    """GB that a step takes, and seconds from the start of a process until it was made.

    `name` is "ours" or "reference". What is compiled is compiled anew.
    """
    began = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    # An executor, since a pool waits for ever for a process that the system ended for its memory.
    with tempfile.TemporaryDirectory() as cold, ProcessPoolExecutor(1, context) as pool:
        memory = pool.submit(_peak_memory, name, settings, batch, cold).result()
        return memory, time.perf_counter() - began


def _peak_memory(name: str, settings: Config, batch: int, cold: str) -> float:
    """GB that a training step takes beyond what the process had before.

    Of a GPU's memory where it trains there. What is compiled for it goes to the folder `cold`.
    """
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = cold
    device = pick_device(settings)
    step = dict(zip(("ours", "reference"), both_steps(settings, batch, device)))[name]
    if device.type == "cuda":
        before = torch.cuda.memory_allocated()
        step()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 1e9
    before = psutil.Process().memory_info().rss
    step()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before) / 1e9

"""Two ways to do the same work, in turn in one process, and how fast this machine can be at all.

Absolute speeds of a shared machine drift; the ratio of two neighbouring runs hardly does.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mbnb.devices import hand_back_memory, keep_freed_memory

LONG = 30  # seconds
IN_A_ROW = 20  # short turns on a GPU that are timed as one
COLUMNS = (  # of the table, a row a case
    "task",
    "size",
    "frames",
    "clips",
    "ours",
    "reference",
    "unit",
    "ratio",
    "GFLOP/s",
    "share of peak",
)


@dataclass(frozen=True)
class Case:
    """One thing to measure: the work of `clips` clips, done by us and by the reference.

    frames: 0 where each clip keeps its own length. flops: floating-point operations of ours, for
    all the clips; 0 where arithmetic is not the point.
    """

    task: str
    size: str
    frames: int
    clips: int
    ours: Callable[[], object]
    reference: Callable[[], object]
    flops: float = 0.0
    clean: Callable[[], object] = lambda: None


def measure(case: Case, peak: float | None, rounds: int) -> dict[str, object]:
    """A row of the table; `peak` is the greatest GFLOP/s that this machine reaches."""
    times = {"ours": [], "reference": []}
    for _ in range(rounds):
        for name, seconds in times.items():
            # Keeping freed memory is part of what we do; the reference gets what a process has by
            # itself.
            keep_freed_memory(-1 if name == "ours" else 64 << 20)
            # Both are measured as they run in a row; what takes long pays little for a cold start.
            warm = not seconds or seconds[-1] < LONG
            seconds.append(_seconds_a_turn(getattr(case, name), warm))
            if seconds[-1] > LONG:
                hand_back_memory()  # or the two together would not fit
    ours, reference = (statistics.median(seconds) for seconds in times.values())
    rate = case.flops / ours / 1e9
    return {
        "task": case.task,
        "size": case.size,
        "frames": case.frames or "native",
        "clips": case.clips,
        "ours": case.clips / ours,
        "reference": case.clips / reference,
        "unit": "clips/s",
        "ratio": statistics.median(b / a for a, b in zip(*times.values())),
        "GFLOP/s": rate or np.nan,
        "share of peak": rate / peak if peak else np.nan,
    }


def _seconds_a_turn(work: Callable[[], object], warm: bool) -> float:
    """Seconds that `work` takes; with `warm` it was done once before."""
    turns = 1
    if warm:
        work()
        if torch.cuda.is_available():
            # The turn before was the first of its kind and tells little of how long one takes.
            turns = max(1, min(IN_A_ROW, int(1 / seconds_of(work))))
    return seconds_of(lambda: [work() for _ in range(turns)]) / turns


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds until `work` is done, on a GPU too."""
    began = now()
    work()
    return now() - began


def now() -> float:
    """Seconds, when all that a GPU was given to do is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def peak_flops(x: Tensor, widths: tuple[int, ...], rounds: int = 20) -> float:
    """GFLOP/s of the fastest product of x (rows, columns) with a matrix `widths` wide, now."""
    best = 0.0
    for wide in widths:
        weight = torch.randn(wide, x.shape[1], device=x.device, dtype=x.dtype)
        for _ in range(rounds):
            seconds = seconds_of(lambda weight=weight: [F.linear(x, weight) for _ in range(5)])
            best = max(best, 5 * 2 * x.numel() * wide / seconds / 1e9)
    return best


def peak_bandwidth(device: torch.device, size: int) -> float:
    """Bytes a second that the memory moves, read and written, in copies of `size` bytes."""
    source, target = (torch.rand(size // 4, device=device) for _ in range(2))
    rate = 2 * source.nbytes / min(seconds_of(lambda: target.copy_(source)) for _ in range(10))
    return rate

"""How long one clip takes is measured for both ways alike."""

import torch

import mbnb
from benchmarks.latency import FRAMES, latencies


def test_each_length_has_a_time_of_both_ways():
    model, calls = mbnb.load("encoder"), []

    def exported(*given):
        calls.append(given[0].shape[1])
        return sum(range(20_000))

    rows = list(latencies("encoder", model, exported))
    assert [row["frames"] for row in rows] == list(FRAMES) == sorted(set(calls))
    assert all(row["torch ms"] > 0 and row["onnxruntime ms"] > 0 for row in rows)
    assert torch.is_grad_enabled()

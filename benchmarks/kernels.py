"""Where a training step's time goes: its kernels on a GPU, its operations on a processor."""

from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.measure import seconds_of

STEPS = 5  # that are recorded, after as many that are not


def costliest(
    step: Callable[[], None], device: torch.device, count: int = 10
) -> tuple[dict[str, float], list[dict[str, object]]]:
    """What a step launches and how much of its time the device works, and its costliest kernels.

    The first has `launches`, `milliseconds` and `busy`, a share; the second is a row a kernel with
    its `name`, `calls` in a step, `milliseconds` and `share` of all kernels' time.
    """
    for _ in range(STEPS):
        step()
    seconds = seconds_of(lambda: [step() for _ in range(STEPS)]) / STEPS
    on_gpu = device.type == "cuda"
    activity = ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU
    with profile(activities=[activity]) as record:
        seconds_of(lambda: [step() for _ in range(STEPS)])
    time = "self_device_time_total" if on_gpu else "self_cpu_time_total"  # microseconds
    events = [
        event
        for event in record.key_averages()
        if getattr(event, time) > 0 and not getattr(event, "is_user_annotation", False)
    ]
    total = sum(getattr(event, time) for event in events)
    rows = [
        {
            "name": event.key,
            "calls": event.count / STEPS,
            "milliseconds": getattr(event, time) / STEPS / 1000,
            "share": getattr(event, time) / total,
        }
        for event in sorted(events, key=lambda event: -getattr(event, time))
    ]
    whole = {
        "launches": sum(row["calls"] for row in rows),
        "milliseconds": 1000 * seconds,
        "busy": total / STEPS / 1e6 / seconds,
    }
    return whole, rows[:count]

"""One clip on one core: how long an answer takes in torch, and of the exported file.

Both in turn, so that they see the same machine. Times are those that the core worked, which other
programs on a shared machine change little.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import torch
from tqdm.auto import tqdm

import mbnb
from mbnb.config import Config
from mbnb.files import replacing
from mbnb.model.checkpoints import build_pose_net
from mbnb.model.export import example, export, reader
from mbnb.model.zoo import Model

FRAMES = (27, 81, 243)
ROUNDS, LONG = 31, 10  # fewer rounds, but five, where they take more than so many seconds


def measure_latency(config: Config, quick: bool = False) -> pd.DataFrame:
    """A row for each network and number of frames: medians, in milliseconds of one core.

    Written to the run's folder as `latency.csv`. `quick` takes the default encoder alone.
    """
    rows, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, model in _networks(Path(folder), quick):
                path = Path(folder) / "network.onnx"
                export(model, [path])
                rows += latencies(name, model, reader(path, threads=1))
    finally:
        torch.set_num_threads(threads)
    table = pd.DataFrame(rows)
    with replacing(config.folder.path / "latency.csv") as part:
        table.to_csv(part, index=False, float_format="%.3f")
    return table


def _networks(folder: Path, quick: bool) -> Iterator[tuple[str, Model]]:
    yield "the default encoder", mbnb.load("encoder")
    if quick:
        return
    yield "simulated_ma52, one view", mbnb.load("simulated_ma52", views=1)
    yield "simulated_ma52, as it predicts", mbnb.load("simulated_ma52")
    lite = build_pose_net(Config.of({"preset": "lite", "recipe": "parity"}), joints=17)
    torch.save({"model_pos": lite.state_dict()}, folder / "lite.bin")
    yield "of MotionBERT-Lite's size", mbnb.load("motionbert-lite", folder / "lite.bin")


def latencies(
    name: str, model: Model, exported: Callable[..., list]
) -> Iterator[dict[str, object]]:
    """A row for each number of frames: medians of the network and of its `exported` file."""
    whole = model.answerer or model.encoder
    for frames in tqdm(FRAMES, desc=name, unit="length", leave=False):
        given = example(model, frames, clips=1)
        tensors = [torch.as_tensor(one) for one in given]
        work = {
            "torch": lambda tensors=tensors: whole(*tensors),
            "onnxruntime": lambda given=given: exported(*given),
        }
        times = {way: [] for way in work}
        with torch.inference_mode():
            for done in range(ROUNDS):
                if done >= 5 and sum(map(sum, times.values())) > 1000 * LONG:
                    break
                for way, one in work.items():
                    times[way].append(_milliseconds(one))
        # The first turn of each is that of a cold machine.
        medians = {f"{way} ms": statistics.median(times[way][1:]) for way in work}
        yield {"network": name, "frames": frames, **medians}


def _milliseconds(work: Callable[[], object]) -> float:
    """That this thread, which does all of the work, has had the processor for it."""
    began = time.thread_time()
    work()
    return 1000 * (time.thread_time() - began)

"""Time and memory of data sets of many clips: `python -m benchmarks.large 10000 30000`.

Each size is measured in a process of its own: writing, checking, reading, from the cache, the
batches of an epoch, the scores of answers, and the explorer. Clips of 60 frames are a few simulated
people over and over, each time turned by other noise. What grows faster than the data stands out in
the last columns, the seconds by a million clips.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from mbnb.classes import read_classes
from mbnb.clips import Clips, first_rows
from mbnb.config import Config
from mbnb.data import dataset
from mbnb.data.simulated import simulated_splits, simulated_table
from mbnb.data.write import write_dataset
from mbnb.evaluate.evaluation import Evaluation
from mbnb.evaluate.score import write_evaluation
from mbnb.files import ROOT
from mbnb.prepare import make_recipe
from mbnb.show.explorer import explore, write_explorer

FRAMES = 60
CLIPS_A_PERSON = 100


def many(source: Clips, count: int, split: str, first: int) -> Clips:
    """`count` clips of FRAMES frames, those of `source` over and over with fresh noise."""
    rng = np.random.default_rng(first)
    base = np.stack([pose[np.arange(FRAMES) % len(pose)] for pose in source])  # (N, F, J, 3)
    frames = np.empty((count * FRAMES, *base.shape[2:]), np.float32)
    for start in range(0, count, 1000):
        index = np.arange(start, min(start + 1000, count)) % len(base)
        noise = rng.normal(0, 0.002, (len(index), *base.shape[1:])).astype(np.float32)
        rows = slice(start * FRAMES, (start + len(index)) * FRAMES)
        frames[rows] = (base[index] + noise).reshape(-1, *base.shape[2:])
    lengths = np.full(count, FRAMES, np.int64)
    return Clips(
        frames,
        first_rows(lengths),
        lengths,
        tuple(f"{split}{i:07d}" for i in range(count)),
        np.resize(source.labels, count).astype(np.int64),
        tuple(f"p{first + i // CLIPS_A_PERSON}" for i in range(count)),
    )


def measure(count: int, place: Path) -> dict[str, Any]:
    """Seconds of each step for so many clips, a tenth of them in test, and memory at most."""
    given = {"outputs": str(place), "run": "large", "bootstraps": 100, "clips_on": "disk"}
    config = Config.of({"simulated_people": 4, "simulated_test_people": 1}, given)
    splits, table = simulated_splits(config), read_classes(simulated_table(config))
    tenth = count // 10
    sizes = {"train": (count - tenth, 0), "test": (tenth, 10**6)}
    made = {name: many(splits[name], *size[:1], name, size[1]) for name, size in sizes.items()}
    root, found = place / "data", {"clips": count}

    def timed(what: str, step: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = step()
        found[what] = time.perf_counter() - began
        found[f"{what}, GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({what: found[what]}), file=sys.stderr, flush=True)
        return result

    timed("write", lambda: write_dataset(root, made, table, packed=True, simulated=True))
    made.clear()
    config = Config.of({"data_root": str(root)}, given)
    timed("verify", lambda: dataset.verify(root, config))
    timed("read", lambda: dataset.load(config))
    data = timed("read the cache", lambda: dataset.load(config))
    timed("fingerprint", data.fingerprint)
    train, device = data.splits["train"], torch.device("cpu")
    recipe = make_recipe(train, config, data.skeleton, data.classes, device, training=True)

    def epoch() -> None:
        order = torch.randperm(len(train)).tensor_split(len(train) // config.batch_size)
        for _ in recipe.training_batches(order):
            pass

    timed("batches", epoch)
    test, rng = data.splits["test"], np.random.default_rng(0)
    answers = rng.dirichlet(np.full(len(data.classes), 0.1), len(test))
    evaluation = Evaluation("test", test, data.classes, answers)
    timed("scores", lambda: write_evaluation(config, data, evaluation, {"checkpoint": "none"}))
    timed("explorer", lambda: write_explorer(config, explore(config, data, evaluation)))
    return found


def main() -> None:
    """Measure the sizes that the command line names, one after the other."""
    rows = []
    for count in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as place:
            command = [sys.executable, "-m", "benchmarks.large", "--one", count, place]
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]) if not done.returncode else {})
        print(pd.DataFrame(rows).T.to_string(float_format="%.1f"), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        print(json.dumps(measure(int(sys.argv[2]), Path(sys.argv[3]))))
    else:
        main()

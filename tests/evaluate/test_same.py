"""The same seed, data and number of threads give the same bytes of weights and of every score."""

import json

import build
import numpy as np
import pandas as pd

from mbnb.data.dataset import load
from mbnb.evaluate import evaluate
from mbnb.model.checkpoints import read_checkpoint
from mbnb.train import train

# The times in the history are in the checkpoint, too, and so in what tells it from others.
CLOCKED = ["clips_per_second", "seconds"]
OF_THE_FILE = "checkpoint_fingerprint"


def made(folder) -> dict[str, object]:
    """A training and its evaluation: what came of them, but for times."""
    whole = {"outputs": folder / "runs", "run": "a", "data_root": folder / "data"}
    config = build.config(**whole, seed=3, dropout_ratio=0.3, people=["quota"])
    data = load(config)
    train(config, data)
    evaluate(config, data)
    run = config.folder
    state = read_checkpoint(run.latest)
    found = {f"weight {name}": value.numpy().tobytes() for name, value in state["model"].items()}
    for i, one in enumerate(state["optimizers"]):
        for number, values in one["optimizer"]["state"].items():
            for name, value in values.items():
                found[f"optimizer {i} {number} {name}"] = np.asarray(value).tobytes()
    tables = (run.predictions, run.people_predictions, run.per_class, run.region_confusion)
    found |= {path.name: path.read_bytes() for path in (*tables, run.config)}
    found["metrics"] = json.loads(run.metrics.read_text()) | {OF_THE_FILE: None}
    found["history"] = pd.read_csv(run.history).drop(columns=CLOCKED).to_csv()
    run.path.rename(folder / f"made {len(list(folder.iterdir()))}")
    return found


def test_the_same_seed_and_threads_give_the_same_weights_and_scores(tmp_path):
    splits = {"train": build.clips("abcde", [0, 8, 17]), "test": build.clips("xy", [0, 8], "test")}
    build.data_folder(tmp_path / "data", splits)
    one, other = made(tmp_path), made(tmp_path)
    assert len(one) > 20 and one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []

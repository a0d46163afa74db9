"""Runs with given probabilities, which the tests of this room share."""

import numpy as np
import pytest

from mbnb.classes import ClassTable
from mbnb.clips import pack
from mbnb.config import Config
from mbnb.data.dataset import load
from mbnb.data.write import write_dataset
from mbnb.evaluate.evaluation import Evaluation
from mbnb.evaluate.score import write_evaluation

CLASSES = ClassTable(
    ("A1", "A2", "B1"), ("swaying", "leaning", "nodding"), ("body", "body", "head")
)


def clips(count, people, first=0):
    rng = np.random.default_rng(first)
    poses = [rng.normal(0, 0.3, (9, 17, 3)).astype(np.float32) for _ in range(count)]
    return pack(
        poses,
        [f"c{first + i}" for i in range(count)],
        np.arange(count) % 3,
        [f"p{first + i % people}" for i in range(count)],
    )


@pytest.fixture
def outputs(tmp_path):
    """A data set of 6 people, and a function that makes an evaluated run of given probabilities."""
    write_dataset(
        tmp_path / "data", {"train": clips(18, 3), "test": clips(18, 3, first=100)}, CLASSES
    )

    def make(name, probabilities, index=slice(None), split="test"):
        config = Config.of(
            {
                "data_root": str(tmp_path / "data"),
                "outputs": str(tmp_path),
                "run": name,
                "val_fraction": 0.0,
                "bootstraps": 50,
            }
        )
        data = load(config)
        chosen = data.splits[split].take(np.arange(18)[index])
        config.save(config.folder.config)
        write_evaluation(
            config,
            data,
            Evaluation(split, chosen, data.classes, probabilities),
            {"checkpoint": "best.pt"},
        )
        return config

    make.folder = tmp_path
    return make


def answers(right, seed):
    """(18, 3) probabilities that are right with the given frequency."""
    rng = np.random.default_rng(seed)
    found = rng.dirichlet([1, 1, 1], 18)
    found[np.arange(18), np.arange(18) % 3] += right
    return found / found.sum(1, keepdims=True)

"""Runs with given probabilities, which the tests of this room share."""

import build
import numpy as np
import pytest

from mbnb.classes import ClassTable
from mbnb.data.dataset import load
from mbnb.evaluate.evaluation import Evaluation
from mbnb.evaluate.score import write_evaluation

CLASSES = ClassTable(
    ("A1", "A2", "B1"), ("swaying", "leaning", "nodding"), ("body", "body", "head")
)
LABELS = np.arange(18) % 3  # of the clips c100, c101, … of `evaluated`


@pytest.fixture
def evaluated(tmp_path):
    """A function that makes an evaluated run of given probabilities for some clips of test."""
    train = build.clips("abc", LABELS[:6], name="c{i}", classes=CLASSES)
    test = build.clips("xyz", LABELS[:6], "test", name="c1{i:02d}", classes=CLASSES)
    root = build.data_folder(tmp_path / "data", {"train": train, "test": test}, CLASSES)

    def make(name, probabilities, index=slice(None)):
        config = build.config(data_root=root, outputs=tmp_path, run=name, val_fraction=0.0)
        data = load(config)
        some = data.splits["test"].take(np.arange(18)[index])
        config.save(config.folder.config)
        evaluation = Evaluation("test", some, data.classes, probabilities)
        write_evaluation(config, data, evaluation, {"checkpoint": "best.pt"})
        return config

    return make

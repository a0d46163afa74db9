"""Runs that several tests of what people look at need: one with a network, one without."""

import dataclasses

import build
import numpy as np
import pytest

from mbnb.data import dataset
from mbnb.evaluate import Evaluation, evaluate
from mbnb.train import train


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run that was trained for a moment, its data and its evaluation."""
    config = build.config(outputs=tmp_path_factory.mktemp("outputs"), run="tiny", **build.SIMULATED)
    data = dataset.load(config)
    train(config, data)
    return config, data, evaluate(config, data)


@pytest.fixture
def guessed(trained, tmp_path):
    """The same data with predictions of which a third is wrong, in a run without a network."""
    config, data, evaluation = trained
    config = dataclasses.replace(config, outputs=str(tmp_path), run="guessed", method="rocket")
    rng = np.random.default_rng(0)
    labels, classes = evaluation.clips.labels, len(data.classes)
    is_wrong = rng.random(len(labels)) < 0.33
    predicted = np.where(is_wrong, (labels + rng.integers(1, 4, len(labels))) % classes, labels)
    probabilities = rng.dirichlet(np.full(classes, 0.1), len(labels)) * 0.4
    probabilities[np.arange(len(labels)), predicted] += 0.6
    return config, data, Evaluation("test", evaluation.clips, data.classes, probabilities)

"""Probabilities that mean what they say: temperature, calibration, and when to say nothing.

Guo et al., On Calibration of Modern Neural Networks, ICML 2017; Geifman and El-Yaniv, Selective
Classification, NeurIPS 2017.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

LEAST = 1e-12  # A probability below it counts as this, so that its logarithm is finite.


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log-probability of the true classes (N,) in (N, C)."""
    return float(-np.log(probabilities[np.arange(len(labels)), labels].clip(LEAST)).mean())


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature, from 0.05 to 20, under which (N, C) fit the true classes (N,) best.

    It belongs to people who were not in training: those of training look too certain.
    """
    logits = np.log(probabilities.clip(LEAST))

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -scaled[np.arange(len(labels)), labels].mean()

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def at_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """(N, C) made flatter by a temperature above 1, sharper by one below; their order stays."""
    return softmax(np.log(probabilities.clip(LEAST)) / temperature, axis=1)


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """How often clips of each confidence are right.

    A row for each of the `bins` of the scale from 0 to 1 that has clips: `bin`, `clips`, mean
    `confidence`, and `accuracy`, the share of right predictions.
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    table = pd.DataFrame(
        {"bin": place, "clips": 1, "confidence": confidence, "accuracy": right.astype(float)}
    )
    return table.groupby("bin", as_index=False).agg(
        {"clips": "sum", "confidence": "mean", "accuracy": "mean"}
    )


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: mean distance of confidence and accuracy, over the bins.

    Each bin counts by its clips.
    """
    table = reliability(labels, probabilities, bins)
    distance = (table["confidence"] - table["accuracy"]).abs()
    return float(np.average(distance, weights=table["clips"]))


def risk_coverage(labels: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """What is gained by answering only what is sure: a row a clip, the most confident first.

    `confidence`; `coverage`, the share of clips answered down to this one; `risk`, the share of
    those that is answered wrongly.
    """
    confidence, wrong = probabilities.max(1), probabilities.argmax(1) != labels
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    return pd.DataFrame(
        {
            "confidence": confidence[order],
            "coverage": answered / len(order),
            "risk": wrong[order].cumsum() / answered,
        }
    )


def person_shift(
    features: np.ndarray,
    people: Sequence[str],
    answers: np.ndarray,
    classes: int,
    centre: np.ndarray,
) -> np.ndarray:
    """How far (N, D) the features of each clip's person lie from `centre` (D,), as far as that is the person's way and not the movements'.

    The mean over all clips of the person, `people` (N,), less `centre`. It counts by the effective number of classes among the person's
    `answers` (N,), the exponential of their entropy, as a share of all classes: nothing can be told of who is only seen nodding.
    Labels play no part (after Li et al., Adaptive Batch Normalization, 2018).
    """
    names, person = np.unique(people, return_inverse=True)
    means = (
        np.stack([np.bincount(person, column) for column in features.T], axis=1)
        / np.bincount(person)[:, None]
    )  # (people, D)
    given = np.bincount(person * classes + answers, minlength=len(names) * classes).reshape(
        len(names), classes
    )
    share = np.exp(entropy(given, axis=1)) / classes
    return ((means - centre) * share[:, None])[person].astype(features.dtype)

"""Probabilities that mean what they say: temperature, calibration, and when to say nothing.

Guo et al., On Calibration of Modern Neural Networks, ICML 2017; Geifman and El-Yaniv, Selective
Classification, NeurIPS 2017.
"""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

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

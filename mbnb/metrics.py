"""Scores of predictions, and how certain they are about people who were not asked.

Intervals come from resampling people, not clips: clips of one person resemble each other.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import bootstrap

from mbnb.classes import ClassTable

SCORES = ("top1", "top5", "macro_f1", "region_top1")


def confusion(labels: np.ndarray, predictions: np.ndarray, classes: int, weights: np.ndarray | None = None) -> np.ndarray:
    """(C, C) counts, true class by predicted class; `weights` (N,) count a clip more than once."""
    counts = np.bincount(labels * classes + predictions, weights, classes * classes)
    return counts.reshape(classes, classes)


def f1_per_class(matrix: np.ndarray) -> np.ndarray:
    """(C,) from a confusion matrix; NaN for a class that is neither true nor predicted anywhere."""
    either = matrix.sum(0) + matrix.sum(1)
    return np.divide(2 * matrix.diagonal(), either, out=np.full(len(matrix), np.nan), where=either > 0)


def hits(labels: np.ndarray, probabilities: np.ndarray, k: int) -> np.ndarray:
    """(N,) whether the true class is among the k most probable of (N, C); of equals the first, as in argmax."""
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)  # (N, 1)
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]  # (N, C)
    return (~(probabilities <= own) | (probabilities == own) & earlier).sum(1) < k


def score(labels: np.ndarray, probabilities: np.ndarray, classes: ClassTable, weights: np.ndarray | None = None) -> dict[str, float]:
    """top1, top5, macro_f1 and region_top1 as fractions.

    labels (N,), probabilities (N, C) or logits. macro_f1 is the mean over classes that are true or predicted somewhere;
    region_top1 counts a prediction as right when its region is.
    """
    predictions = probabilities.argmax(1)
    regions = np.array(classes.region_ids)
    right = {"top1": predictions == labels, "top5": hits(labels, probabilities, 5), "region_top1": regions[predictions] == regions[labels]}
    result = {key: float(np.average(value, weights=weights)) for key, value in right.items()}
    result["macro_f1"] = float(np.nanmean(f1_per_class(confusion(labels, predictions, len(classes), weights))))
    return {key: result[key] for key in SCORES}


def intervals(labels: np.ndarray, probabilities: np.ndarray, subjects: list[str], classes: ClassTable, resamples: int = 1000,
              seed: int = 0) -> dict[str, tuple[float, float]]:
    """95 % percentile-bootstrap intervals of every score over people; NaN where there is one person only."""
    people, person = np.unique(subjects, return_inverse=True)
    if len(people) < 2:
        return dict.fromkeys(SCORES, (float("nan"), float("nan")))

    def statistic(chosen: np.ndarray) -> np.ndarray:
        drawn = np.bincount(chosen.astype(int), minlength=len(people))[person]
        return np.array(list(score(labels, probabilities, classes, drawn).values()))

    found = bootstrap((np.arange(len(people)),), _over_rows(statistic), n_resamples=resamples, vectorized=True, method="percentile",
                      rng=np.random.default_rng(seed), batch=64)
    low, high = found.confidence_interval
    return {key: (float(a), float(b)) for key, a, b in zip(SCORES, low, high)}


def _over_rows(statistic: Callable[[np.ndarray], np.ndarray]) -> Callable:
    """scipy hands over batches of resamples along the last axis; apply `statistic` to each and put scores first."""
    def batched(chosen: np.ndarray, axis: int = -1) -> np.ndarray:
        rows = np.moveaxis(chosen, axis, -1)
        return np.moveaxis(np.apply_along_axis(statistic, -1, rows), -1, 0)
    return batched


def largest_class(train_labels: np.ndarray, classes: int) -> np.ndarray:
    """(C,) the shares of the classes in train: what a model knows that looks at no clip."""
    return np.bincount(train_labels, minlength=classes) / len(train_labels)

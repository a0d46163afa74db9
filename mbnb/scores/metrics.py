"""Scores of predictions, and how certain they are about people who were not asked.

Intervals come from resampling people, not clips: clips of one person resemble each other. Plain percentiles are too narrow where people are
few, so they are taken further out (Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 2015).
"""

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import DegenerateDataWarning, binomtest, bootstrap, norm, t

from mbnb.classes import ClassTable

SCORES = ("top1", "top5", "macro_f1", "region_top1")


def confusion(
    labels: np.ndarray, predictions: np.ndarray, classes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """(C, C) counts, true class by predicted class; `weights` (N,) count a clip more than once."""
    counts = np.bincount(labels * classes + predictions, weights, classes * classes)
    return counts.reshape(classes, classes)


def f1_per_class(matrix: np.ndarray) -> np.ndarray:
    """(C,) from a confusion matrix; NaN for a class that is neither true nor predicted anywhere."""
    either = matrix.sum(0) + matrix.sum(1)
    return np.divide(
        2 * matrix.diagonal(), either, out=np.full(len(matrix), np.nan), where=either > 0
    )


def hits(labels: np.ndarray, probabilities: np.ndarray, k: int) -> np.ndarray:
    """(N,) whether the true class is among the k most probable of (N, C); of equals the first, as in argmax."""
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)  # (N, 1)
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]  # (N, C)
    return (~(probabilities <= own) | (probabilities == own) & earlier).sum(1) < k


def score(
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: ClassTable,
    weights: np.ndarray | None = None,
) -> dict[str, float]:
    """top1, top5, macro_f1 and region_top1 as fractions.

    labels (N,), probabilities (N, C) or logits. macro_f1 is the mean over classes that are true or predicted somewhere;
    region_top1 counts a prediction as right when its region is.
    """
    predictions = probabilities.argmax(1)
    regions = np.array(classes.region_ids)
    right = {
        "top1": predictions == labels,
        "top5": hits(labels, probabilities, 5),
        "region_top1": regions[predictions] == regions[labels],
    }
    result = {key: float(np.average(value, weights=weights)) for key, value in right.items()}
    result["macro_f1"] = float(
        np.nanmean(f1_per_class(confusion(labels, predictions, len(classes), weights)))
    )
    return {key: result[key] for key in SCORES}


def intervals(
    labels: np.ndarray,
    probabilities: np.ndarray,
    subjects: list[str],
    classes: ClassTable,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """95 % bootstrap intervals of every score over people; NaN where there is one person only. Where there are three or four people the
    interval ends with the best and the worst of them, and is still too narrow."""
    found = _over_people(
        lambda drawn: np.array(list(score(labels, probabilities, classes, drawn).values())),
        subjects,
        resamples,
        seed,
    )
    return dict(zip(SCORES, found or [(float("nan"), float("nan"))] * len(SCORES)))


def f1_intervals(
    labels: np.ndarray,
    predictions: np.ndarray,
    subjects: Sequence[str],
    classes: int,
    resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """(C, 2) 95 % intervals of each class' F1 over people; NaN where there is one person only, or the class is nowhere true or predicted."""
    found = _over_people(
        lambda drawn: f1_per_class(confusion(labels, predictions, classes, drawn)),
        subjects,
        resamples,
        seed,
    )
    return np.array(found or [(np.nan, np.nan)] * classes)


def compare(
    right: np.ndarray,
    was_right: np.ndarray,
    subjects: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """A paired test of two recipes on the same N clips: how far the top-1 of the first is above that of the second.

    `right` and `was_right` (N,) are the shares of runs that got a clip right, 0 or 1 for a single run. `difference` with its 95 %
    interval `low` to `high` from resampling people; `gained` and `lost` clips; `p`, McNemar's exact test, which takes clips for
    independent and so is too sure where people differ.
    """
    change = np.asarray(right, float) - was_right
    gained, lost = int((change > 0).sum()), int((change < 0).sum())
    bounds = _over_people(
        lambda drawn: np.array([np.average(change, weights=drawn)]), subjects, resamples, seed
    )
    low, high = bounds[0] if bounds else (float("nan"), float("nan"))
    p = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    return {
        "difference": float(change.mean()),
        "low": low,
        "high": high,
        "gained": gained,
        "lost": lost,
        "p": p,
    }


def official(
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: ClassTable,
    regions: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> dict[str, float]:
    """The scores of the MA-52 challenges: top-1 and top-5 of actions and body parts, macro- and micro-F1 of both, and their mean F1_mean.

    The body part is that of `region_probabilities`, with `regions` (N, R) where a head of its own tells them. Macro-F1
    is over classes that are true or predicted somewhere; the micro-F1 of one answer a clip is its top-1.
    """
    ids = np.array(classes.region_ids)
    regions = region_probabilities(probabilities, classes, regions)
    found: dict[str, float] = {}
    for level, true, values in (("action", labels, probabilities), ("body", ids[labels], regions)):
        matrix = confusion(true, values.argmax(1), values.shape[1], weights)
        found |= {
            f"{level}_top{k}": float(np.average(hits(true, values, k), weights=weights))
            for k in (1, 5)
        }
        found |= {
            f"{level}_f1_macro": float(np.nanmean(f1_per_class(matrix))),
            f"{level}_f1_micro": float(matrix.diagonal().sum() / matrix.sum()),
        }
    return found | {
        "F1_mean": float(
            np.mean(
                [
                    found[f"{level}_f1_{kind}"]
                    for level in ("action", "body")
                    for kind in ("macro", "micro")
                ]
            )
        )
    }


def official_interval(
    labels: np.ndarray,
    probabilities: np.ndarray,
    subjects: Sequence[str],
    classes: ClassTable,
    regions: np.ndarray | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float] | None:
    """The 95 % interval of F1_mean over people; None where there is one person only."""
    found = _over_people(
        lambda drawn: np.array(
            [official(labels, probabilities, classes, regions, drawn)["F1_mean"]]
        ),
        subjects,
        resamples,
        seed,
    )
    return found[0] if found else None


def region_probabilities(
    probabilities: np.ndarray, classes: ClassTable, head: np.ndarray | None = None
) -> np.ndarray:
    """(N, C) of classes -> (N, R) of their regions, in the order of `region_names`: sums, or the mean of these and of what a `head` (N, R) of its
    own says. On people left out of Kinder-Gator's train the mean was 2 to 5 points better than the head."""
    sums = probabilities @ np.eye(len(classes.region_names))[list(classes.region_ids)]
    return sums if head is None else (sums + head) / 2


def _over_people(
    statistic: Callable[[np.ndarray], np.ndarray],
    subjects: Sequence[str],
    resamples: int,
    seed: int,
) -> list[tuple[float, float]]:
    """The 95 % interval of every value of `statistic`, which takes how often each clip was drawn; empty where there is one person."""
    people, person = np.unique(subjects, return_inverse=True)
    if len(people) < 2:
        return []
    over_rows = _over_rows(
        lambda chosen: statistic(np.bincount(chosen.astype(int), minlength=len(people))[person])
    )
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DegenerateDataWarning
        )  # of its own interval, which knows no NaN and is not used
        found = bootstrap(
            (np.arange(len(people)),),
            over_rows,
            n_resamples=resamples,
            vectorized=True,
            method="percentile",
            rng=np.random.default_rng(seed),
            batch=64,
        )
    tail = norm.cdf(
        math.sqrt(len(people) / (len(people) - 1)) * t.ppf(0.025, len(people) - 1)
    )  # 0.025 for many people, 0.001 for five
    drawn = (
        found.bootstrap_distribution
    )  # (values, resamples); NaN where the people drawn never did or got what a value is about
    return [
        tuple(np.nanquantile(row, (tail, 1 - tail)).tolist())
        if np.isfinite(row).any()
        else (np.nan, np.nan)
        for row in drawn
    ]


def _over_rows(statistic: Callable[[np.ndarray], np.ndarray]) -> Callable:
    """scipy hands over batches of resamples along the last axis; apply `statistic` to each and put scores first."""

    def batched(chosen: np.ndarray, axis: int = -1) -> np.ndarray:
        rows = np.moveaxis(chosen, axis, -1)
        return np.moveaxis(np.apply_along_axis(statistic, -1, rows), -1, 0)

    return batched

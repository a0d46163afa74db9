"""How certain scores are about people who were not asked, and paired comparisons.

Intervals come from resampling people, not clips: clips of one person resemble each other. Plain
percentiles are too narrow where people are few, so they are taken further out (Hesterberg, What
Teachers Should Know About the Bootstrap, The American Statistician 2015).
"""

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import DegenerateDataWarning, binomtest, bootstrap, norm, t

from mbnb.classes import ClassTable
from mbnb.scores.metrics import (
    SCORES,
    Answers,
    confusion,
    f1_per_class,
    official_answers,
    official_of,
    scores_of,
)


def score_intervals(
    labels: np.ndarray,
    probabilities: np.ndarray,
    subjects: Sequence[str],
    classes: ClassTable,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """95 % bootstrap intervals of every score over people; NaN where there is one person only.

    Where there are three or four people the interval ends with the best and the worst of them, and
    is still too narrow.
    """
    answers = Answers.of(labels, probabilities)
    bounds = over_people(
        lambda weights: list(scores_of(answers.counts(weights), classes).values()),
        subjects,
        resamples,
        seed,
    )
    return dict(zip(SCORES, bounds))


def f1_intervals(
    labels: np.ndarray,
    predictions: np.ndarray,
    subjects: Sequence[str],
    classes: int,
    resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """(C, 2) 95 % intervals of each class' F1 over people.

    NaN where there is one person only, or the class is nowhere true or predicted.
    """
    bounds = over_people(
        lambda counts: f1_per_class(confusion(labels, predictions, classes, counts)),
        subjects,
        resamples,
        seed,
    )
    return np.array(bounds)


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
    if len(set(subjects)) < 2:
        return None
    answers = official_answers(labels, probabilities, classes, regions)
    (bounds,) = over_people(
        lambda weights: [
            official_of({k: each.counts(weights) for k, each in answers.items()})["F1_mean"]
        ],
        subjects,
        resamples,
        seed,
    )
    return bounds


def compare(
    right: np.ndarray,
    was_right: np.ndarray,
    subjects: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """A paired test on the same N clips: how far the first top-1 is above the second.

    `right` and `was_right` (N,) are the shares of runs that got a clip right, 0 or 1 for a single
    run. `difference` has the 95 % interval `low` to `high` from resampling people; `gained` and
    `lost` count clips; `p` is McNemar's exact test, which takes clips for independent and so is too
    sure where people differ.
    """
    change = np.asarray(right, float) - was_right
    gained, lost = int((change > 0).sum()), int((change < 0).sum())
    ((low, high),) = over_people(
        lambda counts: [np.average(change, weights=counts)], subjects, resamples, seed
    )
    return {
        "difference": float(change.mean()),
        "low": low,
        "high": high,
        "gained": gained,
        "lost": lost,
        "p": float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0,
    }


def over_people(
    statistic: Callable[[np.ndarray], Sequence[float]],
    subjects: Sequence[str],
    resamples: int,
    seed: int,
) -> list[tuple[float, float]]:
    """The 95 % interval of every value of `statistic`; NaN where there is one person only.

    `statistic` takes how often each clip counts, (N,), when some people are drawn several times
    and others not at all.
    """
    people, person = np.unique(subjects, return_inverse=True)
    if len(people) < 2:
        return [(math.nan, math.nan)] * len(statistic(np.ones(len(person), int)))

    def of_resamples(drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        """Positions of the people drawn (…, people) -> (values, …), as scipy hands them over."""
        return np.apply_along_axis(
            lambda row: statistic(np.bincount(row.astype(int), minlength=len(people))[person]),
            axis,
            drawn,
        ).swapaxes(0, -1)

    with warnings.catch_warnings():
        # It is about scipy's own interval, which knows no NaN and is not used here.
        warnings.simplefilter("ignore", DegenerateDataWarning)
        values = bootstrap(
            (np.arange(len(people)),),
            of_resamples,
            n_resamples=resamples,
            vectorized=True,
            method="percentile",
            rng=np.random.default_rng(seed),
            batch=64,
        ).bootstrap_distribution  # (values, resamples), NaN where nobody drawn shows a class
    degrees = len(people) - 1
    # 0.025 for many people, 0.001 for five.
    tail = norm.cdf(math.sqrt(len(people) / degrees) * t.ppf(0.025, degrees))
    return [
        tuple(np.nanquantile(row, (tail, 1 - tail)).tolist())
        if np.isfinite(row).any()
        else (math.nan, math.nan)
        for row in values
    ]

"""Scores of predictions: confusion, F1, top-k, body regions, and the official ones of MA-52."""

from dataclasses import dataclass

import numpy as np

from mbnb.classes import ClassTable

SCORES = ("top1", "top5", "macro_f1", "region_top1")


def confusion(
    labels: np.ndarray, predictions: np.ndarray, classes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """(C, C) counts, true class by predicted class; `weights` (N,) count a clip more than once."""
    counts = np.bincount(labels * classes + predictions, weights, classes * classes)
    return counts.reshape(classes, classes)  # (C·C,) -> (C, C)


def f1_per_class(matrix: np.ndarray) -> np.ndarray:
    """(C,) from a confusion matrix; NaN for a class that is neither true nor predicted anywhere."""
    either = matrix.sum(0) + matrix.sum(1)
    return np.divide(
        2 * matrix.diagonal(), either, out=np.full(len(matrix), np.nan), where=either > 0
    )


def hits(labels: np.ndarray, probabilities: np.ndarray, k: int) -> np.ndarray:
    """(N,) whether the true class is among the k most probable of (N, C).

    Of equally probable classes the first comes first, as in argmax; where the true class has no
    number it is not among them.
    """
    of_truth = np.take_along_axis(probabilities, labels[:, None], axis=1)  # (N, 1)
    first_of_equals = np.arange(probabilities.shape[1]) < labels[:, None]  # (N, C)
    ahead = ~(probabilities <= of_truth) | (probabilities == of_truth) & first_of_equals
    return ahead.sum(1) < k


@dataclass(frozen=True)
class Answers:
    """All that scores need of N answers, so that thousands of resamples count it in a moment.

    kinds: (N,) a clip's cell of the confusion matrix, whether its class is the likeliest, and
    whether it is among the five likeliest, in one number. classes: C.
    """

    kinds: np.ndarray
    classes: int

    @classmethod
    def of(cls, labels: np.ndarray, probabilities: np.ndarray) -> "Answers":
        """Of labels (N,) and probabilities or logits (N, C)."""
        classes = probabilities.shape[1]
        kinds = labels * classes + probabilities.argmax(1)
        for k in (1, 5):
            kinds = 2 * kinds + hits(labels, probabilities, k)
        return cls(kinds, classes)

    def counts(self, weights: np.ndarray | None = None) -> np.ndarray:
        """(C, C, 2, 2) how many there are of each kind; `weights` (N,) as in `confusion`."""
        shape = self.classes, self.classes, 2, 2
        return np.bincount(self.kinds, weights, np.prod(shape)).reshape(shape)  # (C·C·4,) ->


def score(
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: ClassTable,
    weights: np.ndarray | None = None,
) -> dict[str, float]:
    """The `SCORES` as fractions, of labels (N,) and probabilities or logits (N, C).

    macro_f1 is the mean over classes that are true or predicted somewhere; region_top1 counts a
    prediction as right when its region is. `weights` (N,) count a clip more than once.
    """
    return scores_of(Answers.of(labels, probabilities).counts(weights), classes)


def scores_of(counts: np.ndarray, classes: ClassTable) -> dict[str, float]:
    """`score` of counted `Answers`."""
    regions, matrix = np.array(classes.region_ids), counts.sum((2, 3))
    return {
        "top1": float(matrix.diagonal().sum() / matrix.sum()),
        "top5": float(counts[:, :, :, 1].sum() / matrix.sum()),
        "macro_f1": float(np.nanmean(f1_per_class(matrix))),
        "region_top1": float(matrix[regions[:, None] == regions].sum() / matrix.sum()),
    }


def official_scores(
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: ClassTable,
    regions: np.ndarray | None = None,
) -> dict[str, float]:
    """The scores of the MA-52 challenges, of actions and of body parts, and their mean F1_mean.

    For `action` and `body` each: top-1, top-5, macro-F1 and micro-F1; F1_mean is the mean of the
    four F1. The body part is that of `region_probabilities`, with `regions` (N, R) where a head of
    its own tells them. Macro-F1 is over classes that are true or predicted somewhere; the micro-F1
    of one prediction a clip is its top-1.
    """
    answers = official_answers(labels, probabilities, classes, regions)
    return official_of({level: each.counts() for level, each in answers.items()})


def official_answers(
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: ClassTable,
    regions: np.ndarray | None = None,
) -> dict[str, Answers]:
    """The answers of either level, action and body, that `official_scores` are of."""
    parts = region_probabilities(probabilities, classes, regions)
    return {
        "action": Answers.of(labels, probabilities),
        "body": Answers.of(np.array(classes.region_ids)[labels], parts),
    }


def official_of(counts: dict[str, np.ndarray]) -> dict[str, float]:
    """`official_scores` of counted `official_answers`."""
    scores = {
        f"{level}_{name}": value
        for level, counted in counts.items()
        for name, value in _of_one_level(counted).items()
    }
    f1 = [value for name, value in scores.items() if "_f1_" in name]
    return scores | {"F1_mean": float(np.mean(f1))}


def _of_one_level(counts: np.ndarray) -> dict[str, float]:
    """Top-1, top-5, macro-F1 and micro-F1 of one list of classes."""
    matrix = counts.sum((2, 3))
    return {
        "top1": float(counts[:, :, 1].sum() / matrix.sum()),
        "top5": float(counts[:, :, :, 1].sum() / matrix.sum()),
        "f1_macro": float(np.nanmean(f1_per_class(matrix))),
        "f1_micro": float(matrix.diagonal().sum() / matrix.sum()),
    }


def region_probabilities(
    probabilities: np.ndarray, classes: ClassTable, head: np.ndarray | None = None
) -> np.ndarray:
    """(N, C) of classes -> (N, R) of their regions, in the order of `region_names`.

    They are sums over classes, or the mean of these and of what a `head` (N, R) of its own says.
    On people left out of Kinder-Gator's train the mean was 2 to 5 points better than the head.
    """
    sums = probabilities @ np.eye(len(classes.region_names))[list(classes.region_ids)]
    return sums if head is None else (sums + head) / 2

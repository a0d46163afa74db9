"""How often a person shows each class, where a study asked everybody for the same movements.

The clips of one person are judged together, so that no class is given to more of them than people
in train showed of it: who already nodded slowly with great certainty, nodded fast in the other
clip. Where people do as they please, as in interviews, there is no such rule, and a person whose
clips would have to be bent too far to fit it, such as one who did one thing again and again, is
not held to it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import entropy, random_table

from mbnb.people.step import Known

# A rule is there where people in train keep to it better than in each of so many tables that are
# drawn with the same sums: a permutation test at p < 1 / DRAWS.
DRAWS = 200
LEAST = 0.5  # strength of a rule; one that is broken more often is none
# Temperature of the probabilities before they are shared out. They are calibrated for single clips;
# taken together, many clips of a person tell more than the product of so cautious numbers.
SHARPER = 0.6
# How far a person's clips may be bent to fit, as a share of what the rule is worth: people in train
# took 0.1 to 0.5, people who do as they please take 0.6 to 3.
FARTHEST = 0.6
ROUNDS = 100


@dataclass(frozen=True)
class Quota:
    """`clips` (C,) that a person shows of each class, and how strictly people keep to it.

    `strength` is above 0 and at most 1: always.
    """

    takes = "probabilities"
    clips: np.ndarray
    strength: float

    @classmethod
    def fit(cls, train: Known) -> "Quota | None":
        """From the labels of train's people; None where they did as they pleased."""
        quota = learn_quota(train.labels, train.people, train.probabilities.shape[1])
        if quota is None:
            print(
                "quota: people in train show classes as they please, so there is no rule to go by"
            )
        return quota

    def apply(self, values: np.ndarray, clips: Known) -> np.ndarray:
        """(N, C) of clips judged by themselves -> (N, C), those of each person judged together.

        Classes are scaled down until a person's clips have no more of any than the quota, which
        grows where the person has more clips than people in train (Sinkhorn and Knopp, Pacific
        Journal of Mathematics 21, 1967, with bounds in place of sums). With fewer clips nobody
        needs to show everything, but the bounds stay, as far as `_worth` of so few clips goes.
        The clips of people whom this does not fit stay as they are.
        """
        shared = values.copy()
        people = pd.Series(range(len(clips.people))).groupby(np.asarray(clips.people))
        for rows in people.indices.values():
            share = len(rows) / self.clips.sum()
            full, room = min(1, share), self.clips * max(1, share)
            # Few clips, or a rule that is often broken, leave the probabilities as they are.
            alone = values[rows] ** (1 / SHARPER ** (self.strength * full))  # (n, C)
            factor = np.ones(len(room))  # (C,)
            for _ in range(ROUNDS):
                together = _normalised(alone * factor)
                factor = np.minimum(1, factor * room / together.sum(0).clip(1e-12))
            # Does the rule fit this person? A rule that is broken now and then is followed in part.
            if entropy(together, values[rows], axis=1).mean() < FARTHEST * _worth(full):
                shared[rows] = _normalised(alone * factor**self.strength)
        return shared

    def state(self) -> dict[str, np.ndarray]:
        """Plain arrays, for a file."""
        return {"clips": self.clips, "strength": np.array(self.strength)}

    @classmethod
    def of(cls, state: dict[str, np.ndarray]) -> "Quota":
        """What `state` gave."""
        return cls(state["clips"], float(state["strength"]))


def learn_quota(labels: np.ndarray, people: Sequence[str], classes: int) -> Quota | None:
    """From the labelled clips (N,) of `people` (N,), None where there is no rule to be seen.

    The quota is the median over people, so that what somebody left out does not lower it, but no
    less than the mean. Strength is one less the share of clips beyond it, beside those of people
    who showed as much, but as they please: random tables with the same sums.
    """
    names, person = np.unique(people, return_inverse=True)
    if len(names) < 2 or classes < 2:
        return None  # there is only one table with such sums
    counts = np.bincount(person * classes + labels, minlength=len(names) * classes).reshape(
        len(names), classes
    )
    as_they_please = random_table(counts.sum(1), counts.sum(0), seed=0)
    beyond, by_chance = _beyond(counts), []
    while len(by_chance) < DRAWS:
        by_chance.append(_beyond(as_they_please.rvs()))
        if by_chance[-1] <= beyond:
            return None
    strength = float(1 - beyond / np.mean(by_chance))
    return Quota(_usual(counts), strength) if strength > LEAST else None


def _usual(counts: np.ndarray) -> np.ndarray:
    """(people, C) clips -> (C,)."""
    return np.maximum(np.median(counts, axis=0), counts.mean(0))


def _beyond(counts: np.ndarray) -> float:
    """How many clips of (people, C) are beyond the quota that people as these have."""
    usual = _usual(counts)
    return (counts - np.outer(np.maximum(1, counts.sum(1) / usual.sum()), usual)).clip(0).sum()


def _worth(full: float) -> float:
    """Nats a clip that a rule tells beforehand about the share `full` of what a person shows.

    How much fewer ways there are to draw them from a box than with putting back, by Stirling's
    formula: 1 for all of them, next to nothing for few.
    """
    return 1 + (1 - full) / full * math.log(1 - full) if full < 1 else 1.0


def _normalised(shares: np.ndarray) -> np.ndarray:
    return shares / shares.sum(1, keepdims=True)

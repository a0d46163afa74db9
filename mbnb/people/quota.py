"""How often a person shows each class: where a study asked everybody for the same movements, that tells clips apart which look alike.

The clips of one person are judged together, so that no class is given to more of them than people in training showed of it: who already
nodded slowly with great certainty, nodded fast in the other clip. Where people do as they please, as in interviews, there is no such rule,
and a person whose clips would have to be bent too far to fit it, such as one who did one thing again and again, is not held to it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import entropy, random_table

DRAWS = (
    200  # of tables of people who do as they please; a rule is what none of them keeps to as well
)
LEAST = 0.5  # strength of a rule; one that is broken more often is none
SHARPER = 0.6  # temperature of what clips alone seem to be: calibrated for one, it makes too little of many together
FARTHEST = 0.6  # of what a rule is worth, that clips may be bent for it: people in training took 0.1 to 0.5, people who do as they please 0.6 to 3
ROUNDS = 100


@dataclass(frozen=True)
class Quota:
    """`clips` (C,) that a person shows of each class, and how strictly people keep to it, `strength` above 0, at most 1: always."""

    clips: np.ndarray
    strength: float

    def share_out(self, probabilities: np.ndarray, people: Sequence[str]) -> np.ndarray:
        """(N, C) of clips, each judged alone, -> (N, C) of the clips of each of `people` (N,) judged together; those of people whom that does
        not fit stay as they are.

        Classes are scaled down until a person's clips have no more of any than the quota, which grows where the person has more clips
        than people in training (Sinkhorn and Knopp, Pacific Journal of Mathematics 21, 1967, with bounds in place of sums). With
        fewer clips nobody needs to show everything, but the bounds stay, as far as `_worth` of so few clips goes.
        """
        shared = probabilities.copy()
        for rows in pd.Series(range(len(people))).groupby(np.asarray(people)).indices.values():
            share = len(rows) / self.clips.sum()
            full, room = min(1, share), self.clips * max(1, share)
            alone, factor = (
                probabilities[rows] ** (1 / SHARPER ** (self.strength * full)),
                np.ones(len(room)),
            )
            for _ in range(ROUNDS):
                given = _normalised(alone * factor)
                factor = np.minimum(1, factor * room / given.sum(0).clip(1e-12))
            if entropy(given, probabilities[rows], axis=1).mean() < FARTHEST * _worth(full):
                shared[rows] = _normalised(alone * factor**self.strength)
        return shared

    def state(self) -> dict:
        """Plain numbers, for a checkpoint and for JSON."""
        return {"clips": self.clips.tolist(), "strength": self.strength}

    @staticmethod
    def of(state: dict) -> "Quota":
        """What `state` gave."""
        return Quota(np.array([float(clips) for clips in state["clips"]]), float(state["strength"]))


def learn_quota(labels: np.ndarray, people: Sequence[str], classes: int) -> Quota | None:
    """From the labelled clips (N,) of `people` (N,), None where there is no rule to be seen.

    The quota is the median over people, so that what somebody left out does not lower it, but no less than the mean. Strength is one less
    the share of clips beyond it, beside those of people who showed as much, but as they please: random tables with the same sums.
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


def people_beside(alone: np.ndarray, together: np.ndarray, people: Sequence[str]) -> list[str]:
    """Names of the `people` (N,) whom `Quota.share_out` left as they were, by what it took and gave (N, C)."""
    return sorted({people[i] for i in np.flatnonzero((alone == together).all(1))})


def _usual(counts: np.ndarray) -> np.ndarray:
    """(people, C) clips -> (C,)."""
    return np.maximum(np.median(counts, axis=0), counts.mean(0))


def _beyond(counts: np.ndarray) -> float:
    """How many clips of (people, C) are beyond the quota that people as these have."""
    usual = _usual(counts)
    return (counts - np.outer(np.maximum(1, counts.sum(1) / usual.sum()), usual)).clip(0).sum()


def _worth(full: float) -> float:
    """Nats a clip that a rule tells beforehand about the share `full` of what a person shows: how much fewer ways there are to draw them
    from a box than with putting back, by Stirling's formula. 1 for all of them, next to nothing for few."""
    return 1 + (1 - full) / full * math.log(1 - full) if full < 1 else 1.0


def _normalised(shares: np.ndarray) -> np.ndarray:
    return shares / shares.sum(1, keepdims=True)

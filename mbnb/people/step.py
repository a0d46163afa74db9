"""The interface of one step of the people stage, and what a step may know of clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, Self

import numpy as np


@dataclass(frozen=True)
class Known:
    """What a predictor makes of N clips, and whose clips they are.

    people: N names. probabilities: (N, C), each clip by itself. features: (V, N, D) in V views,
    None for a predictor that has none. labels: (N,) class ids, None for the clips that are to be
    judged.
    """

    people: Sequence[str]
    probabilities: np.ndarray
    features: np.ndarray | None = None
    labels: np.ndarray | None = None


class Step(Protocol):
    """One way to use what a person's other clips show.

    It is fitted on the labelled clips of train, and then takes features (V, N, D) or probabilities
    (N, C) of clips whose labels nobody knows, and gives the same, adapted.
    """

    takes: ClassVar[Literal["features", "probabilities"]]

    @classmethod
    def fit(cls, train: Known) -> Self | None:
        """Learn from train; None where there is nothing to learn, which `fit` says in a line."""

    def apply(self, values: np.ndarray, clips: Known) -> np.ndarray:
        """What the step `takes`, adapted."""

    def state(self) -> dict[str, np.ndarray]:
        """Plain arrays, for a file."""

    @classmethod
    def of(cls, state: dict[str, np.ndarray]) -> Self:
        """What `state` gave."""

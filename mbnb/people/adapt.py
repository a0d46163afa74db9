"""What all clips of a person have in common counts as the person's way, and is taken off.

After Li et al., Adaptive Batch Normalization, Pattern Recognition 2018. Labels of the person's
clips play no part.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import entropy

from mbnb.people.step import Known


@dataclass(frozen=True)
class Adapt:
    """`centre` (V, D), the mean features of train's clips in each view."""

    takes = "features"
    centre: np.ndarray

    @classmethod
    def fit(cls, train: Known) -> "Adapt":
        """From the features of train's clips."""
        return cls(train.features.mean(1))

    def apply(self, values: np.ndarray, clips: Known) -> np.ndarray:
        """(V, N, D), each person's mean moved towards `centre`.

        It moves all the way for who shows all classes, and less for who shows few: by the
        effective number of classes among the person's answers, the exponential of their entropy,
        as a share of all classes. Nothing can be told of who is only seen nodding.
        """
        names, person = np.unique(clips.people, return_inverse=True)
        member = np.eye(len(names))[person]  # (N, people)
        classes = clips.probabilities.shape[1]
        answers = np.eye(classes)[clips.probabilities.argmax(1)]  # (N, C)
        shown = member.T @ answers  # (people, C) how often each class was answered
        weight = np.exp(entropy(shown, axis=1)) / classes  # (people,)
        means = np.einsum("np,vnd->vpd", member / member.sum(0), values)  # (V, people, D)
        shift = (means - self.centre[:, None]) * weight[:, None]
        return (values - shift[:, person]).astype(values.dtype)

    def state(self) -> dict[str, np.ndarray]:
        """Plain arrays, for a file."""
        return {"centre": self.centre}

    @classmethod
    def of(cls, state: dict[str, np.ndarray]) -> "Adapt":
        """What `state` gave."""
        return cls(state["centre"])

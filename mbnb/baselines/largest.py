"""The shares of the classes in train: what knows how often each is shown and looks at no clip."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mbnb.clips import Clips
from mbnb.skeleton import Skeleton


@dataclass(frozen=True)
class Largest:
    """`shares` (C,) of the classes among the clips it was fitted to."""

    shares: np.ndarray

    @classmethod
    def fit(
        cls, clips: Clips, skeleton: Skeleton, classes: int, seed: int = 0, fps: float = 30.0
    ) -> Self:
        """From labelled clips; skeleton, seed and fps play no part."""
        return cls(np.bincount(clips.labels, minlength=classes) / len(clips))

    def answer(self, clips: Clips) -> np.ndarray:
        """Probabilities (N, C), the same for every clip."""
        return np.tile(self.shares, (len(clips), 1))

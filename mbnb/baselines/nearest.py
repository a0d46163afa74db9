"""The nearest clip under dynamic time warping (Sakoe and Chiba, 1978)."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from dtaidistance import dtw_ndim
from scipy.special import softmax

from mbnb.clips import Clips
from mbnb.files import InputError
from mbnb.prepare.geometry import at_moments
from mbnb.skeleton import Skeleton

MOMENTS = 24  # of the clips that are warped onto each other
BAND = 5  # by how many of them a moment may be shifted
SHARPNESS = 10.0  # of the fall of probability with the distance, in median distances
PAIRS = 4_000_000  # of clips, beyond which comparing all takes hours


@dataclass(frozen=True)
class Nearest:
    """The clips to be compared with, `series` (N, MOMENTS, J·3) and `labels` (N,)."""

    skeleton: Skeleton
    series: np.ndarray
    labels: np.ndarray
    classes: int

    @classmethod
    def fit(
        cls, clips: Clips, skeleton: Skeleton, classes: int, seed: int = 0, fps: float = 30.0
    ) -> Self:
        """From labelled clips; seed and fps play no part."""
        return cls(skeleton, _series(clips, skeleton), clips.labels, classes)

    def answer(self, clips: Clips) -> np.ndarray:
        """Probabilities (N, C) that fall with the distance to the nearest clip of each class.

        The distance is that of standardised poses, multivariate over all joints. Raises InputError
        where comparing all pairs would take hours.
        """
        known = len(self.series)
        if known * len(clips) > PAIRS:
            raise InputError(
                f"setting 'method': nearest compares all pairs of clips, and {known} by "
                f"{len(clips)} are too many; at most {PAIRS:,} pairs"
            )
        series = [*self.series, *_series(clips, self.skeleton)]
        block = ((0, known), (known, len(series)))
        distances = dtw_ndim.distance_matrix_fast(series, window=BAND, block=block)
        distances = distances[:known, known:]  # (clips known, clips asked)
        to_class = np.full((len(clips), self.classes), np.inf)
        for label in np.unique(self.labels):
            to_class[:, label] = distances[self.labels == label].min(0)
        return softmax(-SHARPNESS * to_class / np.median(to_class[np.isfinite(to_class)]), axis=1)


def _series(clips: Clips, skeleton: Skeleton) -> np.ndarray:
    """(N, MOMENTS, J·3) float64, standardised."""
    windows = at_moments(
        torch.as_tensor(clips.gather()), torch.as_tensor(clips.lengths), skeleton, MOMENTS
    )
    return windows.flatten(2).double().numpy()  # (N, M, J, 3) -> (N, M, J·3)

"""The clips of training, or of other people, that the network finds most alike to a clip."""

from collections.abc import Sequence

import numpy as np
from sklearn.neighbors import NearestNeighbors

BLOCK = 512  # clips that are compared with all at a time


def nearest(
    features: np.ndarray, train_features: np.ndarray, count: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """For each of (N, D) the `count` most alike of (K, D), the most alike first.

    Returns their indices (N, count) and how alike they are, as cosines (N, count).
    """
    search = NearestNeighbors(n_neighbors=min(count, len(train_features)), metric="cosine")
    distances, indices = search.fit(train_features).kneighbors(features)
    return indices, 1 - distances


def alike_of_others(
    features: np.ndarray, subjects: Sequence[str], count: int = 3
) -> list[list[tuple[int, float]]]:
    """For each of (N, D) the `count` most alike clips of other people, with their cosines.

    Features are unit vectors; fewer are given where other people have fewer.
    """
    people, found = np.unique(subjects, return_inverse=True)[1], []
    for rows in np.split(np.arange(len(people)), range(BLOCK, len(people), BLOCK)):
        cosines = features[rows] @ features.T  # (B, N)
        cosines[people[rows][:, None] == people] = -np.inf
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
        alike = np.take_along_axis(cosines, best, axis=1)
        found += [
            [(i, round(cosine, 3)) for i, cosine in zip(*row) if cosine > -np.inf]
            for row in zip(best.tolist(), alike.tolist())
        ]
    return found

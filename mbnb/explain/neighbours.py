"""The clips of training, or of other people, that the network finds most alike to a clip."""

from collections.abc import Sequence

import numpy as np
from sklearn.neighbors import NearestNeighbors


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
    people, found = np.array(subjects), []
    for vector, person in zip(features, people):
        others = np.flatnonzero(people != person)
        cosines = features[others] @ vector
        best = np.argsort(-cosines, kind="stable")[:count]
        found.append([(int(others[i]), round(float(cosines[i]), 3)) for i in best])
    return found

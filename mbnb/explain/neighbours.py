"""The clips of training that the network finds most alike to a clip."""

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

"""Where clips lie for the network: what its head sees of each, and maps in two dimensions."""

import dataclasses

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.model.checkpoints import Trained
from mbnb.model.predict import Network
from mbnb.skeleton import Skeleton

# Principal components that t-SNE gets (van der Maaten and Hinton, JMLR 2008).
BEFORE_TSNE = 50


def embed(
    trained: Trained, clips: Clips, skeleton: Skeleton, classes: ClassTable, config: Config
) -> np.ndarray:
    """(N, hidden_dim) unit vectors: what the classifier's last layer sees of each whole clip."""
    network = Network(trained, skeleton, classes, dataclasses.replace(config, views=1))
    return network.vectors(clips)


def maps(features: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Maps of features (N, D) by name, each (N, 2) from 0 to 1.

    t-SNE keeps neighbourhoods and needs more than ten clips; PCA keeps distances.
    """
    components = PCA(min(BEFORE_TSNE, *features.shape), random_state=seed).fit_transform(features)
    if components.shape[1] < 2:
        components = np.pad(components, ((0, 0), (0, 2 - components.shape[1])))
    points = {}
    if len(features) > 10:
        perplexity = min(30.0, (len(features) - 1) / 3)
        tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)
        points["t-SNE"] = tsne.fit_transform(components)
    points["PCA"] = components[:, :2]
    return {name: _to_unit_square(places) for name, places in points.items()}


def _to_unit_square(points: np.ndarray) -> np.ndarray:
    low, size = points.min(0), np.maximum(np.ptp(points, axis=0), 1e-9)
    return (points - low) / size

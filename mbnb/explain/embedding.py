"""Where clips lie for the model: what its head sees of each, the clips of training that are most alike, and maps in two dimensions."""

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.devices import pick_device
from mbnb.model.checkpoints import Trained
from mbnb.prepare.recipe import make_recipe
from mbnb.skeleton import Skeleton
from mbnb.train.loop import embed_view

BEFORE_TSNE = 50  # principal components that t-SNE sees (van der Maaten and Hinton, JMLR 2008)


@torch.no_grad()
def embed(
    trained: Trained, clips: Clips, skeleton: Skeleton, classes: ClassTable, config: Config
) -> np.ndarray:
    """(N, hidden_dim) unit vectors of what the classifier's last layer sees of each whole clip, less the person's own way where `config.adapt`
    has it taken off."""
    device = pick_device(config)
    model = trained.model.to(device)
    recipe = make_recipe(
        clips,
        trained.config,
        skeleton,
        classes,
        device,
        in_mirror=trained.in_mirror(clips, skeleton, config),
    )
    embedded = embed_view(
        model, recipe, config, recipe.views(1)[0], clips.subjects if config.adapt else None
    )
    return normalize(model.head.bn(embedded.to(device)).relu().cpu().numpy())


def neighbours(
    found: np.ndarray, known: np.ndarray, count: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """For each of (N, D) the `count` most alike of (K, D): their indices (N, count), and how alike, as cosines (N, count); the most alike first."""
    distances, indices = (
        NearestNeighbors(n_neighbors=min(count, len(known)), metric="cosine")
        .fit(known)
        .kneighbors(found)
    )
    return indices, 1 - distances


def project(features: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Maps of (N, D) by name, (N, 2) from 0 to 1: t-SNE, which keeps neighbourhoods, and PCA, which keeps distances."""
    components = PCA(min(BEFORE_TSNE, *features.shape), random_state=seed).fit_transform(features)
    if components.shape[1] < 2:
        components = np.pad(components, ((0, 0), (0, 2 - components.shape[1])))
    maps = {"PCA": components[:, :2]}
    if len(features) > 10:
        perplexity = min(30.0, (len(features) - 1) / 3)
        maps = {
            "t-SNE": TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(
                components
            )
        } | maps
    return {name: _within(points) for name, points in maps.items()}


def _within(points: np.ndarray) -> np.ndarray:
    low, size = points.min(0), np.maximum(np.ptp(points, axis=0), 1e-9)
    return (points - low) / size

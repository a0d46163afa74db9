"""Neighbours are the nearest, and maps keep them together."""

import numpy as np

from mbnb.explain.embedding import maps
from mbnb.explain.neighbours import alike_of_others, nearest


def test_neighbours_are_the_nearest_and_maps_keep_them_together():
    rng = np.random.default_rng(0)
    centres = np.linalg.qr(rng.normal(size=(16, 16)))[0][:4]
    groups = centres[:, None] + 0.05 * rng.normal(size=(4, 10, 16))
    train_features = groups.reshape(40, 16)  # (4, 10, 16) -> (40, 16)
    group = np.repeat(range(4), 10)
    features = train_features + 0.01 * rng.normal(size=train_features.shape)
    indices, cosines = nearest(features, train_features)
    assert (indices[:, 0] == np.arange(40)).all()
    assert (group[indices] == group[:, None]).all()
    assert (cosines > 0.9).all()
    for points in maps(train_features).values():
        apart = np.linalg.norm(points[:, None] - points, axis=-1)
        together = group[:, None] == group
        assert apart[together].mean() < 0.3 * apart[~together].mean()
    assert maps(train_features[:2])["PCA"].shape == (2, 2)


def test_alike_are_clips_of_other_people(monkeypatch):
    vectors = np.eye(3)[[0, 0, 1, 0, 2]]
    vectors[3] = 0.8, 0.6, 0
    assert alike_of_others(vectors, list("aabbb"), 2) == [
        [(3, 0.8), (2, 0.0)],
        [(3, 0.8), (2, 0.0)],
        [(0, 0.0), (1, 0.0)],
        [(0, 0.8), (1, 0.8)],
        [(0, 0.0), (1, 0.0)],
    ]
    assert alike_of_others(vectors[:2], ["a", "a"]) == [[], []]
    monkeypatch.setattr("mbnb.explain.neighbours.BLOCK", 2)
    assert alike_of_others(vectors, list("aabbb"), 2)[3:] == [
        [(0, 0.8), (1, 0.8)],
        [(0, 0.0), (1, 0.0)],
    ]

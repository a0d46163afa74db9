"""The noise of a pose extractor is as large as it was measured."""

import numpy as np

from mbnb.simulate import Person, simulate_clip
from mbnb.simulate.noise import NOISE


def test_noise_is_as_large_as_measured_and_some_joints_freeze():
    levels, frozen = [], 0
    for i in range(200):
        person = Person.draw(np.random.default_rng(i))
        noisy, clean = (
            simulate_clip(6, person, np.random.default_rng(i), noise=noise)
            for noise in (True, False)
        )
        assert noisy.shape == clean.shape
        levels.append(np.diff(noisy - clean, axis=0).std((0, 1)))
        frozen += bool((np.diff(noisy, axis=0) == 0).all(2).any())
    assert (np.min(levels, 0) > 0.75 * NOISE[0]).all()
    assert (np.max(levels, 0) < 1.25 * NOISE[1]).all()
    assert (np.max(levels, 0) > 2 * np.min(levels, 0)).all()
    assert 2 <= frozen <= 25

"""Random convolutions: what kernels see, what they say of it, and how sure of it they are."""

import dataclasses

import build
import numpy as np
import pytest
import torch

from mbnb.baselines.rocket import Rocket, channels, draw_convolutions
from mbnb.model.kernels import MOMENTS, MOST_CHANNELS, TOGETHER, WIDTH
from mbnb.scores.calibration import calibration_error, fit_temperature


@pytest.fixture(scope="module", autouse=True)
def few_kernels():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mbnb.model.kernels.KERNELS", 512)
        yield


def people(names, seed):
    return build.clips(names, (0, 1, 2, 3) * 4, pose=build.moving, seed=seed, classes=build.CLASSES)


def test_channels_are_streams_and_distances_that_a_turn_of_the_body_does_not_change():
    clips = people("a", 0).take(np.arange(5))
    x = channels(clips, build.H36M, 30.0)
    pairs = 11 * 10 // 2  # of the root, four limbs' last two joints and the head's
    assert x.shape == (5, 17 * 12 + pairs, MOMENTS)
    twice_as_fast = channels(clips, build.H36M, 60.0)
    streams = slice(0, 17 * 12)
    ratio = (twice_as_fast / x)[:, streams]
    by_joint = ratio.unflatten(1, (17, 12))  # (5, 17·12, M) -> (5, 17, 12, M)
    assert torch.nanmedian(by_joint[:, 1:, 6:]) == pytest.approx(2), "velocities are per second"
    torch.testing.assert_close(twice_as_fast[:, 17 * 12 :], x[:, 17 * 12 :])
    assert (x[:, 17 * 12 :] >= 0).all()


def test_pooled_numbers_are_share_most_least_and_deviation():
    clips = people("ab", 0)
    convolutions = draw_convolutions(clips, build.H36M, 0, 30.0)
    features = convolutions.features(clips).reshape(len(clips), -1, 4, TOGETHER)
    above, most, least, deviation = features.transpose(2, 0, 1, 3)
    assert features.shape[1] == 512 // TOGETHER
    assert ((above >= 0) & (above <= 1)).all() and (most >= least).all()
    assert (deviation <= (most - least)).all()
    # A threshold lies between the first and the last tenth of what its kernel finds, unless that is
    # always the same, as the place of the root as seen from itself.
    varied = (deviation > 1e-3).any(0)  # (blocks, TOGETHER)
    assert varied.mean() > 0.9
    assert 0.08 < above.mean(0)[varied].min() and above.mean(0)[varied].max() < 0.92


def test_each_kernel_sees_few_channels_and_no_constant():
    convolutions = draw_convolutions(people("ab", 0), build.H36M, 0, 30.0)
    for weights, dilation in zip(convolutions.kernels.filters, convolutions.kernels.steps):
        channels_used = (weights != 0).any(-1).sum(1)
        assert channels_used.min() >= 1 and channels_used.max() <= MOST_CHANNELS
        assert dilation * (WIDTH - 1) < MOMENTS
        assert weights.sum(-1).abs().max() <= 1e-5


def test_confidence_is_that_of_people_who_were_left_out():
    def doubtful(names, seed):
        """Clips of which three in ten have a label that was drawn by chance."""
        clips, rng = people(names, seed), np.random.default_rng(seed)
        by_chance = rng.random(len(clips)) < 0.3
        labels = np.where(by_chance, rng.integers(0, 4, len(clips)), clips.labels)
        return dataclasses.replace(clips, labels=labels)

    train, test = doubtful("abcdef", 0), doubtful("uvwxyz", 5000)
    fitted = Rocket.fit(train, build.H36M, 4)
    assert fitted.temperature != 1
    assert fit_temperature(test.labels, fitted.answer(test)) == pytest.approx(1, abs=0.3)
    assert calibration_error(test.labels, fitted.answer(test)) < 0.12
    assert Rocket.fit(people("a", 0), build.H36M, 4).temperature == 1, "nobody to leave out"

"""Temperatures, reliability and saying nothing, on probabilities whose truth is known."""

import numpy as np
import pytest
from scipy.special import softmax

from mbnb.scores.calibration import (
    at_temperature,
    calibration_error,
    fit_temperature,
    log_loss,
    reliability,
    risk_coverage,
)


def drawn(count=20_000, classes=5, seed=0):
    """Probabilities and labels that follow them."""
    rng = np.random.default_rng(seed)
    probabilities = softmax(rng.normal(0, 1.5, (count, classes)), axis=1)
    return probabilities, (probabilities.cumsum(1) > rng.random((count, 1))).argmax(1)


@pytest.mark.parametrize("too_sure", [0.5, 1.0, 3.0])
def test_the_temperature_that_spoiled_probabilities_is_found_again(too_sure):
    probabilities, labels = drawn()
    spoiled = at_temperature(probabilities, 1 / too_sure)
    temperature = fit_temperature(labels, spoiled)
    assert temperature == pytest.approx(too_sure, rel=0.05)
    mended = at_temperature(spoiled, temperature)
    assert log_loss(labels, mended) <= log_loss(labels, spoiled) + 1e-9
    assert calibration_error(labels, mended) < 0.015
    assert (mended.argmax(1) == probabilities.argmax(1)).all()
    if too_sure != 1:
        assert calibration_error(labels, spoiled) > 0.05


def test_the_bins_hold_all_clips_and_certainty_belongs_to_the_last():
    probabilities, labels = drawn(500)
    probabilities[0] = [1, 0, 0, 0, 0]
    table = reliability(labels, probabilities)
    assert table["clips"].sum() == 500
    assert table["bin"].max() == 9
    assert np.average(table["accuracy"], weights=table["clips"]) == pytest.approx(
        (probabilities.argmax(1) == labels).mean()
    )


def test_who_answers_the_surest_clips_only_is_wrong_less_often():
    probabilities, labels = drawn(5000)
    table = risk_coverage(labels, probabilities)
    assert table["coverage"].iloc[-1] == 1
    assert table["risk"].iloc[-1] == pytest.approx((probabilities.argmax(1) != labels).mean())
    assert table["risk"].iloc[500] < table["risk"].iloc[-1] / 2
    assert table["confidence"].is_monotonic_decreasing

"""Simulated interviews: what happens is where the coding says, and everything joins."""

from collections import Counter

import numpy as np
import pytest
from build import H36M

from mbnb.classes import read_classes
from mbnb.intervals import overlapping
from mbnb.simulate.interview import FREQUENCIES, PHASE, simulate_interview

TABLE = read_classes("ma52")


@pytest.fixture(scope="module")
def still():
    """Five minutes without an extractor's errors."""
    return simulate_interview(3, 300, noise=False)


def joint(pose, name):
    return pose[:, H36M.index(name)[0]]


def test_the_same_arguments_give_the_same_interview_and_others_another(still):
    again = simulate_interview(3, 300, noise=False)
    assert np.array_equal(again.pose, still.pose) and again.coding == still.coding
    seen = simulate_interview(3, 300)
    assert seen.coding == still.coding  # errors change no movement
    off = np.linalg.norm(seen.pose - still.pose, axis=-1)
    assert 0.002 < np.median(off) < 0.1
    assert simulate_interview(4, 30).coding != simulate_interview(3, 30).coding


def test_pieces_join_without_a_jump(still):
    assert np.isfinite(still.pose).all() and len(still.pose) == 9000
    steps = np.linalg.norm(np.diff(still.pose, axis=0), axis=-1)
    assert steps.max() < 0.12  # a stretched arm on its way: 3.6 metres a second


def test_body_parts_move_where_the_coding_says(still):
    """Heads turn in intervals of the head, wrists move in those of hands, ankles of legs.

    Against the calmest fifth of rests, since people also move without making a micro-action.
    """
    moved = {
        "head": joint(still.pose, "Head") - joint(still.pose, "Neck"),
        "upper limb": still.pose[:, H36M.index("L_Wrist", "R_Wrist")].reshape(-1, 6),
        "lower limb": still.pose[:, H36M.index("L_Ankle", "R_Ankle")].reshape(-1, 6),
    }
    for region, places in moved.items():
        speed = 30 * np.linalg.norm(np.diff(places, axis=0, append=places[-1:]), axis=1)
        ones = [one for one in still.actions if one.tier == region]
        busy = np.zeros(len(speed), bool)
        for one in still.actions:
            busy[round(one.start * 30) : round(one.end * 30)] = True
        peaks = [speed[round(one.start * 30) : round(one.end * 30)].max() for one in ones]
        assert len(ones) > 3
        assert np.median(peaks) > 3 * np.median(speed[~busy]), region


def test_what_happens_is_ma52s_at_its_frequencies_and_sometimes_two_at_once():
    interviews = [simulate_interview(number, 300, noise=False) for number in range(3)]
    ones = [one for interview in interviews for one in interview.actions]
    counts = Counter(one.label for one in ones)
    assert set(counts) <= set(TABLE.names) and len(counts) > 30
    usual = [counts[name] for name in TABLE.names]
    assert 5 < len(ones) / 15 < 13  # a minute
    assert np.corrcoef(usual, FREQUENCIES)[0, 1] > 0.6
    assert all(TABLE.regions[TABLE.names.index(one.label)] == one.tier for one in ones)
    together = [
        (one, other)
        for interview in interviews
        for one, other in zip(interview.actions, interview.actions.intervals[1:])
        if other.start < one.end - 0.1
    ]
    assert 0.03 < len(together) / len(ones) < 0.2
    assert not any(overlapping([i for i in one.coding if i.tier == PHASE]) for one in interviews)


@pytest.mark.parametrize("seconds", [0.5, 7.3, 61])
def test_an_interview_may_be_of_any_length(seconds):
    interview = simulate_interview(1, seconds)
    assert len(interview.pose) == len(interview.times) == round(seconds * 30)
    phases = interview.coding.on(PHASE).intervals
    assert phases[0].start == 0 and max(one.end for one in phases) == pytest.approx(seconds, 0.02)
    assert all(one.end <= interview.coding.end for one in interview.coding)

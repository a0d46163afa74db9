"""A model that is fed frame by frame."""

import numpy as np
import pytest
from build import moving

import mbnb
from mbnb.files import InputError
from mbnb.model.live import Live


def test_answers_are_those_of_the_last_window_and_wait_for_no_frame():
    model, pose = mbnb.load("simulated_ma52", views=1), moving(0, 0, 40)
    live = Live(lambda window: model.predict(window, fps=25), frames=27)
    for i, frame in enumerate(pose):
        live.add(frame)
        if i < 26:
            assert live.answer() is None
        elif i % 6 == 2:
            expected = model.predict(pose[i - 26 : i + 1], fps=25)
            np.testing.assert_array_equal(live.answer(), expected)
    np.testing.assert_array_equal(live.window, pose[-27:])


def test_a_joint_that_is_not_seen_stays_where_it_was():
    live, pose = Live(lambda window: window[-1, :, 0], frames=2), moving(0, 0, 3)
    hidden = pose.copy()
    hidden[1:, 4] = np.nan
    for frame in hidden:
        live.add(frame)
    assert np.array_equal(live.window[:, 4], pose[[0, 0], 4])
    assert np.array_equal(live.answer()[:4], pose[2, :4, 0])
    with pytest.raises(InputError, match="the first frame: expected every joint"):
        Live(np.mean, 5).add(hidden[1])

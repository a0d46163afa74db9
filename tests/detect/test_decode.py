"""Probabilities over time become segments by thresholds that are worked out by hand here."""

import numpy as np
import pytest
from build import CLASSES

from mbnb.coding.alignment import pairs
from mbnb.detect.decode import Decoding, runs, segments
from mbnb.detect.score import PLAIN, choose_decoding, f1, false_alarms, scores
from mbnb.detect.slide import OverTime
from mbnb.files import InputError
from mbnb.intervals import MACHINE, Coding, Interval

BARE = Decoding(high=0.5, low=0.5, smooth=0, gap=0, shortest=0, alike=1.0)


def over_time(columns: dict[str, str], step: float = 0.5, stretch=None) -> OverTime:
    """Probabilities of classes by name as digits of tenths, a digit a step; nothing is the rest."""
    steps = len(next(iter(columns.values())))
    values = np.zeros((steps, len(CLASSES) + 1), np.float32)
    for name, digits in columns.items():
        values[:, CLASSES.names.index(name)] = [int(digit) / 10 for digit in digits]
    values[:, -1] = 1 - values[:, :-1].max(1)
    times = 10 + (np.arange(steps) + 0.5) * step
    return OverTime(times, values, np.array(stretch or [0] * steps), step)


def found(over: OverTime, decoding: Decoding):
    return [(one.label, one.start, one.end) for one in segments(over, CLASSES, decoding, "anna")]


def test_a_segment_reaches_from_the_low_threshold_to_the_low_one_around_a_high_one():
    over = over_time({"waving": "0346310330"})
    low = Decoding(high=0.5, low=0.6, smooth=0, gap=0, shortest=0, alike=1.0)
    assert found(over, low) == [("waving", 10.5, 12.5)]  # at 0.3 and more, once at 0.6
    one = segments(over, CLASSES, low, "anna")[0]
    assert (one.tier, one.person, one.origin) == ("upper limb", "anna", MACHINE)
    assert one.confidence == pytest.approx((0.3 + 0.4 + 0.6 + 0.3) / 4)


def test_breaks_are_closed_and_what_is_short_goes():
    over = over_time({"waving": "0990990090"})
    assert len(found(over, BARE)) == 3
    closed = Decoding(high=0.5, low=0.5, smooth=0, gap=0.5, shortest=0, alike=1.0)
    assert found(over, closed) == [("waving", 10.5, 13.0), ("waving", 14.0, 14.5)]
    longer = Decoding(high=0.5, low=0.5, smooth=0, gap=0.5, shortest=1.0, alike=1.0)
    assert found(over, longer) == [("waving", 10.5, 13.0)]
    assert runs(np.array([0.9, 0.9]), 0.5, 0.5) == [(0, 2)]  # up to both ends


def test_several_classes_go_on_at_once_unless_they_say_the_same_of_the_same_time():
    columns = {"waving": "0088880000", "pushing": "0066660000", "kicking": "0000888800"}
    assert len(found(over_time(columns), BARE)) == 3
    surer = Decoding(high=0.5, low=0.5, smooth=0, gap=0, shortest=0, alike=0.5)
    assert found(over_time(columns), surer) == [("waving", 11, 13), ("kicking", 12, 14)]
    own = Decoding(0.5, 0.5, 0, 0, 0, 1.0, by_class={"C2": 0.7})
    assert [label for label, *_ in found(over_time(columns), own)] == ["waving", "kicking"]


def test_something_that_is_no_class_for_sure_becomes_the_likeliest_if_that_is_asked_for():
    over = over_time({"waving": "0044440000", "pushing": "0033330000"})
    over.values[2:6, -1] = 0.1
    assert not found(over, BARE)
    anything = Decoding(0.5, 0.5, 0, 0, 0, 1.0, otherwise=0.35)
    assert found(over, anything) == [("waving", 11, 13)]


def test_no_segment_reaches_over_a_time_in_which_nobody_was_seen():
    over = over_time({"waving": "9999"}, stretch=[0, 0, 1, 1])
    over.times[2:] += 100
    assert found(over, BARE) == [("waving", 10, 11), ("waving", 111, 112)]


def test_thresholds_are_chosen_by_what_they_find_and_unknown_ones_refused():
    truth = Coding("film", (Interval(11, 13, "waving"),), length=15.0)
    over = over_time({"waving": "0044440200", "pushing": "0000000300"})
    chosen = choose_decoding([(truth, over)], CLASSES)
    assert f1([(truth, segments(over, CLASSES, chosen))]) == 1
    plain = choose_decoding([(truth, over)], CLASSES, plain=True)
    assert plain.high in (0.35, 0.4) and plain.low == PLAIN.low
    assert scores([(truth, over)], CLASSES, chosen)["f1_0.5"] == 1
    with pytest.raises(InputError, match="unknown thresholds hight"):
        Decoding.of({"hight": 0.5})
    assert Decoding.of(chosen.as_dict()) == chosen


def test_a_false_alarm_lies_by_more_than_half_in_rests():
    truth = Coding("film", (Interval(0, 10, "waving"), Interval(5, 20, "kicking")), length=80.0)
    ones = [Interval(18, 22, "waving"), Interval(18, 23, "waving"), Interval(50, 51, "pushing")]
    assert false_alarms([(truth, ones)]) == (2, 1.0)
    assert not pairs(list(truth), ones, 0.5)

"""Clips in memory: parts share their frames, joined ones keep all that belongs to a clip."""

import numpy as np
import pytest
from build import clips

from mbnb.clips import UNLABELLED, join, pack


def test_taken_clips_share_their_frames_and_gather_in_any_order():
    whole = clips("abcdef", [0, 8, 17])
    some = whole.take(np.array([4, 5, 1]))
    assert some.frames is whole.frames
    assert np.shares_memory(whole.gather(), whole.frames)
    assert np.shares_memory(some.take(np.array([0, 1])).gather(), whole.frames)
    np.testing.assert_array_equal(some.gather(), np.concatenate([whole[4], whole[5], whole[1]]))
    last_and_first = some.gather(np.array([2, 0]))
    np.testing.assert_array_equal(last_and_first, np.concatenate([whole[1], whole[4]]))
    packed = pack(list(some), some.names, some.labels, some.subjects)
    assert some.digest == packed.digest != whole.digest


def test_joined_clips_are_those_of_the_parts_one_after_the_other():
    first, second = clips("ab", [0, 8]), clips("c", [17, 3, 4], "test", seed=50)
    both = join([first, second.take(np.array([2, 0]))])
    assert both.names == (*first.names, second.names[2], second.names[0])
    assert both.labels.tolist() == [0, 8, 0, 8, 4, 17]
    assert both.subjects == ("a", "a", "b", "b", "c", "c")
    for clip, expected in zip(both, [*first, second[2], second[0]], strict=True):
        np.testing.assert_array_equal(clip, expected)
    assert len(join([])) == 0


def test_a_split_is_labelled_where_every_clip_is():
    assert clips("a", [0, 8]).labelled
    assert not clips("a", [0, UNLABELLED]).labelled
    assert not clips("", [0]).labelled
    with pytest.raises(IndexError, match="clip 2 of 2"):
        clips("a", [0, 8])[2]


def test_clips_of_the_same_frames_are_joined_without_a_copy():
    whole = clips("abc", [0, 8])
    both = join([whole.take(np.array([4, 1])), whole.take(np.array([0]))])
    assert both.frames is whole.frames
    assert both.names == tuple(whole.names[i] for i in (4, 1, 0))
    np.testing.assert_array_equal(both.gather(), np.concatenate([whole[i] for i in (4, 1, 0)]))
    blocks = [block.tolist() for block in whole.blocks(4)]
    assert blocks == [[0, 1, 2, 3], [4, 5]] and list(both.take(np.arange(0)).blocks()) == []

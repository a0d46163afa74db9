"""Sequences joined from clips: movements as they were, rests between, nobody mixed."""

import numpy as np
from build import CLASSES, H36M, clips, moving

from mbnb.detect.joined import REST, joined


def test_each_person_has_a_recording_of_all_of_their_clips_with_rests_between():
    some = clips(["anna", "bert"], [0, 1, 2], pose=moving, classes=CLASSES)
    pairs = list(joined(some, CLASSES, H36M, fps=30))
    assert [recording.person for recording, _ in pairs] == ["anna", "bert"]
    again = list(joined(some, CLASSES, H36M, fps=30))
    assert all(np.array_equal(a.pose, b.pose) for (a, _), (b, _) in zip(pairs, again))
    for recording, coding in pairs:
        own = {
            CLASSES.names[label]: some[i]
            for i, label in enumerate(some.labels)
            if some.subjects[i] == recording.person
        }
        ends = [0.0]
        assert {one.label for one in coding} == set(own)
        for one in coding:
            first, stop = round(one.start * 30), round(one.end * 30)
            shift = recording.pose[first:stop] - own[one.label]
            assert np.ptp(shift, axis=0).max() < 1e-5  # the clip itself, from where the person is
            assert np.abs(shift[..., 1]).max() < 1e-5  # on the same floor
            assert REST[0] - 0.1 < one.start - ends[-1] < REST[1] + 0.1
            ends.append(one.end)
        pelvis = recording.pose[:, H36M.root]
        assert np.linalg.norm(np.diff(pelvis, axis=0), axis=1).max() < 0.03
        assert len(recording.pose) == len(recording.times) and coding.length > ends[-1] + 0.5

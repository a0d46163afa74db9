"""Who is who from frame to frame, and which pictures are frames."""

import itertools

import numpy as np
import pytest

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.people import Detection, by_person, chosen
from mbnb.formats.pose_file import PoseFile

BODY = np.random.default_rng(0).uniform(0, 100, (17, 2))  # a body some 140 pixels across


def body(x, confidence=0.9):
    """Somebody whose points stand `x` pixels to the right."""
    return np.column_stack([BODY + [x, 0], np.full(17, confidence)])


def test_people_who_pass_each_other_slowly_are_never_interleaved():
    places = {"a": np.linspace(0, 200, 41), "b": np.linspace(300, 500, 41)}
    found, rng = [], np.random.default_rng(1)
    for frame in range(41):
        here = [Detection(frame, body(places[name][frame])) for name in "ab"]
        found += [here[i] for i in rng.permutation(2)]  # tools write them in any order
    tracks, notes = by_person(found, range(41), 17)
    assert len(tracks) == 2 and "2 in all" in notes[0]
    for track in tracks.values():
        way = np.diff(track[:, 0, 0])
        np.testing.assert_allclose(way, 5, atol=1e-3)


def test_whoever_comes_back_near_or_late_or_far_is_the_same_or_another():
    for gap, step, same in (
        (people.LAPSE, 10, True),
        (people.LAPSE + 1, 10, False),
        (1, 90, False),
    ):
        tracks, _ = by_person(
            [Detection(0, body(0)), Detection(gap, body(step))], range(gap + 1), 17
        )
        assert len(tracks) == (1 if same else 2), (gap, step)
        assert all(len(track) == gap + 1 for track in tracks.values())
        assert np.isnan(next(iter(tracks.values()))[1:gap]).all()


def test_tracks_of_the_file_count_and_of_two_of_a_person_the_surer():
    found = [
        Detection(0, body(0), "7"),
        Detection(1, body(500), "7", score=0.2),
        Detection(1, body(300), "7", score=0.8),
        Detection(1, body(0), "9"),
    ]
    tracks, notes = by_person(found, range(2), 17)
    assert list(tracks) == ["7", "9"] and "1 detections" in notes[0]
    np.testing.assert_allclose(tracks["7"][:, 0, 0] - BODY[0, 0], [0, 300], atol=1e-4)
    assert np.isnan(tracks["9"][0]).all()


def test_points_without_place_or_confidence_are_missing_and_confidences_end_at_one():
    points = people.triplets([3, 4, 1.5, 0, 0, 0, 5, 6, 0, 0, 0, 0.9])
    assert np.isfinite(points[0]).all() and np.isnan(points[1:]).all()
    tracks, notes = by_person([Detection(0, points)], range(1), 4)
    assert tracks["1"][0, 0, 2] == 1 and "1.500" in notes[0]


@pytest.mark.parametrize("frame", [10**9, 2**62])
def test_a_frame_number_that_no_memory_holds_is_refused(frame):
    with pytest.raises(InputError, match="numbers, more than"):
        by_person([Detection(0, body(0)), Detection(frame, body(0))], range(frame + 1), 17)


def test_names_of_pictures_number_the_frames_of_recordings_or_do_not():
    two = [f"{cam}_{i:04}_keypoints.json" for cam, i in itertools.product("ab", (3, 4, 9))]
    recordings = people.numbered(two)
    assert [sorted(numbers.values()) for numbers in recordings.values()] == [[3, 4, 9]] * 2
    assert people.numbered(["holiday.png", "2.png"]) is None
    assert people.numbered(["161106.png", "165200.png"]) is None  # moments, not frames
    assert people.numbered([str(i) for i in (7, 8)]) == {"": {"7": 7, "8": 8}}


@pytest.mark.parametrize(
    "rule, name",
    [("largest", "near"), ("central", "middle"), ("longest", "far"), ("0,0,250,400", "far")],
)
def test_one_of_several_is_chosen_by_rule_and_the_choice_is_said(rule, name):
    frame = np.array([(0, 0, 1), (50, 0, 1), (0, 200, 1), (50, 200, 1)], np.float32)
    places = {"far": (100, 50), "middle": (300, 150), "near": (480, 0)}
    found = {who: np.tile(frame + (*at, 0), (10, 1, 1)) for who, at in places.items()}
    found["near"][..., :2] *= 1.2
    for who in ("middle", "near"):
        found[who][:4] = np.nan
    file = PoseFile("", tuple("abcd"), found, depth=False, size=(640, 480))
    names, said = chosen(file, rule)
    assert names == [name] and f"is taken: {name}" in said[0] and "of 3 people" in said[0]
    assert chosen(file, "all") == (list(found), []) and chosen(file, "far") == (["far"], [])
    for nobody in ("Otto", "0,0,5,5"):
        with pytest.raises(InputError, match="no person 'Otto'|nobody's middle"):
            chosen(file, nobody)

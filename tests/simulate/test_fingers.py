"""Fingers, faces and feet of simulated people, beside the 17 joints that they hang at."""

import numpy as np
import pytest
from scipy.fft import rfft

from mbnb.classes import read_classes
from mbnb.simulate import Person, simulate, simulate_clip
from mbnb.simulate.seated import draw_person, seated_clip
from mbnb.skeleton import load_skeleton

OURS, WHOLE = load_skeleton(), load_skeleton("wholebody44")
CLASSES = read_classes("ma52")
SHARED = [name for name in OURS.joints if name != "Spine1"]
TIPS = ("Thumb", "Index", "Middle", "Ring", "Little")
GIVEN = dict(people=2, test_people=1, clips_per_person=9, seed=7)


def plain(code: str, seed: int, **how) -> np.ndarray:
    """(T, 44, 3) of a class of the official list, whole and without noise."""
    number, person = CLASSES.codes.index(code), draw_person(np.random.default_rng(seed))
    how = dict(noise=False, distractors=False, camera=False, skeleton=WHOLE) | how
    region = CLASSES.regions[number]
    return seated_clip(number, region, person, np.random.default_rng([seed, number]), **how)


def at(clip: np.ndarray, name: str) -> np.ndarray:
    return clip[:, WHOLE.joints.index(name)]


def apart(clip: np.ndarray, one: str, other: str) -> np.ndarray:
    """(T,) cm."""
    return 100 * np.linalg.norm(at(clip, one) - at(clip, other), axis=-1)


def acting(clip: np.ndarray) -> str:
    """The side whose wrist moves farther."""
    ways = {side: np.ptp(at(clip, f"{side}_Wrist"), axis=0).sum() for side in "LR"}
    return max(ways, key=ways.get)


@pytest.mark.parametrize("table", ["document", "ma52"])
def test_the_17_joints_are_the_same_with_and_without_the_rest(table):
    ours = simulate(**GIVEN, class_table=table)
    whole = simulate(**GIVEN, class_table=table, skeleton="wholebody44")
    again = simulate(**GIVEN, class_table=table, skeleton="wholebody44")
    names = ["Nose" if name == "Head" else name for name in SHARED]
    for split, clips in ours.items():
        places = [whole[split].frames[:, WHOLE.index(*names)], clips.frames[:, OURS.index(*SHARED)]]
        np.testing.assert_array_equal(*places)
        np.testing.assert_array_equal(whole[split].frames, again[split].frames)
        assert whole[split].names == clips.names


def test_hands_are_hands():
    for code in ("C13", "F43", "B9", "G50"):
        clip = plain(code, 1)
        assert np.isfinite(clip).all()
        for side in "LR":
            palm = apart(clip, f"{side}_Wrist", f"{side}_Hand")
            assert 7 < palm.mean() < 11.5 and palm.std() < 1e-3
            for tip in TIPS:
                assert apart(clip, f"{side}_Wrist", f"{side}_{tip}").max() < 21
            # Thumb and little finger are on the two sides of the middle one, as on that hand.
            ahead, thumb, little = (
                at(clip, f"{side}_{n}") - at(clip, f"{side}_Wrist") for n in ("Hand", *TIPS[::4])
            )
            assert ((thumb * ahead).sum(-1) > 0).mean() > 0.9
            assert (np.linalg.norm(thumb - little, axis=-1) > 0.02).all()
        assert (at(clip, "L_Eye")[:, 0] > at(clip, "R_Eye")[:, 0]).all()
        assert (at(clip, "Chin")[:, 1] > at(clip, "Upper_lip")[:, 1]).all()
        for side in "LR":  # toes look where the person looks
            assert (at(clip, f"{side}_Big_toe")[:, 2] < at(clip, f"{side}_Heel")[:, 2]).all()


def test_left_hands_are_mirror_images_of_right_ones():
    clips = [plain("C19", seed) for seed in range(8)]
    chirality = {side: [] for side in "LR"}
    for clip in clips:
        for side in "LR":
            wrist = at(clip, f"{side}_Wrist")
            ways = [at(clip, f"{side}_{n}") - wrist for n in ("Index", "Thumb", "Little")]
            chirality[side] += np.sign(np.linalg.det(np.stack(ways, 1))).tolist()
    assert np.mean(chirality["L"]) * np.mean(chirality["R"]) < -0.1


def test_a_finger_touches_what_its_class_names():
    near = {"F43": "Nose", "F44": "Ear", "F42": "Eye", "F46": "Upper_lip"}
    for code, place in near.items():
        least = []
        for seed in range(12):
            clip = plain(code, seed)
            side = acting(clip)
            own = place if place in WHOLE.joints else f"{side}_{place}"
            tips = [apart(clip, f"{side}_{tip}", own) for tip in TIPS]
            least.append(min(tip.min() for tip in tips))
        assert np.median(least) < 3.5, code  # cm


def test_fists_are_clenched_and_fingers_tap_while_wrists_lie_still():
    for code in ("C16", "C22"):
        for seed in range(4):
            clip = plain(code, seed)
            bends = [np.ptp(apart(clip, f"{s}_Wrist", f"{s}_{tip}")) for s in "LR" for tip in TIPS]
            assert max(bends) > (5 if code == "C16" else 1), (code, seed)
    rest = plain("B9", 0)
    assert max(np.ptp(apart(rest, f"{s}_Wrist", f"{s}_Index")) for s in "LR") < 1.5


def test_scratching_fingers_move_faster_than_touching_ones_do():
    speeds = {code: [] for code in ("G50", "G49")}
    for code, known in speeds.items():
        for seed in range(8):
            clip = plain(code, seed)
            side = acting(clip)
            spectrum = np.abs(rfft(np.diff(apart(clip, f"{side}_Wrist", f"{side}_Middle"))))
            known.append(spectrum.max())
    assert np.median(speeds["G50"]) > 3 * np.median(speeds["G49"])


def test_heels_rise_over_the_toes():
    for seed in range(4):
        clip = plain("D31", seed)
        rise = {
            n: max(np.ptp(at(clip, f"{s}_{n}")[:, 1]) for s in "LR") for n in ("Heel", "Big_toe")
        }
        assert rise["Heel"] > 2 * rise["Big_toe"]


def test_the_extractor_loses_hands_that_lie_under_others():
    lost = {code: [] for code in ("C13", "C19")}
    for code, known in lost.items():
        for seed in range(12):
            clip = plain(code, seed, noise=True)
            missing = [np.isnan(at(clip, f"{side}_Index")).any(-1) for side in "LR"]
            known.append(np.any(missing, 0).mean())
            for side in "LR":  # a hand is there as a whole or not at all
                whole = np.isnan(at(clip, f"{side}_Little")).any(-1)
                assert (np.isnan(at(clip, f"{side}_Hand")).any(-1) == whole).all()
    assert np.mean(lost["C13"]) > np.mean(lost["C19"]) + 0.15
    assert 0.05 < np.mean(lost["C19"]) < 0.75


def test_the_documents_list_has_fingers_too():
    person = Person.draw(np.random.default_rng(0))
    clip = simulate_clip(20, person, np.random.default_rng(1), noise=False, skeleton=WHOLE)
    assert clip.shape[1:] == (44, 3) and clip.dtype == np.float32 and np.isfinite(clip).all()

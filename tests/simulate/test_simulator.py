"""The simulator: every class is measured for what its name says, on clips without noise, distractors and camera."""

import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from mbnb.classes import read_classes
from mbnb.data.write import write_dataset
from mbnb.simulate.choreography import MOVES
from mbnb.simulate import Person, simulate, simulate_clip
from mbnb.simulate.noise import NOISE
from mbnb.simulate.timing import FPS
from mbnb.skeleton import load_skeleton

BASELINE = Path(__file__).resolve().parents[3] / "shared" / "real" / "linear_baseline.py"
SKELETON = load_skeleton()
CODES = read_classes("document").codes
CLIPS = 8
ANKLES = ("L_Ankle", "R_Ankle")


class Body:
    """A clip (T, 17, 3) without camera, in degrees and centimetres; series are (T,), lateral ones positive to the left."""

    def __init__(self, clip: np.ndarray):
        self.cm = 100 * clip.astype(float)
        self.lean, self.tilt = (
            self.angle("Pelvis", "Neck", 2, 1),
            self.angle("Pelvis", "Neck", 0, 1),
        )
        self.slump = self.angle("Spine1", "Neck", 2, 1) - self.angle("Pelvis", "Spine1", 2, 1)
        shoulders = self("L_Shoulder") - self("R_Shoulder")
        self.twist = np.degrees(np.arctan2(-shoulders[:, 2], -shoulders[:, 0])) % 360 - 180
        self.pitch, self.head_tilt = (
            self.angle("Head", "Head_top", 2, 1),
            self.angle("Head", "Head_top", 0, 1),
        )
        face = self("Head") - self("Neck")
        self.yaw = np.degrees(np.arctan2(face[:, 0], -face[:, 2])) - np.degrees(
            np.arctan2(shoulders[:, 2], shoulders[:, 0])
        )

    def __call__(self, joint: str) -> np.ndarray:
        return self.cm[:, SKELETON.joints.index(joint)]

    def angle(self, start: str, end: str, axis: int, up: int) -> np.ndarray:
        way = self(end) - self(start)
        return np.degrees(np.arctan2(way[:, axis] * (1 if axis == 0 else -1), -way[:, up]))

    def distance(self, joint: str, other: str) -> np.ndarray:
        return np.linalg.norm(self(joint) - self(other), axis=1)

    def sides(self, function) -> list:
        return [function(side) for side in "LR"]


def change(series: np.ndarray) -> float:
    """The largest departure from the first frame, with its sign."""
    away = series - series[0]
    return away[np.abs(away).argmax()]


def peaks(series: np.ndarray) -> int:
    return len(find_peaks(series - series[0], prominence=0.4 * np.ptp(series))[0])


def quick(points: np.ndarray, sigma: float = 3) -> float:
    """The largest short-lived deviation of points (T, 3) or a series from their own slow movement, as an amplitude."""
    points = points.reshape(len(points), -1)
    fast = points - gaussian_filter1d(points, sigma, axis=0)
    power = gaussian_filter1d((fast**2).sum(1), 5)
    return float(np.sqrt(2 * power.max()))


def rate(points: np.ndarray) -> float:
    """The frequency in Hz at which points move most, counted by velocity."""
    velocity = np.diff(points.reshape(len(points), -1), axis=0)
    power = (
        np.abs(np.fft.rfft(velocity * np.hanning(len(velocity))[:, None], 512, axis=0)) ** 2
    ).sum(1)
    return float(np.fft.rfftfreq(512, 1 / FPS)[power.argmax()])


def strokes(points: np.ndarray) -> int:
    """The most peaks of over 1 cm that follow one another in less than a third of a second, in any of the directions."""
    most = 0
    for series in points.T:
        gaps = np.diff(find_peaks(series, prominence=1)[0])
        run = 0
        for gap in gaps:
            run = run + 1 if gap <= FPS / 3 else 0
            most = max(most, run + 1)
    return most


def hand(joint: str, cross: bool = False):
    """How near a wrist comes to a joint; to a sided one, to that of its own or, with `cross`, of the other side."""

    def measure(body: Body) -> float:
        def nearest(side):
            other = {"L": "R", "R": "L"}[side] if cross else side
            return body.distance(f"{side}_Wrist", joint.replace("*", other)).min()

        return min(body.sides(nearest))

    return measure


def wrists(body: Body) -> np.ndarray:
    return body.distance("L_Wrist", "R_Wrist")


def height(side: str, body: Body) -> float:
    """The highest a wrist gets above the neck."""
    return (body("Neck") - body(f"{side}_Wrist"))[:, 1].max()


def across(body: Body) -> float:
    """How far both wrists together cross to the other side, at most."""
    return (body("R_Wrist") - body("L_Wrist"))[:, 0].max()


def crossed_height(body: Body) -> float:
    """Height of the wrists below the neck while they are crossed furthest."""
    at = (body("R_Wrist") - body("L_Wrist"))[:, 0].argmax()
    return (body("L_Wrist") + body("R_Wrist"))[at, 1] / 2 - body("Neck")[at, 1]


def busier(joint: str, function):
    """The larger value of a function of the points (T, 3) of the left and the right joint."""
    return lambda body: max(body.sides(lambda side: function(body(f"{side}_{joint}"))))


def both_sides(joint: str, function):
    return lambda body: min(body.sides(lambda side: function(body(f"{side}_{joint}"))))


def most_moved(joint: str, function):
    """A function of the points of whichever of the two joints moves more quickly."""
    return lambda body: function(max(body.sides(lambda side: body(f"{side}_{joint}")), key=quick))


def lift(points: np.ndarray) -> float:
    return points[0, 1] - points[:, 1].min()


def forth(points: np.ndarray) -> float:
    return points[0, 2] - points[:, 2].min()


def way(points: np.ndarray) -> float:
    return float(np.linalg.norm(np.ptp(points, axis=0)))


def over_knee(at: int):
    """How far an ankle at that frame reaches beyond the middle between the knees, if it is off the floor."""

    def measure(body: Body) -> float:
        middle = (body("L_Knee") + body("R_Knee"))[at, 0] / 2
        lifted = abs(body("L_Ankle")[at, 1] - body("R_Ankle")[at, 1]) > 6
        return lifted * max(middle - body("L_Ankle")[at, 0], body("R_Ankle")[at, 0] - middle)

    return measure


def shin(body: Body) -> float:
    """The nearest a wrist comes to the middle of a shank."""
    return min(
        np.linalg.norm(
            body(f"{a}_Wrist") - (body(f"{b}_Knee") + body(f"{b}_Ankle")) / 2, axis=1
        ).min()
        for a in "LR"
        for b in "LR"
    )


def from_nose(axis: int):
    """How far along y or z the wrist is from the nose that comes nearest to it, when it does: below, behind."""

    def measure(body: Body) -> float:
        side = min("LR", key=lambda side: body.distance(f"{side}_Wrist", "Head").min())
        return (body(f"{side}_Wrist") - body("Head"))[
            body.distance(f"{side}_Wrist", "Head").argmin(), axis
        ]

    return measure


def behind_ankle(body: Body) -> float:
    """How far behind the ankle the wrist is that comes nearest to one, when it does; sideways counts where the leg is laid over."""
    wrist, ankle = min(
        ((body(f"{side}_Wrist"), body(ankle)) for side in "LR" for ankle in ANKLES),
        key=lambda pair: np.linalg.norm(pair[0] - pair[1], axis=1).min(),
    )
    away = (wrist - ankle)[np.linalg.norm(wrist - ankle, axis=1).argmin()]
    return min(away[2], -abs(away[0]))


def shank(side: str, body: Body) -> np.ndarray:
    return body.angle(f"{side}_Ankle", f"{side}_Knee", 2, 1)


def calm_after_arrival(body: Body) -> float:
    """Deviation of the wrists' distance from one another over the 10 stillest frames while they are near."""
    near = wrists(body)
    return min(
        (np.std(near[i : i + 10]) for i in range(len(near) - 10) if near[i : i + 10].max() < 14),
        default=np.inf,
    )


MEASURES = {
    "twist": lambda body: np.ptp(body.twist),
    "yaw": lambda body: np.ptp(body.yaw),
    "pitch": lambda body: np.ptp(body.pitch),
    "yaw peaks": lambda body: peaks(body.yaw),
    "pitch peaks": lambda body: peaks(body.pitch),
    "lean": lambda body: change(body.lean),
    "head down": lambda body: change(body.pitch),
    "head tilt": lambda body: np.ptp(body.head_tilt),
    "trunk rate": lambda body: rate(np.stack([body.tilt, body.lean], 1)),
    "trunk": lambda body: max(np.ptp(body.tilt), np.ptp(body.lean)),
    "trunk quick": lambda body: quick(np.stack([body.tilt, body.lean], 1)),
    "slump falls": lambda body: body.slump[0] - body.slump[-5:].mean(),
    "pelvis side": lambda body: np.ptp(body("Pelvis")[:, 0]),
    "pelvis up": lambda body: lift(body("Pelvis")),
    "pelvis ends off": lambda body: np.linalg.norm(
        (body("Pelvis")[-1] - body("Pelvis")[0])[[0, 2]]
    ),
    "to nose": hand("Head"),
    "to crown": hand("Head_top"),
    "to neck": hand("Neck"),
    "to other shoulder": hand("*_Shoulder", True),
    "to other elbow": hand("*_Elbow", True),
    "to knee": hand("*_Knee"),
    "to shank": shin,
    "to ankle": lambda body: min(hand("*_Ankle")(body), hand("*_Ankle", True)(body)),
    "behind ankle": behind_ankle,
    "both to ankle": lambda body: min(
        max(body.distance(wrist, ankle).min() for wrist in ("L_Wrist", "R_Wrist"))
        for ankle in ANKLES
    ),
    "both to nose": lambda body: max(
        body.sides(lambda side: body.distance(f"{side}_Wrist", "Head").min())
    ),
    "nose from start": lambda body: min(
        body.sides(lambda side: body.distance(f"{side}_Wrist", "Head")[0])
    ),
    "wrist quick": busier("Wrist", quick),
    "strokes": busier("Wrist", strokes),
    "below nose": from_nose(1),
    "behind nose": from_nose(2),
    "wrist rate": most_moved("Wrist", rate),
    "both wrists move": both_sides("Wrist", way),
    "wrist height": lambda body: max(body.sides(lambda side: height(side, body))),
    "both heights": lambda body: min(body.sides(lambda side: height(side, body))),
    "wrists": lambda body: wrists(body).min(),
    "wrists part": lambda body: quick(wrists(body), 6),
    "wrists at rest": calm_after_arrival,
    "across": across,
    "crossed height": crossed_height,
    "stretched": lambda body: max(
        body.sides(
            lambda side: (
                body.distance(f"{side}_Wrist", f"{side}_Shoulder")
                / (
                    body.distance(f"{side}_Wrist", f"{side}_Elbow")
                    + body.distance(f"{side}_Elbow", f"{side}_Shoulder")
                )
                * (body(f"{side}_Wrist")[:, 1] < body(f"{side}_Shoulder")[:, 1] + 18)
            ).max()
        )
    ),
    "crossed at start": over_knee(0),
    "crossed at end": over_knee(-1),
    "foot up": busier("Ankle", lift),
    "feet up": both_sides("Ankle", lift),
    "foot forward": busier("Ankle", forth),
    "foot way": busier("Ankle", way),
    "foot rate": most_moved("Ankle", rate),
    "knee quick": busier("Knee", quick),
    "foot quick": busier("Ankle", quick),
    "foot beats": most_moved("Ankle", lambda points: peaks(-points[:, 1])),
    "swing": lambda body: max(body.sides(lambda side: np.ptp(shank(side, body)))),
}

# What each class must show: measure -> (least, most); degrees, centimetres, Hz, counts.
EXPECTED = {
    "A1": {"trunk rate": (2.2, 5.5), "trunk quick": (0.6, 8)},
    "A2": {"twist": (15, 80)},
    "A3": {"slump falls": (9, 50)},
    "A4": {"lean": (5, 40)},
    "A5": {"lean": (-30, -4)},
    "A6": {"trunk rate": (0.3, 1.3), "trunk": (5, 35)},
    "B1": {"pitch": (5, 35), "pitch peaks": (2, 7), "yaw": (0, 12)},
    "B2": {"yaw": (10, 60), "yaw peaks": (2, 6), "pitch": (0, 20)},
    "B3": {"yaw": (12, 85), "yaw peaks": (0, 1), "twist": (0, 10)},
    "B4": {"head tilt": (8, 45)},
    "B5": {"head down": (8, 50), "pitch peaks": (0, 1)},
    "B6": {"head down": (-45, -5)},
    "B7": {"to crown": (0, 18), "strokes": (3, 9)},
    "B8": {"to crown": (0, 18), "strokes": (0, 2)},
    "B9": {"to nose": (9, 18), "head tilt": (4, 30), "lean": (4, 35)},
    "C1": {"across": (18, 35), "crossed height": (8, 24)},
    "C2": {"across": (8, 24), "crossed height": (25, 42)},
    "C3": {"wrist height": (-14, 15), "wrist rate": (1.3, 3.8), "wrist quick": (2.5, 15)},
    "C4": {"wrists": (0, 14), "wrists part": (2.5, 25), "wrists at rest": (0.7, np.inf)},
    "C5": {"wrists": (0, 14), "wrist rate": (1.3, 3.8), "both wrists move": (6, 60)},
    "C6": {"wrists": (0, 14), "wrists at rest": (0, 0.5)},
    "C7": {"both to nose": (7, 17)},
    "C8": {"to nose": (5, 17), "both to nose": (25, 100), "nose from start": (25, 100)},
    "C9": {
        "to nose": (11, 23),
        "below nose": (10.5, 23),
        "both to nose": (25, 100),
        "nose from start": (25, 100),
    },
    "C10": {"to nose": (5, 15), "behind nose": (-13, -1), "nose from start": (25, 100)},
    "C11": {"to nose": (9, 22), "behind nose": (-10, 6), "nose from start": (25, 100)},
    "C12": {"to neck": (4, 22), "behind nose": (5, 20)},
    "C13": {"to neck": (13, 26), "to nose": (20, 60)},
    "C14": {"to other shoulder": (7, 19)},
    "C15": {"to other elbow": (5, 20), "strokes": (0, 2)},
    "C16": {"stretched": (0.75, 1)},
    "C17": {"wrist height": (-36, 0), "wrist quick": (1.5, 15), "strokes": (0, 3)},
    "C18": {"both heights": (-60, -3), "both wrists move": (7, 70)},
    "C19": {"strokes": (3, 9)},
    "C20": {"wrists": (0, 16), "wrist quick": (1, 9), "both wrists move": (5, 60)},
    "D1": {"crossed at start": (0, 0), "crossed at end": (5, 40)},
    "D2": {"crossed at start": (5, 40), "crossed at end": (0, 0)},
    "D3": {"foot forward": (10, 45)},
    "D4": {"foot rate": (3, 7.5), "knee quick": (0.7, 8), "foot up": (0.3, 3)},
    "D5": {"foot up": (2, 8), "feet up": (0, 0.5), "foot beats": (2, 7)},
    "D6": {"foot up": (6, 24), "foot beats": (1, 6)},
    "D7": {"foot way": (4, 20), "foot up": (0, 2)},
    "D8": {"pelvis up": (1.5, 10), "pelvis ends off": (1.2, 12)},
    "D9": {"to knee": (8, 26), "wrist rate": (0.5, 2.2), "both wrists move": (0, 2)},
    "D10": {"to knee": (3, 13)},
    "D11": {"to shank": (0, 12)},
    "D12": {"to ankle": (0, 18)},
    "D13": {"to ankle": (2, 21), "behind ankle": (-25, 4)},
    "D14": {"both to ankle": (4, 24)},
    "D15": {"swing": (14, 65), "foot rate": (0.4, 3)},
    "D16": {"feet up": (2, 12), "foot up": (2.5, 14), "foot beats": (1, 4)},
    "D17": {"pelvis side": (2, 12), "pelvis up": (0, 0.5)},
}
# Clips of the second class must not pass for the first.
NEIGHBOURS = [
    pair.split("/")
    for pair in (
        "A1/A6 A6/A1 A2/B3 A4/B5 A5/B6 A6/D17 B1/B5 B5/B1 B2/B3 B3/B2 B3/A2 B7/B8 B8/B7 C1/C2 C2/C1 C3/C16 C16/C3 C3/C17 C4/C6 C6/C4 C6/C5 "
        "C7/C8 C8/C7 C9/C10 C10/C9 C10/C12 C12/C10 C12/C11 C15/C19 C19/C15 D1/D2 D2/D1 D3/D7 D4/D5 D5/D6 D6/D5 D5/D16 D16/D5 D10/D9 D9/D10 "
        "D11/D10 D14/D13 D15/D7 D17/D8"
    ).split()
]


@functools.cache
def bodies(code: str) -> tuple[Body, ...]:
    """Clips of one class by different people, without noise."""
    found = []
    for i in range(CLIPS):
        rng = np.random.default_rng([11, CODES.index(code), i])
        found.append(
            Body(
                simulate_clip(
                    CODES.index(code),
                    Person.draw(rng),
                    rng,
                    noise=False,
                    distractors=False,
                    camera=False,
                )
            )
        )
    return tuple(found)


def misses(body: Body, code: str) -> dict[str, float]:
    """The measures of a class that a clip does not meet."""
    values = {name: float(MEASURES[name](body)) for name in EXPECTED[code]}
    return {
        name: value
        for name, value in values.items()
        if not EXPECTED[code][name][0] <= value <= EXPECTED[code][name][1]
    }


@pytest.mark.parametrize("code", CODES)
def test_a_class_shows_what_its_name_says(code):
    assert [misses(body, code) for body in bodies(code)] == [{}] * CLIPS


@pytest.mark.parametrize(("code", "other"), NEIGHBOURS)
def test_a_neighbour_does_not_pass_for_a_class(code, other):
    assert sum(not misses(body, code) for body in bodies(other)) <= 1


def test_the_table_of_movements_is_the_table_of_classes():
    assert tuple(MOVES) == CODES == tuple(EXPECTED)


def test_bones_keep_their_length_and_fit_an_adult():
    for code in CODES:
        for body in bodies(code):
            pairs = [
                (SKELETON.joints[parent], SKELETON.joints[child])
                for parent, child in SKELETON.bones
            ]
            length = {child: body.distance(parent, child) for parent, child in pairs}
            assert max(np.ptp(series) for series in length.values()) < 1e-3, code
            assert 35 < length["R_Knee"][0] < 51 and 35 < length["R_Ankle"][0] < 51
            assert 26 < length["L_Elbow"][0] < 39 and 20 < length["L_Wrist"][0] < 31


def test_feet_stay_above_the_floor_and_hands_out_of_the_body():
    for code in CODES:
        for body in bodies(code):
            ankles = np.concatenate([body("L_Ankle"), body("R_Ankle")])[:, 1]
            assert ankles.max() < max(body("L_Ankle")[0, 1], body("R_Ankle")[0, 1]) + 3, code
            assert (
                min(
                    body.distance(wrist, spot).min()
                    for wrist in ("L_Wrist", "R_Wrist")
                    for spot in ("Spine1", "Neck")
                )
                > 5
            ), code


def test_elbows_and_knees_bend_the_way_they_can():
    for code in CODES:
        for body in bodies(code):
            for side in "LR":
                thigh, leg = (
                    body(f"{side}_Knee") - body(f"{side}_Hip"),
                    body(f"{side}_Ankle") - body(f"{side}_Hip"),
                )
                middle = (
                    body(f"{side}_Hip") + leg * ((thigh * leg).sum(1) / (leg**2).sum(1))[:, None]
                )
                out = body(f"{side}_Knee") - middle
                assert (out[:, 1] + out[:, 2] < 1).all(), (code, "a knee bends up and forward")


@functools.cache
def small() -> dict:
    return simulate(people=12, test_people=4, clips_per_person=26, seed=5)


def test_the_same_seed_gives_the_same_bytes_and_another_other_people():
    first, second, other = (
        small(),
        simulate(people=12, test_people=4, clips_per_person=26, seed=5),
        simulate(2, 1, 3, seed=6),
    )
    for split in first:
        assert (
            first[split].frames.tobytes() == second[split].frames.tobytes()
            and first[split].names == second[split].names
        )
    assert other["train"][0].shape != first["train"][0].shape or not np.allclose(
        other["train"][0], first["train"][0]
    )


def test_splits_share_no_person_and_names_agree_with_labels():
    splits = small()
    assert not set(splits["train"].subjects) & set(splits["test"].subjects)
    assert len(set(splits["train"].subjects)) == 8 and len(splits["test"]) == 4 * 26
    for clips in splits.values():
        for name, label, subject in zip(clips.names, clips.labels, clips.subjects):
            assert name.split("_")[:3] == [CODES[label], "sim", subject]
        assert set(clips.labels) == set(range(52))


def test_clips_are_finite_and_as_long_as_those_of_ma52():
    for clips in small().values():
        assert clips.frames.dtype == np.float32 and np.isfinite(clips.frames).all()
        assert (
            clips.lengths.min() >= 40
            and clips.lengths.max() <= 90
            and 50 < np.median(clips.lengths) < 75
        )


def test_both_hands_act():
    nose = CODES.index("C10")
    acts = []
    for i in range(40):
        rng = np.random.default_rng([3, i])
        body = Body(
            simulate_clip(nose, Person.draw(rng), rng, noise=False, distractors=False, camera=False)
        )
        acts.append(min("LR", key=lambda side: body.distance(f"{side}_Wrist", "Head").min()))
    assert 8 <= acts.count("L") <= 32


def test_noise_is_as_large_as_measured_and_some_joints_freeze():
    levels, frozen = [], 0
    for i in range(200):
        person = Person.draw(np.random.default_rng(i))
        noisy, clean = (
            simulate_clip(6, person, np.random.default_rng(i), noise=noise)
            for noise in (True, False)
        )
        assert noisy.shape == clean.shape
        levels.append((noisy - clean)[1:] - (noisy - clean)[:-1])
        frozen += bool((np.diff(noisy, axis=0) == 0).all(2).any())
        levels[-1] = levels[-1].std((0, 1))
    assert (np.min(levels, 0) > 0.75 * NOISE[0]).all() and (
        np.max(levels, 0) < 1.25 * NOISE[1]
    ).all()
    assert (np.max(levels, 0) > 2 * np.min(levels, 0)).all()
    assert 2 <= frozen <= 25


def test_distractors_add_movement_elsewhere():
    moved = 0
    for i in range(20):
        person = Person.draw(np.random.default_rng(i))
        with_them, without = (
            simulate_clip(
                39, person, np.random.default_rng(i), noise=False, distractors=wanted, camera=False
            )
            for wanted in (True, False)
        )
        more = np.ptp(with_them, axis=0) - np.ptp(without, axis=0)  # (17, 3)
        moved += more[SKELETON.index("Head", "L_Wrist", "R_Wrist")].max() > 0.03
    assert moved >= 10


def test_a_long_tail_has_many_of_some_and_a_handful_of_all():
    counts = np.bincount(
        simulate(people=11, test_people=1, clips_per_person=78, seed=1, tail=True)["train"].labels,
        minlength=52,
    )
    assert counts.sum() == 780 and counts.min() >= 5 and counts.max() > 8 * counts.min()


@pytest.mark.skipif(not BASELINE.exists(), reason="the linear baseline is not in this checkout")
def test_the_data_is_neither_trivial_nor_hopeless_for_a_linear_model(tmp_path):
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    write_dataset(tmp_path / "set", simulate(seed=seed), read_classes("document"))
    line = subprocess.run(
        [sys.executable, BASELINE, tmp_path / "set"], capture_output=True, text=True, check=True
    ).stdout
    assert 0.25 <= float(line.split()[1]) <= 0.75, (seed, line)

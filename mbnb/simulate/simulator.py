"""Simulated micro-actions: an articulated seated person of 17 joints plays the movements of `mbnb.simulate.choreography`.

Nothing here was recorded. The data set is for tests, demonstrations and comparisons of methods; scores on it say nothing about
real people. Built in are what makes the real task hard: people of different build, posture, tempo and handedness, a random
onset, number of repeats and camera direction, unrelated small movements, and the noise and dropped joints of a pose extractor.
A joint that the extractor lost stays where it was for some frames. Either hand and foot is free to act about equally often, which
is more than the share of left-handed people: many of a seated person's hands are busy.

Body proportions: Drillis & Contini 1966, as in Winter, Biomechanics and Motor Control of Human Movement, figure 4.1 (joint centres
lie inside the outer breadths given there). Time courses of goal-directed movement: minimum jerk (Flash & Hogan 1985).
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter
from scipy.spatial.transform import Rotation

from mbnb.classes import read_classes
from mbnb.clips import Clips, pack
from mbnb.simulate.choreography import (
    AXES,
    CROSSED_LEGS,
    DISTRACTORS,
    HANDS,
    MOVES,
    OTHER_RESTS,
    RESTS,
    Drive,
    Move,
    Place,
    Reach,
)
from mbnb.skeleton import load_skeleton

FPS = 30
FRAMES = (40, 90)
# Lengths as shares of the stature.
BONES = {
    "thigh": 0.245,
    "shank": 0.246,
    "upper_arm": 0.186,
    "forearm": 0.146,
    "trunk": 0.288,
    "half_hips": 0.075,
    "half_shoulders": 0.108,
    "nose_up": 0.09,
    "nose_forward": 0.08,
    "crown_up": 0.172,
    "crown_forward": 0.02,
}
REPEATS = {
    "wave": np.sin,
    "bob": lambda angle: (1 - np.cos(angle)) / 2,
    "beat": lambda angle: np.maximum(np.sin(angle), 0),
}
# Frame-to-frame deviation of a still person in metres, x, y, z: the calmest and the worst of the measured recordings.
NOISE = np.array([[0.0014, 0.0019, 0.003], [0.0057, 0.0066, 0.016]])
FROZEN_CLIPS = 0.05
EASILY_LOST = ("L_Wrist", "R_Wrist", "L_Elbow", "R_Elbow", "L_Ankle", "R_Ankle")
LONG_TAIL = 0.8  # exponent of the power law
FEWEST = 5  # clips of a class under a long tail
KNEE_POLE = 0.043  # turns the pole of the leg so that the knee moves about 1 cm


@dataclass(frozen=True)
class Person:
    """What stays the same in all clips of one person. Angles in degrees, lengths in cm unless said otherwise.

    stature: metres. bones: metres, in the order of `BONES`. size, tempo: how large and how fast this person moves, 1 is average.
    lean, slump, nod, look: posture. feet: (side, forward) of the left and the right foot against straight below the knee.
    seat: height of the hips above the ankles as a share of the shank. rests: probability of each place in `RESTS`.
    crosses: how often the legs are crossed from the start; cross_style: a row of `CROSSED_LEGS`. elbows: how far they stand out.
    restless: degrees of postural sway, and how large the unrelated movements are.
    """

    stature: float
    bones: tuple[float, ...]
    left_handed: bool
    left_footed: bool
    size: float
    tempo: float
    lean: float
    slump: float
    nod: float
    look: float
    feet: tuple[tuple[float, float], tuple[float, float]]
    knees: float
    seat: float
    rests: tuple[float, ...]
    crosses: float
    cross_style: int
    elbows: float
    restless: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Person":
        """A person at random; adults of 1.50 to 1.95 m."""
        stature = float(np.clip(rng.normal(1.71, 0.09), 1.5, 1.95))
        feet = rng.normal((3, 0), (4, 5), (2, 2)) + (0, rng.normal(0, 6))
        return cls(
            stature,
            bones=tuple(
                float(share * stature * rng.uniform(0.95, 1.05)) for share in BONES.values()
            ),
            left_handed=bool(rng.random() < 0.5),
            left_footed=bool(rng.random() < 0.5),
            size=float(rng.uniform(0.7, 1.0)),
            tempo=float(rng.uniform(0.8, 1.25)),
            lean=rng.normal(0, 6),
            slump=rng.uniform(0, 12),
            nod=rng.normal(3, 6),
            look=rng.normal(0, 10),
            feet=tuple(map(tuple, feet)),
            knees=rng.uniform(-0.1, 0.5),
            seat=rng.uniform(0.88, 1.05),
            rests=tuple(rng.dirichlet(np.full(len(RESTS), 1.0))),
            crosses=rng.choice([0, 0.2, 0.5]),
            cross_style=int(rng.integers(len(CROSSED_LEGS))),
            elbows=rng.uniform(0.6, 1.6),
            restless=rng.uniform(0.7, 1.6),
        )


def simulate_clip(
    class_id: int,
    person: Person,
    rng: np.random.Generator,
    noise: bool = True,
    distractors: bool = True,
    camera: bool = True,
) -> np.ndarray:
    """A simulated clip of one class of `document52.csv`: (T, 17, 3) float32 at 30 fps, T in 40-90.

    Metres, x right in the image, y down, z away from the camera, which the person faces within 35 degrees; the pelvis is near
    the origin. Without `noise` the sensor's noise and dropped joints are missing, the movement is the same; without
    `distractors` the unrelated movements; without `camera` it stands straight before the person.
    """
    move = MOVES[list(MOVES)[class_id]]
    chance = {
        "hand": 0.75 if person.left_handed else 0.25,
        "foot": 0.7 if person.left_footed else 0.3,
        "either": 0.5,
    }
    left = rng.random() < chance[move.habit]
    clip = _Clip(person, move, left, rng)
    if distractors:
        clip.distract()
    pose = clip.pose()
    if not left:
        pose = pose[:, load_skeleton().mirror] * (-1, 1, 1)
    view = Rotation.from_euler(
        "XYZ", rng.normal(0, (8, 0, 2)) + (0, rng.uniform(-35, 35), 0), degrees=True
    )
    if camera:
        pose = pose @ view.as_matrix().T
    pose = pose + rng.normal(0, 0.05, 3)
    if noise:
        pose = _observe(pose, rng)
    return pose.astype(np.float32)


def simulate(
    people: int = 40,
    test_people: int = 12,
    clips_per_person: int = 52,
    seed: int = 0,
    tail: bool = False,
) -> dict[str, Clips]:
    """Simulated clips of `people` people, the last `test_people` of them in the split 'test', the others in 'train'.

    No recording is behind them: scores on them say nothing about real people.
    Names are `<code>_sim_p<person>_<clip>`, subjects `p<person>`, labels ids of `document52.csv`. Each person does each class
    about equally often; with `tail`, frequencies within a split follow a power law over the classes, in a fixed
    order, with at least 5 clips a class where the split is large enough. The same arguments give the same
    bytes; a clip's movement depends on nothing but the seed, its person, its number and its class.
    """
    codes = read_classes("document").codes
    splits = {}
    for split, members in (
        ("train", range(people - test_people)),
        ("test", range(people - test_people, people)),
    ):
        poses, names, labels, subjects = [], [], [], []
        for number, classes in zip(members, _class_plan(members, clips_per_person, seed, tail)):
            person = Person.draw(_rng(seed, number))
            for i, class_id in enumerate(classes):
                poses.append(simulate_clip(int(class_id), person, _rng(seed, number, i)))
                names.append(f"{codes[class_id]}_sim_p{number:02d}_{i:04d}")
                labels.append(class_id)
                subjects.append(f"p{number:02d}")
        splits[split] = pack(poses, names, labels, subjects)
    return splits


def _rng(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _class_plan(members: range, clips_per_person: int, seed: int, tail: bool) -> np.ndarray:
    """(people, clips) class ids in random order."""
    count, size = len(MOVES), (len(members), clips_per_person)
    total = len(members) * clips_per_person
    if not tail:
        plan = np.resize(np.arange(count), size)  # everyone starts where the one before stopped
        return np.array(
            [_rng(seed, number, 0, 0).permutation(row) for number, row in zip(members, plan)], int
        ).reshape(size)
    fewest = min(FEWEST, total // count)
    wanted = (1.0 + np.random.default_rng(52).permutation(count)) ** -LONG_TAIL
    free = total - fewest * count
    drawn = np.searchsorted(
        np.cumsum(wanted) / wanted.sum(), (np.arange(free) + 0.5) / max(free, 1)
    )
    return (
        _rng(seed, members.start, 0, 0)
        .permutation(np.concatenate([np.arange(count).repeat(fewest), drawn]))
        .reshape(size)
    )


def _minimum_jerk(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t**3 * (10 - 15 * t + 6 * t**2)


def _smooth_noise(rng: np.random.Generator, frames: int, sigma: float) -> np.ndarray:
    """(frames,) Gaussian noise of deviation 1, smoothed over `sigma` frames."""
    margin = int(4 * sigma) + 1
    noise = gaussian_filter1d(rng.standard_normal(frames + 2 * margin), sigma)[margin:-margin]
    return noise * np.sqrt(2 * np.sqrt(np.pi) * sigma)


def _bend(
    root: np.ndarray, target: np.ndarray, upper: float, lower: float, pole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Two-bone inverse kinematics, (T, 3) each: the middle joint, on the side of `pole`, and the end at or towards `target`."""
    way = target - root
    distance = np.linalg.norm(way, axis=1, keepdims=True)
    unit = way / distance
    folded = np.sqrt(upper**2 + lower**2 - 2 * upper * lower * np.cos(np.radians(25)))
    distance = np.clip(distance, folded, 0.995 * (upper + lower))
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    across = pole - (pole * unit).sum(1, keepdims=True) * unit
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return root + along * unit + np.sqrt(upper**2 - along**2) * across, root + distance * unit


def _turns(yaw: np.ndarray, pitch: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """(T, 3, 3) matrices for degrees to the own left, forwards and down, onto the left side."""
    return Rotation.from_euler("YXZ", np.stack([-yaw, pitch, roll], 1), degrees=True).as_matrix()


def _axes(limb: str) -> np.ndarray:
    """(side, up, forward) -> (x, y, z) for a limb; the near side is the left one."""
    return np.array([-1.0 if limb.startswith("far") else 1.0, -1.0, -1.0])


def _own(limb: str, joint: str) -> str:
    """A joint as a far limb sees it: left and right exchanged."""
    return (
        {"L_": "R_", "R_": "L_"}.get(joint[:2], joint[:2]) + joint[2:]
        if limb.startswith("far")
        else joint
    )


class _Clip:
    """One clip as the left side plays it: time courses for all controls and reaches, then the skeleton they move."""

    def __init__(self, person: Person, move: Move, left: bool, rng: np.random.Generator):
        self.person, self.rng = person, rng
        self.bone = dict(zip(BONES, person.bones))
        self.cm = person.stature / 170
        parts = move.variants[rng.integers(len(move.variants))]
        self.bends = any(isinstance(part, Reach) and part.lean for part in parts)
        self.used = {
            part.limb
            if isinstance(part, Reach)
            else part.control.split(".")[0].replace("knee", "foot")
            for part in parts
        }
        self._time(move)
        courses = self._courses(self.lead, self.rise, self.hold, self.back)
        self.size = rng.uniform(0.8, 1.2)
        self.controls = defaultdict(lambda: np.zeros(self.frames))
        self._posture(left, move)
        for part in parts:
            if isinstance(part, Reach):
                self.reaches[part.limb] = (part, courses[part.course])
            else:
                self._drive(part, courses, person.size * self.size)

    def _time(self, move: Move) -> None:
        """Onset, rise, hold, way back and rest at the end, in seconds, and the number of frames."""
        rng, tempo = self.rng, self.person.tempo
        rate = rng.uniform(*move.rate) * np.sqrt(tempo)
        self.lead, tail = rng.uniform(0.1, 1), rng.uniform(0.1, 0.4)
        self.rise, fall = rng.uniform(*move.rise, 2) / tempo
        self.hold = rng.uniform(*move.cycles) / rate if move.cycles else rng.uniform(*move.hold)
        self.back = 0.0 if rng.random() < move.stay else fall
        seconds = self.lead + self.rise + self.hold + self.back + tail
        missing = max(0.0, FRAMES[0] / FPS - seconds)
        self.lead += missing * rng.random()
        self.frames = int(np.clip(round((seconds + missing) * FPS), *FRAMES))
        self.rate = rate * (1 + 0.1 * _smooth_noise(rng, self.frames, 8))

    def _courses(self, lead: float, rise: float, hold: float, back: float) -> dict[str, np.ndarray]:
        t = np.arange(self.frames) / FPS
        shift = _minimum_jerk((t - lead) / rise)
        out = shift - _minimum_jerk((t - lead - rise - hold) / back) if back else shift
        busy = _minimum_jerk((out - 0.6) / 0.4)
        cycles = np.cumsum(self.rate * (busy > 0)) / FPS
        return {"hold": out, "shift": shift, "release": 1 - shift, "busy": busy, "cycles": cycles}

    def _drive(self, part: Drive, courses: dict[str, np.ndarray], size: float) -> None:
        if part.course in courses:
            course = courses[part.course]
        elif part.course == "wander":
            course = courses["busy"] * _smooth_noise(
                self.rng, self.frames, FPS / (5 * self.rate.mean())
            )
        else:
            course = courses["busy"] * REPEATS[part.course](
                2 * np.pi * (courses["cycles"] + part.phase)
            )
        self.controls[part.control] = (
            self.controls[part.control] + self.rng.uniform(*part.size) * size * course
        )

    def _posture(self, left: bool, move: Move) -> None:
        """How the person sits in this clip: constant offsets, breathing, sway, tremor; where hands and feet rest."""
        person, rng, side = self.person, self.rng, 1 if left else -1
        offsets = {
            "trunk.lean": person.lean + rng.normal(0, 4),
            "trunk.slump": person.slump + rng.uniform(-3, 6),
            "trunk.tilt": rng.normal(0, 3),
            "trunk.twist": rng.normal(0, 6),
            "head.nod": person.nod + rng.normal(0, 5),
            "head.look": side * person.look + rng.normal(0, 9),
            "head.tilt": rng.normal(0, 5),
        }
        for control, offset in offsets.items():
            self.controls[control] = offset + person.restless * rng.uniform(0.3, 1) * _smooth_noise(
                rng, self.frames, 12
            )
        t = np.arange(self.frames) / FPS
        self.controls["trunk.slump"] += rng.uniform(0.4, 0.9) * np.sin(
            2 * np.pi * (rng.uniform(0.2, 0.33) * t + rng.random())
        )
        self.tremor = {
            limb: rng.uniform(0.02, 0.08)
            * np.sin(2 * np.pi * (rng.uniform(8, 12) * t + rng.random()))
            for limb in HANDS
        }
        weights = np.array(
            [
                0 if move.rests and name not in move.rests else weight + 0.02
                for name, weight in zip(RESTS, person.rests)
            ]
        )
        first, second = rng.choice(len(RESTS), 2, p=weights / weights.sum())
        places = list(RESTS.values())
        self.rests = {
            "hand": places[first],
            "far_hand": places[second if rng.random() < 0.3 else first],
        }
        self.rest_shift = {limb: rng.normal(0, (2.5, 0.7, 4)) for limb in HANDS}
        self.goal_shift = {
            limb: rng.normal(0, 1.3, 3) for limb in ("hand", "far_hand", "foot", "far_foot")
        }
        feet = np.array(person.feet) + rng.normal(0, 2.5, (2, 2)) + (0, rng.normal(0, 4))
        self.feet = np.clip(feet, (-5, -14), (15, 14))[::side]
        self.knees = person.knees + rng.normal(0, 0.1, 2)
        self.reaches = {}
        if (
            rng.random() < person.crosses
            and not self.used & {"foot", "far_foot", "pelvis"}
            and not self.bends
        ):
            place, bend = CROSSED_LEGS[person.cross_style]
            limb = "foot" if left == person.left_footed else "far_foot"
            self.reaches[limb] = (Reach(limb, place, bend), np.ones(self.frames))

    def distract(self) -> None:
        """Up to four small movements of parts that the move itself leaves alone, and hands that find another resting place."""
        free = [
            parts
            for parts in DISTRACTORS
            if not {part.control.split(".")[0] for part in parts} & (self.used | set(self.reaches))
        ]
        count = min(len(free), self.rng.choice(5, p=(0.1, 0.2, 0.3, 0.25, 0.15)))
        for choice in self.rng.choice(len(free), count, replace=False):
            courses = self._own_time()
            for part in free[choice]:
                self._drive(part, courses, self.person.restless)
        for limb in HANDS:
            if limb not in self.used and self.rng.random() < 0.5:
                place = RESTS[str(self.rng.choice(OTHER_RESTS))]
                self.reaches[limb] = (Reach(limb, place), self._own_time()["hold"])

    def _own_time(self) -> dict[str, np.ndarray]:
        lead, rise, hold, back = self.rng.uniform(
            (0, 0.25, 0.1, 0.25), (self.frames / FPS, 0.6, 0.8, 0.6)
        )
        return self._courses(lead, rise, hold, back if self.rng.random() < 0.5 else 0)

    def pose(self) -> np.ndarray:
        """(T, 17, 3) metres."""
        joints = self._legs()
        self._lean_as_needed(joints)
        joints |= self._trunk(self.controls, joints["Pelvis"])
        for limb in reversed(HANDS):  # the near hand may go to the far arm
            self._arm(limb, joints)
        return np.stack([joints[name] for name in load_skeleton().joints], 1)  # (T, 17, 3)

    def _offset(self, limb: str) -> np.ndarray:
        """(T, 3) the limb's controls side, up, forward in metres along x, y, z."""
        return (
            np.stack([self.controls[f"{limb}.{axis}"] for axis in AXES], 1) * _axes(limb) * self.cm
        )

    def _point(
        self, place: Place, limb: str, joints: dict[str, np.ndarray], shift: np.ndarray
    ) -> np.ndarray:
        """(T, 3) where a place, shifted by (side, up, forward) cm, is; for a far limb its mirror image."""
        start, end = (_own(limb, name) for name in (place.start, place.end))
        at = (np.array(place.at) + shift) * self.cm * _axes(limb)
        frame = joints["frame." + place.frame] if place.frame != "seat" else np.eye(3)
        return joints[start] * (1 - place.share) + joints[end] * place.share + frame @ at

    def _legs(self) -> dict[str, np.ndarray]:
        """Pelvis, hips, knees and ankles; a leg laid over the other one last."""
        bone, controls = self.bone, self.controls
        joints = {"Pelvis": self._offset("pelvis")}
        turn = _turns(
            0.2 * controls["trunk.twist"], np.zeros(self.frames), 0.2 * controls["trunk.tilt"]
        )
        for limb in sorted(("far_foot", "foot"), key=self.reaches.__contains__):
            axes, index = _axes(limb), int(limb == "far_foot")
            hip = joints[_own(limb, "L_Hip")] = joints["Pelvis"] + turn @ (
                np.array([bone["half_hips"], 0, 0]) * axes
            )
            side, forward = self.feet[index] * self.cm
            rest = (
                np.array(
                    [
                        bone["half_hips"] + side,
                        -self.person.seat * bone["shank"],
                        bone["thigh"] + forward,
                    ]
                )
                * axes
            )
            knee_side = (
                self.knees[index] + KNEE_POLE * controls[limb.replace("foot", "knee") + ".side"]
            )
            pole = np.stack([knee_side, np.ones(self.frames), np.full(self.frames, 0.8)], 1) * axes
            knee, _ = _bend(hip[:1], rest[None], bone["thigh"], bone["shank"], pole[:1])
            swing = _turns(np.zeros(self.frames), -controls[f"{limb}.swing"], np.zeros(self.frames))
            target = knee + swing @ (rest - knee[0]) + self._offset(limb)
            if limb in self.reaches:
                target, pole = self._reach(limb, joints, target, pole, (0, 5, 10), 1)
            joints[_own(limb, "L_Knee")], joints[_own(limb, "L_Ankle")] = _bend(
                hip, target, bone["thigh"], bone["shank"], pole
            )
        return joints

    def _reach(
        self,
        limb: str,
        joints: dict[str, np.ndarray],
        target: np.ndarray,
        pole: np.ndarray,
        arc: tuple[int, int, int],
        elbows: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Target and pole, (T, 3) each, on their way to the limb's goal, on a path that swings out by `arc` (side, up, forward) cm."""
        reach, weight = self.reaches[limb][0], self.reaches[limb][1][:, None]
        goal = self._point(reach.place, limb, joints, self.goal_shift[limb])
        path = (
            target
            + weight * (goal - target)
            + 4 * weight * (1 - weight) * np.array(arc) * self.cm * _axes(limb)
        )
        return path, pole + weight * (np.array(reach.bend) * (elbows, 1, 1) * _axes(limb) - pole)

    def _trunk(self, controls: dict[str, np.ndarray], pelvis: np.ndarray) -> dict[str, np.ndarray]:
        """Spine, neck, shoulders and head above the pelvis, with the frames they turn with. Who leans looks up again by half."""
        bone, (lean, slump, tilt, twist) = (
            self.bone,
            (controls[f"trunk.{name}"] for name in ("lean", "slump", "tilt", "twist")),
        )
        lower, upper = (
            _turns(0.5 * twist, lean - slump, 0.7 * tilt),
            _turns(twist, lean + slump, tilt),
        )
        face = upper @ _turns(
            controls["head.look"],
            controls["head.nod"] - 0.6 * slump - 0.5 * lean,
            controls["head.tilt"] - 0.5 * tilt,
        )
        joints = {"frame.trunk": upper, "frame.head": face}
        joints["Spine1"] = spine = pelvis + lower @ (0, -bone["trunk"] / 2, 0)
        joints["Neck"] = neck = spine + upper @ (0, -bone["trunk"] / 2, 0)
        joints["L_Shoulder"] = neck + upper @ (bone["half_shoulders"], 0, 0)
        joints["R_Shoulder"] = neck - upper @ (bone["half_shoulders"], 0, 0)
        joints["Head"] = neck + face @ (0, -bone["nose_up"], -bone["nose_forward"])
        joints["Head_top"] = neck + face @ (0, -bone["crown_up"], -bone["crown_forward"])
        return joints

    def _lean_as_needed(self, joints: dict[str, np.ndarray]) -> None:
        """Bend the trunk as far as the arms of reaches with `lean` must to arrive."""
        wanted = [
            (limb, reach, weight) for limb, (reach, weight) in self.reaches.items() if reach.lean
        ]
        if not wanted:
            return
        arrived = int(wanted[0][2].argmax())
        extra = np.linspace(0, 85, 35)
        then = {
            name: np.full(len(extra), course[arrived]) for name, course in self.controls.items()
        }
        tried = defaultdict(lambda: np.zeros(len(extra)), then)
        tried["trunk.lean"] = tried["trunk.lean"] + extra
        trunk = self._trunk(tried, joints["Pelvis"][arrived])
        missing = np.zeros(len(extra))
        for limb, reach, _ in wanted:
            goal = self._point(reach.place, limb, joints, self.goal_shift[limb])[arrived]
            distance = np.linalg.norm(goal - trunk[_own(limb, "L_Shoulder")], axis=1)
            missing = np.maximum(
                missing, distance - 0.95 * (self.bone["upper_arm"] + self.bone["forearm"])
            )
        lean = extra[np.argmax(missing <= max(missing.min() + 0.02, 0))]
        self.controls["trunk.lean"] = self.controls["trunk.lean"] + lean * wanted[0][2]

    def _arm(self, limb: str, joints: dict[str, np.ndarray]) -> None:
        """Elbow and wrist: from the resting place to the goal and back, with the hand's own movement on top."""
        target = self._point(self.rests[limb], limb, joints, self.rest_shift[limb])
        pole = np.broadcast_to(
            np.array([0.5 * self.person.elbows, -0.8, -0.4]) * _axes(limb), (self.frames, 3)
        )
        if limb in self.reaches:
            target, pole = self._reach(limb, joints, target, pole, (3, 0, 6), self.person.elbows)
        target = target + self._offset(limb) + self.tremor[limb][:, None] / 100
        pole = np.einsum("tij,tj->ti", joints["frame.trunk"], pole)  # (T, 3)
        joints[_own(limb, "L_Elbow")], joints[_own(limb, "L_Wrist")] = _bend(
            joints[_own(limb, "L_Shoulder")],
            target,
            self.bone["upper_arm"],
            self.bone["forearm"],
            pole,
        )


def _observe(pose: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a pose extractor would make of it: noise that halves its correlation every frame, and now and then a frozen joint.

    A sequence x' = x / 2 + white noise has neighbours that differ by the deviation of x itself, so that the level is the measured one.
    """
    level = (
        NOISE[0] * (NOISE[1] / NOISE[0]) ** rng.random() * rng.uniform(0.8, 1.2, (pose.shape[1], 3))
    )
    warm = 8
    white = rng.standard_normal((len(pose) + warm, *pose.shape[1:])) * level * np.sqrt(0.75)
    pose = pose + lfilter([1], [1, -0.5], white, axis=0)[warm:]
    if rng.random() < FROZEN_CLIPS:
        for joint in rng.choice(
            load_skeleton().index(*EASILY_LOST), rng.integers(1, 3), replace=False
        ):
            length = int(rng.integers(4, 12))
            start = int(rng.integers(1, len(pose) - length))
            pose[start : start + length, joint] = pose[start - 1, joint]
    return pose

"""One simulated clip: a person plays one move, before a camera and an extractor that errs."""

from collections import defaultdict

import numpy as np
from scipy.spatial.transform import Rotation

from mbnb.simulate.body import Body, Motion
from mbnb.simulate.choreography import (
    CROSSED_LEGS,
    DISTRACTORS,
    HANDS,
    LIMBS,
    MOVES,
    OTHER_RESTS,
    RESTS,
    Drive,
    Move,
    Reach,
)
from mbnb.simulate.fingers import DOCUMENT_ACTS, Act
from mbnb.simulate.hands import whole_joints
from mbnb.simulate.noise import add_noise
from mbnb.simulate.person import Person
from mbnb.simulate.timing import FPS, REPEATS, Span, Timing, smooth_noise
from mbnb.simulate.whole import ALL, H36M, joints_of, mirrored, shown_as
from mbnb.skeleton import Skeleton


def simulate_clip(
    class_id: int,
    person: Person,
    rng: np.random.Generator,
    noise: bool = True,
    distractors: bool = True,
    camera: bool = True,
    skeleton: Skeleton = H36M,
) -> np.ndarray:
    """A clip of one class of `document52.csv`: (T, J, 3) float32 at 30 fps, T in 40-90.

    Metres, x right in the image, y down, z away from the camera, which the person faces within
    35 degrees; the pelvis is near the origin. Without `noise` the extractor's errors are missing
    and the movement is the same. Without `distractors` there are no unrelated movements. Without
    `camera` it stands straight before the person. skeleton: Human3.6M's, or `wholebody44`, of the
    same movement; hands that the extractor does not find are NaN.
    """
    code = list(MOVES)[class_id]
    move = MOVES[code]
    chance_of_left = {
        "hand": 0.75 if person.left_handed else 0.25,
        "foot": 0.7 if person.left_footed else 0.3,
        "either": 0.5,
    }
    left = rng.random() < chance_of_left[move.habit]
    performance = Performance(person, move, left, rng)
    if distractors:
        performance.distract()
    pose = performance.pose(code, DOCUMENT_ACTS, skeleton)
    if not left:
        pose = mirrored(pose)
    view = Rotation.from_euler(
        "XYZ", rng.normal(0, (8, 0, 2)) + (0, rng.uniform(-35, 35), 0), degrees=True
    )
    if camera:
        pose = pose @ view.as_matrix().T
    pose = pose + rng.normal(0, 0.05, 3)
    shown = pose[:, : len(H36M)]
    if noise:
        shown = add_noise(shown, rng)
    return shown_as(skeleton, shown, pose, rng, noise)


class Performance:
    """What a person does in one clip, as the left side plays it, drawn at random.

    motion: the result, for a `Body` to play. busy: the parts of the body that the move uses.
    """

    def __init__(self, person: Person, move: Move, left: bool, rng: np.random.Generator):
        self.person, self.rng = person, rng
        parts = move.variants[rng.integers(len(move.variants))]
        self.busy = {
            part.limb if isinstance(part, Reach) else part.part.replace("knee", "foot")
            for part in parts
        }
        bends_down = any(isinstance(part, Reach) and part.lean for part in parts)
        self.timing = self._timing(move)
        size = rng.uniform(0.8, 1.2)
        # The order of the draws from here on decides every movement: a clip is its seed's.
        controls = self._sit(left)
        tremor = {limb: self._tremor() for limb in HANDS}
        rests = self._rests(move)
        rest_shift = {limb: rng.normal(0, (2.5, 0.7, 4)) for limb in HANDS}
        goal_shift = {limb: rng.normal(0, 1.3, 3) for limb in LIMBS}
        feet = np.array(person.feet) + rng.normal(0, 2.5, (2, 2)) + (0, rng.normal(0, 4))
        feet = np.clip(feet, (-5, -14), (15, 14))[:: 1 if left else -1]
        knees = person.knees + rng.normal(0, 0.1, 2)
        self.motion = Motion(
            controls, {}, rests, rest_shift, goal_shift, feet, knees, tremor, self.timing.frames
        )
        legs_are_free = not self.busy & {"foot", "far_foot", "pelvis"} and not bends_down
        if rng.random() < person.crosses and legs_are_free:
            place, bend = CROSSED_LEGS[person.cross_style]
            limb = "foot" if left == person.left_footed else "far_foot"
            self.motion.reaches[limb] = (Reach(limb, place, bend), np.ones(self.timing.frames))
        courses = self.timing.courses(self.timing.span)
        for part in parts:
            if isinstance(part, Reach):
                self.motion.reaches[part.limb] = (part, courses[part.course])
            else:
                self._drive(part, courses, person.size * size)

    def pose(self, code: str, acts: dict[str, tuple[Act, ...]], skeleton: Skeleton) -> np.ndarray:
        """(T, K, 3) metres, the joints that `skeleton` needs; acts: what hands do, by code."""
        body = Body(self.person, self.motion)
        joints = body.joints()
        if joints_of(skeleton) == ALL:
            busy = self.timing.courses(self.timing.span)["busy"]
            # Draws of its own, so that the 17 joints are the same with and without the rest.
            apart = self.rng.spawn(1)[0]
            joints |= whole_joints(body, joints, code, acts, self.busy, busy, apart)
        return np.stack([joints[name] for name in joints_of(skeleton)], 1)

    def _timing(self, move: Move) -> Timing:
        """When the move happens."""
        return Timing.draw(move, self.person.tempo, self.rng)

    def _sit(self, left: bool) -> dict[str, np.ndarray]:
        """Control -> (T,) posture of trunk and head: constant offsets, sway and breathing."""
        person, rng, frames = self.person, self.rng, self.timing.frames
        controls = defaultdict(lambda: np.zeros(frames))
        offsets = {
            "trunk.lean": person.lean + rng.normal(0, 4),
            "trunk.slump": person.slump + rng.uniform(-3, 6),
            "trunk.tilt": rng.normal(0, 3),
            "trunk.twist": rng.normal(0, 6),
            "head.nod": person.nod + rng.normal(0, 5),
            "head.look": (1 if left else -1) * person.look + rng.normal(0, 9),
            "head.tilt": rng.normal(0, 5),
        }
        for control, offset in offsets.items():
            sway = person.restless * rng.uniform(0.3, 1) * smooth_noise(rng, frames, 12)
            controls[control] = offset + sway
        controls["trunk.slump"] += rng.uniform(0.4, 0.9) * self._sine((0.2, 0.33))
        return controls

    def _tremor(self) -> np.ndarray:
        """(T,) cm by which a hand trembles."""
        return self.rng.uniform(0.02, 0.08) * self._sine((8, 12))

    def _sine(self, hertz: tuple[float, float]) -> np.ndarray:
        """(T,) a sine of random rate and phase."""
        t = np.arange(self.timing.frames) / FPS
        return np.sin(2 * np.pi * (self.rng.uniform(*hertz) * t + self.rng.random()))

    def _rests(self, move: Move) -> dict:
        """Where each hand lies when it does nothing else, mostly both alike."""
        weights = np.array(
            [
                0 if move.rests and name not in move.rests else weight + 0.02
                for name, weight in zip(RESTS, self.person.rests)
            ]
        )
        first, second = self.rng.choice(len(RESTS), 2, p=weights / weights.sum())
        places = list(RESTS.values())
        return {
            "hand": places[first],
            "far_hand": places[second if self.rng.random() < 0.3 else first],
        }

    def _drive(self, part: Drive, courses: dict[str, np.ndarray], size: float) -> None:
        """Move a control along its course, on top of what it does already."""
        course = course_of(part, courses, self.timing.rate, self.rng)
        controls = self.motion.controls
        controls[part.control] = (
            controls[part.control] + self.rng.uniform(*part.size) * size * course
        )

    def distract(self) -> None:
        """Add unrelated movements where the move leaves the body alone.

        Up to four small movements, and hands that find another resting place.
        """
        reaches, taken = self.motion.reaches, self.busy | set(self.motion.reaches)
        free = [parts for parts in DISTRACTORS if not {part.part for part in parts} & taken]
        count = min(len(free), self.rng.choice(5, p=(0.1, 0.2, 0.3, 0.25, 0.15)))
        for choice in self.rng.choice(len(free), count, replace=False):
            courses = self._courses_of_their_own()
            for part in free[choice]:
                self._drive(part, courses, self.person.restless)
        for limb in HANDS:
            if limb not in self.busy and self.rng.random() < 0.5:
                place = RESTS[str(self.rng.choice(OTHER_RESTS))]
                reaches[limb] = (Reach(limb, place), self._courses_of_their_own()["hold"])

    def _courses_of_their_own(self) -> dict[str, np.ndarray]:
        """Time courses of a movement that begins and ends at any time."""
        longest = (self.timing.frames / FPS, 0.6, 0.8, 0.6)
        lead, rise, hold, back = self.rng.uniform((0, 0.25, 0.1, 0.25), longest)
        return self.timing.courses(Span(lead, rise, hold, back if self.rng.random() < 0.5 else 0))


def course_of(
    part: Drive, courses: dict[str, np.ndarray], rate: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(T,) how a control moves by `Timing.courses`; rate: (T,) Hz of what is repeated."""
    if part.course in courses:
        return courses[part.course]
    if part.course == "wander":
        return courses["busy"] * smooth_noise(rng, len(rate), FPS / (5 * rate.mean()))
    return courses["busy"] * REPEATS[part.course](2 * np.pi * (courses["cycles"] + part.phase))

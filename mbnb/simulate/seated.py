"""One simulated clip of the official list: a person in any posture, cut as real clips are cut.

What `clip` makes of the document's list is a whole movement, plainly played, that begins at rest.
Here a clip may begin in the middle and end before the way back; movements may be small or stop
short of their goal; hands and legs rest in more ways; heads nod as people talk.
"""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from mbnb.simulate.choreography import DISTRACTORS, HANDS, KNEE_UP, Drive, Move, Place, Reach
from mbnb.simulate.clip import Performance
from mbnb.simulate.extractor import extract
from mbnb.simulate.fingers import OFFICIAL_ACTS
from mbnb.simulate.official import BESIDES, OFFICIAL_MOVES, OVER_ANKLE, POSTURES
from mbnb.simulate.person import BONES, Person
from mbnb.simulate.timing import FPS, REPEATS, Span, Timing, smooth_noise
from mbnb.simulate.whole import H36M, mirrored, shown_as
from mbnb.skeleton import Skeleton

FRAMES = (20, 150)  # the shortest and the longest clip
SIZES = (0.45, 1.45)  # of the movements of one clip against a person's usual ones
LONGEST_HOLD = 1.8  # seconds of a move that most people repeat or hold
# Lengths as shares of the stature, as MediaPipe gives them of seated adults and children: it makes
# arms and shanks shorter than they are, and noses stand out further from the shoulders.
SEEN_BONES = {
    "thigh": (0.215, 0.255),
    "shank": (0.2, 0.25),
    "upper_arm": (0.14, 0.185),
    "forearm": (0.13, 0.155),
    "trunk": (0.21, 0.285),
    "half_hips": (0.06, 0.078),
    "half_shoulders": (0.088, 0.112),
    "nose_up": (0.07, 0.11),
    "nose_forward": (0.08, 0.14),
    "crown_up": (0.15, 0.185),
    "crown_forward": (0, 0.055),
}
# Which regions of the official list can still be told where the picture ends at the knees, or
# legs are hidden, and which where it ends below the shoulders.
WITHOUT_LEGS = ("head", "upper limb", "body-hand", "head-hand", "nothing")
WITHOUT_TRUNK = ("head", "head-hand")


def draw_person(rng: np.random.Generator) -> Person:
    """A person at random, of the build that an extractor sees; most sit fairly still."""
    person = Person.draw(rng)
    least, most = np.transpose([SEEN_BONES[bone] for bone in BONES])
    stature = float(np.clip(rng.normal(1.66, 0.12), 1.3, 1.95))
    return replace(
        person,
        stature=stature,
        bones=tuple((stature * rng.uniform(least, most)).tolist()),
        lean=rng.normal(6, 8),
        seat=rng.uniform(0.85, 1.4),
        rests=tuple(rng.dirichlet([weight for _, weight in POSTURES.values()]).tolist()),
        restless=float(np.exp(rng.uniform(np.log(0.2), np.log(1.2)))),
    )


def seated_clip(
    class_id: int,
    region: str,
    person: Person,
    rng: np.random.Generator,
    noise: bool = True,
    distractors: bool = True,
    camera: bool = True,
    skeleton: Skeleton = H36M,
) -> np.ndarray:
    """A clip of a class of `ma52_still.csv`: (T, J, 3) float32 at 30 fps, T in 20-150.

    Metres, x right in the image, y down, z away from the camera, the pelvis at the origin; NaN
    where the extractor sees nothing. region: of the class. Without `noise`, the extractor's errors
    are missing and the movement is the same. Without `distractors` the move is played whole and
    alone. Without `camera` it stands straight before the person. skeleton: as of `simulate_clip`.
    """
    code, move = list(OFFICIAL_MOVES.items())[class_id]
    chance_of_left = {
        "hand": 0.7 if person.left_handed else 0.3,
        "foot": 0.7 if person.left_footed else 0.3,
        "either": 0.5,
    }
    left = rng.random() < chance_of_left[move.habit]
    size = np.exp(rng.uniform(*np.log(SIZES))) if distractors else 1.0
    performance = Seated(replace(person, size=person.size * size), move, left, rng)
    if distractors:
        performance.distract()
    pose = performance.pose(code, OFFICIAL_ACTS, skeleton)[performance.first :]
    if not left:
        pose = mirrored(pose)
    # Most people face the camera, which stands a little above them.
    yaw = rng.normal(0, 10) if rng.random() < 0.6 else rng.uniform(-45, 45)
    # A head below the hips, as of somebody who bends down seen from above, is found by nobody.
    bends = any(reach.lean for reach, _ in performance.motion.reaches.values())
    pitch = rng.triangular(-10, 0, 10) if bends else rng.triangular(-10, 16, 32)
    view = Rotation.from_euler("XYZ", (pitch, yaw, rng.normal(0, 2)), degrees=True)
    if camera:
        pose = pose @ view.as_matrix().T
    shown = pose[:, : len(H36M)]
    if noise:
        shown = extract(shown, rng, legs=region not in WITHOUT_LEGS, trunk=region in WITHOUT_TRUNK)
    else:
        shown = shown - shown[:, [H36M.root]]
    return shown_as(skeleton, shown, pose, rng, noise)


def _repeats(parts: tuple[Reach | Drive, ...]) -> bool:
    """Whether something goes on while a move holds."""
    return any(part.course in (*REPEATS, "wander") for part in parts)


class Seated(Performance):
    """What a person does in one clip that may begin and end anywhere.

    first: the frame with which the clip begins.
    """

    first: int

    def __init__(self, person: Person, move: Move, left: bool, rng: np.random.Generator):
        super().__init__(person, move, left, rng)
        reaches = self.motion.reaches
        taken = self.busy | set(reaches)
        if not taken & {"foot", "far_foot", "pelvis"} and rng.random() < 0.12:
            limb = str(rng.choice(["foot", "far_foot"]))
            reaches[limb] = (Reach(limb, OVER_ANKLE, KNEE_UP), np.ones(self.timing.frames))

    def _timing(self, move: Move) -> Timing:
        """When the move happens, and which part of it the clip shows."""
        rng, tempo = self.rng, self.person.tempo
        rate = rng.uniform(*move.rate) * np.sqrt(tempo)
        rise, fall = rng.uniform(*move.rise, 2) / tempo
        hold = rng.uniform(*move.cycles) / rate if move.cycles else rng.uniform(*move.hold)
        hold = min(hold, LONGEST_HOLD if rng.random() < 0.8 else 3.5)
        back = 0.0 if rng.random() < move.stay else fall
        margin = 0.35 if rng.random() < 0.75 else 1.2  # seconds: cut tightly or loosely
        before, after = rng.uniform(0, margin, 2)
        end = rise + hold + back + after
        if rng.random() < 0.2:  # begins in the middle
            before = -rng.uniform(0.2, 0.55) * rise
            if all(map(_repeats, move.variants)):  # later, others have nothing left to show
                before -= rng.uniform(0, 0.4) * hold
        if rng.random() < 0.15:  # ends there
            end = rise + rng.uniform(0.6, 1) * hold
        self.first = round(max(-before, 0) * FPS)
        length = int(np.clip(round((end + before) * FPS), *FRAMES))
        frames = self.first + length
        unsteady = rate * (1 + 0.12 * smooth_noise(rng, frames, 8))
        return Timing(Span(max(before, 0), rise, hold, back), frames, unsteady)

    def _rests(self, move: Move) -> dict[str, Place]:
        """Where each hand lies when it does nothing else, mostly both alike."""
        names = list(POSTURES)
        allowed = np.array([not move.rests or name in move.rests for name in names])
        weights = allowed * (np.array(self.person.rests) + 0.02)
        first, second = self.rng.choice(names, 2, p=weights / weights.sum())
        together = first in ("clasped", "folded") or self.rng.random() < 0.75
        names = [str(first), str(first if together else second)]
        if names == ["chin", "chin"]:
            names[int(self.rng.random() < 0.5)] = "belly"
        return {limb: POSTURES[name][0] for limb, name in zip(HANDS, names)}

    def distract(self) -> None:
        """Add what people do besides, and let reaches miss their goal, some by much."""
        rng, reaches = self.rng, self.motion.reaches
        for limb in self.busy & set(reaches):
            short = rng.uniform(0.75, 1) if rng.random() < 0.15 else 1.0
            reaches[limb] = (reaches[limb][0], reaches[limb][1] * short)
            self.motion.goal_shift[limb] = self.motion.goal_shift[limb] + rng.normal(0, 1.2, 3)
        taken = self.busy | set(reaches)
        if self.busy and rng.random() < 0.12:
            self._play(rng, DISTRACTORS, taken, 1, 0.7)
        self._play(rng, BESIDES, taken, int(rng.integers(1, 6)), 1.0)

    def _play(
        self,
        rng: np.random.Generator,
        choices: tuple,
        taken: Collection[str],
        count: int,
        by: float,
    ) -> None:
        """Play some of the choices that move nothing taken, `by` times as largely."""
        free = [parts for parts in choices if not {part.part for part in parts} & set(taken)]
        for choice in rng.choice(len(free), min(count, len(free)), replace=False):
            frames = self.timing.frames
            courses = self._courses_of_their_own()
            courses |= {"busy": np.ones(frames), "drift": smooth_noise(rng, frames, 20)}
            for part in free[choice]:
                self._drive(part, courses, by * (0.5 + 0.5 * self.person.restless))

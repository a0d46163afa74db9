"""A simulated person who sits through an interview: minutes of movement, and what happens when.

The person is asked and answers, rests, shifts, talks with small movements of head and hands, and
now and then makes one of MA-52's micro-actions, sometimes two at once. What is played from one
rest to the next is a piece; pieces begin and end where the body rests, so that they join.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from mbnb.classes import read_classes
from mbnb.intervals import Coding, Interval
from mbnb.simulate.body import Body, Motion
from mbnb.simulate.choreography import DISTRACTORS, HANDS, LIMBS, Drive, Move, Reach
from mbnb.simulate.clip import course_of
from mbnb.simulate.extractor import extract_recording
from mbnb.simulate.official import BESIDES, OFFICIAL_MOVES, POSTURES
from mbnb.simulate.person import Person
from mbnb.simulate.seated import LONGEST_HOLD, SIZES, draw_person
from mbnb.simulate.simulator import rng_of
from mbnb.simulate.timing import FPS, Span, Timing, minimum_jerk, smooth_noise
from mbnb.skeleton import load_skeleton

# Clips of each class in the train list that MA-52's authors publish, by class id.
FREQUENCIES = (309, 150, 20, 9, 156, 337, 242, 456, 962, 1283, 1193, 227, 112, 95, 42, 82, 76, 355)
FREQUENCIES += (87, 277, 147, 356, 373, 397, 238, 66, 92, 97, 60, 231, 259, 398, 63, 82, 53, 33)
FREQUENCIES += (43, 43, 89, 82, 58, 126, 66, 147, 52, 6, 25, 68, 421, 497, 92, 20)
PER_MINUTE = 9.0  # micro-actions
TOGETHER = 0.1  # of them come with a second one
# How much more often than usual something is done while somebody else talks, and while answering.
LISTENING = {"B9": 2.0, "B7": 1.5, "C23": 0.2, "C20": 0.3}
ANSWERING = {"C23": 2.0, "C20": 2.0, "B10": 1.3}
# Movements whose way back is a class of its own; drawn as either of both, they are made as both.
UNDONE_BY = {"C17": "C18", "D26": "D27", "D29": "D30"}
CROSSING = "D28"  # legs stay crossed for a while
# Rests that look like a class of their own: a hand at the chin, folded arms.
NO_RESTS = ("chin", "folded")
# Where a hand may go without making a micro-action of the way.
ELSEWHERE = ("lap", "seat", "armrest", "belly")
MIRRORED = ("trunk.tilt", "trunk.twist", "head.look", "head.tilt")
LONGEST_PIECE = 60 * FPS  # frames by which an interview may be longer than it is shown
PHASE = "phase"  # the tier that says who talks


@dataclass(frozen=True)
class Interview:
    """What an extractor makes of a simulated person's interview, and what really happened.

    pose: (T, 17, 3) float32 metres at 30 fps, the pelvis at the origin. coding: exact intervals by
    the names of `ma52.csv`, on tiers of the body regions, and on the tier `PHASE`.
    """

    pose: np.ndarray
    coding: Coding

    @property
    def times(self) -> np.ndarray:
        """(T,) seconds."""
        return np.arange(len(self.pose)) / FPS

    @property
    def actions(self) -> Coding:
        """The micro-actions alone, without questions and answers."""
        ones = tuple(one for one in self.coding if one.tier != PHASE)
        return replace(self.coding, intervals=ones)


def simulate_interview(
    number: int,
    seconds: float,
    seed: int = 0,
    per_minute: float = PER_MINUTE,
    noise: bool = True,
) -> Interview:
    """The interview of person `number`, who is the one of that number in `simulate`.

    The same arguments give the same bytes. Without `noise`, the extractor's errors are missing and
    the movement is the same.
    """
    person, rng = draw_person(rng_of(seed, number)), rng_of(seed, number, 0, 1)
    frames = max(2, round(seconds * FPS))
    name = f"interview_p{number:02d}"
    phases = _phases(frames, rng)
    sitter = _Sitter(person, frames + LONGEST_PIECE, phases, rng)
    parts, intervals = [], list(phases)
    for piece in _plan(sitter, frames, phases, per_minute, rng):
        parts.append(sitter.play(piece))
        intervals += piece.intervals
    pose = np.concatenate(parts)[:frames]
    yaw = rng.normal(0, 10) if rng.random() < 0.6 else rng.uniform(-45, 45)
    turn = (rng.triangular(-10, 8, 25), yaw, rng.normal(0, 2))
    pose = pose @ Rotation.from_euler("XYZ", turn, degrees=True).as_matrix().T
    if noise:
        pose = extract_recording(pose, rng)
    else:
        pose = pose - pose[:, [load_skeleton().root]]
    end = frames / FPS
    whole = [
        replace(one, end=min(one.end, end), person="" if one.tier == PHASE else f"p{number:02d}")
        for one in sorted(intervals, key=lambda one: (one.start, one.end))
        if one.start < end - 0.3
    ]
    return Interview(pose.astype(np.float32), Coding(name, tuple(whole), length=end))


@dataclass
class _Action:
    """A move that is played within a piece: in seconds of the piece, `left` or right by the piece.

    parts: of the move. timing: when. ready: seconds that it takes to get to where a move begins
    that starts away from rest.
    """

    parts: tuple[Reach | Drive, ...]
    timing: Timing
    size: float = 1.0
    ready: float = 0.0


@dataclass
class _Piece:
    """Some frames of an interview, from `first` on; rests: where hands lie from its end on."""

    first: int
    frames: int
    actions: Sequence[_Action] = ()
    left: bool = True
    intervals: Sequence[Interval] = ()
    rests: dict[str, tuple[str, np.ndarray]] | None = None


class _Sitter:
    """A person's body over all of an interview: what it does when it makes no micro-action.

    rests: side L or R -> the name of the place where that hand lies, and by how much it misses it.
    """

    def __init__(
        self, person: Person, frames: int, phases: Sequence[Interval], rng: np.random.Generator
    ):
        self.person, self.frames, self.rng = person, frames, rng
        self.controls = self._sway(phases)
        self.feet = np.array(person.feet) + rng.normal(0, 2.5, (2, 2))
        self.feet = np.clip(self.feet, (-5, -14), (15, 14))
        self.knees = person.knees + rng.normal(0, 0.1, 2)
        t = np.arange(frames) / FPS
        self.tremor = {
            side: rng.uniform(0.02, 0.08) * np.sin(2 * np.pi * (rng.uniform(8, 12) * t))
            for side in "LR"
        }
        self.places = [name for name in POSTURES if name not in NO_RESTS]
        weights = [
            weight + 0.02 for name, weight in zip(POSTURES, person.rests) if name not in NO_RESTS
        ]
        first, second = rng.choice(self.places, 2, p=np.array(weights) / sum(weights))
        both = first == "clasped" or rng.random() < 0.75
        names = {"L": str(first), "R": str(first if both else second)}
        if "clasped" in names.values():
            names = dict.fromkeys("LR", "clasped")
        self.rests = {side: (name, self.missed()) for side, name in names.items()}

    def missed(self) -> np.ndarray:
        """(3,) cm by which a hand misses a place."""
        return self.rng.normal(0, (2.5, 0.7, 3))

    def _sway(self, phases: Sequence[Interval]) -> dict[str, np.ndarray]:
        """Control -> (T,): posture that drifts over minutes, sway, breath, and talking."""
        person, rng, frames = self.person, self.rng, self.frames
        t = np.arange(frames) / FPS
        usual = {
            "trunk.lean": (person.lean, 4),
            "trunk.slump": (person.slump, 2),
            "trunk.tilt": (0, 2),
            "trunk.twist": (0, 4),
            "head.nod": (person.nod, 3),
            "head.look": (person.look, 4),
            "head.tilt": (0, 3),
        }
        controls = {}
        for control, (mean, spread) in usual.items():
            slow = spread * smooth_noise(rng, frames, rng.uniform(8, 20) * FPS)
            sway = person.restless * rng.uniform(0.3, 1) * smooth_noise(rng, frames, 12)
            controls[control] = mean + slow + sway
        controls["trunk.slump"] += rng.uniform(0.4, 0.9) * np.sin(
            2 * np.pi * rng.uniform(0.2, 0.33) * t
        )
        talking = np.full(frames, 0.3)
        for one in phases:
            if one.label == "answer":
                talking[round(one.start * FPS) : round(one.end * FPS)] = 1.0
        talking *= np.clip(0.6 + 0.5 * smooth_noise(rng, frames, 40), 0, 1.5)
        by = 0.5 + 0.5 * person.restless
        for parts in BESIDES:
            for part in parts:
                wanders = part.course == "wander"
                noise = smooth_noise(rng, frames, 10 if wanders else 25)
                size = by * max(map(abs, part.size)) * (talking if wanders else 0.5)
                controls[part.control] = controls.get(part.control, 0) + size * noise
        return controls

    def play(self, piece: _Piece) -> np.ndarray:
        """(frames, 17, 3) metres; the hands lie where the piece says from then on."""
        now, frames = slice(piece.first, piece.first + piece.frames), piece.frames
        sides = "LR" if piece.left else "RL"
        controls = defaultdict(lambda: np.zeros(frames))
        for control, course in self.controls.items():
            if not piece.left:
                course = -course if control in MIRRORED else course
                part, _, axis = control.partition(".")
                other = f"far_{part}" if f"far_{part}" in LIMBS else part.removeprefix("far_")
                control = f"{other}.{axis}" if part in LIMBS else control
            controls[control] = course[now].copy()
        side_of = dict(zip(HANDS, sides))
        motion = Motion(
            controls,
            {},
            {limb: POSTURES[self.rests[side][0]][0] for limb, side in side_of.items()},
            {limb: self.rests[side][1] for limb, side in side_of.items()},
            {limb: self.rng.normal(0, 1.5, 3) for limb in LIMBS},
            self.feet[:: 1 if piece.left else -1],
            self.knees[:: 1 if piece.left else -1],
            {limb: self.tremor[side][now] for limb, side in side_of.items()},
            frames,
        )
        for action in piece.actions:
            self._act(motion, action)
        if piece.rests:
            self._change_rests(motion, piece, side_of)
        joints = Body(self.person, motion).joints()
        pose = np.stack([joints[name] for name in load_skeleton().joints], 1)
        return pose if piece.left else pose[:, load_skeleton().mirror] * (-1, 1, 1)

    def _act(self, motion: Motion, action: _Action) -> None:
        """Add a move to a motion."""
        timing = action.timing
        courses = timing.courses(timing.span)
        if action.ready:
            t = np.arange(motion.frames) / FPS
            courses["release"] = courses["release"] * minimum_jerk(t / action.ready)
        for part in action.parts:
            if isinstance(part, Reach):
                motion.reaches[part.limb] = (part, courses[part.course])
                continue
            course = course_of(part, courses, timing.rate, self.rng)
            size = self.rng.uniform(*part.size) * self.person.size * action.size
            motion.controls[part.control] = motion.controls[part.control] + size * course

    def _change_rests(self, motion: Motion, piece: _Piece, side_of: dict[str, str]) -> None:
        """Let hands go to another place over all of the piece."""
        course = minimum_jerk(np.arange(1, piece.frames + 1) / piece.frames)
        for limb, side in side_of.items():
            if side in piece.rests:
                name, missed = self.rests[side] = piece.rests[side]
                motion.reaches[limb] = (Reach(limb, POSTURES[name][0]), course)
                motion.goal_shift[limb] = missed


def _phases(frames: int, rng: np.random.Generator) -> list[Interval]:
    """Questions and answers in turn, up to the end."""
    phases, start, end = [], 0.0, frames / FPS
    while start < end:
        for label, least, most in (("question", 4, 15), ("answer", 10, 50)):
            stop = min(end, start + rng.uniform(least, most))
            if start < stop:
                phases.append(Interval(start, stop, label, PHASE))
            start = stop
    return phases


def _plan(
    sitter: _Sitter,
    frames: int,
    phases: Sequence[Interval],
    per_minute: float,
    rng: np.random.Generator,
) -> Iterator[_Piece]:
    """The pieces of an interview of so many frames, one after the other; the last may reach on.

    They are yielded as they are played, since where hands lie decides what can follow.
    """
    table = read_classes("ma52")
    habits = np.array(FREQUENCIES) * rng.gamma(2, 0.5, len(FREQUENCIES))
    first, pause = 0, 60 / per_minute - 2.2  # seconds that an action lasts on average
    while first < frames:
        gap = 0.4 + (rng.uniform(12, 30) if rng.random() < 0.05 else rng.exponential(pause - 1))
        for piece in _rest(sitter, first, gap, rng):
            yield piece
            first += piece.frames
        moment = first / FPS
        phase = next((one.label for one in phases if one.start <= moment < one.end), "answer")
        more = LISTENING if phase == "question" else ANSWERING
        weights = habits * [more.get(code, 1.0) for code in table.codes]
        for piece in _perform(sitter, first, weights / weights.sum(), rng):
            yield piece
            first += piece.frames


def _rest(
    sitter: _Sitter, first: int, seconds: float, rng: np.random.Generator
) -> Iterator[_Piece]:
    """A while without a micro-action, in which hands may find another place."""
    frames, chance = max(2, round(seconds * FPS)), rng.random()
    if chance < 0.15 and seconds > 2.5:
        yield (shift := _shift(sitter, first, "LR", rng))
        first, frames = first + shift.frames, max(2, frames - shift.frames)
    elif chance < 0.35 and seconds > 2.5:
        parts = DISTRACTORS[int(rng.integers(len(DISTRACTORS)))]
        span = Span(rng.uniform(0.1, 0.6), *rng.uniform(0.4, 0.7, 3))
        timing = Timing(span, frames, np.ones(frames))
        size = 0.45 * (0.5 + 0.5 * sitter.person.restless)
        yield _Piece(first, frames, [_Action(parts, timing, size)])
        return
    yield _Piece(first, frames)


def _shift(sitter: _Sitter, first: int, sides: str, rng: np.random.Generator) -> _Piece:
    """Hands that go to another resting place, alone or both."""
    clasped = "clasped" in (name for name, _ in sitter.rests.values())
    sides = sides if clasped or rng.random() < 0.6 else str(rng.choice(list(sides)))
    name = str(rng.choice(ELSEWHERE))
    frames = round(rng.uniform(0.7, 1.5) * FPS)
    return _Piece(first, frames, rests={side: (name, sitter.missed()) for side in sides})


def _perform(
    sitter: _Sitter, first: int, weights: np.ndarray, rng: np.random.Generator
) -> Iterator[_Piece]:
    """A micro-action, maybe with a second one; hands may have to go where it can begin before."""
    moves = list(OFFICIAL_MOVES.items())
    codes = [moves[int(i)][0] for i in rng.choice(len(weights), 2, p=weights)]
    left = rng.random() < _chance_of_left(OFFICIAL_MOVES[codes[0]], sitter.person)
    rests = OFFICIAL_MOVES[codes[0]].rests
    if rests and any(name not in rests for name, _ in sitter.rests.values()):
        shift = _Piece(
            first,
            round(rng.uniform(0.7, 1.5) * FPS),
            rests={side: ("lap" if "lap" in rests else "seat", sitter.missed()) for side in "LR"},
        )
        yield shift
        first += shift.frames
        pause = _Piece(first, round(rng.uniform(0.5, 1.5) * FPS))
        yield pause
        first += pause.frames
    main = _draw(codes[0], sitter.person, 0.15, rng)
    chosen = [main]
    if rng.random() < TOGETHER:
        other = _draw(codes[1], sitter.person, 0.1 + rng.uniform(0, 1.2), rng)
        names = {name for name, _ in sitter.rests.values()}
        suits = not OFFICIAL_MOVES[codes[1]].rests or names <= set(OFFICIAL_MOVES[codes[1]].rests)
        if suits and not _used(main.parts) & _used(other.parts):
            chosen.append(other)
    frames = max(one.frames for one in chosen)
    start = first / FPS
    yield _Piece(
        first,
        frames,
        [one.action(frames) for one in chosen],
        bool(left),
        [interval for one in chosen for interval in one.intervals(start)],
    )


def _chance_of_left(move: Move, person: Person) -> float:
    return {
        "hand": 0.7 if person.left_handed else 0.3,
        "foot": 0.7 if person.left_footed else 0.3,
        "either": 0.5,
    }[move.habit]


def _used(parts: Sequence[Reach | Drive]) -> set[str]:
    """The parts of the body that a move uses; trunk, hips and shoulders carry each other."""
    used = {
        part.limb if isinstance(part, Reach) else part.part.replace("knee", "foot")
        for part in parts
    }
    if any(isinstance(part, Reach) and part.lean for part in parts):
        used.add("trunk")
    if used & {"trunk", "pelvis", "shoulders"}:
        used |= {"trunk", "pelvis", "shoulders", "head"}
    return used


@dataclass
class _Drawn:
    """A micro-action as it is drawn: what it moves, when, and what is labelled of it.

    spans: (code, start, end) of what is labelled, in seconds of the piece. rate: Hz of repeats.
    """

    parts: tuple[Reach | Drive, ...]
    span: Span
    rate: float
    wobble: float
    size: float
    ready: float
    spans: list[tuple[str, float, float]]
    rng: np.random.Generator

    @property
    def frames(self) -> int:
        """Up to when everything rests again."""
        return int(np.ceil((sum(self.span) + 0.1) * FPS))

    def action(self, frames: int) -> _Action:
        """The action in a piece of so many frames."""
        unsteady = self.rate * (1 + self.wobble * smooth_noise(self.rng, frames, 8))
        return _Action(self.parts, Timing(self.span, frames, unsteady), self.size, self.ready)

    def intervals(self, first: float) -> Iterator[Interval]:
        """What is labelled, for a piece that begins at second `first`."""
        table = read_classes("ma52")
        for code, start, end in self.spans:
            i = table.codes.index(code)
            yield Interval(first + start, first + end, table.names[i], table.regions[i])


def _draw(code: str, person: Person, lead: float, rng: np.random.Generator) -> _Drawn:
    """A micro-action that begins `lead` seconds after its piece does, at the soonest."""
    code = next((done for done, undone in UNDONE_BY.items() if undone == code), code)
    move, ready = OFFICIAL_MOVES[code], 0.0
    variants = [
        parts
        for parts in move.variants
        if code == "A1" or not any(_away(part) for part in parts)  # others begin at rest
    ]
    rate = rng.uniform(*move.rate) * np.sqrt(person.tempo)
    rise, back = rng.uniform(*move.rise, 2) / person.tempo
    hold = rng.uniform(*move.cycles) / rate if move.cycles else rng.uniform(*move.hold)
    hold = min(hold, LONGEST_HOLD if rng.random() < 0.8 else 3.5)
    if code == "A1":  # slowly into a slump, and up from there
        ready, back = rng.uniform(1.5, 3), 0.0
        lead += ready + rng.uniform(0.3, 1)
        spans = [(code, lead, lead + rise)]
    elif code == CROSSING:
        spans = [(code, lead, lead + rise)]
        hold, back = rng.uniform(2, 12), rng.uniform(1, 2)
    elif code in UNDONE_BY:
        lingers = 0.0 if code == "C17" else rng.uniform(0.5, 3)
        spans = [(code, lead, lead + rise + min(hold, 0.5))]
        hold = min(hold, 0.5) + lingers
        undone = lead + rise + hold
        spans.append((UNDONE_BY[code], undone, undone + back))
    else:
        spans = [(code, lead, lead + rise + hold + back)]
    size = float(np.exp(rng.uniform(*np.log(SIZES))))
    parts = variants[int(rng.integers(len(variants)))]
    return _Drawn(parts, Span(lead, rise, hold, back), rate, 0.12, size, ready, spans, rng)


def _away(part: Reach | Drive) -> bool:
    """Whether a part of a move does not begin at rest."""
    return part.course in ("release", "always", "shift")

"""Hands, face and feet of a simulated body: what `wholebody44` has beside the 17 joints.

They hang at the joints of `body` and change nothing there, and draw by themselves: the same seed
gives the same 17 joints with and without them. Lengths of the hand are those of a person of 1.70 m,
after Buchholz et al., Anthropometric data for describing the kinematics of the human hand, 1992.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from mbnb.simulate.body import Body, Joints, axes_of, on_side_of
from mbnb.simulate.choreography import HANDS
from mbnb.simulate.fingers import DOWN, EASY, FINGERS, IN, ON_TOES, Act, Stir
from mbnb.simulate.timing import FPS, REPEATS, smooth_noise

# Where each finger begins: cm from the wrist forwards, to the thumb's side, out of the palm; the
# lengths of its bones; and by how many degrees each of them bends at most.
KNUCKLES = np.array([[2.5, 2.4, 0.6], [9.2, 2.6, 0], [9.3, 0.4, 0], [8.8, -1.6, 0], [8.0, -3.5, 0]])
PHALANGES = np.array(
    [[4.3, 3.2, 2.5], [4.3, 2.5, 2.0], [4.8, 2.9, 2.1], [4.4, 2.7, 2], [3.4, 2, 2]]
)
BENDS = np.array([[40, 50, 60], [85, 100, 65], [88, 102, 65], [90, 100, 65], [90, 95, 65]])
SPREAD = np.array([7, 1.5, 0.2, -1.0, -2.2])  # of the fingers' directions, in splays
ACROSS = 60.0  # degrees by which a bent thumb goes across the palm
MISSED = 0.7  # cm by which a fingertip misses what it touches
# Places in the face from the nose, and of the sole from the ankle with the foot flat on the floor:
# cm to the own side, up, forward.
FACE = {"Eye": (3.1, 3.2, -1.6), "Ear": (7.4, 0.5, -10), "Brow": (3, 5.2, -1.2)}
FACE |= {"Mouth": (2.4, -4.2, -1.4)}
MIDDLE = {"Upper_lip": (0, -3.6, -0.3), "Chin": (0, -8.4, -1)}
SOLE = {"Big_toe": (-1.5, -6.5, 15.5), "Small_toe": (4.5, -6.8, 12.5), "Heel": (0, -7, -5)}


def whole_joints(
    body: Body,
    joints: Joints,
    code: str,
    acts: dict[str, tuple[Act, ...]],
    active: set[str],
    busy: np.ndarray,
    rng: np.random.Generator,
) -> Joints:
    """The joints of hands, face and feet, each (T, 3) metres, of a body that has these `joints`.

    code: of the class that is played. acts: by code, what hands may do in it. active: the parts of
    the body that the move needs. busy: (T,) from 0 to 1, whether it holds.
    """
    found, cm, some = {}, body.person.cm, acts.get(code, ())
    for side in (1, -1):
        letter = "L" if side > 0 else "R"
        for name, at in FACE.items():
            away = np.array(at) * (side, -1, -1) * cm
            found[f"{letter}_{name}"] = joints["Head"] + joints["frame.head"] @ away
    talk = 0.25 * smooth_noise(rng, body.motion.frames, 2) * (rng.random() < 0.4)
    for name, at in MIDDLE.items():
        away = np.array(at) * (1, -1, -1) + np.outer(talk.clip(0), (0, name == "Chin", 0))
        found[name] = joints["Head"] + np.einsum("tij,tj->ti", joints["frame.head"], away * cm)
    for limb in ("foot", "far_foot"):
        found |= _foot(body, joints, limb, code in ON_TOES, rng)
    # Both hands do the same, as a rule.
    first, second = rng.integers(len(some) or 1, size=2)
    for limb, which in zip(HANDS, (first, first if rng.random() < 0.75 else second)):
        act = some[which] if some and limb in active else None
        found |= Hand(body, joints, limb, act, busy, rng).joints()
    return found


def _foot(body: Body, joints: Joints, limb: str, on_toes: bool, rng: np.random.Generator) -> Joints:
    """Toes and heel, which turn with the shank, and less."""
    ankle, knee = (joints[on_side_of(limb, f"L_{name}")] for name in ("Ankle", "Knee"))
    axes = axes_of(limb)
    turned = np.radians(rng.normal(12, 8)) * axes[0]  # outwards
    ahead = np.array([np.sin(turned), 0, -np.cos(turned)])
    shank = (knee - ankle) / np.linalg.norm(knee - ankle, axis=1, keepdims=True)  # (T, 3)
    up = _unit(np.array([0, -1.0, 0]) * 0.6 + 0.4 * shank)
    if on_toes:
        risen = (ankle[:, 1].max() - ankle[:, 1]).clip(0, 0.12 * body.person.stature / 1.7)
        pitch = np.arcsin(risen / (0.155 * body.person.stature / 1.7))[:, None]
        up = _unit(np.cos(pitch) * up + np.sin(pitch) * ahead)
    forward = _unit(ahead - (up @ ahead)[:, None] * up)
    aside = np.cross(up, forward) * axes[0]
    frame = np.stack([aside, up, forward], -1)  # (T, 3, 3)
    return {
        on_side_of(limb, f"L_{name}"): ankle + frame @ (np.array(at) * body.person.cm)
        for name, at in SOLE.items()
    }


class Hand:
    """A hand in one clip: how its fingers bend, where it points and where its palm looks."""

    def __init__(
        self,
        body: Body,
        joints: Joints,
        limb: str,
        act: Act | None,
        busy: np.ndarray,
        rng: np.random.Generator,
    ):
        self.limb, self.act, self.rng, self.axes = limb, act, rng, axes_of(limb)
        self.cm, self.frames = body.person.cm, body.motion.frames
        self.wrist = joints[on_side_of(limb, "L_Wrist")]
        forearm = _unit(self.wrist - joints[on_side_of(limb, "L_Elbow")])
        reach, self.busy = body.motion.reaches.get(limb), busy
        self.there = reach[1] if reach else busy
        self.bends = self._bends()  # (T, 5)
        splay = 4 + self.there * ((act.splay if act else 4) - 4) + rng.normal(0, 1)
        self.splay = splay + 0.5 * smooth_noise(rng, self.frames, 15)  # (T,)
        low = abs(np.median(self.wrist[:, 0])) < 0.1  # hands in the lap look at each other
        palm = self._direction(IN if low and rng.random() < 0.5 else DOWN, 0.25)
        # Wrists bend a little this way and that.
        ahead = _unit(forearm + rng.normal(0, 0.15, 3))
        if act:
            palm = palm + self.there[:, None] * (self._direction(act.palm, 0.15) - palm)
        if act and act.touch:
            missed = rng.normal(0, MISSED, 3)
            goal = body.point(act.touch, limb, joints, missed) - self.wrist
            ahead = _unit(ahead + self.there[:, None] * (_unit(goal) - ahead))
            self._close(np.linalg.norm(goal, axis=1) / self.cm)
        self.turn = self._frame(ahead, palm)
        if act and act.touch:
            self._point_at(goal)

    def joints(self) -> Joints:
        """The knuckle of the middle finger, and the tips."""
        points = {"Hand": np.broadcast_to(KNUCKLES[2], (self.frames, 3))}
        points |= dict(zip(FINGERS, self._tips().swapaxes(0, 1)))
        return {
            on_side_of(self.limb, f"L_{name}"): self.wrist + self._turned(at * self.cm)
            for name, at in points.items()
        }

    def _direction(self, way: tuple, spread: float) -> np.ndarray:
        """(3,) a direction of the choreography, not quite."""
        return np.array(way, float) * self.axes + self.rng.normal(0, spread, 3)

    def _bends(self) -> np.ndarray:
        """(T, 5) how far each finger is bent, from 0 to 1."""
        rng = self.rng
        ease = np.array(EASY) + rng.normal(0, 0.12) + rng.normal(0, 0.05, 5)
        bends = ease + rng.uniform(0.01, 0.05) * smooth_noise(rng, self.frames, 15)[:, None]
        if self.act:
            shape = np.array(self.act.shape) + rng.normal(0, 0.06) + rng.normal(0, 0.04, 5)
            bends = bends + self.there[:, None] * (shape - bends)
            for stir in self.act.stirs:
                bends = bends + self._stirred(stir)
        return bends.clip(0, 1.1)

    def _stirred(self, stir: Stir) -> np.ndarray:
        """(T, 5) by how much more the fingers are bent while they move."""
        rng, t = self.rng, np.arange(self.frames) / FPS
        rate, size = rng.uniform(*stir.rate), rng.uniform(*stir.size)
        more = np.zeros((self.frames, 5))
        start, wander = rng.random(), 0.4 * FPS / (2 * rate)
        for i, finger in enumerate(stir.fingers):
            if stir.course == "wander":
                course = smooth_noise(rng, self.frames, wander)
            else:
                course = REPEATS[stir.course](2 * np.pi * (rate * t + start + i * stir.lag))
            more[:, FINGERS.index(finger)] = size * self.busy * course
        return more

    def _tips(self, bends: np.ndarray | None = None) -> np.ndarray:
        """(T, 5, 3) cm from the wrist, forwards, to the thumb's side, and out of the palm."""
        bends = self.bends if bends is None else bends
        splay = self.splay if len(bends) == self.frames else np.full(len(bends), 4.0)
        angles = np.cumsum(bends[..., None] * np.radians(BENDS), axis=-1)  # (T, 5, 3 bones)
        along = (np.cos(angles) * PHALANGES).sum(-1)
        out = (np.sin(angles) * PHALANGES).sum(-1)
        aside = np.radians(splay)[:, None] * SPREAD  # (T, 5)
        aside[:, 0] = aside[:, 0].clip(np.radians(10)) - np.radians(ACROSS) * bends[:, 0]
        steps = np.stack([along * np.cos(aside), along * np.sin(aside), out], -1)
        return KNUCKLES + steps

    def _close(self, distance: np.ndarray) -> None:
        """Bend the finger that touches something so far that it just gets there, with the others.

        distance: (T,) cm from the wrist.
        """
        which = FINGERS.index(self.act.finger)
        tried = np.linspace(0, 1, 21)
        lengths = np.linalg.norm(self._tips(np.tile(tried[:, None], (1, 5)))[:, which], axis=-1)
        wanted = np.interp(distance, lengths[::-1], tried[::-1])
        more = self.there * (wanted - self.bends[:, which])
        near = np.array([abs(i - which) <= 1 and i > 0 for i in range(5)])
        self.bends = (self.bends + 0.8 * more[:, None] * near).clip(0, 1.1)
        self.bends[:, which] += 0.2 * more

    def _frame(self, ahead: np.ndarray, palm: np.ndarray) -> np.ndarray:
        """(T, 3, 3) whose columns are forwards, to the thumb's side and out of the palm."""
        palm = np.broadcast_to(palm, ahead.shape) + 1e-3
        out = _unit(palm - (palm * ahead).sum(1, keepdims=True) * ahead)
        thumb = np.cross(out, ahead) * self.axes[0]
        return np.stack([ahead, thumb, out], -1)

    def _turned(self, at: np.ndarray) -> np.ndarray:
        return np.einsum("tij,tj->ti", self.turn, at)

    def _point_at(self, goal: np.ndarray) -> None:
        """Turn the hand so that the tip of the act's finger lies on the way to its goal."""
        tip = _unit(self._turned(self._tips()[:, FINGERS.index(self.act.finger)]))
        axis = np.cross(tip, _unit(goal))  # (T, 3), its length the sine of the angle
        sine = np.linalg.norm(axis, axis=1, keepdims=True)
        angle = np.arctan2(sine[:, 0], (tip * _unit(goal)).sum(1)) * self.there
        turn = Rotation.from_rotvec(axis / np.maximum(sine, 1e-9) * angle[:, None]).as_matrix()
        self.turn = turn @ self.turn


def _unit(way: np.ndarray) -> np.ndarray:
    return way / np.linalg.norm(way, axis=-1, keepdims=True)

"""A seated body of 17 joints that moves as its controls say, by kinematics.

The near side, which acts, is the left one. x is to the person's left, y down, z backwards.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from mbnb.simulate.choreography import AXES, HANDS, Place, Reach
from mbnb.simulate.person import BONES, Person

KNEE_POLE = 0.043  # turns the pole of the leg so that the knee moves about 1 cm
Joints = dict[str, np.ndarray]  # joint -> (T, 3) metres; 'frame.…' -> (T, 3, 3)


@dataclass(frozen=True)
class Motion:
    """What a body does in one clip of T frames.

    controls: `<part>.<direction>` -> (T,) cm or degrees; 0 where there is none.
    reaches: limb -> its reach and (T,) how far it has got there, 0 to 1.
    rests: hand -> where it lies otherwise.
    rest_shift, goal_shift: limb -> (side, up, forward) cm by which it misses that place.
    feet: (2, 2) (side, forward) cm of near and far foot against straight below the knee.
    knees: (2,) how far near and far knee point outwards.
    tremor: hand -> (T,) cm.
    """

    controls: dict[str, np.ndarray]
    reaches: dict[str, tuple[Reach, np.ndarray]]
    rests: dict[str, Place]
    rest_shift: dict[str, np.ndarray]
    goal_shift: dict[str, np.ndarray]
    feet: np.ndarray
    knees: np.ndarray
    tremor: dict[str, np.ndarray]
    frames: int


class Body:
    """A person's body in a motion."""

    def __init__(self, person: Person, motion: Motion):
        self.person, self.motion = person, motion
        self.bone = dict(zip(BONES, person.bones))

    def joints(self) -> Joints:
        """All joints, and the frames with which trunk and head turn."""
        joints = self._legs()
        controls = self._lean_as_needed(joints)
        joints |= self._trunk(controls, joints["Pelvis"])
        for limb in reversed(HANDS):  # the near hand may go to the far arm
            self._arm(limb, joints)
        return joints

    def _offset(self, limb: str) -> np.ndarray:
        """(T, 3) the limb's controls side, up, forward in metres along x, y, z."""
        controls = [self.motion.controls[f"{limb}.{axis}"] for axis in AXES]
        return np.stack(controls, 1) * axes_of(limb) * self.person.cm

    def point(self, place: Place, limb: str, joints: Joints, shift: np.ndarray) -> np.ndarray:
        """(T, 3) where a place is, shifted by (side, up, forward) cm.

        For a far limb it is the place's mirror image.
        """
        start, end = (on_side_of(limb, name) for name in (place.start, place.end))
        at = (np.array(place.at) + shift) * self.person.cm * axes_of(limb)
        frame = joints["frame." + place.frame] if place.frame != "seat" else np.eye(3)
        return joints[start] * (1 - place.share) + joints[end] * place.share + frame @ at

    def _legs(self) -> Joints:
        """Pelvis, hips, knees and ankles; a leg laid over the other one last."""
        controls = self.motion.controls
        joints = {"Pelvis": self._offset("pelvis")}
        turn = _turns(
            0.2 * controls["trunk.twist"],
            np.zeros(self.motion.frames),
            0.2 * controls["trunk.tilt"],
        )
        for limb in sorted(("far_foot", "foot"), key=self.motion.reaches.__contains__):
            self._leg(limb, turn, joints)
        return joints

    def _leg(self, limb: str, turn: np.ndarray, joints: Joints) -> None:
        """Hip, knee and ankle; `turn` (T, 3, 3) is the pelvis's own."""
        bone, controls, still = self.bone, self.motion.controls, np.zeros(self.motion.frames)
        axes, index = axes_of(limb), int(limb == "far_foot")
        hip = joints["Pelvis"] + turn @ (np.array([bone["half_hips"], 0, 0]) * axes)
        side, forward = self.motion.feet[index] * self.person.cm
        height = self.person.seat * bone["shank"]
        rest = np.array([bone["half_hips"] + side, -height, bone["thigh"] + forward]) * axes
        knee_control = controls[limb.replace("foot", "knee") + ".side"]
        knee_side = self.motion.knees[index] + KNEE_POLE * knee_control
        pole = np.stack([knee_side, still + 1, still + 0.8], 1) * axes  # (T, 3)
        knee, _ = _bend(hip[:1], rest[None], bone["thigh"], bone["shank"], pole[:1])
        swing = _turns(still, -controls[f"{limb}.swing"], still)
        target = knee + swing @ (rest - knee[0]) + self._offset(limb)
        if limb in self.motion.reaches:
            target, pole = self._reach(limb, joints, target, pole, (0, 5, 10), 1)
            target = target + self._offset(limb) * self.motion.reaches[limb][1][:, None]
        knee, ankle = _bend(hip, target, bone["thigh"], bone["shank"], pole)
        for name, points in (("L_Hip", hip), ("L_Knee", knee), ("L_Ankle", ankle)):
            joints[on_side_of(limb, name)] = points

    def _reach(
        self,
        limb: str,
        joints: Joints,
        target: np.ndarray,
        pole: np.ndarray,
        arc: tuple[int, int, int],
        elbows: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Target and pole, (T, 3) each, of a limb on its way to its goal.

        The path swings out by `arc` (side, up, forward) cm.
        """
        reach, weight = self.motion.reaches[limb][0], self.motion.reaches[limb][1][:, None]
        goal = self.point(reach.place, limb, joints, self.motion.goal_shift[limb])
        swing = 4 * weight * (1 - weight) * np.array(arc) * self.person.cm * axes_of(limb)
        path = target + weight * (goal - target) + swing
        return path, pole + weight * (np.array(reach.bend) * (elbows, 1, 1) * axes_of(limb) - pole)

    def _trunk(self, controls: dict[str, np.ndarray], pelvis: np.ndarray) -> Joints:
        """Spine, neck, shoulders and head, and the frames with which trunk and head turn.

        A person who leans looks up again by half.
        """
        bone = self.bone
        lean, slump, tilt, twist = (
            controls[f"trunk.{name}"] for name in ("lean", "slump", "tilt", "twist")
        )
        lower = _turns(0.5 * twist, lean - slump, 0.7 * tilt)
        upper = _turns(twist, lean + slump, tilt)
        face = upper @ _turns(
            controls["head.look"],
            controls["head.nod"] - 0.6 * slump - 0.5 * lean,
            controls["head.tilt"] - 0.5 * tilt,
        )
        spine = pelvis + lower @ (0, -bone["trunk"] / 2, 0)
        neck = spine + upper @ (0, -bone["trunk"] / 2, 0)
        # Shoulders rise with the joint between them; the head stays.
        raised = neck - controls["shoulders.up"][:, None] * (0, self.person.cm, 0)
        shoulder = upper @ (bone["half_shoulders"], 0, 0)
        return {
            "frame.trunk": upper,
            "frame.head": face,
            "Spine1": spine,
            "Neck": raised,
            "L_Shoulder": raised + shoulder,
            "R_Shoulder": raised - shoulder,
            "Head": neck + face @ (0, -bone["nose_up"], -bone["nose_forward"]),
            "Head_top": neck + face @ (0, -bone["crown_up"], -bone["crown_forward"]),
        }

    def _lean_as_needed(self, joints: Joints) -> dict[str, np.ndarray]:
        """The controls, the trunk bent as far as the arms of reaches with `lean` must to arrive."""
        controls, bone = self.motion.controls, self.bone
        reaches = [
            (limb, reach, weight)
            for limb, (reach, weight) in self.motion.reaches.items()
            if reach.lean
        ]
        if not reaches:
            return controls
        weight = reaches[0][2]
        arrived = int(weight.argmax())  # the frame that has to be right
        extra = np.linspace(0, 85, 35)  # degrees to be tried, all at once as if they were frames
        then = {name: np.full(len(extra), course[arrived]) for name, course in controls.items()}
        tried = defaultdict(lambda: np.zeros(len(extra)), then)
        tried["trunk.lean"] = tried["trunk.lean"] + extra
        trunk = self._trunk(tried, joints["Pelvis"][arrived])
        missing = np.zeros(len(extra))  # metres
        for limb, reach, _ in reaches:
            goal = self.point(reach.place, limb, joints, self.motion.goal_shift[limb])[arrived]
            distance = np.linalg.norm(goal - trunk[on_side_of(limb, "L_Shoulder")], axis=1)
            missing = np.maximum(missing, distance - 0.95 * (bone["upper_arm"] + bone["forearm"]))
        lean = extra[np.argmax(missing <= max(missing.min() + 0.02, 0))]
        return controls | {"trunk.lean": controls["trunk.lean"] + lean * weight}

    def _arm(self, limb: str, joints: Joints) -> None:
        """Elbow and wrist: from the resting place to the goal and back.

        The hand's own movement comes on top.
        """
        motion = self.motion
        target = self.point(motion.rests[limb], limb, joints, motion.rest_shift[limb])
        bend = np.array([0.5 * self.person.elbows, -0.8, -0.4]) * axes_of(limb)
        pole = np.broadcast_to(bend, (motion.frames, 3))
        if limb in motion.reaches:
            target, pole = self._reach(limb, joints, target, pole, (3, 0, 6), self.person.elbows)
        target = target + self._offset(limb) + motion.tremor[limb][:, None] / 100
        pole = np.einsum("tij,tj->ti", joints["frame.trunk"], pole)  # (T, 3)
        shoulder = joints[on_side_of(limb, "L_Shoulder")]
        elbow, wrist = _bend(shoulder, target, self.bone["upper_arm"], self.bone["forearm"], pole)
        joints[on_side_of(limb, "L_Elbow")] = elbow
        joints[on_side_of(limb, "L_Wrist")] = wrist


def _bend(
    root: np.ndarray, target: np.ndarray, upper: float, lower: float, pole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Two-bone inverse kinematics: (T, 3) middle joints and (T, 3) ends.

    The middle joint is on the side of `pole`, the end at or towards `target`.
    """
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
    """(T, 3, 3) turns by degrees to the own left, forwards and down, onto the left side."""
    return Rotation.from_euler("YXZ", np.stack([-yaw, pitch, roll], 1), degrees=True).as_matrix()


def axes_of(limb: str) -> np.ndarray:
    """(side, up, forward) -> (x, y, z) for a limb; the near side is the left one."""
    return np.array([-1.0 if limb.startswith("far") else 1.0, -1.0, -1.0])


def on_side_of(limb: str, joint: str) -> str:
    """A joint as a far limb sees it: left and right exchanged."""
    if not limb.startswith("far"):
        return joint
    return {"L_": "R_", "R_": "L_"}.get(joint[:2], joint[:2]) + joint[2:]

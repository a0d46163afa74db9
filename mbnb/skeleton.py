"""Skeletons as tables: joints, bones, left-right pairs and body parts, and how foreign joint sets map to Human3.6M's 17.

A table is a CSV file in `mbnb/tables` with the columns joint, parent, mirror, part. Its length decides the number of
joints everywhere. The 17 joints are those of Human3.6M in MotionBERT's order; `wholebody44` is Halpe-26 followed by six
points of the face and six of each hand.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from mbnb.files import TABLES, InputError, read_table

# A body has a scale, a position and a facing only if these joints are known.
ANCHORS = ("Pelvis", "Neck", "L_Hip", "R_Hip", "L_Shoulder", "R_Shoulder")


@dataclass(frozen=True)
class Skeleton:
    """`joints` in file order, `parents` (index, -1 for the root), `mirror` (index of the other side's joint), `parts`."""

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    mirror: tuple[int, ...]
    parts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, *names: str) -> list[int]:
        """Positions of the named joints."""
        return [self.joints.index(name) for name in names]

    @cached_property
    def root(self) -> int:
        return self.parents.index(-1)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) pairs, one for every joint but the root."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    @cached_property
    def ancestry(self) -> np.ndarray:
        """(J, J) 1 where the column's joint is the row's own or lies above it: sums of bones are joints."""
        above = np.eye(len(self))
        for _ in self.joints:  # each round adds one more generation
            for child, parent in enumerate(self.parents):
                if parent >= 0:
                    above[child] = np.maximum(above[child], above[parent])
        return above

    @cached_property
    def differences(self) -> np.ndarray:
        """(J, J) the inverse of `ancestry`: joints to bones, each from its parent; the root stays where it is."""
        return np.linalg.inv(self.ancestry).round()

    def side(self, joint: int) -> str:
        """'left', 'right' or 'middle'."""
        return {"L_": "left", "R_": "right"}.get(self.joints[joint][:2], "middle")


@lru_cache
def load_skeleton(name: str = "h36m17") -> Skeleton:
    """The skeleton table of that name. Raises InputError with every fault of the table."""
    path = TABLES / f"{name}.csv"
    known = sorted(
        p.stem for p in TABLES.glob("*.csv") if p.read_text(encoding="utf-8").startswith("joint,")
    )
    if name not in known:
        raise InputError(f"unknown skeleton {name!r}; known: {', '.join(known)}")
    faults: list[str] = []
    numbered = read_table(path, ("joint", "mirror", "part"), faults)
    rows = [row for _, row in numbered]
    joints = tuple(row["joint"] for row in rows)
    by_name = dict(zip(joints, rows))
    faults += [f"{path}: the joint {a} is missing" for a in ANCHORS if a not in joints]
    for line, row in numbered:
        faults += [
            f"{path}, line {line}: {row['joint']} names the unknown joint {row[key]}"
            for key in ("parent", "mirror")
            if row[key] and row[key] not in joints
        ]
        if joints.count(row["joint"]) > 1:
            faults.append(
                f"{path}, line {line}: {row['joint']} stands there {joints.count(row['joint'])} times"
            )
        if row["mirror"] in by_name and by_name[row["mirror"]]["mirror"] != row["joint"]:
            faults.append(
                f"{path}, line {line}: {row['mirror']}, the mirror of {row['joint']}, has another mirror"
            )
    if [row["parent"] for row in rows].count("") != 1:
        faults.append(f"{path}: expected exactly one joint without a parent")
    reached = {""}
    for _ in rows:
        reached |= {row["joint"] for row in rows if row["parent"] in reached}
    if not faults:
        faults += [
            f"{path}, line {line}: {row['joint']} is its own ancestor"
            for line, row in numbered
            if row["joint"] not in reached
        ]
    if faults:
        raise InputError("\n".join(faults))
    return Skeleton(
        name,
        joints,
        parents=tuple(joints.index(row["parent"]) if row["parent"] else -1 for row in rows),
        mirror=tuple(joints.index(row["mirror"]) for row in rows),
        parts=tuple(row["part"] for row in rows),
    )


# Human3.6M joint -> the foreign points whose mean it is.
COCO17 = {
    "Pelvis": (11, 12),
    "R_Hip": (12,),
    "R_Knee": (14,),
    "R_Ankle": (16,),
    "L_Hip": (11,),
    "L_Knee": (13,),
    "L_Ankle": (15,),
    "Spine1": (5, 6, 11, 12),
    "Neck": (5, 6),
    "Head": (0,),
    "Head_top": (1, 2),
    "L_Shoulder": (5,),
    "L_Elbow": (7,),
    "L_Wrist": (9,),
    "R_Shoulder": (6,),
    "R_Elbow": (8,),
    "R_Wrist": (10,),
}
HALPE26 = COCO17 | {"Pelvis": (19,), "Spine1": (18, 19), "Neck": (18,), "Head_top": (17,)}
# MediaPipe's 33 landmarks have no top of the head: the mid-point of the ears stands in until `video` lifts it.
MEDIAPIPE33 = {
    "Pelvis": (23, 24),
    "R_Hip": (24,),
    "R_Knee": (26,),
    "R_Ankle": (28,),
    "L_Hip": (23,),
    "L_Knee": (25,),
    "L_Ankle": (27,),
    "Spine1": (11, 12, 23, 24),
    "Neck": (11, 12),
    "Head": (0,),
    "Head_top": (7, 8),
    "L_Shoulder": (11,),
    "L_Elbow": (13,),
    "L_Wrist": (15,),
    "R_Shoulder": (12,),
    "R_Elbow": (14,),
    "R_Wrist": (16,),
}


def to_h36m(points: np.ndarray, mapping: dict[str, tuple[int, ...]]) -> np.ndarray:
    """(..., foreign joints, C) -> (..., 17, C): each joint the mean of the points that `mapping` gives for it."""
    return np.stack(
        [points[..., mapping[joint], :].mean(-2) for joint in load_skeleton().joints], axis=-2
    )

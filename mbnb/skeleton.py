"""Skeletons as tables: joints, bones, left-right pairs and parts of the body.

A table is a CSV file in `mbnb/tables` with the columns joint, parent, mirror, part. Its length
is the number of joints everywhere. `h36m17` is Human3.6M in MotionBERT's order; `wholebody44` is
Halpe-26 followed by six points of the face and six of each hand: the knuckle of the middle finger,
and the tips. A fist, a pinch and a finger that taps differ in them. `mbnb.formats` brings other
joints into the order of the first.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from mbnb.files import TABLES, InputError, read_table

# A body has a scale, a position and a facing only if these joints are known.
ANCHORS = ("Pelvis", "Neck", "L_Hip", "R_Hip", "L_Shoulder", "R_Shoulder")

SMALL_PARTS = ("hand", "face")


@dataclass(frozen=True)
class Skeleton:
    """J joints in the order of their table.

    parents: index of each joint's parent, -1 for the root. mirror: index of the same joint on the
    other side. parts: the part of the body that each joint belongs to.
    """

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
        """The joint that all others hang from."""
        return self.parents.index(-1)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) pairs, one for every joint but the root."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    @cached_property
    def outer(self) -> tuple[int, ...]:
        """The joints without a child, and their parents."""
        tips = set(range(len(self))) - set(self.parents)
        return tuple(sorted(tips | {self.parents[joint] for joint in tips}))

    @cached_property
    def small(self) -> tuple[bool, ...]:
        """(J,) whether a joint is of a hand or a face, whose bones are short and many."""
        return tuple(part in SMALL_PARTS for part in self.parts)

    @cached_property
    def ancestry(self) -> np.ndarray:
        """(J, J) 1 where the column's joint is the row's own or an ancestor of it, else 0.

        Multiplied with bones it gives joints, since a joint is the sum of the bones above it.
        """
        above = np.eye(len(self))
        for _ in self.joints:  # each round adds one more generation
            for parent, child in self.bones:
                above[child] = np.maximum(above[child], above[parent])
        return above

    @cached_property
    def differences(self) -> np.ndarray:
        """(J, J) the inverse of `ancestry`: joints to bones; the root stays where it is."""
        return np.linalg.inv(self.ancestry).round()

    def places_in(self, other: "Skeleton") -> list[int]:
        """For each joint the one of another table: of its name, or of the nearest that it hangs at.

        What one table calls the head is the nose of the other: both are put there.
        """
        names = [{"Nose": "Head", "Head": "Nose"}.get(n, n) for n in other.joints]
        known = dict(zip((*names, *other.joints), 2 * [*range(len(other))]))
        places = []
        for joint in range(len(self)):
            while self.joints[joint] not in known:
                joint = self.parents[joint]
            places.append(known[self.joints[joint]])
        return places

    def side(self, joint: int) -> str:
        """'left', 'right' or 'middle'."""
        return {"L_": "left", "R_": "right"}.get(self.joints[joint][:2], "middle")


def known_skeletons() -> list[str]:
    """Names of the skeletons that have a table."""
    return sorted(
        path.stem
        for path in TABLES.glob("*.csv")
        if path.read_text(encoding="utf-8").startswith("joint,")
    )


@lru_cache
def load_skeleton(name: str = "h36m17") -> Skeleton:
    """The skeleton table of that name. Raises InputError with every fault of the table."""
    known = known_skeletons()
    if name not in known:
        raise InputError(f"unknown skeleton {name!r}; known: {', '.join(known)}")
    path = TABLES / f"{name}.csv"
    faults: list[str] = []
    numbered = read_table(path, ("joint", "mirror", "part"), faults)
    _check_rows(path, numbered, faults)
    if faults:
        raise InputError("\n".join(faults))
    rows = [row for _, row in numbered]
    joints = tuple(row["joint"] for row in rows)
    return Skeleton(
        name,
        joints,
        parents=tuple(joints.index(row["parent"]) if row["parent"] else -1 for row in rows),
        mirror=tuple(joints.index(row["mirror"]) for row in rows),
        parts=tuple(row["part"] for row in rows),
    )


def _check_rows(path: Path, numbered: list[tuple[int, dict[str, str]]], faults: list[str]) -> None:
    """Add to `faults` what is wrong with the rows of a table, apart from missing values."""
    rows = {row["joint"]: row for _, row in numbered}
    joints = [row["joint"] for _, row in numbered]
    faults += [f"{path}: the joint {anchor} is missing" for anchor in ANCHORS if anchor not in rows]
    for line, row in numbered:
        where, joint, mirror = f"{path}, line {line}", row["joint"], row["mirror"]
        faults += [
            f"{where}: {joint} names the unknown joint {row[key]}"
            for key in ("parent", "mirror")
            if row[key] and row[key] not in rows
        ]
        if joints.count(joint) > 1:
            faults.append(f"{where}: {joint} stands there {joints.count(joint)} times")
        if mirror in rows and rows[mirror]["mirror"] != joint:
            faults.append(f"{where}: {mirror}, the mirror of {joint}, has another mirror")
    if [row["parent"] for _, row in numbered].count("") != 1:
        faults.append(f"{path}: expected exactly one joint without a parent")
    if not faults:
        reached = _below_the_root(numbered)
        faults += [
            f"{path}, line {line}: {row['joint']} is its own ancestor"
            for line, row in numbered
            if row["joint"] not in reached
        ]


def _below_the_root(numbered: list[tuple[int, dict[str, str]]]) -> set[str]:
    """The joints from which the parents lead to the root."""
    reached = {""}
    for _ in numbered:  # each round reaches one more generation
        reached |= {row["joint"] for _, row in numbered if row["parent"] in reached}
    return reached

"""BVH: a skeleton of offsets, and rotations of its joints in every frame.

After Meredith and Maddock, Motion Capture File Formats Explained (2001). A joint's matrix is the
product of its rotations in the order of its channels; its position channels, where it has any,
stand in place of its offset. `bvhio` reads the same, but believes a header that promises 10⁹
frames.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from mbnb.files import InputError, encoding_of, replacing
from mbnb.formats.content import HEAD, Content, numbers_of
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import AXES, placed, turned
from mbnb.skeleton import load_skeleton

EXPECTED = "BVH, a HIERARCHY of joints and the MOTION of their channels"
MOST = 1000  # joints
MOST_CHANNELS = 9  # of a joint: places, turns and sizes, each along three axes
LARGEST = 1 << 26  # numbers of a movement
CHANNEL = re.compile(r"([XYZ])(position|rotation)", re.IGNORECASE)
NAME = re.compile(
    r"^(\s*(?:ROOT|JOINT)[ \t]+)([^\n{]+)", re.IGNORECASE | re.MULTILINE
)  # has blanks
COMMENT = r"(?:#|//|;)[^\r\n]*"  # which some exporters write and no manual knows
CM = 100.0


@dataclass
class _Joint:
    name: str
    parent: int  # -1 for the root
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    channels: list[str] = field(default_factory=list)
    first: int = 0  # where its channels begin in a frame


def is_it(content: Content) -> bool:
    """Whether it begins with HIERARCHY, maybe after comments."""
    text = content.head.decode(encoding_of(content.head), "replace")
    return bool(re.match(rf"\ufeff?(?:\s|{COMMENT}[\r\n])*HIERARCHY\b", text, re.IGNORECASE))


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """Joints and ends of the one skeleton that a file holds; an end is called NAME_end."""
    text = content.text.lstrip("\ufeff").replace("\r", "\n")
    text = re.sub(rf"(?:^|[ \t]){COMMENT}$", "", text, flags=re.MULTILINE)
    if re.search(r"\d,\d", text[:HEAD]):  # decimal commas
        text = text.replace(",", ".")
    parts = re.split(r"^[ \t]*MOTION\b", text, maxsplit=1, flags=re.M | re.I)
    if len(parts) != 2:
        raise InputError("there is no MOTION")
    named = NAME.sub(lambda match: match[1] + "_".join(match[2].split()), parts[0])
    joints = _hierarchy(iter(re.sub(r"([{}])", r" \1 ", named).split()))
    count = sum(len(joint.channels) for joint in joints)
    head = re.match(r"\s*Frames:?\s*(\d+)\s+Frame\s+Time:?\s*([-+.\deE]+)", parts[1], re.I)
    if not head:
        raise InputError("after MOTION: expected `Frames:` and `Frame Time:`")
    numbers = numbers_of(parts[1][head.end() :])
    told, notes = int(head[1]), []
    if not count or not len(numbers) or len(numbers) % count:
        raise InputError(f"expected {count} numbers in each frame, found {len(numbers)} in all")
    frames = numbers.reshape(-1, count)  # (T, channels)
    if told != len(frames):
        notes.append(f"the header says {told} frames, {len(frames)} are there")
    if len(frames) * len(joints) * 3 > LARGEST:
        raise InputError(f"{len(frames)} frames of {len(joints)} joints are too many at once")
    rate = 1 / float(head[2]) if float(head[2]) > 0 else None
    if rate and abs(rate - round(rate)) < 0.002 * rate:
        rate = float(round(rate))  # .0083333 is 120
    points = np.stack(list(_places(joints, frames)), axis=1)  # (T, J, 3)
    bones = [_Joint(joint.name, joint.parent, joint.offset) for joint in joints]
    rest = np.stack(list(_places(bones, frames[:1])), axis=1)
    names = [joint.name for joint in joints]
    return {"": placed(names, {"1": points}, layout=layout, rate=rate, notes=notes, rest=rest)}


def _hierarchy(words: Iterator[str]) -> list[_Joint]:
    """Joints and ends, parents before children. Raises InputError for what is no tree of joints."""
    joints: list[_Joint] = []
    above: list[int] = []  # the joints whose braces are open
    new = -1
    for word in words:
        kind = word.upper()
        if kind in ("ROOT", "JOINT", "END"):
            name = next(words, "")
            if kind == "END":
                name = f"{joints[above[-1]].name}_end" if above else name
            if kind != "ROOT" and not above:
                raise InputError(f"{kind} {name} stands below no ROOT")
            if kind == "ROOT" and joints:
                raise InputError(f"more than one ROOT: {joints[0].name} and {name}")
            if name in {joint.name for joint in joints}:
                raise InputError(f"the joint {name} stands there twice, so it is no tree")
            new = len(joints)
            joints.append(_Joint(name, above[-1] if above else -1))
            if new >= MOST:
                raise InputError(f"more than {MOST} joints")
        elif kind == "{":
            above.append(new)
        elif kind == "}":
            if not above:
                raise InputError("a brace is closed that was not opened")
            above.pop()
        elif kind == "OFFSET" and above:
            joints[above[-1]].offset = tuple(float(next(words, "")) for _ in range(3))
        elif kind == "CHANNELS" and above:
            count = int(next(words, ""))
            if count > MOST_CHANNELS:
                raise InputError(f"a joint has {MOST_CHANNELS} channels at most, found {count:g}")
            joints[above[-1]].channels = [next(words, "") for _ in range(count)]
        elif kind != "HIERARCHY":
            raise InputError(f"expected JOINT, OFFSET, CHANNELS or a brace, found {word[:40]}")
    if above or not joints:
        raise InputError("the HIERARCHY has no end" if above else "the HIERARCHY has no joints")
    first = 0
    for joint in joints:
        joint.first, first = first, first + len(joint.channels)
        wrong = [name for name in joint.channels if not CHANNEL.fullmatch(name)]
        if wrong:
            raise InputError(f"the joint {joint.name} has an unknown channel {wrong[0][:40]}")
    return joints


def _places(joints: list[_Joint], frames: np.ndarray) -> Iterator[np.ndarray]:
    """(T, 3) where each joint is, in the file's unit and axes."""
    turns: list[Rotation] = []
    places: list[np.ndarray] = []
    for joint in joints:
        kinds = [CHANNEL.fullmatch(name).groups() for name in joint.channels]
        values = frames[:, joint.first : joint.first + len(kinds)]
        offset = np.tile(np.array(joint.offset), (len(frames), 1))  # (T, 3)
        for i, (axis, kind) in enumerate(kinds):
            if kind.lower() == "position":
                offset[:, "XYZ".index(axis.upper())] = values[:, i]
        rotations = [i for i, (_, kind) in enumerate(kinds) if kind.lower() == "rotation"]
        turn = Rotation.identity(len(frames))
        if rotations:
            order = "".join(kinds[i][0].upper() for i in rotations)
            turn = _turns(order, values[:, rotations])
        if joint.parent >= 0:
            offset = places[joint.parent] + turns[joint.parent].apply(offset)
            turn = turns[joint.parent] * turn
        places.append(offset)
        turns.append(turn)
        yield offset


def _turns(order: str, degrees: np.ndarray) -> Rotation:
    """Rotations about axes that turn along, one after the other; an order may name two or one."""
    turn = Rotation.identity(len(degrees))
    for axis, angle in zip(order, degrees.T):
        turn = turn * Rotation.from_euler(axis, angle[:, None], degrees=True)
    return turn


def write_bvh(path: Path, pose: np.ndarray, rate: float) -> None:
    """Write our 17 joints (T, 17, 3), metres, as BVH in centimetres, y up.

    Offsets are the mean bones; each joint is turned so that its bones point where they do, and has
    positions as well, since the bones of detected people change their length. Raises InputError
    where a joint is NaN, which BVH has no word for.
    """
    skeleton = load_skeleton()
    if not np.isfinite(pose).all():
        raise InputError(f"{path}: BVH has no word for joints that were not seen: fill them in")
    points = turned(np.asarray(pose, np.float64), AXES["y"]) * CM  # (T, 17, 3), a turn and back
    children = {
        joint: [c for p, c in skeleton.bones if p == joint] for joint in range(len(skeleton))
    }
    rest = _rest(points)
    columns: dict[int, np.ndarray] = {}
    turns: dict[int, Rotation] = {}
    order = _depth_first(skeleton.root, children)
    for joint in order:
        parent = skeleton.parents[joint]
        turns[joint] = _aligning(
            rest[children[joint]],
            points[:, children[joint]] - points[:, [joint]],
            turns[parent] if parent >= 0 else Rotation.identity(len(points)),
        )
        place, turn = points[:, joint], turns[joint]
        if parent >= 0:
            place = turns[parent].inv().apply(place - points[:, parent])
            turn = turns[parent].inv() * turn
        columns[joint] = np.hstack([place, turn.as_euler("ZXY", degrees=True)])  # (T, 6)
    lines = ["HIERARCHY", *_declared(skeleton.root, children, rest, 0)]
    lines += ["MOTION", f"Frames: {len(points)}", f"Frame Time: {1 / rate:.8f}"]
    rows = np.hstack([columns[joint] for joint in order])
    with replacing(path) as part, open(part, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)  # row by row: hours become long texts
        file.writelines(" ".join(f"{number:.5f}" for number in row) + "\n" for row in rows)


def _depth_first(joint: int, children: dict[int, list[int]]) -> list[int]:
    return [joint, *(j for child in children[joint] for j in _depth_first(child, children))]


def _rest(points: np.ndarray) -> np.ndarray:
    """(17, 3) each joint's bone of median length, as it points in the first frame."""
    rest = np.zeros(points.shape[1:])
    for parent, child in load_skeleton().bones:
        bone = points[:, child] - points[:, parent]
        length = np.linalg.norm(bone, axis=1)
        rest[child] = bone[0] * np.median(length) / max(length[0], 1e-9)
    return rest


def _aligning(rest: np.ndarray, bones: np.ndarray, above: Rotation) -> Rotation:
    """What turns the bones at rest (C, 3) to where they point, (T, C, 3); `above` for none.

    Of one bone the shortest turn, of several the one of the least squares (Kabsch 1976).
    """
    if not len(rest):
        return above
    if len(rest) > 1:
        u, _, v = np.linalg.svd(np.einsum("tci,cj->tij", bones, rest))
        u[..., 2] *= np.sign(np.linalg.det(u @ v))[:, None]
        return Rotation.from_matrix(u @ v)
    a = rest[0] / max(np.linalg.norm(rest[0]), 1e-9)
    b = bones[:, 0] / np.maximum(np.linalg.norm(bones[:, 0], axis=1, keepdims=True), 1e-9)
    turn = np.hstack([np.cross(a, b), 1 + (b @ a)[:, None]])  # (T, 4)
    across = np.cross(a, np.eye(3)[np.abs(a).argmin()])  # half a turn may be about any such axis
    turn[turn[:, 3] < 1e-9] = [*across, 0.0]
    return Rotation.from_quat(turn)


def _declared(
    joint: int, children: dict[int, list[int]], rest: np.ndarray, depth: int
) -> Iterator[str]:
    """The lines of a joint and all below it."""
    gap = "  " * depth
    offset = " ".join(f"{number:.5f}" for number in rest[joint])
    yield f"{gap}{'JOINT' if depth else 'ROOT'} {load_skeleton().joints[joint]}"
    yield f"{gap}{{"
    yield f"{gap}  OFFSET {offset}"
    yield f"{gap}  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
    for child in children[joint]:
        yield from _declared(child, children, rest, depth + 1)
    if not children[joint]:
        yield from (f"{gap}  End Site", f"{gap}  {{", f"{gap}    OFFSET 0 0 0", f"{gap}  }}")
    yield f"{gap}}}"

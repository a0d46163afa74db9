"""`.pose` of sign-language-processing: a header of components and points, then frames of people.

After its specification of the versions 0.0, 0.1 and 0.2.
"""

import struct
from typing import NamedTuple

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import HEAD, Content
from mbnb.formats.holistic import named_by_mediapipe
from mbnb.formats.layouts import LAYOUTS
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import placed

EXPECTED = ".pose of the version 0.0, 0.1 or 0.2"
VERSIONS = (0.0, 0.1, 0.2)
MOST = 1 << 14  # points and components
SIDES = {"POSE": "", "FACE": "face_", "LEFT": "left_hand_", "RIGHT": "right_hand_"}


class _Component(NamedTuple):
    name: str
    axes: str  # such as XYC
    points: list[str]


class _Bytes:
    """A file's bytes from the first to the last."""

    def __init__(self, raw: bytes):
        self.raw, self.at = raw, 0

    def take(self, kind: str) -> tuple:
        values = struct.unpack_from(f"<{kind}", self.raw, self.at)
        self.at += struct.calcsize(f"<{kind}")
        return values

    def text(self) -> str:
        (length,) = self.take("H")
        return self.take(f"{length}s")[0].decode("utf-8")

    def numbers(self, *shape: int) -> np.ndarray:
        count = int(np.prod(shape, dtype=object))
        if count * 4 > len(self.raw) - self.at:
            raise InputError("it is cut off, or its header says more than there is")
        values = np.frombuffer(self.raw, "<f4", count, self.at).reshape(shape)
        self.at += count * 4
        return values

    @property
    def left(self) -> int:
        return len(self.raw) - self.at


def _header(raw: bytes) -> tuple[float, tuple[int, int], list[_Component], int]:
    """The version, width and height, components, and where the frames begin."""
    bytes_ = _Bytes(raw)
    version = round(bytes_.take("f")[0], 3)
    width, height, _, count = bytes_.take("4H")
    components = []
    if version not in VERSIONS or not 0 < count <= 64:
        raise InputError(f"version {version} with {count} components")
    for _ in range(count):
        name, axes = bytes_.text(), bytes_.text()
        points, limbs, colours = bytes_.take("3H")
        if points > MOST or not 3 <= len(axes) <= 5 or not axes.isalpha():
            raise InputError(f"a component of {points} points and the axes {axes[:8]!r}")
        components.append(_Component(name, axes, [bytes_.text() for _ in range(points)]))
        bytes_.take(f"{2 * limbs + 3 * colours}H")
    return version, (width, height), components, bytes_.at


def is_it(content: Content) -> bool:
    """Whether the first bytes make a header."""
    if len(content.head) < 20 or content.head[2:4] not in (b"\0\0", b"\xcc\x3d", b"\x4c\x3e"):
        return False
    try:
        return bool(_header(content.head))
    except (InputError, ValueError, struct.error):
        return len(content.head) == HEAD and content.path.suffix == ".pose"


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """Everybody in a file; where MediaPipe's world landmarks are in it, these."""
    raw = content.path.read_bytes()
    version, size, components, at = _header(raw)
    bytes_ = _Bytes(raw)
    bytes_.at = at
    rate, points = (_first if version == 0.0 else _later)(bytes_, version, components)
    tracks = {str(i + 1): one for i, one in enumerate(points) if np.isfinite(one).any()}
    if not tracks:
        raise InputError("nobody is found in it")
    names = tuple(_named(part.name, name) for part in components for name in part.points)
    world = [i for i, part in enumerate(components) if "WORLD" in part.name]
    if world and len(components[world[0]].points) == 33:
        first = sum(len(part.points) for part in components[: world[0]])
        bodies = {who: one[:, first : first + 33, :3] for who, one in tracks.items()}
        name = "mediapipe33"
        file = placed(LAYOUTS[name], bodies, layout=name, unit="m", axes="x y z", rate=rate)
        return {"": file}
    flat = {who: one[..., [0, 1, -1]] for who, one in tracks.items()}
    if not layout and [len(part.points) for part in components] == [25, 70, 21, 21]:
        layout, names = "body25_137", LAYOUTS["body25_137"]
    if known := named_by_mediapipe(names, flat):
        layout, flat = known
        names = LAYOUTS[layout]
    notes = people.confident(flat)
    return {"": PoseFile(layout, names, flat, False, rate=rate, size=size, notes=tuple(notes))}


def _named(component: str, point: str) -> str:
    side = component.split("_")[0].upper()
    if component.lower().startswith("hand_"):
        side = component.split("_")[1].upper()
    return SIDES.get(side, component + "_") + point


def _first(
    bytes_: _Bytes, version: float, components: list[_Component]
) -> tuple[float, np.ndarray]:
    """Version 0.0: frames of any number of people, component by component."""
    rate, count = bytes_.take("2H")
    frames: list[list[np.ndarray]] = []
    for _ in range(count):
        (there,) = bytes_.take("H")
        bodies = []
        for _ in range(there):
            bytes_.take("h")
            parts = [bytes_.numbers(len(part.points), len(part.axes)) for part in components]
            bodies.append(np.concatenate([part[:, [0, 1, -1]] for part in parts]))
        frames.append(bodies)
    most = max(map(len, frames), default=0)
    total = sum(len(part.points) for part in components)
    if most * len(frames) * total * 3 > people.LARGEST:
        raise InputError(f"{len(frames)} frames of {most} people are too many at once")
    points = np.full((most, len(frames), total, 3), np.nan, np.float32)
    for t, bodies in enumerate(frames):
        for i, body in enumerate(bodies):
            points[i, t] = people.found_only(body)
    return float(rate), points


def _later(
    bytes_: _Bytes, version: float, components: list[_Component]
) -> tuple[float, np.ndarray]:
    """Versions 0.1 and 0.2: all places (frames, people, points, axes), then all confidences."""
    rate, count, persons = bytes_.take("3H" if version == 0.1 else "fIH")
    total = sum(len(part.points) for part in components)
    axes = max(len(part.axes) for part in components) - 1
    frame = persons * total * (axes + 1) * 4
    if version == 0.1 and frame:  # 65535 frames at most can be told there
        count = bytes_.left // frame
    places = bytes_.numbers(count, persons, total, axes)
    confidence = bytes_.numbers(count, persons, total)
    points = np.concatenate([places, confidence[..., None]], axis=-1).transpose(1, 0, 2, 3)
    return float(rate), np.where(confidence.transpose(1, 0, 2)[..., None] > 0, points, np.nan)

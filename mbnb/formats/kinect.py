"""Skeletons of Microsoft's Kinect as plain numbers, with 20 joints (v1) or 25 (v2).

MSR Action3D (four numbers a row, 20 rows a frame), MSR DailyActivity3D (a count of rows before
each frame), UTKinect (a frame a row) and NTU RGB+D's `.skeleton`. x goes to the sensor's left, y
up, z away from it.
"""

import re

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import Content, is_number, numbers_of
from mbnb.formats.layouts import LAYOUTS
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import SENSOR, placed

EXPECTED = "joints of a Kinect: MSR, UTKinect or NTU"
AXES = SENSOR["y"]
RATE = 30.0
SENSOR_RATE = f"{RATE:g} frames a second, which the sensor has"
MSR, UT = 20, 20
# A body of NTU's: its number, then nine more before its joints.
BODIES = re.compile(r"^[ \t]*(\d+)(?:[ \t]+[^\s]+){9}[ \t]*\r?$", re.MULTILINE)
HEAD = "the sensor's head, the middle of a head, is taken for its top; it sees no nose"


def _widths(content: Content) -> list[int]:
    """How many numbers each of the first lines has; none where one is no row of numbers."""
    lines = content.head.decode("latin1").splitlines()[:12]
    rows = [line.replace(",", " ").split() for line in lines[: 11 if len(lines) == 12 else None]]
    rows = [row for row in rows if row]
    return [len(row) for row in rows] if all(is_number(w) for row in rows for w in row) else []


def _kind(content: Content) -> str:
    widths = _widths(content)
    if len(widths) >= 2 and widths[0] == widths[1] == 1:
        return "ntu"
    if len(widths) >= 3 and widths[:2] == [2, 1] and widths[2] in (3, 4):
        return "daily"
    if widths and set(widths) == {4}:
        return "msr"
    return "utkinect" if widths and set(widths) == {61} else ""


def is_it(content: Content) -> bool:
    """Whether it is a text of numbers in one of these arrangements."""
    return not content.path.is_dir() and b"\0" not in content.head[:4096] and bool(_kind(content))


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The recording that a file holds, 30 frames a second, as the sensor takes them."""
    kind = _kind(content)
    numbers = numbers_of(content.text.replace(",", " "))
    if kind == "ntu":
        return {"": _ntu(numbers, BODIES.findall(content.text))}
    if kind == "daily":
        points = _daily(numbers)
    else:
        width = 4 * MSR if kind == "msr" else 1 + 3 * UT
        if len(numbers) % width or not len(numbers):
            raise InputError(f"{len(numbers)} numbers are no frames of {width}")
        rows = numbers.reshape(len(numbers) // width, width)
        points = rows.reshape(-1, MSR, 4)[..., :3] if kind == "msr" else rows[:, 1:]
    points = points.reshape(len(points), -1, 3).copy()  # (T, 20, 3)
    points[(points == 0).all(-1)] = np.nan
    notes = [HEAD]
    if kind == "utkinect" and numbers[0]:
        notes.append(f"the first frame here is number {numbers[0]:g} there")
    name = layout or ("msr20" if kind == "msr" else "kinect20")
    return {"": _placed(name, {"1": points}, notes)}


def _placed(layout: str, tracks: dict[str, np.ndarray], notes: list[str]) -> PoseFile:
    notes = [*notes, SENSOR_RATE]
    return placed(
        LAYOUTS[layout], tracks, layout=layout, unit="m", axes=AXES, rate=RATE, notes=notes
    )


def _daily(numbers: np.ndarray) -> np.ndarray:
    """(T, 20, 3) of a file whose frames begin with a count of rows, places and pixels in turn."""
    count, joints = int(numbers[0]), int(numbers[1])
    if joints != MSR:
        raise InputError(f"expected {MSR} joints, found {joints}")
    frames, at = [], 2
    while at < len(numbers):
        rows, at = int(numbers[at]), at + 1
        if rows not in (0, 2 * joints, 4 * joints) or at + 4 * rows > len(numbers):
            raise InputError(f"a frame of {rows} rows, or one that is cut off")
        body = numbers[at : at + 4 * rows].reshape(-1, 4)[: 2 * joints : 2, :3]
        frames.append(body if rows else np.full((joints, 3), np.nan))
        at += 4 * rows
    if len(frames) != count:
        raise InputError(f"the header says {count} frames, {len(frames)} are there")
    return np.array(frames)


def _ntu(numbers: np.ndarray, bodies_by_name: list[str]) -> PoseFile:
    """NTU RGB+D: frames of bodies with a number each, and 25 joints of twelve numbers.

    bodies_by_name: the numbers of all bodies in turn, which are longer than a float is exact.
    """
    told, at, found, frame = int(numbers[0]), 1, [], 0
    while at < len(numbers):
        bodies, at = int(numbers[at]), at + 1
        for _ in range(bodies):
            rows = numbers[at + 11 : at + 11 + 12 * 25]
            if len(rows) < 12 * 25 or len(found) == len(bodies_by_name):
                raise InputError(f"it is cut off in frame {frame}, or that has not 25 joints")
            joints = int(numbers[at + 10])
            if joints != 25:
                raise InputError(f"frame {frame}: expected 25 joints, found {joints}")
            places = rows.reshape(joints, 12)[:, :3]
            found.append(Detection(frame, places, bodies_by_name[len(found)]))
            at += 11 + 12 * joints
        frame += 1
    notes = [HEAD] if frame == told else [HEAD, f"the header says {told} frames, {frame} are there"]
    tracks, said = people.by_person(found, range(frame), 25, depth=True)
    return _placed("kinect25", tracks, [*notes, *said])

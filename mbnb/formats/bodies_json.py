"""Frames of bodies whose joints have names, as JSON: of an Azure Kinect, a Kinect, TensorFlow.js.

Azure Kinect's offline processor names the joints once and gives their places in that order; others
write each joint by its name, or by its number among the Kinect's. MoveNet's and PoseNet's lie in a
picture, with a score each.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mbnb.formats import people
from mbnb.formats.content import Content
from mbnb.formats.layouts import LAYOUTS, of_count, renamed
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import SENSOR, placed
from mbnb.formats.tables import rate_of
from mbnb.text import plain

EXPECTED = "frames of bodies with joints by name, as JSON of a Kinect or of MoveNet"
BODIES = ("bodies", "skeletons", "people", "persons", "users", "poses")
JOINTS = ("joints", "jointpositions", "jointpositions3d", "positions", "skeleton", "keypoints")
NAME = ("name", "part", "type", "joint", "jointtype", "jointname", "id")
SCORE = ("score", "confidence", "visibility")
OF_MEDIAPIPE = 33  # points, which `mediapipe_json` knows
PERSON = ("bodyid", "trackingid", "userid", "id", "personid")
TIME = ("timestampusec", "timestamp", "timestampms", "time", "relativetime")
KINECTS = {25: "kinect25", 20: "kinect20"}  # joints that have numbers for names


def is_it(content: Content) -> bool:
    """Whether any of the first frames has a body with places of joints."""
    names = _names(content)
    bodies = (body for row in _frames(content, 50) for body in _bodies(row))
    return any(len(_joints(body, names)) not in (0, OF_MEDIAPIPE) for body in bodies)


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """Everybody in a recording."""
    frames, told = _frames(content), _names(content)
    bodies = [
        (t, body, joints)
        for t, row in enumerate(frames)
        for body in _bodies(row)
        if (joints := _joints(body, told))
    ]
    names = tuple(dict.fromkeys(name for *_, joints in bodies for name in joints))
    if all(name.isdecimal() for name in names):
        layout = layout or KINECTS.get(len(names), "")
        of_count({len(names)}, layout)
        names = tuple(str(i) for i in range(len(names)))
    deep = all(deep for *_, joints in bodies for _, deep in joints.values())
    nowhere, found = ([np.nan] * 3, deep), []
    for t, body, joints in bodies:
        points = np.array([joints.get(name, nowhere)[0] for name in names], np.float64)
        points[(points[:, : 3 if deep else 2] == 0).all(-1)] = np.nan
        person = next((str(body[key]) for key in PERSON if key in body), None)
        found.append(Detection(t, points, person))
    tracks, notes = people.by_person(found, range(len(frames)), len(names), depth=deep)
    stamps = [row[key] for row in frames for key in TIME if isinstance(row.get(key), int | float)]
    rate = rate_of(np.array(stamps, np.float64)) if len(stamps) == len(frames) else None
    names = LAYOUTS.get(layout, names) if names[0].isdecimal() else names
    if not deep:
        layout, names = renamed(names, layout)
        return {"": PoseFile(layout, names, tracks, depth=False, rate=rate, notes=notes)}
    how = {"layout": layout, "usual": "y", "turns": SENSOR, "rate": rate, "notes": notes}
    return {"": placed(names, tracks, **how)}


def _frames(content: Content, most: int | None = None) -> list[dict[str, Any]]:
    """The first frames with their keys as plain words; none where it is something else."""
    found = content.json if content.is_json else None
    rows = found.get("frames") if isinstance(found, dict) else found
    rows = rows[:most] if isinstance(rows, list) else []
    rows = [{"bodies": row} if isinstance(row, list) else row for row in rows]
    return [_plain(row) for row in rows] if all(isinstance(row, dict) for row in rows) else []


def _names(content: Content) -> list[str]:
    found = content.json if content.is_json else None
    names = found.get("joint_names") if isinstance(found, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else []


def _bodies(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    alone = [row] if any(key in row for key in JOINTS) else ()  # a frame is one person
    there = next((row[key] for key in BODIES if isinstance(row.get(key), list)), alone)
    return (_plain(body) for body in there if isinstance(body, dict))


def _joints(body: dict[str, Any], names: list[str]) -> dict[str, tuple[list[float], bool]]:
    """Places by name, see `_place`; none where a body has none."""
    joints = next((body[key] for key in JOINTS if body.get(key)), None)
    if isinstance(joints, list) and joints and isinstance(joints[0], dict):
        rows = [_plain(joint) for joint in joints if isinstance(joint, dict)]
        called = [next((str(r[key]) for key in NAME if key in r), "") for r in rows]
        joints = dict(zip(called, rows))
    elif isinstance(joints, list) and len(joints) == len(names):
        joints = dict(zip(names, joints))
    if not isinstance(joints, dict) or "" in joints:
        return {}
    places = {name: _place(joint) for name, joint in joints.items()}
    return {name: place for name, place in places.items() if place}


def _place(joint: Any) -> tuple[list[float], bool] | None:
    """x, y and z of a joint, True, or x, y and a confidence, False; None where it has no place."""
    score = 1.0
    if isinstance(joint, dict):
        joint = _plain(joint)
        score = next((joint[key] for key in SCORE if key in joint), 1.0)
        inner = next((joint[key] for key in ("position", "pos", "camera") if key in joint), joint)
        inner = _plain(inner) if isinstance(inner, dict) else inner
        if isinstance(inner, dict):
            inner = [inner[axis] for axis in "xyz" if axis in inner]
        joint = inner
    if not isinstance(joint, list) or len(joint) not in (2, 3):
        return None
    deep = len(joint) == 3
    numbers = joint if deep else [*joint, score]
    return (numbers, deep) if all(isinstance(one, int | float) for one in numbers) else None


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {plain(str(key)): value for key, value in row.items()}

"""Frames of bodies whose joints have names, as JSON: Azure Kinect's, and recorders of a Kinect.

Azure Kinect's offline processor names the joints once and gives their places in that order; others
write each joint by its name, or by its number among the Kinect's.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mbnb.formats import people
from mbnb.formats.content import Content
from mbnb.formats.layouts import LAYOUTS, of_count
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import SENSOR, placed
from mbnb.formats.tables import rate_of
from mbnb.text import plain

EXPECTED = "frames of bodies with joints by name, as Azure Kinect's JSON"
BODIES = ("bodies", "skeletons", "people", "persons", "users")
JOINTS = ("joints", "jointpositions", "jointpositions3d", "positions", "skeleton")
NAME = ("name", "type", "joint", "jointtype", "jointname", "id")
PERSON = ("bodyid", "trackingid", "userid", "id", "personid")
TIME = ("timestampusec", "timestamp", "timestampms", "time", "relativetime")
KINECTS = {25: "kinect25", 20: "kinect20"}  # joints that have numbers for names


def is_it(content: Content) -> bool:
    """Whether any of the first frames has a body with places of joints."""
    names = _names(content)
    return any(_joints(body, names) for row in _frames(content, 50) for body in _bodies(row))


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
    nowhere, found = np.full(3, np.nan), []
    for t, body, joints in bodies:
        points = np.array([joints.get(name, nowhere) for name in names], np.float64)
        points[(points == 0).all(-1)] = np.nan
        person = next((str(body[key]) for key in PERSON if key in body), None)
        found.append(Detection(t, points, person))
    tracks, notes = people.by_person(found, range(len(frames)), len(names), depth=True)
    stamps = [row[key] for row in frames for key in TIME if isinstance(row.get(key), int | float)]
    rate = rate_of(np.array(stamps, np.float64)) if len(stamps) == len(frames) else None
    names = LAYOUTS.get(layout, names) if names[0].isdecimal() else names
    how = {"layout": layout, "usual": "y", "turns": SENSOR, "rate": rate, "notes": notes}
    return {"": placed(names, tracks, **how)}


def _frames(content: Content, most: int | None = None) -> list[dict[str, Any]]:
    """The first frames with their keys as plain words; none where it is something else."""
    found = content.json if content.is_json else None
    rows = found.get("frames") if isinstance(found, dict) else found
    rows = rows[:most] if isinstance(rows, list) else []
    return [_plain(row) for row in rows] if all(isinstance(row, dict) for row in rows) else []


def _names(content: Content) -> list[str]:
    found = content.json if content.is_json else None
    names = found.get("joint_names") if isinstance(found, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else []


def _bodies(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    there = next((row[key] for key in BODIES if isinstance(row.get(key), list)), ())
    return (_plain(body) for body in there if isinstance(body, dict))


def _joints(body: dict[str, Any], names: list[str]) -> dict[str, list[float]]:
    """Places by name; none where a body has none in space."""
    joints = next((body[key] for key in JOINTS if body.get(key)), None)
    if isinstance(joints, list) and joints and isinstance(joints[0], dict):
        rows = [_plain(joint) for joint in joints]
        called = [next((str(r[key]) for key in NAME if key in r), "") for r in rows]
        joints = dict(zip(called, rows))
    elif isinstance(joints, list) and len(joints) == len(names):
        joints = dict(zip(names, joints))
    if not isinstance(joints, dict):
        return {}
    places = {name: _place(joint) for name, joint in joints.items()}
    return {name: place for name, place in places.items() if place} if "" not in places else {}


def _place(joint: Any) -> list[float]:
    """x, y and z of a joint, however it has them; none where it has not all."""
    if isinstance(joint, dict):
        joint = _plain(joint)
        inner = next((joint[key] for key in ("position", "pos", "camera") if key in joint), joint)
        inner = _plain(inner) if isinstance(inner, dict) else inner
        joint = [inner.get(axis) for axis in "xyz"] if isinstance(inner, dict) else inner
    known = isinstance(joint, list) and len(joint) == 3
    return joint if known and all(isinstance(one, int | float) for one in joint) else []


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {plain(str(key)): value for key, value in row.items()}

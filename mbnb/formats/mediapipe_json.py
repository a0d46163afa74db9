"""MediaPipe's landmarks as JSON: a list of frames, each with points by name or in order.

With world landmarks (metres about the hips, y down) these are read; landmarks in the picture are
shares of its width and height.
"""

from typing import Any

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import Content
from mbnb.formats.layouts import LAYOUTS
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import placed
from mbnb.text import plain

EXPECTED = "landmarks of MediaPipe, a list of frames with 33 points each"
WORLD = ("keypoints3d", "poseworldlandmarks", "worldlandmarks", "pose3d")
PICTURE = ("keypoints", "poselandmarks", "landmarks", "pose", "points")
SHARES = "x and y are shares of the picture's width and height, which the file does not tell"
POINTS = 33


def _frames(content: Content) -> list[dict] | None:
    found = content.json if content.is_json else None
    frames = found.get("frames") if isinstance(found, dict) else found
    if isinstance(frames, list) and any(_is_list_of_points(frame) for frame in frames[:10]):
        frames = [{"points": frame} for frame in frames]
    return frames if isinstance(frames, list) and frames and isinstance(frames[0], dict) else None


def _is_list_of_points(frame: Any) -> bool:
    """Whether a frame is nothing but its points."""
    return (
        isinstance(frame, list)
        and len(frame) == POINTS
        and isinstance(frame[0], dict)
        and {"x", "y", "z"} <= set(frame[0])
    )


def is_it(content: Content) -> bool:
    """Whether its first frames have landmarks under one of the usual names."""
    frames = _frames(content) or []
    return any(plain(key) in WORLD + PICTURE for frame in frames[:10] for key in frame) and (
        "image_id" not in frames[0]
    )


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The one person whom MediaPipe follows."""
    frames = _frames(content)
    rows = [{plain(key): value for key, value in frame.items()} for frame in frames]
    for row in rows:
        if points := row.pop("points", None):
            row["landmarks" if _are_shares(points) else "worldlandmarks"] = points
    deep = any(row.get(key) for row in rows for key in WORLD)
    found = []
    for i, row in enumerate(rows):
        points = next((row[key] for key in (WORLD if deep else PICTURE) if row.get(key)), None)
        if points:
            found.append(Detection(int(row.get("framenum", i)), _points(points, deep), "1"))
    span = range(max([len(rows), *(one.frame + 1 for one in found)]))
    tracks, notes = people.by_person(found, span, POINTS, depth=deep)
    rate = content.json.get("ticksPerSecond") if isinstance(content.json, dict) else None
    rate = float(rate) if rate else None
    layout = layout or "mediapipe33"
    if not deep:
        return {
            "": PoseFile(layout, LAYOUTS[layout], tracks, False, rate=rate, notes=(*notes, SHARES))
        }
    file = placed(
        LAYOUTS[layout], tracks, layout=layout, unit="m", axes="x y z", rate=rate, notes=notes
    )
    return {"": file}


def _are_shares(points: list[dict]) -> bool:
    """Whether hips lie in a picture and not, as world landmarks have them, about 0."""
    left, right = (LAYOUTS["mediapipe33"].index(f"{side}_hip") for side in ("left", "right"))
    middle = [(points[left][axis] + points[right][axis]) / 2 for axis in "xy"]
    return max(map(abs, middle)) > 0.05


def _points(points: Any, deep: bool) -> np.ndarray:
    """(33, 3) of a list of points with names or in MediaPipe's order."""
    points = points.get("landmark", points) if isinstance(points, dict) else points
    if len(points) != POINTS:
        raise InputError(f"expected {POINTS} points in a frame, found {len(points)}")
    last = ("z",) if deep else ("visibility", "score", "presence")
    rows = [
        [point["x"], point["y"], next((point[key] for key in last if key in point), 1.0)]
        for point in points
    ]
    return np.array(rows, np.float64) if deep else people.found_only(np.array(rows, np.float64))

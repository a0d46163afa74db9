"""MediaPipe's landmarks as JSON: a list of frames, each with points by name or in order.

With world landmarks (metres about the hips, y down) these are read; landmarks in the picture are
shares of its width and height.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import Content
from mbnb.formats.holistic import BODY, HAND, IN_FACE, SHARES, WHOLE, hung
from mbnb.formats.layouts import LAYOUTS
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import placed
from mbnb.text import plain

EXPECTED = "landmarks of MediaPipe, a list of frames with 33 points each"
WORLD = ("keypoints3d", "poseworldlandmarks", "worldlandmarks", "pose3d")
PICTURE = ("keypoints", "poselandmarks", "landmarks", "pose", "points")
RATE = ("tickspersecond", "fps", "framerate", "framespersecond")
HANDS = {  # side -> the names of its landmarks in the picture and in metres
    side: (f"{side}handlandmarks", f"{side}handworldlandmarks") for side in ("left", "right")
}
FRAMES = ("frames", "poses", "results")
NUMBERED = re.compile(r"\D{0,20}(\d{1,15})")  # 12, frame_12
POINTS = 33


def _frames(content: Content) -> list[dict] | None:
    found = content.json if content.is_json else None
    frames = found
    if isinstance(found, dict):
        frames = next((found[key] for key in FRAMES if isinstance(found.get(key), list)), None)
    if isinstance(found, dict) and frames is None and all(map(NUMBERED.fullmatch, found)):
        frames = [found[key] for key in sorted(found, key=lambda k: int(NUMBERED.fullmatch(k)[1]))]
    if isinstance(frames, list) and any(_is_list_of_points(frame) for frame in frames[:10]):
        frames = [{"points": frame} for frame in frames]
    return frames if isinstance(frames, list) and frames and isinstance(frames[0], dict) else None


def _is_list_of_points(frame: Any) -> bool:
    """Whether a frame is nothing but its points."""
    if not isinstance(frame, list) or len(frame) != POINTS:
        return False
    point = frame[0]
    if isinstance(point, list):
        return len(point) >= 3 and all(isinstance(number, int | float) for number in point)
    return isinstance(point, dict) and {"x", "y", "z"} <= set(point)


def is_it(content: Content) -> bool:
    """Whether its first frames have landmarks under one of the usual names."""
    frames = _frames(content) or []
    return any(plain(key) in WORLD + PICTURE for frame in frames[:10] for key in frame) and (
        "image_id" not in frames[0]
    )


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The one person whom MediaPipe follows, with hands and face where the file has them."""
    frames = _frames(content)
    rows = [{plain(key): value for key, value in frame.items()} for frame in frames]
    if not any(row.get(key) for row in rows for key in WORLD):
        some = [(row, key) for row in rows for key in PICTURE if row.get(key)]
        if not any(_are_shares(row[key]) for row, key in some):
            for row, key in some:
                row["worldlandmarks"] = row.pop(key)
    deep = any(row.get(key) for row in rows for key in WORLD)
    whole = any(row.get(key) for row in rows for key in sum(HANDS.values(), ()))
    layout = WHOLE if whole else layout or BODY
    found = []
    for i, row in enumerate(rows):
        points = next((row[key] for key in (WORLD if deep else PICTURE) if row.get(key)), None)
        if points:
            body = _points(points, POINTS, deep)
            body = np.concatenate([body, *_beside(row, deep)]) if whole else body
            found.append(Detection(int(row.get("framenum", i)), body, "1"))
    span = range(max([len(rows), *(one.frame + 1 for one in found)]))
    tracks, notes = people.by_person(found, span, len(LAYOUTS[layout]), depth=deep)
    told = content.json if isinstance(content.json, dict) else {}
    rate = next((float(told[key]) for key in told if plain(key) in RATE and told[key]), None)
    names = LAYOUTS[layout]
    if not deep:
        notes = (*notes, SHARES)
        return {"": PoseFile(layout, names, tracks, False, rate=rate, notes=notes)}
    if whole:
        tracks, said = hung(tracks)
        notes = (*notes, *said)
    file = placed(names, tracks, layout=layout, unit="m", axes="x y z", rate=rate, notes=notes)
    return {"": file}


def _beside(row: dict[str, Any], deep: bool) -> Iterator[np.ndarray]:
    """Both hands (21, 3) and what is kept of the mesh of the face (6, 3), NaN where not found."""
    for picture, world in HANDS.values():
        points = row.get(world if deep and row.get(world) else picture)
        yield _points(points, HAND, deep) if points else np.full((HAND, 3), np.nan)
    mesh = row.get("facelandmarks") or None
    face = None if mesh is None or deep else _points(mesh, len(_plain_list(mesh)), deep)
    there = face is not None and len(face) > max(IN_FACE)
    yield face[list(IN_FACE)] if there else np.full((len(IN_FACE), 3), np.nan)


def _are_shares(points: Any) -> bool:
    """Whether hips lie in a picture and not, as world landmarks have them, about 0."""
    hips = _points(points, POINTS, True)[[LAYOUTS[BODY].index(f"{s}_hip") for s in HANDS], :2]
    return bool(np.abs(hips.mean(0)).max() > 0.05)


def _plain_list(points: Any) -> list:
    """The points of one body or hand, however deep they lie: Tasks write a list of people."""
    points = points.get("landmark", points) if isinstance(points, dict) else points
    if isinstance(points, dict):  # by name
        if all(name.isdecimal() for name in points):
            return [points[name] for name in sorted(points, key=int)]
        words = {plain(name): point for name, point in points.items()}
        spelled = [plain(name) for name in LAYOUTS[BODY]]
        old = [word.replace("bigtoe", "footindex") for word in spelled]
        points = [words.get(a, words.get(b)) for a, b in zip(spelled, old)]
        points = [] if None in points else points
    if len(points) and isinstance(points[0], list) and not isinstance(points[0][0], int | float):
        points = points[0]
    return points


def _points(points: Any, count: int, deep: bool) -> np.ndarray:
    """(count, 3) of a list of points with names or in MediaPipe's order."""
    points = _plain_list(points)
    if len(points) != count:
        raise InputError(f"expected {count} points in a frame, found {len(points)}")
    last = ("z",) if deep else ("visibility", "score", "presence")
    if isinstance(points[0], list):  # x, y, z and a visibility
        points = [dict(zip(("x", "y", "z", "visibility"), point)) for point in points]
    rows = [
        [point["x"], point["y"], next((point[key] for key in last if key in point), 1.0)]
        for point in points
    ]
    rows = np.array(rows, np.float64)
    if not deep and not rows[:, 2].any():  # hands and face have no visibility
        rows[:, 2] = 1.0
    return rows if deep else people.found_only(rows)

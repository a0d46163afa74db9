"""OpenPose's JSON: a file a frame, or a folder of them, with body, face and hands of people.

It does not tell who is who, nor whether 25 points of a body are BODY_25 or BODY_25B: those of the
first have their neck between the shoulders. Pose2Sim and Sports2D write other layouts in its form,
AlphaPose all pictures into one file.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import Content, read_json
from mbnb.formats.layouts import LAYOUTS, of_count
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import placed

EXPECTED = "OpenPose's JSON, people with pose_keypoints_2d"
PEOPLE, BODY = ("people", "bodies"), ("pose_keypoints_2d", "pose_keypoints", "joints")
IN_SPACE = "pose_keypoints_3d"
FACE, HAND = 70, 21
NOBODY = "nobody is found in any of its frames, so the layout is not known"


def is_it(content: Content) -> bool:
    """Whether it, or the first file of a folder, is a frame of OpenPose's, or a file of many."""
    first = first_of(content)
    found = _frames(first.json) if first and first.is_json else None
    if not isinstance(found, dict | list) or not found:
        return False
    pages = [found, *list(found.values())[:1]] if isinstance(found, dict) else found[:1]
    return any(
        isinstance(page, dict) and isinstance(page.get(key), list)
        for page in pages
        for key in PEOPLE
    )


def _frames(found: Any) -> Any:
    """The list of frames that some put below a word of its own, else what is there."""
    return found.get("frames", found) if isinstance(found, dict) else found


def first_of(content: Content) -> Content | None:
    """A file itself, or the first of a folder whose files number the frames of recordings."""
    if not content.path.is_dir():
        return content
    files = files_of(content.path)
    if not files or people.numbered([file.name for file in files]) is None:
        return None
    return Content(files[0])


def files_of(folder: Path) -> list[Path]:
    """The JSON files of a folder in the order of their names."""
    return sorted(folder.glob("*.json"))


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The recordings of a file or a folder, one for each beginning of names with numbers."""
    pages: dict[str, dict] = {}
    if content.path.is_dir():
        for path in files_of(content.path):
            pages[path.name] = read_json(path)
    elif isinstance(_frames(content.json), list):
        pages = {str(i): page for i, page in enumerate(_frames(content.json))}
    elif any(key in content.json for key in PEOPLE):
        pages = {"0": content.json}
    else:  # AlphaPose writes all pictures into one
        pages = content.json
    deep = any(_in_space(one) for page in pages.values() for one in _all_of(page))
    canvas = [next(iter(pages.values())).get(f"canvas_{side}") for side in ("width", "height")]
    size = tuple(map(int, canvas)) if all(canvas) else None
    recordings = people.numbered(list(pages)) or {name: {name: 0} for name in pages}
    return {
        name.strip("_.- ") or content.path.stem: _recording(
            {number: _people(page, pages[page], deep) for page, number in numbers.items()},
            layout,
            size,
            deep,
        )
        for name, numbers in recordings.items()
    }


def _all_of(page: Any) -> list[Any]:
    return [one for key in PEOPLE for one in page.get(key, ())] if isinstance(page, dict) else []


def _in_space(person: Any) -> bool:
    """Whether its 3D module found somebody, whom it then writes in the picture, too."""
    return isinstance(person, dict) and any(person.get(IN_SPACE) or ())


def _people(name: str, page: dict, deep: bool) -> list[np.ndarray]:
    """Everybody in one frame, (P, 3) each."""
    try:
        return [_body(person, deep) for key in PEOPLE for person in page.get(key, ())]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{name}: {error}") from None


def _recording(
    frames: dict[int, list[np.ndarray]],
    layout: str,
    size: tuple[int, int] | None,
    deep: bool,
) -> PoseFile:
    bodies = [body for there in frames.values() for body in there]
    if not bodies:
        raise InputError(NOBODY)
    layout = layout or _layout(bodies)
    of_count({len(body) for body in bodies}, layout)
    found = [Detection(frame, body) for frame, there in frames.items() for body in there]
    span, told = people.span_of(frames, from_0=False)
    tracks, notes = people.by_person(found, span, len(LAYOUTS[layout]), depth=deep)
    if layout.startswith("body25"):
        told = (*told, f"25 points of a body were taken as {layout[:7].rstrip('_')}")
    if deep:
        how = {"layout": layout, "usual": "-y", "notes": (*told, *notes)}
        return placed(LAYOUTS[layout], tracks, **how)
    places = np.concatenate([points[..., :2].ravel() for points in tracks.values()])
    if np.nanmin(places) < 0 and np.nanmax(np.abs(places)) <= 1:  # of its option keypoint_scale
        told = (*told, "places from -1 to 1 were taken as shares of the picture")
        for points in tracks.values():
            points[..., :2] = (points[..., :2] + 1) / 2
    return PoseFile(layout, LAYOUTS[layout], tracks, False, size=size, notes=(*told, *notes))


def _body(person: dict, deep: bool) -> np.ndarray:
    """(P, 3) body, face and hands of one person; face and hands where the file has either."""
    body = next((person[key] for key in BODY if key in person), ())
    kind, read_points = ("3d", _quadruplets) if deep else ("2d", people.triplets)
    body = person.get(IN_SPACE) or () if deep else body
    face, left, right = (
        person.get(f"{part}_keypoints_{kind}", person.get(f"{part}_keypoints")) or []
        for part in ("face", "hand_left", "hand_right")
    )
    parts = [read_points(body)]
    if face or left or right:
        for part, count in ((face, FACE), (left, HAND), (right, HAND)):
            points = read_points(part)
            if len(points) not in (0, count):
                raise InputError(f"expected {count} points of a face or hand, found {len(points)}")
            parts.append(points if len(points) else np.full((count, 3), np.nan))
    return np.concatenate(parts)


def _quadruplets(numbers: Iterable[float]) -> np.ndarray:
    """A flat list x, y, z, confidence, x, … -> (P, 3), NaN where a point was not found."""
    points = np.asarray(numbers, np.float64).reshape(-1, 4)
    return np.where(points[:, 3:] > 0, points[:, :3], np.nan)


def _layout(bodies: list[np.ndarray]) -> str:
    """Which layout has so many points, and of two with 25 which is meant by where necks are."""
    count, rest = len(bodies[0]), FACE + 2 * HAND
    more = "_137" if count == 25 + rest else ""
    if count == 18 + rest:
        return "coco18_130"
    if count == 15:
        return "mpi15"
    if count != 25 and not more:
        return of_count({count})
    points = np.stack([body[:25, :2] for body in bodies if len(body) == count])  # (N, 25, 2)
    apart = {}
    for name in ("body25", "body25b"):
        names = LAYOUTS[name]
        neck = names.index("neck" if name == "body25" else "upper_neck")
        left, right = names.index("left_shoulder"), names.index("right_shoulder")
        off = points[:, neck] - (points[:, left] + points[:, right]) / 2
        known = np.linalg.norm(off, axis=1)
        apart[name] = np.median(known[np.isfinite(known)]) if np.isfinite(known).any() else np.inf
    if np.isinf(min(apart.values())):
        raise InputError(
            "25 points a person are those of body25 or body25b, and nobody's neck and shoulders "
            "are seen to tell them apart: give the layout"
        )
    return min(apart, key=lambda name: apart[name]) + more

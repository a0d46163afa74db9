"""Annotations in COCO's form: COCO, COCO-WholeBody, PoseTrack18, Human3.6M as MMPose has it.

They name their points. Who is who and which pictures are of one video only some of them tell.
"""

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.alphapose import PARTS, person_of
from mbnb.formats.content import Content
from mbnb.formats.layouts import LAYOUTS, layout_of
from mbnb.formats.names import canonical
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import placed

EXPECTED = "annotations of COCO: images, annotations and categories"
SIZES = (6, 68, 21, 21)  # points of feet, face and hands in COCO-WholeBody
HIDDEN, SEEN = 0.5, 1.0  # confidences of points that COCO marks with 1 and 2
STILLS = "nothing tells that pictures are of one video, so each is a recording of its own"


def is_it(content: Content) -> bool:
    """Whether it has the three tables."""
    found = content.json if content.is_json else None
    return isinstance(found, dict) and {"images", "annotations", "categories"} <= set(found)


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """A recording for each video; for each picture where the file tells of none.

    With `keypoints_3d` these are the points, in metres.
    """
    tables = content.json
    rows = [row for row in tables["annotations"] if any(row.get("keypoints") or ())]
    if not rows:
        raise InputError("none of its annotations holds joints of a person")
    names = _names(tables["categories"])
    parts = any("foot_kpts" in row for row in rows)
    points = LAYOUTS["wholebody133"] if parts else names
    deep = all("keypoints_3d" in row for row in rows)
    images = {image["id"]: image for image in tables["images"]}
    tracked = all(person_of(row) is not None for row in rows)
    found: dict[str, list[Detection]] = {}
    frames: dict[str, list[int]] = {}
    sizes: dict[str, set] = {}
    for image in images.values():
        video, number = _place(image, tracked)
        frames.setdefault(video, []).append(number)
        sizes.setdefault(video, set()).add((image.get("width"), image.get("height")))
    for row in rows:
        video, number = _place(images[row["image_id"]], tracked)
        body = _points(row, parts, deep)
        if len(body) != len(points):
            raise InputError(f"an annotation has {len(body)} points, its category {len(points)}")
        found.setdefault(video, []).append(Detection(number, body, person_of(row)))
    layout = layout or layout_of(points)
    recordings = {}
    bodies = [one.points[None] for there in found.values() for one in there] if deep else []
    for video, there in found.items():
        span, told = people.span_of(frames[video], from_0=False)
        tracks, notes = people.by_person(there, span, len(points), deep)
        notes = (*(told if tracked else (STILLS,)), *notes)
        if deep:
            recordings[video] = placed(points, tracks, layout=layout, notes=notes, bodies=bodies)
            continue
        size = sizes[video].pop() if len(sizes[video]) == 1 else (None, None)
        size = None if None in size else size
        recordings[video] = PoseFile(layout, points, tracks, False, size=size, notes=notes)
    return recordings


def _names(categories: list[dict]) -> tuple[str, ...]:
    named = [one["keypoints"] for one in categories if one.get("keypoints")]
    if len(named) != 1:
        raise InputError(f"expected one category with named keypoints, found {len(named)}")
    return canonical(named[0])


def _place(image: dict, tracked: bool) -> tuple[str, int]:
    """The video that a picture is of, and its frame there."""
    name = str(image.get("file_name", image["id"]))
    if not tracked:
        return name, 0
    folder, _, file = name.replace("\\", "/").rpartition("/")
    numbers = people.numbered([file])
    (number,) = next(iter(numbers.values())).values() if numbers else (int(image["id"]),)
    return str(image.get("vid_id", image.get("video_id", folder))), number


def _points(row: dict, parts: bool, deep: bool) -> np.ndarray:
    """(P, 3) x, y and confidence, or x, y, z."""
    if deep:
        points = np.asarray(row["keypoints_3d"], np.float64).reshape(-1, 4)
        return np.where(points[:, 3:] > 0, points[:, :3], np.nan)
    body = _marked(row["keypoints"])
    if not parts:
        return body
    valid = [row.get(f"{part.removesuffix('_kpts')}_valid", True) for part in PARTS]
    more = [
        _marked(row[part], always=part == "foot_kpts")
        if there and part in row
        else np.full((size, 3), np.nan)
        for part, there, size in zip(PARTS, valid, SIZES)
    ]
    return np.concatenate([body, *more])


def _marked(numbers: list[float], always: bool = True) -> np.ndarray:
    """(P, 3) with confidences in place of the marks 0, 1 and 2; face and hands may have either."""
    points = people.triplets(numbers)
    marks = points[:, 2]
    if not always and not (marks == 2).any():
        return points
    points[:, 2] = np.where(marks == 1, HIDDEN, np.where(marks == 2, SEEN, marks))
    return points

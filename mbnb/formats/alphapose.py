"""AlphaPose's results and COCO's: a list of people, each with the picture that it was found in.

AlphaPose's tracking writes who it is as `idx`, a number in any depth of lists; without tracking
each is 0. Results for COCO-WholeBody have feet, face and hands beside the keypoints.
"""

from typing import Any

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import Content
from mbnb.formats.layouts import LAYOUTS, of_count
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile

EXPECTED = "results of AlphaPose or COCO, a list of people with image_id and keypoints"
PARTS = ("foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")


def is_it(content: Content) -> bool:
    """Whether it is a list of people of whom the picture is told, or such lists by picture."""
    rows = _rows(content.json) if content.is_json else None
    return isinstance(rows, list) and any(isinstance(r, dict) and "image_id" in r for r in rows[:1])


def _rows(found: Any) -> Any:
    """All people; those who track write them by picture."""
    first = next(iter(found.values()), None) if isinstance(found, dict) else None
    if isinstance(first, list) and "annotations" not in found:
        return [
            {"image_id": picture} | row
            for picture, rows in found.items()
            if isinstance(rows, list)
            for row in rows
            if isinstance(row, dict) and "keypoints" in row
        ]
    return found


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The recordings of such a file; each picture is one where they are of no video."""
    pictures: dict[str, list[dict]] = {}
    boxes = 0
    for row in _rows(content.json):
        if "keypoints" in row:
            pictures.setdefault(str(row["image_id"]), []).append(row)
        else:
            boxes += 1
    if not pictures:
        raise InputError(f"it holds {boxes} boxes around people and no joints of them")
    layout = of_count({len(_numbers(r)) // 3 for rows in pictures.values() for r in rows}, layout)
    recordings = people.numbered(list(pictures))
    if recordings is None:
        why = ("the names of pictures do not number frames, so each is a recording of its own",)
        return {name: _recording({0: rows}, layout, False, why) for name, rows in pictures.items()}
    return {
        name: _recording(
            {number: pictures[picture] for picture, number in numbers.items()},
            layout,
            # Files are 0.jpg and so on; COCO's own ids begin anywhere.
            from_0=not name and not any(picture.isdecimal() for picture in numbers),
        )
        for name, numbers in recordings.items()
    }


def _recording(
    frames: dict[int, list[dict]], layout: str, from_0: bool, why: tuple[str, ...] = ()
) -> PoseFile:
    rows = [(frame, row) for frame, people_there in frames.items() for row in people_there]
    ids = [person_of(row) for _, row in rows]
    tracked = None not in ids and (len(set(ids)) > 1 or len(rows) == len(frames)) and not why
    found = [
        Detection(
            frame,
            people.triplets(_numbers(row)),
            one if tracked else None,
            float(row.get("score", 1.0)),
        )
        for (frame, row), one in zip(rows, ids)
    ]
    span, told = people.span_of(frames, from_0)
    tracks, notes = people.by_person(found, span, len(LAYOUTS[layout]))
    told = why or told
    return PoseFile(layout, LAYOUTS[layout], tracks, depth=False, notes=(*told, *notes))


def _numbers(row: dict) -> list[float]:
    """All numbers of a person, in the order of COCO-WholeBody where there are parts."""
    return sum((row[part] for part in PARTS if part in row), list(row["keypoints"]))


def person_of(row: dict) -> str | None:
    """Who it is, however deep in lists; None where the file does not tell."""
    idx: Any = row.get("idx", row.get("track_id"))
    if idx is None and isinstance(row.get("attributes"), dict):  # CVAT's
        idx = row["attributes"].get("track_id")
    while isinstance(idx, list | tuple):
        idx = idx[0] if idx else None
    return None if idx is None else f"{float(idx):g}"

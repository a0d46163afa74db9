"""What MMPose writes: a list of frames with people, or of people, in a picture or in space.

Its demos write it under `instance_info` beside a table that names the points and count frames from
1, its inferencer writes the list alone and counts from 0, or a file for each picture. So does
rtmlib where its arrays are kept, and YOLO, whose people have x and y each in a list.
"""

from typing import Any

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.alphapose import person_of
from mbnb.formats.content import Content, read_json
from mbnb.formats.layouts import LAYOUTS, layout_of, of_count
from mbnb.formats.names import canonical
from mbnb.formats.openpose import files_of, first_of
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import placed

EXPECTED = "results of MMPose or YOLO, a list of frames with instances, each with keypoints"
HERE = "instances"


def is_it(content: Content) -> bool:
    """Whether it is such a list, alone or beside the table of points, or a folder of frames."""
    first = first_of(content)
    rows = _rows(first.json) if first and first.is_json else None
    if not rows or content.path.is_dir() and len(rows) > 1:
        return False
    return "frame_id" in rows[0] or any(_is_person(one) for row in rows for one in row[HERE][:1])


def _is_person(row: Any) -> bool:
    """Whether it has points one by one, or, as YOLO has them, x and y each in a list."""
    points = row.get("keypoints") if isinstance(row, dict) else None
    if isinstance(points, dict):
        return all(isinstance(points.get(axis), list) for axis in "xy")
    return isinstance(points, list) and bool(points) and all(isinstance(p, list) for p in points)


def _rows(found: Any) -> list[dict] | None:
    """Frames with lists of people, None for what is something else."""
    if isinstance(found, dict):
        found = found.get("instance_info", found.get("predictions"))
    if not isinstance(found, list):
        return None
    if any(map(_is_person, found[:1])):
        found = [found]  # one frame
    rows = [{HERE: row} if isinstance(row, list) else row for row in found]
    if not all(isinstance(row, dict) and isinstance(row.get(HERE), list) for row in rows):
        return None
    return rows


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The one recording that such a file, or a folder of files with a frame each, holds."""
    if content.path.is_dir():
        paths = files_of(content.path)
        recordings = people.numbered([path.name for path in paths]) or {}
        if len(recordings) != 1:
            raise InputError(f"expected the frames of one recording, found {len(recordings)}")
        (numbers,) = recordings.values()
        pages = {numbers[path.name]: _rows(read_json(path)) or [] for path in paths}
        rows = [{"frame_id": i} | row for i, some in pages.items() for row in some]
        return {"": _recording(rows, 0, None, layout, min(pages))}
    meta = content.json.get("meta_info") if isinstance(content.json, dict) else None
    rows = _rows(content.json)
    first = 1 if meta is not None and any("frame_id" in row for row in rows) else 0
    names = None
    if meta and meta.get("keypoint_id2name"):
        by_number = {int(number): name for number, name in meta["keypoint_id2name"].items()}
        names = canonical([by_number[i] for i in sorted(by_number)])
    return {"": _recording(rows, first, names, layout)}


def _recording(
    rows: list[dict], first: int, names: tuple[str, ...] | None, layout: str, begins: int = 0
) -> PoseFile:
    """Frames that are counted from `first` on, the first of which has the number `begins`."""
    frames = [int(row.get("frame_id", i + first)) - first for i, row in enumerate(rows)]
    found = [_detection(i, one) for i, row in zip(frames, rows) for one in row[HERE]]
    deep = found[0].points.shape[1] == 4 if found else False
    if names is None:
        counts = {len(one.points) for one in found} or {17}
        # Its models of bodies in space have Human3.6M's joints.
        layout = layout or ("h36m17" if deep and counts == {17} else of_count(counts, layout))
    points = names or LAYOUTS[layout]
    span = range(min([begins, *frames]), max(frames) + 1)
    tracks, notes = people.by_person(found, span, len(points), deep)
    layout = layout or layout_of(points)
    if deep:
        tracks = {name: track[..., :3] for name, track in tracks.items()}
        return placed(points, tracks, layout=layout, usual="z", notes=notes)
    notes = (f"frames were counted from {first or begins}", *notes)
    return PoseFile(layout, points, tracks, depth=False, notes=notes)


def _detection(frame: int, one: dict) -> Detection:
    points = one["keypoints"]
    if isinstance(points, dict):
        scores = points.get("visible")
        points = np.stack([points["x"], points["y"]], -1).astype(np.float64)
    else:
        points, scores = np.asarray(points, np.float64), one.get("keypoint_scores")  # (P, 2 or 3)
    scores = np.ones(len(points)) if scores is None else np.asarray(scores, np.float64)
    body = np.concatenate([points, scores.reshape(-1, 1)], axis=1)
    if body.shape[1] == 3:
        body = people.found_only(body)
    else:
        body[~np.isfinite(body).all(1)] = np.nan
    score = np.nan_to_num(np.ravel(one.get("bbox_score", one.get("confidence", 1.0))))
    return Detection(frame, body, person_of(one), float(score[0]) if len(score) else 1.0)

"""What MMPose writes: a list of frames with people, or of people, in a picture or in space.

Its demos write it under `instance_info` beside a table that names the points and count frames from
1, its inferencer writes the list alone and counts from 0. So does rtmlib where its arrays are kept.
"""

from typing import Any

import numpy as np

from mbnb.formats import people
from mbnb.formats.alphapose import person_of
from mbnb.formats.content import Content
from mbnb.formats.layouts import LAYOUTS, layout_of, of_count
from mbnb.formats.names import canonical
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile

EXPECTED = "results of MMPose, a list of frames with instances, each with keypoints"


def is_it(content: Content) -> bool:
    """Whether it is such a list, alone or beside the table of points."""
    rows = _rows(content.json) if content.is_json else None
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    points = first.get("keypoints")
    return "instances" in first or (
        isinstance(points, list) and all(isinstance(point, list) for point in points)
    )


def _rows(found: Any) -> Any:
    return found.get("instance_info") if isinstance(found, dict) else found


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The one recording that such a file holds."""
    meta = content.json.get("meta_info") if isinstance(content.json, dict) else None
    rows = _rows(content.json)
    if "instances" not in rows[0]:
        rows = [{"frame_id": 0, "instances": rows}]
    first = 1 if meta is not None and any("frame_id" in row for row in rows) else 0
    found, frames, names = [], [], None
    for i, row in enumerate(rows):
        number = int(row.get("frame_id", i + first)) - first
        frames.append(number)
        found += [_detection(number, one) for one in row["instances"]]
    if meta and meta.get("keypoint_id2name"):
        by_number = {int(number): name for number, name in meta["keypoint_id2name"].items()}
        names = canonical([by_number[i] for i in sorted(by_number)])
    deep = found[0].points.shape[1] == 4 if found else False
    if names is None:
        layout = of_count({len(one.points) for one in found} or {17}, layout)
    points = names or LAYOUTS[layout]
    span = range(min(0, *frames), max(frames) + 1)
    tracks, notes = people.by_person(found, span, len(points), deep)
    if deep:
        tracks = {name: track[..., :3] for name, track in tracks.items()}
    else:
        notes = (f"frames were counted from {first}", *notes)
    return {"": PoseFile(layout or layout_of(points), points, tracks, depth=deep, notes=notes)}


def _detection(frame: int, one: dict) -> Detection:
    points = np.asarray(one["keypoints"], np.float64)  # (P, 2) or (P, 3)
    scores = np.asarray(one.get("keypoint_scores", np.ones(len(points))), np.float64)
    body = np.concatenate([points, scores.reshape(-1, 1)], axis=1)
    if body.shape[1] == 3:
        body = people.found_only(body)
    else:
        body[~np.isfinite(body).all(1)] = np.nan
    score = np.nan_to_num(np.ravel(one.get("bbox_score", 1.0)))
    return Detection(frame, body, person_of(one), float(score[0]) if len(score) else 1.0)

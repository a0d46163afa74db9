"""Kinetics-skeleton, a JSON a clip, as ST-GCN (Yan et al. 2018) and those after it read it.

Frames are counted from 1, with some people each, whose 18 points of COCO are shares of the picture
and, in a list of their own, confidences.
"""

import numpy as np

from mbnb.formats import people
from mbnb.formats.content import Content
from mbnb.formats.layouts import LAYOUTS
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile

EXPECTED = "a clip of Kinetics-skeleton, data with frame_index and skeleton"
LAYOUT = "coco18"


def is_it(content: Content) -> bool:
    """Whether it has a list of frames with skeletons."""
    found = content.json if content.is_json else None
    rows = found.get("data") if isinstance(found, dict) else None
    first = rows[0] if isinstance(rows, list) and rows else None
    return isinstance(first, dict) and "skeleton" in first


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The clip, with its label."""
    found, label = [], content.json.get("label_index")
    frames = [int(row.get("frame_index", i + 1)) - 1 for i, row in enumerate(content.json["data"])]
    for frame, row in zip(frames, content.json["data"]):
        for one in row["skeleton"]:
            places = np.asarray(one["pose"], np.float64).reshape(-1, 2)
            points = np.column_stack([places, np.asarray(one["score"], np.float64)])
            found.append(Detection(frame, people.found_only(points)))
    layout = layout or LAYOUT
    points = LAYOUTS.get(layout, LAYOUTS[LAYOUT])
    tracks, notes = people.by_person(found, range(max(frames) + 1), len(points))
    label = int(label) if isinstance(label, int) and label >= 0 else None
    return {"": PoseFile(layout, points, tracks, depth=False, notes=notes, label=label)}

"""EasyMocap's folders of JSON, a file a frame: people with an id and points x, y, z, confidence."""

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import Content, read_json
from mbnb.formats.layouts import LAYOUTS, of_count
from mbnb.formats.openpose import files_of, first_of
from mbnb.formats.people import Detection
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.pyskl import BODY_MODEL
from mbnb.formats.space import placed

EXPECTED = "EasyMocap's keypoints3d, a file a frame"


def is_it(content: Content) -> bool:
    """Whether the first file of a folder lists people with ids, as points or as a body model."""
    first = first_of(content)
    found = first.json if first and first.is_json else None
    row = found[0] if isinstance(found, list) and found else None
    return isinstance(row, dict) and "id" in row and bool({"keypoints3d", "poses"} & set(row))


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The recording in a folder, or the one frame in a file."""
    paths = files_of(content.path) if content.path.is_dir() else [content.path]
    recordings = people.numbered([path.name for path in paths]) or {"": {paths[0].name: 0}}
    if len(recordings) > 1:
        raise InputError(f"expected the frames of one recording, found those of {len(recordings)}")
    numbers = next(iter(recordings.values()))
    found = []
    for path in paths:
        for row in read_json(path):
            if "keypoints3d" not in row:
                raise InputError(BODY_MODEL)
            body = np.asarray(row["keypoints3d"], np.float64)  # (P, 4)
            points = np.where(body[:, 3:] > 0, body[:, :3], np.nan)
            found.append(Detection(numbers[path.name], points, str(row["id"])))
    layout = of_count({len(one.points) for one in found}, layout)
    span, told = people.span_of(numbers.values(), from_0=False)
    tracks, notes = people.by_person(found, span, len(LAYOUTS[layout]), depth=True)
    return {"": placed(LAYOUTS[layout], tracks, layout=layout, usual="z", notes=(*told, *notes))}

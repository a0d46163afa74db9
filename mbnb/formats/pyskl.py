"""Pickles of pyskl and MMAction2: annotations of clips, each with keypoints (M, T, V, C).

3DPW's pickles, too, as far as they hold places of joints. Nothing in a pickle is run.
"""

import dataclasses
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mbnb.files import InputError, replacing
from mbnb.formats import people
from mbnb.formats.content import Content
from mbnb.formats.kinect import AXES as KINECT_AXES
from mbnb.formats.layouts import IN_SPACE, LAYOUTS, of_count
from mbnb.formats.pickles import is_pickle, read_pickle
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import placed
from mbnb.text import listed

EXPECTED = "a pickle of pyskl or MMAction2, annotations with keypoint"
BODY_MODEL = (
    "it holds parameters of a body model (SMPL), not places of joints: run the model that you have "
    "a licence for (smplx, smplpytorch) and give its joints, in the layout smpl24"
)
BODY_MODEL_KEYS = set("poses pose smpl betas thetas body_pose global_orient root_orient".split())
BODY_MODEL_KEYS |= {"smpl_poses", "smpl_trans", "pose_body"}

OWN = "h36m17"  # what mbnb's own say under `layout`: its joints, axes and metres


def is_it(content: Content) -> bool:
    """Whether it begins as pickles do."""
    return not content.path.is_dir() and is_pickle(content.path)


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """All clips by name."""
    found = read_pickle(content.path, EXPECTED)
    if isinstance(found, dict) and "jointPositions" in found:
        return {"": _3dpw(found)}
    if isinstance(found, dict) and BODY_MODEL_KEYS & set(found):
        raise InputError(BODY_MODEL)
    rows = found.get("annotations") if isinstance(found, dict) else found
    rows = [found] if rows is None and "keypoint" in found else rows
    if isinstance(rows, (list, tuple)) and [len(r) for r in rows if isinstance(r, list)][1:]:
        raise InputError(
            "it holds names and labels of clips, which are read with the array of joints beside "
            "it: of train_label.pkl that is train_data.npy or train_data_joint.npy"
        )
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
        keys = f"{listed(sorted(map(str, found)))}, " if isinstance(found, dict) else ""
        raise InputError(
            f"it holds {keys}no list of annotations; save one array of joints (T, P, 3) as npy"
        )
    if not any("keypoint" in row for row in rows):
        raise InputError(
            f"its {len(rows)} annotations hold no keypoint: theirs lie in files of their own "
            f"(kpfiles of Kinetics), which are to be joined with them first"
        )
    splits = found.get("split", {}) if isinstance(found, dict) else {}
    home = {str(name): split for split in reversed(splits) for name in splits[split]}
    clips = {}
    for i, row in enumerate(rows):
        name = str(row.get("frame_dir", row.get("filename", i)))
        try:
            label = row.get("label")
            told = dict(label=None if label is None else int(label), split=home.get(name, ""))
            clips[name] = dataclasses.replace(_clip(row, layout), **told)
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{name}: {error}") from None
    return clips


def _clip(row: dict[str, Any], layout: str) -> PoseFile:
    points = np.asarray(row["keypoint"], np.float32)
    points = points[None] if points.ndim == 3 else points  # one person
    if points.ndim != 4 or points.shape[-1] not in (2, 3):
        raise InputError(
            f"expected keypoint (people, frames, points, 2 or 3), found {points.shape}"
        )
    scores = row.get("keypoint_score")
    if scores is not None and np.ndim(scores) == 2:
        scores = np.asarray(scores)[None]
    if points.shape[-1] == 3 and scores is None and people.is_flat(points):
        points, scores = points[..., :2], points[..., 2] if points[..., 2].any() else None
    if points.shape[-1] == 3 and scores is None:
        return _deep(points, layout, row.get("layout") == OWN)
    layout = of_count({points.shape[2]}, layout)
    scores = np.ones(points.shape[:3]) if scores is None else np.asarray(scores)
    both = np.concatenate([points[..., :2], scores[..., None]], axis=-1).astype(np.float32)
    tracks = people.there(people.found_only(both))
    size = tuple(int(length) for length in row["img_shape"])[::-1] if "img_shape" in row else None
    said = people.confident(tracks)
    return PoseFile(layout, LAYOUTS[layout], tracks, depth=False, size=size, notes=tuple(said))


def _deep(points: np.ndarray, layout: str, own: bool) -> PoseFile:
    """People in space, most often NTU's, whose axes are the Kinect's."""
    layout = layout or IN_SPACE.get(points.shape[2], "")
    axes = KINECT_AXES if layout.startswith("kinect") else "x y z" if own else ""
    if not layout:
        of_count({points.shape[2]}, layout)
    lost = people.marked(points, LAYOUTS[layout])
    tracks = people.there(np.where(lost, np.nan, points))
    return placed(LAYOUTS[layout], tracks, layout=layout, axes=axes)


def _3dpw(found: dict[str, Any]) -> PoseFile:
    tracks = {
        str(i + 1): np.asarray(joints, np.float64).reshape(-1, 24, 3)
        for i, joints in enumerate(found["jointPositions"])
    }
    return placed(LAYOUTS["smpl24"], tracks, layout="smpl24", unit="m", rate=30.0)


def write_pyskl(
    path: Path,
    poses: Mapping[str, np.ndarray],
    labels: Sequence[int],
    splits: Mapping[str, Sequence[str]],
) -> None:
    """Write clips (T, 17, 3) by name, a label of each (-1: none) and the names in each split.

    They are places of joints, so there are no scores; a joint that was not seen is 0 three times,
    as pyskl has it.
    """
    annotations = [
        {"frame_dir": name, "total_frames": len(pose), "label": int(label)}
        | {"keypoint": np.nan_to_num(pose[None]).astype(np.float32), "layout": OWN}
        for (name, pose), label in zip(poses.items(), labels)
    ]
    content = {"split": {s: list(names) for s, names in splits.items()}, "annotations": annotations}
    with replacing(path) as part, open(part, "wb") as file:
        pickle.dump(content, file)

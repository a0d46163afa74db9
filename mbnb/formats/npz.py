"""npz files: mbnb's own, VideoPose3D's, those of SPIN and HMR; AMASS is refused. And one npy.

An array alone does not tell which points it holds: a layout has to be given where more than one
has as many, or the one is taken that makes bodies of them.
"""

import re

import numpy as np

from mbnb.clips import pack
from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.anatomy import LOPSIDED, stance_of
from mbnb.formats.arrays import load, members, value
from mbnb.formats.content import Content
from mbnb.formats.converters import to_h36m
from mbnb.formats.holistic import WHOLE, hung, of_parts
from mbnb.formats.layouts import LAYOUTS, points_of
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.pyskl import BODY_MODEL
from mbnb.formats.space import AXES, placed
from mbnb.skeleton import known_skeletons, load_skeleton
from mbnb.text import listed

EXPECTED = "an array of joints (T, P, 3), or an npz of mbnb, VideoPose3D or SPIN"
OWN = ("pose_3d.npy", "pose_2d.npy")  # clips in mbnb's layout
H36M_RATE = 50.0
WITH_MORE = (543, 553)  # MediaPipe's points: body, both hands, mesh of the face, as freemocap's


def is_it(content: Content) -> bool:
    """Whether it is numpy's own format, alone or several in a zip archive."""
    return content.head[:6] == b"\x93NUMPY" or (
        content.head[:4] == b"PK\x03\x04" and bool(members(content.path))
    )


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """All recordings by name: clips, or subjects with what they do."""
    path = content.path
    if path.name in OWN and not layout:
        return {"": _ours({"1": load(path)}, flat=path.name == OWN[1])}
    if content.head[:6] == b"\x93NUMPY":
        return {"": of_array(load(path), layout)}
    names = set(members(path))
    if "positions_3d" in names:
        return _positions(value(path, "positions_3d"))
    if "positions_2d" in names:
        return _pictures(value(path, "positions_2d"), value(path, "metadata"), layout)
    if {"frames", "offsets", "clip_names"} <= names:
        return _packed(content, names, layout)
    if {"imgname", "S"} <= names:
        return _spin(content, layout)
    if {"poses", "trans"} & names or {"pose", "betas"} <= names:
        raise InputError(BODY_MODEL)
    arrays = [name for name in names if load(path, name).ndim in (3, 4)]
    if len(arrays) != 1:
        raise InputError(f"expected one array of joints, found {', '.join(sorted(names))}")
    return {"": of_array(load(path, arrays[0]), layout)}


def of_array(array: np.ndarray, layout: str) -> PoseFile:
    """(T, P, 2), (T, P, 3) or (people, T, P, 3) of points, in a picture or in space."""
    if array.dtype.kind not in "fiu" or array.ndim not in (3, 4) or array.shape[-1] not in (2, 3):
        raise InputError(f"expected (T, P, 2) or (T, P, 3), found {array.shape} of {array.dtype}")
    array = (array if array.ndim == 4 else array[None]).astype(np.float32)
    if not np.isfinite(array).any():
        raise InputError("there is nothing in it")
    if array.shape[2] in WITH_MORE and layout in ("", WHOLE):
        array, layout = of_parts(array), WHOLE
    third = array[..., 2] if array.shape[-1] == 3 else np.ones(array.shape[:-1], np.float32)
    flat = array.shape[-1] == 2 or people.is_flat(array)
    layout, names = points_of(layout or _fitting(array, flat))
    if array.shape[2] != len(names):
        raise InputError(f"it has {array.shape[2]} points, the layout {len(names)}")
    if flat:
        points = np.concatenate([array[..., :2], third[..., None]], axis=-1)
        tracks = {str(i + 1): people.found_only(one) for i, one in enumerate(points)}
        notes = ("numbers were taken as x, y and a confidence in a picture",)
        return PoseFile(layout, names, tracks, depth=False, notes=notes)
    lost = (array == 0).all(-1, keepdims=True)
    tracks = {str(i + 1): one for i, one in enumerate(np.where(lost, np.nan, array))}
    tracks, said = hung(tracks) if layout == WHOLE else (tracks, ())
    notes = (f"points were taken as {layout or 'those of the list'}", *said)
    return placed(names, tracks, layout=layout, notes=notes)


def _fitting(array: np.ndarray, flat: bool) -> str:
    """The one layout of as many points that makes bodies of them."""
    known = [name for name, points in LAYOUTS.items() if len(points) == array.shape[2]]
    if len(known) > 1 and not flat:
        known = [name for name in known if _is_body(array[0], name)]
    if len(known) != 1:
        raise InputError(
            f"{array.shape[2]} points do not tell what they are: give a layout, one of "
            f"{', '.join(LAYOUTS)}, or a file with the name of each point in a line"
        )
    return known[0]


def _is_body(points: np.ndarray, layout: str) -> bool:
    pose = to_h36m(points, layout)
    one = pack([pose], [""], [0], [""])
    stance = stance_of(one, load_skeleton())
    return bool(stance.lopsided[0] < LOPSIDED / 1.5 and not stance.crossed[0])


def _positions(content: object) -> dict[str, PoseFile]:
    """VideoPose3D's Human3.6M: metres in a room, z up, 50 frames a second."""
    found = {}
    for subject, actions in dict(content).items():
        for action, points in dict(actions).items():
            layout = {17: "h36m17", 32: "h36m32"}.get(np.shape(points)[1], "")
            if not layout:
                raise InputError(f"{subject} {action}: expected (T, 32, 3), found {points.shape}")
            found[f"{subject} {action}"] = placed(
                LAYOUTS[layout],
                {str(subject): points},
                layout=layout,
                unit="m",
                axes=AXES["z"],
                rate=H36M_RATE,
            )
    return found


def _pictures(content: object, metadata: object, layout: str) -> dict[str, PoseFile]:
    """VideoPose3D's points in pictures, of every camera."""
    told = metadata if isinstance(metadata, dict) else {}
    names = {"coco": "coco17", "h36m": "h36m17"}
    layout = layout or names.get(str(told.get("layout_name", "")), "")
    sizes = told.get("video_metadata", {})
    found = {}
    for subject, actions in dict(content).items():
        for action, cameras in dict(actions).items():
            for i, points in enumerate(cameras):
                name = f"{subject} {action}" + (f" camera {i + 1}" if len(cameras) > 1 else "")
                file = of_array(np.asarray(points)[..., :2], layout)
                size = sizes.get(subject, {})
                size = (int(size["w"]), int(size["h"])) if {"w", "h"} <= set(size) else None
                found[name] = PoseFile(
                    file.layout, file.points, {str(subject): file.people["1"]}, False, size=size
                )
    return found


def _ours(tracks: dict[str, np.ndarray], rate: float | None = None, flat: bool = False) -> PoseFile:
    """Joints in mbnb's own order, unit and axes, of the table that has as many."""
    count = next(iter(tracks.values())).shape[1]
    known = {len(load_skeleton(name)): name for name in known_skeletons()}
    names = load_skeleton(known.get(count, "h36m17")).joints
    if count != len(names):
        raise InputError(f"it has {count} joints, and no table has as many: {listed(known)}")
    layout = "h36m17" if len(LAYOUTS["h36m17"]) == count else ""
    names = LAYOUTS[layout] if layout else names
    if flat:
        tracks = {who: people.found_only(_believed(points)) for who, points in tracks.items()}
        return PoseFile(layout, names, tracks, depth=False, rate=rate)
    return placed(names, tracks, layout=layout, unit="m", axes="x y z", rate=rate)


def _believed(points: np.ndarray) -> np.ndarray:
    """(..., 3) of x, y and maybe a confidence, which is 1 else."""
    ones = np.ones_like(points[..., :1])
    return points if points.shape[-1] == 3 else np.concatenate([points, ones], axis=-1)


def _packed(content: Content, names: set[str], layout: str) -> dict[str, PoseFile]:
    """mbnb's own: clips one after the other."""
    frames, offsets, clips = (load(content.path, n) for n in ("frames", "offsets", "clip_names"))
    rate = float(load(content.path, "fps")) if "fps" in names else None
    found = {}
    for i, name in enumerate(clips):
        points = frames[int(offsets[i]) : int(offsets[i + 1])]
        if layout:
            found[str(name)] = of_array(points, layout)
        else:
            found[str(name)] = _ours({"1": points}, rate)
    return found


def _spin(content: Content, layout: str) -> dict[str, PoseFile]:
    """Single frames before the camera: S (N, 17 or 24, 4), metres and whether it is known."""
    joints, pictures = load(content.path, "S"), load(content.path, "imgname")
    layout = layout or {17: "h36m17", 24: "spin24"}.get(joints.shape[1], "")
    points = np.where(joints[..., 3:] > 0, joints[..., :3], np.nan)
    return {
        re.sub(r"\W+", "_", str(name)): placed(
            LAYOUTS[layout], {"1": one[None]}, layout=layout, unit="m", axes="x y z"
        )
        for name, one in zip(pictures, points)
    }

"""npz files: mbnb's own, VideoPose3D's, those of SPIN and HMR; AMASS is refused. And one npy.

An array alone does not tell which points it holds: a layout has to be given where more than one
has as many, or the one is taken that makes bodies of them.
"""

import dataclasses
import re
import zipfile
from pathlib import Path

import numpy as np

from mbnb.clips import pack
from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.anatomy import LOPSIDED, median_of, stance_of
from mbnb.formats.arrays import load, members, value
from mbnb.formats.content import Content
from mbnb.formats.converters import to_h36m
from mbnb.formats.holistic import WHOLE, hung, in_picture, of_parts
from mbnb.formats.layouts import LAYOUTS, points_of
from mbnb.formats.pickles import header_of
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.pyskl import BODY_MODEL, BODY_MODEL_KEYS
from mbnb.formats.space import AXES, SENSOR, placed
from mbnb.skeleton import known_skeletons, load_skeleton
from mbnb.text import listed

EXPECTED = "an array of joints (T, P, 3), or an npz of mbnb, VideoPose3D or SPIN"
OBJECTS = "it holds Python objects: save its joints (T, P, 3) as an array of numbers"
OWN = ("pose_3d.npy", "pose_2d.npy")  # clips in mbnb's layout
H36M_RATE = 50.0
BELIEFS = re.compile("score|conf|vis", re.IGNORECASE)  # in the names of arrays
# Trunks, with room about 160 real clips: the distance of the hips is 0.5 there at most.
HIPS, THIGH = 0.8, (0.3, 1.6)
RATES = ("fps", "rate", "frame_rate", "framerate", "mocap_framerate", "mocap_frame_rate")
FEWEST, COUNTS = 8, {len(points) for points in LAYOUTS.values()}  # points
OF_BODY_MODEL = (21, 22, 23, 24, 52, 55)  # joints of SMPL, SMPL-H and SMPL-X
INFERRED = {"boxes", "segments", "keypoints"}
FEW_PEOPLE = 5
FEATURES = {  # numbers of a frame
    263: "by its 263 columns it holds HumanML3D's features: give new_joints, (T, 22, 3)",
    322: "by its 322 columns it holds Motion-X's parameters of SMPL-X: give that model's joints",
}
PIXELS = 20  # more than metres of anybody before a camera
VISIBLE = 33 * 4  # numbers of MediaPipe's points with their visibility
WITH_MORE = (543, 553)  # MediaPipe's points: body, both hands, mesh of the face, as freemocap's


def is_it(content: Content) -> bool:
    """Whether it is numpy's own format, alone or several in a zip archive."""
    zipped = content.head[:4] == b"PK\x03\x04" and zipfile.is_zipfile(content.path)
    return content.head[:6] == b"\x93NUMPY" or zipped and bool(members(content.path))


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """All recordings by name: clips, or subjects with what they do."""
    path = content.path
    if path.name in OWN and not layout:
        return {"": _ours({"1": load(path)}, flat=path.name == OWN[1])}
    if content.head[:6] == b"\x93NUMPY":
        with open(path, "rb") as file:
            holds_objects = header_of(file)[2].hasobject
        return {"": _ntu(path) if holds_objects else of_array(load(path), layout)}
    names = set(members(path))
    if "positions_3d" in names:
        return _positions(value(path, "positions_3d"))
    if "positions_2d" in names:
        return _pictures(value(path, "positions_2d"), value(path, "metadata"), layout)
    if {"frames", "offsets", "clip_names"} <= names:
        return _packed(content, names, layout)
    if {"imgname", "S"} <= names:
        return _spin(content, layout)
    return _loose(content, names, layout)


def _loose(content: Content, names: set[str], layout: str) -> dict[str, PoseFile]:
    """Arrays under any names: one of joints, or of several clips each."""
    path = content.path
    if INFERRED <= names:
        raise InputError(
            "it is what VideoPose3D's inference writes: its prepare_data_2d_custom.py makes "
            "data_2d_custom_NAME.npz of a folder of these"
        )
    beliefs = [name for name in sorted(names) if BELIEFS.search(name)]
    arrays = {name: load(path, name) for name in sorted(names - set(beliefs))}
    joints = [name for name, array in arrays.items() if _may_be_joints(name, array)]
    if any("3d" in name.lower() for name in joints):  # beside the same in pictures
        joints = [name for name in joints if "2d" not in name.lower()]
    if BODY_MODEL_KEYS & names and not layout:  # AMASS has markers beside its parameters
        joints = [name for name in joints if arrays[name].shape[-2] in COUNTS]
    if not joints and BODY_MODEL_KEYS & names:
        raise InputError(BODY_MODEL)
    if len({arrays[name].shape[-2:] for name in joints}) != 1:
        raise InputError(
            f"expected one array of joints, or clips of as many joints each, found "
            f"{', '.join(sorted(names))}"
        )
    told = [arrays[name].ravel() for name in RATES if name in arrays]
    rate = float(told[0][0]) if told and told[0].size == 1 and told[0].dtype.kind in "fiu" else None
    if len(joints) > 1:
        return {
            name: dataclasses.replace(of_array(arrays[name], layout), rate=rate) for name in joints
        }
    array = arrays[joints[0]]
    belief = load(path, beliefs[0]) if len(beliefs) == 1 and array.shape[-1] == 2 else None
    if belief is not None and belief.shape == array.shape[:-1]:
        array = np.concatenate([array, belief[..., None]], axis=-1)
    return {"": dataclasses.replace(of_array(array, layout), rate=rate)}


def _may_be_joints(name: str, array: np.ndarray) -> bool:
    """Whether an array has places of many points, not turns of a body model's joints."""
    if array.ndim not in (3, 4) or array.shape[-1] not in (2, 3, 4) or array.shape[-2] < FEWEST:
        return False
    return name not in BODY_MODEL_KEYS or array.shape[-2] not in OF_BODY_MODEL


def _ntu(path: Path) -> PoseFile:
    """A dictionary that NTU RGB+D's own script makes of a `.skeleton`: skel_body0, skel_body1."""
    try:
        found = value(path)
    except InputError as error:
        raise InputError(f"{OBJECTS} ({str(error).removeprefix(f'{path}: ')})") from None
    names = (
        sorted(name for name in found if name.startswith("skel_body"))
        if isinstance(found, dict)
        else []
    )
    bodies = {name: found[name] for name in names}
    if not bodies:
        raise InputError(OBJECTS)
    tracks = {}
    for name, body in bodies.items():
        points = np.asarray(body, np.float32)  # (T, 25, 3)
        absent = ~points.any((1, 2), keepdims=True)
        tracks[name.removeprefix("skel_body")] = np.where(absent, np.nan, points)
    how = {"layout": "kinect25", "unit": "m", "axes": SENSOR["y"], "rate": 30.0}
    return placed(LAYOUTS["kinect25"], tracks, **how)


def of_rows(values: np.ndarray, layout: str) -> PoseFile:
    """(T, numbers) of a row a frame: 33 landmarks with visibilities, or points of a layout.

    The first number may count frames.
    """
    counts = len(values) > 1 and (np.diff(values[:, 0]) == 1).all()
    if counts and values.shape[1] % 3 == 1 and values.shape[1] != VISIBLE:
        values = values[:, 1:]
    width = values.shape[1]
    points = len(points_of(layout)[1]) if layout else 33 if width == VISIBLE else 0
    channels = width // points if points and width % points == 0 else 3
    if width in FEATURES and not layout:
        raise InputError(FEATURES[width])
    if width % channels or channels not in (2, 3, 4):
        raise InputError(f"{width} columns do not tell what they are: give a layout")
    return of_array(values.reshape(len(values), -1, channels), layout)


def of_array(array: np.ndarray, layout: str) -> PoseFile:
    """Points (T, P, 2 or 3), of people (M, T, P, 2 or 3), or (T, numbers), see `of_rows`.

    In a picture or in space. A fourth number is the visibility of MediaPipe.
    """
    if array.dtype.kind in "fiu" and array.ndim == 2 and array.shape[1] >= 6:
        return of_rows(array, layout)
    if array.ndim == 3 and array.shape[1:] == (33, 5):  # MediaPipe's last is a presence
        array = array[..., :4]
    known = array.dtype.kind in "fiu" and array.ndim in (3, 4)
    if not known or array.shape[-1] > 4 or not array.size:
        raise InputError(f"expected (T, P, 2) or (T, P, 3), found {array.shape} of {array.dtype}")
    if array.ndim == 4 and len(array) == 3 and array.shape[-1] <= 2 and np.nanmax(array) < PIXELS:
        array = array.transpose(3, 1, 2, 0)  # (C, T, P, M), as ST-GCN has it -> (M, T, P, C)
    if array.ndim == 4 and array.shape[1] <= FEW_PEOPLE < array.shape[0]:
        array = array.swapaxes(0, 1)  # (T, M, P, C), as detectors give it -> (M, T, P, C)
    array = (array if array.ndim == 4 else array[None]).astype(np.float32)
    if not np.isfinite(array).any() or not array.any():
        raise InputError("there is nothing in it")
    if array.shape[2] in WITH_MORE and layout in ("", WHOLE):
        array, layout = of_parts(array), WHOLE
    belief = array[..., 3] if array.shape[-1] == 4 else None
    array = array[..., :3]
    third = array[..., 2] if array.shape[-1] == 3 else np.ones(array.shape[:-1], np.float32)
    flat = array.shape[-1] == 2 or people.is_flat(array)
    if flat and not third.any():  # a picture that was given a third number
        third = np.ones_like(third)
    layout, names = points_of(layout or _fitting(array, flat))
    if array.shape[2] != len(names):
        raise InputError(f"it has {array.shape[2]} points, the layout {len(names)}")
    if flat:
        points = np.concatenate([array[..., :2], third[..., None]], axis=-1)
        tracks = {str(i + 1): people.found_only(one) for i, one in enumerate(points)}
        notes = ("numbers were taken as x, y and a confidence in a picture",)
        return PoseFile(layout, names, tracks, depth=False, notes=notes)
    lost = people.marked(array, names)
    there = enumerate(np.where(lost, np.nan, array))
    tracks = {str(i + 1): one for i, one in there if np.isfinite(one).any()}
    notes: tuple[str, ...] = (f"points were taken as {layout or 'those of the list'}",)
    if shown := in_picture(layout, tracks, belief):
        return dataclasses.replace(shown, notes=(*notes, *shown.notes))
    tracks, said = hung(tracks) if layout == WHOLE else (tracks, ())
    return placed(names, tracks, layout=layout, usual="-y", notes=(*notes, *said))


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
    stance, at = (
        stance_of(one, load_skeleton()),
        dict(zip(load_skeleton().joints, pose.transpose(1, 2, 0))),
    )
    hips, thigh = (
        median_of(np.linalg.norm(at[a] - at[b], axis=0)) / max(stance.trunk[0], 1e-9)
        for a, b in (("L_Hip", "R_Hip"), ("L_Hip", "L_Knee"))
    )
    slim = hips < HIPS and THIGH[0] < thigh < THIGH[1]
    return bool(slim and stance.lopsided[0] < LOPSIDED / 1.5 and not stance.crossed[0])


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

"""Points in space, in whatever unit and with whatever axis up -> metres, y down; what was found.

A unit that no file tells is seen by the size of bodies, which way is up by where heads are, and
whether left is left by the ways that knees bend and that noses and toes point (`anatomy`).
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from mbnb.clips import pack
from mbnb.formats.anatomy import LOPSIDED, stance_of
from mbnb.formats.converters import joints_of
from mbnb.formats.layouts import renamed
from mbnb.formats.markers import NOTE, has_pelvis
from mbnb.formats.names import canonical, knows_hips
from mbnb.formats.pose_file import PoseFile
from mbnb.skeleton import load_skeleton

# Metres in a unit, by its name; those that nobody tells are tried in this order.
UNITS = {"metres": 1.0, "centimetres": 0.01, "millimetres": 0.001, "inches": 0.0254}
UNITS |= {"units of the CMU database (1/0.45 inch)": 0.0254 / 0.45}
UNITS |= {"half widths of a picture, as MotionBERT lifts to": 1 / 0.298}
SPELLED = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "in": "inches"}
SPELLED |= {name.replace("metre", "meter"): name for name in UNITS} | {"inch": "inches"}
SPELLED |= {name.removesuffix("s"): full for name, full in SPELLED.items() if "meter" in name}
# Ankle to hip and pelvis to neck together: between a small child and a giant.
BODY = (0.6, 1.75)
UPPER, LOWER = ("clav", "ster", "acro", "c7", "head"), ("asis", "psis", "sacr", "asi", "psi")
FEET = (("foot", "ankle"), ("big_toe", "ankle"), ("big_toe", "heel"), ("ankle", "heel"))
BACKWARDS_FEET = -0.3  # a cosine; those of real people are 0.7 and more, of toes
UP = 0.7  # cosine with an axis from which on it is the way up
# Which of a file's axes, with signs, are our x, y and z where that axis is up: turns, no mirrors.
AXES = {
    "y": "x -y -z",
    "-y": "x y z",
    "z": "x -z y",
    "-z": "x z -y",
    "x": "y -x z",
    "-x": "-y x z",
}
# Those of a sensor such as the Kinect, which people face: its x goes to its left.
SENSOR = AXES | {"y": "-x -y z"}
MIRRORED = "knees bend, or noses and toes point, backwards: left and right are exchanged, or it is \
a mirror image"
OTHER_ORDER = "bones of left and right differ {:.1f}-fold: joints are called what they are not"


def turned(points: np.ndarray, axes: str) -> np.ndarray:
    """(..., 3) with the axes named in `axes`, as in "x -z y", as x, y and z."""
    words = axes.split()
    order = ["xyz".index(word[-1]) for word in words]
    return points[..., order] * [-1.0 if word[0] == "-" else 1.0 for word in words]


def placed(
    names: Sequence[str],
    people: dict[str, np.ndarray],
    *,
    layout: str = "",
    unit: str = "",
    axes: str = "",
    usual: str = "y",
    rate: float | None = None,
    notes: Sequence[str] = (),
    bodies: Sequence[np.ndarray] = (),
    rest: np.ndarray | None = None,
    turns: Mapping[str, str] = AXES,
) -> PoseFile:
    """What a reader found in space, as `PoseFile` has it, with what was found out about it.

    people: (T, P, 3) by track, in the file's own unit and axes. unit: the file's, a key of `UNITS`
    or `SPELLED`; axes: which of its axes are ours, as in "x -y -z", where that is known; else both
    are seen by the bodies. usual: the way up where bodies do not show it. bodies: (T, P, 3) those
    of the whole file, where this is one recording of several. rest: (1, P, 3) the skeleton at rest,
    which shows that somebody lies where the usual way is up in it. turns: `axes` by the way up,
    where the format tells which way people face.
    """
    layout, names = renamed(tuple(names), layout)
    said = list(notes)
    raw = PoseFile(layout, names, dict(enumerate(bodies)) or people, depth=True)
    ours = list(joints_of(raw).values())  # (T, 17, 3) each
    if not layout and has_pelvis(canonical(names)) and not knows_hips(names):
        said.append(NOTE)
    unit = SPELLED.get(unit, unit)
    fitting, why = _unit(ours)
    size = _median_size(ours)
    if unit in UNITS and (not fitting or BODY[0] <= size * UNITS[unit] <= BODY[1]):
        said.append(f"the file is in {unit}")
    elif unit in UNITS:
        said.append(f"the file says {unit}, but {why}")
        unit = fitting
    else:
        unit = fitting
        said.append(why)
    if not axes:
        if set(load_skeleton().joints) <= set(names):
            up, why = usual, f"{usual} is up, as mbnb writes it"
        else:
            up, why = _up(ours, usual) or _up_of_markers(names, people, usual)
        if up != usual and rest is not None:
            at_rest = joints_of(PoseFile(layout, names, {"": rest}, depth=True))
            if (_up(list(at_rest.values()), usual) or ("",))[0] == usual:
                up, why = usual, f"{usual} is up in the skeleton at rest: somebody lies or bends"
        axes = turns[up]
        said.append(why)
    scale = UNITS.get(unit, 1.0)
    people = {
        name: (turned(points, axes) * scale).astype(np.float32) for name, points in people.items()
    }
    file = PoseFile(layout, names, people, depth=True, rate=rate, notes=tuple(said))
    return dataclasses.replace(file, doubts=tuple(doubts(file)))


def doubts(file: PoseFile) -> list[str]:
    """What speaks against the joints of a file in space: mirrored, another size, another order."""
    said = []
    skeleton = load_skeleton()
    for name, pose in joints_of(file).items():
        who = f"{name}: " if len(file.people) > 1 else ""
        if not np.isfinite(pose).any():
            continue
        stance = stance_of(pack([pose], [""], [0], [""]), skeleton)
        if stance.mirrored[0] or _feet(file, name, pose) < BACKWARDS_FEET:
            said.append(who + MIRRORED)
        if stance.lopsided[0] > LOPSIDED:
            said.append(who + OTHER_ORDER.format(stance.lopsided[0]))
        size = _size(pose)
        if size is not None and not (BODY[0] <= size <= BODY[1]):
            said.append(f"{who}legs and trunk measure {size:.3g} m, which is no person's size")
    return said


def _feet(file: PoseFile, person: str, pose: np.ndarray) -> float:
    """How far feet point to where hips and trunk have the front, -1 to 1; 0 where none is seen."""
    at = dict(zip(load_skeleton().joints, pose.transpose(1, 0, 2).astype(np.float64)))
    names, points = canonical(file.points), file.people[person].astype(np.float64)
    front = np.cross(at["L_Hip"] - at["R_Hip"], at["Neck"] - at["Pelvis"])
    found = [
        points[:, names.index(f"{side}_{tip}")] - points[:, names.index(f"{side}_{base}")]
        for side in ("left", "right")
        for tip, base in FEET
        if {f"{side}_{tip}", f"{side}_{base}"} <= set(names)
    ]
    if not found:
        return 0.0
    feet = np.stack(found)  # (feet, T, 3)
    sizes = np.linalg.norm(feet, axis=-1) * np.linalg.norm(front, axis=-1)
    ahead = (feet * front).sum(-1) / np.maximum(sizes, 1e-12)
    return float(np.nan_to_num(np.nanmedian(ahead))) if np.isfinite(ahead).any() else 0.0


def _size(pose: np.ndarray) -> float | None:
    """Ankle to hip to pelvis to neck of (T, 17, 3), in the median; None where it is not there."""
    at = dict(zip(load_skeleton().joints, pose.transpose(1, 0, 2).astype(np.float64)))

    def length(*names: str) -> np.ndarray:
        steps = [np.linalg.norm(at[a] - at[b], axis=-1) for a, b in zip(names, names[1:])]
        return np.sum(steps, axis=0)

    legs = np.stack([length(f"{s}_Hip", f"{s}_Knee", f"{s}_Ankle") for s in "LR"])
    trunk = length("Pelvis", "Neck")
    arms = np.stack([length(f"{s}_Shoulder", f"{s}_Elbow", f"{s}_Wrist") for s in "LR"])
    for whole in (legs + trunk, 2.5 * trunk, 2.5 * arms):
        if np.isfinite(whole).any():
            return float(np.nanmedian(whole))
    return None


def _median_size(poses: Sequence[np.ndarray]) -> float:
    """The median of the sizes of some bodies, 0 where none shows it."""
    sizes = [size for size in map(_size, poses) if size]
    return float(np.median(sizes)) if sizes else 0.0


def _unit(poses: Sequence[np.ndarray]) -> tuple[str, str]:
    """The unit in which bodies are as large as people, and what is said of it."""
    size = _median_size(poses)
    if not size:
        return "", "no unit is told, and no body shows it: numbers are as in the file"
    for unit, metres in UNITS.items():
        if BODY[0] <= size * metres <= BODY[1]:
            return unit, f"it is in {unit}, by the size of bodies"
    return "", f"no known unit makes people of bodies with {size:.3g} of legs and trunk"


def _up(poses: Sequence[np.ndarray], usual: str) -> tuple[str, str] | None:
    """Which axis of the file is up, and what is said of it; None where there are no bodies."""
    ups = []
    skeleton = load_skeleton()
    neck, pelvis, *ankles = skeleton.index("Neck", "Pelvis", "L_Ankle", "R_Ankle")
    for pose in poses:
        up = pose[:, neck] - pose[:, pelvis]
        legs = pose[:, pelvis] - np.mean(pose[:, ankles], axis=1)
        up = np.where(np.isfinite(legs), up + legs, up)
        up = up[np.isfinite(up).all(1)]
        if len(up):
            mean = np.median(up, 0)
            ups.append(mean / max(np.linalg.norm(mean), 1e-12))
    return _along(np.mean(ups, 0), usual) if ups else None


def _along(up: np.ndarray, usual: str) -> tuple[str, str]:
    """The axis nearest to a direction, and what is said of it."""
    axis = int(np.abs(up).argmax())
    if abs(up[axis]) >= UP * np.linalg.norm(up) > 0:
        found = ("-" if up[axis] < 0 else "") + "xyz"[axis]
        return found, f"{found} is up, by where heads are"
    return usual, f"which way is up cannot be seen: {usual} was taken, as is usual there"


def _up_of_markers(
    names: Sequence[str], people: dict[str, np.ndarray], usual: str
) -> tuple[str, str]:
    """The same by markers on the skin, where too few of them are joints."""
    places = [np.nanmedian(points, 0) for points in people.values() if np.isfinite(points).any()]
    upper, lower = (
        [i for i, name in enumerate(names) if any(mark in name.casefold() for mark in marks)]
        for marks in (UPPER, LOWER)
    )
    if not (places and upper and lower):
        return _along(np.zeros(3), usual)
    return _along(np.nanmean(places[0][upper], 0) - np.nanmean(places[0][lower], 0), usual)

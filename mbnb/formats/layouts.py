"""The points of each layout by name, in order, and which of them each of our joints is made of.

After the tables of COCO, COCO-WholeBody (Jin et al. 2020), Halpe (Fang et al. 2022), OpenPose's
BODY_25, BODY_25B and COCO-18 (its documentation of outputs), PoseTrack18 and Human3.6M.
"""

from collections.abc import Collection
from pathlib import Path

from mbnb.files import InputError, read_text
from mbnb.skeleton import load_skeleton

# For each of our joints the points it may be the mean of; the first that a layout has count.
WAYS: dict[str, tuple[str, ...]] = {
    "Pelvis": ("pelvis", "left_hip right_hip"),
    "Spine1": (
        "spine",
        "neck pelvis",
        "neck neck left_hip right_hip",
        "left_shoulder right_shoulder left_hip right_hip",
    ),
    "Neck": ("neck", "left_shoulder right_shoulder"),
    "Head": ("nose",),
    # The middle of the head, or the eyes, where there is no top of it.
    "Head_top": ("head_top", "head", "left_eye right_eye"),
}
SIDES = {"L": "left", "R": "right"}
LIMBS = ("Hip", "Knee", "Ankle", "Shoulder", "Elbow", "Wrist")
WAYS |= {f"{s}_{limb}": (f"{SIDES[s]}_{limb.lower()}",) for s in "LR" for limb in LIMBS}
# What `wholebody44` has beside these; numbers are those of the usual 68 points of a face.
OF_FACE = {"L_Brow": 24, "R_Brow": 19, "L_Mouth": 54, "R_Mouth": 48, "Upper_lip": 51, "Chin": 8}
WAYS |= {"Nose": ("nose",)} | {joint: (f"face_{i}",) for joint, i in OF_FACE.items()}
WAYS |= {f"{s}_Mouth": (*WAYS[f"{s}_Mouth"], f"mouth_{SIDES[s]}") for s in "LR"}
for _letter, _side in SIDES.items():
    for _point in ("Eye", "Ear", "Big_toe", "Small_toe", "Heel"):
        WAYS[f"{_letter}_{_point}"] = (f"{_side}_{_point.lower()}",)
    for _finger in ("Thumb", "Index", "Middle", "Ring", "Little"):
        WAYS[f"{_letter}_{_finger}"] = (f"{_side}_hand_{_finger.lower()}_4",)
    WAYS[f"{_letter}_Hand"] = (f"{_side}_hand_middle_1",)


def _both(names: str) -> str:
    """Each name for the left, then for the right."""
    return " ".join(f"{side}_{name}" for name in names.split() for side in ("left", "right"))


def _limbs(side: str, names: str) -> str:
    return " ".join(f"{side}_{name}" for name in names.split())


def _numbered(name: str, count: int) -> str:
    return " ".join(f"{name}_{i}" for i in range(count))


LIMB_PAIRS = _both("shoulder elbow wrist hip knee ankle")
ARM, LEG, TOES = "shoulder elbow wrist", "hip knee ankle", "big_toe small_toe heel"
FACE = _both("eye ear")
FEET = f"{_limbs('left', TOES)} {_limbs('right', TOES)}"
FINGERS = "wrist " + " ".join(
    f"{finger}_{i}"
    for finger in ("thumb", "index", "middle", "ring", "little")
    for i in range(1, 5)
)
HANDS = " ".join(_limbs(f"{side}_hand", FINGERS) for side in ("left", "right"))

_COCO17 = f"nose {FACE} {LIMB_PAIRS}"
_HALPE26 = f"{_COCO17} head_top neck pelvis {_both(TOES)}"
_OPENPOSE_ARMS = f"nose neck {_limbs('right', ARM)} {_limbs('left', ARM)}"
_OPENPOSE_LEGS = f"{_limbs('right', LEG)} {_limbs('left', LEG)}"
_OPENPOSE_FACE = "right_eye left_eye right_ear left_ear"
_COCO18 = f"{_OPENPOSE_ARMS} {_OPENPOSE_LEGS} {_OPENPOSE_FACE}"
_BODY25 = f"{_OPENPOSE_ARMS} pelvis {_OPENPOSE_LEGS} {_OPENPOSE_FACE} {FEET}"
_BODY25B = f"{_COCO17} upper_neck head_top {FEET}"
# OpenPose's MPI: the head's top first, the chest last.
_MPI15 = f"head_top neck {_limbs('right', ARM)} {_limbs('left', ARM)} {_OPENPOSE_LEGS} chest"
_H36M17 = (
    f"pelvis {_OPENPOSE_LEGS} spine neck nose head_top {_limbs('left', ARM)} {_limbs('right', ARM)}"
)
_HANDED, _FOOTED = "shoulder elbow wrist hand", "hip knee ankle foot"
_KINECT_LIMBS = " ".join(
    _limbs(side, names) for names in (_HANDED, _FOOTED) for side in ("left", "right")
)
_SMPL24 = (
    "pelvis left_hip right_hip spine_1 left_knee right_knee spine_2 left_ankle right_ankle spine_3 "
    "left_foot right_foot neck left_collar right_collar head " + _both("shoulder elbow wrist hand")
)
# The first 22 are those of HumanML3D and AMASS; SMPL-H and SMPL-X have fingers after them.
_SMPL22 = " ".join(_SMPL24.split()[:22])
_SMPL_HANDS = " ".join(
    _limbs(
        f"{side}_finger",
        "index_1 index_2 index_3 middle_1 middle_2 middle_3 little_1 little_2 "
        "little_3 ring_1 ring_2 ring_3 thumb_1 thumb_2 thumb_3",
    )
    for side in ("left", "right")
)
_AZURE32 = (
    "pelvis spine_1 spine_2 neck left_collar left_shoulder left_elbow left_wrist left_hand "
    "left_hand_tip left_thumb right_collar right_shoulder right_elbow right_wrist right_hand "
    f"right_hand_tip right_thumb {_limbs('left', 'hip knee ankle foot')} "
    f"{_limbs('right', 'hip knee ankle foot')} head nose left_eye left_ear right_eye right_ear"
)
# The 24 joints that SPIN's data sets share: LSP's fourteen, then those of MPII and Human3.6M.
_SPIN24 = (
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow "
    "right_shoulder left_shoulder left_elbow left_wrist neck head_top pelvis thorax spine jaw head "
    "nose left_eye right_eye left_ear right_ear"
)
# MSR Action3D: pairs of left and right from the shoulders down, the middle between, the head last.
_MSR20 = (
    f"{_both('shoulder')} neck spine {_both('hip')} pelvis "
    f"{_both('elbow wrist hand knee ankle foot')} head"
)
_MEDIAPIPE33 = (
    "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer "
    "left_ear right_ear mouth_left mouth_right "
    + _both("shoulder elbow wrist pinky index thumb hip knee ankle heel big_toe")
)
# Of the 32 joints of Human3.6M's own files those that we have, in our order.
OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)


def _h36m32() -> str:
    names = [f"unused_{i}" for i in range(32)]
    for name, place in zip(_H36M17.split(), OF_32):
        names[place] = name
    return " ".join(names)


_FACE68, _FACE70 = _numbered("face", 68), _numbered("face", 70)

# Name of a layout -> names of its points in their order.
LAYOUTS: dict[str, tuple[str, ...]] = {
    name: tuple(points.split())
    for name, points in {
        "coco17": _COCO17,
        "halpe26": _HALPE26,
        "halpe136": f"{_HALPE26} {_FACE68} {HANDS}",
        "wholebody133": f"{_COCO17} {FEET} {_FACE68} {HANDS}",
        "posetrack18": f"nose neck head_top {_both('ear')} {LIMB_PAIRS}",
        "coco18": _COCO18,
        "body25": _BODY25,
        "body25b": _BODY25B,
        "coco18_130": f"{_COCO18} {_FACE70} {HANDS}",
        "body25_137": f"{_BODY25} {_FACE70} {HANDS}",
        "body25b_137": f"{_BODY25B} {_FACE70} {HANDS}",
        "h36m17": _H36M17,
        "h36m32": _h36m32(),
        "kinect20": f"pelvis spine neck head {_KINECT_LIMBS}",
        "kinect25": f"pelvis spine upper_neck head {_KINECT_LIMBS} neck "
        "left_hand_tip left_thumb right_hand_tip right_thumb",
        "msr20": _MSR20,
        "azure32": _AZURE32,
        "mpi15": _MPI15,
        "smpl22": _SMPL22,
        "smpl24": _SMPL24,
        "smplh52": f"{_SMPL22} {_SMPL_HANDS}",
        "smplx55": f"{_SMPL22} jaw left_eye right_eye {_SMPL_HANDS}",
        "spin24": _SPIN24,
        "mediapipe33": _MEDIAPIPE33,
        # What is kept of the holistic model's points: see `holistic`.
        "mediapipe81": f"{_MEDIAPIPE33} {HANDS} face_24 face_19 face_54 face_48 face_51 face_8",
    }.items()
}


def sources_of(points: tuple[str, ...], skeleton: str = "h36m17") -> dict[str, tuple[int, ...]]:
    """Of which of `points` each joint of a table is the mean; of none where they lack it."""
    found = {}
    for joint in load_skeleton(skeleton).joints:
        ways = [way.split() for way in WAYS.get(joint, ()) if set(way.split()) <= set(points)]
        found[joint] = tuple(map(points.index, ways[0])) if ways else ()
    return found


# What people who were detected in pictures have as many points of.
BY_COUNT = {
    len(LAYOUTS[name]): name
    for name in ("coco17", "coco18", "body25", "halpe26", "wholebody133", "halpe136")
}
# And what people in space most often have as many points of, where the file does not tell.
IN_SPACE = {25: "kinect25", 20: "kinect20", 17: "h36m17", 22: "smpl22", 24: "smpl24"}
IN_SPACE |= {33: "mediapipe33"}


def points_of(layout: str) -> tuple[str, tuple[str, ...]]:
    """The name of a layout, "" for a user's own, and the names of its points.

    `layout` is one of `LAYOUTS`, or the path of a table with a point in each line: its name in our
    words, such as left_hip, or before that its name in the file. Raises InputError for what is
    neither.
    """
    if layout in LAYOUTS:
        return layout, LAYOUTS[layout]
    return "", tuple(row[-1] for row in _own(layout))


def renamed(names: tuple[str, ...], layout: str) -> tuple[str, tuple[str, ...]]:
    """What `points_of` gives, for points that have names in the file already."""
    if not layout or layout in LAYOUTS:
        return layout, names
    ours = {row[0]: row[-1] for row in _own(layout)}
    if not set(ours) & set(names):
        raise InputError(f"{layout} names none of its points, which are {', '.join(names[:30])}")
    return "", tuple(ours.get(name, name) for name in names)


def _own(layout: str) -> list[list[str]]:
    """The rows of a user's table of points."""
    if not Path(layout).is_file():
        raise InputError(
            f"unknown layout {layout!r}; known: {', '.join(LAYOUTS)}, or a file with a point in "
            f"each line: its name in our words, as left_hip, or `its name there,left_hip`"
        )
    lines = read_text(Path(layout), "names of points").split("\n")
    return [[cell.strip() for cell in line.split(",")][:2] for line in lines if line.strip()]


def of_count(counts: Collection[int], layout: str = "") -> str:
    """The layout that has so many points: `layout` if that is given, else what is usual.

    Raises InputError where none has, and where `counts` are several.
    """
    found = layout or BY_COUNT.get(min(counts), "")
    if layout:
        points_of(layout)
    if set(counts) != {len(LAYOUTS.get(found, ()))}:
        known = ", ".join(f"{name} of {len(points)}" for name, points in LAYOUTS.items())
        few = ", ".join(map(str, sorted(counts)[:5]))
        raise InputError(f"a person has {few} points, which is not {found or known}")
    return found


def layout_of(points: tuple[str, ...]) -> str:
    """The layout of these points in their order, "" where none is known."""
    return next((name for name, known in LAYOUTS.items() if known == points), "")

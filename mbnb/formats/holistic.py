"""MediaPipe's holistic models: 33 points of a body with 21 of each hand and a mesh of the face.

Files call these points by names or numbers of their own. Of the mesh the points that a table of
joints has are kept. Hands of its world landmarks begin at a place of their own, each in the middle
of itself; they are hung at the wrists.
"""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from mbnb.formats.layouts import FINGERS, HANDS, LAYOUTS
from mbnb.formats.pose_file import PoseFile

BODY, WHOLE = "mediapipe33", "mediapipe81"
IN_FACE = {334: 24, 105: 19, 291: 54, 61: 48, 0: 51, 152: 8}  # of the mesh, of the usual 68 points
MESHES, HAND = (468, 478), 21  # points
HAND_NAME = re.compile(r"(left|right)_?hand(?:_?(?:world_?)?landmarks?)?[_. -]*(.+)", re.I)
FACE_NAME = re.compile(r"face(?:_?landmarks?)?[_. -]*(\d+)", re.I)
FINGER = re.compile(r"(thumb|index|middle|ring|pinky|little)(?:_finger)?_(cmc|mcp|pip|dip|ip|tip)")
JOINTS = {"cmc": 1, "mcp": 1, "pip": 2, "dip": 3, "ip": 3, "tip": 4}  # of fingers
# Forearms between a wrist and where its hand begins, and from there to the knuckles, at most.
NEAR, LARGE = 0.4, 1.0
SHARES = "x and y are shares of the picture's width and height, which the file does not tell"
PIXELS = "x and y are pixels; z, which MediaPipe guesses in a picture, was left"
FAR, NO_DEPTH = 10.0, 3e-3  # of the middle of the hips: pixels at least, of those at most
ELSEWHERE = "hands lie in a picture, the body in metres: they are left out"


def word_of(name: str) -> str:
    """Our word for a point of a hand or of the mesh of a face, "" for what is another point."""
    if match := HAND_NAME.fullmatch(name.strip()):
        side, rest = match[1].lower(), match[2].lower()
        if rest.isdecimal():
            known = dict(enumerate(FINGERS.split())).get(int(rest), "")
        elif finger := FINGER.fullmatch(rest):
            thumb = finger[1] == "thumb" and finger[2] == "mcp"
            part = finger[1].replace("pinky", "little")
            known = f"{part}_{2 if thumb else JOINTS[finger[2]]}"
        else:
            known = rest if rest in FINGERS.split() else ""
        return f"{side}_hand_{known}" if known else ""
    if match := FACE_NAME.fullmatch(name.strip()):
        return f"face_{IN_FACE[int(match[1])]}" if int(match[1]) in IN_FACE else ""
    return ""


def named_by_mediapipe(
    names: Sequence[str], people: dict[str, np.ndarray]
) -> tuple[str, dict[str, np.ndarray]] | None:
    """The layout and the points in its order, where all 33 points of the body are among `names`."""
    words = [name.strip().lower().replace("foot_index", "big_toe") for name in names]
    words = [re.sub(r"^(body|pose|mediapipe|poselandmark|\d+)[_. ]", "", word) for word in words]
    if {f"{name}_world" for name in LAYOUTS[BODY]} <= set(words):  # beside those in the picture
        words = [word[:-6] if word.endswith("_world") else f"{word} in a picture" for word in words]
    if not set(LAYOUTS[BODY]) <= set(words):
        return None
    mesh = sum(bool(FACE_NAME.fullmatch(name)) for name in names) >= min(MESHES)
    for i, name in enumerate(names):
        word = word_of(name)
        if word.startswith("face") and not mesh:
            continue
        words[i] = word or words[i]
    layout = WHOLE if set(HANDS.split()) & set(words) else BODY
    return layout, {who: _ordered(points, words, layout) for who, points in people.items()}


def _ordered(points: np.ndarray, words: Sequence[str], layout: str) -> np.ndarray:
    """(..., P, C) in the order of a layout, NaN where it has more."""
    known = {word: i for i, word in reversed(list(enumerate(words)))}
    there = [i for i, word in enumerate(LAYOUTS[layout]) if word in known]
    ordered = np.full((*points.shape[:-2], len(LAYOUTS[layout]), points.shape[-1]), np.nan)
    ordered[..., there, :] = points[..., [known[LAYOUTS[layout][i]] for i in there], :]
    return ordered.astype(points.dtype)


def of_parts(points: np.ndarray) -> np.ndarray:
    """(..., 543 or 553, C) body, both hands and mesh in one -> (..., 81, C).

    Which hand is left is told by the wrists.
    """
    body, *hands = np.split(points[..., : 33 + 2 * HAND, :], [33, 33 + HAND], axis=-2)
    wrist = body[..., LAYOUTS[BODY].index("left_wrist"), :]
    ways = [np.nanmedian(np.linalg.norm(hand[..., 0, :] - wrist, axis=-1)) for hand in hands]
    left, right = hands if not ways[1] < ways[0] else hands[::-1]
    face = points[..., [33 + 2 * HAND + i for i in IN_FACE], :]
    return np.concatenate([body, left, right, face], axis=-2)


def in_picture(
    layout: str, people: dict[str, np.ndarray], belief: np.ndarray | None = None
) -> PoseFile | None:
    """Points x, y, z of people as those of a picture, where they are shares of it; else None.

    belief: (people, T, P) confidences.
    """
    if not layout.startswith("mediapipe"):
        return None
    beliefs = [np.ones(p.shape[:-1]) for p in people.values()] if belief is None else belief
    flat = {
        who: np.concatenate([points[..., :2], known[..., None]], -1).astype(np.float32)
        for (who, points), known in zip(people.items(), beliefs)
    }
    notes = (SHARES, "z, which MediaPipe guesses in a picture, was left")
    file = PoseFile(layout, LAYOUTS[layout], flat, depth=False, notes=notes)
    if not file.shares and _in_pixels(layout, people):
        return dataclasses.replace(file, notes=(PIXELS,))
    return file if file.shares else None


def _in_pixels(layout: str, people: dict[str, np.ndarray]) -> bool:
    """Whether places are pixels: those have z about the hips, but x and y about no joint."""
    hips = [LAYOUTS[layout].index(f"{side}_hip") for side in ("left", "right")]
    middles = np.concatenate([points[:, hips].mean(1) for points in people.values()])  # (T, 3)
    middles = middles[np.isfinite(middles).all(1)]
    if not len(middles):
        return False
    x, y, z = np.median(np.abs(middles), 0)
    return bool(min(x, y) > FAR and z < NO_DEPTH * min(x, y))


def hung(people: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """People (T, 81, 3) in space with their hands at their wrists, and what is to be said of it.

    Hands that begin there stay, those about their own middle are moved, others are left out.
    """
    said: dict[str, None] = {}
    names = LAYOUTS[WHOLE]
    moved = {who: points.copy() for who, points in people.items()}
    for points in moved.values():
        for side in ("left", "right"):
            elbow, wrist = (points[:, names.index(f"{side}_{j}")] for j in ("elbow", "wrist"))
            first = names.index(f"{side}_hand_wrist")
            hand = points[:, first : first + HAND]  # (T, 21, 3), a part of `points`
            if not np.isfinite(hand).any():
                continue
            forearm = _median(wrist - elbow)
            if _median(hand[:, 0] - wrist) <= NEAR * forearm:
                continue
            knuckles = _median(hand[:, FINGERS.split().index("middle_1")] - hand[:, 0])
            if _median(hand.mean(1)) < NEAR * forearm and knuckles < LARGE * forearm:
                hand += (wrist - hand[:, 0])[:, None]
            else:
                hand[:] = np.nan
                said[ELSEWHERE] = None
    return moved, tuple(said)


def _median(vectors: np.ndarray) -> float:
    """The median length of (T, 3), NaN where all are."""
    lengths = np.linalg.norm(vectors, axis=-1)
    return float(np.nanmedian(lengths)) if np.isfinite(lengths).any() else np.nan

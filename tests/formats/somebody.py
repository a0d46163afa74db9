"""Somebody who stands and moves a little, with a place for every point that any layout has."""

import numpy as np
from build import H36M, STANDING

from mbnb.formats.layouts import LAYOUTS

FRAMES = 4
SIDES = ("left", "right")


def place_of(word):
    """Where somebody who stands has a point, metres about the pelvis, y down, z away."""
    at = {
        name: np.array(STANDING[joint]) - STANDING["Pelvis"]
        for joint, name in zip(H36M.joints, LAYOUTS["h36m17"])
    }
    side = next((side for side in SIDES if side in word), "")
    aside = {"left": 1.0, "right": -1.0, "": 0.0}[side]
    if word in at:
        return at[word]
    if "foot" in word:
        return at[f"{side}_ankle"] + (0, 0.05, -0.1)
    if word.endswith(("hand", "tip")):
        return at[f"{side}_wrist"] + (0, 0.1, 0)
    if word == "upper_neck":
        return at["neck"] + (0, -0.05, 0)
    if "hand_" in word:
        finger, _, number = word.split("hand_")[1].partition("_")
        along = 0.02 + 0.02 * int(number) if number else 0.0
        across = ("little", "ring", "middle", "index", "thumb", "wrist").index(finger) - 2
        return at[f"{side}_wrist"] + (0.015 * across * bool(number), along, -0.01 * bool(number))
    if "ear" in word:
        return at["nose"] + (0.08 * aside, -0.02, 0.1)
    if "mouth" in word:
        return at["nose"] + (0.02 * aside, 0.04, 0)
    if word.startswith("face"):
        return at["nose"] + (0.001 * int(word.split("_")[1]) - 0.04, 0.01, 0.02)
    if "eye" in word:
        return at["nose"] + (0.03 * aside, -0.03, 0.01)
    if "toe" in word or "heel" in word:
        return at[f"{side}_ankle"] + (0, 0.05, 0.03 if "heel" in word else -0.18)
    if word in ("left_pinky", "left_index", "left_thumb", "right_pinky", "right_index"):
        return at[f"{side}_wrist"] + (0, 0.08, -0.02)
    return at[f"{side}_wrist" if "thumb" in word else "nose"]


def points_of(names):
    """(FRAMES, P, 3) of points by our words, who move a little."""
    sway = np.linspace(0, 0.05, FRAMES)[:, None, None] * [1, 0, 0]
    return np.stack([place_of(name) for name in names]) + sway

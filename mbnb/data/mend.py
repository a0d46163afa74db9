"""Repair of what a tracker got wrong, when clips are read; what is stored stays as it is.

Each repair is a function of a clip (T, J, 3) in metres and what was seen of it (T, J), and stands
in `REPAIRS` by the word that the setting `repair` takes. `benchmarks/mending.py` measures each on
recordings of real people that were damaged, before and after.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.ndimage import median_filter

from mbnb.clips import Clips, pack
from mbnb.data.missing import _fill as fill
from mbnb.skeleton import ANCHORS, Skeleton

# A joint is an outlier that is so many trunks, and so many times its usual distance, from the
# median over so many frames.
FAR_OFF, UNUSUAL, WINDOW = 0.25, 6.0, 5
# Sides are exchanged where that saves so many trunks a joint, and half of the way or more.
SAVED, SHARE_SAVED = 0.15, 0.5


def outliers(pose: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, J) bool, joints of a whole clip (T, J, 3) that are away for one frame or two.

    Hampel's rule (Hampel, Journal of the American Statistical Association 69, 1974) over WINDOW
    frames, seen from the pelvis, and only where a joint is far away in trunks, too.
    """
    seen_from_root = pose - pose[:, [skeleton.root]]
    usual = median_filter(seen_from_root, (WINDOW, 1, 1), mode="nearest")
    away = np.linalg.norm(seen_from_root - usual, axis=-1)  # (T, J)
    spread = 1.4826 * np.median(away, axis=0)  # (J,), a normal error's deviation
    return away > np.maximum(FAR_OFF * trunk_of(pose, skeleton), UNUSUAL * spread)


def exchanged(pose: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, J) bool, where left and right joints of a whole clip (T, J, 3) have changed over.

    Limbs, hips and shoulders are looked at by themselves. Of the two ways to name a clip's sides
    the one that most frames have is right.
    """
    found = np.zeros(pose.shape[:2], bool)
    trunk = trunk_of(pose, skeleton)
    from_root = pose - pose[:, [skeleton.root]]
    for group in _sided(skeleton):
        other = [skeleton.mirror[joint] for joint in group]
        here, there = from_root[:, group], from_root[:, other]
        stayed = np.linalg.norm(here[1:] - here[:-1], axis=-1).mean(1)  # (T - 1,)
        swapped = np.linalg.norm(there[1:] - here[:-1], axis=-1).mean(1)
        turns = (stayed - swapped > SAVED * trunk) & (swapped < SHARE_SAVED * stayed)
        state = np.append(False, turns.cumsum() % 2 == 1)  # (T,)
        found[:, group] = (state if state.mean() <= 0.5 else ~state)[:, None]
    return found


def trunk_of(pose: np.ndarray, skeleton: Skeleton) -> float:
    """The median length from pelvis to neck of (T, J, 3)."""
    pelvis, neck = skeleton.index("Pelvis", "Neck")
    return float(np.nanmedian(np.linalg.norm(pose[:, neck] - pose[:, pelvis], axis=-1)))


def _sided(skeleton: Skeleton) -> list[list[int]]:
    """Groups of joints that have a left and a right: limbs by part of the body, and anchors."""
    groups: dict[str, list[int]] = {}
    for joint, name in enumerate(skeleton.joints):
        if skeleton.mirror[joint] != joint:
            key = name[2:] if name in ANCHORS else skeleton.parts[joint]
            groups.setdefault(key, []).append(joint)
    return list(groups.values())

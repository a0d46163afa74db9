"""Repair of what a tracker got wrong, when clips are read; what is stored stays as it is.

`benchmarks/mending.py` measures each repair on recordings of real people that were damaged, before
and after. Shapes: T frames, J joints, metres.
"""

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import Akima1DInterpolator
from scipy.ndimage import median_filter

from mbnb.clips import Clips, pack
from mbnb.data.missing import downwards, fill
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


def repaired(clips: Clips, skeleton: Skeleton, names: Sequence[str]) -> Clips:
    """The clips, in copies, with what is named mended: flips, outliers, gaps, bones, in turn.

    Outliers count as not seen from now on, and are filled in as gaps are.
    """
    if not names or not len(clips) or clips.flat:
        return clips
    poses, masks = [], []
    for i, pose in enumerate(clips):
        pose, seen = mended(pose, clips.seen_in(i), skeleton, names)
        poses.append(pose)
        masks.append(seen)
    return pack(poses, clips.names, clips.labels, clips.subjects, len(skeleton), masks)


def mended(
    pose: np.ndarray, seen: np.ndarray | None, skeleton: Skeleton, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray | None]:
    """One clip (T, J, 3) without NaN, and what was seen of it (T, J); None for all."""
    seen = np.ones(pose.shape[:2], bool) if seen is None else seen
    if "flips" in names:
        turned, sides = exchanged(pose, skeleton), list(skeleton.mirror)
        pose = np.where(turned[..., None], pose[:, sides], pose)
        seen = np.where(turned, seen[:, sides], seen)
    if "outliers" in names:
        away = outliers(pose, skeleton) & seen
        seen = seen & ~away
        pose = fill(pose, ~away)
    if "gaps" in names:
        pose = _bridged(pose, seen, skeleton)
    if "bones" in names:
        pose = _of_one_length(pose, skeleton)
    return pose.astype(np.float32), None if seen.all() else seen


def _bridged(pose: np.ndarray, seen: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, J, 3) with gaps of joints bridged by smooth curves, as their parents see them.

    A joint's way is more like its parent's than like a straight line. The curve is Akima's, which
    hardly overshoots (Journal of the ACM 17, 1970); at the ends of a clip what is seen is held.
    """
    bridged, times = pose.copy(), np.arange(len(pose))
    for joint, parent in [(skeleton.root, None), *downwards(skeleton)]:
        known = seen[:, joint]
        if known.all() or known.sum() < 3:
            continue
        origin = np.zeros((len(pose), 3)) if parent is None else bridged[:, parent]
        way = Akima1DInterpolator(times[known], (pose[:, joint] - origin)[known].astype(np.float64))
        moments = times.clip(*np.flatnonzero(known)[[0, -1]])
        bridged[~known, joint] = (way(moments) + origin)[~known]
    return bridged


def _of_one_length(pose: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, J, 3) with each bone as long as it is in the clip's median; its direction stays."""
    even = pose.copy()
    for joint, parent in downwards(skeleton):
        bone = pose[:, joint] - pose[:, parent]
        length = np.linalg.norm(bone, axis=-1, keepdims=True)
        even[:, joint] = even[:, parent] + bone * (np.median(length) / np.maximum(length, 1e-6))
    return even


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

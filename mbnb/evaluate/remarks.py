"""What stands beside an answer: why a clip may not be one to be answered."""

import numpy as np

from mbnb.clips import Clips
from mbnb.data.missing import moves
from mbnb.formats.anatomy import stance_of
from mbnb.skeleton import Skeleton

TOO_LONG = 2.0  # times as long as nearly all clips that were learned from
NAMES = 6  # of joints


def remarks(clips: Clips, skeleton: Skeleton, fps: float, usual: float = np.inf) -> list[str]:
    """For each clip what speaks against its answer, '' where nothing does.

    Joints that were not seen, bodies that do not move, hang upside down or are mirrored, and clips
    of far more seconds than are `usual` in training, which may show several movements. Of flat
    clips nothing is said.
    """
    if clips.flat:
        return [""] * len(clips)
    stance = stance_of(clips, skeleton)
    upside_down, texts = stance.upside_down, []  # of all clips at once
    for i, pose in enumerate(clips):
        seconds, seen = len(pose) / fps, clips.seen_in(i)
        share = np.ones(len(skeleton)) if seen is None else seen.mean(0)
        never, seldom = share == 0, (share > 0) & (share < 0.5)
        parts = {
            "never seen: " + _names(skeleton, never): never.any(),
            "mostly not seen: " + _names(skeleton, seldom): seldom.any(),
            "nothing moves": not moves(pose, skeleton),
            f"{seconds:.1f} s long, in training {usual:.1f} s: more than one movement?": (
                seconds > TOO_LONG * usual
            ),
            "upside down": upside_down[i],
            "left and right exchanged": stance.mirrored[i],
        }
        texts.append("; ".join(part for part, holds in parts.items() if holds))
    return texts


def _names(skeleton: Skeleton, joints: np.ndarray) -> str:
    """The names of `joints` (J,) bool."""
    names = [name for name, wanted in zip(skeleton.joints, joints) if wanted]
    return ", ".join(names[:NAMES]) + (f" and {len(names) - NAMES} more" * (len(names) > NAMES))

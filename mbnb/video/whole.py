"""The whole body of a person in a video: the 17 joints with feet, face and fingers.

What the pose model alone does not find, MediaPipe's holistic model does: in the same pose, bit for
bit, at 1.8 times the time in all. Its hands are places in the picture, which become metres as the
body's do. The hand model's own metres were tried and left: where hands are few pixels wide, it
makes them narrow and turns them away.
"""

from collections.abc import Mapping

import numpy as np

from mbnb.formats.mediapipe33 import LEFT_WRIST, RIGHT_WRIST
from mbnb.skeleton import Skeleton, load_skeleton
from mbnb.video.landmarks import to_joints

NEAR = 0.06  # metres of the body from a wrist to where its hand begins, at most
WRISTS = (LEFT_WRIST, RIGHT_WRIST)
# Joints beside the 17, where they hang, and their points among MediaPipe's 33.
BESIDE = {
    "Head": {"L_Eye": 2, "R_Eye": 5, "L_Ear": 7, "R_Ear": 8, "L_Mouth": 9, "R_Mouth": 10},
    "L_Ankle": {"L_Big_toe": 31, "L_Heel": 29},
    "R_Ankle": {"R_Big_toe": 32, "R_Heel": 30},
}
AT = {"Head": 0, "L_Ankle": 27, "R_Ankle": 28}  # of the 33, those that they hang at
# Of `FACE_MESH`, behind the tip of the nose.
IN_FACE = ("L_Brow", "R_Brow", "L_Mouth", "R_Mouth", "Upper_lip", "Chin")
# Points of a hand: the knuckle of the middle finger, and the tips.
IN_HAND = {"Hand": 9, "Thumb": 4, "Index": 8, "Middle": 12, "Ring": 16, "Little": 20}


def is_whole(skeleton: Skeleton) -> bool:
    """Whether hands and face must be searched for in videos to have these joints."""
    return "hand" in skeleton.parts


def whole_body(pose: np.ndarray, facts: Mapping[str, np.ndarray]) -> np.ndarray:
    """Human3.6M's joints (T, 17, 3) with what lies around them: (T, 44, 3), metres.

    facts: `WholeLandmarks` by name. What is not among the 17 hangs at its wrist, ankle or nose as
    it was seen there, in the size of `pose`, which may have been lifted. NaN is what was not found,
    a hand that begins far from its wrist, and the small toes, of which MediaPipe knows nothing.
    """
    ours, whole = load_skeleton(), load_skeleton("wholebody44")
    at = dict(zip(ours.joints, pose.swapaxes(0, 1)))  # 17 times (T, 3)
    world, image = facts["world"], facts["image"]
    parents, children = np.array(ours.bones).T
    lengths = [
        np.linalg.norm(joints[:, children] - joints[:, parents], axis=-1)  # (T, 16)
        for joints in (pose, to_joints(world))
    ]
    shares = (lengths[0] / lengths[1])[np.isfinite(lengths[0] / lengths[1])]
    larger = np.median(shares) if len(shares) else np.nan
    for anchor, points in BESIDE.items():
        for name, point in points.items():
            at[name] = at[anchor] + larger * (world[:, point] - world[:, AT[anchor]])
    metre = image.std(1).mean(-1) / world[..., :2].std(1).mean(-1)  # (T,) pixels
    face = (facts["face"] - facts["face"][:, :1]) * (larger / metre)[:, None, None]  # (T, 7, 3)
    for point, name in enumerate(IN_FACE, 1):
        place = at["Head"] + face[:, point]
        at[name] = np.where(np.isnan(place), at.get(name, np.nan), place)
    for side, letter in enumerate("LR"):
        hand = facts["hands"][:, side]  # (T, 21, 3)
        off = np.linalg.norm(hand[:, 0, :2] - image[:, WRISTS[side]], axis=-1)  # (T,) pixels
        scale = np.where(off < NEAR * metre, larger / metre, np.nan)
        hand = (hand - hand[:, :1]) * scale[:, None, None]
        at |= {f"{letter}_{n}": at[f"{letter}_Wrist"] + hand[:, p] for n, p in IN_HAND.items()}
    at["Nose"], nowhere = at["Head"], np.full_like(at["Pelvis"], np.nan)
    return np.stack([at.get(name, nowhere) for name in whole.joints], 1).astype(pose.dtype)

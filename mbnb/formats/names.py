"""What joints and markers are called elsewhere, in the words of `layouts`."""

import re
from collections.abc import Sequence

# For each of our words those of others, the most telling first: in a skeleton with LeftArm and
# LeftShoulder the first is the shoulder and the second the collar bone.
SIDED = {
    "shoulder": "upperarm uparm arm shoulder acromion humerus sho",
    "elbow": "elbow forearm lowerarm lowarm radius elb",
    "wrist": "wrist hand wri",
    "hip": "upleg upperleg thigh hip hipjoint femur",
    "knee": "knee leg lowerleg lowleg shin calf tibia kne",
    "ankle": "ankle foot ank",
    "big_toe": "bigtoe toebase toes toe footindex hallux",
    "small_toe": "smalltoe",
    "heel": "heel calcaneus",
    "eye": "eye",
    "ear": "ear",
}
MIDDLE = {
    "pelvis": "pelvis hips hip midhip chip hipcenter hipcentre centerhip spinebase rootpelvis root "
    "jointroot base",
    "spine": "spinemid spine1 torso",
    "neck": "neck spineshoulder shouldercenter shouldercentre midshoulder headbottom thorax",
    "nose": "nose",
    "head_top": "headtop headtopend headend topofhead headtip",
    "head": "head",
}
SIDE = {"left": "left", "l": "left", "lft": "left", "right": "right", "r": "right", "rgt": "right"}
WORDS = r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+"


def words_of(name: str) -> tuple[str, str]:
    """The side in a name, "left", "right" or "", and its other words as one.

    As in LeftUpLeg, UpperArm_L, mixamorig:LeftArm, LHip, hip.r, ANKLE_LEFT.
    """
    words = re.findall(WORDS, re.split(r"[:|]", name.strip())[-1])
    words = [word.casefold() for word in words]
    ends = [i for i in (0, len(words) - 1) if len(words) > 1 and words[i] in SIDE]
    sides = ends[:1] or [i for i, word in enumerate(words) if word in ("left", "right")]
    if not sides:
        return "", "".join(words)
    side = SIDE[words.pop(sides[0])]
    return side, "".join(words)


def canonical(names: Sequence[str]) -> tuple[str, ...]:
    """The same names, with ours in place of those that stand for one of our words.

    Each of our words stands there once; a name that is not known stays as it is.
    """
    known: dict[tuple[str, str], int] = {}
    for i, name in enumerate(names):
        known.setdefault(words_of(name), i)
    found = list(names)
    for side in ("left", "right", ""):
        for word, others in (SIDED if side else MIDDLE).items():
            places = [known[side, other] for other in others.split() if (side, other) in known]
            if places:
                found[places[0]] = f"{side}_{word}" if side else word
    return tuple(found)

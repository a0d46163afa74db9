"""What joints and markers are called elsewhere, in the words of `layouts`."""

import functools
import re
from collections import Counter
from collections.abc import Sequence

from mbnb.formats.layouts import LAYOUTS
from mbnb.skeleton import load_skeleton

# For each of our words those of others, the most telling first: in a skeleton with LeftArm and
# LeftShoulder the first is the shoulder and the second the collar bone.
SIDED = {
    "shoulder": "sjc upperarm uparm uarm arm shoulder shldr acromion acrom humerus sho",
    "elbow": "ejc elbow forearm lowerarm lowarm farm larm ulna elb lelbow",
    "wrist": "wjc wrist wri wra lwrist hand",
    "hip": "hjc upleg upperleg thigh hip hipjoint femur troc trochanter",
    "knee": "kjc knee leg lowerleg lowleg shin calf shank tibia kne",
    "ankle": "ajc ankle talus foot ank",
    "big_toe": "bigtoe toebase toes toe footindex hallux latoe",
    "small_toe": "smalltoe",
    "heel": "heel calcaneus calcn calc hee",
    "eye": "eye",
    "ear": "ear",
    "asis": "asis asi ias",
    "psis": "psis psi ips",
}
MIDDLE = {
    "pelvis": "pelvis hips hip midhip chip hipcenter hipcentre centerhip spinebase rootpelvis root "
    "jointroot",
    "spine": "spinemid",
    "neck": "neck spineshoulder shouldercenter shouldercentre midshoulder headbottom thorax",
    "nose": "nose",
    "head_top": "headtop headtopend headend topofhead headtip",
    "head": "head",
    "sacrum": "sacrum sacr",
}
KNOWN = {word for others in SIDED.values() for word in others.split()}
# What may stand behind all names: hips_JNT, LeftHandPosition, lThighBend, r_knee_study.
BEHIND = ("jnt", "joint", "pos", "position", "bend", "study")
SIDE = {"left": "left", "l": "left", "right": "right", "r": "right"}
WORDS = r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+"
PREFIX = r"[A-Za-z]+\d*[_ .-]+(?=[A-Za-z])"
FEW, COMMON = 5, 0.8  # names, and the share of them that begins alike
# Human3.6M's own names of the middle: its second neck is where the nose is.
H36M_MIDDLE = {"thorax": "neck", "neckbase": "nose", "spine": "spine", "head": "head_top"}


def words_of(name: str) -> tuple[str, str]:
    """The side in a name, "left", "right" or "", and its other words as one.

    As in LeftUpLeg, UpperArm_L, mixamorig:LeftArm, LHip, hip.r, ANKLE_LEFT.
    """
    name = re.split(r"[:|]", name.strip())[-1]
    words = [word.casefold() for word in re.findall(WORDS, name)]
    while len(words) > 1 and (words[-1] in BEHIND or words[0].isdigit()):  # 0_NOSE, too
        words = words[:-1] if words[-1] in BEHIND else words[1:]
    if not any(word in SIDE for word in words):  # RKNE, ASISl
        word = "".join(words)
        for letter, rest in ((word[:1], word[1:]), (word[-1:], word[:-1])):
            if letter in SIDE and rest in KNOWN:
                words = [letter, rest]
    if len(words) > 1 and words[0] == "c":  # the centre, as in CHip and C_Neck
        words = words[1:]
    ends = [i for i in (0, len(words) - 1) if len(words) > 1 and words[i] in SIDE]
    sides = ends[:1] or [i for i, word in enumerate(words) if word in ("left", "right")][:1]
    side = SIDE[words.pop(sides[0])] if sides else ""
    return side, "".join(words)


def knows_hips(names: Sequence[str]) -> bool:
    """Whether the centres of both hips, such as LHJC, are among the names of markers."""
    return {("left", "hjc"), ("right", "hjc")} <= {words_of(name) for name in names}


def _bare(names: Sequence[str]) -> list[str]:
    """The names without the words that nearly all begin with, as in Bip01 R Thigh, m_avg_L_Hip."""
    bare = list(names)
    while len(bare) >= FEW:
        first = Counter(re.match(PREFIX, name)[0] for name in bare if re.match(PREFIX, name))
        prefix, count = first.most_common(1)[0] if first else ("", 0)
        if count < COMMON * len(bare):
            break
        bare = [name.removeprefix(prefix) for name in bare]
    return bare


def canonical(names: Sequence[str]) -> tuple[str, ...]:
    """The same names, with ours in place of those that stand for one of our words.

    Each of our words stands there once; a name that is not known stays as it is.
    """
    return _canonical(tuple(names))


@functools.lru_cache(64)  # the clips of a data set have the same
def _canonical(names: tuple[str, ...]) -> tuple[str, ...]:
    ours = dict(zip(load_skeleton().joints, LAYOUTS["h36m17"]))
    if set(ours) <= set(names):  # what mbnb writes
        return tuple(ours.get(name, name) for name in names)
    known: dict[tuple[str, str], int] = {}
    called = [words_of(name) for name in _bare(names)]
    for i, word in enumerate(called):
        known.setdefault(word, i)
    bare = [(side, word.rstrip("0123456789")) for side, word in called]
    for i, word in enumerate(bare):  # Head1, Toe0, but not hip1 and hip2
        if bare.count(word) == 1:
            known.setdefault(word, i)
    found = list(names)
    for side in ("left", "right", ""):
        for word, others in (SIDED if side else MIDDLE).items():
            places = [known[side, other] for other in others.split() if (side, other) in known]
            if places:
                found[places[0]] = f"{side}_{word}" if side else word
    if {("", "thorax"), ("", "neckbase")} <= set(known):
        for other, word in H36M_MIDDLE.items():
            if ("", other) in known:
                found[known["", other]] = word
    return tuple(found)

"""The 52 micro-actions of `ma52.csv` as movements, and nothing happening, as `choreography` has it.

What the two lists share is played the same way, only less evenly: real micro-actions are often
small, partial, and made from any posture. Neighbours, and what 17 joints show of the difference:

- A0 shaking: the trunk sways or rocks, slowly or fast; A1: it rises from a slump, for good.
- A2 shrugging: the shoulders rise against head and hips; A4: the hips leave the knees' height.
- B5, B6, B7 and B8 go once; B9 and B10 go to and fro.
- C13: wrists come together and lie still; C14: they rub along each other; C21: they fidget, close
  together; C12: one or two wrists work before the belly, apart; C22: wrists hardly move where they
  lie; C16: a forearm turns by a little, evenly.
- C15: the hand goes to the chest from the front and dabs; E33: it lies flat on it, or rubs.
- C17: arms go far out; C18: they come from there to the body; C20: both wrists part, palms up.
- D25: the feet are drawn under the seat and up; D30: they come back from far in front; D29: they go
  there; D31: the heels go up while the toes stay.
- The wrist is above the head or strokes its side (F38), behind it (F39), before the brow (F40),
  beside cheek or chin (F41), before an eye and rubs (F42), below the nose (F43), beside the ear
  (F44), before the mouth (F46), at the eyes' height for a moment (F47); F45: both, before the face.
- G48 beats the thigh, G49 lies on it or strokes once, G50 rubs 3-5 times a second.
"""

from dataclasses import replace

from mbnb.simulate.choreography import (
    AXES,
    CALF,
    ELBOW_DOWN,
    ELBOW_FRONT,
    ELBOW_OUT,
    FAR_FOREARM,
    FAR_UPPER_ARM,
    FOOT,
    HANDS,
    KNEE,
    KNEE_UP,
    LIFT,
    MOVES,
    OVER_KNEE,
    PROP,
    RAISED_FOOT,
    RESTS,
    THIGH,
    Drive,
    Move,
    Place,
    Range,
    Reach,
    both,
    chest,
    head,
    move,
)

ELBOW_BACK = (1.0, -0.1, -0.7)
OVER_ANKLE = Place("R_Ankle", "R_Ankle", 0, (-8, 2, 7))  # of the near foot, on the floor
HIP = Place("L_Hip", "L_Hip", 0, (6, 9, -1))
CLASPED = Place("Pelvis", "Pelvis", 0, (3.5, 11, 22))
BELOW_BELLY = Place("Pelvis", "Pelvis", 0, (5, 14, 24))
FOLDED = chest(-11, -20, 14)

# Where hands lie before and after, and how often; of 'chin' only the near hand is there.
POSTURES = {
    "thigh": (RESTS["thigh"], 5),
    "knee": (RESTS["knee"], 3),
    "lap": (RESTS["lap"], 4),
    "seat": (RESTS["seat"], 1.5),
    "armrest": (RESTS["armrest"], 1),
    "belly": (RESTS["belly"], 1),
    "clasped": (CLASPED, 4),
    "folded": (FOLDED, 1),
    "chin": (head(3, -16, 0), 0.5),
}
NOT_AT_FACE = tuple(name for name in POSTURES if name != "chin")
OFF_THIGHS = ("lap", "seat", "armrest", "belly", "clasped")


def rubbing(axis: str, size: Range = (1.5, 4), limb: str = "hand", phase: float = 0.0) -> Drive:
    """A hand that goes to and fro where it is."""
    return Drive(f"{limb}.{axis}", size, "wave", phase)


def touching(*places: Reach | tuple[Reach | Drive, ...], rub: str = "up", **kwargs) -> Move:
    """A hand goes to one of some places, and lies there, strokes or scratches it.

    rub: the axis along which it strokes.
    """
    variants = [place if isinstance(place, tuple) else (place,) for place in places]
    still = tuple(variants)
    scratching = tuple((*parts, rubbing(rub, (1, 3))) for parts in variants)
    given = dict(rate=(1, 4.5), cycles=(1, 4), rise=(0.3, 0.7), stay=0.4, rests=NOT_AT_FACE)
    return Move(still + scratching, **given | kwargs)


def gesture(size: Range, axes: tuple[str, ...] = AXES, limbs=HANDS) -> tuple[Drive, ...]:
    """Hands that move without a pattern where they are."""
    return tuple(Drive(f"{limb}.{axis}", size, "wander") for limb in limbs for axis in axes)


def either_way(*moves: Move, **kwargs) -> Move:
    """The first of some moves, with the variants of all."""
    variants = tuple(variant for each in moves for variant in each.variants)
    return replace(moves[0], variants=variants, **kwargs)


def feet(control: str, size: Range, course: str = "hold") -> tuple[Drive, Drive]:
    """Both feet or knees alike."""
    return Drive(control, size, course), Drive(f"far_{control}", size, course)


BODY = {
    "A0": move(
        Drive("trunk.tilt", (3, 13), "wave"),
        or_else=(
            (Drive("trunk.lean", (3, 12), "wave"), Drive("head.nod", (0, 4), "wave", 0.5)),
            (Drive("trunk.tilt", (2, 7), "wave"), Drive("trunk.twist", (4, 12), "wave", 0.25)),
            (Drive("trunk.twist", (8, 20), "wave"),),
        ),
        rate=(0.5, 3),
        cycles=(1.5, 4),
        rise=(0.2, 0.5),
        habit="either",
    ),
    "A1": move(
        Drive("trunk.slump", (12, 26), "release"),
        Drive("trunk.lean", (3, 12), "release"),
        Drive("head.nod", (0, 12), "release"),
        or_else=(
            (Drive("trunk.lean", (10, 24), "release"), Drive("trunk.slump", (4, 12), "release")),
            (Drive("trunk.slump", (8, 18), "release"), Drive("trunk.tilt", (6, 12), "release")),
            (Drive("trunk.lean", (-18, -8), "release"), Drive("trunk.slump", (6, 16), "release")),
        ),
        rise=(0.4, 1.1),
        hold=(0.1, 0.8),
        stay=1,
        habit="either",
    ),
    "A2": move(
        Drive("shoulders.up", (3.5, 7)),
        or_else=(
            (Drive("shoulders.up", (3.5, 7), "bob"),),
            (
                Drive("shoulders.up", (3.5, 7)),
                *both(chest(24, -26, 20)),
                Drive("head.tilt", (2, 10)),
            ),
        ),
        rate=(0.9, 2),
        cycles=(1, 2.2),
        rise=(0.15, 0.4),
        stay=0.1,
        habit="either",
    ),
    "A3": move(
        Drive("trunk.twist", (22, 60)),
        Drive("head.look", (10, 50)),
        Drive("trunk.tilt", (-2, 6)),
        or_else=((Drive("trunk.twist", (25, 60)), Drive("trunk.lean", (0, 12))),),
        rise=(0.4, 0.9),
        habit="either",
    ),
    "A4": move(
        Drive("pelvis.up", (14, 38)),
        Drive("pelvis.forward", (8, 28)),
        Drive("trunk.lean", (12, 34)),
        or_else=(
            (  # half-way, to sit down anew
                Drive("pelvis.up", (7, 18)),
                Drive("pelvis.forward", (2, 12)),
                Drive("trunk.lean", (10, 30)),
            ),
            (  # up to standing straight
                Drive("pelvis.up", (32, 38)),
                Drive("pelvis.forward", (22, 30)),
                Drive("trunk.lean", (0, 8)),
            ),
        ),
        rise=(0.5, 1.3),
        hold=(0.1, 0.7),
        stay=0.6,
        habit="either",
        rests=("thigh", "knee", "lap", "seat", "belly"),
    ),
}

HEAD = {
    "B5": move(
        Drive("head.nod", (12, 38)),
        or_else=((Drive("head.nod", (12, 30)), Drive("trunk.lean", (1, 7))),),
        rise=(0.25, 0.8),
        hold=(0.3, 1.5),
        stay=0.5,
        habit="either",
    ),
    "B6": move(
        Drive("head.nod", (-34, -11)),
        or_else=((Drive("head.nod", (14, 32), "release"),),),
        rise=(0.25, 0.7),
        stay=0.5,
        habit="either",
    ),
    "B7": replace(
        MOVES["B4"],
        variants=((Drive("head.tilt", (10, 32)),), (Drive("head.tilt", (8, 20), "wave"),)),
        rate=(0.5, 1),
        cycles=(0.9, 1.6),
        rise=(0.25, 0.7),
    ),
    "B8": move(
        Drive("head.look", (14, 52)),
        or_else=(
            (Drive("head.look", (14, 50)), Drive("head.nod", (-6, 10))),
            (Drive("head.look", (14, 45)), Drive("trunk.twist", (2, 8))),
            (Drive("head.look", (14, 40), "release"),),
        ),
        rise=(0.25, 0.7),
        hold=(0.2, 1.4),
        stay=0.4,
        habit="either",
    ),
    "B9": replace(MOVES["B1"], variants=((Drive("head.nod", (6, 20), "bob"),),), rate=(1, 3)),
    "B10": replace(MOVES["B2"], variants=((Drive("head.look", (7, 24), "wave"),),), rate=(1, 3)),
}

UPPER_LIMB = {
    "C11": touching(
        Reach("hand", FAR_UPPER_ARM),
        Reach("hand", FAR_FOREARM),
        (Reach("hand", FAR_FOREARM), rubbing("side", (2, 5))),
        (Reach("hand", FAR_UPPER_ARM), rubbing("up", (2, 5))),
        rate=(2, 5),
        cycles=(2, 5),
    ),
    "C12": move(
        *both(Place("Pelvis", "Pelvis", 0, (7, 20, 28))),
        *gesture((1, 4)),
        or_else=(
            (Reach("hand", chest(9, -26, 26)), *gesture((1, 4), limbs=("hand",))),
            (*both(chest(7, -24, 26)), *gesture((1, 4))),
            (  # a pen or a phone in one hand, the other one holds it, too
                Reach("hand", Place("Pelvis", "Pelvis", 0, (4, 22, 30))),
                Reach("far_hand", Place("Pelvis", "Pelvis", 0, (7, 16, 26))),
                rubbing("up", (2, 6)),
            ),
        ),
        hold=(0.9, 2.5),
        rate=(1, 2.6),
        rise=(0.3, 0.6),
        stay=0.6,
    ),
    "C13": replace(MOVES["C6"], rise=(0.3, 0.8), hold=(0.3, 1.5)),
    "C14": either_way(
        MOVES["C5"],
        move(  # where they lie
            *both(CLASPED), rubbing("side", (2, 4)), rubbing("side", (2, 4), "far_hand", 0.5)
        ),
        rate=(1.2, 3.5),
        cycles=(2, 5),
    ),
    "C15": move(
        Reach("hand", chest(3, -13, 13), ELBOW_OUT),
        or_else=(
            (Reach("hand", chest(3, -13, 15), ELBOW_OUT), Drive("hand.forward", (-4, -2), "bob")),
            (Reach("hand", chest(7, -8, 16)), Drive("hand.forward", (-5, -2), "bob")),
        ),
        rate=(1, 2.4),
        cycles=(1, 3),
        rise=(0.25, 0.6),
        stay=0.2,
        rests=NOT_AT_FACE,
    ),
    "C16": move(
        Drive("hand.up", (0.6, 2.2), "bob"),
        Drive("hand.forward", (0.4, 1.6), "bob"),
        or_else=(
            (*feet("hand.up", (0.6, 2), "bob"), *feet("hand.side", (-1.5, -0.4), "bob")),
            (
                Reach("hand", Place("L_Hip", "L_Knee", 0.6, (2, 15, 0))),
                Drive("hand.side", (-1.8, -0.5), "bob"),
                Drive("hand.up", (0.5, 2), "bob"),
            ),
        ),
        rate=(0.6, 1.8),
        cycles=(1, 3),
        rise=(0.2, 0.4),
        rests=("thigh", "knee", "lap", "armrest", "belly"),
    ),
    "C17": move(
        *both(chest(14, 32, 12), ELBOW_OUT),
        or_else=(
            (*both(Place("Neck", "Neck", 0, (8, -14, 56))),),
            (*both(Place("Neck", "Neck", 0, (56, -4, 10))),),
            (*both(chest(4, 40, 4), ELBOW_OUT), Drive("trunk.lean", (-12, -2))),
            (Reach("hand", Place("Neck", "Neck", 0, (18, -22, 54))),),
            (Reach("hand", Place("Neck", "Neck", 0, (50, -22, 26))),),
            (*both(Place("L_Knee", "L_Knee", 0, (0, 14, 14)), ELBOW_OUT),),
        ),
        rise=(0.4, 1),
        hold=(0.2, 1.2),
        rests=NOT_AT_FACE,
    ),
    "C18": move(
        *(replace(part, course="release") for part in both(Place("Neck", "Neck", 0, (8, -24, 52)))),
        or_else=tuple(
            tuple(replace(part, course="release") for part in parts)
            for parts in (
                both(Place("L_Knee", "L_Knee", 0, (0, 12, 10))),
                both(Place("Neck", "Neck", 0, (48, -14, 24))),
                both(chest(12, 26, 14), ELBOW_OUT),
                (Reach("hand", Place("Neck", "Neck", 0, (14, -22, 54))),),
                (Reach("hand", Place("L_Knee", "L_Knee", 0, (2, 10, 10))),),
            )
        ),
        rise=(0.35, 0.9),
        hold=(0.1, 0.8),
        stay=1,
        rests=("lap", "belly", "clasped", "folded", "seat"),
    ),
    "C19": replace(MOVES["C3"], rate=(1.2, 3.4), cycles=(1.5, 4), rests=NOT_AT_FACE),
    "C20": move(
        *both(chest(27, -22, 26)),
        or_else=(
            (*both(chest(14, -26, 26)), *feet("hand.side", (9, 18), "bob")),
            (*both(Place("Pelvis", "Pelvis", 0, (26, 20, 30))),),
            (Reach("hand", chest(30, -20, 24)),),
        ),
        rate=(0.8, 1.6),
        cycles=(1, 2),
        rise=(0.25, 0.6),
        stay=0.2,
        rests=NOT_AT_FACE,
    ),
    "C21": move(
        *both(BELOW_BELLY),
        *gesture((0.7, 2.2)),
        or_else=(
            (*both(CLASPED), rubbing("up", (0.6, 2)), rubbing("side", (0.5, 2), "far_hand")),
            (*both(chest(4, -30, 22)), *gesture((0.7, 2.2))),
        ),
        hold=(0.9, 2.4),
        rate=(1.4, 3),
        stay=0.6,
        rests=("lap", "clasped", "thigh"),
    ),
    "C22": move(
        *gesture((0.4, 1.3)),
        or_else=(
            gesture((0.5, 1.6), limbs=("hand",)),
            (Drive("hand.up", (0.5, 1.6), "beat"),),
        ),
        hold=(0.9, 2.4),
        rate=(1.6, 4),
        rise=(0.15, 0.3),
        rests=("thigh", "knee", "lap", "armrest", "seat", "folded"),
    ),
    "C23": either_way(
        MOVES["C17"],
        move(*both(Place("Pelvis", "Pelvis", 0, (12, 20, 30))), *gesture((3, 9))),
        move(Reach("hand", chest(16, -20, 28)), rubbing("up", (3, 7))),
        hold=(0.9, 2.5),
        rate=(0.8, 1.8),
        rests=NOT_AT_FACE,
    ),
}

LOWER_LIMB = {
    "D24": either_way(
        MOVES["D4"],
        move(
            *feet("foot.up", (0.8, 2), "wave"),
            *feet("knee.side", (3, 9), "wave"),
        ),
        move(*feet("knee.side", (6, 18), "wave")),
        move(Reach("foot", OVER_KNEE, KNEE_UP, "always"), Drive("foot.forward", (3, 8), "wave")),
        rate=(1.5, 6),
        cycles=(4, 9),
    ),
    "D25": move(
        *feet("foot.forward", (-24, -13)),
        *feet("foot.up", (1, 7)),
        or_else=(
            (Drive("foot.forward", (-24, -12)), Drive("foot.up", (6, 20))),
            (Drive("foot.forward", (-26, -16)), Drive("foot.up", (1, 6))),
            (*feet("foot.up", (8, 22)), *feet("foot.forward", (-14, -4))),
        ),
        rise=(0.35, 0.8),
        stay=0.6,
        habit="foot",
    ),
    "D26": move(
        *feet("foot.side", (5, 15)),
        *feet("knee.side", (5, 16)),
        or_else=(
            feet("knee.side", (12, 26)),
            (Drive("foot.side", (7, 17)), Drive("knee.side", (6, 16))),
        ),
        rise=(0.3, 0.8),
        stay=0.8,
        habit="foot",
    ),
    "D28": either_way(
        MOVES["D1"], move(Reach("foot", OVER_ANKLE, KNEE_UP)), rise=(0.4, 1.1), hold=(0.1, 0.9)
    ),
    "D29": move(
        Drive("foot.forward", (12, 36)),
        or_else=(
            feet("foot.forward", (12, 36)),
            (Drive("foot.forward", (10, 26)), Drive("foot.up", (3, 9))),
            (Drive("foot.swing", (18, 45)),),
        ),
        rise=(0.3, 0.8),
        stay=0.6,
        habit="foot",
    ),
    "D30": move(
        Drive("foot.forward", (12, 34), "release"),
        or_else=(
            feet("foot.forward", (12, 34), "release"),
            (Drive("foot.forward", (10, 26), "release"), Drive("foot.up", (2, 8), "release")),
            (Drive("foot.forward", (-15, -8)),),
        ),
        rise=(0.3, 0.8),
        hold=(0.1, 0.8),
        stay=1,
        habit="foot",
    ),
    "D31": move(
        *feet("foot.up", (3, 8)),
        *feet("foot.forward", (1, 4)),
        or_else=(
            (Drive("foot.up", (3, 8)), Drive("foot.forward", (1, 4))),
            feet("foot.up", (3, 7), "bob"),
            (Drive("foot.up", (3, 7), "bob"),),
        ),
        rate=(0.6, 1.6),
        cycles=(1, 3),
        rise=(0.2, 0.5),
        habit="foot",
    ),
}
LOWER_LIMB["D27"] = replace(
    LOWER_LIMB["D26"],
    variants=tuple(
        tuple(replace(part, course="release") for part in parts)
        for parts in LOWER_LIMB["D26"].variants
    ),
    stay=1,
)

BODY_HAND = {
    "E32": touching(
        Reach("hand", head(10, -9, -12), ELBOW_FRONT),
        Reach("hand", chest(7, 0, 9), ELBOW_DOWN),
        (Reach("hand", head(9, -8, -13), ELBOW_OUT), Drive("head.tilt", (-10, 0))),
    ),
    "E33": touching(
        Reach("hand", chest(4, -16, 9), ELBOW_OUT),
        Reach("hand", chest(-4, -14, 9), ELBOW_OUT),
        both(chest(5, -15, 9), ELBOW_OUT),
        rub="side",
    ),
    "E34": touching(
        Reach("hand", Place("Spine1", "Spine1", 0, (8, -9, -12), "trunk"), ELBOW_BACK),
        (
            Reach("hand", Place("Pelvis", "Pelvis", 0, (9, 8, -13), "trunk"), ELBOW_BACK),
            Drive("trunk.lean", (0, 10)),
        ),
        Reach("hand", chest(9, 8, -11), (0.7, 0.8, 0.6)),
    ),
    "E35": touching(
        Reach("hand", chest(-13, -3, 9)),
        Reach("hand", chest(-11, 2, 4), ELBOW_FRONT),
        Reach("hand", chest(15, 3, 7), (1.0, 0.1, 0.3)),
        (Reach("hand", chest(-13, -3, 9)), Drive("head.look", (-14, 0))),
        rub="side",
    ),
    "E36": move(
        *both(HIP, ELBOW_BACK),
        or_else=((Reach("hand", HIP, ELBOW_BACK),), both(HIP, (1.0, 0, 0))),
        rise=(0.35, 0.8),
        hold=(0.4, 1.5),
        stay=0.6,
    ),
    "E37": either_way(
        MOVES["C1"], MOVES["C2"], rise=(0.4, 1), hold=(0.3, 1.4), rests=("thigh", "knee", "lap")
    ),
}

HEAD_HAND = {
    "F38": touching(
        Reach("hand", head(6, 11, 3), ELBOW_OUT),
        Reach("hand", head(11, 5, -4), ELBOW_OUT),
        (Reach("hand", head(9, 8, 1), ELBOW_OUT), Drive("hand.forward", (-10, -5), "bob")),
        (Reach("hand", head(11, 2, -3), ELBOW_OUT), Drive("hand.up", (-9, -4), "bob")),
        both(head(9, 6, 0), ELBOW_OUT),
        rub="forward",
    ),
    "F39": touching(
        Reach("hand", head(7, 0, -16), (1.0, 0.2, 0.3)),
        Reach("hand", head(8, -4, -14), ELBOW_FRONT),
        (Reach("hand", head(6, 3, -17), ELBOW_OUT), Drive("head.nod", (2, 12))),
        both(head(7, 0, -15), (1.0, 0.2, 0.3)),
    ),
    "F40": touching(
        Reach("hand", head(6, 1, 8), (0.8, -0.6, 0.4)),
        Reach("hand", head(8, 3, 5), ELBOW_OUT),
        (Reach("hand", head(4, 0, 9), ELBOW_DOWN), Drive("head.nod", (2, 14))),
        rub="side",
    ),
    "F41": touching(
        Reach("hand", head(10, -6, -2), ELBOW_DOWN),
        Reach("hand", head(8, -12, 0), ELBOW_DOWN),
        Reach("hand", head(3, -16, 1), ELBOW_DOWN),
        (Reach("hand", head(9, -6, 0), ELBOW_DOWN), Drive("head.tilt", (2, 12))),
    ),
    "F42": touching(
        (Reach("hand", head(6, -4, 8), ELBOW_DOWN), rubbing("side", (0.8, 2.2))),
        (Reach("hand", head(6, -4, 8), ELBOW_OUT), rubbing("up", (0.6, 2))),
        (
            *both(head(6, -4, 8), ELBOW_DOWN),
            rubbing("side", (0.8, 2)),
            rubbing("side", (0.8, 2), "far_hand"),
        ),
        rate=(1.8, 4.5),
        cycles=(2, 5),
    ),
    "F43": touching(
        Reach("hand", head(3, -8, 7), ELBOW_DOWN),
        (Reach("hand", head(3, -7, 8), ELBOW_DOWN), Drive("hand.forward", (1, 2), "bob")),
        (Reach("hand", head(5, -8, 6), (0.8, -0.7, 0.3)),),
        rub="side",
    ),
    "F44": touching(
        Reach("hand", head(12, -7, -6), (0.9, -0.6, 0.2)),
        Reach("hand", head(13, -4, -8), ELBOW_OUT),
        (Reach("hand", head(12, -7, -6), ELBOW_FRONT), Drive("head.tilt", (-2, 8))),
    ),
    "F45": either_way(
        MOVES["C7"],
        move(*both(head(4, -6, 9), ELBOW_DOWN)),
        move(Reach("hand", head(2, -7, 10), ELBOW_DOWN), Drive("head.nod", (4, 16))),
        move(*both(head(5, -8, 7), ELBOW_DOWN), *feet("hand.up", (-6, -2), "bob")),
        rate=(0.6, 1.4),
        rise=(0.3, 0.7),
        rests=NOT_AT_FACE,
    ),
    "F46": replace(
        touching(
            Reach("hand", head(4, -12, 6), (0.9, -0.8, 0.3)),
            Reach("hand", head(8, -11, 4), (0.9, -0.8, 0.4)),
            both(head(4, -12, 6), ELBOW_DOWN),
        ),
        variants=(
            (Reach("hand", head(4, -12, 6), (0.9, -0.8, 0.3)),),
            (Reach("hand", head(8, -11, 4), (0.9, -0.8, 0.4)), Drive("head.nod", (0, 8))),
            (Reach("hand", head(5, -12, 6), ELBOW_DOWN), Drive("trunk.lean", (0, 6))),
            both(head(4, -12, 6), ELBOW_DOWN),
        ),
    ),
    "F47": move(
        Reach("hand", head(5, -5, 8), ELBOW_DOWN),
        Drive("hand.up", (1, 2.5), "bob"),
        or_else=(
            (Reach("hand", head(10, -4, 3), (0.9, -0.6, 0.3)), Drive("hand.up", (1, 2.5), "bob")),
            (Reach("hand", head(3, -5, 9), ELBOW_OUT), Drive("hand.forward", (-2, -1), "bob")),
        ),
        rate=(1.4, 3),
        cycles=(0.8, 1.5),
        rise=(0.25, 0.5),
        stay=0.1,
        rests=NOT_AT_FACE,
    ),
}

LEG_HAND = {
    "G48": move(
        Reach("hand", THIGH),
        Drive("hand.up", (4, 12), "beat"),
        or_else=(
            (*both(THIGH), *feet("hand.up", (4, 12), "beat")),
            (Reach("hand", KNEE), Drive("hand.up", (4, 11), "beat")),
            (
                *both(THIGH),
                Drive("hand.up", (4, 11), "beat"),
                Drive("far_hand.up", (4, 11), "beat", 0.5),
            ),
        ),
        rate=(1.2, 3.6),
        cycles=(1.5, 5),
        rise=(0.2, 0.5),
        rests=("thigh", "knee", "lap", "clasped", "belly"),
    ),
    "G49": move(
        Reach("hand", KNEE, lean=True),
        or_else=(
            (Reach("hand", THIGH),),
            (Reach("hand", THIGH), Drive("hand.forward", (4, 11), "wave")),
            (*both(THIGH), *feet("hand.forward", (4, 11), "wave")),
            both(KNEE),
            (Reach("hand", CALF, lean=True),),
        ),
        rate=(0.4, 1),
        cycles=(0.5, 1.2),
        rise=(0.3, 0.8),
        stay=0.6,
        rests=OFF_THIGHS,
    ),
    "G50": move(
        Reach("hand", THIGH),
        rubbing("forward", (1.5, 4)),
        or_else=(
            (Reach("hand", KNEE, lean=True), rubbing("forward", (1.5, 4))),
            (Reach("hand", CALF, lean=True), rubbing("up", (1.5, 4))),
            (Reach("hand", CALF, lean=True), PROP, rubbing("up", (1.5, 4))),
        ),
        rate=(2.2, 5),
        cycles=(2, 6),
        rise=(0.3, 0.8),
    ),
    "G51": move(
        Reach("hand", FOOT, lean=True),
        rubbing("up", (1, 3)),
        PROP,
        or_else=(
            (LIFT, Reach("far_hand", RAISED_FOOT, lean=True), rubbing("up", (1, 3), "far_hand")),
            (
                Reach("hand", Place("L_Ankle", "L_Ankle", 0, (6, 10, 2)), lean=True),
                rubbing("up", (1.5, 3.5)),
            ),
        ),
        rate=(2, 5),
        cycles=(2, 5),
        rise=(0.4, 1),
    ),
}

NOTHING = Move(((),), hold=(0.6, 2.5), habit="either")
_ALL = BODY | HEAD | UPPER_LIMB | LOWER_LIMB | BODY_HAND | HEAD_HAND | LEG_HAND | {"N52": NOTHING}
OFFICIAL_MOVES = dict(sorted(_ALL.items(), key=lambda item: int(item[0][1:])))

# What people do besides, mostly too small to be called anything: talking, listening, looking.
BESIDES = (
    (Drive("head.nod", (0.5, 3), "wander"), Drive("head.look", (0.5, 2.5), "wander")),
    (Drive("head.look", (-8, 8), "drift"),),
    (Drive("head.nod", (-4, 5), "drift"),),
    (Drive("head.tilt", (-4, 4), "drift"),),
    (Drive("trunk.lean", (-3, 4), "drift"),),
    (Drive("trunk.tilt", (-2, 2), "drift"),),
    (Drive("trunk.twist", (-4, 4), "drift"),),
    (Drive("hand.forward", (-2, 2), "drift"), Drive("hand.up", (0, 1.5), "drift")),
    (Drive("far_hand.forward", (-2, 2), "drift"), Drive("far_hand.up", (0, 1.5), "drift")),
    (Drive("foot.forward", (-1.5, 1.5), "drift"), Drive("far_foot.side", (-1, 1), "drift")),
)

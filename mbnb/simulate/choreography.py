"""The 52 micro-actions of `document52.csv` as movements, each written for the left side.

Directions are the person's own: `side` is outwards on the limb's own side, `up`, and `forward` to
where the person looks. Lengths are in centimetres for a person of 1.70 m, angles in degrees.
`near` is the acting side (joints named L_), `far` the other one (R_). A move that acts with the
right side is played mirrored.

Neighbours that are easily confused, and what 17 joints show of the difference:

- A1 shaking: trunk at 2.6-4 Hz by a few degrees; A6 swaying: at 0.5-0.9 Hz by 7-12 degrees;
  D17 shifting weight: the pelvis itself travels.
- A2: shoulders and head turn; B3: the head alone. A4 and A5: the trunk leans; B5 and B6: the head
  alone.
- B1 nodding and B2 shaking go to and fro 2-4 times; B3, B5 and B6 go once and stay.
- B7, C19: the wrist rubs 4-5 times a second by 2-4 cm; B8, C15: it lies still or strokes once,
  slowly.
- The wrist is above the head (B8), beside the cheek and stroking down (C8 face), below the chin
  (C9), in front of the nose and dabbing (C10), beside the mouth with the palm before it (C11), or
  behind the jaw (C12 neck). B9: the head also tips onto the hand.
- C1: each wrist high at the other upper arm; C2: forearms stacked before the belly.
- C3 waving: one raised hand sways sideways evenly; C16 pointing: one arm stretched and still;
  C17 gesturing: both hands low, before the body, unevenly.
- The wrists part and meet (C4), rub along each other while close (C5), lie together still (C6),
  or move a little, unevenly, in the lap (C20).
- C7 covering: both wrists before the face; C8: one. C13 chest: one flat hand; C18: both hands tug
  at collar or hem.
- D3: foot far forward along the floor and held; D7: a short slide; D15: the shank swings up and
  back at once.
- D4: 4-6 Hz by about a centimetre with the knee; D5: one foot 3-6 cm; D6: 7-17 cm; D16: both feet
  in turn, travelling.
- The wrist is at mid-shank (D11), just above the ankle from outside (D12), or at the toes (D13);
  D14: both wrists at the instep, tugging.
"""

from dataclasses import dataclass

Range = tuple[float, float]
HANDS = ("hand", "far_hand")
LIMBS = (*HANDS, "foot", "far_foot")
AXES = ("side", "up", "forward")


@dataclass(frozen=True)
class Place:
    """A point fixed to the body: `share` of the way from joint `start` to `end`, then `at`.

    at: (side, up, forward) cm along `frame`, which is 'seat' (does not turn), 'trunk' (turns with
    the shoulders) or 'head'.
    """

    start: str
    end: str
    share: float
    at: tuple[float, float, float]
    frame: str = "seat"


@dataclass(frozen=True)
class Reach:
    """A limb, one of `LIMBS`, goes from its rest to `place`.

    bend: (side, up, forward), to where elbow or knee points.
    course: see `Drive`.
    lean: the trunk bends as far as the arm needs.
    """

    limb: str
    place: Place
    bend: tuple[float, float, float] = (0.5, -0.8, -0.4)
    course: str = "hold"
    lean: bool = False


@dataclass(frozen=True)
class Drive:
    """A control `<part>.<direction>` is moved along a time course.

    size: cm or degrees, times how largely the person moves.
    course: 'hold' goes out and, mostly, back; 'shift' goes out for good; 'release' comes from
        there to rest; 'always' is there from the first frame to the last. While the move holds,
        'wave' goes both ways, 'bob' out and back smoothly, 'beat' is a lift and a pause, 'wander'
        has no pattern.
    phase: in cycles, for two parts that take turns.
    """

    control: str
    size: Range
    course: str = "hold"
    phase: float = 0.0

    @property
    def part(self) -> str:
        """The part of the body that is moved."""
        return self.control.split(".")[0]


@dataclass(frozen=True)
class Move:
    """One class. One of `variants` is played; `hold` or `cycles` at `rate` say how long.

    hold: seconds. cycles, rate: repeats and Hz, in place of `hold` where there are cycles.
    rise: seconds to get there.
    stay: how often the clip ends before the way back.
    habit: whose side acts: 'hand', 'foot' or 'either'.
    rests: where the hands may lie before, anywhere if it is empty.
    """

    variants: tuple[tuple[Reach | Drive, ...], ...]
    hold: Range = (0.3, 1.0)
    rate: Range = (1.0, 1.0)
    cycles: Range | None = None
    rise: Range = (0.3, 0.5)
    stay: float = 0.3
    habit: str = "hand"
    rests: tuple[str, ...] = ()


def both(place: Place, bend=(0.5, -0.8, -0.4), far_up: float = 0.0) -> tuple[Reach, Reach]:
    """Both hands at a place and its mirror image, the far one `far_up` cm higher."""
    side, up, forward = place.at
    far = Place(place.start, place.end, place.share, (side, up + far_up, forward), place.frame)
    return Reach("hand", place, bend), Reach("far_hand", far, bend)


def head(side: float, up: float, forward: float) -> Place:
    """Counted from the nose."""
    return Place("Head", "Head", 0, (side, up, forward), "head")


def chest(side: float, up: float, forward: float) -> Place:
    """Counted from the neck, turning with the shoulders."""
    return Place("Neck", "Neck", 0, (side, up, forward), "trunk")


# Where hands lie at rest.
RESTS = {
    "thigh": Place("L_Hip", "L_Knee", 0.68, (-1, 7, 0)),
    "knee": Place("L_Hip", "L_Knee", 0.97, (-1, 7, -2)),
    "lap": Place("Pelvis", "Pelvis", 0, (7, 11, 20)),
    "seat": Place("L_Hip", "L_Knee", 0.25, (14, 2, 0)),
    "armrest": Place("L_Hip", "L_Knee", 0.62, (15, 19, 0)),
    "belly": Place("Spine1", "Spine1", 0, (-2, -6, 14), "trunk"),
}
APART = ("thigh", "knee", "seat", "armrest")
ELBOW_OUT = (1.0, -0.4, 0.2)
ELBOW_DOWN = (0.4, -1.0, 0.5)
ELBOW_FRONT = (1.0, 0.3, 0.9)
KNEE_UP = (0.1, 1.0, 0.8)
KNEE_OUT = (1.0, 0.5, 0.5)

# The near leg over the far one: knee over knee with the foot hanging, or ankle on knee.
OVER_KNEE = Place("R_Knee", "R_Knee", 0, (-4, -27, 16))
ON_KNEE = Place("R_Knee", "R_Knee", 0, (-1, 9, -3))
CROSSED_LEGS = ((OVER_KNEE, KNEE_UP), (ON_KNEE, KNEE_OUT))

FAR_FOREARM = Place("R_Elbow", "R_Wrist", 0.45, (0, 6, 3))
FAR_UPPER_ARM = Place("R_Shoulder", "R_Elbow", 0.7, (-5, 1, 7))
THIGH = Place("L_Hip", "L_Knee", 0.5, (1, 8, 0))
KNEE = Place("L_Knee", "L_Knee", 0, (0, 7, -1))
CALF = Place("L_Knee", "L_Ankle", 0.5, (6, 0, -3))
ANKLE = Place("L_Ankle", "L_Ankle", 0, (7, 12, -2))
FOOT = Place("L_Ankle", "L_Ankle", 0, (1, 9, 14))
RAISED_ANKLE = Place("L_Ankle", "L_Ankle", 0, (4, 10, 2))
# For the far hand, since the foot lies on that side.
RAISED_FOOT = Place("R_Ankle", "R_Ankle", 0, (7, 9, 4))
INSTEP = Place("L_Ankle", "L_Ankle", 0, (6, 11, 7))
FAR_INSTEP = Place("R_Ankle", "R_Ankle", 0, (6, 11, 7))  # the far hand's own view of the near foot

PROP = Reach("far_hand", KNEE, ELBOW_OUT)  # who bends down leans on the other knee
LIFT = Reach("foot", ON_KNEE, KNEE_OUT)


def move(
    *parts: Reach | Drive, or_else: tuple[tuple[Reach | Drive, ...], ...] = (), **kwargs
) -> Move:
    """A move of these parts, or of those of one of the variants in `or_else`."""
    return Move((parts, *or_else), **kwargs)


MOVES = {
    # Body
    "A1": move(
        Drive("trunk.tilt", (2.5, 5), "wave"),
        Drive("trunk.twist", (4, 8), "wave", 0.25),
        Drive("head.tilt", (1, 3), "wave", 0.5),
        or_else=((Drive("trunk.lean", (3, 6), "wave"), Drive("head.nod", (1, 3), "wave", 0.5)),),
        rate=(2.6, 4),
        cycles=(3, 5),
        rise=(0.2, 0.4),
        habit="either",
    ),
    "A2": move(
        Drive("trunk.twist", (32, 55)),
        Drive("head.look", (20, 40)),
        Drive("trunk.tilt", (0, 5)),
        habit="either",
    ),
    "A3": move(
        Drive("trunk.slump", (14, 22), "release"),
        Drive("head.nod", (5, 14), "release"),
        or_else=(
            (Drive("trunk.slump", (10, 16), "release"), Drive("trunk.lean", (6, 14), "release")),
            (Drive("trunk.slump", (10, 16), "release"), Drive("trunk.tilt", (5, 10), "release")),
        ),
        stay=1,
        habit="either",
    ),
    "A4": move(Drive("trunk.lean", (13, 26)), stay=0.5, habit="either"),
    "A5": move(Drive("trunk.lean", (-20, -10)), stay=0.5, habit="either"),
    "A6": move(
        Drive("trunk.tilt", (7, 12), "wave"),
        or_else=((Drive("trunk.lean", (8, 14), "wave"),),),
        rate=(0.55, 0.9),
        cycles=(1.3, 2.2),
        rise=(0.3, 0.5),
        habit="either",
    ),
    # Head
    "B1": move(
        Drive("head.nod", (10, 20), "bob"),
        rate=(1.4, 2.4),
        cycles=(2, 4),
        rise=(0.15, 0.3),
        habit="either",
    ),
    "B2": move(
        Drive("head.look", (12, 24), "wave"),
        rate=(1.3, 2.2),
        cycles=(2, 3.5),
        rise=(0.15, 0.3),
        habit="either",
    ),
    "B3": move(Drive("head.look", (30, 55)), habit="either"),
    "B4": move(Drive("head.tilt", (18, 30)), habit="either"),
    "B5": move(Drive("head.nod", (20, 34)), habit="either"),
    "B6": move(Drive("head.nod", (-28, -16)), habit="either"),
    "B7": move(
        Reach("hand", head(9, 7, -8), ELBOW_OUT),
        Drive("hand.up", (3, 4.5), "wave"),
        Drive("hand.forward", (1.5, 2.5), "wave", 0.2),
        or_else=(
            (Reach("hand", head(4, 15, -4), ELBOW_OUT), Drive("hand.forward", (3, 4.5), "wave")),
        ),
        rate=(3.8, 5),
        cycles=(3, 5),
    ),
    "B8": move(
        Reach("hand", head(7, 13, -5), ELBOW_OUT),
        or_else=((Reach("hand", head(9, 7, -8), ELBOW_OUT),),),
    ),
    "B9": move(
        Reach("hand", head(9, -11, -3), ELBOW_DOWN),
        Drive("head.tilt", (10, 18)),
        Drive("trunk.lean", (10, 20)),
        Drive("trunk.tilt", (3, 7)),
        stay=0.7,
    ),
    # Upper limbs
    "C1": move(*both(chest(-13, -15, 13), ELBOW_OUT), stay=0.6),
    "C2": move(
        Reach("hand", chest(-8, -29, 17), ELBOW_OUT),
        Reach("far_hand", chest(-8, -33, 14), ELBOW_OUT),
        or_else=(
            (
                Reach("hand", chest(-6, -34, 14), ELBOW_OUT),
                Reach("far_hand", chest(-9, -29, 18), ELBOW_OUT),
            ),
        ),
        stay=0.5,
    ),
    "C3": move(
        Reach("hand", chest(26, 2, 18)),
        Drive("hand.side", (6, 11), "wave"),
        rate=(1.8, 3),
        cycles=(2, 3.5),
        or_else=(
            (
                *both(chest(24, 0, 20)),
                Drive("hand.side", (6, 11), "wave"),
                Drive("far_hand.side", (6, 11), "wave", 0.5),
            ),
        ),
    ),
    "C4": move(
        *both(chest(4, -22, 27)),
        Drive("hand.side", (9, 14), "bob"),
        Drive("far_hand.side", (9, 14), "bob"),
        or_else=(
            (
                *both(chest(4, -35, 24)),
                Drive("hand.side", (9, 14), "bob"),
                Drive("far_hand.side", (9, 14), "bob"),
            ),
            (
                *both(chest(4, -30, 24)),
                Drive("hand.up", (11, 17), "bob"),
                Drive("hand.side", (3, 5), "bob"),
            ),
        ),
        rate=(2, 3.4),
        cycles=(2, 4),
        rests=APART,
    ),
    "C5": move(
        *both(chest(3.5, -28, 22)),
        Drive("hand.forward", (4, 6), "wave"),
        Drive("far_hand.forward", (4, 6), "wave", 0.5),
        or_else=(
            (
                *both(Place("Pelvis", "Pelvis", 0, (3.5, 16, 26))),
                Drive("hand.up", (4, 6), "wave"),
                Drive("far_hand.up", (4, 6), "wave", 0.5),
            ),
        ),
        rate=(1.8, 3),
        cycles=(2, 3.5),
        rests=APART,
    ),
    "C6": move(
        *both(chest(3.5, -32, 22)),
        or_else=(
            (*both(Place("Pelvis", "Pelvis", 0, (3.5, 12, 24))),),
            (*both(chest(3.5, -22, 20), ELBOW_OUT),),
        ),
        hold=(0.5, 1),
        stay=0.6,
        rests=APART,
    ),
    "C7": move(
        *both(head(5, -8, 7), ELBOW_DOWN), Drive("head.nod", (6, 16)), Drive("trunk.lean", (0, 10))
    ),
    "C8": move(
        Reach("hand", head(10, -3, -3), ELBOW_DOWN),
        Drive("hand.up", (-6, -4), "bob"),
        rate=(0.9, 1.4),
        cycles=(1, 2),
    ),
    "C9": move(Reach("hand", head(2, -17, -1), ELBOW_DOWN), hold=(0.5, 1)),
    "C10": move(
        Reach("hand", head(3, -7, 7), ELBOW_DOWN),
        Drive("hand.forward", (1, 2), "bob"),
        rate=(1.8, 2.6),
        cycles=(1.5, 2.5),
    ),
    "C11": move(
        Reach("hand", head(10, -10, 3), (0.9, -0.8, 0.4)), Drive("head.nod", (0, 6)), hold=(0.5, 1)
    ),
    "C12": move(Reach("hand", head(10, -8, -13), ELBOW_FRONT), Drive("head.tilt", (-8, 0))),
    "C13": move(
        Reach("hand", chest(4, -16, 9), ELBOW_OUT), or_else=((*both(chest(5, -15, 9), ELBOW_OUT),),)
    ),
    "C14": move(Reach("hand", chest(-12, -4, 10)), Drive("head.look", (-12, 0))),
    "C15": move(
        Reach("hand", FAR_UPPER_ARM),
        or_else=((Reach("hand", FAR_FOREARM), Drive("hand.side", (3, 6), "bob")),),
        rate=(0.5, 0.8),
        cycles=(0.5, 1),
    ),
    "C16": move(
        Reach("hand", Place("Neck", "Neck", 0, (12, -6, 58))),
        or_else=(
            (Reach("hand", Place("Neck", "Neck", 0, (52, 0, 36))),),
            (Reach("hand", Place("Neck", "Neck", 0, (-6, 10, 56))),),
        ),
    ),
    "C17": move(
        *both(chest(15, -27, 26)),
        *(Drive(f"{limb}.{axis}", (6, 10), "wander") for limb in HANDS for axis in ("side", "up")),
        or_else=(
            (
                Reach("hand", chest(14, -24, 28)),
                *(Drive(f"hand.{axis}", (7, 12), "wander") for axis in AXES),
            ),
        ),
        hold=(0.9, 1.3),
        rate=(1, 1.6),
    ),
    "C18": move(
        *both(chest(6, -10, 9), ELBOW_OUT),
        Drive("hand.forward", (3, 5), "bob"),
        Drive("far_hand.forward", (3, 5), "bob"),
        or_else=(
            (
                *both(chest(11, -42, 13), ELBOW_OUT),
                Drive("hand.up", (-7, -4), "bob"),
                Drive("far_hand.up", (-7, -4), "bob"),
            ),
        ),
        rate=(1.2, 2),
        cycles=(2, 3),
    ),
    "C19": move(
        Reach("hand", FAR_UPPER_ARM),
        Drive("hand.up", (3, 4.5), "wave"),
        or_else=(
            (Reach("hand", FAR_FOREARM), Drive("hand.side", (3, 4.5), "wave")),
            (Reach("hand", THIGH), Drive("hand.forward", (3, 4.5), "wave")),
        ),
        rate=(3.8, 5),
        cycles=(3, 5),
    ),
    "C20": move(
        *both(Place("Pelvis", "Pelvis", 0, (5, 14, 24))),
        *(Drive(f"{limb}.{axis}", (2, 4), "wander") for limb in HANDS for axis in AXES),
        hold=(0.9, 1.4),
        rate=(1.6, 2.6),
    ),
    # Lower limbs
    "D1": move(
        Reach("foot", OVER_KNEE, KNEE_UP),
        or_else=((Reach("foot", ON_KNEE, KNEE_OUT),),),
        stay=1,
        rise=(0.5, 0.9),
        habit="foot",
    ),
    "D2": move(
        Reach("foot", OVER_KNEE, KNEE_UP, "release"),
        or_else=((Reach("foot", ON_KNEE, KNEE_OUT, "release"),),),
        stay=1,
        rise=(0.5, 0.9),
        habit="foot",
    ),
    "D3": move(
        Drive("foot.forward", (22, 34)),
        or_else=((Drive("foot.forward", (22, 34)), Drive("far_foot.forward", (22, 34))),),
        stay=0.4,
        habit="foot",
    ),
    "D4": move(
        Drive("foot.up", (0.8, 1.5), "wave"),
        Drive("knee.side", (2, 4), "wave", 0.25),
        or_else=(
            (
                Drive("foot.up", (0.8, 1.5), "wave"),
                Drive("far_foot.up", (0.8, 1.5), "wave", 0.3),
                Drive("knee.side", (2, 4), "wave"),
                Drive("far_knee.side", (2, 4), "wave"),
            ),
        ),
        rate=(4, 6),
        cycles=(4, 7),
        rise=(0.2, 0.4),
        habit="foot",
    ),
    "D5": move(
        Drive("foot.up", (4, 6), "beat"),
        or_else=((Drive("foot.up", (4, 6), "beat"), Drive("foot.forward", (2, 4), "beat")),),
        rate=(1.6, 3),
        cycles=(2, 4),
        rise=(0.15, 0.3),
        habit="foot",
    ),
    "D6": move(
        Drive("foot.up", (12, 17), "beat"),
        or_else=(
            (Drive("foot.up", (12, 17), "beat"), Drive("far_foot.up", (12, 17), "beat", 0.5)),
        ),
        rate=(1.2, 2),
        cycles=(2, 3),
        rise=(0.15, 0.3),
        habit="foot",
    ),
    "D7": move(
        Drive("foot.forward", (9, 15)),
        or_else=((Drive("foot.forward", (-15, -9)),), (Drive("foot.side", (8, 13)),)),
        stay=0.6,
        habit="foot",
    ),
    "D8": move(
        Drive("pelvis.up", (5, 8), "bob"),
        Drive("trunk.lean", (10, 18), "bob"),
        Drive("pelvis.forward", (-9, -5), "shift"),
        or_else=(
            (
                Drive("pelvis.up", (5, 8), "bob"),
                Drive("trunk.lean", (-10, -5), "bob"),
                Drive("pelvis.forward", (5, 9), "shift"),
            ),
            (
                Drive("pelvis.up", (4, 7), "bob"),
                Drive("trunk.tilt", (5, 10), "bob"),
                Drive("pelvis.side", (3, 5), "shift"),
            ),
        ),
        rate=(0.9, 1.4),
        cycles=(1, 1.01),
        habit="either",
    ),
    "D9": move(
        Reach("hand", THIGH),
        Drive("hand.forward", (7, 11), "wave"),
        rate=(0.8, 1.4),
        cycles=(1, 2),
        rests=("lap", "armrest", "seat"),
    ),
    "D10": move(Reach("hand", KNEE, lean=True), rests=("lap", "thigh", "armrest", "seat")),
    "D11": move(Reach("hand", CALF, lean=True), PROP),
    "D12": move(
        Reach("hand", ANKLE, lean=True),
        PROP,
        or_else=((LIFT, Reach("hand", RAISED_ANKLE, lean=True)),),
    ),
    "D13": move(
        Reach("hand", FOOT, lean=True),
        PROP,
        or_else=((LIFT, Reach("far_hand", RAISED_FOOT, lean=True)),),
    ),
    "D14": move(
        Reach("hand", INSTEP, lean=True),
        Reach("far_hand", FAR_INSTEP, lean=True),
        Drive("hand.up", (1.5, 3), "bob"),
        Drive("far_hand.up", (1.5, 3), "bob", 0.5),
        rate=(1.6, 2.6),
        cycles=(2, 3),
    ),
    "D15": move(
        Drive("foot.swing", (30, 50), "beat"),
        or_else=((Drive("foot.swing", (30, 50), "beat"), Drive("foot.up", (3, 8), "hold")),),
        rate=(0.9, 1.4),
        cycles=(1, 2),
        rise=(0.15, 0.3),
        habit="foot",
    ),
    "D16": move(
        Drive("foot.up", (5, 9), "beat"),
        Drive("far_foot.up", (5, 9), "beat", 0.5),
        Drive("foot.forward", (2, 5), "wave", 0.25),
        Drive("far_foot.forward", (2, 5), "wave", 0.75),
        rate=(0.9, 1.4),
        cycles=(1.5, 2.5),
        rise=(0.15, 0.3),
        habit="foot",
    ),
    "D17": move(
        Drive("pelvis.side", (5, 9)), Drive("trunk.tilt", (-2, 5)), stay=0.5, habit="either"
    ),
}

# Small unrelated movements, some in most clips, of parts that the move leaves alone.
DISTRACTORS = (
    (Drive("head.look", (-16, 16)),),
    (Drive("head.nod", (-7, 10)),),
    (Drive("head.tilt", (-7, 7)),),
    (Drive("trunk.lean", (-6, 8)),),
    (Drive("trunk.tilt", (-4, 4)), Drive("pelvis.side", (-1.5, 1.5))),
    (Drive("trunk.twist", (-12, 12)),),
    (Drive("hand.forward", (-6, 8)), Drive("hand.up", (0, 8))),
    (Drive("far_hand.forward", (-6, 8)), Drive("far_hand.up", (0, 14))),
    (Drive("foot.forward", (-2, 2)), Drive("foot.up", (0, 1))),
    (Drive("far_foot.side", (-1, 2)), Drive("far_foot.up", (0, 1))),
)
# Where a hand may go meanwhile; on the thigh or the knee it would be another class.
OTHER_RESTS = ("lap", "seat", "armrest")

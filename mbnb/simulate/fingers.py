"""What hands do in the micro-actions, each written for the near hand: shapes, and moving fingers.

Where 17 joints show a wrist near the face or in the lap, these tell a pinched nose from a pushed
pair of glasses, folded hands from rubbing ones, and a fist from a tapping finger. A class has the
acts of `OFFICIAL_ACTS` or `DOCUMENT_ACTS` by its code; in all others hands lie at ease.
"""

from dataclasses import dataclass, replace

from mbnb.simulate.choreography import Place, Range, chest, head

FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")
Shape = tuple[float, float, float, float, float]  # how far each of `FINGERS` is bent, 0 to 1
Direction = tuple[float, float, float]  # side, up, forward, as the choreography has it

DOWN, UP, IN, FRONT, TO_BODY = (0, -1, 0), (0, 1, 0), (-1, 0, 0), (0, 0, 1), (-0.3, 0, -1)


@dataclass(frozen=True)
class Stir:
    """Fingers that go on moving while the move holds, by up to `size` of a bend.

    course: 'wave', 'bob' or 'beat', as a `Drive` has it, at `rate` Hz; 'wander' has no pattern.
    lag: cycles by which each finger is behind the one before.
    """

    fingers: tuple[str, ...]
    size: Range
    rate: Range = (1, 3)
    course: str = "wave"
    lag: float = 0.0


@dataclass(frozen=True)
class Act:
    """How a hand is held that does something.

    shape: of the fingers. splay: degrees between neighbours. palm: where it looks. touch: what the
    tip of `finger` goes to; without it fingers go on where the forearm points. stirs: what moves.
    """

    shape: Shape
    splay: float = 4.0
    palm: Direction = DOWN
    touch: Place | None = None
    finger: str = "Middle"
    stirs: tuple[Stir, ...] = ()


FLAT: Shape = (0.1, 0.05, 0.05, 0.05, 0.1)
EASY: Shape = (0.3, 0.3, 0.35, 0.4, 0.45)
HOOKED: Shape = (0.3, 0.45, 0.45, 0.5, 0.5)
FIST: Shape = (0.8, 0.95, 1, 1, 1)
POINTING: Shape = (0.7, 0.05, 0.9, 0.95, 1)
PINCH: Shape = (0.6, 0.5, 0.7, 0.8, 0.85)
FOUR = FINGERS[1:]

SCRATCH = Stir(FOUR, (0.12, 0.3), (3, 6), "wave")
RAKE = Stir(FOUR, (0.2, 0.4), (0.8, 2), "bob")
PICK = Stir(("Thumb", "Index", "Middle"), (0.12, 0.3), (1.5, 3.5), "wave", 0.3)
TAP = Stir(FOUR, (0.2, 0.5), (1.5, 3.5), "beat", 0.2)
STRUM = Stir(FINGERS, (0.15, 0.35), (0.6, 1.5), "wander")
CLENCH = Stir(FINGERS, (0.5, 0.75), (0.6, 1.8), "bob")


def _touching(place: Place, shape: Shape = EASY, finger: str = "Middle", **how) -> tuple[Act, ...]:
    """A hand that lies at a place, or scratches it."""
    act = Act(shape, palm=how.pop("palm", TO_BODY), touch=place, finger=finger, **how)
    return (act, replace(act, shape=HOOKED, stirs=(SCRATCH,)))


NOSE, BRIDGE, MOUTH, CHIN = head(0, 0, 0), head(0.5, 3.5, -1), head(0, -4, 0), head(0, -8.5, -1)
EYE, FOREHEAD, CHEEK, EAR = head(3, 3, -1.5), head(1, 7, -1), head(5, -3, -2.5), head(8, 0, -10)
CROWN, NAPE, THROAT = head(3, 13, -8), head(3, 0, -19), chest(3, 1, 6)
NECK = head(5, -9, -11)
HAIR = head(8, 8, -7)

SCRATCHES = (Act(HOOKED, palm=TO_BODY, stirs=(SCRATCH,)),)
OPEN = (Act(FLAT, 12, FRONT),)
FOLDED = (
    Act((0.3, 0.65, 0.7, 0.7, 0.65), 8, IN),  # interlocked
    Act(FLAT, 2, IN),
    Act((0.4, 0.8, 0.85, 0.85, 0.8), 3, TO_BODY),  # a hand in the other
)
RUBBING = (Act(FLAT, 2, IN), Act((0.2, 0.2, 0.2, 0.2, 0.25), 2, DOWN))
PICKING = (
    Act(PINCH, 6, IN, stirs=(PICK,)),
    Act((0.4, 0.4, 0.6, 0.6, 0.6), 8, TO_BODY, stirs=(replace(PICK, fingers=("Thumb", "Index")),)),
    Act(HOOKED, 8, IN, stirs=(STRUM,)),
)
TUCKED = (Act((0.4, 0.7, 0.75, 0.8, 0.8), 3, TO_BODY), Act(EASY, 3, TO_BODY))
GESTURING = (
    Act(EASY, 8, IN, stirs=(replace(STRUM, size=(0.1, 0.3)),)),
    Act(FLAT, 10, UP, stirs=(replace(STRUM, size=(0.05, 0.2)),)),
)
GRASP = (Act(PINCH, 3, TO_BODY),)
FACE_COVERED = (Act(FLAT, 3, TO_BODY, FOREHEAD),)
NOSE_TOUCHED = (
    Act(PINCH, 3, TO_BODY, NOSE, "Index"),
    Act(POINTING, 3, TO_BODY, NOSE, "Index"),
    Act((0.5, 0.4, 0.8, 0.9, 0.9), 3, TO_BODY, NOSE, "Index", (Stir(("Index",), (0.1, 0.25)),)),
)
MOUTH_COVERED = (
    Act(FLAT, 2, TO_BODY, MOUTH),
    Act(FIST, 2, TO_BODY, MOUTH, "Index"),
    Act(EASY, 3, TO_BODY, MOUTH),
)
EAR_TOUCHED = (
    Act(PINCH, 3, IN, EAR, "Index"),
    Act(POINTING, 3, IN, EAR, "Index", (Stir(("Index",), (0.08, 0.2), (2, 4)),)),
    Act(EASY, 5, IN, EAR, "Index"),
)

OFFICIAL_ACTS: dict[str, tuple[Act, ...]] = {
    "A2": (Act(FLAT, 10, UP),),
    "C11": SCRATCHES,
    "C12": (Act(PINCH, 3, IN, stirs=(replace(STRUM, size=(0.05, 0.15)),)), Act(PINCH, 3, TO_BODY)),
    "C13": FOLDED,
    "C14": RUBBING,
    "C15": (Act(POINTING, 3, TO_BODY, chest(0, -14, 8), "Index"),),
    "C16": (Act((0.15, 0.15, 0.15, 0.2, 0.2), stirs=(CLENCH,)),),
    "C17": (Act(FLAT, 8, FRONT), FOLDED[0], Act(FIST)),
    "C19": OPEN,
    "C20": (Act(FLAT, 12, UP),),
    "C21": PICKING,
    "C22": (
        Act(EASY, stirs=(TAP,)),
        Act(EASY, stirs=(replace(TAP, fingers=("Index",)),)),
        Act(PINCH, stirs=(Stir(("Thumb",), (0.15, 0.3), (1.5, 4)),)),
        Act(EASY, stirs=(STRUM,)),
    ),
    "C23": GESTURING,
    "E32": (*_touching(NECK), *_touching(THROAT)),
    "E33": _touching(chest(0, -14, 8), FLAT),
    "E35": _touching(chest(-15, -1, -2)),
    "E36": (Act(EASY, 5, TO_BODY), Act(FIST, 3, TO_BODY)),
    "E37": TUCKED,
    "F38": (
        Act(HOOKED, 10, TO_BODY, CROWN, stirs=(RAKE,)),
        Act(PINCH, 5, IN, HAIR, "Index", (PICK,)),
        Act(EASY, 10, IN, HAIR, stirs=(RAKE,)),
    ),
    "F39": _touching(NAPE, palm=FRONT),
    "F40": _touching(FOREHEAD),
    "F41": (*_touching(CHEEK), *_touching(CHIN, PINCH, "Index")),
    "F42": (
        Act(
            (0.5, 0.35, 0.7, 0.8, 0.8), 3, TO_BODY, EYE, "Index", (Stir(("Index",), (0.05, 0.15)),)
        ),
        Act(FIST, 3, TO_BODY, EYE, "Index"),
    ),
    "F43": NOSE_TOUCHED,
    "F44": EAR_TOUCHED,
    "F45": FACE_COVERED,
    "F46": MOUTH_COVERED,
    "F47": (
        Act((0.6, 0.1, 0.8, 0.9, 0.95), 3, TO_BODY, BRIDGE, "Index"),
        Act((0.5, 0.2, 0.15, 0.7, 0.8), 5, TO_BODY, BRIDGE),
        Act(PINCH, 3, IN, head(6, 3, -3), "Index"),
    ),
    "G48": (Act(FLAT, 5, DOWN),),
    "G49": (Act(EASY, 5, DOWN), Act(FLAT, 5, DOWN)),
    "G50": (Act(HOOKED, 5, DOWN, stirs=(SCRATCH,)),),
    "G51": (Act(HOOKED, 5, TO_BODY, stirs=(SCRATCH,)),),
}
DOCUMENT_ACTS: dict[str, tuple[Act, ...]] = {
    "B7": (Act(HOOKED, 6, TO_BODY, CROWN, stirs=(SCRATCH,)),),
    "B8": (Act(EASY, 6, TO_BODY, CROWN),),
    "B9": (Act(FIST, 3, IN, CHEEK, "Index"), Act(EASY, 5, IN, CHEEK)),
    "C1": TUCKED,
    "C2": TUCKED,
    "C3": OPEN,
    "C4": (Act(FLAT, 4, IN),),
    "C5": RUBBING,
    "C6": FOLDED[:1],
    "C7": FACE_COVERED,
    "C8": _touching(CHEEK)[:1],
    "C9": (Act(PINCH, 3, TO_BODY, CHIN, "Index"), Act(EASY, 3, TO_BODY, CHIN)),
    "C10": NOSE_TOUCHED,
    "C11": MOUTH_COVERED,
    "C12": _touching(NECK)[:1],
    "C13": (Act(FLAT, 4, TO_BODY, chest(0, -14, 8)),),
    "C14": _touching(chest(-15, -1, -2))[:1],
    "C15": (Act(EASY, 4, TO_BODY), Act(FLAT, 4, TO_BODY)),
    "C16": (Act(POINTING, 3, IN),),
    "C17": GESTURING,
    "C18": GRASP,
    "C19": SCRATCHES,
    "C20": PICKING,
    "D9": (Act(FLAT, 4, DOWN),),
    "D10": (Act(EASY, 8, DOWN),),
    "D14": (Act(PINCH, 3, TO_BODY, stirs=(PICK,)),),
}
# Moves in which the toes stay where they are while the ankle rises.
ON_TOES = ("D31", "D24", "D4")

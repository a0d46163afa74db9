"""Every class is measured for what its name says, without noise, distractors and camera."""

import numpy as np
import pytest
from simulate.measures import CLIPS, CODES, MEASURES, Body, bodies

from mbnb.simulate.choreography import MOVES

# What each class must show: measure -> (least, most); degrees, centimetres, Hz, counts.
EXPECTED = {
    "A1": {"trunk rate": (2.2, 5.5), "trunk quick": (0.6, 8)},
    "A2": {"twist": (15, 80)},
    "A3": {"slump falls": (9, 50)},
    "A4": {"lean": (5, 40)},
    "A5": {"lean": (-30, -4)},
    "A6": {"trunk rate": (0.3, 1.3), "trunk": (5, 35)},
    "B1": {"pitch": (5, 35), "pitch peaks": (2, 7), "yaw": (0, 12)},
    "B2": {"yaw": (10, 60), "yaw peaks": (2, 6), "pitch": (0, 20)},
    "B3": {"yaw": (12, 85), "yaw peaks": (0, 1), "twist": (0, 10)},
    "B4": {"head tilt": (8, 45)},
    "B5": {"head down": (8, 50), "pitch peaks": (0, 1)},
    "B6": {"head down": (-45, -5)},
    "B7": {"to crown": (0, 18), "strokes": (3, 9)},
    "B8": {"to crown": (0, 18), "strokes": (0, 2)},
    "B9": {"to nose": (9, 18), "head tilt": (4, 30), "lean": (4, 35)},
    "C1": {"across": (18, 35), "crossed height": (8, 24)},
    "C2": {"across": (8, 24), "crossed height": (25, 42)},
    "C3": {"wrist height": (-14, 15), "wrist rate": (1.3, 3.8), "wrist quick": (2.5, 15)},
    "C4": {"wrists": (0, 14), "wrists part": (2.5, 25), "wrists at rest": (0.7, np.inf)},
    "C5": {"wrists": (0, 14), "wrist rate": (1.3, 3.8), "both wrists move": (6, 60)},
    "C6": {"wrists": (0, 14), "wrists at rest": (0, 0.5)},
    "C7": {"both to nose": (7, 17)},
    "C8": {"to nose": (5, 17), "both to nose": (25, 100), "nose from start": (25, 100)},
    "C9": {
        "to nose": (11, 23),
        "below nose": (10.5, 23),
        "both to nose": (25, 100),
        "nose from start": (25, 100),
    },
    "C10": {"to nose": (5, 15), "behind nose": (-13, -1), "nose from start": (25, 100)},
    "C11": {"to nose": (9, 22), "behind nose": (-10, 6), "nose from start": (25, 100)},
    "C12": {"to neck": (4, 22), "behind nose": (5, 20)},
    "C13": {"to neck": (13, 26), "to nose": (20, 60)},
    "C14": {"to other shoulder": (7, 19)},
    "C15": {"to other elbow": (5, 20), "strokes": (0, 2)},
    "C16": {"stretched": (0.75, 1)},
    "C17": {"wrist height": (-36, 0), "wrist quick": (1.5, 15), "strokes": (0, 3)},
    "C18": {"both heights": (-60, -3), "both wrists move": (7, 70)},
    "C19": {"strokes": (3, 9)},
    "C20": {"wrists": (0, 16), "wrist quick": (1, 9), "both wrists move": (5, 60)},
    "D1": {"crossed at start": (0, 0), "crossed at end": (5, 40)},
    "D2": {"crossed at start": (5, 40), "crossed at end": (0, 0)},
    "D3": {"foot forward": (10, 45)},
    "D4": {"foot rate": (3, 7.5), "knee quick": (0.7, 8), "foot up": (0.3, 3)},
    "D5": {"foot up": (2, 8), "feet up": (0, 0.5), "foot beats": (2, 7)},
    "D6": {"foot up": (6, 24), "foot beats": (1, 6)},
    "D7": {"foot way": (4, 20), "foot up": (0, 2)},
    "D8": {"pelvis up": (1.5, 10), "pelvis ends off": (1.2, 12)},
    "D9": {"to knee": (8, 26), "wrist rate": (0.5, 2.2), "both wrists move": (0, 2)},
    "D10": {"to knee": (3, 13)},
    "D11": {"to shank": (0, 12)},
    "D12": {"to ankle": (0, 18)},
    "D13": {"to ankle": (2, 21), "behind ankle": (-25, 4)},
    "D14": {"both to ankle": (4, 24)},
    "D15": {"swing": (14, 65), "foot rate": (0.4, 3)},
    "D16": {"feet up": (2, 12), "foot up": (2.5, 14), "foot beats": (1, 4)},
    "D17": {"pelvis side": (2, 12), "pelvis up": (0, 0.5)},
}
# Clips of the second class must not pass for the first.
NEIGHBOURS = [
    pair.split("/")
    for pair in (
        "A1/A6 A6/A1 A2/B3 A4/B5 A5/B6 A6/D17 "
        "B1/B5 B5/B1 B2/B3 B3/B2 B3/A2 B7/B8 B8/B7 "
        "C1/C2 C2/C1 C3/C16 C16/C3 C3/C17 C4/C6 C6/C4 C6/C5 C7/C8 C8/C7 C9/C10 C10/C9 C10/C12 "
        "C12/C10 C12/C11 C15/C19 C19/C15 "
        "D1/D2 D2/D1 D3/D7 D4/D5 D5/D6 D6/D5 D5/D16 D16/D5 D10/D9 D9/D10 D11/D10 D14/D13 D15/D7 "
        "D17/D8"
    ).split()
]


def misses(body: Body, code: str) -> dict[str, float]:
    """The measures of a class that a clip does not meet."""
    values = {name: float(MEASURES[name](body)) for name in EXPECTED[code]}
    return {
        name: value
        for name, value in values.items()
        if not EXPECTED[code][name][0] <= value <= EXPECTED[code][name][1]
    }


@pytest.mark.parametrize("code", CODES)
def test_a_class_shows_what_its_name_says(code):
    assert [misses(body, code) for body in bodies(code)] == [{}] * CLIPS


@pytest.mark.parametrize(("code", "other"), NEIGHBOURS)
def test_a_neighbour_does_not_pass_for_a_class(code, other):
    assert sum(not misses(body, code) for body in bodies(other)) <= 1


def test_the_table_of_movements_is_the_table_of_classes():
    assert tuple(MOVES) == CODES == tuple(EXPECTED)

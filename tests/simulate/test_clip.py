"""One clip: whichever hand is free acts, and other parts of the body are not still."""

import numpy as np
from build import H36M
from simulate.measures import CODES, bare

from mbnb.simulate import Person, simulate_clip


def test_both_hands_act():
    nose = CODES.index("C10")
    sides = []
    for i in range(40):
        body = bare(nose, np.random.default_rng([3, i]))
        to_nose = {side: body.distance(f"{side}_Wrist", "Head").min() for side in "LR"}
        sides.append(min("LR", key=to_nose.get))
    assert 8 <= sides.count("L") <= 32


def test_distractors_add_movement_elsewhere():
    moved = 0
    for i in range(20):
        person = Person.draw(np.random.default_rng(i))
        rngs = [np.random.default_rng(i) for _ in range(2)]
        with_them, without = (
            simulate_clip(39, person, rng, noise=False, distractors=distractors, camera=False)
            for rng, distractors in zip(rngs, (True, False))
        )
        more = np.ptp(with_them, axis=0) - np.ptp(without, axis=0)  # (17, 3)
        moved += more[H36M.index("Head", "L_Wrist", "R_Wrist")].max() > 0.03
    assert moved >= 10

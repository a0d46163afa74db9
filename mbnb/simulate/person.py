"""A simulated person: what stays the same in all clips of one.

Body proportions: Drillis & Contini 1966, as in Winter, Biomechanics and Motor Control of Human
Movement, figure 4.1 (joint centres lie inside the outer breadths given there). Either hand and
foot is free to act about equally often. That is more than the share of left-handed people, since
many of a seated person's hands are busy.
"""

from dataclasses import dataclass

import numpy as np

from mbnb.simulate.choreography import CROSSED_LEGS, RESTS

# Lengths as shares of the stature.
BONES = {
    "thigh": 0.245,
    "shank": 0.246,
    "upper_arm": 0.186,
    "forearm": 0.146,
    "trunk": 0.288,
    "half_hips": 0.075,
    "half_shoulders": 0.108,
    "nose_up": 0.09,
    "nose_forward": 0.08,
    "crown_up": 0.172,
    "crown_forward": 0.02,
}


@dataclass(frozen=True)
class Person:
    """Build, posture and habits. Angles in degrees, lengths in cm unless said otherwise.

    stature: metres.
    bones: metres, in the order of `BONES`.
    size, tempo: how large and how fast this person moves, 1 is average.
    lean, slump, nod, look: posture of the trunk and the head.
    feet: (side, forward) of the left and the right foot against straight below the knee.
    knees: how far the knees point outwards, as a share of how far they point up.
    seat: height of the hips above the ankles as a share of the shank.
    rests: probability of each place in `RESTS`.
    crosses: how often the legs are crossed from the start.
    cross_style: a row of `CROSSED_LEGS`.
    elbows: how far they stand out, 1 is average.
    restless: degrees of postural sway, and how large the unrelated movements are.
    """

    stature: float
    bones: tuple[float, ...]
    left_handed: bool
    left_footed: bool
    size: float
    tempo: float
    lean: float
    slump: float
    nod: float
    look: float
    feet: tuple[tuple[float, float], tuple[float, float]]
    knees: float
    seat: float
    rests: tuple[float, ...]
    crosses: float
    cross_style: int
    elbows: float
    restless: float

    @property
    def cm(self) -> float:
        """A centimetre of the choreography in metres of this body."""
        return self.stature / 170

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Person":
        """A person at random; adults of 1.50 to 1.95 m."""
        stature = float(np.clip(rng.normal(1.71, 0.09), 1.5, 1.95))
        feet = rng.normal((3, 0), (4, 5), (2, 2)) + (0, rng.normal(0, 6))
        return cls(
            stature,
            bones=tuple(
                float(share * stature * rng.uniform(0.95, 1.05)) for share in BONES.values()
            ),
            left_handed=bool(rng.random() < 0.5),
            left_footed=bool(rng.random() < 0.5),
            size=float(rng.uniform(0.7, 1.0)),
            tempo=float(rng.uniform(0.8, 1.25)),
            lean=rng.normal(0, 6),
            slump=rng.uniform(0, 12),
            nod=rng.normal(3, 6),
            look=rng.normal(0, 10),
            feet=tuple(map(tuple, feet)),
            knees=rng.uniform(-0.1, 0.5),
            seat=rng.uniform(0.88, 1.05),
            rests=tuple(rng.dirichlet(np.full(len(RESTS), 1.0))),
            crosses=rng.choice([0, 0.2, 0.5]),
            cross_style=int(rng.integers(len(CROSSED_LEGS))),
            elbows=rng.uniform(0.6, 1.6),
            restless=rng.uniform(0.7, 1.6),
        )

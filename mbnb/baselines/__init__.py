"""What a network must beat: each method in a file, fitted to labelled clips, judging clip by clip.

Each has `fit(clips, skeleton, classes, seed, fps)` and `answer(clips)` -> probabilities (N, C).
Imports people and what stands before it.
"""

from mbnb.baselines.largest import Largest
from mbnb.baselines.linear import Linear
from mbnb.baselines.nearest import Nearest
from mbnb.baselines.rocket import Rocket

METHODS: dict[str, type] = {
    "largest": Largest,
    "linear": Linear,
    "nearest": Nearest,
    "rocket": Rocket,
}

__all__ = ["METHODS", "Largest", "Linear", "Nearest", "Rocket"]

"""How good predictions are, how certain that is, and what may make a score too good.

Imports bodies and what stands before it.
"""

from mbnb.scores.intervals import compare, f1_intervals, official_interval, score_intervals
from mbnb.scores.metrics import SCORES, confusion, official_scores, score

__all__ = [
    "SCORES",
    "compare",
    "confusion",
    "f1_intervals",
    "official_interval",
    "official_scores",
    "score",
    "score_intervals",
]

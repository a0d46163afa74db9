"""A run's predictions and scores, tables of them, comparisons, many runs as one.

Imports train and what stands before it.
"""

from mbnb.evaluate.evaluation import Evaluation
from mbnb.evaluate.score import evaluate, load_evaluation

__all__ = ["Evaluation", "evaluate", "load_evaluation"]

"""The training loop, which every task shares, and what is particular to actions.

Imports baselines and what stands before it.
"""

from mbnb.train.action import train
from mbnb.train.history import best_epoch, read_history

__all__ = ["best_epoch", "read_history", "train"]

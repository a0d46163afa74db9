"""What a person's other clips tell about a clip: a stage of its own, behind any predictor.

Imports model and what stands before it; knows nothing of networks, training or checkpoints.
"""

from mbnb.people.stage import STEPS, Stage, look
from mbnb.people.step import Known

__all__ = ["STEPS", "Known", "Stage", "look"]

"""What a person's other clips tell about a clip: a stage of its own, behind any predictor.

Imports scores and what stands before it.
"""

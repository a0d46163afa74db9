"""How good predictions are, how certain that is, and what may make a score too good.

Imports model and what stands before it.
"""

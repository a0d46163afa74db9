"""Notebooks executed headlessly, and grids of runs.

Imports show and what stands before it.
"""

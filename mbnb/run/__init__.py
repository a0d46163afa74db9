"""Notebooks executed headlessly, and grids of runs.

Imports detect and what stands before it. It exports nothing: papermill takes a second to import.
"""

"""Notebooks executed headlessly, and grids of runs.

Imports wild and what stands before it. It exports nothing here: papermill takes a second to import.
"""

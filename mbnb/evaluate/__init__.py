"""A run's predictions and scores, tables of them, comparisons, many runs as one.

Imports train and what stands before it.
"""

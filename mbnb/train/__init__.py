"""The training loop, which every task shares, and what is particular to actions.

Imports baselines and what stands before it.
"""

"""Simulated people: which movements they make, how their bodies make them, the clips of them.

Imports clips and what stands before it, formats.
"""

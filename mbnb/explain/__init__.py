"""Why a model says what it says, and where clips lie for it.

Imports evaluate and what stands before it.
"""

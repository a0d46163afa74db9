"""Videos of people -> landmarks -> joints -> data sets.

Imports data and what stands before it.
"""

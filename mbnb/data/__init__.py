"""The documented layout, read, checked, cached and written; people held out.

Imports simulate and what stands before it.
"""

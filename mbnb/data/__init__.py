"""The documented layout of a data set: read, checked, cached and written; people held out.

Imports simulate and what stands before it. `dataset` is the entrance: `load` and `verify`.
"""

from mbnb.data.dataset import DataSet, load, people_overlap, verify

__all__ = ["DataSet", "load", "people_overlap", "verify"]

"""Videos and other tools' files of skeletons, by the thousand -> a data set, resumable at any time.

Imports video and what stands before it.
"""

from mbnb.convert.one import How
from mbnb.convert.pseudonyms import pseudonymous
from mbnb.convert.sources import find_sources
from mbnb.convert.work import convert, on_cluster, summary

__all__ = ["How", "convert", "find_sources", "on_cluster", "pseudonymous", "summary"]

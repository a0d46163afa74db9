"""Videos and other tools' files of skeletons, by the thousand -> a data set, resumable at any time.

Imports video and what stands before it.
"""

from mbnb.convert.one import How
from mbnb.convert.pseudonyms import pseudonymous
from mbnb.convert.sources import find_sources
from mbnb.convert.work import convert, on_cluster, summary
from mbnb.video.convert import find_videos, landmark_file

__all__ = ["How", "convert", "find_sources", "find_videos", "landmark_file", "on_cluster"]
__all__ += ["pseudonymous", "summary"]

"""Videos of people -> frames -> landmarks -> joints -> data sets.

Imports data and what stands before it, but nothing that needs torch.
"""

from mbnb.video.frames import read_video
from mbnb.video.landmarks import extract_pose, load_landmarks, to_joints
from mbnb.video.pictures import thumbnails

__all__ = ["extract_pose", "load_landmarks", "read_video", "thumbnails", "to_joints"]

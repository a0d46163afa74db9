"""Videos and other people's 2D joints -> 3D motion, over the video, as files of other tools.

Imports show and what stands before it.
"""

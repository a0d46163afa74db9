"""Why the network says what it says of a clip, and where clips lie for it.

`attribution` colours joints and frames, `embedding` makes maps, `neighbours` finds alike clips.
Imports evaluate and what stands before it.
"""

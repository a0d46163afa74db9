"""Bodies of vertices that shape and pose move: Anny, SMPL, or any with skinning; poses fitted.

Imports prepare and what stands before it.
"""

from mbnb.bodies.body import Body, Posed
from mbnb.bodies.library import load_body

__all__ = ["Body", "Posed", "load_body"]

"""Simulated people: the movements, the bodies that make them, the clips of them.

Imports formats and what stands before it. `choreography` says what each class is, `person` who
somebody is; `timing`, `body` and `noise` make one `clip` of it, `simulator` those of many people.
"""

from mbnb.simulate.clip import simulate_clip
from mbnb.simulate.person import Person
from mbnb.simulate.simulator import simulate

__all__ = ["Person", "simulate", "simulate_clip"]

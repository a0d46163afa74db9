"""Simulated people: the movements, the bodies that make them, the clips of them.

Imports formats and what stands before it. `choreography` says what each class is, `person` who
somebody is; `timing`, `body` and `noise` make one `clip` of it, `simulator` those of many people.
`official` says what each class of MA-52's own list is; `seated` and `extractor` make clips of it.
"""

from mbnb.simulate.clip import simulate_clip
from mbnb.simulate.person import Person
from mbnb.simulate.simulator import SIMULATED, simulate

__all__ = ["SIMULATED", "Person", "simulate", "simulate_clip"]

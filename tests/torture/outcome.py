"""What became of one kind of trial, and the table of all."""

from dataclasses import dataclass, field

import pandas as pd


@dataclass
class Outcome:
    """What was tried, how often all was well, and what was lost."""

    what: str
    tried: int = 0
    survived: int = 0
    lost: list[str] = field(default_factory=list)
    note: str = ""


def table_of(outcomes: list[Outcome]) -> str:
    """One table of what was tried, what survived and what was lost."""
    rows = [(o.what, o.tried, o.survived, len(o.lost), o.note) for o in outcomes]
    table = pd.DataFrame(rows, columns=["what", "tried", "survived", "lost", ""])
    return table.to_string(index=False, justify="left")

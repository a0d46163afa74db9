"""What became of one kind of trial, and the table of all."""

from dataclasses import dataclass, field
from textwrap import shorten

import pandas as pd

NOTE = 160  # letters


@dataclass
class Outcome:
    """What was tried, how often all was well, and what was lost."""

    what: str
    tried: int = 0
    survived: int = 0
    lost: list[str] = field(default_factory=list)
    note: str = ""


def table_of(outcomes: list[Outcome]) -> str:
    """One table of what was tried, what survived and what was lost, and the sums."""
    rows = [(o.what, o.tried, o.survived, len(o.lost), shorten(o.note, NOTE)) for o in outcomes]
    rows.append(("together", *(sum(row[i] for row in rows) for i in (1, 2, 3)), ""))
    table = pd.DataFrame(rows, columns=["what", "tried", "survived", "lost", ""])
    width = table["what"].str.len().max()
    return table.to_string(
        index=False,
        justify="left",
        formatters={"what": f"{{:<{width}}}".format, "": f"{{:<{NOTE}}}".format},
    )

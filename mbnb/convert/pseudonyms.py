"""Names of clips and people replaced by numbers, whose key lies in a file outside the data set."""

import csv
import secrets
from collections.abc import Sequence
from pathlib import Path

from mbnb.convert.folder import Folder
from mbnb.data.convert import Source
from mbnb.files import InputError, read_table, replacing

COLUMNS = ("kind", "name", "pseudonym")
LETTERS = {"clip": "c", "person": "p"}
NUMBER = ("key", "number")  # its kind and name among the rows of a key


def pseudonymous(sources: Sequence[Source], key: Path, out: Path) -> tuple[list[Source], str]:
    """The sources, clips called c0001, c0002, … and people p0001, …, and the key's number.

    The file `key` says who is who. Who is not in it is added, in an order drawn by lot, so that
    pseudonyms tell nothing about names; the same key gives the same ones again. Its number, drawn
    by lot, tells it from other keys. Raises InputError for a key inside the data set or its
    landmarks, which are passed on, for what is no key, and where `out` was made with another one.
    """
    inside = (out.absolute(), out.absolute().with_name(f"{out.name}_landmarks"))
    if any(folder in (key.absolute(), *key.absolute().parents) for folder in inside):
        raise InputError(f"{key}: the key of pseudonyms must not lie in {out}, which it is about")
    known = {NUMBER: f"k{secrets.token_hex(8)}"}
    made_with = Folder(out).made_with()
    if made_with is not None and not key.exists():
        raise InputError(
            f"{key}: no such file, but {out} was made with a key of pseudonyms: put it back there, "
            "or name where it lies; a new key would give the same pseudonyms to other people"
        )
    if key.exists():
        for line, row in read_table(key, COLUMNS):
            if row["kind"] not in (*LETTERS, NUMBER[0]):
                kinds = " or ".join(LETTERS)
                raise InputError(f"{key}, line {line}: expected {kinds}, found {row['kind']!r}")
            known[row["kind"], row["name"]] = row["pseudonym"]
    if made_with and made_with != known[NUMBER]:
        raise InputError(f"{key}: is another key than the one that {out} was made with: name that")
    wanted = {"clip": [s.name for s in sources], "person": [s.subject for s in sources]}
    for kind, names in wanted.items():
        fresh = [n for n in dict.fromkeys(names) if n and (kind, n) not in known]
        secrets.SystemRandom().shuffle(fresh)
        taken = {number for (k, _), number in known.items() if k == kind}
        numbers = (f"{LETTERS[kind]}{i:04}" for i in range(1, len(taken) + len(fresh) + 1))
        free = (number for number in numbers if number not in taken)
        known |= {(kind, name): number for name, number in zip(fresh, free)}
    # Before anything else, or clips of a conversion that is killed belong to nobody.
    with replacing(key) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((*who, number) for who, number in known.items())
    renamed = (_renamed(source, known) for source in sources)
    return sorted(renamed, key=lambda one: one.name), known[NUMBER]


def _renamed(source: Source, known: dict[tuple[str, str], str]) -> Source:
    name = known["clip", source.name]
    subject = known["person", source.subject] if source.subject else ""
    return source._replace(name=name, subject=subject, shown=name)

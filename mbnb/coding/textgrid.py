"""TextGrids of Praat, long and short, in UTF-8, UTF-16 and code page 1252.

By Praat's manual ("TextGrid file formats") both forms are the same numbers, texts and flags in the
same order, and what stands between them is for the eye. The library praatio is not used: it stops
at texts that hold words of the format, does not read code page 1252, and renames tiers.
"""

import re
from collections.abc import Iterator

from mbnb.coding.file import File
from mbnb.files import InputError
from mbnb.intervals import Coding, Interval, Tier

# A text, where "" stands for a quote; a flag; a number that stands alone.
TOKEN = re.compile(
    r'"((?:[^"]|"")*)"|(<exists>|<absent>)|(?<!\S)(-?\d+(?:\.\d*)?(?:e-?\d+)?)(?!\S)'
)
KINDS = {"IntervalTier": 3, "TextTier": 2}


def recognises(file: File) -> bool:
    """Whether a file begins as Praat's TextGrids do."""
    head = file.text[:200]
    return "ooTextFile" in head and "TextGrid" in head


def read(file: File) -> list[Coding]:
    """Its tiers, empty intervals and points among them. Raises InputError for one cut short."""
    tokens = _tokens(file.text)
    intervals, tiers = [], []
    try:
        next(tokens), next(tokens)  # what kind of file it is
        _, end, flag = next(tokens), float(next(tokens)), next(tokens)
        for _ in range(int(next(tokens)) if flag == "<exists>" else 0):
            kind, name = next(tokens), next(tokens)
            if kind not in KINDS:
                raise ValueError(f"a tier of the kind {kind!r}")
            next(tokens), next(tokens)  # where the tier starts and ends
            name = _unique(name, [tier.name for tier in tiers])
            tiers.append(Tier(name))
            for _ in range(int(next(tokens))):
                times = [float(next(tokens)) for _ in range(KINDS[kind] - 1)]
                label = next(tokens).strip()
                intervals.append(Interval(times[0], times[-1], label, name))
    except StopIteration:
        raise InputError(f"{file.path}: cut short: a TextGrid that ends within a tier") from None
    except ValueError as error:
        raise InputError(f"{file.path}: not a whole TextGrid ({error})") from None
    return [Coding(file.path.stem, tuple(intervals), tuple(tiers), length=end)]


def _tokens(text: str) -> Iterator[str]:
    for quoted, flag, number in TOKEN.findall(text):
        yield flag or number or quoted.replace('""', '"')


def _unique(name: str, taken: list[str]) -> str:
    """The name itself, or with a number behind it where another tier has it."""
    names = (name, *(f"{name} {i}" for i in range(2, len(taken) + 2)))
    return next(one for one in names if one not in taken)

"""One annotation file, opened once: its bytes, and the same as text, JSON or rows of a table."""

import json
import math
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from mbnb.files import InputError, read_rows, read_text

LARGEST = 256 << 20  # bytes; hours of coding take a few megabytes


class File:
    """What readers look at to tell whether a file is theirs, and read.

    raw: its bytes. Raises InputError where there is no such file, or one that no coding is as
    large as.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"{path}: no such file")
        if self.path.stat().st_size > LARGEST:
            raise InputError(f"{path}: larger than {LARGEST >> 20} MB, which no coding is")
        self.raw = self.path.read_bytes()

    @cached_property
    def text(self) -> str:
        """All of it, '' where it is no text; `refusal` says why then."""
        return "" if self.refusal else read_text(self.path)

    @cached_property
    def refusal(self) -> str:
        """Why it is no text, '' where it is."""
        try:
            read_text(self.path)
        except InputError as error:
            return str(error)
        return ""

    @cached_property
    def json(self) -> Any:
        """What the JSON in it says, None where it is none. Raises InputError for a broken one."""
        if self.text.lstrip()[:1] not in ("{", "["):
            return None
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError) as error:
            if self.path.suffix.lower() in (".json", ".boris"):
                raise InputError(f"{self.path}: cut short or damaged JSON ({error})") from None
            return None

    @cached_property
    def rows(self) -> list[tuple[int, list[str]]]:
        """The rows of a table with their line numbers; none where it is no table."""
        return [] if self.refusal or self.json is not None else read_rows(self.path)[1]

    @cached_property
    def header(self) -> list[str]:
        """The first row in small letters; none where it is no table."""
        return [cell.casefold() for cell in self.rows[0][1]] if self.rows else []


def seconds(text: str) -> float | None:
    """The time in a cell: 3.25, 3,25, 01:02:03.250 or 2:03.25; None for other text."""
    if text.strip() == "inf":  # as mbnb writes the end of a recording whose length is not known
        return math.inf
    found = re.fullmatch(r"(-?)(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d*)?|[.,]\d+)", text.strip())
    if not found:
        return None
    sign, hours, minutes, rest = found.groups()
    passed = 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(rest.replace(",", "."))
    return -passed if sign else passed


def table(rows: list[tuple[int, list[str]]]) -> list[tuple[int, dict[str, str]]]:
    """Rows below a header as dictionaries by its cells in small letters, with line numbers."""
    keys = [cell.casefold() for cell in rows[0][1]] if rows else []
    return [(line, dict.fromkeys(keys, "") | dict(zip(keys, cells))) for line, cells in rows[1:]]

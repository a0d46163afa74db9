"""What a reader may look at to tell a file for its own: the beginning, and JSON read once."""

import json
import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mbnb.files import InputError, encoding_of

HEAD = 1 << 16
LARGEST_TEXT = 1 << 28  # bytes; what Python makes of JSON takes up to twenty times as much


@dataclass(frozen=True)
class Content:
    """A file, or a folder whose files together are one recording."""

    path: Path

    @cached_property
    def head(self) -> bytes:
        """The first bytes; none of a folder."""
        if self.path.is_dir():
            return b""
        with open(self.path, "rb") as file:
            return file.read(HEAD)

    @cached_property
    def is_json(self) -> bool:
        """Whether the first bytes are those of JSON."""
        return bool(re.match(rb'(\xef\xbb\xbf)?\s*[\[{]\s*([\]}{\["\d-]|$)', self.head))

    @cached_property
    def json(self) -> Any:
        """What the JSON holds; None where it is none. Raises InputError for what is too large."""
        return read_json(self.path) if self.is_json else None

    @cached_property
    def text(self) -> str:
        """All of a text file. Raises InputError for what is too large."""
        raw = _bytes(self.path)
        return raw.decode(encoding_of(raw), errors="replace")


def numbers_of(text: str) -> np.ndarray:
    """All numbers of a text that holds nothing else. Raises InputError where it does."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # so numpy says that it came to text
        try:
            return np.fromstring(text, sep=" ")
        except (DeprecationWarning, ValueError):
            word = next((word for word in text.split() if not is_number(word)), "nothing")
            raise InputError(f"expected numbers, found {word[:40]}") from None


def is_number(word: str) -> bool:
    """Whether a word is a number, or nan."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def read_json(path: Path) -> Any:
    """What a JSON file holds; a list of its lines, where each is JSON of its own.

    Raises InputError for what is none or too large to be read.
    """
    raw = _bytes(path)
    try:
        text = raw.decode(encoding_of(raw))
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            if not error.msg.startswith("Extra data"):
                raise
            return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from None


def _bytes(path: Path) -> bytes:
    size = path.stat().st_size
    if size > LARGEST_TEXT:
        raise InputError(
            f"{path}: {size >> 20} MB in one file, more than the {LARGEST_TEXT >> 20} that are "
            f"read at once; write a file for each video"
        )
    return path.read_bytes()

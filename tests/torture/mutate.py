"""Changes to a file that keep its form: the members of an archive, the values of a tree, cells.

Checksums and brackets stop bytes that are changed blindly before a reader looks at what they say.
"""

import contextlib
import io
import json
import math
import pickle
import random
import re
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mbnb.formats.pickles import read_pickle

WORDS = [b"nan", b"-inf", b"1e999", b"-1", b"0", b"9" * 30, b"1_000", b"0x10", b"1e5", b"null"]
WORDS += [b"\xff\xff\xff\x7f", b"[[[[", b'"', b"", b" ", b"\0", b"..", b"<", b"true", b"a" * 5000]
LETTERS = ("²", "١٢", "１", "é", "e\u0301", "\u202e", "\u2028", "\x85", "\ufeff", "\u00a0", "😀")
WORDS += [b"/etc/passwd", *(text.encode() for text in LETTERS)]
VALUES = [None, True, 0, -1, 10**30, 0.5, math.nan, math.inf, "", "a", "1", "\0", "\ud800", [], {}]
VALUES += [[[]], [None], {"a": 1}, [1, 2, 3], b"a"]
KINDS = ("f2", "f8", ">f4", "i1", "i8", "u1", "?", "c8", "U3", "S2", "M8[s]", "m8[s]")


def changed(raw: bytes, rng: random.Random) -> bytes:
    """The bytes with a few random changes, mostly such as leave a file of the same kind."""
    if rng.random() < 0.7:
        for change in (_archive, _array, _tensors, _tree_of_json, _tree_of_pickle, _table):
            with contextlib.suppress(Exception), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if made := change(raw, rng):
                    return made
    return _bytes(raw, rng)


def _bytes(raw: bytes, rng: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 4, 8, 64)))
        match rng.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                del data[at:end]
            case 2:
                data[at:at] = data[at:end] * rng.choice((1, 2, 50))
            case 3:
                data[at:end] = rng.choice(WORDS)
            case 4:
                data[at:end] = rng.randbytes(end - at)
            case 5 if numbers := list(re.finditer(rb"\d+", bytes(data))):
                found = rng.choice(numbers)
                data[found.start() : found.end()] = rng.choice(WORDS)
    return bytes(data)


def _archive(raw: bytes, rng: random.Random) -> bytes | None:
    """A zip with another content, or another name, of one of its members."""
    if not raw.startswith(b"PK"):
        return None
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(members))
    match rng.randrange(6):
        case 0:
            del members[name]
        case 1:
            members[rng.choice(("../a", "a", name.upper()))] = members.pop(name)
        case 2:
            members[name] = members[rng.choice(sorted(members))]
        case _:
            members[name] = changed(members[name], rng)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def _array(raw: bytes, rng: random.Random) -> bytes | None:
    """An array of another kind or shape, or with other numbers in it."""
    if not raw.startswith(b"\x93NUMPY"):
        return None
    made = io.BytesIO()
    np.lib.format.write_array(made, _another(np.load(io.BytesIO(raw)), rng), allow_pickle=False)
    return made.getvalue()


def _another(array: np.ndarray, rng: random.Random) -> np.ndarray:
    match rng.randrange(7):
        case 0:
            letters = array.dtype.kind == "S"  # numpy 2.4 crashes where these become dates
            return array.astype(rng.choice(KINDS[: -2 * letters or None]))
        case 1:
            return array[: rng.randint(0, 2)]
        case 2:
            return array[..., : rng.randint(0, 2)]
        case 3:
            return array[None] if rng.random() < 0.5 else array.reshape(-1)
        case 4:
            return np.asfortranarray(array)
        case 5:
            return np.concatenate([array, array], rng.randrange(array.ndim))
    array = array.copy().reshape(-1)
    values = (
        [np.nan, np.inf, -1, 0, 1e30, 1e300, 2**31 - 1] if array.dtype.kind in "fiu" else ["..", ""]
    )
    array[rng.randrange(len(array))] = rng.choice(values)
    return array


def _tensors(raw: bytes, rng: random.Random) -> bytes | None:
    """Safetensors with another header."""
    length = int.from_bytes(raw[:8], "little")
    if raw[8:9] != b"{" or length > len(raw):
        return None
    head = json.dumps(tree(json.loads(raw[8 : 8 + length]), rng)).encode()
    return len(head).to_bytes(8, "little") + head + raw[8 + length :]


def _tree_of_json(raw: bytes, rng: random.Random) -> bytes | None:
    if raw.lstrip()[:1] not in (b"{", b"["):
        return None
    return json.dumps(tree(json.loads(raw), rng), default=str).encode("utf-8", "surrogatepass")


def _tree_of_pickle(raw: bytes, rng: random.Random) -> bytes | None:
    if not raw.startswith(b"\x80"):
        return None
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(raw)
        return pickle.dumps(tree(read_pickle(Path(file.name), "data"), rng))


def tree(value: Any, rng: random.Random) -> Any:
    """The same values in each other, but for one of them."""
    inner = (
        list(value)
        if isinstance(value, dict)
        else list(range(len(value)))
        if isinstance(value, list | tuple)
        else []
    )
    if isinstance(value, np.ndarray) and value.size and rng.random() < 0.8:
        return _another(value, rng)
    if not inner or rng.random() < 0.1:
        return rng.choice(VALUES)
    key = rng.choice(inner)
    value = list(value) if isinstance(value, tuple) else value.copy()
    match rng.randrange(10):
        case 0:
            del value[key]
        case 1 if isinstance(value, list):
            value.append(value[key])
        case 1:
            value[str(key).upper()] = value.pop(key)
        case _:
            value[key] = tree(value[key], rng)
    return value


def _table(raw: bytes, rng: random.Random) -> bytes | None:
    """Rows of cells with another cell, a column or a row more, fewer or elsewhere."""
    lines = raw.split(b"\n")
    mark = max((b",", b"\t", b";", b" "), key=lines[0].count)
    if b"\0" in raw or lines[0].count(mark) < 1:
        return None
    rows = [line.split(mark) for line in lines]
    row = rng.choice(rows)
    column = rng.randrange(len(row))
    match rng.randrange(6):
        case 0:
            rows.insert(rng.randrange(len(rows)), rng.choice(rows))
        case 1:
            rows.remove(row)
        case 2:
            rows = [[*cells[:column], *cells[column + 1 :]] for cells in rows]
        case 3:
            rows = [[*cells, *cells[column : column + 1]] for cells in rows]
        case _:
            row[column] = rng.choice(WORDS)
    return b"\n".join(map(mark.join, rows))

"""npy and npz files, opened without running anything and without believing their headers."""

import zipfile
from pathlib import Path

import numpy as np

from mbnb.files import InputError
from mbnb.formats.pickles import header_of, read_objects

LARGEST = 1 << 30  # bytes of one array
AT_ONCE = 1 << 24  # bytes that are read at a time
LAST_LETTER, SURROGATES = 0x10FFFF, 0xD800 >> 11  # of Unicode; halves of letters are none


def members(path: Path) -> list[str]:
    """The names of the arrays in an npz. Raises InputError for a zip archive of other things."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]


def load(path: Path, name: str | None = None, most: int | None = None) -> np.ndarray:
    """The array of an npy file, or the array `name` of an npz.

    Raises InputError where the array is larger than `most` bytes, by default `LARGEST`, than its
    header says, or holds objects, which numpy keeps as a pickle.
    """
    most = LARGEST if most is None else most
    if name is None:
        with open(path, "rb") as file:
            return _array(file, path.stat().st_size, path.name, most)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as file:
            return _array(file, info.file_size, name, most)


def _array(file, size: int, name: str, most: int) -> np.ndarray:
    if size > most:
        raise InputError(f"{name} holds {size >> 20} MB, more than {most >> 20} at once")
    shape, by_columns, kind = header_of(file)
    count = 1
    for length in shape:  # Python's numbers have no end, numpy's have one
        count *= int(length)
    if kind.hasobject:
        raise InputError(f"{name} holds Python objects, not numbers")
    if min(shape, default=0) < 0 or count * kind.itemsize > size:
        raise InputError(
            f"the header of {name} says {shape} of {kind}, which does not fit into its {size} bytes"
        )
    raw = np.empty(count * kind.itemsize, np.uint8)
    for first in range(0, len(raw), AT_ONCE):
        part = file.read(min(AT_ONCE, len(raw) - first))
        raw[first : first + len(part)] = np.frombuffer(part, np.uint8)
        if len(part) < min(AT_ONCE, len(raw) - first):
            raise InputError(f"{name} is cut off")
    if kind.kind == "U":
        letters = raw.view(">u4" if kind.byteorder == ">" else "<u4")
        if ((letters > LAST_LETTER) | (letters >> 11 == SURROGATES)).any():
            raise InputError(f"{name} holds text of letters that there are not")
    return raw.view(kind).reshape(shape, order="F" if by_columns else "C")


def value(path: Path, name: str):
    """An array of an npz, or the object in it where it is one."""
    try:
        return load(path, name)
    except InputError as error:
        if "Python objects" not in str(error):
            raise
        return read_objects(path, name, "plain values")

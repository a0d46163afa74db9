"""npy and npz files, opened without running anything and without believing their headers."""

import math
import struct
import zipfile
from pathlib import Path

import numpy as np

from mbnb.files import InputError
from mbnb.formats.pickles import header_of, read_objects

LENGTHS_AT = 26  # where a file in a zip says how long its name and its extra field are
LARGEST = 1 << 30  # bytes of one array
AT_ONCE = 1 << 24  # bytes that are read at a time
LAST_LETTER, SURROGATES = 0x10FFFF, 0xD800 >> 11  # of Unicode; halves of letters are none
MAPPED = 1 << 30  # bytes of an array from which on it stays on the disk until it is used


def members(path: Path) -> list[str]:
    """The names of the arrays in an npz. Raises InputError for a zip archive of other things."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]


def load(path: Path, name: str | None = None, most: int | None = None) -> np.ndarray:
    """The array of an npy file, or the array `name` of an npz.

    A large array is mapped, unless an npz holds it compressed; in an npz it is read once before
    that for its checksum. It takes memory as it is used, what is written to it stays in memory, and
    the file must not be overwritten in place. Raises InputError where the array is larger than
    `most` bytes, by default `LARGEST`, than its header says, or holds objects, which numpy keeps as
    a pickle.
    """
    most = LARGEST if most is None else most
    if name is None:
        with open(path, "rb") as file:
            size = path.stat().st_size
            if size <= MAPPED:
                return _array(file, size, path.name, most)
            shape, by_columns, kind = _header(file, size, path.name, most)
            return np.memmap(path, kind, "c", file.tell(), shape, "F" if by_columns else "C")
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as file:
            if info.compress_type == zipfile.ZIP_STORED and info.file_size > MAPPED:
                return _mapped(path, file, info, most)
            return _array(file, info.file_size, name, most)


def _mapped(path: Path, file, info: zipfile.ZipInfo, most: int) -> np.ndarray:
    name = info.filename
    shape, by_columns, kind = _header(file, info.file_size, name, most)
    begins = file.tell()
    while file.read(AT_ONCE):  # the last part raises where the checksum is wrong
        pass
    with open(path, "rb") as raw:
        raw.seek(info.header_offset + LENGTHS_AT)
        extra = sum(struct.unpack("<HH", raw.read(4)))
    first = info.header_offset + LENGTHS_AT + 4 + extra + begins
    array = np.memmap(path, kind, "c", first, shape, "F" if by_columns else "C")
    _check_letters(array, name)
    return array


def _array(file, size: int, name: str, most: int) -> np.ndarray:
    shape, by_columns, kind = _header(file, size, name, most)
    raw = np.empty(math.prod(map(int, shape)) * kind.itemsize, np.uint8)
    for first in range(0, len(raw), AT_ONCE):
        part = file.read(min(AT_ONCE, len(raw) - first))
        raw[first : first + len(part)] = np.frombuffer(part, np.uint8)
        if len(part) < min(AT_ONCE, len(raw) - first):
            raise InputError(f"{name} is cut off")
    _check_letters(raw.view(kind), name)
    return raw.view(kind).reshape(shape, order="F" if by_columns else "C")


def _check_letters(array: np.ndarray, name: str) -> None:
    """Raise InputError for text of letters that Unicode does not have."""
    if array.dtype.kind == "U" and array.dtype.itemsize:
        letters = array.ravel("K").view(">u4" if array.dtype.byteorder == ">" else "<u4")
        if ((letters > LAST_LETTER) | (letters >> 11 == SURROGATES)).any():
            raise InputError(f"{name} holds text of letters that there are not")


def _header(file, size: int, name: str, most: int) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether columns come first, and kind of the array of `size` bytes in `file`."""
    if size > most:
        raise InputError(f"{name} holds {size >> 20} MB, more than {most >> 20} at once")
    shape, by_columns, kind = header_of(file)
    count = math.prod(map(int, shape))  # Python's numbers have no end, numpy's have one
    if kind.hasobject:
        raise InputError(f"{name} holds Python objects, not numbers")
    if min(shape, default=0) < 0 or count * kind.itemsize > size:
        raise InputError(
            f"the header of {name} says {shape} of {kind}, which does not fit into its {size} bytes"
        )
    return shape, by_columns, kind


def value(path: Path, name: str | None = None):
    """The array of an npy file, or `name` of an npz; or the object in it where it is one."""
    try:
        return load(path, name)
    except InputError as error:
        if "Python objects" not in str(error):
            raise
        return read_objects(path, name, "plain values")

"""Pickles of other people, read as data: arrays and plain values, nothing that runs code."""

import contextlib
import io
import mmap
import pickle
import pickletools
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from mbnb.files import InputError

LARGEST = 1 << 30  # bytes of objects in an npz
BEGINNING = 1 << 12  # bytes
LOAD_THERE = "load it there and save its joints (T, P, 3) as npy"
LONGEST_HEADER = 1 << 16  # bytes, of an npy


# What to do with objects of other packages.
SAVE_AS = {
    "pandas": ": it is a table of pandas, save it as CSV (pandas.read_pickle(…).to_csv(…))",
    "torch": f": it is torch's, {LOAD_THERE}",
}


def _empty(*_: Any) -> np.ndarray:
    """What numpy's pickles begin an array with; its shape comes with its numbers."""
    return np._core.multiarray._reconstruct(np.ndarray, (0,), b"b")


def _bytes(text: str, encoding: str) -> bytes:
    """How bytes lie in pickles of the second protocol."""
    return text.encode({"latin1": "latin1"}[encoding])


ARRAYS = {
    ("_codecs", "encode"): _bytes,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): _empty,  # only ever handed to the next
    **{
        (f"numpy.{core}.multiarray", name): made
        for core in ("core", "_core")
        for name, made in (("_reconstruct", _empty), ("scalar", np._core.multiarray.scalar))
    },
    **{
        (f"numpy.{core}.numeric", "_frombuffer"): np._core.numeric._frombuffer
        for core in ("core", "_core")
    },
}


def is_pickle(path: Path) -> bool:
    """Whether a file begins as pickles do."""
    with open(path, "rb") as file:
        return file.read(1) == b"\x80"


def read_pickle(
    path: Path, expected: str, others: Mapping[tuple[str, str], Any] | None = None
) -> Any:
    """What a pickle holds. Raises InputError, with what was `expected`, for anything but data.

    others: by module and name what harmless thing is made in place of another package's object.
    """
    try:
        with (
            open(path, "rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            return _load(content, others)
    except Exception as error:  # every sort of damage raises a different kind
        raise refusal(path, expected, error) from None


def plain_of(raw: bytes, expected: str) -> Any:
    """What a pickle of so many bytes holds. Raises InputError for anything but data."""
    try:
        return _load(io.BytesIO(raw))
    except Exception as error:
        said = error if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise InputError(f"expected {expected}: {said}") from None


def read_objects(path: Path, name: str | None, expected: str) -> Any:
    """What stands in the object array of an npy, or `name` of an npz, a pickle of numpy's.

    Raises InputError, with what was `expected`, for anything but data.
    """
    try:
        with contextlib.ExitStack() as opened:
            most = path.stat().st_size if name is None else LARGEST
            if name is None:
                file = opened.enter_context(open(path, "rb"))
            else:
                archive = opened.enter_context(zipfile.ZipFile(path))
                file = opened.enter_context(archive.open(f"{name}.npy"))
            shape, _, kind = header_of(file)
            content = _load(io.BytesIO(file.read(most))) if kind.hasobject else None
            if shape != () or content is None:
                raise InputError(f"Python objects in an array of the shape {shape}, of {kind}")
            return content.item()
    except Exception as error:
        raise refusal(path, expected, error) from None


def refusal(path: Path, expected: str, error: Exception) -> InputError:
    """What is said of a file that is not what was `expected`."""
    if isinstance(error, InputError):
        return InputError(f"{path}: expected {expected}: {error}")
    return InputError(f"{path}: expected {expected} ({type(error).__name__}: {error})")


def header_of(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and kind of the array that a npy file holds."""
    number = np.lib.format.read_magic(file)[0]
    raw = file.read(2 if number == 1 else 4)
    length = int.from_bytes(raw, "little")
    if length > LONGEST_HEADER:
        raise InputError(f"a header of {length} bytes")
    read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    read[3] = read[2]
    return read[number](io.BytesIO(raw + file.read(length)))


def _load(file: IO[bytes] | mmap.mmap, others: Mapping[tuple[str, str], Any] | None = None) -> Any:
    """What a pickle holds that can be read again from its beginning.

    Python believes a pickle's numbers, and would make room for as many objects and bytes as it
    names. So all of it is looked through first, which stops where bytes are missing.
    """
    start = file.tell()
    if b"joblib.numpy_pickle" in file.read(BEGINNING):
        raise InputError(f"joblib wrote it: {LOAD_THERE}")
    file.seek(start)
    for count, (operation, argument, _) in enumerate(pickletools.genops(file), 1):
        if operation.name.endswith("PUT") and argument > count:
            raise InputError(f"it counts object {argument} after {count} steps")
    file.seek(start)
    try:
        return _Plain(file, others).load()
    except MemoryError:  # which numpy raises without asking for any
        raise InputError("an array of more numbers than there can be") from None


class _Plain(pickle.Unpickler):
    """Makes numpy's arrays and plain values; whatever else a pickle asks for is refused."""

    def __init__(self, file: IO[bytes], others: Mapping[tuple[str, str], Any] | None = None):
        super().__init__(file, encoding="latin1")
        self.known = {**ARRAYS, **(others or {})}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self.known:
            return self.known[module, name]
        said = f"asks for {module}.{name}, which is more than data, and is not read"
        raise InputError(said + SAVE_AS.get(module.partition(".")[0], ""))

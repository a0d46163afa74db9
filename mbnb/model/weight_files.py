"""Reading a file of weights, whoever wrote it, or saying what it is instead.

Files are read as tensors and plain values alone; nothing in them is run.
"""

import json
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from mbnb.files import InputError

# Official files keep numpy numbers (`min_loss`), which are harmless but must be allowed by name.
# numpy 1, with which they were written, had another name for the module.
NUMPY_SCALARS = [
    np._core.multiarray.scalar,
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),
    np.dtype,
    *{type(np.dtype(kind)) for kind in "fdilqILQ?"},
]
# Other people's settings beside their weights; as plain dictionaries they can do nothing.
THEIR_SETTINGS = [
    (OrderedDict, name)
    for name in (
        "argparse.Namespace",
        "easydict.EasyDict",
        "lightning_fabric.utilities.data.AttributeDict",
        "lightning.fabric.utilities.data.AttributeDict",
        "pytorch_lightning.utilities.parsing.AttributeDict",
    )
]
# What torch wrote before 1.6 begins with, a pickle of a number.
OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
LONGEST_HEADER = 10**8  # bytes, of a safetensors file
OURS = "mbnb"  # under which our own safetensors files tell everything but their weights
SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")

# What to do with what is no checkpoint.
AGAIN = "download or copy it again"
UNPACK = "unpack it and name the file in it"
SAVE = "have the weights alone saved, with torch.save(model.state_dict(), FILE) or as safetensors"
# What a file is by its first bytes, what it may be, and what to do.
BEGINNINGS = (
    (b"version https://git-lfs", "a Git LFS pointer in place of the file", "run git lfs pull"),
    (b"\x1f\x8b", "a gzip archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ", "an xz archive", UNPACK),
    (b"(\xb5/\xfd", "a Zstandard archive", UNPACK),
    (b"7z\xbc\xaf", "a 7z archive", UNPACK),
    (b"Rar!", "a rar archive", UNPACK),
    (b"\x89HDF", "an HDF5 file, as Keras (.h5) and MATLAB write them", SAVE),
    (b"MATLAB", "a MATLAB file", SAVE),
    (b"\x93NUMPY", "an array of numpy (.npy)", SAVE),
    (b"GGUF", "a GGUF file of a language model", SAVE),
    (b"%PDF", "a PDF", AGAIN),
    (b"\x89PNG", "a picture", AGAIN),
    (b"\xff\xd8\xff", "a picture", AGAIN),
    (b"\x00\x05\x16\x07", "a Mac's note beside a file", "name the file without ._ before it"),
)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The file's dictionary, on the CPU; of a safetensors file its metadata and `model`.

    Raises InputError that says what the file is where it is no checkpoint, and what to do.
    """
    path = Path(path)
    try:
        kind = _kind(path)
        content = _read_safetensors(path) if kind == "safetensors" else _read_torch(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not isinstance(content, dict):
        raise InputError(
            f"{path}: not a checkpoint: expected a dictionary, found a {type(content).__name__}; "
            f"{SAVE}"
        )
    return content


def _read_safetensors(path: Path) -> dict[str, Any]:
    """Weights under `model`, and the metadata, which are text or JSON."""
    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise _refusal(path, f"a safetensors file that is damaged ({error})", AGAIN) from None
    told = {key: _plain(text) for key, text in metadata.items()}
    ours = told.pop(OURS, {})
    return told | (ours if isinstance(ours, dict) else {}) | {"model": weights}


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read_torch(path: Path) -> Any:
    """What torch.save wrote. Raises InputError for more than tensors and plain values."""
    try:
        with torch.serialization.safe_globals(NUMPY_SCALARS + THEIR_SETTINGS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch raises a different kind for every sort of damage
        if foreign := re.search(r"GLOBAL (\S+)", str(error)):
            raise _pickled(path, f"it asks for {foreign[1]}") from None
        raise _refusal(
            path, f"damaged or cut off after {path.stat().st_size:,} bytes", AGAIN
        ) from None


def _refusal(path: Path, what: str, advice: str) -> InputError:
    return InputError(f"{path}: not a checkpoint, but {what}; {advice}")


def _pickled(path: Path, why: str) -> InputError:
    return InputError(
        f"{path}: not a checkpoint of plain tensors and values: {why}, and reading that could run "
        f"whatever code stands in the file; {SAVE}"
    )


def _kind(path: Path) -> str:
    """ "safetensors" or "torch", by what stands in the file, not by its name.

    Raises InputError for everything else.
    """
    if path.is_dir():
        raise _refusal(path, *_folder(path))
    with open(path, "rb") as file:
        head = file.read(1024)
    for start, what, advice in BEGINNINGS:
        if head.startswith(start):
            raise _refusal(path, what, advice)
    if head.startswith(b"PK"):
        _check_zip(path)
        return "torch"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < LONGEST_HEADER:
        return "safetensors"
    if head.startswith(OLD_TORCH):
        return "torch"
    if head.startswith(b"\x80"):
        raise _pickled(path, "it is a pickle of Python objects")
    raise _refusal(path, *_other(path, head))


def _folder(path: Path) -> tuple[str, str]:
    if (path / "data.pkl").exists():
        return "the folder of an unpacked checkpoint", f"{AGAIN}, without unpacking it"
    inside = [*path.glob("*"), *path.glob("checkpoints/*")]
    found = sorted(str(p.relative_to(path)) for p in inside if p.suffix in SUFFIXES)
    return "a folder", f"name one of its files: {', '.join(found[:9]) or 'it holds no weights'}"


def _check_zip(path: Path) -> None:
    """Raises InputError unless a zip archive is one that torch.save writes."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            packed = [one for one in archive.infolist() if one.compress_type != zipfile.ZIP_STORED]
    except zipfile.BadZipFile:
        what = f"a cut-off file: its end is missing after {path.stat().st_size:,} bytes"
        raise _refusal(path, what, AGAIN) from None
    except (ValueError, NotImplementedError) as error:
        raise _refusal(path, f"an archive whose list is damaged ({error})", AGAIN) from None
    last = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in last:
        advice = "have torch.jit.load(FILE).state_dict() saved with torch.save"
        raise _refusal(path, "a TorchScript program", advice)
    if "model.weights.h5" in last:
        raise _refusal(path, "a Keras model", SAVE)
    if "data.pkl" in last and packed:
        raise _refusal(path, "a checkpoint that was packed once more, which torch never does", SAVE)
    if "data.pkl" in last:
        return
    some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    if names and all(name.endswith(".npy") for name in names):
        raise _refusal(path, f"arrays of numpy (npz) called {some}", SAVE)
    raise _refusal(path, f"a zip archive that holds {some or 'nothing'}", UNPACK)


def _other(path: Path, head: bytes) -> tuple[str, str]:
    """What a file is that no first bytes tell, and what to do."""
    if not head:
        return "an empty file", AGAIN
    if head[257:262] == b"ustar":
        return "a tar archive", UNPACK
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model", SAVE
    if path.suffix.lower() == ".onnx" or (head[0] == 8 and head[2:3] == b"\x12"):
        return "an ONNX model", SAVE
    text = head.decode("utf-8-sig", errors="ignore").strip()
    if re.match(r"<(!doctype html|html|!--)", text, re.IGNORECASE):
        title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", text, re.IGNORECASE | re.DOTALL)
        called = f" ({title[1]})" if title else ""
        return (
            f"a web page{called}",
            "the link leads to a page about the file: open it in a browser and download the file",
        )
    if text and text.isprintable() or "\n" in text and b"\0" not in head:
        return f"text that begins with {text.splitlines()[0][:60]!r}", AGAIN
    return f"a file of an unknown kind that begins with {head[:8].hex(' ')}", AGAIN

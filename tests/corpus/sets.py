"""Faults of a data set's lists and tables, of packed clips, and of weights: what is said of each.

'' stands for what is read all the same.
"""

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable

import numpy as np
from corpus.faults import PICKLES, Runs, npy
from corpus.found import NO_LETTERS, member
from corpus.samples import POSE, bytes_of

FIRST = "C1_a_train0 0\n"
Text = Callable[[str], str]


def first(line: str) -> Text:
    """A list whose first line is another one."""
    return lambda text: text.replace(FIRST, line)


LABELS: dict[str, tuple[Text, str]] = {
    "nothing": (lambda text: "", "expected clips"),
    "blanks": (lambda text: " \n\t\n", "expected clips"),
    "no label": (first("C1_a_train0\n"), "expected"),
    "a label that is no class": (first("C1_a_train0 4\n"), "from 0 to 3|expected"),
    "a label below none": (first("C1_a_train0 -2\n"), "expected"),
    "a label with a point": (first("C1_a_train0 0.5\n"), "expected"),
    "a label in words": (first("C1_a_train0 soon\n"), "expected"),
    "a label of 30 digits": (first(f"C1_a_train0 {'9' * 30}\n"), "expected"),
    "a label with a power": (first("C1_a_train0 1e0\n"), "expected"),
    "a superscript": (first("C1_a_train0 ²\n"), "expected"),
    "a formula": (first("C1_a_train0 =0+0\n"), "expected"),
    "hexadecimal": (first("C1_a_train0 0x0\n"), "expected"),
    "underscored": (first("C1_a_train0 0_0\n"), "expected"),
    "three words": (first("C1_a_train0 0 0\n"), "is .* the clip"),
    "a clip that is not there": (first(FIRST + "nobody 0\n"), "nobody"),
    "a clip that is not listed": (first(""), ""),
    "a clip twice": (first(FIRST * 2), "C1_a_train0"),
    "a clip twice, otherwise": (first(FIRST + "C1_a_train0 2\n"), "C1_a_train0"),
    "other letters' case": (first("c1_A_train0 0\n"), "c1_A_train0"),
    "a letter that looks alike": (first("\u0421" + FIRST[1:]), "_a_train0"),
    "a letter without width": (first("C1_a\u200d_train0 0\n"), "train0"),
    "a path": (first("../train/C1_a_train0 0\n"), "train0"),
    "a zero": (first("C1_a_train0\0 0\n"), "no letters|bytes"),
    "commas": (lambda text: text.replace(" ", ","), ""),
    "tabs": (lambda text: text.replace(" ", "\t"), ""),
    "Windows' line ends": (lambda text: text.replace("\n", "\r\n"), ""),
    "a mark of UTF-8": (lambda text: "\ufeff" + text, ""),
    "blank lines between": (lambda text: text.replace("\n", "\n\n"), ""),
    "no last line end": (lambda text: text.rstrip(), ""),
}

CLASSES: dict[str, tuple[Text, str]] = {
    "no rows": (lambda text: text[: text.index("\n") + 1], "class|row|no "),
    "an id twice": (lambda text: text.replace("\n1,", "\n0,"), "0"),
    "an id left out": (lambda text: text.replace("\n1,", "\n7,"), "7|1"),
    "an id below none": (lambda text: text.replace("\n0,", "\n-1,"), "-1"),
    "an id in words": (lambda text: text.replace("\n0,", "\nfirst,"), "first"),
    "a code twice": (lambda text: text.replace(",C2,", ",C1,"), "C1"),
    "a code without letters": (lambda text: text.replace(",C2,", ",,"), "code"),
    "a name without letters": (lambda text: text.replace("pushing", ""), "name"),
    "a region without letters": (lambda text: text.replace("lower limb", ""), "region"),
    "a column fewer": (lambda text: text.replace("region", "place"), "region"),
    "a column twice": (lambda text: text.replace("name", "code", 1), "code|name"),
    "a cell more": (lambda text: text.replace("waving", "waving,again"), "cells"),
    "a quote that never ends": (lambda text: text.replace("waving", '"waving'), "region"),
    "its rows turned round": (lambda text: "\n".join(sorted(text.split("\n"))[::-1]), ""),
    "semicolons": (lambda text: text.replace(",", ";"), ""),
    "markup": (lambda text: text.replace("waving", "<script>alert(1)</script>"), ""),
}

SUBJECTS: dict[str, tuple[Text, str]] = {
    "nothing": (lambda text: "", "clip|subject|empty|nothing"),
    "somebody else, too": (lambda text: text + "C1_a_train0,b\n", "C1_a_train0"),
    "nobody": (lambda text: text.replace("C1_a_train0,a", "C1_a_train0,"), "subject|value"),
    "a clip that is not there": (lambda text: text + "nobody,b\n", ""),
    "a clip that is not listed": (lambda text: text.replace("C1_a_train0,a\n", ""), ""),
    "a column fewer": (lambda text: text.replace("subject", "person", 1), "subject"),
    "markup": (lambda text: text.replace(",a\n", ",<b>a</b>\n"), ""),
    "a path": (lambda text: text.replace(",a\n", ",../../a\n"), ""),
}


def packed(**changes: object) -> bytes:
    """A `train.npz` of two clips, with other arrays or raw bytes in place of some."""
    frames = np.concatenate([POSE, POSE[::-1]])
    arrays = dict(frames=frames, offsets=np.array([0, 20, 40]), clip_names=np.array(["a", "b"]))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in (arrays | changes).items():
            if array is not None:
                raw = array if isinstance(array, bytes) else bytes_of(np.asarray(array))
                archive.writestr(f"{name}.npy", raw)
    return made.getvalue()


TWO = np.concatenate([POSE, POSE[::-1]])
PACKED: dict[str, tuple[bytes, str]] = {
    "no frames": (packed(frames=None), "frames"),
    "no offsets": (packed(offsets=None), "offsets"),
    "no names": (packed(clip_names=None), "clip_names"),
    "falling offsets": (packed(offsets=[0, 30, 20]), "rising"),
    "offsets beyond the end": (packed(offsets=[0, 20, 99]), "rising"),
    "offsets below none": (packed(offsets=[-1, 20, 40]), "rising"),
    "offsets that start late": (packed(offsets=[1, 20, 40]), "rising"),
    "offsets with points": (packed(offsets=[0.0, 20.0, 40.0]), "whole numbers"),
    "offsets of 2^64": (packed(offsets=np.array([0, 2**64 - 1, 40], np.uint64)), "rising"),
    "too many offsets": (packed(offsets=[0, 10, 20, 40]), "one more"),
    "an empty clip": (packed(offsets=[0, 0, 40]), "frame|empty"),
    "offsets byte by byte turned": (packed(offsets=np.array([0, 20, 40], ">i8")), ""),
    "frames column by column": (packed(frames=bytes_of(np.asfortranarray(TWO))), ""),
    "frames byte by byte turned": (packed(frames=TWO.astype(">f4")), ""),
    "names as bytes": (packed(clip_names=np.array([b"a", b"b"])), "of text"),
    "names as objects": (
        packed(clip_names=bytes_of(np.array([Runs(), "b"], object), allow_pickle=True)),
        "objects",
    ),
    "one name twice": (packed(clip_names=np.array(["a", "a"])), "2 times"),
    "names that lead out": (packed(clip_names=np.array(["../a", "b"])), "path"),
    "names of no letters": (packed(clip_names=NO_LETTERS), "letters"),
    "frames as objects": (packed(frames=bytes_of(np.array([None]), allow_pickle=True)), "objects"),
    "frames of words": (packed(frames=np.full((40, 17, 3), "x")), "expected"),
    "frames without depth": (packed(frames=TWO[..., :2]), "expected|depth"),
    "frames of one joint fewer": (packed(frames=TWO[:, 1:]), "expected|joints"),
    "an infinite joint": (packed(frames=np.where(TWO == TWO[3, 4, 1], np.inf, TWO)), "inf|finite"),
    "a header of 10^9 frames": (packed(frames=npy((10**9, 17, 3), 40)), "does not fit"),
    "no archive": (b"frames", "expected an npz"),
    "half an archive": (packed()[:300], "expected an npz"),
}


def safetensors(head: object, size: int = 4, length: int | None = None) -> bytes:
    """A safetensors file whose header says this."""
    raw = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + bytes(size)


def _tensor(begin: int, end: int, shape: list[int], kind: str = "F32") -> dict:
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


SAFETENSORS = {
    "a header of terabytes": safetensors(b"{}", length=1 << 40),
    "a header of nothing": safetensors(b"", 0),
    "a header that is no JSON": safetensors(b"{]", 8),
    "numbers beyond the end": safetensors({"a": _tensor(0, 400, [100])}),
    "numbers that end before": safetensors({"a": _tensor(4, 0, [1])}),
    "numbers of a shape that does not fit": safetensors({"a": _tensor(0, 4, [10**9])}),
    "a shape below none": safetensors({"a": _tensor(0, 4, [-1])}),
    "a shape of 2^62": safetensors({"a": _tensor(0, 4, [2**62, 4])}),
    "a kind that is none": safetensors({"a": _tensor(0, 4, [1], "X9")}),
    "one in the other": safetensors({"a": _tensor(0, 4, [1]), "b": _tensor(0, 4, [1])}),
    "holes": safetensors({"a": _tensor(2, 6, [1])}, 8),
    "a tensor that is a list": safetensors({"a": [0, 4]}),
    "facts that are numbers": safetensors({"__metadata__": {"a": 1}, "a": _tensor(0, 4, [1])}),
}


def torch_zip(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A checkpoint whose pickle is changed; storages stay as they are."""

    def of(raw: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            name = next(n for n in archive.namelist() if n.endswith("data.pkl"))
            return member(name, change(archive.read(name)))(raw)

    return of


def _without(ending: str) -> Callable[[bytes], bytes]:
    def of(raw: bytes) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(made, "w") as new:
            for name in old.namelist():
                if not name.endswith(ending):
                    new.writestr(name, old.read(name))
        return made.getvalue()

    return of


CHECKPOINTS: dict[str, Callable[[bytes], bytes]] = {
    "no pickle": _without("data.pkl"),
    "no numbers": _without("data/0"),
    "storages of other sizes": lambda raw: member(_storage(raw), bytes(4))(raw),
    "a pickle of a list": torch_zip(lambda _: pickle.dumps([1, 2])),
    "a pickle of None": torch_zip(lambda _: pickle.dumps(None)),
    "half a pickle": torch_zip(lambda raw: raw[: len(raw) // 2]),
    "code": torch_zip(lambda _: PICKLES["code"]),
    "a class of builtins": torch_zip(lambda raw: raw.replace(b"collections", b"builtins\x0a")),
    "a sparse tensor": torch_zip(
        lambda raw: raw.replace(b"_rebuild_tensor_v2", b"_rebuild_sparse")
    ),
    "strides of 2^30": torch_zip(lambda raw: raw.replace(b"K\x08\x86q", b"J\xff\xff\xff?\x86q")),
    "packed once more": lambda raw: _deflated(raw),
}


def _storage(raw: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return next(name for name in archive.namelist() if name.endswith("data/0"))


def _deflated(raw: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old:
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
    return made.getvalue()

"""What fuzzers found, as small as it shows the fault: each was another error once, or read wrongly.

Each is a kind of `ours.write_all`, and what is changed in its sound file.
"""

import io
import pickle
import re
import zipfile
from collections.abc import Callable

import numpy as np
from corpus.faults import npy

Change = Callable[[bytes], bytes]
LONG = b"a" * 5000


def swapped(*pairs: tuple[bytes, bytes]) -> Change:
    """The first of each pair gives way to the second, once."""

    def change(raw: bytes) -> bytes:
        for old, new in pairs:
            assert old in raw, old
            raw = raw.replace(old, new, 1)
        return raw

    return change


def instead(raw: bytes) -> Change:
    """Other bytes altogether."""
    return lambda _: raw


def member(name: str, content: bytes) -> Change:
    """An archive with other bytes as one of its members."""

    def change(raw: bytes) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(made, "w") as new:
            for one in old.namelist():
                if one != name:
                    new.writestr(one, old.read(one))
            new.writestr(name, content)
        return made.getvalue()

    return change


def edited(edit: Callable[[dict], object]) -> Change:
    """A pickle whose content was edited in place."""

    def change(raw: bytes) -> bytes:
        content = pickle.loads(raw)  # one that tests wrote
        edit(content)
        return pickle.dumps(content)

    return change


class Overflowing:
    """An array of more numbers than can be counted."""

    def __reduce__(self):
        state = 1, (17,) * 60, np.dtype("f2"), False, b""
        return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), state


def _array(array: np.ndarray) -> bytes:
    made = io.BytesIO()
    np.save(made, array)
    return made.getvalue()


BROKEN_HEADER = npy((2,), 8).replace(b"fortran_order'", b"fortran_orderb")
NO_LETTERS = npy((2,), 0, "<U1") + b"\xff" * 8
HALF_LETTERS = npy((2,), 0, "<U1") + b"\0\xd8\0\0" * 2
CUT_HEADER = b"\x93NUMPY\x01\x00\xf6\x40{'descr"
METRICS = b'{"split": "test", "n_test": 3, "people": 2, "people_also_in_train": 0'
HISTORY = b"epoch,val_loss,val_top1\n"

FOUND: dict[str, tuple[str, Change]] = {
    "times without an end": ("tier.TextGrid", swapped((b"\n1.5\n4\n", b"\n1e999\n4\n"))),
    "a place without an end": ("joints.csv", lambda raw: raw[:-8] + b"1e999\n"),
    "a place too large to halve": ("numbers.txt", lambda raw: b"1e300" + raw[raw.index(b",") :]),
    "a marker without an end": ("joints.trc", lambda raw: re.sub(rb"[^\t]+\s*\Z", b"inf\n", raw)),
    "a rate that is none": ("joints.trc", swapped((b"\n30", b"\nnan"))),
    "a rate of hours": ("joints.trc", swapped((b"\n30", b"\n1e-300"))),
    "a rate below none": ("joints.trc", swapped((b"\n30", b"\n-30"))),
    "channels without an end": ("joints.bvh", swapped((b"CHANNELS 6", b"CHANNELS " + b"6" * 50))),
    "a word of pages": ("joints.bvh", lambda raw: raw.rstrip()[:-8] + LONG + b"\n"),
    "keypoints of nothing": (
        "posetrack.json",
        instead(b'{"annotations": [{"image_id": 1, "track_id": 1, "keypoints": [[], []]}]}'),
    ),
    "hundreds of columns of times": (
        "talk.tsv",
        instead((b"\t".join([b"100"] * 400) + b"\n") * 3),
    ),
    "a time of pages": ("talk.csv", swapped((b"2.25", b"4." + LONG))),
    "a tag of pages": ("settings.yaml", instead(b"run: !!python/module:" + LONG)),
    "a header of pages": ("classes.csv", instead(LONG + b",b\n1,2\n")),
    "metrics of nothing": ("metrics.json", instead(b"")),
    "metrics in no letters": ("metrics.json", instead(b"\x1f\x8b\xff")),
    "metrics that are a list": ("metrics.json", instead(b"[[]]")),
    "metrics of a text": ("metrics.json", instead(b'"top1"')),
    "metrics without a split": (
        "metrics.json",
        instead(METRICS.replace(b"split", b"spilt") + b"}"),
    ),
    "metrics of half a clip": ("metrics.json", swapped((b'"n_test": 40', b'"n_test": "40"'))),
    "metrics with lists for scores": ("metrics.json", swapped((b'"top1": 0.5', b'"top1": [[]]'))),
    "an interval of one number": ("metrics.json", swapped((b"[0.4, 0.6]", b"[0.4]"))),
    "metrics in each other": ("metrics.json", instead(b'{"a":' * 100_000)),
    "a history of nothing": ("history.csv", instead(b"")),
    "a history in no letters": ("history.csv", instead(b"\x1f\x8b\xff")),
    "a history without epochs": ("history.csv", swapped((b"epoch,", b"spoch,"))),
    "an epoch that is no number": ("history.csv", instead(HISTORY + b"nan,1,1\n")),
    "an epoch without an end": ("history.csv", instead(HISTORY + b"inf,1,1\n")),
    "an epoch twice": ("history.csv", instead(HISTORY + b"1,1,1\n1,2,1\n")),
    "a history without its loss": ("history.csv", instead(b"epoch,val_top1\n1,1\n")),
    "a history of ragged rows": ("history.csv", instead(HISTORY + b"1,1,1,1,1\n2,1,1,1,1,1,1\n")),
    "a file's name of pages": ("list.csv", swapped((b"a.npy", b"a" + LONG))),
    "a file's name with a zero": ("list.csv", swapped((b"a.npy", b"a\0.npy"))),
    "half a letter": ("labels.pkl", instead(pickle.dumps((["\ud800", "b"], [0, 1])))),
    "a split of nothing": ("keypoints.pkl", edited(lambda c: c["split"].update(xsub_train=None))),
    "a picture of uneven sides": (
        "keypoints.pkl",
        edited(lambda c: c["annotations"][0].update(img_shape=[[1, 2], [3]])),
    ),
    "an array past counting": (
        "keypoints.pkl",
        edited(lambda c: c["annotations"][0].update(keypoint=Overflowing())),
    ),
    "a subset of pages": ("pretrain.yaml", instead(b"subset_list: [" + LONG + b"]\n")),
    "a list as a grid's name": ("grid.yaml", lambda raw: b"run: [[a]]\n" + raw),
    "a number as a grid's name": ("grid.yaml", lambda raw: b"run: 2024\n" + raw),
    "a sample without a name": ("sample.csv", instead(b"a,0\n,0\n")),
    "answers of no clip": ("predictions.csv", lambda raw: raw[: raw.index(b"\n") + 1]),
    "bytes the other way round": (
        "smpl.npz",
        member("v_template.npy", _array(np.ones((6, 3), ">f8"))),
    ),
    "objects as a rate": ("motion.npz", member("fps.npy", npy((1,), 40, "|O"))),
    "a damaged rate": ("motion.npz", member("fps.npy", BROKEN_HEADER)),
    "two rates": ("motion.npz", member("fps.npy", _array(np.array([30.0, 60.0])))),
    "a rate of nothing": ("motion.npz", member("fps.npy", _array(np.array(0.0)))),
    "letters that there are not": ("motion.npz", member("clip_names.npy", NO_LETTERS)),
    "halves of letters": ("motion.npz", member("clip_names.npy", HALF_LETTERS)),
    "people in a damaged list": ("motion.npz", member("subject.npy", CUT_HEADER)),
    "too few people": ("motion.npz", member("subject.npy", _array(np.array(["x"])))),
    "people who are numbers": ("motion.npz", member("subject.npy", _array(np.arange(2)))),
    "damaged tracks": ("id_all.npy", instead(BROKEN_HEADER)),
    "weights of a zip to come": ("model.pt", lambda raw: _central(raw, 6, b"\x63")),
    "weights under no letters": ("model.pt", lambda raw: _central(raw, 46, b"\xd7\xff")),
    "a point under no letters": ("point.pt", lambda raw: _central(raw, 46, b"\xd7\xff")),
    "a label of a zip's name": ("classes.csv", lambda raw: _central(_zip(), 46, b"\xd7\xff")),
}


def _zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("xl/ä", b"")
    return made.getvalue()


def _central(raw: bytes, at: int, other: bytes) -> bytes:
    """A zip with other bytes in the first entry of its list, where the names are in UTF-8."""
    first = raw.index(b"PK\x01\x02")
    raw = raw[: first + at] + other + raw[first + at + len(other) :]
    return raw[: first + 9] + b"\x08" + raw[first + 10 :]

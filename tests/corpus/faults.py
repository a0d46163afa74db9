"""What can be wrong with a file: damage that befalls every kind, and tricks of each kind."""

import gzip
import pickle
import re
import struct
from collections.abc import Callable

import numpy as np

HUGE = b"1000000000"


class Runs:
    """Pickled, it writes a file named `ran` when it is read."""

    def __init__(self, place: str = "ran"):
        self.place = place

    def __reduce__(self):
        return open, (self.place, "w")


def _numbers(raw: bytes, word: bytes, which: int) -> bytes:
    """Another word in place of one of the numbers of a text."""
    found = list(re.finditer(rb"(?<![\w.])-?\d+(\.\d+)?(?![\w.])", raw))
    if not found:
        return raw + word
    at = found[which % len(found)]
    return raw[: at.start()] + word + raw[at.end() :]


# What befalls files of every kind, by name; texts are damaged as bytes, too.
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda raw: b"",
    "half": lambda raw: raw[: len(raw) // 2],
    "without its end": lambda raw: raw[:-3],
    "its first bytes": lambda raw: raw[:7],
    "zeros in the middle": lambda raw: raw[: len(raw) // 2] + bytes(64) + raw[len(raw) // 2 :],
    "no text": lambda raw: raw[:40] + b"\xff\xfe\xfd\x80" * 9 + raw[40:],
    "twice": lambda raw: raw + raw,
    "backwards": lambda raw: raw[::-1],
    "packed": gzip.compress,
    "a web page": lambda raw: b"<!DOCTYPE html><title>404</title><script>alert(1)</script>" + raw,
    "spaces before": lambda raw: b" \n" * 1000 + raw,
    "one bit": lambda raw: (
        raw[: len(raw) // 3] + bytes([raw[len(raw) // 3] ^ 64]) + raw[len(raw) // 3 + 1 :]
    ),
}
# What befalls texts alone.
OF_TEXT: dict[str, Callable[[bytes], bytes]] = {
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "old Mac's line ends": lambda raw: raw.replace(b"\n", b"\r"),
    "no number": lambda raw: _numbers(raw, b"nan", -1),
    "infinite": lambda raw: _numbers(raw, b"1e999", -2),
    "negative": lambda raw: _numbers(raw, b"-7", 0),
    "a huge count": lambda raw: _numbers(raw, HUGE, 0),
    "a huge number last": lambda raw: _numbers(raw, HUGE, -1),
    "400 digits": lambda raw: _numbers(raw, b"9" * 400, 1),
    "words for numbers": lambda raw: _numbers(raw, b"soon", 2),
    "a formula": lambda raw: _numbers(raw, b"=CMD|'/C calc'!A0", -1),
    "deep": lambda raw: b"[" * 100_000 + raw,
    "a line of a megabyte": lambda raw: raw + b"x" * (1 << 20),
    "markup": lambda raw: raw.replace(b"nod", b"<img src=x onerror=alert(1)>"),
    "lines backwards": lambda raw: b"\n".join(raw.split(b"\n")[::-1]),
}
TEXTUAL = (".skeleton", ".json", ".TextGrid", ".yaml", ".bvh", ".trc", ".csv", ".eaf", ".boris")


def npy(shape: tuple, size: int = 0, kind: str = "<f4", fortran: bool = False) -> bytes:
    """The bytes of an npy file whose header promises `shape`."""
    header = f"{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(size)


# Pickles that would run code, fill memory or never end.
PICKLES = {
    "code": pickle.dumps({"annotations": [Runs()]}),
    "code by a class of torch": b"\x80\x02ctorch.serialization\nload\n(X\x01\x00\x00\x00xtR.",
    "code by numpy": b"\x80\x02cnumpy.testing._private.utils\nruncmd\n(X\x01\x00\x00\x00xtR.",
    "builtins": b"\x80\x02c__builtin__\neval\n(X\x05\x00\x00\x001+1+1tR.",
    "a memo of 32 gigabytes": b"\x80\x02]r\xff\xff\xff\x7f.",
    "bytes of a terabyte": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"x.",
    "text of four gigabytes": b"\x80\x02X" + struct.pack("<I", 0xFFFFFFFF) + b"x.",
    "a frame of a terabyte": b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"N.",
    "a number of a gigabyte": b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b"\x01.",
    "lists in each other": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "itself": b"\x80\x02]q\x00h\x00a.",
    "a shape of 2^62": (b"\x80\x02cnumpy\nndarray\n(J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86tR."),
    "an opcode that is none": b"\x80\x02\xff.",
    "protocol 99": b"\x80\x63N.",
    "nothing": b"\x80\x02.",
    "an import alone": b"\x80\x02cos\nsystem\n.",
    "a name by halves": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    "an extension": b"\x80\x02\x82\x01.",
    "someone's persistent thing": b"\x80\x02Psomething\n.",
}

# YAML that would run code, grow without end or mean something else than it says.
YAML = {
    "code": "run: !!python/object/apply:os.system ['touch ran']\n",
    "a module": "run: !!python/module:os\n",
    "a name": "run: !!python/name:os.system\n",
    "an object": "run: !!python/object:subprocess.Popen {args: [touch, ran]}\n",
    "aliases that grow": "a0: &a0 [x, x]\n"
    + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    + "run: *a11\n",
    "itself": "run: &a [*a]\n",
    "itself as settings": "&a {run: *a}\n",
    "merges that grow": "a0: &a0 {run: x}\n"
    + "".join(
        f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}], k{i}: 1}}\n" for i in range(1, 9)
    ),
    "deep": "run: " + "[" * 5000 + "]" * 5000 + "\n",
    "twice": "run: a\nrun: b\n",
    "two documents": "run: a\n---\nrun: b\n",
    "a list": "- run\n- a\n",
    "a tag of its own": "run: !evil x\n",
    "binary": "run: !!binary aGVsbG8=\n",
    "a key that is a list": "? [a, b]\n: c\n",
    "a number of 100,000 digits": f"seed: {'9' * 100_000}\n",
    "a sum of sixties": "seed: 1" + ":59" * 50_000 + "\n",
    "an anchor that is not there": "run: *nowhere\n",
    "a tab": "run:\n\t- a\n",
    "a percent sign": "%YAML 9.9\n---\nrun: a\n",
    "a run that leads out": "run: ../../outside\n",
    "a run that is absolute": "run: /tmp/outside\n",
    "a run with a newline": 'run: "a\\nb"\n',
    "a run with a zero": 'run: "a\\0b"\n',
    "a run that Windows keeps": "run: CON\n",
    "a run that runs": "run: <img src=x onerror=alert(1)>\n",
}


def poses(pose: np.ndarray) -> dict[str, tuple[bytes, str]]:
    """What stands in a clip's `pose_3d.npy`, and what is said of it; '' where it is read."""
    from corpus.samples import bytes_of

    with_nan, with_inf, far, still = (pose.copy() for _ in range(4))
    with_nan[3], with_inf[2, 4], far[1] = np.nan, np.inf, 1e30
    still[:] = still[0]
    return {
        "column by column": (bytes_of(np.asfortranarray(pose)), ""),
        "big-endian": (bytes_of(pose.astype(">f4")), ""),
        "doubles": (bytes_of(pose.astype(np.float64)), ""),
        "halves": (bytes_of(pose.astype(np.float16)), ""),
        "version 3": (bytes_of(pose, version=(3, 0)), ""),
        "one frame lost": (bytes_of(with_nan), ""),
        "infinite": (bytes_of(with_inf), "inf|finite"),
        "far away": (bytes_of(far), "beyond 1e.07"),
        "all lost": (bytes_of(np.full_like(pose, np.nan)), ""),
        "complex": (bytes_of(pose.astype(complex)), "expected|complex"),
        "words": (bytes_of(np.full(pose.shape, "x")), "expected"),
        "dates": (bytes_of(np.zeros(pose.shape, "M8[s]")), "expected"),
        "truth values": (bytes_of(pose > 0), "expected"),
        "records": (bytes_of(np.zeros(20, [("x", "f4"), ("y", "f4")])), "expected"),
        "objects": (bytes_of(np.array([Runs()], object), allow_pickle=True), "object|pickle"),
        "no frames": (bytes_of(pose[:0]), "frame|empty"),
        "flat": (bytes_of(pose[..., :2]), "expected"),
        "one joint more": (bytes_of(np.concatenate([pose, pose[:, :1]], 1)), "expected"),
        "a number": (bytes_of(np.float32(1)), "expected"),
        "of two people": (bytes_of(pose[:, None]), "expected"),
        "a thousand million frames": (npy((10**9, 17, 3), 24), "not a numpy array|not fit"),
        "10^30 frames": (npy((10**30, 17, 3), 24), "not a numpy array|not fit"),
        "less than no frames": (npy((-1, 17, 3), 24), "not a numpy array|expected|not fit"),
        "a header that is code": (
            b"\x93NUMPY\x01\x00\x40\x00"
            + b"__import__('os').system('touch ran')".ljust(63)
            + b"\n",
            "not a numpy array",
        ),
        "a header of 4 gigabytes": (
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(64),
            "not a numpy array",
        ),
        "text": (b"0 0 0\n" * 99, "not a numpy array"),
        "a pickle": (PICKLES["code"], "not a numpy array"),
    }


# Names of clips, as a folder has them and lists name them.
NAMES = [
    "..",
    "../outside",
    "/etc/passwd",
    "a\nb",
    "a\tb",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "'; DROP TABLE clips; --",
    "=CMD|'/C calc'!A0",
    "CON",
    "aux.txt",
    "trailing.",
    "trailing ",
    "A_a",
    "\u0430_a",  # a Cyrillic letter that looks like a Latin one
    "\u202egnp.exe",  # which turns the writing round
    "\ufeffname",
    "x" * 200,
    "{{ 7 * 7 }}",
    "%s%s%n",
    "$(touch ran)",
    "\U0001f600",
    "-rf",
    "~",
    "NUL",
    "COM1.txt",
    "lpt9",
    "con.pose",
    "CLOCK$",
    "a:b",
    "a\\b",
    "C:\\a",
    "a|b",
    "a?b*",
    'a"b',
    "a,b",
    "a;b",
    "a/../b",
    "./a",
    ".hidden",
    "\x1b[2J\x1b[31mred",
    "a\rb",
    "a\u2028b",
    "a\x85b",
    "a\u200bb",
    "\u00e9",
    "e\u0301",
    "\ufb01le",
    "\uff21",
    "\u2167",
    "+1+1",
    "@SUM(A1)",
    "-1",
    "0",
    "nan",
    "None",
    "true",
    "`touch ran`",
    "%2e%2e%2fa",
    "{a}",
    "\u0661",
    "I\u0307",
]

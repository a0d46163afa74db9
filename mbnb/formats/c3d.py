"""C3D: markers that optical systems followed, by the manual of c3d.org.

Not by ezc3d, which reads the same, but ends the process where a file is damaged.
"""

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import Content
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import placed

EXPECTED = "C3D, markers of an optical system"
BLOCK = 512  # bytes
MAGIC = 0x50  # the second byte of every C3D
INTEL, DEC, MIPS = 84, 85, 86  # processors that wrote it
KINDS = {-1: "S1", 1: "u1", 2: "i2", 4: "f4"}  # of parameters


def is_it(content: Content) -> bool:
    """Whether the first bytes point to a parameter block and carry C3D's mark."""
    return len(content.head) >= 2 * BLOCK and content.head[1] == MAGIC and content.head[0] > 1


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The markers of one person."""
    raw = content.path.read_bytes()
    start = BLOCK * (raw[0] - 1)
    processor = raw[start + 3]
    if processor not in (INTEL, DEC, MIPS):
        raise InputError(f"an unknown processor wrote it ({processor})")
    about = _parameters(raw, start, processor)
    words = np.frombuffer(raw, ">u2" if processor == MIPS else "<u2", BLOCK // 2)
    markers, analog, first, last = (int(word) for word in words[[1, 2, 3, 4]])
    (scale,), (rate,) = (_floats(raw[at : at + 4], processor) for at in (12, 20))
    told = int(_one(about, "LONG_FRAMES", last - first + 1))
    whole = scale > 0  # else places are floating-point numbers
    frame = (4 * markers + analog) * (2 if whole else 4)
    data = raw[BLOCK * (int(words[8]) - 1) :]
    count = min(told, len(data) // max(frame, 1))
    if not markers or count < 1:
        raise InputError(f"the header says {markers} markers in {told} frames, none are there")
    data = data[: count * frame]
    if whole:
        kind = ">i2" if processor == MIPS else "<i2"
        numbers = np.frombuffer(data, kind).astype(np.float64)
    else:
        numbers = _floats(data, processor).astype(np.float64)
    points = numbers.reshape(count, -1)[:, : 4 * markers].reshape(count, markers, 4)
    lost = (points[..., 3] < 0) | (points[..., :3] == 0).all(-1)
    points = np.where(lost[..., None], np.nan, points[..., :3] * (scale if whole else 1))
    names = [*_texts(about, "LABELS"), *_texts(about, "LABELS2")][:markers]
    names += [f"marker {i + 1}" for i in range(len(names), markers)]
    notes = [f"the first frame here is number {first} there"]
    if count != told:
        notes.append(f"the header says {told} frames, {count} are there")
    unit = next(iter(_texts(about, "UNITS")), "").lower()
    rate = float(rate) if rate > 0 else None
    markers, tracks = people.by_subject(names, points)
    how = {"layout": layout, "unit": unit, "usual": "z", "rate": rate, "notes": notes}
    return {"": placed(markers, tracks, **how)}


def _floats(raw: bytes, processor: int) -> np.ndarray:
    """4 bytes a number, as the processor wrote them; DEC's have their words exchanged, times 4."""
    if processor == DEC:
        words = np.frombuffer(raw, "<u2").reshape(-1, 2)[:, ::-1]
        return np.ascontiguousarray(words).view("<f4").ravel() / 4
    return np.frombuffer(raw, ">f4" if processor == MIPS else "<f4")


def _parameters(raw: bytes, start: int, processor: int) -> dict[str, np.ndarray]:
    """The values of the group POINT by name."""
    order = "big" if processor == MIPS else "little"
    at, group, found = start + 4, None, {}
    while at + 2 < len(raw):
        length = abs(int.from_bytes(raw[at : at + 1], "little", signed=True))
        number = int.from_bytes(raw[at + 1 : at + 2], "little", signed=True)
        name = raw[at + 2 : at + 2 + length].decode("latin1").upper()
        at += 2 + length
        step = int.from_bytes(raw[at : at + 2], order)
        if not length or number == 0:
            break
        if number < 0:
            group = -number if name == "POINT" else group
        elif number == group or group is None:
            found[number, name] = _values(raw, at + 2, processor)
        if not step:
            break
        at += step
    return {name: values for (number, name), values in found.items() if number == group}


def _values(raw: bytes, at: int, processor: int) -> np.ndarray:
    """A parameter: its kind, its dimensions, its values; the first dimension changes fastest."""
    kind = KINDS.get(int.from_bytes(raw[at : at + 1], "little", signed=True), "u1")
    shape = tuple(raw[at + 2 : at + 2 + raw[at + 1]])
    count = int(np.prod(shape, dtype=np.int64))
    values = raw[at + 2 + len(shape) :][: count * int(kind[1])]
    if kind == "f4":
        return _floats(values, processor).reshape(shape[::-1])
    order = ">" if processor == MIPS else "<"
    return np.frombuffer(values, order + kind).reshape(shape[::-1])


def _texts(about: dict[str, np.ndarray], name: str) -> list[str]:
    """A parameter of texts, such as the names of markers."""
    values = about.get(name, np.zeros((0, 0), "S1"))
    rows = values.reshape(-1, values.shape[-1] or 1) if values.ndim else values.reshape(1, 1)
    return [row.tobytes().decode("latin1").strip("\0 ") for row in rows]


def _one(about: dict[str, np.ndarray], name: str, otherwise: int) -> float:
    """A parameter of one number."""
    values = about.get(name, np.zeros(0))
    number = float(values.ravel()[0]) if values.size and values.dtype.kind != "S" else 0.0
    return number if np.isfinite(number) and number >= 1 else otherwise

"""C3D: markers that optical systems followed (c3d.org), read by ezc3d."""

import numpy as np

from mbnb.files import InputError
from mbnb.formats.content import Content
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import placed

EXPECTED = "C3D, markers of an optical system"
MAGIC = 0x50  # the second byte of every C3D


def is_it(content: Content) -> bool:
    """Whether the first bytes point to a parameter block and carry C3D's mark."""
    return len(content.head) >= 512 and content.head[1] == MAGIC and 2 <= content.head[0] < 64


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The markers of one person. Raises InputError where ezc3d is not installed."""
    try:
        import ezc3d
    except ImportError:
        raise InputError("C3D needs one more package: pip install 'mbnb[formats]'") from None
    _check_size(content)
    file = ezc3d.c3d(str(content.path))
    about, header = file["parameters"]["POINT"], file["header"]["points"]
    points = file["data"]["points"][:3].transpose(2, 1, 0)  # (4, P, T) -> (T, P, 3)
    names = [name.strip() for name in about["LABELS"]["value"]][: points.shape[1]]
    if not names or not len(points):
        raise InputError("there are no markers in it")
    points = points[:, : len(names)].astype(np.float64)
    points[(points == 0).all(-1)] = np.nan
    unit = (about.get("UNITS", {}).get("value") or [""])[0].strip().lower()
    notes = [f"the first frame here is number {header['first_frame'] + 1} there"]
    rate = float(header["frame_rate"]) or None
    people = {"1": points}
    return {"": placed(names, people, layout=layout, unit=unit, usual="z", rate=rate, notes=notes)}


def _check_size(content: Content) -> None:
    """Whether the frames that the header promises fit into the file."""
    words = np.frombuffer(content.head[:12], np.dtype("<u2"))
    if content.head[512 * (content.head[0] - 1) + 3 : 512 * (content.head[0] - 1) + 4] == b"\x56":
        words = words.byteswap()  # a processor of the other order of bytes wrote it
    points, first, last = (int(word) for word in words[[1, 3, 4]])
    if points * max(last - first + 1, 1) * 8 > content.path.stat().st_size:
        raise InputError(
            f"the header says {points} markers in {last - first + 1} frames, which do not fit into "
            f"the file: it is cut off or damaged"
        )

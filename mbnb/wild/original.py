"""The recipe parity: what MotionBERT's own script makes of AlphaPose's results, faults included.

A frame without a detection is left out, so that what comes is shorter than the video; what was not
detected stays wherever it was put; one far point makes the body small; depth begins anew in each
window.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from mbnb.config import Config
from mbnb.files import InputError, replacing
from mbnb.formats import to_h36m
from mbnb.formats.alphapose import person_of
from mbnb.formats.content import read_json
from mbnb.model.lift import lift_in_pieces
from mbnb.prepare.detections import back_to_pixels, original_crop, original_pixels
from mbnb.video.frames import read_video

POINTS = 26  # Halpe's
EXPECTED = "expected results of AlphaPose, a list of people with 78 numbers as keypoints"


def read_rows(path: Path, person: str | None = None) -> np.ndarray:
    """(T, 17, 3) joints of all rows of a file of AlphaPose's, or those of one `idx`, in order.

    All rows are one motion, whoever they are of. Raises InputError for another file, and for a
    person who is not in it.
    """
    rows = read_json(path)
    try:
        points = [row["keypoints"] for row in rows if person in (None, person_of(row))]
        joints = np.array(points, np.float64).reshape(-1, POINTS, 3)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: {EXPECTED} ({type(error).__name__}: {error})") from None
    if not len(joints):
        known = sorted({str(person_of(row)) for row in rows})
        raise InputError(f"{path}: no person {person!r}; idx is {', '.join(known) or 'nothing'}")
    return to_h36m(joints, "halpe26")


def lift_as_original(
    joints: np.ndarray, network: nn.Module, config: Config, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Joints (T, 17, 3) in pixels -> X3D (T, 17, 3) float32, in the unit of the network.

    With the `size` of the picture, width and height, that is what counts, and X3D is in pixels.
    """
    x = torch.as_tensor(joints, dtype=torch.float32)
    x = original_pixels(x, size) if size else original_crop(x)
    pose = lift_in_pieces(network, x, config)
    return (back_to_pixels(pose, size) if size else pose).numpy()


def write_as_original(
    path: Path,
    out: Path,
    network: nn.Module,
    config: Config,
    person: str | None = None,
    video: Path | None = None,
) -> Path:
    """Write `X3D.npy` into `out` and return its path; in pixels where the `video` is named."""
    size = None
    if video:
        _, picture = next(iter(read_video(video)))
        size = picture.shape[1], picture.shape[0]
    lifted = lift_as_original(read_rows(path, person), network, config, size)
    with replacing(out / "X3D.npy") as part:
        np.save(part, lifted)
    return out / "X3D.npy"

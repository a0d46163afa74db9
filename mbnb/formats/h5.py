"""HDF5: SLEAP's analysis files, movement's, and Human3.6M's as Martinez et al. (2017) keep it."""

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.content import Content
from mbnb.formats.layouts import LAYOUTS
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import AXES, placed
from mbnb.text import listed

EXPECTED = "HDF5 of SLEAP (its analysis export), of movement or of Human3.6M"


def is_it(content: Content) -> bool:
    """Whether it begins as HDF5 does."""
    return content.head.startswith(b"\x89HDF\r\n\x1a\n")


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The recording that a file holds. Raises InputError where h5py is not installed."""
    try:
        import h5py
    except ImportError:
        raise InputError("HDF5 needs one more package: pip install 'mbnb[formats]'") from None
    with h5py.File(content.path, "r") as file:
        if {"tracks", "node_names"} <= set(file):
            return {"": _sleap(file, layout)}
        if "3D_positions" in file:
            rows = _small(file["3D_positions"])  # (96, T)
            points = rows.reshape(32, 3, -1).transpose(2, 0, 1)  # (T, 32, 3)
            return {
                "": placed(
                    LAYOUTS["h36m32"],
                    {"1": points},
                    layout="h36m32",
                    unit="mm",
                    axes=AXES["z"],
                    rate=50.0,
                )
            }
        if {"position", "keypoints"} <= set(file):
            return {"": _movement(file, layout)}
        raise InputError(
            f"it holds {listed(sorted(file))}; SLEAP exports tracks as analysis HDF5; of another "
            f"program save the joints (T, P, 3) as npy"
        )


def _small(data) -> np.ndarray:
    if data.size > people.LARGEST:
        raise InputError(f"{data.name} holds {data.size:,} numbers, more than are read at once")
    return data[()]


def _sleap(file, layout: str) -> PoseFile:
    """tracks (track, 2, node, frame) in pixels, point_scores (track, node, frame)."""
    places = _small(file["tracks"])
    by_frame = places.shape[1] != 2 == places.shape[2]  # (frame, node, 2, track), if asked for so
    places = places.transpose((3, 0, 1, 2) if by_frame else (0, 3, 2, 1))  # (track, frame, node, 2)
    scores = np.ones(places.shape[:3])
    if (
        "point_scores" in file
        and file["point_scores"].shape == places.transpose(0, 2, 1, 3).shape[:3]
    ):
        scores = _small(file["point_scores"]).transpose(0, 2, 1)
    scores = np.where(np.isfinite(scores) & (scores > 0), scores, 1.0)
    points = people.found_only(np.concatenate([places, scores[..., None]], axis=-1))
    named = [_text(name) for name in file["track_names"][()]] if "track_names" in file else []
    names = tuple(_text(name) for name in file["node_names"][()])
    tracks = {
        named[i] if i < len(named) else str(i + 1): one.astype(np.float32)
        for i, one in enumerate(points)
        if np.isfinite(one).any()
    }
    notes = people.confident(tracks)
    return PoseFile(layout, names, tracks, depth=False, notes=tuple(notes))


def _movement(file, layout: str) -> PoseFile:
    """movement's netCDF: position (frame, x y or x y z, point, individual), confidence."""
    places = _small(file["position"]).transpose(3, 0, 2, 1)  # (individual, frame, point, 2 or 3)
    names = tuple(_text(name) for name in file["keypoints"][()])
    whose = [_text(name) for name in file["individuals"][()]]
    rate = float(file.attrs["fps"]) if "fps" in file.attrs else None
    if places.shape[-1] == 3:
        return placed(names, dict(zip(whose, places)), layout=layout, rate=rate)
    scores = np.ones(places.shape[:3])
    if "confidence" in file:
        scores = _small(file["confidence"]).transpose(2, 0, 1)
    scores = np.where(np.isfinite(scores), scores, 1.0)
    points = people.found_only(np.concatenate([places, scores[..., None]], axis=-1))
    tracks = dict(zip(whose, points.astype(np.float32)))
    return PoseFile(layout, names, tracks, depth=False, rate=rate)


def _text(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)

"""Arrays of many clips, as ST-GCN (Yan et al. 2018) and the networks after it train on.

One npy (N, C, T, V, M) of N clips, C channels, T frames, V points and M people beside a pickle of
names and labels (ST-GCN, 2s-AGCN, MS-G3D; Shi et al. 2019 turn bodies so that z is up and fill
clips up by repeating them), or an npz of x_train, y_train, x_test and y_test (CTR-GCN, Chen et al.
2021), rows of all points of two people. Who is absent is zeros.
"""

import dataclasses
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mbnb.files import InputError
from mbnb.formats import people
from mbnb.formats.arrays import load, members
from mbnb.formats.content import Content
from mbnb.formats.layouts import IN_SPACE, LAYOUTS, of_count, points_of
from mbnb.formats.pickles import header_of, read_pickle
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import SENSOR, placed

EXPECTED = "arrays of many clips: (N, 3, T, points, people), or x_train and y_train"
PARTS = ("train", "val", "test")
# Their axes, by which way is up: a sensor's, or those that 2s-AGCN turns bodies to, whose
# shoulders lie along x, the right one ahead.
TURNS = SENSOR | {"z": "-x -z -y"}
ON_DISK = 1 << 36  # bytes of an array that is not compressed: it is mapped, not read
MOST = 1 << 29  # numbers of all people in all clips
SAMPLE = 200  # clips that show what the numbers are
NO_LABELS = "no labels: beside train_data.npy they are in train_label.pkl"
CHANGED = re.compile(r"_(bone|motion)$", re.IGNORECASE)  # other streams of the same people


class _Part(NamedTuple):
    """Clips (N, M, T, V, C), the name and the label of each, and the split they are in."""

    clips: np.ndarray
    names: list[str]
    labels: list[int | None]
    split: str
    note: str = ""


class _Kind(NamedTuple):
    """What the numbers of all clips are. shift: to add to places; sample: (S, V, C) of bodies."""

    layout: str
    points: tuple[str, ...]
    depth: bool
    shift: float
    sample: np.ndarray
    notes: tuple[str, ...] = ()


def is_it(content: Content) -> bool:
    """Whether it is an array of five axes, or an npz with x_train or the like."""
    if content.head[:6] == b"\x93NUMPY":
        with open(content.path, "rb") as file:
            return len(header_of(file)[0]) == 5
    zipped = content.head[:4] == b"PK\x03\x04" and zipfile.is_zipfile(content.path)
    return zipped and bool({f"x_{part}" for part in PARTS} & set(members(content.path)))


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """All clips by name, with their labels and splits."""
    path, found, count = content.path, {}, 0
    if wrong := CHANGED.search(path.stem):
        raise InputError(f"by its name it holds {wrong[1]}s, not places of joints: give the joints")
    for part in (_of_npy if content.head[:6] == b"\x93NUMPY" else _of_npz)(path, layout):
        kind = _kind_of(part.clips, layout)
        for name, label, clip in zip(part.names, part.labels, part.clips, strict=True):
            if name in found:
                raise InputError(f"two clips are called {name}")
            told, notes = _in_time(np.asarray(clip)), [*kind.notes, *filter(None, [part.note])]
            if len(told[0]) < len(clip[0]) and told[0].any():
                notes.append("frames that only fill a clip up were left out")
            count += told.size
            if count > MOST:
                raise InputError(f"its clips hold more than {MOST:,} numbers: save them in parts")
            file = _file(told, kind, notes)
            found[name] = dataclasses.replace(file, label=label, split=part.split)
    return found


def _of_npy(path: Path, layout: str) -> Iterator[_Part]:
    """One array, whose clips the label pickle beside it names."""
    clips = _arranged(load(path, most=ON_DISK), layout)
    before = re.sub(r"_?(data)?(_joint)?$", "", path.stem)
    file = path.with_name(f"{before}_label.pkl" if before else "label.pkl")
    split = next((part for part in PARTS if part in re.split(r"[\W_]", before.lower())), "")
    names = [f"{path.stem}_{i}" for i in range(len(clips))]
    if not file.is_file() or file.is_symlink():
        yield _Part(clips, names, [None] * len(clips), split, NO_LABELS)
        return
    told = read_pickle(file, "names and labels")
    names, labels = told if len(told) == 2 and np.ndim(told[0]) == 1 else (names, told)
    if not len(names) == len(labels) == len(clips):
        raise InputError(
            f"it has {len(clips)} clips, {file.name} {len(names)} names, {len(labels)} labels"
        )
    yield _Part(
        clips,
        [str(name).removesuffix(".skeleton") for name in names],
        [int(label) for label in labels],
        split,
    )


def _of_npz(path: Path, layout: str) -> Iterator[_Part]:
    """A pair of arrays a split."""
    there = set(members(path))
    for split in PARTS:
        if f"x_{split}" not in there:
            continue
        clips = _arranged(_member(path, f"x_{split}"), layout)
        names, labels = [f"{split}_{i}" for i in range(len(clips))], [None] * len(clips)
        if f"y_{split}" in there:
            told = _member(path, f"y_{split}")
            if told.ndim not in (1, 2) or len(told) != len(clips):
                raise InputError(f"x_{split} has {len(clips)} clips, y_{split} {told.shape}")
            labels = [int(one if told.ndim == 1 else one.argmax()) for one in told]
        yield _Part(clips, names, labels, split)


def _member(path: Path, name: str) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        stored = archive.getinfo(f"{name}.npy").compress_type == zipfile.ZIP_STORED
    return load(path, name, ON_DISK if stored else None)


def _arranged(array: np.ndarray, layout: str) -> np.ndarray:
    """(N, M, T, V, C) of an array in one of the arrangements that there are."""
    if array.dtype.kind not in "fiu" or not array.size:
        raise InputError(f"expected numbers, found {array.shape} of {array.dtype}")
    if array.ndim == 5 and (array.shape[1] == 3 or array.shape[1] == 2 and array.shape[4] != 3):
        return array.transpose(0, 4, 2, 3, 1)  # (N, C, T, V, M)
    if array.ndim == 5 and array.shape[4] in (2, 3):
        return array
    if array.ndim == 4 and array.shape[3] in (2, 3):
        return array[:, None]  # (N, T, V, C) of one person
    width = array.shape[-1]
    counts = [len(points_of(layout)[1])] if layout else [25, 20, 17]
    points = next((count for count in counts if width % (3 * count) == 0), 0)
    if array.ndim != 3 or not points:
        raise InputError(
            f"clips of the shape {array.shape[1:]} do not tell what they are: give a layout, or "
            f"save them as (N, 3, T, points, people)"
        )
    people_there = width // (3 * points)
    rows = array.reshape(*array.shape[:2], people_there, points, 3)  # (N, T, M, V, 3)
    return rows.transpose(0, 2, 1, 3, 4)


def _kind_of(clips: np.ndarray, layout: str) -> _Kind:
    """What all clips hold, by a frame from the middle of some of them."""
    frames = []
    for i in np.unique(np.linspace(0, len(clips) - 1, SAMPLE).astype(int)):
        seen = np.flatnonzero(clips[i, 0].any((1, 2)))
        frames += [clips[i, 0, seen[len(seen) // 2]]] if len(seen) else []
    if not frames:
        raise InputError(f"nobody is found in any of its {len(clips)} clips")
    sample = np.stack(frames).astype(np.float32)  # (S, V, C)
    third = sample[..., 2:]
    if third.size == 0 or (np.nanmin(third) >= 0 and np.nanmax(third) <= 1):
        layout = of_count({sample.shape[1]}, layout)
        # Those of Kinetics are shares of the picture from its middle on.
        places = sample[..., :2]
        shift = 0.5 if np.nanmin(places) < 0 and np.nanmax(np.abs(places)) <= 1 else 0.0
        return _Kind(layout, LAYOUTS[layout], False, shift, sample)
    layout = layout or IN_SPACE.get(sample.shape[1], "")
    if not layout:
        raise InputError(f"{sample.shape[1]} points do not tell what they are: give a layout")
    layout, points = points_of(layout)
    notes = (f"points were taken as {layout or 'those of the list'}",)
    return _Kind(layout, points, True, 0.0, sample, notes)


def _in_time(clip: np.ndarray) -> np.ndarray:
    """(M, T, V, C) without the frames that only fill it up, be they zeros or repetitions."""
    clip = clip.copy()
    for person in clip:
        person[_before_again(person) :] = 0
    seen = np.flatnonzero(clip.any((0, 2, 3)))
    return clip[:, : seen[-1] + 1] if len(seen) else clip[:, :1]


def _before_again(person: np.ndarray) -> int:
    """After how many frames (T, V, C) begin again and go on so to the end; T where they do not."""
    for first in np.flatnonzero((person[1:] == person[0]).all((1, 2))) + 1:
        if first > 1 and (person[first:] == np.resize(person[:first], person[first:].shape)).all():
            return int(first)
    return len(person)


def _file(clip: np.ndarray, kind: _Kind, notes: list[str]) -> PoseFile:
    """One clip (M, T, V, C)."""
    if not kind.depth:
        scored = clip.shape[-1] == 3 and clip[..., 2].any()
        score = clip[..., 2:] if scored else np.ones_like(clip[..., :1])
        points = people.found_only(np.concatenate([clip[..., :2], score], axis=-1))
        tracks = people.there(points + np.float32([kind.shift, kind.shift, 0]))
        return PoseFile(kind.layout, kind.points, tracks, depth=False, notes=tuple(notes))
    lost = ~clip.any((2, 3), keepdims=True)  # a sensor knows all joints of a body, or none
    if not kind.layout.startswith("kinect"):
        lost = people.marked(clip, kind.points)
    tracks = people.there(np.where(lost, np.nan, clip).astype(np.float32))
    how = {"layout": kind.layout, "notes": notes, "bodies": [kind.sample], "turns": TURNS}
    return placed(kind.points, tracks, **how)

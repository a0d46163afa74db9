"""Clips of 2D keypoints in one pickle, as pyskl and MMAction2 have them: those of NTU RGB+D.

The file holds `split`, names of clips by the name of a part such as `xsub_train`, and
`annotations`, a dictionary a clip. It is read behind the restricted unpickler.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from mbnb.classes import ClassTable, read_classes
from mbnb.clips import Clips, first_rows
from mbnb.config import SETTINGS, Config
from mbnb.files import InputError
from mbnb.formats import to_h36m
from mbnb.formats.keypoints import camera_range, untangle
from mbnb.formats.pickles import read_pickle
from mbnb.text import listed

EXPECTED = "2D keypoints as pyskl has them, a dictionary with split and annotations"
# Setup, camera, person, repetition and action in the name of a clip of NTU RGB+D.
NTU = re.compile(r"S(?P<setup>\d{3})C\d{3}P(?P<person>\d{3})R\d{3}A(?P<action>\d{3})")
POINTS = 17  # of COCO's body, and joints of Human3.6M
PEOPLE = 2  # of a clip, at most, that MotionBERT's action models see
# The name of a part: xsub_train, train1, train. What is not train is test.
PART = re.compile(r"(?:(?P<name>.*)_)?(?P<part>train|val|test)(?P<number>\d*)")
MOST_CLASSES, TOLD = 10_000, 10  # labels are below the one; so many faults are told


def people_of(
    keypoint: np.ndarray, scores: np.ndarray, shape: tuple[int, int], parity: bool
) -> np.ndarray:
    """Keypoints (M, T, 17, 2) in pixels and scores (M, T, 17) -> people (T, 2, 17, 3) float32.

    Joints of Human3.6M in MotionBERT's range of a picture of `shape` (height, width), with a
    confidence. Two tracks are untangled; who is not there is all zero. In `parity` confidences
    stay with the keypoint and the track that they came with, whatever becomes of the places.
    """
    places = camera_range(keypoint[:PEOPLE].astype(np.float32), shape[1], shape[0])
    scores = scores[:PEOPLE, ..., None].astype(np.float32)  # (M, T, 17, 1)
    whole = np.concatenate([places, scores], axis=-1)
    whole = to_h36m(untangle(whole) if len(whole) == PEOPLE else whole, "coco17")
    if parity:
        whole[..., 2:] = scores
    missing = PEOPLE - len(whole)
    return np.pad(whole, ((0, missing), *3 * [(0, 0)])).swapaxes(0, 1)  # -> (T, 2, 17, 3)


def read_keypoints(path: Path, config: Config) -> tuple[dict[str, Clips], ClassTable, bool]:
    """Train and test of the split `config.data_split`, classes, and whether people are known.

    Where classes are to be left out of training, both hold all clips. Raises InputError with every
    fault, among them a split that is not there.
    """
    content = read_pickle(path, EXPECTED)
    annotations = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(annotations, list) or not annotations:
        raise InputError(f"{path}: expected {EXPECTED}")
    found = enumerate(map(_fault, annotations))
    faults = [f"{path}: clip {i}: {fault}" for i, fault in found if fault]
    names = [] if faults else [str(one["frame_dir"]) for one in annotations]
    if len(set(names)) < len(names):
        faults.append(f"{path}: {len(names) - len(set(names))} clips are called as others are")
    # A file may hold an array once and ask for it again and again.
    if not faults and sum(one["keypoint"].nbytes for one in annotations) > path.stat().st_size:
        faults.append(f"{path}: expected {EXPECTED}, found less than its arrays need")
    places = {name: i for i, name in enumerate(names)}
    parts = {} if faults else _parts(path, content.get("split"), places, config, faults)
    if faults:
        more = [f"{path}: {len(faults) - TOLD} more of that kind"] * (len(faults) > TOLD)
        raise InputError("\n".join(faults[:TOLD] + more))
    clips = _clips(annotations, names, config.parity)
    splits = {split: clips.take(np.array(rows, int)) for split, rows in parts.items()}
    return splits, _classes(config, clips), all(map(NTU.search, names))


def _fault(one: Any) -> str:
    """What is wrong with an annotation; '' where nothing is."""
    wanted = ("frame_dir", "label", "img_shape", "keypoint", "keypoint_score")
    if not isinstance(one, Mapping) or any(key not in one for key in wanted):
        missing = [key for key in wanted if not isinstance(one, Mapping) or key not in one]
        return f"expected {', '.join(wanted)}, found none of {', '.join(missing)}"
    try:
        keypoint, scores, shape = (np.asarray(one[key]) for key in wanted[3:] + wanted[2:3])
    except ValueError as error:  # lists of different lengths
        return f"expected arrays as {', '.join(wanted[2:])} ({error})"
    if keypoint.ndim != 4 or keypoint.shape[2:] != (POINTS, 2) or not keypoint.size:
        return f"expected keypoint of the shape (M, T, 17, 2), as COCO's, found {keypoint.shape}"
    if scores.shape != keypoint.shape[:3] or {keypoint.dtype.kind, scores.dtype.kind} != {"f"}:
        return f"expected keypoint_score of the shape {keypoint.shape[:3]}, found {scores.shape}"
    if shape.shape != (2,) or shape.dtype.kind not in "iu" or shape.min() < 1:
        return f"expected img_shape, height and width in pixels, found {one['img_shape']!r}"
    if not (np.isfinite(keypoint).all() and np.isfinite(scores).all()):
        return "expected numbers as keypoints, found some that are none"
    label = one["label"]
    if not isinstance(label, int | np.integer) or not 0 <= label < MOST_CLASSES:
        return f"expected as label the number of a class from 0 on, found {label!r}"
    return ""


def _parts(
    path: Path, split: Any, places: dict[str, int], config: Config, faults: list[str]
) -> dict[str, list[int]]:
    """Rows of the clips in train and in test; what is not there is added to `faults`."""
    if config.unseen_classes:
        return {"train": list(places.values()), "test": list(places.values())}
    known: dict[str, dict[str, list[str]]] = {}
    for name, members in split.items() if isinstance(split, Mapping) else ():
        if match := PART.fullmatch(str(name)):
            if not isinstance(members, list | tuple | np.ndarray):
                faults.append(f"{path}: expected a list of clips as split {name}")
                continue
            parts = known.setdefault(f"{match['name'] or ''}{match['number']}" or "all", {})
            part = "train" if match["part"] == "train" else "test"
            parts.setdefault(part, []).extend(map(str, members))
    chosen = config.data_split or (next(iter(known)) if len(known) == 1 else "")
    if chosen not in known:
        found = f", not {chosen!r}" if chosen else ""
        faults.append(
            f"setting 'data_split': {path} has the splits {listed(known) or 'none'}{found}"
        )
        return {}
    all_members = [name for members in known[chosen].values() for name in members]
    if lost := [name for name in all_members if name not in places]:
        faults.append(f"{path}: {len(lost)} clips of {chosen} are not in it: {listed(lost)}")
        return {}
    return {part: [places[name] for name in names] for part, names in known[chosen].items()}


def _clips(annotations: list[dict[str, Any]], names: list[str], parity: bool) -> Clips:
    """All clips of the file; each annotation is let go when it has been taken over."""
    lengths = np.array([one["keypoint"].shape[1] for one in annotations], np.int64)
    labels = np.array([one["label"] for one in annotations], np.int64)
    starts = first_rows(lengths)
    frames = np.empty((lengths.sum(), PEOPLE, POINTS, 3), np.float32)
    for i in tqdm(range(len(names)), desc="reading keypoints", unit="clip", delay=2):
        one, annotations[i] = annotations[i], None
        people = people_of(one["keypoint"], one["keypoint_score"], one["img_shape"], parity)
        frames[starts[i] : starts[i] + lengths[i]] = people
    found = [NTU.search(name) for name in names]
    subjects = [f"P{match['person']}" if match else name for match, name in zip(found, names)]
    return Clips(frames, starts, lengths, tuple(names), labels, tuple(subjects))


def _classes(config: Config, clips: Clips) -> ClassTable:
    """The table that the setting `class_table` names; without it A1, A2, … as NTU RGB+D's are."""
    if config.class_table != SETTINGS["class_table"].default:
        return read_classes(config.class_table)
    codes = tuple(f"A{i}" for i in range(1, clips.labels.max() + 2))
    return ClassTable(codes, codes, ("body",) * len(codes))

"""Files of skeletons from other tools -> a data set in the documented layout, or files again.

Each person of each recording becomes a clip of our 17 joints. What the reader found out about a
file, and why one is left out, stands in `conversion.csv` beside the clips.
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from mbnb.classes import ClassTable
from mbnb.clips import SPLITS, UNLABELLED, pack
from mbnb.data.missing import complete
from mbnb.data.motion import at_rate
from mbnb.data.reading import LEFT_BEHIND
from mbnb.data.write import write_dataset
from mbnb.files import InputError, replacing
from mbnb.formats import WRITERS, PoseFile, is_folder_of_frames, joints_of, read_all
from mbnb.formats.layouts import LAYOUTS
from mbnb.formats.pyskl import write_pyskl
from mbnb.formats.space import doubts
from mbnb.skeleton import load_skeleton
from mbnb.text import clip_name, listed, safe_names

TABLE = "conversion.csv"
FORMS = ("npy", "npz", "pkl", *WRITERS)
FLAT = (
    "joints in a picture, without depth, of which no data set in 3D can be made; `mbnb lift` gives "
    "them some"
)
SHORTEST = 2  # frames
FEWEST = 8  # of our joints; a head with shoulders and arms has nine
OURS = "h36m17"
MANY = 20  # reasons that are said at once


class _Found(NamedTuple):
    """A person of a recording as a clip (T, 17, 3) at `rate`, or why there is none."""

    name: str
    row: dict
    pose: np.ndarray | None = None
    label: int = UNLABELLED
    split: str = "test"


def convert_skeletons(
    source: Path,
    out: Path,
    classes: ClassTable,
    *,
    fps: float,
    layout: str = "",
    form: str = "npy",
    rate: float | None = None,
    swap_sides: bool = False,
) -> pd.DataFrame:
    """Write everybody in `source`, a file or a folder of files in folders, to `out`.

    classes: what labels stand for, where files have them. fps: frames a second of what is written.
    layout: the table of points of files that do not tell it. form: one of `FORMS`; npy and npz are
    the documented layout, pkl one file for pyskl, the others a file a clip. rate: frames a second
    of files that do not tell it, else `fps`. swap_sides: exchange left and right, which files name
    wrong. Returns a row for each person, also written to `out/conversion.csv`, with the reason
    where one was left out; that stops nothing. Raises InputError where nothing is left, with all
    reasons, and where `out` is there already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: expected an empty or a new folder")
    found = []
    for path in tqdm(list(_sources(source)), desc="files", unit="file", delay=2):
        found += _read(path, source, layout, rate or fps, fps, swap_sides)
    names = _unique([one.name for one in found])
    found = [one._replace(name=name) for one, name in zip(found, names)]
    clips = [one for one in found if one.pose is not None]
    rows = [{"clip": one.name if one.pose is not None else "", **one.row} for one in found]
    if not clips:
        reasons = list(dict.fromkeys(f"{row['file']}: {row['reason']}" for row in rows))
        more = [f"and {len(reasons) - MANY} more"] if len(reasons) > MANY else []
        nothing = f"{source}: not one clip can be made of it" + (": it is empty" * (not rows))
        raise InputError("\n".join([nothing, *reasons[:MANY], *more]))
    table = pd.DataFrame(rows)
    with replacing(out) as part:
        _write(part, clips, classes, form, fps)
        table.to_csv(part / TABLE, index=False)
    return table


def _sources(path: Path) -> Iterator[Path]:
    """Files, and folders that are one recording, in a folder and all below; links are passed by."""
    if path.is_file() or is_folder_of_frames(path):
        yield path
        return
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder")
    for inner in sorted(path.iterdir()):
        hidden = inner.name.startswith(".") or inner.name.casefold() in LEFT_BEHIND
        if not hidden and not inner.is_symlink() and inner.name != TABLE:
            yield from _sources(inner)


def _read(
    path: Path, source: Path, layout: str, rate: float, fps: float, swap_sides: bool
) -> list[_Found]:
    """Everybody in one file, or one row that says why it cannot be read."""
    shown = path.relative_to(source).as_posix() if path != source else path.name
    row = {"file": shown, "recording": "", "person": "", "layout": "", "rate": np.nan}
    row |= {"first_frame": 0, "frames": 0, "seen": 0.0, "said": "", "reason": ""}
    try:
        recordings = read_all(path, layout)
        poses = {name: joints_of(file) for name, file in recordings.items()}
    except InputError as error:
        return [_Found("", row | {"reason": str(error).removeprefix(f"{path}: ")})]
    stem = clip_name(path.name) if path.suffix == ".npy" else path.stem
    stem = path.parent.name if path.name == "pose_3d.npy" else stem
    found = []
    for recording, file in recordings.items():
        people = poses[recording]
        for person, pose in people.items():
            parts = [stem] if len(recordings) == 1 else [recording]
            parts += [person] if len(people) > 1 else []
            about = row | {"recording": recording, "person": person, "layout": file.layout}
            about |= {"rate": file.rate, "said": "; ".join(file.notes)}
            found.append(_clip("_".join(parts), about, pose, file, rate, fps, swap_sides))
    return found


def _clip(
    name: str,
    row: dict,
    pose: np.ndarray,
    file: PoseFile,
    rate: float,
    fps: float,
    swap_sides: bool,
) -> _Found:
    """A clip of one person, from the first frame to the last in which somebody is seen."""
    seen = np.isfinite(pose).all(-1)  # (T, 17)
    frames = np.flatnonzero(seen.any(1))
    reason = "" if file.depth else FLAT
    known = [joint for joint, there in zip(load_skeleton().joints, seen.any(0)) if there]
    if file.depth and len(known) < FEWEST:
        reason = (
            f"of our {seen.shape[1]} joints only {len(known)} are among its points "
            f"({listed(known) or listed(file.points)})"
        )
    elif file.depth and len(frames) < SHORTEST:
        reason = "one frame, which shows no movement"
    if reason:
        return _Found(name, row | {"frames": len(frames), "reason": reason})
    pose = pose[frames[0] : frames[-1] + 1]
    alone, who = len(file.people) == 1, f"{row['person']}: "
    against = [said for said in file.doubts if alone or said.startswith(who)]
    if swap_sides:
        pose = pose[:, list(load_skeleton().mirror)]
        against = doubts(PoseFile(OURS, LAYOUTS[OURS], {"1": pose}, depth=True))
    pose = at_rate(pose.astype(np.float32), file.rate or rate, fps)
    share = float(np.isfinite(pose).all(-1).mean())
    row |= {"first_frame": int(frames[0]), "frames": len(pose), "seen": round(share, 3)}
    row["rate"] = file.rate or rate
    whole = "; ".join(against) or complete(pose, load_skeleton())
    if isinstance(whole, str):
        return _Found(name, row | {"reason": whole})
    split = next((s for s in SPLITS if s in file.split.lower()), "test")
    label = UNLABELLED if file.label is None else file.label
    return _Found(name, row, pose, label, split)


def _unique(names: list[str]) -> list[str]:
    """Names that every disk takes, each another one, in the same order."""
    counted: dict[str, int] = {}
    numbered = []
    for name in names:
        counted[name] = counted.get(name, 0) + 1
        numbered.append(name if counted[name] == 1 else f"{name}~{counted[name]}")
    safe = safe_names(numbered)
    return [re.sub(r"\s", "_", safe[name]) for name in numbered]


def _write(out: Path, clips: list[_Found], classes: ClassTable, form: str, fps: float) -> None:
    """All clips, in the documented layout or a file each."""
    out.mkdir()
    splits = {split: [one for one in clips if one.split == split] for split in SPLITS}
    if form in WRITERS:
        for one in clips:
            pose = complete(one.pose, load_skeleton()).pose if form == "bvh" else one.pose
            WRITERS[form](out / f"{one.name}.{form}", pose, fps)
    elif form == "pkl":
        poses, labels = {one.name: one.pose for one in clips}, [one.label for one in clips]
        by_split = {split: [one.name for one in part] for split, part in splits.items() if part}
        write_pyskl(out / "clips.pkl", poses, labels, by_split)
    else:
        known = {
            split: pack(
                [one.pose for one in part],
                [one.name for one in part],
                [one.label for one in part],
                [one.name for one in part],
            )
            for split, part in splits.items()
            if part
        }
        write_dataset(out, known, _enough(classes, clips), packed=form == "npz")


def _enough(classes: ClassTable, clips: list[_Found]) -> ClassTable:
    """The classes, or as many made-up ones as there are labels, where these are more."""
    count = max(one.label for one in clips) + 1
    if count <= len(classes):
        return classes
    codes = tuple(f"C{i + 1}" for i in range(count))
    names = tuple(f"class {i}" for i in range(count))
    return dataclasses.replace(
        classes, codes=codes, names=names, regions=("body",) * count, mirror=None
    )

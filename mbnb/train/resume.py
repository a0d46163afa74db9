"""Where a training can go on: its last points, each whole, checked, and known to be its own.

A point is a checkpoint with all that decides what comes next: weights, optimizers, schedules, the
history, and in the middle of an epoch how far it is, what was collected in it, and the states of
all random numbers. `checkpoints/latest.pt` is the same file as the point at the end of an epoch.
"""

import contextlib
import dataclasses
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

from mbnb import settings
from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.files import InputError, on_disk, replacing
from mbnb.model.checkpoints import GONE, read_checkpoint
from mbnb.runs import RunFolder
from mbnb.settings import say_once

KEPT = 3  # points


def point_of(folder: RunFolder, steps: int) -> Path:
    """The file of the point after so many steps of a training."""
    return folder.points / f"{steps:09d}.pt"


def points_of(folder: RunFolder) -> list[Path]:
    """Where the run's training may go on, the furthest first; `latest.pt` is the last choice."""
    points = sorted(folder.points.glob("*.pt"), reverse=True)
    return points + [folder.latest] * folder.latest.exists()


def forget_points(folder: RunFolder, all_but: int = 0) -> None:
    """Remove the run's points but the `all_but` furthest, and what a killed process left there."""
    for half in (*folder.points.glob(".*"), *folder.checkpoints.glob(".*")):
        shutil.rmtree(half, ignore_errors=True)
    for path in sorted(folder.points.glob("*.pt"), reverse=True)[all_but:]:
        path.unlink(missing_ok=True)


def make_latest(folder: RunFolder, point: Path) -> None:
    """Let `latest.pt` be a point, in the same place on the disk where that is possible."""
    with contextlib.suppress(OSError):
        if os.path.samefile(point, folder.latest):
            return
    with replacing(folder.latest) as part:
        try:
            os.link(point, part)
        except OSError:  # not every file system has links
            shutil.copyfile(point, part)


def furthest(config: Config, data: DataSet | None) -> dict[str, Any]:
    """The furthest point from which the training of `config` on `data` goes on; {} for none.

    Its file is in it as `point`. What is damaged is passed over and named. Raises InputError, with
    what differs, where a point belongs to another training, and where all are damaged.
    """
    passed = []
    for path in points_of(config.folder):
        try:
            content = read_point(path)
        except InputError as error:
            passed.append(str(error))
            continue
        check_same_training(path, content, config, data)
        if passed:
            lines = "\n".join(passed)
            say_once(f"{lines}\nso the training goes on from {path}, which was written before")
        return content | {"point": path}
    if passed:
        raise InputError("\n".join([*passed, "start afresh with resume: false"]))
    return {}


def read_point(path: Path) -> dict[str, Any]:
    """A checkpoint to go on from. Raises InputError where it is damaged, or is none."""
    content = read_checkpoint(path)
    with on_disk(path):
        try:
            with zipfile.ZipFile(path) as archive:
                # torch does not compare what it reads with the sums.
                damaged = archive.testzip()
        except OSError:
            raise
        except Exception as error:  # zipfile raises a different kind for every sort of damage
            damaged = f"its list of parts ({error})"
    if damaged:
        raise InputError(f"{path}: not a checkpoint, but damaged in {damaged}")
    return content


def check_same_training(
    path: Path, content: dict[str, Any], config: Config, data: DataSet | None
) -> None:
    """Raise InputError where a checkpoint belongs to other settings or, if given, other data."""
    now, then = dataclasses.asdict(config), content.get("config", {})
    free = settings.free_to_change(Config)
    differences = [
        f"{key} {then[key]!r} there, {now[key]!r} now"
        for key in now
        if key not in free and key in then and then[key] != now[key]
    ]
    if data is not None and content.get("fingerprint") != data.fingerprint():
        differences.append(_other_data(content.get("data", {}), data.parts()))
    if "optimizers" not in content or any(key.startswith(GONE) for key in content["model"]):
        differences.append("an earlier version, whose model had parts that are gone")
    if differences:
        raise InputError(
            f"{path} belongs to another training: {'; '.join(differences)}. Choose another name "
            f"with the setting run, or start afresh with resume: false"
        )


def _other_data(then: dict[str, list[str]], now: dict[str, list[str]]) -> str:
    """In what data differ from those of a checkpoint, by their `DataSet.parts`."""
    said = []
    for part in dict.fromkeys([*then, *now]) if then else ():
        (before, mark), (after, new_mark) = (
            then.get(part, ["none", ""]),
            now.get(part, ["none", ""]),
        )
        if before != after:
            said.append(f"{part} {before} there, {after} now")
        elif mark != new_mark:
            said.append(f"{part} has {after} in both, but not the same")
    return f"other data ({', '.join(said)})" if said else "other data"

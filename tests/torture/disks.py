"""A training whose disk fills up, turns read-only, or whose data go away while it runs."""

import contextlib
import dataclasses
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import build
from torture.kills import SMALL, differences
from torture.outcome import Outcome

from mbnb.config import Config
from mbnb.data.dataset import load
from mbnb.files import DiskError
from mbnb.runs import RunFolder
from mbnb.train import train

SIZE = 8 << 20  # bytes of the small file system
LEFT = 1 << 16  # bytes that are left of it when it is full: no point fits


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of its own in memory; what the machine says where it does not allow one."""
    place.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise PermissionError(made.stderr.strip())
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> None:
    """Leave so little room on the disk that no point fits."""
    free = shutil.disk_usage(place).free
    (place / "filling").write_bytes(bytes(max(0, free - LEFT)))


def make_read_only(place: Path) -> None:
    """Take the right to write into checkpoints, as a system does of a disk with faults."""
    checkpoints = str(RunFolder(place / "a").checkpoints)
    subprocess.run(["mount", "--bind", checkpoints, checkpoints], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", checkpoints], check=True)


def mend(place: Path) -> None:
    """Make the disk as it was."""
    if (place / "filling").exists():
        (place / "filling").unlink()
    else:
        subprocess.run(["umount", str(RunFolder(place / "a").checkpoints)], check=True)


def disks(folder: Path, kills: int, seconds: float, seed: int) -> Iterator[Outcome]:
    """Each fault of a disk once, at the end of the second epoch."""
    people = {
        "train": build.clips("abcd", [0, 2] * 2, pose=build.moving, classes=build.CLASSES),
        "val": build.clips("ij", [0, 2], "val", pose=build.moving, classes=build.CLASSES),
    }
    root = build.data_folder(folder / "data", people, build.CLASSES)
    given = SMALL | dict(epochs=4, data_root=str(root), outputs=str(folder / "whole"), run="a")
    whole = Config.of(given)
    train(whole, load(whole))
    for what, spoil in (("full disk", fill), ("disk turned read-only", make_read_only)):
        outcome = Outcome(what, tried=1)
        try:
            with small_disk(folder / what) as place:
                config = dataclasses.replace(whole, outputs=str(place))
                outcome.note = _spoilt(config, place, spoil)
                mend(place)
                train(config, load(config))
                outcome.lost = differences(whole.folder, config.folder)
        except PermissionError as error:
            outcome.note = f"skipped: no file system of its own ({error})"
        outcome.survived = int(not outcome.lost)
        yield outcome


def _spoilt(config: Config, place: Path, spoil: Callable[[Path], None]) -> str:
    """What a training says whose disk is spoilt after its second epoch."""
    try:
        train(config, load(config), on_epoch=lambda h: spoil(place) if len(h) == 2 else None)
    except DiskError as error:
        return str(error).replace(str(place), "…")
    raise AssertionError("the training did not notice")

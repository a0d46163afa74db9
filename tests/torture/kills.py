"""Work that is killed at random instants, begun again each time, and compared in the end.

Each attempt is a child of this process, forked when everything is imported, so that what is killed
is the work and not Python's start. A child of a training notes in shared memory when each of its
steps began; what a kill costs is the time since the first step that no written point has.
"""

import dataclasses
import hashlib
import math
import mmap
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import build
import numpy as np
import pandas as pd
import torch

from mbnb.config import Config
from mbnb.data.convert import convert_skeletons
from mbnb.data.dataset import load
from mbnb.data.motion import load_motion
from mbnb.formats import WRITERS
from mbnb.model.checkpoints import read_checkpoint
from mbnb.runs import RunFolder
from mbnb.train import loop, read_history, resume, train
from mbnb.train.pretrain import pretrain

INTERVAL = 0.25  # seconds between points, the interval that is promised
SHARE = 0.25  # of the time that the whole takes, within which an attempt is killed
PATIENCE = 1.1  # what that is multiplied by after each attempt: a busy machine must get somewhere
STEPS = 1 << 16  # that there is room for
CLOCKED = ["clips_per_second", "seconds"]
SMALL = build.TINY | dict(patch=1, batch_size=8, save_minutes=INTERVAL / 60, dropout_ratio=0.3)
KINDS = {
    "training": dict(epochs=30),
    "training, parity": dict(epochs=20, recipe="parity", clip_len=8),
    "training, one-shot": dict(epochs=30, head="embed"),
    "pretraining": dict(
        epochs=12,
        contrast=0.0,
        simulated_people=6,
        simulated_test_people=1,
        simulated_clips=10,
        val_fraction=0.3,
    ),
}


@dataclass
class Outcome:
    """What was tried, how often all was well, and what was lost."""

    what: str
    tried: int = 0
    survived: int = 0
    lost: list[str] = field(default_factory=list)
    note: str = ""


def ends(work: Callable[[], None], within: float = math.inf) -> bool:
    """Run `work` in a child that is killed `within` so many seconds; whether it ended before."""
    child, deadline = os.fork(), time.monotonic() + within
    if child == 0:
        code = 1
        try:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            work()
            code = 0
        finally:
            os._exit(code)
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if status:
                raise RuntimeError(f"the work failed by itself (status {status})")
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


class Watched:
    """A training in children, whose steps are seen from here."""

    def __init__(self, config: Config, kind: str):
        self.config, self.kind = config, kind
        self.began = np.frombuffer(mmap.mmap(-1, 8 * STEPS), float)  # when each step began

    def run(self) -> None:
        """Train to the end, noting when each step begins."""
        step = loop.Training._step

        def noted(training: loop.Training, loss: torch.Tensor) -> torch.Tensor:
            self.began[training.schedules[0].last_epoch] = time.monotonic()
            return step(training, loss)

        loop.Training._step = noted
        if self.kind == "pretraining":
            pretrain(self.config, load_motion(self.config))
        else:
            train(self.config, load(self.config))

    def cost(self) -> tuple[float, float]:
        """Seconds of work up to now that are in no point, and those that should have been.

        The latter are the time between the first step that is in none and the last but one that
        began: after that one somebody looked whether it was time to write a point.
        """
        points = sorted(self.config.folder.points.glob("*.pt"))
        unsaved = self.began[int(points[-1].stem) if points else 0 :]
        unsaved = unsaved[unsaved > 0]
        now, late = time.monotonic(), max(0.0, unsaved[-2] - unsaved[0]) if len(unsaved) > 1 else 0
        cost = now - unsaved[0] if len(unsaved) else 0.0
        self.began[:] = 0  # another attempt takes the same steps
        return cost, late


def trainings(
    folder: Path, kills: int, seed: int, kinds: tuple = tuple(KINDS)
) -> Iterator[Outcome]:
    """Trainings of each of the `kinds`, killed until there were so many kills."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    people = {
        "train": build.clips("abcdefgh", [0, 2] * 4, pose=build.moving, classes=build.CLASSES),
        "val": build.clips("ij", [0, 2] * 3, "val", pose=build.moving, classes=build.CLASSES),
    }
    root = build.data_folder(folder / "data", people, build.CLASSES)
    for kind in kinds:
        given = {"data_root": "" if kind == "pretraining" else str(root), "outputs": str(folder)}
        config = Config.of(SMALL, KINDS[kind], given, {"run": f"{kind}, unbroken"})
        whole, started = Watched(config, kind), time.monotonic()
        ends(whole.run)
        reach = SHARE * (time.monotonic() - started)
        outcome, costs, number = Outcome(kind), [], 0
        while outcome.tried < kills:
            number += 1
            broken = Watched(dataclasses.replace(config, run=f"{kind}, {number}"), kind)
            attempts = 0
            while not ends(broken.run, rng.uniform(0, reach * PATIENCE**attempts)):
                attempts += 1
                outcome.tried += 1
                cost, late = broken.cost()
                costs.append(cost)
                if late > INTERVAL:
                    outcome.lost.append(f"{late:.2f} s of work that no point has")
                else:
                    outcome.survived += 1
            outcome.lost += differences(config.folder, broken.config.folder)
        outcome.note = (
            f"{number} ends compared bit by bit; a point every {INTERVAL:g} s, a kill cost "
            f"{np.median(costs):.2f} s in the median, {max(costs):.2f} s at most"
        )
        yield outcome


def differences(one: RunFolder, other: RunFolder) -> list[str]:
    """What differs between the ends of two trainings that should be the same."""
    found = []
    for path in (one.latest, one.best):
        a, b = (
            read_checkpoint(folder.path / path.relative_to(one.path)) for folder in (one, other)
        )
        same = all(torch.equal(value, b["model"][name]) for name, value in a["model"].items())
        if not same or a.get("temperature") != b.get("temperature") or a["epoch"] != b["epoch"]:
            found.append(f"{other.path.name}/{path.name} differs")
    tables = [read_history(folder)[0].drop(columns=CLOCKED) for folder in (one, other)]
    if not tables[0].equals(tables[1]):
        found.append(f"{other.path.name}/history.csv differs")
    if len(points := resume.points_of(other)) > resume.KEPT + 1 or list(other.points.glob(".*")):
        found.append(f"{other.path.name} keeps {points} and what was half written")
    return found


def conversions(folder: Path, kills: int, seed: int) -> Outcome:
    """A conversion of files of skeletons, killed until there were so many kills."""
    rng, outcome, number = np.random.default_rng(seed), Outcome("conversion of skeletons"), 0
    source, classes = folder / "skeletons", build.DOCUMENT
    source.mkdir(parents=True)
    for i in range(60):
        form = list(WRITERS)[i % len(WRITERS)]
        WRITERS[form](source / f"{i:02d}.{form}", build.moving(i % 4, i, 120), 30.0)
    whole, began = folder / "whole", time.monotonic()
    ends(lambda: convert_skeletons(source, whole, classes, fps=30.0))
    takes = time.monotonic() - began
    while outcome.tried < kills:
        number, attempts = number + 1, 0
        out = folder / f"broken {number}"

        def convert(out: Path = out) -> None:
            convert_skeletons(source, out, classes, fps=30.0)

        while not ends(convert, rng.uniform(0, takes * PATIENCE**attempts)):
            attempts += 1
            outcome.tried += 1
            outcome.survived += 1
            if out.exists():  # it is there whole, or it is not there
                break
        if digests(out) != digests(whole):
            outcome.survived -= 1
            outcome.lost.append(f"{out.name} differs")
    outcome.note = f"{number} ends compared byte by byte; it begins again and takes {takes:.1f} s"
    return outcome


def digests(folder: Path) -> dict[str, str]:
    """Of every file below `folder` what tells its bytes from others."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def table_of(outcomes: list[Outcome]) -> str:
    """One table of what was tried, what survived and what was lost."""
    rows = [(o.what, o.tried, o.survived, len(o.lost), o.note) for o in outcomes]
    table = pd.DataFrame(rows, columns=["what", "tried", "survived", "lost", ""])
    return table.to_string(index=False, justify="left")

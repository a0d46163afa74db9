"""Trainings that are killed at random instants, begun again each time, and compared in the end.

Each attempt is a child of this process, forked when everything is imported, so that what is killed
is the work and not Python's start. A child of a training notes in shared memory when each of its
steps began; what a kill costs is the time since the first step that no written point has.
"""

import dataclasses
import functools
import hashlib
import math
import mmap
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import build
import numpy as np
import torch
from torture.outcome import Outcome

from mbnb.classes import read_classes
from mbnb.config import Config
from mbnb.data.dataset import load
from mbnb.data.motion import load_motion
from mbnb.detect import teach
from mbnb.detect.learn import SETTINGS
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
SIMULATED = dict(simulated_people=6, simulated_test_people=1, simulated_clips=10)
KINDS = {
    "training": dict(epochs=30),
    "training, parity": dict(epochs=20, recipe="parity", clip_len=8),
    "training, one-shot": dict(epochs=30, head="embed"),
    "pretraining": dict(epochs=12, contrast=0.0, val_fraction=0.3, **SIMULATED),
    "teaching a detector": SETTINGS | dict(epochs=8, hidden_dim=16, batch_size=4, init_from=""),
}


@functools.cache
def interviews() -> dict[str, list]:
    """Interviews of simulated people to teach a detector with."""
    return {
        "train": teach.interviews(range(2), 60.0),
        "val": teach.interviews(range(teach.VAL, teach.VAL + 1), 60.0),
    }


def work_of(kind: str, config: Config) -> Callable[[], object]:
    """What does a training of this kind, from its beginning or from where it was broken off."""
    if kind == "pretraining":
        return lambda: pretrain(config, load_motion(config))
    if kind == "teaching a detector":
        classes, split = read_classes("ma52"), interviews()
        return lambda: (
            teach.train_detector(split, config, classes, simulated=True),
            teach.finish(config.folder, split["val"], config),
        )
    return lambda: train(config, load(config))


def ends(work: Callable[[], None], within: float = math.inf) -> bool:
    """Run `work` in a child that is killed `within` so many seconds; whether it ended before."""
    said = tempfile.TemporaryFile()
    child, deadline = os.fork(), time.monotonic() + within
    if child == 0:
        code = 1
        try:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if status:
                said.seek(0)
                raise RuntimeError(f"it failed by itself: {said.read()[-2000:].decode()}")
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
        work_of(self.kind, self.config)()

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
    folder: Path, kills: int, seconds: float, seed: int, kinds: tuple = tuple(KINDS)
) -> Iterator[Outcome]:
    """Trainings of each of the `kinds`, killed until there were so many kills or time is up."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    people = {
        "train": build.clips("abcdefgh", [0, 2] * 4, pose=build.moving, classes=build.CLASSES),
        "val": build.clips("ij", [0, 2] * 3, "val", pose=build.moving, classes=build.CLASSES),
    }
    root, left = build.data_folder(folder / "data", people, build.CLASSES), seconds
    for i, kind in enumerate(kinds):
        began = time.monotonic()
        given = {"data_root": "" if kind == "pretraining" else str(root), "outputs": str(folder)}
        config = Config.of(SMALL, KINDS[kind], given, {"run": f"{kind}, unbroken"})
        yield _trained(kind, config, kills // len(kinds), left / (len(kinds) - i), rng)
        left -= time.monotonic() - began


def _trained(
    kind: str, config: Config, kills: int, seconds: float, rng: np.random.Generator
) -> Outcome:
    """A training of one kind, again and again."""
    end, started = time.monotonic() + seconds, time.monotonic()
    whole = Watched(config, kind)
    ends(whole.run)
    takes = time.monotonic() - started
    outcome, costs, number = Outcome(f"kill -9: {kind}"), [], 0
    while outcome.tried < kills and (not number or time.monotonic() + takes < end):
        number += 1
        broken = Watched(dataclasses.replace(config, run=f"{kind}, {number}"), kind)
        attempts = 0
        while not ends(broken.run, _within(rng, SHARE * takes, attempts, end - takes)):
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
        f"{number} ends of {takes:.0f} s compared bit by bit; a point every {INTERVAL:g} s, a kill "
        f"cost {np.median(costs or [0]):.2f} s in the median, {max(costs, default=0):.2f} s at most"
    )
    return outcome


def _within(rng: np.random.Generator, reach: float, attempts: int, end: float) -> float:
    """Seconds after which an attempt is killed; after the first, none any more when it is late."""
    return (
        math.inf
        if attempts and time.monotonic() > end
        else rng.uniform(0, reach * PATIENCE**attempts)
    )


def differences(one: RunFolder, other: RunFolder) -> list[str]:
    """What differs between the ends of two trainings that should be the same."""
    found = []
    for path in (one.latest, one.best):
        a, b = (
            read_checkpoint(folder.path / path.relative_to(one.path)) for folder in (one, other)
        )
        same = all(torch.equal(value, b["model"][name]) for name, value in a["model"].items())
        facts = ("temperature", "decoding", "epoch")
        if not same or any(a.get(fact) != b.get(fact) for fact in facts):
            found.append(f"{other.path.name}/{path.name} differs")
    tables = [read_history(folder)[0].drop(columns=CLOCKED) for folder in (one, other)]
    if not tables[0].equals(tables[1]):
        found.append(f"{other.path.name}/history.csv differs")
    if len(points := resume.points_of(other)) > resume.KEPT + 1 or list(other.points.glob(".*")):
        found.append(f"{other.path.name} keeps {points} and what was half written")
    return found


def digests(folder: Path) -> dict[str, str]:
    """Of every file below `folder`, but for locks, what tells its bytes from others."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".lock")
    }

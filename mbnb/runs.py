"""A run's folder: the name of each file in it, of columns that several rooms know, and its lock."""

import _thread
import contextlib
import json
import os
import shlex
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
from filelock import LeaseCompromise, LeaseSettingsMismatch, SoftFileLease, Timeout

from mbnb.files import InputError, clear_unfinished, on_disk

# Seconds: how often who writes into a run gives a sign of life, and after how long without one
# another process takes its place. A process of the same machine is known to be gone at once.
SIGN, SILENCE = 2.0, 60.0
CLAIMS = "MBNB_CLAIMS"  # tokens of locks, which a process hands down to those that it starts


class RunFolder:
    """Where everything of one run lies; nothing needs to be there yet."""

    def __init__(self, path: Path):
        self.path = path
        # Before training
        self.quality = path / "quality.csv"  # a row a clip of the data, the worst first
        self.config = path / "config.yaml"  # every setting
        self.environment = path / "environment.json"  # versions, device, fingerprint of the data
        self.lock = path / ".lock"  # who writes into the folder at the moment
        # Training
        self.checkpoints = path / "checkpoints"
        self.latest = self.checkpoints / "latest.pt"
        self.best = self.checkpoints / "best.pt"
        self.points = self.checkpoints / "points"  # where the training goes on, by steps
        self.history = path / "history.csv"  # a row an epoch
        self.region_confusion = path / "region_confusion.csv"  # a row an epoch and pair of regions
        self.tensorboard = path / "tensorboard"
        self.processes = path / "processes.yaml"  # settings for processes that share a training
        self.processes_log = path / "processes.log"
        # Evaluation
        self.metrics = path / "metrics.json"
        self.predictions = path / "predictions.csv"  # a row a clip, each clip judged by itself
        self.people = path / "people.npz"  # what the people stage learned from train
        self.people_predictions = path / "people_predictions.csv"  # what it made of them
        self.per_class = path / "per_class.csv"
        self.members = path / "members.json"  # what a mean of several tables is made of
        # One-shot recognition
        self.one_shot = path / "one_shot.csv"  # a row a method
        self.one_shot_clips = path / "one_shot_clips.csv"  # a row a method, draw and clip
        # Lifting
        self.lifting = path / "lifting.csv"  # a row a method
        self.lifted_clips = path / "lifted_clips.csv"  # a row a method and clip
        self.lifters = path / "lifters"  # runs of simpler networks
        self.meshes = path / "meshes.csv"  # a row a method
        self.mesh_clips = path / "mesh_clips.csv"  # a row a method and clip
        self.bodies = path / "bodies"  # of the same with a surface
        self.lifted = path / "lifted"  # people of the setting `source`
        # Detection
        self.detected = path / "detected"  # a folder a recording, see `DetectionFolder`
        # What people look at and write
        self.notebooks = path / "notebooks"
        self.figures = path / "figures"
        self.report = path / "report.html"
        self.explorer = path / "explorer.html"
        self.explorer_state = path / "explorer.json"  # what was last looked at
        self.class_pages = path / "classes"
        self.review = path / "review.csv"  # notes on clips
        self.relabelled = path / "relabelled"  # label files made of notes
        self.videos = path / "videos"
        self.converted = path / "converted"
        self.recipes = path / "recipes"  # the runs that 06 compares

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep processes other than this one, and those that it starts, from writing the run.

        Raises InputError that names the one that does, and DiskError where nothing can be written.
        """
        inherited, is_new = os.environ.get(CLAIMS, ""), not self.path.exists()
        with on_disk(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = SoftFileLease(
                self.lock,
                lease_duration=SILENCE,
                heartbeat_interval=SIGN,
                on_compromise=_stop_when_replaced,
                thread_local=False,
            )
            if (owner := lock.owner) and owner.token in inherited.split():
                lock = None  # whoever started this process holds it, or this process itself
            else:
                _acquire(lock, self.path)
        if lock is None:
            yield
            return
        os.environ[CLAIMS] = f"{inherited} {lock.token}"
        clear_unfinished(self.path)
        try:
            yield
        finally:
            os.environ[CLAIMS] = inherited
            lock.release()
            with contextlib.suppress(OSError):
                if is_new:
                    self.path.rmdir()  # where nothing came of it


# What every `metrics.json` says, and as what.
OF_METRICS = {"split": str, "n_test": int, "people": int, "people_also_in_train": int}
PARTS = ("intervals", "official", "with_people", "baselines")  # of it, dictionaries or nothing


def metrics_of(folder: RunFolder) -> dict[str, Any]:
    """A run's `metrics.json`. Raises InputError where it is not as an evaluation writes it."""
    try:
        metrics = json.loads(folder.metrics.read_text(encoding="utf-8"))
        if not isinstance(metrics, dict):
            raise ValueError(f"a {type(metrics).__name__}")
        wrong = [name for name, kind in OF_METRICS.items() if type(metrics.get(name)) is not kind]
        wrong += [name for name in PARTS if not isinstance(metrics.get(name), dict | None)]
        if wrong:
            raise ValueError(f"found no {', '.join(wrong)} as it should be")
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{folder.metrics}: not as an evaluation has written it ({error}): delete it, and "
            f"evaluate the run anew"
        ) from None
    return metrics


class DetectionFolder:
    """What `detect` writes of one recording, or what is to be written; `about` comes last."""

    def __init__(self, path: Path):
        self.path = path
        self.poses = path / "poses.npz"  # frames, times, offsets, clip_names
        self.predictions = path / "predictions.csv"  # a row a step: time, nothing, each class
        self.segments = path / "segments.csv"
        self.elan = path / "machine.eaf"
        self.boris = path / "boris.tsv"
        self.video = path / "machine.mp4"  # on request
        self.about = path / "detection.json"


def _acquire(lock: SoftFileLease, run: Path) -> None:
    """Take the lock, if need be after waiting whether who holds it is still alive."""
    began, sign = time.monotonic(), None
    while True:
        try:
            return lock.acquire(timeout=0)
        except (Timeout, LeaseSettingsMismatch):
            waited, holder = time.monotonic() - began, _holder(lock)
        with contextlib.suppress(FileNotFoundError):  # it was let go just now
            seen = os.stat(lock.lock_file).st_mtime_ns
            if sign not in (None, seen):
                raise InputError(
                    f"{run} is being written to by {holder}. Wait until it is done, end it, or "
                    f"take another name with the setting run"
                )
            sign = seen
        if waited > SILENCE + 3 * SIGN:
            lock.force_break()  # it does not even say who holds it
        elif 2 * SIGN < waited < 2 * SIGN + 0.5:
            print(f"{run}: waiting for a sign of life of {holder}", file=sys.stderr)
        time.sleep(0.5)


def _holder(lock: SoftFileLease) -> str:
    """Who holds a lock, as far as this machine can know."""
    if (owner := lock.owner) is None:
        return "an unknown process"
    who = f"process {owner.pid} on {owner.hostname.partition('?')[0]}"
    try:
        process = psutil.Process(owner.pid)
        since = time.strftime("%d %b %H:%M", time.localtime(process.create_time()))
        command = shlex.join(process.cmdline())
        command = "a notebook" if "ipykernel" in command else textwrap.shorten(command, 100)
        return f"{who}, since {since} ({command})"
    except psutil.Error:
        return who


def _stop_when_replaced(loss: LeaseCompromise) -> None:
    """End what this process does where another one holds the run now: two would mix."""
    if loss.reason == "owner-changed":
        print(f"{loss.lock_file}: another process has taken the run over", file=sys.stderr)
        _thread.interrupt_main()


def probability_columns(codes: Iterable[str]) -> list[str]:
    """Columns of the probabilities of classes, in every table of predictions."""
    return [f"p_{code}" for code in codes]


def region_columns(names: Iterable[str]) -> list[str]:
    """Columns of the probabilities of regions, where a head of its own tells them."""
    return [f"r_{name}" for name in names]

"""From settings to a training under way: how long, from where on, in how many processes."""

import contextlib
import dataclasses
import math
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import torch

from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.devices import connect, launched, leads
from mbnb.files import DiskError, InputError, on_disk
from mbnb.train.loop import Task, Watcher, fit
from mbnb.train.processes import train_in_processes
from mbnb.train.resume import furthest, points_of
from mbnb.train.stopping import Stopped, Wish, stoppable

if TYPE_CHECKING:  # it takes two seconds to import, which only training needs
    from lightning_fabric import Fabric

# Where `epochs` is 0: as many epochs as make these steps, but at least these epochs.
STEPS, EPOCHS = 1800, 24


def start(
    make_task: Callable[[Config, DataSet, "Fabric", int], Task],
    config: Config,
    data: DataSet,
    clips: int,
    on_epoch: Watcher | None = None,
    command: str = "train",
) -> pd.DataFrame:
    """Train what `make_task` makes of (settings, data, processes, batches an epoch).

    `clips` are in an epoch; `command` does the same from a command line. Returns the history, a
    row an epoch; `on_epoch` sees it so far. Goes on from the run's last point where there is one,
    as if there had been no break. A signal that asks to stop does so after a point was written.
    """
    folder = config.folder
    with stoppable() as wish:
        try:
            with folder.claimed() if leads() else contextlib.nullcontext(), on_disk(folder.path):
                return _start(make_task, config, data, clips, on_epoch, command, wish)
        except DiskError as error:
            if not (points := points_of(folder)):
                raise
            where = f"from {points[0]}"
            if folder.latest.exists() and points[0].samefile(folder.latest):
                where = f"after the last epoch in {folder.latest}"
            raise DiskError(f"{error}: the training goes on {where}") from error
        except Stopped as stopped:
            print(stopped, file=sys.stderr)
    signal.raise_signal(wish.signal or signal.SIGTERM)
    raise KeyboardInterrupt  # where that signal is ignored


def _start(
    make_task: Callable[[Config, DataSet, "Fabric", int], Task],
    config: Config,
    data: DataSet,
    clips: int,
    on_epoch: Watcher | None,
    command: str,
    wish: Wish,
) -> pd.DataFrame:
    steps = math.ceil(clips / config.batch_size)
    checkpoint = furthest(config, data) if config.resume else {}
    if not config.epochs:
        epochs = checkpoint.get("config", {}).get("epochs") or max(EPOCHS, round(STEPS / steps))
        config = dataclasses.replace(config, epochs=epochs)
    processes = int(os.environ["WORLD_SIZE"]) if launched() else config.devices
    if clips // steps < processes:
        raise InputError(
            f"setting 'devices': {processes} processes cannot share batches of {clips // steps} "
            f"clips"
        )
    if config.devices > 1 and not launched():
        wish.let_go()  # those processes write where to go on
        return train_in_processes(command, config, data, on_epoch)
    fabric = connect(config)
    torch.manual_seed(config.seed)
    task = make_task(config, data, fabric, steps)
    return fit(task, config, data, fabric, checkpoint, on_epoch, wish)

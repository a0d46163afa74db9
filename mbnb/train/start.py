"""From settings to a training under way: how long, from where on, in how many processes."""

import contextlib
import dataclasses
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import torch

from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.devices import connect, launched, leads
from mbnb.files import DiskError, InputError, on_disk
from mbnb.model.checkpoints import read_checkpoint
from mbnb.train.loop import Task, Watcher, fit
from mbnb.train.processes import train_in_processes

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
    row an epoch; `on_epoch` sees it so far. Goes on from `checkpoints/latest.pt` of the run where
    there is one, as if there had been no break.
    """
    folder = config.folder
    try:
        with folder.claimed() if leads() else contextlib.nullcontext(), on_disk(folder.path):
            return _start(make_task, config, data, clips, on_epoch, command)
    except DiskError as error:
        if not folder.latest.exists():
            raise
        raise DiskError(
            f"{error}: the training goes on after the last epoch in {folder.latest}"
        ) from error


def _start(
    make_task: Callable[[Config, DataSet, "Fabric", int], Task],
    config: Config,
    data: DataSet,
    clips: int,
    on_epoch: Watcher | None,
    command: str,
) -> pd.DataFrame:
    steps = math.ceil(clips / config.batch_size)
    resumed = config.resume and config.folder.latest.exists()
    checkpoint = read_checkpoint(config.folder.latest) if resumed else {}
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
        return train_in_processes(command, config, data, on_epoch)
    fabric = connect(config)
    torch.manual_seed(config.seed)
    task = make_task(config, data, fabric, steps)
    return fit(task, config, data, fabric, checkpoint, on_epoch)

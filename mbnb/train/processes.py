"""A training in several processes of its own, one a device, watched from here."""

import os
import subprocess
import sys
import time

import pandas as pd
import torch
from tqdm.auto import tqdm

from mbnb.config import Config
from mbnb.data.dataset import DataSet, load
from mbnb.devices import pick_device
from mbnb.files import ROOT, InputError
from mbnb.train.history import read_history
from mbnb.train.loop import Watcher


def train_in_processes(
    config: Config, data: DataSet, on_epoch: Watcher | None = None
) -> pd.DataFrame:
    """`train` by torchrun; the processes read the data and the settings by themselves.

    Raises InputError where there are too few GPUs, where `data` are not what `config` names, and
    where a process fails, with the end of its log.
    """
    gpus = torch.cuda.device_count()
    if pick_device(config).type == "cuda" and config.devices > gpus:
        raise InputError(
            f"setting 'devices': {config.devices}, but torch finds {gpus} CUDA GPUs here"
        )
    if load(config).fingerprint() != data.fingerprint():
        raise InputError(
            "setting 'devices': several processes read the data themselves, and what data_root "
            "holds is not what was given"
        )
    folder = config.folder
    config.save(folder.processes)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={config.devices}", "-m", "mbnb", "train"]
    command += ["-f", str(folder.processes)]
    with (
        open(folder.processes_log, "w") as log,
        tqdm(
            total=config.epochs, desc=f"training in {config.devices} processes", unit="epoch"
        ) as bar,
        subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=os.environ | {"TQDM_DISABLE": "1"},
        ) as processes,
    ):
        shown, ended = 0, False
        while not ended:
            time.sleep(0.5)
            ended = processes.poll() is not None
            history, _ = read_history(folder)
            if len(history) > shown and on_epoch:
                on_epoch(history)
            bar.update(len(history) - shown)
            shown = len(history)
    if processes.returncode:
        end = "\n".join(folder.processes_log.read_text().splitlines()[-20:])
        raise InputError(
            f"training in {config.devices} processes failed; the end of "
            f"{folder.processes_log}:\n{end}"
        )
    return read_history(folder)[0]

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
from mbnb.data.motion import load_motion
from mbnb.devices import pick_device
from mbnb.files import ROOT, InputError, on_disk
from mbnb.train.history import read_history
from mbnb.train.loop import Watcher

# Where this process is killed before it can end torchrun, Linux does it, by a signal.
PR_SET_PDEATHSIG = 1
TORCHRUN = f"""import ctypes, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, signal.SIGTERM)
from torch.distributed.run import main
main()"""


READERS = {"train": load, "pretrain": load_motion}  # what a command reads


def train_in_processes(
    command_name: str, config: Config, data: DataSet, on_epoch: Watcher | None = None
) -> pd.DataFrame:
    """`train` or `pretrain` by torchrun; the processes read data and settings by themselves.

    Raises InputError where there are too few GPUs, where `data` are not what `config` names, and
    where a process fails, with the end of its log.
    """
    gpus = torch.cuda.device_count()
    if pick_device(config).type == "cuda" and config.devices > gpus:
        raise InputError(
            f"setting 'devices': {config.devices}, but torch finds {gpus} CUDA GPUs here"
        )
    if READERS[command_name](config).fingerprint() != data.fingerprint():
        raise InputError(
            "setting 'devices': several processes read the data themselves, and what the settings "
            "name is not what was given"
        )
    folder = config.folder
    config.save(folder.processes)
    command = [sys.executable, "-c", TORCHRUN, "--standalone"]
    command += [f"--nproc-per-node={config.devices}", "-m", "mbnb", command_name]
    command += ["-f", str(folder.processes)]
    with (
        on_disk(folder.processes_log),
        open(folder.processes_log, "wb") as log,
        tqdm(
            total=config.epochs, desc=f"training in {config.devices} processes", unit="epoch"
        ) as bar,
        subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=_environment(),
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
        end = "\n".join(
            folder.processes_log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
        )
        raise InputError(
            f"training in {config.devices} processes failed; the end of "
            f"{folder.processes_log}:\n{end}"
        )
    return read_history(folder)[0]


def _environment() -> dict[str, str]:
    """What the processes inherit: no instructions to torchrun from whatever started this one."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PET_")}
    return kept | {"TQDM_DISABLE": "1", "PYTHONIOENCODING": "utf-8"}

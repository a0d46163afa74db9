"""Where the arithmetic is done: the device, its memory and precision, processes that share a batch.

Several processes are Lightning Fabric's affair: `torchrun` starts them, and each works on its share
of every batch.
"""

import ctypes
import os
import platform
import shutil
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

# torch reads this at its first large allocation: huge pages spare a processor most of the cost of
# fresh memory.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

import joblib
import psutil
import torch
import torch.nn.functional as F
from torch import Tensor

from mbnb.config import Config
from mbnb.files import InputError

if TYPE_CHECKING:  # it takes two seconds to import, which only training needs
    from lightning_fabric import Fabric

# Sharp attention leaves numbers near 1e-40 behind, with which processors multiply some ten times
# more slowly. Threads that are started later take this over.
torch.set_flush_denormal(True)

# A container or a job may have fewer processors than the machine. Only joblib knows of quotas, too.
if torch.get_num_threads() > joblib.cpu_count():
    torch.set_num_threads(joblib.cpu_count())

# What torchrun, and nothing else, gives to each process that it starts.
BY_TORCHRUN = ("TORCHELASTIC_RUN_ID", "LOCAL_WORLD_SIZE", "WORLD_SIZE", "LOCAL_RANK", "RANK")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's names for settings of its allocator


def pick_device(config: Config) -> torch.device:
    """The configured device; 'auto' takes a GPU where there is one.

    Raises InputError for a GPU that is not there.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        shown = os.environ.get("CUDA_VISIBLE_DEVICES")
        hidden = "" if shown is None else f" (the variable CUDA_VISIBLE_DEVICES is {shown!r})"
        raise InputError(
            f"setting 'device': cuda, but torch finds no CUDA GPU here{hidden}; use auto or cpu"
        )
    if config.device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ["LOCAL_RANK"]) if launched() else 0)


def mixed_precision(config: Config, device: torch.device) -> bool:
    """Whether matrix products are done in bfloat16.

    'auto' says no to processors: those without matrix units for it are slower with it.
    """
    if config.precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return config.precision == "bf16"


def compile_mode(config: Config, device: torch.device) -> str | None:
    """The mode for torch.compile, or None where it is not used.

    'auto' says yes to GPUs, where there are the C compiler and Python's headers that it needs.
    """
    if config.compile != "auto":
        return None if config.compile == "off" else config.compile
    able = shutil.which("cc") and (Path(sysconfig.get_path("include")) / "Python.h").exists()
    return "default" if device.type == "cuda" and able else None


def free_memory(device: torch.device) -> int:
    """Bytes for this process; those that torchrun started on one machine share its memory."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    here = int(os.environ["LOCAL_WORLD_SIZE"]) if launched() else 1
    return psutil.virtual_memory().available // here


def keep_freed_memory(most: int = -1) -> None:
    """Ask Linux's C library not to hand memory back between steps.

    Fetching it anew costs up to as much as the arithmetic. `most` bytes that it keeps, -1 for
    all; left to itself it comes to keep 64 MB.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(M_TRIM_THRESHOLD, most)
        # Its greatest value, in bytes; larger buffers go back at once.
        library.mallopt(M_MMAP_THRESHOLD, 32 << 20)


def hand_back_memory() -> None:
    """Give the memory that `keep_freed_memory` kept to whoever needs it now."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def launched() -> bool:
    """Whether torchrun started this process.

    Clusters, notebook servers and job scripts set some of these variables as well, and they mean
    nothing for mbnb, which starts its processes itself.
    """
    return all(name in os.environ for name in BY_TORCHRUN)


def leads() -> bool:
    """Whether this process is alone, or the first of those that torchrun started."""
    return not launched() or os.environ["RANK"] == "0"


def connect(config: Config) -> "Fabric":
    """This process's place among those that train together; alone, unless torchrun started it."""
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment

    device = pick_device(config)
    here, world = (
        int(os.environ[name]) if launched() else 1 for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE")
    )
    fabric = Fabric(
        accelerator=device.type,
        devices=here if launched() or device.type == "cpu" else [device.index],
        num_nodes=world // here,
        strategy="ddp" if world > 1 else "auto",
        precision="bf16-mixed" if mixed_precision(config, device) else "32-true",
        # Left to itself it looks for SLURM, LSF and MPI, and follows or refuses what it finds.
        plugins=[TorchElasticEnvironment() if launched() else LightningEnvironment()],
    )
    fabric.launch()
    return fabric


def whole_batch(fabric: "Fabric", pooled: Tensor, clips: int) -> Tensor:
    """(B / processes, C) of every `world`-th clip -> (B, C) of all `clips` in their order.

    Gradients find their way back.
    """
    if fabric.world_size == 1:
        return pooled
    most = -(-clips // fabric.world_size)
    padded = F.pad(pooled, (0, 0, 0, most - len(pooled)))
    shares = fabric.all_gather(padded, sync_grads=True)  # (processes, most, C)
    return shares.transpose(0, 1).flatten(0, 1)[:clips]  # (most, processes, C) -> (B, C)

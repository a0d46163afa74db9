"""The training loop that every task shares: one code for CPU and GPU, for one process and several.

A task brings its model, its batches and its loss (`Task`); `fit` prepares, loops over epochs, and
writes. The same seed gives the same result on the same machine, but for rounding on GPUs, whose
fused attention sums in no fixed order.

A run's folder gets `config.yaml`, `environment.json`, `history.csv` and `region_confusion.csv`,
TensorBoard events and `checkpoints/latest.pt` and `best.pt`, all of them whole after every epoch.
Best is the best on people held out from train; test data plays no part.
"""

import dataclasses
import math
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from mbnb import settings
from mbnb.config import OWN_WEIGHTS, Config
from mbnb.data.dataset import DataSet
from mbnb.files import InputError
from mbnb.model.checkpoints import GONE, save_checkpoint, start_from
from mbnb.model.shipped import find_weights
from mbnb.train.history import best_epoch, record_environment
from mbnb.train.optimizers import optimizers_of

if TYPE_CHECKING:  # the first takes two seconds to import, which only training needs
    from lightning_fabric import Fabric
    from torch.utils.tensorboard import SummaryWriter

WARMUP = 0.1  # share of the steps over which the cosine schedule rises
CLIP_GRADIENTS = 1.0  # largest norm of all gradients together
Watcher = Callable[[pd.DataFrame], None]


class Task(Protocol):
    """What one kind of training brings to the loop.

    In every epoch the loop calls `batches`, for each of them `loss`, and then `train_scores`,
    `held_out_scores`, `state` and `write`, in this order.
    """

    model: nn.Module  # on its device
    start: str  # weights to start from, a name that `find_weights` knows; empty: none

    def parts(self, epoch: int) -> list[tuple[range, int]]:
        """What `epoch`, from 1 on, goes through: places of clips, and in how many batches.

        One part after the other; clips of different parts are never in one batch.
        """

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parts of the model with their learning rates, each `name`, `params` and `lr`."""

    def batches(self, order: list[Tensor], rank: int, world: int) -> Iterator[Any]:
        """An epoch's batches; `order` holds the places of the clips of each."""

    def loss(self, engine: nn.Module, batch: Any) -> Tensor:
        """The loss of a batch, by the model as the loop runs it (`engine`)."""

    def train_scores(self) -> dict[str, float]:
        """Of the training clips since the last call."""

    def held_out_scores(self, fabric: "Fabric") -> dict[str, float]:
        """Of people held out from train, `val_…`; empty where there are none."""

    def state(self, fabric: "Fabric", epoch: int, used: bool) -> dict[str, Any]:
        """What a checkpoint holds of the task after `epoch`, from 1 on.

        `used` tells that predictions may be made with this epoch, so it is worth calibrating.
        """

    def resume(self, checkpoint: dict[str, Any]) -> None:
        """Take up what `state` gave."""

    def write(self, epoch: int, history: pd.DataFrame, board: "SummaryWriter") -> None:
        """Write the history, and what else the task shows of an epoch."""


class Training:
    """A training under way: what changes with every step."""

    def __init__(
        self,
        task: Task,
        config: Config,
        data: DataSet,
        fabric: "Fabric",
        checkpoint: dict[str, Any],
    ):
        self.task, self.config, self.data, self.fabric = task, config, data, fabric
        self.fingerprint = data.fingerprint()
        if checkpoint:
            check_same_training(config.folder.latest, checkpoint, config, self.fingerprint)
        elif task.start:
            told = start_from(find_weights(task.start), task.model, config)
            if task.start in OWN_WEIGHTS:
                told = f"starting from {task.start}, weights that come with mbnb"
            if fabric.is_global_zero:
                print(told)
        freeze(config, task.model)
        self.groups = task.parameter_groups()
        moving = [group for group in self.groups if group["params"]]
        if not moving:
            raise InputError(f"setting 'freeze': {config.freeze} leaves nothing to train")
        optimizers = optimizers_of(task.model, moving, config)
        self.steps = [sum(n for _, n in task.parts(1 + i)) for i in range(config.epochs)]
        self.rate = partial(learning_rate, ends=np.cumsum(self.steps).tolist(), config=config)
        self.schedules = [torch.optim.lr_scheduler.LambdaLR(one, self.rate) for one in optimizers]
        self.history: list[dict[str, float]] = []
        if checkpoint:
            task.model.load_state_dict(checkpoint["model"])
            for optimizer, schedule, state in zip(
                optimizers, self.schedules, checkpoint["optimizers"]
            ):
                optimizer.load_state_dict(state["optimizer"])
                schedule.load_state_dict(state["schedule"])
            self.history = checkpoint["history"]
            task.resume(checkpoint)
        train, val = data.splits["train"], data.splits.get("val")
        self.learned = {
            "data": data.root.name,
            "simulated": data.simulated,
            "clips": len(train),
            "people": len(set(train.subjects)),
            "held_out": len(set(val.subjects)) if val else 0,
            "started_from": PurePath(task.start).name,
        }
        self.engine, *self.optimizers = fabric.setup(task.model, *optimizers)

    def epoch(self, epoch: int, bar: tqdm) -> dict[str, float]:
        """Train on every clip once; returns the row of the history of `epoch`, from 1 on."""
        # Every epoch has its own seed, so that a resumed training draws what an unbroken one draws.
        torch.manual_seed(self.config.seed * 100_003 + epoch - 1)
        task, began = self.task, time.perf_counter()
        task.model.train()
        factor = self.rate(self.schedules[0].last_epoch)
        rates = {g["name"]: g["lr"] * factor if g["params"] else 0.0 for g in self.groups}
        losses, norms = [], []
        # Batches of nearly equal size: a last batch of a single clip would break BatchNorm.
        order, clips = [], 0
        for places, steps in task.parts(epoch):
            order += (places.start + torch.randperm(len(places))).tensor_split(steps)
            clips += len(places)
        for batch in task.batches(order, self.fabric.global_rank, self.fabric.world_size):
            loss = task.loss(self.engine, batch)
            norms.append(self._step(loss))
            losses.append(loss.detach())
            bar.update()
        mean = torch.stack(losses).mean().item()
        if not math.isfinite(mean):
            raise InputError(
                f"the loss became {mean} in epoch {epoch}: lower lr_backbone and lr_head"
            )
        means = zip(self.groups, torch.stack(norms).mean(0).tolist())
        return (
            {"epoch": epoch, "train_loss": mean}
            | task.train_scores()
            | {f"lr_{name}": rate for name, rate in rates.items()}
            | {f"grad_norm_{group['name']}": norm for group, norm in means}
            | {"clips_per_second": clips / (time.perf_counter() - began)}
        )

    def _step(self, loss: Tensor) -> Tensor:
        """Move the weights; returns the norm of each group's gradients, on the device."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        norms = [gradient_norm(group["params"], loss.device) for group in self.groups]
        if not self.config.parity:
            nn.utils.clip_grad_norm_(self.task.model.parameters(), CLIP_GRADIENTS)
        for optimizer, schedule in zip(self.optimizers, self.schedules):
            optimizer.step()
            schedule.step()
        return torch.stack(norms)

    def save(self, best: int, state: dict[str, Any]) -> None:
        """Write `latest.pt`, and `best.pt` where the last epoch is the `best` so far."""
        folder, model, classes = self.config.folder, self.task.model, self.data.classes
        state = {
            "epoch": len(self.history),
            "history": self.history,
            "best_epoch": best,
            "fingerprint": self.fingerprint,
            "skeleton": self.data.skeleton.name,
            "learned": self.learned,
        } | state
        if best == len(self.history):
            save_checkpoint(folder.best, model, self.config, classes, **state)
        state["optimizers"] = [
            {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            for optimizer, schedule in zip(self.optimizers, self.schedules)
        ]
        save_checkpoint(folder.latest, model, self.config, classes, **state)


def fit(
    task: Task,
    config: Config,
    data: DataSet,
    fabric: "Fabric",
    checkpoint: dict[str, Any],
    on_epoch: Watcher | None = None,
) -> pd.DataFrame:
    """Train a task and return its history, a row an epoch; `on_epoch` sees the history so far.

    `checkpoint` is the run's latest, empty at the beginning.
    """
    training = Training(task, config, data, fabric, checkpoint)
    start, leads = len(training.history), fabric.is_global_zero
    if start >= config.epochs:
        if leads:
            print(
                f"{config.run} has its {config.epochs} epochs already, so nothing is trained: give "
                f"more epochs, another run, or resume: false to start afresh"
            )
        return pd.DataFrame(training.history)
    if leads:
        record_environment(config, data)
    with (
        board_of(config, start, leads) as board,
        tqdm(
            total=sum(training.steps),
            initial=sum(training.steps[:start]),
            desc="training",
            unit="step",
            mininterval=1.0,
            disable=not leads,
        ) as bar,
    ):
        for epoch in range(start + 1, config.epochs + 1):
            began = time.perf_counter()
            row = training.epoch(epoch, bar) | task.held_out_scores(fabric)
            training.history.append(row | {"seconds": time.perf_counter() - began})
            history = pd.DataFrame(training.history)
            # Predictions are made with the best and the last epoch, so these are calibrated.
            best = best_epoch(history)
            state = task.state(fabric, epoch, used=epoch in (best, config.epochs))
            if leads:
                training.save(best, state)
                task.write(epoch, history, board)
                _show(board, bar, training.history[-1])
                if on_epoch:
                    on_epoch(history)
    return pd.DataFrame(training.history)


def board_of(config: Config, start: int, leads: bool) -> AbstractContextManager:
    """TensorBoard's events from epoch `start` on, written by the process that `leads` alone."""
    if not leads:
        return nullcontext()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(config.folder.tensorboard, purge_step=start)


def _show(board: "SummaryWriter", bar: tqdm, row: dict[str, float]) -> None:
    """An epoch's row, for TensorBoard and for who watches the bar."""
    for key, value in row.items():
        board.add_scalar(key.replace("_", "/", 1), value, row["epoch"])
    board.flush()
    shown = ("train_loss", "train_top1", "val_top1", "val_error")
    bar.set_postfix({key: f"{row[key]:.3f}" for key in shown if key in row}, refresh=False)


def freeze(config: Config, model: nn.Module) -> None:
    """Keep the weights whose names begin as `config.freeze` says.

    Raises InputError for a beginning that no name has.
    """
    names = [name for name, _ in model.named_parameters()]
    unknown = [start for start in config.freeze if not any(n.startswith(start) for n in names)]
    if unknown:
        beginnings = sorted({name.split(".")[0] + "." for name in names})
        raise InputError(
            f"setting 'freeze': no weight's name begins with {' or '.join(map(repr, unknown))}; "
            f"they begin with {' or '.join(beginnings)}"
        )
    for name, parameter in model.named_parameters():
        if any(name.startswith(start) for start in config.freeze):
            parameter.requires_grad = False


def learning_rate(step: int, ends: Sequence[int], config: Config) -> float:
    """The learning rates' factor at a step; `ends` are the steps done at the end of each epoch.

    A rise and a cosine's fall to zero; in the parity recipe times `lr_decay` after every epoch.
    """
    if config.parity:
        return config.lr_decay ** bisect_right(ends, step)
    total = ends[-1]
    rise = WARMUP * total
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(total - rise, 1))))


def gradient_norm(parameters: list[nn.Parameter], device: torch.device) -> Tensor:
    """The norm of all their gradients together, 0 where there are none; it stays on `device`."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return nn.utils.get_total_norm(gradients) if gradients else torch.zeros((), device=device)


def check_same_training(
    path: Path, content: dict[str, Any], config: Config, fingerprint: str
) -> None:
    """Raise InputError where a checkpoint belongs to other settings or other data."""
    now, then = dataclasses.asdict(config), content.get("config", {})
    free = settings.free_to_change(Config)
    differences = [
        f"{key} {then[key]!r} there, {now[key]!r} now"
        for key in now
        if key not in free and key in then and then[key] != now[key]
    ]
    if content.get("fingerprint") != fingerprint:
        differences.append("other data")
    if "optimizers" not in content or any(key.startswith(GONE) for key in content["model"]):
        differences.append("an earlier version, whose model had parts that are gone")
    if differences:
        raise InputError(
            f"{path} belongs to another training: {'; '.join(differences)}. Choose another name "
            f"with the setting run, or start afresh with resume: false"
        )

"""The training loop that every task shares: one code for CPU and GPU, for one process and several.

A task brings its model, its batches and its loss (`Task`); `fit` prepares, loops over epochs, and
writes. The same seed gives the same result on the same machine, but for rounding on GPUs, whose
fused attention sums in no fixed order. A training that was broken off at any moment goes on from
its last point (`train.resume`) and ends with the bits of an unbroken one.

A run's folder gets `config.yaml`, `environment.json`, `history.csv` and `region_confusion.csv`,
TensorBoard events and `checkpoints/latest.pt` and `best.pt`, all of them whole after every epoch.
Best is the best on people held out from train; test data plays no part.
"""

import math
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from mbnb.config import OWN_WEIGHTS, Config
from mbnb.data.dataset import DataSet
from mbnb.files import InputError
from mbnb.model.checkpoints import save_checkpoint, start_from
from mbnb.model.shipped import find_weights
from mbnb.train.history import best_epoch, read_history, record_environment
from mbnb.train.optimizers import optimizers_of
from mbnb.train.resume import KEPT, forget_points, make_latest, point_of
from mbnb.train.stopping import Stopped, Wish
from mbnb.train.trouble import LOOKED_AT, check_losses, memory_is_full

if TYPE_CHECKING:  # the first takes two seconds to import, which only training needs
    from lightning_fabric import Fabric
    from torch.utils.tensorboard import SummaryWriter

WARMUP = 0.1  # share of the steps over which the cosine schedule rises
CLIP_GRADIENTS = 1.0  # largest norm of all gradients together
TOGETHER = 32  # steps after which several processes agree whether to write a point
CHECKED = {"cpu": 1, "cuda": 16}  # steps after which losses are looked at; a GPU waits for it
Watcher = Callable[[pd.DataFrame], None]


class Task(Protocol):
    """What one kind of training brings to the loop.

    In every epoch the loop calls `batches`, for each of them `loss`, and then `train_scores`,
    `held_out_scores`, `state` and `write`, in this order. What `loss` wants to keep of an epoch's
    batches it appends to lists in `collected`, as tensors with a dimension to join them along. The
    loop empties it, and a training that goes on in the middle of an epoch finds it as it was.
    """

    model: nn.Module  # on its device
    start: str  # weights to start from, a name that `find_weights` knows; empty: none
    collected: defaultdict[str, list[Tensor]]
    piles_up: bool  # what an epoch does to clips stays with them in the next ones

    def parts(self, epoch: int) -> list[tuple[range, int]]:
        """What `epoch`, from 1 on, goes through: places of clips, and in how many batches.

        One part after the other; clips of different parts are never in one batch.
        """

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parts of the model with their learning rates, each `name`, `params` and `lr`."""

    def batches(self, order: list[Tensor], rank: int, world: int) -> Iterator[Any]:
        """An epoch's batches; `order` holds the places of the clips of each."""

    def clips_in(self, step: int) -> list[str]:
        """Names of the clips in a batch of this epoch, from 0 on; of windows their clips'."""

    def loss(self, engine: nn.Module, batch: Any) -> Tensor:
        """The loss of a batch, by the model as the loop runs it (`engine`)."""

    def train_scores(self) -> dict[str, float]:
        """Of the training clips since the last call."""

    def held_out_scores(self, fabric: "Fabric") -> dict[str, float]:
        """Of people held out from train, `val_…`; empty where there are none."""

    def told(self) -> dict[str, Any]:
        """What a checkpoint holds of the task at any time."""

    def state(self, fabric: "Fabric", epoch: int, used: bool) -> dict[str, Any]:
        """What `told` gives, and what is to be known of the task after `epoch`, from 1 on.

        `used` tells that predictions may be made with this epoch, so it is worth calibrating.
        """

    def resume(self, checkpoint: dict[str, Any]) -> None:
        """Take up what `state` gave."""

    def write(self, epoch: int, history: pd.DataFrame, board: "SummaryWriter") -> None:
        """Write the history, and what else the task shows of an epoch."""

    def doubts(self) -> list[str]:
        """What the answers of the last epoch give reason to doubt, to be said at the end."""


class Training:
    """A training under way: what changes with every step."""

    def __init__(
        self,
        task: Task,
        config: Config,
        data: DataSet,
        fabric: "Fabric",
        checkpoint: dict[str, Any],
        wish: Wish | None = None,
    ):
        self.task, self.config, self.data, self.fabric = task, config, data, fabric
        self.fingerprint = data.fingerprint()
        self.wish, self.saved, self.first_loss = wish or Wish(), time.monotonic(), math.nan
        if not checkpoint and task.start:
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
        self.within: dict[str, Any] = {}
        if checkpoint:
            self._take_up(checkpoint, optimizers)
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

    def _take_up(self, checkpoint: dict[str, Any], optimizers: list[torch.optim.Optimizer]) -> None:
        """Go on as `save` and `save_within` left it."""
        self.task.model.load_state_dict(checkpoint["model"])
        for optimizer, schedule, state in zip(optimizers, self.schedules, checkpoint["optimizers"]):
            optimizer.load_state_dict(state["optimizer"])
            schedule.load_state_dict(state["schedule"])
            for group, rate in zip(optimizer.param_groups, schedule.base_lrs):
                group["lr"] = rate * self.rate(schedule.last_epoch)  # lr_factor may be another one
        self.history = checkpoint["history"]
        self.within = checkpoint.get("within", {})
        if self.within and self.within["steps"] != [*self.steps, 0][len(self.history)]:
            then = checkpoint["config"]["epochs"]
            raise InputError(
                f"{self.config.run} stopped in an epoch of {self.within['steps']} steps, which has "
                f"others by the setting epochs {self.config.epochs}: finish with epochs {then}"
            )
        self.first_loss = checkpoint.get("first_loss", math.nan)
        self.task.resume(checkpoint)
        if self.task.piles_up:
            for epoch in range(1, len(self.history) + 1):
                for _ in self._batches(epoch):
                    pass

    def _batches(self, epoch: int) -> Iterator[Any]:
        """The batches of `epoch`, from 1 on.

        They are drawn from random numbers of their own, which what the model draws does not touch,
        so that those before a break can be drawn again without the model.
        """
        # Every epoch has its own seed, so that a resumed training draws what an unbroken one draws.
        torch.manual_seed(self.config.seed * 100_003 + epoch - 1)
        # Batches of nearly equal size: a last batch of a single clip would break BatchNorm.
        order = []
        for places, steps in self.task.parts(epoch):
            order += (places.start + torch.randperm(len(places))).tensor_split(steps)
        batches = self.task.batches(order, self.fabric.global_rank, self.fabric.world_size)
        batches, drawn, is_first = iter(batches), torch.get_rng_state(), True
        while True:
            of_model = torch.get_rng_state()
            torch.set_rng_state(drawn)
            batch = next(batches, None)
            drawn = torch.get_rng_state()
            if not is_first:
                torch.set_rng_state(of_model)
            if batch is None:
                return
            is_first = False
            yield batch

    def epoch(self, epoch: int, bar: tqdm) -> dict[str, float]:
        """Train on every clip once; returns the row of the history of `epoch`, from 1 on."""
        task, within, self.within = self.task, self.within, {}
        self.began = time.perf_counter() - within.get("seconds", 0.0)
        task.model.train()
        factor = self.rate(sum(self.steps[: epoch - 1]))
        rates = {g["name"]: g["lr"] * factor if g["params"] else 0.0 for g in self.groups}
        task.collected = collected = defaultdict(list)
        batches = self._batches(epoch)
        for _ in range(within.get("step", 0)):
            next(batches)
        if within:
            collected |= {name: [values] for name, values in within["collected"].items()}
            self._set_random_states(within["random"])
        for step, batch in enumerate(batches, within.get("step", 0) + 1):
            with memory_is_full(self.config, self.fabric.device):
                loss = task.loss(self.engine, batch)
                collected["loss"].append(loss.detach()[None])
                collected["norms"].append(self._step(loss)[None])
            if step % CHECKED[self.fabric.device.type] == 0:
                self._check(epoch, step)
            bar.update()
            if step < self.steps[epoch - 1]:
                self._save_where_due(step)
        self._check(epoch, self.steps[epoch - 1])
        losses, norms = (torch.cat(collected[name]) for name in ("loss", "norms"))
        means = zip(self.groups, norms.mean(0).tolist())
        clips = sum(len(places) for places, _ in task.parts(epoch))
        return (
            {"epoch": epoch, "train_loss": losses.mean().item()}
            | task.train_scores()
            | {f"lr_{name}": rate for name, rate in rates.items()}
            | {f"grad_norm_{group['name']}": norm for group, norm in means}
            | {"clips_per_second": clips / (time.perf_counter() - self.began)}
        )

    def _check(self, epoch: int, step: int) -> None:
        """Raise InputError where the losses up to `step` of an epoch have gone wrong."""
        losses, norms = (
            torch.cat(self.task.collected[name][-LOOKED_AT:]) for name in ("loss", "norms")
        )
        losses = losses + 0 * norms.sum(1)  # gradients that are no numbers count as such a loss
        if math.isnan(self.first_loss):
            self.first_loss = losses[0].item()
        where = epoch, step - len(losses)
        check_losses(losses, self.first_loss, where, self.task.clips_in, self.data, self.config)

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
        state = self._known() | {"best_epoch": best} | state
        if best == len(self.history):
            save_checkpoint(
                self.config.folder.best, self.task.model, self.config, self.data.classes, **state
            )
        self._save_point(sum(self.steps[: len(self.history)]), state)

    def _save_where_due(self, step: int) -> None:
        """Write a point after `step` of an epoch where it is time to; raises Stopped after one.

        Several processes agree on it now and then, since one alone must not wait for the others.
        """
        if self.fabric.world_size > 1 and step % TOGETHER:
            return
        minutes = self.config.save_minutes
        due = bool(minutes) and time.monotonic() - self.saved >= 60 * minutes
        due, asked = self._any(due), self._any(self.wish.signal)
        if not (due or asked):
            return
        collected = {name: torch.cat(values) for name, values in self.task.collected.items()}
        self._check(len(self.history) + 1, step)  # nothing broken is ever written
        within = {
            "step": step,
            "steps": self.steps[len(self.history)],
            "collected": collected,
            "random": self._random_states(),
            "seconds": time.perf_counter() - self.began,
        }
        if self.fabric.is_global_zero:
            done = sum(self.steps[: len(self.history)]) + step
            best = best_epoch(pd.DataFrame(self.history)) if self.history else 0
            told = self.task.told() | {"best_epoch": best, "within": within}
            self._save_point(done, self._known() | told)
        if asked:
            self._stop(f"step {step} of epoch {len(self.history) + 1}")

    def stop_where_asked(self) -> None:
        """Raise Stopped after an epoch where one of the processes was asked to stop."""
        if self._any(self.wish.signal):
            self._stop(f"epoch {len(self.history)} of {self.config.epochs}")

    def _stop(self, after: str) -> None:
        raise Stopped(
            f"{self.config.run}: stopped after {after}; the same command goes on from there"
        )

    def _any(self, here: object) -> bool:
        """Whether something is so in one of the processes."""
        if self.fabric.world_size == 1:
            return bool(here)
        there = torch.tensor(int(bool(here)), device=self.fabric.device)
        return bool(self.fabric.all_reduce(there, reduce_op="sum"))

    def _known(self) -> dict[str, Any]:
        """What every checkpoint tells of a training besides weights, settings and classes."""
        return {
            "epoch": len(self.history),
            "history": self.history,
            "fingerprint": self.fingerprint,
            "data": self.data.parts(),
            "skeleton": self.data.skeleton.name,
            "learned": self.learned,
            "first_loss": self.first_loss,
        }

    def _save_point(self, steps: int, state: dict[str, Any]) -> None:
        """Write where to go on after so many `steps` of the whole training."""
        folder = self.config.folder
        state["optimizers"] = [
            {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            for optimizer, schedule in zip(self.optimizers, self.schedules)
        ]
        point = point_of(folder, steps)
        save_checkpoint(point, self.task.model, self.config, self.data.classes, **state)
        if "within" not in state:
            make_latest(folder, point)
        forget_points(folder, all_but=KEPT)
        self.saved = time.monotonic()

    def _random_states(self) -> list[Tensor]:
        """The states of all random numbers, a row a process: the processor's, then a GPU's."""
        states = [torch.get_rng_state()]
        if self.fabric.device.type == "cuda":
            states.append(torch.cuda.get_rng_state(self.fabric.device))
        gathered = [self.fabric.all_gather(state.to(self.fabric.device)) for state in states]
        return [state.cpu().reshape(self.fabric.world_size, -1) for state in gathered]

    def _set_random_states(self, states: list[Tensor]) -> None:
        """What `_random_states` gave; of fewer processes then, some of theirs."""
        mine = [state[self.fabric.global_rank % len(state)] for state in states]
        torch.set_rng_state(mine[0])
        if self.fabric.device.type == "cuda" and len(mine) > 1:
            torch.cuda.set_rng_state(mine[1], self.fabric.device)


def fit(
    task: Task,
    config: Config,
    data: DataSet,
    fabric: "Fabric",
    checkpoint: dict[str, Any],
    on_epoch: Watcher | None = None,
    wish: Wish | None = None,
) -> pd.DataFrame:
    """Train a task and return its history, a row an epoch; `on_epoch` sees the history so far.

    `checkpoint` is where the run goes on, empty at the beginning. Raises Stopped after it was asked
    to by `wish`, and InputError where the loss goes wrong or the memory does not suffice.
    """
    training = Training(task, config, data, fabric, checkpoint, wish)
    start, leads = len(training.history), fabric.is_global_zero
    behind = leads and _begin(training, checkpoint)
    if start >= config.epochs and not behind:
        return pd.DataFrame(training.history)
    with (
        board_of(config, start, leads) as board,
        tqdm(
            total=sum(training.steps),
            initial=sum(training.steps[:start]) + training.within.get("step", 0),
            desc="training",
            unit="step",
            mininterval=1.0,
            disable=not leads,
        ) as bar,
    ):
        if behind:
            task.write(start, pd.DataFrame(training.history), board)
        for epoch in range(start + 1, config.epochs + 1):
            row = training.epoch(epoch, bar) | task.held_out_scores(fabric)
            training.history.append(row | {"seconds": time.perf_counter() - training.began})
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
            if epoch < config.epochs:
                training.stop_where_asked()
    if leads and start < config.epochs:
        for doubt in task.doubts():
            print(f"warning: {doubt}")
    return pd.DataFrame(training.history)


def _begin(training: Training, checkpoint: dict[str, Any]) -> bool:
    """Make the run's folder ready to go on; whether its history lacks epochs of the checkpoint."""
    config, start = training.config, len(training.history)
    if start >= config.epochs:
        print(
            f"{config.run} has its {config.epochs} epochs already, so nothing is trained: give "
            f"more epochs, another run, or resume: false to start afresh"
        )
    else:
        record_environment(config, training.data)
    if not checkpoint:
        forget_points(config.folder)
    elif not training.within:
        # A break may have come between a point, `latest.pt` and its row.
        make_latest(config.folder, checkpoint["point"])
    return bool(start) and len(read_history(config.folder)[0]) != start


def board_of(config: Config, start: int, leads: bool) -> AbstractContextManager:
    """TensorBoard's events from epoch `start` on, written by the process that `leads` alone."""
    if not leads:
        return nullcontext()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(config.folder.tensorboard, purge_step=start + 1)


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
        return config.lr_factor * config.lr_decay ** bisect_right(ends, step)
    total = ends[-1]
    rise = WARMUP * total
    if step < rise:
        return config.lr_factor * (step + 1) / (rise + 1)
    fall = math.cos(math.pi * min(1.0, (step - rise) / max(total - rise, 1)))
    return config.lr_factor * 0.5 * (1 + fall)


def gradient_norm(parameters: list[nn.Parameter], device: torch.device) -> Tensor:
    """The norm of all their gradients together, 0 where there are none; it stays on `device`."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return nn.utils.get_total_norm(gradients) if gradients else torch.zeros((), device=device)

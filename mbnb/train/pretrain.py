"""Pretraining: an encoder learns how people move by making good what detectors and sensors spoil.

MotionBERT's (Zhu et al., ICCV 2023), with its losses and their weights; with `synthetic: false` in
the recipe parity it is its training of lifting. Shapes: B windows, F frames, J joints.
"""

import dataclasses
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor, nn

from mbnb.config import Config
from mbnb.data.motion import Motion
from mbnb.devices import compile_mode, connect, keep_freed_memory, whole_batch
from mbnb.files import InputError
from mbnb.model.checkpoints import build_pose_net
from mbnb.prepare.motion import FLAT, MotionRecipe, ParityMotion, Windows
from mbnb.prepare.tracks import FlatTracks, ParityTracks
from mbnb.settings import say_once
from mbnb.train.contrast import contrast_loss
from mbnb.train.history import write_history
from mbnb.train.loop import Watcher
from mbnb.train.pose_losses import WEIGHTS, position_loss, total_loss, weighted_2d_loss
from mbnb.train.resume import points_of
from mbnb.train.start import start

if TYPE_CHECKING:  # it takes two seconds to import, which only training needs
    from lightning_fabric import Fabric

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

# With MotionBERT's 20 for velocities a small network predicts for long that nobody moves.
CALMER = WEIGHTS | {"velocity": 4.0}
PACE_STEPS = 8  # by which it is told how long an epoch takes


def pretrain(
    config: Config,
    data: Motion,
    on_epoch: Watcher | None = None,
    network: Callable[[int], nn.Module] | None = None,
    seconds: float = 0.0,
) -> pd.DataFrame:
    """Pretrain the configured backbone and return its history, a row an epoch.

    As `train.action.train` otherwise: resumable, in several processes, watched by `on_epoch`.
    `network` makes another network of the number of joints (`baselines.lifters`), which is trained
    on windows without depth alone and by positions alone. `seconds` stands for as many epochs as
    take about so long here, which are counted once, when the training begins.
    """
    clips = data.splits["train"]
    if len(clips) < 2:
        raise InputError(f"{data.root}: expected at least 2 clips in train, found {len(clips)}")
    windows = len(recipe_of(config, data, "train", torch.device("cpu")))
    task = partial(PretrainTask, network=network)
    if seconds:
        begun = config.resume and bool(points_of(config.folder))
        epochs = 0 if begun else _epochs_in(seconds, task, config, data, windows)
        config = dataclasses.replace(config, epochs=epochs)
    return start(task, config, data, windows, on_epoch, command="pretrain")


def recipe_of(
    config: Config,
    data: Motion,
    split: str,
    device: torch.device,
    flat: float = FLAT,
    contrast: bool = False,
) -> MotionRecipe | ParityMotion:
    """What is seen of a split; in parity all of it is flat, and there is no contrast."""
    given = data.splits[split], config, data.skeleton, device
    if config.parity:
        return ParityMotion(*given, data.detected)
    return MotionRecipe(*given, flat, contrast)


def _epochs_in(
    seconds: float,
    make_task: Callable[[Config, Motion, "Fabric", int], "PretrainTask"],
    config: Config,
    data: Motion,
    windows: int,
) -> int:
    """How many epochs take `seconds`, by the pace of a network that is let go after some steps."""
    fabric, steps = connect(config), math.ceil(windows / config.batch_size)
    torch.manual_seed(config.seed)
    task = make_task(config, data, fabric, steps)
    model, optimizer = fabric.setup(task.model, torch.optim.AdamW(task.model.parameters()))
    order = [torch.randperm(windows)[: math.ceil(windows / steps)] for _ in range(PACE_STEPS)]
    times = [time.perf_counter()]
    for batch in task.batches(order, 0, 1):
        fabric.backward(task.loss(model, batch))
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter())
    task.held_out_scores(fabric)
    held_out = time.perf_counter() - times[-1]
    step = (times[-1] - times[PACE_STEPS // 2]) / (PACE_STEPS // 2)  # the first steps are slower
    return max(1, round(seconds / (steps * step + held_out)))


class PretrainTask:
    """A `train.loop.Task`: the true poses behind corrupted ones."""

    def __init__(
        self,
        config: Config,
        data: Motion,
        fabric: "Fabric",
        steps: int,
        network: Callable[[int], nn.Module] | None = None,
    ):
        self.config, self.data, self.steps = config, data, steps
        self.of_other = network is not None  # frame by frame, steady is what does not move at all
        device, joints = fabric.device, len(data.skeleton)
        self.fabric = fabric
        self.contrast = bool(config.contrast) and not network and not config.parity
        model = network(joints) if network else build_pose_net(config, joints, self.contrast)
        self.model = model.to(device)
        self.model.accumulate = config.accumulate  # networks to compare with take a batch whole
        keep_freed_memory()
        mode = compile_mode(config, device)
        if mode and not network:
            backbone = self.model.backbone
            backbone.layer = torch.compile(backbone.layer, mode=mode, dynamic=True)
        self.recipe, self.val_recipe = (
            recipe_of(
                config,
                data,
                split,
                device,
                flat=1.0 if network or config.without_depth else FLAT,
                contrast=split == "train" and self.contrast,
            )
            if split in data.splits
            else ()
            for split in ("train", "val")
        )
        self.size = len(self.recipe)
        self.start = "" if config.init_from == "auto" else config.init_from
        kind = ParityTracks if config.parity else FlatTracks
        self.tracks = []
        for tracks in data.tracks:
            if len(recipe := kind(tracks, config, data.skeleton, device)):
                self.tracks.append(recipe)
            else:
                say_once(f"{tracks.name}: nobody is seen long and well enough to learn from")
        self.order: list[Tensor] = []  # places of the windows of each batch
        self.collected: defaultdict[str, list[Tensor]] = defaultdict(list)
        self.piles_up = False

    def parts(self, epoch: int) -> list[tuple[range, int]]:
        """People with depth alone at first; later all people without depth come before them."""
        with_depth = (range(self.size), self.steps)
        alone = self.config.epochs // 3
        if epoch <= (self.config.pretrain_3d_curriculum if self.config.parity else alone):
            return [with_depth]
        parts, first = [], self.size
        for recipe in self.tracks:
            steps = math.ceil(len(recipe) / self.config.batch_size)
            parts.append((range(first, first := first + len(recipe)), steps))
        return [*parts, with_depth]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """One, the backbone with its head."""
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        return [{"name": "backbone", "params": parameters, "lr": self.config.lr_backbone}]

    def batches(self, order: list[Tensor], rank: int, world: int) -> Iterator[Windows]:
        """Corrupted windows beside their true poses."""
        of_tracks = [index for index in order if index[0] >= self.size]
        self.order = [*of_tracks, *(index for index in order if index[0] < self.size)]
        first = self.size
        for recipe in self.tracks:
            last = first + len(recipe)
            chosen = [index - first for index in order if first <= index[0] < last]
            yield from recipe.training_batches(chosen, rank, world)
            first = last
        chosen = [index for index in order if index[0] < self.size]
        yield from self.recipe.training_batches(chosen, rank, world)

    def clips_in(self, step: int) -> list[str]:
        """Names of the clips that the windows of a batch are of; people without depth have none."""
        names, clip_of = self.data.splits["train"].names, self.recipe.clip_of.tolist()
        places = self.order[step].tolist()
        return [names[clip_of[i]] if i < self.size else f"track window {i}" for i in places]

    def loss(self, engine: nn.Module, batch: Windows) -> Tensor:
        """Of positions, scale and velocities; where no depth is known, of weighted places alone.

        Of another network that of positions, as their authors have it. With twins, it also counts
        that a movement is known again in another style.
        """
        if batch.twins is not None:
            self.model.gather = partial(whole_batch, self.fabric, clips=len(batch.twins.same))
            predicted, vectors = engine(batch.x, batch.twins.x)
            predicted = predicted.float()
            error = position_loss(predicted, batch.true)
            self.collected["errors"].append(error.detach()[None])
            contrast = contrast_loss(vectors.float(), batch.twins.same)
            return total_loss(predicted, batch.true, CALMER) + self.config.contrast * contrast
        predicted = engine(batch.x).float()
        if batch.weight is not None:
            return weighted_2d_loss(predicted, batch.true, batch.weight)
        error = position_loss(predicted, batch.true)
        self.collected["errors"].append(error.detach()[None])
        if self.of_other:
            return error
        return total_loss(predicted, batch.true, WEIGHTS if self.config.parity else CALMER)

    def train_scores(self) -> dict[str, float]:
        """The mean distance of joints, in the unit of the recipe: lengths of a trunk by default."""
        return {"train_error": torch.cat(self.collected["errors"]).mean().item()}

    @torch.no_grad()
    def held_out_scores(self, fabric: "Fabric") -> dict[str, float]:
        """Of people held out, whose windows are corrupted in the same way in every epoch."""
        if not len(self.val_recipe):
            return {}
        order = torch.arange(len(self.val_recipe)).split(self.config.batch_size)
        self.model.eval()
        flat, deep = [], []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for batch in self.val_recipe.training_batches(order):
                error = (self.model(batch.x).float() - batch.true).norm(dim=-1).mean((1, 2))  # (B,)
                flat.append(error[batch.flat])
                deep.append(error[~batch.flat])
        scores = {"val_flat_error": torch.cat(flat), "val_deep_error": torch.cat(deep)}
        both = torch.cat([*flat, *deep])
        return {"val_error": both.mean().item()} | {
            name: values.mean().item() for name, values in scores.items() if len(values)
        }

    def told(self) -> dict[str, Any]:
        """Nothing but what the loop keeps."""
        return {"task": "pretraining"}

    def state(self, fabric: "Fabric", epoch: int, used: bool) -> dict[str, Any]:
        """What `told` gives."""
        return self.told()

    def resume(self, checkpoint: dict[str, Any]) -> None:
        """Nothing to take up."""

    def write(self, epoch: int, history: pd.DataFrame, board: "SummaryWriter") -> None:
        """`history.csv`."""
        write_history(self.config.folder, history)

    def doubts(self) -> list[str]:
        """None."""
        return []

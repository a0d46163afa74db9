"""The training loop: one code for CPU and GPU, the same result for the same seed on the same machine (but for rounding on GPUs, whose fused
attention sums in no fixed order).

A run's folder gets `config.yaml`, `environment.json`, `history.csv` and `region_confusion.csv`, TensorBoard events and `checkpoints/latest.pt`
and `best.pt`, all of them whole after every epoch. Best is the best on people held out from train, seen in one view; test data plays no part.
"""

import contextlib
import dataclasses
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.tensorboard import SummaryWriter
from tqdm.auto import tqdm

from mbnb.baselines.rocket import fit_convolutions
from mbnb.config import Config
from mbnb.data.dataset import DataSet, load
from mbnb.devices import (
    compile_mode,
    connect,
    free_memory,
    keep_freed_memory,
    launched,
    mixed_precision,
    pick_device,
    whole_batch,
)
from mbnb.files import ROOT, InputError, replacing, write_text
from mbnb.model.checkpoints import (
    CONVOLUTIONS,
    build_model,
    load_weights,
    read_checkpoint,
    save_checkpoint,
    weights_of,
)
from mbnb.model.dstformer import ActionNet
from mbnb.people.handedness import learn_handedness, say_who
from mbnb.people.quota import learn_quota
from mbnb.prepare.recipes import DefaultRecipe, ParityRecipe, make_recipe
from mbnb.scores.calibration import fit_temperature, log_loss, person_shift
from mbnb.scores.metrics import confusion, score

# Settings that the weights do not depend on.
AFTER_TRAINING = (
    "checkpoint_choice",
    "bootstraps",
    "views",
    "convolutions",
    "adapt",
    "quota",
    "scored",
    "reject",
    "explained",
    "against",
)
# Settings that may differ between a training and its continuation.
FREE_TO_CHANGE = AFTER_TRAINING + (
    "run",
    "outputs",
    "data_root",
    "checkpoint",
    "videos",
    "video_labels",
    "epochs",
    "resume",
    "device",
    "devices",
    "precision",
    "compile",
    "clips_on",
    "recipes",
)
STEPS, EPOCHS = (
    3600,
    24,
)  # where `epochs` is 0: as many epochs as make these steps, but at least these
REGION_COLUMNS = ["epoch", "split", "true", "predicted", "clips"]  # of region_confusion.csv
KEEP_SHARE = {
    "cpu": 0.125,
    "cuda": 0.5,
}  # of the free memory, for what a step keeps for its gradients; the rest is computed again


def record_environment(config: Config, data: DataSet) -> None:
    """Write what a run needs to be repeated: config.yaml, and environment.json with versions, device and data fingerprint."""
    config.save(config.folder.config)
    packages = (
        "mbnb",
        "torch",
        "numpy",
        "scipy",
        "scikit-learn",
        "pandas",
        "matplotlib",
        "papermill",
        "mediapipe",
        "av",
    )
    versions = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    environment = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": versions,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        "processes": config.devices,
        "data": {
            "name": data.root.name,
            "fingerprint": data.fingerprint(),
            "simulated": data.simulated,
            "known_people": data.known_people,
            "clips": {split: len(clips) for split, clips in data.splits.items()},
            "notes": list(data.notes),
        },
        "seeds": {"seed": config.seed, "simulated_seed": config.simulated_seed},
    }
    write_text(config.folder.environment, json.dumps(environment, indent=2) + "\n")


def make_fast(model: ActionNet, config: Config, device: torch.device) -> None:
    """Compile the model where that pays, and let its training keep no more for its gradients than the device's memory bears."""
    keep_freed_memory()
    if mode := compile_mode(config, device):
        # One graph for all layers and lengths: it is ready in the time of one layer, and what lies around the layers is little work.
        model.backbone.layer = torch.compile(model.backbone.layer, mode=mode, dynamic=True)
    model.keep_tokens = (
        free_memory(device) * KEEP_SHARE[device.type] / model.backbone.bytes_per_token
    )


@torch.no_grad()
def embed_view(
    model: ActionNet,
    recipe: DefaultRecipe | ParityRecipe,
    config: Config,
    view: dict,
    people: Sequence[str] | None = None,
    fabric: Fabric | None = None,
    done: Callable[[int], object] = lambda clips: None,
) -> Tensor:
    """(N, hidden_dim) what the logits of all clips of a recipe are made of in this view, in their order; with `people` (N names) less what is
    a person's own way (`calibration.person_shift`). Processes that train together share the work; `done` hears how many clips were added."""
    model.eval()
    model.gather = None
    device = next(model.parameters()).device
    rank, world = (fabric.global_rank, fabric.world_size) if fabric else (0, 1)
    order = recipe.frames_of.argsort(
        stable=True
    )  # clips of one length stand together, so that nothing is padded
    batches = order.split(config.batch_size * 4)
    found = {}
    with torch.autocast(device.type, torch.bfloat16, enabled=mixed_precision(config, device)):
        for i, parts in zip(
            range(rank, len(batches), world), recipe.test_batches(batches[rank::world], **view)
        ):
            found[i] = model(parts, embed=True).float().cpu()
            done(len(batches[i]) * world)
    if world > 1:
        everyone = [None] * world
        torch.distributed.all_gather_object(everyone, found)
        found = {i: part for other in everyone for i, part in other.items()}
    embedded = torch.cat([found[i] for i in range(len(batches))])[order.argsort()]
    if people is not None:
        classes = model.head.sizes[0]
        answers = _answers(model, recipe, embedded, view)[:, :classes].argmax(1)
        embedded = embedded - torch.as_tensor(
            person_shift(
                embedded.numpy(), people, answers, classes, model.head.bn.running_mean.cpu().numpy()
            )
        )
    return embedded


@torch.no_grad()
def predict_batches(
    model: ActionNet,
    recipe: DefaultRecipe | ParityRecipe,
    config: Config,
    description: str = "",
    fabric: Fabric | None = None,
    people: Sequence[str] | None = None,
) -> np.ndarray:
    """Probabilities (N, C) of all clips of a recipe, in their order, behind them those of the regions (N, C + R) where the model
    tells them; with `config.views` the means over several crops, and with `people` (N names) less what is a person's own way
    (`calibration.person_shift`). Processes that train together share the work."""
    rank = fabric.global_rank if fabric else 0
    views = recipe.views(config.views)
    total = 0
    with tqdm(
        total=len(recipe) * len(views),
        desc=description,
        unit="clip",
        delay=2,
        mininterval=0.5,
        leave=False,
        disable=not description or rank > 0,
    ) as bar:
        for view in views:
            total = total + _answers(
                model,
                recipe,
                embed_view(model, recipe, config, view, people, fabric, bar.update),
                view,
            ) / len(views)
    return total


def _answers(
    model: ActionNet, recipe: DefaultRecipe | ParityRecipe, embedded: Tensor, view: dict
) -> np.ndarray:
    """The probabilities (N, C + R) of what `model` embedded in this view."""
    seen, mirrored, regions = (
        part.softmax(-1)
        for part in model.head.answer(embedded.to(model.head.fc2.weight.device)).split(
            model.head.sizes, dim=-1
        )
    )
    if view.get("mirrored"):
        seen = mirrored if mirrored.numel() else seen[:, recipe.mirror]
        regions = regions[:, recipe.region_mirror] if regions.numel() else regions
    return torch.cat([seen, regions], dim=-1).cpu().numpy()


def train(
    config: Config, data: DataSet, on_epoch: Callable[[pd.DataFrame], None] | None = None
) -> pd.DataFrame:
    """Train the configured model and return its history, a row an epoch; `on_epoch` sees the history so far.

    Goes on from `checkpoints/latest.pt` of the run where there is one, as if there had been no break. Raises InputError
    where that file belongs to other settings or other data. With `config.devices` processes of its own where there are several.
    """
    if config.method != "dstformer":
        raise InputError(f"setting 'method': {config.method} has nothing to train; evaluate it")
    train_clips, val_clips = data.splits.get("train"), data.splits.get("val")
    if train_clips is None or len(train_clips) < 2:
        raise InputError(
            f"{data.root}: expected at least 2 clips in train, found {len(train_clips or [])}"
        )
    steps = math.ceil(len(train_clips) / config.batch_size)
    latest = config.folder.latest
    begun = read_checkpoint(latest) if config.resume and latest.exists() else {}
    if not config.epochs:
        config = dataclasses.replace(
            config,
            epochs=begun.get("config", {}).get("epochs") or max(EPOCHS, round(STEPS / steps)),
        )
    processes = int(os.environ["WORLD_SIZE"]) if launched() else config.devices
    if len(train_clips) // steps < processes:
        raise InputError(
            f"setting 'devices': {processes} processes cannot share batches of {len(train_clips) // steps} clips"
        )
    if config.devices > 1 and not launched():
        if pick_device(config).type == "cuda" and config.devices > torch.cuda.device_count():
            raise InputError(
                f"setting 'devices': {config.devices}, but torch finds {torch.cuda.device_count()} CUDA GPUs here"
            )
        return _train_in_processes(config, data, on_epoch)
    fabric = connect(config)
    device = fabric.device
    torch.manual_seed(config.seed)
    mirrored = config.flip and config.mirror_classes and not data.classes.mirror
    model = build_model(
        config,
        len(data.classes),
        len(data.skeleton),
        mirrored=mirrored,
        regions=len(data.classes.region_names) if config.region_weight else 0,
    ).to(device)
    if config.init_from:
        print(
            f"{config.init_from}:",
            load_weights(
                model, weights_of(read_checkpoint(ROOT / config.init_from), config.init_from)
            ),
        )
    unknown = [
        start
        for start in config.freeze
        if not any(name.startswith(start) for name, _ in model.named_parameters())
    ]
    if unknown:
        raise InputError(
            f"setting 'freeze': no weight's name begins with {' or '.join(map(repr, unknown))}; they begin with backbone. or head."
        )
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not any(name.startswith(start) for start in config.freeze)
    model.backbone.head.requires_grad_(False)  # it would give poses, and no action depends on it
    groups = [
        {"params": [p for p in part.parameters() if p.requires_grad], "lr": lr}
        for part, lr in ((model.backbone, config.lr_backbone), (model.head, config.lr_head))
    ]
    if not any(group["params"] for group in groups):
        raise InputError(f"setting 'freeze': {config.freeze} leaves nothing to train")
    optimizer = torch.optim.AdamW(
        [group for group in groups if group["params"]], weight_decay=config.weight_decay, fused=True
    )
    in_mirror, handedness = None, None
    if mirrored and config.handedness and data.known_people:
        in_mirror, handedness = learn_handedness(train_clips, data.skeleton, len(data.classes))
    if fabric.is_global_zero:
        say_who(train_clips, in_mirror)
    quota = (
        learn_quota(train_clips.labels, train_clips.subjects, len(data.classes))
        if data.known_people
        else None
    )
    recipe = make_recipe(
        train_clips, config, data.skeleton, data.classes, device, training=True, in_mirror=in_mirror
    )
    val_recipe = None
    if val_clips and val_clips.labelled:
        val_in_mirror = handedness.find(val_clips, data.skeleton) if handedness else None
        val_recipe = make_recipe(
            val_clips, config, data.skeleton, data.classes, device, in_mirror=val_in_mirror
        )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps, config))

    history, regions = [], {}
    fingerprint = data.fingerprint()
    if begun:
        _check_same_training(latest, begun, config, fingerprint)
        model.load_state_dict(begun.get("raw", begun["model"]))
        optimizer.load_state_dict(begun["optimizer"])
        schedule.load_state_dict(begun["schedule"])
        history, regions = begun["history"], begun.get("regions", {})
    average = None
    if config.ema:
        average = AveragedModel(
            model, multi_avg_fn=get_ema_multi_avg_fn(config.ema), use_buffers=True
        )
        if history:
            average.module.load_state_dict(begun["model"])
            average.n_averaged += 1
    evaluated = average.module if average else model

    def held_out(views: int) -> np.ndarray:
        changed = dataclasses.replace(config, views=views)
        return predict_batches(
            evaluated,
            val_recipe,
            changed,
            fabric=fabric,
            people=val_clips.subjects if config.adapt else None,
        )[:, : len(data.classes)]

    make_fast(model, config, device)
    engine, stepper = fabric.setup(model, optimizer)
    start = len(history)
    if start < config.epochs and fabric.is_global_zero:
        record_environment(config, data)
    elif fabric.is_global_zero:
        print(
            f"{config.run} has its {config.epochs} epochs already, so nothing is trained: give more epochs, another run, or resume: false to start afresh"
        )
    beside = latest.with_name(CONVOLUTIONS)
    if fabric.is_global_zero and not begun:
        beside.unlink(missing_ok=True)  # of a training that this one takes the place of

    def convolve() -> None:
        if len(train_clips) <= config.convolutions and not beside.exists():
            fitted = fit_convolutions(
                train_clips, data.skeleton, len(data.classes), config.seed, config.fps, in_mirror
            )
            with replacing(beside) as part:
                torch.save({"convolutions": fitted.state(), "fingerprint": fingerprint}, part)

    with contextlib.ExitStack() as stack:
        board = (
            stack.enter_context(SummaryWriter(config.folder.tensorboard, purge_step=start))
            if fabric.is_global_zero
            else None
        )
        bar = stack.enter_context(
            tqdm(
                total=config.epochs * steps,
                initial=start * steps,
                desc="training",
                unit="step",
                mininterval=1.0,
                disable=not fabric.is_global_zero,
            )
        )
        if board:
            board.add_text(
                "region_confusion",
                f"true regions from above, predicted ones from the left: {', '.join(data.classes.region_names)}",
                start,
            )
        loop = _Loop(
            fabric, model, engine, average, recipe, stepper, schedule, data, config, steps, bar
        )
        for epoch in range(start, config.epochs):
            began = time.perf_counter()
            scores, true, probabilities = loop.epoch(epoch)
            row = {"epoch": epoch + 1} | scores
            if val_recipe is not None:
                true, probabilities = val_clips.labels, held_out(views=1)
                row |= {"val_loss": log_loss(true, probabilities)} | {
                    f"val_{key}": value
                    for key, value in score(true, probabilities, data.classes).items()
                }
            row["seconds"] = time.perf_counter() - began
            history.append(row)
            best = best_epoch(pd.DataFrame(history))
            # Curves make do with one view; what is kept for use is calibrated for all of them.
            calibrated = None
            if val_recipe is not None and epoch + 1 in (best, config.epochs):
                calibrated = probabilities if config.views == 1 else held_out(config.views)
            region = np.array(data.classes.region_ids)
            counts = confusion(
                region[true], region[probabilities.argmax(1)], len(data.classes.region_names)
            )
            regions[epoch + 1] = counts.tolist()
            if board is None:
                continue
            convolve()  # after the first epoch, so that the training begins at once, but before there is a checkpoint that would lack them
            state = dict(
                epoch=epoch + 1,
                history=history,
                regions=regions,
                fingerprint=fingerprint,
                best_epoch=best,
                skeleton=data.skeleton.name,
                handedness=handedness.state() if handedness else None,
                quota=quota.state() if quota else None,
            )
            if calibrated is not None:
                state["temperature"] = fit_temperature(true, calibrated)
            if best == epoch + 1:
                save_checkpoint(
                    latest.with_name("best.pt"), evaluated, config, data.classes, **state
                )
            state |= {"raw": model.state_dict()} if average else {}
            save_checkpoint(
                latest,
                evaluated,
                config,
                data.classes,
                optimizer=optimizer.state_dict(),
                schedule=schedule.state_dict(),
                **state,
            )
            table = pd.DataFrame(history)
            with (
                replacing(config.folder.history) as part,
                replacing(config.folder.region_confusion) as other,
            ):
                table.to_csv(part, index=False)
                _region_table(
                    regions, "val" if val_recipe else "train", data.classes.region_names
                ).to_csv(other, index=False)
            for key, value in row.items():
                board.add_scalar(key.replace("_", "/", 1), value, epoch + 1)
            shares = counts / counts.sum(1, keepdims=True).clip(1)
            board.add_image(
                "region_confusion",
                np.kron(1 - shares, np.ones((40, 40))),
                epoch + 1,
                dataformats="HW",
            )
            board.flush()
            bar.set_postfix(
                {
                    key: f"{row[key]:.3f}"
                    for key in ("train_loss", "train_top1", "val_top1")
                    if key in row
                },
                refresh=False,
            )
            if on_epoch:
                on_epoch(table)
    if fabric.is_global_zero:
        convolve()  # beside a finished training that had none
    return pd.DataFrame(history)


def _train_in_processes(
    config: Config, data: DataSet, on_epoch: Callable[[pd.DataFrame], None] | None
) -> pd.DataFrame:
    """`train` by torchrun, watched from here; the processes read the data and the settings by themselves."""
    if load(config).fingerprint() != data.fingerprint():
        raise InputError(
            "setting 'devices': several processes read the data themselves, and what data_root holds is not what was given"
        )
    settings, log, rows = (
        config.folder.path / name for name in ("processes.yaml", "processes.log", "history.csv")
    )
    config.save(settings)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={config.devices}",
        "-m",
        "mbnb",
        "train",
        "-f",
        str(settings),
    ]
    with (
        open(log, "w") as file,
        tqdm(
            total=config.epochs, desc=f"training in {config.devices} processes", unit="epoch"
        ) as bar,
        subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=os.environ | {"TQDM_DISABLE": "1"},
        ) as processes,
    ):
        shown, ended = 0, False
        while not ended:
            time.sleep(0.5)
            ended = processes.poll() is not None
            history = pd.read_csv(rows) if rows.exists() else []
            if len(history) > shown and on_epoch:
                on_epoch(history)
            bar.update(len(history) - shown)
            shown = len(history)
    if processes.returncode:
        raise InputError(
            f"training in {config.devices} processes failed; the end of {log}:\n"
            + "\n".join(log.read_text().splitlines()[-20:])
        )
    return pd.read_csv(rows)


def _region_table(
    regions: dict[int, list[list[int]]], split: str, names: tuple[str, ...]
) -> pd.DataFrame:
    """A row for every epoch and pair of regions, from the epochs' confusions (R, R), true by predicted."""
    return pd.DataFrame(
        [
            (epoch, split, true, predicted, clips)
            for epoch, counts in regions.items()
            for true, row in zip(names, counts)
            for predicted, clips in zip(names, row)
        ],
        columns=REGION_COLUMNS,
    )


def best_epoch(history: pd.DataFrame) -> int:
    """The epoch with the highest val top-1, the lower val loss deciding between equals; the last one without val."""
    if "val_top1" not in history:
        return int(history["epoch"].iloc[-1])
    return int(
        history.sort_values(["val_top1", "val_loss"], ascending=[False, True], kind="stable")[
            "epoch"
        ].iloc[0]
    )


@dataclass(frozen=True)
class _Loop:
    """What every epoch of a training works with."""

    fabric: Fabric
    model: ActionNet
    engine: nn.Module
    average: AveragedModel | None
    recipe: DefaultRecipe | ParityRecipe
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    data: DataSet
    config: Config
    steps: int
    bar: tqdm

    def epoch(self, epoch: int) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
        """Train on every clip once; the epoch's row of the history, and of the clips in the order they came the true classes (N,) and logits (N, C)."""
        # Every epoch starts from its own seed, so that a resumed training draws what an unbroken one would have drawn.
        torch.manual_seed(self.config.seed * 100_003 + epoch)
        self.model.train()
        began, losses, logits, labels, norms = time.perf_counter(), [], [], [], []
        rates = self.schedule.get_last_lr()
        # Batches of nearly equal size: a last batch of a single clip would break BatchNorm.
        batches = torch.randperm(len(self.recipe)).tensor_split(self.steps)
        chance = np.random.default_rng(
            (self.config.seed, epoch)
        )  # of its own, so that all processes blend alike
        for parts, y in self.recipe.training_batches(
            batches, self.fabric.global_rank, self.fabric.world_size
        ):
            share = chance.beta(self.config.mixup, self.config.mixup) if self.config.mixup else 1.0
            share = max(share, 1 - share)
            other = torch.as_tensor(chance.permutation(len(y)), device=y.device)
            self.model.gather = partial(_blend, self.fabric, share=share, other=other)
            output = self.engine(parts)
            loss = (
                self._loss(output, y)
                if share == 1
                else share * self._loss(output, y) + (1 - share) * self._loss(output, y[other])
            )
            self.optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(loss)
            norms.append(
                torch.stack(
                    [_gradient_norm(part) for part in (self.model.backbone, self.model.head)]
                )
            )
            if self.config.clip_gradients:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_gradients)
            self.optimizer.step()
            self.schedule.step()
            if self.average:
                self.average.update_parameters(self.model)
            losses.append(loss.detach())
            classes = len(self.data.classes)
            seen = output.detach()[:, : sum(self.model.head.sizes[:2])].unflatten(
                -1, (-1, classes)
            )  # (B, 1 or 2, C), the second of mirrored clips
            logits.append(seen[torch.arange(len(y)), y // classes])
            labels.append(y % classes)
            self.bar.update()
        mean = torch.stack(losses).mean().item()
        if not math.isfinite(mean):
            raise InputError(
                f"the loss became {mean} in epoch {epoch + 1}: lower lr_backbone and lr_head"
            )
        backbone, head = torch.stack(norms).mean(0).tolist()
        true, answers = _numpy(labels), _numpy(logits)
        return (
            {"train_loss": mean}
            | {
                f"train_{key}": value
                for key, value in score(true, answers, self.data.classes).items()
            }
            | {
                "lr_backbone": rates[0],
                "lr_head": rates[-1],
                "grad_norm_backbone": backbone,
                "grad_norm_head": head,
                "clips_per_second": len(self.recipe) / (time.perf_counter() - began),
            },
            true,
            answers,
        )

    def _loss(self, output: Tensor, y: Tensor) -> Tensor:
        """Of the logits of all heads against class ids (B,), those of mirrored clips from C on."""
        *sizes, _ = self.model.head.sizes
        logits, regions = output.tensor_split([sum(sizes)], dim=-1)
        loss = F.cross_entropy(
            logits + self.log_prior[: sum(sizes)], y, label_smoothing=self.config.label_smoothing
        )
        if self.config.region_weight:
            loss = loss + self.config.region_weight * F.cross_entropy(
                regions, self.region_ids[y], label_smoothing=self.config.label_smoothing
            )
        return loss

    @cached_property
    def region_ids(self) -> Tensor:
        """(2·C,), for mirrored clips a second time."""
        return torch.tensor(2 * self.data.classes.region_ids, device=self.fabric.device)

    @cached_property
    def log_prior(self) -> Tensor:
        """(2·C,) what logit adjustment adds in training (Menon et al., ICLR 2021): rare classes must win by a margin there."""
        counts = np.bincount(
            self.data.splits["train"].labels, minlength=len(self.data.classes)
        ).clip(1)
        return self.config.balance * torch.as_tensor(
            counts / counts.sum(), dtype=torch.float32, device=self.fabric.device
        ).log().repeat(2)


def _gradient_norm(part: nn.Module) -> Tensor:
    """The norm of all its gradients together, 0 where it is frozen; stays on the device."""
    gradients = [parameter.grad for parameter in part.parameters() if parameter.grad is not None]
    return (
        nn.utils.get_total_norm(gradients) if gradients else next(part.parameters()).new_zeros(())
    )


def _blend(fabric: Fabric, pooled: Tensor, share: float, other: Tensor) -> Tensor:
    """The clips of the whole batch (B, C), each blended with another, of which it keeps `share` (Verma et al., Manifold Mixup, ICML 2019)."""
    pooled = whole_batch(fabric, pooled, len(other))
    return pooled if share == 1 else share * pooled + (1 - share) * pooled[other]


def _numpy(parts: list[Tensor]) -> np.ndarray:
    return (
        torch.cat(parts).float().cpu().numpy()
        if parts[0].is_floating_point()
        else torch.cat(parts).cpu().numpy()
    )


def _rate(step: int, steps: int, config: Config) -> float:
    """The learning rates' factor at a step."""
    if config.schedule == "exponential":
        return config.lr_decay ** (step // steps)
    total = config.epochs * steps
    rise = config.warmup * total
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(total - rise, 1))))


def _check_same_training(path: Path, content: dict, config: Config, fingerprint: str) -> None:
    now, then = dataclasses.asdict(config), content.get("config", {})
    differences = [
        f"{key} {then[key]!r} there, {now[key]!r} now"
        for key in now
        if key not in FREE_TO_CHANGE and key in then and then[key] != now[key]
    ]
    if content.get("fingerprint") != fingerprint:
        differences.append("other data")
    if differences:
        raise InputError(
            f"{path} belongs to another training: {'; '.join(differences)}. Choose another name with the setting run, or start afresh with resume: false"
        )

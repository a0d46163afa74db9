"""A head in closed form on an encoder as it is: what few labelled clips allow, in seconds.

Random kernels look at a clip beside the encoder, which tells more where few people were seen.

Shapes: N clips as often as they were looked at, D what the encoder says of each, C classes.
"""

import dataclasses
import itertools
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from mbnb.baselines.discriminant import fit_discriminant
from mbnb.clips import Clips
from mbnb.config import SETTINGS, Config
from mbnb.data.dataset import DataSet
from mbnb.devices import connect
from mbnb.files import on_disk
from mbnb.model.heads import DiscriminantHead
from mbnb.model.kernels import NO_PAIRS, SAMPLE, Kernels, stretched
from mbnb.model.shipped import starting_weights
from mbnb.scores.calibration import log_loss
from mbnb.settings import say_once
from mbnb.train.history import record_environment
from mbnb.train.loop import Training, Watcher, board_of
from mbnb.train.resume import forget_points, furthest

if TYPE_CHECKING:  # it takes two seconds to import, which only training needs
    from lightning_fabric import Fabric

COPIES = 8  # augmented copies of each clip, beside the clip as it is
MOST = 8_000  # clips and copies; more cost much time and bring little
FEW = 12  # clips of a class in the mean, up to which this is done unasked
UNKNOWN = -30.0  # logit of a class of which there is no clip


def in_closed_form(config: Config, clips: Clips) -> bool:
    """Whether the head for these clips is found in closed form, by the setting `head`."""
    if config.head != "auto":
        return config.head == "discriminant"
    few = len(clips) <= FEW * len(np.unique(clips.labels))
    # Fingers are new to an encoder of 17 joints, which must learn what they tell.
    same_joints = config.skeleton == SETTINGS["skeleton"].default
    return few and same_joints and not config.parity and bool(starting_weights(config))


def train_in_closed_form(
    make_task: Callable[[Config, DataSet, "Fabric", int], Any],
    config: Config,
    data: DataSet,
    on_epoch: Watcher | None = None,
) -> pd.DataFrame:
    """Fit a `DiscriminantHead` on the encoder that the task of actions starts from.

    Writes what a training writes, as its only epoch, in one process. Raises InputError where the
    run's folder holds another training.
    """
    folder = config.folder
    with folder.claimed(), on_disk(folder.path):
        alone = dataclasses.replace(config, devices=1, epochs=1)
        fabric = connect(alone)
        torch.manual_seed(config.seed)
        task = make_task(alone, data, fabric, 1)
        if config.resume:
            furthest(config, data)
        if config.head == "auto":
            say_once(
                f"{len(task.recipe)} clips are few for their classes, so the encoder stays as it "
                "is and the head is found in closed form; -p head learned trains all of it"
            )
        training = Training(task, alone, data, fabric, checkpoint={})
        record_environment(config, data)
        began = time.perf_counter()
        task.model.head.use(draw_kernels(task, config.seed))
        features, labels = encoded(task, config)
        fit_head(task.model.head, features.numpy(), labels.numpy())
        with torch.no_grad():
            logits = task.model.head.classify(features)
        task.model.to(fabric.device)
        task.collected |= {"labels": [labels], "logits": [logits]}
        row = {"epoch": 1, "train_loss": log_loss(labels.numpy(), logits.softmax(-1).numpy())}
        row |= task.train_scores() | task.held_out_scores(fabric)
        training.history = [row | {"seconds": time.perf_counter() - began}]
        history = pd.DataFrame(training.history)
        forget_points(folder)
        training.save(best=1, state=task.state(fabric, 1, used=True))
        with board_of(config, 0, leads=True) as board:
            task.write(1, history, board)
        if on_epoch:
            on_epoch(history)
        return history


@torch.no_grad()
def draw_kernels(task: Any, seed: int) -> Kernels:
    """Random kernels for a task's training clips as they are, and for distances in their bodies.

    Those are between outer joints and the root, where places are among what the network sees first.
    """
    skeleton, config = task.data.skeleton, task.config
    apart = itertools.combinations((*skeleton.outer, len(skeleton)), 2)
    pairs = torch.tensor(list(apart)) if config.streams[0] == "joint" else NO_PAIRS
    rng, size = np.random.default_rng(seed), len(task.recipe)
    sample = torch.as_tensor(rng.choice(size, min(SAMPLE, size), replace=False))
    parts = next(task.recipe.test_batches([sample[task.recipe.frames_of[sample].argsort()]]))
    numbers = config.dim_in // config.patch
    seen = [stretched(part.flatten(0, 1).cpu(), numbers, pairs) for part in parts]
    return Kernels.draw(torch.cat(seen).nan_to_num(), rng, pairs).to(parts[0].device)


@torch.no_grad()
def encoded(task: Any, config: Config) -> tuple[Tensor, Tensor]:
    """What the encoder says of all training clips, (N, D) and their labels (N,).

    They are seen as they are, and in as many augmented copies as there is room for.
    """
    recipe, model = task.recipe, task.model.eval()
    order = recipe.frames_of.argsort(stable=True).split(4 * config.batch_size)
    labels = torch.as_tensor(recipe.clips.labels)
    copies = min(COPIES, MOST // len(recipe))
    features, seen = [], []
    with tqdm(
        total=(1 + copies) * len(order), desc="encoding", unit="batch", delay=2, mininterval=1.0
    ) as bar:
        for index, parts in zip(order, recipe.test_batches(order)):
            features += [pooled(model, part) for part in parts]
            seen.append(labels[index])
            bar.update()
        for copy in range(copies):
            torch.manual_seed(config.seed * 100_003 + copy)
            for parts, of_batch in recipe.training_batches(order):
                features += [pooled(model, part) for part in parts]
                seen.append(of_batch.cpu())
                bar.update()
    return torch.cat(features), torch.cat(seen)


def pooled(model: nn.Module, part: Tensor) -> Tensor:
    """(B, 1, F, J, C) -> (B, D) on the CPU, in pieces that its caches hold."""
    return torch.cat([model.pooled(piece).float().cpu() for piece in part.split(32)])


def fit_head(head: DiscriminantHead, features: np.ndarray, labels: np.ndarray) -> None:
    """Give the head the weights that discriminant analysis finds for features (N, D).

    Features of joints that were not seen are NaN; the head takes what is usual in their place.
    """
    features = features.astype(np.float64)
    if head.usual is not None:
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
            usual = np.nan_to_num(np.nanmean(features, 0))  # of nothing it is 0
        head.usual = torch.tensor(usual, dtype=torch.float32)
        features = np.where(np.isnan(features), usual, features)
    fitted = fit_discriminant(features, labels)
    present, size = np.unique(labels), features.shape[1]
    weight, bias = np.zeros((1, size)), np.zeros(1)
    logit_weight, logit_bias = np.zeros((len(present), 1)), np.zeros(len(present))
    if len(present) > 1:
        _, scaler, components, analysis, _, regression = (step for _, step in fitted.steps)
        # Of scaled clips, which have no mean, the components are sums.
        weight = components.X_fit_.T @ (components.eigenvectors_ / components.eigenvalues_**0.5)
        if analysis != "passthrough":
            weight = weight @ analysis.scalings_[:, : len(present) - 1]
        weight = (weight / scaler.scale_[:, None]).T
        bias = -weight @ scaler.mean_
        logit_weight, logit_bias = regression.coef_, regression.intercept_
        if len(present) == 2:  # of which the regression tells one number
            logit_weight = np.concatenate([-logit_weight, logit_weight]) / 2
            logit_bias = np.concatenate([-logit_bias, logit_bias]) / 2
    classes = head.sizes[0]
    of_all, bias_of_all = np.zeros((classes, len(weight))), np.full(classes, UNKNOWN)
    of_all[present], bias_of_all[present] = logit_weight, logit_bias
    for name, values, offsets in (("fc1", weight, bias), ("fc2", of_all, bias_of_all)):
        layer = nn.Linear(values.shape[1], values.shape[0])
        layer.weight.data = torch.tensor(values, dtype=torch.float32)
        layer.bias.data = torch.tensor(offsets, dtype=torch.float32)
        setattr(head, name, layer)

"""Action recognition: what its training brings to the loop.

Shapes: B clips of a batch, C classes, R regions of the body.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mbnb.config import Config
from mbnb.data.dataset import NEEDS_DEPTH, DataSet
from mbnb.devices import whole_batch
from mbnb.files import InputError
from mbnb.model.checkpoints import build_model
from mbnb.model.fast import make_fast
from mbnb.model.predict import answer_views, embed_views
from mbnb.model.shipped import starting_weights
from mbnb.prepare import ParityRecipe, make_recipe, views_of
from mbnb.scores.calibration import fit_temperature, log_loss
from mbnb.scores.metrics import confusion, score
from mbnb.train.closed_form import in_closed_form, train_in_closed_form
from mbnb.train.contrast import BASE_TEMPERATURE, balanced, contrast_loss
from mbnb.train.history import region_table, write_history
from mbnb.train.loop import Watcher
from mbnb.train.start import start
from mbnb.train.trouble import answers_alike

if TYPE_CHECKING:  # it takes two seconds to import, which only training needs
    from lightning_fabric import Fabric

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def train(config: Config, data: DataSet, on_epoch: Watcher | None = None) -> pd.DataFrame:
    """Train the configured model and return its history, a row an epoch.

    `on_epoch` sees the history so far. Goes on from `checkpoints/latest.pt` of the run where
    there is one, as if there had been no break; with `config.devices` processes of its own where
    there are several. Raises InputError where that file belongs to other settings or other data,
    and where there is nothing to train.
    """
    if config.method != "dstformer":
        raise InputError(f"setting 'method': {config.method} has nothing to train; evaluate it")
    if data.lacks:
        raise InputError(f"{data.root}: {data.lacks}")
    clips = data.splits["train"]
    if data.without_depth and (config.parity or not config.without_depth):
        raise InputError(f"{data.root}: {NEEDS_DEPTH}")
    if in_closed_form(config, clips):
        return train_in_closed_form(ActionTask, config, data, on_epoch)
    task = EmbedTask if config.head == "embed" else ActionTask
    return start(task, config, data, len(clips), on_epoch)


class ActionTask:
    """A `train.loop.Task`: classes of clips, and of the regions of the body beside them."""

    def __init__(self, config: Config, data: DataSet, fabric: "Fabric", steps: int):
        self.config, self.data, self.fabric, self.steps = config, data, fabric, steps
        self.classes, device = data.classes, fabric.device
        train_clips, val_clips = data.splits["train"], data.splits.get("val")
        version = "embed" if config.head == "embed" else "class"
        if in_closed_form(config, train_clips):
            version = "discriminant"
        asked = config.region_weight and version == "class"
        regions = len(self.classes.region_names) if asked else 0
        joints = len(data.skeleton)
        model = build_model(config, len(self.classes), joints, regions, version=version)
        self.model = model.to(device)
        # The backbone's own head would give poses, and no action depends on it.
        self.model.backbone.head.requires_grad_(False)
        make_fast(self.model, config, device)
        mask = version != "embed" and not config.parity and not train_clips.flat
        about = dict(config=config, skeleton=data.skeleton, classes=data.classes, device=device)
        prepare = partial(make_recipe, **about, mask=mask)
        self.recipe = prepare(train_clips, training=True)
        self.val_recipe = None
        if val_clips and val_clips.labelled:
            self.val_recipe = prepare(val_clips)
        if mask:
            self.model.head.expect_missing()
            recipes = self.recipe, self.val_recipe
            self.model.masks = any(one is not None and one.known is not None for one in recipes)
        self.size, self.start = len(self.recipe), starting_weights(config)
        self.region_ids = torch.tensor(self.classes.region_ids, device=device)  # (C,)
        self.regions: dict[int, list[list[int]]] = {}  # (R, R) confusion counts by epoch
        self.order: list[Tensor] = []  # places of the clips of each batch
        self.collected: defaultdict[str, list[Tensor]] = defaultdict(list)
        self.piles_up = type(self.recipe) is ParityRecipe and config.random_move
        self.last: tuple[np.ndarray, np.ndarray] | None = None  # classes, predictions of an epoch

    def parts(self, epoch: int) -> list[tuple[range, int]]:
        """All clips."""
        return [(range(self.size), self.steps)]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Backbone and head, each with its own learning rate."""
        parts = ("backbone", self.config.lr_backbone), ("head", self.config.lr_head)
        return [
            {
                "name": name,
                "params": [p for p in getattr(self.model, name).parameters() if p.requires_grad],
                "lr": rate,
            }
            for name, rate in parts
        ]

    def batches(self, order: list[Tensor], rank: int, world: int) -> Iterator[Any]:
        """Parts of clips, and the labels (B,) of the whole batch."""
        self.order = order
        return self.recipe.training_batches(order, rank, world)

    def clips_in(self, step: int) -> list[str]:
        """Names of the clips in a batch of this epoch."""
        names = self.data.splits["train"].names
        return [names[place] for place in self.order[step].tolist()]

    def loss(self, engine: nn.Module, batch: tuple[list[Tensor], Tensor]) -> Tensor:
        """Cross-entropy of the classes, and of the regions with its weight."""
        parts, labels = batch
        # BatchNorm and the loss want the whole batch, of which each process has its share.
        self.model.gather = partial(whole_batch, self.fabric, clips=len(labels))
        logits, regions = engine(parts).split(self.model.head.sizes, dim=-1)  # (B, C), (B, R)
        smoothing = self.config.label_smoothing
        loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
        if self.config.region_weight:
            regional = F.cross_entropy(regions, self.region_ids[labels], label_smoothing=smoothing)
            loss = loss + self.config.region_weight * regional
        self.collected["labels"].append(labels)
        self.collected["logits"].append(logits.detach())
        return loss

    def train_scores(self) -> dict[str, float]:
        """Of the clips as the model saw them while it learned."""
        labels = torch.cat(self.collected["labels"]).cpu().numpy()
        logits = torch.cat(self.collected["logits"]).float().cpu().numpy()
        self.last = labels, logits.argmax(1)
        return {f"train_{key}": v for key, v in score(labels, logits, self.classes).items()}

    def held_out_scores(self, fabric: "Fabric") -> dict[str, float]:
        """Of people held out from train, in one view: curves make do with it."""
        if self.val_recipe is None:
            return {}
        labels = self.data.splits["val"].labels
        probabilities = self._held_out(fabric, views=1)
        self.last = labels, probabilities.argmax(1)
        scores = score(labels, probabilities, self.classes)
        return {"val_loss": log_loss(labels, probabilities)} | {
            f"val_{key}": value for key, value in scores.items()
        }

    def resume(self, checkpoint: dict[str, Any]) -> None:
        """Confusions of the epochs so far."""
        self.regions = checkpoint.get("regions", {})
        if (usual := checkpoint.get("usual")) is not None:
            self.model.head.usual.copy_(usual)

    def told(self) -> dict[str, Any]:
        """Confusions by region, how long clips usually are, and what the head takes for usual."""
        usual = self.data.splits["train"].usual_length / self.config.fps
        told = {"regions": self.regions, "usual_length": usual}
        mean = self.model.head.usual
        return told if mean is None else told | {"usual": mean.cpu()}

    def state(self, fabric: "Fabric", epoch: int, used: bool) -> dict[str, Any]:
        """What `told` gives, and of an epoch that is used the temperature, in all views."""
        labels, predictions = self.last
        ids = np.array(self.classes.region_ids)
        counts = confusion(ids[labels], ids[predictions], len(self.classes.region_names))
        self.regions[epoch] = counts.tolist()
        state = self.told()
        if used and self.val_recipe is not None:
            probabilities = self._held_out(fabric, self.config.views)
            state["temperature"] = fit_temperature(labels, probabilities)
        return state

    def write(self, epoch: int, history: pd.DataFrame, board: "SummaryWriter") -> None:
        """`history.csv`, `region_confusion.csv`, and a picture of the latter for TensorBoard."""
        split = "train" if self.val_recipe is None else "val"
        table = region_table(self.regions, split, self.classes.region_names)
        write_history(self.config.folder, history, table)
        counts = np.array(self.regions[epoch])
        shares = counts / counts.sum(1, keepdims=True).clip(1)
        picture = np.kron(1 - shares, np.ones((40, 40)))
        board.add_image("region_confusion", picture, epoch, dataformats="HW")
        if epoch == 1:
            names = ", ".join(self.classes.region_names)
            text = f"true regions from above, predicted ones from the left: {names}"
            board.add_text("region_confusion", text, epoch)

    def doubts(self) -> list[str]:
        """Answers that are nearly all alike, and classes that are never answered."""
        return answers_alike(*self.last, self.classes) if self.last else []

    def _held_out(self, fabric: "Fabric", views: int) -> np.ndarray:
        """Probabilities (N, C) of the held-out clips."""
        ways = views_of(self.config, self.classes, views)
        embedded = embed_views(self.model, self.val_recipe, self.config, ways, fabric=fabric)
        return answer_views(self.model, embedded, self.classes, ways)[:, : len(self.classes)]


class EmbedTask(ActionTask):
    """A `train.loop.Task`: unit vectors, of which those of one class stand together (SupCon).

    Batches have `n_views` clips of each of some classes; an epoch is about as long as the set.
    """

    def parts(self, epoch: int) -> list[tuple[range, int]]:
        """All clips; in parity in whole batches."""
        whole = max(1, self.size // self.config.batch_size)
        return [(range(self.size), whole if self.config.parity else self.steps)]

    def batches(self, order: list[Tensor], rank: int, world: int) -> Iterator[Any]:
        """Parts of clips, and the labels (B,) of the whole batch; of `order` the sizes count."""
        sizes = [len(index) for index in order]
        if self.config.parity:
            sizes = [self.config.batch_size] * len(order)
        order = balanced(self.recipe.labels.cpu(), sizes, self.config.n_views)
        return super().batches(order, rank, world)

    def loss(self, engine: nn.Module, batch: tuple[list[Tensor], Tensor]) -> Tensor:
        """What tells a vector's kind from others, see `contrast_loss`."""
        parts, labels = batch
        self.model.gather = partial(whole_batch, self.fabric, clips=len(labels))
        return embed_loss(engine(parts), labels, self.config.temp)

    def train_scores(self) -> dict[str, float]:
        """None but the loss."""
        return {}

    def held_out_scores(self, fabric: "Fabric") -> dict[str, float]:
        """Of people held out: how often the nearest other clip is of the same class."""
        if self.val_recipe is None:
            return {}
        embedded = embed_views(self.model, self.val_recipe, self.config, [{}], fabric=fabric)[0]
        vectors, labels = self.model.head.unit(embedded), self.val_recipe.labels.cpu()
        likeness = (vectors @ vectors.T).fill_diagonal_(-torch.inf)
        top1 = (labels[likeness.argmax(1)] == labels).double().mean().item()
        return {"val_loss": embed_loss(vectors, labels, self.config.temp).item(), "val_top1": top1}

    def resume(self, checkpoint: dict[str, Any]) -> None:
        """Nothing is kept but the weights."""

    def told(self) -> dict[str, Any]:
        """How long clips usually are."""
        return {"usual_length": self.data.splits["train"].usual_length / self.config.fps}

    def state(self, fabric: "Fabric", epoch: int, used: bool) -> dict[str, Any]:
        """What `told` gives."""
        return self.told()

    def write(self, epoch: int, history: pd.DataFrame, board: "SummaryWriter") -> None:
        """`history.csv`."""
        write_history(self.config.folder, history)


def embed_loss(vectors: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """`contrast_loss` of unit vectors (B, D) by their labels (B,), as MotionBERT scales it."""
    return temperature / BASE_TEMPERATURE * contrast_loss(vectors, labels, temperature)

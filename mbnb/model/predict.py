"""Predictions of a network: clips -> features -> probabilities, each clip by itself.

A view is one way to look at a clip: the whole of it, a shorter window, its mirror image.
Probabilities are means over views.

Shapes: N clips, V views, D = hidden_dim, C classes, R regions of the body.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.devices import mixed_precision, pick_device
from mbnb.model.action import ActionNet
from mbnb.model.checkpoints import Trained
from mbnb.prepare import DefaultRecipe, ParityRecipe, make_recipe, views_of
from mbnb.scores.calibration import at_temperature
from mbnb.skeleton import Skeleton

if TYPE_CHECKING:  # it takes two seconds to import, which only training needs
    from lightning_fabric import Fabric

Recipe = DefaultRecipe | ParityRecipe


class Network:
    """A trained model as a predictor.

    Two configurations meet here: the model's own says how clips are prepared, `config` on which
    device it answers and how many views it takes.
    """

    def __init__(self, trained: Trained, skeleton: Skeleton, classes: ClassTable, config: Config):
        self.trained, self.skeleton, self.classes, self.config = trained, skeleton, classes, config
        self.device = pick_device(config)
        self.model = trained.model.to(self.device)
        self.views = views_of(trained.config, classes, config.views)

    def features(self, clips: Clips) -> np.ndarray:
        """(V, N, D) what the logits are made of, in every view."""
        recipe = self._recipe(clips)
        return embed_views(self.model, recipe, self.config, self.views, "predicting").numpy()

    def classify(self, features: np.ndarray) -> np.ndarray:
        """(V, N, D) -> calibrated probabilities (N, C)."""
        probabilities = self._answer(features)[:, : len(self.classes)]
        return at_temperature(probabilities, self.trained.temperature)

    def regions(self, features: np.ndarray) -> np.ndarray | None:
        """(V, N, D) -> probabilities (N, R) of the model's own region head; None without one."""
        probabilities = self._answer(features)[:, len(self.classes) :]
        return probabilities if probabilities.size else None

    def vectors(self, clips: Clips) -> np.ndarray:
        """(N, D) unit vectors of clips, by whose angles alike ones are found.

        The mean over windows is taken, but not over mirror images, which may show something else.
        """
        recipe = self._recipe(clips)
        ways = [view for view in self.views if not view.get("mirrored")]
        embedded = embed_views(self.model, recipe, self.config, ways, "embedding")
        with torch.no_grad():
            units = self.model.head.unit(embedded.flatten(0, 1).to(self.device)).cpu()
        return F.normalize(units.unflatten(0, embedded.shape[:2]).mean(0), dim=-1).numpy()

    def answer(self, clips: Clips) -> np.ndarray:
        """Calibrated probabilities (N, C)."""
        return self.classify(self.features(clips))

    def _recipe(self, clips: Clips) -> Recipe:
        about = self.skeleton, self.classes, self.device
        return make_recipe(clips, self.trained.config, *about, mask=self.model.masks)

    def _answer(self, features: np.ndarray) -> np.ndarray:
        return answer_views(self.model, torch.as_tensor(features), self.classes, self.views)


def clip_bar(clips: int, description: str) -> tqdm:
    """A bar over clips that shows after two seconds and goes when full; none without words."""
    return tqdm(
        total=clips,
        desc=description,
        unit="clip",
        delay=2,
        mininterval=0.5,
        leave=False,
        disable=not description,
    )


@torch.no_grad()
def embed_views(
    model: ActionNet,
    recipe: Recipe,
    config: Config,
    views: Sequence[dict],
    description: str = "",
    fabric: "Fabric | None" = None,
) -> Tensor:
    """(V, N, D) what the logits of a recipe's clips are made of, in their order, in each view.

    Processes that train together share the work. With a `description` there is a bar.
    """
    shown = description if fabric is None or fabric.is_global_zero else ""
    with clip_bar(len(recipe) * len(views), shown) as bar:
        return torch.stack(
            [_embed_view(model, recipe, config, view, fabric, bar.update) for view in views]
        )


def _embed_view(
    model: ActionNet,
    recipe: Recipe,
    config: Config,
    view: dict,
    fabric: "Fabric | None",
    done: Callable[[int], object],
) -> Tensor:
    """(N, D) in one view; `done` hears how many clips were added."""
    model.eval()
    model.gather = None
    device = next(model.parameters()).device
    rank, world = (fabric.global_rank, fabric.world_size) if fabric else (0, 1)
    # Clips of one length stand together, so that nothing is padded.
    order = recipe.frames_of.argsort(stable=True)
    batches = order.split(config.batch_size * 4)
    embedded = {}
    with torch.autocast(device.type, torch.bfloat16, enabled=mixed_precision(config, device)):
        places = range(rank, len(batches), world)
        for place, parts in zip(places, recipe.test_batches(batches[rank::world], **view)):
            embedded[place] = model(parts, embed=True).float().cpu()
            done(len(batches[place]) * world)
    if world > 1:
        everyone = [None] * world
        torch.distributed.all_gather_object(everyone, embedded)
        embedded = {place: part for other in everyone for place, part in other.items()}
    return torch.cat([embedded[place] for place in range(len(batches))])[order.argsort()]


@torch.no_grad()
def answer_views(
    model: ActionNet, embedded: Tensor, classes: ClassTable, views: Sequence[dict]
) -> np.ndarray:
    """(V, N, D) -> probabilities (N, C + R), means over `views`; R is 0 without a region head."""
    device = model.head.fc2.weight.device
    total = 0
    for view, features in zip(views, embedded, strict=True):
        logits = model.head.answer(features.to(device))  # (N, C + R)
        actions, regions = (part.softmax(-1) for part in logits.split(model.head.sizes, dim=-1))
        if view.get("mirrored"):
            actions = actions[:, list(classes.mirror)]
            regions = regions[:, list(classes.region_mirror)] if regions.numel() else regions
        total = total + torch.cat([actions, regions], dim=-1)
    return (total / len(views)).cpu().numpy()

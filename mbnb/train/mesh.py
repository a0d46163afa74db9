"""Training of meshes: a network learns to tell bodies from joints in pictures.

Default: recordings of movement with bodies fitted in them, seen by cameras and a detector. Parity:
MotionBERT's (Zhu et al., ICCV 2023) on files of SMPL's poses, its losses and their weights.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mbnb.bodies import load_body
from mbnb.bodies.body import Body
from mbnb.bodies.recordings import Bodies, fit_recordings, mean_residual
from mbnb.bodies.windows import MeshRecipe, MeshWindows
from mbnb.config import Config
from mbnb.data.motion import Motion
from mbnb.devices import keep_freed_memory
from mbnb.model.mesh_files import build_mesh_net
from mbnb.train.history import write_history
from mbnb.train.loop import Watcher
from mbnb.train.mesh_losses import body_loss
from mbnb.train.start import start

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FEW = 10  # vertices of which one is compared in training
APART = 2  # frames of which one is compared
Network = Callable[[Config, int], nn.Module]


def train_meshes(
    config: Config, data: Motion, on_epoch: Watcher | None = None, network: Network | None = None
) -> pd.DataFrame:
    """Train a network that tells the setting `body`, and return its history, a row an epoch.

    Bodies are fitted to the recordings first, which is kept. As `train.action.train` otherwise.
    `network` makes another one of the settings and the number of the body's joints.
    """
    body = load_body(config.body)
    bodies = fit_recordings(data, body, ("train", "val"))
    residual = mean_residual(bodies["train"])
    print(f"bodies lie {residual:.1f} mm off the joints of {data.root.name} in the mean")
    count = len(MeshRecipe(bodies["train"], body, config, data.skeleton, torch.device("cpu")))
    task = partial(MeshTask, bodies=bodies, body=body, network=network)
    return start(task, config, data, count, on_epoch, command="mesh-train")


class MeshTask:
    """A `train.loop.Task`: the bodies of people who are seen in pictures."""

    def __init__(
        self,
        config: Config,
        data: Motion,
        fabric: Fabric,
        steps: int,
        bodies: dict[str, Bodies],
        body: Body,
        network: Network | None = None,
    ):
        self.config, self.steps = config, steps
        device, make = fabric.device, network or build_mesh_net
        self.model = make(config, len(body)).to(device)
        keep_freed_memory()
        self.body = body.on_vertices(torch.arange(0, len(body.template), FEW)).to(device)
        self.recipes = {
            split: MeshRecipe(of_split, body, config, data.skeleton, device)
            for split, of_split in bodies.items()
        }
        self.start = "" if config.init_from == "auto" or network else config.init_from
        self.errors: list[Tensor] = []

    def parts(self, epoch: int) -> list[tuple[range, int]]:
        """All windows."""
        return [(range(len(self.recipes["train"])), self.steps)]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The backbone and the head."""
        groups: dict[str, list[nn.Parameter]] = {"backbone": [], "head": []}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                groups["backbone" if name.startswith("backbone.") else "head"].append(parameter)
        rates = {"backbone": self.config.lr_backbone, "head": self.config.lr_head}
        return [{"name": n, "params": groups[n], "lr": rate} for n, rate in rates.items()]

    def batches(self, order: list[Tensor], rank: int, world: int) -> Iterator[MeshWindows]:
        """Windows beside their bodies."""
        self.errors = []
        yield from self.recipes["train"].training_batches(order, rank, world)

    def loss(self, engine: nn.Module, batch: MeshWindows) -> Tensor:
        """`body_loss`."""
        rotations, shape = engine(batch.x)
        loss, error = body_loss(
            rotations.float()[:, ::APART],
            shape.float(),
            batch.rotations[:, ::APART],
            batch.shape,
            self.body,
        )
        self.errors.append(error)
        return loss

    def train_scores(self) -> dict[str, float]:
        """The mean distance of joints, in lengths of a trunk."""
        return {"train_error": torch.stack(self.errors).mean().item()}

    @torch.no_grad()
    def held_out_scores(self, fabric: Fabric) -> dict[str, float]:
        """The loss of people held out, seen in the same way in every epoch."""
        recipe = self.recipes.get("val", ())
        if not len(recipe):
            return {}
        self.model.eval()
        losses = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            order = torch.arange(len(recipe)).split(self.config.batch_size)
            for batch in recipe.training_batches(order):
                losses.append(self.loss(self.model, batch) * len(batch.x))
        return {"val_error": torch.stack(losses).sum().item() / len(recipe)}

    def state(self, fabric: Fabric, epoch: int, used: bool) -> dict[str, Any]:
        """Nothing but what the loop keeps."""
        return {"task": "meshes"}

    def resume(self, checkpoint: dict[str, Any]) -> None:
        """Nothing to take up."""

    def write(self, epoch: int, history: pd.DataFrame, board: "SummaryWriter") -> None:
        """`history.csv`."""
        write_history(self.config.folder, history)

"""Training of meshes: a network learns to tell bodies from joints in pictures.

Default: recordings of movement with bodies fitted in them, seen by cameras and a detector. Parity:
MotionBERT's (Zhu et al., ICCV 2023) on files of SMPL's poses, its losses and their weights.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor, nn

from mbnb.bodies import load_body
from mbnb.bodies.body import Body
from mbnb.bodies.recordings import Bodies, fit_recordings, mean_residual
from mbnb.bodies.windows import MeshRecipe, MeshWindows
from mbnb.config import Config
from mbnb.data.motion import Motion
from mbnb.data.smpl_pictures import Posed, load_pictures
from mbnb.devices import keep_freed_memory
from mbnb.model.checkpoints import tells_meshes
from mbnb.model.mesh import meshes_of
from mbnb.model.mesh_files import build_mesh_net
from mbnb.model.shipped import find_weights
from mbnb.skeleton import load_skeleton
from mbnb.train.history import write_history
from mbnb.train.loop import Watcher
from mbnb.train.mesh_losses import body_loss, parity_loss
from mbnb.train.mesh_parity import ParityMeshes
from mbnb.train.mesh_start import solve_heads
from mbnb.train.start import start

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch.utils.tensorboard import SummaryWriter

FEW = 10  # vertices of which one is compared in training
SOLVED = 4000  # windows that the head is solved on before the training
APART = 2  # frames of which one is compared
Network = Callable[[Config, int], nn.Module]


def train_meshes(
    config: Config,
    data: Motion | None,
    on_epoch: Watcher | None = None,
    network: Network | None = None,
) -> pd.DataFrame:
    """Train a network that tells the setting `body`, and return its history, a row an epoch.

    Bodies are fitted to the recordings first, which is kept; in parity `data` is None, and files
    with SMPL's poses are read instead. As `train.action.train` otherwise.
    `network` makes another one of the settings and the number of the body's joints.
    """
    if network:  # it sees x and y of each frame
        config = dataclasses.replace(config, streams=["joint"], patch=1)
    body, cpu = load_body(config.body), torch.device("cpu")
    make = partial(recipes_of, body=body, config=config)
    if config.parity:
        data, parts = load_pictures(config)
        make = partial(make, found=parts)
    else:
        bodies = fit_recordings(data, body, ("train", "val"))
        residual = mean_residual(bodies["train"])
        print(f"bodies lie {residual:.1f} mm off the joints of {data.root.name} in the mean")
        make = partial(make, found=bodies)
    count = sum(map(len, make(split="train", device=cpu)))
    task = partial(MeshTask, make=make, body=body, network=network)
    return start(task, config, data, count, on_epoch, command="mesh-train")


def recipes_of(
    split: str,
    device: torch.device,
    body: Body,
    config: Config,
    found: Mapping[str, Bodies] | Mapping[str, list[Posed]],
) -> list[MeshRecipe] | list[ParityMeshes]:
    """What is seen of a split; in parity one after the other of each file."""
    if split not in found:
        return []
    if config.parity:
        return [ParityMeshes(part, body, config, device) for part in found[split]]
    return [MeshRecipe(found[split], body, config, load_skeleton(), device)]


class MeshTask:
    """A `train.loop.Task`: the bodies of people who are seen in pictures."""

    def __init__(
        self,
        config: Config,
        data: Motion,
        fabric: "Fabric",
        steps: int,
        make: Callable[..., list[MeshRecipe] | list[ParityMeshes]],
        body: Body,
        network: Network | None = None,
    ):
        self.config, self.data, self.steps = config, data, steps
        device = fabric.device
        self.model = (network or build_mesh_net)(config, len(body)).to(device)
        keep_freed_memory()
        every = torch.arange(0, len(body.template), FEW)
        self.body = (body if config.parity else body.on_vertices(every)).to(device)
        self.recipes = {split: make(split=split, device=device) for split in ("train", "val")}
        self.start = "" if config.init_from == "auto" or network else config.init_from
        self.order: list[Tensor] = []  # places of the windows of each batch
        self.collected: defaultdict[str, list[Tensor]] = defaultdict(list)
        self.piles_up = False
        # Batches are of few windows, whose frames are alike: what is solved has its own statistics.
        self.keeps_statistics = bool(self.start) and not config.parity
        self.solved = not self.keeps_statistics or tells_meshes(find_weights(self.start))

    def parts(self, epoch: int) -> list[tuple[range, int]]:
        """All windows, in parity of one file after the other."""
        parts, first = [], 0
        for recipe in self.recipes["train"]:
            steps = -(-len(recipe) // getattr(recipe, "batch_size", self.config.batch_size))
            parts.append((range(first, first := first + len(recipe)), steps))
        return parts

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The backbone and the head."""
        groups: dict[str, list[nn.Parameter]] = {"backbone": [], "head": []}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                groups["backbone" if name.startswith("backbone.") else "head"].append(parameter)
        rates = {"backbone": self.config.lr_backbone, "head": self.config.lr_head}
        return [{"name": n, "params": groups[n], "lr": rate} for n, rate in rates.items()]

    def batches(self, order: list[Tensor], rank: int, world: int) -> Iterator[MeshWindows]:
        """Windows beside their bodies; before the first, the head is solved if there is a start."""
        if not self.solved:
            (recipe,), self.solved = self.recipes["train"], True
            with torch.random.fork_rng(devices=[]):  # a training that goes on draws the same
                drawn = torch.randint(len(recipe), (SOLVED,)).split(self.config.batch_size)
                solve_heads(self.model, recipe.training_batches(drawn))
        self.order, first = [], 0
        for recipe in self.recipes["train"]:
            last = first + len(recipe)
            own = [index for index in order if first <= index[0] < last]
            self.order += own
            yield from recipe.training_batches([index - first for index in own], rank, world)
            first = last

    def clips_in(self, step: int) -> list[str]:
        """Names of the clips that the windows of a batch are of."""
        names, clip_of, first = self.data.splits["train"].names, [], 0
        for recipe in self.recipes["train"]:
            clip_of.append(first + recipe.clip_of.cpu())
            first += len(recipe.lengths)
        return [names[i] for i in torch.cat(clip_of)[self.order[step]].tolist()]

    def loss(self, engine: nn.Module, batch: MeshWindows) -> Tensor:
        """`body_loss`, in parity the original's."""
        if self.keeps_statistics:
            self.model.head.bn1.eval()
            self.model.head.bn2.eval()
        rotations, shape = engine(batch.x)
        if self.config.parity:
            found = meshes_of(self.body, rotations.float(), shape.float())
            with torch.no_grad():
                true = meshes_of(self.body, batch.rotations, batch.shape)
            error = (found.landmarks - true.landmarks).norm(dim=-1).mean().detach()
            self.collected["errors"].append(error[None])
            return parity_loss(found.theta, found.landmarks, true.theta, true.landmarks)
        loss, error = body_loss(
            rotations.float()[:, ::APART],
            shape.float(),
            batch.rotations[:, ::APART],
            batch.shape,
            self.body,
        )
        self.collected["errors"].append(error[None])
        return loss

    def train_scores(self) -> dict[str, float]:
        """The mean distance of joints, in lengths of a trunk, in parity in mm."""
        return {"train_error": torch.cat(self.collected["errors"]).mean().item()}

    @torch.no_grad()
    def held_out_scores(self, fabric: "Fabric") -> dict[str, float]:
        """The loss of people held out, seen in the same way in every epoch."""
        if not self.recipes["val"]:
            return {}
        (recipe,) = self.recipes["val"]
        self.model.eval()
        losses = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            order = torch.arange(len(recipe)).split(self.config.batch_size)
            for batch in recipe.training_batches(order):
                losses.append(self.loss(self.model, batch) * len(batch.x))
        return {"val_error": torch.stack(losses).sum().item() / len(recipe)}

    def told(self) -> dict[str, Any]:
        """Nothing but what the loop keeps."""
        return {"task": "meshes"}

    def state(self, fabric: "Fabric", epoch: int, used: bool) -> dict[str, Any]:
        """What `told` gives."""
        return self.told()

    def resume(self, checkpoint: dict[str, Any]) -> None:
        """The head was solved before."""
        self.solved = True

    def write(self, epoch: int, history: pd.DataFrame, board: "SummaryWriter") -> None:
        """`history.csv`."""
        write_history(self.config.folder, history)

    def doubts(self) -> list[str]:
        """None."""
        return []

"""Training a network that tells moments, from recordings whose intervals are coded.

Whatever is not coded is nothing: rests, and all other movement. A class' beginnings and ends are
learned from where its intervals begin and end.

Shapes: B windows, F moments, J joints, C classes.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from mbnb.clips import Clips, pack
from mbnb.coding.cut import class_of
from mbnb.coding.recordings import Recording
from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.detect.baseline import LinearNet
from mbnb.detect.slide import as_differences, moment_seconds, moments_of
from mbnb.detect.stretches import stretches_of
from mbnb.files import fingerprint
from mbnb.intervals import Coding
from mbnb.model.checkpoints import load_weights, start_from
from mbnb.model.shipped import DETECT, find_weights, starting_weights
from mbnb.model.spotter import SpotNet
from mbnb.model.weight_files import read_checkpoint
from mbnb.prepare.augment import draw
from mbnb.prepare.geometry import reshape_bodies
from mbnb.prepare.recipe import mirrors
from mbnb.skeleton import Skeleton
from mbnb.train.history import write_history
from mbnb.train.start import start

if TYPE_CHECKING:  # the first takes two seconds to import
    from lightning_fabric import Fabric
    from torch.utils.tensorboard import SummaryWriter

PIECE = 96  # moments that are learned from at a time, 16 seconds
ENOUGH = 3600  # seconds of recordings that show enough bodies as they are
SETTINGS = {
    "hidden_dim": 128,
    "batch_size": 16,
    "dropout_ratio": 0.2,
    "init_from": "simulated_ma52",
}


@dataclass(frozen=True)
class Coded(DataSet):
    """Recordings as a data set: a clip for each stretch, and what happens in each frame.

    truth: by split (sum T, C) bool.
    """

    truth: dict[str, np.ndarray] | None = None

    def fingerprint(self) -> str:
        """The same for the same recordings and intervals."""
        parts = [np.packbits(self.truth[split]).tobytes() for split in self.splits]
        return fingerprint(super().fingerprint().encode(), *parts)


def coded(
    pairs: dict[str, Sequence[tuple[Recording, Coding]]],
    config: Config,
    about: dict[str, Any],
) -> Coded:
    """Recordings with their codings, by split, as what can be learned from.

    about: what a `DataSet` says of itself: root, classes, skeleton and so on.
    """
    splits, truth = {}, {}
    for split, ones in pairs.items():
        splits[split], truth[split] = _frames(ones, config, about["skeleton"], about["classes"])
    return Coded(splits=splits, truth=truth, **about)


def _frames(
    pairs: Sequence[tuple[Recording, Coding]], config: Config, skeleton: Skeleton, classes
) -> tuple[Clips, np.ndarray]:
    """A clip for each stretch of recordings, and which classes go on in their frames."""
    poses, names, people, truth = [], [], [], []
    for recording, coding in pairs:
        for i, stretch in enumerate(stretches_of(recording, config, skeleton).stretches):
            frames = stretch.frames.numpy()
            moments = stretch.start + np.arange(len(frames)) / config.fps
            happens = np.zeros((len(frames), len(classes)), bool)
            for one in coding:
                if one.label and (label := class_of(one.label, classes)) is not None:
                    first, stop = np.searchsorted(moments, (one.start, one.end))
                    happens[first:stop, label] = True
            poses.append(frames)
            truth.append(happens)
            names.append(f"{recording.name}_{i}")
            people.append(recording.person or recording.name)
    clips = pack(poses, names, [-1] * len(poses), people, joints=len(skeleton))
    return clips, np.concatenate(truth) if truth else np.zeros((0, len(classes)), bool)


class SpotTask:
    """A `train.loop.Task`: classes of moments, in pieces of recordings that begin anywhere.

    The backbone is not trained, so what it says of every moment is asked once: of each recording as
    it is, and of some in which the body is turned, mirrored and of other proportions. An epoch has
    as many pieces as fit beside each other into all of them.
    """

    start = ""  # the backbone alone starts from anything, which happens here

    def __init__(self, config: Config, data: Coded, fabric: "Fabric", steps: int):
        self.config, self.data, self.fabric, self.steps = config, data, fabric, steps
        self.model = network_of(config, data).to(fabric.device)
        # (sum S, W), (sum S, C + 1), and (pieces, 3): first moment, length and place of its clip
        self.parts_of = {split: self._parts(split) for split in data.splits}
        self.order: list[Tensor] = []  # places of the pieces of each batch
        self.collected: defaultdict[str, list[Tensor]] = defaultdict(list)
        self.piles_up = False

    def _parts(self, split: str) -> tuple[Tensor, Tensor, Tensor]:
        said, happens, rows, first = [], [], [], 0
        ways = variants(self.data, self.config) if split == "train" else 1
        names = self.data.splits[split].names
        recordings = [
            list(of) for _, of in groupby(range(len(names)), lambda i: _recording(names[i]))
        ]
        for way, stretches in tqdm(
            list(product(range(ways), recordings)), f"seeing {split}", delay=3, leave=False
        ):
            change, mirrored = self._change(way, stretches[0])
            pairs = [self._seen(split, i, change, mirrored) for i in stretches]
            seen = as_differences([ones for ones, _ in pairs])
            for i, ones, (_, happen) in zip(stretches, seen, pairs):
                said.append(ones.half().cpu())
                happens.append(happen)
                rows += [(first, len(ones), i)] * max(1, round(len(ones) / PIECE))
                first += len(ones)
        return torch.cat(said), torch.cat(happens), torch.tensor(rows)

    def _seen(
        self, split: str, i: int, change: Callable[[Tensor], Tensor], mirrored: bool
    ) -> tuple[Tensor, Tensor]:
        """What the backbone says of the moments of clip i, and what happens in them."""
        clips = self.data.splits[split]
        frames = torch.as_tensor(clips[i].copy())
        said = moments_of(self.model, frames, self.config, self.data.skeleton, change)
        rate = moment_seconds(self.config) * self.config.fps
        middles = ((np.arange(len(said)) + 0.5) * rate).astype(int).clip(max=len(frames) - 1)
        happens = self.data.truth[split][clips.starts[i] + middles]
        if mirrored:
            happens = happens[:, list(self.data.classes.mirror)]
        nothing = ~happens.any(1, keepdims=True)
        return said, torch.as_tensor(np.concatenate([happens, nothing], 1))

    def _change(self, way: int, i: int) -> tuple[Callable[[Tensor], Tensor], bool]:
        """What happens to the body in recording `i` in a way to see it, and whether it mirrors."""
        if not way:
            return (lambda pose: pose), False
        device = self.fabric.device
        generator = torch.Generator(device).manual_seed(self.config.seed * 1009 + i * 31 + way)
        mirrors_too = mirrors(self.config, self.data.classes)
        spans = torch.ones(1, dtype=torch.float64, device=device)
        drawn = draw(spans, self.config, self.data.skeleton, mirrors_too, generator)
        strength = float(drawn.noise.abs())

        def change(pose: Tensor) -> Tensor:
            size = len(pose), -1, -1
            pose = reshape_bodies(pose, drawn.limbs.expand(size), drawn.turn.expand(size))
            noise = torch.randn(pose.shape, device=device, generator=generator)
            return pose + strength * noise

        return change, bool(drawn.mirrored)

    @property
    def size(self) -> int:
        """How many pieces an epoch has."""
        return len(self.parts_of["train"][2])

    def parts(self, epoch: int) -> list[tuple[range, int]]:
        """All pieces."""
        return [(range(self.size), max(1, round(self.size / self.config.batch_size)))]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """All but the backbone."""
        head = [p for p in self.model.parameters() if p.requires_grad]
        return [{"name": "head", "params": head, "lr": self.config.lr_head}]

    def batches(self, order: list[Tensor], rank: int, world: int) -> Iterator[Any]:
        """What is said of moments (B, PIECE, W), and what happens in them (B, PIECE, C + 1)."""
        self.order = order
        said, happens, rows = self.parts_of["train"]
        for index in order:
            first, length, _ = rows[index].unbind(1)
            room = (length - PIECE).clamp_min(0)
            first = first + (torch.rand(len(index)) * (room + 1)).long()
            # A piece of a short recording reaches into the next one; nothing is lost by that.
            moments = (first[:, None] + torch.arange(PIECE)).clamp_max(len(said) - 1)
            device = self.fabric.device
            yield said[moments].to(device).float(), happens[moments].to(device).float()

    def clips_in(self, step: int) -> list[str]:
        """Names of the clips that the pieces of a batch are of."""
        names, rows = self.data.splits["train"].names, self.parts_of["train"][2]
        return [names[i] for i in rows[self.order[step], 2].tolist()]

    def loss(self, engine: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Cross-entropy of every class' yes or no, summed over classes."""
        said, happens = batch
        return moments_loss(engine(said), happens)

    def train_scores(self) -> dict[str, float]:
        """None but the loss."""
        return {}

    @torch.no_grad()
    def held_out_scores(self, fabric: "Fabric") -> dict[str, float]:
        """The loss of people held out."""
        if "val" not in self.parts_of:
            return {}
        self.model.eval()
        said, happens, _ = self.parts_of["val"]
        logits = self.model(said.to(fabric.device).float()[None])
        return {"val_error": moments_loss(logits, happens.to(fabric.device).float()[None]).item()}

    def resume(self, checkpoint: dict[str, Any]) -> None:
        """Nothing is kept but the weights."""

    def told(self) -> dict[str, Any]:
        """What the network is for."""
        return {"task": DETECT}

    def state(self, fabric: "Fabric", epoch: int, used: bool) -> dict[str, Any]:
        """What `told` gives."""
        return self.told()

    def write(self, epoch: int, history: pd.DataFrame, board: "SummaryWriter") -> None:
        """`history.csv`."""
        write_history(self.config.folder, history)

    def doubts(self) -> list[str]:
        """None."""
        return []


def network_of(config: Config, data: Coded) -> SpotNet | LinearNet:
    """The configured network; it starts from a detector of the same classes as a whole.

    From any other file its backbone alone starts.
    """
    sizes = config, len(data.classes), len(data.skeleton)
    if config.method == "linear":
        return LinearNet(*sizes)
    model = SpotNet(*sizes)
    if weights := starting_weights(config):
        content = read_checkpoint(find_weights(weights))
        names = content.get("classes", {}).get("names", ())
        if content.get("task") == DETECT and tuple(names) == data.classes.names:
            load_weights(model, {name: w.float() for name, w in content["model"].items()})
        else:
            start_from(find_weights(weights), model.backbone, config)
    return model


def moments_loss(logits: Tensor, happens: Tensor) -> Tensor:
    """Of (B, F, C + 1): a sum over classes, a mean over moments."""
    loss = F.binary_cross_entropy_with_logits(logits.float(), happens, reduction="none")
    return loss.sum(-1).mean()


def learn(config: Config, data: Coded) -> pd.DataFrame:
    """Train the configured network on `data`; returns its history, a row an epoch."""
    moments = data.splits["train"].lengths / (moment_seconds(config) * config.fps)
    pieces = int(np.maximum(1, np.round(moments / PIECE)).sum())
    return start(SpotTask, config, data, variants(data, config) * pieces)


def variants(data: Coded, config: Config) -> int:
    """In how many ways the recordings of train are seen: few of them as spoilt ones, too."""
    return 1 if data.splits["train"].lengths.sum() > ENOUGH * config.fps else 2


def _recording(clip: str) -> str:
    """The name of the recording that a stretch is of."""
    return clip.rpartition("_")[0]

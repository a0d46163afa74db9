"""Clips of a collection that are like another one: all of them embedded once, then compared.

A model with a head embeds a clip as it does when it tells classes. An encoder alone gives what a
`DiscriminantHead` would see, of which the collection's principal components are taken.

Shapes: N clips of the collection, D numbers of a vector.
"""

import difflib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA
from tqdm.auto import tqdm

from mbnb.clips import UNLABELLED, Clips, join, pack
from mbnb.config import Config
from mbnb.data.cache import cache_of
from mbnb.data.checks import Findings, check_pose
from mbnb.data.dataset import DataSet, load
from mbnb.data.missing import complete
from mbnb.data.reading import read_pose
from mbnb.files import InputError, fingerprint, on_disk, replacing
from mbnb.model.action import ActionNet
from mbnb.model.checkpoints import HEAD, load_pose_net, load_trained, weights_of
from mbnb.model.predict import Network
from mbnb.model.weight_files import read_checkpoint
from mbnb.prepare import make_recipe
from mbnb.skeleton import Skeleton

COMPONENTS, SAMPLE = 256, 1500  # of an encoder's numbers, and clips that they are found from
BLOCK = 512  # clips that are embedded at a time
Look = Callable[[Clips], np.ndarray]  # clips -> (N, D)


@dataclass(frozen=True)
class Found:
    """What was asked, one clip, and what is like it.

    table: a row a clip, the most alike first: rank, clip, split, subject, class, cosine. clips:
    those clips, in that order.
    """

    asked: Clips
    table: pd.DataFrame
    clips: Clips
    data: DataSet


def find(config: Config, clip: str, model: Path, count: int = 12) -> Found:
    """The `count` clips of the collection `config.data_root` that are most like `clip`.

    `clip` is the name of one of them, which is not found itself, or the path of another clip's
    folder or array. The collection's vectors are kept in `data/cache`. Raises InputError where
    there is no such clip, or the model does not fit.
    """
    data = load(config)
    if any(clips.flat for clips in data.splits.values()):
        raise InputError(f"{data.root}: expected joints in 3D, found 2D keypoints")
    splits = [split for split, some in data.splits.items() for _ in some.names]
    names = [name for some in data.splits.values() for name in some.names]
    vectors, look = _embedded(config, data, names, model)
    if clip in names:
        place = names.index(clip)
        asked, vector = _pick(data, [place]), vectors[place]
    else:
        place, asked = -1, _read_clip(Path(clip), names, data.skeleton)
        vector = look()(asked)[0]
    cosines = vectors @ vector
    if place >= 0:
        cosines[place] = -np.inf
    order = np.argsort(-cosines, kind="stable")[: min(count, len(names) - (place >= 0))]
    found = _pick(data, order)
    table = pd.DataFrame(
        {
            "rank": np.arange(1, len(order) + 1),
            "clip": found.names,
            "split": [splits[i] for i in order],
            "subject": found.subjects,
            "class": [data.classes.titles[i] if i != UNLABELLED else "" for i in found.labels],
            "cosine": cosines[order],
        }
    )
    return Found(asked, table, found, data)


def _pick(data: DataSet, places: Sequence[int]) -> Clips:
    """The clips at `places` where all splits stand one after the other, whose frames stay."""
    parts, where = list(data.splits.values()), np.asarray(places)
    ends = np.cumsum([len(part) for part in parts])
    split = np.searchsorted(ends, where, side="right")
    own = where - (ends - [len(part) for part in parts])[split]
    return join([parts[s].take(np.array([i])) for s, i in zip(split, own)])


def _read_clip(path: Path, names: Sequence[str], skeleton: Skeleton) -> Clips:
    """A clip that lies by itself. Raises InputError with what is wrong with it."""
    file = path / "pose_3d.npy" if path.is_dir() else path
    if not file.exists():
        near = difflib.get_close_matches(path.name, names, 1, 0.6)
        raise InputError(
            f"{path}: expected the name of a clip of the collection, such as "
            f"{(near or names)[0]}, or a file pose_3d.npy or its folder; found neither"
        )
    findings = Findings()
    pose = read_pose(file.parent, file, findings)
    pose = None if pose is None else check_pose(pose, file, skeleton, findings)
    body = None if pose is None else complete(pose, skeleton)
    if findings.errors or isinstance(body, str):
        raise InputError("\n".join(findings.errors) or f"{file}: {body}")
    return pack(
        [body.pose], [path.stem], [UNLABELLED], [""], joints=len(skeleton), seen=[body.seen]
    )


def _embedded(
    config: Config, data: DataSet, names: Sequence[str], model: Path
) -> tuple[np.ndarray, Callable[[], Look]]:
    """(N, D) unit vectors, as they are kept or made now, and what makes such of other clips."""
    mark = fingerprint(model.read_bytes(), repr((config.fps, COMPONENTS, SAMPLE)).encode())
    # Settings may leave clips out.
    cache = cache_of(data.root, mark.encode(), repr((data.skeleton.name, tuple(names))).encode())
    place, _, state = cache.name.partition("-")
    file = cache.with_name(f"alike-{place}-{mark}") / f"{state}.npz"
    if file.is_file():
        with np.load(file, allow_pickle=False) as kept:
            content = {name: kept[name] for name in kept.files}
    else:
        content = _embed(_looker(config, data, model), data)
        shutil.rmtree(file.parent, ignore_errors=True)  # of earlier states of the collection
        with on_disk(file), replacing(file) as part, open(part, "wb") as out:
            np.savez(out, **content)
    return content["vectors"], lambda: _projected(_looker(config, data, model), content)


def _embed(look: Look, data: DataSet) -> dict[str, np.ndarray]:
    """`vectors` of all clips, and the components of an encoder's numbers where there are any."""
    parts = [clips.take(index) for clips in data.splits.values() for index in clips.blocks(BLOCK)]
    content = {}
    if isinstance(look, _Encoder):
        total = sum(map(len, data.splits.values()))
        sample = np.unique(np.linspace(0, total - 1, SAMPLE).astype(int))
        numbers = look(_pick(data, sample))
        mean, deviation = numbers.mean(0), numbers.std(0) + 1e-6
        size = min(COMPONENTS, len(sample))
        fitted = PCA(size, svd_solver="randomized", random_state=0)
        fitted.fit((numbers - mean) / deviation)
        content = {"mean": mean, "components": fitted.components_ / deviation}
    look = _projected(look, content)
    vectors = [look(part) for part in tqdm(parts, desc="embedding", delay=2)]
    return content | {"vectors": np.concatenate(vectors).astype(np.float32)}


def _projected(look: Look, content: dict[str, np.ndarray]) -> Look:
    """`look` with its numbers as they are, or an encoder's by their components, as unit vectors."""
    if "components" not in content:
        return look

    def vectors(clips: Clips) -> np.ndarray:
        places = (look(clips) - content["mean"]) @ content["components"].T
        return places / np.linalg.norm(places, axis=1, keepdims=True).clip(1e-9)

    return vectors


class _Encoder:
    """Clips -> (N, 8·J·R), what a `DiscriminantHead` sees of each."""

    def __init__(self, model: Path, config: Config, data: DataSet):
        net, self.config = load_pose_net(model, config)
        self.data, sizes = data, dict(dim_rep=self.config.dim_rep, num_joints=len(data.skeleton))
        kind = dict(version="discriminant", num_classes=1, hidden_dim=1)
        self.model = ActionNet(net.backbone, **sizes, **kind).eval()

    @torch.no_grad()
    def __call__(self, clips: Clips) -> np.ndarray:
        skeleton, classes = self.data.skeleton, self.data.classes
        recipe = make_recipe(clips, self.config, skeleton, classes, torch.device("cpu"))
        order = recipe.frames_of.argsort(stable=True)
        batches = recipe.test_batches(order.split(128))
        pooled = [self.model.pooled(part) for parts in batches for part in parts]
        return torch.cat(pooled)[order.argsort()].numpy()


def _looker(config: Config, data: DataSet, model: Path) -> Look:
    """What turns clips into vectors. Raises InputError where the model is of other joints."""
    weights = weights_of(read_checkpoint(model), model)
    joints = next(w.shape[1] for name, w in weights.items() if name.endswith("pos_embed"))
    if joints != len(data.skeleton):
        raise InputError(
            f"{model} was trained on {joints} joints, {data.root} has {len(data.skeleton)}"
        )
    if not any(map(HEAD.match, weights)):
        return _Encoder(model, config, data)
    trained = load_trained(model, config)
    return Network(trained, data.skeleton, data.classes, replace(config, views=1)).vectors

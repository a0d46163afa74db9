"""What joints that a data set lacks cost: top-1 on people left out, by what is made of them.

Real recordings from `../shared/real`, the default encoder with a head in closed form. What is
missing is taken away in testing, in training and testing, or in half of the clips of both.
"""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from benchmarks.damage import H36M, LABELLED, completed, labelled
from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.data.flat import flat_body
from mbnb.model.checkpoints import load_trained
from mbnb.model.predict import Network
from mbnb.train import train

LOST = {
    "head and hands": ("Head", "Head_top", "L_Wrist", "R_Wrist"),
    "legs": ("L_Knee", "R_Knee", "L_Ankle", "R_Ankle"),
    "an arm": ("R_Elbow", "R_Wrist"),
}
FOLDS = 2


def without(clips: Clips, joints: tuple[str, ...], which: np.ndarray) -> Clips:
    """The clips as they are read where `which` (N,) of them lack joints."""
    poses = [pose.copy() for pose in clips]
    for pose, lacks in zip(poses, which):
        if lacks:
            pose[:, H36M.index(*joints)] = np.nan
    return completed(clips, poses)


def as_zeros(clips: Clips) -> Clips:
    """What was not seen at the origin, as trackers write it, and taken for seen."""
    seen = clips.gather_seen()
    if seen is None:
        return clips
    frames = np.where(seen[..., None], clips.gather(), np.float32(0))
    return dataclasses.replace(clips, frames=frames, seen=None)


def in_pictures(clips: Clips, seed: int = 0) -> Clips:
    """The clips as a camera three metres away sees them, with a detector's errors, no depth."""
    rng, poses = np.random.default_rng(seed), []
    for pose in clips:
        away = pose - pose[:, :1].mean(0) + np.float32([0, 0, 3])
        places = 1000 * away[..., :2] / away[..., 2:] + rng.normal(0, 3, pose[..., :2].shape)
        belief = rng.uniform(0.5, 1, (*pose.shape[:2], 1))
        poses.append(flat_body(np.concatenate([places, belief], -1), H36M))
    whole = [body.pose for body in poses]
    return dataclasses.replace(clips, frames=np.concatenate(whole), seen=None)


def missing_joints() -> pd.DataFrame:
    """A row for each data set and what is missing where; columns are ways to take it."""
    rows = []
    for name, per_class in LABELLED.items():
        clips, classes = labelled(name, per_class)
        table = ClassTable(
            tuple(f"C{i}" for i in range(classes)), tuple(map(str, range(classes))), ("",) * classes
        )
        some, everybody = np.arange(len(clips)) % 2 == 0, np.ones(len(clips), bool)
        cases = {
            ("nothing", "nowhere"): (clips, clips),
            ("depth", "both"): (in_pictures(clips),) * 2,
        }
        for what, joints in LOST.items():
            gone, half = (without(clips, joints, which) for which in (everybody, some))
            cases |= {(what, "test"): (clips, gone), (what, "both"): (gone, gone)}
            cases |= {(what, "half of both"): (half, half)}
        for (what, where), (learned, asked) in cases.items():
            hits = pd.DataFrame(_hits(learned, asked, table, flat=what == "depth"))
            rows.append(
                {"clips": name, "missing": what, "in": where} | (100 * hits.mean()).to_dict()
            )
    return pd.DataFrame(rows)


def _hits(learned: Clips, asked: Clips, table: ClassTable, flat: bool) -> Iterator[dict[str, bool]]:
    """Whether each clip's answer is right, by how missing joints are taken."""
    for rest, out in GroupKFold(FOLDS).split(learned.labels, groups=learned.subjects):
        said, truth = {}, asked.labels[out]
        for way in ("mask", "filled in", "zeros"):
            taken = [learned.take(rest), asked.take(out)]
            if way == "zeros":
                taken = [as_zeros(part) for part in taken]
            if way == "filled in":
                taken = [dataclasses.replace(part, seen=None) for part in taken]
            said[way] = _answer(*taken, table, flat).argmax(1)
        yield from ({w: s[i] == truth[i] for w, s in said.items()} for i in range(len(out)))


def _answer(learned: Clips, asked: Clips, table: ClassTable, flat: bool) -> np.ndarray:
    """Probabilities (N, C) of a model that is trained for it."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config.of(
            {"outputs": folder, "run": "a", "head": "discriminant", "without_depth": flat}
            | {"device": "cpu"}
        )
        data = DataSet(Path(folder), {"train": learned}, table, H36M, (), True, False)
        train(config, data)
        trained = load_trained(config.folder.best, config)
        return Network(trained, H36M, table, config).answer(asked)

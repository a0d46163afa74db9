"""What joints that a data set lacks cost: top-1 on people left out, by what is made of them.

Real recordings from `../shared/real`, the default encoder with a head in closed form. What is
missing is taken away in testing, in training and testing, or in half of the clips of both.
"""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from benchmarks.damage import H36M, LABELLED, completed, labelled
from mbnb.classes import ClassTable
from mbnb.clips import Clips, first_rows
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
WAYS = ("mask", "filled in", "zeros")


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
    return dataclasses.replace(clips, frames=frames, starts=first_rows(clips.lengths), seen=None)


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
        names = tuple(map(str, range(classes)))
        table = ClassTable(names, names, ("",) * classes)
        flat, first = in_pictures(clips), next(iter(LOST))
        cases = {("nothing", ""): (clips, clips), ("depth", "both"): (flat, flat)}
        for what, joints in LOST.items():
            gone, half = (
                without(clips, joints, np.arange(len(clips)) % every == 0) for every in (1, 2)
            )
            cases[what, "test"] = clips, gone
            if what == first:
                cases |= {(what, "both"): (gone, gone), (what, "half of both"): (half, half)}
        hits: dict[tuple, list] = {}
        for rest, out in GroupKFold(FOLDS).split(clips.labels, groups=clips.subjects):
            for way in WAYS:
                models: dict[int, Callable[[Clips], np.ndarray]] = {}
                for case, (learned, asked) in cases.items():
                    if id(learned) not in models:
                        some = taken(learned.take(rest), way)
                        models[id(learned)] = _trained(some, table, learned is flat)
                    said = models[id(learned)](taken(asked.take(out), way)).argmax(1)
                    hits.setdefault((*case, way), []).extend(said == asked.labels[out])
        for what, where in cases:
            top1 = {way: 100 * np.mean(hits[what, where, way]) for way in WAYS}
            rows.append({"clips": name, "missing": what, "in": where} | top1)
    return pd.DataFrame(rows)


def taken(clips: Clips, way: str) -> Clips:
    """The clips as one of `WAYS` takes what was not seen."""
    if way == "zeros":
        return as_zeros(clips)
    return clips if way == "mask" else dataclasses.replace(clips, seen=None)


def _trained(clips: Clips, table: ClassTable, flat: bool) -> Callable[[Clips], np.ndarray]:
    """What a model that learned from `clips` answers: clips -> probabilities (N, C)."""
    with tempfile.TemporaryDirectory() as folder:
        about = {"outputs": folder, "run": "a", "head": "discriminant", "without_depth": flat}
        config = Config.of(about | {"device": "cpu"})
        train(config, DataSet(Path(folder), {"train": clips}, table, H36M, (), True, False))
        trained = load_trained(config.folder.best, config)
    return Network(trained, H36M, table, config).answer

"""A leak audit: ways in which a score may be better than it would be on people who were never seen.

Kaufman et al., Leakage in Data Mining, TKDD 2012, name the kinds that are looked for here: the same people or clips on both
sides of a split, labels that stand in names, and traces of the recording that tell the class without the movement.
"""

import re
import warnings
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors

from mbnb.clips import Clips
from mbnb.data.dataset import DataSet, people_overlap
from mbnb.prepare.geometry import at_moments
from mbnb.skeleton import Skeleton

MOMENTS = 16  # frames at which clips are compared
NEAR = (
    0.02  # lengths of the trunk, about a centimetre: root mean square distance of joints in copies
)
TELLING = (
    0.5  # share of the answers that a guess leaves open, which a trace must win to be reported
)
FEWEST = 5  # clips with a value of a name's field for it to be a rule


def audit(data: DataSet) -> pd.DataFrame:
    """A row for each finding: kind, severity (leak: scores of that split are too good; note: nothing may use it), where, what.

    Kinds: people, copies, names, recording, dead joints. Empty where nothing was found.
    """
    rows = [*_people(data), *_copies(data), *_names(data), *_recording(data), *_dead_joints(data)]
    return pd.DataFrame(rows, columns=["kind", "severity", "where", "what"])


def leaks_of(findings: pd.DataFrame, split: str) -> list[str]:
    """What makes scores on `split` too good, in a line each."""
    found = findings[(findings["severity"] == "leak") & (findings["where"] == split)]
    return found["what"].tolist()


def _people(data: DataSet) -> list[tuple[str, str, str, str]]:
    overlap = people_overlap(data)
    splits = [
        split
        for split in data.splits
        if split != "train" and "train" in data.splits and data.known_people
    ]
    return [
        (
            "people",
            "leak",
            split,
            f"{overlap.at['train', split]} of the {overlap.at[split, split]} people of {split} are also in train",
        )
        for split in splits
        if overlap.at["train", split]
    ]


def _copies(data: DataSet) -> list[tuple[str, str, str, str]]:
    """Clips of other splits that lie within NEAR of a clip in train after both are standardised."""
    train = data.splits.get("train")
    if not train:
        return []
    rows = []
    search = NearestNeighbors(n_neighbors=1).fit(_shapes(train, data.skeleton))
    for split, clips in data.splits.items():
        if split == "train" or not len(clips):
            continue
        distance, nearest = search.kneighbors(_shapes(clips, data.skeleton))
        near = np.flatnonzero(distance[:, 0] < NEAR)
        if len(near):
            closest = near[distance[near, 0].argmin()]
            rows.append(
                (
                    "copies",
                    "leak",
                    split,
                    f"{len(near)} of {len(clips)} clips are nearly the same as one in train, as "
                    f"{clips.names[closest]} and {train.names[nearest[closest, 0]]}",
                )
            )
    return rows


def _shapes(clips: Clips, skeleton: Skeleton) -> np.ndarray:
    """(N, MOMENTS·J·3) standardised poses; the Euclidean distance of two is the root mean square distance of their joints."""
    windows = at_moments(
        torch.as_tensor(clips.gather()), torch.as_tensor(clips.lengths), skeleton, MOMENTS
    ).flatten(1)  # (N, M, J, 3) -> (N, M·J·3)
    return (windows / (windows.shape[1] / 3) ** 0.5).numpy()


def _names(data: DataSet) -> list[tuple[str, str, str, str]]:
    """Fields of the clips' names, between `_`, `-` and the like, that tell the class or its region."""
    rows = []
    for split, clips in data.splits.items():
        if not clips.labelled:
            continue
        regions = np.array(data.classes.region_ids)[clips.labels]
        fields = [re.split(r"[^A-Za-z0-9]+", name) for name in clips.names]
        for place in range(min(map(len, fields))):
            values = [field[place] for field in fields]
            for what, truth in (("class", clips.labels), ("body region", regions)):
                if _told(values, truth) > TELLING:
                    rows.append(
                        (
                            "names",
                            "note",
                            split,
                            f"field {place + 1} of the clips' names tells the {what}, as in {clips.names[0]}; the model does not see names",
                        )
                    )
                    break
    return rows


def _told(values: list[str], truth: np.ndarray) -> float:
    """The share of what guessing the largest leaves open that rules 'this value means that label' win, over values that recur."""
    kinds = defaultdict(Counter)
    for value, label in zip(values, truth.tolist()):
        kinds[value][label] += 1
    recurring = [counts for counts in kinds.values() if counts.total() >= FEWEST]
    clips = sum(counts.total() for counts in recurring)
    if clips < len(truth) / 2 or len(recurring) < 2:
        return 0.0
    right = sum(counts.most_common(1)[0][1] for counts in recurring) / clips
    guess = np.bincount(truth).max() / len(truth)
    return (right - guess) / (1 - guess) if guess < 1 else 0.0


def _recording(data: DataSet) -> list[tuple[str, str, str, str]]:
    """Whether length, place in the room, facing, size and noise of a clip tell the class of people who were left out."""
    train = data.splits.get("train")
    if (
        train is None
        or not train.labelled
        or min(len(set(train.subjects)), len(set(train.labels.tolist()))) < 2
    ):
        return []
    skeleton = data.skeleton
    pelvis, neck, left, right = skeleton.index("Pelvis", "Neck", "L_Hip", "R_Hip")
    traces = []
    for clip in train:
        across = (clip[:, left] - clip[:, right]).mean(0)
        traces.append(
            [
                len(clip),
                *clip[:, pelvis].mean(0),
                np.arctan2(across[2], across[0]),
                np.linalg.norm(clip[:, neck] - clip[:, pelvis], axis=-1).mean(),
            ]
        )
    people = np.unique(train.subjects, return_inverse=True)[1]
    forest = RandomForestClassifier(50, random_state=0)
    rows = []
    guess = np.bincount(train.labels).max() / len(train)
    for columns, what in (
        ([0], "the number of frames"),
        ([1, 2, 3], "the place in the room"),
        ([4], "the mean facing"),
        ([5], "the mean length of the trunk"),
    ):
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "The number of unique classes", UserWarning
            )  # few clips a class; a warning a tree would flood the notebook
            found = cross_val_predict(
                forest,
                np.array(traces)[:, columns],
                train.labels,
                groups=people,
                cv=GroupKFold(min(5, people.max() + 1)),
            )
        told = ((found == train.labels).mean() - guess) / (1 - guess)
        if told > TELLING:
            rows.append(
                (
                    "recording",
                    "note",
                    "train",
                    f"{what} alone tells the class of {told + guess * (1 - told):.0%} of the clips of people left out",
                )
            )
    return rows


def _dead_joints(data: DataSet) -> list[tuple[str, str, str, str]]:
    """Joints that do not move at all in every clip of some classes while they do in others."""
    train = data.splits.get("train")
    if train is None or not train.labelled:
        return []
    still = np.array([np.ptp(clip, axis=0).max(-1) == 0 for clip in train])  # (N, J)
    share = np.array(
        [still[train.labels == label].mean(0) for label in np.unique(train.labels)]
    )  # (classes, J)
    telling = [
        data.skeleton.joints[joint]
        for joint in np.flatnonzero((share.max(0) == 1) & (share.min(0) < 1))
    ]
    return (
        [
            (
                "dead joints",
                "note",
                "train",
                f"{', '.join(telling)} never move in some classes and do in others: a sensor's trace",
            )
        ]
        if telling
        else []
    )

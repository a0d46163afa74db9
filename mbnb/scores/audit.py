"""A leak audit: ways in which a score may be better than on people who were never seen.

Kaufman et al., Leakage in Data Mining, TKDD 2012, name the kinds that are looked for here: the same
people or clips on both sides of a split, labels that stand in names, and traces of the recording
that tell the class without the movement.
"""

import re
import warnings
from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.spatial import KDTree
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict

from mbnb.clips import Clips
from mbnb.data.dataset import DataSet, people_overlap
from mbnb.prepare.geometry import at_moments
from mbnb.skeleton import Skeleton

MOMENTS = 16  # frames at which clips are compared
# Root mean square distance of joints in copies, in lengths of the trunk; about a centimetre.
NEAR = 0.02
# Share of the clips that guessing the largest class gets wrong which a trace must win.
TELLING = 0.5
DIRECTIONS, LIKELY = 12, 8  # in which copies are looked for, and how many are looked at
SAMPLE = 5_000  # clips that tell of all
FEWEST = 5  # clips with a value of a name's field for it to be a rule


class Finding(NamedTuple):
    """One way in which scores may be too good."""

    kind: str  # people, copies, names, recording or dead joints
    severity: str  # leak: scores of that split are too good; note: nothing may use it
    where: str  # the split
    what: str


def audit(data: DataSet) -> pd.DataFrame:
    """A row for each `Finding`; empty where nothing was found."""
    findings = [
        *_people(data),
        *_copies(data),
        *_names(data),
        *_recording(data),
        *_dead_joints(data),
    ]
    return pd.DataFrame(findings, columns=Finding._fields)


def leaks_of(data: DataSet, split: str) -> list[str]:
    """What makes scores on `split` too good, in a line each; the notes of `audit` cost most."""
    found = [*_people(data), *_copies(data)]
    return [one.what for one in found if one.severity == "leak" and one.where == split]


def _people(data: DataSet) -> list[Finding]:
    """People who are in train and in another split."""
    if "train" not in data.splits or not data.known_people:
        return []
    overlap = people_overlap(data)
    return [
        Finding(
            "people",
            "leak",
            split,
            f"{overlap.at['train', split]} of the {overlap.at[split, split]} people of {split} "
            "are also in train",
        )
        for split in data.splits
        if split != "train" and overlap.at["train", split]
    ]


def _copies(data: DataSet) -> list[Finding]:
    """Clips of other splits within NEAR of a clip in train, after both are standardised."""
    train = data.splits.get("train")
    if not train:
        return []
    findings = []
    # In few directions no two clips are farther apart than they are, so that a tree finds who may
    # be a copy of whom without comparing all with all.
    shapes = _shapes(_some(train), data.skeleton)
    axes = PCA(min(DIRECTIONS, *shapes.shape), random_state=0).fit(shapes).components_.T
    tree = KDTree(_shapes(train, data.skeleton, axes))
    for split, clips in data.splits.items():
        if split == "train" or not len(clips):
            continue
        places = _shapes(clips, data.skeleton, axes)
        near, of_train = tree.query(places, range(1, LIKELY + 1), distance_upper_bound=NEAR)
        which, k = np.nonzero(np.isfinite(near))  # pairs of a clip and one in train
        others = of_train[which, k]
        ones, twins = clips.take(which), train.take(others)
        far = [
            np.linalg.norm(
                _shapes(ones.take(i), data.skeleton) - _shapes(twins.take(i), data.skeleton), axis=1
            )
            for i in ones.blocks()
        ]
        far = np.concatenate([*far, []])
        copies = len(np.unique(which[far < NEAR]))
        if copies:
            closest = far.argmin()
            findings.append(
                Finding(
                    "copies",
                    "leak",
                    split,
                    f"{copies} of {len(clips)} clips are nearly the same as one in train, as "
                    f"{clips.names[which[closest]]} and {train.names[others[closest]]}",
                )
            )
    return findings


def _some(clips: Clips) -> Clips:
    """SAMPLE of the clips, drawn by chance, where there are more."""
    if len(clips) <= SAMPLE:
        return clips
    return clips.take(np.sort(np.random.default_rng(0).permutation(len(clips))[:SAMPLE]))


def _shapes(clips: Clips, skeleton: Skeleton, axes: np.ndarray | None = None) -> np.ndarray:
    """(N, MOMENTS·J·3) standardised poses, or where they are along `axes` (MOMENTS·J·3, D).

    The Euclidean distance of two is the root mean square distance of their joints.
    """
    parts = [np.zeros((0, MOMENTS * len(skeleton) * 3 if axes is None else axes.shape[1]))]
    for index in clips.blocks():
        frames, lengths = clips.gather(index), clips.lengths[index]
        windows = at_moments(
            torch.as_tensor(frames), torch.as_tensor(lengths), skeleton, MOMENTS
        ).flatten(1)  # (N, M, J, 3) -> (N, M·J·3)
        shapes = (windows / (windows.shape[1] / 3) ** 0.5).numpy()
        parts.append(shapes if axes is None else shapes @ axes)
    return np.concatenate(parts)


def _names(data: DataSet) -> list[Finding]:
    """Fields of the clips' names, between `_`, `-` and the like, that tell class or region."""
    findings = []
    for split, clips in data.splits.items():
        if not clips.labelled:
            continue
        regions = np.array(data.classes.region_ids)[clips.labels]
        fields = [re.split(r"[^A-Za-z0-9]+", name) for name in clips.names]
        for place, values in enumerate(zip(*fields), 1):  # as many as the shortest name has
            if _share_won(values, clips.labels) > TELLING:
                told = "class"
            elif _share_won(values, regions) > TELLING:
                told = "body region"
            else:
                continue
            findings.append(
                Finding(
                    "names",
                    "note",
                    split,
                    f"field {place} of the clips' names tells the {told}, as in {clips.names[0]}; "
                    "the model does not see names",
                )
            )
    return findings


def _share_won(values: tuple[str, ...], labels: np.ndarray) -> float:
    """How much of what guessing the largest class gets wrong a rule gets right.

    The rule is 'this value means that label', over values that recur.
    """
    counts_of = defaultdict(Counter)
    for value, label in zip(values, labels.tolist()):
        counts_of[value][label] += 1
    recurring = [counts for counts in counts_of.values() if counts.total() >= FEWEST]
    clips = sum(counts.total() for counts in recurring)
    if clips < len(labels) / 2 or len(recurring) < 2:
        return 0.0
    right = sum(counts.most_common(1)[0][1] for counts in recurring) / clips
    largest = np.bincount(labels).max() / len(labels)
    return (right - largest) / (1 - largest) if largest < 1 else 0.0


def _recording(data: DataSet) -> list[Finding]:
    """Whether length, place, facing or size of a clip tell the class of people left out."""
    train = data.splits.get("train")
    if train is None or not train.labelled:
        return []
    train = _some(train)  # trees of a million clips would not fit into memory
    people = np.unique(train.subjects, return_inverse=True)[1]
    if people.max() == 0 or len(np.unique(train.labels)) < 2:
        return []
    folds = GroupKFold(min(5, people.max() + 1))
    largest = np.bincount(train.labels).max() / len(train)
    findings = []
    for what, trace in _traces(train, data.skeleton).items():
        with warnings.catch_warnings():
            # Where clips of a class are few, a warning a tree would flood the notebook.
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            predictions = cross_val_predict(
                RandomForestClassifier(50, random_state=0),
                trace,
                train.labels,
                groups=people,
                cv=folds,
            )
        right = (predictions == train.labels).mean()
        if (right - largest) / (1 - largest) > TELLING:
            findings.append(
                Finding(
                    "recording",
                    "note",
                    "train",
                    f"{what} alone tells the class of {right:.0%} of the clips of people left out",
                )
            )
    return findings


def _traces(clips: Clips, skeleton: Skeleton) -> dict[str, np.ndarray]:
    """What a clip (T, J, 3) says without its movement: of each kind (N, numbers)."""
    pelvis, neck, left, right = skeleton.index("Pelvis", "Neck", "L_Hip", "R_Hip")
    across = np.stack([(clip[:, left] - clip[:, right]).mean(0) for clip in clips])  # (N, 3)
    trunks = [np.linalg.norm(clip[:, neck] - clip[:, pelvis], axis=-1).mean() for clip in clips]
    return {
        "the number of frames": clips.lengths[:, None],
        "the place in the room": np.stack([clip[:, pelvis].mean(0) for clip in clips]),
        "the mean facing": np.arctan2(across[:, 2:], across[:, :1]),
        "the mean length of the trunk": np.array(trunks)[:, None],
    }


def _dead_joints(data: DataSet) -> list[Finding]:
    """Joints that do not move at all in every clip of some classes while they do in others."""
    train = data.splits.get("train")
    if train is None or not train.labelled:
        return []
    still = np.array([np.ptp(clip, axis=0).max(-1) == 0 for clip in train])  # (N, J)
    share = np.array(
        [still[train.labels == label].mean(0) for label in np.unique(train.labels)]
    )  # (classes, J)
    telling = np.flatnonzero((share.max(0) == 1) & (share.min(0) < 1))
    if not len(telling):
        return []
    names = ", ".join(data.skeleton.joints[joint] for joint in telling)
    what = f"{names} never move in some classes and do in others: a sensor's trace"
    return [Finding("dead joints", "note", "train", what)]

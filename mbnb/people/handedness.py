"""Who does with the left what others do with the right.

Where the class table says what a mirrored clip is, sides do not matter. Where it does not ("raise your arm", "raise the other"), a
left-handed person shows in each class the mirror image of what the others show. Their clips are then seen in a mirror: of people
in training by their labels, of new people where their unlabelled clips, all together, fit the mirrored classes better than the classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.special import logsumexp
from sklearn.model_selection import GroupKFold

from mbnb.baselines.discriminant import Discriminant, fit_discriminant
from mbnb.clips import Clips
from mbnb.prepare.transforms import at_moments, flip
from mbnb.skeleton import Skeleton

MOMENTS = 16  # of a clip, at which its poses are compared
SURE = 1.0  # standard errors beyond which labelled clips speak for a mirror; to see in one who shows no sides does no harm
LEFT_HANDED = 0.1  # share of people
FEWEST = 4  # people from whom it can be learned
FOLDS = 10


@dataclass(frozen=True)
class Handedness:
    """Tells left-handed people by their unlabelled clips. A clip's evidence is by how much its classes are more likely than the mirrored
    classes; right-handed people who were left out had a mean evidence of `mean` ± `between`, their single clips another ± `within`."""

    model: Discriminant
    mean: float
    between: float
    within: float

    def find(self, clips: Clips, skeleton: Skeleton) -> np.ndarray:
        """(N,) bool: the clips of people who are rather left-handed; those of `Clips.subjects` with one name count as one person."""
        return self.judge(clips.subjects, _evidence(self.model, _features(clips, skeleton)))

    def judge(self, people: Sequence[str], evidence: np.ndarray) -> np.ndarray:
        """The same by the `evidence` (N,) of the clips of `people` (N,): left-handed ones would have -`mean` on average."""
        by_person = pd.Series(evidence).groupby(np.asarray(people))
        average, clips = by_person.transform("mean"), by_person.transform("size")
        odds = 2 * self.mean * average / (self.between**2 + self.within**2 / clips) + np.log(
            1 / LEFT_HANDED - 1
        )
        return (odds < 0).to_numpy()

    def state(self) -> dict:
        """Plain tensors and numbers, for a checkpoint."""
        return {
            "model": self.model.state(),
            "mean": self.mean,
            "between": self.between,
            "within": self.within,
        }

    @staticmethod
    def of(state: dict) -> "Handedness":
        """What `state` gave."""
        return Handedness(**state | {"model": Discriminant.of(state["model"])})


def learn_handedness(
    clips: Clips, skeleton: Skeleton, classes: int
) -> tuple[np.ndarray, Handedness | None]:
    """(N,) bool, the labelled clips of left-handed people; and what tells others, None where there are too few people to learn it from,
    or their right and left are too much alike."""
    x, people = _features(clips, skeleton), np.asarray(clips.subjects)
    in_mirror = _find_by_label(x, people, clips.labels, classes)
    if len(set(people)) < FEWEST:
        return in_mirror, None
    x = turn(x, in_mirror)
    evidence = np.zeros(len(clips))
    for fit, held in GroupKFold(min(FOLDS, len(set(people)))).split(people, groups=people):
        evidence[held] = _evidence(
            fit_discriminant(x[:, fit], clips.labels[fit], classes), x[:, held]
        )
    by_person = pd.Series(evidence).groupby(people)
    mean, between, within = by_person.mean().mean(), by_person.mean().std(), by_person.std().mean()
    if not mean > between:
        return in_mirror, None
    return in_mirror, Handedness(
        fit_discriminant(x, clips.labels, classes),
        float(mean),
        float(between),
        float(np.nan_to_num(within, nan=between)),
    )


def learn_and_find(
    train: Clips, test: Clips, skeleton: Skeleton, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """The clips of left-handed people among labelled ones (N,), and among those of others (M,), whose labels play no part."""
    in_mirror, handedness = learn_handedness(train, skeleton, classes)
    return in_mirror, handedness.find(test, skeleton) if handedness else np.zeros(len(test), bool)


def say_who(clips: Clips, in_mirror: np.ndarray | None) -> None:
    """Print whose clips are seen in a mirror, if anybody's are."""
    names = (
        sorted({clips.subjects[i] for i in np.flatnonzero(in_mirror)})
        if in_mirror is not None
        else []
    )
    if names:
        print(
            "seen in a mirror, since they do with the left what others do with the right:",
            ", ".join(names),
        )


def turn(x: np.ndarray, in_mirror: np.ndarray) -> np.ndarray:
    """Features of clips and of their mirror images (2, N, D) with the two exchanged where `in_mirror` (N,)."""
    return np.where(in_mirror[:, None], x[::-1], x)


def _features(clips: Clips, skeleton: Skeleton) -> np.ndarray:
    """(2, N, MOMENTS·J·3) the poses of clips and of their mirror images, each less the person's mean: a crooked body is no handedness."""
    poses = at_moments(
        torch.as_tensor(clips.gather()), torch.as_tensor(clips.lengths), skeleton, MOMENTS
    ).flatten(1)  # (N, MOMENTS, J, 3) -> (N, D)
    person = torch.as_tensor(np.unique(clips.subjects, return_inverse=True)[1])
    count = torch.bincount(person)
    poses = (
        poses
        - (torch.zeros(len(count), poses.shape[1]).index_add(0, person, poses) / count[:, None])[
            person
        ]
    )
    mirrored = flip(poses.unflatten(1, (MOMENTS, len(skeleton), 3)), skeleton.mirror).flatten(1)
    return torch.stack([poses, mirrored]).numpy()


def _find_by_label(
    x: np.ndarray, people: Sequence[str], labels: np.ndarray, classes: int
) -> np.ndarray:
    """(N,) bool: the clips of people who show the mirror image of what most people show of the same classes, by features (2, N, D).

    What a body does on one side only is its poses less their mirror images; left-handed people have it with the opposite sign. The signs under
    which all people agree best are those of the first eigenvector of their agreement with one another (Singer, Angular
    Synchronization by Eigenvectors and Semidefinite Programming, 2011).
    """
    names, person = np.unique(people, return_inverse=True)

    def one_sided(label: int) -> np.ndarray:
        """(people, D) what each shows on one side only in a class, of length 1, or 0 where they do not show it."""
        rows = np.flatnonzero(labels == label)
        own = np.zeros((len(names), x.shape[2]), np.float32)
        np.add.at(own, person[rows], x[0, rows] - x[1, rows])
        return own / np.linalg.norm(own, axis=1, keepdims=True).clip(1e-9)

    agreement = sum(own @ own.T for own in map(one_sided, range(classes)))
    np.fill_diagonal(agreement, 0)
    sign = np.linalg.eigh(agreement)[1][:, -1]
    sign *= -1 if sign.sum() < 0 else 1
    for_others = np.full(
        (len(names), classes), np.nan
    )  # how well a person's classes go with those of the others
    for label in np.unique(labels):
        own = one_sided(label)
        shown = np.unique(person[labels == label])
        for_others[shown, label] = (own * (sign @ own - sign[:, None] * own)).sum(1)[shown]
    by_person = pd.DataFrame(for_others)
    return (by_person.mean(axis=1) < -SURE * by_person.sem(axis=1)).to_numpy()[person]


def _evidence(model: Discriminant, x: np.ndarray) -> np.ndarray:
    as_is, mirrored = model.scores(x)
    return logsumexp(as_is, axis=1) - logsumexp(mirrored, axis=1)

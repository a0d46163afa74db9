"""One-shot recognition scored: classes that training has not seen, told from one example each.

A clip gets the class of the example that it is most like. The rule is NTU-120's (Liu et al., NTU
RGB+D 120, PAMI 2020): every so manieth class is unseen, one person shows each of them once, and
all else of these classes is asked. There that person is named; elsewhere several people in turn
give the examples, and nobody's own clips are told from their own examples.

Shapes: N clips of unseen classes, C of these classes, G draws of examples, D numbers of a vector.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.spatial.distance import cdist

from mbnb.baselines.discriminant import fit_discriminant
from mbnb.baselines.nearest import MOMENTS
from mbnb.baselines.rocket import draw_convolutions
from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.data.keypoints import NTU
from mbnb.evaluate.score import find_checkpoint
from mbnb.evaluate.tables import write_csv
from mbnb.files import InputError
from mbnb.model.checkpoints import load_trained
from mbnb.model.predict import Network
from mbnb.prepare.geometry import at_moments
from mbnb.scores.intervals import over_people

DRAWS = 10  # of examples, at most: as many people give them in turn
GIVERS = {False: "S001", True: "S018"}  # setups of NTU-120's examples, of actions up to 60 and on
NETWORK, POSES = "network", "nearest poses"
CONVOLUTIONS, ADAPTED = "random convolutions", "random convolutions, discriminant"


@dataclass(frozen=True)
class Draw:
    """Places of the examples (C,) and of the clips that are asked (Q,), and who gave the first."""

    examples: np.ndarray
    asked: np.ndarray
    giver: str


def draw_examples(clips: Clips, seed: int = 0, draws: int = DRAWS) -> list[Draw]:
    """Who gives an example of each class, in turn; a class that one lacks is the next one's.

    Of NTU-120 there is one draw, by its authors' rule. Raises InputError where nothing is left to
    ask.
    """
    if official := _official(clips):
        return [official]
    rng, subjects = np.random.default_rng(seed), np.array(clips.subjects)
    people, kinds = rng.permutation(np.unique(subjects)), np.unique(clips.labels)
    drawn = []
    for turn in range(min(draws, len(people))):
        order = np.roll(people, -turn)
        rank = np.array([order.tolist().index(name) for name in subjects])
        examples = []
        for kind in kinds:
            of_kind = np.flatnonzero(clips.labels == kind)
            first = of_kind[rank[of_kind] == rank[of_kind].min()]
            examples.append(rng.choice(first))
        givers = np.unique(subjects[examples])
        asked = np.flatnonzero(~np.isin(subjects, givers))
        if len(asked):
            drawn.append(Draw(np.array(examples), asked, order[0]))
    if not drawn or len(kinds) < 2:
        raise InputError(
            f"one-shot recognition: expected at least two unseen classes, which several people "
            f"show; found {len(kinds)} classes of {len(people)} people"
        )
    return drawn


def _official(clips: Clips) -> Draw | None:
    """NTU-120's examples: the first of person 8 before camera 3; None for other clips."""
    found = [NTU.search(name) for name in clips.names]
    if not len(clips) or not all(found):
        return None
    rule = "{}C003P008R001A{:03}"
    wanted = {
        label: rule.format(GIVERS[label >= 60], label + 1) for label in np.unique(clips.labels)
    }
    place = {name: i for i, name in enumerate(clips.names)}
    if missing := [name for name in wanted.values() if name not in place]:
        raise InputError(
            f"one-shot recognition: {len(missing)} of NTU-120's examples are not there: "
            f"{', '.join(missing[:3])}"
        )
    examples = np.array([place[name] for name in wanted.values()])
    return Draw(examples, np.setdiff1d(np.arange(len(clips)), examples), "P008")


def match(likeness: np.ndarray, labels: np.ndarray, draw: Draw) -> np.ndarray:
    """(Q,) the class of the example that each clip asked is most like, by `likeness` (N, N)."""
    among = likeness[np.ix_(draw.asked, draw.examples)]
    return labels[draw.examples][among.argmax(1)]


def answers(clips: Clips, likeness: np.ndarray, draws: list[Draw]) -> pd.DataFrame:
    """A row a draw and clip asked: giver, clip, subject, true, predicted, with ids of classes."""
    return pd.concat(
        pd.DataFrame(
            {
                "giver": draw.giver,
                "clip": np.array(clips.names)[draw.asked],
                "subject": np.array(clips.subjects)[draw.asked],
                "true": clips.labels[draw.asked],
                "predicted": match(likeness, clips.labels, draw),
            }
        )
        for draw in draws
    ).reset_index(drop=True)


def top1_interval(table: pd.DataFrame, config: Config) -> tuple[float, float, float]:
    """Top-1 of `answers` with its 95 % interval from drawing people anew.

    Whoever is drawn twice counts twice, as a giver of examples and as who is asked.
    """
    right, count = (table["true"] == table["predicted"]).to_numpy(float), len(table)
    several = table["giver"].nunique() > 1

    def top1(counts: np.ndarray) -> list[float]:
        weights = counts[:count] * (counts[count:] if several else 1)
        return [np.average(right, weights=weights) if weights.any() else np.nan]

    people = [*table["subject"], *table["giver"]]
    ((low, high),) = over_people(top1, people, config.bootstraps, config.seed)
    return right.mean(), low, high


def one_shot(config: Config, data: DataSet) -> dict[str, pd.DataFrame]:
    """Score the run's network and simpler methods; `answers` by method.

    Writes `one_shot.csv` and `one_shot_clips.csv` to the run. Raises InputError where there are no
    unseen classes to be told.
    """
    asked = data.splits.get("test")
    if not config.unseen_classes or asked is None or not asked.labelled:
        raise InputError(
            f"{data.root}: expected labelled clips of unseen classes in test, as with "
            "-p unseen_classes 6"
        )
    draws = draw_examples(asked, config.seed)
    with config.folder.claimed():
        likenesses = {NETWORK: lambda: _by_network(config, data, asked)}
        if not asked.flat and "train" in data.splits:
            likenesses |= _simpler(config, data, asked)
        found = {name: answers(asked, alike(), draws) for name, alike in likenesses.items()}
        write_csv(one_shot_table(found, config), config.folder.one_shot)
        rows = pd.concat(table.assign(method=name) for name, table in found.items())
        write_csv(rows, config.folder.one_shot_clips)
    return found


def one_shot_table(found: dict[str, pd.DataFrame], config: Config) -> pd.DataFrame:
    """A row a method: top1, low, high, classes, draws and how many clips are asked in all."""
    rows = []
    for name, table in found.items():
        top1, low, high = top1_interval(table, config)
        sizes = table["true"].nunique(), table["giver"].nunique(), len(table)
        rows.append((name, top1, low, high, *sizes))
    return pd.DataFrame(
        rows, columns=("method", "top1", "low", "high", "classes", "draws", "asked")
    )


def by_class(table: pd.DataFrame, classes: ClassTable) -> pd.DataFrame:
    """Of `answers` a row a class: asked, the share found, what it is most often taken for."""
    rows = []
    for label, own in table.groupby("true"):
        wrong = own["predicted"][own["predicted"] != label].value_counts()
        taken_for = f"{classes.titles[wrong.index[0]]} ({wrong.iloc[0]})" if len(wrong) else ""
        found = (own["predicted"] == label).mean()
        rows.append((classes.titles[label], len(own), found, taken_for))
    return pd.DataFrame(rows, columns=("class", "asked", "found", "most often taken for"))


def _by_network(config: Config, data: DataSet, asked: Clips) -> np.ndarray:
    """(N, N) cosines of the vectors of the run's network."""
    trained = load_trained(find_checkpoint(config, data), config)
    vectors = Network(trained, data.skeleton, data.classes, config).vectors(asked)
    return vectors @ vectors.T


def _simpler(config: Config, data: DataSet, asked: Clips) -> dict[str, Callable[[], np.ndarray]]:
    """What the network must beat: (N, N) how alike clips are by simpler means, by name."""
    train = data.splits["train"]

    def poses() -> np.ndarray:
        frames, lengths = torch.as_tensor(asked.gather()), torch.as_tensor(asked.lengths)
        series = at_moments(frames, lengths, data.skeleton, MOMENTS).flatten(1)  # (N, M·J·3)
        return -cdist(series, series)

    convolutions = draw_convolutions(train, data.skeleton, config.seed, config.fps)
    features = convolutions.features(asked)

    def adapted() -> np.ndarray:
        fitted = fit_discriminant(convolutions.features(train), train.labels)
        return _cosines(fitted[:-1].transform(features))

    return {POSES: poses, CONVOLUTIONS: lambda: _cosines(features), ADAPTED: adapted}


def _cosines(vectors: np.ndarray) -> np.ndarray:
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-9)
    return units @ units.T

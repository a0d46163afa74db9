"""People held out for validation, where a data set has no val split of its own."""

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from mbnb.clips import Clips, join
from mbnb.config import Config
from mbnb.files import InputError


def hold_people_out(
    splits: dict[str, Clips], config: Config, root: Path
) -> tuple[dict[str, Clips], list[str]]:
    """The splits that a training uses, by the settings pool, val_fraction and fold, with notes.

    Raises InputError for a fold that the data set in `root` does not have.
    """
    notes = []
    if config.pool:
        splits, note = _pool(splits)
        notes.append(note)
    if config.fold and "val" in splits:
        raise InputError(
            f"setting 'fold': {config.fold}, but {root} has a val split of its own, so nobody is "
            "held out and all folds would be the same; take fold 0 only, or hold people out from "
            "all labelled splits with pool: true"
        )
    if "train" in splits and "val" not in splits and config.val_fraction > 0:
        splits, note = _hold_out(splits, config)
        notes.append(note)
    if "train" in splits and (config.few_people or config.few_clips):
        few = take_few(splits["train"], config.few_people, config.few_clips, config.seed)
        notes.append(
            f"learned from, as few_people and few_clips ask: {len(few)} of {len(splits['train'])} "
            f"clips, of {len(set(few.subjects))} people"
        )
        splits = splits | {"train": few}
    return splits, notes


def hold_classes_out(
    splits: dict[str, Clips], config: Config, root: Path
) -> tuple[dict[str, Clips], str]:
    """Training without the unseen classes, and a test of them alone, with a note.

    Unseen is every so manieth class from the first on: of NTU-120's with 6 the classes 0, 6 … 114
    (Liu et al., NTU RGB+D 120, PAMI 2020). Raises InputError where train has no clip of another
    class.
    """
    kept = {}
    for split, clips in splits.items():
        is_unseen = clips.labels % config.unseen_classes == 0
        kept[split] = clips.take(np.flatnonzero(is_unseen == (split == "test")))
    if "train" in kept and not len(kept["train"]):
        raise InputError(
            f"setting 'unseen_classes': {config.unseen_classes} leaves {root} no clip to learn"
        )
    counts = ", ".join(f"{split} {len(clips)}" for split, clips in kept.items())
    every = {2: "2nd", 3: "3rd"}.get(config.unseen_classes, f"{config.unseen_classes}th")
    note = f"every {every} class, from the first on, is in test alone, and only those are: {counts}"
    return {split: clips for split, clips in kept.items() if len(clips)}, note


def take_few(clips: Clips, people: int, per_class: int, seed: int) -> Clips:
    """At most `per_class` clips of each class, of at most so many `people`; 0: all of them.

    Who is taken is drawn by `seed`; a class's clips are shared among the people as evenly as can
    be, so that fewer are a part of more.
    """
    names, who = np.unique(clips.subjects, return_inverse=True)
    rank = np.random.default_rng(seed).permutation(len(names))[who]  # (N,) of each clip's person
    chosen = np.flatnonzero(rank < people) if people else np.arange(len(clips))
    # A person's first clip of a class comes before anybody's second.
    turn, taken, seen = {}, [], Counter()
    for i in chosen:
        key = rank[i], clips.labels[i]
        turn[i] = seen[key]
        seen[key] += 1
    for label in np.unique(clips.labels[chosen]):
        of_class = sorted(
            (i for i in chosen if clips.labels[i] == label), key=lambda i: (turn[i], rank[i])
        )
        taken += of_class[: per_class or None]
    return clips.take(np.sort(np.array(taken, dtype=int)))


def _pool(splits: dict[str, Clips]) -> tuple[dict[str, Clips], str]:
    """All labelled clips as train."""
    labelled = [split for split, clips in splits.items() if clips.labelled]
    others = {split: clips for split, clips in splits.items() if split not in labelled}
    train = join([splits[split] for split in labelled])
    note = f"{' and '.join(labelled)} were pooled: people are held out from all of them"
    return {"train": train} | others, note


def _hold_out(splits: dict[str, Clips], config: Config) -> tuple[dict[str, Clips], str]:
    """Some of train's people as val."""
    train = splits["train"]
    people = np.array(train.subjects)
    count = len(set(train.subjects))
    if count < 2:
        return (
            splits,
            "train has one person only: nobody can be held out, so `best` is the last epoch",
        )
    folds = min(config.folds, count)
    if config.fold >= folds:
        raise InputError(
            f"setting 'fold': expected below {folds}, the number of groups of people in train, "
            f"found {config.fold}"
        )
    remaining, held_out = _fold(people, train.labels, folds, config.fold)
    others = {split: clips for split, clips in splits.items() if split != "train"}
    note = (
        f"{len(set(people[held_out]))} of {count} people were held out from train as val, "
        "since the data set has none"
    )
    return {"train": train.take(remaining), "val": train.take(held_out)} | others, note


def _fold(
    people: np.ndarray, labels: np.ndarray, folds: int, fold: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the clips that remain and of those whose people are held out, (N,) both.

    The people are the same whatever the seed of a training.
    """
    names = np.unique(people)
    if folds == len(names):
        alone = people == names[fold]
        return np.flatnonzero(~alone), np.flatnonzero(alone)
    # Balanced over the classes, unless every class is smaller than the number of folds.
    kind = StratifiedGroupKFold if np.bincount(labels).max() >= folds else GroupKFold
    shuffled = kind(folds, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        # Classes with fewer clips than folds are common and harmless here.
        warnings.simplefilter("ignore", UserWarning)
        return list(shuffled.split(people, labels, people))[fold]

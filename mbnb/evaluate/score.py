"""Scoring a predictor on people who were not in training, and predicting clips without labels.

Every clip is judged by itself. Where the setting `people` names steps, what they make of a person's
clips is scored, too, and stands beside.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mbnb import settings
from mbnb.baselines import METHODS
from mbnb.classes import ClassTable
from mbnb.clips import Clips, join
from mbnb.config import Config, found_in, read_yaml
from mbnb.data.dataset import NEEDS_DEPTH, DataSet, people_overlap
from mbnb.evaluate.evaluation import Evaluation
from mbnb.evaluate.remarks import remarks
from mbnb.evaluate.tables import (
    find_clips,
    prediction_table,
    read_numbers,
    read_regions,
    write_csv,
)
from mbnb.files import ROOT, InputError, fingerprint, write_text
from mbnb.model.checkpoints import Trained, load_trained
from mbnb.model.predict import Network
from mbnb.people import Stage, look
from mbnb.people.stage import Predictor
from mbnb.prepare.recipe import known_joints
from mbnb.runs import RunFolder, metrics_of, probability_columns
from mbnb.scores.calibration import calibration_error, log_loss
from mbnb.scores.intervals import official_interval, score_intervals
from mbnb.scores.metrics import SCORES, official_scores, score
from mbnb.settings import say_once
from mbnb.skeleton import Skeleton
from mbnb.text import listed, too_few
from mbnb.train import train
from mbnb.train.trouble import answers_alike

CHECKPOINTS = ("best", "latest")  # what the setting `checkpoint` takes besides a path


def scored_split(config: Config, data: DataSet) -> str | None:
    """The labelled split that `config.scored` names; None where there is none.

    By itself test, where that is labelled, else val.
    """
    wished = ("test", "val") if config.scored == "auto" else (config.scored,)
    labelled = [name for name in wished if name in data.splits and data.splits[name].labelled]
    return labelled[0] if labelled else None


def known_clips(data: DataSet, scored: str) -> Clips:
    """All labelled clips that a baseline may learn from, of held-out people, too.

    It chooses nothing on them, as a network's training chooses its best epoch. The people stage is
    always fitted on train alone, so that a network and a baseline have the same.
    """
    splits = [name for name in data.splits if name not in ("test", scored)]
    return join([data.splits[name] for name in splits if data.splits[name].labelled])


def find_checkpoint(config: Config, data: DataSet) -> Path:
    """The configured checkpoint, or the run's own; a run without one is trained first.

    That is said. Where val is scored, which chose the best epoch, the last one is taken: what
    chooses is not scored.
    """
    if config.checkpoint and config.checkpoint not in CHECKPOINTS:
        return ROOT / config.checkpoint
    choice = config.checkpoint or ("latest" if scored_split(config, data) == "val" else "best")
    path = getattr(config.folder, choice)
    if not path.exists():
        print(f"run {config.run!r} has no checkpoint yet: training it now")
        train(config, data)
    return path


def check_fit(trained: Trained, data: DataSet, path: object) -> None:
    """Raise InputError where the model's joints or classes are not those of the data."""
    if not hasattr(trained.model.head, "fc2"):
        raise InputError(
            f"{path}: tells what is alike, not classes; with -p unseen_classes 6 it is scored by "
            f"one example of each unseen class, and `python -m mbnb find` finds clips like another"
        )
    joints, classes = trained.model.feat_J, trained.model.head.fc2.out_features
    faults = []
    if joints != len(data.skeleton):
        faults.append(f"{path} was trained on {joints} joints, the data have {len(data.skeleton)}")
    if classes != len(data.classes):
        faults.append(f"{path} was trained on {classes} classes, the data have {len(data.classes)}")
    elif trained.classes and trained.classes.titles != data.classes.titles:
        pairs = enumerate(zip(trained.classes.titles, data.classes.titles))
        i, (there, here) = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
        faults.append(
            f"{path} was trained on another class table: {i} is {there!r} there and {here!r} in "
            f"the data"
        )
    if data.without_depth and not trained.config.without_depth:
        faults.append(
            f"{path} was trained on joints with depth, {data.root} has none: {NEEDS_DEPTH}"
        )
    if faults:
        raise InputError("\n".join(faults))


def evaluate(config: Config, data: DataSet) -> Evaluation:
    """Score a checkpoint or a baseline; write `metrics.json` and `predictions.csv` to the run.

    Takes the `scored_split`. Raises InputError where there is none, or the checkpoint does not fit.
    """
    split = scored_split(config, data)
    if split is None:
        wished = "test or val" if config.scored == "auto" else config.scored
        raise InputError(
            f"{data.root}: no labelled {wished} split, so nothing can be scored; "
            f"python -m mbnb predict writes probabilities"
        )
    with config.folder.claimed():
        predictor, about = _predictor(config, data, split)
        asked = data.splits[split]
        clips = look(predictor, asked)
        regions = predictor.regions(clips.features) if isinstance(predictor, Network) else None
        evaluation = Evaluation(split, asked, data.classes, clips.probabilities, regions)
        if config.people:
            stage = fitted_stage(config, data, predictor, about)
            evaluation = dataclasses.replace(
                evaluation, adapted=stage.answer(predictor, clips), steps=tuple(stage.steps)
            )
        write_evaluation(config, data, evaluation, about)
        return evaluation


def _predictor(config: Config, data: DataSet, split: str) -> tuple[Predictor, dict[str, Any]]:
    """What answers, and what `metrics.json` tells of it."""
    if config.method != "dstformer":
        clips, classes = known_clips(data, split), len(data.classes)
        if clips.flat and config.method != "largest":
            raise InputError(f"setting 'method': {config.method} needs joints in 3D")
        baseline = METHODS[config.method].fit(
            clips, data.skeleton, classes, config.seed, config.fps
        )
        return baseline, {"model": config.method, "members": {config.method: 1.0}}
    path = find_checkpoint(config, data)
    trained = load_trained(path, config)
    check_fit(trained, data, path)
    chosen = split == "val" and path.stem == "best"
    if chosen:
        print(
            "scored on val, on which the best epoch was chosen, so the scores are a little too "
            "good; without `checkpoint` the last epoch is scored"
        )
    elif split == "val" and not config.checkpoint:
        print("val chose the best epoch, so the last one is scored")
    if split == "val":
        trained = dataclasses.replace(trained, temperature=1.0)  # it was fitted to these clips
    size, recipe = trained.config.preset, trained.config.recipe
    return Network(trained, data.skeleton, data.classes, config), {
        "model": f"DSTformer ({size}, recipe {recipe}, epoch {trained.epoch})",
        "checkpoint": path.name,
        "checkpoint_fingerprint": fingerprint(path.read_bytes()),
        "epoch": trained.epoch,
        "temperature": trained.temperature,
        "chosen_on_scored": chosen,
    }


def fitted_stage(
    config: Config, data: DataSet, predictor: Predictor, about: dict[str, Any]
) -> Stage:
    """The people stage of a run: as it was fitted, or fitted now on train and kept.

    Raises InputError where it is not fitted yet and the data have no labelled train split.
    """
    path = config.folder.people
    mark = _stage_mark(config, about.get("checkpoint_fingerprint") or data.fingerprint())
    if path.exists() and (stage := Stage.load(path)).fingerprint == mark:
        return stage
    stage = fit_stage(config.people, predictor, data, mark)
    stage.save(path)
    return stage


def fit_stage(
    steps: Sequence[str], predictor: Predictor | None, data: DataSet, mark: str = ""
) -> Stage:
    """The people stage fitted on the data's train. Raises InputError where that has no labels."""
    clips = data.splits.get("train")
    if clips is None or not clips.labelled:
        raise InputError(
            f"setting 'people': {', '.join(steps)} must be fitted on train, and {data.root} has no "
            f"labelled train split"
        )
    return Stage.fit(steps, predictor, clips, len(data.classes), mark)


def _stage_mark(config: Config, learned: str) -> str:
    """Tells a fitted stage from one of another predictor, other steps or other views.

    `learned` is the fingerprint of the checkpoint, or of the data that a baseline learned from.
    """
    return fingerprint(repr((config.method, learned, config.people, config.views)).encode())


def write_evaluation(
    config: Config, data: DataSet, evaluation: Evaluation, about: dict[str, object]
) -> None:
    """Write `metrics.json`, `predictions.csv` and `per_class.csv` to the run's folder.

    Where the people stage was applied, `people_predictions.csv`, too. `about` says what made the
    predictions.
    """
    folder = config.folder
    metrics = _metrics(config, data, evaluation) | about
    saved = config
    if config.method == "dstformer" and folder.config.exists():
        saved = Config.of(saved=found_in(folder, read_yaml(folder.config)))
    learned = data.splits.get("train")
    usual = np.inf if learned is None else learned.usual_length / config.fps
    beside = remarks(evaluation.clips, data.skeleton, config.fps, usual)
    write_csv(evaluation.table(remarks=beside), folder.predictions)
    write_csv(evaluation.per_class, folder.per_class)
    if evaluation.adapted is None:
        folder.people_predictions.unlink(missing_ok=True)
    else:
        write_csv(evaluation.table(adapted=True, remarks=beside), folder.people_predictions)
    # Last, since they tell that the tables are there, and later notebooks go by them.
    write_text(folder.metrics, json.dumps(metrics, indent=2) + "\n")
    dataclasses.replace(saved, **_answering(config)).save(folder.config)
    if "too_few" in metrics:
        print(f"{metrics['too_few']}; which are right stands in {folder.predictions.name}")
        return
    for doubt in answers_alike(evaluation.clips.labels, evaluation.predictions, data.classes):
        print(f"warning: {doubt}")
    if evaluation.adapted is not None:
        with_people = metrics["with_people"]["top1"]
        print(
            f"clip by clip: top-1 {metrics['top1']:.1%}; with each person's other clips "
            f"({', '.join(evaluation.steps)}): {with_people:.1%}"
        )


def _metrics(config: Config, data: DataSet, evaluation: Evaluation) -> dict[str, Any]:
    """Everything in `metrics.json` but what made the predictions."""
    clips, probabilities, regions = evaluation.clips, evaluation.probabilities, evaluation.regions
    labels, classes = clips.labels, data.classes
    answered = probabilities.max(1) >= config.reject
    right = float(evaluation.correct[answered].mean()) if answered.any() else None
    both = {"train", evaluation.split} <= data.splits.keys()
    shared = int(people_overlap(data).at["train", evaluation.split]) if both else 0
    with_people = None
    if evaluation.adapted is not None:
        with_people = {"steps": list(evaluation.steps)}
        with_people |= _scores(config, clips, evaluation.adapted, classes)
    resampling = config.bootstraps, config.seed
    people = len(set(clips.subjects))
    metrics = _scores(config, clips, probabilities, classes) | {
        "n_test": len(clips),
        "people": people,
        "split": evaluation.split,
        "known_people": data.known_people,
        "people_also_in_train": shared,
        "with_people": with_people,
        "official": official_scores(labels, probabilities, classes, regions),
        "F1_mean_interval": official_interval(
            labels, probabilities, clips.subjects, classes, regions, *resampling
        ),
        "official_without_region_head": (
            None if regions is None else official_scores(labels, probabilities, classes)
        ),
        "reject": {
            "below": config.reject,
            "answered": float(answered.mean()),
            "right_of_answered": right,
        },
        "simulated": data.simulated,
        "fingerprint": data.fingerprint(),
        "settings": _answering(config),
    }
    few = too_few(len(clips), people)
    return _withheld(metrics, few) if few else metrics


def _withheld(metrics: dict[str, Any], few: str) -> dict[str, Any]:
    """The metrics without any score, and before them why."""
    none = dict.fromkeys((*SCORES, "calibration_error", "log_loss"))
    none |= {"intervals": dict.fromkeys(SCORES)}
    official = dict.fromkeys(("official", "F1_mean_interval", "official_without_region_head"))
    with_people = metrics["with_people"] and metrics["with_people"] | none
    reject = metrics["reject"] | {"right_of_answered": None}
    withheld = none | official | {"with_people": with_people, "reject": reject}
    return {"too_few": few} | metrics | withheld


def _scores(
    config: Config, clips: Clips, probabilities: np.ndarray, classes: ClassTable
) -> dict[str, Any]:
    """Scores with their intervals, None where there is one person only, and calibration."""
    resampling = config.bootstraps, config.seed
    bounds = score_intervals(clips.labels, probabilities, clips.subjects, classes, *resampling)
    known = {key: None if np.isnan(bound).any() else bound for key, bound in bounds.items()}
    return score(clips.labels, probabilities, classes) | {
        "intervals": known,
        "calibration_error": calibration_error(clips.labels, probabilities),
        "log_loss": log_loss(clips.labels, probabilities),
    }


def _answering(config: Config) -> dict[str, object]:
    """The settings that predictions depend on, besides what was trained."""
    return {name: getattr(config, name) for name in settings.names(Config, "answers")}


def load_evaluation(config: Config, data: DataSet) -> Evaluation:
    """The run's evaluation as saved, or a new one.

    A new one where there is none of this checkpoint, with these settings, on these data.
    """
    folder = config.folder
    if not (folder.predictions.exists() and folder.metrics.exists()):
        return evaluate(config, data)
    metrics = metrics_of(folder)
    if others := _differences(config, data, metrics):
        print(
            f"the predictions in {folder.path.name} belong to {' and '.join(others)}: "
            f"evaluating anew"
        )
        return evaluate(config, data)
    columns = probability_columns(data.classes.codes)
    table = read_numbers(folder.predictions, columns)
    regions = read_regions(folder.predictions, data.classes)
    members = "members" in metrics
    clips = find_clips(data, table.index) if members else data.splits[metrics["split"]]
    adapted, steps = None, ()
    if metrics.get("with_people"):
        adapted = read_numbers(folder.people_predictions, columns).to_numpy()
        steps = tuple(metrics["with_people"]["steps"])
    return Evaluation(
        metrics["split"],
        clips,
        data.classes,
        table.to_numpy(),
        None if regions is None else regions.to_numpy(),
        adapted,
        steps,
    )


def _differences(config: Config, data: DataSet, metrics: dict[str, Any]) -> list[str]:
    """In what saved predictions are not those that `config` would make now."""
    now, differences = _answering(config), []
    # Several runs as one, or a baseline: there is no checkpoint.
    members = "members" in metrics
    combined = members and config.method == "dstformer"
    if metrics.get("settings", now) != now and not combined:
        differences.append(f"settings other than {now}")
    if not members:
        checkpoint = fingerprint(find_checkpoint(config, data).read_bytes())
        then = metrics.get("fingerprint"), metrics.get("checkpoint_fingerprint")
        if then != (data.fingerprint(), checkpoint):
            differences.append("other data or another checkpoint")
    return differences


def about_missing(clips: Clips, skeleton: Skeleton, trained: Trained) -> str:
    """How a model takes joints that clips lack, in a line; '' where they lack none."""
    known = None if clips.flat else known_joints(clips)
    if known is None:
        return ""
    joints = listed([name for name, there in zip(skeleton.joints, known.all(0)) if not there])
    how = (
        "they count for nothing"
        if trained.model.masks
        else "this model has not learned to do without, so they rest where a body has them"
    )
    return f"{(~known.all(1)).sum()} of {len(clips)} clips lack joints ({joints}): {how}"


def predict(
    checkpoint: Path, data: DataSet, split: str, config: Config
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The probabilities of every class for each clip of a split, labelled or not.

    Each clip by itself; and where the setting `people` names steps, a second table of what they
    make of them. Raises InputError where there is no such split, the checkpoint does not fit, or
    nothing was fitted for the people stage beside it.
    """
    if split not in data.splits:
        raise InputError(f"{data.root}: no split {split!r}; there are {', '.join(data.splits)}")
    trained = load_trained(checkpoint, config)
    classes = trained.classes or data.classes
    check_fit(trained, dataclasses.replace(data, classes=classes), checkpoint)
    network, clips = Network(trained, data.skeleton, classes, config), data.splits[split]
    if (said := about_missing(clips, data.skeleton, trained)) and not trained.config.parity:
        say_once(said)
    known = look(network, clips)
    about_clips = {
        "reject": config.reject,
        "subjects": clips.subjects,
        "remarks": remarks(clips, data.skeleton, config.fps, trained.usual_length),
    }
    regions = network.regions(known.features)
    alone = prediction_table(clips.names, classes, known.probabilities, regions, **about_clips)
    if not config.people:
        return alone, None
    kept = RunFolder(checkpoint.resolve().parents[1]).people
    fits_it = f"python -m mbnb evaluate {checkpoint} -p people {','.join(config.people)}"
    if not kept.exists():
        raise InputError(
            f"setting 'people': {checkpoint} has nothing fitted on train beside it; {fits_it} does"
        )
    stage = Stage.load(kept)
    if stage.fingerprint != _stage_mark(config, fingerprint(checkpoint.read_bytes())):
        raise InputError(
            f"setting 'people': {kept} was fitted for another checkpoint, other steps or other "
            f"views; {fits_it} fits it anew"
        )
    adapted = stage.answer(network, known)
    return alone, prediction_table(clips.names, classes, adapted, **about_clips)

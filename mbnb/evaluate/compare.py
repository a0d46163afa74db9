"""Predictors compared on the same clips: with baselines, with another run, variants of a recipe."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.baselines import METHODS
from mbnb.config import Config, saved_config
from mbnb.data.dataset import DataSet
from mbnb.evaluate.evaluation import Evaluation
from mbnb.evaluate.score import fit_stage, known_clips, load_evaluation
from mbnb.evaluate.tables import find_clips, read_scores
from mbnb.files import InputError, write_text
from mbnb.people import look
from mbnb.runs import RunFolder, metrics_of
from mbnb.scores.intervals import compare, score_intervals
from mbnb.scores.metrics import SCORES, score
from mbnb.text import too_few

BASELINES = {"largest": "always the largest class", "linear": "linear model"}


def load_other(config: Config, data: DataSet) -> tuple[str, Evaluation]:
    """Name and evaluation of the run that `config.against` names.

    Without one, of the linear model on the same clips, in a run of its own.
    """
    outputs = config.folder.path.parent
    if not config.against:
        other = dataclasses.replace(
            config, run=f"{config.run}_linear", method="linear", checkpoint=""
        )
    elif not RunFolder(outputs / config.against).config.exists():
        raise InputError(f"setting 'against': no run {config.against!r} in {outputs}")
    else:
        other = saved_config(
            {"run": config.against, "outputs": config.outputs, "data_root": str(data.root)}
        )
    return other.run, load_evaluation(other, data)


def compare_with_baselines(config: Config, data: DataSet, evaluation: Evaluation) -> pd.DataFrame:
    """A row a method on the evaluated split, clip by clip, with intervals over people.

    The model, a linear model, and always answering the largest class; where the people stage was
    applied to the model, also what the same steps make of it and of the linear model. The
    baselines choose nothing, so they learn from held-out people, too. Their scores are added to
    the run's `metrics.json`.
    """
    clips, classes = evaluation.clips, len(data.classes)
    known = known_clips(data, evaluation.split)
    if not len(known):
        print("no labelled clips to learn from: no baselines")
        return pd.DataFrame(columns=["method", *SCORES])
    metrics = metrics_of(config.folder)
    beside = f", with people's other clips ({', '.join(evaluation.steps)})"
    answers: dict[str, np.ndarray] = {}
    for method, name in BASELINES.items():
        baseline = METHODS[method].fit(known, data.skeleton, classes, config.seed, config.fps)
        looked = look(baseline, clips)
        answers[name] = looked.probabilities
        if evaluation.adapted is not None and hasattr(baseline, "features"):
            stage = fit_stage(evaluation.steps, baseline, data)
            answers[name + beside] = stage.answer(baseline, looked)
    scores = {n: score(clips.labels, p, data.classes) for n, p in answers.items()}
    metrics["baselines"] = {} if "too_few" in metrics else scores
    write_text(config.folder.metrics, json.dumps(metrics, indent=2) + "\n")
    answers[metrics["model"]] = evaluation.probabilities
    if evaluation.adapted is not None:
        answers[metrics["model"] + beside] = evaluation.adapted
    return pd.DataFrame(
        [{"method": name} | _scores_as_text(config, p, evaluation) for name, p in answers.items()]
    )


def _scores_as_text(
    config: Config, probabilities: np.ndarray, evaluation: Evaluation
) -> dict[str, str]:
    """Every score with its interval, as in '62.8% (53.7% – 71.9%)'."""
    clips, classes = evaluation.clips, evaluation.classes
    if too_few(len(clips), len(set(clips.subjects))):
        return dict.fromkeys(SCORES, "too few to score")
    scores = score(clips.labels, probabilities, classes)
    bounds = score_intervals(
        clips.labels, probabilities, clips.subjects, classes, config.bootstraps, config.seed
    )
    intervals = {
        key: "one person only" if np.isnan(low) else f"{low:.1%} – {high:.1%}"
        for key, (low, high) in bounds.items()
    }
    return {key: f"{scores[key]:.1%} ({intervals[key]})" for key in SCORES}


def compare_variants(
    data: DataSet, outputs: Path, variants: dict[str, Sequence[str]], resamples: int = 1000
) -> pd.DataFrame:
    """A row for each variant, a name and its evaluated runs, over all their predictions.

    Every score, the interval of top-1, and how far its top-1 is above that of the first variant,
    by the paired tests of `scores.intervals.compare`. Runs are folds, which have different clips,
    or seeds, which have the same. Clips are judged by themselves; where the people stage was
    applied to all runs of a variant, a second row, "…, with people", says what it made of them.
    Raises InputError for a run that was not evaluated, and for variants with different clips.
    """
    rows, first = [], None
    for name, paths in _prediction_tables(outputs, variants).items():
        table = pd.concat([read_scores(path, data.classes) for path in paths])
        clips, probabilities = find_clips(data, table.index), table.to_numpy()
        right = pd.Series(probabilities.argmax(1) == clips.labels, index=clips.names)
        right = right.groupby(level=0).mean()
        first = right if first is None else first
        if not right.index.equals(first.index):
            raise InputError(
                f"{name!r} was scored on other clips than {next(iter(variants))!r}, so they cannot "
                f"be compared"
            )
        bounds = score_intervals(
            clips.labels, probabilities, clips.subjects, data.classes, resamples
        )
        subjects = find_clips(data, right.index).subjects
        rows.append(
            {
                "variant": name,
                "runs": len(paths),
                "clips": len(right),
                "people": len(set(subjects)),
                **score(clips.labels, probabilities, data.classes),
                "top1_low": bounds["top1"][0],
                "top1_high": bounds["top1"][1],
                **compare(right.to_numpy(), first.to_numpy(), subjects, resamples),
            }
        )
    return pd.DataFrame(rows)


def _prediction_tables(outputs: Path, variants: dict[str, Sequence[str]]) -> dict[str, list[Path]]:
    """The predictions of each variant's runs; and what the people stage made of them, if any."""
    tables = {}
    for name, runs in variants.items():
        folders = {run: RunFolder(outputs / run) for run in runs}
        missing = [run for run, folder in folders.items() if not folder.predictions.exists()]
        if missing:
            raise InputError(f"variant {name!r}: not evaluated yet: {', '.join(missing)}")
        tables[name] = [folder.predictions for folder in folders.values()]
        with_people = [folder.people_predictions for folder in folders.values()]
        if all(path.exists() for path in with_people):
            tables[f"{name}, with people"] = with_people
    return tables


def compare_runs(
    evaluation: Evaluation,
    other: Evaluation,
    by: str = "region",
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """How far the top-1 of the first is above that of the second.

    A row for `all` clips and for each true region or, `by` class, each class that has clips;
    clips, and the paired tests of `scores.intervals.compare`. Raises InputError where they were
    scored on different clips.
    """
    classes, clips = evaluation.classes, evaluation.clips
    right, was_right = evaluation.correct, other.correct[evaluation.places_in(other)]
    names = np.array(classes.regions if by == "region" else classes.titles)[clips.labels]
    order = classes.region_names if by == "region" else classes.titles
    groups = {"all": np.ones(len(names), bool)}
    groups |= {name: names == name for name in dict.fromkeys(order) if name in set(names)}
    subjects = np.array(clips.subjects)
    rows = [
        {by: name, "clips": int(rows.sum())}
        | compare(right[rows], was_right[rows], subjects[rows], resamples, seed)
        for name, rows in groups.items()
    ]
    return pd.DataFrame(rows).set_index(by)


def by_region(evaluations: dict[str, Evaluation]) -> pd.DataFrame:
    """Top-1 of each evaluation (columns) on the clips of each body region (rows), and `all`."""
    columns = {}
    for name, evaluation in evaluations.items():
        regions = np.array(evaluation.classes.regions)[evaluation.clips.labels]
        right = pd.Series(evaluation.correct).groupby(regions).mean()
        order = [region for region in evaluation.classes.region_names if region in right]
        columns[name] = right[order]
        columns[name]["all"] = evaluation.correct.mean()
    return pd.DataFrame(columns)

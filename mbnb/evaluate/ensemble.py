"""Many runs as one: their predictions averaged or pooled."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.config import Config, found_in, read_yaml
from mbnb.data.dataset import DataSet, load
from mbnb.evaluate.evaluation import Evaluation
from mbnb.evaluate.score import fit_stage, write_evaluation
from mbnb.evaluate.tables import (
    find_clips,
    prediction_table,
    read_regions,
    read_scores,
    write_csv,
)
from mbnb.files import InputError, fingerprint, write_text
from mbnb.people import Known
from mbnb.runs import RunFolder, metrics_of


def fuse(
    config: Config,
    sources: Sequence[Path],
    classes: ClassTable,
    weights: Sequence[float] | None = None,
) -> Path:
    """The weighted mean of tables for clips that have no labels, such as a challenge's test.

    Written to `config`'s run beside `members.json`, which tells what it is made of; returns its
    path. Body parts told by heads of their own are averaged, too, where all sources have them.
    Raises InputError where sources do not fit one another.
    """
    weights = _checked(weights, sources)
    total = _mean([read_scores(path, classes) for path in sources], weights, sources)
    regions = _mean_regions(sources, classes, weights, sources)
    regions = None if regions is None else regions.loc[total.index].to_numpy()
    folder = config.folder
    table = prediction_table(total.index, classes, total.to_numpy(), regions, config.reject)
    members = [
        {"source": str(path), "fingerprint": fingerprint(path.read_bytes()), "weight": weight}
        for path, weight in zip(sources, weights)
    ]
    with folder.claimed():
        write_csv(table, folder.predictions)
        write_text(folder.members, json.dumps(members, indent=2) + "\n")
        config.save(folder.config)
    return folder.predictions


def combine(
    config: Config, sources: Sequence[str | Path], weights: Sequence[float] | None = None
) -> Evaluation:
    """One evaluation of several, written to `config`'s run.

    Sources are runs by name, the first one at least, or CSV files that `read_scores` takes. A
    clip's probabilities are the weighted mean over the sources that have it: sources with the
    same clips become an ensemble; folds, which have clips of different people, are pooled. Means
    are of clips judged by themselves; steps of the people stage that take probabilities may be
    applied to them. Raises InputError where sources do not fit one another, or some clips are in
    more of them than others.
    """
    weights = _checked(weights, sources)
    folders, runs = _read_runs(config, sources)
    first = Config.of(saved=found_in(folders[0], read_yaml(folders[0].config)))
    data = load(dataclasses.replace(first, val_fraction=0.0, fold=0, pool=False))
    paths = [
        folder.predictions if metrics else Path(source)
        for folder, source, metrics in zip(folders, sources, runs)
    ]
    tables = [read_scores(path, data.classes) for path in paths]
    total = _mean(tables, weights, sources)
    clips = find_clips(data, total.index)
    regions = _mean_regions(paths, data.classes, weights, sources)
    splits = {metrics["split"] for metrics in runs if metrics}
    evaluation = Evaluation(
        splits.pop() if len(splits) == 1 else "several",
        clips,
        data.classes,
        total.to_numpy(),
        None if regions is None else regions.loc[total.index].to_numpy(),
    )
    if config.people:
        evaluation = _with_people(config, data, clips, evaluation)
    saved = dataclasses.replace(config, data_root=str(data.root), pool=first.pool)
    about = {
        "model": " + ".join(map(str, sources)),
        "members": {str(source): weight for source, weight in zip(sources, weights)},
        "people_also_in_train": max(m["people_also_in_train"] for m in runs if m),
    }
    with config.folder.claimed():
        saved.save(config.folder.config)
        write_evaluation(config, data, evaluation, about)
    return evaluation


def _read_runs(
    config: Config, sources: Sequence[str | Path]
) -> tuple[list[RunFolder], list[dict[str, Any] | None]]:
    """The folders that sources may be, and the metrics of those that are evaluated runs."""
    outputs = config.folder.path.parent
    folders = [RunFolder(outputs / str(source)) for source in sources]
    runs = [metrics_of(folder) if folder.metrics.exists() else None for folder in folders]
    missing = [
        f"{source}: neither an evaluated run in {outputs} nor a CSV file"
        for source, metrics in zip(sources, runs)
        if metrics is None and not Path(source).is_file()
    ]
    if missing:
        raise InputError("\n".join(missing))
    if runs[0] is None:
        raise InputError(
            f"{sources[0]}: expected a run first, since it says which data were scored, or CSV "
            f"files only"
        )
    return folders, runs


def _with_people(config: Config, data: DataSet, clips: Clips, evaluation: Evaluation) -> Evaluation:
    """The evaluation with what steps of the people stage make of it, fitted on train's labels."""
    stage = fit_stage(config.people, None, data)
    adapted = stage.answer(None, Known(clips.subjects, evaluation.probabilities))
    return dataclasses.replace(evaluation, adapted=adapted, steps=tuple(stage.steps))


def _checked(weights: Sequence[float] | None, sources: Sequence[str | Path]) -> list[float]:
    weights = list(weights or [1.0] * len(sources))
    if len(weights) != len(sources) or min(weights, default=0) <= 0:
        raise InputError(
            f"expected a weight above 0 for each of {len(sources)} sources, found {weights}"
        )
    return weights


def _mean(
    tables: Sequence[pd.DataFrame], weights: Sequence[float], sources: Sequence[str | Path]
) -> pd.DataFrame:
    """The weighted mean of tables with a row a clip, over those that have it.

    Raises InputError unless equally many have each.
    """
    weighted = [
        table.mul(weight).assign(weight=weight, sources=1) for table, weight in zip(tables, weights)
    ]
    total = pd.concat(weighted).groupby(level=0, sort=False).sum()
    counts = total.pop("sources")
    if len(few := counts.index[counts < counts.max()]):
        lacking = [
            str(source) for table, source in zip(tables, sources) if few[0] not in table.index
        ]
        raise InputError(
            f"expected each clip in equally many sources: {len(few)} of {len(counts)} clips are in "
            f"fewer than others, {few[0]} the first, which is not in {', '.join(lacking)}"
        )
    return total.div(total.pop("weight"), axis=0)


def _mean_regions(
    paths: Sequence[Path],
    classes: ClassTable,
    weights: Sequence[float],
    sources: Sequence[str | Path],
) -> pd.DataFrame | None:
    """The same of what heads of their own say of regions; None unless all sources have such."""
    tables = [read_regions(path, classes) for path in paths]
    return None if any(table is None for table in tables) else _mean(tables, weights, sources)

"""Many runs as one: their predictions averaged or pooled, what each is right about, and a leaderboard of all."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from mbnb.classes import ClassTable
from mbnb.config import Config, read_yaml
from mbnb.data.dataset import DataSet, load
from mbnb.evaluate.evaluation import (
    Evaluation,
    find_clips,
    prediction_table,
    write_csv,
    write_evaluation,
)
from mbnb.files import InputError, fingerprint, write_text
from mbnb.people.quota import Quota
from mbnb.scores.metrics import SCORES, compare, intervals, score

ROUNDED = (
    0.3  # how far a sum of probabilities may be from 1; many classes rounded to two decimals are
)


def read_scores(path: Path, classes: ClassTable, alone: bool = False) -> pd.DataFrame:
    """The probabilities (N, C) in a CSV file, a row a clip: our own `predictions.csv`, or another model's with the clip's name first
    (clip, vid or the like) and a column for each class, called by its code, with or without p_,
    or by its id.

    Probabilities may be rounded; where there is a number below 0 or above 1, all are taken for
    logits. With `alone`, of clips that were judged together what they were before. Raises
    InputError that lists every fault, such as sums of probabilities far from 1.
    """
    try:
        table = pd.read_csv(path, dtype=str, index_col=0)  # names such as 0001 are no numbers
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a CSV file with a row a clip ({error})") from None
    table.index = table.index.astype(str).str.removesuffix(".mp4")
    kinds = [[f"a_{code}" for code in classes.codes]] if alone else []
    kinds += (
        [f"p_{code}" for code in classes.codes],
        list(classes.codes),
        [str(i) for i in range(len(classes))],
    )
    columns = max(kinds, key=lambda kind: sum(name in table for name in kind))
    faults = [
        f"{path}: no column {name} for class {title}"
        for name, title in zip(columns, classes.titles)
        if name not in table
    ]
    faults += [
        f"{path}: the clip {name} stands there more than once"
        for name in table.index[table.index.duplicated()].unique()
    ]
    if faults:
        raise InputError("\n".join(faults))
    values = table[columns].apply(pd.to_numeric, errors="coerce")
    faults = [
        f"{path}, line {line + 2}: expected numbers, found something else in the row of {name}"
        for line, (name, bad) in enumerate((~np.isfinite(values)).any(axis=1).items())
        if bad
    ]
    if faults:
        raise InputError("\n".join(faults))
    found = values.to_numpy(float)
    if (found < 0).any() or (found > 1).any():
        found = softmax(found, axis=1)
    sums = found.sum(1)
    faults = [
        f"{path}, line {line + 2}: expected probabilities that sum to 1, or logits, found a sum of {sums[line]:.3g} in the row of {table.index[line]}"
        for line in np.flatnonzero(np.abs(sums - 1) > ROUNDED)
    ]
    if faults:
        raise InputError("\n".join(faults))
    return pd.DataFrame(found / sums[:, None], index=table.index, columns=list(classes.codes))


def read_regions(path: Path, classes: ClassTable) -> pd.DataFrame | None:
    """The probabilities (N, R) that a model's own region head gave, in our own table of predictions; None where it had none."""
    table = pd.read_csv(path, dtype=str, index_col=0)
    table.index = table.index.astype(str).str.removesuffix(".mp4")
    columns = [f"r_{name}" for name in classes.region_names]
    return table[columns].astype(float) if set(columns) <= set(table) else None


def fuse(
    config: Config,
    sources: Sequence[Path],
    classes: ClassTable,
    weights: Sequence[float] | None = None,
) -> Path:
    """The weighted mean of tables of predictions for clips that have no labels, such as a challenge's test, written to `config`'s run beside
    `members.json`, which tells what it is made of; returns its path. Body parts told by heads of
    their own are averaged too, where all sources
    have them. Raises InputError where sources do not fit one another."""
    weights = _checked(weights, sources)
    found = _mean([read_scores(path, classes) for path in sources], weights, sources)
    regions = _mean_regions(list(sources), classes, weights, sources)
    out = config.folder.predictions
    write_csv(
        prediction_table(
            found.index,
            classes,
            found.to_numpy(),
            None if regions is None else regions.loc[found.index].to_numpy(),
            config.reject,
        ),
        out,
    )
    members = [
        {"source": str(path), "fingerprint": fingerprint(path.read_bytes()), "weight": weight}
        for path, weight in zip(sources, weights)
    ]
    write_text(out.with_name("members.json"), json.dumps(members, indent=2) + "\n")
    config.save(out.with_name("config.yaml"))
    return out


def combine(
    config: Config, sources: Sequence[str | Path], weights: Sequence[float] | None = None
) -> Evaluation:
    """One evaluation of several, written to `config`'s run: runs by name, or CSV files that `read_scores` takes.

    A clip's probabilities are the weighted mean over the sources that have it. Sources with the
    same clips so become an ensemble; folds, which have clips of different people, are pooled.
    Means are of clips judged alone; then those of a person are judged together by the quota of
    the first source that had them and one. The first source must be a run. Raises InputError
    where sources do not fit one another, or some clips are in more of them than others.
    """
    weights = _checked(weights, sources)
    folders = [config.folder.path.parent / str(source) for source in sources]
    about = [
        json.loads((folder / "metrics.json").read_text())
        if (folder / "metrics.json").exists()
        else None
        for folder in folders
    ]
    missing = [
        f"{source}: neither an evaluated run in {config.folder.path.parent} nor a CSV file"
        for source, metrics in zip(sources, about)
        if metrics is None and not Path(source).is_file()
    ]
    if missing or about[0] is None:
        raise InputError(
            "\n".join(missing)
            or f"{sources[0]}: expected a run first, since it says which data were scored, or CSV files only"
        )
    first = Config.of(read_yaml(folders[0] / "config.yaml"))
    data = load(dataclasses.replace(first, val_fraction=0.0, fold=0, pool=False))
    paths = [
        folder / "predictions.csv" if metrics else Path(source)
        for folder, source, metrics in zip(folders, sources, about)
    ]
    tables = [read_scores(path, data.classes, alone=True) for path in paths]
    total = _mean(tables, weights, sources)
    clips = find_clips(data, total.index)
    regions = _mean_regions(paths, data.classes, weights, sources)
    splits = {metrics["split"] for metrics in about if metrics}
    alone, people, left = total.to_numpy(), np.array(clips.subjects), np.ones(len(clips), bool)
    together, quotas = (
        alone.copy(),
        [metrics.get("quota") if config.quota and metrics else None for metrics in about],
    )
    for table, quota in zip(tables, quotas):
        own = left & total.index.isin(table.index)
        if quota and own.any():
            together[own], left[own] = Quota.of(quota).share_out(alone[own], people[own]), False
    evaluation = Evaluation(
        splits.pop() if len(splits) == 1 else "several",
        clips,
        data.classes,
        together,
        None if regions is None else regions.loc[total.index].to_numpy(),
        alone=alone if any(quotas) else None,
    )
    dataclasses.replace(config, data_root=str(data.root), pool=first.pool).save(
        config.folder.config
    )
    write_evaluation(
        config,
        data,
        evaluation,
        {
            "model": " + ".join(map(str, sources)),
            "members": {str(source): weight for source, weight in zip(sources, weights)},
            "people_also_in_train": max(
                metrics["people_also_in_train"] for metrics in about if metrics
            ),
            "quota": next(filter(None, quotas), None),
        },
    )
    return evaluation


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
    """The weighted mean of tables with a row a clip, over those that have it. Raises InputError unless equally many have each."""
    total = (
        pd.concat(
            [
                table.mul(weight).assign(weight=weight, sources=1)
                for table, weight in zip(tables, weights)
            ]
        )
        .groupby(level=0, sort=False)
        .sum()
    )
    had = total.pop("sources")
    if len(few := had.index[had < had.max()]):
        lacking = [
            str(source) for table, source in zip(tables, sources) if few[0] not in table.index
        ]
        raise InputError(
            f"expected each clip in equally many sources: {len(few)} of {len(had)} clips are in fewer than others, {few[0]} the first, "
            f"which is not in {', '.join(lacking)}"
        )
    return total.div(total.pop("weight"), axis=0)


def _mean_regions(
    paths: Sequence[Path],
    classes: ClassTable,
    weights: Sequence[float],
    sources: Sequence[str | Path],
) -> pd.DataFrame | None:
    """The same of what heads of their own say of regions; None unless all sources have such."""
    found = [read_regions(path, classes) for path in paths]
    return None if any(table is None for table in found) else _mean(found, weights, sources)


def leaderboard(outputs: Path) -> pd.DataFrame:
    """A row for each evaluated run below `outputs`, the best first: run, data, split, clips, people, every score, top-1 without quota where
    people were judged together, the interval of top-1, F1_mean, calibration error, epochs, people
    also in train. The split tells where it is
    of pooled people, and where it chose the epoch."""
    rows = []
    for path in sorted(outputs.glob("*/metrics.json")):
        metrics = json.loads(path.read_text())
        history, settings = path.with_name("history.csv"), path.with_name("config.yaml")
        low, high = metrics["intervals"].get("top1") or (np.nan, np.nan)
        epochs = pd.read_csv(history) if history.exists() else None
        settings = read_yaml(settings) if settings.exists() else {}
        alone = np.nan if metrics.get("top1_alone") is None else metrics["top1_alone"]
        split = (
            metrics["split"]
            + " of pooled people" * settings.get("pool", False)
            + ", chose the epoch" * metrics.get("chosen_on_scored", False)
        )
        rows.append(
            {
                "run": path.parent.name,
                "data": Path(settings.get("data_root") or "simulated").name,
                "split": split,
                "clips": metrics["n_test"],
                "people": metrics["people"],
                **{key: metrics[key] for key in SCORES},
                "top1_alone": alone,
                "low": low,
                "high": high,
                "F1_mean": metrics.get("official", {}).get("F1_mean", np.nan),
                "calibration_error": metrics.get("calibration_error", np.nan),
                "epochs": len(epochs) if epochs is not None else 0,
                "people_also_in_train": metrics["people_also_in_train"],
            }
        )
    columns = [
        "run",
        "data",
        "split",
        "clips",
        "people",
        *SCORES,
        "top1_alone",
        "low",
        "high",
        "F1_mean",
        "calibration_error",
        "epochs",
        "people_also_in_train",
    ]
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["data", "split", "top1"], ascending=[True, True, False], ignore_index=True
    )


def compare_variants(
    data: DataSet, outputs: Path, variants: dict[str, Sequence[str]], resamples: int = 1000
) -> pd.DataFrame:
    """A row for each variant, a name and its evaluated runs, over all their predictions: every score, the interval of top-1, and how
    far its top-1 is above that of the first variant, by the paired tests of `metrics.compare`.

    Runs are folds, which have different clips, or seeds, which have the same. Raises InputError
    for a run that was not evaluated, and for variants with different clips.
    """
    rows, first = [], None
    for name, runs in variants.items():
        missing = [run for run in runs if not (outputs / run / "predictions.csv").exists()]
        if missing:
            raise InputError(f"variant {name!r}: not evaluated yet: {', '.join(missing)}")
        table = pd.concat(
            [read_scores(outputs / run / "predictions.csv", data.classes) for run in runs]
        )
        clips, probabilities = find_clips(data, table.index), table.to_numpy()
        right = (
            pd.Series(probabilities.argmax(1) == clips.labels, index=clips.names)
            .groupby(level=0)
            .mean()
        )
        first = right if first is None else first
        if not right.index.equals(first.index):
            raise InputError(
                f"{name!r} was scored on other clips than {next(iter(variants))!r}, so they cannot be compared"
            )
        low, high = intervals(clips.labels, probabilities, clips.subjects, data.classes, resamples)[
            "top1"
        ]
        subjects = find_clips(data, right.index).subjects
        rows.append(
            {
                "variant": name,
                "runs": len(runs),
                "clips": len(right),
                "people": len(set(subjects)),
                **score(clips.labels, probabilities, data.classes),
                "top1_low": low,
                "top1_high": high,
                **compare(right.to_numpy(), first.to_numpy(), subjects, resamples),
            }
        )
    return pd.DataFrame(rows)


def compare_runs(
    evaluation: Evaluation,
    other: Evaluation,
    by: str = "region",
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """How far the top-1 of the first is above that of the second: a row for `all` clips and for each true region or, `by` class, each class
    that has clips; clips, and the paired tests of `metrics.compare`. Raises InputError where they were scored on different clips."""
    was_right = other.correct[evaluation.places_in(other)]
    names = np.array(evaluation.classes.regions if by == "region" else evaluation.classes.titles)[
        evaluation.clips.labels
    ]
    groups = {"all": np.ones(len(names), bool)} | {
        name: names == name
        for name in dict.fromkeys(
            evaluation.classes.region_names if by == "region" else evaluation.classes.titles
        )
        if name in set(names)
    }
    subjects = np.array(evaluation.clips.subjects)
    return pd.DataFrame(
        [
            {
                by: name,
                "clips": int(own.sum()),
                **compare(evaluation.correct[own], was_right[own], subjects[own], resamples, seed),
            }
            for name, own in groups.items()
        ]
    ).set_index(by)


def by_region(evaluations: dict[str, Evaluation]) -> pd.DataFrame:
    """Top-1 of each evaluation (columns) on the clips of each body region (rows), and `all`: what each member is right about."""
    rows = {}
    for name, evaluation in evaluations.items():
        regions = np.array(evaluation.classes.regions)[evaluation.clips.labels]
        rows[name] = pd.Series(evaluation.correct).groupby(regions, sort=False).mean()
        rows[name]["all"] = evaluation.correct.mean()
    return pd.DataFrame(rows)

"""All evaluated runs in one table, the best first."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mbnb.config import read_yaml
from mbnb.files import InputError
from mbnb.runs import RunFolder, metrics_of
from mbnb.scores.metrics import SCORES
from mbnb.settings import say_once
from mbnb.text import too_few

COLUMNS = [
    "run",
    "data",
    "split",
    "clips",
    "people",
    *SCORES,
    "low",
    "high",
    "top1_with_people",
    "F1_mean",
    "calibration_error",
    "epochs",
    "people_also_in_train",
]


def leaderboard(outputs: Path) -> pd.DataFrame:
    """A row for each evaluated run below `outputs`, the best first in its data and split.

    Scores are clip by clip: every score, the interval `low` to `high` of top-1, F1_mean and the
    calibration error; `top1_with_people` is what the people stage made of it. The split tells
    where it is of pooled people, where it chose the epoch, and where it is too few to score. A run
    whose files are damaged is left out, which is said.
    """
    rows = []
    for path in sorted(outputs.glob("*/metrics.json")):
        try:
            rows.append(_row(RunFolder(path.parent)))
        except (ValueError, TypeError, KeyError) as error:
            why = error if isinstance(error, InputError) else f"{path}: not as it was written"
            say_once(f"{path.parent.name} is left out: {why}")
    return pd.DataFrame(rows, columns=COLUMNS).sort_values(
        ["data", "split", "top1"], ascending=[True, True, False], ignore_index=True
    )


def read_metrics(folder: RunFolder) -> dict[str, Any]:
    """A run's `metrics.json`, of an earlier version as this one would have written it.

    As far as it goes: earlier versions gave the scores of a person's clips judged together, and
    beside them just the top-1 of each clip by itself.
    """
    metrics = metrics_of(folder)
    if not metrics.get("quota"):
        return metrics
    print(f"{folder.metrics}: written by an earlier version, which knew clip by clip only top-1")
    together = {key: metrics[key] for key in (*SCORES, "intervals")}
    unknown = dict.fromkeys((*SCORES, "calibration_error"), np.nan)
    alone = {"top1": metrics.get("top1_alone") or np.nan, "intervals": {}, "official": {}}
    return metrics | unknown | alone | {"with_people": {"steps": ["quota"]} | together}


def _row(folder: RunFolder) -> dict[str, Any]:
    metrics = read_metrics(folder)
    settings = read_yaml(folder.config) if folder.config.exists() else {}
    split = metrics["split"]
    split += " of pooled people" * settings.get("pool", False)
    split += ", chose the epoch" * metrics.get("chosen_on_scored", False)
    known = metrics
    if too_few(metrics["n_test"], metrics["people"]):
        split += ", too few to score"
        known = {}
    low, high = known.get("intervals", {}).get("top1") or (np.nan, np.nan)
    scores = {key: known.get(key, np.nan) for key in SCORES}
    return {
        "run": folder.path.name,
        "data": Path(settings.get("data_root") or "simulated").name,
        "split": split,
        "clips": metrics["n_test"],
        "people": metrics["people"],
        **{key: np.nan if value is None else float(value) for key, value in scores.items()},
        "low": low,
        "high": high,
        "top1_with_people": (known.get("with_people") or {}).get("top1", np.nan),
        "F1_mean": known.get("official", {}).get("F1_mean", np.nan),
        "calibration_error": known.get("calibration_error", np.nan),
        "epochs": len(pd.read_csv(folder.history)) if folder.history.exists() else 0,
        "people_also_in_train": metrics["people_also_in_train"],
    }

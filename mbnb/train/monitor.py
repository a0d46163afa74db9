"""How a training is going, for a terminal, read from its run's folder."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.config import read_yaml
from mbnb.files import InputError
from mbnb.runs import RunFolder
from mbnb.train.history import best_epoch, read_history

SPARKLINES = (
    "train_loss",
    "val_loss",
    "train_top1",
    "val_top1",
    "train_error",
    "val_error",
    "grad_norm_backbone",
    "grad_norm_head",
    "clips_per_second",
)
COLUMNS = (
    "epoch",
    "train_loss",
    "train_top1",
    "val_loss",
    "val_top1",
    "val_macro_f1",
    "train_error",
    "val_error",
    "lr_head",
    "clips_per_second",
)
OF_BEST = {
    "val_top1": "{:.1%}",
    "val_loss": "{:.3f}",
    "val_error": "{:.3f}",
    "train_loss": "{:.3f}",
}


def progress(folder: RunFolder) -> tuple[str, bool]:
    """How the training of a run is going, 100 characters wide, and whether it is finished.

    Raises InputError where none ever began.
    """
    history, regions = read_history(folder)
    name = folder.path.name
    if not (len(history) or folder.environment.exists()):
        raise InputError(
            f"{folder.path}: no training has begun there (neither history.csv nor "
            f"environment.json); if the run lies elsewhere, name its folder"
        )
    total = int(read_yaml(folder.config).get("epochs", 0)) if folder.config.exists() else 0
    if not len(history):
        age = _duration(_age(folder.environment))
        return f"{name}: no epoch of {total or '?'} is finished; it began {age} ago", False
    done, best = int(history["epoch"].iloc[-1]), best_epoch(history)
    row = history.set_index("epoch").loc[best]
    scores = [f"{key} {text.format(row[key])}" for key, text in OF_BEST.items() if key in row]
    bar = "█" * round(30 * done / total) if total else ""
    lines = [
        f"{name}: epoch {done} of {total or '?'}  {bar:░<30}",
        _pace(folder, history, total),
        f"best epoch {best}: {', '.join(scores)}",
        "",
        *(_course(key, history[key]) for key in SPARKLINES if key in history),
        "",
        _last_epochs(history),
    ]
    if len(regions):
        lines += ["", *_region_lines(regions)]
    return "\n".join(lines), bool(total) and done >= total


def _course(key: str, values: pd.Series) -> str:
    return f"{key:<18} {sparkline(values):<50} {values.iloc[0]:.4g} … {values.iloc[-1]:.4g}"


def _last_epochs(history: pd.DataFrame) -> str:
    columns = [key for key in COLUMNS if key in history]
    return history[columns].tail(5).to_string(index=False, float_format="%.4g", na_rep="")


def _region_lines(regions: pd.DataFrame) -> list[str]:
    """The confusion of regions in the last epoch, and each region's share of right answers."""
    last = regions[regions["epoch"] == regions["epoch"].max()]
    counts = last.pivot_table(index="true", columns="predicted", values="clips", sort=False)
    sums = zip(np.diag(counts), counts.sum(axis=1))
    right = [f"{hits / clips:.0%}" if clips else "" for hits, clips in sums]
    people = "held-out people" if last["split"].iloc[0] == "val" else "training clips"
    table = counts.astype(int).assign(right=right).rename_axis(index=None, columns=None)
    return [
        f"body regions in epoch {last['epoch'].iloc[0]}, clips of {people}: "
        f"rows true, columns predicted",
        table.to_string(),
    ]


def _pace(folder: RunFolder, history: pd.DataFrame, total: int) -> str:
    """Whether an epoch is overdue, and how long the rest will take."""
    done = int(history["epoch"].iloc[-1])
    age = _age(folder.history)
    if total and done >= total:
        return f"finished {_duration(age)} ago"
    if "seconds" in history:
        usual = history["seconds"].tail(5).median()
    elif "clips_per_second" in history and folder.environment.exists():
        # An older version wrote it, which did not say how long an epoch took.
        environment = json.loads(folder.environment.read_text(encoding="utf-8"))
        clips = environment["data"]["clips"]["train"]
        usual = clips / history["clips_per_second"].tail(5).median()
    else:
        return f"last epoch {_duration(age)} ago"
    if age > 3 * usual + 30:
        return (
            f"no epoch for {_duration(age)}; usually {_duration(usual)}: it seems to have stopped "
            f"or crashed, and goes on from epoch {done} when started again"
        )
    left = _duration(max((total - done) * usual - age, 0))
    rest = f"; about {left} to go" if total else ""
    return f"running: last epoch {_duration(age)} ago, usually {_duration(usual)}{rest}"


def _age(path: Path) -> float:
    """Seconds since a file was written; 0 where another machine's clock is ahead."""
    return max(0.0, time.time() - path.stat().st_mtime)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def sparkline(values: Sequence[float], width: int = 50) -> str:
    """The course of `values` in blocks, from the lowest to the highest of them.

    Neighbours are averaged to at most `width`; there is a blank where one is missing.
    """
    numbers = pd.Series(np.asarray(values, float))
    place = np.arange(len(values)) * min(width, len(values)) // len(values)
    means = numbers.groupby(place).mean()
    levels = (means - means.min()) / ((means.max() - means.min()) or 1.0) * 7
    return "".join(" " if np.isnan(level) else "▁▂▃▄▅▆▇█"[round(level)] for level in levels)

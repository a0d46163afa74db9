"""What a run's folder tells of its training, be it finished, going on or broken off: its history, and how it is going, for a terminal."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.config import read_yaml
from mbnb.files import InputError
from mbnb.train.loop import REGION_COLUMNS, best_epoch

SPARKLINES = (
    "train_loss",
    "val_loss",
    "train_top1",
    "val_top1",
    "grad_norm_backbone",
    "grad_norm_head",
    "clips_per_second",
)


def read_history(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`history.csv`, a row an epoch, and `region_confusion.csv` of a run's folder, be its training finished, going on or broken off;
    tables without rows where the files are missing."""
    return tuple(
        pd.read_csv(path) if path.exists() else pd.DataFrame(columns=columns)
        for path, columns in (
            (folder / "history.csv", ["epoch"]),
            (folder / "region_confusion.csv", REGION_COLUMNS),
        )
    )


def progress(folder: Path) -> tuple[str, bool]:
    """How the training in a run's folder is going, for a terminal 100 characters wide, and whether it is finished. Raises InputError where none ever began."""
    history, regions = read_history(folder)
    settings, environment = folder / "config.yaml", folder / "environment.json"
    if not (len(history) or environment.exists()):
        raise InputError(
            f"{folder}: no training has begun there (neither history.csv nor environment.json); if the run lies elsewhere, name its folder"
        )
    total = int(read_yaml(settings).get("epochs", 0)) if settings.exists() else 0
    if not len(history):
        return (
            f"{folder.name}: no epoch of {total or '?'} is finished; it began {_duration(time.time() - environment.stat().st_mtime)} ago",
            False,
        )
    done, best = int(history["epoch"].iloc[-1]), best_epoch(history)
    row = history.set_index("epoch").loc[best]
    parts = [
        (key, text)
        for key, text in (("val_top1", "{:.1%}"), ("val_loss", "{:.3f}"), ("train_loss", "{:.3f}"))
        if key in row
    ]
    lines = [
        f"{folder.name}: epoch {done} of {total or '?'}  {'█' * round(30 * done / total) if total else '':░<30}",
        _pace(folder, history, total),
        f"best epoch {best}: " + ", ".join(f"{key} {text.format(row[key])}" for key, text in parts),
        "",
    ]
    lines += [
        f"{key:<18} {sparkline(history[key]):<50} {history[key].iloc[0]:.4g} … {history[key].iloc[-1]:.4g}"
        for key in SPARKLINES
        if key in history
    ]
    shown = [
        key
        for key in (
            "epoch",
            "train_loss",
            "train_top1",
            "val_loss",
            "val_top1",
            "val_macro_f1",
            "lr_head",
            "clips_per_second",
        )
        if key in history
    ]
    lines += ["", history[shown].tail(5).to_string(index=False, float_format="%.4g", na_rep="")]
    if len(regions):
        last = regions[regions["epoch"] == regions["epoch"].max()]
        counts = last.pivot_table(index="true", columns="predicted", values="clips", sort=False)
        right = [
            f"{own / clips:.0%}" if clips else ""
            for own, clips in zip(np.diag(counts), counts.sum(axis=1))
        ]
        people = "held-out people" if last["split"].iloc[0] == "val" else "training clips"
        table = counts.astype(int).assign(right=right).rename_axis(index=None, columns=None)
        lines += [
            "",
            f"body regions in epoch {last['epoch'].iloc[0]}, clips of {people}: rows true, columns predicted",
            table.to_string(),
        ]
    return "\n".join(lines), bool(total) and done >= total


def _pace(folder: Path, history: pd.DataFrame, total: int) -> str:
    """Whether an epoch is overdue, and how long the rest will take."""
    done, age = (
        int(history["epoch"].iloc[-1]),
        time.time() - (folder / "history.csv").stat().st_mtime,
    )
    if total and done >= total:
        return f"finished {_duration(age)} ago"
    environment = folder / "environment.json"
    if "seconds" in history:
        usual = history["seconds"].tail(5).median()
    elif (
        "clips_per_second" in history and environment.exists()
    ):  # written by an older version, which did not say
        usual = (
            json.loads(environment.read_text(encoding="utf-8"))["data"]["clips"]["train"]
            / history["clips_per_second"].tail(5).median()
        )
    else:
        return f"last epoch {_duration(age)} ago"
    if age > 3 * usual + 30:
        return f"no epoch for {_duration(age)}; usually {_duration(usual)}: it seems to have stopped or crashed, and goes on from epoch {done} when started again"
    rest = f"; about {_duration(max((total - done) * usual - age, 0))} to go" if total else ""
    return f"running: last epoch {_duration(age)} ago, usually {_duration(usual)}{rest}"


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 6000
        else f"{seconds / 3600:.1f} h"
    )


def sparkline(values: Sequence[float], width: int = 50) -> str:
    """The course of `values` in blocks, from the lowest to the highest of them, neighbours averaged to at most `width`; a blank where one is missing."""
    means = (
        pd.Series(np.asarray(values, float))
        .groupby(np.arange(len(values)) * min(width, len(values)) // len(values))
        .mean()
    )
    levels = (means - means.min()) / ((means.max() - means.min()) or 1.0) * 7
    return "".join(" " if np.isnan(level) else "▁▂▃▄▅▆▇█"[round(level)] for level in levels)

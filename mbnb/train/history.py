"""What a run's folder tells of its training: where it was made, and a row for every epoch."""

import json
import platform
from importlib import metadata
from pathlib import Path

import pandas as pd
import torch

from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.files import InputError, replacing, write_text
from mbnb.runs import RunFolder

REGION_COLUMNS = ["epoch", "split", "true", "predicted", "clips"]  # of region_confusion.csv
TEXTS = ("split", "true", "predicted")
MOST_EPOCHS = 1_000_000
PACKAGES = (
    "mbnb",
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "matplotlib",
    "papermill",
    "mediapipe",
    "av",
)


def record_environment(config: Config, data: DataSet) -> None:
    """Write what a run needs to be repeated: `config.yaml` and `environment.json`.

    The latter holds versions, device, seeds and the data's fingerprint.
    """
    config.save(config.folder.config)
    versions: dict[str, str | None] = dict.fromkeys(PACKAGES)
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    environment = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": versions,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        "processes": config.devices,
        "data": {
            "name": data.root.name,
            "fingerprint": data.fingerprint(),
            "simulated": data.simulated,
            "known_people": data.known_people,
            "clips": {split: len(clips) for split, clips in data.splits.items()},
            "notes": list(data.notes),
        },
        "seeds": {"seed": config.seed},
    }
    write_text(config.folder.environment, json.dumps(environment, indent=2) + "\n")


def best_epoch(history: pd.DataFrame) -> int:
    """The epoch with the highest val top-1, the lower val loss deciding between equals.

    Of a pretraining the one with the lowest val error. The last one where nobody was held out.
    """
    if "val_error" in history:
        return int(history["epoch"][history["val_error"].idxmin()])
    if "val_top1" not in history:
        return int(history["epoch"].iloc[-1])
    ranked = history.sort_values(["val_top1", "val_loss"], ascending=[False, True], kind="stable")
    return int(ranked["epoch"].iloc[0])


def region_table(
    regions: dict[int, list[list[int]]], split: str, names: tuple[str, ...]
) -> pd.DataFrame:
    """A row for every epoch and pair of regions, from the epochs' confusions (R, R)."""
    rows = [
        (epoch, split, true, predicted, clips)
        for epoch, counts in regions.items()
        for true, row in zip(names, counts)
        for predicted, clips in zip(names, row)
    ]
    return pd.DataFrame(rows, columns=REGION_COLUMNS)


def write_history(
    folder: RunFolder, history: pd.DataFrame, regions: pd.DataFrame | None = None
) -> None:
    """Write the tables that there are, each whole or not at all."""
    for path, table in ((folder.history, history), (folder.region_confusion, regions)):
        if table is not None:
            with replacing(path) as part:
                table.to_csv(part, index=False)


def read_history(folder: RunFolder) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`history.csv`, a row an epoch, and `region_confusion.csv` of a run.

    Its training may be finished, going on or broken off; without files there are tables without
    rows. Raises InputError where they are not as a training writes them.
    """
    return _read(folder.history, ["epoch"]), _read(folder.region_confusion, REGION_COLUMNS)


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    """A table as it was written: regions are text, even where they are called 1, True or NA."""
    if not path.exists():
        return pd.DataFrame(columns=columns)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        numbers = {name: pd.to_numeric(table[name]) for name in table if name not in TEXTS}
        wanted = {*columns, *["val_loss"] * ("val_top1" in table)}
        if lost := sorted(wanted - set(table)):
            raise ValueError(f"no column {', '.join(lost)}")
        epochs = numbers["epoch"]
        twice = columns != REGION_COLUMNS and not epochs.is_unique
        if twice or not (epochs.between(1, MOST_EPOCHS) & (epochs % 1 == 0)).all():
            raise ValueError("an epoch that is none, or stands there twice")
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path}: not as a training has written it ({error}): delete it, and the same command "
            f"writes it anew"
        ) from None
    return table.assign(**numbers)

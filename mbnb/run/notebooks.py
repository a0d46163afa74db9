"""Running notebooks headlessly through papermill, into the run's folder."""

import dataclasses
import itertools
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import papermill
from nbformat.sign import NotebookNotary
from papermill.exceptions import PapermillExecutionError
from tqdm.auto import tqdm
from traitlets.config import Config as TraitletsConfig

from mbnb.config import Config, read_yaml, saved_config
from mbnb.data.dataset import load
from mbnb.evaluate.evaluation import evaluate
from mbnb.files import ROOT, InputError, replacing
from mbnb.show.report import write_report
from mbnb.train.loop import AFTER_TRAINING, train

NOTEBOOKS = ROOT / "notebooks"


def choose_notebooks(chosen: Sequence[str]) -> list[Path]:
    """The notebooks whose names begin with one of `chosen` ('03', '04_evaluation'), in their order; all where it is empty.

    Raises InputError for a beginning that no notebook has.
    """
    every = sorted(path for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    missing = [start for start in chosen if not any(path.name.startswith(start) for path in every)]
    if missing or not every:
        raise InputError(
            f"no notebook begins with {', '.join(missing) or 'a number'} in {NOTEBOOKS}; there are {', '.join(p.stem for p in every)}"
        )
    return [
        path for path in every if not chosen or any(path.name.startswith(start) for start in chosen)
    ]


def run_notebooks(notebooks: Sequence[Path], parameters: dict[str, Any]) -> Path:
    """Execute notebooks in order into the run's folder and write `report.html`; returns the report's path.

    Raises InputError before the first one for unknown parameters, and papermill's PapermillExecutionError for a notebook
    that fails; the executed part of it stays in the run's folder, and nothing after it is run.
    """
    config = Config.of(parameters)
    given = {key: value for key, value in parameters.items() if value is not None}
    logging.getLogger("papermill").setLevel(
        logging.ERROR
    )  # it warns of parameters that a notebook takes but does not list
    with (
        tqdm(notebooks, desc="notebooks", unit="notebook") as bar,
        tempfile.TemporaryDirectory(prefix="mbnb") as sockets,
    ):
        # Cells and outputs pass through sockets that are files of this user, where the system has such; each run has its own.
        private = {"transport": "ipc", "ip": f"{sockets}/kernel"} if os.name == "posix" else {}
        for path in bar:
            bar.set_postfix_str(path.stem)
            out = config.folder.notebooks / path.name
            out.parent.mkdir(parents=True, exist_ok=True)
            executed = papermill.execute_notebook(
                path,
                out,
                parameters=given,
                cwd=NOTEBOOKS,
                kernel_name="python3",
                progress_bar=False,
                config=TraitletsConfig({"KernelManager": private}),
            )
            NotebookNotary().sign(
                executed
            )  # made here just now, so JupyterLab may show its players
    return write_report(saved_config(given))


def plan_grid(settings: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Variant -> run name -> settings: every variant with every combination of the grid.

    `settings` are those of all runs, and two keys more: `variants`, name -> settings, and `grid`, setting -> list of values. The
    runs are called `<run>-<variant>-<setting><value>…`. Raises InputError that lists every fault of every run.
    """
    shared = {key: value for key, value in settings.items() if key not in ("variants", "grid")}
    variants, grid = settings.get("variants") or {"": {}}, settings.get("grid") or {}
    if not isinstance(variants, dict) or not all(
        isinstance(value, dict | None) for value in variants.values()
    ):
        raise InputError("variants: expected a name and its settings for each")
    if not isinstance(grid, dict) or not all(
        isinstance(values, list) and values for values in grid.values()
    ):
        raise InputError("grid: expected a list of values for each setting")
    plan, faults = {}, []
    for variant, own in variants.items():
        plan[str(variant)] = runs = {}
        for values in itertools.product(*grid.values()):
            cell = dict(zip(grid, values))
            parts = [
                shared.get("run", "grid"),
                str(variant),
                *(f"{key}{value}" for key, value in cell.items()),
            ]
            name = re.sub(r"[^\w.-]+", "_", "-".join(part for part in parts if part))
            runs[name] = shared | (own or {}) | cell | {"run": name}
            try:
                Config.of(runs[name])
            except InputError as error:
                faults.append(f"{name}: {error}")
    if faults:
        raise InputError("\n".join(faults))
    return plan


def run_grid(
    plan: dict[str, dict[str, dict[str, Any]]],
    share: tuple[int, int] = (1, 1),
    notebooks: Sequence[str] = (),
) -> None:
    """Train and evaluate each planned run that is not finished, one at a time, by `notebooks` or, without any, here and now; of
    `share` (i, n) every n-th training from the i-th on, so that n machines or GPUs divide a grid among them. A run that differs from a finished
    one in its evaluation only takes that one's checkpoints over. Raises what they do."""
    first, every = share
    planned = [settings for runs in plan.values() for settings in runs.values()]
    configs = [Config.of(settings) for settings in planned]
    trainings = [
        next(place for place, other in enumerate(configs) if _trained_alike(config, other))
        for config in configs
    ]
    owner = {
        training: place % every for place, training in enumerate(dict.fromkeys(trainings))
    }  # runs of one training stay together
    mine = [
        (settings, config)
        for settings, config, training in zip(planned, configs, trainings)
        if owner[training] == first - 1
    ]
    left = [(settings, config) for settings, config in mine if not _finished(config)]
    if len(left) < len(mine):
        print(f"{len(mine) - len(left)} of {len(mine)} runs were finished already")
    if folds := [config for _, config in left if config.fold]:
        load(
            folds[0]
        )  # data whose folds would all be the same are refused before the first training
    with tqdm(left, desc="grid", unit="run") as bar:
        for settings, config in bar:
            bar.set_postfix_str(config.run)
            begun = config.folder.checkpoints.exists()
            twin = next(
                (
                    other
                    for other in configs
                    if config.method == "dstformer"
                    and not begun
                    and _trained_alike(config, other)
                    and _finished(other)
                ),
                None,
            )
            if twin:
                for name in (
                    "history.csv",
                    "region_confusion.csv",
                    "environment.json",
                    "checkpoints",
                ):  # the last one tells that all are there
                    with replacing(config.folder.path / name) as part:
                        (shutil.copytree if name == "checkpoints" else shutil.copy)(
                            twin.folder.path / name, part
                        )
            if notebooks:
                run_notebooks(
                    choose_notebooks(notebooks if config.method == "dstformer" else notebooks[1:]),
                    settings,
                )
                continue
            data = load(config)
            if config.method == "dstformer":
                train(config, data)
            evaluate(config, data)


def _finished(config: Config) -> bool:
    kept = config.folder.config
    if not (config.folder.metrics.exists() and kept.exists()):
        return False
    then = Config.of(read_yaml(kept))
    if not config.epochs:
        config = dataclasses.replace(config, epochs=then.epochs)
    # Notebooks and commands may write one place differently.
    return _places(then) == _places(config) and then == dataclasses.replace(
        config, data_root=then.data_root, outputs=then.outputs, recipes=then.recipes
    )


def _places(config: Config) -> tuple[Path, bool, Path]:
    return (ROOT / config.data_root).resolve(), bool(config.data_root), config.folder.path.resolve()


def _trained_alike(one: Config, other: Config) -> bool:
    return one == dataclasses.replace(
        other, **{name: getattr(one, name) for name in (*AFTER_TRAINING, "run")}
    )


def explain(error: PapermillExecutionError, folder: Path) -> str:
    """A few lines about a notebook that failed: where, why, and where its executed part lies."""
    return f"{error.ename}: {error.evalue}\nin cell {error.exec_count}; the notebook up to there is kept in {folder}"

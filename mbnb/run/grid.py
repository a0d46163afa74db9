"""Grids of runs: every variant of some settings with every combination of others."""

import itertools
import re
import shutil
from typing import Any

from tqdm.auto import tqdm

from mbnb import settings
from mbnb.config import SETTINGS, Config, read_yaml
from mbnb.data.dataset import load
from mbnb.evaluate import evaluate
from mbnb.files import ROOT, InputError, replacing
from mbnb.train import train

# Keys of a file of variants that are no settings. `quick` names the variants that notebook 06 takes
# where it has no data of its user's.
EXTRA = ("variants", "grid", "quick")
Plan = dict[str, dict[str, dict[str, Any]]]  # variant -> run name -> settings


def plan_grid(given: dict[str, Any]) -> Plan:
    """Variant -> run name -> settings: every variant with every combination of the grid.

    `given` are the settings of all runs, and two keys more: `variants`, name -> settings, and
    `grid`, setting -> list of values. The runs are called `<run>-<variant>-<setting><value>…`.
    Raises InputError that lists every fault of every run.
    """
    shared = {key: value for key, value in given.items() if key not in EXTRA}
    variants, grid = given.get("variants") or {"": {}}, given.get("grid") or {}
    if not isinstance(variants, dict) or not all(
        isinstance(variant, dict | None) for variant in variants.values()
    ):
        raise InputError("variants: expected a name and its settings for each")
    if not isinstance(grid, dict) or not all(
        isinstance(values, list) and values for values in grid.values()
    ):
        raise InputError("grid: expected a list of values for each setting")
    start = shared.get("run", "grid")
    if not isinstance(start, str | int | float):
        raise InputError(f"setting 'run': expected a name, found {str(start)[:60]!r}")
    plan, faults = {}, []
    for variant, particular in variants.items():
        plan[str(variant)] = runs = {}
        for values in itertools.product(*grid.values()):
            cell = dict(zip(grid, values))
            parts = [str(start), str(variant), *(f"{k}{v}" for k, v in cell.items())]
            name = re.sub(r"[^\w.-]+", "_", "-".join(part for part in parts if part))
            runs[name] = shared | (particular or {}) | cell | {"run": name}
            try:
                Config.of(runs[name])
            except InputError as error:
                faults.append(f"{name}: {error}")
    if faults:
        raise InputError("\n".join(faults))
    return plan


def run_grid(plan: Plan, share: tuple[int, int] = (1, 1)) -> None:
    """Train and evaluate each planned run that is not finished, one at a time.

    share: (i, n) does every n-th training from the i-th on, so that n machines or GPUs divide a
    grid among them. Runs that differ in their evaluation only share a training. Raises what
    `load`, `train` and `evaluate` do.
    """
    first, machines = share
    configs = [Config.of(given) for runs in plan.values() for given in runs.values()]
    mine = _by_training(configs)[first - 1 :: machines]
    left = [(config, alike) for alike in mine for config in alike if not _finished(config)]
    if len(left) < (total := sum(map(len, mine))):
        print(f"{total - len(left)} of {total} runs were finished already")
    if folds := [config for config, _ in left if config.fold]:
        load(folds[0])  # data whose folds would all be the same are refused before any training
    with tqdm(left, desc="grid", unit="run") as bar:
        for config, alike in bar:
            bar.set_postfix_str(config.run)
            data = load(config)
            if config.method == "dstformer" and not _taken_over(config, alike):
                train(config, data)
            evaluate(config, data)


def _by_training(configs: list[Config]) -> list[list[Config]]:
    """Runs in groups whose weights are the same."""
    names, groups = settings.names(Config, "weights"), {}
    for config in configs:
        groups.setdefault(str([getattr(config, name) for name in names]), []).append(config)
    return list(groups.values())


def _taken_over(config: Config, alike: list[Config]) -> bool:
    """Copy the training of a finished run with the same weights, unless one has begun.

    Returns whether it did.
    """
    twin = next((other for other in alike if _finished(other)), None)
    if twin is None or config.folder.checkpoints.exists():
        return False
    # The checkpoints come last, since they tell that all are there.
    for name in ("history", "region_confusion", "environment", "checkpoints"):
        source = getattr(twin.folder, name)
        with replacing(getattr(config.folder, name)) as part:
            (shutil.copytree if source.is_dir() else shutil.copy)(source, part)
    return True


def _finished(config: Config) -> bool:
    """Whether the run was evaluated with these very settings."""
    folder = config.folder
    if not (folder.metrics.exists() and folder.config.exists()):
        return False
    then = Config.of(saved=read_yaml(folder.config))
    now = _comparable(config) | ({} if config.epochs else {"epochs": then.epochs})
    return _comparable(then) == now


def _comparable(config: Config) -> dict[str, Any]:
    """Its settings, with places in full: notebooks and commands may write them differently."""
    values = vars(config).copy()
    for one in SETTINGS.values():
        if one.path and values[one.name] not in ("", *one.words):
            values[one.name] = (ROOT / values[one.name]).resolve()
    # The file that the run is described in, and where it lies, which may have been moved.
    return {k: v for k, v in values.items() if k not in ("recipes", "outputs", "run")}

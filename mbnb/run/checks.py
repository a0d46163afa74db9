"""Which notebooks are meant, and what can be known before the first of them starts.

A notebook checks all of this, too, but maybe after an hour of others. It takes a second or two, so
torch is imported only for what needs it.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mbnb.classes import read_classes
from mbnb.config import SETTINGS, Config, read_yaml, saved_config
from mbnb.data.dataset import check_lists
from mbnb.files import ROOT, InputError
from mbnb.runs import RunFolder
from mbnb.skeleton import load_skeleton
from mbnb.video.convert import find_videos, person_in

NOTEBOOKS = ROOT / "notebooks"
# Notebooks of encoders, and those that train a model of actions in their run or look at one.
OF_ENCODERS, OF_ACTIONS = {"08", "09"}, {"03", "04", "05", "07"}
ONE_SHOT = "11"  # which trains without some classes


def choose_notebooks(chosen: Sequence[str]) -> list[Path]:
    """The notebooks that are meant by `chosen`, in their order; without any, all.

    chosen: numbers, names, beginnings of either, or paths, such as 3, 03, 04_evaluation, training,
    notebooks/03_training.ipynb. Raises InputError for what no notebook is called, and where mbnb
    is installed without its notebooks.
    """
    every = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if not every:
        raise InputError(
            f"no notebooks in {NOTEBOOKS}: they come with the checkout of mbnb, not with the "
            "installed package, which has train, evaluate and the other commands"
        )
    meant = {text: [path for path in every if _is_meant(path, text)] for text in chosen}
    faults = [
        f"{text}: not one of mbnb's notebooks, which are run from {NOTEBOOKS}; open it in "
        f"JupyterLab, or run it with papermill"
        for text in chosen
        if Path(text).suffix and Path(text).exists() and Path(text).resolve() not in every
    ]
    if missing := [text for text in chosen if not meant[text]]:
        faults.append(
            f"no notebook begins with {', '.join(missing)} in {NOTEBOOKS}; "
            f"there are {', '.join(path.stem for path in every)}"
        )
    if faults:
        raise InputError("\n".join(faults))
    found = {path for paths in meant.values() for path in paths}
    return [path for path in every if path in found or not chosen]


def _is_meant(path: Path, text: str) -> bool:
    """Whether somebody who types `text` means this notebook."""
    name = Path(text).name.removesuffix(".ipynb")
    number, _, title = path.stem.partition("_")
    if name.isdecimal():
        return number == name.zfill(2)
    return bool(name) and (path.stem.startswith(name) or title.startswith(name))


def settings_of(path: Path, notebooks: Iterable[Path], given: dict[str, Any]) -> dict[str, Any]:
    """What is `given` to one of the `notebooks` that are run together.

    A run holds one training, so beside notebooks of actions those of encoders have `<run>_encoder`,
    and that of one-shot recognition `<run>_one_shot`, as it has without a run's name.
    """
    number, beside = path.name[:2], OF_ACTIONS & {other.name[:2] for other in notebooks}
    if number in OF_ENCODERS and beside:
        return given | {"run": f"{Config.of(given).run}_encoder"}
    if number == ONE_SHOT and (beside or "run" not in given):
        return given | {"run": f"{Config.of(given).run}_one_shot"}
    return given


def check_before(notebooks: Iterable[Path], given: dict[str, Any]) -> None:
    """Raise InputError with everything that the notebooks would refuse in these settings."""
    config, saved = Config.of(given), saved_config(given)  # of 01, 02, 03, 06, and of the others
    notebooks = sorted(notebooks)
    of_last = settings_of(notebooks[-1], notebooks, given)  # of an encoder, if any is
    encoder, saved_encoder = Config.of(of_last), saved_config(of_last)
    checks: list[tuple[str, Callable[[], object]]] = [
        ("01 03 04 05 06 07 08 09 11", partial(load_skeleton, config.skeleton)),
        ("01 03 06 11", partial(_lists, config)),
        ("04 05 07", partial(_lists, saved)),
        ("02", partial(_videos, config)),
        ("08", partial(_motion, config)),
        ("09", partial(_motion, saved_encoder)),
        ("03 04 05 06 07 08 09 10 11", partial(_device, config)),
        ("03 06 08 11", partial(_weights, config)),
        ("03", partial(_same_training, config)),
        ("08", partial(_same_training, encoder)),
        ("04 05 07", partial(_checkpoint, saved)),
        ("09", partial(_checkpoint, saved_encoder)),
        ("06", partial(_variants, config, given)),
        ("07", partial(_other_run, saved)),
    ]
    chosen, missing = {path.name[:2] for path in notebooks}, _missing(config)
    faults = list(missing.values())
    for wanted, check in checks:
        if chosen.intersection(wanted.split()):
            try:
                check()
            except InputError as error:
                lines = str(error).splitlines()
                faults += [line for line in lines if not any(path in line for path in missing)]
    if faults:
        raise InputError("\n".join(dict.fromkeys(faults)))


def _missing(config: Config) -> dict[str, str]:
    """Path -> fault of every file and folder that a setting names and that is not there.

    What the run itself writes is left out, since it may be written by then.
    """
    faults = {}
    for one in SETTINGS.values():
        value = getattr(config, one.name)
        if not one.path or one.name == "outputs" or value in ("", *one.words):
            continue
        path = ROOT / value
        is_folder = one.name in ("data_root", "videos") and path.suffix != ".pkl"
        there = path.is_dir() if is_folder else path.is_file()
        there |= one.name == "source" and path.is_dir()  # of a file for each frame
        if not there and not path.is_relative_to(config.folder.path):
            found = "expected a folder, found a file" if path.is_file() else "no such folder"
            fault = found if is_folder else "no such file"
            faults[str(path)] = f"setting {one.name!r}: {path}: {fault}"
    return faults


def _lists(config: Config) -> None:
    if not (ROOT / config.data_root).is_relative_to(config.folder.path):
        check_lists(config)


def _motion(config: Config) -> None:
    faults = [
        f"setting 'motion': {ROOT / source}: no such file or folder"
        for source in config.motion
        if not (ROOT / source).exists()
    ]
    if faults:
        raise InputError("\n".join(faults))


def _videos(config: Config) -> None:
    person_in(config.video_person, "")
    classes = read_classes(config.class_table)
    if config.videos:
        labels = ROOT / config.video_labels if config.video_labels else None
        find_videos(ROOT / config.videos, classes, labels, config.video_person)


def _device(config: Config) -> None:
    if config.device == "cuda":
        from mbnb.devices import pick_device

        pick_device(config)


def _weights(config: Config) -> None:
    if config.init_from not in ("", "auto"):
        from mbnb.model.checkpoints import read_checkpoint, weights_of
        from mbnb.model.shipped import find_weights

        weights_of(read_checkpoint(find_weights(config.init_from)), config.init_from)


def _same_training(config: Config) -> None:
    """A training that goes on has the settings that it had; its data are compared later."""
    if config.resume and config.folder.checkpoints.is_dir():
        from mbnb.train.resume import furthest

        furthest(config, data=None)


def _checkpoint(config: Config) -> None:
    path = ROOT / config.checkpoint
    named = config.checkpoint not in ("", *SETTINGS["checkpoint"].words)
    if named and not path.is_relative_to(config.folder.path):
        from mbnb.model.checkpoints import read_checkpoint

        read_checkpoint(path)


def _variants(config: Config, given: dict[str, Any]) -> None:
    from mbnb.run.grid import plan_grid

    file = read_yaml(ROOT / config.recipes)
    if not file.get("variants"):
        raise InputError(f"{config.recipes}: expected `variants:`, names with their settings")
    plan_grid(file | given | {"outputs": str(config.folder.recipes), "run": ""})


def _other_run(config: Config) -> None:
    other = RunFolder(config.folder.path.parent / config.against)
    if config.against and not other.config.exists():
        raise InputError(f"setting 'against': no run {config.against!r} in {other.path.parent}")

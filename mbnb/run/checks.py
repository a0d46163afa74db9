"""What can be known of notebooks before the first of them starts, in a second or two.

A notebook checks all of this, too, but maybe after an hour of others.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from mbnb.classes import read_classes
from mbnb.config import SETTINGS, Config, read_yaml, saved_config
from mbnb.data.dataset import check_lists
from mbnb.devices import pick_device
from mbnb.files import ROOT, InputError
from mbnb.model.checkpoints import read_checkpoint, weights_of
from mbnb.run.grid import plan_grid
from mbnb.runs import RunFolder
from mbnb.skeleton import load_skeleton
from mbnb.train.loop import check_same_training
from mbnb.video.convert import find_videos


def check_before(notebooks: Iterable[Path], given: dict[str, Any]) -> None:
    """Raise InputError with everything that the notebooks would refuse in these settings."""
    config, saved = (
        Config.of(given),
        saved_config(given),
    )  # as 01 to 03 and 06 take them, and others
    checks: list[tuple[str, Callable[[], object]]] = [
        ("01 02 03 04 05 06 07", partial(_files, config)),
        ("01 03 04 05 06 07", partial(load_skeleton, config.skeleton)),
        ("01 03 06", partial(check_lists, config)),
        ("04 05 07", partial(check_lists, saved)),
        ("02", partial(_videos, config)),
        ("03 04 05 06 07", partial(pick_device, config)),
        ("03 06", partial(_weights, config)),
        ("03", partial(_same_training, config)),
        ("04 05 07", partial(_checkpoint, saved)),
        ("06", partial(_variants, config, given)),
        ("07", partial(_other_run, saved)),
    ]
    chosen, faults = {path.name[:2] for path in notebooks}, []
    for wanted, check in checks:
        if chosen.intersection(wanted.split()):
            try:
                check()
            except InputError as error:
                faults += str(error).splitlines()
    if faults:
        raise InputError("\n".join(dict.fromkeys(faults)))


def _files(config: Config) -> None:
    """Every file and folder that a setting names is there, but for what is written."""
    faults = []
    for one in SETTINGS.values():
        value = getattr(config, one.name)
        is_written = one.name == "outputs"
        if one.path and value and value not in one.words and not is_written:
            path, kind = ROOT / value, "folder" if one.name in ("data_root", "videos") else "file"
            if not (path.is_dir() if kind == "folder" else path.is_file()):
                faults.append(f"setting {one.name!r}: {path}: no such {kind}")
    if faults:
        raise InputError("\n".join(faults))


def _videos(config: Config) -> None:
    try:
        re.compile(config.video_person)
    except re.error as error:
        raise InputError(
            f"setting 'video_person': {config.video_person!r} is no regular expression ({error}); "
            "[a-z]+ means letters, [0-9]+ digits"
        ) from None
    classes = read_classes(config.class_table)
    if config.videos:
        labels = ROOT / config.video_labels if config.video_labels else None
        find_videos(ROOT / config.videos, classes, labels, config.video_person)


def _weights(config: Config) -> None:
    if config.init_from:
        weights_of(read_checkpoint(ROOT / config.init_from), config.init_from)


def _same_training(config: Config) -> None:
    """A training that goes on has the settings that it had; its data are compared later."""
    latest = config.folder.latest
    if config.resume and latest.exists():
        content = read_checkpoint(latest)
        check_same_training(latest, content, config, content.get("fingerprint"))


def _checkpoint(config: Config) -> None:
    if config.checkpoint not in ("", *SETTINGS["checkpoint"].words):
        read_checkpoint(ROOT / config.checkpoint)


def _variants(config: Config, given: dict[str, Any]) -> None:
    file = read_yaml(ROOT / config.recipes)
    if not file.get("variants"):
        raise InputError(f"{config.recipes}: expected `variants:`, names with their settings")
    plan_grid(file | given | {"outputs": str(config.folder.recipes), "run": ""})


def _other_run(config: Config) -> None:
    other = RunFolder(config.folder.path.parent / config.against)
    if config.against and not other.config.exists():
        raise InputError(f"setting 'against': no run {config.against!r} in {other.path.parent}")

"""Weights that come with mbnb, by name: checked by their hash, and how such a file is made.

`mbnb/weights/README.md` is their card: what each learned from, on whose terms, and how well.
"""

import hashlib
import json
from pathlib import Path, PurePath
from typing import Any

from safetensors.torch import save

from mbnb.config import OWN_WEIGHTS, SETTINGS, Config
from mbnb.files import PACKAGE, ROOT, InputError, read_table, replacing
from mbnb.model.checkpoints import SAME_NETWORK
from mbnb.model.weight_files import OURS, read_checkpoint

WEIGHTS = PACKAGE / "weights"
TABLE = WEIGHTS / "weights.csv"
# What a checkpoint holds that a model needs to answer, and that a reader wants to know of it.
KEPT = ("config", "classes", "epoch", "temperature", "usual_length", "learned", "skeleton", "task")
KEPT += ("decoding",)
DETECT = "detect"  # the task of a detector


def find_weights(name: str) -> Path:
    """The file that `name` names: weights that come with mbnb, or a path.

    Raises InputError where a file of ours is not the one that was shipped.
    """
    if name not in OWN_WEIGHTS:
        return ROOT / name
    path = WEIGHTS / f"{name}.safetensors"
    hashes = {row["name"]: row["sha256"] for _, row in read_table(TABLE, ("name", "sha256"))}
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "no file"
    if found != hashes[name]:
        raise InputError(
            f"{path}: not the weights that came with mbnb: expected sha256 {hashes[name][:12]}…, "
            f"found {found[:12]}; take the file from mbnb's release again"
        )
    return path


def starting_weights(config: Config) -> str:
    """What a training of actions starts from; the `init_from` auto means our encoder if it fits.

    Empty where it starts from nothing.
    """
    if config.init_from != "auto":
        return config.init_from
    path = WEIGHTS / "encoder.safetensors"
    carried = read_checkpoint(path)["config"] if path.exists() else {}
    same = [name for name in SAME_NETWORK if name != "skeleton"]  # joints find their places
    fits = carried and all(carried[name] == getattr(config, name) for name in same)
    return "encoder" if fits else ""


def pack(checkpoint: Path, path: Path) -> str:
    """Write a checkpoint's weights and what belongs to them as safetensors; returns the sha256.

    No path of the machine that trained it is kept, only the last part of each.
    """
    content = read_checkpoint(checkpoint)
    kept: dict[str, Any] = {key: content[key] for key in KEPT if key in content}
    history = content.get("history", [])
    kept["history"] = [row for row in history if row["epoch"] == kept["epoch"]]
    kept["config"] = without_paths(kept["config"])
    # A detector's decisions are of moments that are smoothed, so half the digits do.
    half = content.get("task") == DETECT
    weights = {
        name: (value.half() if half else value).contiguous()
        for name, value in content["model"].items()
        # The first only a pretraining needs, the second only an encoder.
        if not name.startswith(("project.", *(["backbone.head."] * half)))
    }
    # One text alone, since several would be written in another order each time.
    packed = save(weights, {OURS: json.dumps(kept)})
    with replacing(path) as part:
        part.write_bytes(packed)
    return hashlib.sha256(packed).hexdigest()


def without_paths(config: dict[str, Any]) -> dict[str, Any]:
    """The settings that a file carries, of each path only its last part."""
    config = dict(config)
    for one in SETTINGS.values():
        value = config.get(one.name)
        if one.path and value and value not in one.words:
            config[one.name] = PurePath(value).name
    config["outputs"] = SETTINGS["outputs"].default
    config["motion"] = [PurePath(name).name for name in config["motion"]]
    return config

"""Checkpoint files: ours, MotionBERT's, and those of the document's training scripts.

Files are read with `weights_only`: tensors and plain values alone, no code.
"""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mbnb.classes import ClassTable
from mbnb.config import Config
from mbnb.files import InputError, replacing
from mbnb.model.action import ActionNet
from mbnb.model.dstformer import DSTformer

# Official files keep numpy numbers (`min_loss`), which are harmless but must be allowed by name.
# numpy 1, with which they were written, had another name for the module.
NUMPY_SCALARS = [
    np._core.multiarray.scalar,
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),
    np.dtype,
    *{type(np.dtype(kind)) for kind in "fdilqILQ?"},
]
# Weights of earlier versions that nothing uses any more: mirrored clips as classes of their own.
GONE = ("head.mirrored.",)


@dataclass(frozen=True)
class LoadReport:
    """What became of each weight, by name; missing ones were kept as they were."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} weights loaded"]
        for kind in ("missing", "unexpected", "mismatched"):
            lines += [f"{kind}: {name}" for name in getattr(self, kind)]
        return "\n".join(lines)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The file's dictionary, on the CPU.

    Raises InputError where it is no checkpoint or holds more than plain data.
    """
    try:
        with torch.serialization.safe_globals(NUMPY_SCALARS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # torch raises a different kind for every sort of damage
        foreign = re.search(r"GLOBAL (\S+)", str(error))
        reason = f"it asks for {foreign[1]}" if foreign else f"{type(error).__name__} while reading"
        raise InputError(
            f"{path}: not a checkpoint of plain tensors and values: {reason}"
        ) from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dictionary, found a {type(content).__name__}")
    return content


def weights_of(content: dict[str, Any], source: object = "checkpoint") -> dict[str, Tensor]:
    """The weights in a checkpoint's dictionary, without `module.` before their names.

    Raises InputError where there are none of a DSTformer.
    """
    keys = ("model", "model_pos", "state_dict")
    inside = next((content[key] for key in keys if isinstance(content.get(key), dict)), content)
    weights = {
        str(key).removeprefix("module."): value
        for key, value in inside.items()
        if isinstance(value, Tensor)
    }
    if not any(key.endswith("joints_embed.weight") for key in weights):
        names = ", ".join(map(str, list(content)[:5])) or "nothing"
        raise InputError(
            f"{source}: expected DSTformer weights under model, model_pos or state_dict, "
            f"found {names}"
        )
    return weights


def load_weights(model: nn.Module, weights: dict[str, Tensor]) -> LoadReport:
    """Copy what fits by name and shape into `model`.

    Weights of a bare backbone go into an ActionNet's backbone.
    """
    if isinstance(model, ActionNet) and not any(key.startswith("backbone.") for key in weights):
        weights = {f"backbone.{key}": value for key, value in weights.items()}
    state = model.state_dict()
    fitting = {
        key: value
        for key, value in weights.items()
        if key in state and state[key].shape == value.shape
    }
    model.load_state_dict(fitting, strict=False)
    mismatched = [
        f"{key} {tuple(weights[key].shape)} in the file, {tuple(state[key].shape)} here"
        for key in weights
        if key in state and key not in fitting
    ]
    return LoadReport(
        loaded=tuple(fitting),
        missing=tuple(key for key in state if key not in weights),
        unexpected=tuple(key for key in weights if key not in state),
        mismatched=tuple(mismatched),
    )


def build_model(
    config: Config, classes: int, joints: int, regions: int = 0, segments: int = 1
) -> ActionNet:
    """The configured model with fresh weights from torch's current random state.

    It has a head for `regions` of the body where there are any. Models of earlier versions may pool
    a clip in several `segments`.
    """
    backbone = DSTformer(
        dim_in=config.dim_in,
        dim_feat=config.dim_feat,
        dim_rep=config.dim_rep,
        depth=config.depth,
        num_heads=config.num_heads,
        mlp_ratio=config.mlp_ratio,
        num_joints=joints,
        maxlen=config.maxlen,
        att_fuse=config.att_fuse,
        stretch_time=not config.one_length,
    )
    return ActionNet(
        backbone,
        dim_rep=config.dim_rep,
        num_classes=classes,
        dropout_ratio=config.dropout_ratio,
        hidden_dim=config.hidden_dim,
        num_joints=joints,
        drop_pooled=not config.parity,
        segments=segments,
        peaks=config.peaks,
        num_regions=regions,
    )


@dataclass(frozen=True)
class Trained:
    """A trained model with what it takes to use it.

    `temperature` calibrates it; it is 1 where nobody was held out to fit it on.
    """

    model: ActionNet
    config: Config
    classes: ClassTable | None
    epoch: int
    temperature: float = 1.0


def load_trained(path: str | Path, config: Config) -> Trained:
    """A model of the size that the file's weights have, and the settings it was trained with.

    Our own files carry their configuration and class table; for others `config` gives what
    weights do not tell (the number of heads, the recipe, the length of clips), and classes is
    None. Raises InputError.
    """
    content = read_checkpoint(path)
    weights = weights_of(content, path)
    if "head.fc2.weight" not in weights:
        raise InputError(
            f"{path}: has no action head, so it predicts nothing; train from it with init_from"
        )
    if gone := [key for key in weights if key.startswith(GONE)]:
        print(f"{path}: weights of an earlier version that are not used: {', '.join(gone)}")
        weights = {key: value for key, value in weights.items() if key not in gone}
    carried = content.get("config")
    segments = carried.get("segments", 1) if isinstance(carried, dict) else 1
    config = _sized(path, _settings_of(path, content, config), weights, segments)
    regions = len(weights.get("head.regions.weight", ()))
    joints = weights["backbone.pos_embed"].shape[1]
    classes = weights["head.fc2.weight"].shape[0]
    model = build_model(config, classes, joints, regions, segments)
    report = load_weights(model, weights)
    if report.missing or report.mismatched:
        raise InputError(f"{path}: {report}")
    return Trained(
        model.eval(),
        config,
        _classes_of(content),
        epoch=int(content.get("epoch", 0)),
        temperature=float(content.get("temperature", 1.0)),
    )


def _settings_of(path: str | Path, content: dict[str, Any], config: Config) -> Config:
    """The settings that a file carries, or `config` for a file of somebody else's."""
    if not isinstance(content.get("config"), dict):
        return dataclasses.replace(config, patch=1, peaks=False)
    try:
        return Config.of(saved=content["config"])
    except InputError as error:
        raise InputError(f"{path}: carries settings that cannot be used: {error}") from None


def _sized(path: str | Path, config: Config, weights: dict[str, Tensor], segments: int) -> Config:
    """`config` with the sizes that the weights have. Raises InputError where they fit nothing."""
    try:
        blocks = (re.match(r"backbone\.blocks_st\.(\d+)\.", key) for key in weights)
        depth = 1 + max(int(block[1]) for block in blocks if block)
        dim_feat, dim_in = weights["backbone.joints_embed.weight"].shape
        hidden_dim, pooled = weights["head.fc1.weight"].shape
        joints = weights["backbone.pos_embed"].shape[1]
        mlp = weights["backbone.blocks_st.0.mlp_s.fc1.weight"].shape[0]
        streams = ["joint", "joint_motion"][: dim_in // 3]
        config = dataclasses.replace(
            config,
            dim_feat=dim_feat,
            dim_rep=pooled // (joints * (segments + config.peaks)),
            depth=depth,
            hidden_dim=hidden_dim,
            streams=config.streams if dim_in == config.dim_in else streams,
            mlp_ratio=mlp / dim_feat,
            maxlen=weights["backbone.temp_embed"].shape[1],
            att_fuse="backbone.ts_attn.0.weight" in weights,
        )
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(
            f"{path}: expected the weights of a whole action model "
            f"({type(error).__name__}: {error})"
        ) from None
    if dim_feat % config.num_heads or config.moments > config.maxlen:
        raise InputError(
            f"{path}: {dim_feat} channels and {config.maxlen} frames do not go with "
            f"num_heads {config.num_heads} and clip_len {config.clip_len}"
        )
    return config


def _classes_of(content: dict[str, Any]) -> ClassTable | None:
    """The class table in a checkpoint of ours."""
    table = content.get("classes")
    names = {field.name for field in dataclasses.fields(ClassTable)}
    if not (isinstance(table, dict) and table.keys() == names):
        return None
    return ClassTable(**{key: tuple(value) if value else None for key, value in table.items()})


def save_checkpoint(
    path: Path, model: nn.Module, config: Config, classes: ClassTable, **state: Any
) -> None:
    """Write weights, settings, class table and `state`, whole or not at all."""
    content = {
        "model": model.state_dict(),
        "config": dataclasses.asdict(config),
        "classes": dataclasses.asdict(classes),
    }
    with replacing(path) as part:
        torch.save(content | state, part)

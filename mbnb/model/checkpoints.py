"""Checkpoint files: ours, MotionBERT's pretrained and fine-tuned ones, and the document's training checkpoints.

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

from mbnb.baselines.rocket import Convolutions
from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.files import InputError, replacing
from mbnb.model.dstformer import ActionNet, DSTformer
from mbnb.people.handedness import Handedness
from mbnb.people.quota import Quota
from mbnb.skeleton import Skeleton

CONVOLUTIONS = "convolutions.pt"  # the file's name

# Official files keep numpy numbers (`min_loss`), which are harmless but must be allowed by name.
# numpy 1, with which they were written, had another name for the module.
NUMPY_SCALARS = [
    np._core.multiarray.scalar,
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),
    np.dtype,
    *{type(np.dtype(kind)) for kind in "fdilqILQ?"},
]


@dataclass(frozen=True)
class LoadReport:
    """What became of every weight: names of loaded, missing (kept as they were), unexpected and mismatched ones."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} weights loaded"]
        lines += [
            f"{kind}: {name}"
            for kind in ("missing", "unexpected", "mismatched")
            for name in getattr(self, kind)
        ]
        return "\n".join(lines)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The file's dictionary, on the CPU. Raises InputError where it is no checkpoint or holds more than plain data."""
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
    """The weights in a checkpoint's dictionary, without `module.` before their names."""
    inside = next(
        (
            content[key]
            for key in ("model", "model_pos", "state_dict")
            if isinstance(content.get(key), dict)
        ),
        content,
    )
    weights = {
        str(key).removeprefix("module."): value
        for key, value in inside.items()
        if isinstance(value, Tensor)
    }
    if not any(key.endswith("joints_embed.weight") for key in weights):
        found = ", ".join(map(str, list(content)[:5])) or "nothing"
        raise InputError(
            f"{source}: expected DSTformer weights under model, model_pos or state_dict, found {found}"
        )
    return weights


def load_weights(model: nn.Module, weights: dict[str, Tensor]) -> LoadReport:
    """Copy what fits by name and shape into `model`; weights of a bare backbone go into an ActionNet's backbone."""
    if isinstance(model, ActionNet) and not any(key.startswith("backbone.") for key in weights):
        weights = {f"backbone.{key}": value for key, value in weights.items()}
    own = model.state_dict()
    fitting = {
        key: value for key, value in weights.items() if key in own and own[key].shape == value.shape
    }
    model.load_state_dict(fitting, strict=False)
    mismatched = [
        f"{key} {tuple(weights[key].shape)} in the file, {tuple(own[key].shape)} here"
        for key in weights
        if key in own and key not in fitting
    ]
    return LoadReport(
        tuple(fitting),
        tuple(key for key in own if key not in weights),
        tuple(key for key in weights if key not in own),
        tuple(mismatched),
    )


def build_model(
    config: Config, classes: int, joints: int, mirrored: bool = False, regions: int = 0
) -> ActionNet:
    """The configured model with fresh weights from torch's current random state; with heads for `mirrored` clips and for `regions`."""
    backbone = DSTformer(
        dim_in=config.dim_in,
        dim_feat=config.dim_feat,
        dim_rep=config.dim_rep,
        depth=config.depth,
        num_heads=config.num_heads,
        mlp_ratio=config.mlp_ratio,
        num_joints=joints,
        maxlen=config.maxlen,
        drop_path_rate=config.drop_path_rate,
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
        segments=config.segments,
        peaks=config.peaks,
        mirrored=mirrored,
        num_regions=regions,
    )


@dataclass(frozen=True)
class Trained:
    """A trained model with what it takes to use it; `temperature` calibrates it, 1 where nobody was held out to fit it on; `handedness` tells
    whose clips it shall see in a mirror, and `quota` how often its people showed each class, where that matters; `convolutions` answer beside it."""

    model: ActionNet
    config: Config
    classes: ClassTable | None
    epoch: int
    temperature: float = 1.0
    handedness: Handedness | None = None
    quota: Quota | None = None
    convolutions: Convolutions | None = None

    def in_mirror(self, clips: Clips, skeleton: Skeleton, config: Config) -> np.ndarray | None:
        """(N,) bool, the clips of left-handed people among those of all `clips`; None where there is nothing to tell them by, or `config` does not want it."""
        return (
            self.handedness.find(clips, skeleton) if self.handedness and config.handedness else None
        )


def load_trained(path: str | Path, config: Config) -> Trained:
    """A model of the size that the file's weights have, and the configuration it was trained with.

    Our own files carry their configuration and class table, and random convolutions may lie beside them in a file of their own; for others
    `config` gives what weights do not tell (the number of heads, the recipe, the length of clips), and classes is None. Raises InputError.
    """
    content = read_checkpoint(path)
    weights = weights_of(content, path)
    if "head.fc2.weight" not in weights:
        raise InputError(
            f"{path}: has no action head, so it predicts nothing; train from it with init_from"
        )
    if isinstance(content.get("config"), dict):
        try:
            config = Config.of(content["config"])
        except InputError as error:
            raise InputError(
                f"{path}: carries settings that this version does not take, so it was trained by another one: {error}"
            ) from None
    else:
        config = dataclasses.replace(config, patch=1, segments=1, peaks=False)
    try:
        depths = [
            int(match[1])
            for key in weights
            if (match := re.match(r"backbone\.blocks_st\.(\d+)\.", key))
        ]
        feat, dim_in = weights["backbone.joints_embed.weight"].shape
        hidden, pooled = weights["head.fc1.weight"].shape
        joints = weights["backbone.pos_embed"].shape[1]
        config = dataclasses.replace(
            config,
            dim_feat=feat,
            dim_rep=pooled // (joints * (config.segments + config.peaks)),
            depth=max(depths) + 1,
            hidden_dim=hidden,
            streams=config.streams
            if dim_in == config.dim_in
            else ["joint", "joint_motion"][: dim_in // 3],
            mlp_ratio=weights["backbone.blocks_st.0.mlp_s.fc1.weight"].shape[0] / feat,
            maxlen=weights["backbone.temp_embed"].shape[1],
            att_fuse="backbone.ts_attn.0.weight" in weights,
        )
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(
            f"{path}: expected the weights of a whole action model ({type(error).__name__}: {error})"
        ) from None
    if feat % config.num_heads or config.moments > config.maxlen:
        raise InputError(
            f"{path}: {feat} channels and {config.maxlen} frames do not go with num_heads {config.num_heads} and clip_len {config.clip_len}"
        )
    model = build_model(
        config,
        weights["head.fc2.weight"].shape[0],
        joints,
        "head.mirrored.weight" in weights,
        len(weights.get("head.regions.weight", ())),
    )
    report = load_weights(model, weights)
    if report.missing or report.mismatched:
        raise InputError(f"{path}: {report}")
    classes = content.get("classes")
    ours = isinstance(classes, dict) and classes.keys() == {
        f.name for f in dataclasses.fields(ClassTable)
    }
    table = (
        ClassTable(**{key: tuple(value) if value else None for key, value in classes.items()})
        if ours
        else None
    )
    try:
        beside = _read_beside(Path(path), content) if ours else {}
        handedness, quota, convolutions = (
            kind.of(source[key]) if source.get(key) else None
            for source, key, kind in (
                (content, "handedness", Handedness),
                (content, "quota", Quota),
                (beside, "convolutions", Convolutions),
            )
        )
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: carries another idea of handedness, quota or convolutions than this version's ({type(error).__name__}: {error})"
        ) from None
    return Trained(
        model.eval(),
        config,
        table,
        int(content.get("epoch", 0)),
        float(content.get("temperature", 1.0)),
        handedness,
        quota,
        convolutions,
    )


def _read_beside(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """What lies in CONVOLUTIONS beside a checkpoint of ours. Raises InputError where that learned from other data."""
    path = path.with_name(CONVOLUTIONS)
    beside = read_checkpoint(path) if path.exists() else {}
    if beside and beside.get("fingerprint") != content.get("fingerprint"):
        raise InputError(f"{path}: learned from other data than the checkpoint beside it")
    return beside


def save_checkpoint(
    path: Path, model: nn.Module, config: Config, classes: ClassTable, **state: Any
) -> None:
    """Write weights, configuration, class table and `state` (epoch, best score, optimizer …), whole or not at all."""
    content = {
        "model": model.state_dict(),
        "config": dataclasses.asdict(config),
        "classes": dataclasses.asdict(classes),
    } | state
    with replacing(path) as part:
        torch.save(content, part)

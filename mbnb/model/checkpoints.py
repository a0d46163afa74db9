"""Checkpoints: ours, MotionBERT's, those of the document's training scripts, however wrapped.

Weights are found in the file by their names, and the network's size by their shapes.
"""

import dataclasses
import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mbnb import settings
from mbnb.classes import ClassTable
from mbnb.config import PRESETS, STREAMS, Config
from mbnb.files import InputError, replacing
from mbnb.model.action import ActionNet
from mbnb.model.dstformer import DSTformer
from mbnb.model.kernels import Kernels
from mbnb.model.pose import PoseNet
from mbnb.model.weight_files import read_checkpoint
from mbnb.skeleton import load_skeleton

# Weights of earlier versions that nothing uses any more: mirrored clips as classes of their own.
GONE = ("head.mirrored.",)
# What libraries put into names where they wrap a module.
WRAPPERS = {
    "module",
    "_orig_mod",
    "_forward_module",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
}
# What names of a backbone's weights begin with, and those of a head for actions or for meshes.
BACKBONE = re.compile(
    r"(^|.*?\.)(joints_embed|pos_embed|temp_embed|blocks_st|blocks_ts|ts_attn|pre_logits|norm)"
    r"(\.|$)"
)
HEAD = re.compile(
    r"(^|.*?\.)head\.(fc1|bn|fc2|regions|mirrored|kernels|bn1|bn2|(head|init)_(pose|shape))(\.|$)"
)
# What files of weights are for, by what is in them.
KINDS = {
    "poses": "an encoder or a lifter, which tells poses",
    "actions": "a model that tells actions",
    "one-shot": "a one-shot model, which gives unit vectors",
    "meshes": "a model of body meshes (SMPL)",
    "backbone": "a backbone without a head",
}
# What sizes of a network are called; some of them together tell a preset.
SIZES = {
    "dim_feat": "width",
    "dim_rep": "width at the end (dim_rep)",
    "depth": "depth",
    "mlp_ratio": "widening in the layers (mlp_ratio)",
    "maxlen": "number of moments (maxlen)",
    "att_fuse": "learned fusion (att_fuse)",
    "dim_in": "number of channels of a joint",
    "joints": "number of joints",
    "num_heads": "number of heads",
}
PRESET_SIZES = ("dim_feat", "dim_rep", "depth", "mlp_ratio")
# Settings in which networks must agree to share weights, and with them what one sees of a clip.
SAME_NETWORK = (*PRESET_SIZES, "num_heads", "maxlen", "att_fuse", "recipe")
SAME_NETWORK += ("patch", "streams", "skeleton")
OF_NETWORK = (*SAME_NETWORK, "rate", "clip_len")
# With another one of these it is another network; other ends may be learned anew.
DECISIVE = {"dim_feat", "depth", "mlp_ratio", "num_heads"}
REPEATED = 2**28  # bytes that a tensor of a few repeated numbers may come to
SHARE = 0.5  # of the backbone's weights that must fit, so that a training starts from a file


@dataclass(frozen=True)
class LoadReport:
    """What became of each weight, by name; missing ones were kept as they were."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]

    def __str__(self) -> str:
        """One line by groups, a model's parts; of what does not fit the first ones by name."""
        groups = dict.fromkeys(map(_group, (*self.loaded, *self.missing, *self.mismatched)))
        counts = ", ".join(
            f"{group} {self.count(group)} of {self.count(group) + self.left(group)} fit"
            for group in groups
        )
        others = [
            f"{what}: {', '.join(names[:3])}{', …' * (len(names) > 3)}"
            for what, names in (
                ("of another size", self.mismatched),
                ("not in the file", [n for n in self.missing if self.count(_group(n))]),
                (f"{len(self.unexpected)} of the file have no use here", self.unexpected),
            )
            if names
        ]
        return "; ".join([counts or "nothing fits", *others])

    def count(self, group: str) -> int:
        """How many weights of a part of the model were loaded."""
        return sum(_group(name) == group for name in self.loaded)

    def left(self, group: str) -> int:
        """How many of them stayed as they were."""
        return sum(_group(name) == group for name in (*self.missing, *self.mismatched))


def _group(name: str) -> str:
    """The part of a model that a weight belongs to; one of a bare backbone, to the backbone."""
    if name.startswith("backbone.head."):
        return "backbone's own head"
    first = name.partition(".")[0]
    return first if first in ("backbone", "head") else "backbone"


def weights_of(content: dict[str, Any], source: object = "checkpoint") -> dict[str, Tensor]:
    """The weights in a checkpoint's dictionary, however they are wrapped.

    Containers in containers are opened; then what stands before the names of most of a backbone's
    weights is taken off. A model with an action head gets names `backbone.…` and `head.…`, others
    those of a bare backbone. Raises InputError where there are no weights of a DSTformer.
    """
    names = dict(_flat(content))
    places = [match[1] for match in map(BACKBONE.match, names) if match]
    places = [place for place in places if f"{place}joints_embed.weight" in names]
    if not places:
        found = list(map(str, names or content))
        some = ", ".join(found[:5]) + f" and {len(found) - 5} more" * (len(found) > 5)
        raise InputError(
            f"{source}: expected the weights of a DSTformer (joints_embed.weight and so on), "
            f"found {some or 'nothing'}"
        )
    # Where there are running means beside the weights, the weights themselves are taken.
    counts = sorted(Counter(places).items(), key=lambda item: (-item[1], "ema" in item[0]))
    place = counts[0][0]
    if alike := [other for other, count in counts[1:] if count == counts[0][1]]:
        settings.say_once(
            f"{source}: holds the weights of several models; taken: {place or 'the outermost'}, "
            f"not {', '.join(other or 'the outermost' for other in alike)}"
        )
    heads = sorted({match[1] for match in map(HEAD.match, names) if match})
    head = max(heads, key=lambda one: len(os.path.commonprefix([one, place])), default=None)
    of_head = {
        name.removeprefix(head): value
        for name, value in names.items()
        if head is not None and (match := HEAD.match(name)) and match[1] == head
    }
    weights = {
        "backbone." * bool(of_head) + name.removeprefix(place): value
        for name, value in names.items()
        if name.startswith(place) and not HEAD.match(name)
    } | of_head
    counts = [name for name in weights if name.endswith("num_batches_tracked")]
    odd = [name for name in weights if name not in counts and not _is_plain(weights[name])]
    if odd:
        one = weights[odd[0]]
        raise InputError(
            f"{source}: {len(odd)} of its weights are no plain numbers, {odd[0]} the first "
            f"({one.dtype}, {one.layout}, {one.device}), as of a compressed model; take the file "
            "that it was made from"
        )
    if broken := [name for name, value in weights.items() if not value.isfinite().all()]:
        raise InputError(
            f"{source}: {len(broken)} of its weights are not finite numbers, {broken[0]} the "
            f"first: the training that wrote it failed; take an earlier file of it"
        )
    return weights


def _is_plain(value: Tensor) -> bool:
    """Whether another program can read a tensor; a few numbers repeated may not fill the memory."""
    is_dense = value.is_floating_point() and value.layout == torch.strided and value.is_cpu
    return is_dense and value.nbytes <= max(value.untyped_storage().nbytes(), REPEATED)


def kind_of(content: dict[str, Any], source: object = "checkpoint") -> str:
    """Which of `KINDS` a checkpoint's dictionary is. Raises InputError as `weights_of` does."""
    weights = weights_of(content, source)
    if any(re.search(r"(^|\.)head\.head_(pose|shape)\.", name) for name, _ in _flat(content)):
        return "meshes"
    heads = {"head.fc2.weight": "actions", "head.fc1.weight": "one-shot", "head.weight": "poses"}
    return next((kind for name, kind in heads.items() if name in weights), "backbone")


def _flat(content: dict[Any, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, Tensor]]:
    """The tensors in dictionaries in each other, by names of all keys on the way to them."""
    for key, value in content.items():
        way = (*above, *(part for part in str(key).split(".") if part not in WRAPPERS))
        if isinstance(value, dict):
            yield from _flat(value, way)
        elif isinstance(value, Tensor):
            yield ".".join(way), value


def load_weights(model: nn.Module, weights: dict[str, Tensor]) -> LoadReport:
    """Copy what fits by name and shape into `model`.

    Weights of a bare backbone go into the backbone of a model that has one.
    """
    if isinstance(getattr(model, "backbone", None), DSTformer) and not any(
        key.startswith("backbone.") for key in weights
    ):
        weights = {f"backbone.{key}": value for key, value in weights.items()}
    elif isinstance(model, DSTformer):
        weights = {key.removeprefix("backbone."): value for key, value in weights.items()}
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


def sizes_of(weights: dict[str, Tensor]) -> dict[str, Any]:
    """Settings of the network that its weights tell, and `dim_in` and `joints`.

    How many heads attend cannot be told. Raises KeyError or ValueError where weights are missing.
    """
    shapes = {key.removeprefix("backbone."): value.shape for key, value in weights.items()}
    dim_feat, dim_in = shapes["joints_embed.weight"]
    blocks = (re.match(r"blocks_st\.(\d+)\.", key) for key in shapes)
    return dict(
        dim_feat=dim_feat,
        dim_rep=shapes["pre_logits.fc.weight"][0],
        depth=1 + max(int(block[1]) for block in blocks if block),
        mlp_ratio=shapes["blocks_st.0.mlp_s.fc1.weight"][0] / dim_feat,
        maxlen=shapes["temp_embed"][1],
        att_fuse="ts_attn.0.weight" in shapes,
        dim_in=dim_in,
        joints=shapes["pos_embed"][1],
    )


def preset_of(sizes: dict[str, Any]) -> str | None:
    """The preset whose network has these sizes."""
    wanted = {name: sizes[name] for name in PRESET_SIZES}
    return next((name for name, p in PRESETS.items() if wanted.items() <= p.items()), None)


def start_from(path: Path, model: nn.Module, config: Config) -> str:
    """Take over the weights in a file as far as they fit; returns in a line which did.

    Another head and other ends of the backbone stay as they were. Joints that the file's table
    lacks begin as those that they hang from. Raises InputError where the file's network has another
    size, or most of its weights do not fit.
    """
    content = read_checkpoint(path)
    weights = _of_joints(weights_of(content, path), carried_by(content), config)
    report = load_weights(model, weights)
    try:
        there, here = sizes_of(weights), sizes_of(model.state_dict())
    except (KeyError, ValueError):  # a part of a backbone
        there = here = {}
    carried = carried_by(content)
    if there and "num_heads" in carried:
        there["num_heads"], here["num_heads"] = carried["num_heads"], config.num_heads
    differing = [name for name in there if there[name] != here[name]]
    fits = _options(there, carried, config) if differing else ""
    taken, left = report.count("backbone"), report.left("backbone")
    decisive = [name for name in differing if name in DECISIVE]
    if decisive or taken < SHARE * (taken + left):
        why = [
            f"the file's {SIZES[name]} is {settings.shown(there[name])}, this model's "
            f"{settings.shown(here[name])}"
            for name in decisive or differing
        ]
        told = f"backbone {taken} of {taken + left} fit: {', '.join(why)}" if why else report
        raise InputError(
            f"{path}: not this network's weights: {told}{f'; what fits is {fits}' * bool(fits)}"
        )
    return f"{path}: {report}{f'; all of its backbone fits {fits}' * bool(fits)}"


def _of_joints(
    weights: dict[str, Tensor], carried: dict[str, Any], config: Config
) -> dict[str, Tensor]:
    """The weights with places for the joints of this data set, where both tables are known."""
    if carried.get("skeleton", config.skeleton) == config.skeleton:
        return weights
    theirs, ours = load_skeleton(carried["skeleton"]), load_skeleton(config.skeleton)
    return {
        name: value[:, ours.places_in(theirs)] if name.endswith("pos_embed") else value
        for name, value in weights.items()
    }


def _options(sizes: dict[str, Any], carried: dict[str, Any], config: Config) -> str:
    """What to give on a command line, besides `config`, for a network of these sizes.

    `carried` are the settings in a file of ours, which tell what weights do not.
    """
    preset = preset_of(sizes)
    wanted = {"preset": preset} if preset else {}
    wanted |= {name: sizes[name] for name in (*PRESET_SIZES, "maxlen", "att_fuse")}
    if carried:
        wanted |= {name: carried[name] for name in ("num_heads", "recipe", "streams", "patch")}
    elif sizes["dim_in"] == 3 and not config.parity:
        wanted |= {"streams": ["joint"], "patch": 1}
    new = Config.of({"preset": preset})  # which the settings of a preset come from, if it changes
    options = []
    for name, value in wanted.items():
        chosen = new if name in PRESETS["demo"] and preset not in (None, config.preset) else config
        if value != getattr(chosen, name):
            text = settings.shown(value)
            options.append(
                f'-p {name} "[{text}]"' if isinstance(value, list) else f"-p {name} {text}"
            )
    return " ".join(options)


def build_backbone(config: Config, joints: int, outputs: int = 3) -> DSTformer:
    """The configured backbone with fresh weights; its own head has `outputs` numbers a token."""
    return DSTformer(
        dim_in=config.dim_in,
        dim_out=outputs,
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


def build_pose_net(config: Config, joints: int, contrast: bool = False) -> PoseNet:
    """The configured backbone with its own head, which tells poses, and maybe what is alike."""
    backbone = build_backbone(config, joints, outputs=3 * config.patch)
    return PoseNet(backbone, config.patch, contrast)


def build_model(
    config: Config,
    classes: int,
    joints: int,
    regions: int = 0,
    segments: int = 1,
    version: str = "class",
) -> ActionNet:
    """The configured model with fresh weights from torch's current random state.

    Its head is one of ActionNet's, with another for `regions` of the body where there are any.
    Models of earlier versions may pool a clip in several `segments`.
    """
    return ActionNet(
        build_backbone(config, joints),
        dim_rep=config.dim_rep,
        num_classes=classes,
        dropout_ratio=config.dropout_ratio,
        version=version,
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

    `temperature` calibrates it; it is 1 where nobody was held out to fit it on. Nearly no clip in
    training was longer than `usual_length`, in seconds.
    """

    model: ActionNet
    config: Config
    classes: ClassTable | None
    epoch: int
    temperature: float = 1.0
    usual_length: float = math.inf


def load_trained(path: str | Path, config: Config) -> Trained:
    """A model of the size that the file's weights have, and the settings it was trained with.

    Our own files carry their configuration and class table; for others `config` gives what
    weights do not tell (the number of heads, the recipe, the length of clips), and classes is
    None. Raises InputError.
    """
    content = read_checkpoint(path)
    weights, kind = weights_of(content, path), kind_of(content, path)
    if kind not in ("actions", "one-shot"):
        raise InputError(
            f"{path}: has no action head, so it predicts nothing: it is {KINDS[kind]}; train from "
            "it with init_from"
        )
    if gone := [key for key in weights if key.startswith(GONE)]:
        settings.say_once(
            f"{path}: weights of an earlier version that are not used: {', '.join(gone)}"
        )
        weights = {key: value for key, value in weights.items() if key not in gone}
    carried = carried_by(content)
    segments = carried.get("segments", 1)
    start = _settings_of(path, carried, config)
    config = _sized(path, start, weights, segments)
    if not carried:
        config = dataclasses.replace(config, num_heads=_heads(content, weights, config, start))
        settings.say_once(
            f"{path}: carries no settings, so these are taken: recipe {config.recipe}, num_heads "
            f"{config.num_heads}, clip_len {config.clip_len}; its own YAML file (-f) may say others"
        )
    _check_lengths(path, config)
    regions = len(weights.get("head.regions.weight", ()))
    joints = weights["backbone.pos_embed"].shape[1]
    classes = len(weights.get("head.fc2.weight", ()))
    ends = {"head.fc2.weight": "embed", "head.bn.weight": "discriminant"}
    version = next((end for name, end in ends.items() if name not in weights), "class")
    model = build_model(config, classes, joints, regions, segments, version)
    if "head.kernels.values" in weights:
        names = "mean", "values", "dilations", "pairs"
        model.head.use(Kernels(*(len(weights[f"head.kernels.{name}"]) for name in names)))
    report = load_weights(model, weights)
    # A backbone's own head gives poses, so an action model may have been saved without it; how
    # many batches there were matters to nobody.
    spare = ("backbone.head.", "head.bn.num_batches_tracked")
    if [n for n in report.missing if not n.startswith(spare)] or report.mismatched:
        raise InputError(f"{path}: not a whole action model: {report}")
    usual = content.get("usual")
    if isinstance(usual, Tensor) and usual.shape == (model.head.fc1.in_features,):
        model.head.usual, model.masks = usual.float(), True
    return Trained(
        model.eval(),
        config,
        _classes_of(content),
        epoch=int(_number(content, "epoch", 0)),
        temperature=float(_number(content, "temperature", 1.0)),
        usual_length=float(_number(content, "usual_length", math.inf)),
    )


def tells_poses(path: str | Path) -> bool:
    """Whether a file holds an encoder with the head that tells poses, rather than actions."""
    return kind_of(read_checkpoint(path), path) == "poses"


def tells_meshes(path: str | Path) -> bool:
    """Whether a file holds a network with the head that tells bodies."""
    return kind_of(read_checkpoint(path), path) == "meshes"


def load_pose_net(path: str | Path, config: Config) -> tuple[PoseNet, Config]:
    """A pretrained encoder with the head that tells poses, and the settings that it goes with.

    Those are `config` with what decides about the network and what it sees as the file has it. A
    file of the original's has sizes alone, and is of the recipe parity. Raises InputError for what
    is no such encoder, and for a model that tells actions.
    """
    content = read_checkpoint(path)
    weights, carried = weights_of(content, path), carried_by(content)
    if (kind := kind_of(content, path)) != "poses":
        raise InputError(
            f"{path}: not a whole encoder with its head: it is {KINDS[kind]}, not poses"
        )
    if carried:
        theirs = dataclasses.asdict(_settings_of(path, carried, config))
        config = dataclasses.replace(config, **{name: theirs[name] for name in OF_NETWORK})
    else:
        config = foreign_config(path, content, config)
    _check_lengths(path, config)
    model = build_pose_net(config, weights["pos_embed"].shape[1])
    report = load_weights(model, weights)
    if report.missing or report.mismatched:
        raise InputError(f"{path}: not a whole encoder with its head for poses: {report}")
    return model.eval(), config


def foreign_config(path: str | Path, content: dict[str, Any], config: Config) -> Config:
    """`config` with the sizes of a network in somebody else's file, in the recipe parity.

    Raises InputError for parts of a network.
    """
    weights = weights_of(content, path)
    try:
        sizes = sizes_of(weights)
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: not a whole encoder ({error})") from None
    sizes = {name: sizes[name] for name in (*PRESET_SIZES, "maxlen", "att_fuse")}
    sized = dataclasses.replace(config, recipe="parity", patch=1, **sizes)
    return dataclasses.replace(sized, num_heads=_heads(content, weights, sized, config))


def carried_by(content: dict[str, Any]) -> dict[str, Any]:
    """The settings in a file of ours; nothing for a file of somebody else's."""
    carried = content.get("config")
    return carried if isinstance(carried, dict) and "recipe" in carried else {}


def _heads(
    content: dict[str, Any], weights: dict[str, Tensor], config: Config, start: Config
) -> int:
    """How many heads attend in somebody else's network, which its weights do not tell.

    The file's own settings may say it; else it is the number of a preset of the same size, unless
    the settings that were given (`start`) describe this very network.
    """
    for place in ("config", "args", "hyper_parameters"):
        theirs = content.get(place)
        if isinstance(theirs, dict) and isinstance(theirs.get("num_heads"), int):
            return theirs["num_heads"]
    preset = preset_of(sizes_of(weights))
    given = all(getattr(config, name) == getattr(start, name) for name in PRESET_SIZES)
    return PRESETS[preset]["num_heads"] if preset and not given else config.num_heads


def _number(content: dict[str, Any], key: str, default: float) -> float:
    value = content.get(key)
    return value if isinstance(value, int | float | np.number) else default


def _settings_of(path: str | Path, carried: dict[str, Any], config: Config) -> Config:
    """The settings that a file carries, or `config` for a file of somebody else's."""
    if not carried:
        return config
    try:
        return Config.of(saved=carried)
    except InputError as error:
        raise InputError(f"{path}: carries settings that cannot be used: {error}") from None


def _sized(path: str | Path, config: Config, weights: dict[str, Tensor], segments: int) -> Config:
    """`config` with the sizes that the weights have. Raises InputError for parts of a model."""
    try:
        sizes = sizes_of(weights)
        joints, dim_in = sizes.pop("joints"), sizes.pop("dim_in")
        hidden_dim, pooled = weights["head.fc1.weight"].shape
        # Means over parts of a clip, and maybe its peak beside them.
        pools = pooled // (joints * sizes["dim_rep"])
        config = dataclasses.replace(config, peaks=pools > segments)
        if dim_in != config.dim_in:
            streams = ["joint", "joint_motion"][: dim_in // 3] if dim_in < 12 else list(STREAMS)
            config = dataclasses.replace(config, streams=streams, patch=1)
        return dataclasses.replace(config, hidden_dim=hidden_dim, **sizes)
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(
            f"{path}: expected the weights of a whole action model "
            f"({type(error).__name__}: {error})"
        ) from None


def _check_lengths(path: str | Path, config: Config) -> None:
    if config.dim_feat % config.num_heads or config.moments > config.maxlen:
        raise InputError(
            f"{path}: {config.dim_feat} channels and {config.maxlen} frames do not go with "
            f"num_heads {config.num_heads} and clip_len {config.clip_len}; give others with "
            f"-p num_heads (a divisor of {config.dim_feat}) and -p clip_len (at most "
            f"{config.maxlen * config.patch})"
        )


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
        with open(part, "rb+") as file:
            os.fsync(file.fileno())  # whole on the disk before it takes a place

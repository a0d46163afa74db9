"""The one configuration: a flat dataclass that notebooks, YAML files, the command line and Python all fill.

Values come in this order, the later winning: the defaults below, the preset (the model's size), the recipe (how clips are
prepared and trained on), a file, single parameters.
"""

import ast
import dataclasses
import difflib
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from IPython import get_ipython

from mbnb.files import ROOT, InputError, write_text
from mbnb.runs import RunFolder

HEADER = "# Parameters"  # papermill begins the cell that it injects with this line, and so do our parameters cells
LARGE = dict(dropout_ratio=0.5, lr_backbone=1e-3, lr_head=1e-3, rate=30.0, clip_len=243, patch=1)
PRESETS: dict[str, dict[str, Any]] = {
    "demo": dict(
        dim_feat=64,
        dim_rep=64,
        depth=1,
        num_heads=4,
        mlp_ratio=2.0,
        hidden_dim=256,
        rate=24.0,
        clip_len=64,
        patch=4,
        dropout_ratio=0.5,
        lr_backbone=3e-3,
        lr_head=3e-3,
    ),
    "ma52": dict(
        dim_feat=192, dim_rep=96, depth=2, num_heads=4, mlp_ratio=2.0, hidden_dim=64, **LARGE
    ),
    "lite": dict(
        dim_feat=256, dim_rep=512, depth=5, num_heads=8, mlp_ratio=4.0, hidden_dim=2048, **LARGE
    ),
    "full": dict(
        dim_feat=512, dim_rep=512, depth=5, num_heads=8, mlp_ratio=2.0, hidden_dim=2048, **LARGE
    ),
}
RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "parity": dict(
        preset="ma52",
        clip_len=243,
        patch=1,
        epochs=300,
        batch_size=24,
        lr_backbone=1e-5,
        lr_head=8e-5,
        weight_decay=0.1,
        dropout_ratio=0.7,
        schedule="exponential",
        label_smoothing=0.0,
        clip_gradients=0.0,
        segments=1,
        peaks=False,
        mirror_classes=False,
        mixup=0.0,
        region_weight=0.0,
        balance=0.0,
        ema=0.0,
        views=1,
        convolutions=0,
        handedness=False,
        adapt=False,
        quota=False,
    ),
}
# Settings of the parity recipe alone: whoever gives one of them means that recipe.
PARITY_ONLY = ("random_move", "normalize", "scale_range_train", "scale_range_test")
CHOICES = {
    "method": ("dstformer", "largest", "linear", "nearest", "rocket"),
    "preset": tuple(PRESETS),
    "recipe": tuple(RECIPES),
    "schedule": ("cosine", "exponential"),
    "device": ("auto", "cpu", "cuda"),
    "checkpoint_choice": ("best", "latest"),
    "scored": ("auto", "test", "val"),
    "precision": ("auto", "float32", "bf16"),
    "clips_on": ("auto", "device", "disk"),
    "compile": ("auto", "off", "default", "reduce-overhead", "max-autotune"),
}
STREAMS = ("joint", "bone", "joint_motion", "bone_motion")


@dataclass
class Config:
    """Every setting of the workbook. Make one with `Config.of`, which checks names, types and ranges."""

    # Where things are. Relative paths start at the checkout.
    run: str = "workbook"  # the run's folder below `outputs`
    outputs: str = "outputs"
    data_root: str = ""  # a folder in the layout of data/README.md; empty: simulated people
    checkpoint: str = ""  # evaluate this file instead of the run's own checkpoint
    videos: str = ""  # 02: a folder of videos, empty: short videos made from a sample portrait; 05: where clips' videos lie, by name
    video_labels: str = (
        ""  # 02: a file with `name id` a line; empty: the videos become an unlabelled test split
    )
    video_person: str = ""  # 02: regular expression for the person at the beginning of a video's name; empty: a person a video
    # What the data mean.
    skeleton: str = "h36m17"
    class_table: str = (
        "document"  # for data without classes.csv: document, ma52 or the path of a table
    )
    action_classes: int = 0  # expected number of classes; 0: whatever the class table has
    fps: float = 30.0
    val_fraction: float = 0.15  # of the people in train, held out where there is no val split
    fold: int = 0  # which of the 1 / val_fraction groups of people is held out
    pool: bool = False  # all labelled splits become train before people are held out, to leave out one person after another
    # Simulated people.
    simulated_people: int = 40
    simulated_test_people: int = 10  # of them, in the test split
    simulated_clips: int = 52  # clips per person
    simulated_seed: int = 0
    simulated_tail: bool = False  # frequencies of classes follow a power law, as real ones do
    method: str = "dstformer"  # or a baseline: largest, linear, nearest or rocket
    recipes: str = "notebooks/recipes.yaml"  # 06: a file of variants of the recipe
    # The model. The preset decides about its size, rate, clip_len, patch, dropout_ratio and the learning rates, unless they are given.
    preset: str = "demo"
    dim_feat: int = 64
    dim_rep: int = 64
    depth: int = 1
    num_heads: int = 4
    mlp_ratio: float = 2.0
    maxlen: int = 243
    hidden_dim: int = 256
    att_fuse: bool = True
    dropout_ratio: float = 0.5
    drop_path_rate: float = 0.0
    segments: int = 1  # parts of a clip, one after the other, that the head sees the means of
    peaks: bool = True  # beside them it sees the greatest value over the clip
    # How clips are prepared.
    recipe: str = "default"
    rate: float = 24.0  # frames a second that the model sees, of clips near their own length; 0, and in parity: clip_len frames of every clip
    clip_len: int = 64  # the most frames that the model sees of a clip
    patch: int = 4  # frames one after the other that it sees as one
    smooth: int = 7  # window of the Savitzky-Golay filter in frames; 0: none
    streams: list[str] = field(
        default_factory=lambda: list(STREAMS)
    )  # what the model sees of a joint
    flip: bool = True  # mirror half of the training clips, where the class table says what becomes of the class
    mirror_classes: bool = True  # where it does not say, mirrored clips are classes of their own (Lee et al., ICML 2020)
    rotate: float = 20.0  # largest turn about the vertical, degrees
    stretch: float = 0.2  # clips are shortened, and played faster or slower, by up to this share
    warp: float = (
        0.0  # movements begin slower and end faster, or the other way, by up to this share
    )
    noise: float = 0.01  # sensor noise, in lengths of the trunk
    exchange: float = 0.3  # share of training clips that get limbs from another clip of their class
    hide_joints: float = 0.0  # share of joints that a training clip lacks
    hide_frames: float = 0.0  # share of its frames
    # How clips are prepared in the parity recipe.
    random_move: bool = True
    normalize: bool = True
    scale_range_train: list[float] = field(default_factory=lambda: [0.8, 3.2])
    scale_range_test: list[float] = field(default_factory=lambda: [2.0, 2.0])
    # Training.
    seed: int = 0
    epochs: int = 0  # 0: as many as the run was begun with, or as few clips need, 24 for many
    batch_size: int = 32
    lr_backbone: float = 3e-3
    lr_head: float = 3e-3
    weight_decay: float = 0.05
    schedule: str = "cosine"  # or exponential: times lr_decay after every epoch
    warmup: float = 0.1  # share of the steps over which the cosine schedule rises
    lr_decay: float = 0.98
    label_smoothing: float = 0.1
    mixup: float = 0.2  # clips are blended two by two behind the backbone, by shares from Beta(mixup, mixup); 0: none
    region_weight: float = 0.3  # of the loss of a head that tells the body region; 0: no such head
    balance: float = 0.0  # strength of logit adjustment for rare classes; 0: none, 1: as if all were equally frequent
    convolutions: int = 5000  # of at most so many clips in train, random convolutions learn beside the model, and the mean of both counts; 0: never
    ema: float = 0.0  # evaluated weights are running means with this decay a step; 0: the last ones
    clip_gradients: float = 1.0  # largest norm; 0: no limit
    init_from: str = ""  # start from the weights of this checkpoint file, as far as they fit
    freeze: list[str] = field(
        default_factory=list
    )  # beginnings of parameter names that stay as they are
    resume: bool = True  # go on from the run's latest checkpoint where there is one
    device: str = "auto"
    # Speed.
    devices: int = 1  # GPUs, or processes without one, that share every batch
    precision: str = "auto"  # bf16 mixes bfloat16 into float32; auto: on GPUs that compute in it
    compile: str = "auto"  # or a mode of torch.compile; auto: default on a GPU, else off
    clips_on: str = "auto"  # device keeps all clips in its memory, disk reads each batch; auto: device where they fit
    # Evaluation.
    checkpoint_choice: str = "best"  # best on people held out from train, or latest; latest whenever val itself is scored
    scored: str = "auto"  # the split that 04 scores: test or val; auto: test where it is labelled
    views: int = 3  # crops of a test clip, each also mirrored where the class table allows it, whose probabilities are averaged
    handedness: bool = True  # people who do with the left what others do with the right are seen in a mirror, where the class table does not say what that is
    adapt: bool = True  # what all clips of a person, unlabelled, have in common counts as the person's way and is taken off
    quota: bool = True  # where all people in training show the same classes equally often, a test person's clips share them out
    reject: float = 0.0  # predictions with less confidence than this say nothing
    bootstraps: int = 1000  # resamplings of people behind every interval
    explained: int = 200  # 05: clips of which it is computed in advance what the model looked at; others when asked
    against: str = ""  # 07: the run to compare with; empty: the linear model on the same clips

    @classmethod
    def of(cls, *sources: dict[str, Any]) -> "Config":
        """A configuration from dictionaries, the later winning; None leaves a setting alone. Raises InputError that lists every fault."""
        given: dict[str, Any] = {}
        for source in sources:
            given |= {key: value for key, value in source.items() if value is not None}
        fields = {f.name: f for f in dataclasses.fields(cls)}
        faults = []
        for key in [key for key in given if key not in fields]:
            near = difflib.get_close_matches(str(key), fields, n=1, cutoff=0.5)
            faults.append(
                f"unknown setting {key!r}"
                + (f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(fields)}")
            )
            del given[key]
        values = {}
        for key, value in given.items():
            try:
                values[key] = _as_type(value, fields[key].type)
            except (TypeError, ValueError, OverflowError):
                faults.append(
                    f"setting {key!r}: expected {fields[key].type.__name__}, found {value!r}"
                )
        foreign = [stream for stream in values.get("streams", []) if stream not in STREAMS]
        if foreign or not values.get("streams", STREAMS):
            faults.append(
                f"setting 'streams': expected some of {', '.join(STREAMS)}, found {', '.join(foreign) or 'none'}"
            )
        for key, choices in CHOICES.items():
            if values.get(key, choices[0]) not in choices:
                faults.append(
                    f"setting {key!r}: expected {' or '.join(choices)}, found {values.pop(key)!r}"
                )
        defaults = cls()
        if any(key in values for key in PARITY_ONLY):
            values.setdefault("recipe", "parity")
            faults += [
                f"setting {key!r} belongs to the recipe 'parity', but the recipe is {values['recipe']!r}"
                for key in PARITY_ONLY
                if values["recipe"] != "parity"
                and values.get(key, getattr(defaults, key)) != getattr(defaults, key)
            ]
        recipe = RECIPES[values.get("recipe", "default")]
        preset = PRESETS[values.get("preset", recipe.get("preset", defaults.preset))]
        config = cls(**(preset | recipe | values))
        faults += config._faults()
        if faults:
            raise InputError("\n".join(faults))
        return config

    def _faults(self) -> list[str]:
        at_least = {
            1: (
                "clip_len",
                "depth",
                "dim_rep",
                "hidden_dim",
                "num_heads",
                "maxlen",
                "simulated_people",
                "simulated_clips",
                "simulated_test_people",
                "bootstraps",
                "fps",
                "devices",
                "segments",
                "views",
                "patch",
            ),
            2: ("batch_size",),
            0: (
                "lr_decay",
                "smooth",
                "lr_backbone",
                "lr_head",
                "weight_decay",
                "action_classes",
                "noise",
                "rotate",
                "seed",
                "convolutions",
                "simulated_seed",
                "fold",
                "epochs",
                "explained",
                "clip_gradients",
                "rate",
                "mixup",
                "region_weight",
                "balance",
            ),
        }
        faults = [
            f"setting {key!r}: expected at least {least}, found {getattr(self, key)}"
            for least, keys in at_least.items()
            for key in keys
            if not getattr(self, key) >= least
        ]
        below_one = (
            "val_fraction",
            "dropout_ratio",
            "drop_path_rate",
            "stretch",
            "label_smoothing",
            "warmup",
            "warp",
            "reject",
            "hide_joints",
            "hide_frames",
            "ema",
        )
        faults += [
            f"setting {key!r}: expected a share from 0 to below 1, found {getattr(self, key)}"
            for key in below_one
            if not 0 <= getattr(self, key) < 1
        ]
        if self.num_heads > 0 and (self.dim_feat < 1 or self.dim_feat % self.num_heads):
            faults.append(
                f"setting 'dim_feat': expected a multiple of num_heads ({self.num_heads}), found {self.dim_feat}"
            )
        if self.simulated_test_people >= self.simulated_people:
            faults.append(
                f"setting 'simulated_test_people': expected fewer than simulated_people ({self.simulated_people}), found {self.simulated_test_people}"
            )
        if self.patch > 0 and self.moments > self.maxlen:
            faults.append(
                f"setting 'clip_len': expected at most maxlen ({self.maxlen}) times patch ({self.patch}), found {self.clip_len}"
            )
        if self.clip_len < self.patch:
            faults.append(
                f"setting 'clip_len': expected at least patch ({self.patch}), found {self.clip_len}"
            )
        if self.smooth and (self.smooth < 3 or self.smooth % 2 == 0):
            faults.append(
                f"setting 'smooth': expected 0 or an odd number of frames from 3 on, found {self.smooth}"
            )
        if self.fold and self.fold >= self.folds:
            faults.append(
                f"setting 'fold': expected below {self.folds}, 1 / val_fraction, found {self.fold}"
            )
        for key in ("scale_range_train", "scale_range_test"):
            if len(getattr(self, key)) != 2 or not 0 < min(getattr(self, key)):
                faults.append(
                    f"setting {key!r}: expected two numbers above 0, found {getattr(self, key)}"
                )
        if self.mlp_ratio * self.dim_feat < 1:
            faults.append(
                f"setting 'mlp_ratio': expected at least 1 / dim_feat, found {self.mlp_ratio}"
            )
        if not self.run or self.run == ".." or Path(self.run).name != self.run:
            faults.append(f"setting 'run': expected the plain name of a folder, found {self.run!r}")
        return faults

    @property
    def folder(self) -> RunFolder:
        """Where everything of this run lies."""
        return RunFolder(ROOT / self.outputs / self.run)

    @property
    def folds(self) -> int:
        """Into how many groups train's people are divided, one of them to be held out; 0: nobody is."""
        return max(2, round(1 / self.val_fraction)) if self.val_fraction else 0

    @property
    def parity(self) -> bool:
        return self.recipe == "parity"

    @property
    def one_length(self) -> bool:
        """Whether the model sees `clip_len` frames of every clip."""
        return self.parity or not self.rate

    @property
    def moments(self) -> int:
        """The most moments of a clip that the model sees, of `patch` frames each."""
        return self.clip_len // self.patch

    @property
    def dim_in(self) -> int:
        """Channels of a joint that the model sees."""
        return 3 if self.parity else 3 * len(self.streams) * self.patch

    def save(self, path: Path) -> None:
        """Write every setting as YAML."""
        write_text(path, yaml.safe_dump(dataclasses.asdict(self), sort_keys=False))


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The settings in a YAML file; names are checked by `Config.of`. Raises InputError naming file and line."""
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise InputError(
            f"{path}{f', line {mark.line + 1}' if mark else ''}: not YAML ({getattr(error, 'problem', error)})"
        ) from None
    if not isinstance(values or {}, dict):
        raise InputError(
            f"{path}: expected `setting: value` lines, found a {type(values).__name__}"
        )
    return values or {}


def notebook_config(saved: bool = False) -> Config:
    """The configuration that `notebook_parameters` give.

    With `saved` the settings that the run was trained with come first, so that a later notebook needs the run's name only.
    Raises InputError for a parameter that is no setting, which papermill alone would ignore.
    """
    given = notebook_parameters()
    return saved_config(given) if saved else Config.of(given)


def notebook_parameters() -> dict[str, Any]:
    """What a notebook's parameters cells give: its own, and the one that papermill injects."""
    shell = get_ipython()
    cells = [source for source in shell.user_ns["In"] if source.startswith(HEADER)]
    names = [
        target.id
        for source in cells
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    return {
        name: shell.user_ns[name]
        for name in dict.fromkeys(names)
        if shell.user_ns[name] is not None
    }


def saved_config(given: dict[str, Any]) -> Config:
    """The settings that the run was trained with, where it was, and `given` over them."""
    config = Config.of(given)
    kept = config.folder.config
    return Config.of(read_yaml(kept), given) if kept.exists() else config


def _as_type(value: Any, kind: Any) -> Any:
    """`value` as the field's type; YAML reads 1e-4 as text, and whole numbers stand for decimals."""
    if kind is bool:
        if not isinstance(value, bool):
            raise TypeError
        return value
    if isinstance(value, bool):
        raise TypeError
    if kind is float:
        if not math.isfinite(float(value)):
            raise ValueError
        return float(value)
    if kind is int:
        if isinstance(value, str) or int(value) != value:
            raise TypeError
        return int(value)
    if kind is str:
        if not isinstance(value, str | int | Path):
            raise TypeError
        return str(value)
    if not isinstance(value, list | tuple):
        raise TypeError
    return [_as_type(item, kind.__args__[0]) for item in value]

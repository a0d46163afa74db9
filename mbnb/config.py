"""The one configuration, flat, that notebooks, YAML files, the command line and Python all fill.

Values come in this order, the later winning: the defaults below, the preset (the model's size),
the recipe (how clips are prepared and trained on), a file, single parameters.
`python -m mbnb settings` lists all settings, and so does the page SETTINGS.md.
"""

import dataclasses
import re
import sys
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from types import FrameType
from typing import Any

import yaml

from mbnb import settings, yaml_files
from mbnb.files import ROOT, InputError, write_text
from mbnb.originals import (
    FOREIGN,
    IDLE,
    RENAMED,
    for_lifting,
    for_meshes,
    foreign_faults,
    taken_over,
)
from mbnb.parameters import parameters_of
from mbnb.runs import RunFolder
from mbnb.settings import setting
from mbnb.text import RESERVED

# Weights that come with mbnb, see mbnb/weights/README.md.
OWN_WEIGHTS = ("encoder", "lifter", "simulated_ma52", "detector")
DETECTOR = "detector"  # the one of them that detects
LIFTER = "lifter"  # the one of them that lifts 2D joints
STREAMS = ("joint", "bone", "joint_motion", "bone_motion")
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
        label_smoothing=0.0,
        peaks=False,
        region_weight=0.0,
        views=1,
    ),
}
# What goes with 2D keypoints in a pickle: they are seen as they are, `clip_len` frames of each.
KEYPOINTS: dict[str, Any] = dict(streams=["joint"], patch=1, rate=0.0)
# Settings of earlier versions that are gone, and what replaced them.
NOTHING = "nothing replaces it"
GONE: dict[str, str] = {
    "adapt": "give people: [adapt] instead",
    "quota": "give people: [quota] instead",
    "handedness": NOTHING,
    "convolutions": "method: rocket is random convolutions, and `combine` makes means of methods",
    "checkpoint_choice": "give checkpoint: latest or checkpoint: best instead",
    "schedule": "learning rates fall by a cosine, in the recipe parity by lr_decay an epoch",
    "warmup": NOTHING,
    "clip_gradients": NOTHING,
    "exchange": NOTHING,
    "mixup": NOTHING,
    "mirror_classes": NOTHING,
    "balance": NOTHING,
    "warp": NOTHING,
    "hide_joints": NOTHING,
    "hide_frames": NOTHING,
    "drop_path_rate": NOTHING,
    "ema": NOTHING,
    "segments": NOTHING,
    "normalize": "the recipe parity always does it",
    "scale_range_test": "in the recipe parity it is always [2, 2]",
    "simulated_seed": "simulated people are always the same ones",
}


@dataclass
class RunSettings:
    """The run: where its files lie"""

    run: str = setting(
        "workbook",
        "Name of this training and of its folder below `outputs`; without it, your own data or "
        "videos go to a run that is called after their folder.",
        affects="nothing",
    )
    outputs: str = setting(
        "outputs",
        "Folder that holds the folders of all runs.",
        affects="nothing",
        path=True,
    )


@dataclass
class DataSettings:
    """The data: clips, people, classes"""

    data_root: str = setting(
        "",
        "Folder with your data, laid out as data/README.md says; empty: simulated people.",
        may_change=True,
        path=True,
    )
    motion: list[str] = setting(
        [],
        "Pretraining: files and folders of movement without classes to learn from; empty: "
        "simulated people.",
        may_change=True,
    )
    motion_terms: str = setting(
        "",
        "Pretraining: learn only from recordings whose `terms` have these words, such as CMU; "
        "empty: from all.",
    )
    skeleton: str = setting(
        "h36m17",
        "Table of the joints of clips, also of those made of videos and of simulated people: "
        "h36m17, or wholebody44 with feet, face and fingers.",
    )
    class_table: str = setting(
        "document",
        "Table of the classes for data without a file classes.csv, and of simulated people: "
        "document, ma52, ma52_still (with a 53rd class, that nothing happens) or a path.",
        path=True,
        words=("document", "ma52", "ma52_still"),
    )
    action_classes: int = setting(
        0,
        "How many classes you expect, as a check; 0: no check.",
        least=0,
        affects="nothing",
    )
    fps: float = setting(30.0, "Frames a second of the recordings.", least=1)
    val_fraction: float = setting(
        0.15,
        "Share of the training people who are held out to judge the training by, where the data "
        "have no val split.",
        least=0,
        below=1,
    )
    fold: int = setting(0, "Which of the 1 / val_fraction groups of people is held out.", least=0)
    pool: bool = setting(
        False,
        "Put all labelled clips into train before people are held out, to leave out everybody "
        "in turn.",
    )
    data_split: str = setting(
        "",
        "Which split of a pickle of 2D keypoints as pyskl has them, such as xsub or xview; empty: "
        "the only one that it has.",
    )
    unseen_classes: int = setting(
        0,
        "Keep every so manieth class out of training, to be told from one example each: 6 is the "
        "rule of NTU-120; 0: none.",
        least=0,
    )
    few_people: int = setting(
        0,
        "Learn from so many people of train at most, to see what more of them would buy; 0: all.",
        least=0,
    )
    few_clips: int = setting(0, "Learn from so many clips of each class at most; 0: all.", least=0)
    min_quality: float = setting(
        0.0,
        "Leave clips out of training whose quality score, which 01 shows, is below this, and list "
        "them; 0: none.",
        least=0,
        below=1,
    )
    videos: str = setting(
        "",
        "Folder of videos: notebook 02 makes clips of them, 05 shows them beside the skeletons.",
        affects="nothing",
        path=True,
    )
    video_labels: str = setting(
        "",
        "Notebook 02: file with `name id` a line, the class of each video; empty: not known.",
        affects="nothing",
        path=True,
    )
    video_person: str = setting(
        "",
        "Notebook 02: regular expression for the person at the beginning of a video's name; "
        "empty: somebody else in each video.",
        affects="nothing",
    )
    pose_model: str = setting(
        "",
        "Notebook 02: file of a pose model, MediaPipe's pose_landmarker_*.task, needed on Python "
        "3.13 and later; empty: the model that MediaPipe brings on 3.11 and 3.12.",
        affects="nothing",
        path=True,
    )
    video_depth: str = setting(
        "lifted",
        "Notebook 02: where the depth of joints in videos comes from: lifted from MediaPipe's "
        "places in the picture by mbnb's own lifter, or mediapipe, its own.",
        choices=("lifted", "mediapipe"),
        affects="nothing",
    )
    source: str = setting(
        "",
        "Notebook 10: a video, or a file or folder of 2D joints of another tool, to be lifted; "
        "12: a video, a folder of videos, or a file of poses. Empty: simulated people.",
        affects="nothing",
        path=True,
    )
    faces: str = setting(
        "keep",
        "Pictures of videos, in notebooks 02, 05 and 10 and in the report: keep faces, blur them, "
        "or leave_out the pictures.",
        choices=("keep", "blur", "leave_out"),
        affects="nothing",
    )


@dataclass
class SimulatedSettings:
    """Simulated people: made where data_root is empty"""

    simulated_people: int = setting(40, "How many people are simulated.", least=1)
    simulated_test_people: int = setting(10, "How many of them are in the test split.", least=1)
    simulated_clips: int = setting(52, "Clips of each person.", least=1)
    simulated_tail: bool = setting(
        False, "Make some classes frequent and many rare, as in recordings of real people."
    )


@dataclass
class ModelSettings:
    """The model: what tells classes apart, and the network's size, which the preset decides"""

    method: str = setting(
        "dstformer",
        "What tells the classes apart: dstformer, the neural network, or something simpler to "
        "compare it with: always the largest class, a linear model, the nearest clip, or rocket, "
        "random convolutions.",
        choices=("dstformer", "largest", "linear", "nearest", "rocket"),
    )
    preset: str = setting(
        "demo",
        "Size of the network, with the rate, the length of clips and the learning rates that go "
        "with it.",
        choices=tuple(PRESETS),
    )
    dim_feat: int = setting(
        64,
        "Width of the network: how many numbers describe a joint at a moment inside it, a "
        "multiple of num_heads.",
        least=1,
    )
    dim_rep: int = setting(64, "How many numbers describe a joint at the network's end.", least=1)
    depth: int = setting(1, "Layers of the network.", least=1)
    num_heads: int = setting(
        4, "Attention heads: how many relations a layer looks at side by side.", least=1
    )
    mlp_ratio: float = setting(2.0, "How much wider each layer is in its middle.")
    maxlen: int = setting(243, "The most moments that the network has places for.", least=1)
    hidden_dim: int = setting(256, "Width of the last layer before the classes.", least=1)
    att_fuse: bool = setting(
        True, "Learn how to weigh the two branches of each layer, instead of taking their mean."
    )
    dropout_ratio: float = setting(
        0.5,
        "Share of what describes a clip that is left out at random in training, against learning "
        "by heart.",
        least=0,
        below=1,
    )
    head: str = setting(
        "auto",
        "How classes are learned: learned, with the network; discriminant, in closed form on the "
        "encoder and on random kernels; auto: that where clips of a class are few; embed: only "
        "which clips are alike.",
        choices=("auto", "learned", "discriminant", "embed"),
    )
    peaks: bool = setting(
        True, "Tell classes from the strongest moment of a clip, too, beside the mean over it."
    )


@dataclass
class ClipSettings:
    """Clips: how they are prepared for the model"""

    recipe: str = setting(
        "default",
        "How clips are prepared and trained on: default is mbnb's way, parity the original code's.",
        choices=tuple(RECIPES),
    )
    rate: float = setting(
        24.0,
        "Frames a second that the model sees; 0, and always in parity: clip_len frames of every "
        "clip, however long it is.",
        least=0,
    )
    clip_len: int = setting(64, "The most frames that the model sees of a clip.", least=1)
    patch: int = setting(4, "Frames that the model sees as one moment.", least=1)
    smooth: int = setting(
        7,
        "Frames over which movements are smoothed (Savitzky-Golay filter), an odd number; 0: not "
        "at all.",
        least=0,
    )
    repair: list[str] = setting(
        [],
        "What is mended when clips are read, while files stay as they are: gaps of joints, "
        "outliers, flips of left and right, lengths of bones.",
        choices=("gaps", "outliers", "flips", "bones"),
    )
    without_depth: bool = setting(
        False,
        "See each clip as a picture does, without depth, as joints are detected in 2D: from the "
        "front, in pretraining from any side.",
    )
    streams: list[str] = setting(
        list(STREAMS),
        "What the model sees of each joint: its place, the bone to it, and the speeds of both.",
        choices=STREAMS,
        least=1,
    )


@dataclass
class AugmentationSettings:
    """Augmentation: how training clips are varied, so that the model learns what does not matter"""

    flip: bool = setting(
        True, "Mirror half of the clips, where the class table says what a mirrored clip is."
    )
    rotate: float = setting(20.0, "Largest turn of the body to a side, in degrees.", least=0)
    stretch: float = setting(
        0.2,
        "Largest share by which clips are shortened, and made faster or slower.",
        least=0,
        below=1,
    )
    noise: float = setting(
        0.01,
        "Inaccuracy added to the joints, in lengths of the trunk; in a pretraining by parity 0 "
        "turns the detector's errors off.",
        least=0,
    )
    random_move: bool = setting(
        True, "Only in parity: turn, resize and shift the body a little.", recipe="parity"
    )
    scale_range_train: list[float] = setting(
        [0.8, 3.2],
        "Only in parity: least and greatest size of a training clip's frame beside the body.",
        recipe="parity",
    )


@dataclass
class LiftingSettings:
    """Pretraining and lifting, only in parity: what the network sees, and what it is asked for"""

    synthetic: bool = setting(
        True,
        "Only in parity: pretraining makes 2D joints of the 3D ones; otherwise it takes those that "
        "a detector found.",
        recipe="parity",
    )
    gt_2d: bool = setting(
        False,
        "Only in parity: 2D joints are the true ones, in training and in scoring.",
        recipe="parity",
    )
    rootrel: bool = setting(
        True,
        "Only in parity: 3D joints are told as seen from the pelvis; otherwise the way of the body "
        "through the picture, too.",
        recipe="parity",
    )
    mask_ratio: float = setting(
        0.05,
        "Only in parity: share of the joints that pretraining hides.",
        least=0,
        below=1,
        recipe="parity",
    )
    mask_T_ratio: float = setting(
        0.1,
        "Only in parity: share of the frames that pretraining hides.",
        least=0,
        below=1,
        recipe="parity",
    )
    pretrain_3d_curriculum: int = setting(
        30,
        "Only in parity: epochs of a pretraining before people without depth are learned from, "
        "too; otherwise a third of all epochs.",
        least=0,
        recipe="parity",
    )


@dataclass
class MeshSettings:
    """Body meshes: which body is found in movement and in videos"""

    body: str = setting(
        "anny_small",
        "The body: anny_small, which comes with mbnb; anny, with more vertices, of the extra mesh; "
        "or SMPL's file, .npz or .pkl, of whoever has it.",
        path=True,
        words=("anny_small", "anny"),
    )


@dataclass
class TrainingSettings:
    """Training: how long and how fast the model learns"""

    seed: int = setting(
        0,
        "Number that all chance follows from: the same number gives the same results again.",
        least=0,
    )
    epochs: int = setting(
        0,
        "How often the model sees every training clip; 0: as often as the run was begun with, "
        "or as suits the number of clips.",
        least=0,
        may_change=True,
    )
    batch_size: int = setting(32, "Clips that the model learns from at once.", least=2)
    lr_backbone: float = setting(
        3e-3, "Learning rate of the network: how far each step of the training goes.", least=0
    )
    lr_head: float = setting(3e-3, "Learning rate of the layers that tell the classes.", least=0)
    weight_decay: float = setting(
        0.05, "How strongly weights are drawn to zero, against learning by heart.", least=0
    )
    lr_decay: float = setting(
        0.98, "Only in parity: learning rates are multiplied by this after every epoch.", least=0
    )
    label_smoothing: float = setting(
        0.1,
        "How much of its certainty the model is asked to leave to the other classes.",
        least=0,
        below=1,
    )
    region_weight: float = setting(
        0.3,
        "How much it counts in training to tell the body region, too; 0: it is not asked for.",
        least=0,
    )
    n_views: int = setting(2, "With head embed: clips of each class in a batch.", least=2)
    temp: float = setting(
        0.1,
        "With head embed: temperature of the loss; the lower, the more the nearest count.",
        least=1e-3,
    )
    contrast: float = setting(
        3.0,
        "How much it counts in pretraining that a movement is known again in another person's "
        "style, beside poses; 0: not at all, as always in parity.",
        least=0,
    )
    init_from: str = setting(
        "auto",
        "Weights to start from, as far as they fit: mbnb's own encoder or simulated_ma52, or a "
        "file, such as MotionBERT's; auto: the encoder where it is of the network's size; empty: "
        "random weights.",
        path=True,
        words=("auto", *OWN_WEIGHTS),
    )
    freeze: list[str] = setting(
        [], "Beginnings of the names of weights that stay as they are, such as backbone."
    )
    lr_factor: float = setting(
        1.0,
        "What all learning rates are multiplied by; a training whose loss went wrong may go on "
        "with less from its last point.",
        least=0,
        may_change=True,
    )
    resume: bool = setting(
        True,
        "Go on with a training that was interrupted, instead of starting it again.",
        affects="nothing",
    )
    save_minutes: float = setting(
        10.0,
        "Write where a training goes on every so many minutes, too, beside after every epoch; 0: "
        "only then.",
        least=0,
        affects="nothing",
    )


@dataclass
class MachineSettings:
    """The machine: where and how fast it computes"""

    device: str = setting(
        "auto",
        "What computes: cuda, a GPU, or cpu, the processor; auto: a GPU where there is one.",
        choices=("auto", "cpu", "cuda"),
        may_change=True,
    )
    devices: int = setting(
        1,
        "How many GPUs, or processes without one, share the work.",
        least=1,
        may_change=True,
    )
    precision: str = setting(
        "auto",
        "How exactly numbers are kept; bf16 is less exact and faster on GPUs that compute in it.",
        choices=("auto", "float32", "bf16"),
        may_change=True,
    )
    accumulate: int = setting(
        1,
        "Compute each batch in so many parts, one after the other, where the memory does not hold "
        "it; the steps stay the same, and take longer.",
        least=1,
        may_change=True,
    )
    compile: str = setting(
        "auto",
        "Translate the model for the machine first (the modes of torch.compile); auto: on GPUs.",
        choices=("auto", "off", "default", "reduce-overhead", "max-autotune"),
        may_change=True,
    )
    clips_on: str = setting(
        "auto",
        "Where clips are kept: in the memory of the device, or on disk; auto: where they fit.",
        choices=("auto", "device", "disk"),
        affects="nothing",
    )


@dataclass
class EvaluationSettings:
    """Evaluation: what is scored, and what is said of it"""

    checkpoint: str = setting(
        "",
        "Trained model to evaluate: the run's best on people held out, its latest, or a file; "
        "empty: the best, but the latest where the people held out are those who are scored.",
        affects="nothing",
        path=True,
        words=("best", "latest"),
    )
    scored: str = setting(
        "auto",
        "The people who are scored; auto: those of test where their labels are known, else of val.",
        choices=("auto", "test", "val"),
        affects="answers",
    )
    views: int = setting(
        3,
        "How many slightly different cuts of a test clip, and their mirror images, the answer is "
        "the mean of.",
        least=1,
        affects="answers",
    )
    people: list[str] = setting(
        [],
        "What an answer may use of a person's other clips: adapt takes off what they have in "
        "common; quota shares them out, where all people in training showed the same; empty: each "
        "clip is judged by itself.",
        choices=("adapt", "quota"),
        affects="answers",
    )
    reject: float = setting(
        0.0,
        "Say nothing about clips where the model is less sure than this.",
        least=0,
        below=1,
        affects="answers",
    )
    bootstraps: int = setting(
        1000,
        "How often people are drawn anew for the interval around each score.",
        least=1,
        affects="nothing",
    )
    explained: int = setting(
        200,
        "Notebook 05: clips of which it is computed in advance what the model looked at.",
        least=0,
        affects="nothing",
    )
    recipes: str = setting(
        "notebooks/recipes.yaml",
        "Notebook 06: file with the variants of the recipe that are compared.",
        affects="nothing",
        path=True,
    )
    against: str = setting(
        "",
        "Notebook 07: the run to compare with; empty: the linear model on the same clips.",
        affects="nothing",
    )


@dataclass
class Config(  # the groups from the last to the first, since dataclasses join fields in that order
    EvaluationSettings,
    MachineSettings,
    TrainingSettings,
    MeshSettings,
    LiftingSettings,
    AugmentationSettings,
    ClipSettings,
    ModelSettings,
    SimulatedSettings,
    DataSettings,
    RunSettings,
):
    """Every setting. Make one with `Config.of`, which checks names, types and ranges."""

    @classmethod
    def of(cls, *sources: dict[str, Any], saved: dict[str, Any] | None = None) -> "Config":
        """A configuration from dictionaries, the later winning; None leaves a setting alone.

        `saved` is what a file that mbnb wrote holds, maybe an earlier version; it comes first, and
        its settings that are gone are named in one line. Raises InputError that lists every fault.
        """
        given = _still_there(saved or {})
        for source in map(taken_over, sources):
            given |= {k: value for k, value in source.items() if value is not None or k in FOREIGN}
        if "run" not in given and (own := given.get("data_root") or given.get("videos")):
            given["run"] = _own_run(str(own), str(given.get("outputs", "outputs")))
        foreign = {name: given.pop(name) for name in IDLE if name in given}
        values, faults = settings.read(cls, given, GONE)
        faults += foreign_faults(foreign, values)
        only = [name for name in given if name in SETTINGS and SETTINGS[name].recipe]
        if foreign or only:
            values.setdefault("recipe", "parity")
        chosen = values.get("recipe", "default")
        recipe = RECIPES[chosen]
        preset = PRESETS[values.get("preset", recipe.get("preset", SETTINGS["preset"].default))]
        flat = values.get("data_root", "").endswith(".pkl") and chosen != "parity"
        config = cls(**(preset | recipe | (KEYPOINTS if flat else {}) | values))
        faults += [
            f"setting {name!r} belongs to the recipe {SETTINGS[name].recipe!r}, "
            f"but the recipe is {chosen!r}"
            for name in only
            if SETTINGS[name].recipe != chosen and getattr(config, name) != SETTINGS[name].default
        ]
        faults += config._conflicts()
        if faults:
            raise InputError("\n".join(faults))
        return config

    def _conflicts(self) -> list[str]:
        """What is wrong with settings beside each other, or with what no bound can say."""
        wrong = []
        if self.dim_feat % self.num_heads:
            wrong.append(("dim_feat", f"a multiple of num_heads ({self.num_heads})"))
        if self.mlp_ratio * self.dim_feat < 1:
            wrong.append(("mlp_ratio", "at least 1 / dim_feat"))
        if self.moments > self.maxlen:
            wrong.append(("clip_len", f"at most maxlen ({self.maxlen}) times patch ({self.patch})"))
        if self.clip_len < self.patch:
            wrong.append(("clip_len", f"at least patch ({self.patch})"))
        if self.smooth and (self.smooth < 3 or self.smooth % 2 == 0):
            wrong.append(("smooth", "0 or an odd number of frames from 3 on"))
        if self.fold and self.fold >= self.folds:
            wrong.append(("fold", f"below {self.folds}, 1 / val_fraction"))
        if self.simulated_test_people >= self.simulated_people:
            fewer = f"fewer than simulated_people ({self.simulated_people})"
            wrong.append(("simulated_test_people", fewer))
        if len(self.scale_range_train) != 2 or not 0 < min(self.scale_range_train):
            wrong.append(("scale_range_train", "two numbers above 0"))
        is_odd = re.search(r"[\x00-\x1f\x7f<>\\]|[. ]$", self.run)
        is_path = not self.run or self.run == ".." or Path(self.run).name != self.run
        if is_path or is_odd or RESERVED.fullmatch(self.run):
            wrong.append(("run", "the plain name of a folder"))
        return [
            f"setting {name!r}: expected {expected}, found {getattr(self, name)!r}"
            for name, expected in wrong
        ]

    @property
    def folder(self) -> RunFolder:
        """Where everything of this run lies."""
        return RunFolder(ROOT / self.outputs / self.run)

    @property
    def folds(self) -> int:
        """Into how many groups train's people are divided, one to be held out; 0: nobody is."""
        return max(2, round(1 / self.val_fraction)) if self.val_fraction else 0

    @property
    def parity(self) -> bool:
        """Whether clips are prepared and trained on as the original code does it."""
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


SETTINGS = settings.declared(Config)
PAGE = """# All settings

This page is generated from the declarations in `mbnb/config.py`; after a change there, write it
anew with `python -m mbnb settings --page > mbnb/SETTINGS.md`.

A setting is given on the command line (`-p epochs 5`), in a YAML file (`-f mine.yaml` with lines
such as `epochs: 5`), in a notebook's cell of parameters (`epochs = 5`), or in Python
(`Config.of({"epochs": 5})`). `python -m mbnb settings WORD` finds those that have to do with WORD.
Values come from the defaults, the preset, the recipe, files and single parameters, the later
winning. Relative paths on a command line start at the current folder, others at the checkout.

The last column says what depends on a setting. *Weights*: a training with another value is another
training, so it needs another `run` or starts afresh (`resume: false`), unless the column says that
the value may change. *Answers*: the same trained model answers otherwise. *Nothing*: neither; which
model a `checkpoint` holds is told by its fingerprint.
"""


def _own_run(folder: str, outputs: str) -> str:
    """The run for a folder of one's own data or videos; never that of the demonstration.

    What a run has made, such as its converted videos, goes on in that run.
    """
    path, runs = (ROOT / folder).resolve(), (ROOT / outputs).resolve()
    own = path.stem if path.suffix == ".pkl" else path.name
    name = path.relative_to(runs).parts[0] if runs in path.parents else own
    demonstration = SETTINGS["run"].default
    return f"my_{name}" if name in ("", demonstration) else name


def _still_there(saved: dict[str, Any]) -> dict[str, Any]:
    """Settings of a file that mbnb wrote, without those that are gone, which are named."""
    if gone := [name for name in saved if name in GONE]:
        settings.say_once(f"settings that are gone and have no effect: {', '.join(gone)}")
    return {name: value for name, value in saved.items() if name not in GONE and value is not None}


def settings_page() -> str:
    """The text of SETTINGS.md."""
    names = dict.fromkeys(name for preset in PRESETS.values() for name in preset)
    lines = [
        "## What the presets say",
        "",
        f"| setting | {' | '.join(PRESETS)} |",
        f"|---|{'---|' * len(PRESETS)}",
        *(
            f"| `{name}` | {' | '.join(settings.shown(p[name]) for p in PRESETS.values())} |"
            for name in names
        ),
        "",
        "## What the recipe parity says",
        "",
        ", ".join(f"`{name}` {settings.shown(v)}" for name, v in RECIPES["parity"].items()),
    ]
    lines += ["", "## Settings of earlier versions that are gone", ""]
    lines += [f"- `{name}`: {replacement}" for name, replacement in GONE.items()]
    return f"{PAGE}\n{settings.as_markdown(SETTINGS.values())}\n\n" + "\n".join(lines) + "\n"


def find_settings(word: str) -> list[settings.Setting]:
    """The settings whose name or help has `word`; the one with the nearest name where none has.

    Raises InputError where there is nothing near, and for a setting that is gone.
    """
    if word in GONE:
        raise InputError(settings.gone(word, GONE))
    if word in RENAMED:
        raise InputError(f"{word}: in the original's files alone; here it is {RENAMED[word]}")
    if word in IDLE:
        raise InputError(f"{word}: has no effect here; {IDLE[word][1]}")
    hits = [one for one in SETTINGS.values() if word.lower() in f"{one.name} {one.help}".lower()]
    if hits:
        return hits
    near = settings.nearest(word, SETTINGS)
    if not near:
        raise InputError(f"no setting has {word!r} in its name or help")
    settings.say_once(f"no setting has {word!r} in its name or help; the nearest is {near!r}")
    return [SETTINGS[near]]


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The settings in a YAML file; names are checked by `Config.of`.

    Raises InputError naming file and line.
    """
    values = yaml_files.read_yaml(path, [one.name for one in SETTINGS.values() if one.kind is str])
    named = "data_root" in values or "model_version" not in values
    if (
        for_lifting(values) or for_meshes(values) or not named
    ):  # several of the original's files have the same data
        values = {"run": Path(path).stem} | values
    return values


def notebook_config(saved: bool = False) -> Config:
    """The configuration that a notebook's parameters give, see `mbnb.parameters`.

    With `saved` the settings that the run was trained with come first, so that a later notebook
    needs the run's name only. Raises InputError for a parameter that is no setting, which papermill
    alone would ignore.
    """
    given = _parameters(sys._getframe(1))
    return saved_config(given) if saved else Config.of(given)


def notebook_parameters() -> dict[str, Any]:
    """What a notebook's cells give, its own and the one that papermill injects; it is printed."""
    return _parameters(sys._getframe(1))


def _parameters(caller: FrameType) -> dict[str, Any]:
    given = parameters_of(caller, SETTINGS, GONE | IDLE | RENAMED)
    listed = ", ".join(f"{name} = {value!r}" for name, value in given.items())
    print(f"parameters: {listed or 'none'}")
    return given


def saved_config(given: dict[str, Any]) -> Config:
    """The settings that the run was trained with, where it was, and `given` over them."""
    config = Config.of(given)
    folder = config.folder
    if not folder.config.exists():
        return config
    return Config.of(given, saved=found_in(folder, read_yaml(folder.config)))


def found_in(folder: RunFolder, saved: dict[str, Any]) -> dict[str, Any]:
    """Settings that were saved with a run, for where it lies now, moved or copied maybe.

    Files of the run, or beside it, are taken from there, too. The paths may be another machine's.
    """
    outputs, run = _plain(saved.get("outputs", RunSettings.outputs)), saved.get("run")
    found = {"outputs": str(folder.path.parent), "run": folder.path.name}
    for one in SETTINGS.values():
        path = _plain(saved.get(one.name) or "")
        if not one.path or one.name == "outputs" or outputs.name not in path.parts:
            continue
        below = list(path.parts[len(path.parts) - path.parts[::-1].index(outputs.name) :])
        if own := below[:1] == [run]:
            below[0] = folder.path.name
        here = folder.path.parent.joinpath(*below)
        if here.exists() and (own or not (ROOT / saved[one.name]).exists()):
            found[one.name] = str(here)
    return saved | found


def _plain(path: object) -> PurePath:
    """A path as it was written, on Windows or elsewhere."""
    text = str(path)
    return PureWindowsPath(text) if re.match(r"[A-Za-z]:|.*\\", text) else PurePosixPath(text)

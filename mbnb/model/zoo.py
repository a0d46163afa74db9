"""Networks by name: those that come with mbnb, those MotionBERT's authors give out, and any file.

Nothing is downloaded, and nothing needs a GPU. `mbnb/ZOO.md` says what loads into what.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from mbnb import settings as of_users
from mbnb.classes import ClassTable
from mbnb.config import OWN_WEIGHTS, PRESETS, Config
from mbnb.files import ROOT, TABLES, InputError, read_table
from mbnb.model.action import ActionNet
from mbnb.model.checkpoints import (
    KINDS,
    PRESET_SIZES,
    SIZES,
    build_backbone,
    carried_by,
    foreign_config,
    kind_of,
    load_pose_net,
    load_trained,
    load_weights,
    sizes_of,
    weights_of,
)
from mbnb.model.dstformer import DSTformer
from mbnb.model.pose import PoseNet
from mbnb.model.shipped import find_weights
from mbnb.model.weight_files import read_checkpoint
from mbnb.model.whole import WholeAction, WholeEncoder
from mbnb.prepare import views_of
from mbnb.prepare.equal import DefaultSight, ParitySight
from mbnb.prepare.parity import with_empty_person
from mbnb.skeleton import Skeleton, load_skeleton

HOME = "https://github.com/Walter0807/MotionBERT"
FORK = "the fork of MotionBERT that trains on MA-52 (the page of its train_action_custom.py)"
AT_ONCE = 64  # clips that go through a network together
Array = TypeVar("Array", Tensor, np.ndarray)


@dataclass(frozen=True)
class Official:
    """A file of MotionBERT's authors, or of the document's: what it is, and where it is had.

    A row of `tables/official.csv`. `kind` is one of `checkpoints.KINDS`; `place` is where the
    original's commands expect it; `had` is its row in their table "Model Zoo", or the page that
    links to it, or empty where they name a configuration but, as far as is known, no file.
    """

    kind: str
    preset: str
    classes: int
    place: str
    had: str

    @property
    def source(self) -> str:
        """Where the file is had, in words."""
        if not self.had:
            return f"no page that is known gives it out: train it, or ask at {HOME}"
        if self.had.startswith("docs/"):
            return f"it is linked in {HOME}/blob/main/{self.had}"
        page = FORK if self.classes == 52 else HOME
        return f'it is linked in the row "{self.had}" of the table "Model Zoo" of {page}'

    def faults(self, kind: str, weights: dict[str, Tensor]) -> list[str]:
        """What in a file differs from this one, each with what was expected."""
        if kind != self.kind:
            return [f"expected {KINDS[self.kind]}, found {KINDS[kind]}"]
        wanted = {name: PRESETS[self.preset][name] for name in PRESET_SIZES}
        wanted |= {"maxlen": 243, "att_fuse": True, "dim_in": 3, "joints": 17}
        try:
            found = sizes_of(weights)
        except (KeyError, ValueError) as error:
            return [f"expected a whole network, found parts of one ({error})"]
        faults = [
            f"{SIZES[name]}: expected {value:g}, found {found[name]:g}"
            for name, value in wanted.items()
            if found[name] != value
        ]
        classes = len(weights["head.fc2.weight"]) if kind == "actions" else 0
        if classes != self.classes:
            faults.append(f"classes: expected {self.classes}, found {classes}")
        return faults


def official() -> dict[str, Official]:
    """All files of `tables/official.csv`, by name."""
    rows = read_table(TABLES / "official.csv", ("name", "kind", "preset", "classes", "place"))
    return {
        row["name"]: Official(
            row["kind"], row["preset"], int(row["classes"]), row["place"], row["had"]
        )
        for _, row in rows
    }


@dataclass(frozen=True)
class Model:
    """A network that was loaded, with what it takes to use it.

    `encoder` and, where classes are told, `answerer` are the network with its preparation. Where
    there is one (a `sight`), skeletons come in: in any unit, x to the right, y down, z away. Else
    comes what the network sees: x and y of joints in a picture, from -1 to 1, and their confidence.
    """

    name: str
    path: Path
    kind: str
    network: ActionNet | PoseNet | DSTformer
    config: Config
    skeleton: Skeleton
    classes: ClassTable | None
    encoder: WholeEncoder
    answerer: WholeAction | None = None

    @property
    def backbone(self) -> DSTformer:
        """The DSTformer itself."""
        return self.network if isinstance(self.network, DSTformer) else self.network.backbone

    def get_representation(self, x: Array, fps: float | None = None) -> Array:
        """Clips (B, F, J, 3) -> (B, F, J, dim_rep); one clip (F, J, 3) -> (F, J, dim_rep).

        `fps` are the frames a second of skeletons. Arrays give arrays, tensors give tensors with
        their gradients. Raises InputError.
        """
        return self._answer(self.encoder, x, fps)["representation"]

    def pose(self, x: Array, fps: float | None = None) -> Array:
        """Clips (B, F, J, 3) -> the poses that an encoder or a lifter tells, (B, F, J, 3)."""
        return self._answer(self.encoder, x, fps, "pose")["pose"]

    def predict(self, x: Array, fps: float | None = None) -> Array:
        """Clips (B, F, J, 3) -> probabilities (B, C), in the order of `classes`; one clip (C,).

        Without a preparation also clips of several people, (B, M, F, J, 3). Raises InputError.
        """
        return self._answer(self.answerer, x, fps, "probabilities")["probabilities"]

    def features(self, x: Array, fps: float | None = None) -> Array:
        """Clips (B, F, J, 3) -> what answers are made of, (B, hidden_dim); else as `predict`.

        Of a one-shot model unit vectors, which are alike where actions are.
        """
        return self._answer(self.answerer, x, fps, "features")["features"]

    def _answer(
        self,
        whole: WholeAction | WholeEncoder | None,
        x: Array,
        fps: float | None,
        wanted: str = "representation",
    ) -> dict[str, Array]:
        """The outputs of `whole` by name, for clips that are checked and taken some at a time."""
        if not whole or wanted not in whole.outputs:
            raise InputError(f"{self.name}: has no {wanted}, since it is {KINDS[self.kind]}")
        if fps is not None and not 0 < fps < np.inf:
            raise InputError(f"fps: expected frames a second, above 0, found {fps}")
        given = torch.as_tensor(x)
        clips = self._checked(whole, given).to(next(self.network.parameters()))
        rate = torch.tensor(float(fps or self.config.fps))
        with torch.set_grad_enabled(isinstance(x, Tensor) and torch.is_grad_enabled()):
            parts = [whole(part, rate) for part in clips.split(AT_ONCE)]
        outputs = [torch.cat(some) for some in zip(*parts)]
        outputs = [output[0] for output in outputs] if given.ndim == 3 else outputs
        outputs = outputs if isinstance(x, Tensor) else [output.cpu().numpy() for output in outputs]
        return dict(zip(whole.outputs, outputs))

    def _checked(self, whole: WholeAction | WholeEncoder, given: Tensor) -> Tensor:
        """What `whole` takes, (B, F, J, C) or (B, M, F, J, C). Raises InputError."""
        of_people = isinstance(whole, WholeAction) and not whole.sight
        clips = given[None] if given.ndim == 3 else given
        joints, channels = len(self.skeleton), 3 if whole.sight else self.backbone.dim_in
        usable = clips.ndim == 4 or (clips.ndim == 5 and of_people)
        if not usable or clips.shape[-2:] != (joints, channels) or not clips.numel():
            raise InputError(
                f"{self.name}: expected (clips, frames, {joints}, {channels}) or one clip "
                f"(frames, {joints}, {channels}), found {tuple(given.shape)}"
            )
        if not whole.sight and clips.shape[-3] > self.backbone.maxlen:
            raise InputError(
                f"{self.name}: expected at most {self.backbone.maxlen} frames, found "
                f"{clips.shape[-3]}; cut longer clips into windows"
            )
        if not clips.isfinite().all():
            raise InputError(f"{self.name}: expected finite numbers, found NaN or infinity")
        # Such models have learned beside an empty second person.
        return with_empty_person(clips) if of_people and clips.ndim == 4 else clips


def load(name: str, file: str | Path | None = None, **settings: Any) -> Model:
    """A network that comes with mbnb, one of `official`, or the one in any file.

    `name` is the name, or the file's path. `file` is where an official file lies; without it, it is
    looked for where the original has it. `settings` say what a file does not carry, such as
    num_heads or recipe, and how it is used: fps, views, without_depth. Raises InputError that says
    where a file is had, and names a file of another kind for what it is.
    """
    path = find(str(name), file)
    content = read_checkpoint(path)
    kind, weights = kind_of(content, path), weights_of(content, path)
    known = official()
    if name in known and (faults := known[name].faults(kind, weights)):
        fitting = [other for other, one in known.items() if not one.faults(kind, weights)]
        faults = [f"{path}: not {name}: {fault}" for fault in faults]
        raise InputError(
            "\n".join(faults) + f"\nit can be loaded as {' or '.join(fitting)}" * bool(fitting)
        )
    carried = carried_by(content)
    wished = Config.of(settings, saved=carried) if carried else _foreign(weights, settings)
    classes, temperature, config = None, 1.0, wished
    if kind == "actions":
        trained = load_trained(path, wished)
        network, classes, temperature = trained.model, trained.classes, trained.temperature
        config = dataclasses.replace(trained.config, views=wished.views, fps=wished.fps)
    elif kind == "poses":
        network, config = load_pose_net(path, wished)
    else:
        config = foreign_config(path, content, wished)
        network = _headless(path, kind, weights, config)
    prepared = bool(carried) or "recipe" in settings or name == "MB_train_custom"
    skeleton = load_skeleton(config.skeleton)
    backbone = network if isinstance(network, DSTformer) else network.backbone
    sight = None
    if prepared and not config.parity:
        lifting = kind == "poses" and config.without_depth
        sight = DefaultSight(config, skeleton, [{}], lifting)
    encoder = WholeEncoder(sight, network if kind == "poses" else backbone, config.patch).eval()
    answerer = None
    if isinstance(network, ActionNet):
        views = views_of(config, classes, config.views) if classes else [{}]
        if prepared:
            parity = config.parity
            sight = (
                ParitySight(config, skeleton) if parity else DefaultSight(config, skeleton, views)
            )
        answerer = WholeAction(sight, network, classes, views, temperature).eval()
    return Model(name, path, kind, network, config, skeleton, classes, encoder, answerer)


def find(name: str, file: str | Path | None = None) -> Path:
    """The file that `load` takes. Raises InputError that says where it is had."""
    if file is not None:
        return Path(file)
    if name in OWN_WEIGHTS:
        return find_weights(name)
    known = official()
    if name not in known:
        for path in (Path(name), ROOT / name):
            if path.exists():
                return path
        guess = of_users.nearest(name, (*OWN_WEIGHTS, *known), 0.6)
        raise InputError(
            f"{name}: no such file, and no network is called so"
            + f" (did you mean {guess!r}?)" * bool(guess)
            + f"; there are {', '.join((*OWN_WEIGHTS, *known))}"
        )
    place = Path(known[name].place)
    for path in (place, ROOT / place):
        if path.exists():
            return path
    raise InputError(
        f"{name}: not in {place}, and it does not come with mbnb: {known[name].source}; lay it "
        f"there, or name it: mbnb.load({name!r}, file=...)"
    )


def _foreign(weights: dict[str, Tensor], settings: dict[str, Any]) -> Config:
    """Settings for a file without any, whose network sees as much of a clip as it can."""
    longest = next(w.shape[1] for name, w in weights.items() if name.endswith("temp_embed"))
    return Config.of({"recipe": "parity", "clip_len": longest, "maxlen": longest}, settings)


def _headless(
    path: Path, kind: str, weights: dict[str, Tensor], config: Config
) -> ActionNet | DSTformer:
    """The network of a file that is neither of poses nor of actions; of meshes the backbone."""
    joints = sizes_of(weights)["joints"]
    network = build_backbone(config, joints)
    if kind == "one-shot":
        hidden_dim = len(weights["head.fc1.weight"])
        sizes = dict(dim_rep=config.dim_rep, hidden_dim=hidden_dim, num_joints=joints)
        network = ActionNet(network, version="embed", **sizes)
    report = load_weights(network, weights)
    spare = ("backbone.head.", "head.") if kind == "one-shot" else ("head.",)
    if [n for n in report.missing if not n.startswith(spare)] or report.mismatched:
        raise InputError(f"{path}: not whole: {report}")
    return network.eval()

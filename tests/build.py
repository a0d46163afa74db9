"""What tests of many rooms build: people, their clips, classes, data sets and tiny models.

The functions are plain, and the same arguments give the same bytes.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy.special import softmax

from mbnb.classes import ClassTable, read_classes
from mbnb.clips import Clips, pack
from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.data.write import write_dataset
from mbnb.skeleton import Skeleton, load_skeleton

H36M = load_skeleton()
DOCUMENT = read_classes("document")
# Four classes that one limb tells, see `moving`.
CLASSES = ClassTable(
    codes=("C1", "C2", "D1", "D2"),
    names=("waving", "pushing", "sweeping", "kicking"),
    regions=("upper limb", "upper limb", "lower limb", "lower limb"),
    mirror=(0, 1, 2, 3),
)

# Settings of a model that is trained in a second, and judged as quickly.
TINY = dict(
    dim_feat=8,
    dim_rep=8,
    depth=1,
    num_heads=2,
    hidden_dim=16,
    clip_len=8,
    batch_size=64,
    epochs=2,
    bootstraps=30,
    explained=10,
    device="cpu",
)
# Settings of simulated people, a fourth of them for val.
SIMULATED = dict(simulated_people=7, simulated_test_people=3, simulated_clips=26)

# Metres; x to the right, y down, z away from a camera that the person faces from two metres.
STANDING = {
    "Pelvis": (0, 0, 2),
    "R_Hip": (-0.1, 0, 2),
    "R_Knee": (-0.1, 0.4, 2),
    "R_Ankle": (-0.1, 0.8, 2),
    "L_Hip": (0.1, 0, 2),
    "L_Knee": (0.1, 0.4, 2),
    "L_Ankle": (0.1, 0.8, 2),
    "Spine1": (0, -0.25, 2),
    "Neck": (0, -0.5, 2),
    "Head": (0, -0.6, 2),
    "Head_top": (0, -0.75, 2),
    "L_Shoulder": (0.18, -0.5, 2),
    "L_Elbow": (0.2, -0.25, 2),
    "L_Wrist": (0.22, 0, 2),
    "R_Shoulder": (-0.18, -0.5, 2),
    "R_Elbow": (-0.2, -0.25, 2),
    "R_Wrist": (-0.22, 0, 2),
}
SEATED = STANDING | {
    "R_Knee": (-0.1, 0.05, 1.6),
    "R_Ankle": (-0.1, 0.45, 1.6),
    "L_Knee": (0.1, 0.05, 1.6),
    "L_Ankle": (0.1, 0.45, 1.6),
    "Head": (0, -0.6, 1.95),
    "L_Wrist": (0.2, -0.2, 1.75),
    "R_Wrist": (-0.2, -0.2, 1.75),
}


def config(**settings) -> Config:
    """The defaults with `TINY` and these settings; a path may be given as one."""
    given = {
        key: str(value) if isinstance(value, Path) else value for key, value in settings.items()
    }
    return Config.of(TINY, given)


def posture(places: dict[str, tuple], skeleton: Skeleton = H36M) -> np.ndarray:
    """(J, 3) joints at these places; those that have none are spread about the trunk."""
    spread = np.random.default_rng(0).normal((0, -0.2, 2), 0.2, (len(skeleton), 3))
    return np.array([places.get(joint, spread[i]) for i, joint in enumerate(skeleton.joints)])


def person(
    seed: int, frames: int | None = None, skeleton: Skeleton = H36M, step: float = 0.001
) -> np.ndarray:
    """(T, J, 3) float32 of somebody who stands and sways; 20 to 39 frames unless they are given.

    step: metres that each joint goes from frame to frame on a random walk of its own.
    """
    rng = np.random.default_rng(seed)
    frames = frames or int(rng.integers(20, 40))
    sway = 0.007 * rng.normal(size=(frames, 1, 3)).cumsum(0)
    walks = step * rng.normal(size=(frames, len(skeleton), 3)).cumsum(0)
    return (posture(STANDING, skeleton) + sway + walks).astype(np.float32)


def moving(
    label: int, seed: int, frames: int | None = None, event: tuple[float, float] = (0.0, 1.0)
) -> np.ndarray:
    """(T, 17, 3) float32 of somebody seated who shows one of `CLASSES` with the left limbs.

    The wrist (0, 1) or the ankle (2, 3) goes to and fro, sideways (0, 2) or forward (1, 3), within
    the share `event` of the clip. The right limbs do any of that all the time.
    """
    rng = np.random.default_rng(seed)
    frames = frames or int(rng.integers(18, 48))
    time = np.linspace(0, 1, frames)
    pose = posture(SEATED) + rng.normal(0, 0.002, (frames, 17, 3))
    for side, kind, (first, last) in (("L", label, event), ("R", rng.integers(4), (0.0, 1.0))):
        course = np.sin(2 * np.pi * 2.5 * time + rng.uniform(0, 6))
        (joint,) = H36M.index(f"{side}_{'Wrist' if kind < 2 else 'Ankle'}")
        pose[:, joint, 0 if kind % 2 == 0 else 2] += (
            0.12 * course * ((first <= time) & (time < last))
        )
    return pose.astype(np.float32)


def clips(
    people: Iterable[str],
    labels: Sequence[int],
    split: str = "train",
    *,
    pose: Callable[[int, int], np.ndarray] | None = None,
    seed: int = 0,
    classes: ClassTable = DOCUMENT,
    name: str = "{code}_{person}_{split}{i}",
    skeleton: Skeleton = H36M,
) -> Clips:
    """A clip of each of `people` for each of `labels`, ids of `classes` or -1 for none.

    Clip i is `pose(label, seed + i)`, `moving` for instance, or a `person` without it. `name` may
    hold {code}, {person}, {split} and {i}.
    """
    pose = pose or (lambda label, seed: person(seed, skeleton=skeleton))
    rows = [(subject, label) for subject in people for label in labels]
    names = [
        name.format(code=classes.codes[max(label, 0)], person=subject, split=split, i=i)
        for i, (subject, label) in enumerate(rows)
    ]
    poses = [pose(label, seed + i) for i, (_, label) in enumerate(rows)]
    subjects = [subject for subject, _ in rows]
    return pack(poses, names, [label for _, label in rows], subjects, joints=len(skeleton))


def splits(**others: Clips) -> dict[str, Clips]:
    """Ten people who show some of `DOCUMENT` in train, val and test; `others` replace a split."""
    return {
        "train": clips("abcdef", [0, 8, 17]),
        "val": clips("gh", [0, 8], "val", seed=100),
        "test": clips("ij", [8, 17], "test", seed=200),
    } | others


def data_set(splits: dict[str, Clips], classes: ClassTable = CLASSES, **values) -> DataSet:
    """A data set in memory, of known people who were recorded unless `values` say otherwise."""
    values = dict(root=Path("people"), notes=(), known_people=True, simulated=False) | values
    return DataSet(splits=splits, classes=classes, skeleton=H36M, **values)


def data_folder(
    root: Path,
    splits: dict[str, Clips],
    classes: ClassTable = DOCUMENT,
    packed: bool = False,
) -> Path:
    """Write a data set in the documented layout and return where it lies."""
    write_dataset(root, splits, classes, packed)
    return root


def guesses(labels: np.ndarray, classes: int, skill: float = 1.0, seed: int = 0) -> np.ndarray:
    """(N, C) probabilities that favour the labels the more, the greater the skill."""
    logits = np.random.default_rng(seed).normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), labels] += skill
    return softmax(logits, axis=1)

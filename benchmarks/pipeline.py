"""From clips to batches and through an epoch: preparing, loading, and training on all of it.

All clips are random walks around one pose: speed does not depend on what they show.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks import plain
from benchmarks.measure import Case
from benchmarks.steps import BATCH, CLASSES, JOINTS, flops_per_clip, our_step, reference_step
from mbnb.classes import read_classes
from mbnb.clips import Clips, pack
from mbnb.config import Config
from mbnb.data import DataSet, load
from mbnb.data.write import write_dataset
from mbnb.files import ROOT, fingerprint
from mbnb.prepare import make_recipe
from mbnb.simulate import simulate
from mbnb.skeleton import load_skeleton

SPAN = (45, 75)  # frames of the clips of an epoch, as MA-52's demonstration clips have
LONGEST = 243  # frames, to which the reference stretches every clip
WALKS = 200  # different clips; more are the same again


def random_clips(count: int, span: tuple[int, int] = SPAN) -> Clips:
    """Clips of `span` frames, from its first to its last value, of ten people who tremble."""
    rng = np.random.default_rng(0)
    pose = simulate(people=2, test_people=1, clips_per_person=1)["train"][0][0]  # (J, 3)
    walks = []
    for length in rng.integers(span[0], span[1] + 1, min(count, WALKS)):
        walks.append((pose + rng.normal(0, 0.002, (length, JOINTS, 3)).cumsum(0)).astype("f4"))
    return pack(
        [walks[i % len(walks)] for i in range(count)],
        [f"clip{i:06d}" for i in range(count)],
        np.arange(count) % CLASSES,
        [f"person{i % 10}" for i in range(count)],
    )


def data_set(count: int, span: tuple[int, int] = SPAN) -> DataSet:
    """`random_clips` to train on, and nobody held out."""
    splits = {"train": random_clips(count, span)}
    classes, skeleton = read_classes("document"), load_skeleton()
    return DataSet(ROOT, splits, classes, skeleton, (), known_people=True, simulated=True)


def input_pipeline(frames: int, count: int, device: torch.device) -> Case:
    """Clips prepared before, augmented once, in batches.

    With 0 frames they are near their own length, the reference's at `LONGEST`.
    """
    clips = random_clips(count)
    config = Config.of({"preset": "ma52", **({"rate": 0.0, "clip_len": frames} if frames else {})})
    classes = read_classes("document")
    recipe = make_recipe(clips, config, load_skeleton(), classes, device, training=True)
    reference = plain.PlainDataSet(list(clips), frames or LONGEST, np.random.default_rng(0))
    batches = torch.randperm(count).split(BATCH)
    return Case(
        "input pipeline",
        "",
        frames,
        count,
        lambda: [None for _ in recipe.training_batches(batches)],
        lambda: [reference.training_batch(index.tolist()).to(device) for index in batches],
    )


def loading(count: int) -> Case:
    """A data set on disk that was read before, against one file after another."""
    clips = random_clips(count)
    root = Path(tempfile.mkdtemp())
    write_dataset(root, {"train": clips}, read_classes("document"))
    config = Config.of({"data_root": str(root), "val_fraction": 0.0})

    def reference() -> None:
        poses = [np.load(root / "train" / name / "pose_3d.npy") for name in clips.names]
        plain.PlainDataSet(poses, LONGEST, np.random.default_rng(0))

    def ours() -> None:
        data = load(config)
        device = torch.device("cpu")
        train = data.splits["train"]
        make_recipe(train, config, data.skeleton, data.classes, device, training=True)

    def clean() -> None:
        for folder in (root, *ROOT.glob(f"data/cache/{fingerprint(str(root).encode())}-*")):
            shutil.rmtree(folder)

    return Case("loading", "", 0, count, ours, reference, clean=clean)


def epoch(settings: Config, count: int, device: torch.device) -> Case:
    """Clips of `SPAN` frames, augmented and trained on.

    Ours as the settings' recipe has it, by the reference at `LONGEST` frames.
    """
    clips = random_clips(count)
    classes = read_classes("document")
    recipe = make_recipe(clips, settings, load_skeleton(), classes, device, training=True)
    data = plain.PlainDataSet(list(clips), LONGEST, np.random.default_rng(0))
    labels = torch.as_tensor(clips.labels, device=device)
    our, their = our_step(settings, device), reference_step(settings, device)

    def ours() -> None:
        for parts, y in recipe.training_batches(torch.randperm(count).split(BATCH)):
            our(parts, y)

    def reference() -> None:
        for index in torch.randperm(count).split(BATCH):
            their(data.training_batch(index.tolist()).to(device), labels[index.to(device)])

    frames = round(recipe.frames_of.double().mean().item() / settings.patch)
    flops = 3 * count * flops_per_clip(settings, frames)
    return Case("epoch", settings.preset, 0, count, ours, reference, flops)

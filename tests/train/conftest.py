"""People, settings and looks into a run, which the tests of training share."""

import build
import pytest
from build import CLASSES, TINY

from mbnb.model.checkpoints import read_checkpoint

SMALL = TINY | dict(patch=1, batch_size=8, epochs=3, lr_backbone=5e-3, lr_head=5e-3, seed=3)
CLOCKED = ["clips_per_second", "seconds"]  # columns of the history that differ from run to run


def people(names, labels, split="train", seed=0, pose=build.moving):
    """Clips of people who move a wrist (0) or an ankle (2), unless `pose` says otherwise."""
    return build.clips(names, labels, split, pose=pose, seed=seed, classes=CLASSES)


@pytest.fixture(scope="module")
def data():
    """Two classes; 25 clips of five people in train, 12 of two people each in val and test."""
    splits = {
        "train": people("abcde", [0, 2, 0, 2, 0]),
        "val": people("fg", [0, 2] * 3, "val", 100),
        "test": people("hi", [0, 2] * 3, "test", 200),
    }
    return build.data_set(splits)


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    """The data in the documented layout, which several processes read by themselves."""
    return build.data_folder(tmp_path_factory.mktemp("layout") / "data", data.splits, CLASSES)


def config(outputs, **changes):
    """Settings of a small training whose run lies in `outputs`."""
    return build.config(**SMALL | {"outputs": outputs} | changes)


def weights(settings, name="latest"):
    """The weights in a checkpoint of a run."""
    return read_checkpoint(getattr(settings.folder, name))["model"]


def pull_the_plug(history):
    """Break a training off after its second epoch."""
    if len(history) == 2:
        raise KeyboardInterrupt

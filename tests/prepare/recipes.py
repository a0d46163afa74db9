"""Clips, recipes and batches that the tests of this room share."""

import torch
from build import H36M, clips

from mbnb.classes import ClassTable
from mbnb.config import Config
from mbnb.prepare import make_recipe
from mbnb.skeleton import load_skeleton

CPU = torch.device("cpu")
SIDES = ClassTable(
    ("C1", "C2", "B1"),
    ("waving left", "waving right", "nodding"),
    ("upper limb", "upper limb", "head"),
    mirror=(1, 0, 2),
)
NO_SIDES = ClassTable(SIDES.codes, SIDES.names, SIDES.regions)
STILL = dict(rotate=0.0, stretch=0.0, noise=0.0, flip=False)
ALL = torch.arange(6)


def some_clips(people="ab", skeleton=H36M):
    """A clip of each class of each person, who sways."""
    return clips(people, [0, 1, 2], classes=SIDES, skeleton=skeleton)


def recipe(clips=None, classes=SIDES, training=False, **settings):
    """A recipe for clips of one length, frame by frame, unless settings say otherwise."""
    usual = {"rate": 0.0}
    if settings.get("recipe") != "parity":
        usual |= {"patch": 1, "streams": ["joint", "joint_motion"]}
    config = Config.of(usual, settings)
    clips, skeleton = clips or some_clips(), load_skeleton(config.skeleton)
    return make_recipe(clips, config, skeleton, classes, CPU, training)


def training_batch(recipe, index, seed=0):
    """The clips of all parts of one training batch, and their labels."""
    torch.manual_seed(seed)
    ((parts, labels),) = recipe.training_batches([index])
    return torch.cat(parts), labels


def test_batch(recipe, index):
    """The clips of all parts of one batch of evaluation."""
    (parts,) = recipe.test_batches([index])
    return torch.cat(parts)


test_batch.__test__ = False

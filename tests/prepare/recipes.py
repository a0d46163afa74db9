"""Clips, recipes and batches that the tests of this room share."""

import numpy as np
import torch

from mbnb.classes import ClassTable
from mbnb.clips import pack
from mbnb.config import Config
from mbnb.prepare import make_recipe
from mbnb.skeleton import load_skeleton

CPU = torch.device("cpu")
SKELETON = load_skeleton()
SIDES = ClassTable(
    ("C1", "C2", "B1"),
    ("waving left", "waving right", "nodding"),
    ("upper limb", "upper limb", "head"),
    mirror=(1, 0, 2),
)
NO_SIDES = ClassTable(SIDES.codes, SIDES.names, SIDES.regions)
STILL = dict(rotate=0.0, stretch=0.0, noise=0.0, flip=False)
ALL = torch.arange(6)


def person(seed, frames, skeleton=SKELETON):
    """(frames, J, 3) of a body that faces the camera and sways."""
    rng = np.random.default_rng(seed)
    base = rng.normal(0, 0.2, (len(skeleton), 3))
    for joint, place in {
        "Pelvis": (0, 0, 2),
        "Neck": (0, -0.5, 2),
        "L_Hip": (0.1, 0, 2),
        "R_Hip": (-0.1, 0, 2),
        "L_Shoulder": (0.2, -0.5, 2),
        "R_Shoulder": (-0.2, -0.5, 2),
    }.items():
        base[skeleton.index(joint)] = place
    return (base + 0.02 * rng.normal(size=(frames, len(skeleton), 3)).cumsum(0) / 3).astype(
        np.float32
    )


def some_clips(count=6, skeleton=SKELETON, frames=(20, 50)):
    poses = [
        person(i, int(np.random.default_rng(i).integers(*frames)), skeleton) for i in range(count)
    ]
    return pack(
        poses,
        [f"c{i}" for i in range(count)],
        np.arange(count) % 3,
        [f"p{i}" for i in range(count)],
        len(skeleton),
    )


def recipe(clips=None, classes=SIDES, training=False, **settings):
    # Clips of one length, frame by frame, unless a test says otherwise.
    config = Config.of(
        {"rate": 0.0}
        | (
            {}
            if settings.get("recipe") == "parity"
            else {"patch": 1, "streams": ["joint", "joint_motion"]}
        ),
        settings,
    )
    return make_recipe(
        clips or some_clips(), config, load_skeleton(config.skeleton), classes, CPU, training
    )


def training_batch(made, index, seed=0):
    torch.manual_seed(seed)
    ((parts, labels),) = made.training_batches([index])
    return torch.cat(parts), labels


def test_batch(made, index):
    (parts,) = made.test_batches([index])
    return torch.cat(parts)


test_batch.__test__ = False

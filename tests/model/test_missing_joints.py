"""Joints that a data set lacks count for nothing, and nothing depends on what stands there."""

import dataclasses

import numpy as np
import pytest
import torch
from build import CLASSES, H36M, clips, config, data_set, moving

from mbnb.clips import pack
from mbnb.data.missing import complete
from mbnb.explain.attribution import explain
from mbnb.model.checkpoints import build_model, load_trained
from mbnb.model.predict import Network
from mbnb.prepare import make_recipe
from mbnb.prepare.recipe import known_joints
from mbnb.train import train

CPU = torch.device("cpu")
LEGS = H36M.index("L_Knee", "R_Knee", "L_Ankle", "R_Ankle")
HALF = np.arange(16) % 2 == 0


def without(whole, joints, which=None, frames=slice(None)):
    """The same clips, `which` (N,) of them without these joints, as they are read."""
    poses = [pose.copy() for pose in whole]
    for i, pose in enumerate(poses):
        if which is None or which[i]:
            pose[frames, joints] = np.nan
    bodies = [complete(pose, H36M) for pose in poses]
    seen = [body.seen for body in bodies]
    poses = [body.pose for body in bodies]
    return pack(poses, whole.names, whole.labels, whole.subjects, seen=seen)


WHOLE = clips("abcd", [0, 1, 2, 3], pose=moving, classes=CLASSES)
LEGLESS = without(WHOLE, LEGS, HALF)


def network(masks, version="class", **settings):
    about = config(recipe="default", **settings)
    torch.manual_seed(0)
    model = build_model(about, len(CLASSES), 17, version=version).eval()
    for parameter in model.parameters():  # fresh ones hardly tell clips apart
        parameter.data += 0.3 * torch.randn_like(parameter)
    model.head.expect_missing()
    model.head.usual.normal_()
    model.masks = masks
    return model, about


def answers(model, about, some, mask):
    recipe = make_recipe(some, about, H36M, CLASSES, CPU, mask=mask)
    order = torch.arange(len(some))
    parts = next(recipe.test_batches([recipe.frames_of.argsort(stable=True)]))
    assert sum(map(len, parts)) == len(order)
    with torch.no_grad():
        return model(parts), parts


@pytest.mark.parametrize("version", ["class", "discriminant"])
def test_where_nothing_is_missing_not_a_bit_changes(version):
    model, about = network(True, version)
    masked, parts = answers(model, about, WHOLE, mask=True)
    model.masks, model.head.usual = False, None
    plain, as_before = answers(model, about, WHOLE, mask=False)
    assert all(torch.equal(a, b) for a, b in zip(parts, as_before))
    assert torch.equal(masked, plain)


@pytest.mark.parametrize("version", ["class", "discriminant"])
@pytest.mark.parametrize("streams", [["joint", "joint_motion"], ["joint"]])
def test_nothing_depends_on_where_a_missing_joint_was_put(version, streams):
    model, about = network(True, version, streams=streams)
    # Joints of which no other joint's numbers are made, and that do not tell the size of bodies.
    ends = H36M.index("L_Ankle", "R_Wrist")
    gone = without(WHOLE, ends)
    other = [pose.copy() for pose in gone]
    for pose in other:
        pose[:, ends] += np.float32([0.05, -0.1, 0.02])
    moved = dataclasses.replace(gone, frames=np.concatenate(other))
    one, parts = answers(model, about, gone, mask=True)
    two, _ = answers(model, about, moved, mask=True)
    assert torch.equal(parts[0][..., ends, :].isnan(), torch.ones_like(parts[0][..., ends, :]) > 0)
    torch.testing.assert_close(one, two, atol=2e-5, rtol=1e-4)
    filled = [answers(model, about, some, mask=False)[0] for some in (gone, moved)]
    assert (filled[0] - filled[1]).abs().max() > 1e-2


def test_a_joint_is_known_that_was_seen_in_a_fair_part_of_a_clip():
    assert known_joints(WHOLE) is None
    gone = known_joints(LEGLESS)
    np.testing.assert_array_equal(gone[HALF][:, LEGS], False)
    assert gone[~HALF].all() and np.delete(gone, LEGS, axis=1).all()
    assert known_joints(without(WHOLE, LEGS, frames=slice(0, 6))) is None
    # Where little of the whole body is seen, what is seen most is known.
    assert known_joints(without(WHOLE, slice(None), frames=slice(2, None))) is None


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_mirror_exchanges_what_is_missing(mirrored):
    arm = H36M.index("L_Elbow", "L_Wrist")
    recipe = make_recipe(without(WHOLE, arm), config(), H36M, CLASSES, CPU, mask=True)
    (part,) = {part for part in next(recipe.test_batches([torch.arange(1)], mirrored=mirrored))}
    gone = part[0, 0, 0].isnan().all(-1).nonzero()[:, 0].tolist()
    assert gone == [H36M.mirror[joint] for joint in arm] if mirrored else gone == arm


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model that learned from clips half of which lack legs, and its data."""
    data = data_set({"train": LEGLESS, "val": without(WHOLE, LEGS)})
    about = config(outputs=tmp_path_factory.mktemp("out"), run="missing", init_from="")
    history = train(about, data)
    assert np.isfinite(history.filter(like="loss").to_numpy()).all()
    return load_trained(about.folder.latest, about), data, about


def test_a_training_on_clips_that_lack_joints_learns_what_is_usual(trained):
    model = trained[0].model
    assert model.masks and model.head.usual.abs().min() > 0
    said = Network(trained[0], H36M, CLASSES, trained[2]).answer(LEGLESS)
    np.testing.assert_allclose(said.sum(1), 1, atol=1e-5)


def test_a_model_that_never_heard_of_missing_joints_sees_them_filled_in(trained):
    model, about = network(False)
    old = dataclasses.replace(trained[0], model=model, config=about)
    unaware = dataclasses.replace(LEGLESS, seen=None)
    both = [Network(old, H36M, CLASSES, about).answer(some) for some in (LEGLESS, unaware)]
    np.testing.assert_array_equal(*both)


def test_what_is_missing_speaks_for_nothing(trained):
    importance = explain(trained[0], LEGLESS, H36M, CLASSES, trained[2], steps=2)
    assert np.isfinite(importance.joints).all() and np.isfinite(importance.parts).all()
    np.testing.assert_array_equal(importance.joints[HALF][:, LEGS], 0)
    assert importance.joints[~HALF][:, LEGS].any()

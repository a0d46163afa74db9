"""Losses of poses: the original's numbers and gradients, and what they must bear."""

from functools import partial

import numpy as np
import pytest
import torch

from mbnb.train import pose_losses

LOSSES = {
    "mpjpe": pose_losses.position_loss,
    "joint_l1": pose_losses.joint_l1_loss,
    "n_mpjpe": pose_losses.scale_free_loss,
    "velocity": pose_losses.velocity_loss,
    "limb_gt": pose_losses.limb_length_loss,
    "angle": pose_losses.angle_loss,
    "angle_velocity": pose_losses.angle_velocity_loss,
}


@pytest.fixture(scope="module")
def golden(shared):
    path = shared / "golden" / "motionbert" / "losses.npz"
    with np.load(path, allow_pickle=False) as file:
        return {name: torch.tensor(file[name]) for name in file.files}


def check(loss, pose, golden, name):
    """The loss of `pose` and its gradient against the original's, in double precision."""
    pose = pose.double().requires_grad_()
    value = loss(pose)
    torch.testing.assert_close(value, golden[f"{name}_f64"], atol=1e-9, rtol=0)
    (gradient,) = torch.autograd.grad(value, pose)
    torch.testing.assert_close(gradient, golden[f"{name}_grad"], atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_equal_the_originals(name, golden):
    check(partial(LOSSES[name], true=golden["gt"].double()), golden["pred"], golden, name)


def test_losses_without_truth_or_with_confidence_equal_the_originals(golden):
    check(pose_losses.limb_variance_loss, golden["pred"], golden, "limb_var")
    true, confidence = golden["gt"].double(), golden["conf"].double()[..., 0]
    weighted = partial(pose_losses.weighted_2d_loss, true=true, weight=confidence)
    check(weighted, golden["pred"], golden, "weighted_2d")
    weighted = partial(pose_losses.weighted_position_loss, true=true, weight=golden["w"].double())
    check(weighted, golden["pred"], golden, "weighted_mpjpe")


@pytest.mark.parametrize("name", ["pretrain", "all"])
def test_all_losses_together_equal_the_originals(name, golden):
    weights = dict(zip(pose_losses.WEIGHTS, golden[f"lam_{name}"].tolist()))
    true = golden["gt"].double()
    total = partial(pose_losses.total_loss, true=true, weights=weights)
    check(total, golden["pred"], golden, f"total_{name}")
    if name == "pretrain":
        assert weights == pose_losses.WEIGHTS
    else:
        equal = total(true)
        torch.testing.assert_close(equal, golden["equal_total_all"], atol=1e-6, rtol=0)


def test_limbs_and_angles_equal_the_originals(golden):
    pose = golden["pred"].double()
    torch.testing.assert_close(pose_losses.limb_lengths(pose), golden["limb_lens"])
    torch.testing.assert_close(pose_losses.limb_angles(pose), golden["angles"])


def test_one_frame_has_no_motion_and_a_frame_of_zeros_no_infinite_loss():
    pose = torch.randn(2, 1, 17, 3)
    assert pose_losses.velocity_loss(pose, pose + 1) == 0
    assert pose_losses.angle_velocity_loss(pose, pose.flip(2)) == 0
    assert pose_losses.limb_variance_loss(pose) == 0
    zeros = torch.zeros(1, 4, 17, 3, requires_grad=True)
    loss = pose_losses.scale_free_loss(zeros, torch.randn(1, 4, 17, 3))
    loss.backward()
    assert loss.isfinite() and zeros.grad.isfinite().all()

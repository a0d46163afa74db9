"""Losses of meshes: the original's numbers, and what ours does not see."""

import dataclasses

import numpy as np
import pytest
import torch

from mbnb.bodies import load_body
from mbnb.bodies.rotations import axis_angle_to_matrix
from mbnb.train.mesh_losses import body_loss, parity_loss


@pytest.mark.parametrize("kind", ("L1", "MSE"))
def test_each_part_and_the_gradient_are_the_original_s(kind, shared):
    with np.load(shared / "golden" / "motionbert" / "mesh_losses.npz") as file:
        golden = {name: torch.as_tensor(file[name]) for name in file.files if "eval" not in name}
    given = [golden[name].clone() for name in ("theta", "kp_3d", "gt_theta", "gt_kp_3d")]
    none = (0.0, 0.0, 0.0)
    parts = {
        "3d_pos": ({"mpjpe": 1.0}, none),
        "3d_velocity": ({"velocity": 1.0}, none),
        "pose": ({"mpjpe": 1e-12}, (1.0, 0.0, 0.0)),
        "shape": ({"mpjpe": 1e-12}, (0.0, 1.0, 0.0)),
        "norm": ({"mpjpe": 1e-12}, (0.0, 0.0, 1.0)),
    }
    for name, (weights, shares) in parts.items():
        found = parity_loss(*given, kind, weights, shares)
        assert found.item() == pytest.approx(golden[f"{kind}_loss_{name}"].item(), abs=1e-7), name
    if kind == "MSE":
        predicted = [one.requires_grad_(True) for one in given[:2]]
        loss = parity_loss(*given, kind)
        assert loss.item() == pytest.approx(golden["MSE_total"].item(), abs=1e-6)
        loss.backward()
        for one, name in zip(predicted, ("theta", "kp")):
            expected = golden[f"MSE_total_grad_{name}"]
            torch.testing.assert_close(one.grad, expected, atol=2e-5, rtol=0)


def test_ours_sees_pose_and_proportions_but_not_which_way_nor_how_large():
    body = load_body().skeleton_only()
    torch.manual_seed(0)
    rotations = axis_angle_to_matrix(0.3 * torch.randn(2, 5, len(body), 3))
    shape = torch.zeros(2, 10)
    exact, error = body_loss(rotations, shape, rotations, shape, body)
    assert exact == 0 and error == 0
    turn = axis_angle_to_matrix(torch.tensor([0.0, 2.5, 0.0]))
    turned = torch.cat([turn @ rotations[:, :, :1], rotations[:, :, 1:]], dim=2)
    both, _ = body_loss(turned, shape, turned, shape, body)
    assert both < 1e-5  # facing away costs nothing where it is right
    wrong, error = body_loss(turned, shape, rotations, shape, body)
    assert wrong > 1 and error > 0.3
    of_size = dict(shapes=body.template[None], joint_shapes=body.rest[None])
    other = dataclasses.replace(body, **of_size)
    size = torch.full((2, 1), 0.2)
    grown, error = body_loss(rotations, size, rotations, 0 * size, other)
    assert error < 1e-5 and grown == pytest.approx(0.02 * 0.2, abs=1e-4)  # the number alone

"""Rotations: the original's numbers, and what holds of any rotation."""

import numpy as np
import pytest
import torch

from mbnb.bodies.rotations import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    matrix_to_six,
    mirror_rotations,
    nearest_rotation,
    six_to_matrix,
)


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "motionbert" / "rotations.npz") as file:
        return {name: torch.as_tensor(file[name]) for name in file.files}


def test_six_numbers_become_the_original_s_matrices_and_angles(golden):
    matrix = six_to_matrix(golden["rot6d"])
    torch.testing.assert_close(matrix, golden["matrix"], atol=1e-9, rtol=0)
    quaternion = matrix_to_quaternion(matrix)
    alike = (quaternion * golden["quaternion"]).sum(-1)  # the same rotation has two of them
    torch.testing.assert_close(alike.abs(), torch.ones_like(alike), atol=1e-9, rtol=0)
    torch.testing.assert_close(
        matrix_to_axis_angle(matrix), golden["axis_angle"], atol=1e-6, rtol=0
    )


def test_axes_with_angles_become_exact_matrices_and_come_back(golden):
    matrix = axis_angle_to_matrix(golden["rodrigues_in"])
    torch.testing.assert_close(matrix, golden["rodrigues_exact"], atol=1e-9, rtol=0)
    back = matrix_to_axis_angle(matrix)
    half = (back.norm(dim=-1) - torch.pi).abs() < 1e-6  # where either axis is right
    torch.testing.assert_close(back[~half], golden["back"][~half], atol=1e-6, rtol=0)
    torch.testing.assert_close(axis_angle_to_matrix(back), matrix, atol=1e-6, rtol=0)


def test_gradients_are_the_original_s_and_finite_where_nothing_is_turned(golden):
    vector = golden["rodrigues_grad_in"].requires_grad_(True)
    matrix = axis_angle_to_matrix(vector)
    (torch.arange(90.0, dtype=torch.float64).view_as(matrix) * matrix).sum().backward()
    torch.testing.assert_close(vector.grad, golden["rodrigues_grad"], atol=2e-5, rtol=0)
    six = golden["rot6d"][golden["chain_grad_rows"]].requires_grad_(True)
    angles = matrix_to_axis_angle(six_to_matrix(six))
    (torch.arange(30.0, dtype=torch.float64).view_as(angles) * angles).sum().backward()
    torch.testing.assert_close(six.grad, golden["chain_grad"], atol=1e-5, rtol=1e-5)
    still = matrix_to_six(torch.eye(3)).requires_grad_(True)  # NaN in the original
    matrix_to_axis_angle(six_to_matrix(still)).sum().backward()
    assert still.grad.isfinite().all() and still.grad.any()


def test_a_mirror_turns_rotations_as_the_original_does_and_twice_is_none(golden):
    pairs = {1: 2, 4: 5, 7: 8, 10: 11, 13: 14, 16: 17, 18: 19, 20: 21, 22: 23}
    mirror = torch.tensor(
        [pairs.get(k) or {b: a for a, b in pairs.items()}.get(k, k) for k in range(24)]
    )
    matrix = axis_angle_to_matrix(golden["theta"])
    mirrored = mirror_rotations(matrix, mirror)
    expected = axis_angle_to_matrix(golden["theta_flipped"])
    torch.testing.assert_close(mirrored, expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(mirror_rotations(mirrored, mirror), matrix)


def test_the_mean_of_a_rotation_and_a_further_one_lies_between():
    axis = torch.tensor([0.2, -0.5, 0.1])
    both = [axis_angle_to_matrix(share * axis) for share in (0.5, 1.5)]
    torch.testing.assert_close(matrix_to_axis_angle(nearest_rotation(sum(both) / 2)), axis)

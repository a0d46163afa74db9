"""Errors of poses: the original's numbers, and what an alignment must leave alone."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mbnb.scores import poses


@pytest.fixture
def golden(shared):
    path = shared / "golden" / "motionbert" / "losses.npz"
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if name.startswith("metric")}


def test_errors_equal_the_originals(golden):
    predicted, true = golden["metric_pred"], golden["metric_target"]
    np.testing.assert_allclose(poses.joint_errors(predicted, true), golden["metric_mpjpe"])
    aligned = poses.aligned_errors(predicted, true)
    np.testing.assert_allclose(aligned, golden["metric_p_mpjpe"], atol=1e-9)


def test_a_turned_grown_and_shifted_pose_is_aligned_and_a_mirrored_one_is_not():
    true = np.random.default_rng(0).normal(size=(5, 17, 3))
    turn = Rotation.from_euler("xyz", [0.3, 1.0, -2.0]).as_matrix()
    moved = 1.7 * true @ turn.T + [3.0, -1.0, 2.0]
    np.testing.assert_allclose(poses.aligned(moved, true), true, atol=1e-9)
    assert poses.aligned_errors(true * [-1, 1, 1], true).min() > 0.1
    np.testing.assert_allclose(poses.scaled_errors(3 * true, true), 0, atol=1e-9)
    assert np.isfinite(poses.aligned_errors(np.zeros_like(true), true)).all()


def test_a_shift_of_the_whole_body_is_no_error_of_velocity():
    true = np.random.default_rng(1).normal(size=(6, 17, 3))
    np.testing.assert_allclose(poses.velocity_errors(true + [5, 0, 0], true), 0, atol=1e-12)
    faster = true + np.arange(6)[:, None, None] * [2.0, 0, 0]
    np.testing.assert_allclose(poses.velocity_errors(faster, true), 2.0)

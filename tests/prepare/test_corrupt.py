"""Corruption of 2D joints: with the original's draws its numbers, with ours its distribution."""

import numpy as np
import pytest
import torch

from mbnb.prepare.corrupt import Mask, Noise, confidence, detect, draw_mask, draw_noise, hide


@pytest.fixture(scope="module")
def golden(shared):
    path = shared / "golden" / "motionbert" / "augment.npz"
    with np.load(path, allow_pickle=False) as file:
        return {name: torch.tensor(file[name]) for name in file.files}


@pytest.mark.parametrize("case", ["0", "1"])
def test_noise_and_masks_equal_the_originals(case, golden):
    def drawn(name):
        return golden[f"noise{case}_draw_{name}"]

    noise = Noise(drawn("sel"), drawn("gauss"), drawn("unif"), drawn("delta")[None], drawn("conf"))
    detected = detect(golden[f"noise{case}_in"], noise)
    torch.testing.assert_close(detected, golden[f"noise{case}_out"], atol=1e-5, rtol=0)
    mask = Mask(golden[f"mask{case}_draw_joint"], golden[f"mask{case}_draw_frame"])
    assert torch.equal(hide(golden[f"noise{case}_out"], mask), golden[f"mask{case}_out"])


def test_heavy_masks_and_the_curve_of_confidence_equal_the_originals(golden):
    mask = Mask(golden["mask_heavy_draw_joint"], golden["mask_heavy_draw_frame"])
    hidden = hide(golden["mask_heavy_in"], mask, *golden["mask_heavy_ratios"].tolist())
    assert torch.equal(hidden, golden["mask_heavy_out"])
    torch.testing.assert_close(confidence(golden["d2c_dis"]), golden["d2c_curve"])


def test_a_wrist_errs_more_than_the_pelvis_and_is_believed_less():
    generator = torch.Generator().manual_seed(0)
    places = torch.zeros(400, 60, 17, 2)
    detected = detect(places, draw_noise(400, 60, 17, generator))
    error, belief = detected[..., :2].norm(dim=-1).mean((0, 1)), detected[..., 2].mean((0, 1))
    assert error[13] > 2 * error[0] and belief[13] < belief[0]
    assert 0 <= detected[..., 2].min() and detected[..., 2].max() <= 1


def test_a_twentieth_of_the_joints_and_a_tenth_of_the_frames_are_hidden():
    generator = torch.Generator().manual_seed(0)
    hidden = hide(torch.ones(100, 60, 17, 3), draw_mask(100, 60, 17, generator)) == 0
    frames = hidden.flatten(2).all(2)
    assert frames.float().mean() == pytest.approx(0.1, abs=0.01)
    assert hidden[~frames].float().mean() == pytest.approx(0.05, abs=0.005)
    assert not torch.equal(frames[0], frames[1])
    shared = draw_mask(2, 60, 17, generator, shared=True)
    assert torch.equal(*(hide(torch.ones(2, 60, 17, 3), shared) == 0).flatten(2).all(2))

"""Lifting: windows that cover every frame, pictures alike for all, errors of what is wrong."""

import numpy as np
import pytest
import torch
from build import H36M, clips, config

from mbnb.baselines.lifters import LIFTERS
from mbnb.evaluate.lifting import lift, photograph

SETTINGS = config(patch=4, clip_len=32, streams=["joint"])


def echo(x):
    """A lifter that gives back what it sees, unfolded."""
    x = x.unflatten(-1, (4, 3)).transpose(2, 3)  # (B, F / P, J, P·3) -> (B, F / P, P, J, 3)
    return x.flatten(1, 2)


@pytest.mark.parametrize("frames", [9, 40, 41, 163])
def test_every_frame_is_lifted_and_stays_where_it_was(frames):
    torch.manual_seed(0)
    time = torch.linspace(0, 3, frames)[:, None, None]
    places = torch.randn(1, 17, 2) + 0.1 * torch.sin(time + torch.arange(17.0)[:, None])
    lifted = lift(echo, places, SETTINGS, H36M)
    expected = places - places[:, :1]
    assert lifted.shape == (frames, 17, 3) and (lifted[..., 2] == 0).all()
    # Each window has a scale of its own, so that places agree up to a few hundredths.
    scale = (lifted[..., :2] * expected).sum() / expected.square().sum()
    error = (lifted[..., :2] - scale * expected).norm(dim=-1)
    assert error.mean() < 0.05 * expected.norm(dim=-1).mean()


def test_a_clip_has_one_picture_whoever_asks():
    pose = clips("a", [0], "train")[0]
    first, again, other = (photograph(pose, number, H36M) for number in (3, 3, 4))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.allclose(first[1], other[1], atol=0.1)


@pytest.mark.parametrize("name", LIFTERS)
def test_simple_lifters_learn_a_depth_that_follows_from_the_picture(name):
    torch.manual_seed(0)
    network = LIFTERS[name](17) if name == "linear" else LIFTERS[name](17, width=64)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    x = torch.randn(16, 9, 17, 3)
    x[..., 2] = 0
    true = x.clone()
    true[..., 2] = x[..., 0] - x[..., 1]
    losses = []
    for _ in range(100):
        loss = (network(x) - true).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert network.eval()(x[:2, :5]).shape == (2, 5, 17, 3)
    assert np.isfinite(losses).all()

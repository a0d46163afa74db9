"""Random kernels: what they find, that a file keeps them, and that an exported one has them."""

import numpy as np
import pytest
import torch
from build import CLASSES, H36M, clips, config, moving

import mbnb
from mbnb.config import Config
from mbnb.model.checkpoints import build_model, load_trained, save_checkpoint
from mbnb.model.export import export
from mbnb.model.kernels import MOMENTS, Kernels, stretched
from mbnb.model.predict import Network
from mbnb.prepare.streams import fold


@pytest.fixture(autouse=True)
def few_kernels(monkeypatch):
    monkeypatch.setattr("mbnb.model.kernels.KERNELS", 128)


def test_a_channel_that_is_not_there_counts_as_one_that_is_as_usual():
    x = torch.randn(9, 5, MOMENTS, generator=torch.Generator().manual_seed(0))
    kernels = Kernels.draw(x, np.random.default_rng(0))
    usual, gone = x.clone(), x.clone()
    usual[:, 2], gone[:, 2] = kernels.mean[2], torch.nan
    torch.testing.assert_close(kernels(gone), kernels(usual))
    blind = ~(kernels.filters[:, :, 2] != 0).any(-1).flatten()  # (K,) those that do not see it
    found, before = (kernels(one).unflatten(1, (-1, 4, 64)).transpose(1, 2) for one in (gone, x))
    assert torch.equal(found.flatten(2)[:, :, blind], before.flatten(2)[:, :, blind])
    assert not torch.equal(found, before)


def test_a_count_has_a_slope_for_explanations():
    x = torch.randn(4, 5, MOMENTS, generator=torch.Generator().manual_seed(0))
    kernels, seen = Kernels.draw(x, np.random.default_rng(0)), x.clone().requires_grad_()
    found = kernels(seen)
    torch.testing.assert_close(found, kernels(x))
    (slope,) = torch.autograd.grad(found[:, :64].sum(), seen)  # of the first group's shares
    assert slope.abs().sum() > 0


def test_channels_are_what_joints_show_and_how_far_they_are_apart():
    x = torch.randn(2, MOMENTS, 3, 6, generator=torch.Generator().manual_seed(0))
    pairs = torch.tensor([[0, 2], [1, 3]])  # 3 is the root, from which places are seen
    channels = stretched(fold(x, 4), 6, pairs)
    shown = channels[:, :18].unflatten(1, (3, 6))  # (B, J·c, F) -> (B, J, c, F)
    torch.testing.assert_close(shown, x.permute(0, 2, 3, 1))
    torch.testing.assert_close(channels[:, 18], (x[..., 0, :3] - x[..., 2, :3]).norm(dim=-1))
    torch.testing.assert_close(channels[:, 19], x[..., 1, :3].norm(dim=-1))


def test_files_keep_kernels_and_exported_ones_answer_alike(tmp_path):
    torch.manual_seed(0)
    settings = config(patch=4, clip_len=64, views=1, streams=["joint", "joint_motion"])
    model = build_model(settings, len(CLASSES), 17, version="discriminant").eval()
    pair = torch.tensor([[3, 17]])
    model.head.use(Kernels.draw(torch.randn(9, 103, MOMENTS), np.random.default_rng(0), pair))
    path, shown = tmp_path / "best.pt", clips("ab", [0, 1], pose=moving, classes=CLASSES)
    save_checkpoint(path, model, settings, CLASSES, epoch=1)
    trained = load_trained(path, Config())
    assert all(
        torch.equal(value, trained.model.state_dict()[name])
        for name, value in model.state_dict().items()
    )
    network = Network(trained, H36M, CLASSES, trained.config)
    answers = network.answer(shown)
    trained.model.head.kernels.filters.zero_()
    assert np.abs(network.answer(shown) - answers).max() > 1e-4
    file = tmp_path / "best.pt2"
    assert export(mbnb.load(path), [file])[file] < 1e-4

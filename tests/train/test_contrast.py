"""The contrastive loss and what it is made of: windows seen twice, in two styles."""

import math

import pytest
import torch
from build import H36M, clips, config

from mbnb.prepare.motion import MotionRecipe
from mbnb.prepare.style import restyle
from mbnb.train.contrast import contrast_loss

CPU = torch.device("cpu")


def test_what_shows_the_same_stands_together():
    pairs = torch.eye(4).repeat(2, 1)  # four movements, two looks at each
    same = torch.arange(4).repeat(2)
    assert (
        contrast_loss(pairs, same) < 1e-3 < 5 < contrast_loss(pairs, same[[0, 1, 2, 3, 1, 2, 3, 0]])
    )
    # Where all look alike, one of the seven others is as likely as another.
    assert contrast_loss(torch.ones(8, 1), same).item() == pytest.approx(math.log(7), abs=1e-5)


def test_several_of_a_kind_and_lonely_ones():
    vectors = torch.nn.functional.normalize(torch.randn(6, 5), dim=1).requires_grad_()
    same = torch.tensor([0, 0, 0, 1, 1, 2])
    loss = contrast_loss(vectors, same)
    likeness = (vectors @ vectors.T / 0.1).fill_diagonal_(-torch.inf).softmax(1)
    terms = [
        -sum(likeness[i, j].log() for j in kin if j != i) / (len(kin) - 1)
        for kin in ([0, 1, 2], [3, 4])
        for i in kin
    ]
    torch.testing.assert_close(loss, torch.stack(terms).mean())
    loss.backward()
    assert vectors.grad.isfinite().all()


def test_another_style_is_the_same_movement_at_the_same_end():
    torch.manual_seed(0)
    pose = torch.randn(1, 1, 17, 3) + 0.3 * torch.randn(1, 40, 17, 3).cumsum(1)
    others = restyle(pose.expand(64, -1, -1, -1), H36M, torch.Generator().manual_seed(0))
    still = restyle(pose[:, :1].expand(8, 40, -1, -1), H36M, torch.Generator().manual_seed(0))
    torch.testing.assert_close(still, still[:, :1].expand(-1, 40, -1, -1))  # who is still, stays so
    path = pose - pose.mean(1, keepdim=True)
    paths = others - others.mean(1, keepdim=True)
    alike = torch.cosine_similarity(paths.flatten(1), path.flatten(1))
    assert alike.min() > 0.5 and alike.median() > 0.8
    assert not torch.equal(others[0], others[1])


def test_processes_that_share_a_batch_see_the_same_twins():
    settings = config()
    recipe = MotionRecipe(clips("abc", [0, 1, 2] * 20), settings, H36M, CPU, contrast=True)
    order = torch.arange(len(recipe)).split(16)

    def batches(rank, world):
        torch.manual_seed(0)
        return list(recipe.training_batches(order, rank, world))

    for whole, first, second in zip(batches(0, 1), batches(0, 2), batches(1, 2)):
        assert torch.equal(whole.twins.x[0::2], first.twins.x)
        assert torch.equal(whole.twins.x[1::2], second.twins.x)
        assert torch.equal(whole.twins.same, first.twins.same)
        count = len(whole.twins.x) // 2
        assert torch.equal(whole.twins.same[:count], whole.twins.same[count:])
        assert len(whole.x) == -(-count // 2)

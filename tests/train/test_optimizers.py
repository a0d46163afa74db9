"""Which optimizer moves which weights."""

import build
import pytest
import torch
from build import TINY

from mbnb.baselines.lifters import FrameMLP
from mbnb.model.checkpoints import build_model
from mbnb.train.optimizers import MUON_RATE, optimizers_of


def test_matrices_of_the_blocks_are_muons_and_every_weight_is_one_optimizers():
    settings = build.config(**TINY)
    model = build_model(settings, classes=3, joints=17)
    names = {id(weight): name for name, weight in model.named_parameters()}
    backbone = [weight for name, weight in model.named_parameters() if "backbone" in name]
    head = [weight for name, weight in model.named_parameters() if "head.f" in name]
    groups = [{"params": backbone, "lr": 1e-3}, {"params": head, "lr": 5e-3}]
    adamw, muon = optimizers_of(model, groups, settings)
    moved = [
        weight for one in (adamw, muon) for group in one.param_groups for weight in group["params"]
    ]
    assert sorted(map(id, moved)) == sorted(map(id, backbone + head))
    (matrices,) = muon.param_groups
    assert matrices["lr"] == pytest.approx(MUON_RATE * 1e-3)
    assert [group["lr"] for group in adamw.param_groups] == [1e-3, 5e-3]
    ends = {names[id(weight)].split(".", 3)[-1] for weight in matrices["params"]}
    kinds = ("attn_{}.qkv", "attn_{}.proj", "mlp_{}.fc1", "mlp_{}.fc2")
    assert ends == {f"{kind.format(axis)}.weight" for kind in kinds for axis in "st"}


def test_parity_frozen_blocks_and_other_networks_have_adamw_alone():
    settings = build.config(**TINY)
    model, other = build_model(settings, classes=3, joints=17), FrameMLP(17, width=8)
    every = [{"params": list(model.parameters()), "lr": 1e-3}]
    parity = optimizers_of(model, every, build.config(**TINY | {"recipe": "parity"}))
    frozen = optimizers_of(model, [{"params": list(model.head.parameters()), "lr": 1e-3}], settings)
    simple = optimizers_of(other, [{"params": list(other.parameters()), "lr": 1e-3}], settings)
    for optimizers in (parity, frozen, simple):
        assert [type(one) for one in optimizers] == [torch.optim.AdamW]

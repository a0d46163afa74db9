"""The model on a GPU: the numbers of the original code, and those of a processor."""

import math

import pytest
import torch

from mbnb.config import Config
from mbnb.devices import compile_mode
from mbnb.model import ActionNet, DSTformer
from mbnb.model.action import GRID
from mbnb.model.fast import make_fast

SMALL = dict(dim_in=6, dim_feat=32, dim_rep=16, depth=2, num_heads=4, mlp_ratio=2)


def read(shared, name):
    return torch.load(shared / "golden" / name, weights_only=True)


def assert_near(measured, wanted, share, name=""):
    """The difference's norm is at most a share of the wanted values' norm."""
    difference = (measured.cpu() - wanted).norm()
    assert difference <= share * wanted.norm() + 1e-12, f"{name}: {difference / wanted.norm():.1e}"


def action_net():
    """The same weights at every call, whose attention is not uniform."""
    torch.manual_seed(0)
    backbone = DSTformer(**SMALL, stretch_time=True)
    for block in (*backbone.blocks_st, *backbone.blocks_ts):
        for attention in (block.attn_s, block.attn_t):
            torch.nn.init.normal_(attention.qkv.weight, std=0.2)
    return ActionNet(backbone, dim_rep=16, num_classes=5, hidden_dim=8, segments=3, peaks=True)


def parts(seed=1):
    """Two parts of a batch: 5 clips of 24 frames and 3 of 243."""
    torch.manual_seed(seed)
    return [torch.randn(count, 1, frames, 17, 6) for count, frames in ((5, 24), (3, 243))]


def logits_and_gradients(model, batch, device):
    """Logits, and the gradients of their squares."""
    model.to(device).train()
    logits = model([part.to(device) for part in batch])
    (logits**2).sum().backward()
    return logits.detach(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("case", ["full", "short"])
@pytest.mark.parametrize("name", ["dstformer_small.pt", "dstformer_nofuse.pt"])
def test_golden_numbers_of_the_backbone(shared, accelerator, name, case, dtype):
    golden = read(shared, name)
    expected = golden["cases"][case][dtype]
    model = DSTformer(**golden["config"])
    model.load_state_dict(golden["state_dict"])
    model = model.to(accelerator)
    outputs, gradients = (3e-5, 1e-3) if dtype == "f32" else (1e-10, 1e-9)
    x = golden["cases"][case]["x"].to(accelerator)
    if dtype == "f64":
        model, x = model.double(), x.double()
    x.requires_grad_()
    forward = model(x)
    torch.testing.assert_close(forward.cpu(), expected["forward"], atol=outputs, rtol=0)
    if expected["rep"] is not None:
        representation = model.get_representation(x).cpu()
        torch.testing.assert_close(representation, expected["rep"], atol=outputs, rtol=0)
    (forward**2).sum().backward()
    measured = {"x": x.grad} | {key: value.grad for key, value in model.named_parameters()}
    for key, value in ({"x": expected["grad_x"]} | expected["grad_params"]).items():
        assert_near(measured[key], value, gradients, key)


@pytest.mark.parametrize("name", ["actionnet_class.pt", "actionnet_embed.pt"])
def test_golden_numbers_of_the_heads(shared, accelerator, name):
    golden = read(shared, name)
    model = ActionNet(
        DSTformer(**golden["config"]),
        dim_rep=golden["config"]["dim_rep"],
        num_classes=golden["num_classes"],
        version=golden["version"],
        hidden_dim=golden["hidden_dim"],
    ).eval()
    model.load_state_dict(golden["state_dict"])
    model.to(accelerator)
    with torch.no_grad():
        for case in golden["cases"].values():
            logits = model(case["x"].to(accelerator)).cpu()
            torch.testing.assert_close(logits, case["out"], atol=3e-5, rtol=0)


def test_golden_numbers_of_training_steps(shared, accelerator):
    golden = read(shared, "train_steps.pt")
    model = ActionNet(
        DSTformer(**golden["config"]),
        dim_rep=golden["config"]["dim_rep"],
        num_classes=golden["num_classes"],
        hidden_dim=golden["hidden_dim"],
    )
    model.load_state_dict(golden["init_state"])
    model.to(accelerator).double().train()
    groups = [
        {"params": model.backbone.parameters(), "lr": golden["lr_backbone"]},
        {"params": model.head.parameters(), "lr": golden["lr_head"]},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=golden["weight_decay"], fused=True)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, golden["lr_decay"])
    for x, y, expected in zip(golden["x"].double(), golden["y"], golden["losses"]):
        logits = model(x.to(accelerator))
        loss = torch.nn.functional.cross_entropy(logits, y.to(accelerator))
        assert loss.item() == pytest.approx(expected, abs=1e-6)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    for key, value in golden["final"].items():
        weight = model.state_dict()[key].cpu()
        torch.testing.assert_close(weight, value, atol=1e-6, rtol=0, msg=key)


@pytest.mark.parametrize("keep_tokens", [math.inf, 2000])
def test_logits_and_gradients_are_those_of_a_processor(accelerator, keep_tokens):
    wanted, wanted_gradients = logits_and_gradients(action_net(), parts(), torch.device("cpu"))
    model = action_net()
    model.keep_tokens = keep_tokens  # or a part is computed again for its gradient
    logits, gradients = logits_and_gradients(model, parts(), accelerator)
    torch.testing.assert_close(logits.cpu(), wanted, atol=3e-5, rtol=1e-4)
    for name, value in wanted_gradients.items():
        if name != "head.fc1.bias":  # before BatchNorm, so that it has none but rounding
            assert_near(gradients[name], value, 1e-3, name)


def test_bfloat16_is_near_float32(accelerator):
    def representation_and_gradients(device, mixed):
        backbone = action_net().backbone.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            representation = backbone(parts()[0][:, 0].to(device), return_rep=True)
        (representation.float() ** 2).sum().backward()
        gradients = [p.grad.flatten() for p in backbone.parameters() if p.grad is not None]
        return representation.detach().float(), torch.cat(gradients)

    wanted, wanted_gradients = representation_and_gradients(torch.device("cpu"), mixed=False)
    measured, gradients = representation_and_gradients(accelerator, mixed=True)
    assert 1e-4 < (measured.cpu() - wanted).norm() / wanted.norm() < 0.03
    assert_near(gradients, wanted_gradients, 0.06)


def test_a_compiled_model_computes_what_a_plain_one_does(accelerator):
    if not compile_mode(Config(), accelerator):
        pytest.skip("nothing is compiled here")
    wanted, wanted_gradients = logits_and_gradients(action_net(), parts(), accelerator)
    model = action_net()
    make_fast(model, Config(), accelerator)
    logits, gradients = logits_and_gradients(model, parts(), accelerator)
    torch.testing.assert_close(logits, wanted, atol=3e-5, rtol=1e-4)
    for name, value in wanted_gradients.items():
        if name != "head.fc1.bias":
            assert_near(gradients[name], value.cpu(), 1e-3, name)
    with torch.no_grad():  # a lone clip, and another length, in evaluation
        clip = torch.randn(1, 1, 64, 17, 6, device=accelerator)
        plain = action_net().to(accelerator)
        plain.load_state_dict(model.state_dict())
        torch.testing.assert_close(model.eval()(clip), plain.eval()(clip), atol=3e-5, rtol=1e-4)


def test_more_frames_than_a_fused_kernel_takes_at_once(accelerator):
    model = action_net().to(accelerator).eval()
    frames = GRID if accelerator.type == "cuda" else 500  # a rehearsal has no such kernel
    clips = torch.randn(frames // 24 + 100, 1, 24, 17, 6, device=accelerator)
    with torch.no_grad():
        whole = model(clips)
        halves = torch.cat([model(half) for half in clips.chunk(2)])
    torch.testing.assert_close(whole, halves, atol=3e-5, rtol=1e-4)

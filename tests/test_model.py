"""The model against numbers that the original code produced, and the properties that its users rely on."""

import pytest
import torch

from mbnb.model import ActionNet, DSTformer


def load(shared, name):
    return torch.load(shared / "golden" / name, weights_only=True)


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("case", ["full", "short"])
@pytest.mark.parametrize("name", ["dstformer_small.pt", "dstformer_nofuse.pt"])
def test_backbone_equals_the_original(shared, name, case, dtype):
    golden = load(shared, name)
    expected = golden["cases"][case][dtype]
    model = DSTformer(**golden["config"])
    model.load_state_dict(golden["state_dict"])
    x = golden["cases"][case]["x"]
    outputs, gradients = (3e-5, 1e-3) if dtype == "f32" else (1e-10, 1e-9)
    if dtype == "f64":
        model, x = model.double(), x.double()
    x = x.clone().requires_grad_()
    forward = model(x)
    torch.testing.assert_close(forward, expected["forward"], atol=outputs, rtol=0)
    if expected["rep"] is not None:
        torch.testing.assert_close(model.get_representation(x), expected["rep"], atol=outputs, rtol=0)
    (forward**2).sum().backward()
    measured = {"x": x.grad} | {key: value.grad for key, value in model.named_parameters()}
    wanted = {"x": expected["grad_x"]} | expected["grad_params"]
    assert len(wanted) > 4
    for key, value in wanted.items():
        assert (measured[key] - value).norm() <= gradients * value.norm() + 1e-12, key


@pytest.mark.parametrize("name", ["actionnet_class.pt", "actionnet_embed.pt"])
def test_heads_equal_the_original(shared, name):
    golden = load(shared, name)
    config = golden["config"]
    model = ActionNet(DSTformer(**config), dim_rep=config["dim_rep"], num_classes=golden["num_classes"], version=golden["version"],
                      hidden_dim=golden["hidden_dim"]).eval()
    model.load_state_dict(golden["state_dict"])
    with torch.no_grad():
        for case in golden["cases"].values():
            torch.testing.assert_close(model(case["x"]), case["out"], atol=3e-5, rtol=0)
        model.double()
        for case in golden["cases"].values():
            torch.testing.assert_close(model(case["x"].double()), case["out_f64"], atol=1e-10, rtol=0)


def test_three_training_steps_equal_the_original(shared):
    golden = load(shared, "train_steps.pt")
    config = golden["config"]
    model = ActionNet(DSTformer(**config), dim_rep=config["dim_rep"], num_classes=golden["num_classes"], hidden_dim=golden["hidden_dim"])
    model.load_state_dict(golden["init_state"])
    model.double().train()
    optimizer = torch.optim.AdamW([{"params": model.backbone.parameters(), "lr": golden["lr_backbone"]},
                                   {"params": model.head.parameters(), "lr": golden["lr_head"]}], weight_decay=golden["weight_decay"])
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, golden["lr_decay"])
    for x, y, expected in zip(golden["x"].double(), golden["y"], golden["losses"]):
        loss = torch.nn.functional.cross_entropy(model(x), y)
        assert loss.item() == pytest.approx(expected, abs=1e-6)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    assert schedule.get_last_lr() == pytest.approx(golden["final_lr"])
    for key, value in golden["final"].items():
        torch.testing.assert_close(model.state_dict()[key], value, atol=1e-6, rtol=0, msg=key)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(golden["x"][0].double()), golden["eval_logits_after"], atol=1e-6, rtol=0)


@pytest.mark.parametrize("size, parameters", [
    (dict(dim_feat=192, dim_rep=96, depth=2, num_heads=4, mlp_ratio=2), 2_447_623),
    (dict(), 16_001_549),
    (dict(dim_feat=512, mlp_ratio=2), 42_466_317),
])
def test_published_sizes(size, parameters):
    assert sum(p.numel() for p in DSTformer(**size).parameters()) == parameters


def test_head_of_the_documented_configuration_has_the_documented_width():
    backbone = DSTformer(dim_feat=192, dim_rep=96, depth=2, num_heads=4, mlp_ratio=2)
    for hidden_dim, parameters in ((64, 2_555_643), (2048, 5_902_651)):
        model = ActionNet(backbone, dim_rep=96, num_classes=52, hidden_dim=hidden_dim)
        assert sum(p.numel() for p in model.parameters()) == parameters


def test_any_length_up_to_maxlen_and_a_clear_error_beyond():
    model = DSTformer(dim_feat=8, dim_rep=4, depth=1, num_heads=2, maxlen=9).eval()
    for frames in (1, 4, 9):
        assert model.get_representation(torch.zeros(2, frames, 17, 3)).shape == (2, frames, 17, 4)
    for shape in ((1, 10, 17, 3), (1, 0, 17, 3), (1, 4, 16, 3), (1, 4, 17, 2), (4, 17, 3)):
        with pytest.raises(ValueError, match="expected .* 17, 3.* got"):
            model(torch.zeros(shape))


def test_dropout_behind_the_mean_is_stronger_and_silent_in_evaluation():
    torch.manual_seed(0)
    backbone = DSTformer(dim_feat=8, dim_rep=4, depth=1, num_heads=2, maxlen=243)
    x = torch.randn(4, 1, 243, 17, 3)
    spread = {}
    for behind in (False, True):
        head = ActionNet(backbone, dim_rep=4, num_classes=5, dropout_ratio=0.7, hidden_dim=8, drop_pooled=behind).head
        feat = backbone.get_representation(x[:, 0])[:, None]
        seen = torch.stack([head.dropout(feat.mean(2)) if behind else head.dropout(feat).mean(2) for _ in range(20)])
        spread[behind] = (seen.std(0) / feat.mean(2).abs().clamp_min(1e-3)).median()
        head.eval()
        torch.testing.assert_close(head(feat), head(feat), atol=0, rtol=0)
    assert spread[True] > 5 * spread[False]


def test_clips_do_not_influence_each_other_and_stochastic_depth_ends_in_evaluation():
    torch.manual_seed(0)
    model = DSTformer(dim_feat=8, dim_rep=4, depth=3, num_heads=2, maxlen=5, drop_path_rate=0.5)
    x = torch.randn(3, 5, 17, 3)
    assert not torch.equal(model(x), model(x))
    model.eval()
    torch.testing.assert_close(model(x)[1:2], model(x[1:2]), atol=1e-6, rtol=0)

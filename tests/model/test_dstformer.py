"""The model against numbers that the original code produced, and the limits of its input."""

import contextlib

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import plain
from benchmarks.steps import flops_per_clip
from mbnb.config import Config
from mbnb.model import ActionNet, DSTformer
from mbnb.model.checkpoints import build_model


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
        torch.testing.assert_close(
            model.get_representation(x), expected["rep"], atol=outputs, rtol=0
        )
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
    model = ActionNet(
        DSTformer(**config),
        dim_rep=config["dim_rep"],
        num_classes=golden["num_classes"],
        version=golden["version"],
        hidden_dim=golden["hidden_dim"],
    ).eval()
    model.load_state_dict(golden["state_dict"])
    with torch.no_grad():
        for case in golden["cases"].values():
            torch.testing.assert_close(model(case["x"]), case["out"], atol=3e-5, rtol=0)
        model.double()
        for case in golden["cases"].values():
            torch.testing.assert_close(
                model(case["x"].double()), case["out_f64"], atol=1e-10, rtol=0
            )


def test_three_training_steps_equal_the_original(shared):
    golden = load(shared, "train_steps.pt")
    config = golden["config"]
    model = ActionNet(
        DSTformer(**config),
        dim_rep=config["dim_rep"],
        num_classes=golden["num_classes"],
        hidden_dim=golden["hidden_dim"],
    )
    model.load_state_dict(golden["init_state"])
    model.double().train()
    optimizer = torch.optim.AdamW(
        [
            {"params": model.backbone.parameters(), "lr": golden["lr_backbone"]},
            {"params": model.head.parameters(), "lr": golden["lr_head"]},
        ],
        weight_decay=golden["weight_decay"],
    )
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
        torch.testing.assert_close(
            model.eval()(golden["x"][0].double()), golden["eval_logits_after"], atol=1e-6, rtol=0
        )


@pytest.mark.parametrize(
    "size, parameters",
    [
        (dict(dim_feat=192, dim_rep=96, depth=2, num_heads=4, mlp_ratio=2), 2_447_623),
        (dict(), 16_001_549),
        (dict(dim_feat=512, mlp_ratio=2), 42_466_317),
    ],
)
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
        head = ActionNet(
            backbone, dim_rep=4, num_classes=5, dropout_ratio=0.7, hidden_dim=8, drop_pooled=behind
        ).head
        feat = backbone.get_representation(x[:, 0])[:, None]
        means = torch.stack(
            [
                head.dropout(feat.mean(2)) if behind else head.dropout(feat).mean(2)
                for _ in range(20)
            ]
        )
        spread[behind] = (means.std(0) / feat.mean(2).abs().clamp_min(1e-3)).median()
        head.eval()
        assert torch.equal(head(feat), head(feat))
    assert spread[True] > 5 * spread[False]


def test_clips_do_not_influence_each_other_and_stochastic_depth_ends_in_evaluation():
    torch.manual_seed(0)
    model = DSTformer(dim_feat=8, dim_rep=4, depth=3, num_heads=2, maxlen=5, drop_path_rate=0.5)
    x = torch.randn(3, 5, 17, 3)
    assert not torch.equal(model(x), model(x))
    model.eval()
    torch.testing.assert_close(model(x)[1:2], model(x[1:2]), atol=1e-6, rtol=0)


def small_net(**changes):
    """An ActionNet, and the settings it has."""
    torch.manual_seed(0)
    settings = Config.of(
        dict(
            dim_feat=16,
            dim_rep=8,
            depth=2,
            num_heads=2,
            hidden_dim=12,
            maxlen=30,
            streams=["joint"],
            patch=1,
            peaks=False,
            dropout_ratio=0.0,
            rate=0.0,
            clip_len=20,
        ),
        changes,
    )
    net = build_model(settings, 5, 17)
    # A fresh model's gates and biases are zeros, which would hide faults.
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return net, settings


def gradients(net):
    """The gradients of all parameters that have one, in a row."""
    parts = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
    return torch.cat([gradient.flatten() for gradient in parts])


def plain_logits(net, x, settings, training=False):
    """Logits of the plain reference for the net's weights, and these weights."""
    weights = dict(net.state_dict(keep_vars=True))
    return plain.logits(weights, x, settings.num_heads, training=training), weights


@pytest.mark.parametrize("training", [True, False])
def test_the_model_equals_the_plain_reference(training):
    net, settings = small_net()
    net.double().train(training)
    twin, _ = small_net()
    x = torch.randn(6, 2, 20, 17, 3, dtype=torch.float64)
    ours, (expected, weights) = net(x), plain_logits(twin.double(), x, settings, training)
    torch.testing.assert_close(ours, expected)
    ours.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(gradients(net), gradients(twin))
    for key in ("head.bn.running_mean", "head.bn.running_var"):
        torch.testing.assert_close(net.state_dict()[key], weights[key])


def test_parts_of_unequal_clips_give_what_each_clip_gives_alone():
    net, _ = small_net()
    net.eval()
    parts = [torch.randn(2, 1, 7, 17, 3), torch.randn(3, 1, 30, 17, 3), torch.randn(1, 1, 1, 17, 3)]
    alone = torch.cat([net(clip[None]) for part in parts for clip in part])
    torch.testing.assert_close(net(parts), alone, atol=1e-5, rtol=1e-4)


def test_empty_persons_cost_one_clip_a_batch_and_change_nothing():
    net, settings = small_net()
    net.double().eval()
    x = torch.randn(6, 2, 20, 17, 3, dtype=torch.float64)
    x[:, 1] = 0
    x[4] = 0
    computed = []
    net.backbone.register_forward_pre_hook(lambda _, inputs: computed.append(len(inputs[0])))
    torch.testing.assert_close(net(x), plain_logits(net, x, settings)[0])
    assert computed == [5 + 1]
    twin, _ = small_net()
    net.train()(x).square().sum().backward()
    plain_logits(twin.double(), x, settings, training=True)[0].square().sum().backward()
    torch.testing.assert_close(gradients(net), gradients(twin))


def test_stretched_time_embeddings_agree_on_the_parts_of_a_clip():
    net, _ = small_net(rate=10.0)
    backbone = net.backbone.eval()
    assert backbone.stretch_time and not small_net(rate=0.0, clip_len=20)[0].backbone.stretch_time
    embedded = []
    backbone.blocks_st[0].register_forward_pre_hook(
        lambda _, inputs: embedded.append(inputs[0][0, :, 0])
    )
    rising = torch.linspace(0, 1, 30).view(1, 30, 1, 1)  # (30,) -> (1, 30, 1, 1)
    with torch.no_grad():
        backbone.temp_embed.copy_(rising.expand_as(backbone.temp_embed))
        for frames in (30, 10, 7, 1):
            backbone(torch.zeros(1, frames, 17, 3))
    # The embedding of a single frame is the mean of all.
    times = [frames - embedded[-1] + 0.5 for frames in embedded]
    torch.testing.assert_close(times[0][:, 0], torch.linspace(0, 1, 30))
    for time in times[1:]:
        torch.testing.assert_close(time.mean(0), torch.full((16,), 0.5), atol=0.01, rtol=0)
    embedding = backbone.temp_embed[0, :, 0].T[None]  # (1, 16, 30)
    for time in times:
        pooled = torch.nn.functional.adaptive_avg_pool1d(embedding, len(time))
        torch.testing.assert_close(time.T[None], pooled)


@pytest.mark.parametrize("piece", [17 * 20, 3 * 17 * 20])
def test_pieces_and_computing_again_change_neither_outputs_nor_gradients(monkeypatch, piece):
    x = torch.randn(7, 1, 20, 17, 3, dtype=torch.float64)
    results = []
    everything = float("inf")
    for tokens, keep in (
        (1 << 30, everything),
        (piece, everything),
        (piece, 2 * piece),
        (piece, 0),
    ):
        monkeypatch.setattr("mbnb.model.action.PIECE_TOKENS", tokens)
        net, _ = small_net()
        net.double().train().keep_tokens = keep
        net.backbone.head.requires_grad_(False)
        output = net(x)
        output.square().sum().backward()
        results.append((output.detach(), gradients(net)))
    for output, gradient in results[1:]:
        torch.testing.assert_close(output, results[0][0])
        torch.testing.assert_close(gradient, results[0][1])


def kept_bytes(net, x):
    """What autograd keeps for the gradients, each storage once."""
    storages = {}

    def keep(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = net(x)
    weights = {parameter.untyped_storage().data_ptr() for parameter in net.parameters()}
    assert output.requires_grad
    return sum(size for place, size in storages.items() if place not in weights)


def test_the_memory_of_a_step_is_known_and_bounded():
    net = build_model(Config.of(dict(preset="ma52", streams=["joint"], peaks=False)), 5, 17).train()
    x = torch.randn(8, 1, 120, 17, 3)
    tokens = 8 * 120 * 17
    whole = kept_bytes(net, x)
    assert 0.7 < whole / (tokens * net.backbone.bytes_per_token) < 1.3
    net.keep_tokens = tokens / 2
    assert kept_bytes(net, x) < 0.6 * whole


def test_bfloat16_stays_close_and_the_head_stays_exact():
    net, _ = small_net()
    net.eval()
    x = torch.randn(4, 1, 20, 17, 3)
    expected = net(x)
    dtypes = []
    net.head.fc1.register_forward_hook(
        lambda _, inputs, output: dtypes.append((inputs[0].dtype, output.dtype))
    )
    with torch.autocast("cpu", torch.bfloat16):
        mixed = net(x)
    assert dtypes == [(torch.float32, torch.float32)]
    assert mixed.dtype == torch.float32
    assert (mixed - expected).norm() < 0.03 * expected.norm()


@pytest.mark.parametrize("preset", ["demo", "ma52", "lite"])
def test_the_count_of_operations_is_what_torch_counts(preset):
    settings = Config.of(dict(preset=preset, streams=["joint"], patch=1, peaks=False))
    weights = build_model(settings, 5, 17).state_dict()
    with FlopCounterMode(display=False) as counter:
        plain.representation(weights, torch.randn(1, 40, 17, 3), settings.num_heads)
    assert flops_per_clip(settings, 40) == pytest.approx(counter.get_total_flops(), rel=0.01)


def test_other_devices_than_processors_take_whole_batches_if_they_can(monkeypatch):
    # It knows no device without memory.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    settings = Config.of({"preset": "demo", "clip_len": 128, "patch": 1})
    model = build_model(settings, 52, 17).to("meta").train()
    sizes, pooled = [], model.pooled
    monkeypatch.setattr(model, "pooled", lambda piece: (sizes.append(len(piece)), pooled(piece))[1])
    clips = torch.empty(600, 1, 128, 17, model.backbone.dim_in, device="meta")

    def pieces(clips):
        sizes.clear()
        assert len(model([clips])) == len(clips)
        return list(sizes)

    assert pieces(clips[:400]) == [400]
    assert pieces(clips) == [511, 89], "as many sequences as the kernels take at once"
    # A quarter of what may be kept, since what is computed again is kept for its time.
    model.keep_tokens = 100 * clips[0, ..., 0].numel()
    assert pieces(clips[:400]) == [25] * 16
    model.eval()
    assert pieces(clips[:400]) == [400], "nothing is kept"

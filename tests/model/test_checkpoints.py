"""Checkpoint files: the original's load, ours explain themselves, and none can run code."""

import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from build import CLASSES
from safetensors.torch import save_file

from mbnb.config import Config
from mbnb.files import InputError
from mbnb.model import ActionNet, DSTformer
from mbnb.model.checkpoints import (
    build_model,
    load_trained,
    load_weights,
    read_checkpoint,
    save_checkpoint,
    sizes_of,
    start_from,
    weights_of,
)

SMALL = dict(
    patch=1,
    peaks=False,
    streams=["joint", "joint_motion"],
    dim_feat=8,
    dim_rep=4,
    depth=2,
    num_heads=2,
    hidden_dim=16,
    clip_len=6,
    maxlen=9,
    mlp_ratio=1.5,
)


@pytest.fixture(scope="module")
def golden(shared):
    return torch.load(shared / "golden" / "ckpt_expect.pt", weights_only=True)


@pytest.fixture
def pretrained(shared):
    return weights_of(read_checkpoint(shared / "golden" / "ckpt_pretrain.bin"))


def small_weights():
    return build_model(Config.of(SMALL), classes=4, joints=17).state_dict()


def assert_close(outputs, expected, atol=0.0):
    torch.testing.assert_close(outputs, expected, atol=atol, rtol=0)


@torch.no_grad()
def outputs(model, x):
    return model.eval()(x)


@torch.no_grad()
def representation(backbone, x):
    return backbone.eval().get_representation(x)


def test_a_training_checkpoint_of_the_original_gives_its_logits(shared, golden):
    expected = golden["train"]
    config = Config.of({"num_heads": 4, "clip_len": 27})
    trained = load_trained(shared / "golden" / "ckpt_train.bin", config)
    assert not trained.model.training
    assert_close(outputs(trained.model, expected["x"]), expected["eval_logits"], 3e-5)
    assert trained.config.hidden_dim == expected["hidden_dim"] == 2048
    for key in ("dim_feat", "dim_rep", "depth", "mlp_ratio", "maxlen", "att_fuse"):
        assert getattr(trained.config, key) == expected["config"][key], key
    assert (trained.config.dim_in, trained.classes, trained.epoch) == (3, None, expected["epoch"])


def test_a_pretraining_checkpoint_of_the_original_gives_its_representation(golden, pretrained):
    expected = golden["pretrain"]
    model = DSTformer(**expected["config"])
    report = load_weights(model, pretrained)
    assert len(report.loaded) == expected["n_tensors"]
    assert report.missing == report.unexpected == report.mismatched == ()
    assert_close(representation(model, expected["x"]), expected["rep"], 3e-5)


def test_what_does_not_fit_stays_and_is_told_key_by_key(golden, pretrained):
    expected = golden["partial_load"]
    model = DSTformer(**expected["config"])
    with torch.no_grad():
        model.temp_embed.copy_(expected["temp_embed_kept"])
    report = load_weights(model, pretrained)
    assert len(report.loaded) == expected["matched"]
    assert report.mismatched == ("temp_embed (1, 27, 1, 16) in the file, (1, 31, 1, 16) here",)
    assert report.missing == report.unexpected == ()
    assert torch.equal(model.temp_embed, expected["temp_embed_kept"])
    assert str(report) == (
        f"backbone 57 of 58 fit, head 2 of 2 fit; of another size: {report.mismatched[0]}"
    )
    assert_close(representation(model, golden["pretrain"]["x"]), expected["rep"], 3e-5)


def test_a_bare_backbone_starts_an_action_model(shared, golden, pretrained):
    config = golden["pretrain"]["config"]
    model = ActionNet(DSTformer(**config), dim_rep=config["dim_rep"], num_classes=7, hidden_dim=32)
    report = load_weights(model, pretrained)
    assert set(report.loaded) == {f"backbone.{key}" for key in pretrained}
    assert report.unexpected == ()
    assert report.missing and all(key.startswith("head.") for key in report.missing)
    expected = golden["pretrain"]
    assert_close(representation(model.backbone, expected["x"]), expected["rep"], 3e-5)
    with pytest.raises(InputError, match=r"ckpt_pretrain\.bin: has no action head"):
        load_trained(shared / "golden" / "ckpt_pretrain.bin", Config())


@pytest.mark.parametrize(
    "settings",
    [{}, {"streams": ["joint"]}, {"att_fuse": False}, {"recipe": "parity"}, {"preset": "full"}],
)
def test_a_saved_model_comes_back_with_its_settings_and_classes(settings, tmp_path):
    config = Config.of(SMALL, settings)
    model = build_model(config, classes=4, joints=17)
    x = torch.randn(2, 1, 6, 17, config.dim_in)
    model(x)  # moves the running means of BatchNorm away from their start
    save_checkpoint(tmp_path / "best.pt", model, config, CLASSES, epoch=4, best=np.float64(0.5))
    trained = load_trained(tmp_path / "best.pt", Config.of({"preset": "lite"}))
    assert_close(outputs(trained.model, x), outputs(model, x))
    assert (trained.config, trained.classes, trained.epoch) == (config, CLASSES, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]


def test_a_checkpoint_of_an_earlier_version_is_read_and_what_is_gone_is_named(tmp_path, capsys):
    config = Config.of(SMALL, {"peaks": True})
    model = build_model(config, classes=3, joints=17, regions=2, segments=2)
    save_checkpoint(tmp_path / "old.pt", model, config, CLASSES, epoch=4)
    content = torch.load(tmp_path / "old.pt", weights_only=True)
    content["config"] |= {
        "segments": 2,
        "exchange": 0.3,
        "quota": True,
        "checkpoint_choice": "best",
    }
    content["model"] |= {"head.mirrored.weight": torch.ones(3, 16)}
    torch.save(content | {"handedness": {"mean": 1.0}, "quota": None}, tmp_path / "old.pt")
    trained = load_trained(tmp_path / "old.pt", Config())
    said = capsys.readouterr()
    assert "weights of an earlier version that are not used: head.mirrored.weight" in said.err
    gone = "settings that are gone and have no effect: segments, exchange, quota, checkpoint_choice"
    assert gone in said.err
    x = torch.randn(2, 1, 6, 17, config.dim_in)
    torch.testing.assert_close(outputs(trained.model, x), outputs(model, x), atol=0, rtol=0)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("hidden_dim", [64, 2048])
@pytest.mark.parametrize("joints", [17, 44])
def test_sizes_are_read_off_foreign_weights(prefix, hidden_dim, joints, tmp_path):
    config = Config.of(SMALL, {"hidden_dim": hidden_dim, "streams": ["joint"]})
    model = build_model(config, classes=5, joints=joints)
    weights = {f"{prefix}{key}": value for key, value in model.state_dict().items()}
    torch.save({"epoch": 7, "model": weights, "best_acc": np.float32(40)}, tmp_path / "theirs.bin")
    trained = load_trained(tmp_path / "theirs.bin", Config.of({"num_heads": 2, "clip_len": 5}))
    x = torch.randn(3, 1, 5, joints, 3)
    assert_close(outputs(trained.model, x), outputs(model, x))
    assert (trained.config.hidden_dim, trained.epoch) == (hidden_dim, 7)


def test_clips_longer_than_the_model_can_take_are_refused(tmp_path):
    torch.save({"model": small_weights()}, tmp_path / "a.pt")
    wanted = r"a\.pt: 8 channels and 9 frames do not go with num_heads 2 and clip_len 12"
    with pytest.raises(InputError, match=wanted):
        load_trained(tmp_path / "a.pt", Config.of({"num_heads": 2, "clip_len": 12, "rate": 0}))
    with pytest.raises(InputError, match="num_heads 3"):
        load_trained(tmp_path / "a.pt", Config.of({"num_heads": 3, "dim_feat": 9, "clip_len": 9}))


def rewrite(source, target, old, new):
    """Copy a torch file with other bytes in its pickle."""
    with zipfile.ZipFile(source) as a, zipfile.ZipFile(target, "w") as b:
        for name in a.namelist():
            content = a.read(name)
            b.writestr(name, content.replace(old, new) if name.endswith("data.pkl") else content)


def test_numpy_numbers_of_either_generation_load(tmp_path):
    numbers = {
        "min_loss": np.float64(12.5),
        "epoch": np.int64(3),
        "lr": np.float32(0.5),
        "done": np.bool_(True),
    }
    torch.save(numbers, tmp_path / "numpy2.bin")
    new, old = tmp_path / "numpy2.bin", tmp_path / "numpy1.bin"
    rewrite(new, old, b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert b"numpy.core" in old.read_bytes()
    for path in (old, new):
        assert read_checkpoint(path) == numbers


class Payload:
    """An object whose unpickling leaves a folder behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_files_that_would_run_code_are_refused_before_they_do(tmp_path):
    weights = small_weights()
    armed = {"model": weights, "note": Payload(tmp_path / "ran")}
    torch.save(armed, tmp_path / "new.pt")
    torch.save(armed, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    torch.save(build_model(Config.of(SMALL), 4, 17), tmp_path / "module.pt")
    torch.save({"model": weights, "config": Config()}, tmp_path / "object.pt")
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps({"model": Payload(tmp_path / "ran")}))
    for name in ("new", "old", "module", "object", "pickle"):
        wanted = rf"{name}\.pt: not a checkpoint of plain tensors and values"
        with pytest.raises(InputError, match=wanted) as caught:
            load_trained(tmp_path / f"{name}.pt", Config())
        assert "weights_only" not in str(caught.value), "nobody is told how to run it after all"
    assert not (tmp_path / "ran").exists()


def test_what_is_no_checkpoint_is_a_clear_error(tmp_path):
    (tmp_path / "text.pt").write_text("hello\n")
    (tmp_path / "empty.pt").write_bytes(b"")
    torch.save({"model": small_weights()}, tmp_path / "whole.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:-500])
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({}, tmp_path / "nothing.pt")
    torch.save({"model": {"conv.weight": torch.zeros(1)}}, tmp_path / "other.pt")
    torch.save({1: torch.zeros(1), "config": 3}, tmp_path / "numbered.pt")
    (tmp_path / "folder.pt").mkdir()
    for name, words in {
        "text": "not a checkpoint",
        "empty": "not a checkpoint",
        "cut": "(not a checkpoint|cannot be read)",
        "list": "expected a dictionary, found a list",
        "nothing": "found nothing",
        "other": "found model",
        "numbered": "found 1",
        "folder": "a folder; name one of its files",
        "none": "No such file",
    }.items():
        with pytest.raises(InputError, match=rf"{name}\.pt: .*{words}"):
            load_trained(tmp_path / f"{name}.pt", Config())


@pytest.mark.parametrize(
    "missing",
    [
        "backbone.pos_embed",
        "backbone.blocks_st.0.mlp_s.fc1.weight",
        "head.fc1.weight",
        "head.fc1.bias",
        "backbone.blocks_",
    ],
)
def test_incomplete_weights_are_told(missing, tmp_path):
    weights = small_weights()
    part = {key: value for key, value in weights.items() if not key.startswith(missing)}
    torch.save({"model": part}, tmp_path / "part.pt")
    with pytest.raises(InputError, match=r"part\.pt: "):
        load_trained(tmp_path / "part.pt", Config.of(SMALL))


def test_settings_and_classes_that_are_not_ours_do_not_break_loading(tmp_path):
    weights = small_weights()
    theirs = {"model": weights, "classes": {0: "swaying"}, "config": "MB_train_custom.yaml"}
    torch.save(theirs, tmp_path / "theirs.pt")
    assert load_trained(tmp_path / "theirs.pt", Config.of(SMALL)).classes is None
    strange = {"model": weights, "config": {"recipe": "default", "hiden_dim": 3}}
    torch.save(strange, tmp_path / "strange.pt")
    wanted = r"strange\.pt: carries settings .* did you mean 'hidden_dim'"
    with pytest.raises(InputError, match=wanted):
        load_trained(tmp_path / "strange.pt", Config.of(SMALL))


def under(prefix, weights):
    return {f"{prefix}{name}": value for name, value in weights.items()}


WRAPPED = {  # how weights of an action model are found in files
    "_orig_mod.": lambda w: under("_orig_mod.", w),
    "module._orig_mod.": lambda w: {"model": under("module._orig_mod.", w)},
    "_orig_mod.module.": lambda w: under("_orig_mod.module.", w),
    "Lightning": lambda w: {
        "state_dict": under("model.", w),
        "pytorch-lightning_version": "2.5",
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}}],
    },
    "containers in containers": lambda w: {
        "state": {"model": {"state_dict": under("net.module.", w)}}
    },
    "running means beside": lambda w: {
        "ema": {"module": {name: value * 0.5 for name, value in w.items()}},
        "model": w,
        "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}},
    },
    "averaged": lambda w: under("module.", w) | {"n_averaged": torch.tensor(3)},
    "backbone wrapped alone": lambda w: {
        name.replace("backbone.", "backbone._orig_mod."): value for name, value in w.items()
    },
    "backbone. taken off": lambda w: {
        name.removeprefix("backbone."): value
        for name, value in w.items()
        if not name.startswith("backbone.head.")
    },
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_weights_are_found_however_they_are_wrapped(kind, tmp_path, capsys):
    config = Config.of(SMALL, {"streams": ["joint"]})
    theirs = build_model(config, classes=4, joints=17)
    torch.save(WRAPPED[kind](theirs.state_dict()), tmp_path / "theirs.pt")
    ours = build_model(config, classes=7, joints=17)
    said = start_from(tmp_path / "theirs.pt", ours, config)
    assert "theirs.pt: backbone 108 of 108 fit" in said and "\n" not in said
    assert "head.fc2.weight (4, 16) in the file, (7, 16) here" in said
    for name, value in theirs.backbone.named_parameters():
        if not name.startswith("head."):
            assert torch.equal(ours.backbone.get_parameter(name), value), name
    trained = load_trained(tmp_path / "theirs.pt", Config.of({"num_heads": 2, "clip_len": 6}))
    x = torch.randn(2, 1, 6, 17, 3)
    assert_close(outputs(trained.model, x), outputs(theirs, x))
    several = "holds the weights of several models; taken: model.backbone., not ema.backbone."
    assert (several in capsys.readouterr().err) == (kind == "running means beside")


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "net.", "model.backbone.module."])
def test_a_backbone_alone_starts_a_training_under_any_prefix(prefix, pretrained, tmp_path):
    torch.save({"model_pos": under(prefix, pretrained)}, tmp_path / "pose.bin")
    sizes = sizes_of(pretrained)
    sizes = {name: sizes[name] for name in sizes if name not in ("dim_in", "joints")}
    config = Config.of(SMALL, sizes, {"num_heads": 4, "streams": ["joint"]})
    model = build_model(config, classes=4, joints=17)
    said = start_from(tmp_path / "pose.bin", model, config)
    assert "backbone 58 of 58 fit, backbone's own head 2 of 2 fit, head 0 of 9 fit" in said
    assert torch.equal(model.backbone.pos_embed, pretrained["pos_embed"])


FULL = Config.of({"preset": "full", "streams": ["joint"]})


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A file of MotionBERT's full size."""
    path = tmp_path_factory.mktemp("full") / "full.bin"
    weights = build_model(FULL, 4, 17).backbone.state_dict()
    torch.save({"model_pos": under("module.", weights)}, path)
    return path


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"preset": "ma52"},
            "backbone 2 of 108 fit: the file's width is 512, this model's 192, the file's depth "
            'is 5, this model\'s 2; what fits is -p preset full -p streams "[joint]"',
        ),
        (
            {"preset": "full", "depth": 2, "streams": ["joint"]},
            "backbone 108 of 108 fit: the file's depth is 5, this model's 2; "
            "what fits is -p depth 5",
        ),
        ({"recipe": "parity"}, "what fits is -p preset full"),
    ],
)
def test_weights_of_another_network_are_refused_with_the_settings_that_fit(full, settings, told):
    config = Config.of(settings)
    with pytest.raises(InputError) as caught:
        start_from(full, build_model(config, 4, 17), config)
    assert str(caught.value).startswith(f"{full}: not this network's weights: backbone ")
    assert str(caught.value).endswith(told)


def test_other_ends_of_the_same_network_stay_as_they_were_in_one_line(full):
    config = Config.of({"preset": "full", "maxlen": 300})
    said = start_from(full, build_model(config, 4, 17, regions=2), config)
    assert "backbone 256 of 258 fit" in said and "\n" not in said
    assert "temp_embed (1, 243, 1, 512) in the file, (1, 300, 1, 512) here" in said
    assert said.endswith('all of its backbone fits -p maxlen 243 -p streams "[joint]"')


def test_a_few_weights_of_a_backbone_are_not_started_from(tmp_path):
    weights = build_model(Config.of(SMALL), 4, 17).backbone.state_dict()
    few = {name: value for name, value in weights.items() if not name.startswith("blocks_")}
    torch.save(few, tmp_path / "few.pt")
    with pytest.raises(
        InputError, match=r"few\.pt: not this network's weights: backbone 12 of 108 fit, "
    ):
        start_from(tmp_path / "few.pt", build_model(Config.of(SMALL), 4, 17), Config.of(SMALL))


def test_heads_that_differ_are_another_network(tmp_path):
    config = Config.of(SMALL)
    save_checkpoint(tmp_path / "ours.pt", build_model(config, 4, 17), config, CLASSES)
    other = Config.of(SMALL, {"num_heads": 4})
    wanted = "number of heads is 2, this model's 4; what fits is -p num_heads 2"
    with pytest.raises(InputError, match=wanted):
        start_from(tmp_path / "ours.pt", build_model(other, 4, 17), other)


def test_the_heads_of_a_file_without_settings_are_those_of_its_preset(tmp_path, capsys):
    theirs = build_model(FULL, 4, 17)
    torch.save({"model": theirs.state_dict()}, tmp_path / "theirs.bin")
    trained = load_trained(tmp_path / "theirs.bin", Config())
    assert trained.config.num_heads == 8 != Config().num_heads
    x = torch.randn(1, 1, 6, 17, 3)
    assert_close(outputs(trained.model, x), outputs(theirs, x))
    assert "carries no settings, so these are taken: recipe default, num_heads 8" in (
        capsys.readouterr().err
    )
    torch.save({"model": theirs.state_dict(), "config": {"num_heads": 16}}, tmp_path / "told.bin")
    assert load_trained(tmp_path / "told.bin", Config()).config.num_heads == 16


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    weights = small_weights()
    weights["backbone.norm.weight"] = weights["backbone.norm.weight"] * float("nan")
    torch.save({"model": weights}, tmp_path / "nan.pt")
    with pytest.raises(InputError, match="1 of its weights are not finite.*norm.weight"):
        load_trained(tmp_path / "nan.pt", Config.of(SMALL))


@pytest.mark.parametrize(
    "compressed",
    [lambda w: (100 * w).to(torch.int8), lambda w: w.to_sparse(), lambda w: w.to("meta")],
    ids=["whole numbers", "sparse", "without values"],
)
def test_weights_of_a_compressed_model_are_refused(compressed, tmp_path):
    weights = small_weights()
    weights["backbone.norm.weight"] = compressed(weights["backbone.norm.weight"])
    torch.save({"model": weights}, tmp_path / "small.pt")
    with pytest.raises(InputError, match="1 of its weights are no plain numbers, backbone.norm.w"):
        load_trained(tmp_path / "small.pt", Config.of(SMALL))


def test_halves_without_the_count_of_batches_predict(tmp_path):
    weights = {key: w.half() for key, w in small_weights().items() if w.is_floating_point()}
    save_file(weights, tmp_path / "half.safetensors")
    model = load_trained(tmp_path / "half.safetensors", Config.of(SMALL)).model
    assert {w.dtype for w in model.parameters()} == {torch.float32}

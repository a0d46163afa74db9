"""Networks by name: official layouts load without a GPU, and others are named for what they are."""

import re

import numpy as np
import pytest
import torch
from build import H36M, moving
from torch import nn

import mbnb
from mbnb.config import PRESETS, Config
from mbnb.files import PACKAGE, InputError
from mbnb.model import ActionNet
from mbnb.model.checkpoints import (
    KINDS,
    build_backbone,
    build_model,
    build_pose_net,
    load_pose_net,
    load_trained,
    start_from,
    weights_of,
)
from mbnb.model.zoo import official
from mbnb.prepare.parity import with_empty_person

PAGE = (PACKAGE / "ZOO.md").read_text("utf-8")
SMALL = dict(dim_feat=16, dim_rep=12, depth=1, num_heads=8, mlp_ratio=2, hidden_dim=16)
# One of each size and head but that of one-shot models, which the smaller layouts below have.
OF_EACH = (
    ("motionbert-lite", ""),
    ("MB_ft_NTU60_xview", "module."),
    ("MB_train_custom", "module."),
    ("MB_ft_pw3d", "module."),
)


def network(kind, config, classes):
    """A network as the original has it, without a head where that is of meshes."""
    if kind == "actions":
        return build_model(config, classes, joints=17)
    if kind == "one-shot":
        sizes = dict(dim_rep=config.dim_rep, hidden_dim=config.hidden_dim)
        return ActionNet(build_backbone(config, 17), version="embed", **sizes)
    return build_backbone(config, 17)


def layout(kind, config, classes=0, prefix="module.", values=torch.zeros):
    """What a file of the original's holds, all of it: names, shapes, and what lies beside."""
    with torch.device("meta"):
        state = network(kind, config, classes).state_dict()
    wide = config.dim_rep * 17
    if kind == "meshes":
        state = {f"backbone.{name}": value for name, value in state.items()}
        for name, shape in {
            "fc1.weight": (1024, wide),
            "bn1.weight": (1024,),
            "fc2.weight": (1024, wide),
            "head_pose.weight": (144, 1024),
            "head_shape.weight": (10, 1024),
            "smpl.v_template": (6890, 3),
            "J_regressor": (17, 6890),
        }.items():
            state[f"head.{name}"] = torch.empty(shape, device="meta")
    # A single number stands for all of a tensor, so that the largest file has a few kilobytes.
    weights = {
        prefix + name: values(1).expand(value.shape) if value.ndim else torch.tensor(5)
        for name, value in state.items()
    }
    if kind == "poses":
        return {"epoch": 90, "lr": 2e-4, "min_loss": np.float64(39.2), "model_pos": weights}
    beside = {"optimizer": {"state": {}}, "best_acc": np.float32(93.0)}
    return {"epoch": 300, "lr": [1e-4, 1e-3], **beside, "model": weights}


def write(folder, name, **how):
    known = official()[name]
    config = Config.of({"recipe": "parity", "preset": known.preset})
    torch.save(layout(known.kind, config, known.classes, **how), folder / f"{name}.bin")
    return folder / f"{name}.bin"


@pytest.mark.parametrize("name, prefix", OF_EACH)
def test_official_layouts_load_and_run(name, prefix, tmp_path):
    model = mbnb.load(name, write(tmp_path, name, prefix=prefix))
    known, preset = official()[name], PRESETS[official()[name].preset]
    assert (model.kind, model.config.num_heads) == (known.kind, preset["num_heads"])
    assert {p.device.type for p in model.network.parameters()} == {"cpu"}
    x = torch.rand(1, 3, 17, 3)
    assert model.get_representation(x).shape == (1, 3, 17, preset["dim_rep"])
    if known.kind == "poses":
        assert model.pose(x).shape == (1, 3, 17, 3)
    if known.kind == "actions":
        assert model.predict(x).sum().item() == pytest.approx(1, abs=1e-5)
    if known.kind in ("actions", "one-shot"):
        assert model.features(x).shape == (1, preset["hidden_dim"])


def test_every_official_file_has_its_row_its_layout_and_a_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = [line for line in PAGE.splitlines() if line.startswith("| `")]
    for name, known in official().items():
        config = Config.of({"recipe": "parity", "preset": known.preset})
        weights = weights_of(layout(known.kind, config, known.classes))
        assert known.faults(known.kind, weights) == []
        (row,) = [line for line in shown if line.startswith(f"| `{name}` |")]
        assert f"`{known.place}`" in row and known.had.rpartition("/")[2] in row
        with pytest.raises(InputError, match=rf"{name}: not in {known.place}") as caught:
            mbnb.load(name)
        assert known.source in str(caught.value)
    path = tmp_path / official()["MB_train_custom"].place
    path.parent.mkdir()
    write(tmp_path, "MB_train_custom").rename(path)
    assert mbnb.load("MB_train_custom").path.resolve() == path


def test_another_file_is_named_for_what_it_is(tmp_path):
    ntu = write(tmp_path, "MB_ft_NTU60_xsub")
    told = "expected an encoder or a lifter, which tells poses, found a model that tells actions\n"
    told += "it can be loaded as MB_ft_NTU60_xsub or MB_ft_NTU60_xview"
    with pytest.raises(InputError, match=told):
        mbnb.load("motionbert", ntu)
    with pytest.raises(InputError, match="classes: expected 52, found 60") as caught:
        mbnb.load("MB_train_custom", ntu)
    assert "width: expected 192, found 512" in str(caught.value)
    mesh = write(tmp_path, "MB_ft_pw3d")
    with pytest.raises(InputError, match=r"found a model of body meshes \(SMPL\)"):
        mbnb.load("MB_ft_NTU60_xsub", mesh)
    with pytest.raises(InputError, match="no action head.* it is a model of body meshes"):
        load_trained(mesh, Config())
    with pytest.raises(InputError, match="did you mean 'motionbert-lite'"):
        mbnb.load("motionbert-lit")
    with pytest.raises(InputError, match="has no probabilities, since it is an encoder"):
        mbnb.load("encoder").predict(moving(0, 0))


def used(path):
    """What a file is good for, by trying: `yes` or `no` for each column of the page."""
    model, config = mbnb.load(path, num_heads=8), Config.of({"recipe": "parity"}, SMALL)
    x = torch.rand(1, 4, 17, 3)
    whole = build_model(config, classes=3, joints=17), build_pose_net(config, joints=17)
    tries = (
        lambda: model.get_representation(x),
        lambda: model.pose(x),
        lambda: model.predict(x),
        lambda: model.features(x),
        lambda: start_from(path, whole[0], config),
        lambda: start_from(path, whole[1], config),
        lambda: load_trained(path, config),
        lambda: load_pose_net(path, config),
    )
    answers = []
    for one in tries:
        try:
            one()
            answers.append("yes")
        except InputError:
            answers.append("no")
    return answers


def test_the_table_of_what_loads_into_what_is_true(tmp_path):
    config = Config.of({"recipe": "parity"}, SMALL)
    for kind in ("poses", "actions", "one-shot", "meshes"):
        torch.save(layout(kind, config, 3), tmp_path / f"{kind}.bin")
        (row,) = re.findall(rf"^\| {re.escape(KINDS[kind])} \|(.*)\|$", PAGE, re.MULTILINE)
        cells = [cell.split()[0] for cell in row.split("|")]
        assert used(tmp_path / f"{kind}.bin") == cells, kind


def test_the_document_s_own_example_runs_as_printed(shared):
    golden = torch.load(shared / "golden" / "ckpt_expect.pt", weights_only=True)["pretrain"]
    text = next((shared / "mission").glob("[0-9]*.txt")).read_text("utf-8")
    (code,) = re.findall(r"```python\n([^`]*get_representation[^`]*)```", text)
    heads = golden["config"]["num_heads"]
    names = {
        "MotionBERT": mbnb.load(shared / "golden" / "ckpt_pretrain.bin", num_heads=heads),
        "x": golden["x"],
    }
    exec(code, names)  # a line of the document, of which the rest is words
    torch.testing.assert_close(names["E"], golden["rep"], atol=3e-5, rtol=0)
    assert names["E"].requires_grad


def test_the_original_s_actions_come_out_by_either_way(shared):
    golden = torch.load(shared / "golden" / "ckpt_expect.pt", weights_only=True)["train"]
    model = mbnb.load(shared / "golden" / "ckpt_train.bin", num_heads=4)
    expected = golden["eval_logits"].softmax(-1)
    torch.testing.assert_close(model.predict(golden["x"]), expected, atol=1e-5, rtol=0)
    single = torch.rand(2, 5, 17, 3)
    both = model.predict(single), model.predict(with_empty_person(single))
    assert torch.equal(*both)


def test_the_page_for_other_projects_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    z_up = (moving(0, 0, 40) * [1, -1, 1])[..., [0, 2, 1]] * 1000  # millimetres
    np.save("theirs.npy", z_up)
    (code,) = re.findall(r"another project\n.*?```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(code.splitlines()) <= 10
    names = {}
    exec(code, names)
    assert names["E"].shape == (40, 17, 64) and names["E"].dtype == np.float32
    assert len(capsys.readouterr().out.splitlines()) == 3
    metres = names["model"].predict(moving(0, 0, 40), fps=50)
    np.testing.assert_allclose(names["probabilities"], metres, atol=1e-4)


@pytest.mark.parametrize(
    "shape, told",
    [((4, 16, 3), r"found \(4, 16, 3\)"), ((0, 17, 3), "found"), ((1, 2, 4, 17, 3), "found")],
)
def test_skeletons_of_another_shape_are_refused(shape, told):
    with pytest.raises(InputError, match=r"expected \(clips, frames, 17, 3\).*" + told):
        mbnb.load("encoder").get_representation(np.zeros(shape))


def test_what_cannot_be_seen_is_refused(tmp_path):
    gap = moving(0, 0, 9)
    gap[3, 4] = np.nan
    with pytest.raises(InputError, match="expected finite numbers"):
        mbnb.load("simulated_ma52").predict(gap)
    with pytest.raises(InputError, match="fps: expected frames a second, above 0, found -5"):
        mbnb.load("simulated_ma52").predict(moving(0, 0, 9), fps=-5)
    long = np.zeros((244, 17, 3))
    with pytest.raises(InputError, match="at most 243 frames, found 244; cut longer clips"):
        mbnb.load("motionbert-lite", write(tmp_path, "motionbert-lite")).pose(long)


def test_an_encoder_without_depth_sees_x_and_y_alone():
    encoder = mbnb.load("encoder", without_depth=True)
    pose = moving(1, 3, 30)
    moved = pose + [0, 0, 1] * np.random.default_rng(0).normal(size=(30, 17, 1))
    first, second = encoder.pose(pose), encoder.pose(moved)
    assert np.array_equal(first, second) and np.abs(first[..., 2]).mean() > 0.01
    assert isinstance(encoder.network, nn.Module) and len(encoder.skeleton) == len(H36M)

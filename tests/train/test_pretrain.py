"""Pretraining: the original's steps number by number, and a small one of our own."""

import numpy as np
import pytest
import torch
from build import TINY, config, data_folder, splits
from data.originals import write_instavariety, write_posetrack

from mbnb.baselines.lifters import LIFTERS
from mbnb.data.dataset import load
from mbnb.data.motion import load_motion
from mbnb.devices import connect
from mbnb.model.dstformer import DSTformer
from mbnb.prepare.corrupt import Mask, Noise, detect, hide
from mbnb.prepare.motion import lifting_target
from mbnb.train import pose_losses, train
from mbnb.train.pose_losses import total_loss, weighted_2d_loss
from mbnb.train.pretrain import PretrainTask, pretrain


@pytest.fixture(scope="module")
def golden(shared):
    path = shared / "golden" / "motionbert" / "lift_steps.pt"
    return torch.load(path, weights_only=True)


# What the original calls the weights of losses.
LAMBDAS = dict(
    n_mpjpe="lambda_scale",
    velocity="lambda_3d_velocity",
    limb_var="lambda_lv",
    limb_gt="lambda_lg",
    angle="lambda_a",
    angle_velocity="lambda_av",
)


@pytest.mark.parametrize("name", ["rootrel", "global", "all_losses"])
def test_three_steps_of_lifting_equal_the_originals(name, golden):
    case = golden[name]
    model = DSTformer(**case["config"]).double()
    model.load_state_dict(case["init_state"])
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=case["lr"], weight_decay=case["weight_decay"]
    )
    for x, y, losses in zip(case["x"].double(), case["y"].double(), case["losses"]):
        weights = {name: case["lambdas"][theirs] for name, theirs in LAMBDAS.items()}
        true = lifting_target(y, case["rootrel"])
        loss = total_loss(model(x), true, {"mpjpe": 1.0} | weights)
        assert loss.item() == pytest.approx(losses["total"], abs=1e-7)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] *= case["lr_decay"]
    state = model.state_dict()
    for key, value in case["final"].items():
        torch.testing.assert_close(state[key], value, atol=1e-7, rtol=0)


def test_a_step_on_2d_alone_equals_the_originals(golden):
    case = golden["only_2d"]
    model = DSTformer(**case["config"]).double()
    model.load_state_dict(case["init_state"])
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=case["lr"], weight_decay=case["weight_decay"]
    )
    x = case["x"].double()
    loss = pose_losses.weighted_2d_loss(model(x), x - x[:, :, :1], x[..., 2])
    assert loss.item() == pytest.approx(case["losses"]["total"], abs=1e-7)
    loss.backward()
    optimizer.step()
    for key, value in case["final"].items():
        torch.testing.assert_close(model.state_dict()[key], value, atol=1e-7, rtol=0)


@pytest.mark.parametrize("name", ["pretrain_3d", "pretrain_posetrack", "pretrain_insta"])
def test_a_pretraining_batch_equals_the_originals(name, golden):
    case = golden[name]
    draws, x = case["draws"], case["x"]
    if "sel" in draws:
        noise = Noise(
            *(draws[key] for key in ("sel", "gauss", "unif")), draws["delta"][None], draws["conf"]
        )
        x = detect(case["y"] if name == "pretrain_3d" else x, noise)
    x = hide(x, Mask(draws["mask_joint"], draws["mask_frame"]))
    torch.testing.assert_close(x, case["network_input"], atol=1e-5, rtol=0)
    model = DSTformer(**case["config"])
    model.load_state_dict(case["state_dict"])
    true = case["y"] - case["y"][:, :, :1]
    predicted = model(case["network_input"])
    if name == "pretrain_3d":
        loss = total_loss(predicted, true)
    else:
        loss = weighted_2d_loss(predicted, true, case["x"][..., 2])
    assert loss.item() == pytest.approx(case["losses"]["total"], rel=3e-6)
    loss.backward()
    parameters = dict(model.named_parameters())
    for key, value in case["grad"].items():
        error = (parameters[key].grad - value).norm() / value.norm()
        assert error < 1e-3, key


def test_it_learns_goes_on_after_a_break_and_gives_actions_their_start(tmp_path):
    folder = str(data_folder(tmp_path / "data", splits()))
    settings = dict(
        TINY,
        motion=[folder],
        outputs=str(tmp_path),
        clip_len=16,
        epochs=10,
        batch_size=4,
        lr_backbone=1e-2,
    )
    whole = config(run="whole", **settings)
    history = pretrain(whole, load_motion(whole))
    assert history["train_loss"].iloc[-1] < 0.9 * history["train_loss"].iloc[0]
    assert {"val_error", "val_flat_error", "val_deep_error"} <= set(history)
    broken = config(run="broken", **settings)

    class Broken(Exception):
        pass

    def stop(history):
        if len(history) == 4:
            raise Broken

    with pytest.raises(Broken):
        pretrain(broken, load_motion(broken), stop)
    resumed = pretrain(broken, load_motion(broken))
    np.testing.assert_array_equal(resumed["train_loss"], history["train_loss"])
    np.testing.assert_array_equal(resumed["val_error"], history["val_error"])


def test_people_without_depth_are_learned_from_after_a_third_of_the_epochs(tmp_path):
    folder = str(data_folder(tmp_path / "data", splits()))
    flat = [write_posetrack(tmp_path / "pose", 6), write_instavariety(tmp_path / "insta", 3)]
    settings = dict(motion=[folder, *map(str, flat)], outputs=tmp_path, clip_len=16, batch_size=4)
    whole = config(run="whole", epochs=3, seed=5, **settings)
    data = load_motion(whole)
    history = pretrain(whole, data)
    task = PretrainTask(whole, data, connect(whole), steps=4)
    sizes = [[(len(places), steps) for places, steps in task.parts(epoch)] for epoch in (1, 2)]
    deep, posetrack, insta = sizes[0][0], *sizes[1][:2]
    assert sizes == [[deep], [posetrack, insta, deep]] and posetrack[0] >= 6 and insta[0] >= 3
    order = [torch.arange(p.start, p.stop) for p, _ in task.parts(2)]
    weights = [batch.weight is None for batch in task.batches(order, 0, 1)]
    assert weights == [False, False, True]
    broken = config(run="broken", epochs=3, seed=5, **settings)

    def stop(history):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(broken, data, stop)
    resumed = pretrain(broken, data)
    np.testing.assert_array_equal(resumed["train_loss"], history["train_loss"])


def test_tracks_that_are_too_short_are_told_and_left_out(tmp_path, capsys):
    folder = str(data_folder(tmp_path / "data", splits()))
    short = write_posetrack(tmp_path / "pose", 2, frames=20)
    settings = config(motion=[folder, str(short)], outputs=tmp_path, clip_len=16)
    task = PretrainTask(settings, load_motion(settings), connect(settings), steps=4)
    assert len(task.parts(epoch=2)) == 1
    assert "PoseTrack18: nobody is seen long and well enough" in capsys.readouterr().err


def test_simpler_networks_are_trained_for_a_time_and_go_on_after_a_break(tmp_path):
    folder = str(data_folder(tmp_path / "data", splits()))
    settings = dict(motion=[folder], outputs=str(tmp_path), clip_len=16, batch_size=4)
    settings |= dict(patch=1, streams=["joint"])
    short, long = (config(run=run, **settings) for run in ("short", "long"))
    data = load_motion(short)
    few, many = (
        len(pretrain(own, data, network=LIFTERS["linear"], seconds=seconds))
        for own, seconds in ((short, 0.1), (long, 1))
    )
    assert 2 * few < many
    content = torch.load(short.folder.latest, weights_only=True)
    assert content["config"]["epochs"] == few
    # Whatever the machine's pace is by now, it has the epochs that it was begun with.
    content["history"], content["config"]["epochs"] = content["history"][:1], few + 1
    torch.save(content, short.folder.latest)
    assert len(pretrain(short, data, network=LIFTERS["linear"], seconds=60)) == few + 1


def test_actions_start_from_a_pretrained_backbone(tmp_path, capsys):
    folder = str(data_folder(tmp_path / "data", splits()))
    settings = dict(TINY, outputs=str(tmp_path), clip_len=16, batch_size=4)
    encoder = config(run="encoder", motion=[folder], **settings)
    pretrain(encoder, load_motion(encoder))
    start = str(encoder.folder.best)
    actions = config(run="actions", data_root=folder, init_from=start, lr_backbone=0.0, **settings)
    train(actions, load(actions))
    learned = torch.load(encoder.folder.best, weights_only=True)["model"]
    weights = torch.load(actions.folder.latest, weights_only=True)["model"]
    name = "backbone.blocks_st.0.attn_s.qkv.weight"
    torch.testing.assert_close(weights[name], learned[name], atol=1e-3, rtol=0)
    assert start in capsys.readouterr().out

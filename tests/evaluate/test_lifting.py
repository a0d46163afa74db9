"""Lifting: windows that cover every frame, pictures alike for all, errors of what is wrong."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from build import H36M, clips, config, data_folder, splits
from run.headless import command_line

from mbnb.baselines.lifters import LIFTERS
from mbnb.config import LIFTER
from mbnb.data.dataset import load
from mbnb.data.motion import load_motion
from mbnb.evaluate import lifters
from mbnb.evaluate.lifting import ERRORS, Lifted, lift, photograph, score_lifter
from mbnb.files import InputError
from mbnb.model.checkpoints import load_pose_net
from mbnb.train import train
from mbnb.train.pretrain import pretrain

SETTINGS = config(patch=4, clip_len=32, streams=["joint"])
PARITY = config(recipe="parity", clip_len=32)


def echo(x):
    """A lifter that gives back what it sees, unfolded."""
    x = x.unflatten(-1, (4, 3)).transpose(2, 3)  # (B, F / P, J, P·3) -> (B, F / P, P, J, 3)
    return x.flatten(1, 2)


def zeros(x):
    """A lifter that has every joint at the root."""
    return 0 * echo(x)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """The settings of a pretrained encoder and its recordings, with people in test."""
    root = tmp_path_factory.mktemp("encoder")
    folder = str(data_folder(root / "data", splits()))
    settings = config(motion=[folder], outputs=root, run="enc", clip_len=16, batch_size=8)
    data = load_motion(settings)
    pretrain(settings, data)
    return settings, data


@pytest.mark.parametrize("frames", [9, 40, 41, 163])
@pytest.mark.parametrize("settings", [SETTINGS, PARITY])
def test_every_frame_is_lifted_and_stays_where_it_was(frames, settings):
    torch.manual_seed(0)
    time = torch.linspace(0, 3, frames)[:, None, None]
    places = torch.randn(1, 17, 2) + 0.1 * torch.sin(time + torch.arange(17.0)[:, None])
    other = torch.randn(30, 17, 2)
    echoed = echo if settings is SETTINGS else lambda x: x * torch.tensor([1, 1, 0])
    _, lifted = lift(echoed, [other, places], settings, H36M)
    expected = places - places[:, :1]
    assert lifted.shape == (frames, 17, 3) and (lifted[..., 2] == 0).all()
    # Each window has a scale of its own, so that places agree up to a few hundredths.
    scale = (lifted[..., :2] * expected).sum() / expected.square().sum()
    error = (lifted[..., :2] - scale * expected).norm(dim=-1)
    assert error.mean() < 0.05 * expected.norm(dim=-1).mean()


def test_a_clip_has_one_picture_whoever_asks():
    pose = clips("a", [0], "train")[0]
    first, again, other = (photograph(pose, name, H36M) for name in ("a", "a", "b"))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.allclose(first[1], other[1], atol=0.1)


def test_errors_are_of_frames_in_millimetres_and_the_same_for_fewer_clips(encoder):
    settings, data = encoder
    whole = score_lifter(zeros, data, SETTINGS)
    for row, pose in zip(whole.clips.itertuples(), data.splits["test"]):
        pose = 1000 * (pose - pose[:, :1])
        assert row.frames == len(pose)
        assert row.mpjpe == pytest.approx(np.linalg.norm(pose, axis=-1).mean(), rel=1e-4)
        steps = np.linalg.norm(np.diff(pose, axis=0), axis=-1)
        assert row.velocity == pytest.approx(steps.mean(), rel=1e-4)
    np.testing.assert_allclose(whole.joints.mean(1), whole.clips["mpjpe"], rtol=1e-6)
    network, seen = load_pose_net(settings.folder.best, settings)
    some = {"train": data.splits["train"], "test": data.splits["test"].take(np.array([3, 1]))}
    kinds = {split: ("",) * len(one) for split, one in some.items()}
    few = score_lifter(network, dataclasses.replace(data, splits=some, kinds=kinds), seen)
    all_of_them = score_lifter(network, data, seen).clips.iloc[[3, 1]].reset_index(drop=True)
    pd.testing.assert_frame_equal(few.clips, all_of_them, rtol=1e-4)


def test_simpler_networks_are_trained_once_for_a_time_and_compared(encoder, capsys):
    settings, data = encoder
    lifted = lifters.lift_all(settings, data, 0.1)
    assert list(lifted) == ["encoder", *LIFTERS]
    table = lifters.lifting_table(lifted, settings)
    assert (table["mpjpe_low"] <= table["mpjpe"]).all()
    assert (table["p_mpjpe"] < table["mpjpe"]).all()
    written = pd.read_csv(settings.folder.lifting, index_col="method")
    np.testing.assert_allclose(written, table, rtol=1e-4)
    capsys.readouterr()
    again = lifters.lifting_table(lifters.lift_all(settings, data, 0.1), settings)
    pd.testing.assert_frame_equal(again, table)
    assert capsys.readouterr().out.count("so nothing is trained") == len(LIFTERS)
    assert list(lifters.lift_all(settings, data, 0)) == ["encoder"]


def test_the_lifter_that_comes_with_mbnb_is_scored_on_simulated_people_unless_told_others(tmp_path):
    few = {"simulated_people": 3, "simulated_test_people": 2, "simulated_clips": 4}
    settings = [f for key, value in few.items() for f in ("-p", key, value)]
    done = command_line("evaluate", LIFTER, "--minutes", 0, "-p", "outputs", tmp_path, *settings)
    assert done.exit_code == 0, done.stderr
    assert "simulated people" in done.stdout
    table = pd.read_csv(tmp_path / LIFTER / "lifting.csv")
    assert table["mpjpe"].item() < 80, "lying limbs on each other would be more than 200 mm off"


def test_evaluate_scores_an_encoder_by_lifting_alone_if_told_so(encoder):
    settings, data = encoder
    done = command_line("evaluate", settings.folder.best, "--minutes", 0, "-p", "device", "cpu")
    assert done.exit_code == 0, done.stderr
    table = pd.read_csv(settings.folder.lifting, index_col="method")
    assert table.index.tolist() == ["encoder"]
    assert f"{table['mpjpe']['encoder']:.1f} (" in done.stdout


def test_what_tells_actions_lifts_nothing(encoder, tmp_path):
    settings, data = encoder
    actions = dataclasses.replace(settings, data_root=settings.motion[0], outputs=str(tmp_path))
    train(actions, load(actions))
    with pytest.raises(InputError, match="tells actions, not poses"):
        lifters.lift_all(actions, data)


def test_long_clips_count_more_and_a_difference_is_of_the_same_frames():
    def lifted(*errors):
        table = pd.DataFrame({"subject": ["x", "y"], "frames": [10, 30], "kind": ["walk", "run"]})
        table = table.assign(**dict.fromkeys(ERRORS, errors))
        return Lifted(table, np.array(errors)[:, None] * np.ones(17), [], [], [])

    both = {"encoder": lifted(40, 80), "linear": lifted(80, 160)}
    table = lifters.lifting_table(both, config())
    assert table["mpjpe"].tolist() == [70, 140]
    below = lifters.differences(both, config())
    np.testing.assert_allclose(below[["per cent", "low", "high"]], 50)
    assert lifters.by_kind(both).loc["run", "linear"] == 160
    assert lifters.by_joint(both, H36M.joints).loc["Neck", "encoder"] == 70


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

"""Human3.6M by MotionBERT's protocol: the original's numbers, from a file that is only data."""

import pickle

import numpy as np
import pytest
import torch
from build import config

from mbnb.data.h36m import read_pictures
from mbnb.evaluate.h36m import h36m_errors, score_h36m
from mbnb.files import InputError
from mbnb.model.checkpoints import build_model


@pytest.fixture(scope="module")
def golden(shared):
    path = shared / "golden" / "motionbert" / "h36m_eval.pt"
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def pickled(golden, tmp_path_factory):
    """The golden data as the pickle in circulation has them."""
    content = {
        part: {
            name: value.numpy() if isinstance(value, torch.Tensor) else value
            for name, value in rows.items()
        }
        for part, rows in golden["data"].items()
    }
    path = tmp_path_factory.mktemp("h36m") / "h36m.pkl"
    path.write_bytes(pickle.dumps(content))
    return path


@pytest.fixture(scope="module")
def parts(pickled):
    return read_pictures(pickled)


@pytest.mark.parametrize("name", ["rootrel_flip", "global_noflip", "gt2d_flip", "overlap"])
def test_errors_equal_the_originals(name, golden, parts):
    case, test = golden["cases"][name], parts["test"]
    windows = case["split_test"].numpy()
    if not case["gt_2d"]:
        np.testing.assert_allclose(test.detected[windows], case["input"], atol=1e-6)
    np.testing.assert_allclose(test.true[windows], case["label"], atol=1e-6)
    predicted = case["prediction_before_root"].numpy()
    table = h36m_errors(test, windows, predicted, case["rootrel"], case["gt_2d"])
    assert table["action"].tolist() == case["actions"]
    for column in ("mpjpe", "p_mpjpe"):
        np.testing.assert_allclose(table[column], case[f"{column}_by_action"], atol=1e-2)
        assert table[column].mean() == pytest.approx(case[column], abs=1e-2)


@pytest.mark.parametrize("name", ["rootrel_flip", "global_noflip", "gt2d_flip"])
def test_a_file_of_the_originals_is_scored_as_by_the_original(name, golden, pickled, tmp_path):
    case, sizes = golden["cases"][name], golden["config"]
    path = tmp_path / "best_epoch.bin"
    weights = {f"module.{key}": value for key, value in golden["state_dict"].items()}
    torch.save({"model_pos": weights}, path)
    settings = dict(
        recipe="parity",
        motion=[str(pickled)],
        num_heads=sizes["num_heads"],
        clip_len=golden["clip_len"],
        rootrel=case["rootrel"],
        flip=case["flip"],
        gt_2d=case["gt_2d"],
    )
    table = score_h36m(config(**settings), path).set_index("action")
    assert table.index.tolist() == [*case["actions"], "mean of actions"]
    # A recording of Directions is shorter than a clip; other coins than there say which frames.
    for column in ("mpjpe", "p_mpjpe"):
        theirs = dict(zip(case["actions"], case[f"{column}_by_action"]))
        for action in ("Greeting", "Waiting"):
            assert table.loc[action, column] == pytest.approx(theirs[action], abs=1e-2)
        assert table.loc["Directions", column] == pytest.approx(theirs["Directions"], rel=0.05)
        assert table.loc["Directions", f"{column}_all"] != table.loc["Directions", column]
        assert table[column].iloc[-1] == pytest.approx(table[column].iloc[:-1].mean())


def test_what_cannot_be_scored_is_said(pickled, tmp_path):
    with pytest.raises(InputError, match="expected h36m_sh_conf_cam_source_final.pkl"):
        score_h36m(config(recipe="parity"), tmp_path / "none.bin")
    network = build_model(config(patch=1), 4, 17)
    torch.save(network.state_dict(), tmp_path / "actions.pt")
    with pytest.raises(InputError, match="tells actions, not poses"):
        score_h36m(config(motion=[str(pickled)]), tmp_path / "actions.pt")
    torch.save({"model_pos": {"joints_embed.weight": torch.ones(8, 3)}}, tmp_path / "part.bin")
    with pytest.raises(InputError, match="not a whole encoder"):
        score_h36m(config(motion=[str(pickled)]), tmp_path / "part.bin")


def test_training_windows_are_the_originals(golden, parts):
    frames = golden["cases"]["overlap"]["split_train"].numpy()[0]
    np.testing.assert_allclose(
        parts["train"].detected[frames], golden["train_input_first"], atol=1e-6
    )
    np.testing.assert_allclose(parts["train"].true[frames], golden["train_label_first"], atol=1e-6)


def test_a_pickle_that_asks_for_more_than_data_is_refused(tmp_path):
    class Harmful:
        def __reduce__(self):
            return print, ("run",)

    path = tmp_path / "h36m.pkl"
    path.write_bytes(pickle.dumps({"train": Harmful(), "test": {}}))
    with pytest.raises(InputError, match="builtins.print, which is more than data"):
        read_pictures(path)
    path.write_bytes(b"no pickle")
    with pytest.raises(InputError, match="expected Human3.6M"):
        read_pictures(path)

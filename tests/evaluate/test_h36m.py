"""Human3.6M by MotionBERT's protocol: the original's numbers, from a file that is only data."""

import pickle

import numpy as np
import pytest
import torch

from mbnb.data.h36m import read_pictures
from mbnb.evaluate.h36m import h36m_errors
from mbnb.files import InputError


@pytest.fixture(scope="module")
def golden(shared):
    path = shared / "golden" / "motionbert" / "h36m_eval.pt"
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def parts(golden, tmp_path_factory):
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
    return read_pictures(path)


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

"""Random convolutions: what is fitted, kept beside a checkpoint, and answers together with the model."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from mbnb.__main__ import main
from mbnb.baselines.rocket import Convolutions, fit_convolutions
from mbnb.config import Config
from mbnb.data.dataset import load
from mbnb.evaluate.evaluation import evaluate
from mbnb.files import InputError
from mbnb.model.checkpoints import load_trained
from mbnb.skeleton import load_skeleton
from mbnb.train import loop as training

SKELETON = load_skeleton()


@pytest.fixture(scope="module", autouse=True)
def few_kernels():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mbnb.baselines.rocket.KERNELS", 512)
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Config.of(
        {
            "outputs": str(tmp_path_factory.mktemp("outputs")),
            "run": "both",
            "simulated_people": 8,
            "simulated_test_people": 3,
            "simulated_clips": 52,
            "val_fraction": 0.0,
            "epochs": 6,
            "dim_feat": 16,
            "dim_rep": 16,
            "num_heads": 2,
            "hidden_dim": 32,
            "clip_len": 16,
            "bootstraps": 5,
            "views": 1,
            "device": "cpu",
        }
    )


@pytest.fixture(scope="module")
def data(settings):
    return load(settings)


@pytest.fixture(scope="module")
def trained(settings, data):
    training.train(settings, data)
    return settings.folder.path / "checkpoints" / "latest.pt"


def test_what_was_fitted_is_the_same_when_it_was_kept(data, tmp_path):
    fitted = fit_convolutions(data.splits["train"], SKELETON, 52)
    torch.save(fitted.state(), tmp_path / "kept.pt")
    again = Convolutions.of(torch.load(tmp_path / "kept.pt", weights_only=True))
    test = data.splits["test"]
    for adapt in (True, False):
        answers = fitted.answer(test, SKELETON)
        np.testing.assert_array_equal(again.answer(test, SKELETON), answers)
        np.testing.assert_allclose(answers.sum(1), 1, atol=1e-6)
        assert (answers.argmax(1) == test.labels).mean() > 0.5
    alone = fitted.answer(test.take(np.arange(4)), SKELETON)
    np.testing.assert_allclose(
        alone, answers[:4], atol=1e-4, err_msg="without adapt each clip counts for itself"
    )


def test_a_trained_model_and_convolutions_answer_together(settings, data, trained, tmp_path):
    without = dataclasses.replace(settings, run="without", checkpoint=str(trained))
    both, network = evaluate(settings, data), evaluate(without, data)
    convolutions = load_trained(trained, settings).convolutions.answer(
        data.splits["test"], SKELETON, both.in_mirror
    )
    np.testing.assert_allclose(
        both.probabilities, (network.probabilities + convolutions) / 2, atol=1e-6
    )
    legs = data.classes.region_names.index("lower limb")
    of_legs = convolutions[
        :, [i for i, region in enumerate(data.classes.regions) if region == "lower limb"]
    ].sum(1)
    np.testing.assert_allclose(
        both.regions[:, legs], (network.regions[:, legs] + of_legs) / 2, atol=1e-6
    )
    assert both.correct.mean() > network.correct.mean()
    about = {
        one.run: json.loads((one.folder.path / "metrics.json").read_text())["model"]
        for one in (settings, without)
    }
    assert (
        about["both"].endswith("and random convolutions") and "convolutions" not in about["without"]
    )
    done = CliRunner().invoke(
        main, ["predict", str(trained), str(data.root), "--out", str(tmp_path / "p.csv")]
    )
    assert done.exit_code == 0, done.stderr
    predicted = pd.read_csv(tmp_path / "p.csv").set_index("clip")["predicted"][
        list(both.clips.names)
    ]
    assert [data.classes.codes[i] for i in both.predictions] == predicted.tolist()


def test_they_are_fitted_once_added_to_a_finished_training_and_belong_to_its_data(
    settings, data, trained
):
    beside = trained.with_name("convolutions.pt")
    before = beside.stat().st_mtime_ns
    training.train(settings, data)
    assert beside.stat().st_mtime_ns == before
    first = torch.load(beside, weights_only=True)["convolutions"]["temperatures"]
    beside.unlink()
    training.train(dataclasses.replace(settings), data)
    assert not beside.exists(), "for few clips only"
    training.train(settings, data)
    assert torch.load(beside, weights_only=True)["convolutions"]["temperatures"] == pytest.approx(
        first
    )
    torch.save(torch.load(beside, weights_only=True) | {"fingerprint": "other"}, beside)
    with pytest.raises(InputError, match="learned from other data"):
        load_trained(trained, settings)
    torch.save({"convolutions": {"halves": 3}, "fingerprint": data.fingerprint()}, beside)
    with pytest.raises(InputError, match="another idea of handedness, quota or convolutions"):
        load_trained(trained, settings)
    training.train(dataclasses.replace(settings, resume=False, epochs=1), data)
    assert not beside.exists(), "a training afresh leaves nothing of the former"

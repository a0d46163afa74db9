"""A head in closed form: the same answers as the analysis that it was made of, in every use."""

import numpy as np
import pandas as pd
import pytest
import torch
from train.conftest import CLOCKED, config, weights

from mbnb.baselines.discriminant import fit_discriminant
from mbnb.baselines.linear import probabilities_of
from mbnb.evaluate.score import evaluate
from mbnb.files import InputError
from mbnb.model.checkpoints import load_trained
from mbnb.model.heads import DiscriminantHead
from mbnb.model.predict import Network
from mbnb.train import train
from mbnb.train.closed_form import fit_head


@pytest.fixture(scope="module", autouse=True)
def few_kernels():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mbnb.model.kernels.KERNELS", 256)
        yield


def closed(tmp_path, **settings):
    return config(tmp_path, head="discriminant", **settings)


@pytest.mark.parametrize("classes", [[0, 1, 3, 4], [1, 3], [2]])
def test_the_head_answers_as_the_analysis_does(classes):
    draw = np.random.default_rng(0)
    labels = np.repeat(classes, 12)
    head = DiscriminantHead(num_classes=5, dim_rep=3, num_joints=4, hidden_dim=7)
    x = draw.normal(size=(len(labels), 96)).astype("f4") + draw.normal(size=(5, 96))[labels]
    fit_head(head, x, labels)
    answers = head.classify(torch.as_tensor(x, dtype=torch.float32)).softmax(-1)
    expected = probabilities_of(fit_discriminant(x.astype("f8"), labels), x, 5)
    np.testing.assert_allclose(answers.detach(), expected, atol=2e-4)


def test_it_trains_is_scored_and_explained_like_any_other(data, tmp_path):
    settings = closed(tmp_path)
    history = train(settings, data)
    assert len(history) == 1 and {"train_top1", "val_top1"} <= set(history.columns)
    again = closed(tmp_path, run="again")
    pd.testing.assert_frame_equal(
        history.drop(columns=CLOCKED, errors="ignore"),
        train(again, data).drop(columns=CLOCKED, errors="ignore"),
    )
    first, second = weights(settings), weights(again)
    assert all(torch.equal(first[name], second[name]) for name in first)
    evaluation = evaluate(settings, data)
    assert evaluation.correct.mean() > 0.8
    trained = load_trained(settings.folder.best, settings)
    assert isinstance(trained.model.head, DiscriminantHead) and trained.temperature != 1
    network = Network(trained, data.skeleton, data.classes, settings)
    clips = data.splits["test"]
    np.testing.assert_allclose(network.answer(clips), evaluation.probabilities, atol=1e-6)


def test_a_run_of_other_settings_is_not_overwritten(data, tmp_path):
    train(config(tmp_path, epochs=1), data)
    with pytest.raises(InputError, match="belongs to another training: head 'auto' there"):
        train(closed(tmp_path), data)
    train(closed(tmp_path, resume=False), data)

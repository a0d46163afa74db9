"""Training: the same for the same seed, with or without a break, nothing learned from test."""

import dataclasses
import json
import shutil

import build
import numpy as np
import pandas as pd
import pytest
import torch
from build import CLASSES
from run.headless import command_line
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch._dynamo.testing import CompileCounter
from train.conftest import CLOCKED, config, people, pull_the_plug, weights

from mbnb.config import Config
from mbnb.data.dataset import load
from mbnb.evaluate.compare import compare_with_baselines
from mbnb.evaluate.score import evaluate, load_evaluation
from mbnb.files import InputError
from mbnb.model.checkpoints import build_model, load_trained
from mbnb.model.fast import make_fast
from mbnb.model.predict import Network
from mbnb.scores.calibration import fit_temperature
from mbnb.train import best_epoch, read_history, train


def assert_same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


def train_alone(data):
    """The data set with nobody in val or test."""
    return dataclasses.replace(data, splits={"train": data.splits["train"]})


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(data, tmp_path):
    first, again, other = (
        config(tmp_path, run=name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    histories = [train(settings, data).drop(columns=CLOCKED) for settings in (first, again, other)]
    assert_same(weights(first), weights(again))
    pd.testing.assert_frame_equal(histories[0], histories[1])
    assert not torch.equal(weights(first)["head.fc1.weight"], weights(other)["head.fc1.weight"])


@pytest.mark.parametrize("settings", [dict(), dict(region_weight=0.5)])
def test_a_training_that_was_broken_off_ends_as_an_unbroken_one(data, tmp_path, settings):
    whole, broken = (config(tmp_path, run=name, **settings) for name in ("whole", "broken"))
    history = train(whole, data)
    with pytest.raises(KeyboardInterrupt):
        train(broken, data, on_epoch=pull_the_plug)
    resumed = train(broken, data)
    assert_same(weights(whole), weights(broken))
    assert_same(weights(whole, "best"), weights(broken, "best"))
    pd.testing.assert_frame_equal(history.drop(columns=CLOCKED), resumed.drop(columns=CLOCKED))
    assert pd.read_csv(broken.folder.history)["epoch"].tolist() == [1, 2, 3]


def test_confusion_of_regions_and_gradient_norms_are_kept_for_every_epoch(data, tmp_path):
    whole, broken, closed = (config(tmp_path, run=name) for name in ("whole", "broken", "closed"))
    history = train(whole, data)
    assert (history[["grad_norm_backbone", "grad_norm_head"]] > 0).all(axis=None)
    written, regions = read_history(whole.folder)
    pd.testing.assert_frame_equal(written, history)
    assert set(regions["split"]) == {"val"}
    assert regions.groupby("epoch")["clips"].sum().tolist() == [12, 12, 12]
    right = regions[regions["true"] == regions["predicted"]].groupby("epoch")["clips"].sum()
    assert (right / 12).tolist() == pytest.approx(history["val_region_top1"].tolist())

    with pytest.raises(KeyboardInterrupt):
        train(broken, data, on_epoch=pull_the_plug)
    assert read_history(broken.folder)[1]["epoch"].max() == 2
    train(broken, data)
    pd.testing.assert_frame_equal(read_history(broken.folder)[1], regions)

    history = train(dataclasses.replace(closed, freeze=["backbone"]), train_alone(data))
    assert (history["grad_norm_backbone"] == 0).all() and (history["grad_norm_head"] > 0).all()
    regions = read_history(closed.folder)[1]
    assert set(regions["split"]) == {"train"}
    assert regions.groupby("epoch")["clips"].sum().tolist() == [25, 25, 25]

    events = EventAccumulator(str(whole.folder.tensorboard)).Reload()
    drawn = {"train/loss", "val/top1", "lr/head", "grad/norm_backbone", "clips/per_second"}
    assert drawn <= set(events.Tags()["scalars"])
    assert len(events.Images("region_confusion")) == 3


def test_a_finished_training_is_not_done_again_and_other_settings_are_refused(data, tmp_path):
    settings = config(tmp_path)
    train(settings, data)
    written = settings.folder.latest.stat().st_mtime_ns
    assert len(train(settings, data)) == 3
    assert len(train(dataclasses.replace(settings, epochs=0), data)) == 3, "as it was begun with"
    assert settings.folder.latest.stat().st_mtime_ns == written
    with pytest.raises(InputError, match="lr_head 0.005 there, 0.5 now"):
        train(dataclasses.replace(settings, lr_head=0.5), data)
    other_people = people("abcde", [0, 2, 0, 2, 0], seed=900)
    other = dataclasses.replace(data, splits=data.splits | {"train": other_people})
    with pytest.raises(InputError, match="other data"):
        train(settings, other)
    assert len(train(dataclasses.replace(settings, lr_head=0.5, resume=False, epochs=1), data)) == 1


def test_test_people_influence_nothing(data, tmp_path):
    with_all, with_few = config(tmp_path, run="all"), config(tmp_path, run="few")
    train(with_all, data)
    few = data.splits["test"].take(np.arange(3))
    train(with_few, dataclasses.replace(data, splits=data.splits | {"test": few}))
    assert_same(weights(with_all, "best"), weights(with_few, "best"))


def test_it_learns_and_leaves_everything_in_the_run_folder(data, tmp_path):
    settings = config(tmp_path, epochs=25)
    folder, val = settings.folder, data.splits["val"]
    history = train(settings, data)
    assert history["val_top1"].max() >= 0.9
    for path in (folder.config, folder.environment, folder.history, folder.best, folder.latest):
        assert path.is_file()
    assert list(folder.path.rglob("*tfevents*"))
    trained = load_trained(folder.best, Config())
    assert trained.config == settings and trained.classes == CLASSES
    assert trained.epoch == best_epoch(history)
    # What predictions are calibrated by was fitted to predictions made in the same way.
    for path in (folder.best, folder.latest):
        trained = load_trained(path, settings)
        plain = dataclasses.replace(trained, temperature=1.0)
        probabilities = Network(plain, data.skeleton, CLASSES, settings).answer(val)
        expected = fit_temperature(val.labels, probabilities)
        assert trained.temperature == pytest.approx(expected, rel=1e-3)
        assert trained.temperature != 1


def test_best_is_the_best_on_held_out_people():
    history = pd.DataFrame(
        {"epoch": [1, 2, 3, 4], "val_top1": [0.5, 0.7, 0.7, 0.6], "val_loss": [2.0, 1.0, 0.9, 0.1]}
    )
    assert best_epoch(history) == 3
    assert best_epoch(history[["epoch"]]) == 4


def test_frozen_weights_stay_and_the_rest_moves(data, tmp_path):
    start = config(tmp_path, run="start", epochs=1)
    train(start, data)
    checkpoint = start.folder.latest
    tuned = config(tmp_path, run="tuned", init_from=checkpoint, freeze=["backbone"], epochs=1)
    train(tuned, data)
    before, after = weights(start), weights(tuned)
    for key in before:
        if key.startswith("backbone."):
            assert torch.equal(before[key], after[key]), key
    assert not torch.equal(before["head.fc2.weight"], after["head.fc2.weight"])
    with pytest.raises(InputError, match="begins with 'backbon_'"):
        train(config(tmp_path, run="typo", freeze=["backbon_"]), data)
    with pytest.raises(InputError, match="leaves nothing to train"):
        train(config(tmp_path, run="nothing", freeze=["backbone", "head"]), data)


def test_each_group_has_its_own_rate(data, tmp_path):
    rates = dict(lr_backbone=1e-3, lr_head=8e-3)
    history = train(config(tmp_path, recipe="parity", lr_decay=0.5, run="p", **rates), data)
    assert history["lr_backbone"].tolist() == pytest.approx([1e-3, 5e-4, 2.5e-4])
    assert history["lr_head"].tolist() == pytest.approx([8e-3, 4e-3, 2e-3])
    history = train(config(tmp_path, epochs=10, **rates), data)
    np.testing.assert_allclose(history["lr_head"], 8 * history["lr_backbone"])
    assert history["lr_head"].max() == pytest.approx(8e-3, rel=0.01)
    assert history["lr_head"].iloc[-1] < 1e-3 and history["lr_head"].idxmax() == 1


def test_parity_trains_and_no_batch_is_left_with_one_clip(data, tmp_path):
    # The original makes batches of 24 and 1 of the 25 clips, and crashes in BatchNorm.
    history = train(config(tmp_path, recipe="parity", batch_size=24, epochs=1), data)
    assert np.isfinite(history["train_loss"]).all()


def test_too_few_clips_and_a_gpu_that_is_not_there_are_clear_errors(data, tmp_path):
    lonely = dataclasses.replace(data, splits={"train": data.splits["train"].take(np.arange(1))})
    with pytest.raises(InputError, match="at least 2 clips in train, found 1"):
        train(config(tmp_path), lonely)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no CUDA GPU"):
            train(config(tmp_path, device="cuda"), data)


def test_a_loss_that_diverges_says_what_to_do(data, tmp_path):
    with pytest.raises(InputError, match="lower lr_backbone and lr_head"):
        train(config(tmp_path, lr_backbone=1e30, lr_head=1e30), data)


def test_predictions_of_another_checkpoint_are_not_taken_for_this_one_s(data, tmp_path):
    settings = config(tmp_path, checkpoint="latest", epochs=1)
    train(settings, data)
    first, again = (load_evaluation(settings, data).probabilities for _ in range(2))
    np.testing.assert_allclose(again, first, atol=1e-5)
    longer = dataclasses.replace(settings, epochs=12)
    train(longer, data)
    assert np.abs(load_evaluation(longer, data).probabilities - first).max() > 0.01


def test_without_training_clips_there_are_scores_but_no_baselines(data, tmp_path):
    settings = config(tmp_path, epochs=1)
    train(settings, data)
    test_alone = dataclasses.replace(data, splits={"test": data.splits["test"]})
    evaluation = evaluate(settings, test_alone)
    assert len(compare_with_baselines(settings, test_alone, evaluation)) == 0
    assert len(compare_with_baselines(settings, data, evaluation)) == 3


@pytest.mark.parametrize(
    "settings",
    [dict(precision="bf16"), dict(clips_on="disk"), dict(rate=15.0, clip_len=243, epochs=30)],
)
def test_it_learns_in_other_ways_too(data, tmp_path, settings):
    history = train(config(tmp_path, **{"epochs": 25} | settings), data)
    assert history["val_top1"].max() >= 0.8
    assert np.isfinite(history["val_loss"]).all()


@pytest.mark.skipif(
    not shutil.which("g++"), reason="torch.compile needs a C++ compiler on a processor"
)
def test_a_compiled_training_loses_what_a_plain_one_loses(data, tmp_path):
    # Nobody in val: a second graph, for evaluation, would take another minute.
    short = dict(epochs=1, rate=20.0, clip_len=40, val_fraction=0.0)
    plain, compiled = (
        train(config(tmp_path, run=mode, compile=mode, **short), train_alone(data))["train_loss"]
        for mode in ("off", "default")
    )
    np.testing.assert_allclose(plain, compiled, rtol=1e-3)


def test_one_graph_of_one_layer_serves_all_layers_and_lengths(tmp_path, monkeypatch):
    compile, operations = torch.compile, []
    for depth in (1, 3):
        settings, graphs = config(tmp_path, compile="default", depth=depth), CompileCounter()
        monkeypatch.setattr(
            torch,
            "compile",
            lambda function, mode, dynamic, graphs=graphs: compile(
                function, backend=graphs, dynamic=dynamic
            ),
        )
        model = build_model(settings, 2, 17)
        make_fast(model, settings, torch.device("cpu"))
        for clips, frames in ((4, 6), (3, 8), (8, 5)):
            model([torch.randn(clips, 1, frames, 17, settings.dim_in)]).sum().backward()
        assert graphs.frame_count == 1
        operations.append(graphs.op_count)
    assert operations[0] == operations[1]


def test_regions_have_a_head_of_their_own(data, tmp_path):
    settings = config(tmp_path, epochs=8, region_weight=0.5, views=3)
    train(settings, data)
    assert weights(settings)["head.fc2.weight"].shape == (4, 16)
    assert weights(settings)["head.regions.weight"].shape == (2, 16)
    evaluation = evaluate(settings, data)
    assert evaluation.regions.shape == (12, 2)
    np.testing.assert_allclose(evaluation.regions.sum(1), 1, atol=1e-5)
    again = load_evaluation(settings, data)
    np.testing.assert_allclose(again.regions, evaluation.regions, atol=1e-5)
    official = json.loads(settings.folder.metrics.read_text())["official"]
    by_class = evaluation.probabilities.reshape(-1, 2, 2)  # (N, 4) -> (N, regions, their classes)
    regions = (evaluation.regions + by_class.sum(2)).argmax(1)
    assert official["body_top1"] == (regions == evaluation.clips.labels // 2).mean()
    one_view = evaluate(dataclasses.replace(settings, views=1), data).probabilities
    assert not np.allclose(one_view, evaluation.probabilities, atol=1e-4)
    with pytest.raises(InputError, match="other classes|another class table|trained on"):
        evaluate(settings, dataclasses.replace(data, classes=build.DOCUMENT))


def test_who_chose_the_best_epoch_is_not_scored_with_it(tmp_path):
    splits = {"train": people("abcdef", [0, 2] * 2), "test": people("gh", [0, 2] * 2, "test", 100)}
    root = build.data_folder(tmp_path / "people", splits, CLASSES)
    settings = config(tmp_path, data_root=root, val_fraction=0.34, fold=2, scored="val")
    fold = load(settings)
    train(settings, fold)
    assert evaluate(settings, fold).clips.names == fold.splits["val"].names
    metrics = json.loads(settings.folder.metrics.read_text())
    assert (metrics["checkpoint"], metrics["chosen_on_scored"]) == ("latest.pt", False)
    best = settings.folder.best
    evaluate(dataclasses.replace(settings, checkpoint=str(best)), fold)
    assert json.loads(settings.folder.metrics.read_text())["chosen_on_scored"]
    for pool in (False, True):  # the folder's own splits, whatever the training made of them
        predicted = command_line("predict", best, root, "-p", "pool", pool)
        assert predicted.exit_code == 0 and len(predicted.stdout.splitlines()) == 1 + 8


def swaying(label, seed):
    """(T, 17, 3) of somebody who sways sideways (0) or stands quietly (2)."""
    pose = build.person(seed)
    course = np.sin(np.linspace(0, 12, len(pose)) + seed)[:, None]
    pose[..., 0] -= (label == 0) * 0.15 * course * pose[..., 1]
    return pose


def test_baselines_are_evaluated_as_runs(tmp_path):
    train_people = people("abcde", [0, 2] * 2, pose=swaying)
    test_people = people("hi", [0, 2] * 3, "test", 200, swaying)
    data = build.data_set({"train": train_people, "test": test_people})
    for method, least in (("largest", 0.5), ("linear", 0.8), ("nearest", 0.8)):
        settings = config(tmp_path, run=method, method=method)
        evaluation = evaluate(settings, data)
        assert evaluation.split == "test" and evaluation.correct.mean() >= least
        np.testing.assert_allclose(evaluation.probabilities.sum(1), 1, atol=1e-6)
        assert (load_evaluation(settings, data).predictions == evaluation.predictions).all()
        with pytest.raises(InputError, match="nothing to train"):
            train(settings, data)

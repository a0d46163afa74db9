"""Training: the same for the same seed, with or without a break, nothing learned from test."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch._dynamo.testing import CompileCounter

from mbnb.__main__ import main
from mbnb.classes import ClassTable
from mbnb.clips import pack
from mbnb.config import Config
from mbnb.data.dataset import DataSet, load
from mbnb.data.write import write_dataset
from mbnb.evaluate.compare import compare_with_baselines
from mbnb.evaluate.score import evaluate, load_evaluation
from mbnb.files import ROOT, InputError
from mbnb.model.checkpoints import build_model, load_trained, read_checkpoint
from mbnb.model.predict import Network, make_fast
from mbnb.scores.calibration import fit_temperature
from mbnb.skeleton import load_skeleton
from mbnb.train import best_epoch, monitor, read_history, train

SMALL = dict(
    dim_feat=8,
    dim_rep=8,
    depth=1,
    num_heads=2,
    hidden_dim=16,
    clip_len=8,
    patch=1,
    maxlen=8,
    batch_size=8,
    epochs=3,
    lr_backbone=5e-3,
    lr_head=5e-3,
    device="cpu",
    seed=3,
)
CLOCKED = ["clips_per_second", "seconds"]  # columns of the history that differ from run to run
CLASSES = ClassTable(
    codes=("A1", "B1"), names=("swaying", "still"), regions=("body", "head"), mirror=(0, 1)
)


def people(count, clips_each, seed, first=0):
    """Clips of two classes: a body that sways sideways and one that does not."""
    rng = np.random.default_rng(seed)
    base = rng.normal(0, 0.3, (17, 3))
    base[0], base[8] = 0, (0, -0.5, 0)
    poses, names, labels, subjects = [], [], [], []
    for person in range(first, first + count):
        for i in range(clips_each):
            frames, label = int(rng.integers(20, 40)), i % 2
            pose = np.repeat(base[None], frames, 0) + rng.normal(0, 0.003, (frames, 17, 3))
            pose[..., 0] += (
                (1 - label)
                * 0.15
                * np.sin(np.linspace(0, 12, frames) + rng.uniform(0, 6))[:, None]
                * -base[None, :, 1]
            )
            poses.append(pose)
            names.append(f"c{person}_{i}")
            labels.append(label)
            subjects.append(f"p{person}")
    return pack(poses, names, labels, subjects)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    splits = {
        "train": people(5, 5, 0),
        "val": people(2, 6, 0, first=5),
        "test": people(2, 6, 0, first=7),
    }
    return DataSet(
        tmp_path_factory.mktemp("data"),
        splits,
        CLASSES,
        load_skeleton(),
        (),
        known_people=True,
        simulated=False,
    )


def config(folder, **changes):
    return Config.of(SMALL, {"outputs": str(folder)}, changes)


def weights(settings, name="latest"):
    return read_checkpoint(settings.folder.path / "checkpoints" / f"{name}.pt")["model"]


def assert_same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(data, tmp_path):
    first, again, other = (
        config(tmp_path, run=name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    histories = [train(settings, data).drop(columns=CLOCKED) for settings in (first, again, other)]
    assert_same(weights(first), weights(again))
    pd.testing.assert_frame_equal(histories[0], histories[1])
    assert not torch.equal(weights(first)["head.fc1.weight"], weights(other)["head.fc1.weight"])


@pytest.mark.parametrize(
    "settings",
    [
        dict(),
        dict(region_weight=0.5),
    ],
)
def test_a_training_that_was_broken_off_ends_as_an_unbroken_one(data, tmp_path, settings):
    whole = config(tmp_path, run="whole", **settings)
    history = train(whole, data)
    broken = config(tmp_path, run="broken", **settings)

    def pull_the_plug(table):
        if len(table) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(broken, data, on_epoch=pull_the_plug)
    resumed = train(broken, data)
    assert_same(weights(whole), weights(broken))
    assert_same(weights(whole, "best"), weights(broken, "best"))
    pd.testing.assert_frame_equal(history.drop(columns=CLOCKED), resumed.drop(columns=CLOCKED))
    saved = pd.read_csv(broken.folder.path / "history.csv")
    assert saved["epoch"].tolist() == [1, 2, 3]


def test_confusion_of_regions_and_gradient_norms_are_kept_for_every_epoch(data, tmp_path):
    whole, broken, closed = (config(tmp_path, run=name) for name in ("whole", "broken", "closed"))
    history = train(whole, data)
    assert (history[["grad_norm_backbone", "grad_norm_head"]] > 0).all(axis=None)
    read, regions = read_history(whole.folder)
    pd.testing.assert_frame_equal(read, history)
    assert regions.groupby("epoch")["clips"].sum().tolist() == [12, 12, 12] and set(
        regions["split"]
    ) == {"val"}
    right = regions[regions["true"] == regions["predicted"]].groupby("epoch")["clips"].sum()
    assert (right / 12).tolist() == pytest.approx(history["val_region_top1"].tolist())

    def pull_the_plug(table):
        if len(table) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(broken, data, on_epoch=pull_the_plug)
    assert read_history(broken.folder)[1]["epoch"].max() == 2
    train(broken, data)
    pd.testing.assert_frame_equal(read_history(broken.folder)[1], regions)

    alone = dataclasses.replace(data, splits={"train": data.splits["train"]})
    history = train(dataclasses.replace(closed, freeze=["backbone"]), alone)
    assert (history["grad_norm_backbone"] == 0).all() and (history["grad_norm_head"] > 0).all()
    regions = read_history(closed.folder)[1]
    assert set(regions["split"]) == {"train"} and regions.groupby("epoch")[
        "clips"
    ].sum().tolist() == [25, 25, 25]
    events = EventAccumulator(str(whole.folder.path / "tensorboard")).Reload()
    assert {"train/loss", "val/top1", "lr/head", "grad/norm_backbone", "clips/per_second"} <= set(
        events.Tags()["scalars"]
    )
    assert len(events.Images("region_confusion")) == 3


def test_a_killed_training_leaves_what_a_monitor_draws(folder, tmp_path):
    settings = config(tmp_path, run="killed", data_root=str(folder), epochs=400)
    settings.save(tmp_path / "given.yaml")
    process = subprocess.Popen(
        [sys.executable, "-m", "mbnb", "train", "-f", str(tmp_path / "given.yaml")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and len(read_history(settings.folder)[0]) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    history, regions = read_history(settings.folder)
    assert 2 <= len(history) < 400 and regions["epoch"].max() == len(history)

    rows, text = settings.folder.history, monitor.progress(settings.folder)[0]
    assert "running: last epoch" in text and "to go" in text
    os.utime(rows, (0, time.time() - 3600))
    text, finished = monitor.progress(settings.folder)
    assert "no epoch for 60 min" in text and "stopped or crashed" in text and not finished
    assert (
        f"epoch {len(history)} of 400" in text
        and "clips of held-out people: rows true, columns predicted" in text
        and "grad_norm_head" in text
    )
    shown = CliRunner().invoke(main, ["monitor", str(settings.folder.path)])
    assert shown.exit_code == 0 and text.splitlines()[0] in shown.output, shown.output
    assert {path.name for path in settings.folder.figures.iterdir()} == {
        "curves.png",
        "curves.pdf",
        "curves.txt",
    }


def test_a_monitor_reads_histories_of_older_versions_and_of_finished_runs(tmp_path):
    run = tmp_path / "old"
    run.mkdir()
    refused = CliRunner().invoke(main, ["monitor", str(run)])
    assert refused.exit_code == 2 and "no training has begun" in refused.output
    (run / "environment.json").write_text('{"data": {"clips": {"train": 1200}}}')
    assert "no epoch of ? is finished" in CliRunner().invoke(main, ["monitor", str(run)]).output
    table = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train_loss": [3.0, 2.0, 1.0],
            "train_top1": [0.1, np.nan, 0.3],
            "clips_per_second": 10.0,
        }
    )
    for column in ("clips_per_second", "train_top1"):
        table.to_csv(run / "history.csv", index=False)
        shown = CliRunner().invoke(main, ["monitor", str(run)])
        assert (
            shown.exit_code == 0
            and "epoch 3 of ?" in shown.output
            and "best epoch 3" in shown.output
        ), shown.output
        assert ("usually 2 min" in shown.output) == ("clips_per_second" in table)
        table = table.drop(columns=column)
    (run / "config.yaml").write_text("epochs: 3\n")
    shown = CliRunner().invoke(
        main, ["monitor", str(run), "--watch", "1"]
    )  # ends, since the run is finished
    assert shown.exit_code == 0 and "finished" in shown.output


def test_a_sparkline_keeps_the_course_of_any_number_of_values():
    assert monitor.sparkline([1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇█"
    assert monitor.sparkline([2.0, np.nan, 3.0]) == "▁ █"
    assert monitor.sparkline([5.0] * 3) == "▁▁▁"
    assert monitor.sparkline(range(1000), width=8) == "▁▂▃▄▅▆▇█"


def test_a_finished_training_is_not_done_again_and_other_settings_are_refused(data, tmp_path):
    settings = config(tmp_path)
    train(settings, data)
    before = (settings.folder.path / "checkpoints" / "latest.pt").stat().st_mtime_ns
    assert len(train(settings, data)) == 3
    assert len(train(dataclasses.replace(settings, epochs=0), data)) == 3, (
        "as many as it was begun with"
    )
    assert (settings.folder.path / "checkpoints" / "latest.pt").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="lr_head 0.005 there, 0.5 now"):
        train(dataclasses.replace(settings, lr_head=0.5), data)
    other = dataclasses.replace(data, splits=data.splits | {"train": people(5, 5, 1)})
    with pytest.raises(InputError, match="other data"):
        train(settings, other)
    assert len(train(dataclasses.replace(settings, lr_head=0.5, resume=False, epochs=1), data)) == 1


def test_test_people_influence_nothing(data, tmp_path):
    with_test, without = config(tmp_path, run="with"), config(tmp_path, run="without")
    train(with_test, data)
    shuffled = data.splits["test"].take(np.arange(3))
    train(without, dataclasses.replace(data, splits={**data.splits, "test": shuffled}))
    assert_same(weights(with_test, "best"), weights(without, "best"))


def test_it_learns_and_leaves_everything_in_the_run_folder(data, tmp_path):
    settings = config(tmp_path, epochs=25)
    history = train(settings, data)
    assert history["val_top1"].max() >= 0.9
    kept = {
        str(path.relative_to(settings.folder.path))
        for path in settings.folder.path.rglob("*")
        if path.is_file()
    }
    assert {
        "config.yaml",
        "environment.json",
        "history.csv",
        "checkpoints/best.pt",
        "checkpoints/latest.pt",
    } <= kept
    assert any("tfevents" in name for name in kept)
    trained = load_trained(settings.folder.path / "checkpoints" / "best.pt", Config())
    assert trained.config == settings
    assert trained.classes == CLASSES
    assert trained.epoch == best_epoch(history)
    val = data.splits["val"]
    # What predictions are calibrated by was fitted to predictions made in the same way.
    for path in (settings.folder.best, settings.folder.latest):
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
    checkpoint = start.folder.path / "checkpoints" / "latest.pt"
    tuned = config(tmp_path, run="tuned", init_from=str(checkpoint), freeze=["backbone"], epochs=1)
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
    settings = config(
        tmp_path, recipe="parity", batch_size=24, epochs=1
    )  # 25 clips: 24 and 1 in the original, a crash in BatchNorm
    history = train(settings, data)
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
    first = load_evaluation(settings, data)
    np.testing.assert_allclose(
        load_evaluation(settings, data).probabilities, first.probabilities, atol=1e-5
    )
    longer = dataclasses.replace(settings, epochs=12)
    train(longer, data)
    assert np.abs(load_evaluation(longer, data).probabilities - first.probabilities).max() > 0.01


def test_without_training_clips_there_are_scores_but_no_baselines(data, tmp_path):
    settings = config(tmp_path, epochs=1)
    train(settings, data)
    alone = dataclasses.replace(data, splits={"test": data.splits["test"]})
    evaluation = evaluate(settings, alone)
    assert len(compare_with_baselines(settings, alone, evaluation)) == 0
    assert len(compare_with_baselines(settings, data, evaluation)) == 3


def in_processes(count, settings):
    """Train in `count` processes by torchrun, as a cluster would."""
    settings.save(settings.folder.path / "given.yaml")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={count}",
        "-m",
        "mbnb",
        "train",
        "-f",
        str(settings.folder.path / "given.yaml"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return pd.read_csv(settings.folder.history).drop(columns=CLOCKED)


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    """The data in the documented layout, which several processes read by themselves."""
    root = tmp_path_factory.mktemp("layout") / "data"
    write_dataset(root, data.splits, CLASSES)
    return root


# Large batches, noise and dropout of the head are the same for all processes; among the sizes are
# such as do not divide evenly.
SHARED = dict(
    batch_size=9,
    dropout_ratio=0.3,
    rate=20.0,
    clip_len=40,
    maxlen=40,
    lr_backbone=1e-3,
    lr_head=1e-3,
)


def test_two_processes_lose_what_one_loses_and_either_goes_on_for_the_other(folder, tmp_path):
    alone = config(tmp_path, run="alone", data_root=str(folder), epochs=3, **SHARED)
    history = train(alone, load(alone)).drop(columns=CLOCKED)
    both = config(tmp_path, run="both", data_root=str(folder), epochs=2, **SHARED)
    shared_history = in_processes(2, both)
    reference = config(tmp_path, run="reference", data_root=str(folder), epochs=2, **SHARED)
    expected = train(reference, load(reference)).drop(columns=CLOCKED)
    pd.testing.assert_frame_equal(shared_history, expected, rtol=1e-3, atol=1e-4)
    assert list(history.columns) == list(shared_history.columns)
    for key, value in weights(both).items():
        # BatchNorm takes this bias out again: its gradients are rounding errors.
        if key != "head.fc1.bias":
            expected_value = weights(reference)[key]
            torch.testing.assert_close(value, expected_value, atol=1e-3, rtol=1e-2, msg=key)
    # Two epochs in two processes and a third in one are three epochs in one. After so short a
    # training two classes are equally likely to the third digit.
    ties = ["val_top1", "val_macro_f1", "val_region_top1"]
    longer = [dataclasses.replace(settings, epochs=3) for settings in (both, reference)]
    third, expected = (train(one, load(one)).drop(columns=[*CLOCKED, *ties]) for one in longer)
    pd.testing.assert_frame_equal(third, expected, rtol=1e-3, atol=1e-3)


def test_the_setting_devices_starts_processes_and_shows_every_epoch(folder, data, tmp_path):
    settings = config(tmp_path, data_root=str(folder), devices=2, epochs=2)
    shown = []
    history = train(settings, load(settings), on_epoch=lambda table: shown.append(len(table)))
    assert history["epoch"].tolist() == [1, 2]
    assert shown == sorted(set(shown)) and shown[-1] == 2
    assert settings.folder.config.exists()
    other = dataclasses.replace(data, splits={"train": people(5, 5, 9)})
    with pytest.raises(InputError, match="several processes read the data themselves"):
        train(dataclasses.replace(settings, run="other"), other)
    with pytest.raises(InputError, match="30 processes cannot share batches of"):
        train(dataclasses.replace(settings, run="many", batch_size=29, devices=30), load(settings))


@pytest.mark.parametrize(
    "settings",
    [
        dict(precision="bf16"),
        dict(clips_on="disk"),
        dict(rate=15.0, clip_len=243, maxlen=243, epochs=60),
    ],
)
def test_it_learns_in_other_ways_too(data, tmp_path, settings):
    history = train(config(tmp_path, **{"epochs": 25} | settings), data)
    assert history["val_top1"].max() >= 0.8
    assert np.isfinite(history["val_loss"]).all()


@pytest.mark.skipif(
    not shutil.which("g++"), reason="torch.compile needs a C++ compiler on a processor"
)
def test_a_compiled_training_loses_what_a_plain_one_loses(data, tmp_path):
    alone = dataclasses.replace(
        data, splits={"train": data.splits["train"]}
    )  # a second graph, for evaluation, would take another minute
    histories = [
        train(
            config(
                tmp_path,
                run=mode,
                compile=mode,
                epochs=1,
                rate=20.0,
                clip_len=40,
                maxlen=40,
                val_fraction=0.0,
            ),
            alone,
        )
        for mode in ("off", "default")
    ]
    np.testing.assert_allclose(histories[0]["train_loss"], histories[1]["train_loss"], rtol=1e-3)


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
    state = weights(settings)
    assert state["head.fc2.weight"].shape == state["head.regions.weight"].shape == (2, 16)
    evaluation = evaluate(settings, data)
    assert evaluation.regions.shape == (12, 2)
    np.testing.assert_allclose(evaluation.regions.sum(1), 1, atol=1e-5)
    again = load_evaluation(settings, data)
    np.testing.assert_allclose(again.regions, evaluation.regions, atol=1e-5)
    official = json.loads(settings.folder.metrics.read_text())["official"]
    both = evaluation.regions + evaluation.probabilities  # each region has one class
    assert official["body_top1"] == (both.argmax(1) == evaluation.clips.labels).mean()
    plain = evaluate(dataclasses.replace(settings, views=1), data)
    assert not np.allclose(plain.probabilities, evaluation.probabilities, atol=1e-4), (
        "views change probabilities"
    )
    with pytest.raises(InputError, match="other classes|another class table|trained on"):
        evaluate(
            settings,
            dataclasses.replace(
                data,
                classes=ClassTable(
                    *(values + values[:1] for values in (("X1", "X2"), ("x", "y"), ("r", "s")))
                ),
            ),
        )


def test_people_are_left_out_fold_by_fold(data, tmp_path):
    root = tmp_path / "people"
    write_dataset(root, {"train": people(6, 4, 0), "test": people(2, 4, 0, first=6)}, CLASSES)
    held = [
        load(config(tmp_path, data_root=str(root), val_fraction=0.34, fold=fold)).splits
        for fold in range(3)
    ]
    out = [set(splits["val"].subjects) for splits in held]
    assert set.union(*out) == {f"p{i}" for i in range(6)} and sum(map(len, out)) == 6
    assert all(
        not set(splits["train"].subjects) & people_out for splits, people_out in zip(held, out)
    )
    other_seed = load(
        config(tmp_path, data_root=str(root), val_fraction=0.34, fold=1, seed=9)
    ).splits
    assert set(other_seed["val"].subjects) == out[1], "the same people whatever the seed"
    alone = [
        load(config(tmp_path, data_root=str(root), val_fraction=1 / 8, fold=fold, pool=True)).splits
        for fold in range(8)
    ]
    assert [set(splits["val"].subjects) for splits in alone] == [{f"p{i}"} for i in range(8)]
    assert all(len(splits["train"]) == 28 and "test" not in splits for splits in alone)
    with pytest.raises(InputError, match="'fold': expected below 6"):
        load(config(tmp_path, data_root=str(root), val_fraction=0.1, fold=7))
    settings = config(
        tmp_path, data_root=str(root), run="fold", val_fraction=0.34, fold=2, scored="val"
    )
    train(settings, load(settings))
    assert set(evaluate(settings, load(settings)).clips.subjects) == out[2]
    metrics = json.loads(settings.folder.metrics.read_text())
    assert (metrics["checkpoint"], metrics["chosen_on_scored"]) == ("latest.pt", False), (
        "who chose the best epoch is not scored with it"
    )
    best = settings.folder.path / "checkpoints" / "best.pt"
    evaluate(dataclasses.replace(settings, checkpoint=str(best)), load(settings))
    assert json.loads(settings.folder.metrics.read_text())["chosen_on_scored"]
    for pool in (False, True):  # the folder's own splits, whatever the training made of them
        answer = CliRunner().invoke(
            main, ["predict", str(best), str(root), "-p", "pool", str(pool)], catch_exceptions=False
        )
        assert answer.exit_code == 0 and len(answer.stdout.splitlines()) == 1 + 8


def test_baselines_are_evaluated_as_runs(data, tmp_path):
    for method in ("largest", "linear", "nearest"):
        settings = config(tmp_path, run=method, method=method)
        evaluation = evaluate(settings, data)
        assert evaluation.split == "test" and evaluation.correct.mean() >= (
            0.5 if method == "largest" else 0.8
        )
        np.testing.assert_allclose(evaluation.probabilities.sum(1), 1, atol=1e-6)
        assert (load_evaluation(settings, data).predictions == evaluation.predictions).all()
        with pytest.raises(InputError, match="nothing to train"):
            train(settings, data)

"""A training that was broken off at any moment ends with the bits of an unbroken one."""

import dataclasses
import os
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from build import CLASSES
from train.conftest import CLOCKED, config, people, pull_the_plug, weights

from mbnb.data.motion import load_motion
from mbnb.files import InputError
from mbnb.model.checkpoints import read_checkpoint
from mbnb.train import action, read_history, resume, train, trouble
from mbnb.train.pretrain import PretrainTask, pretrain

ALWAYS = dict(save_minutes=1e-9)  # a point after every step
PRETRAINING = dict(
    simulated_people=4, simulated_test_people=1, simulated_clips=6, val_fraction=0.3, contrast=0
)
KINDS = {
    "default": dict(dropout_ratio=0.4),
    "parity": dict(recipe="parity", dropout_ratio=0.4, batch_size=8, clip_len=8),
    "embed": dict(head="embed", dropout_ratio=0.4),
    "disk": dict(clips_on="disk"),
    "pretraining": PRETRAINING,
}


class Killed(BaseException):
    """The process is gone, as far as a training can see it."""


def dying(monkeypatch, task, step):
    """Let the training of this kind of task end in its so manieth step, once."""
    real, left = task.loss, [step]

    def loss(self, engine, batch):
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return real(self, engine, batch)

    monkeypatch.setattr(task, "loss", loss)


@pytest.mark.parametrize("kind", KINDS)
def test_broken_off_within_an_epoch_it_ends_with_the_same_bits(kind, data, tmp_path, monkeypatch):
    run, task = train, action.EmbedTask if kind == "embed" else action.ActionTask
    whole, broken = (config(tmp_path, run=name, **ALWAYS, **KINDS[kind]) for name in "ab")
    if kind == "pretraining":
        run, task, data = pretrain, PretrainTask, load_motion(whole)
    history = run(whole, data)
    for step in (1, 3, 4):  # of the first epoch, of the one that goes on, of the last
        with monkeypatch.context() as patch, pytest.raises(Killed):
            dying(patch, task, step)
            run(broken, data)
    resumed = run(broken, data)
    for name in ("latest", "best"):
        one, other = (read_checkpoint(getattr(s.folder, name)) for s in (whole, broken))
        for key, value in one["model"].items():
            assert torch.equal(value, other["model"][key]), key
        assert one.get("temperature") == other.get("temperature")
    pd.testing.assert_frame_equal(history.drop(columns=CLOCKED), resumed.drop(columns=CLOCKED))
    written = read_history(broken.folder)[0].drop(columns=CLOCKED)
    pd.testing.assert_frame_equal(written, history.drop(columns=CLOCKED))
    assert len(resume.points_of(broken.folder)) == resume.KEPT + 1  # and latest.pt


def test_what_is_damaged_is_passed_over_and_what_is_another_s_is_refused(data, tmp_path, capsys):
    settings = config(tmp_path, **ALWAYS)
    with pytest.raises(KeyboardInterrupt):
        train(settings, data, on_epoch=pull_the_plug)
    last, before, *_ = resume.points_of(settings.folder)
    raw = bytearray(last.read_bytes())
    raw[len(raw) // 2] ^= 1  # one bit of the weights or of the optimizers
    last.write_bytes(raw)
    train(settings, data)
    said = capsys.readouterr().err
    assert f"{last}: not a checkpoint, but damaged in" in said
    assert f"goes on from {before}, which was written before" in said
    whole = config(tmp_path, run="whole")
    train(whole, data)
    for key, value in weights(whole).items():
        assert torch.equal(value, weights(settings)[key]), key

    for path in resume.points_of(settings.folder):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="(?s)cut-off file.*start afresh with resume: false"):
        train(settings, data)
    fewer = dataclasses.replace(data, splits=data.splits | {"train": people("abcd", [0, 2])})
    with pytest.raises(InputError, match="train 25 clips of 5 people there, 8 clips of 4 people"):
        train(dataclasses.replace(whole, epochs=4), fewer)
    moved = data.splits["train"].take(np.arange(25)[::-1])
    moved = dataclasses.replace(data, splits=data.splits | {"train": moved})
    with pytest.raises(InputError, match="train has 25 clips of 5 people in both, but not the sa"):
        train(whole, moved)


def test_a_break_between_a_checkpoint_and_its_row_is_made_good(data, tmp_path):
    settings = config(tmp_path)
    history = train(settings, data)
    read_history(settings.folder)[0].iloc[:2].to_csv(settings.folder.history, index=False)
    settings.folder.latest.unlink()
    os.link(resume.points_of(settings.folder)[1], settings.folder.latest)
    train(settings, data)
    pd.testing.assert_frame_equal(read_history(settings.folder)[0], history)
    assert read_checkpoint(settings.folder.latest)["epoch"] == 3


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGINT"])
def test_asked_to_stop_it_writes_where_it_goes_on_and_does_as_it_was_asked(name, data, tmp_path):
    if not hasattr(signal, name):
        pytest.skip(f"this system has no {name}")
    number, settings, heard = getattr(signal, name), config(tmp_path), []
    before = signal.signal(number, lambda *_: heard.append(settings.folder.lock.exists()))
    try:
        with pytest.raises(KeyboardInterrupt):
            train(settings, data, on_epoch=lambda history: signal.raise_signal(number))
        assert signal.getsignal(number) != before, "what was there is there again"
    finally:
        signal.signal(number, before)
    assert heard == [False], "heard once, by who heard it before, when the run was let go"
    assert len(read_checkpoint(resume.points_of(settings.folder)[0])["history"]) == 1
    with pytest.raises(KeyboardInterrupt):
        train(settings, data, on_epoch=lambda history: signal.raise_signal(signal.SIGINT))


def test_a_loss_that_goes_wrong_names_the_clip_and_goes_on_at_a_lower_rate(data, tmp_path):
    settings = config(tmp_path, **ALWAYS)
    train(dataclasses.replace(settings, epochs=1), data)
    train_clips = data.splits["train"]
    frames = train_clips.frames.copy()
    frames[train_clips.starts[7] : train_clips.starts[7] + 3] = np.nan
    broken = dataclasses.replace(train_clips, frames=frames)
    broken = dataclasses.replace(data, splits=data.splits | {"train": broken})
    with pytest.raises(InputError) as refused:
        train(config(tmp_path, run="nan"), broken)
    name = train_clips.names[7]
    assert f"joints of {name} are no numbers" in str(refused.value)
    assert "the loss became nan in step" in str(refused.value)
    losses = torch.cat([torch.full((20,), 2.0), torch.full((20,), 40.0)])
    with pytest.raises(InputError, match="exploded from 2 to 40 in step 121 of epoch 3, at a, b"):
        where = 3, 100
        trouble.check_losses(losses, 2.0, where, lambda step: ["a", "b"], data, settings)
    trouble.check_losses(losses[:25], 2.0, where, lambda step: ["a"], data, settings)
    slower = dataclasses.replace(settings, lr_factor=0.25)
    history = train(slower, data)
    rates = history["lr_head"]
    unbroken = train(config(tmp_path, run="whole"), data)["lr_head"]
    assert (rates[1:] / unbroken[1:]).tolist() == pytest.approx([0.25, 0.25])


def test_where_memory_does_not_hold_a_batch_its_parts_give_the_same_steps(data, tmp_path):
    plain, parts = (config(tmp_path, run=str(n), accumulate=n, epochs=2) for n in (1, 3))
    first, second = (train(settings, data)["train_loss"] for settings in (plain, parts))
    np.testing.assert_allclose(first, second, rtol=1e-5)
    with pytest.raises(InputError, match="(?s)memory of cpu is full.*-p accumulate 6"):
        with trouble.memory_is_full(parts, torch.device("cpu")):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_answers_that_are_all_alike_and_classes_that_are_dead_are_said():
    labels = np.repeat([0, 1, 3], [5, 4, 1])
    said = trouble.answers_alike(labels, np.zeros(10, int), CLASSES)
    assert said == [
        "the answers have collapsed: 100% of them are C1, of the clips 50%",
        "2 of 3 classes are never answered: C2, D2",
    ]
    assert trouble.answers_alike(labels, labels, CLASSES) == []
    assert trouble.answers_alike(np.zeros(10, int), np.zeros(10, int), CLASSES) == []

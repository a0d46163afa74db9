"""Training on a GPU: it learns, goes on after a break, and does not wait for the device."""

import pandas as pd
import pytest
import torch
from build import CLASSES, clips, config, data_set, person
from torch.utils._python_dispatch import TorchDispatchMode

from mbnb.devices import connect
from mbnb.model.checkpoints import load_trained
from mbnb.model.predict import Network
from mbnb.train import train
from mbnb.train.action import ActionTask
from mbnb.train.loop import Training

LEARNING = dict(
    dim_feat=32,
    dim_rep=16,
    hidden_dim=32,
    num_heads=4,
    clip_len=32,
    batch_size=16,
    lr_backbone=3e-3,
    lr_head=3e-3,
    views=1,
    compile="off",
)


def restless(label, seed):
    """(T, 17, 3) of somebody who stands quietly (0, 1) or trembles (2, 3)."""
    return person(seed, step=0.001 if label < 2 else 0.02)


@pytest.fixture(scope="module")
def data():
    people = {"train": "abcde", "val": "fg", "test": "hi"}
    splits = {
        split: clips(names, [0, 2] * 6, split, pose=restless, seed=1000 * i, classes=CLASSES)
        for i, (split, names) in enumerate(people.items())
    }
    return data_set(splits)


def training(settings, data):
    task = ActionTask(settings, data, connect(settings), -(-60 // settings.batch_size))
    return Training(task, settings, data, task.fabric, {})


def test_it_goes_on_after_a_break_on_the_same_and_on_another_device(accelerator, data, tmp_path):
    common = LEARNING | dict(precision="float32", epochs=3, outputs=tmp_path)
    whole = train(config(**common, run="whole", device=accelerator.type), data)

    def pull_the_plug(history):
        if len(history) == 2:
            raise KeyboardInterrupt

    for name, device in (("same", accelerator.type), ("other", "cpu")):
        with pytest.raises(KeyboardInterrupt):
            train(config(**common, run=name, device=accelerator.type), data, pull_the_plug)
        resumed = train(config(**common, run=name, device=device), data)
        assert resumed["epoch"].tolist() == [1, 2, 3]
        if name == "same":  # chance is drawn by the device, so that another draws other chance
            columns = ["train_loss", "val_loss"]
            pd.testing.assert_frame_equal(whole[columns], resumed[columns], rtol=1e-2)


def test_a_processor_predicts_what_the_gpu_predicts(accelerator, data, tmp_path):
    settings = config(**LEARNING, device=accelerator.type, precision="float32", outputs=tmp_path)
    train(settings, data)
    probabilities = []
    for device in (accelerator.type, "cpu"):
        here = config(**LEARNING, device=device, precision="float32", outputs=tmp_path)
        trained = load_trained(settings.folder.latest, here)
        network = Network(trained, data.skeleton, CLASSES, here)
        probabilities.append(torch.as_tensor(network.answer(data.splits["test"])))
    torch.testing.assert_close(*probabilities, atol=1e-4, rtol=0)


class Questions(TorchDispatchMode):
    """Counts the operations whose answer the program needs before it can go on."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_consecutive")

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        name = function.overloadpacket.__name__
        masks = arguments[1] if name in ("index", "index_put_") else ()
        masked = any(index is not None and index.dtype == torch.bool for index in masks)
        self.count += name in self.WAITING or masked
        return function(*arguments, **(options or {}))


@pytest.mark.parametrize("settings", [dict(), dict(freeze=["backbone"]), dict(region_weight=0.5)])
def test_a_step_never_waits_for_the_device(data, tmp_path, settings):
    # Without a GPU too: no step of the program depends on what a tensor holds.
    settings = config(**LEARNING | settings, device="auto", outputs=tmp_path)
    running = training(settings, data)
    task, engine = running.task, running.engine
    task.model.train()
    order = torch.arange(task.size).split(settings.batch_size)
    batches = list(task.batches(list(order), 0, 1))
    running._step(task.loss(engine, batches[0]))  # makes the optimizer's state
    on_gpu = engine.device.type == "cuda"
    with Questions() as questions:
        if on_gpu:
            torch.cuda.set_sync_debug_mode("error")
        try:
            for batch in batches:
                running._step(task.loss(engine, batch))
        finally:
            if on_gpu:
                torch.cuda.set_sync_debug_mode("default")
    assert questions.count == 0
    with questions:  # which would have noticed
        torch.ones(2)[torch.tensor([True, False])].sum().item()
    assert questions.count == 2


def test_it_learns(accelerator, data, tmp_path):
    common = LEARNING | dict(compile="auto", epochs=12, outputs=tmp_path)
    history = train(config(**common, device=accelerator.type), data)
    assert history["val_top1"].max() >= 0.9

"""The head that embeds: MotionBERT's loss and steps, batches of even classes, a training whole."""

import numpy as np
import pytest
import torch
from train.conftest import config

from mbnb.model.action import ActionNet
from mbnb.model.checkpoints import load_trained
from mbnb.model.dstformer import DSTformer
from mbnb.model.heads import ActionHeadEmbed
from mbnb.model.predict import Network
from mbnb.train import train
from mbnb.train.action import embed_loss
from mbnb.train.contrast import balanced, contrast_losses


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "motionbert" / "oneshot.npz", allow_pickle=False) as file:
        return {key: torch.as_tensor(file[key]) for key in file.files}


@pytest.mark.parametrize("name", ["base", "views2", "default_temp", "no_labels", "anchor_one"])
def test_the_loss_and_its_gradient_equal_the_original(golden, name):
    features, labels, temperature = (
        golden[f"supcon_{name}_{key}"] for key in ("feat", "y", "temp")
    )
    for kind, atol in (("f32", 1e-3), ("f64", 1e-9)):
        precision = {"f32": torch.float32, "f64": torch.float64}[kind]
        given = features.to(precision, copy=True).detach().requires_grad_()
        vectors = given.transpose(0, 1).flatten(0, 1)  # (B, V, D) -> (V·B, D)
        same = labels.repeat(features.shape[1])
        loss = embed_loss(vectors, same, temperature.item())
        if name == "anchor_one":  # the first views alone are to find theirs
            losses = contrast_losses(vectors, same, temperature.item())[: len(labels)]
            loss = temperature.item() / 0.07 * losses.mean()
        expected = golden[f"supcon_{name}_{kind}"].to(given.dtype)
        torch.testing.assert_close(loss, expected, atol=atol, rtol=0)
    loss.backward()
    torch.testing.assert_close(given.grad, golden[f"supcon_{name}_grad"], atol=1e-9, rtol=0)


def test_a_class_with_one_clip_is_left_out_where_the_original_is_nan(golden):
    assert golden["supcon_lonely_value"].isnan()
    features, labels = golden["supcon_base_feat"][:, 0].double(), golden["supcon_base_y"].clone()
    labels[0] = 99
    vectors = features.clone().requires_grad_()
    loss = embed_loss(vectors, labels, 0.1)
    loss.backward()
    assert loss.isfinite() and vectors.grad.isfinite().all() and vectors.grad.abs().sum() > 0


def test_three_steps_equal_the_original(shared):
    golden = torch.load(shared / "golden" / "motionbert" / "oneshot_steps.pt", weights_only=True)
    backbone = DSTformer(dim_in=3, dim_out=3, **golden["config"])
    sizes = dict(dim_rep=golden["config"]["dim_rep"], hidden_dim=golden["hidden_dim"])
    model = ActionNet(backbone, version="embed", **sizes).double()
    model.load_state_dict(golden["init_state"])
    groups = [
        {"params": getattr(model, part).parameters(), "lr": golden[f"lr_{part}"]}
        for part in ("backbone", "head")
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=golden["weight_decay"])
    x = golden["x"].double()
    for batch, labels, expected in zip(x, golden["y"], golden["losses"]):
        loss = embed_loss(model(batch), labels, golden["temperature"])
        assert loss.item() == pytest.approx(expected, abs=1e-7)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, value in golden["final"].items():
        torch.testing.assert_close(model.state_dict()[name], value, atol=1e-7, rtol=0)
    torch.testing.assert_close(model.eval()(x[0]), golden["eval_after"], atol=1e-7, rtol=0)


def test_batches_hold_as_many_clips_of_each_class_and_all_classes_come():
    labels = torch.tensor([3] * 9 + [5] * 4 + [7] + [8] * 6)
    torch.manual_seed(0)
    batches = balanced(labels, [4, 4, 5, 4], 2)
    for places in batches:
        kinds, counts = labels[places].unique(return_counts=True)
        assert len(places) == 4 and len(kinds) == 2 and (counts == 2).all()
    assert labels[torch.cat(batches[:2])].unique().tolist() == [3, 5, 7, 8]
    assert labels[torch.cat(batches[2:])].unique().tolist() == [3, 5, 7, 8]
    alone = [place for place in torch.cat(batches).tolist() if labels[place] == 7]
    assert alone == [13] * 4  # a class with one clip repeats it
    assert labels[balanced(labels, [64], 3)[0]].bincount().tolist() == [0, 0, 0, 3, 0, 3, 0, 3, 3]


def test_a_training_brings_clips_of_a_class_together(data, tmp_path):
    settings = config(tmp_path, head="embed", epochs=6, init_from="")
    history = train(settings, data)
    assert history["val_top1"].max() > 0.9 and history["val_loss"].notna().all()
    trained = load_trained(settings.folder.best, settings)
    assert isinstance(trained.model.head, ActionHeadEmbed)
    clips = data.splits["test"]
    network = Network(trained, data.skeleton, data.classes, settings)
    vectors = network.vectors(clips)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    # Dropout is off, so that two looks are the same.
    np.testing.assert_array_equal(vectors, network.vectors(clips))
    alike = clips.labels[:, None] == clips.labels
    likeness = vectors @ vectors.T
    assert likeness[alike].min() > likeness[~alike].mean()
    np.fill_diagonal(likeness, -1)
    assert (clips.labels[likeness.argmax(1)] == clips.labels).mean() > 0.8

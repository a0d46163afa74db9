"""Explanations find what is known to decide.

One forearm or one shank tells four classes apart, while the other limbs move at random.
"""

import dataclasses

import build
import numpy as np
import pytest
import torch
from build import CLASSES, H36M, moving

from mbnb.classes import ClassTable
from mbnb.config import Config
from mbnb.explain.attribution import (
    Explainer,
    Importance,
    areas,
    bridge_spans,
    by_region,
    deletion_curve,
    explain,
    spread_over_frames,
)
from mbnb.files import InputError
from mbnb.model.checkpoints import Trained, build_model, load_trained
from mbnb.model.predict import Network
from mbnb.prepare import make_recipe
from mbnb.train import train

PARTS = tuple(dict.fromkeys(H36M.parts))
SETTINGS = dict(
    dim_feat=16,
    dim_rep=16,
    num_heads=2,
    hidden_dim=32,
    clip_len=24,
    patch=4,
    batch_size=16,
    epochs=30,
    dropout_ratio=0.2,
    flip=False,
    lr_backbone=4e-3,
    lr_head=8e-3,
    device="cpu",
    views=1,
    val_fraction=0.0,
)


def people(count, each, seed, event=(0.0, 1.0)):
    """Clips of the four classes, `each` of a person, in which the left limb moves at `event`."""
    return build.clips(
        [f"p{person}" for person in range(count)],
        [i % 4 for i in range(each)],
        pose=lambda label, seed: moving(label, seed, event=event),
        seed=1000 * seed,
        classes=CLASSES,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(trained, test clips, config) of a model that is nearly always right."""
    config = Config.of(SETTINGS, {"outputs": str(tmp_path_factory.mktemp("run"))})
    splits = {"train": people(8, 20, 0), "test": people(2, 20, 1)}
    train(config, build.data_set(splits))
    return load_trained(config.folder.latest, config), splits["test"], config


def explainer(run, **choice):
    trained, clips, config = run
    return Explainer(trained, clips, H36M, CLASSES, config, **choice)


def odds(explained):
    """(N, 2) log-odds of the clips and of the still body."""
    return explained.log_odds(
        explained.logits(lambda rows, bones: [bones, explained.still.expand_as(bones)])
    ).numpy()


def test_the_limb_that_decides_is_the_most_important_by_both_methods(run):
    explained = explainer(run)
    labels = run[1].labels
    assert (explained.targets.numpy() == labels).mean() >= 0.95
    deciding = np.array(H36M.index("L_Wrist", "L_Wrist", "L_Ankle", "L_Ankle"))[labels]
    for by_joint in (
        explained.occlusion("joint"),
        np.stack([cells.sum(1) for cells in explained.integrated_gradients()]),
    ):
        assert (by_joint.argmax(1) == deciding).mean() > 0.9
        others = by_joint.mean(0)[H36M.index("Pelvis", "Head", "R_Wrist", "R_Ankle")]
        assert np.abs(others).max() < 0.1 * by_joint[np.arange(len(by_joint)), deciding].mean()
    parts = explained.occlusion("part")
    assert (
        parts.argmax(1) == np.array([PARTS.index(CLASSES.regions[label]) for label in labels])
    ).mean() > 0.9


def test_attributions_sum_to_what_the_clip_has_over_the_still_body(run):
    explained = explainer(run, which=np.arange(16))
    whole, still = odds(explained).T
    errors = {}
    for steps in (4, 16, 64):
        cells = explained.integrated_gradients(steps)
        assert [values.shape for values in cells] == [
            (17, length) for length in run[1].lengths[:16]
        ]
        errors[steps] = np.abs([values.sum() for values in cells] - (whole - still)).mean()
    assert errors[64] < errors[16] < errors[4]
    assert errors[16] < 0.05 * np.abs(whole - still).mean()


@pytest.mark.parametrize(
    "settings, heads",
    [
        (dict(recipe="parity", clip_len=20), {}),
        (SETTINGS | dict(clip_len=16), dict(regions=2)),
    ],
)
def test_the_parity_recipe_and_a_head_for_regions_are_explained_too(settings, heads):
    """Weights are random, but so large that predictions depend on the clip."""
    clips = people(1, 4, 3)
    torch.manual_seed(0)
    config = Config.of(
        dict(dim_feat=8, dim_rep=8, depth=1, num_heads=2, hidden_dim=16, maxlen=20, device="cpu"),
        settings,
        dict(hidden_dim=16),
    )
    model = build_model(config, len(CLASSES), len(H36M), **heads)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.3 * torch.randn_like(weight)
    trained = Trained(model, config, CLASSES, 0)
    explained = Explainer(trained, clips, H36M, CLASSES, config)
    whole, still = odds(explained).T
    assert np.ptp(whole - still) > 0.05
    np.testing.assert_allclose(
        [cells.sum() for cells in explained.integrated_gradients(64)],
        whole - still,
        atol=0.1 * np.ptp(whole - still),
    )
    one_view = dataclasses.replace(config, views=1)
    probabilities = Network(trained, H36M, CLASSES, one_view).answer(clips).max(1)
    np.testing.assert_allclose(whole, np.log(probabilities / (1 - probabilities)), atol=1e-3)


def test_unaltered_clips_get_the_answers_of_the_network(run):
    trained, clips, config = run
    which = np.random.default_rng(0).permutation(len(clips))
    explained = explainer(run, which=which)
    probabilities = explained.logits(lambda rows, bones: [bones]).softmax(-1)[:, 0]
    uncalibrated = dataclasses.replace(trained, temperature=1.0)
    answers = Network(uncalibrated, H36M, CLASSES, config).answer(clips)
    np.testing.assert_allclose(probabilities, answers[which], atol=1e-5)


def test_hidden_bodies_of_one_length_get_the_same_answer(run):
    explained, everything = explainer(run), torch.ones(17, dtype=torch.bool)
    hidden = explained.logits(lambda rows, bones: [explained.without(bones, everything)])[:, 0]
    probabilities, frames = hidden.softmax(-1), explained.recipe.frames_of
    assert len(frames.unique()) > 1
    for of_length in (probabilities[frames == count] for count in frames.unique()):
        np.testing.assert_allclose(of_length, of_length[:1].expand_as(of_length), atol=1e-5)


def test_a_hidden_joint_takes_along_what_hangs_on_it_and_nothing_else_moves(run):
    explained = explainer(run)
    elbow, wrist = H36M.index("R_Elbow", "R_Wrist")
    for _, bones, _ in explained.groups(explained.recipe, np.arange(4)):
        body = explained.without(bones, torch.arange(17) == elbow)
        before, after = (explained.to_joints @ some for some in (bones, body))
        moved = (after - before).norm(dim=-1)
        assert (moved.amax((0, 1)) > 1e-4).nonzero()[:, 0].tolist() == [elbow, wrist]
        torch.testing.assert_close((after - before)[:, :, elbow], (after - before)[:, :, wrist])
        upper_arm = after[:, :, elbow] - after[:, :, H36M.parents[elbow]]
        assert upper_arm.std(1).max() < 1e-5


def test_hidden_spans_are_bridged_without_a_jump(run):
    explained = explainer(run)
    for _, bones, _ in explained.groups(explained.recipe, np.arange(8)):
        bridged = list(bridge_spans(bones, explained.still))
        frames = bones.shape[1]
        changed = torch.stack(
            [(body != bones).flatten(2).any(2).any(0) for body in bridged]
        )  # (SPANS, F)
        assert (changed.sum(0) <= 1).all() and changed.sum() > 0.7 * frames, (
            "spans do not overlap, and cover the clip"
        )
        speed = bones.diff(dim=1).norm(dim=-1).amax(1)
        for body in bridged:
            assert (body.diff(dim=1).norm(dim=-1).amax(1) <= speed + 1e-6).all()


@pytest.mark.parametrize("event", [(0.3, 0.6), (0.6, 0.9)])
def test_frames_are_important_when_it_happens(run, event):
    trained, _, config = run
    clips = people(4, 8, 2, event)
    importance = explain(trained, clips, H36M, CLASSES, config)
    for frames, length in zip(importance.frames, clips.lengths):
        assert frames.shape == (length,)
        assert frames.sum() == pytest.approx(1)
    time = [np.linspace(0, 1, length) for length in clips.lengths]
    inside = np.mean(
        [
            frames[(event[0] - 0.05 <= t) & (t <= event[1] + 0.05)].sum()
            for frames, t in zip(importance.frames, time)
        ]
    )
    assert inside > 0.75
    drops = (
        Explainer(trained, clips, H36M, CLASSES, config, targets=clips.labels)
        .occlusion("span")
        .mean(0)
    )
    first, last = drops.argmax() / len(drops), (drops.argmax() + 1) / len(drops)
    assert first < event[1] and event[0] < last, "most is lost with a span that the event touches"


def test_hiding_important_joints_first_takes_the_answer_away_sooner_than_chance_does(run):
    trained, clips, config = run
    importance = explain(trained, clips, H36M, CLASSES, config)
    np.testing.assert_allclose(importance.joints.sum(1), 1)
    assert (importance.joints >= 0).all()
    curve = deletion_curve(importance, trained, clips, H36M, CLASSES, config)
    assert curve["share"].tolist() == sorted(curve["share"]) and curve["share"].iloc[
        [0, -1]
    ].tolist() == [0, 1]
    assert (
        curve["important"].iloc[0] == pytest.approx(curve["random"].iloc[0])
        and curve["important"].iloc[0] > 0.8
    )
    assert curve["important"].iloc[-1] == pytest.approx(curve["random"].iloc[-1], abs=1e-6)
    under = areas(curve)
    assert under["important"] < under["random"] - 0.15
    backwards = dataclasses.replace(importance, joints=1 - importance.joints)
    assert (
        areas(deletion_curve(backwards, trained, clips, H36M, CLASSES, config, seeds=1))[
            "important"
        ]
        > under["random"] + 0.15
    )
    table = by_region(importance, CLASSES)
    assert table["clips"].sum() == len(clips)
    assert all(table.at[region, region] > 0.9 for region in CLASSES.region_names)


def test_any_class_may_be_explained(run):
    """The waving arm speaks for waving and against kicking."""
    waving = np.flatnonzero(run[1].labels == 0)[:4]
    arm = PARTS.index("upper limb")
    assert explainer(run, which=waving, targets=[0] * 4).occlusion()[:, arm].min() > 0.5
    assert explainer(run, which=waving, targets=[3] * 4).occlusion()[:, arm].max() < -0.5


def test_the_reference_is_the_average_body_of_the_background(run):
    other = people(1, 4, 5)
    assert not torch.allclose(
        explainer(run, background=other).still, explainer(run).still, atol=1e-4
    )
    poses = [
        pose
        for groups in make_recipe(
            other, run[0].config, H36M, CLASSES, torch.device("cpu")
        ).test_poses([torch.arange(4)])
        for pose, _ in groups
    ]
    mean = torch.cat([pose.flatten(0, 1) for pose in poses]).mean(0)  # (B, F, J, 3) -> (B·F, J, 3)
    still = explainer(run, background=other).still
    torch.testing.assert_close(
        torch.as_tensor(H36M.ancestry, dtype=torch.float32) @ still, mean, atol=1e-4, rtol=0
    )


def test_regions_share_out_what_is_lost_and_count_clips():
    parts = np.array([[3.0, 1.0], [1.0, -2.0], [-1.0, 2.0]])
    importance = Importance(
        np.arange(3), np.array([0, 1, 2]), np.zeros((3, 17)), [], parts, ("arms", "legs")
    )
    table = by_region(
        importance,
        ClassTable(("A1", "A2", "B1", "C1"), tuple("abcd"), ("up", "up", "down", "head")),
    )
    assert table.index.tolist() == ["up", "down", "head"] and table["clips"].tolist() == [2, 1, 0]
    assert table.loc["up", ["arms", "legs"]].tolist() == [1, 0]
    assert table.loc["down", ["arms", "legs"]].tolist() == [0, 1]
    assert table.loc["head", ["arms", "legs"]].isna().all()


def test_values_are_spread_over_the_clips_own_frames_without_loss():
    values = np.array([[1.0, -2.0, 4.0], [0.0, 0.0, 3.0]])
    np.testing.assert_allclose(
        spread_over_frames(values, 6), [[0.5, 0.5, -1, -1, 2, 2], [0, 0, 0, 0, 1.5, 1.5]]
    )
    for frames in (1, 2, 7):
        np.testing.assert_allclose(spread_over_frames(values, frames).sum(1), values.sum(1))


@pytest.mark.parametrize(
    "choice, message",
    [
        (dict(which=[40]), "expected some of 0 to 39"),
        (dict(which=[]), "expected some"),
        (dict(which=[1, 2], targets=[0]), "expected 2"),
        (dict(which=[1], targets=[4]), "from 0 to 3"),
    ],
)
def test_clips_and_classes_that_there_are_not_are_refused(run, choice, message):
    with pytest.raises(InputError, match=message):
        explainer(run, **choice)


def test_models_of_other_classes_and_unknown_things_to_hide_are_refused(run):
    trained, clips, config = run
    fewer = ClassTable(CLASSES.codes[:3], CLASSES.names[:3], CLASSES.regions[:3])
    with pytest.raises(InputError, match="4 classes, the data have 17 and 3"):
        Explainer(trained, clips, H36M, fewer, config)
    with pytest.raises(InputError, match="found 'limb'"):
        explainer(run).occlusion("limb")


def test_regions_and_parts_stand_in_one_order():
    regions = ("leg", "arm", "head", "face")
    classes = ClassTable(codes=tuple("abcd"), names=tuple("abcd"), regions=regions)
    parts, names = np.array([[1.0, 2, 3, 4]]), ("head", "trunk", "arm", "leg")
    importance = Importance(np.zeros(1), np.array([1]), np.ones((1, 4)), [], parts, names)
    table = by_region(importance, classes)
    assert table.index.tolist() == list(regions)
    assert table.columns.tolist() == ["leg", "arm", "head", "trunk", "clips"]
    assert table.loc["arm", "head"] == 0.1 and table.loc["arm", "leg"] == 0.4

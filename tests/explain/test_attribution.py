"""Explanations find what is known to decide.

One forearm or one shank tells four classes apart, while the other limbs move at random.
"""

import dataclasses

import numpy as np
import pytest
import torch

from mbnb.classes import ClassTable
from mbnb.clips import pack
from mbnb.config import Config
from mbnb.data.dataset import DataSet
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
from mbnb.prepare.recipe import make_recipe
from mbnb.skeleton import load_skeleton
from mbnb.train import loop as training

SKELETON = load_skeleton()
PARTS = tuple(dict.fromkeys(SKELETON.parts))
CLASSES = ClassTable(
    ("C1", "C2", "D1", "D2"),
    ("waving", "pushing", "sweeping", "kicking"),
    ("upper limb",) * 2 + ("lower limb",) * 2,
)
SETTINGS = dict(
    dim_feat=16,
    dim_rep=16,
    num_heads=2,
    hidden_dim=32,
    clip_len=24,
    patch=4,
    batch_size=16,
    epochs=12,
    dropout_ratio=0.2,
    flip=False,
    lr_backbone=8e-3,
    lr_head=8e-3,
    device="cpu",
    views=1,
    val_fraction=0.0,
)
BASE = {
    "Pelvis": (0, 0, 2),
    "R_Hip": (-0.1, 0, 2),
    "R_Knee": (-0.1, 0.05, 1.6),
    "R_Ankle": (-0.1, 0.45, 1.6),
    "L_Hip": (0.1, 0, 2),
    "L_Knee": (0.1, 0.05, 1.6),
    "L_Ankle": (0.1, 0.45, 1.6),
    "Spine1": (0, -0.25, 2),
    "Neck": (0, -0.5, 2),
    "Head": (0, -0.6, 1.95),
    "Head_top": (0, -0.7, 2),
    "L_Shoulder": (0.2, -0.5, 2),
    "L_Elbow": (0.25, -0.25, 2),
    "L_Wrist": (0.2, -0.2, 1.75),
    "R_Shoulder": (-0.2, -0.5, 2),
    "R_Elbow": (-0.25, -0.25, 2),
    "R_Wrist": (-0.2, -0.2, 1.75),
}


def clip(rng, label, event=None):
    """(T, 17, 3) of someone seated whose left wrist or ankle goes to and fro.

    It goes sideways or forward as the class says, within the share `event` of the clip; the right
    limbs do any of that.
    """
    frames = int(rng.integers(18, 48))
    time = np.linspace(0, 1, frames)
    pose = np.array([BASE[joint] for joint in SKELETON.joints]) + rng.normal(
        0, 0.002, (frames, 17, 3)
    )
    for side, kind in (("L", label), ("R", rng.integers(4))):
        first, last = event if event and side == "L" else (0.0, 1.0)
        course = np.sin(2 * np.pi * 2.5 * time + rng.uniform(0, 6)) * (
            (first <= time) & (time < last)
        )
        (joint,) = SKELETON.index(f"{side}_{'Wrist' if kind < 2 else 'Ankle'}")
        pose[:, joint, 0 if kind % 2 == 0 else 2] += 0.12 * course
    return pose


def people(count, each, seed, event=None):
    rng = np.random.default_rng(seed)
    clips = [
        (clip(rng, i % 4, event), f"c{person}_{i}", i % 4, f"p{person}")
        for person in range(count)
        for i in range(each)
    ]
    return pack(*map(list, zip(*clips)))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(trained, test clips, config) of a model that is nearly always right."""
    folder = tmp_path_factory.mktemp("run")
    config = Config.of(SETTINGS, {"outputs": str(folder)})
    splits = {"train": people(8, 20, 0), "test": people(2, 20, 1)}
    training.train(
        config, DataSet(folder, splits, CLASSES, SKELETON, (), known_people=True, simulated=False)
    )
    return (
        load_trained(config.folder.latest, config),
        splits["test"],
        config,
    )


def explainer(run, **choice):
    trained, clips, config = run
    return Explainer(trained, clips, SKELETON, CLASSES, config, **choice)


def odds(explained):
    """(N, 2) log-odds of the clips and of the still body."""
    return explained.log_odds(
        explained.logits(lambda rows, bones: [bones, explained.still.expand_as(bones)])
    ).numpy()


def test_the_limb_that_decides_is_the_most_important_by_both_methods(run):
    explained = explainer(run)
    labels = run[1].labels
    assert (explained.targets.numpy() == labels).mean() >= 0.95
    deciding = np.array(SKELETON.index("L_Wrist", "L_Wrist", "L_Ankle", "L_Ankle"))[labels]
    for by_joint in (
        explained.occlusion("joint"),
        np.stack([cells.sum(1) for cells in explained.integrated_gradients()]),
    ):
        assert (by_joint.argmax(1) == deciding).mean() > 0.9
        others = by_joint.mean(0)[SKELETON.index("Pelvis", "Head", "R_Wrist", "R_Ankle")]
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
        (SETTINGS | dict(clip_len=16), dict(mirrored=True, regions=2)),
    ],
)
def test_the_parity_recipe_and_heads_for_more_than_classes_are_explained_too(settings, heads):
    """Weights are random, but so large that predictions depend on the clip."""
    clips = people(1, 4, 3)
    torch.manual_seed(0)
    config = Config.of(
        dict(dim_feat=8, dim_rep=8, depth=1, num_heads=2, hidden_dim=16, maxlen=20, device="cpu"),
        settings,
        dict(hidden_dim=16),
    )
    model = build_model(config, len(CLASSES), len(SKELETON), **heads)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.3 * torch.randn_like(weight)
    explained = Explainer(Trained(model, config, CLASSES, 0), clips, SKELETON, CLASSES, config)
    whole, still = odds(explained).T
    assert np.ptp(whole - still) > 0.05
    np.testing.assert_allclose(
        [cells.sum() for cells in explained.integrated_gradients(64)],
        whole - still,
        atol=0.1 * np.ptp(whole - still),
    )
    one_view = dataclasses.replace(config, views=1)
    network = Network(Trained(model, config, CLASSES, 0), SKELETON, CLASSES, one_view)
    probabilities = network.answer(clips).max(1)
    np.testing.assert_allclose(whole, np.log(probabilities / (1 - probabilities)), atol=1e-3)


def test_unaltered_clips_get_the_predictions_answers_and_hidden_bodies_of_one_length_all_the_same(
    run,
):
    trained, clips, config = run
    which = np.random.default_rng(0).permutation(len(clips))
    explained = explainer(run, which=which)
    everything = torch.ones(17, dtype=torch.bool)
    plain = dataclasses.replace(trained, temperature=1.0)
    probabilities = explained.logits(
        lambda rows, bones: [bones, explained.without(bones, everything)]
    ).softmax(-1)
    np.testing.assert_allclose(
        probabilities[:, 0],
        Network(plain, SKELETON, CLASSES, config).answer(clips)[which],
        atol=1e-5,
    )
    frames = explained.recipe.frames_of[which]
    assert len(frames.unique()) > 1
    for hidden in (probabilities[frames == count, 1] for count in frames.unique()):
        np.testing.assert_allclose(hidden, hidden[:1].expand_as(hidden), atol=1e-5)


def test_a_hidden_joint_takes_along_what_hangs_on_it_and_nothing_else_moves(run):
    explained = explainer(run)
    elbow, wrist = SKELETON.index("R_Elbow", "R_Wrist")
    for _, bones, _ in explained.groups(explained.recipe, np.arange(4)):
        body = explained.without(bones, torch.arange(17) == elbow)
        before, after = (explained.to_joints @ some for some in (bones, body))
        moved = (after - before).norm(dim=-1)
        assert (moved.amax((0, 1)) > 1e-4).nonzero()[:, 0].tolist() == [elbow, wrist]
        torch.testing.assert_close((after - before)[:, :, elbow], (after - before)[:, :, wrist])
        upper_arm = after[:, :, elbow] - after[:, :, SKELETON.parents[elbow]]
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
    clips = people(2, 8, 2, event)
    importance = explain(trained, clips, SKELETON, CLASSES, config)
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
        Explainer(trained, clips, SKELETON, CLASSES, config, targets=clips.labels)
        .occlusion("span")
        .mean(0)
    )
    first, last = drops.argmax() / len(drops), (drops.argmax() + 1) / len(drops)
    assert first < event[1] and event[0] < last, "most is lost with a span that the event touches"


def test_hiding_important_joints_first_takes_the_answer_away_sooner_than_chance_does(run):
    trained, clips, config = run
    importance = explain(trained, clips, SKELETON, CLASSES, config)
    np.testing.assert_allclose(importance.joints.sum(1), 1)
    assert (importance.joints >= 0).all()
    curve = deletion_curve(importance, trained, clips, SKELETON, CLASSES, config)
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
        areas(deletion_curve(backwards, trained, clips, SKELETON, CLASSES, config, seeds=1))[
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
            other, run[0].config, SKELETON, CLASSES, torch.device("cpu")
        ).test_poses([torch.arange(4)])
        for pose, _ in groups
    ]
    mean = torch.cat([pose.flatten(0, 1) for pose in poses]).mean(0)  # (B, F, J, 3) -> (B·F, J, 3)
    still = explainer(run, background=other).still
    torch.testing.assert_close(
        torch.as_tensor(SKELETON.ancestry, dtype=torch.float32) @ still, mean, atol=1e-4, rtol=0
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
        Explainer(trained, clips, SKELETON, fewer, config)
    with pytest.raises(InputError, match="found 'limb'"):
        explainer(run).occlusion("limb")

"""How clips become batches: what the default recipe promises."""

import dataclasses

import numpy as np
import pytest
import torch
from build import H36M, TINY, person
from prepare.recipes import (
    ALL,
    NO_SIDES,
    SIDES,
    STILL,
    recipe,
    some_clips,
    test_batch,
    training_batch,
)

from mbnb.clips import pack
from mbnb.model.checkpoints import build_model
from mbnb.prepare import DefaultRecipe, ParityRecipe, views_of
from mbnb.prepare import recipe as recipe_module
from mbnb.prepare.geometry import flip, rotate
from mbnb.skeleton import load_skeleton


def test_parity_movements_pile_up_and_default_augmentation_does_not():
    parity = recipe(recipe="parity", clip_len=30, training=True)
    stored = [parity.poses.clone()]
    for _ in range(2):
        training_batch(parity, ALL)
        stored.append(parity.poses.clone())
    moved = [(after - stored[0])[:, 0, ..., :2].norm() for after in stored[1:]]
    assert moved[1] > 1.3 * moved[0] > 0
    assert torch.equal(stored[2][..., 2], stored[0][..., 2])
    assert stored[0][:, 1].abs().max() == 0
    assert stored[1][:, 1].abs().max() > 0, "in the original, the empty person does not stay empty"

    default = recipe(clip_len=30)
    frames = default.frames.clone()
    (first, labels), (again, labels_again) = (training_batch(default, ALL) for _ in range(2))
    assert torch.equal(first, again) and torch.equal(labels, labels_again)
    assert torch.equal(default.frames, frames)
    assert not torch.allclose(first, training_batch(default, ALL, seed=1)[0])


@pytest.mark.parametrize(
    "settings, shape",
    [
        (dict(clip_len=24), (6, 1, 24, 17, 6)),
        (dict(clip_len=24, streams=["joint"]), (6, 1, 24, 17, 3)),
        (dict(clip_len=90, smooth=0), (6, 1, 90, 17, 6)),
        (dict(clip_len=1), (6, 1, 1, 17, 6)),
        (dict(recipe="parity", clip_len=24), (6, 2, 24, 17, 3)),
    ],
)
def test_shapes_and_test_batches_without_chance(settings, shape):
    some = recipe(**settings)
    assert shape[-1] == some.config.dim_in
    batch = test_batch(some, ALL)
    assert batch.shape == shape and batch.dtype == torch.float32
    assert torch.isfinite(batch).all()
    assert torch.equal(test_batch(some, ALL), batch)
    torch.testing.assert_close(test_batch(some, torch.tensor([4, 1])), batch[[4, 1]])
    augmented, labels = training_batch(some, ALL)
    assert augmented.shape == shape
    assert torch.isfinite(augmented).all()
    assert len(labels) == len(some) == 6


def test_the_default_recipe_forgets_a_persons_size_place_and_facing():
    clips = some_clips()
    turned = rotate(torch.tensor(clips.frames) * 1.4, torch.tensor(0.7))
    moved = turned + torch.tensor([0.3, -0.8, 1.1])
    other = dataclasses.replace(clips, frames=moved.numpy())
    batch, other_batch = (test_batch(recipe(some, clip_len=24), ALL) for some in (clips, other))
    torch.testing.assert_close(other_batch, batch, atol=1e-3, rtol=1e-4)
    batch = test_batch(recipe(clips, clip_len=60, streams=["joint"], smooth=0), ALL)[:, 0]
    left, right, neck, pelvis = H36M.index("L_Hip", "R_Hip", "Neck", "Pelvis")
    hips, trunk = batch[:, :, left] - batch[:, :, right], batch[:, :, neck] - batch[:, :, pelvis]
    assert (hips[..., 0].mean(1) > 0).all()
    assert trunk.norm(dim=-1).median(1).values.tolist() == pytest.approx([1] * 6, abs=0.03)


def test_clips_do_not_run_into_each_other():
    clips = some_clips()
    alone = [
        test_batch(recipe(clips.take(np.array([i])), clip_len=40), torch.tensor([0]))
        for i in range(6)
    ]
    torch.testing.assert_close(torch.cat(alone), test_batch(recipe(clips, clip_len=40), ALL))


def test_velocities_are_per_second_whatever_the_length_of_the_clip():
    """A walk of 0.5 trunks a second, recorded for different times and at different rates."""
    poses = [np.repeat(person(0, 1), frames, 0) for frames in (31, 61, 121)]
    for pose in poses:
        pose[..., 0] += 0.25 * np.arange(len(pose))[:, None] / 30  # the trunk measures 0.5 m
    clips = pack(poses, list("abc"), [0, 1, 2], list("abc"))
    velocity = test_batch(recipe(clips, clip_len=20, fps=30), torch.arange(3))[..., 3:]
    # The root walks, the other joints are seen from it.
    torch.testing.assert_close(
        velocity[:, 0, :-1, 0, 0], torch.full((3, 19), 0.5), atol=0.01, rtol=0
    )
    assert velocity[:, 0, :, 1:].abs().max() < 1e-3
    twice = test_batch(recipe(clips, clip_len=20, fps=60), torch.arange(3))[..., 3:]
    torch.testing.assert_close(twice, 2 * velocity)


def test_without_augmentation_training_sees_what_tests_see_but_for_the_limbs():
    bones = recipe(clip_len=24, streams=["bone"], **STILL)
    augmented, labels = training_batch(bones, ALL)
    plain = test_batch(bones, ALL)
    assert labels.tolist() == bones.labels.tolist()
    children = [child for _, child in H36M.bones]
    lengths = [batch[:, 0, :, children].norm(dim=-1) for batch in (augmented, plain)]
    ratios = list((lengths[0] / lengths[1]).unbind(-1))  # for each bone (B, F)
    for joint, ratio in zip(children, ratios):
        torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), atol=1e-3, rtol=0)
        assert (ratio[:, 0] - 1).abs().max() <= 0.1 + 1e-3
        mirrored = ratios[children.index(H36M.mirror[joint])]
        torch.testing.assert_close(ratio, mirrored, atol=1e-3, rtol=0)
    assert torch.stack(ratios).std() > 0.01


def test_training_sees_parts_of_a_clip_faster_or_slower():
    """A clip whose forearm tells the time: it sinks from (1, 0, 0), level, to (1, 1, 0)."""
    pose = np.repeat(person(0, 1), 61, 0)
    elbow, wrist = H36M.index("L_Elbow", "L_Wrist")
    sinking = np.column_stack([np.full(61, 1), np.linspace(0, 1, 61), np.zeros(61)])
    pose[:, wrist] = pose[:, elbow] + sinking
    clips = pack([pose], ["c"], [0], ["p"])
    stretched = recipe(clips, clip_len=24, smooth=0, **STILL | {"stretch": 0.3})
    batch, _ = training_batch(stretched, torch.zeros(200, dtype=torch.long))
    plain = test_batch(stretched, torch.tensor([0]))
    forearm, before = ((b[:, 0, :, wrist] - b[:, 0, :, elbow]) for b in (batch, plain))
    level, level_before = (x[..., [0, 2]].norm(dim=-1, keepdim=True) for x in (forearm, before))
    length = level / level_before
    # (200, 24), 0 at the beginning of the clip and 1 at its end
    time = (forearm / length / before[:, -1:, 1:2])[..., 1]
    part = time[:, -1] - time[:, 0]
    assert time.min() >= -1e-3
    assert time.max() <= 1 + 1e-3
    assert time[:, 0].max() > 0.2, "parts begin anywhere"
    assert 0.7 - 1e-3 <= part.min() < 0.75
    assert 0.95 < part.max() <= 1 + 1e-3
    speed = forearm[:, 0, 4] / length[:, 0, 0] / before[:, 0, 4]
    assert 1 / 1.3 - 1e-3 <= speed.min() < 0.8
    assert 1.35 < speed.max() <= 1 / 0.7 + 1e-3


def test_training_turns_people_and_adds_sensor_noise_as_far_as_the_settings_say():
    clips = pack([np.repeat(person(0, 1), 30, 0)], ["c"], [0], ["p"])
    index = torch.zeros(300, dtype=torch.long)
    turned, _ = training_batch(recipe(clips, clip_len=8, **STILL | {"rotate": 40.0}), index)
    left, right = H36M.index("L_Hip", "R_Hip")
    across = turned[:, 0, 0, left] - turned[:, 0, 0, right]
    facing = torch.rad2deg(torch.atan2(across[:, 2], across[:, 0]))
    assert facing.min() < -30
    assert facing.max() > 30
    assert facing.abs().max() < 40 + 10, "the turns about the other axes add a little"
    joints = dict(clip_len=200, streams=["joint"])
    noisy, _ = training_batch(recipe(clips, **joints, **STILL | {"noise": 0.05}), index[:50])
    strength = noisy[:, 0].std(1).mean((1, 2))  # (50,), each clip has its own
    assert strength.min() < 0.01
    assert 0.05 < strength.max() < 0.25
    still, _ = training_batch(recipe(clips, **joints, **STILL), index[:50])
    assert still[:, 0].std(1).max() < 1e-5


def test_mirroring_exchanges_sides_of_bodies_and_classes():
    index, settings = ALL.repeat(20), STILL | dict(clip_len=24, streams=["joint"])
    augmented, labels = training_batch(recipe(**settings | {"flip": True}), index)
    plain, before = training_batch(recipe(**settings), index)
    mirrored = torch.tensor([not torch.equal(a, b) for a, b in zip(augmented, plain)])
    assert 40 <= mirrored.sum() <= 80
    assert torch.equal(augmented[mirrored], flip(plain[mirrored], H36M.mirror))
    assert torch.equal(labels[~mirrored], before[~mirrored])
    assert torch.equal(labels[mirrored], torch.tensor([1, 0, 2])[before[mirrored]])


def test_no_clip_is_mirrored_where_the_class_table_does_not_say_what_it_becomes():
    index, settings = ALL.repeat(20), STILL | dict(clip_len=24, streams=["joint"])
    plain, before = training_batch(recipe(classes=NO_SIDES, **settings), index)
    for classes, mirror in ((NO_SIDES, True), (SIDES, False)):
        same = recipe(classes=classes, **settings | {"flip": mirror})
        poses, labels = training_batch(same, index)
        assert torch.equal(poses, plain) and torch.equal(labels, before)


def test_streams_and_patches_of_clips():
    def batch(streams, **settings):
        return test_batch(recipe(clip_len=24, streams=streams, **settings, **STILL), ALL)

    streams = ["joint", "bone", "joint_motion", "bone_motion"]
    every = batch(streams)
    for i, stream in enumerate(streams):
        torch.testing.assert_close(batch([stream]), every[..., 3 * i : 3 * i + 3])
    patched = batch(["joint", "bone"], patch=4)
    assert patched.shape == (6, 1, 6, 17, 24)
    torch.testing.assert_close(patched[:, 0, 2, :, 6:12], every[:, 0, 9, :, :6])


def test_views_are_crops_and_mirror_images():
    joints = recipe(clip_len=24, streams=["joint"], stretch=0.4)
    views = views_of(joints.config, SIDES, 3)
    windows = [(0.0, 1.0), (0.0, 0.8), (pytest.approx(0.2), 1.0)]
    assert [view["window"] for view in views[::2]] == windows
    assert [view["mirrored"] for view in views] == [False, True] * 3
    ((plain,),) = joints.test_batches([ALL], **views[0])
    torch.testing.assert_close(plain, test_batch(joints, ALL))
    ((mirrored,),) = joints.test_batches([ALL], **views[1])
    torch.testing.assert_close(mirrored, flip(plain, H36M.mirror))
    alone = [{"window": (0.0, 1.0), "mirrored": False}]
    assert views_of(joints.config, SIDES, 1) == views_of(joints.config, NO_SIDES, 1) == alone
    assert views_of(recipe(recipe="parity").config, SIDES, 3) == [{}]


@pytest.mark.parametrize(
    "settings",
    [dict(streams=["joint", "joint_motion"]), dict(streams=["joint"]), dict(recipe="parity")],
)
def test_the_skeleton_table_decides_the_number_of_joints_everywhere(settings):
    clips = some_clips(skeleton=load_skeleton("wholebody44"))
    settings = TINY | dict(skeleton="wholebody44") | settings
    whole = recipe(clips, training=True, **settings)
    model = build_model(whole.config, classes=3, joints=44)
    batch, labels = training_batch(whole, ALL)
    assert batch.shape[-2:] == (44, whole.config.dim_in)
    logits = model(batch)
    assert logits.shape == (6, 3)
    torch.nn.functional.cross_entropy(logits, labels).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.head.parameters())
    assert model.eval()(test_batch(whole, ALL)).shape == (6, 3)


@pytest.mark.parametrize("name", ["default", "parity"])
def test_one_short_clip_is_enough(name):
    clips = pack([person(0, 2)], ["c"], [2], ["p"])
    short = recipe(clips, recipe=name, clip_len=24, training=True)
    assert len(short) == 1
    batch, labels = training_batch(short, torch.tensor([0]))
    assert torch.isfinite(batch).all()
    assert labels.tolist() == [2]
    assert torch.isfinite(test_batch(short, torch.tensor([0]))).all()


def test_make_recipe_chooses_by_the_setting():
    assert isinstance(recipe(recipe="parity"), ParityRecipe)
    assert isinstance(recipe(), DefaultRecipe)


def test_clips_stay_near_their_own_length():
    poses = [person(i, frames) for i, frames in enumerate((2, 20, 45, 60, 75, 130, 600))]
    clips = pack(poses, list("abcdefg"), [0] * 7, list("abcdefg"))
    for rate, expected in (
        (30.0, [8, 24, 48, 64, 64, 128, 243]),
        (15.0, [8, 12, 24, 32, 32, 64, 243]),
    ):
        ragged = recipe(clips, rate=rate, clip_len=243)
        assert ragged.frames_of.tolist() == expected
        lengths = sorted(set(expected))
        parts, _ = next(ragged.training_batches([torch.randperm(7)]))
        assert [len(part) for part in parts] == [expected.count(length) for length in lengths]
        assert [part.shape[2] for part in parts] == lengths
        parts = next(ragged.test_batches([torch.arange(7)]))
        assert [part.shape[2] for part in parts] == lengths
    for settings, expected in (
        (dict(rate=30.0, fps=60.0, clip_len=243), [8, 12, 24, 32, 32, 64, 243]),
        (dict(rate=30.0, clip_len=50), [8, 24, 48, 50, 50, 50, 50]),
        (dict(rate=0.0, clip_len=24), [24] * 7),
    ):
        assert recipe(clips, **settings).frames_of.tolist() == expected


def test_labels_come_in_the_order_of_the_parts():
    unlike = [person(i, 1, step=0.1) for i in range(4)]
    poses = [np.repeat(pose, frames, 0) for pose, frames in zip(unlike, (90, 20, 60, 45))]
    clips = pack(poses, list("abcd"), [0, 1, 2, 1], list("abcd"))
    ragged = recipe(clips, rate=30.0, clip_len=243, streams=["joint"], smooth=0, **STILL)
    plain = {i: test_batch(ragged, torch.tensor([i]))[0, 0, 0] for i in range(4)}
    parts, labels = next(ragged.training_batches([torch.tensor([2, 0, 3, 1])]))
    shown = [clip[0, 0] for part in parts for clip in part]
    for pose, label, clip in zip(shown, labels.tolist(), (1, 3, 2, 0)):  # by length
        assert label == clips.labels[clip]
        others = {i: (pose - other).norm().item() for i, other in plain.items()}
        assert min(others, key=others.get) == clip, "the limbs alone may differ"


@pytest.mark.parametrize(
    "settings", [dict(rate=30.0), dict(rate=0.0), dict(recipe="parity", clip_len=24)]
)
def test_processes_that_share_a_batch_prepare_what_one_would(settings, monkeypatch):
    monkeypatch.setattr(recipe_module, "TOGETHER", {"cpu": 1})
    index = [torch.tensor([5, 2, 0, 4, 1, 3, 2]), torch.tensor([1, 0, 3, 3, 4])]

    def batches(rank, world):
        """What one of `world` processes prepares; its model draws in between, too."""
        torch.manual_seed(4)
        own = recipe(training=True, **settings).training_batches(index, rank, world)
        return [(batch, torch.rand(3 * rank))[0] for batch in own]

    whole = batches(0, 1)
    for world in (2, 3):
        for rank in range(world):
            for (parts, labels), (own_parts, own_labels) in zip(
                whole, batches(rank, world), strict=True
            ):
                assert torch.equal(labels, own_labels)
                clips = [clip for part in parts for clip in part][rank::world]
                own_clips = [clip for part in own_parts for clip in part]
                for clip, own_clip in zip(clips, own_clips, strict=True):
                    torch.testing.assert_close(own_clip, clip, atol=1e-5, rtol=1e-5)


def test_clips_on_disk_become_what_clips_on_the_device_become(monkeypatch):
    monkeypatch.setattr("mbnb.prepare.recipe.BLOCK", 4)
    clips = some_clips("abcd").take(np.arange(10, 0, -1))
    recipes = [recipe(clips, rate=30.0, clips_on=place) for place in ("device", "disk")]
    assert [one.resident for one in recipes] == [True, False]
    order = recipes[0].frames_of.argsort(stable=True)
    by_place = (one.test_batches(order.split(3)) for one in recipes)
    for parts, other_parts in zip(*by_place, strict=True):
        for part, other in zip(parts, other_parts, strict=True):
            torch.testing.assert_close(part, other, atol=1e-5, rtol=1e-4)
    by_place = []
    for one in recipes:
        torch.manual_seed(0)
        by_place.append(list(one.training_batches(torch.arange(10).split(4))))
    for (parts, labels), (other_parts, other_labels) in zip(*by_place, strict=True):
        assert torch.equal(labels, other_labels)
        for part, other in zip(parts, other_parts, strict=True):
            torch.testing.assert_close(part, other, atol=1e-5, rtol=1e-4)


def test_clips_that_do_not_fit_stay_on_disk(monkeypatch):
    monkeypatch.setattr("mbnb.prepare.recipe.free_memory", lambda device: 1000)
    assert not recipe(rate=30.0).resident
    monkeypatch.setattr("mbnb.prepare.recipe.free_memory", lambda device: 1 << 30)
    assert recipe(rate=30.0).resident


def test_without_depth_nothing_but_the_picture_counts():
    flat = recipe(without_depth=True, streams=["joint"], patch=1)
    pose = torch.randn(2, 8, 17, 3)
    seen = flat.see(pose, torch.ones(2))
    assert (seen[..., 2] == 0).all() and (seen[..., :2] != 0).any()
    deeper = pose * torch.tensor([2.0, 2.0, 7.0]) + torch.tensor([3.0, 1.0, 5.0])
    torch.testing.assert_close(flat.see(deeper, torch.ones(2)), seen, atol=1e-4, rtol=1e-4)

"""How clips become batches: what the default recipe promises."""

import numpy as np
import pytest
import torch
from prepare.recipes import (
    ALL,
    NO_SIDES,
    SIDES,
    SKELETON,
    STILL,
    person,
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
    torch.testing.assert_close(stored[2][..., 2], stored[0][..., 2], atol=0, rtol=0)
    assert stored[0][:, 1].abs().max() == 0
    assert stored[1][:, 1].abs().max() > 0, "in the original, the empty person does not stay empty"

    default = recipe(clip_len=30)
    frames = default.frames.clone()
    first, labels = training_batch(default, ALL)
    again, labels_again = training_batch(default, ALL)
    torch.testing.assert_close(first, again, atol=0, rtol=0)
    assert torch.equal(labels, labels_again)
    torch.testing.assert_close(default.frames, frames, atol=0, rtol=0)
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
    made = recipe(**settings)
    config = made.config
    assert shape[-1] == config.dim_in
    batch = test_batch(made, ALL)
    assert batch.shape == shape
    assert batch.dtype == torch.float32
    assert torch.isfinite(batch).all()
    torch.testing.assert_close(test_batch(made, ALL), batch, atol=0, rtol=0)
    torch.testing.assert_close(test_batch(made, torch.tensor([4, 1])), batch[[4, 1]])
    moved, labels = training_batch(made, ALL)
    assert moved.shape == shape
    assert torch.isfinite(moved).all()
    assert len(labels) == len(made) == 6


def test_the_default_recipe_forgets_a_persons_size_place_and_facing():
    clips = some_clips()
    turned = rotate(torch.tensor(clips.frames) * 1.4, torch.tensor(0.7)) + torch.tensor(
        [0.3, -0.8, 1.1]
    )
    other = pack(
        np.split(turned.numpy(), clips.starts[1:]), clips.names, clips.labels, clips.subjects
    )
    torch.testing.assert_close(
        test_batch(recipe(other, clip_len=24), ALL),
        test_batch(recipe(clips, clip_len=24), ALL),
        atol=1e-3,
        rtol=1e-4,
    )
    batch = test_batch(recipe(clips, clip_len=60, streams=["joint"], smooth=0), ALL)[:, 0]
    hips, trunk = (
        batch[:, :, a] - batch[:, :, b]
        for a, b in (SKELETON.index("L_Hip", "R_Hip"), SKELETON.index("Neck", "Pelvis"))
    )
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
    made = recipe(clip_len=24, streams=["bone"], **STILL)
    seen, labels = training_batch(made, ALL)
    plain = test_batch(made, ALL)
    assert labels.tolist() == made.labels.tolist()
    children = [child for _, child in SKELETON.bones]
    lengths = [batch[:, 0, :, children].norm(dim=-1) for batch in (seen, plain)]
    ratios = list((lengths[0] / lengths[1]).unbind(-1))  # for each bone (B, F)
    for joint, ratio in zip(children, ratios):
        torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), atol=1e-3, rtol=0)
        assert (ratio[:, 0] - 1).abs().max() <= 0.1 + 1e-3
        torch.testing.assert_close(
            ratio, ratios[children.index(SKELETON.mirror[joint])], atol=1e-3, rtol=0
        )
    assert torch.stack(ratios).std() > 0.01


def test_training_sees_parts_of_a_clip_faster_or_slower():
    """A clip whose forearm tells the time: it sinks from (1, 0, 0), level, to (1, 1, 0)."""
    pose = np.repeat(person(0, 1), 61, 0)
    elbow, wrist = SKELETON.index("L_Elbow", "L_Wrist")
    pose[:, wrist] = pose[:, elbow] + np.column_stack(
        [np.full(61, 1), np.linspace(0, 1, 61), np.zeros(61)]
    )
    clips = pack([pose], ["c"], [0], ["p"])
    made = recipe(clips, clip_len=24, smooth=0, **STILL | {"stretch": 0.3})
    batch, _ = training_batch(made, torch.zeros(200, dtype=torch.long))
    plain = test_batch(made, torch.tensor([0]))
    forearm, before = ((b[:, 0, :, wrist] - b[:, 0, :, elbow]) for b in (batch, plain))
    length = forearm[..., [0, 2]].norm(dim=-1, keepdim=True) / before[..., [0, 2]].norm(
        dim=-1, keepdim=True
    )
    time = (forearm / length / before[:, -1:, 1:2])[
        ..., 1
    ]  # (200, 24), 0 at the beginning of the clip and 1 at its end
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
    across = (
        turned[:, 0, 0, SKELETON.index("L_Hip")[0]] - turned[:, 0, 0, SKELETON.index("R_Hip")[0]]
    )
    facing = torch.rad2deg(torch.atan2(across[:, 2], across[:, 0]))
    assert facing.min() < -30
    assert facing.max() > 30
    assert facing.abs().max() < 40 + 10, "the turns about the other axes add a little"
    noisy, _ = training_batch(
        recipe(clips, clip_len=200, streams=["joint"], **STILL | {"noise": 0.05}), index[:50]
    )
    strength = noisy[:, 0].std(1).mean((1, 2))  # (50,), each clip has its own
    assert strength.min() < 0.01
    assert 0.05 < strength.max() < 0.25
    still, _ = training_batch(recipe(clips, clip_len=200, streams=["joint"], **STILL), index[:50])
    assert still[:, 0].std(1).max() < 1e-5


def test_mirroring_exchanges_sides_of_bodies_and_classes():
    made = recipe(clip_len=24, streams=["joint"], **STILL | {"flip": True})
    unflipped = recipe(clip_len=24, streams=["joint"], **STILL)
    index = ALL.repeat(20)
    seen, labels = training_batch(made, index)
    plain, before = training_batch(unflipped, index)
    mirrored = torch.tensor([not torch.equal(a, b) for a, b in zip(seen, plain)])
    assert 40 <= mirrored.sum() <= 80
    torch.testing.assert_close(
        seen[mirrored], flip(plain[mirrored], SKELETON.mirror), atol=0, rtol=0
    )
    assert torch.equal(labels[~mirrored], before[~mirrored])
    assert torch.equal(labels[mirrored], torch.tensor([1, 0, 2])[before[mirrored]])


def test_no_clip_is_mirrored_where_the_class_table_does_not_say_what_it_becomes():
    index, settings = ALL.repeat(20), dict(clip_len=24, streams=["joint"])
    plain, before = training_batch(recipe(classes=NO_SIDES, **settings, **STILL), index)
    for classes, mirror in ((NO_SIDES, True), (SIDES, False)):
        made = recipe(classes=classes, **settings, **STILL | {"flip": mirror})
        poses, labels = training_batch(made, index)
        torch.testing.assert_close(poses, plain, atol=0, rtol=0)
        assert torch.equal(labels, before)


def test_streams_and_patches_of_clips():
    clips, settings = some_clips(), dict(clip_len=24, **STILL)
    every = test_batch(
        recipe(clips, **settings, streams=["joint", "bone", "joint_motion", "bone_motion"]), ALL
    )
    for i, stream in enumerate(("joint", "bone", "joint_motion", "bone_motion")):
        torch.testing.assert_close(
            test_batch(recipe(clips, **settings, streams=[stream]), ALL),
            every[..., 3 * i : 3 * i + 3],
        )
    patched = test_batch(recipe(clips, **settings, streams=["joint", "bone"], patch=4), ALL)
    assert patched.shape == (6, 1, 6, 17, 24)
    torch.testing.assert_close(patched[:, 0, 2, :, 6:12], every[:, 0, 9, :, :6])


def test_views_are_crops_and_mirror_images():
    made = recipe(clip_len=24, streams=["joint"], stretch=0.4)
    views = views_of(made.config, SIDES, 3)
    windows = [(0.0, 1.0), (0.0, 0.8), (pytest.approx(0.2), 1.0)]
    assert [view["window"] for view in views[::2]] == windows
    assert [view["mirrored"] for view in views] == [False, True] * 3
    ((plain,),) = made.test_batches([ALL], **views[0])
    torch.testing.assert_close(plain, test_batch(made, ALL))
    ((mirrored,),) = made.test_batches([ALL], **views[1])
    torch.testing.assert_close(mirrored, flip(plain, SKELETON.mirror))
    alone = [{"window": (0.0, 1.0), "mirrored": False}]
    assert views_of(made.config, SIDES, 1) == views_of(made.config, NO_SIDES, 1) == alone
    assert views_of(recipe(recipe="parity").config, SIDES, 3) == [{}]


@pytest.mark.parametrize(
    "settings",
    [dict(streams=["joint", "joint_motion"]), dict(streams=["joint"]), dict(recipe="parity")],
)
def test_the_skeleton_table_decides_the_number_of_joints_everywhere(settings):
    skeleton = load_skeleton("wholebody44")
    settings = settings | dict(
        clip_len=16,
        dim_feat=8,
        dim_rep=4,
        depth=1,
        num_heads=2,
        hidden_dim=8,
        skeleton="wholebody44",
    )
    made = recipe(some_clips(skeleton=skeleton), training=True, **settings)
    config = made.config
    model = build_model(config, classes=3, joints=len(skeleton))
    batch, labels = training_batch(made, ALL)
    assert batch.shape[-2:] == (44, config.dim_in)
    logits = model(batch)
    assert logits.shape == (6, 3)
    torch.nn.functional.cross_entropy(logits, labels).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.head.parameters())
    assert model.eval()(test_batch(made, ALL)).shape == (6, 3)


@pytest.mark.parametrize("name", ["default", "parity"])
def test_one_short_clip_is_enough(name):
    made = recipe(pack([person(0, 2)], ["c"], [2], ["p"]), recipe=name, clip_len=24, training=True)
    assert len(made) == 1
    batch, labels = training_batch(made, torch.tensor([0]))
    assert torch.isfinite(batch).all()
    assert labels.tolist() == [2]
    assert torch.isfinite(test_batch(made, torch.tensor([0]))).all()


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
        made = recipe(clips, rate=rate, clip_len=243)
        assert made.frames_of.tolist() == expected
        batch, labels = next(made.training_batches([torch.randperm(7)]))
        assert [len(part) for part in batch] == [
            expected.count(length) for length in sorted(set(expected))
        ]
        assert [part.shape[2] for part in batch] == sorted(set(expected))
        assert [part.shape[2] for part in next(made.test_batches([torch.arange(7)]))] == sorted(
            set(expected)
        )
    assert recipe(clips, rate=30.0, fps=60.0, clip_len=243).frames_of.tolist() == [
        8,
        12,
        24,
        32,
        32,
        64,
        243,
    ]
    assert recipe(clips, rate=30.0, clip_len=50).frames_of.tolist() == [8, 24, 48, 50, 50, 50, 50]
    assert recipe(clips, rate=0.0, clip_len=24).frames_of.tolist() == [24] * 7


def test_labels_come_in_the_order_of_the_parts():
    poses = [np.repeat(person(i, 1), frames, 0) for i, frames in enumerate((90, 20, 60, 45))]
    clips = pack(poses, list("abcd"), [0, 1, 2, 1], list("abcd"))
    made = recipe(clips, rate=30.0, clip_len=243, streams=["joint"], smooth=0, **STILL)
    plain = {i: next(made.test_batches([torch.tensor([i])]))[0][0, 0, 0] for i in range(4)}
    parts, labels = next(made.training_batches([torch.tensor([2, 0, 3, 1])]))
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
    settings = settings | {"classes": SIDES}
    index = [torch.tensor([5, 2, 0, 4, 1, 3, 2]), torch.tensor([1, 0, 3, 3, 4])]
    batches = []
    for rank, world in ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)):
        torch.manual_seed(4)
        made = recipe(training=True, **settings)
        batches.append(
            [
                (batch, torch.rand(3 * rank))[0]
                for batch in made.training_batches(index, rank, world)
            ]
        )  # a model draws in between, too
    for whole, *shares in zip(*batches):
        clips = [clip for part in whole[0] for clip in part]
        for world, group in ((2, shares[:2]), (3, shares[2:])):
            for rank, (parts, labels) in enumerate(group):
                assert torch.equal(labels, whole[1])
                own = [clip for part in parts for clip in part]
                assert len(own) == len(clips[rank::world])
                for mine, expected in zip(own, clips[rank::world]):
                    torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-5)


def test_clips_on_disk_become_what_clips_on_the_device_become(monkeypatch):
    monkeypatch.setattr("mbnb.prepare.recipe.BLOCK", 4)
    made = [
        recipe(some_clips(11).take(np.arange(10, 0, -1)), rate=30.0, clips_on=place)
        for place in ("device", "disk")
    ]
    assert [one.resident for one in made] == [True, False]
    order = made[0].frames_of.argsort(stable=True)
    for a, b in zip(*(one.test_batches(order.split(3)) for one in made), strict=True):
        for one, other in zip(a, b, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    seen = []
    for one in made:
        torch.manual_seed(0)
        seen.append(list(one.training_batches(torch.arange(10).split(4))))
    for (a, labels), (b, same) in zip(*seen, strict=True):
        assert torch.equal(labels, same)
        for one, other in zip(a, b, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_clips_that_do_not_fit_stay_on_disk(monkeypatch):
    monkeypatch.setattr("mbnb.prepare.recipe.free_memory", lambda device: 1000)
    assert not recipe(rate=30.0).resident
    monkeypatch.setattr("mbnb.prepare.recipe.free_memory", lambda device: 1 << 30)
    assert recipe(rate=30.0).resident

"""Batches of a GPU: those of a processor where nothing is drawn, and sound ones elsewhere."""

import pytest
import torch
from build import CLASSES, H36M, clips, moving

from mbnb.config import Config
from mbnb.prepare import make_recipe

CPU = torch.device("cpu")
CLIPS = clips("abc", [0, 1, 2, 3], pose=moving, classes=CLASSES)


def recipe(device, training=False, **settings):
    return make_recipe(CLIPS, Config.of(settings), H36M, CLASSES, device, training)


def batches(recipe, training=False):
    """All clips, in two batches of the order that evaluation has."""
    order = recipe.frames_of.argsort(stable=True).split(7)
    torch.manual_seed(5)
    return list((recipe.training_batches if training else recipe.test_batches)(order))


@pytest.mark.parametrize("settings", [dict(), dict(preset="ma52"), dict(recipe="parity")])
def test_evaluation_sees_what_it_sees_on_a_processor(accelerator, settings):
    expected, computed = (batches(recipe(device, **settings)) for device in (CPU, accelerator))
    assert len(expected) == len(computed) == 2
    for some, others in zip(expected, computed):
        assert [part.shape for part in some] == [part.shape for part in others]
        for part, other in zip(some, others):
            assert other.device.type == accelerator.type
            assert (other.cpu() - part).norm() <= 1e-4 * part.norm()


@pytest.mark.parametrize("settings", [dict(), dict(preset="ma52"), dict(recipe="parity")])
def test_training_gets_every_clip_with_its_label(accelerator, settings):
    drawn = batches(recipe(accelerator, training=True, **settings), training=True)
    labels = torch.cat([labels for _, labels in drawn])
    assert labels.device.type == accelerator.type
    assert sorted(labels.tolist()) == sorted(CLIPS.labels.tolist())
    for parts, labels in drawn:
        assert sum(map(len, parts)) == len(labels)
        assert all(part.isfinite().all() and part.std() > 0.01 for part in parts)


def test_clips_read_from_disk_are_those_kept_on_the_device(accelerator):
    on_device, on_disk = (
        batches(recipe(accelerator, training=True, clips_on=place), training=True)
        for place in ("device", "disk")
    )
    for (parts, labels), (others, other_labels) in zip(on_device, on_disk, strict=True):
        assert torch.equal(labels, other_labels)
        for part, other in zip(parts, others, strict=True):
            torch.testing.assert_close(part, other, atol=1e-4, rtol=1e-4)

"""What all baselines promise, and what they reach on people and recordings."""

import dataclasses

import build
import numpy as np
import pytest

from mbnb.baselines import METHODS
from mbnb.baselines.linear import Bounds, clip_features
from mbnb.config import SETTINGS
from mbnb.data.dataset import load
from mbnb.scores.metrics import hits

CLIP_WISE = [name for name in METHODS if name != "largest"]
WITH_FEATURES = ("linear", "rocket")


def test_the_setting_offers_every_method():
    assert set(SETTINGS["method"].choices) == {"dstformer", *METHODS}


@pytest.fixture(scope="module", autouse=True)
def few_kernels():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mbnb.model.kernels.KERNELS", 256)
        yield


def moving(people, seed, labels=(0, 1, 2, 3) * 4):
    return build.clips(people, labels, pose=build.moving, seed=seed, classes=build.CLASSES)


@pytest.fixture(scope="module")
def train():
    return moving("abcdef", 0)


@pytest.fixture(scope="module")
def test():
    return moving("xyz", 1000)


@pytest.fixture(scope="module")
def fitted(train):
    """Each method, fitted for a fifth class, too, that nobody shows."""
    return {name: method.fit(train, build.H36M, 5) for name, method in METHODS.items()}


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_are_of_all_classes_and_of_each_clip_by_itself(fitted, test, method):
    probabilities = fitted[method].answer(test)
    assert probabilities.shape == (len(test), 5)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    assert (probabilities >= 0).all() and probabilities[:, 4].max() < 1e-3
    some = np.array([7, 3, 20])
    if method != "nearest":  # its distances are in those of all clips asked
        alone = fitted[method].answer(test.take(some))
        np.testing.assert_allclose(alone, probabilities[some], atol=1e-4)


@pytest.mark.parametrize("method", CLIP_WISE)
def test_movements_of_new_people_are_recognised(fitted, test, method):
    assert (fitted[method].answer(test).argmax(1) == test.labels).mean() > 0.6


def test_the_largest_class_is_told_of_everybody(fitted, test):
    uneven = moving("ab", 0, labels=(0, 1, 1, 3))
    largest = METHODS["largest"].fit(uneven, build.H36M, 4)
    assert (largest.answer(test) == [0.25, 0.5, 0, 0.25]).all()


@pytest.mark.parametrize("method", WITH_FEATURES)
def test_answers_are_what_is_classified_from_features(fitted, test, method):
    baseline = fitted[method]
    features, probabilities = baseline.features(test), baseline.answer(test)
    assert features.ndim == 3 and features.shape[:2] == (1, len(test))
    np.testing.assert_array_equal(baseline.classify(features), probabilities)
    backwards = baseline.classify(features[:, ::-1])[::-1]
    assert (backwards.argmax(1) == probabilities.argmax(1)).all()


@pytest.mark.parametrize("method", METHODS)
def test_equal_seeds_answer_equally(train, test, method):
    few, asked = train.take(np.arange(0, 96, 2)), test.take(np.arange(6))
    once, again = (METHODS[method].fit(few, build.H36M, 4, seed=3).answer(asked) for _ in "12")
    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shown", [[2], [2] * 3, [0, 1, 2]], ids=["one clip", "one class", "once"])
def test_very_few_clips_are_enough(test, method, shown):
    few = moving("a", 0, labels=shown)
    predictions = METHODS[method].fit(few, build.H36M, 4).answer(test).argmax(1)
    assert set(predictions) <= set(shown)


def test_linear_features_do_not_know_place_facing_or_size():
    clip = build.moving(1, 0)
    turned = clip[..., [2, 1, 0]] * np.array([1, 1, -1], np.float32)  # a quarter about the vertical
    moved = 1.7 * turned + np.array([3, -1, 5], np.float32)
    features, others = (clip_features(one, build.H36M) for one in (clip, moved))
    np.testing.assert_allclose(others, features, atol=1e-3)


@pytest.mark.parametrize(
    "method, top1, top5", [("linear", 0.4318, 0.7582), ("nearest", 0.4560, 0.7824)]
)
def test_recordings_are_recognised_as_well_as_ever(recordings, method, top1, top5):
    data = load(build.config(data_root=recordings("kinder_gator"), val_fraction=0.0))
    baseline = METHODS[method].fit(data.splits["train"], data.skeleton, len(data.classes))
    test = data.splits["test"]
    probabilities = baseline.answer(test)
    assert hits(test.labels, probabilities, 1).mean() == pytest.approx(top1, abs=0.004)
    assert hits(test.labels, probabilities, 5).mean() == pytest.approx(top5, abs=0.004)


@pytest.mark.parametrize("damage", ["zeros", "one coordinate", "far away"])
@pytest.mark.parametrize("method", CLIP_WISE)
def test_one_damaged_clip_spoils_no_baseline(train, test, method, damage, tmp_path):
    frames = train.frames.copy()
    clip = frames[train.starts[5] : train.starts[5] + train.lengths[5]]
    if damage == "zeros":  # as trackers write what they do not see; one joint is a hair off
        clip[:] = 0
        clip[:, 9:] = train[5][:, 9:]
        clip[3, build.H36M.index("Neck")] = 1e-6, 0, 0
    elif damage == "one coordinate":
        clip[3, 13, 0] = 1e6
    else:
        clip[:, 13] += 1e4 * np.arange(len(clip))[:, None]
    changed = {"train": dataclasses.replace(train, frames=frames), "test": test}
    root = build.data_folder(tmp_path / "data", changed, build.CLASSES)
    data = load(build.config(data_root=root, val_fraction=0.0))
    assert len(data.doubts) >= 1 and train.names[5] in " ".join(data.doubts)

    def top1(known):
        answers = METHODS[method].fit(known, build.H36M, 4).answer(test)
        return hits(test.labels, answers, 1).mean()

    assert top1(data.splits["train"]) > top1(train) - 0.05


@pytest.mark.parametrize("method", WITH_FEATURES)
def test_features_of_one_clip_a_million_times_off_are_held_within_bounds(fitted, train, method):
    features = fitted[method].features(train)[0]
    spoiled = features.copy()
    spoiled[5] *= 1e6
    bounded = Bounds().fit(spoiled).transform(spoiled)
    np.testing.assert_array_equal(np.delete(bounded, 5, 0), np.delete(spoiled, 5, 0))
    assert (bounded.std(0) < 4 * np.delete(features, 5, 0).std(0) + 1e-6).all()

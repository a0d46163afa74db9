"""Variants of a recipe compared on the same clips."""

import build
import pytest
from build import guesses
from evaluate.conftest import LABELS

from mbnb.data.dataset import load
from mbnb.evaluate.compare import by_region, compare_variants
from mbnb.evaluate.evaluation import Evaluation
from mbnb.files import InputError


def test_variants_are_compared_on_the_same_clips(evaluated, tmp_path):
    good, poor = guesses(LABELS, 3, skill=9, seed=4), guesses(LABELS, 3, skill=0, seed=5)
    data = load(evaluated("good", good))
    evaluated("poor", poor)
    evaluated("half", poor[:9], slice(0, 9))
    variants = {"poor": ["poor"], "good": ["good"], "both": ["good", "poor"]}
    table = compare_variants(data, tmp_path, variants, 50)
    low, high = ((probabilities.argmax(1) == LABELS).mean() for probabilities in (poor, good))
    assert table["top1"].tolist() == pytest.approx([low, high, (low + high) / 2])
    assert table["difference"].tolist() == pytest.approx([0, high - low, (high - low) / 2])
    assert table["p"][0] == 1 and table["p"][1] < 0.05 and table["low"][1] > 0
    with pytest.raises(InputError, match="other clips"):
        compare_variants(data, tmp_path, {"good": ["good"], "half": ["half"]})
    with pytest.raises(InputError, match="not evaluated yet: missing"):
        compare_variants(data, tmp_path, {"good": ["good", "missing"]})


def test_what_the_people_stage_made_of_a_variant_has_a_row_of_its_own(evaluated, tmp_path):
    poor = evaluated("poor", guesses(LABELS, 3, skill=0, seed=5))
    good = evaluated("good", guesses(LABELS, 3, skill=9, seed=4))
    data = load(poor)
    alone = compare_variants(data, tmp_path, {"poor": ["poor"]}, 50)
    poor.folder.people_predictions.write_text(good.folder.predictions.read_text())
    table = compare_variants(data, tmp_path, {"poor": ["poor"], "good": ["good"]}, 50)
    assert table["variant"].tolist() == ["poor", "poor, with people", "good"]
    assert table["top1"][0] == alone["top1"][0], "clips are judged by themselves"
    assert table["top1"][1] == table["top1"][2] > table["top1"][0]


def test_regions_stand_in_the_order_of_the_class_table():
    clips = build.clips("ab", [3, 0], "test", classes=build.CLASSES)  # the lower limb comes first
    evaluation = Evaluation("test", clips, build.CLASSES, guesses(clips.labels, 4, skill=9))
    table = by_region({"mine": evaluation})
    assert table.index.tolist() == ["upper limb", "lower limb", "all"]
    assert table["mine"].tolist() == [1, 1, 1]

"""Variants of a recipe compared on the same clips"""

import numpy as np
import pytest
from evaluate.conftest import answers

from mbnb.data.dataset import load
from mbnb.evaluate.compare import compare_variants
from mbnb.files import InputError


def test_variants_are_compared_on_the_same_clips(outputs):
    good, poor = answers(1.0, 4), answers(0.0, 5)
    settings = outputs("good", good)
    outputs("poor", poor)
    outputs("half", poor[:9], slice(0, 9))
    table = compare_variants(
        load(settings),
        outputs.folder,
        {"poor": ["poor"], "good": ["good"], "both": ["good", "poor"]},
        50,
    )
    right = [
        (probabilities.argmax(1) == np.arange(18) % 3).mean() for probabilities in (poor, good)
    ]
    assert table["top1"].tolist() == pytest.approx([right[0], right[1], sum(right) / 2])
    assert table["difference"].tolist() == pytest.approx(
        [0, right[1] - right[0], (right[1] - right[0]) / 2]
    )
    assert table["p"][0] == 1 and table["p"][1] < 0.05 and table["low"][1] > 0
    with pytest.raises(InputError, match="other clips"):
        compare_variants(load(settings), outputs.folder, {"good": ["good"], "half": ["half"]})
    with pytest.raises(InputError, match="not evaluated yet: missing"):
        compare_variants(load(settings), outputs.folder, {"good": ["good", "missing"]})


def test_what_the_people_stage_made_of_a_variant_has_a_row_of_its_own(outputs):
    settings = outputs("poor", answers(0.0, 5))
    outputs("good", answers(1.0, 4))
    folders = {name: outputs.folder / name for name in ("poor", "good")}
    alone = compare_variants(load(settings), outputs.folder, {"poor": ["poor"]}, 50)
    predicted = (folders["good"] / "predictions.csv").read_text()
    (folders["poor"] / "people_predictions.csv").write_text(predicted)
    variants = {name: [name] for name in folders}
    table = compare_variants(load(settings), outputs.folder, variants, 50)
    assert table["variant"].tolist() == ["poor", "poor, with people's other clips", "good"]
    assert table["top1"][0] == alone["top1"][0], "clips are judged by themselves"
    assert table["top1"][1] == table["top1"][2] > table["top1"][0]

"""Tables of predictions, ours and anybody's: what is wrong with one is named"""

import pytest
from evaluate.conftest import CLASSES, answers, clips

from mbnb.config import Config
from mbnb.data.dataset import load
from mbnb.data.write import write_dataset
from mbnb.evaluate.ensemble import combine
from mbnb.evaluate.tables import find_clips, read_scores
from mbnb.files import InputError


def test_what_does_not_fit_is_refused_all_at_once(outputs):
    settings = outputs("one", answers(0.5, 1))
    config = Config.of({"outputs": str(outputs.folder), "run": "both"})
    with pytest.raises(InputError, match="(?s)nowhere: neither.*nothing: neither"):
        combine(config, ["one", "nowhere", "nothing"])
    (outputs.folder / "bad.csv").write_text("vid,A1,B1\nc100,0.5,x\nc100,1,0\n")
    with pytest.raises(InputError, match="(?s)no column A2.*c100 stands there more than once"):
        read_scores(outputs.folder / "bad.csv", CLASSES)
    (outputs.folder / "bad.csv").write_text("vid,A1,A2,B1\nc100,0.5,0.5,x\n")
    with pytest.raises(InputError, match="line 2: expected numbers"):
        read_scores(outputs.folder / "bad.csv", CLASSES)
    (outputs.folder / "fine.csv").write_text("vid,A1,A2,B1\n0001.mp4,0.25,0.25,0.5\n")
    assert read_scores(outputs.folder / "fine.csv", CLASSES).loc["0001"].tolist() == [
        0.25,
        0.25,
        0.5,
    ]
    (outputs.folder / "loose.csv").write_text(
        "vid,A1,A2,B1\n0001,0.1,0.1,0.1\n0002,0.2,0.3,0.5\n0003,0.9,0.9,0.9\n"
    )
    with pytest.raises(
        InputError, match="(?s)line 2: expected probabilities that sum to 1.* 0.3 .*line 4"
    ):
        read_scores(outputs.folder / "loose.csv", CLASSES)
    (outputs.folder / "some.csv").write_text("vid,A1,A2,B1\nc100,0.5,0.5,0\n")
    with pytest.raises(
        InputError,
        match="17 of 18 clips are in fewer than others, c101 the first, which is not in .*some.csv",
    ):
        combine(config, ["one", outputs.folder / "some.csv"])
    with pytest.raises(
        InputError, match="1 of 2 clips are not among the labelled ones .* who the first"
    ):
        find_clips(load(settings), ["c100", "who"])
    write_dataset(
        outputs.folder / "twice", {"train": clips(18, 18), "test": clips(18, 3, first=17)}, CLASSES
    )
    with pytest.raises(
        InputError, match="1 of 3 clips have a name that two splits .* use, c17 the first"
    ):
        find_clips(
            load(Config.of({"data_root": str(outputs.folder / "twice"), "val_fraction": 0.0})),
            ["c16", "c17", "c18"],
        )

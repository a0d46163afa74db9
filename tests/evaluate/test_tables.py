"""Tables of predictions, ours and anybody's: what is wrong with one is named."""

import pytest
from build import clips, config, data_folder, guesses
from evaluate.conftest import CLASSES, LABELS

from mbnb.data.dataset import load
from mbnb.evaluate.ensemble import combine
from mbnb.evaluate.tables import find_clips, read_scores
from mbnb.files import InputError


def written(path, *rows):
    """A table of predictions with these rows."""
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_table_that_is_not_one_of_predictions_is_refused(tmp_path):
    path, columns = tmp_path / "table.csv", "vid,A1,A2,B1"
    written(path, "vid,A1,B1", "c100,0.5,x", "c100,1,0")
    with pytest.raises(InputError, match="(?s)no column A2.*c100 stands there more than once"):
        read_scores(path, CLASSES)
    written(path, columns, "c100,0.5,0.5,x")
    with pytest.raises(InputError, match="line 2: expected numbers"):
        read_scores(path, CLASSES)
    written(path, columns, "0001.mp4,0.25,0.25,0.5")
    assert read_scores(path, CLASSES).loc["0001"].tolist() == [0.25, 0.25, 0.5]
    written(path, columns, "0001,0.1,0.1,0.1", "0002,0.2,0.3,0.5", "0003,0.9,0.9,0.9")
    wanted = "(?s)line 2: expected probabilities that sum to 1.* 0.3 .*line 4"
    with pytest.raises(InputError, match=wanted):
        read_scores(path, CLASSES)


def test_tables_of_other_clips_are_refused(evaluated, tmp_path):
    data, both = load(evaluated("one", guesses(LABELS, 3))), config(outputs=tmp_path, run="both")
    with pytest.raises(InputError, match="(?s)nowhere: neither.*nothing: neither"):
        combine(both, ["one", "nowhere", "nothing"])
    few = written(tmp_path / "few.csv", "vid,A1,A2,B1", "c100,0.5,0.5,0")
    wanted = "17 of 18 clips are in fewer than others, c101 the first, which is not in .*few.csv"
    with pytest.raises(InputError, match=wanted):
        combine(both, ["one", few])
    wanted = "1 of 2 clips are not among the labelled ones .* who the first"
    with pytest.raises(InputError, match=wanted):
        find_clips(data, ["c100", "who"])


def test_a_name_that_two_splits_use_tells_no_clip(tmp_path):
    train = clips("abc", LABELS[:6], name="c{i}", classes=CLASSES)
    test = clips("c", [0, 1], "test", name="c{i}7", classes=CLASSES)  # c07 and c17
    root = data_folder(tmp_path / "data", {"train": train, "test": test}, CLASSES)
    data = load(config(data_root=root, val_fraction=0.0))
    wanted = "1 of 3 clips have a name that two splits .* use, c17 the first"
    with pytest.raises(InputError, match=wanted):
        find_clips(data, ["c16", "c17", "c07"])

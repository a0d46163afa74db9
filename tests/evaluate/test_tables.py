"""Tables of predictions, ours and anybody's: what is wrong with one is named."""

import dataclasses

import numpy as np
import pytest
from build import clips, config, data_folder, guesses
from evaluate.conftest import CLASSES, LABELS

from mbnb.classes import ClassTable
from mbnb.data.dataset import load
from mbnb.evaluate.ensemble import combine
from mbnb.evaluate.evaluation import Evaluation
from mbnb.evaluate.score import load_evaluation, write_evaluation
from mbnb.evaluate.tables import (
    find_clips,
    prediction_table,
    read_numbers,
    read_scores,
    write_csv,
)
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


HEADER = " Clip;P_A1;p_a2;P_B1"
SHEETS = {
    "decimal commas": f"{HEADER}\n0001.MOV;0,25;0,25;0,5\nNA;0,1;2E-01;0,7\n".encode("utf-16"),
    "names of rows before": b",vid,A1,A2,B1\n0,0001,.25,.25,.5\n1,NA,.1,.2,.7\n",
    "percentages": b"video\t0\t1\t2\t\n0001.mp4\t25\t25\t50\nNA\t10\t20\t70\n\n",
    "quoted commas": b'clip,A1,A2,B1\n"0001","0,25","0,25","0,5"\nNA,"0,1","0,2","0,7"\n',
}


@pytest.mark.parametrize("kind", SHEETS)
def test_a_table_of_scores_is_read_as_any_program_writes_it(kind, tmp_path):
    (tmp_path / "table.csv").write_bytes(SHEETS[kind])
    scores = read_scores(tmp_path / "table.csv", CLASSES)
    assert scores.index.tolist() == ["0001", "NA"]
    np.testing.assert_allclose(scores, [[0.25, 0.25, 0.5], [0.1, 0.2, 0.7]])


def test_commas_that_part_numbers_are_refused(tmp_path):
    path = written(tmp_path / "table.csv", "clip,A1,A2,B1", "a,0,25,0,25,0,5")
    with pytest.raises(
        InputError, match="line 2: expected 4 cells, found 7: a cell that holds ','"
    ):
        read_scores(path, CLASSES)


def test_what_is_called_as_nothing_reads_back_as_it_was_written(tmp_path):
    classes = ClassTable(("01", "NA", "1E5"), ("True", "None", "nan"), ("0", "1", "NA"))
    names = ("NA", "None", "0001", "1E10", "True", "nan")
    test = clips(names, [0], "test", classes=classes)
    test = dataclasses.replace(test, names=names, labels=np.arange(6) % 3)
    train = clips("ab", [0, 1, 2], classes=classes)
    root = data_folder(tmp_path / "data", {"train": train, "test": test}, classes)
    settings = config(data_root=root, outputs=tmp_path, run="one", val_fraction=0.0)
    settings.save(settings.folder.config)
    data = load(settings)
    assert data.classes == classes and data.splits["test"].subjects == names
    probabilities = guesses(test.labels, 3)
    evaluation = Evaluation("test", data.splits["test"], classes, probabilities)
    write_evaluation(settings, data, evaluation, {"members": ["one"]})
    again = load_evaluation(settings, data)
    assert again.clips.names == names and again.clips.subjects == names
    np.testing.assert_allclose(again.probabilities, probabilities, atol=1e-5)
    assert read_scores(settings.folder.predictions, classes).index.tolist() == list(names)


def test_a_spreadsheets_names_are_told_beside_ours(evaluated):
    data = load(evaluated("one", guesses(LABELS, 3)))
    with pytest.raises(InputError, match="C100 the first; is it 'c100' after a spreadsheet"):
        find_clips(data, ["C100"])


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


def test_numbers_of_our_own_table_are_read_whatever_a_spreadsheet_made_of_it(tmp_path):
    ours, spreadsheets = tmp_path / "ours.csv", tmp_path / "sheet.csv"
    values = np.random.default_rng(0).dirichlet(np.ones(len(CLASSES)), 9)
    names = ["NA", "1e5", *(f"clip {i}" for i in range(7))]
    table = prediction_table(names, CLASSES, values)
    write_csv(table, ours)
    columns = [f"p_{code}" for code in CLASSES.codes]
    rows = ours.read_text().replace(",", ";").replace(".", ",")
    spreadsheets.write_text(rows, encoding="cp1252")
    for path in (ours, spreadsheets):
        found = read_numbers(path, columns)
        assert found.index.tolist() == names
        np.testing.assert_allclose(found, values, rtol=1e-5)
        assert read_numbers(path, ["r_head"]) is None

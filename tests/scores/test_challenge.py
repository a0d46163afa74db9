"""A submission follows the organisers' sample to the letter, or says why it cannot."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from mbnb.classes import read_classes
from mbnb.files import InputError
from mbnb.scores.challenge import COLUMNS, write_submission

CLASSES = read_classes("ma52")
NAMES = [f"{i:04d}" for i in range(7)]


@pytest.fixture
def probabilities():
    scores = np.random.default_rng(0).dirichlet(np.ones(52), 7)
    return pd.DataFrame(scores, index=NAMES, columns=CLASSES.codes)


def sample_of(folder, *lines):
    """The organisers' sample with these lines."""
    (folder / "sample.csv").write_text("\n".join(lines))
    return folder / "sample.csv"


def submitted(folder, sample, probabilities):
    """The table in the submission that follows a sample."""
    assert write_submission(folder / "s.zip", sample, probabilities, CLASSES) == 7
    with zipfile.ZipFile(folder / "s.zip") as file:
        return pd.read_csv(file.open("prediction.csv"), dtype={"vid": str})


def test_a_submission_follows_the_sample_to_the_letter(tmp_path, probabilities):
    predictions = [f"{kind}_pred_{i}" for kind in ("action", "body") for i in range(1, 6)]
    order = NAMES[::-1]
    lines = [",".join(["vid", *predictions]), *(f"{name}.mp4" + ",0" * 10 for name in order)]
    table = submitted(tmp_path, sample_of(tmp_path, *lines), probabilities)
    assert table.columns.tolist() == ["vid", *predictions]
    assert table["vid"].tolist() == [f"{name}.mp4" for name in order]
    best = probabilities.loc[order].to_numpy().argsort(1)[:, ::-1]
    assert (table[predictions[:5]].to_numpy() == best[:, :5]).all()
    letters = sorted({code[0] for code in CLASSES.codes})
    of_letter = [[code for code in CLASSES.codes if code[0] == letter] for letter in letters]
    sums = np.stack([probabilities.loc[order, codes].sum(axis=1) for codes in of_letter], 1)
    assert (table["body_pred_1"] == sums.argmax(1)).all()
    assert table[predictions[5:]].isin(range(len(letters))).all(axis=None)

    quoted = sample_of(tmp_path, '"action_pred_1","vid"', *(f'"0","{name}"' for name in order))
    table = submitted(tmp_path, quoted, probabilities)
    assert table.columns.tolist() == ["action_pred_1", "vid"] and table["vid"].tolist() == order


def test_that_nothing_happens_is_never_submitted(tmp_path, probabilities):
    still = read_classes("ma52_still")
    with_nothing = (probabilities * 0.1).assign(N52=0.9)
    regions = pd.DataFrame(np.eye(8)[[7, 0, 1, 2, 3, 4, 7]], NAMES, still.region_names)
    for parts in (None, regions):
        written = []
        for scores, classes in ((probabilities, CLASSES), (with_nothing, still)):
            given = parts if parts is None else parts[list(classes.region_names)]
            sample = sample_of(tmp_path, "vid", *NAMES)
            sample.write_text(",".join(COLUMNS) + "".join(f"\n{name}" for name in NAMES))
            write_submission(tmp_path / "s.zip", sample, scores, classes, given)
            with zipfile.ZipFile(tmp_path / "s.zip") as file:
                written.append(file.read("prediction.csv"))
        assert written[0] == written[1]


def test_a_sample_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path, probabilities):
    submitted(tmp_path, sample_of(tmp_path, "vid", *NAMES), probabilities)
    before = (tmp_path / "s.zip").read_bytes()
    for lines, wanted in (
        (
            ["0001.mp4 0", "0009.mp4 0", "0009.mp4 0"],
            "(?s)0009 stands there more than once.*no prediction for 0009.*a prediction for 0000",
        ),
        (["vid,guess", *(f"{name},0" for name in NAMES)], "guess"),
        (
            ["vid,action_pred_1,action_pred_1", *(f"{name},0,0" for name in NAMES)],
            "action_pred_1 stands there more than once",
        ),
    ):
        with pytest.raises(InputError, match=wanted):
            sample = sample_of(tmp_path, *lines)
            write_submission(tmp_path / "s.zip", sample, probabilities, CLASSES)
        assert (tmp_path / "s.zip").read_bytes() == before


def test_a_sample_that_a_spreadsheet_has_saved_is_followed_too(tmp_path, probabilities):
    text = "sep=;\r\nVid;Action_pred_1;\r\n" + "".join(f"{name}.MP4;0;\r\n" for name in NAMES)
    (tmp_path / "sample.csv").write_bytes(text.encode("utf-16"))
    table = submitted(tmp_path, tmp_path / "sample.csv", probabilities)
    assert table.columns.tolist() == ["vid", "action_pred_1"]
    assert table["vid"].tolist() == [f"{name}.MP4" for name in NAMES]
    listed = sample_of(tmp_path, *(f"{name}.mov\t0" for name in NAMES))
    assert len(submitted(tmp_path, listed, probabilities)) == 7


def test_names_that_a_spreadsheet_changed_are_one_fault_with_both_spellings(
    tmp_path, probabilities
):
    sample = sample_of(tmp_path, "vid", *(str(int(name)) for name in NAMES))
    with pytest.raises(InputError) as caught:
        write_submission(tmp_path / "s.zip", sample, probabilities, CLASSES)
    missing, others = str(caught.value).splitlines()
    assert "no prediction for 0, 1, 2 and 4 more" in missing and "is 0 '0000' after" in missing
    assert "a prediction for 0000, 0001, 0002 and 4 more" in others

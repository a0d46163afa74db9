"""A submission for the challenges follows the organisers' sample to the letter, or says why not."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from mbnb.classes import read_classes
from mbnb.files import InputError
from mbnb.scores.challenge import write_submission


def test_a_submission_follows_the_sample_to_the_letter(tmp_path):
    classes = read_classes("ma52")
    rng = np.random.default_rng(0)
    names = [f"{i:04d}" for i in range(7)]
    probabilities = pd.DataFrame(rng.dirichlet(np.ones(52), 7), index=names, columns=classes.codes)
    sample = tmp_path / "sample.csv"
    columns = [
        "vid",
        *(f"action_pred_{i}" for i in range(1, 6)),
        *(f"body_pred_{i}" for i in range(1, 6)),
    ]
    order = names[::-1]
    sample.write_text(
        ",".join(columns) + "\n" + "".join(f"{name}.mp4" + ",0" * 10 + "\n" for name in order)
    )
    assert write_submission(tmp_path / "s.zip", sample, probabilities, classes) == 7
    with zipfile.ZipFile(tmp_path / "s.zip") as file:
        table = pd.read_csv(file.open("prediction.csv"))
    assert table.columns.tolist() == columns
    assert table["vid"].tolist() == [f"{name}.mp4" for name in order]
    best = probabilities.loc[order].to_numpy().argsort(1)[:, ::-1]
    assert (table[columns[1:6]].to_numpy() == best[:, :5]).all()
    letters = sorted({code[0] for code in classes.codes})
    sums = np.stack(
        [
            probabilities.loc[order, [code for code in classes.codes if code[0] == letter]].sum(
                axis=1
            )
            for letter in letters
        ],
        1,
    )
    assert (table["body_pred_1"] == sums.argmax(1)).all()
    assert table[columns[6:]].isin(range(len(letters))).all(axis=None)

    sample.write_text(
        '"action_pred_1","vid"\n' + "".join(f'"0","{name}"\n' for name in order)
    )  # quoted, and in another order
    assert write_submission(tmp_path / "s.zip", sample, probabilities, classes) == 7
    with zipfile.ZipFile(tmp_path / "s.zip") as file:
        table = pd.read_csv(file.open("prediction.csv"), dtype={"vid": str})
    assert table.columns.tolist() == ["action_pred_1", "vid"] and table["vid"].tolist() == order
    sample.write_text("vid\n" + "\n".join(names))
    assert write_submission(tmp_path / "s.zip", sample, probabilities, classes) == 7


def test_a_sample_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path):
    classes, names = read_classes("ma52"), [f"{i:04d}" for i in range(7)]
    scores = np.random.default_rng(0).dirichlet(np.ones(52), 7)
    probabilities = pd.DataFrame(scores, index=names, columns=classes.codes)
    sample = tmp_path / "sample.csv"
    sample.write_text("vid\n" + "\n".join(names))
    assert write_submission(tmp_path / "s.zip", sample, probabilities, classes) == 7
    sample.write_text("0001.mp4 0\n0009.mp4 0\n0009.mp4 0\n")
    before = (tmp_path / "s.zip").read_bytes()
    with pytest.raises(
        InputError,
        match="(?s)0009 stands there more than once.*no prediction for 0009.*a prediction for 0000",
    ):
        write_submission(tmp_path / "s.zip", sample, probabilities, classes)
    assert (tmp_path / "s.zip").read_bytes() == before
    sample.write_text("vid,guess\n" + "".join(f"{name},0\n" for name in names))
    with pytest.raises(InputError, match="guess"):
        write_submission(tmp_path / "s.zip", sample, probabilities, classes)
    sample.write_text(
        "vid,action_pred_1,action_pred_1\n" + "".join(f"{name},0,0\n" for name in names)
    )
    with pytest.raises(InputError, match="action_pred_1 stands there more than once"):
        write_submission(tmp_path / "s.zip", sample, probabilities, classes)

"""What stands beside an answer that had better not be believed."""

import build
import numpy as np
import pandas as pd
import pytest
from build import H36M, config, data_folder, guesses, moving
from evaluate.conftest import CLASSES, LABELS
from run.headless import command_line

from mbnb.clips import pack
from mbnb.data.dataset import load
from mbnb.evaluate.remarks import remarks
from mbnb.evaluate.tables import read_scores
from mbnb.train import train

WRIST, ANKLE = H36M.index("L_Wrist", "R_Ankle")
FILES = {
    "sound": lambda pose: pose,
    "no legs": lambda pose: blank(pose, slice(1, 7)),
    "no wrist": lambda pose: blank(pose, WRIST),
    "hardly a wrist": lambda pose: blank(pose, WRIST, slice(4, None)),
    "still": lambda pose: np.repeat(pose[:1], 20, 0),
    "long": lambda pose: np.tile(pose, (20, 1, 1)),
    "upside down": lambda pose: pose * np.float32([1, -1, -1]),
    "mirrored": lambda pose: pose * np.float32([-1, 1, 1]),
    "whole": lambda pose: pose + np.float32(0.1),
}
EXPECTED = {
    "sound": "",
    "no legs": "never seen: R_Hip, R_Knee, R_Ankle, L_Hip, L_Knee, L_Ankle",
    "no wrist": "never seen: L_Wrist",
    "hardly a wrist": "mostly not seen: L_Wrist",
    "still": "nothing moves",
    "long": "20.0 s long, in training 1.6 s: more than one movement?",
    "upside down": "upside down",
    "mirrored": "left and right exchanged",
    "whole": "",
}


def blank(pose, joints, frames=slice(None)):
    pose = pose.copy()
    pose[frames, joints] = 0
    return pose


@pytest.fixture
def odd(tmp_path):
    """A folder of clips without labels, each odd in its own way."""
    names = [name.replace(" ", "_") for name in FILES]
    poses = [change(moving(0, i, 30)) for i, change in enumerate(FILES.values())]
    test = pack(poses, names, [-1] * len(names), names)
    return data_folder(tmp_path / "odd", {"test": test}, build.CLASSES)


def test_a_remark_says_why_a_clip_is_not_one_to_be_answered(odd):
    clips = load(config(data_root=odd)).splits["test"]
    found = dict(zip(clips.names, remarks(clips, H36M, fps=30.0, usual=1.6)))
    assert found == {name.replace(" ", "_"): remark for name, remark in EXPECTED.items()}
    unknown = remarks(clips, H36M, fps=30.0)  # how long clips were in training
    assert unknown[clips.names.index("long")] == ""


def test_predictions_come_with_remarks_and_warnings(odd, tmp_path):
    made = {"train": build.clips("abcd", [0, 1, 2, 3] * 2, pose=moving, classes=build.CLASSES)}
    settings = config(
        data_root=data_folder(tmp_path / "data", made, build.CLASSES), outputs=tmp_path, epochs=1
    )
    train(settings, load(settings))
    answers = tmp_path / "answers.csv"
    done = command_line("predict", settings.folder.latest, odd, "--out", answers)
    assert done.exit_code == 0
    assert "joints were not seen (NaN or 0, 0, 0) in 3 of 9 clips" in done.stderr
    assert "stand on their heads" in done.stderr and "upside_down" in done.stderr
    table = pd.read_csv(answers, keep_default_na=False).set_index("clip")["remark"]
    assert table["no_wrist"] == EXPECTED["no wrist"] and table["sound"] == ""
    assert table["long"].startswith("20.0 s long, in training 1.")
    assert len(read_scores(answers, build.CLASSES)) == len(FILES)


def test_a_run_keeps_remarks_beside_its_predictions(evaluated):
    settings = evaluated("one", guesses(LABELS, 3))
    table = pd.read_csv(settings.folder.predictions, keep_default_na=False)
    columns = table.columns.tolist()
    assert columns.index("remark") < columns.index("p_A1")
    assert set(table["remark"]) == {""}
    assert len(read_scores(settings.folder.predictions, CLASSES)) == 18

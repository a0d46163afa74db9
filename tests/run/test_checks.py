"""What can be known of notebooks before the first of them starts."""

import shutil
import subprocess
import sys
import time

import build
import pytest
from run.headless import NOTEBOOKS, command_line, options

from mbnb.config import Config
from mbnb.files import ROOT, InputError
from mbnb.run.checks import check_before, choose_notebooks, settings_of


@pytest.fixture
def data(tmp_path):
    return build.data_folder(tmp_path / "people", build.splits())


@pytest.fixture
def refused(tmp_path):
    """`run` with these notebooks and settings is refused before anything is written: its lines."""

    def run(*notebooks, **settings):
        outputs = tmp_path / "outputs"
        done = command_line("run", *notebooks, *options(outputs=outputs, **settings))
        assert done.exit_code == 2, done.output
        assert not outputs.exists()
        return done.stderr.removeprefix("error: ").splitlines()

    return run


def test_labels_classes_and_people_are_checked_before_the_first_notebook(data, refused):
    labels = data / "train_labels.txt"
    labels.write_text(labels.read_text() + "nobody 3\nA1_a_train0\n")
    said = refused("01", "03", data_root=data, device="cpu")
    assert len(said) == 2 and all(line.startswith(f"{labels}, line ") for line in said)
    (data / "classes.csv").write_text("a,b\n1,2\n")
    assert any(str(data / "classes.csv") in line for line in refused("03", data_root=data))


def test_videos_labels_and_patterns_are_checked_before_the_first_notebook(tmp_path, refused):
    videos, labels = tmp_path / "videos", tmp_path / "labels.txt"
    videos.mkdir()
    (videos / "anna_1.mp4").touch()
    labels.write_text("anna_1 three\n")
    said = refused("01", "02", videos=videos, video_labels=labels)
    assert f"{labels}, line 1" in said[0]
    (said,) = refused("02", videos=videos, video_person="[a-z")
    assert "'video_person'" in said and "regular expression" in said
    (said,) = refused("02", videos=videos / "anna_1.mp4")
    assert "expected a folder, found a file" in said
    said = refused("02", videos=tmp_path / "none", video_labels=tmp_path / "no.txt")
    assert len(said) == 2 and "no such folder" in said[0] and "no such file" in said[1]


def test_files_of_all_chosen_notebooks_are_checked_at_once(tmp_path, refused):
    text = tmp_path / "weights.pt"
    text.write_text("no weights")
    recipes = tmp_path / "recipes.yaml"
    recipes.write_text("variants: {a: {epohcs: 3}}")
    said = refused("03", "04", "06", "07", init_from=text, recipes=recipes, against="other")
    assert len(said) == 3
    assert str(text) in said[0] and "'epohcs'" in said[1] and "'other'" in said[2]


def test_recordings_of_movement_are_looked_for_before_the_first_notebook(tmp_path, refused):
    given = {"motion": f"[{tmp_path / 'a.npz'}, {tmp_path / 'b'}]"}
    for notebook in ("08", "09"):
        said = refused("01", notebook, **given)
        assert len(said) == 2 and all("'motion'" in line and "no such" in line for line in said)


def test_an_encoder_beside_actions_has_a_run_of_its_own():
    names = [NOTEBOOKS[i] for i in (2, 7, 8)]
    assert settings_of(names[0], names, {"run": "a"}) == {"run": "a"}
    for name in names[1:]:
        assert settings_of(name, names, {"run": "a"}) == {"run": "a_encoder"}
        assert settings_of(name, names[1:], {"run": "a"}) == {"run": "a"}


def test_one_shot_recognition_has_a_run_of_its_own_unless_it_is_named_alone():
    one_shot = next(path for path in NOTEBOOKS if path.name.startswith("11"))
    beside = [NOTEBOOKS[2], one_shot]
    assert settings_of(one_shot, beside, {"run": "a"}) == {"run": "a_one_shot"}
    assert settings_of(one_shot, [one_shot], {}) == {"run": "workbook_one_shot"}
    assert settings_of(one_shot, [one_shot], {"run": "a"}) == {"run": "a"}


def test_settings_of_another_training_are_refused_before_the_first_notebook(tmp_path):
    given = dict(build.TINY, outputs=str(tmp_path), **build.SIMULATED)
    assert command_line("train", *options(**given)).exit_code == 0
    done = command_line("run", "01", "03", *options(**given | {"depth": 2}))
    assert done.exit_code == 2 and "depth 1 there, 2 now" in done.stderr


def test_what_the_run_itself_will_write_need_not_be_there(tmp_path):
    given = {"outputs": str(tmp_path), "run": "films"}
    given["data_root"] = str(Config.of(given).folder.converted)
    check_before([NOTEBOOKS[1], NOTEBOOKS[2]], given)
    with pytest.raises(InputError, match="no such folder"):
        check_before([NOTEBOOKS[2]], given | {"data_root": str(tmp_path / "elsewhere")})


def test_a_bad_label_file_is_refused_without_loading_torch(data):
    (data / "train_labels.txt").write_text("nobody x\n")
    code = (
        "import sys; from mbnb.run.checks import check_before, choose_notebooks\n"
        f"try: check_before(choose_notebooks(['03']), {{'data_root': {str(data)!r}}})\n"
        "except ValueError as error: print(error); print('torch' in sys.modules)"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "False" and "nobody x" in done.stdout, done.stderr
    assert time.monotonic() - began < 20  # some two seconds where nothing else runs


@pytest.mark.parametrize(
    "text", ["3", "03", "03_training", "03_training.ipynb", "notebooks/03_training.ipynb", "train"]
)
def test_a_notebook_is_found_by_number_name_and_path(text):
    assert choose_notebooks([text]) == [NOTEBOOKS[2]]
    assert choose_notebooks(["5", text]) == [NOTEBOOKS[2], NOTEBOOKS[4]]


def test_notebooks_that_are_not_ours_are_refused(tmp_path):
    shutil.copy(NOTEBOOKS[2], tmp_path)
    with pytest.raises(InputError, match="not one of mbnb's notebooks"):
        choose_notebooks([str(tmp_path / NOTEBOOKS[2].name)])
    for text in ("99", "", "nothing"):
        with pytest.raises(InputError, match="no notebook begins with"):
            choose_notebooks([text])

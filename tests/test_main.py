"""What is typed on the command line becomes settings, or is refused in plain words."""

import re
import shutil
from pathlib import Path

import build
import pytest
from run.headless import command_line

from mbnb.__main__ import collect, main, spelled
from mbnb.config import SETTINGS, Config, settings_page


def test_typed_settings_do_what_a_person_means(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("epochs: '7'\nflip: 'no'\nlr_head: 1e-4\ncompile: off\n")
    given = collect(
        (Path("a.yaml"),),
        (
            ("peaks", "False"),
            ("streams", "[joint, bone]"),
            ("freeze", "backbone"),
            ("people", "adapt"),
            ("checkpoint", "latest"),
            ("batch_size", '"8"'),
            ("run", "007"),
            ("video_person", "[0-9]"),
            ("seed", "null"),
        ),
    )
    config = Config.of(given)
    assert (config.epochs, config.flip, config.lr_head, config.compile) == (7, False, 1e-4, "off")
    assert (config.peaks, config.streams, config.freeze) == (False, ["joint", "bone"], ["backbone"])
    assert (config.batch_size, config.run, config.video_person) == (8, "007", "[0-9]")
    assert (config.people, config.checkpoint) == (["adapt"], "latest")
    assert config.seed == Config().seed


def test_paths_start_where_they_were_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "a.yaml").write_text("data_root: here\ninit_from: elsewhere/x.pt\n")
    given = collect(
        (Path("a.yaml"),),
        (("outputs", "out"), ("class_table", "ma52"), ("videos", ""), ("recipes", "r.yaml")),
    )
    assert given == {
        "data_root": str(tmp_path / "here"),
        "init_from": "elsewhere/x.pt",  # not there, so it starts at the checkout
        "outputs": str(tmp_path / "out"),
        "class_table": "ma52",
        "videos": "",
        "recipes": str(tmp_path / "r.yaml"),
    }


def test_what_means_nothing_is_refused_all_at_once():
    done = command_line(
        "verify", "data", "-p", "epochs", "2.5", "-p", "flip", "maybe", "-p", "epoch", 3
    )
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "error: setting 'epochs': expected a whole number, found '2.5'",
        "setting 'flip': expected true or false, found 'maybe'",
        "unknown setting 'epoch'; did you mean 'epochs'?",
    ]


def test_settings_are_listed_by_group_and_found_by_a_word():
    everything = command_line("settings").stdout
    assert all(f"\n  {name} " in everything for name in SETTINGS)
    assert everything.startswith("The run: ")
    some = command_line("settings", "mirror")
    assert some.exit_code == 0
    assert "\n  flip " in some.stdout and "epochs" not in some.stdout
    near = command_line("settings", "epohcs")
    assert "\n  epochs " in near.stdout and "the nearest is 'epochs'" in near.stderr
    assert command_line("settings", "zzzzz").exit_code == 2


def test_the_page_is_printed_as_it_is():
    assert command_line("settings", "--page").stdout == settings_page()


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_explains_itself(command):
    done = command_line(command, "--help")
    assert done.exit_code == 0
    if command not in ("settings", "pack", "coding", "agree"):
        assert "mbnb settings" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "typed",
    ["-p epochs=2.5", "-p epochs: 2.5", "-p epochs:2.5", "-pepochs=2.5", "--parameter=epochs=2.5"]
    + ["-p epochs = 2.5", "--parameter epochs 2.5"],
)
def test_a_setting_is_understood_however_it_is_typed(typed):
    done = command_line("verify", "data", *typed.split(), "-p", "flip", "maybe")
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "error: setting 'epochs': expected a whole number, found '2.5'",
        "setting 'flip': expected true or false, found 'maybe'",
    ]


@pytest.mark.parametrize(
    "typed, said",
    [
        ("--epochs 2", "`-p epochs 2`"),
        ("--epochs=2", "`-p epochs 2`"),
        ("--epoch 2", "`-p epochs 2`"),
        ("-epochs 2", "`-p epochs 2`"),
        ("--batch-size 16", "`-p batch_size 16`"),
        ("epochs=2", "`-p epochs 2`"),
        ("-p epochs", "-p epochs: expected a value"),
        ("-p run -p epochs 2", "-p run: expected a value"),
    ],
)
def test_how_a_setting_is_given_is_said_where_it_was_given_otherwise(typed, said):
    done = command_line("train", *typed.split())
    assert done.exit_code == 2 and said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_values_keep_equals_signs_colons_and_minus():
    pairs = spelled(
        ["-p", "run", "a=b", "-p", "data_root", "C:\\x", "-p", "videos=", "--out", "seed=3"],
        {"--out": 1, "-p": 2},
    )
    assert pairs == [
        *("-p", "run", "a=b", "-p", "data_root", "C:\\x"),
        *("-p", "videos", "", "--out", "seed=3"),
    ]


def test_near_commands_and_notebooks_are_named():
    assert re.search("[Dd]id you mean .*'train'", command_line("trian").stderr)
    assert "`python -m mbnb run 03_training`" in command_line("03_training").stderr


def test_monitor_names_the_runs_that_are_there(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "environment.json").write_text("{}")
    for named in ([], ["nothing"]):
        done = command_line("monitor", *named, "-p", "outputs", tmp_path)
        assert done.exit_code == 2
        assert "no such run" in done.stderr and "there are mine" in done.stderr


def test_predict_says_what_a_folder_is_where_it_is_no_data_set(tmp_path):
    checkpoint = tmp_path / "best.pt"
    checkpoint.touch()

    def refused(folder, *more):
        done = command_line("predict", checkpoint, folder, *more)
        assert done.exit_code == 2
        return done.stderr

    videos, films = tmp_path / "my videos", tmp_path / "films" / "converted"
    videos.mkdir()
    (videos / "a.MTS").touch()
    convert = f"python -m mbnb run 02 -p run NAME -p videos '{videos}'"
    assert convert in refused(videos) and convert in refused(videos / "a.MTS")
    assert convert in command_line("verify", videos).stdout
    films.mkdir(parents=True)
    assert f"its clips are in {films}" in refused(films.parent)
    people = build.data_folder(tmp_path / "people", {"train": build.clips("ab", [0, 1])})
    assert "add `--split train`" in refused(people)
    shutil.copytree(people, tmp_path / "unpacked" / "inner")
    assert "the folder inner inside it" in refused(tmp_path / "unpacked")
    assert "in no split" in refused(people / "train")
    (people / "train_labels.txt").unlink()
    assert "rename train to test" in refused(people)
    assert "no such folder" in refused(tmp_path / "nothing")
    (run := tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (run / "best.pt").touch()
    film = videos / "a.MTS"
    assert "videos, no clips" in command_line("predict", run.parent, film).stderr
    done = command_line("predict", people, checkpoint)
    assert f"the checkpoint comes first: predict {checkpoint} {people}" in done.stderr


def test_a_run_is_named_in_place_of_its_checkpoint(tmp_path):
    folder = Config.of({"outputs": str(tmp_path), "run": "mine"}).folder
    folder.checkpoints.mkdir(parents=True)
    folder.best.write_text("none")
    for named in ("mine", folder.path, folder.checkpoints):
        done = command_line("evaluate", named, "-p", "outputs", tmp_path)
        assert f"checkpoint: {folder.best}" in done.stderr
    done = command_line("evaluate", "yours", "-p", "outputs", tmp_path)
    assert done.exit_code == 2
    assert "that have some: mine; weights that come with mbnb: encoder," in done.stderr

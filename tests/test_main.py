"""What is typed on the command line becomes settings, or is refused in plain words."""

from pathlib import Path

import pytest
from run.headless import command_line

from mbnb.__main__ import collect, main
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
    if command != "settings":
        assert "mbnb settings" in " ".join(done.stdout.split())

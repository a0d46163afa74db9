"""The original's files for pretraining and lifting: taken as they stand, or refused in a line."""

import contextlib
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from data.originals import FILES, SMALL, write_all, write_clips, write_settings
from run.headless import command_line

from mbnb import settings
from mbnb.config import Config, find_settings, read_yaml
from mbnb.files import InputError
from mbnb.model.checkpoints import build_pose_net
from mbnb.originals import FOREIGN, LIFTING, RENAMED

RUN = dict(outputs="outputs", device="cpu")


@pytest.mark.parametrize("name", FILES)
def test_every_key_is_taken_over_or_said_to_have_no_effect(name, tmp_path, capsys):
    settings.say_once.cache_clear()
    config = Config.of(read_yaml(write_settings(tmp_path, name)))
    said = capsys.readouterr().err
    for key, value in FILES[name].items():
        if key in FOREIGN | LIFTING:
            assert f"{key} " in said, key
        elif key not in RENAMED and key not in ("noise", "data_root"):
            assert getattr(config, key) == value, key
    assert config.parity and config.run == name
    assert config.lr_backbone == FILES[name]["learning_rate"]
    assert bool(config.noise) == FILES[name]["noise"]
    last = "data/motion3d/h36m_sh_conf_cam_source_final.pkl"
    if FILES[name]["train_2d"]:
        flat = ["data/motion2d/posetrack18_annotations/train", "data/motion2d"]
        assert config.motion == ["data/motion3d/MB3D_f243s81/AMASS", last, *flat]
    else:
        assert config.motion == [last]
    assert ("will start from nothing" in said) == FILES[name]["finetune"]


def test_what_else_is_given_wins_and_other_values_are_refused(tmp_path):
    file = read_yaml(write_settings(tmp_path, "MB_pretrain"))
    config = Config.of(file | {"lr_backbone": 1e-3, "motion": ["mine.npz"], "run": "mine"})
    assert (config.lr_backbone, config.motion, config.run) == (1e-3, ["mine.npz"], "mine")
    with pytest.raises(InputError) as caught:
        Config.of(file | {"lambda_lv": 0.5, "data_stride": 27, "no_conf": True})
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "setting 'data_stride'",
        "setting 'no_conf'",
        "setting 'lambda_lv'",
    ]
    with pytest.raises(InputError, match="learning_rate: .* here it is lr_backbone"):
        find_settings("learning_rate")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with all that the original's files ask for, below `data`."""
    folder = tmp_path_factory.mktemp("place")
    write_all(folder / "data")
    return folder


def run(place, command, name, *others, **changes):
    """Give a small version of a file to a command, in the folder where its data lie."""
    file = write_settings(place, name, **SMALL | changes)
    parameters = [word for key, value in RUN.items() for word in ("-p", key, str(value))]
    with contextlib.chdir(place):
        return command_line(command, *others, "-f", str(file), *parameters)


def test_pretraining_runs_its_curriculum_and_goes_on_after_a_break(place):
    done = run(place, "pretrain", "MB_pretrain", pretrain_3d_curriculum=1)
    assert done.exit_code == 0, done.stderr
    history = pd.read_csv(place / "outputs" / "MB_pretrain" / "history.csv")
    np.testing.assert_allclose(history["lr_backbone"], [5e-4, 0.99 * 5e-4])
    first = run(
        place, "pretrain", "MB_pretrain", "-p", "run", "parts", pretrain_3d_curriculum=1, epochs=1
    )
    assert first.exit_code == 0, first.stderr
    again = run(place, "pretrain", "MB_pretrain", "-p", "run", "parts", pretrain_3d_curriculum=1)
    assert again.exit_code == 0, again.stderr
    parts = pd.read_csv(place / "outputs" / "parts" / "history.csv")
    pd.testing.assert_series_equal(parts["train_loss"], history["train_loss"], check_exact=True)
    later = run(place, "pretrain", "MB_pretrain", "-p", "run", "later", pretrain_3d_curriculum=2)
    assert later.exit_code == 0, later.stderr
    deep = pd.read_csv(place / "outputs" / "later" / "history.csv")["train_loss"]
    assert deep[0] == history["train_loss"][0] and deep[1] != history["train_loss"][1]


def test_lifting_starts_from_the_originals_weights_and_is_scored_on_human36m(place):
    refused = run(place, "pretrain", "MB_ft_h36m_global")
    assert refused.exit_code == 2 and "expected weights to start from" in refused.stderr
    network = build_pose_net(Config.of({"recipe": "parity"}, SMALL), 17)
    weights = {f"module.{name}": value for name, value in network.backbone.state_dict().items()}
    start = place / "best_epoch.bin"
    torch.save({"epoch": 90, "lr": 1e-4, "model_pos": weights, "min_loss": np.float64(39.2)}, start)
    done = run(place, "pretrain", "MB_ft_h36m_global", "-p", "init_from", str(start))
    assert done.exit_code == 0, done.stderr
    assert "backbone's own head 2 of 2 fit" in done.stdout
    tables = {
        name: run(place, "evaluate", file, checkpoint)
        for name, checkpoint, file in (
            ("theirs", start, "MB_ft_h36m_global"),
            ("ours", place / "outputs" / "MB_ft_h36m_global", "MB_ft_h36m_global"),
            ("relative", start, "MB_train_h36m"),
        )
    }
    for name, table in tables.items():
        assert table.exit_code == 0, table.stderr
        assert "Directions" in table.stdout and "p_mpjpe_all" in table.stdout, name
    assert len({table.stdout for table in tables.values()}) == 3


def test_other_commands_say_which_one_a_file_is_for(place):
    for command in ("train", "run"):
        told = run(place, command, "MB_train_h36m")
        assert told.exit_code == 2 and "`python -m mbnb pretrain -f FILE`" in told.stderr
    told = command_line("grid", write_settings(place, "MB_train_h36m"))
    assert told.exit_code == 2 and "is for pretraining or lifting" in told.stderr


def test_sources_that_are_not_there_are_named_together(tmp_path):
    told = run(tmp_path, "pretrain", "MB_pretrain")
    assert told.exit_code == 2 and told.stderr.count("no such file or folder") == 4


def test_the_pickle_alone_is_found_from_the_current_folder(place, tmp_path):
    (tmp_path / "data" / "motion3d").mkdir(parents=True)
    pickle = "data/motion3d/h36m_sh_conf_cam_source_final.pkl"
    shutil.copy(place / pickle, tmp_path / pickle)
    done = run(tmp_path, "pretrain", "MB_train_h36m", epochs=1)
    assert done.exit_code == 0, done.stderr


def test_clips_of_human36m_are_taken_where_the_pickle_is_not(place, tmp_path):
    shutil.copytree(place / "data", tmp_path / "data")
    clips = tmp_path / "data" / "motion3d" / "MB3D_f243s81"
    (clips.parent / "h36m_sh_conf_cam_source_final.pkl").unlink()
    write_clips(clips / "H36M-SH" / "train", 4, 12, detected=True)
    done = run(tmp_path, "pretrain", "MB_train_h36m")
    assert done.exit_code == 0, done.stderr

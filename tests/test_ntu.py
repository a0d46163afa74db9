"""The original's files for NTU RGB+D, 60 classes and one-shot: taken as they stand, and run."""

import contextlib

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from data.ntu import FILES, write_ntu
from data.originals import SMALL
from run.headless import command_line

from mbnb import settings
from mbnb.config import Config, read_yaml
from mbnb.model.checkpoints import build_model
from mbnb.originals import FOREIGN

TINY = SMALL | dict(hidden_dim=6, action_classes=7)
ONE_SHOT = {key: value for key, value in TINY.items() if key != "action_classes"}


def write_settings(folder, name, changes):
    """One of the original's files, smaller."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(FILES[name] | changes))
    return path


@pytest.mark.parametrize("name", FILES)
def test_every_key_is_taken_over_or_said_to_have_no_effect(name, tmp_path, capsys):
    settings.say_once.cache_clear()
    config = Config.of(read_yaml(write_settings(tmp_path, name, {})))
    said = capsys.readouterr().err
    for key, value in FILES[name].items():
        if key in FOREIGN:
            assert f"{key} " in said, key
        else:
            assert getattr(config, key) == value, key
    assert config.parity and config.run == name and config.dim_in == 3
    one_shot = "oneshot" in name
    assert config.data_root == f"data/action/ntu{120 if one_shot else 60}_hrnet.pkl"
    assert (config.head, config.unseen_classes) == (("embed", 6) if one_shot else ("auto", 0))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with both pickles where the original looks for them."""
    folder = tmp_path_factory.mktemp("place")
    write_ntu(folder / "data" / "action" / "ntu60_hrnet.pkl", classes=7)
    write_ntu(folder / "data" / "action" / "ntu120_hrnet.pkl", classes=9)
    return folder


def run(place, name, *command, **changes):
    """A command with a small version of a file, in the folder where its data lie."""
    small = ONE_SHOT if "oneshot" in name else TINY
    file = write_settings(place, name, small | changes)
    given = ("-f", file, "-p", "outputs", "outputs", "-p", "device", "cpu", "-p", "bootstraps", 20)
    with contextlib.chdir(place):
        done = command_line(*command, *given)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def official(path, name, version):
    """A file as the original's script writes it, in its layout, for a small network."""
    small = ONE_SHOT if version == "embed" else TINY
    config = Config.of(FILES[name], small, {"recipe": "parity"})
    torch.manual_seed(0)
    weights = build_model(config, 7, 17, version=version).state_dict()
    weights = {f"module.{key}": value for key, value in weights.items()}
    best = {"epoch": 9, "lr": [1e-4], "model": weights, "best_acc": np.float64(0.6)}
    torch.save(best | {"optimizer": {"state": {}, "param_groups": []}}, path)
    return path


def test_an_official_checkpoint_is_scored_on_its_pickle(place):
    checkpoint = official(place / "best_epoch.bin", "MB_ft_NTU60_xsub", "class")
    by_subject, by_view = (
        run(place, f"MB_ft_NTU60_{split}", "evaluate", checkpoint) for split in ("xsub", "xview")
    )
    for told, clips in ((by_subject, 28), (by_view, 42)):
        assert f"test {clips}" in told and '"top1"' in told
    assert by_subject != by_view


def test_training_on_the_pickle_starts_from_weights_and_is_scored(place):
    told = run(place, "MB_train_NTU60_xsub", "train", epochs=1, clip_len=6)
    assert "train_top1" in told
    run(place, "MB_train_NTU60_xsub", "evaluate", "outputs/MB_train_NTU60_xsub", clip_len=6)


def test_one_shot_is_trained_and_scored_by_the_authors_examples(place):
    checkpoint = official(place / "oneshot.bin", "MB_ft_NTU120_oneshot", "embed")
    told = run(place, "MB_ft_NTU120_oneshot", "evaluate", checkpoint)
    assert "network" in told and "test 24" in told
    told = run(place, "MB_train_NTU120_oneshot", "train", epochs=2)
    assert "train_loss" in told
    best = place / "outputs" / "MB_train_NTU120_oneshot"
    run(place, "MB_train_NTU120_oneshot", "evaluate", best)
    rows = pd.read_csv(best / "one_shot_clips.csv")
    # Two unseen classes; all of their clips but the two examples are asked.
    assert len(rows) == 2 * 12 - 2 and set(rows["true"]) == {0, 6} == set(rows["predicted"])
    assert not {"S001C003P008R001A001", "S001C003P008R001A007"} & set(rows["clip"])

"""Settings: whoever gives them, they are checked; the original's own file works as it stands."""

import dataclasses
import re

import pytest
import yaml
from data.ntu import NTU60

from mbnb import settings
from mbnb.config import FOREIGN, GONE, PRESETS, RECIPES, SETTINGS, Config, read_yaml, saved_config
from mbnb.files import InputError


def faults_of(*sources):
    with pytest.raises(InputError) as caught:
        Config.of(*sources)
    return str(caught.value).splitlines()


@pytest.fixture
def documented(shared, tmp_path):
    """The document's YAML block as a file."""
    text = (shared / "mission" / "000_5264d2a983e10901.txt").read_text(encoding="utf-8")
    path = tmp_path / "MB_train_custom.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1], encoding="utf-8")
    return path


def test_the_documents_file_is_accepted_as_it_stands_and_wins(documented):
    given = read_yaml(documented)
    config = Config.of(given)
    assert len(given) == 19
    for key, value in given.items():
        assert key in FOREIGN or getattr(config, key) == value, key
    assert config.recipe == "parity"
    assert config.parity
    assert (config.hidden_dim, config.dim_feat, config.dim_rep, config.depth, config.num_heads) == (
        64,
        192,
        96,
        2,
        4,
    )
    assert (
        config.epochs,
        config.batch_size,
        config.lr_backbone,
        config.lr_head,
        config.lr_decay,
    ) == (300, 24, 1e-5, 8e-5, 0.98)
    assert (config.dim_in, config.maxlen, config.label_smoothing) == (3, 243, 0)
    assert Config.of(given, {"epochs": 2}).epochs == 2


def test_preset_then_recipe_then_file_then_single_parameter():
    assert (
        Config.of().dim_feat
        == Config.of({"preset": "demo"}).dim_feat
        == PRESETS["demo"]["dim_feat"]
    )
    assert Config.of({"preset": "full"}).clip_len == PRESETS["full"]["clip_len"]
    parity = Config.of({"recipe": "parity"})
    assert (parity.preset, parity.dim_feat, parity.clip_len) == (
        "ma52",
        192,
        RECIPES["parity"]["clip_len"],
    )
    larger = Config.of({"recipe": "parity"}, {"preset": "lite"})
    assert (larger.dim_feat, larger.clip_len, larger.epochs) == (256, 243, 300)
    file, single = {"recipe": "parity", "clip_len": 100, "epochs": 7}, {"epochs": 8}
    assert (Config.of(file).clip_len, Config.of(file).epochs, Config.of(file, single).epochs) == (
        100,
        7,
        8,
    )
    assert Config.of({"preset": "lite", "dim_rep": 32}, {"hidden_dim": 5}).dim_rep == 32


def test_none_leaves_a_setting_alone():
    assert Config.of({"epochs": None, "recipe": None}) == Config()
    assert Config.of({"epochs": 5}, {"epochs": None}).epochs == 5


def test_unknown_settings_name_the_nearest():
    assert faults_of({"epoch": 3}) == ["unknown setting 'epoch'; did you mean 'epochs'?"]
    assert "known: run" in faults_of({"zzz": 3})[0]
    assert "unknown setting 1" in faults_of({1: 2})[0]


def test_all_faults_come_at_once():
    faults = faults_of(
        {
            "lr_hed": 1,
            "epochs": "many",
            "batch_size": 1,
            "recipe": "best",
            "num_heads": 5,
            "smooth": 4,
            "movement": "yes",
            "dropout_ratio": 1.0,
            "run": "..",
            "scale_range_train": [2],
            "freeze": {"backbone": True},
            "lr_head": float("nan"),
        }
    )
    named = [
        "lr_hed",
        "epochs",
        "batch_size",
        "recipe",
        "dim_feat",
        "smooth",
        "movement",
        "dropout_ratio",
        "run",
        "scale_range_train",
        "freeze",
        "lr_head",
    ]
    for key in named:
        assert sum(f"setting '{key}'" in fault for fault in faults) == 1, key
    assert len(faults) == len(named)


@pytest.mark.parametrize(
    "bad",
    [
        {"epochs": 2.5},
        {"epochs": True},
        {"epochs": "2.5"},
        {"flip": "maybe"},
        {"epochs": float("inf")},
        {"flip": 1},
        {"lr_head": "fast"},
        {"lr_head": True},
        {"lr_head": float("inf")},
        {"run": 1.5},
        {"run": ""},
        {"run": "a/b"},
        {"run": "."},
        {"freeze": [["head"]]},
        {"scale_range_train": [0, 1]},
        {"clip_len": 3000, "rate": 0},
        {"val_fraction": -0.1},
        {"preset": "huge"},
        {"mlp_ratio": 0},
        {"simulated_people": 0},
        {"people": ["quota", "handedness"]},
        {"noise": -1},
        {"seed": -1},
        {"smooth": -7},
        {"num_heads": 0},
        {"bootstraps": 0},
    ],
)
def test_values_that_no_run_can_use(bad):
    assert f"'{next(iter(bad))}'" in faults_of(bad)[0]


def test_numbers_as_people_write_them(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "lr_backbone: 1e-4\nepochs: 12.0\nfps: 25\nrun: 5\nscale_range_train: [2, 2]\n",
        encoding="utf-8",
    )
    config = Config.of(read_yaml(tmp_path / "a.yaml"))
    assert (
        config.lr_backbone,
        config.epochs,
        config.fps,
        config.run,
        config.scale_range_train,
    ) == (
        1e-4,
        12,
        25.0,
        "5",
        [2.0, 2.0],
    )
    assert isinstance(config.epochs, int)
    assert isinstance(config.fps, float)


ORIGINALS_KEYS = dict(
    finetune=False,
    partial_train=None,
    model_version="class",
    maxlen=243,
    num_joints=17,
    att_fuse=True,
    mlp_ratio=2,
    dataset="custom",
    data_split="custom",
    normalize=True,
    preprocess_3d=True,
    skip_2d_lifting=True,
)


def test_the_originals_own_file_is_accepted_and_says_what_has_no_effect(documented, capsys):
    settings.say_once.cache_clear()
    given = read_yaml(documented) | ORIGINALS_KEYS
    config = Config.of(given)
    assert config == Config.of(read_yaml(documented))
    assert config.parity
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "preprocess_3d" in one]
    assert line.startswith("of the original's settings these have no effect here: ")
    assert all(f"{name} " in line for name in FOREIGN)
    assert Config.of(given) == config and capsys.readouterr().err == "", "it is said once"


def test_what_the_original_does_otherwise_is_refused_with_what_to_do():
    assert faults_of({"finetune": 3, "num_joints": 25, "partial_train": ["head"]}) == [
        "setting 'finetune': expected False or True, found 3; "
        "the setting init_from names weights to start from",
        "setting 'partial_train': expected None, found ['head']; "
        "all weights are trained but those that the setting freeze names",
        "setting 'num_joints': expected 17, found 25; "
        "the setting skeleton says which joints there are",
    ]
    assert Config.of({"dataset": "ntu60_hrnet"}).recipe == "parity"
    assert "always that" in faults_of({"scale_range_test": [1, 1]})[0]


def test_settings_that_are_gone_are_named_in_one_line_where_a_file_has_them(tmp_path, capsys):
    settings.say_once.cache_clear()
    config = Config.of({"outputs": str(tmp_path), "recipe": "parity", "epochs": 5})
    config.save(config.folder.config)
    of_before = read_yaml(config.folder.config)
    del of_before["people"]
    of_before |= dict(
        exchange=0.3, adapt=True, checkpoint_choice="latest", normalize=True, warmup=0
    )
    config.folder.config.write_text(yaml.safe_dump(of_before, sort_keys=False), encoding="utf-8")
    assert saved_config({"outputs": str(tmp_path)}) == config
    assert saved_config({"outputs": str(tmp_path), "epochs": 6}).epochs == 6
    line = "settings that are gone and have no effect: "
    names = "exchange, adapt, checkpoint_choice, normalize, warmup"
    assert capsys.readouterr().err == f"{line}{names}\n"
    with pytest.raises(InputError, match="did you mean 'epochs'"):
        Config.of(saved={"epohcs": 3})
    assert {*GONE} & {*SETTINGS} == set()


def test_what_is_gone_but_given_anew_is_refused_with_what_replaces_it(tmp_path):
    assert faults_of({"adapt": True, "exchange": 0, "checkpoint_choice": "latest"}) == [
        "setting 'adapt' is gone; give people: [adapt] instead",
        "setting 'exchange' is gone; nothing replaces it",
        "setting 'checkpoint_choice' is gone; give checkpoint: latest or checkpoint: best instead",
    ]
    with pytest.raises(InputError, match="'quota' is gone; give people"):
        Config.of({"quota": False}, saved={"quota": True, "adapt": True})


def test_settings_of_the_parity_recipe_do_not_go_with_another():
    for key, value in {
        "random_move": False,
        "scale_range_train": [1, 2],
    }.items():
        assert Config.of({key: value}).recipe == "parity"
        assert faults_of({key: value, "recipe": "default"}) == [
            f"setting {key!r} belongs to the recipe 'parity', but the recipe is 'default'"
        ]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"recipe": "parity", "freeze": ["backbone"]},
        {"preset": "full", "data_root": "some folder", "lr_head": "3e-5"},
    ],
)
def test_saved_settings_read_back_equal(given, tmp_path):
    config = Config.of(given)
    config.save(tmp_path / "run" / "config.yaml")
    assert Config.of(read_yaml(tmp_path / "run" / "config.yaml")) == config
    assert list(yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())) == [
        field.name for field in dataclasses.fields(Config)
    ]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"epochs: 3\nlr: [1, 2\nseed: 1\n", r"bad\.yaml, line 3: not YAML"),
        (b"epochs: 3\nrun: !!python/object/apply:os.getcwd []\n", r"bad\.yaml, line 2: not YAML"),
        (b"- epochs\n", r"bad\.yaml: expected `setting: value` lines, found a list"),
        (b"just words", r"bad\.yaml: expected `setting: value` lines, found a str"),
        (b"run: \x81", r"bad\.yaml: cannot be read as settings"),
        (b"run: \x01", r"bad\.yaml: not YAML"),
        (
            b"epochs: 3\nseed: 1\nepochs: 5\n",
            r"bad\.yaml, line 3: 'epochs' stands there a second time, with another value than in "
            r"line 1; keep one",
        ),
        (b"variants:\n  a: {seed: 1}\n  a: {seed: 2}\n", r"bad\.yaml, line 3: 'a' stands"),
        (b"a: 1\nrun: !!python/object/apply:os.mkdir [x]\n", r"line 2: not YAML \(it asks for"),
    ],
)
def test_broken_files_are_named_with_the_line(content, message, tmp_path):
    (tmp_path / "bad.yaml").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_yaml(tmp_path / "bad.yaml")


def test_a_file_that_is_not_there_and_an_empty_one(tmp_path):
    with pytest.raises(InputError, match="none.yaml: no such file"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert read_yaml(tmp_path / "empty.yaml") == {}


ORIGINALS = dict(  # what stands in all of the original's files for actions
    partial_train=None, maxlen=243, num_joints=17, att_fuse=True, clip_len=243, random_move=True
)


@pytest.mark.parametrize(
    "changes",
    [{}, {"data_split": "xview"}, {"finetune": False, "lr_head": 1e-4}, {"init_from": "full.bin"}],
)
def test_the_originals_files_for_other_actions_are_accepted_as_they_are(changes, tmp_path, capsys):
    settings.say_once.cache_clear()
    given = NTU60 | changes
    (tmp_path / "MB_NTU60.yaml").write_text(yaml.safe_dump(given))
    config = Config.of(read_yaml(tmp_path / "MB_NTU60.yaml"))
    for name, value in given.items():
        assert name in FOREIGN or getattr(config, name) == value, name
    assert config.parity
    said = capsys.readouterr().err
    assert "dataset (the files in data_root say it" in said
    assert ("will start from nothing" in said) == (changes in ({}, {"data_split": "xview"}))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"lr_head: 5e-5\nlr_backbone: 1E-4\n", {"lr_head": 5e-5, "lr_backbone": 1e-4}),
        (b"epochs:\t5\nstreams:\n\t- joint\n\t- bone\n", {"streams": ["joint", "bone"]}),
        (b"\xef\xbb\xbfepochs: 5\r\nseed: 2\r\n", {"epochs": 5, "seed": 2}),
        ("epochs: 5\nrun: \u00fcbung\n".encode("utf-16"), {"epochs": 5, "run": "\u00fcbung"}),
        ("epochs:\u00a05\nrun: a\u00a0b\n".encode(), {"epochs": 5, "run": "a\u00a0b"}),
        (b"lr_head: &rate 5e-5\nlr_backbone: *rate\n", {"lr_head": 5e-5, "lr_backbone": 5e-5}),
        (b"partial_train: None\nnum_joints: '17'\ninit_from: None\n", {"init_from": "auto"}),
        (b"run: 007\n", {"run": "007"}),
        (b"run: 2024-05-01\n", {"run": "2024-05-01"}),
        (b"run: 12_30\n", {"run": "12_30"}),
        (b"epochs: 5\nepochs: 5\n", {"epochs": 5}),
        (b"scale_range_train: !!python/tuple [1, 3]\n", {"scale_range_train": [1, 3]}),
        (
            b"!!python/object/new:easydict.EasyDict\ndictitems:\n  epochs: 5\n  run: a\n"
            b"state:\n  epochs: 5\n  run: a\n",
            {"epochs": 5, "run": "a"},
        ),
        (b"!!python/object:argparse.Namespace\nepochs: 5\n", {"epochs": 5}),
    ],
)
def test_yaml_is_read_as_people_and_programs_write_it(content, expected, tmp_path):
    (tmp_path / "a.yaml").write_bytes(content)
    config = Config.of(read_yaml(tmp_path / "a.yaml"))
    assert {name: getattr(config, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("given", "run"),
    [
        ({}, "workbook"),
        ({"data_root": "/somewhere/my_data"}, "my_data"),
        ({"videos": "/somewhere/films/"}, "films"),
        ({"data_root": "/somewhere/my_data", "videos": "/somewhere/films"}, "my_data"),
        ({"data_root": "outputs/films/converted"}, "films"),
        ({"data_root": "/runs/films/converted", "outputs": "/runs"}, "films"),
        ({"data_root": "outputs/workbook/converted"}, "my_workbook"),
        ({"videos": "/"}, "my_"),
        ({"videos": "/somewhere/films", "run": "mine"}, "mine"),
    ],
)
def test_own_data_never_land_in_the_demonstration(given, run):
    assert Config.of(given).run == run

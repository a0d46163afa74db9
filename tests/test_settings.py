"""One declaration of a setting, and what follows from it: types, checks, tables, resume rules."""

from dataclasses import dataclass

import pytest

from mbnb import settings
from mbnb.classes import BUILT_IN
from mbnb.config import (
    PRESETS,
    RECIPES,
    SETTINGS,
    STREAMS,
    Config,
    find_settings,
    settings_page,
)
from mbnb.files import PACKAGE, InputError
from mbnb.people.stage import STEPS


@dataclass
class Light:
    """The light: how bright it is"""

    lamps: int = settings.setting(2, "How many lamps burn.", least=1, affects="answers")
    share: float = settings.setting(0.5, "Share of the light.", least=0, below=1)


@dataclass
class Sound:
    """The sound"""

    loud: bool = settings.setting(False, "Whether it is loud.", may_change=True)
    tune: str = settings.setting("off", "What is played.", choices=("off", "waltz"))
    voices: list[str] = settings.setting(
        ["high"], "Who sings.", choices=("high", "low"), least=1, affects="nothing"
    )
    pitches: list[float] = settings.setting([440.0], "How high they sing.")
    note: str = settings.setting("", "A remark.", affects="nothing")


@dataclass
class Room(Sound, Light):
    """A room."""


@pytest.mark.parametrize(
    "name, value, meant",
    [
        ("loud", True, True),
        ("loud", "False", False),
        ("loud", "FALSE", False),
        ("loud", "no", False),
        ("loud", '"true"', True),
        ("lamps", "3", 3),
        ("lamps", '"3"', 3),
        ("lamps", "1e3", 1000),
        ("lamps", 4.0, 4),
        ("lamps", "9007199254740993", 9007199254740993),
        ("share", "1e-4", 1e-4),
        ("share", "'0.25'", 0.25),
        ("share", 0, 0.0),
        ("tune", "waltz", "waltz"),
        ("tune", "off", "off"),
        ("tune", False, "off"),  # YAML's reading of the word
        ("note", 5, "5"),
        ("note", "[0-9]+", "[0-9]+"),
        ("voices", "low", ["low"]),
        ("voices", "[high, 'low']", ["high", "low"]),
        ("voices", ("low", "high"), ["low", "high"]),
        ("voices", "high,low", ["high", "low"]),
        ("pitches", "[]", []),
        ("pitches", "220, 1e3", [220.0, 1000.0]),
        ("pitches", 220, [220.0]),
    ],
)
def test_values_become_what_a_person_means(name, value, meant):
    values, faults = settings.read(Room, {name: value}, {})
    assert not faults
    assert values == {name: meant}
    assert type(values[name]) is type(meant)


@pytest.mark.parametrize(
    "name, value, fault",
    [
        ("loud", 1, "expected true or false, found 1"),
        ("loud", "maybe", "expected true or false, found 'maybe'"),
        ("lamps", "2.5", "expected a whole number, found '2.5'"),
        ("lamps", True, "expected a whole number, found True"),
        ("lamps", [2], "expected a whole number, found [2]"),
        ("lamps", 0, "expected at least 1, found 0"),
        ("share", "much", "expected a number, found 'much'"),
        ("share", "nan", "expected a number, found 'nan'"),
        ("share", float("inf"), "expected a number, found inf"),
        ("share", 1, "expected a share from 0 to below 1, found 1.0"),
        ("tune", True, "expected off or waltz, found True"),
        ("tune", "polka", "expected off or waltz, found 'polka'"),
        ("note", 1.5, "expected text, found 1.5"),
        ("voices", ["deep", "low"], "expected some of high, low, found deep"),
        ("voices", [], "expected some of high, low, found none"),
        ("pitches", ["a"], "expected a list of numbers, found ['a']"),
        ("pitches", {"a": 1}, "expected a list of numbers, found {'a': 1}"),
    ],
)
def test_values_that_mean_nothing_are_refused_in_words(name, value, fault):
    assert settings.read(Room, {name: value}, {}) == ({}, [f"setting {name!r}: {fault}"])


def test_all_faults_come_at_once_and_the_rest_is_read():
    values, faults = settings.read(
        Room, {"lamp": 3, "tune": "x", "old": 1, "loud": "yes"}, {"old": "nothing replaces it"}
    )
    assert values == {"loud": True}
    assert faults == [
        "unknown setting 'lamp'; did you mean 'lamps'?",
        "setting 'tune': expected off or waltz, found 'x'",
        "setting 'old' is gone; nothing replaces it",
    ]


def test_groups_are_joined_in_order_with_their_titles():
    groups = settings.grouped(settings.declared(Room).values())
    assert {title: [one.name for one in members] for title, members in groups.items()} == {
        "The light: how bright it is": ["lamps", "share"],
        "The sound": ["loud", "tune", "voices", "pitches", "note"],
    }


def test_what_depends_on_a_setting():
    assert settings.names(Room, "answers") == ("lamps",)
    assert settings.names(Room, "answers", "nothing") == ("lamps", "voices", "note")
    assert settings.free_to_change(Room) == ("lamps", "loud", "voices", "note")
    with pytest.raises(ValueError, match="affects 'taste'"):
        settings.Setting("a", int, 0, "", "", "taste")


def test_a_table_shows_changed_values_bold():
    shown = settings.table(Room(lamps=3, note="<b>"))._repr_html_()
    assert "<td" in shown and shown.count("<b>") == 2
    assert "<b>3</b> (default 2)" in shown
    assert "<b>&lt;b&gt;</b> (default empty)" in shown
    assert "The light: how bright it is" in shown


# ---------------------------------------------------------------- the workbook's own settings


def test_every_setting_explains_itself():
    for one in SETTINGS.values():
        assert one.help[0].isupper() and one.help.endswith("."), one.name
        assert len(one.help) <= 200, one.name
        assert one.group.partition(":")[0], one.name
        assert one.convert(one.default) == one.default and not one.fault(one.default), one.name
    for given in (*PRESETS.values(), *RECIPES.values()):
        assert settings.read(Config, given, {}) == (given, [])
    assert SETTINGS["class_table"].words == tuple(BUILT_IN)
    assert SETTINGS["streams"].choices == STREAMS
    assert SETTINGS["people"].choices == tuple(STEPS)


def test_a_training_may_go_on_elsewhere_but_not_with_another_model_or_other_clips():
    free = settings.free_to_change(Config)
    assert {"run", "outputs", "data_root", "epochs", "device", "views", "bootstraps"} <= set(free)
    assert not {"depth", "lr_head", "rate", "flip", "seed", "fold", "skeleton"} & set(free)
    assert {"views", "people"} <= set(settings.names(Config, "answers"))
    assert "data_root" in settings.names(Config, "weights"), "runs on other data are not alike"


def test_the_page_is_what_the_declarations_say():
    page = (PACKAGE / "SETTINGS.md").read_text(encoding="utf-8")
    assert page == settings_page(), "run: python -m mbnb settings --page > mbnb/SETTINGS.md"
    assert all(f"\n| `{name}` | " in page for name in SETTINGS)


def test_settings_are_found_by_a_word_of_their_help_or_by_a_name_like_it(capsys):
    assert "noise" in [one.name for one in find_settings("inaccuracy")]
    assert [one.name for one in find_settings("weigth_decay")] == ["weight_decay"]
    assert "the nearest is 'weight_decay'" in capsys.readouterr().err
    with pytest.raises(InputError, match="no setting has 'zzzzz'"):
        find_settings("zzzzz")
    with pytest.raises(InputError, match="setting 'quota' is gone; give people"):
        find_settings("quota")
    with pytest.raises(InputError, match="finetune: has no effect here; the setting init_from"):
        find_settings("finetune")

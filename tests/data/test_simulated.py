"""Simulated people on disk: made once for each setting and each version of the simulator."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from build import DOCUMENT, SIMULATED, config

from mbnb import simulate
from mbnb.classes import read_classes
from mbnb.data import simulated
from mbnb.data.dataset import load, verify

FEW = SIMULATED | dict(simulated_people=3, simulated_test_people=1, simulated_clips=4)


@pytest.fixture(autouse=True)
def workplace(monkeypatch, tmp_path):
    """A checkout without data."""
    monkeypatch.setattr(simulated, "ROOT", tmp_path)


def test_who_has_no_data_gets_simulated_people_once(monkeypatch):
    data = load(config(**FEW, val_fraction=0.0))
    assert data.simulated and data.known_people and data.classes == DOCUMENT
    assert "simulated people; clips: train 8, test 4" in data.describe()
    assert len(verify(data.root)) == 0
    expected = simulate.simulate(people=3, test_people=1, clips_per_person=4)
    for split, clips in expected.items():
        np.testing.assert_array_equal(data.splits[split].gather(), clips.gather())
        assert data.splits[split].names == clips.names
    monkeypatch.setattr(simulated, "simulated_splits", None)  # nobody is simulated any more
    assert load(config(**FEW, epochs=9)).root == data.root


@pytest.mark.parametrize("name", ["ma52", "ma52_still"])
def test_they_do_the_list_that_the_class_table_names(name):
    data = load(config(**FEW, val_fraction=0.0, class_table=name))
    assert data.simulated and data.classes == read_classes(name)
    assert {data.classes.id_of_code(clip) for clip in data.splits["train"].names} <= set(range(53))
    assert data.root != simulated.simulated_folder(config(**FEW))


def test_another_setting_and_another_simulator_make_other_people(monkeypatch, tmp_path):
    room = shutil.copytree(Path(simulate.__file__).parent, tmp_path / "room")
    monkeypatch.setattr(simulate, "__file__", str(room / "__init__.py"))
    folders = [
        simulated.simulated_folder(config(**FEW, simulated_tail=tail)) for tail in (False, True)
    ]
    files = sorted(room.glob("*.py"))
    for path in files:
        path.write_text(path.read_text() + "# changed\n")
        folders.append(simulated.simulated_folder(config(**FEW)))
    assert len(set(folders)) == 2 + len(files)

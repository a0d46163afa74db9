"""Grids: every variant with every combination, nothing done twice."""

import os

import pytest
from build import TINY, clips, data_folder

from mbnb.evaluate.leaderboard import leaderboard
from mbnb.files import ROOT, InputError
from mbnb.run.grid import plan_grid, run_grid

SMALL = TINY | dict(patch=1, bootstraps=5, val_fraction=0.4, scored="val", run="")


def test_a_grid_is_every_variant_with_every_combination():
    plan = plan_grid(
        {
            "run": "g",
            "epochs": 3,
            "variants": {"plain": None, "no stretch": {"stretch": 0.0}},
            "grid": {"fold": [0, 1], "seed": [5]},
        }
    )
    assert {variant: list(runs) for variant, runs in plan.items()} == {
        "plain": ["g-plain-fold0-seed5", "g-plain-fold1-seed5"],
        "no stretch": ["g-no_stretch-fold0-seed5", "g-no_stretch-fold1-seed5"],
    }
    name = "g-no_stretch-fold1-seed5"
    wanted = {"run": name, "epochs": 3, "stretch": 0.0, "fold": 1, "seed": 5}
    assert plan["no stretch"][name] == wanted
    with pytest.raises(InputError, match="(?s)did you mean 'stretch'.*did you mean 'stretch'"):
        plan_grid({"variants": {"a": {"strecth": 1}}, "grid": {"seed": [0, 1]}})
    with pytest.raises(InputError, match="a list of values"):
        plan_grid({"grid": {"seed": 3}})


def test_a_grid_is_shared_out_by_trainings_and_nothing_is_done_twice(tmp_path):
    train, test = clips("abc", range(6)), clips("xyz", range(6), "test", seed=100)
    data, grid = data_folder(tmp_path / "data", {"train": train, "test": test}), tmp_path / "grid"
    variants = {
        "default": {},
        "one view": {"views": 1},
        "no stretch": {"stretch": 0.0},
        "largest": {"method": "largest"},
    }
    given = SMALL | {"data_root": str(data), "outputs": str(grid)}
    plan = plan_grid(given | {"variants": variants})
    run_grid(plan, (1, 2))
    finished = {path.parent.name for path in grid.glob("*/metrics.json")}
    assert finished == {"default", "one_view", "largest"}, "one machine has all of a training"
    run_grid(plan, (2, 2))
    weights = {path.parents[1].name: path.read_bytes() for path in grid.glob("*/*/latest.pt")}
    assert weights["default"] == weights["one_view"] != weights["no_stretch"]
    assert (grid / "one_view" / "history.csv").exists() and len(leaderboard(grid)) == 4

    written = {path: path.stat().st_mtime_ns for path in grid.rglob("*") if path.is_file()}
    run_grid(plan)
    # A notebook may write the same places from the checkout on.
    near = {name: os.path.relpath(given[name], ROOT) for name in ("data_root", "outputs")}
    few = {name: variants[name] for name in ("default", "largest")}
    run_grid(plan_grid(given | near | {"variants": few}))
    assert {path: path.stat().st_mtime_ns for path in grid.rglob("*") if path.is_file()} == written

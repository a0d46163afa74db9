"""Grids: every variant with every combination, nothing done twice"""

import os

import numpy as np
import pytest

from mbnb.evaluate.leaderboard import leaderboard
from mbnb.files import ROOT, InputError
from mbnb.run.grid import plan_grid, run_grid


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
    assert plan["no stretch"]["g-no_stretch-fold1-seed5"] == {
        "run": "g-no_stretch-fold1-seed5",
        "epochs": 3,
        "stretch": 0.0,
        "fold": 1,
        "seed": 5,
    }
    with pytest.raises(InputError, match="(?s)did you mean 'stretch'.*did you mean 'stretch'"):
        plan_grid({"variants": {"a": {"strecth": 1}}, "grid": {"seed": [0, 1]}})
    with pytest.raises(InputError, match="a list of values"):
        plan_grid({"grid": {"seed": 3}})


def test_variants_that_differ_in_their_evaluation_share_a_training(outputs):
    outputs("data", np.eye(3)[np.arange(18) % 3])
    small = dict(
        dim_feat=8,
        dim_rep=8,
        num_heads=2,
        hidden_dim=16,
        clip_len=8,
        patch=1,
        epochs=2,
        val_fraction=0.4,
        scored="val",
        bootstraps=5,
        device="cpu",
        data_root=str(outputs.folder / "data"),
        outputs=str(outputs.folder / "grid"),
        run="",
    )
    plan = plan_grid(
        small
        | {
            "variants": {
                "default": {},
                "one view": {"views": 1},
                "no stretch": {"stretch": 0.0},
                "largest": {"method": "largest"},
            }
        }
    )
    run_grid(plan, (1, 2))
    assert {path.parent.name for path in outputs.folder.glob("grid/*/metrics.json")} == {
        "default",
        "one_view",
        "largest",
    }, "one machine has all of a training"
    run_grid(plan, (2, 2))
    default, one_view, no_stretch = (
        outputs.folder / "grid" / name / "checkpoints" / "latest.pt"
        for name in ("default", "one_view", "no_stretch")
    )
    assert default.read_bytes() == one_view.read_bytes() != no_stretch.read_bytes()
    assert (
        one_view.parents[1].joinpath("history.csv").exists()
        and len(leaderboard(outputs.folder / "grid")) == 4
    )
    written = {
        path: path.stat().st_mtime_ns for path in outputs.folder.rglob("*") if path.is_file()
    }
    run_grid(plan)
    near = small | {
        name: os.path.relpath(small[name], ROOT) for name in ("data_root", "outputs")
    }  # as a notebook may write the same places
    run_grid(plan_grid(near | {"variants": {"default": {}, "largest": {"method": "largest"}}}))
    assert written == {
        path: path.stat().st_mtime_ns for path in outputs.folder.rglob("*") if path.is_file()
    }, "nothing is done twice"

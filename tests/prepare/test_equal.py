"""Clips of one length in one piece are seen as the recipes see them."""

import numpy as np
import pytest
import torch
from build import CLASSES, H36M, moving

from mbnb.clips import pack
from mbnb.config import Config
from mbnb.prepare import make_recipe, views_of
from mbnb.prepare.equal import DefaultSight, ParitySight

SETTINGS = (
    {},
    {"streams": ["joint", "joint_motion"], "patch": 1},
    {"without_depth": True, "smooth": 0},
    {"rate": 0.0},
    {"clip_len": 8},
    {"recipe": "parity"},
)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("frames", [1, 2, 4, 5, 6, 7, 27, 58, 243, 300])
def test_what_is_seen_is_what_the_recipe_shows(settings, frames):
    config = Config.of(settings)
    poses = [moving(i, i, max(frames, 2))[:frames] for i in range(3)]
    names = ["a", "b", "c"]
    clips = pack(poses, names, [0, 1, 2], names)
    recipe = make_recipe(clips, config, H36M, CLASSES, torch.device("cpu"))
    views = views_of(config, CLASSES, 2)
    shown = [next(recipe.test_batches([torch.arange(3)], **view)) for view in views]
    expected = torch.cat([part for parts in shown for part in parts])
    sight = ParitySight(config, H36M) if config.parity else DefaultSight(config, H36M, views)
    seen = sight(torch.as_tensor(np.stack(poses)), torch.tensor(config.fps))
    assert seen.shape == expected.shape
    # A short clip that is stretched to many moments has steps that magnify rounding.
    torch.testing.assert_close(seen, expected, atol=5e-4, rtol=1e-4)

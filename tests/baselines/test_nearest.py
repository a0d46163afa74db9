"""The nearest clip under dynamic time warping."""

import build
import numpy as np
import pytest

from mbnb.baselines import nearest
from mbnb.baselines.nearest import Nearest
from mbnb.clips import pack
from mbnb.files import InputError


@pytest.fixture(scope="module")
def train():
    return build.clips("ab", [0, 1, 2, 3], pose=build.moving, classes=build.CLASSES)


def test_a_clip_is_found_again_although_it_lags_behind(train):
    def delayed(clip):
        """The same movement, begun later by a ninth of the clip, which ends as much earlier."""
        times = np.linspace(0, 1, len(clip))
        return clip[np.round((times - np.sin(np.pi * times) / 9) * (len(clip) - 1)).astype(int)]

    late = pack([delayed(clip) for clip in train], train.names, train.labels, train.subjects)
    probabilities = Nearest.fit(train, build.H36M, 4).answer(late)
    assert (probabilities.argmax(1) == train.labels).all()


def test_more_pairs_than_can_be_compared_are_refused(train, monkeypatch):
    monkeypatch.setattr(nearest, "PAIRS", 63)
    with pytest.raises(InputError, match="8 by 8 are too many; at most 63 pairs"):
        Nearest.fit(train, build.H36M, 4).answer(train)

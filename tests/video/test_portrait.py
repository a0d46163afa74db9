"""Sample videos of a real person."""

import numpy as np
import pytest
from build import DOCUMENT

from mbnb.files import InputError
from mbnb.video.frames import read_video
from mbnb.video.portrait import sample_video, sample_videos


def test_sample_videos_are_labelled_and_differ(tmp_path):
    sources = sample_videos(tmp_path, seconds=0.5)
    names = [DOCUMENT.names[source.label] for source in sources]
    assert names == ["Tilting head", "Swaying body", "Shaking body"]
    last = [list(read_video(source.path))[10][1].astype(int) for source in sources]
    assert min(np.abs(last[i] - last[j]).mean() for i, j in ((0, 1), (0, 2), (1, 2))) > 1
    with pytest.raises(InputError, match="unknown motion 'flying'"):
        sample_video(tmp_path / "x.mp4", motion="flying")

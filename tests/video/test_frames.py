"""Reading videos: every frame, upright, at a constant rate; files that are no videos."""

import numpy as np
import pytest
from video.films import grain, write

from mbnb.files import InputError
from mbnb.video.frames import read_video

FAULTS = {
    "cut.mp4": "decoding stopped after",
    "cut.mkv": "cut short: 40 frames declared",
    "no_index.mp4": "index is missing",
    "text.mp4": "cannot be read as a video",
    "empty.mp4": "cannot be read as a video",
    "frameless.avi": "holds no frames",
    "frameless.mkv": "holds no frames",
    "sound.mp4": "no video stream, found audio",
    "nowhere.mp4": "no such file",
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_file_that_is_no_whole_video_says_what_is_wrong_with_it(faulty, name):
    with pytest.raises(InputError, match=FAULTS[name]) as raised:
        list(read_video(faulty[name]))
    assert str(faulty[name]) in str(raised.value)


def test_frames_come_upright_contiguous_and_all(tmp_path, pictures):
    on_its_side = [np.rot90(picture) for picture in pictures[:5]]
    video = read_video(write(tmp_path / "turned.mp4", on_its_side, rotation=-90))
    upright = list(video)
    assert (video.declared, video.decoded, len(upright), video.size) == (5, 5, 5, (512, 600))
    assert [seconds for seconds, _ in upright] == pytest.approx(np.arange(5) / 30)
    for (_, picture), original in zip(upright, pictures[:5], strict=True):
        assert picture.flags["C_CONTIGUOUS"] and picture.dtype == np.uint8
        # A picture on its side differs by more than 50.
        assert np.abs(picture.astype(int) - original).mean() < 5


def test_a_variable_rate_becomes_constant_by_the_nearest_time_stamp(tmp_path):
    stamps = np.cumsum(np.random.default_rng(1).integers(12, 75, 50))
    # The grey value is the frame's number.
    greys = [np.full((64, 64, 3), 5 * i, np.uint8) for i in range(50)]
    ticks = list(read_video(write(tmp_path / "variable.mp4", greys, stamps=stamps), fps=25))
    shown = np.array([round(picture.mean() / 5) for _, picture in ticks])
    wanted = np.array([seconds * 1000 for seconds, _ in ticks])
    assert np.allclose(np.diff(wanted), 40) and abs(wanted[-1] - (stamps[-1] - stamps[0])) <= 20
    distance = np.abs(stamps - stamps[0] - wanted[:, None])  # (ticks, frames)
    assert np.allclose(distance[np.arange(len(ticks)), shown], distance.min(1), atol=1)


def test_a_fast_video_is_thinned_out(tmp_path):
    video = read_video(write(tmp_path / "fast.mp4", grain(60), rate=60))
    assert (len(list(video)), video.decoded) == (30, 60)

"""Reading videos: every frame, upright, at a constant rate; files that are no videos."""

import numpy as np
import pytest
from video.films import DAMAGED, copied, grain, greys, shown, stamped, write

from mbnb.files import InputError
from mbnb.video.frames import own_seconds, read_video


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_is_no_whole_video_says_what_is_wrong_with_it(faulty, name):
    with pytest.raises(InputError, match=DAMAGED[name]) as raised:
        list(read_video(faulty[name]))
    assert str(faulty[name]) in str(raised.value)


def test_frames_come_upright_contiguous_and_all(tmp_path, pictures):
    on_its_side = [np.rot90(picture) for picture in pictures[:5]]
    video = read_video(write(tmp_path / "turned.mp4", on_its_side, rotation=-90))
    upright = list(video)
    assert (video.decoded, len(upright), video.size) == (5, 5, (512, 600))
    assert [seconds for seconds, _ in upright] == pytest.approx(np.arange(5) / 30)
    for (_, picture), original in zip(upright, pictures[:5], strict=True):
        assert picture.flags["C_CONTIGUOUS"] and picture.dtype == np.uint8
        # A picture on its side differs by more than 50.
        assert np.abs(picture.astype(int) - original).mean() < 5


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        ((-1, 0, 0, 1), lambda picture: picture[:, ::-1]),
        ((1, 0, 0, -1), lambda picture: picture[::-1]),
        ((-1, 0, 0, -1), lambda picture: picture[::-1, ::-1]),
        ((0, 1, -1, 0), lambda picture: np.rot90(picture, -1)),
        ((0, 1, 1, 0), lambda picture: picture.swapaxes(0, 1)),
    ],
)
def test_pictures_are_turned_and_mirrored_as_their_display_matrix_says(
    tmp_path, pictures, matrix, turned
):
    xx, xy, yx, yy = (one << 16 for one in matrix)
    whole = (xx, xy, 0, yx, yy, 0, 0, 0, 1 << 30)
    video = read_video(write(tmp_path / "a.mp4", pictures[:1], matrix=whole))
    ((_, shown_picture),) = video
    assert np.abs(shown_picture.astype(int) - turned(pictures[0])).mean() < 5


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


# ------------------------------------------------- what frames carry counts, whatever is declared
EVEN = [round(1000 * i / 30) for i in range(50)]  # milliseconds


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("segment.mkv", {"stamps": [10_000 + t for t in EVEN]}),
        ("segment.mp4", {"stamps": [10_000 + t for t in EVEN]}),
        ("day.mkv", {"stamps": [36_000_000 + t for t in EVEN]}),
        ("day.ts", {"stamps": [36_000_000 + t for t in EVEN]}),
        ("header.mkv", {"stamps": EVEN, "rate": 1000}),
        ("browser.webm", {"stamps": EVEN, "codec": "libvpx", "live": "1"}),
        ("no_stamps.h264", {}),
        ("camcorder.MTS", {"format": "mpegts"}),
        ("old.wmv", {"codec": "wmv2"}),
        ("old.mpeg", {"codec": "mpeg2video", "format": "mpeg"}),
        ("fragments.mp4", {"movflags": "frag_keyframe+empty_moov"}),
    ],
)
def test_the_same_frames_come_from_every_container(tmp_path, name, options):
    video = read_video(write(tmp_path / name, greys(50), **options))
    order = shown([picture for _, picture in video], 50)
    assert len(order) == 50 and np.abs(np.array(order) - np.arange(50)).max() <= 1
    assert video.source_fps == pytest.approx(30, rel=0.02) and not video.pauses


def test_a_rate_that_drops_and_a_repaired_recording_are_not_cut_short(tmp_path):
    dropping = np.cumsum([33] * 25 + [100] * 25) + 7000
    first = write(tmp_path / "live.webm", greys(50), stamps=dropping, codec="libvpx", live="1")
    for path in (first, copied(tmp_path / "repaired.mkv", first)):
        video = read_video(path)
        order = shown([picture for _, picture in video], 50)
        assert len(order) == pytest.approx(25 + 75, abs=2) and order == sorted(order)
        assert video.decoded == 50 and video.source_fps == pytest.approx(49 / 3.3, rel=0.02)


def test_wrong_stamps_do_not_count_and_exchanged_ones_are_sorted(tmp_path):
    for name, place, stamp in (("late", 10, 36_000_000), ("early", 20, 0), ("twice", 30, EVEN[29])):
        stamps = [stamp if i == place else time for i, time in enumerate(EVEN)]
        video = read_video(stamped(tmp_path / f"{name}.mkv", stamps))
        order = shown([picture for _, picture in video], 50)
        assert len(order) == 50 and order == sorted(order) and not video.pauses, name
    pictures, stamps = greys(50), EVEN.copy()
    stamps[10], stamps[11] = stamps[11], stamps[10]
    video = read_video(stamped(tmp_path / "exchanged.mkv", stamps, pictures))
    assert len(list(video)) == 50 and not video.pauses


def test_a_pause_is_not_filled_and_its_place_is_known(tmp_path):
    stamps = [time + 3_600_000 * (i >= 25) for i, time in enumerate(EVEN)]
    video = read_video(stamped(tmp_path / "hour.mkv", stamps))
    assert len(list(video)) == 50
    assert video.pauses == [(pytest.approx(0.8), pytest.approx(3600.833))]
    own = own_seconds(50, 30, np.array(video.stretches))
    assert own == pytest.approx(np.array(stamps) / 1000, abs=0.02)  # the file's own, and rising
    joined = read_video(stamped(tmp_path / "joined.mkv", EVEN[:25] + EVEN[:25]))
    assert len(list(joined)) == pytest.approx(50, abs=2)
    assert (np.diff(own_seconds(50, 30, np.array(joined.stretches))) > 0).all()
    ((last, following),) = joined.pauses
    assert last > 0.7 and following < 0.1

    bridged = read_video(stamped(tmp_path / "slow.mkv", [300 * i for i in range(9)]))
    assert len(list(bridged)) == 73 and not bridged.pauses
    third = read_video(write(tmp_path / "third.mp4", greys(10), rate=3))
    assert len(list(third)) == 91 and not third.pauses and not third.alone


def test_a_frame_that_a_camera_writes_while_it_starts_is_left_out(tmp_path):
    for name, stamps in (
        ("first", [0, *(10_000 + time for time in EVEN[1:])]),
        ("last", [*EVEN[:-1], 60_000]),
    ):
        video = read_video(stamped(tmp_path / f"{name}.mkv", stamps))
        assert len(list(video)) == 49 and len(video.alone) == 1 and not video.pauses


def test_pixels_that_are_not_square_and_pictures_that_change_their_size(tmp_path):
    wide = read_video(write(tmp_path / "wide.mp4", greys(3), aspect="4/3"))
    assert [picture.shape for _, picture in wide] == [(64, 85, 3)] * 3
    assert wide.size == (85, 64)
    pictures = [np.full((size, size, 3), 99, np.uint8) for size in (64, 64, 32, 32)]
    call = read_video(stamped(tmp_path / "call.mkv", EVEN[:4], pictures))
    assert [picture.shape for _, picture in call] == [(64, 64, 3)] * 4

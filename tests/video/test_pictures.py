"""Pictures of videos: faces as they are, blurred, or no pictures at all."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from video.films import write

from mbnb.show.figures import overlay_sheet
from mbnb.video.landmarks import extract
from mbnb.video.pictures import MOST_THUMBNAILS, shown_frames, thumbnails

FACE, BADGE = (slice(200, 330), slice(200, 300)), (slice(450, 600), slice(0, 512))


@pytest.fixture(scope="module")
def raw(extractor, portrait, tmp_path_factory):
    path = tmp_path_factory.mktemp("raw") / "tilt.npz"
    extract(portrait, path)
    return path


def detail(picture, part):
    """How much neighbouring pixels of a part of a picture differ."""
    return np.abs(np.diff(picture[part].astype(int), axis=0)).mean()


def test_a_blurred_face_has_no_detail_left_and_the_rest_is_as_it_was(portrait, raw, pictures):
    blurred = [picture for _, picture in shown_frames(portrait, 30, raw, "blur")]
    assert len(blurred) == len(pictures)
    for before, after in zip(pictures, blurred, strict=True):
        assert detail(after, FACE) < 0.4 * detail(before, FACE)
        assert (after[BADGE] == before[BADGE]).all()


def test_where_a_face_is_not_known_there_is_no_picture(portrait, raw, pictures, tmp_path):
    assert thumbnails(portrait, landmarks=raw, faces="leave_out") == []
    assert thumbnails(portrait, faces="blur") == [], "no landmarks"
    shorter = write(tmp_path / "other.mp4", pictures[:20])
    assert thumbnails(shorter, landmarks=raw, faces="blur") == [], "landmarks of another video"
    beside = [np.concatenate([picture, picture[:, ::-1]], axis=1) for picture in pictures[:10]]
    extract(two := write(tmp_path / "two.mp4", beside), tmp_path / "two.npz")
    assert thumbnails(two, landmarks=tmp_path / "two.npz", faces="blur") == [], "a second person"
    assert len(thumbnails(two, landmarks=tmp_path / "two.npz")) == 4


def test_thumbnails_of_a_long_video_are_few_and_evenly_spaced(tmp_path):
    greys = [np.full((32, 32, 3), min(i // 2, 250), np.uint8) for i in range(500)]
    few = thumbnails(write(tmp_path / "long.mp4", greys, rate=5))
    assert MOST_THUMBNAILS / 2 <= len(few) <= MOST_THUMBNAILS
    files = [io.BytesIO(base64.b64decode(address.partition(",")[2])) for address in few]
    levels = np.array([np.asarray(Image.open(file)).mean() for file in files])
    assert np.abs(levels - np.linspace(0, 249, len(few))).max() < 8


def test_an_overlay_shows_every_video_whole(portrait, raw):
    for count, tiles in ((1, 6), (3, 18), (7, 21), (30, 30)):
        figure = overlay_sheet([(f"video {i}", portrait, raw) for i in range(count)], "leave_out")
        drawn = [axis for axis in figure.axes if axis.images]
        assert len(drawn) == tiles
        assert {(*axis.get_xlim(), *axis.get_ylim()) for axis in drawn} == {(0, 512, 600, 0)}
        names = [axis.get_title("left").partition("\n")[0] for axis in drawn]
        assert [name for name in names if name.startswith("video")] == [
            f"video {i}" for i in range(count)
        ]
        # What is outside the picture is not drawn: trunk and head, a shoulder each, an arm at most.
        assert all(4 <= len(axis.lines) <= 8 for axis in drawn)

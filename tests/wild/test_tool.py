"""The command: a folder of files for each source, whole, in time, with pages that work."""

import json
import math
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from build import H36M
from run.headless import OUTSIDE, command_line
from video.films import av, greys, shown, write
from wild.conftest import write_tracked

from mbnb import formats
from mbnb.model.lift import TRUNK
from mbnb.prepare.detections import STANDING
from mbnb.show.figures import film_sheet
from mbnb.video.frames import read_video
from mbnb.wild.movement import Movement
from mbnb.wild.overlay import MOST, write_overlay
from mbnb.wild.source import Source

FRAMES = 40


@pytest.fixture(scope="module")
def people():
    """Two people (T, 17, 3) in pictures of 64 x 64, of whom one is away for a while."""
    rng, time = np.random.default_rng(0), np.arange(FRAMES)[:, None, None]
    both = {}
    for number, middle in ((1, 20), (2, 44)):
        body = 12 * STANDING + (middle, 28)
        places = body + np.sin(time / 5 + rng.uniform(0, 6, (17, 1)))
        both[number] = np.concatenate([places, np.full((FRAMES, 17, 1), 0.9)], axis=-1)
    both[2][5:30] = np.nan
    return both


@pytest.fixture(scope="module")
def lifted(people, tmp_path_factory):
    """What the command makes of a file of joints and its video."""
    folder = tmp_path_factory.mktemp("lifted")
    source = write_tracked(folder / "joints.json", people, size=(64, 64))
    video = write(folder / "film.mp4", greys(FRAMES), rate=25)
    out = folder / "out"
    done = command_line("lift", source, "--video", video, "--out", out, "-p", "device", "cpu")
    assert done.exit_code == 0, done.stderr
    return out, done


def test_each_person_has_files_that_agree_and_hold_every_frame(lifted, people):
    out, done = lifted
    assert "1: in 40 of 40 frames" in done.stdout and "2: in 15 of 40 frames" in done.stdout
    about = json.loads((out / "about.json").read_text())
    assert about["rate"] == 25 and about["size"] == [64, 64]
    for name in "12":
        arrays = dict(np.load(out / f"{name}.npz"))
        assert arrays["rate"] == 25 and arrays["names"].tolist() == list(H36M.joints)
        placed = arrays["pose"] + arrays["way"][:, None]
        table = pd.read_csv(out / f"{name}.csv")
        assert len(table) == FRAMES and table["seconds"].iloc[-1] == pytest.approx(39 / 25)
        there = table.filter(regex="_[xyz]$").to_numpy().reshape(FRAMES, 17, 3)
        np.testing.assert_allclose(there, placed, atol=1e-4)
        known = np.isfinite(placed).all((1, 2))
        bones = formats.read(out / f"{name}.bvh")
        assert bones.rate == pytest.approx(25)
        (told,) = formats.joints_of(bones).values()
        steps = [np.diff(p, axis=0)[known[1:] & known[:-1]] for p in (placed, told)]
        np.testing.assert_allclose(*steps, atol=2e-3)
    seen = np.load(out / "1.npz")
    np.testing.assert_allclose(seen["joints"], people[1], atol=1e-3)
    pixels = seen["shift"][:, None] + seen["scale"][:, None, None] * seen["pose"][..., :2]
    assert np.linalg.norm(pixels - people[1][..., :2], axis=-1).mean() < 3, "of 64"
    assert 0.2 * TRUNK < np.linalg.norm(seen["pose"][:, 8], axis=-1).mean() < 2 * TRUNK
    assert np.isnan(np.load(out / "2.npz")["pose"][5:30]).all()


def test_the_overlay_has_the_video_s_frames_with_people_on_them(lifted):
    out, _ = lifted
    film = read_video(out / "overlay.mp4", 25)
    pictures = [picture for _, picture in film]
    assert len(pictures) == FRAMES and film.source_fps == pytest.approx(25)
    edges = [picture[:, :3] for picture in pictures]
    assert np.abs(np.subtract(shown(edges, FRAMES), np.arange(FRAMES))).max() <= 2
    colours = [np.ptp(picture.astype(int), axis=-1) > 60 for picture in pictures]
    left, right = [np.array([half.sum() for half in colours]) for colours in _halves(colours)]
    assert (left > 0).all() and (right[8:28] == 0).all() and (right[[2, 35]] > 0).all()


def test_a_figure_shows_the_film_from_its_first_to_its_last_frame(lifted):
    out, _ = lifted
    figure = film_sheet(out / "overlay.mp4", 25, FRAMES, 5)
    greys_of = [axis.images[0].get_array()[:, :3].mean() for axis in figure.axes]
    assert len(greys_of) == 5 and (np.diff(greys_of) > 30).all()
    assert [axis.get_title("left") for axis in figure.axes][-1] == "1.56 s"


def _halves(pictures):
    return [p[:, :30] for p in pictures], [p[:, 38:] for p in pictures]


def test_a_page_plays_people_beside_the_video(lifted, browser):
    out, _ = lifted
    page = out / "players.html"
    assert OUTSIDE.findall(page.read_text()) == []
    browser.get(page.as_uri())
    skeletons = (
        "return document.querySelector('.mbnb').shadowRoot.querySelectorAll('canvas').length"
    )
    assert browser.execute_script(skeletons) >= 2
    length = "return document.querySelector('video').duration"
    assert browser.execute_script(length) in (None, pytest.approx(FRAMES / 25, abs=0.1))
    browser.save_screenshot(str(out / "page.png"))
    assert [m for m in browser.get_log("browser") if "favicon" not in m["message"]] == []


def test_memory_does_not_grow_with_the_pictures(tmp_path):
    peaks = []
    for frames in (20, 120):
        video = write(tmp_path / f"{frames}.mp4", greys(frames))
        still = np.zeros((frames, 17, 3), np.float32)
        one = Movement(still, still[:, 0], np.ones(frames), np.full((frames, 2), 30.0), still)
        tracemalloc.start()
        source = Source({}, 30.0, (64, 64), video)
        write_overlay(tmp_path / "overlay.mp4", source, {"1": one})
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    poses = 100 * 17 * 3 * 8 * 4
    assert peaks[1] - peaks[0] < poses < 100 * 64 * 64 * 3 / 4


def test_a_large_video_is_drawn_small_and_faces_are_left_out(tmp_path):
    black = [np.zeros((900, 1600, 3), np.uint8)] * 4
    video = write(tmp_path / "large.mp4", black)
    still = np.random.default_rng(0).normal(0, 100, (4, 17, 3)).astype(np.float32)
    one = Movement(still, still[:, 0], np.ones(4), np.full((4, 2), 450.0), still)
    source = Source({}, 30.0, (1600, 900), video)
    write_overlay(tmp_path / "overlay.mp4", source, {"1": one}, faces="blur")
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        stream = container.streams.video[0]
        assert 0.9 * MOST < stream.width * stream.height <= 1.05 * MOST
        assert math.isclose(stream.width / stream.height, 16 / 9, rel_tol=0.01)
        (first, *_) = container.decode(stream)
        assert first.to_ndarray(format="rgb24").mean() > 200, "nothing tells where heads are"


def test_what_people_get_wrong_is_said(lifted, people, tmp_path):
    out, _ = lifted
    source, video = out.parent / "joints.json", out.parent / "film.mp4"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    (tmp_path / "boxes.json").write_text(
        '[{"image_id": "1.jpg", "score": 1, "bbox": [1, 2, 3, 4]}]'
    )
    few = {1: np.where(np.arange(17)[:, None] < 3, people[1], (0, 0, 0))}
    for wrong, said in {
        ("nowhere.mp4", "--out", tmp_path / "a"): "no such file",
        (source, "--out", tmp_path / "mine"): "expected a new or an empty folder",
        (source, "--out", tmp_path / "b", "--person", "7"): "no person '7'; found 1, 2",
        (video, "--out", tmp_path / "d", "--video", video): "is a video itself",
        (tmp_path / "boxes.json", "--out", tmp_path / "e"): "no joints",
        (out / "1.bvh", "--out", tmp_path / "f"): "have a depth already",
        (write_tracked(tmp_path / "few.json", few), "--out", tmp_path / "g"): "4 joints or more",
        (source, "--out", tmp_path / "h", "--encoder", "simulated_ma52"): "tells actions",
    }.items():
        done = command_line("lift", *wrong)
        assert done.exit_code == 2 and said in done.stderr, (wrong, done.stderr)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    assert not any((tmp_path / name).exists() for name in "abcdefgh")

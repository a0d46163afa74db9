"""MediaPipe's places in the picture, lifted for conversion, and beside its own depth."""

import numpy as np
import pytest
from build import H36M, person
from run.headless import command_line

from mbnb.config import LIFTER, Config
from mbnb.formats.mediapipe33 import (
    LEFT_EAR,
    LEFT_EYE,
    LEFT_MOUTH,
    RIGHT_EAR,
    RIGHT_EYE,
    RIGHT_MOUTH,
    SOURCES,
    to_h36m,
)
from mbnb.model.shipped import find_weights
from mbnb.video.convert import read_clip
from mbnb.video.landmarks import Landmarks, require_mediapipe, to_places
from mbnb.video.portrait import sample_video
from mbnb.wild.depth import beside_mediapipe, chosen_depth
from mbnb.wild.source import Source, read_source
from mbnb.wild.tool import lift_people, load_lifter

SIZE = (1280, 720)


@pytest.fixture(scope="module")
def landmarks():
    """What MediaPipe would find of somebody, 200 pixels to a metre, with a face turned away."""
    pose = person(0, 48)
    pose = pose - pose[:, :1]
    world = np.zeros((48, 33, 3), np.float32)
    for joint, points in SOURCES.items():
        world[:, list(points)] = pose[:, H36M.index(joint)]
    world[:, [11, 12]] = pose[:, H36M.index("L_Shoulder", "R_Shoulder")]
    world[:, [23, 24]] = pose[:, H36M.index("L_Hip", "R_Hip")]
    for left, right, y in (
        (LEFT_EAR, RIGHT_EAR, -0.62),
        (LEFT_EYE, RIGHT_EYE, -0.64),
        (LEFT_MOUTH, RIGHT_MOUTH, -0.56),
    ):
        world[:, left], world[:, right] = (0.05, y, -0.02), (-0.05, y, -0.02)
    image = 200 * world[..., :2] + (600, 350)
    return Landmarks(world, image, np.full((48, 33), 0.95, np.float32))


def test_places_in_the_picture_are_those_of_the_joints_in_metres(landmarks):
    places = to_places(landmarks, SIZE)
    expected = 200 * to_h36m(landmarks.world)[..., :2] + (600, 350)
    np.testing.assert_allclose(places[..., :2], expected, atol=0.5)
    assert (places[..., 2] > 0.9).all()
    low = landmarks._replace(visibility=np.full((48, 33), 0.2, np.float32))
    legs = H36M.index("L_Ankle", "R_Ankle")
    cut = to_places(low, (1280, 480))
    assert (cut[:, legs, 2] == 0).all() and np.isfinite(cut[:, legs, :2]).all()
    gone = Landmarks(*(part.copy() for part in landmarks))
    for part in gone:
        part[7] = np.nan
    assert np.isnan(to_places(gone, SIZE)[7]).all()


def test_conversion_takes_the_depth_that_is_asked_for(landmarks, tmp_path):
    facts = dict(size=SIZE, decoded=48, source_fps=30.0, fps=30.0, pauses=np.zeros((0, 2)))
    facts |= dict(others=np.zeros(3, bool), still=(0, 1), alone=[], streams=1)
    path = tmp_path / "clip.npz"
    np.savez(path, **landmarks._asdict(), **facts)
    assert chosen_depth(Config.of({"video_depth": "mediapipe"})) is None
    own, lifted = (
        read_clip(path, chosen_depth(Config.of({"video_depth": depth, "device": "cpu"})))
        for depth in ("mediapipe", "lifted")
    )
    np.testing.assert_allclose(own[1], to_h36m(landmarks.world), atol=0.05)
    assert own[2] == lifted[2] == "" and lifted[1].shape == own[1].shape
    assert np.abs(lifted[1] - own[1]).max() > 0.02 and np.isfinite(lifted[1]).all()
    assert own[0]["jitter_mm"] != lifted[0]["jitter_mm"]
    network, config = load_lifter(find_weights(LIFTER), Config.of({"device": "cpu"}))
    source = Source({"person": to_places(landmarks, SIZE)}, 30.0, SIZE, landmarks=path)
    table = beside_mediapipe(source, lift_people(source, network, config)["person"])
    assert table.index.tolist() == ["mediapipe", "lifted"]
    assert table["off_picture"]["mediapipe"] < 0.02, "it is the same but for a scale"
    assert table["thigh"]["mediapipe"] == pytest.approx(0.8, abs=0.05)
    assert (table["exchanged"] == 0).all()


def test_a_video_is_lifted_from_its_pictures_on(tmp_path):
    try:
        require_mediapipe()
    except Exception as error:
        pytest.skip(str(error))
    sample_video(tmp_path / "portrait.mp4", 0.7, fps=25)
    done = command_line("lift", tmp_path / "portrait.mp4", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    found = np.load(tmp_path / "out" / "person.npz")
    assert found["rate"] == 25 and len(found["pose"]) == 18 and np.isfinite(found["pose"]).all()
    hips = found["joints"][:, H36M.index("L_Hip", "R_Hip"), 2]
    assert (hips == 0).all(), "they are below the picture"
    head = found["joints"][:, H36M.index("Head")[0]]
    pixels = found["shift"] + found["scale"][:, None] * found["pose"][:, 9, :2]
    assert np.linalg.norm(pixels - head[:, :2], axis=-1).mean() < 100
    assert {"overlay.mp4", "players.html"} < {path.name for path in (tmp_path / "out").iterdir()}
    again = read_source(tmp_path / "portrait.mp4", tmp_path / "out_landmarks.npz")
    np.testing.assert_allclose(again.people["person"], found["joints"], atol=1e-3)

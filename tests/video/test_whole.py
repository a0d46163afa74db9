"""Hands and faces in videos: found, put onto the body in metres, missing where not found."""

import itertools

import build
import numpy as np
import pytest

from mbnb.classes import read_classes
from mbnb.convert import How, convert
from mbnb.data import dataset
from mbnb.data.convert import Source
from mbnb.files import InputError
from mbnb.skeleton import load_skeleton
from mbnb.video.convert import landmark_file
from mbnb.video.frames import read_video
from mbnb.video.landmarks import (
    extract,
    extract_pose,
    load_landmarks,
    require_mediapipe,
    to_joints,
)
from mbnb.video.portrait import sample_video
from mbnb.video.whole import whole_body

WHOLE = load_skeleton("wholebody44")
FRAMES = 8


def at(joints: np.ndarray, *names: str) -> np.ndarray:
    """(T, names, 3)."""
    return joints[:, WHOLE.index(*names)]


@pytest.fixture(scope="module")
def seated(extractor, shared):
    """The first frames of a man whose right hand lies on his left one."""
    frames = read_video(shared / "ma52" / "clips" / "0019_02_0078.mp4")
    return extract_pose((frame for _, frame in itertools.islice(frames, FRAMES)), whole=True)


def test_the_upper_of_two_hands_lies_where_it_is_and_the_lower_one_is_missing(seated):
    joints = whole_body(to_joints(seated.world), seated._asdict())
    assert joints.shape == (FRAMES, 44, 3) and joints.dtype == np.float32
    hand = at(joints, "R_Wrist", "R_Hand", "R_Thumb", "R_Index", "R_Middle", "R_Ring", "R_Little")
    assert np.isfinite(hand).all() and np.isnan(at(joints, "L_Hand", "L_Index")).all()
    palm = np.linalg.norm(hand[:, 1] - hand[:, 0], axis=-1)
    assert (palm > 0.06).all() and (palm < 0.1).all() and palm.std() < 0.005
    # It lies on his left knee: from the wrist to the other side, and down.
    assert (hand[:, 1:, 0] > hand[:, :1, 0]).all() and (hand[:, 1:, 1] > hand[:, :1, 1]).all()
    # In metres as in the picture, from the wrist on.
    metre = seated.image.std(1).mean(-1) / seated.world[..., :2].std(1).mean(-1)
    flat = (seated.hands[:, 1, 8, :2] - seated.hands[:, 1, 0, :2]) / metre[:, None]
    assert np.allclose(flat, hand[:, 3, :2] - hand[:, 0, :2], atol=1e-4)
    eyes, brows, chin = (at(joints, *names) for names in (["L_Eye"], ["L_Brow"], ["Chin"]))
    assert (brows[..., 1] < eyes[..., 1]).all() and (chin[..., 1] > eyes[..., 1]).all()
    assert np.isnan(at(joints, "L_Small_toe", "R_Small_toe")).all()


def test_a_pose_of_another_size_gets_hands_of_that_size(seated):
    pose, facts = to_joints(seated.world), seated._asdict()
    palms = [
        np.ptp(at(whole_body(size * pose, facts), "R_Wrist", "R_Hand"), axis=1) for size in (1, 2)
    ]
    assert np.allclose(palms[1], 2 * palms[0], atol=1e-6)


def test_a_hand_that_begins_far_from_its_wrist_is_nobodys(seated):
    facts = seated._asdict() | {"hands": seated.hands + 200}  # pixels
    assert np.isnan(at(whole_body(to_joints(seated.world), facts), "R_Hand", "R_Index")).all()


def test_hands_need_the_models_of_the_older_mediapipe(extractor, tmp_path):
    model = tmp_path / "pose_landmarker_full.task"
    model.touch()
    with pytest.raises(InputError, match=r"Python 3\.11 or 3\.12, without .*pose_model"):
        require_mediapipe(model, whole=True)


def test_videos_become_whole_bodies_whose_missing_hands_stay_missing(extractor, tmp_path):
    film, out = tmp_path / "tilt.mp4", tmp_path / "out"
    sample_video(film, 0.5)
    classes = read_classes("ma52")
    source = Source(film, "tilt", 7, "grace", "train")
    (row,) = convert([source], out, classes, How(skeleton="wholebody44"), workers=1).iloc
    assert row["visibility_L_Index"] == 0 and row["visibility_Chin"] > 0.8
    stored = np.load(out / "train" / "tilt" / "pose_3d.npy")
    face = stored[:, WHOLE.index("L_Brow", "Upper_lip", "Chin")]
    assert stored.shape[1:] == (44, 3) and np.isfinite(face).all(-1).mean() > 0.8
    assert np.isnan(stored[:, WHOLE.index("L_Index", "R_Index")]).all()  # of a portrait
    settings = dict(data_root=out, skeleton="wholebody44", val_fraction=0)
    clips = dataset.load(build.config(**settings)).splits["train"]
    seen = clips.seen_in(0)
    assert not seen[:, WHOLE.index("L_Index", "L_Small_toe")].any()
    assert seen[:, WHOLE.index("Chin")].mean() > 0.8 and np.isfinite(clips[0]).all()
    # What was found once serves those who want 17 joints, too.
    raw = landmark_file(out, "tilt")
    before = raw.stat().st_mtime_ns
    extract(film, raw)
    assert raw.stat().st_mtime_ns == before
    assert load_landmarks(raw).hands.shape == (len(stored), 2, 21, 3)

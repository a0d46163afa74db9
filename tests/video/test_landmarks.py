"""The real extractor on a real person, and joints made of what it finds."""

import importlib
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from build import H36M
from video.films import tilt

from mbnb.files import InputError
from mbnb.formats.mediapipe33 import LEFT_EAR, RIGHT_EAR
from mbnb.video.landmarks import (
    extract,
    extract_pose,
    fill_gaps,
    find_others,
    gaps,
    require_mediapipe,
    to_joints,
    unseen,
)
from mbnb.video.portrait import MOTIONS

KNOWN = MOTIONS["tilting head"].angles(2, 30)  # (T,) degrees in the portrait


@pytest.fixture(scope="module")
def pose_model(extractor, tmp_path_factory) -> Path:
    """A model of MediaPipe's Tasks, made of the two that older wheels of it hold."""
    mediapipe = require_mediapipe()
    models = Path(mediapipe.__file__).parent / "modules"
    if not models.joinpath("pose_landmark", "pose_landmark_full.tflite").is_file():
        pytest.skip(f"mediapipe {mediapipe.__version__} holds no models to make the file of")
    writers = "mediapipe.tasks.python.metadata.metadata_writers"
    metadata = importlib.import_module(f"{writers}.metadata_writer")
    path = tmp_path_factory.mktemp("model") / "pose_landmarker_full.task"
    with zipfile.ZipFile(path, "w") as bundle:
        for name, file, mean, deviation in (
            ("pose_detector.tflite", "pose_detection/pose_detection.tflite", 127.5, 127.5),
            ("pose_landmarks_detector.tflite", "pose_landmark/pose_landmark_full.tflite", 0, 255),
        ):
            writer = metadata.MetadataWriter.create(bytearray((models / file).read_bytes()))
            writer.add_image_input([mean], [deviation])
            bundle.writestr(name, writer.populate()[0])
    return path


def test_the_portrait_is_found_and_its_tilt_followed(landmarks):
    there = ~np.isnan(landmarks.world).any((1, 2))
    assert there.mean() > 0.95
    known = KNOWN[there]
    in_picture, in_space = tilt(landmarks.image[there]), tilt(landmarks.world[there])
    assert np.corrcoef(known, in_picture)[0, 1] > 0.95
    assert 0.8 < np.polyfit(known, in_picture, 1)[0] < 1.2
    # In space the extractor holds back, yet the tilt is there, in the same direction.
    assert np.corrcoef(known, in_space)[0, 1] > 0.9
    assert 0.3 < np.polyfit(known, in_space, 1)[0] < 1.2


def test_a_model_that_the_user_names_finds_the_same_without_lagging(
    landmarks, pictures, pose_model, capfd
):
    by_name = extract_pose(pictures, pose_model)
    assert capfd.readouterr() == ("", "")
    assert [one.shape for one in by_name] == [one.shape for one in landmarks]
    apart = np.linalg.norm(to_joints(by_name.world) - to_joints(landmarks.world), axis=-1)
    assert np.median(apart) < 0.04  # metres, most of them in the legs, which are not in the picture
    in_picture = tilt(by_name.image)
    assert 0.8 < np.polyfit(KNOWN, in_picture, 1)[0] < 1.2
    delayed = [np.corrcoef(KNOWN[: len(KNOWN) - lag], in_picture[lag:])[0, 1] for lag in range(4)]
    assert np.argmax(delayed) == 0 and delayed[0] > 0.99


def test_a_second_person_is_found_by_either_model(landmarks, pictures, pose_model):
    size = np.array([pictures[0].shape[1], pictures[0].shape[0]])
    places = landmarks.image[:2] / size / [2, 1]  # in the left half
    pair = {t: np.concatenate([pictures[t], pictures[t][:, ::-1]], axis=1) for t in range(2)}
    alone = {0: pair[0], 1: np.concatenate([pictures[1], np.zeros_like(pictures[1])], axis=1)}
    for model in (None, pose_model):
        assert find_others(pair, places, model).tolist() == [True, True]
        assert find_others(alone, places, model).tolist() == [True, False]


def test_what_is_outside_the_picture_was_not_seen(landmarks):
    away = {H36M.joints[j] for j in np.flatnonzero(unseen(landmarks, (512, 600)).all(0))}
    assert {"Pelvis", "L_Hip", "R_Hip", "L_Knee", "R_Ankle", "Spine1"} <= away
    assert not away & {"Neck", "Head", "Head_top", "L_Shoulder", "R_Shoulder"}
    gone = landmarks._replace(image=landmarks.image.copy())
    gone.image[5:9] = np.nan  # nobody was found
    assert (
        unseen(gone, (512, 600))[5:9].all(0) == unseen(landmarks, (512, 600))[[4]].all(0)
    ).sum() > 14
    assert not unseen(landmarks, (4000, 4000)).any()


def test_the_skeleton_is_the_right_way_up_with_her_left_on_the_right_of_the_picture(landmarks):
    names = ("Pelvis", "Neck", "Head", "Head_top", "L_Shoulder", "R_Shoulder")
    joints = np.nanmedian(to_joints(landmarks.world)[:, [0, 8, 9, 10, 11, 14]], axis=0)
    pose = dict(zip(names, joints, strict=True))
    assert pose["Head_top"][1] < pose["Head"][1] < pose["Neck"][1] < pose["Pelvis"][1] == 0
    assert pose["L_Shoulder"][0] > 0.1 and pose["R_Shoulder"][0] < -0.1
    assert pose["Head"][2] < pose["Head_top"][2]  # the nose is nearer to the camera


def test_the_top_of_the_head_stands_upright_on_the_ears(landmarks):
    hips = landmarks.world[:, [23, 24]].mean(1, keepdims=True)
    head_top = (to_joints(landmarks.world) + hips)[:, 10]
    ears = landmarks.world[:, LEFT_EAR] - landmarks.world[:, RIGHT_EAR]
    lift = head_top - landmarks.world[:, [LEFT_EAR, RIGHT_EAR]].mean(1)
    assert np.linalg.norm(lift, axis=-1) == pytest.approx(0.11, abs=1e-5)
    assert (lift * ears).sum(-1) == pytest.approx(0, abs=1e-5)
    face_up = landmarks.world[:, [2, 5]].mean(1) - landmarks.world[:, [9, 10]].mean(1)
    assert ((lift * face_up).sum(-1) > 0).all()


def test_short_gaps_are_filled_and_long_ones_stay():
    whole = np.arange(40.0)[:, None, None] * np.ones((40, 17, 3))
    holed = whole.copy()
    for first, end in ((0, 2), (8, 12), (18, 30), (39, 40)):
        holed[first:end] = np.nan
    filled = fill_gaps(holed, longest=10)
    assert gaps(filled) == [(18, 30)]
    assert np.allclose(filled[8:12], whole[8:12])
    assert (filled[:2] == 2).all() and (filled[39] == 38).all()
    assert np.isnan(fill_gaps(np.full((5, 17, 3), np.nan))).all()


def test_without_the_extra_one_line_says_how_to_install_it(monkeypatch, pictures):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(InputError, match=r"^.*mediapipe.*pip install -e \.\[video\]$"):
        extract_pose(pictures)


def test_a_mediapipe_without_a_model_asks_for_one_in_one_line(extractor, monkeypatch, tmp_path):
    monkeypatch.delattr(require_mediapipe(), "solutions")
    with pytest.raises(InputError, match=r"^videos need a pose model.*Python 3\.11.*pose_model`$"):
        extract_pose([])
    with pytest.raises(InputError, match=r"'pose_model': .*nowhere.task: no such file"):
        extract_pose([], tmp_path / "nowhere.task")
    wrong = tmp_path / "wrong.task"
    wrong.write_bytes(b"hello\n" * 99)
    with pytest.raises(InputError, match=r"^.*wrong\.task: expected a pose model of MediaPipe.*$"):
        extract_pose([], wrong)


def test_the_extractor_does_not_chatter(extractor, capfd, pictures):
    extract_pose(pictures[:2])
    assert capfd.readouterr() == ("", "")


def test_landmarks_are_extracted_again_by_another_model(portrait, pose_model, tmp_path):
    raw = tmp_path / "raw.npz"
    extract(portrait, raw)
    first = raw.read_bytes()
    extract(portrait, raw)
    assert raw.read_bytes() == first
    extract(portrait, raw, pose_model=pose_model)
    with np.load(raw) as file:
        assert pose_model.name in str(file["made_by"])
    assert raw.read_bytes() != first

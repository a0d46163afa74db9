"""2D keypoints in a pickle: read as MotionBERT reads them, without its faults, or refused."""

import pickle

import numpy as np
import pytest
from build import config
from data.ntu import annotation, name_of, write_ntu

from mbnb.data import load
from mbnb.data.keypoints import people_of
from mbnb.files import InputError
from mbnb.formats import to_h36m
from mbnb.formats.keypoints import camera_range
from mbnb.prepare.parity import resample_index


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "motionbert" / "oneshot.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@pytest.mark.parametrize("clip", range(4))
def test_in_parity_a_clip_is_what_the_original_stores(golden, clip):
    given = (golden[f"ntu{clip}_{key}"] for key in ("keypoint", "keypoint_score", "img_shape"))
    people = people_of(*given, parity=True)
    expected = golden[f"ntu{clip}_stored"]  # (2, 16, 17, 3)
    index = resample_index(len(people), expected.shape[1])
    np.testing.assert_allclose(people[index].swapaxes(0, 1), expected, atol=3e-3)


def test_confidences_go_with_their_joints_and_their_person():
    keypoint = np.stack([annotation("a", 0, seed=seed)["keypoint"][0] for seed in (1, 6)])
    keypoint[1, ..., 0] += 600
    scores = np.random.default_rng(0).uniform(0.2, 1, (2, len(keypoint[0]), 17)).astype("f2")
    wanted = people_of(keypoint, scores, (1080, 1920), parity=False)
    assert wanted.shape == (len(keypoint[0]), 2, 17, 3)
    # The head's confidence is the nose's, the pelvis' the mean of the hips'.
    np.testing.assert_allclose(wanted[:, 0, 9, 2], scores[0, :, 0])
    np.testing.assert_allclose(wanted[:, 1, 0, 2], scores[1, :, 11:13].mean(1), atol=1e-3)
    swapped, swapped_scores = keypoint.copy(), scores.copy()
    swapped[:, 5:] = swapped[::-1, 5:]
    swapped_scores[:, 5:] = swapped_scores[::-1, 5:]
    told = [
        people_of(swapped, swapped_scores, (1080, 1920), parity=parity) for parity in (False, True)
    ]
    np.testing.assert_array_equal(told[0], wanted)
    np.testing.assert_array_equal(told[1][..., :2], wanted[..., :2])
    np.testing.assert_array_equal(told[1][5:, 0, :, 2], scores[1, 5:])  # the original's fault


def test_large_pictures_keep_parts_of_pixels():
    keypoint = annotation("a", 0)["keypoint"][:1].astype(np.float64) + 0.3
    people = people_of(keypoint, np.ones(keypoint.shape[:3]), (1080, 1920), parity=False)
    exact = to_h36m(camera_range(keypoint[0], 1920, 1080), "coco17")
    np.testing.assert_allclose(people[:, 0, :, :2], exact, atol=1e-6)
    assert not people[:, 1].any()  # a second person who is not there


def test_splits_are_found_by_name_and_people_by_their_number(tmp_path):
    path = write_ntu(tmp_path / "ntu60_hrnet.pkl", classes=4)
    data = load(config(data_root=path, data_split="xview", val_fraction=0.0))
    assert {split: len(clips) for split, clips in data.splits.items()} == {"train": 24, "test": 24}
    assert data.splits["train"].flat and data.known_people
    assert data.classes.codes == ("A1", "A2", "A3", "A4")
    assert set(data.splits["train"].subjects) == {"P001", "P002", "P008"}
    assert "C001" not in " ".join(data.splits["train"].names)
    with pytest.raises(InputError, match="has the splits xsub, xview"):
        load(config(data_root=path))
    with pytest.raises(InputError, match="xsub, xview, not 'xset'"):
        load(config(data_root=path, data_split="xset"))


def test_every_sixth_class_is_kept_for_the_test(tmp_path, golden):
    path = write_ntu(tmp_path / "ntu120_hrnet.pkl", classes=13)
    data = load(config(data_root=path, unseen_classes=6, val_fraction=0.0))
    train, test = (set(data.splits[split].labels.tolist()) for split in ("train", "test"))
    assert test == {0, 6, 12} and train == set(range(13)) - test
    assert any("every 6th class" in note for note in data.notes)
    # MotionBERT numbers the others anew, in their order.
    np.testing.assert_array_equal(
        np.searchsorted(np.setdiff1d(np.arange(120), np.arange(0, 120, 6)), golden["aux_old"]),
        golden["aux_new"],
    )


def test_a_real_file_of_another_data_set_is_read(shared):
    path = shared / "formats" / "mmaction_mmpose" / "ucf101_6clips_with_keypoints.pkl"
    data = load(config(data_root=path, val_fraction=0.0))
    first = data.splits["train"].names.index("v_ApplyEyeMakeup_g08_c01")
    clip = data.splits["train"][first]
    assert clip.shape == (119, 2, 17, 3)
    nose = camera_range(np.array([208.9, 92.5]), 340, 256)
    np.testing.assert_allclose(clip[0, 0, 9], [*nose, 0.955], atol=2e-3)
    assert not data.known_people
    with pytest.raises(InputError, match="found none of keypoint"):
        load(config(data_root=path.with_name("k400_annotations_without_keypoints.pkl")))


def test_faults_are_told_together(tmp_path):
    good, path = annotation(name_of(0, 1), 0), tmp_path / "bad.pkl"
    clips = [good, good | {"label": -1}, good | {"keypoint": np.zeros((1, 4, 25, 3), "f2")}]
    clips += [good | {"img_shape": None}, good | {"keypoint": good["keypoint"] * np.nan}, 7]
    path.write_bytes(pickle.dumps({"split": {}, "annotations": clips}))
    with pytest.raises(InputError) as caught:
        load(config(data_root=path))
    told = str(caught.value).splitlines()
    assert [line.split(": ")[1] for line in told] == [f"clip {i}" for i in range(1, 6)]
    assert all(" expected " in line and str(path) in line for line in told)
    path.write_bytes(pickle.dumps({"split": {}, "annotations": [good, dict(good)]}))
    with pytest.raises(InputError, match="1 clips are called as others are"):
        load(config(data_root=path))
    path.write_bytes(pickle.dumps({"split": {"xsub_train": ["gone"]}, "annotations": [good]}))
    with pytest.raises(InputError, match="1 clips of xsub are not in it: gone"):
        load(config(data_root=path))
    many = [good | {"frame_dir": f"clip{i}"} for i in range(30)]  # all with the same array
    path.write_bytes(pickle.dumps({"split": {}, "annotations": many}))
    with pytest.raises(InputError, match="found less than its arrays need"):
        load(config(data_root=path))
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(InputError, match="more than data"):
        load(config(data_root=path))

"""The original's own files: each is told by what it holds, and a wrong one is one clear error."""

import pickle

import numpy as np
import pytest
from build import config, person
from data.originals import (
    METRES,
    picture,
    write_all,
    write_clips,
    write_h36m,
    write_instavariety,
    write_posetrack,
)

from mbnb.data.motion import load_motion
from mbnb.data.sources import upright
from mbnb.files import InputError


def faults(*sources):
    with pytest.raises(InputError) as caught:
        load_motion(config(motion=[str(source) for source in sources]))
    return str(caught.value).splitlines()


def write_positions(path, **subjects):
    positions = {
        subject: {action: person(i, 50) for i, action in enumerate(actions)}
        for subject, actions in subjects.items()
    }
    room = {
        subject: {
            action: np.repeat(pose[:, :1], 32, axis=1).astype(np.float32) + i
            for i, (action, pose) in enumerate(actions.items())
        }
        for subject, actions in positions.items()
    }
    np.savez_compressed(path, positions_3d=np.array(room, dtype=object))
    return path


def test_human36m_in_pictures_keeps_what_was_detected_and_its_people(tmp_path):
    path = write_h36m(tmp_path / "h36m.pkl")
    whole = config(motion=[str(path)], recipe="parity", clip_len=12, val_fraction=0)
    motion = load_motion(whole)
    train, test = motion.splits["train"], motion.splits["test"]
    assert train.subjects == ("S1", "S5", "S6") and test.subjects == ("S9", "S11")
    np.testing.assert_allclose(METRES * train[1], picture(5, 30), atol=1e-5)
    seen = motion.detected["s_05_act_02_subact_01_ca_01"]
    assert np.abs(seen[..., :2] - picture(5, 30)[..., :2]).max() < 0.04
    np.testing.assert_allclose(seen[..., 2], 0.8)
    assert motion.kinds["test"] == ("Directions", "Directions")
    slower = load_motion(config(motion=[str(path)], val_fraction=0))
    assert slower.splits["train"].lengths.tolist() == [18, 18, 18] and not slower.detected
    assert slower.fingerprint() != motion.fingerprint()


def test_videopose3ds_positions_stand_upright_and_have_our_joints(tmp_path):
    path = write_positions(tmp_path / "d.npz", S1=["Directions 1", "WalkDog"], S9=["Photo"])
    motion = load_motion(config(motion=[str(path)], recipe="parity", clip_len=12))
    train, test = motion.splits["train"], motion.splits["test"]
    assert train.names == ("S1 Directions 1", "S1 WalkDog") and test.subjects == ("S9",)
    assert motion.kinds["train"] == ("Directions", "WalkDog") and train.frames.shape == (100, 17, 3)
    np.testing.assert_allclose(train[1][:, 4], upright(person(1, 50)[:, 0] + 1), atol=1e-6)


def test_clips_of_nobody_known_are_learned_from_and_never_held_out(tmp_path):
    amass = write_clips(tmp_path / "AMASS" / "train", 3, 12)
    write_clips(tmp_path / "AMASS" / "test", 2, 12)
    path = write_h36m(tmp_path / "h36m.pkl")
    motion = load_motion(config(motion=[str(amass), str(path)], recipe="parity", clip_len=12))
    assert motion.splits["val"].subjects == ("S1",)
    assert motion.splits["train"].subjects == ("S5", "S6", *["AMASS train"] * 3)
    assert motion.splits["test"].subjects[:2] == ("AMASS test",) * 2
    np.testing.assert_allclose(METRES * motion.splits["train"][3], picture(1, 12), atol=1e-5)


def test_people_without_depth_come_beside_those_with_depth(tmp_path):
    data = write_all(tmp_path / "data")
    flat = [data / "motion2d" / "posetrack18_annotations", data / "motion2d"]
    motion = load_motion(
        config(motion=[*map(str, flat[::-1]), str(data / "motion3d" / "MB3D_f243s81" / "AMASS")])
    )
    posetrack, instavariety = motion.tracks
    assert posetrack.annotated and len(posetrack.points) == 96
    np.testing.assert_allclose(
        posetrack.points[-1, 0, 0], 200 + 100 * person(0, 32)[-1, 0, 0], rtol=1e-5
    )
    assert posetrack.joints[6, 13].tolist() == [0, 0, 0], "joints are in the order of Human3.6M"
    assert set(instavariety.track) == {0, 1, 2} and not instavariety.annotated


def test_what_is_none_of_them_is_said_for_what_it_is(tmp_path):
    class Harmful:
        def __reduce__(self):
            return print, ("run",)

    (tmp_path / "AMASS").mkdir()
    for name, content in (("a", {"data_label": np.zeros((5, 3))}), ("b", Harmful())):
        (tmp_path / "AMASS" / f"{name}.pkl").write_bytes(pickle.dumps(content))
    np.savez(
        tmp_path / "bad.npz",
        positions_3d=np.array({"S1": {"Photo": np.ones((3, 5, 3))}}, dtype=object),
    )
    np.savez(tmp_path / "run.npz", positions_3d=np.array(Harmful(), dtype=object))
    (tmp_path / "pose").mkdir()
    (tmp_path / "pose" / "video.json").write_text('{"annotations": [{"image_id": 1}]}')
    (tmp_path / "insta").mkdir()
    np.save(tmp_path / "insta" / "id_all.npy", np.zeros(3))
    names = ("AMASS", "bad.npz", "run.npz", "pose", "insta", "none.npz")
    told = "\n".join(faults(*(tmp_path / name for name in names)))
    assert "a.pkl: expected data_label (T, 17, 3)" in told
    assert told.count("builtins.print, which is more than data") == 2
    assert "S1 Photo: expected finite (T, 32, 3), found (3, 5, 3)" in told
    assert "pose: expected annotations of PoseTrack18, found no keypoints" in told
    assert "expected motion_all.npy beside id_all.npy" in told
    assert "none.npz: no such file or folder" in told


def test_another_annotation_and_arrays_of_another_shape_are_refused(tmp_path, shared):
    folder = write_posetrack(tmp_path / "pose", 1)
    (folder / "odd.json").write_text('{"annotations": [{"image_id": 1, "keypoints": [1, 2]}]}')
    (line,) = faults(folder)
    assert "odd.json: expected annotations of PoseTrack18" in line
    insta = write_instavariety(tmp_path / "insta", 1)
    np.save(insta / "id_all.npy", np.zeros(3))
    (line,) = faults(insta)
    assert "found (90, 17, 3) and (3,)" in line
    (line, *_) = faults(shared / "formats" / "h36m_vp3d" / "h36m_17joints_4frames.npz")
    assert "expected an npz with frames, offsets and clip_names" in line

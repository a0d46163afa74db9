"""Arrays and pickles of whole data sets: clips, labels, splits, who is absent, which way is up."""

import pickle

import numpy as np
import pytest
from build import DOCUMENT, H36M, SEATED, STANDING, config, posture
from formats.somebody import FRAMES, points_of

from mbnb import formats
from mbnb.convert import How, convert, find_sources
from mbnb.data.dataset import load
from mbnb.files import InputError
from mbnb.formats.layouts import LAYOUTS

KNOWN = H36M.index("L_Hip", "R_Knee", "L_Ankle", "R_Shoulder", "L_Elbow", "R_Wrist")
WANTED = points_of(LAYOUTS["h36m17"])[:, KNOWN]
KINECT = points_of(LAYOUTS["kinect25"]) * [-1, -1, 1] + [0, 0, 3]  # as the sensor sees it
TURNED = (points_of(LAYOUTS["kinect25"]) * [-1, -1, -1])[..., [0, 2, 1]]  # z up, right to +x
NAMES = ["S001C001P001R001A007.skeleton", "S001C001P002R001A009.skeleton", "empty"]


def filled(*people, frames=10):
    """(C, T, V, M) of people (T, V, C), zeros beyond their frames."""
    clip = np.zeros((len(people), frames, *people[0].shape[1:]), np.float32)
    for whole, person in zip(clip, people):
        whole[: len(person)] = person
    return clip.transpose(3, 1, 2, 0)


def stgcn(folder, body, stem="train_data_joint"):
    """Three clips: one person filled up by repetition, two people, nobody."""
    nobody = 0 * body
    clips = [
        filled(np.tile(body, (3, 1, 1))[:10], nobody),
        filled(body, body[:2] + np.float32([0.7, 0, 0])),
        filled(nobody, nobody),
    ]
    np.save(folder / f"{stem}.npy", np.stack(clips))
    with open(folder / "train_label.pkl", "wb") as file:
        pickle.dump((NAMES, [6, 8, 2]), file)
    return folder / f"{stem}.npy"


@pytest.mark.parametrize("body", [KINECT, TURNED], ids=["as the sensor", "z up"])
def test_clips_of_st_gcn_have_the_names_labels_and_lengths_they_had(body, tmp_path):
    files = formats.read_all(stgcn(tmp_path, body))
    assert list(files) == ["S001C001P001R001A007", "S001C001P002R001A009", "empty"]
    assert [(file.label, file.split) for file in files.values()] == [
        (6, "train"),
        (8, "train"),
        (2, "train"),
    ]
    one, two, nobody = files.values()
    for file in (one, two):
        pose = formats.joints_of(file)["1"]
        assert pose.shape == (FRAMES, 17, 3) and not file.doubts
        moved = pose[:, KNOWN] - pose[:1, :1]
        np.testing.assert_allclose(moved, WANTED - points_of(["pelvis"])[:1], atol=1e-5)
    assert list(one.people) == ["1"] and "only fill a clip up" in str(one.notes)
    assert np.isnan(two.people["2"][2:]).all() and np.isfinite(two.people["2"][:2]).all()
    assert not np.isfinite(nobody.people["1"]).any()


def test_rows_of_ctr_gcn_are_two_people_in_splits(tmp_path):
    rows = np.zeros((3, 6, 150), np.float32)
    rows[:, :FRAMES, :75] = KINECT.reshape(FRAMES, 75)
    rows[1, :2, 75:] = KINECT[:2].reshape(2, 75) + np.tile([0.7, 0, 0], 25)
    labels = np.eye(60)[[5, 7, 59]]
    parts = {"x_train": rows[:2], "y_train": labels[:2], "x_test": rows[2:], "y_test": labels[2:]}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "NTU60_CS.npz", **parts)
        files = formats.read_all(tmp_path / "NTU60_CS.npz")
        assert {name: (file.label, file.split) for name, file in files.items()} == {
            "train_0": (5, "train"),
            "train_1": (7, "train"),
            "test_0": (59, "test"),
        }
        assert [len(file.people) for file in files.values()] == [1, 2, 1]
        pose = formats.joints_of(files["test_0"])["1"][:, KNOWN]
        np.testing.assert_allclose(pose - [0, 0, 3], WANTED, atol=1e-5)
    np.savez(tmp_path / "digits.npz", x_train=np.ones((5, 28, 28)), y_train=np.arange(5))
    with pytest.raises(InputError, match="do not tell what they are: give a layout"):
        formats.read_all(tmp_path / "digits.npz")


def test_kinetics_of_st_gcn_are_shares_from_the_middle_with_scores(tmp_path):
    shares = points_of(LAYOUTS["coco18"])[..., :2] / 4
    body = np.concatenate([shares, np.full((FRAMES, 18, 1), 0.9)], -1)
    body[1, 3] = 0
    files = formats.read_all(stgcn(tmp_path, body, "train_data"))
    file = files["S001C001P001R001A007"]
    assert not file.depth and file.shares and file.label == 6 and file.layout == "coco18"
    assert np.isnan(file.people["1"][1, 3]).all()
    np.testing.assert_allclose(file.people["1"][0, :, :2], shares[0] + 0.5, atol=1e-6)


def test_what_belongs_to_other_clips_is_refused(tmp_path):
    path = stgcn(tmp_path, KINECT)
    path.rename(tmp_path / "train_data_bone.npy")
    with pytest.raises(InputError, match="holds bones, not places of joints"):
        formats.read_all(tmp_path / "train_data_bone.npy")
    path = stgcn(tmp_path, KINECT)
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps((NAMES[:2], [1, 2])))
    with pytest.raises(InputError, match="3 clips, train_label.pkl 2 names, 2 labels"):
        formats.read_all(path)
    with pytest.raises(InputError, match="read with the array of joints beside it"):
        formats.read_all(tmp_path / "train_label.pkl")
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps([5, 3, 1]))
    assert [file.label for file in formats.read_all(path).values()] == [5, 3, 1]
    (tmp_path / "train_label.pkl").unlink()
    assert {file.label for file in formats.read_all(path).values()} == {None}


def test_a_data_set_of_st_gcn_becomes_one_of_ours(tmp_path):
    share = np.linspace(0, 1, 20)[:, None, None]
    pose = posture(STANDING) * (1 - share) + posture(SEATED) * share
    names_of = {"train": ["a", "S001C001P003R001A004"], "val": ["c", "S002C001P007R002A002"]}
    for split, names in names_of.items():
        clips = np.stack([filled(pose + 0.01 * i, frames=30) for i in range(2)])
        np.save(tmp_path / f"{split}_data.npy", clips)
        (tmp_path / f"{split}_label.pkl").write_bytes(pickle.dumps((names, [3, 1])))
    how = How(fps=30.0, layout="h36m17")
    table = convert(find_sources(tmp_path, DOCUMENT), tmp_path / "out", DOCUMENT, how, workers=1)
    data = load(config(data_root=tmp_path / "out"))
    for split, names in names_of.items():
        clips = data.splits[split]
        found = zip(clips.names, clips.labels.tolist(), clips.lengths.tolist(), clips.subjects)
        person = "P" + names[1][9:12]
        assert set(found) == {(names[0], 3, 20, names[0]), (names[1], 1, 20, person)}
    reasons = table.set_index("file")["reason"]
    assert "read with the array" in reasons["train_label.pkl"]


def test_aist_is_in_space_in_centimetres_or_in_nine_cameras(tmp_path):
    points = points_of(LAYOUTS["coco17"])
    room = {"keypoints3d": points + 9, "keypoints3d_optim": 100 * points * [1, -1, -1]}
    (tmp_path / "gBR_sBM_cAll_d04.pkl").write_bytes(pickle.dumps(room))
    file = formats.read(tmp_path / "gBR_sBM_cAll_d04.pkl")
    assert file.rate == 60 and "keypoints3d_optim" in str(file.notes) and not file.doubts
    np.testing.assert_allclose(formats.joints_of(file)["1"][:, KNOWN], WANTED, atol=1e-5)
    pixels = np.concatenate([200 + 100 * points[..., :2], np.ones((FRAMES, 17, 1))], -1)
    cameras = {"keypoints2d": np.stack([pixels + [i, 0, 0] for i in range(9)])}
    (tmp_path / "gBR_sBM_cAll_d04.pkl").write_bytes(pickle.dumps(cameras))
    files = formats.read_all(tmp_path / "gBR_sBM_cAll_d04.pkl")
    assert len(files) == 9 and files["gBR_sBM_c02_d04"].size == (1920, 1080)
    np.testing.assert_allclose(files["gBR_sBM_c02_d04"].people["1"], pixels + [1, 0, 0], atol=1e-4)

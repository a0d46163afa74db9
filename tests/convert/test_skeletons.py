"""Skeleton files of other tools become a data set, and a data set their files."""

import json

import numpy as np
import pandas as pd
import pytest
from build import DOCUMENT, H36M, SEATED, STANDING, clips, config, data_folder, posture
from run.headless import command_line

from mbnb.convert import How, convert, find_sources
from mbnb.data.dataset import load, verify
from mbnb.data.quality import quality_table
from mbnb.files import InputError
from mbnb.formats import WRITERS, joints_of, read
from mbnb.formats.layouts import LAYOUTS
from mbnb.formats.pyskl import write_pyskl
from mbnb.skeleton import load_skeleton
from mbnb.train import train


def convert_all(path, out, **how):
    """Everything in a file or a folder, at 30 frames a second."""
    return convert(find_sources(path, DOCUMENT), out, DOCUMENT, How(fps=30.0, **how), workers=1)


def moving(frames=40, seed=0):
    """Somebody who sits down, (T, 17, 3), with bones that change their length a little."""
    share = np.linspace(0, 1, frames)[:, None, None]
    noise = np.random.default_rng(seed).normal(0, 0.01, (frames, 17, 3))
    return posture(STANDING) * (1 - share) + posture(SEATED) * share + noise


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """An npz of two clips, the second of somebody who lies, at 30 frames a second."""
    path = tmp_path_factory.mktemp("packed") / "clips.npz"
    lying = moving(25, 1)[..., [1, 0, 2]] * [1, 1, -1]  # a turn, not a mirror image
    frames = np.concatenate([moving(), lying]).astype(np.float32)
    np.savez(path, frames=frames, offsets=[0, 40, 65], clip_names=["sits", "lies"], fps=30.0)
    return path, frames


@pytest.mark.parametrize("form", ["bvh", "trc", "csv", "pkl", "npz", "npy"])
def test_clips_come_back_within_a_millimetre(form, packed, tmp_path):
    path, frames = packed
    convert_all(path, tmp_path / form, form=form)
    table = convert_all(tmp_path / form, tmp_path / "back", form="npz")
    with np.load(tmp_path / "back" / "test.npz") as back:
        order = [list(back["clip_names"]).index(name) for name in ("sits", "lies")]
        starts = back["offsets"]
        poses = [back["frames"][starts[i] : starts[i + 1]] for i in order]
    np.testing.assert_allclose(np.concatenate(poses), frames, atol=0.001)
    read_again = table[table["clip"] != ""]
    assert (read_again["source_fps"] == 30).all() and (read_again["seen"] == 1).all()


@pytest.mark.parametrize("form", WRITERS)
def test_joints_that_were_not_seen_stay_missing_or_are_refused(form, tmp_path):
    pose = moving()
    pose[3:5, H36M.index("L_Wrist")] = np.nan
    if form == "bvh":
        with pytest.raises(InputError, match="no word for joints that were not seen"):
            WRITERS[form](tmp_path / "clip.bvh", pose, 25.0)
        return
    WRITERS[form](tmp_path / f"clip.{form}", pose, 25.0)
    file = read(tmp_path / f"clip.{form}")
    np.testing.assert_allclose(joints_of(file)["1"], pose, atol=1e-5)
    assert file.rate == 25 and not file.doubts


def test_a_folder_of_everything_becomes_clips_and_reasons(packed, tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    (source / "inner").mkdir(parents=True)
    pose = moving()
    WRITERS["csv"](source / "good one.csv", pose, 60.0)
    WRITERS["csv"](source / "inner" / "good one.csv", pose, 30.0)
    WRITERS["trc"](source / "mirror.trc", pose * [-1, 1, 1], 30.0)
    far = pose * 400
    WRITERS["csv"](source / "giant.csv", far, 30.0)
    np.save(source / "flat.npy", np.concatenate([100 * pose[..., :2], pose[..., :1] * 0 + 1], -1))
    (source / "notes.txt").write_text("met on Monday")
    (source / ".hidden").write_text("")
    table = convert_all(source, out)
    reasons = dict(zip(table["file"], table["reason"]))
    assert [name for name in reasons if not reasons[name]] == ["good one.csv", "inner/good one.csv"]
    assert "mirror image" in reasons["mirror.trc"] and "none of the" in reasons["notes.txt"]
    assert "no person's size" in reasons["giant.csv"] and len(table) == 6
    written = pd.read_csv(out / "quality.csv", keep_default_na=False)
    assert list(written["reason"]) == list(table["reason"])
    data = load(config(data_root=out))
    assert set(data.splits["test"].names) == {"good_one", "good_one_2"}
    assert sorted(data.splits["test"].lengths) == [20, 40]  # 60 frames a second became 30
    assert not (verify(out, config(data_root=out))["severity"] == "error").any()


def test_sides_are_exchanged_on_request_alone(tmp_path):
    pose = moving()
    WRITERS["trc"](tmp_path / "mirror.trc", pose[:, list(H36M.mirror)], 30.0)
    with pytest.raises(InputError, match="not one clip can be made\nmirror.trc: .*exchanged"):
        convert_all(tmp_path / "mirror.trc", tmp_path / "out")
    convert_all(tmp_path, tmp_path / "out", swap_sides=True)
    back = np.load(tmp_path / "out" / "test" / "mirror" / "pose_3d.npy")
    np.testing.assert_allclose(back, pose, atol=1e-5)


def test_labels_and_splits_of_a_pickle_come_along(tmp_path):
    poses = {f"clip{i}": moving(seed=i).astype(np.float32) for i in range(4)}
    write_pyskl(
        tmp_path / "set.pkl",
        poses,
        [0, 3, 1, 3],
        {"xsub_train": ["clip0", "clip1"], "xsub_val": ["clip2", "clip3"]},
    )
    convert_all(tmp_path / "set.pkl", tmp_path / "out")
    data = load(config(data_root=tmp_path / "out"))
    assert data.splits["train"].labels.tolist() == [0, 3]
    assert data.splits["val"].labels.tolist() == [1, 3]


def test_the_command_says_what_it_found_and_what_it_left_out(tmp_path):
    source = data_folder(tmp_path / "data", {"test": clips("ij", [0, 1], "test", seed=50)})
    answer = command_line("convert", source, tmp_path / "out", "--to", "bvh")
    assert answer.exit_code == 0 and "none of the" in answer.output  # classes.csv and the like
    assert len(list((tmp_path / "out").glob("*.bvh"))) == 4
    again = command_line("convert", source, tmp_path / "out", "--to", "bvh")
    assert again.exit_code == 0 and " are done already" in again.output
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    refused = command_line("convert", source, tmp_path / "mine")
    assert refused.exit_code == 2 and "expected an empty or a new folder" in refused.output
    back = command_line("convert", tmp_path / "out", tmp_path / "back")
    assert "it is in centimetres" in back.output and "became clips" in back.output


def openpose(folder, pose):
    """Somebody (T, 17, 3) as OpenPose finds them, a file a frame, in a picture of 640 x 480."""
    folder.mkdir(parents=True)
    names = {name: i for i, name in enumerate(LAYOUTS["h36m17"])}
    for t, joints in enumerate(pose):
        points = np.zeros((25, 3))
        for i, word in enumerate(LAYOUTS["body25"]):
            if word in names:
                points[i] = (*(320 + 600 * joints[names[word], :2] / joints[names[word], 2]), 0.9)
        people = [{"person_id": [-1], "pose_keypoints_2d": points.ravel().tolist()}]
        name = folder / f"{folder.name}_{t:012}_keypoints.json"
        name.write_text(json.dumps({"version": 1.3, "people": people}))


def test_joints_in_pictures_become_clips_that_a_model_learns_from(tmp_path):
    rows = ["file,label,subject,split"]
    for i in range(4):
        openpose(tmp_path / "found" / f"clip{i}", moving(16, seed=i))
        rows.append(f"found/clip{i},{i % 2},p{i},{('train', 'test')[i > 2]}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    out = tmp_path / "out"
    table = convert_all(tmp_path / "list.csv", out)
    assert (table["clip"] != "").all() and table["remarks"].str.contains("without_depth").all()
    back = np.load(out / "train" / "clip1" / "pose_2d.npy")
    pose = moving(16, seed=1)
    elbow = H36M.index("R_Elbow")[0]
    np.testing.assert_allclose(
        back[:, elbow, :2], 320 + 600 * pose[:, elbow, :2] / pose[:, elbow, 2:], atol=1e-3
    )
    assert np.isnan(back[:, H36M.index("Head_top")[0]]).all()  # no eyes were found
    about = dict(data_root=out, outputs=tmp_path, without_depth=True, init_from="", epochs=1)
    data = load(config(**about, val_fraction=0.0))
    assert data.without_depth and data.splits["train"].subjects == ("p0", "p1", "p2")
    history = train(config(**about, val_fraction=0.0), data)
    assert np.isfinite(history["train_loss"]).all()
    with pytest.raises(InputError, match="clip0: joints in a picture.*npy alone"):
        convert_all(tmp_path / "found", tmp_path / "bvh", form="bvh")


def test_rates_and_ends_that_files_lack_stand_in_the_remarks(tmp_path):
    openpose(tmp_path / "flat", moving(9))
    WRITERS["csv"](tmp_path / "deep.csv", moving(60), 30.0)
    (tmp_path / "list.csv").write_text("file,end\nflat,\ndeep.csv,1\ndeep.csv,9\n")
    (tmp_path / "flat.csv").write_text("file\nflat\n")
    supposed = "30 frames a second were supposed (--rate)"
    (remarks,) = convert_all(tmp_path / "flat.csv", tmp_path / "flat_out")["remarks"]
    assert supposed in remarks
    (remarks,) = convert_all(tmp_path / "flat.csv", tmp_path / "told", rate=25.0)["remarks"]
    assert "supposed" not in remarks
    _, short, cut = convert_all(tmp_path / "list.csv", tmp_path / "deep_out")["remarks"]
    assert "supposed" not in cut and "recording ends" not in short
    assert "the recording ends at 2.00 s, before the 9 s of the list" in cut


def test_whoever_of_a_file_became_no_clip_is_named_with_a_reason_of_their_own(tmp_path):
    openpose(tmp_path / "two", moving(9))
    arm = [name in ("left_shoulder", "left_elbow", "left_wrist") for name in LAYOUTS["body25"]]
    for path in (tmp_path / "two").iterdir():
        content = json.loads(path.read_text())
        points = np.reshape(content["people"][0]["pose_keypoints_2d"], (25, 3)) + [900, 0, 0]
        points[~np.array(arm)] = 0
        content["people"].append({"person_id": [-1], "pose_keypoints_2d": points.ravel().tolist()})
        path.write_text(json.dumps(content))
    said = command_line("convert", tmp_path / "two", tmp_path / "out").output
    assert "1 of 2 became clips (people or recordings, in 1 file)" in said
    (row,) = pd.read_csv(tmp_path / "out" / "failures.csv", dtype=str).to_dict("records")
    assert (row["file"], row["recording"], row["person"]) == ("two", "two", "2")
    assert row["reason"].startswith("only 3 of our 17 joints were seen (L_Shoulder")


def test_a_file_of_skeletons_has_the_score_that_its_clip_gets_later(tmp_path):
    WRITERS["trc"](tmp_path / "one.trc", moving(40), 60.0)
    table = convert_all(tmp_path / "one.trc", tmp_path / "out")
    data = load(config(data_root=tmp_path / "out"))
    later = quality_table(tmp_path / "out", data.splits, H36M, 30.0)
    assert 0 < table["score"][0] < 1
    np.testing.assert_allclose(table["score"], later["score"], rtol=1e-5)


def test_a_data_set_has_depth_or_none(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    openpose(source / "flat", moving(9))
    WRITERS["csv"](source / "deep.csv", moving(9, 1), 30.0)
    reasons = convert_all(source, out).set_index("file")["reason"]
    assert not reasons["deep.csv"] and "beside clips with depth" in reasons["flat"]
    assert not list(out.glob("test/*/pose_2d.npy")) and len(load(config(data_root=out)).splits) == 1
    (source / "deep.csv").unlink()
    assert convert_all(source, out)["reason"].tolist() == [""]
    assert load(config(data_root=out)).without_depth
    assert not list(out.glob("test/*/pose_3d.npy"))


def test_shares_of_a_picture_need_its_size(tmp_path):
    names = LAYOUTS["mediapipe33"]
    words = dict(zip(LAYOUTS["h36m17"], posture(STANDING)[:, :2] / 4 + 0.5))
    points = np.array([words.get(name, words["nose"]) for name in names])
    rows = [",".join(f"{name}_{axis}" for name in names for axis in "xy")]
    rows += [",".join(map(str, (points + 0.001 * t).ravel())) for t in range(5)]
    (tmp_path / "shares.csv").write_text("\n".join(rows))
    with pytest.raises(InputError, match="shares of a picture: give its --size"):
        convert_all(tmp_path / "shares.csv", tmp_path / "none")
    answer = command_line(
        "convert", tmp_path / "shares.csv", tmp_path / "out", "--size", "640", "480"
    )
    assert answer.exit_code == 0 and "picture of 640 x 480 pixels" in answer.output
    back = np.load(tmp_path / "out" / "test" / "shares" / "pose_2d.npy")
    knee = H36M.index("L_Knee")[0]
    np.testing.assert_allclose(back[0, knee, :2], words["left_knee"] * (640, 480), rtol=1e-6)


def test_whole_bodies_come_and_go_as_they_are(tmp_path):
    whole = load_skeleton("wholebody44")
    pose = np.full((8, 44, 3), np.nan, np.float32)
    at = dict(zip(H36M.joints, moving(8).transpose(1, 0, 2)))
    for i, name in enumerate(whole.joints):
        if name in at or whole.parts[i] == "hand":
            wrist = at[f"{name[0]}_Wrist"] if whole.parts[i] == "hand" else None
            pose[:, i] = at[name] if wrist is None else wrist + [0, 0.1, 0.001 * i]
    pose[
        2:4, [name[:2] == "L_" and part == "hand" for name, part in zip(whole.joints, whole.parts)]
    ] = np.nan
    for form, file in (("npy", "test/some/pose_3d.npy"), ("npz", "test.npz")):
        (tmp_path / form / "test" / "some").mkdir(parents=True)
        np.save(tmp_path / form / "test" / "some" / "pose_3d.npy", pose)
        table = convert_all(
            tmp_path / form / "test", tmp_path / f"to_{form}", form=form, skeleton=whole.name
        )
        assert "never seen: Nose" in table["remarks"][0]
        back = convert_all(
            tmp_path / f"to_{form}" / file, tmp_path / f"back_{form}", skeleton=whole.name
        )
        assert back["reason"].tolist() == [""]
        (path,) = (tmp_path / f"back_{form}").glob("test/*/pose_3d.npy")
        np.testing.assert_array_equal(np.load(path), pose)
    with pytest.raises(InputError, match="bvh holds the 17 joints of h36m17"):
        convert_all(tmp_path / "npy", tmp_path / "bvh", form="bvh", skeleton=whole.name)


def test_sound_beside_is_passed_over_and_numbers_have_six_digits(tmp_path, capfd):
    WRITERS["csv"](tmp_path / "one.csv", moving(20), 29.97002997002997)
    (tmp_path / "talk.mp3").write_bytes(b"\xff\xfb\x90")
    table = convert_all(tmp_path, tmp_path.with_name("out"))
    assert table["file"].tolist() == ["one.csv"] and "talk.mp3" in "".join(capfd.readouterr())
    assert "29.97," in (tmp_path.with_name("out") / "quality.csv").read_text()

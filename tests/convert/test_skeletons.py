"""Skeleton files of other tools become a data set, and a data set their files."""

import numpy as np
import pandas as pd
import pytest
from build import DOCUMENT, H36M, SEATED, STANDING, clips, config, data_folder, posture
from run.headless import command_line

from mbnb.convert import How, convert, find_sources
from mbnb.data.dataset import load, verify
from mbnb.files import InputError
from mbnb.formats import WRITERS, joints_of, read
from mbnb.formats.pyskl import write_pyskl


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


def test_a_folder_without_any_file_is_said_to_be_empty(tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="not one clip can be made: there is no file"):
        convert_all(tmp_path / "none", tmp_path / "out")

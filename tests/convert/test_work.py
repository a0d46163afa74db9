"""Conversions that are killed, interrupted, spread over a cluster, cut off from the network."""

import _thread
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from build import DOCUMENT, config, person
from run.headless import command_line

from mbnb.convert import How, convert, find_sources, on_cluster
from mbnb.convert.folder import Folder
from mbnb.convert.one import convert_one
from mbnb.convert.work import FEW
from mbnb.data.dataset import load
from mbnb.files import ROOT, InputError
from mbnb.formats import WRITERS
from mbnb.video.landmarks import require_mediapipe, to_joints
from mbnb.video.portrait import sample_video


def records(out: Path) -> dict[str, int]:
    """When the record of each source was written."""
    return {p.stem: p.stat().st_mtime_ns for p in (out / ".work" / "records").glob("*.json")}


def skeletons(folder: Path, count: int) -> Path:
    """A folder of so many files of skeletons."""
    folder.mkdir()
    for i in range(count):
        WRITERS["csv"](folder / f"ilse_{i}.csv", person(i, 20), 30.0)
    return folder


def wait_for(true, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A list of a video and files, what was there after a SIGKILL amid them, and the rest.

    The first part without any network, where the system lets a process have none.
    """
    try:
        require_mediapipe()
    except InputError as error:
        pytest.skip(str(error))
    place = tmp_path_factory.mktemp("killed")
    skeletons(place / "files", 6)
    WRITERS["csv"](place / "files" / "long.csv", person(7, 3000), 30.0)
    sample_video(place / "files" / "tilts.mp4", 1)
    rows = ["tilts.mp4,9,Ilse,0.2,0.6", *(f"ilse_{i}.csv,A1,Ilse,," for i in range(3))]
    rows += ["long.csv,,Otto,1,20", *(f"ilse_{i}.csv,Nodding,Otto,," for i in range(3, 6))]
    (place / "files" / "list.csv").write_text("\n".join(["file,label,subject,start,end", *rows]))
    command = ["convert", place / "files" / "list.csv", place / "out", "--workers", "1"]
    command += ["-p", "video_depth", "mediapipe"]
    alone = ["unshare", "-rn"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"]).returncode:
        alone = []
    process = subprocess.Popen(
        [*alone, sys.executable, "-m", "mbnb", *map(str, command)], cwd=ROOT, stderr=subprocess.PIPE
    )
    wait_for(lambda: len(records(place / "out")) > 3 or process.poll() is not None)
    children = psutil.Process(process.pid).children()
    process.kill()
    process.communicate()
    wait_for(lambda: not any(child.is_running() for child in children))
    before = records(place / "out"), {p.parent.name for p in place.glob("out/*/*/pose_3d.npy")}
    return place / "out", before, command_line(*command).output


def test_a_killed_conversion_goes_on_and_does_nothing_twice(killed):
    out, (written, clips), said = killed
    assert {"tilts", "ilse_0", "ilse_1", "ilse_2"} <= written.keys() == clips
    assert len(written) < 8, "it was killed too late to show anything"
    after = records(out)
    assert {name: after[name] for name in written} == written and len(after) == 8
    assert f"{len(written)} of 8 are done already" in said and "8 of 8 became clips" in said
    assert not list((out / ".work" / "unfinished").iterdir())
    assert not [path for path in out.rglob(".*") if path.name != ".work"]
    table = pd.read_csv(out / "quality.csv", keep_default_na=False)
    assert table["clip"][[0, 1, 4, 7]].tolist() == ["tilts", "ilse_0", "long", "ilse_5"]


def test_a_list_tells_labels_people_and_parts_of_files(killed):
    out, _, _ = killed
    data = load(config(data_root=out, val_fraction=0.0))
    train, test = data.splits["train"], data.splits["test"]
    assert dict(zip(train.names, train.labels)) == {"tilts": 9} | {
        f"ilse_{i}": 0 if i < 3 else DOCUMENT.names.index("Nodding") for i in range(6)
    }
    assert set(train.subjects) == {"Ilse", "Otto"} and test.names == ("long",)
    assert np.load(out / "test" / "long" / "pose_3d.npy").shape == (570, 17, 3)
    np.testing.assert_allclose(
        np.load(out / "test" / "long" / "pose_3d.npy"), person(7, 3000)[30:600], atol=1e-4
    )
    assert np.load(out / "train" / "tilts" / "pose_3d.npy").shape == (12, 17, 3)


def test_what_was_kept_is_said_and_no_picture_is(killed):
    out, _, said = killed
    kept = said.rstrip().splitlines()[-1]
    assert kept.startswith("kept: ") and kept.endswith("; no pictures")
    assert f"landmarks of videos in {out}_landmarks" in kept
    endings = {path.suffix for path in [*out.rglob("*"), *out.parent.glob("out_*/*")]}
    assert endings <= {"", ".csv", ".txt", ".npy", ".npz", ".json"}


def test_ctrl_c_leaves_what_is_done_with_its_tables(tmp_path):
    sources = find_sources(skeletons(tmp_path / "files", FEW + 4), DOCUMENT)
    out, before = tmp_path / "out", psutil.Process().children()

    def interrupt():
        wait_for(lambda: records(out))
        _thread.interrupt_main()

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt, match="are done, whole; the same command goes on"):
        convert(sources, out, DOCUMENT, workers=1)
    written = records(out)
    assert len(written) < len(sources)
    assert set(psutil.Process().children()) <= set(before)  # a browser of another test's
    made = {path.parent.name for path in out.glob("test/*/pose_3d.npy")}
    assert made == written.keys() == set(pd.read_csv(out / "quality.csv")["clip"])


def test_a_cluster_makes_the_same(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="clusters need Dask")
    sources = find_sources(skeletons(tmp_path / "files", 4), DOCUMENT)
    convert(sources, tmp_path / "here", DOCUMENT)
    about = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(processes=False, protocol="tcp", **about) as cluster:
        with on_cluster(cluster.scheduler_address):
            convert(sources, tmp_path / "there", DOCUMENT)
    for path in (tmp_path / "here").glob("**/*.[cnt][sp]*"):
        same = tmp_path / "there" / path.relative_to(tmp_path / "here")
        assert same.read_bytes() == path.read_bytes()
    monkeypatch.setattr("mbnb.convert.work.ANSWER", 1)
    with pytest.raises(InputError, match="no Dask scheduler answers"), on_cluster("tcp://nobody:1"):
        pass


def test_a_changed_file_and_changed_options_are_noticed_and_said(tmp_path, capsys):
    files, out = skeletons(tmp_path / "files", 3), tmp_path / "out"
    convert(find_sources(files, DOCUMENT), out, DOCUMENT)
    before = records(out)
    WRITERS["csv"](files / "ilse_1.csv", person(9, 33), 30.0)
    (files / "ilse_2.csv").unlink()
    table = convert(find_sources(files, DOCUMENT), out, DOCUMENT)
    assert table["frames"].tolist() == [20, 33] and not (out / "test" / "ilse_2").exists()
    assert records(out)["ilse_0"] == before["ilse_0"]
    said = capsys.readouterr().err
    assert "1 of 2 are done already" in said
    assert "1 are made anew, since the file has changed: ilse_1.csv" in said
    assert convert(find_sources(files, DOCUMENT), out, DOCUMENT, How(fps=15.0))["frames"][0] == 10
    assert "since options have changed (fps was 30.0 and is 15.0)" in capsys.readouterr().err


def test_pseudonyms_leave_no_name_and_stay_the_same(tmp_path):
    files, out, key = skeletons(tmp_path / "files", 3), tmp_path / "out", tmp_path / "key.csv"
    (files / "ilse_gone.csv").write_text("ilse_gone.csv is no table of joints")
    command = ["convert", files, out, "--pseudonyms", key, "-p", "video_person", "[a-z]+"]
    assert command_line(*command).exit_code == 0
    for path in out.rglob("*"):
        assert "ilse" not in str(path.relative_to(out))
        assert not path.is_file() or b"ilse" not in path.read_bytes()
    subjects = pd.read_csv(out / "subjects.csv")
    who = pd.read_csv(key).set_index("pseudonym")
    assert set(subjects["subject"]) == {"p0001"} and who.loc["p0001", "name"] == "ilse"
    for clip in subjects["clip"]:
        number = int(who.loc[clip, "name"].removeprefix("ilse_"))
        pose = np.load(out / "test" / clip / "pose_3d.npy")
        np.testing.assert_allclose(pose, person(number, 20), atol=1e-4)
    WRITERS["csv"](files / "a_new_one.csv", person(5, 20), 30.0)
    assert "4 of 5 are done already" in command_line(*command).output
    assert set(who.index) < set(pd.read_csv(key)["pseudonym"])
    inside = command_line(*command[:3], "--pseudonyms", out / "key.csv")
    assert inside.exit_code == 2 and "must not lie in" in inside.output


def test_every_fault_of_a_list_is_told(tmp_path):
    skeletons(tmp_path / "files", 4)
    (tmp_path / "files" / "list.csv").write_text(
        "file;label;split;start;end\nilse_0.csv;sneezing;train;;\nnobody.csv;0;;;\n"
        "ilse_1.csv;;val;;\nilse_2.csv;;validation;;\nilse_3.csv;0;;9;3\n"
        "ilse_3.csv;0;;1,0;3\nilse_3.csv;1;;1;3.0\nilse_3.csv;1;;1;2\n"
    )
    with pytest.raises(InputError) as raised:
        find_sources(tmp_path / "files" / "list.csv", DOCUMENT)
    faults = str(raised.value).splitlines()
    assert [fault.partition("list.csv, ")[2] for fault in faults] == [
        "line 2: expected an id from 0 to 51, or the code or the name of a class, found 'sneezing'",
        "line 3: nobody.csv: no such file",
        "line 4: no label, which clips of val need",
        "line 5: expected one of train, val, test as split, found 'validation'",
        "line 6: expected seconds from start to end, found '9' and '3'",
        "line 8: ilse_3.csv: stands on line 7, too, with the same start and end",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("video,label\nilse_0.csv,0\n", "a list needs a column `file`; found video, label"),
        ("subject,label\nilse,0\n", "a list needs a column `file`; found subject, label"),
        ("file,lable\nilse_0.csv,0\n", "no column 'lable', did you mean 'label'"),
        ("file,label,subjct\nilse_0.csv,0,a\n", "no column 'subjct', did you mean 'subject'"),
        ("start,end,label\n0.5,2,nod\n", "it holds coded intervals, which `mbnb coding` reads"),
    ],
)
def test_columns_that_a_list_lacks_are_named(text, said, tmp_path):
    path = skeletons(tmp_path / "files", 1) / "list.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        convert(find_sources(path, DOCUMENT), tmp_path / "out", DOCUMENT)


def test_tables_of_joints_are_no_lists(tmp_path):
    rows = ["person,label,x,y", *(f"1,{name},,-0.5" for name in ("long.csv", "knee"))]
    (tmp_path / "long.csv").write_text("\n".join(rows))
    (one,) = find_sources(tmp_path / "long.csv", DOCUMENT)
    assert one.name == "long" and not one.is_video


def test_a_conversion_begins_with_its_own_key_or_not_at_all(tmp_path):
    files, out, key = skeletons(tmp_path / "files", 3), tmp_path / "out", tmp_path / "key.csv"
    command = ["convert", files, out, "--pseudonyms"]
    assert command_line(*command, key).exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    away = key.rename(tmp_path / "safe.csv")
    refused = command_line(*command, key)
    assert refused.exit_code == 2 and "put it back there, or name where it lies" in refused.output
    assert not key.exists()
    assert command_line("convert", files, tmp_path / "other", "--pseudonyms", key).exit_code == 0
    assert "is another key than the one" in command_line(*command, key).output
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert "3 of 3 are done already" in command_line(*command, away).output


def test_an_out_folder_that_holds_the_files_is_named_and_so_is_an_empty_one(tmp_path):
    files = skeletons(tmp_path / "files", 2)
    with pytest.raises(InputError, match="files: holds what is to be converted .ilse_0.csv, ilse"):
        convert(find_sources(files, DOCUMENT), files, DOCUMENT)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="none: not one clip can be made: there is no file"):
        find_sources(tmp_path / "none", DOCUMENT)


@pytest.mark.parametrize("person", ["900,200,200,1296", "0.1,0.1,0.9,0.9", "nan,0,5,5", "0,5,9,5"])
def test_a_box_that_cannot_be_is_refused_once_before_any_video_is_opened(person, tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.mp4").touch()
    with pytest.raises(InputError) as refused:
        convert(find_sources(tmp_path, DOCUMENT), tmp_path / "o", DOCUMENT, How(person=person))
    wanted = "expected of a box LEFT,TOP,RIGHT,BOTTOM in pixels, LEFT before RIGHT"
    (said,) = str(refused.value).splitlines()
    assert wanted in said and said.endswith(f"found {person!r}")


def test_what_was_taken_for_granted_of_labels_and_people_is_said(tmp_path):
    files = skeletons(tmp_path / "files", 2)
    said = command_line("convert", files, tmp_path / "one").output
    assert "no clip has a label, so all are in the split test" in said
    assert "each clip counts as of a person of its own" in said
    (tmp_path / "labels.txt").write_text("ilse_0 0\nilse_1 8\n")
    labels = ["-p", "video_labels", tmp_path / "labels.txt", "-p", "video_person", "[a-z]+"]
    said = command_line("convert", files, tmp_path / "two", *labels).output
    assert "labels are ids of the class table 'document', 52 classes: 0 is A1 Shaking body" in said
    assert "by video_person '[a-z]+' 2 clips of 1 person: ilse" in said and "own;" not in said
    named = command_line("convert", files, tmp_path / "two", *labels, "-p", "class_table", "ma52")
    assert "the class table 'ma52'" in named.output


def test_of_two_at_once_the_later_one_changes_nothing(tmp_path):
    require_mediapipe()
    sample_video(tmp_path / "film.mp4", 0.3)
    (source,), out = find_sources(tmp_path / "film.mp4", DOCUMENT), tmp_path / "out"
    folder = Folder(out)
    folder.clean()
    first = []

    def beside(landmarks, size, fps):
        """Joints that another process has made by the time that this one has them, too."""
        if not first:
            first.append("began")
            convert_one(source, folder, how)
            first.append(records(out))
        return to_joints(landmarks.world)

    how = How(pose_of=beside)
    convert_one(source, folder, how)
    assert first[1] == records(out) and np.load(out / "test" / "film" / "pose_3d.npy").any()

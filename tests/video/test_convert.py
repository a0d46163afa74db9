"""Videos become a data set, broken ones a reason."""

import csv
import os
import re
import sys
import threading
import time
import unicodedata
from pathlib import Path

import numpy as np
import psutil
import pytest
from build import DOCUMENT, H36M, person
from PIL import Image
from video.films import DAMAGED, grain, stamped, tilt, write

from mbnb.classes import read_classes
from mbnb.coding.recordings import recordings_in
from mbnb.config import Config
from mbnb.convert import How, convert
from mbnb.data.convert import Source
from mbnb.files import InputError
from mbnb.formats import WRITERS, read
from mbnb.video.convert import find_videos, landmark_file
from mbnb.video.folder import videos_in
from mbnb.video.landmarks import load_landmarks


def source(path, name, label=0, split="train", person=""):
    """A video of Grace's, called in tables as its clip."""
    return Source(path, name, label, "Grace", split, person=person, shown=name)


@pytest.fixture(scope="module")
def converted(extractor, tmp_path_factory, faulty, portrait, pictures):
    """A data set made of good and bad videos, and its table by clip."""
    folder, black = tmp_path_factory.mktemp("converted"), np.zeros_like(pictures[0])
    blinking = pictures[:12] + [black] * 6 + pictures[:12]
    absent = pictures[:12] + [black] * 20 + pictures[:12]
    videos = [
        source(portrait, "B4_portrait", 9),
        *(source(faulty[name], name.replace(".", "_")) for name in DAMAGED),
        source(write(folder / "blinking.mp4", blinking), "blinking", 1, "val"),
        source(write(folder / "absent.mp4", absent), "absent", 1),
        source(write(folder / "nobody.mp4", grain(10)), "nobody", 2),
    ]
    out = folder / "data" / "set"
    return out, convert(videos, out, DOCUMENT, workers=1).set_index("file")


def test_recordings_are_found_again_with_the_times_of_their_videos(converted):
    out, _ = converted
    found = {one.name: one for one in recordings_in(out, Config.of({}), out / "unused")}
    assert set(found) == {"B4_portrait", "blinking"} and found["blinking"].person == "Grace"
    assert found["B4_portrait"].times == pytest.approx(np.arange(60) / 30, abs=0.002)


def test_good_videos_become_clips_in_the_documented_layout(converted):
    out, table = converted
    assert np.load(out / "train" / "B4_portrait" / "pose_3d.npy").shape == (60, 17, 3)
    blinked = np.load(out / "val" / "blinking" / "pose_3d.npy")
    assert blinked.shape == (30, 17, 3) and blinked.dtype == np.float32
    assert np.isfinite(blinked[:, H36M.index("Neck", "Head", "L_Shoulder", "R_Shoulder")]).all()
    # The hips of the portrait are outside the picture, and so they are where nobody was found.
    assert np.isnan(blinked[:, H36M.index("Pelvis", "L_Hip", "R_Knee", "L_Ankle")]).all()
    assert sorted(path.parent.name for path in out.rglob("*.npy")) == ["B4_portrait", "blinking"]
    assert (out / "train_labels.txt").read_text() == "B4_portrait 9\n"
    assert (out / "val_labels.txt").read_text() == "blinking 1\n"
    assert "blinking,Grace" in (out / "subjects.csv").read_text()
    with open(out / "quality.csv", newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == list(table.index)
    with open(out / "failures.csv", newline="") as file:
        refused = {row["file"]: row["reason"] for row in csv.DictReader(file)}
    assert refused == table["reason"][table["clip"] == ""].to_dict()
    assert len(refused) == len(DAMAGED) + 2


def test_the_table_says_how_good_a_clip_is_and_why_one_was_refused(converted):
    _, table = converted
    reasons = table["reason"]
    assert reasons["B4_portrait"] == reasons["blinking"] == ""
    for name, said in DAMAGED.items():
        assert re.search(said, reasons[name.replace(".", "_")]), name
    assert "no person in" in reasons["absent"] and "at most 10" in reasons["absent"]
    assert reasons["nobody"] == "no person found"
    measured = table.loc["B4_portrait", ["decoded", "frames", "detected"]]
    assert measured.tolist() == [60, 60, 1]
    assert 4 <= table.loc["blinking", "longest_gap"] <= 10 < table.loc["absent", "longest_gap"]
    assert 1 < table.loc["B4_portrait", "jitter_mm"] < 100
    assert 0 < table.loc["B4_portrait", "bone_variation"] < 0.5


@pytest.fixture(scope="module")
def remarked(extractor, tmp_path_factory, pictures, portrait):
    """The table of clips that are not what they should be."""
    folder = tmp_path_factory.mktemp("remarked")
    even = [round(1000 * i / 30) for i in range(60)]
    hour = [time + 3_600_000 * (i >= 30) for i, time in enumerate(even)]
    beside = [np.concatenate([picture, picture[:, ::-1]], axis=1) for picture in pictures[:20]]
    videos = {
        "one": write(folder / "one.mp4", pictures[:1]),
        "hour": stamped(folder / "hour.mkv", hour, pictures),
        "two": write(folder / "two.mp4", beside),
        "still": write(folder / "still.mp4", pictures[:1] * 20),
        "frozen": write(folder / "frozen.mp4", pictures[:20] + pictures[20:21] * 60),
        "long": write(folder / "long.mp4", pictures, stamps=[90 * i for i in range(60)]),
        "alone": stamped(folder / "alone.mkv", [0, *(9000 + t for t in even[:19])], pictures[:20]),
        "lapse": write(folder / "lapse.mp4", pictures[:5], rate=1),
        "ends": stamped(folder / "ends.mkv", [0, 10_000], pictures[:2]),
        "upside": write(folder / "upside.mp4", [picture[::-1, ::-1] for picture in pictures[:20]]),
        "good": portrait,
    }
    changing = [picture.copy() for picture in beside]
    for t, picture in enumerate(changing):  # whoever is to the left goes, and another is there
        half = slice(512, None) if t < 10 else slice(512)
        picture[:, half] = 0
    sources = [source(path, name) for name, path in videos.items()]
    sources.append(source(videos["two"], "all", person="all"))
    sources.append(source(write(folder / "other.mp4", changing), "other"))
    sources.append(source(videos["two"], "outside", person="2000,0,3000,500"))
    sources.append(source(videos["still"], "late")._replace(end=9.0))
    WRITERS["bvh"](folder / "joints.mp4", person(1, 3), 30.0)
    sources.append(source(folder / "joints.mp4", "joints"))
    table = convert(sources, folder / "set", DOCUMENT, workers=1).set_index("file")
    table.attrs["out"] = folder / "set"
    return table


def test_one_bad_video_is_refused_with_its_reason_and_the_others_go_on(remarked):
    reasons = remarked["reason"]
    assert reasons["one"] == "expected at least 2 frames, found one"
    assert "a pause of 3600.03 s" in reasons["hour"] and "from 0.97 to 3601.00 s" in reasons["hour"]
    assert remarked.loc["hour", "frames"] == 60, "not an hour of a frozen person"
    assert reasons["lapse"].startswith("1.00 frames a second are too few")
    assert reasons["ends"] == "expected at least 2 frames, found none"
    wanted = "expected a box LEFT,TOP,RIGHT,BOTTOM in pixels of 1024 x 600, found 2000,0,3000,500"
    assert reasons["outside"] == wanted
    assert reasons["joints"].startswith("its name ends in .mp4, but it is BVH, a HIERARCHY")
    refused = ["one", "hour", "lapse", "ends", "other", "outside", "joints"]
    assert (reasons.drop(refused) == "").all()


def test_what_makes_an_answer_doubtful_is_said(remarked):
    said = remarked["remarks"]
    assert said["two"].startswith("a second person is in 5 of 5 frames")
    assert set(said.index[said.str.contains("second person")]) == {"two", "all"}
    assert "nothing moves: it is a still picture" in said["still"]
    assert re.search(r"nothing moves from 0\.[78] to 2\.7 s", said["frozen"])
    assert said["late"].endswith("the recording ends at 0.67 s, before the 9 s of the list")
    assert said.str.contains("nothing moves").sum() == 3
    assert said.str.contains("recording ends").sum() == 1
    assert said["long"].startswith("5.3 s are long for one movement")
    assert said.str.contains("are long").sum() == 1
    assert "one frame left out, 9.0 s from the others" in said["alone"]
    assert "; upside down: the camera was, or" in said["upside"]
    assert said.str.contains("upside down").sum() == 1
    assert "only head and shoulders are seen; outside the picture: Pelvis, R_Hip" in said["good"]
    assert "Neck" not in said["good"] and "Head" not in said["good"]


def test_everybody_in_view_becomes_a_clip_and_nobody_becomes_somebody_else(remarked):
    both = remarked.loc["all"]
    assert both["clip"].tolist() == ["all_1", "all_2"] and both["people"].tolist() == [2, 2]
    folder = remarked.attrs["out"]
    tilts = [tilt(load_landmarks(landmark_file(folder, name)).image) for name in both["clip"]]
    alone = tilt(load_landmarks(landmark_file(folder, "good")).image)[:20]
    assert np.corrcoef(tilts[0], alone)[0, 1] > 0.9 < np.corrcoef(-tilts[1], alone)[0, 1]
    assert "the person is suddenly elsewhere, first at 0.3" in remarked.loc["other", "reason"]


def test_a_video_that_is_called_a_file_of_skeletons_is_told_to_be_one(tmp_path):
    for container in ("mp4", "matroska", "avi"):
        path = write(tmp_path / "some.bvh", grain(2), format=container)
        with pytest.raises(InputError, match="it is a video: give its name the ending of one"):
            read(path)


def test_clips_of_other_videos_are_not_replaced(converted, tmp_path, pictures):
    out = converted[0]
    own = [source(write(tmp_path / "mine.mp4", pictures[:5]), "mine")]
    with pytest.raises(InputError, match=r"set: holds clips of other videos.*-p run NAME"):
        convert(own, out, DOCUMENT)
    assert (out / "train" / "B4_portrait" / "pose_3d.npy").exists()


def test_nothing_is_extracted_twice_and_nothing_good_is_lost(converted, portrait, tmp_path):
    out, folder = converted[0], converted[0].parents[1]
    landmarks = landmark_file(out, "B4_portrait")
    written = landmarks.stat().st_mtime_ns
    (renamed := tmp_path / "renamed.mp4").write_bytes(portrait.read_bytes())
    absent = folder / "absent.mp4"
    videos = [source(renamed, "B4_portrait", 9), source(absent, "blinking", 1)]
    table = convert(videos, out, DOCUMENT, workers=1)
    assert table["file"].tolist() == ["B4_portrait", "blinking"], "others are not in the list"
    assert landmarks.stat().st_mtime_ns == written, "the same video"
    again = load_landmarks(landmark_file(out, "blinking"))
    assert len(again.world) == 44, "another video under the old name"
    assert not (out / "val").exists()

    with pytest.raises(InputError, match="not one clip can be made\nX: no person found"):
        convert([source(folder / "nobody.mp4", "X")], out.with_name("none"), DOCUMENT)


def test_a_list_with_faults_is_refused_whole(tmp_path):
    videos = [
        source(Path("a.mp4"), "a"),
        source(Path("b.mp4"), "a", 52),
        source(Path("c.mp4"), "../c", split="training"),
        source(Path("d.mp4"), "two words", split="test"),
    ]
    with pytest.raises(InputError) as raised:
        convert(videos, tmp_path / "set", DOCUMENT, How(person="anna"))
    for fault in (
        "a number or a box, found 'anna'",
        "more than once",
        "-1, found 52",
        "'../c'",
        "'two words'",
        "found 'training'",
    ):
        assert fault in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_without_the_extra_one_line_says_so_before_any_video(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    videos = [source(Path(f"{name}.mp4"), name) for name in "ab"]
    with pytest.raises(InputError, match=r"^videos need mediapipe.*pip install -e \.\[video\]$"):
        convert(videos, tmp_path / "set", DOCUMENT)


def test_a_process_that_dies_costs_its_own_video_until_the_next_time(extractor, tmp_path, pictures):
    videos = [source(write(tmp_path / f"{i}.mp4", pictures[:5]), f"clip{i}") for i in range(2)]

    before = set(psutil.Process().children())  # helpers that other libraries have left

    def kill_the_first():
        while not (children := set(psutil.Process().children()) - before):
            time.sleep(0.01)
        children.pop().kill()

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    table = convert(videos, tmp_path / "set", DOCUMENT, workers=1)
    killer.join()
    assert table["reason"].tolist() == [
        "the process that read it was killed, as systems do when memory runs out",
        "",
    ]
    again = convert(videos, tmp_path / "set", DOCUMENT, workers=1)
    assert again["reason"].tolist() == ["", ""] and again["frames"].tolist() == [5, 5]


def test_a_folder_laid_out_as_ma52_gives_splits_people_and_labels(tmp_path):
    for name in ("train/0003_01_0001", "train/0004_02_0001", "val/0003_01_0005", "test/test0000"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.mp4").touch()
    (tmp_path / "train_list_videos.txt").write_text("0003_01_0001.mp4 9\n0004_02_0001.mp4 5\n")
    (tmp_path / "val_list_videos.txt").write_text("0003_01_0005.mp4 8\n")
    (tmp_path / "test_list_videos.txt").write_text("test0000.mp4 0\n")
    sources = find_videos(tmp_path, read_classes("ma52"), person="[0-9]+")
    assert [(s.name, s.label, s.subject, s.split) for s in sources] == [
        ("0003_01_0001", 9, "0003", "train"),
        ("0004_02_0001", 5, "0004", "train"),
        ("0003_01_0005", 8, "0003", "val"),
        ("test0000", 0, "test0000", "test"),
    ]


def test_videos_without_labels_are_for_predicting_and_missing_labels_are_all_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.mp4").touch()
    sources = find_videos(tmp_path, DOCUMENT)
    assert [(s.label, s.subject, s.split) for s in sources] == [(-1, n, "test") for n in "ab"]
    labels = tmp_path / "labels.txt"
    labels.write_text("c 0\nd 77\n")
    with pytest.raises(InputError) as raised:
        find_videos(tmp_path, DOCUMENT, labels)
    bad, missing = str(raised.value).splitlines()
    assert "line 2: expected a class id from 0 to 51, found 77" in bad
    assert missing == f"{labels}: no label for a.mp4, b.mp4"
    with pytest.raises(InputError, match="expected videos"):
        find_videos(tmp_path / "nowhere", DOCUMENT)


def test_a_label_file_that_is_missing_or_has_a_fault_is_one_fault(tmp_path):
    for name in ("anna 1", "bert"):
        (tmp_path / f"{name}.mp4").touch()
    labels = tmp_path / "labels.txt"
    with pytest.raises(InputError) as raised:
        find_videos(tmp_path, DOCUMENT, labels)
    assert str(raised.value) == f"{labels}: no such file"
    labels.write_text("anna 1 99\nbert nodding\n")
    with pytest.raises(InputError) as raised:
        find_videos(tmp_path, DOCUMENT, labels)
    assert [said.split(": ")[0] for said in str(raised.value).splitlines()] == [
        f"{labels}, line 1",
        f"{labels}, line 2",
    ]


def test_who_was_found_in_names_is_said_and_so_is_a_pattern_that_cuts_names_off(tmp_path, capsys):
    for name in ("jörg_01", "jürgen_02", "Anna_01", "bert_1", "bert2"):
        (tmp_path / f"{name}.mp4").touch()
    find_videos(tmp_path, DOCUMENT, person="[a-z]+")
    said = capsys.readouterr().err
    assert "by video_person '[a-z]+' 4 clips of 2 people: bert, j\n" in said
    assert "'[a-z]+' finds nobody at the beginning of: Anna_01.mp4\n" in said
    assert (
        "amid a word, [^_. ]+ would take all of it: jörg_01.mp4 -> j, jürgen_02.mp4 -> j\n" in said
    )
    find_videos(tmp_path, DOCUMENT, person="[^_. ]+")
    assert "amid a word" not in capsys.readouterr().err
    with pytest.raises(InputError, match="setting 'video_person': '\\(' is no regular expression"):
        find_videos(tmp_path, DOCUMENT, person="(")


def test_a_name_without_its_person_is_named_instead_of_making_a_person_of_its_own(tmp_path):
    for name in ("anna_01.mp4", "Bert_01.mp4", "01_anna.mp4"):
        (tmp_path / name).touch()
    labels = tmp_path / "labels.txt"
    labels.write_text("anna_01 0\nBert_01 1\n01_anna 0\n")
    with pytest.raises(InputError) as refused:
        find_videos(tmp_path, DOCUMENT, labels, person="[a-z]+")
    (fault,) = str(refused.value).splitlines()
    assert "expected names that begin with a person" in fault and "'[a-z]+'" in fault
    assert fault.endswith("found 01_anna.mp4, Bert_01.mp4")


def test_every_container_is_a_video_and_what_is_left_out_is_said(tmp_path, capsys):
    for name in ("a.mp4", "b.MTS", "c.wmv", "d.3gp", "e.mpeg", "f.TS", "._a.mp4", ".DS_Store"):
        (tmp_path / name).touch()
    frames = [Image.fromarray(picture) for picture in grain(3)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:], duration=40)
    frames[0].save(tmp_path / "picture.gif")
    frames[0].save(tmp_path / "photo.jpg")
    write(tmp_path / "without_ending", grain(3), format="matroska")
    (tmp_path / "raw").mkdir()
    (labels := tmp_path / "labels.txt").write_text(
        "".join(f"{name} 0\n" for name in "abcdef") + "moving 1\nwithout_ending 2\nmissspelt 3\n"
    )
    sources = find_videos(tmp_path, DOCUMENT, labels)
    assert {s.name: s.label for s in sources} == dict.fromkeys("abcdef", 0) | {
        "moving": 1,
        "without_ending": 2,
    }
    left_out, missing = capsys.readouterr().err.splitlines()
    assert left_out.endswith(
        "no videos, left out: .DS_Store, ._a.mp4, photo.jpg, picture.gif, raw/"
    )
    assert missing == f"{labels}: labels without a video: missspelt"


def test_unsafe_names_make_safe_clips_and_keep_their_labels_and_people(tmp_path, capsys):
    umlaut = unicodedata.normalize("NFD", "jürgen_1")
    names = ("anna b (1)", "anna_b_1", "CON", "con.1", "-x", "ä, ö", "…", umlaut, "x" * 200)
    for name in names:
        (tmp_path / f"{name}.mp4").touch()
    (labels := tmp_path / "labels.txt").write_text(
        "".join(f"{unicodedata.normalize('NFC', n)} {i}\n" for i, n in enumerate(names))
    )
    sources = find_videos(tmp_path, DOCUMENT, labels, person="[^_. ]+")
    made = {source.label: (source.name, source.subject) for source in sources}
    assert made[0] == ("anna_b_1_2", "anna") and made[1] == ("anna_b_1", "anna")
    assert made[2] == ("clip_CON", "CON") and made[3] == ("clip_con.1", "con")
    assert made[4] == ("x", "-x") and made[5] == ("ä_ö", "ä,") and made[6] == ("clip", "…")
    assert made[7] == ("jürgen_1", "jürgen") and len(made[8][0]) == 150
    said = capsys.readouterr().err.splitlines()
    (safe,) = (line for line in said if "safe names" in line)
    assert "anna b (1).mp4 -> anna_b_1_2" in safe and "jürgen" not in safe


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_unicode_gets_a_clip_all_the_same(tmp_path, capsys):
    (tmp_path / os.fsdecode(b"j\xfcrgen.mp4")).touch()
    (one,) = find_videos(tmp_path, DOCUMENT)
    assert one.name == "j_rgen" and "j?rgen.mp4 -> j_rgen" in capsys.readouterr().err


def test_two_videos_of_one_clip_are_an_error_that_names_both(tmp_path):
    for name in ("a.mp4", "a.mov", "train/b.mp4", "val/b.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"a\.mov and a\.mp4 would both be the clip a"):
        videos_in(tmp_path)
    for split in ("train", "val"):
        (tmp_path / f"{split}_labels.txt").write_text("b 0\n")
    with pytest.raises(InputError, match=r"val.b\.mkv: train has a clip b, too"):
        find_videos(tmp_path, DOCUMENT)

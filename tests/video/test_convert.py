"""Videos become a data set, broken ones a reason."""

import csv
import multiprocessing
import sys
import threading
import time

import numpy as np
import pytest
from build import DOCUMENT
from video.films import grain, write

from mbnb.classes import read_classes
from mbnb.files import InputError
from mbnb.video.convert import Source, convert, find_videos, landmark_file
from mbnb.video.landmarks import load_landmarks


@pytest.fixture(scope="module")
def converted(extractor, tmp_path_factory, faulty, portrait, pictures):
    """A data set made of good and bad videos, and its table by clip."""
    folder, black = tmp_path_factory.mktemp("converted"), np.zeros_like(pictures[0])
    blinking = pictures[:12] + [black] * 6 + pictures[:12]
    absent = pictures[:12] + [black] * 20 + pictures[:12]
    videos = [
        Source(portrait, "B4_portrait", 9, "Grace"),
        (faulty["cut.mp4"], "cut", 0, "X"),
        (faulty["text.mp4"], "text", 0, "X"),
        (write(folder / "blinking.mp4", blinking), "blinking", 1, "Grace"),
        (write(folder / "absent.mp4", absent), "absent", 1, "Grace"),
        (write(folder / "nobody.mp4", grain(10)), "nobody", 2, "Y"),
    ]
    splits = dict.fromkeys((name for _, name, *_ in videos), "train") | {"blinking": "val"}
    out = folder / "data" / "set"
    return out, convert(videos, out, DOCUMENT, splits).set_index("clip")


def test_good_videos_become_clips_in_the_documented_layout(converted):
    out, table = converted
    assert np.load(out / "train" / "B4_portrait" / "pose_3d.npy").shape == (60, 17, 3)
    blinked = np.load(out / "val" / "blinking" / "pose_3d.npy")
    assert blinked.shape == (30, 17, 3) and blinked.dtype == np.float32
    assert np.isfinite(blinked).all()
    assert sorted(path.parent.name for path in out.rglob("*.npy")) == ["B4_portrait", "blinking"]
    assert (out / "train_labels.txt").read_text() == "B4_portrait 9\n"
    assert (out / "val_labels.txt").read_text() == "blinking 1\n"
    assert "blinking,Grace" in (out / "subjects.csv").read_text()
    with open(out / "quality.csv", newline="") as file:
        assert [row["clip"] for row in csv.DictReader(file)] == list(table.index)


def test_the_table_says_how_good_a_clip_is_and_why_one_was_refused(converted):
    _, table = converted
    reasons = table["reason"]
    assert reasons["B4_portrait"] == reasons["blinking"] == ""
    assert "decoding stopped" in reasons["cut"] and "cannot be read" in reasons["text"]
    assert "no person in" in reasons["absent"] and "at most 10" in reasons["absent"]
    assert reasons["nobody"] == "no person found"
    measured = table.loc["B4_portrait", ["declared", "decoded", "frames", "detected"]]
    assert measured.tolist() == [60, 60, 60, 1]
    assert 4 <= table.loc["blinking", "longest_gap"] <= 10 < table.loc["absent", "longest_gap"]
    assert 1 < table.loc["B4_portrait", "jitter_mm"] < 100
    assert 0 < table.loc["B4_portrait", "bone_variation"] < 0.5


def test_nothing_is_extracted_twice_and_nothing_good_is_lost(converted, portrait, tmp_path):
    out, folder = converted[0], converted[0].parents[1]
    landmarks = landmark_file(out, "B4_portrait")
    written = landmarks.stat().st_mtime_ns
    (renamed := tmp_path / "renamed.mp4").write_bytes(portrait.read_bytes())
    absent = folder / "absent.mp4"
    videos = [(renamed, "B4_portrait", 9, "Grace"), (absent, "blinking", 1, "Grace")]
    convert(videos, out, DOCUMENT)
    assert landmarks.stat().st_mtime_ns == written, "the same video"
    again = load_landmarks(landmark_file(out, "blinking"))
    assert len(again.world) == 44, "another video under the old name"
    assert not (out / "val").exists()

    with pytest.raises(InputError, match="nobody: no person found"):
        convert([(folder / "nobody.mp4", "nobody", 2, "Y")], out, DOCUMENT)
    assert (out / "train" / "B4_portrait" / "pose_3d.npy").exists()


def test_a_list_with_faults_is_refused_whole(tmp_path):
    videos = [
        ("a.mp4", "a", 0, "X"),
        ("b.mp4", "a", 52, "X"),
        ("c.mp4", "../c", 0, "X"),
        ("d.mp4", "two words", 0, "X"),
    ]
    splits = {"a": "train", "../c": "training", "two words": "test"}
    with pytest.raises(InputError) as raised:
        convert(videos, tmp_path / "set", DOCUMENT, splits)
    for fault in ("more than once", "-1, found 52", "'../c'", "'two words'", "found 'training'"):
        assert fault in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_without_the_extra_one_line_says_so_before_any_video(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    videos = [(f"{name}.mp4", name, 0, "X") for name in "ab"]
    with pytest.raises(InputError, match=r"^videos need mediapipe.*pip install -e \.\[video\]$"):
        convert(videos, tmp_path / "set", DOCUMENT)


def test_a_process_that_dies_does_not_take_the_other_videos_with_it(extractor, tmp_path, pictures):
    videos = [
        (write(tmp_path / f"{i}.mp4", pictures[:5]), f"clip{i}", 0, "Grace") for i in range(2)
    ]

    def kill_the_first():
        while not (children := multiprocessing.active_children()):
            time.sleep(0.01)
        children[0].kill()

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    table = convert(videos, tmp_path / "set", DOCUMENT, processes=1)
    killer.join()
    assert table["reason"].tolist() == ["", ""] and table["frames"].tolist() == [5, 5]


def test_a_folder_laid_out_as_ma52_gives_splits_people_and_labels(tmp_path):
    for name in ("train/0003_01_0001", "train/0004_02_0001", "val/0003_01_0005", "test/test0000"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.mp4").touch()
    (tmp_path / "train_list_videos.txt").write_text("0003_01_0001.mp4 9\n0004_02_0001.mp4 5\n")
    (tmp_path / "val_list_videos.txt").write_text("0003_01_0005.mp4 8\n")
    (tmp_path / "test_list_videos.txt").write_text("test0000.mp4 0\n")
    sources, splits = find_videos(tmp_path, read_classes("ma52"), person="[0-9]+")
    assert [(s.name, s.label, s.subject, splits[s.name]) for s in sources] == [
        ("0003_01_0001", 9, "0003", "train"),
        ("0004_02_0001", 5, "0004", "train"),
        ("0003_01_0005", 8, "0003", "val"),
        ("test0000", 0, "test0000", "test"),
    ]


def test_videos_without_labels_are_for_predicting_and_missing_labels_are_all_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.mp4").touch()
    sources, splits = find_videos(tmp_path, DOCUMENT)
    assert [(s.label, s.subject) for s in sources] == [(-1, "a"), (-1, "b")]
    assert set(splits.values()) == {"test"}
    labels = tmp_path / "labels.txt"
    labels.write_text("c 0\nd 77\n")
    with pytest.raises(InputError) as raised:
        find_videos(tmp_path, DOCUMENT, labels)
    bad, *missing = str(raised.value).splitlines()
    assert "line 2: expected a class id from 0 to 51, found 77" in bad
    assert [line.partition(": ")[2] for line in missing[-2:]] == [
        "no label for a.mp4",
        "no label for b.mp4",
    ]
    with pytest.raises(InputError, match="expected videos"):
        find_videos(tmp_path / "nowhere", DOCUMENT)


def test_a_name_without_its_person_is_named_instead_of_making_a_person_of_its_own(tmp_path):
    for name in ("anna_01.mp4", "Bert_01.mp4", "01_anna.mp4"):
        (tmp_path / name).touch()
    labels = tmp_path / "labels.txt"
    labels.write_text("anna_01 0\nBert_01 1\n01_anna 0\n")
    with pytest.raises(InputError) as refused:
        find_videos(tmp_path, DOCUMENT, labels, person="[a-z]+")
    faults = str(refused.value).splitlines()
    assert len(faults) == 2 and "01_anna.mp4: expected a name that begins with" in faults[0]
    assert "Bert_01.mp4" in faults[1] and "'[a-z]+'" in faults[1]

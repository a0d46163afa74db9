"""Taught on coded recordings, a detector finds movements in others, and its files hold them."""

import json

import build
import numpy as np
import pandas as pd
import pytest
from build import CLASSES
from run.headless import command_line

from mbnb.classes import write_classes
from mbnb.coding import read_coding, write_coding
from mbnb.coding.recordings import Recording, recordings_in
from mbnb.config import Config
from mbnb.detect.detector import load_detector
from mbnb.detect.score import scores
from mbnb.detect.stretches import stretches_of
from mbnb.detect.teach import over_time
from mbnb.intervals import Coding, Interval
from mbnb.runs import DetectionFolder

FPS = 30


def recording(person: int, events: int = 12):
    """(T, 17, 3) of somebody who sits and shows the classes in turn, with rests between."""
    rng = np.random.default_rng(person)
    parts, ones, now = [], [], 0
    for i in range(events):
        label, rest, long = i % len(CLASSES), int(rng.integers(30, 90)), int(rng.integers(45, 75))
        clip = build.moving(label, 1000 * person + i, rest + long, (rest / (rest + long), 1))
        # The right limbs rest, too, or there would be no rests.
        right = build.H36M.index("R_Wrist", "R_Ankle")
        clip[:, right] = build.posture(build.SEATED)[right] + rng.normal(
            0, 0.002, (len(clip), 2, 3)
        )
        parts.append(clip)
        start = (now + rest) / FPS
        ones.append(Interval(start, start + long / FPS, CLASSES.names[label]))
        now += len(clip)
    pose = np.concatenate(parts).astype(np.float32)
    return pose, Coding(f"p{person}", tuple(ones), length=now / FPS)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A folder with recordings of six people, their codings, and a detector taught on five."""
    folder = tmp_path_factory.mktemp("taught")
    every = {person: recording(person) for person in range(6)}
    for name, people in (("films", range(5)), ("new", [5])):
        poses = [every[person][0] for person in people]
        np.savez(
            folder / f"{name}.npz",
            frames=np.concatenate(poses),
            offsets=np.cumsum([0, *map(len, poses)]),
            clip_names=[f"p{person}" for person in people],
            subject=[f"p{person}" for person in people],
        )
    write_coding([every[person][1] for person in range(5)], folder / "films.csv")
    write_coding([every[5][1]], folder / "new.csv")
    write_classes(CLASSES, folder / "classes.csv")
    settings = {"epochs": 20, "init_from": "encoder", "hidden_dim": 16, "batch_size": 4}
    settings |= {"outputs": str(folder), "run": "taught", "lr_head": 0.01, "device": "cpu"}
    given = [part for key, value in settings.items() for part in ("-p", key, str(value))]
    source = ("--source", str(folder / "films.npz"), "--classes", str(folder / "classes.csv"))
    done = command_line("teach", str(folder / "films.csv"), *source, *given)
    assert done.exit_code == 0, done.output
    return folder


def test_it_finds_what_another_person_does(taught):
    detector = load_detector(taught / "taught/checkpoints/best.pt", Config.of({"device": "cpu"}))
    (film,) = recordings_in(taught / "new.npz", Config.of({}), taught)
    found = over_time(detector, [(film, read_coding(taught / "new.csv"))])
    result = scores(found, detector.classes, detector.decoding)
    assert result["f1_0.5"] > 0.7 and result["false_alarms_per_min_of_rest"] < 3
    _, over = found[0]
    assert over.values.shape == (len(over.times), len(CLASSES) + 1)
    assert ((over.values >= 0) & (over.values <= 1)).all()
    # Nothing and something exclude each other, whatever the classes.
    assert np.corrcoef(over.values[:, -1], over.values[:, :-1].max(1))[0, 1] < -0.7


def test_the_folder_of_a_recording_holds_what_was_found(taught, monkeypatch):
    monkeypatch.chdir(taught)
    (taught / "talk.csv").write_text(
        "start,end,label,tier,recording\n0,15,question,phase,p5\n15,40,answer,phase,p5\n"
    )
    model = ("--model", "taught/checkpoints/best.pt", "-p", "device", "cpu")
    asked = ("detect", "new.npz", "--out", "found", *model)
    done = command_line(*asked, "--coding", "talk.csv", "--stretches", "phase")
    assert done.exit_code == 0, done.output
    folder = DetectionFolder(taught / "found" / "p5")
    segments = pd.read_csv(folder.segments)
    assert f"{len(segments)} segments" in done.output and set(segments["origin"]) == {"machine"}
    assert set(segments["label"]) <= set(CLASSES.names) and set(segments["person"]) == {"p5"}
    table = pd.read_csv(folder.predictions)
    assert table.columns.tolist() == ["time", *CLASSES.names, "nothing"]
    again = read_coding(folder.elan)
    told = zip(segments["start"].round(3), segments["label"])
    assert sorted((one.start, one.label) for one in again) == sorted(told)
    assert all(one.confidence is not None and one.origin == "machine" for one in again)
    (same,) = recordings_in(folder.poses, Config.of({}), taught)
    assert same.person == "p5" and same.times[-1] == pytest.approx(table["time"].iloc[-1], abs=0.1)
    about = json.loads(folder.about.read_text())
    assert about["model"]["kind"] == "moments" and about["video"] is None
    assert about["model"]["decoding"]["high"] > 0
    measures = pd.read_csv("found/measures.csv")
    assert set(measures["stretch"]) == {"(whole)", "question", "answer"}
    book = pd.read_csv("found/codebook.csv", keep_default_na=False)
    for name, columns in (("segments.csv", segments), ("measures.csv", measures)):
        assert set(columns) == set(book.loc[book["table"] == name, "column"])
    before = {path.name: path.read_bytes() for path in folder.path.glob("*.csv")}
    assert command_line(*asked).exit_code == 0
    assert before == {path.name: path.read_bytes() for path in folder.path.glob("*.csv")}


def test_somebody_who_leaves_is_neither_seen_nor_counted(taught):
    pose, coding = recording(5)
    times = np.arange(len(pose)) / FPS
    away = len(pose) // 3
    gone = np.concatenate([pose[:away], np.full((3000, 17, 3), np.nan, np.float32), pose[away:]])
    np.savez(taught / "gone.npz", frames=gone, offsets=[0, len(gone)], clip_names=["gone"])
    model = ("--model", str(taught / "taught/checkpoints/best.pt"), "-p", "device", "cpu")
    done = command_line("detect", str(taught / "gone.npz"), "--out", str(taught / "left"), *model)
    assert done.exit_code == 0, done.output
    leaves = times[away - 1]
    assert f"nobody is seen from 0:{leaves:06.3f} to 1:" in done.output
    segments = pd.read_csv(taught / "left" / "gone" / "segments.csv")
    assert len(segments) > 4
    assert not ((segments["end"] > leaves + 0.2) & (segments["start"] < leaves + 99)).any()
    measures = pd.read_csv(taught / "left" / "measures.csv")
    assert measures["observed_s"].iloc[0] == pytest.approx(len(pose) / FPS, abs=0.3)


def test_frames_at_odd_times_are_taken_at_their_times():
    pose, _ = recording(1, 4)
    times = np.arange(len(pose)) / FPS
    kept = np.flatnonzero((np.arange(len(pose)) % 3 != 1) | (times > 4))  # 20 a second, then 30
    whole = stretches_of(Recording("film", pose, times), Config.of({"smooth": 0}), build.H36M)
    thinned = stretches_of(
        Recording("film", pose[kept], times[kept]), Config.of({"smooth": 0}), build.H36M
    )
    assert len(thinned.stretches[0].frames) == len(whole.stretches[0].frames)
    off = (thinned.stretches[0].frames - whole.stretches[0].frames).abs()
    assert off.max() < 0.04 and off[150:].max() < 1e-5


def test_what_cannot_be_detected_in_is_refused_in_a_line(taught, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = ("--out", "out", "--model", str(taught / "taught/checkpoints/best.pt"))
    (tmp_path / "talk.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0" + bytes(40))
    two = command_line("detect", "gone.mp4", "other.npz", *model)
    assert two.exit_code == 2 and two.output.count("no such file or folder") == 2
    for name, said in (("talk.wav", "video"), (str(taught / "films.csv"), "expected joints")):
        done = command_line("detect", name, *model)
        assert done.exit_code == 2 and said in done.output, done.output
    phase = command_line("detect", str(taught / "new.npz"), *model, "--stretches", "phase")
    assert phase.exit_code == 2 and "expected --coding FILE" in phase.output
    encoder = command_line("detect", str(taught / "new.npz"), "--out", "out", "--model", "encoder")
    assert "has no action head" in encoder.output
    classes = command_line("detect", str(taught / "new.npz"), *model, "-p", "class_table", "ma52")
    assert classes.exit_code == 2 and "tells 4 classes, not those of ma52" in classes.output
    films, one = str(taught / "films.npz"), tmp_path / "one.csv"
    one.write_text("start,end,label,recording\n1,2,waving,p0\n")
    alone = command_line("teach", str(one), "--source", films, "-p", "outputs", str(tmp_path))
    assert alone.exit_code == 2 and "at least two are needed" in alone.output

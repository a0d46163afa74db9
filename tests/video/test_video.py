"""Reading videos, extracting skeletons with the real extractor, and writing them as a data set."""

import csv
import multiprocessing
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from scipy.signal import find_peaks

from mbnb.classes import read_classes
from mbnb.files import InputError
from mbnb.formats.mediapipe33 import LEFT_EAR, RIGHT_EAR
from mbnb.prepare.geometry import smooth
from mbnb.show.figures import overlay_sheet
from mbnb.video.convert import Source, convert, find_videos, landmark_file
from mbnb.video.landmarks import (
    extract,
    extract_pose,
    fill_gaps,
    gaps,
    load_landmarks,
    read_video,
    to_joints,
)
from mbnb.video.portrait import MOTIONS, sample_video, sample_videos

TILT = MOTIONS["tilting head"]
DOCUMENT = read_classes("document")


def write(path: Path, pictures, rate=30, rotation=0, stamps=None, **options) -> Path:
    """A video of (H, W, 3) uint8 pictures, with time stamps in milliseconds where given."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(
            "libx264" if "libx264" in av.codecs_available else "mpeg4", rate=rate
        )
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        if stamps is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if stamps is not None:
                frame.pts, frame.time_base = int(stamps[i]), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def grain(n: int) -> list[np.ndarray]:
    """Noise: nobody in it, and too much of it for an encoder to make small."""
    return list(np.random.default_rng(0).integers(0, 255, (n, 96, 64, 3), dtype=np.uint8))


def sound(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 8000), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def tilt(points: np.ndarray) -> np.ndarray:
    """(T,) degrees by which the line from the right to the left ear is turned, clockwise in the picture."""
    ears = points[:, LEFT_EAR] - points[:, RIGHT_EAR]
    return np.degrees(np.arctan2(ears[:, 1], ears[:, 0]))


@pytest.fixture(scope="module")
def portrait(tmp_path_factory) -> Path:
    """Two seconds of a portrait whose head tilts to and fro."""
    path = tmp_path_factory.mktemp("portrait") / "tilt.mp4"
    sample_video(path, 2)
    return path


@pytest.fixture(scope="module")
def pictures(portrait) -> list[np.ndarray]:
    return [picture for _, picture in read_video(portrait)]


@pytest.fixture(scope="module")
def landmarks(pictures):
    return extract_pose(pictures)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory) -> dict[str, tuple[Path, str]]:
    """Files that are no videos, each in another way, and what the error has to say."""
    folder = tmp_path_factory.mktemp("faulty")
    whole = write(folder / "whole.mp4", grain(40), movflags="faststart").read_bytes()
    indexed_last = write(folder / "last.mp4", grain(40)).read_bytes()
    matroska = write(folder / "whole.mkv", grain(40)).read_bytes()
    for name, content in {
        "cut.mp4": whole[: len(whole) // 2],
        "no_index.mp4": indexed_last[: len(indexed_last) // 2],
        "cut.mkv": matroska[: len(matroska) // 2],
        "text.mp4": b"hello\n" * 99,
        "empty.mp4": b"",
    }.items():
        (folder / name).write_bytes(content)
    for name in ("frameless.avi", "frameless.mkv"):
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream("mpeg4", rate=30)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            container.start_encoding()
    sound(folder / "sound.mp4")
    said = {
        "cut.mp4": "decoding stopped after",
        "cut.mkv": "cut short: 40 frames declared",
        "no_index.mp4": "index is missing",
        "text.mp4": "cannot be read as a video",
        "empty.mp4": "cannot be read as a video",
        "frameless.avi": "holds no frames",
        "frameless.mkv": "holds no frames",
        "sound.mp4": "no video stream, found audio",
        "nowhere.mp4": "no such file",
    }
    return {name: (folder / name, message) for name, message in said.items()}


@pytest.mark.parametrize(
    "name",
    [
        "cut.mp4",
        "cut.mkv",
        "no_index.mp4",
        "text.mp4",
        "empty.mp4",
        "frameless.avi",
        "frameless.mkv",
        "sound.mp4",
        "nowhere.mp4",
    ],
)
def test_a_file_that_is_no_whole_video_says_what_is_wrong_with_it(faulty, name):
    path, message = faulty[name]
    with pytest.raises(InputError, match=message) as raised:
        list(read_video(path))
    assert str(path) in str(raised.value)


def test_frames_come_upright_contiguous_and_all(tmp_path, pictures):
    turned = write(
        tmp_path / "turned.mp4", [np.rot90(picture) for picture in pictures[:5]], rotation=-90
    )
    video = read_video(turned)
    upright = list(video)
    assert (video.declared, video.decoded, len(upright), video.size) == (5, 5, 5, (512, 600))
    assert [seconds for seconds, _ in upright] == pytest.approx(np.arange(5) / 30)
    for (_, picture), original in zip(upright, pictures[:5], strict=True):
        assert picture.flags["C_CONTIGUOUS"] and picture.dtype == np.uint8
        assert (
            np.abs(picture.astype(int) - original).mean() < 5
        )  # a picture on its side differs by more than 50


def test_a_variable_rate_becomes_constant_by_the_nearest_time_stamp(tmp_path):
    stamps = np.cumsum(np.random.default_rng(1).integers(12, 75, 50))
    greys = [
        np.full((64, 64, 3), 5 * i, np.uint8) for i in range(50)
    ]  # the grey value is the frame's number
    ticks = list(read_video(write(tmp_path / "variable.mp4", greys, stamps=stamps), fps=25))
    shown = np.array([round(picture.mean() / 5) for _, picture in ticks])
    wanted = np.array([seconds * 1000 for seconds, _ in ticks])
    assert np.allclose(np.diff(wanted), 40) and abs(wanted[-1] - (stamps[-1] - stamps[0])) <= 20
    distance = np.abs(stamps - stamps[0] - wanted[:, None])  # (ticks, frames)
    assert np.allclose(distance[np.arange(len(ticks)), shown], distance.min(1), atol=1)


def test_a_fast_video_is_thinned_out(tmp_path):
    video = read_video(write(tmp_path / "fast.mp4", grain(60), rate=60))
    assert (len(list(video)), video.decoded) == (30, 60)


def test_the_portrait_is_found_and_its_tilt_followed(landmarks):
    found = ~np.isnan(landmarks.world).any((1, 2))
    assert found.mean() > 0.95
    known = TILT.angles(2, 30)[found]
    in_picture, in_space = tilt(landmarks.image[found]), tilt(landmarks.world[found])
    assert (
        np.corrcoef(known, in_picture)[0, 1] > 0.95
        and 0.8 < np.polyfit(known, in_picture, 1)[0] < 1.2
    )
    # In space the extractor holds back, yet the tilt is there, in the same direction.
    assert (
        np.corrcoef(known, in_space)[0, 1] > 0.9 and 0.3 < np.polyfit(known, in_space, 1)[0] < 1.2
    )


def test_the_skeleton_is_the_right_way_up_with_her_left_on_the_right_of_the_picture(landmarks):
    pose = dict(
        zip(
            ("Pelvis", "Neck", "Head", "Head_top", "L_Shoulder", "R_Shoulder"),
            np.nanmedian(to_joints(landmarks.world)[:, [0, 8, 9, 10, 11, 14]], axis=0),
            strict=True,
        )
    )
    assert pose["Head_top"][1] < pose["Head"][1] < pose["Neck"][1] < pose["Pelvis"][1] == 0
    assert pose["L_Shoulder"][0] > 0.1 and pose["R_Shoulder"][0] < -0.1
    assert pose["Head"][2] < pose["Head_top"][2]  # the nose is nearer to the camera


def test_the_top_of_the_head_stands_upright_on_the_ears(landmarks):
    head_top = (to_joints(landmarks.world) + landmarks.world[:, [23, 24]].mean(1, keepdims=True))[
        :, 10
    ]
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


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch, pictures):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(InputError, match=r"mediapipe.*pip install -e \.\[video\]"):
        extract_pose(pictures)


def test_the_extractor_does_not_chatter(capfd, pictures):
    extract_pose(pictures[:2])
    assert capfd.readouterr() == ("", "")


def test_videos_become_a_data_set_and_broken_ones_a_reason(tmp_path, faulty, portrait, pictures):
    black = np.zeros_like(pictures[0])
    blinking = write(tmp_path / "blinking.mp4", pictures[:12] + [black] * 6 + pictures[:12])
    absent = write(tmp_path / "absent.mp4", pictures[:12] + [black] * 20 + pictures[:12])
    nobody = write(tmp_path / "nobody.mp4", grain(10))
    videos = [
        Source(portrait, "B4_portrait", 9, "Grace"),
        (faulty["cut.mp4"][0], "cut", 0, "X"),
        (faulty["text.mp4"][0], "text", 0, "X"),
        (blinking, "blinking", 1, "Grace"),
        (absent, "absent", 1, "Grace"),
        (nobody, "nobody", 2, "Y"),
    ]
    splits = dict.fromkeys((name for _, name, *_ in videos), "train") | {"blinking": "val"}
    out = tmp_path / "data" / "set"
    table = convert(videos, out, DOCUMENT, splits).set_index("clip")

    assert np.load(out / "train" / "B4_portrait" / "pose_3d.npy").shape == (60, 17, 3)
    blinked = np.load(out / "val" / "blinking" / "pose_3d.npy")
    assert (
        blinked.shape == (30, 17, 3) and blinked.dtype == np.float32 and np.isfinite(blinked).all()
    )
    assert sorted(path.parent.name for path in out.rglob("*.npy")) == ["B4_portrait", "blinking"]
    assert (out / "train_labels.txt").read_text() == "B4_portrait 9\n" and (
        out / "val_labels.txt"
    ).read_text() == "blinking 1\n"
    assert "blinking,Grace" in (out / "subjects.csv").read_text()

    reasons = table["reason"]
    assert reasons["B4_portrait"] == reasons["blinking"] == ""
    assert "decoding stopped" in reasons["cut"] and "cannot be read" in reasons["text"]
    assert (
        "no person in" in reasons["absent"]
        and "at most 10" in reasons["absent"]
        and reasons["nobody"] == "no person found"
    )
    assert table.loc["B4_portrait", ["declared", "decoded", "frames", "detected"]].tolist() == [
        60,
        60,
        60,
        1,
    ]
    assert (
        4 <= table.loc["blinking", "longest_gap"] <= 10 and table.loc["absent", "longest_gap"] > 10
    )
    assert (
        1 < table.loc["B4_portrait", "jitter_mm"] < 100
        and 0 < table.loc["B4_portrait", "bone_variation"] < 0.5
    )
    with open(out / "quality.csv", newline="") as file:
        assert [row["clip"] for row in csv.DictReader(file)] == list(table.index)

    kept = landmark_file(out, "B4_portrait")
    before = kept.stat().st_mtime_ns
    (portrait_again := tmp_path / "renamed.mp4").write_bytes(portrait.read_bytes())
    convert(
        [(portrait_again, "B4_portrait", 9, "Grace"), (absent, "blinking", 1, "Grace")],
        out,
        DOCUMENT,
    )
    assert kept.stat().st_mtime_ns == before  # the same video
    assert (
        len(load_landmarks(landmark_file(out, "blinking")).world) == 44
    )  # another video under the old name
    assert not (out / "val").exists()

    with pytest.raises(InputError, match="nobody: no person found"):
        convert([(nobody, "nobody", 2, "Y")], out, DOCUMENT)
    assert (out / "train" / "B4_portrait" / "pose_3d.npy").exists()


def test_a_list_with_faults_is_refused_whole(tmp_path):
    videos = [
        ("a.mp4", "a", 0, "X"),
        ("b.mp4", "a", 52, "X"),
        ("c.mp4", "../c", 0, "X"),
        ("d.mp4", "two words", 0, "X"),
    ]
    with pytest.raises(InputError) as raised:
        convert(
            videos,
            tmp_path / "set",
            DOCUMENT,
            {"a": "train", "../c": "training", "two words": "test"},
        )
    for fault in (
        "more than once",
        "0 to 51, or -1, found 52",
        "'../c'",
        "'two words'",
        "found 'training'",
    ):
        assert fault in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_a_process_that_dies_does_not_take_the_other_videos_with_it(tmp_path, pictures):
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


def test_sample_videos_are_labelled_and_differ(tmp_path):
    sources = sample_videos(tmp_path, seconds=0.5)
    assert [DOCUMENT.names[source.label] for source in sources] == [
        "Tilting head",
        "Swaying body",
        "Shaking body",
    ]
    last = [list(read_video(source.path))[10][1].astype(int) for source in sources]
    assert min(np.abs(last[i] - last[j]).mean() for i, j in ((0, 1), (0, 2), (1, 2))) > 1
    with pytest.raises(InputError, match="unknown motion 'flying'"):
        sample_video(tmp_path / "x.mp4", motion="flying")


def test_a_recorded_nod_is_read_and_drawn(shared, tmp_path):
    path = shared / "ma52" / "clips" / "0019_02_0078.mp4"
    if not path.is_file():
        pytest.skip("no recordings of MA-52 beside the checkout")
    raw = tmp_path / "nod.npz"
    extract(path, raw)
    world, image, visibility = load_landmarks(raw)
    assert len(world) == len(image) == len(visibility) == 50 and np.isfinite(world).all()
    face_up = world[:, [2, 5]].mean(1) - world[:, [9, 10]].mean(1)
    pitch = np.degrees(np.arctan2(face_up[:, 2], -face_up[:, 1]))  # (T,)
    nod = smooth(torch.tensor(pitch)[:, None, None], torch.tensor([50]))[:, 0, 0].numpy()
    assert 2 < np.ptp(nod) < 15 and np.ptp(nod) > 5 * (pitch - nod).std()
    assert len(find_peaks(nod, prominence=0.5)[0]) + len(find_peaks(-nod, prominence=0.5)[0]) >= 2

    figure = overlay_sheet(path, raw, frames=3)
    assert [ax.get_title() for ax in figure.axes] == ["0.00 s", "0.80 s", "1.63 s"]
    for t, ax in zip((0, 24, 49), figure.axes, strict=True):
        drawn = np.concatenate([line.get_xydata() for line in ax.lines])
        wrists = image[t, [15, 16]]
        assert np.linalg.norm(drawn[:, None] - wrists, axis=-1).min(0).max() < 60  # of 1296 pixels


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
    sources, splits = find_videos(tmp_path, read_classes("document"))
    assert [(s.label, s.subject) for s in sources] == [(-1, "a"), (-1, "b")] and set(
        splits.values()
    ) == {"test"}
    (tmp_path / "labels.txt").write_text("c 0\nd 77\n")
    with pytest.raises(
        InputError,
        match=r"(?s)line 2: expected a class id from 0 to 51, found 77.*no label for a.mp4.*no label for b.mp4",
    ):
        find_videos(tmp_path, read_classes("document"), tmp_path / "labels.txt")
    with pytest.raises(InputError, match="expected videos"):
        find_videos(tmp_path / "nowhere", read_classes("document"))

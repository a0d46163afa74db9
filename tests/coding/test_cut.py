"""Intervals cut out of skeletons: by their own time stamps, with a row for every interval."""

import json
from dataclasses import replace

import build
import numpy as np
import pandas as pd
import pytest

from mbnb.classes import ClassTable
from mbnb.coding import read_codings, write_coding
from mbnb.coding.cut import TABLE, cut, summary
from mbnb.coding.recordings import Recording, recordings_in
from mbnb.config import Config
from mbnb.data import dataset
from mbnb.files import InputError
from mbnb.intervals import Coding, Interval, Medium

CLASSES = ClassTable(("B1", "B2"), ("nod", "shake"), ("head", "head"))


@pytest.fixture(scope="module")
def film():
    """Ten seconds at a rate that drops from 30 to 10, and a pause of a minute after five."""
    times = np.cumsum([0, *[1 / 30] * 75, *[0.1] * 25, 60, *[1 / 30] * 74])
    return Recording("film", build.person(0, len(times)), times, "anna")


def frames_of(out, rows, number):
    """The frames of interval `number` in a data set, and its row."""
    row = rows.iloc[number]
    return np.load(out / "train" / row["clip"] / "pose_3d.npy"), row


def test_frames_are_those_whose_time_stamps_lie_in_the_interval(film, tmp_path):
    ones = (
        Interval(1.0, 2.0, "nod"),  # at 30 frames a second
        Interval(3.0, 4.0, "shake"),  # at 10
        Interval(4.0, 66.0, "nod"),  # over the pause
        Interval(2.0, 2.0, "shake"),  # a moment
    )
    rows = cut([Coding("film", ones)], [film], tmp_path / "out", CLASSES)
    for number, (start, end) in enumerate([(1.0, 2.0), (3.0, 4.0), (4.0, 66.0), (1.75, 2.25)]):
        pose, row = frames_of(tmp_path / "out", rows, number)
        inside = (film.times >= start - 1e-6) & (film.times < end - 1e-6)
        assert np.array_equal(pose, film.pose[inside]), number
        assert row["frames"] == inside.sum() and row["first_frame"] == np.argmax(inside)
    assert rows["remarks"].tolist()[2:] == [
        "the recording pauses for 60.0 s in it",
        "widened from 0.000 s",
    ]
    data = dataset.load(Config.of({"data_root": str(tmp_path / "out"), "val_fraction": 0.0}))
    assert data.splits["train"].labels.tolist() == [0, 1, 0, 1]
    assert set(data.splits["train"].subjects) == {"anna"}


def test_padding_overlaps_and_all_that_is_left_out_stand_in_the_table(film, tmp_path):
    ones = (
        Interval(1.0, 2.0, "nod"),
        Interval(1.5, 2.5, "B2 shake"),  # a class by its title, at the same time as another
        Interval(1.0, 2.0, "sneeze"),
        Interval(1.0, 2.0, ""),
        Interval(3.0, 2.0, "nod"),
        Interval(500.0, 501.0, "nod"),
        Interval(66.0, 80.0, "1"),  # a class by its number, past the end
        Interval(1.0, 2.0, "nod", person="ben"),
    )
    rows = cut([Coding("film", ones)], [film], tmp_path / "out", CLASSES, padding=0.25)
    assert rows["left_out"].tolist() == [
        "",
        "",
        "the label 'sneeze' is not in the list of classes",
        "without a label",
        "ends before it starts",
        "starts after the recording, which ends at 1:07.467",
        "",
        "of another person than the skeleton, anna",
    ]
    pose, row = frames_of(tmp_path / "out", rows, 0)
    assert len(pose) == 45 and row["together_with"] == "B2 shake (0.50 s), sneeze (1.00 s)"
    assert rows["remarks"][6] == "cut off where the recording ends, at 1:07.467"
    written = pd.read_csv(tmp_path / "out" / TABLE, keep_default_na=False)
    assert written["left_out"].tolist() == rows["left_out"].tolist()
    said = summary(rows)
    assert said.startswith("3 of 8 intervals cut\n") and "left out, 1: without a label" in said
    alone = cut([Coding("film", ones)], [film], tmp_path / "out", CLASSES, overlaps=False)
    assert (alone["left_out"] == "shares time with another label").sum() == 2


def test_without_a_list_of_classes_every_label_is_one_and_its_tier_the_region(film, tmp_path):
    ones = (
        Interval(1, 2, "tap", "hand"),
        Interval(2, 3, "nod", "head"),
        Interval(2, 3, "A", "hand"),
    )
    cut([Coding("film", ones)], [film], tmp_path / "out")
    data = dataset.load(Config.of({"data_root": str(tmp_path / "out"), "val_fraction": 0.0}))
    assert data.classes.names == ("A", "tap", "nod")
    assert data.classes.regions == ("hand", "hand", "head")


def test_times_of_a_coding_are_brought_to_each_of_its_videos(film, tmp_path):
    other = Recording("second", build.person(1, 90), np.arange(90) / 30)
    media = (Medium("C:\\v\\film.mp4", length=100.0), Medium("second.mp4", offset=-100.0, length=3))
    coding = Coding("interview", (Interval(1, 2, "nod"), Interval(101, 102, "shake")), media=media)
    rows = cut([coding], [film, other], tmp_path / "out", CLASSES)
    assert rows[["recording", "start", "label"]].to_numpy().tolist() == [
        ["film", 1.0, "nod"],
        ["second", 1.0, "shake"],
    ]
    pose, _ = frames_of(tmp_path / "out", rows, 1)
    assert np.array_equal(pose, other.pose[30:60])
    rows = cut([coding], [film], tmp_path / "out", CLASSES)  # the second was not searched
    assert rows["left_out"].tolist() == [
        "in the time of none of the videos that have skeletons",
        "",
    ]


def test_what_would_cut_wrongly_is_refused(film, tmp_path, shared):
    two = Coding("f", (Interval(0, 1, "nod", person="ben"), Interval(0, 1, "nod", person="carl")))
    unknown = read_codings(shared / "formats/boris/aggregated_events_1.tsv")
    video = Recording("video_test_25fps_180s", film.pose, film.times)
    cases = {
        "several people are coded, ben, carl": ([two], [film]),
        "nobody says how its videos lie": (unknown, [video]),
        "the label 'x' is not in the list of classes\nlabels: x\nclasses: B1 nod, B2 shake": (
            [Coding("film", (Interval(0, 1, "x"),))],
            [film],
        ),
        "no skeletons of f": ([two, two], [film]),
    }
    for said, (codings, recordings) in cases.items():
        with pytest.raises(InputError, match=said):
            cut(codings, recordings, tmp_path / "out", CLASSES)
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="holds something else"):
        cut([Coding("film", (Interval(0, 1, "nod"),))], [film], tmp_path / "mine", CLASSES)


def test_recordings_come_from_an_npz_with_times_and_from_a_data_set(film, tmp_path):
    config, packed = Config.of({}), tmp_path / "films.npz"
    columns = dict(offsets=[0, len(film.pose)], clip_names=["film"], subject=["anna"])
    np.savez(packed, frames=film.pose, times=film.times, **columns)
    (found,) = recordings_in(packed, config, tmp_path)
    assert np.array_equal(found.times, film.times) and found.person == "anna"
    np.savez(packed, frames=film.pose, fps=15.0, **columns)
    assert recordings_in(packed, config, tmp_path)[0].times[15] == 1.0
    np.savez(packed, frames=film.pose, times=film.times[::-1], **columns)
    with pytest.raises(InputError, match="expected times, one for each frame, that rise"):
        recordings_in(packed, config, tmp_path)

    root = build.data_folder(tmp_path / "set", {"test": build.clips(["anna", "ben"], [-1])})
    found = recordings_in(root, config, tmp_path)
    assert [one.person for one in found] == ["anna", "ben"]
    assert found[0].times == pytest.approx(np.arange(len(found[0].pose)) / 30)
    with pytest.raises(InputError, match="no such file or folder"):
        recordings_in(tmp_path / "nowhere", config, tmp_path)


def test_labels_of_whole_recordings_are_cut_whole(film, shared, tmp_path):
    codings = read_codings(shared / "formats/temporal/smg_test_label.pkl")[:1]
    recording = Recording("Sample00360", film.pose, film.times)
    rows = cut(codings, [recording], tmp_path / "out")
    assert len(frames_of(tmp_path / "out", rows, 0)[0]) == len(film.pose)


def test_the_clips_of_a_coding_are_the_same_in_whichever_format_it_came(film, tmp_path):
    ones = (Interval(1.0, 2.0, "nod", "head", "anna"), Interval(3.0, 4.0, "shake", "head", "anna"))
    counts = []
    for ending in (".eaf", ".csv", ".boris", ".tsv"):
        write_coding([Coding("film", ones)], tmp_path / f"film{ending}")
        rows = cut(read_codings(tmp_path / f"film{ending}"), [film], tmp_path / "out", CLASSES)
        counts.append(rows["frames"].tolist())
    assert counts == [counts[0]] * 4 and min(counts[0]) > 5
    assert json.loads((tmp_path / "film.boris").read_text())["project_format_version"] == "7.0"


def test_the_time_between_intervals_becomes_clips_of_nothing(film, tmp_path):
    ones = (Interval(1.0, 2.0, "nod"), Interval(1.5, 2.5, "shake"))
    film = Recording("film", film.pose[:76], film.times[:76], "")  # 2.5 seconds and a frame
    longer = np.concatenate([film.times, film.times[-1] + np.arange(1, 120) / 30])
    film = Recording("film", build.person(0, len(longer)), longer, "")
    coding = Coding("film", tuple(replace(one, person="anna") for one in ones))
    rows = cut([coding], [film], tmp_path / "out", CLASSES, nothing=1.0)
    nothing = rows[rows["label"] == "nothing happens"]
    assert nothing["start"].tolist() == pytest.approx([2.7, 3.7, 4.7])  # 0.2 s from the intervals
    assert set(nothing["person"]) == {"anna"} and set(nothing["class_id"]) == {2}
    classes = dataset.load(Config.of({"data_root": str(tmp_path / "out")})).classes
    assert classes.regions[2] == "nothing" and len(classes) == 3
    # A table that has such a class keeps it.
    own = ClassTable((*CLASSES.codes, "N9"), (*CLASSES.names, "rest"), ("head", "head", "nothing"))
    rows = cut([coding], [film], tmp_path / "own", own, nothing=1.0)
    assert (rows["label"] == "rest").sum() == 3

"""What becomes of a note: `review.csv`, and label files."""

import pandas as pd
import pytest

from mbnb.files import InputError
from mbnb.show.explorer import explore
from mbnb.show.review import read_review, write_relabelled


def test_notes_are_kept_in_the_run_and_become_labels(guessed):
    config, data, evaluation = guessed
    explorer, replies = explore(config, data, evaluation), []
    explorer.send = replies.append
    names, code = evaluation.clips.names, data.classes.codes[7]
    for clip, note, label in (
        (0, 'bad, "really"\nbad', ""),
        (5, "mislabelled?", code),
        (6, "to go", ""),
        (6, "", ""),
    ):
        message = {"kind": "note", "clip": clip, "ask": clip, "note": note, "label": label}
        explorer._handle_custom_msg(message, [])
    assert replies == [{"kind": "note", "clip": clip, "ask": clip} for clip in (0, 5, 6, 6)]
    table = pd.read_csv(config.folder.review, dtype=str, keep_default_na=False)
    assert table.to_dict("records") == [
        {"clip": names[0], "note": 'bad, "really"\nbad', "label": ""},
        {"clip": names[5], "note": "mislabelled?", "label": code},
    ]
    assert explorer.notes == read_review(config, data.classes)
    assert explore(config, data, evaluation).notes == explorer.notes

    explorer._handle_custom_msg({"kind": "relabel"}, [])
    (path,) = config.folder.relabelled.iterdir()
    labels = dict(line.split() for line in path.read_text().splitlines())
    before = dict(zip(names, map(str, evaluation.clips.labels)))
    assert path.name == "test_labels.txt"
    assert str(path) in replies[-1]["text"]
    assert labels == before | {names[5]: "7"}


def test_better_labels_of_held_out_people_go_back_to_the_split_that_is_stored(trained):
    config, data, _ = trained
    name = data.splits["val"].names[0]
    notes = {name: {"note": "", "label": data.classes.codes[3]}}
    (path,) = write_relabelled(config, notes, "val")
    assert write_relabelled(config, notes, "test") == [], "a name of training that recurs in test"
    assert path.name == "train_labels.txt"
    labels = dict(line.split() for line in path.read_text().splitlines())
    assert len(labels) == len(data.splits["train"]) + len(data.splits["val"])
    assert labels[name] == "3"


def test_a_broken_review_is_refused_line_by_line(guessed):
    config, data, _ = guessed
    config.folder.path.mkdir(parents=True)
    config.folder.review.write_text("clip,note,label\na,x,A1\nb,y,Z9\na,z,\n")
    faults = (
        r"line 3: expected the code of a class as label, found 'Z9'\n"
        r".*line 4: a stands there already"
    )
    with pytest.raises(InputError, match=faults):
        read_review(config, data.classes)

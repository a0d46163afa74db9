"""Left-handed people among right-handed ones, where classes are told by which side moves."""

import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from mbnb.classes import ClassTable
from mbnb.clips import pack
from mbnb.config import Config
from mbnb.data.dataset import DataSet, load
from mbnb.evaluate.evaluation import evaluate, find_checkpoint, load_evaluation
from mbnb.explain.attribution import areas, deletion_curve
from mbnb.model.checkpoints import load_trained
from mbnb.people.handedness import Handedness, learn_handedness
from mbnb.prepare.transforms import flip
from mbnb.show.explorer import explain_clips
from mbnb.skeleton import load_skeleton
from mbnb.train import loop as training

SKELETON = load_skeleton()
CLASSES = ClassTable(
    codes=("A1", "A2", "B1", "B2", "C1"),
    names=("raise the arm", "raise the other", "lift the leg", "lift the other", "nod"),
    regions=("arms", "arms", "legs", "legs", "head"),
)
MOVED = ("R_Wrist", "L_Wrist", "R_Ankle", "L_Ankle", "Head")  # by class
UPRIGHT = {
    "Pelvis": (0, 0),
    "R_Hip": (-0.13, 0),
    "R_Knee": (-0.13, 0.45),
    "R_Ankle": (-0.13, 0.9),
    "L_Hip": (0.13, 0),
    "L_Knee": (0.13, 0.45),
    "L_Ankle": (0.13, 0.9),
    "Spine1": (0, -0.25),
    "Neck": (0, -0.5),
    "Head": (0, -0.6),
    "Head_top": (0, -0.7),
    "L_Shoulder": (0.17, -0.48),
    "L_Elbow": (0.2, -0.2),
    "L_Wrist": (0.2, 0.05),
    "R_Shoulder": (-0.17, -0.48),
    "R_Elbow": (-0.2, -0.2),
    "R_Wrist": (-0.2, 0.05),
}  # metres


def people(names, left_handed, seed, classes=range(5), each=3):
    """`each` clips of each class by each person: a joint that is raised; those of left-handed people are the mirror image of that."""
    rng = np.random.default_rng(seed)
    poses, labels, subjects = [], [], []
    for name in names:
        body = np.array([(*UPRIGHT[joint], 0) for joint in SKELETON.joints]) * rng.uniform(
            0.8, 1.2
        ) + rng.normal(0, 0.01, (17, 3))
        for label in [label for label in classes for _ in range(each)]:
            frames = int(rng.integers(20, 40))
            pose = body + rng.normal(0, 0.004, (frames, 17, 3))
            pose[:, SKELETON.index(MOVED[label])[0], 1:] -= (
                0.25 * rng.uniform(0.7, 1.3) * np.sin(np.linspace(0, np.pi, frames))[:, None]
            )
            poses.append(
                flip(torch.as_tensor(pose), SKELETON.mirror).numpy()
                if name in left_handed
                else pose
            )
            labels.append(label)
            subjects.append(name)
    return pack(poses, [f"c{seed}_{i}" for i in range(len(poses))], labels, subjects)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    splits = {
        "train": people("abcdefgh", "cf", 0, classes=(0, 1, 2, 4)),
        "test": people("uvwxyz", "vy", 1, classes=(0, 1, 2, 4)),
    }
    return DataSet(
        tmp_path_factory.mktemp("data"),
        splits,
        CLASSES,
        SKELETON,
        (),
        known_people=True,
        simulated=False,
    )


def config(folder, **changes):
    return Config.of(
        {
            "outputs": str(folder),
            "val_fraction": 0.0,
            "dim_feat": 16,
            "dim_rep": 16,
            "num_heads": 2,
            "hidden_dim": 32,
            "clip_len": 16,
            "patch": 2,
            "batch_size": 16,
            "epochs": 25,
            "lr_backbone": 5e-3,
            "lr_head": 5e-3,
            "device": "cpu",
            "bootstraps": 20,
            "explained": 20,
            "views": 2,
            "convolutions": 0,
        },
        changes,
    )


@pytest.mark.parametrize("left_handed", ["", "a", "cf", "abg"])
def test_by_their_labelled_clips_left_handed_people_are_found(left_handed):
    clips = people("abcdefgh", left_handed, 3)
    found = learn_handedness(clips, SKELETON, 5)[0]
    assert {name for name, turned in zip(clips.subjects, found) if turned} == set(left_handed)
    assert all(len(set(found[np.array(clips.subjects) == name])) == 1 for name in "abcdefgh")


def test_classes_need_not_all_be_there_and_those_without_sides_tell_nothing():
    both = people("abcdef", "b", 0, classes=(0, 3))
    assert set(np.array(both.subjects)[learn_handedness(both, SKELETON, 60)[0]]) == {"b"}
    for clips in (
        people("abcdef", "b", 0, classes=(4,)),
        people("a", "a", 0),
        people("ab", "", 0, classes=(0,), each=1),
    ):
        assert not learn_handedness(clips, SKELETON, 5)[0].any()


def test_unseen_people_are_told_by_all_their_clips_together_and_only_where_that_is_clear():
    sided = dict(classes=(0, 1, 2, 4))  # without the other leg, or both sides would do the same
    known = people("abcdefgh", "cf", 0, **sided)
    in_mirror, handedness = learn_handedness(known, SKELETON, 5)
    assert set(np.array(known.subjects)[in_mirror]) == {"c", "f"}
    new = people("uvwxyz", "vy", 1, **sided)
    assert set(np.array(new.subjects)[handedness.find(new, SKELETON)]) == {"v", "y"}
    again = Handedness.of(torch.load(io.BytesIO(saved(handedness.state())), weights_only=True))
    assert (again.find(new, SKELETON) == handedness.find(new, SKELETON)).all()
    nodding = people("v", "v", 2, classes=(4,))
    assert not handedness.find(nodding, SKELETON).any()
    # Both arms, both legs: whoever is right-handed looks like everybody else in a mirror.
    assert learn_handedness(people("abcdefgh", "cf", 0), SKELETON, 5)[1] is None
    assert learn_handedness(people("abc", "", 0, **sided), SKELETON, 5)[1] is None


def saved(state):
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


@pytest.mark.parametrize("method", ["rocket", "dstformer"])
def test_unseen_left_handed_people_are_recognised_as_well(
    data, tmp_path, method, capsys, monkeypatch
):
    monkeypatch.setattr("mbnb.baselines.rocket.KERNELS", 512)
    settings, without = (
        config(tmp_path, method=method, run="with"),
        config(tmp_path, method=method, run="without", handedness=False),
    )
    scores = {}
    for one in (settings, without):
        if method == "dstformer":
            training.train(one, data)
        evaluation = evaluate(one, data)
        scores[one.run] = evaluation.correct.mean()
    assert scores["with"] > max(scores["without"], 0.9), scores
    if method == "dstformer":
        assert "the right: c, f" in capsys.readouterr().out
    evaluation = load_evaluation(settings, data)
    turned = set(np.array(evaluation.clips.subjects)[evaluation.in_mirror])
    assert (
        turned
        == {"v", "y"}
        == set(json.loads(settings.folder.metrics.read_text())["people_in_mirror"])
    )
    assert set(pd.read_csv(settings.folder.predictions).query("in_mirror")["subject"]) == turned
    assert json.loads((without.folder.path / "metrics.json").read_text())["people_in_mirror"] == []


def test_what_a_left_handed_person_does_is_explained_at_the_side_that_does_it(data, tmp_path):
    settings = config(tmp_path, quota=False)
    training.train(settings, data)
    evaluation = evaluate(settings, data)
    found = explain_clips(settings, data, evaluation)
    raised = (evaluation.clips.labels == 0) & evaluation.correct
    left, right = (
        found.joints[raised[found.indices], SKELETON.index(name)[0]]
        for name in ("L_Wrist", "R_Wrist")
    )
    turned = evaluation.in_mirror[found.indices][raised[found.indices]]
    assert turned.any() and not turned.all() and (left > right).tolist() == turned.tolist()
    curve = deletion_curve(
        found,
        load_trained(find_checkpoint(settings, data), settings),
        evaluation.clips,
        SKELETON,
        CLASSES,
        settings,
    )
    assert areas(curve)["important"] < areas(curve)["random"]


@pytest.mark.parametrize("name, left_handed", [("ui_prmd", {"7"}), ("kinder_gator", {"921"})])
def test_left_handed_people_in_recordings(shared, tmp_path, name, left_handed):
    subprocess.run(
        [sys.executable, shared / "real" / "unpack.py", name, tmp_path / name],
        check=True,
        capture_output=True,
    )
    data = load(Config.of({"data_root": str(tmp_path / name), "val_fraction": 0.0}))
    clips = data.splits["train"]
    turned = learn_handedness(clips, data.skeleton, len(data.classes))[0]
    assert set(np.array(clips.subjects)[turned]) == left_handed

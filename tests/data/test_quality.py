"""Quality of clips: each fault is seen, lowers the score, and may keep a clip out of training."""

import numpy as np
import pandas as pd
import pytest
from build import H36M, config, data_folder, person, splits

from mbnb.clips import pack
from mbnb.data.dataset import load
from mbnb.data.quality import measure, quality_table, score, shortcomings, why
from mbnb.files import InputError

ARM = H36M.index("L_Elbow", "L_Wrist", "R_Elbow", "R_Wrist")
GOOD = dict(
    fps=30.0,
    source_fps=30.0,
    detected=1.0,
    longest_gap=0,
    seen=1.0,
    jitter_mm=2.0,
    bone_variation=0.02,
    flips=0.0,
    jumps=0.0,
    trunk_m=0.5,
    visibility_Head=1.0,
)
WORSE = dict(
    source_fps=(20, 10, 5),
    detected=(0.9, 0.5, 0.1),
    longest_gap=(3, 10, 60),
    jitter_mm=(5, 20, 80),
    bone_variation=(0.05, 0.2, 0.8),
    flips=(0.01, 0.1, 0.4),
    jumps=(0.01, 0.05, 0.3),
    trunk_m=(0.2, 0.02, 1e-6),
    visibility_Head=(0.9, 0.5, 0.0),
)


def spoilt(kind):
    pose = person(0, 60)
    rng = np.random.default_rng(0)
    if kind == "jitter_mm":
        pose = pose + rng.normal(0, 0.01, pose.shape).astype(np.float32)
    if kind == "bone_variation":
        pose[:, ARM] *= 1 + 0.2 * np.sin(np.arange(60) / 5)[:, None, None]
    if kind == "flips":
        pose[20:25, ARM] = pose[20:25][:, [H36M.mirror[joint] for joint in ARM]]
    if kind == "jumps":
        pose[[10, 30, 50], ARM[1]] += 0.4
    if kind == "not_seen":
        pose[:30, ARM] = np.nan
    if kind in ("nobody", "pause"):
        pose[20:35] = np.nan
    if kind == "size":
        pose /= 10
    return pose


@pytest.mark.parametrize("name, values", WORSE.items())
def test_a_clip_that_is_worse_in_any_measure_scores_lower(name, values):
    scores = [score(GOOD | {name: value}) for value in (GOOD[name], *values)]
    assert np.all(np.diff(scores) < 0) and 0 <= scores[-1] and 0.9 < scores[0] <= 1


@pytest.mark.parametrize(
    "kind", ["jitter_mm", "bone_variation", "flips", "jumps", "not_seen", "nobody", "pause", "size"]
)
def test_each_fault_is_measured_and_named(kind):
    whole, bad = (measure(pose, H36M, 30.0) for pose in (person(0, 60), spoilt(kind)))
    assert shortcomings(bad)[kind] > shortcomings(whole)[kind] + 0.001
    assert score(bad) < score(whole) and why(bad)


def test_numbers_are_those_that_were_put_in():
    found = measure(spoilt("nobody"), H36M, 30.0)
    assert found["detected"] == 45 / 60 and found["longest_gap"] == 15 and found["seen"] == 45 / 60
    assert found["visibility_L_Wrist"] == 1  # where somebody was seen at all
    assert measure(spoilt("not_seen"), H36M, 30.0)["visibility_L_Wrist"] == 0.5
    assert measure(spoilt("jumps"), H36M, 30.0)["jumps"] == pytest.approx(3 / (60 * 17))
    assert measure(spoilt("flips"), H36M, 30.0)["flips"] == pytest.approx(5 * 4 / (60 * 17))
    assert measure(person(0, 60), H36M, 30.0)["trunk_m"] == pytest.approx(0.5, abs=0.05)
    nothing = np.full((9, 17, 3), np.nan)
    assert 0 <= score(measure(nothing, H36M, 30.0)) < score(measure(person(0), H36M, 30.0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set whose first clips of train and test tremble, and what a conversion said of one."""
    parts = splits()
    for split in ("train", "test"):
        poses = [pose.copy() for pose in parts[split]]
        poses[0] += np.random.default_rng(0).normal(0, 0.2, poses[0].shape).astype(np.float32)
        part = parts[split]
        parts[split] = pack(poses, part.names, part.labels, part.subjects)
    folder = data_folder(tmp_path_factory.mktemp("quality") / "data", parts)
    told = {"clip": parts["train"].names[1], "detected": 0.1, "source_fps": 4, "remarks": "dark"}
    pd.DataFrame([told, {"clip": "unknown", "detected": "?"}]).to_csv(
        folder / "quality.csv", index=False
    )
    return folder


def test_the_worst_stand_first_and_a_conversion_knows_better(folder):
    data = load(config(data_root=folder))
    table = quality_table(folder, data.splits, H36M, 30.0)
    names = {split: clips.names for split, clips in data.splits.items()}
    worst = {names["train"][0], names["train"][1], names["test"][0]}
    assert set(table["clip"][:3]) == worst and table["score"].is_monotonic_increasing
    row = table.set_index("clip").loc[names["train"][1]]
    assert row["detected"] == 0.1 and row["source_fps"] == 4 and row["jitter_mm"] < 20
    assert len(table) == sum(map(len, names.values()))


def test_bad_clips_are_left_out_of_training_alone_and_listed(folder):
    whole, good = (load(config(data_root=folder, min_quality=least)) for least in (0, 0.5))
    left_out = set(whole.splits["train"].names) - set(good.splits["train"].names)
    assert left_out == set(whole.splits["train"].names[:2])
    assert any("2 of 18 clips" in note and min(left_out) in note for note in good.notes)
    for split in ("val", "test"):
        assert good.splits[split].names == whole.splits[split].names
    with pytest.raises(InputError, match="min_quality.* leaves 0 of 18"):
        load(config(data_root=folder, min_quality=0.999999))


def test_a_table_that_is_made_in_parts_is_the_same(folder, monkeypatch):
    clips = load(config(data_root=folder)).splits
    whole = quality_table(folder, clips, H36M, 30.0)
    monkeypatch.setattr("mbnb.data.quality.BLOCK", 7)
    pd.testing.assert_frame_equal(quality_table(folder, clips, H36M, 30.0), whole)

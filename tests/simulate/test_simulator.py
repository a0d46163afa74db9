"""Clips of many people: the same for the same seed, in splits that share nobody."""

import functools
import subprocess
import sys

import numpy as np
from build import DOCUMENT, data_folder

from mbnb.simulate import simulate

CODES = DOCUMENT.codes


@functools.cache
def small() -> dict:
    return simulate(people=12, test_people=4, clips_per_person=26, seed=5)


def test_the_same_seed_gives_the_same_bytes_and_another_other_people():
    first, second = small(), simulate(people=12, test_people=4, clips_per_person=26, seed=5)
    for split in first:
        assert first[split].frames.tobytes() == second[split].frames.tobytes()
        assert first[split].names == second[split].names
    other, clip = simulate(2, 1, 3, seed=6)["train"][0], first["train"][0]
    assert other.shape != clip.shape or not np.allclose(other, clip)


def test_splits_share_no_person_and_names_agree_with_labels():
    splits = small()
    assert not set(splits["train"].subjects) & set(splits["test"].subjects)
    assert len(set(splits["train"].subjects)) == 8 and len(splits["test"]) == 4 * 26
    for clips in splits.values():
        for name, label, subject in zip(clips.names, clips.labels, clips.subjects):
            assert name.split("_")[:3] == [CODES[label], "sim", subject]
        assert set(clips.labels) == set(range(52))


def test_clips_are_finite_and_as_long_as_those_of_ma52():
    for clips in small().values():
        assert clips.frames.dtype == np.float32 and np.isfinite(clips.frames).all()
        assert clips.lengths.min() >= 40 and clips.lengths.max() <= 90
        assert 50 < np.median(clips.lengths) < 75


def test_a_long_tail_has_many_of_some_and_a_handful_of_all():
    splits = simulate(people=11, test_people=1, clips_per_person=78, seed=1, tail=True)
    counts = np.bincount(splits["train"].labels, minlength=52)
    assert counts.sum() == 780 and counts.min() >= 5 and counts.max() > 8 * counts.min()


def test_the_data_is_neither_trivial_nor_hopeless_for_a_linear_model(shared, tmp_path):
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    root = data_folder(tmp_path / "set", simulate(seed=seed))
    command = [sys.executable, shared / "real" / "linear_baseline.py", root]
    line = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert 0.25 <= float(line.split()[1]) <= 0.75, (seed, line)

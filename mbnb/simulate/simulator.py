"""Clips of many simulated people, in splits that share nobody.

Nothing here was recorded. The data are for tests, demonstrations and comparisons of methods;
scores on them say nothing about real people. Built in is what makes the real task hard: people of
different build, posture, tempo and handedness, a random onset, number of repeats and camera
direction, unrelated small movements, and the noise and lost joints of a pose extractor.
"""

import numpy as np

from mbnb.classes import read_classes
from mbnb.clips import Clips, pack
from mbnb.simulate.clip import simulate_clip
from mbnb.simulate.person import Person
from mbnb.simulate.seated import draw_person, seated_clip
from mbnb.skeleton import load_skeleton

SIMULATED = ("document", "ma52", "ma52_still")  # class tables of which there are moves
LONG_TAIL = 0.8  # exponent of the power law
FEWEST = 5  # clips of a class under a long tail


def simulate(
    people: int = 40,
    test_people: int = 12,
    clips_per_person: int = 52,
    seed: int = 0,
    tail: bool = False,
    class_table: str = "document",
    skeleton: str = "h36m17",
) -> dict[str, Clips]:
    """Clips of `people` people, the last `test_people` of them in 'test', the others in 'train'.

    Names are `<code>_sim_p<person>_<clip>`, subjects `p<person>`, labels ids of the class table,
    one of `SIMULATED`; clips of the official ones are NaN where the extractor saw nothing. Each
    person does each class about equally often. With `tail`, frequencies within a split follow a
    power law over the classes, in a fixed order, with at least 5 clips a class where the split is
    large enough. skeleton: h36m17, or wholebody44 of the same people and movements, with hands that
    are NaN where the extractor found none. The same arguments give the same bytes; a clip's
    movement depends on nothing but the seed, its person, its number and its class.
    """
    table, joints = read_classes(class_table), load_skeleton(skeleton)
    official = class_table != "document"
    draw = draw_person if official else Person.draw
    splits = {}
    for split, members in (
        ("train", range(people - test_people)),
        ("test", range(people - test_people, people)),
    ):
        poses, names, labels, subjects = [], [], [], []
        plan = _class_plan(members, clips_per_person, seed, tail, len(table))
        for number, classes in zip(members, plan):
            person = draw(rng_of(seed, number))
            for i, class_id in enumerate(map(int, classes)):
                rng = rng_of(seed, number, i)
                if official:
                    region = table.regions[class_id]
                    poses.append(seated_clip(class_id, region, person, rng, skeleton=joints))
                else:
                    poses.append(simulate_clip(class_id, person, rng, skeleton=joints))
                names.append(f"{table.codes[class_id]}_sim_p{number:02d}_{i:04d}")
                labels.append(class_id)
                subjects.append(f"p{number:02d}")
        splits[split] = pack(poses, names, labels, subjects)
    return splits


def rng_of(seed: int, *key: int) -> np.random.Generator:
    """The random numbers of one thing among many, such as a person or a clip of a person."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _class_plan(
    members: range, clips_per_person: int, seed: int, tail: bool, count: int
) -> np.ndarray:
    """(people, clips) ids of `count` classes in random order."""
    size = (len(members), clips_per_person)
    if not tail:
        plan = np.resize(np.arange(count), size)  # everyone starts where the one before stopped
        return np.array(
            [rng_of(seed, number, 0, 0).permutation(row) for number, row in zip(members, plan)], int
        ).reshape(size)
    total = len(members) * clips_per_person
    fewest = min(FEWEST, total // count)
    wanted = (1.0 + np.random.default_rng(52).permutation(count)) ** -LONG_TAIL
    free = total - fewest * count  # clips beyond the fewest of each class
    quantiles = (np.arange(free) + 0.5) / max(free, 1)
    drawn = np.searchsorted(np.cumsum(wanted) / wanted.sum(), quantiles)
    plan = np.concatenate([np.arange(count).repeat(fewest), drawn])  # (people * clips,)
    return rng_of(seed, members.start, 0, 0).permutation(plan).reshape(size)

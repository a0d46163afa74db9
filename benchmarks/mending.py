"""What bad joints cost, and what mending them buys: real recordings, damaged as extractors do.

Recordings lie in `../shared/real` beside the project; without them there is nothing to measure.
Errors are millimetres of all joints as seen from the pelvis, after the default recipe's smoothing,
against the recording as it was. Everything is drawn by one seed.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import lsq_linear
from scipy.stats import spearmanr
from sklearn.model_selection import GroupKFold

from mbnb.baselines.linear import Linear
from mbnb.clips import Clips, pack
from mbnb.data.mend import mended, repaired
from mbnb.data.missing import complete
from mbnb.data.quality import measure, score, shortcomings
from mbnb.files import ROOT, InputError
from mbnb.prepare.geometry import smooth
from mbnb.skeleton import load_skeleton

REAL = ROOT.parent / "shared" / "real"
H36M = load_skeleton()
SETS = ("ui_prmd", "kinder_gator", "mocap")
LABELLED = {"ui_prmd": 20, "kinder_gator": 6}  # clips of a class that are taken
CLIPS, FRAMES, FPS = 60, 90, 30.0
LIMBS = H36M.index(*(f"{s}_{j}" for s in "LR" for j in ("Knee", "Ankle", "Elbow", "Wrist")))
HEAD = H36M.index("Head", "Head_top")
SIDES = (("Knee", "Ankle"), ("Elbow", "Wrist"), ("Hip", "Knee", "Ankle"))
WAYS = {
    "as read": (),
    "gaps": ("gaps",),
    "outliers": ("outliers",),
    "flips": ("flips",),
    "bones": ("bones",),
    "all but bones": ("gaps", "outliers", "flips"),
}


def recordings(name: str, most: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Up to `most` clips (T, 17, 3) of a file of real people, of 3 s at most."""
    if not (REAL / f"{name}.npz").is_file():
        raise InputError(f"{REAL / f'{name}.npz'}: no such file, and nothing to measure without it")
    with np.load(REAL / f"{name}.npz", allow_pickle=False) as file:
        frames, offsets = file["frames"], file["offsets"]
    for i in np.random.default_rng(seed).permutation(len(offsets) - 1)[:most]:
        pose = frames[offsets[i] : offsets[i + 1]][:FRAMES].astype(np.float32)
        if len(pose) >= FPS:
            yield pose


def noise(pose: np.ndarray, rng: np.random.Generator, strength: float = 1) -> np.ndarray:
    """Each frame by itself, in depth twice as much."""
    return pose + rng.normal(0, 0.01 * strength, pose.shape) * (1, 1, 2)


def gaps(pose: np.ndarray, rng: np.random.Generator, strength: float = 1) -> np.ndarray:
    """Four joints that are lost for half a second."""
    holes, length = pose.copy(), min(int(15 * strength) + 1, len(pose) - 4)
    for joint in rng.choice([*LIMBS, *HEAD], 4, replace=False):
        start = rng.integers(1, len(pose) - length)
        holes[start : start + length, joint] = np.nan
    return holes


def lost(pose: np.ndarray, rng: np.random.Generator, strength: float = 1) -> np.ndarray:
    """Nobody is found for a quarter of a second."""
    holes, length = pose.copy(), min(int(8 * strength) + 1, len(pose) - 4)
    start = rng.integers(1, len(pose) - length)
    holes[start : start + length] = np.nan
    return holes


def spikes(pose: np.ndarray, rng: np.random.Generator, strength: float = 1) -> np.ndarray:
    """Joints that are far off for a frame or two, ten times in a clip."""
    spoilt = pose.copy()
    for _ in range(int(10 * strength)):
        start, length = rng.integers(1, len(pose) - 2), rng.integers(1, 3)
        spoilt[start : start + length, rng.choice(LIMBS)] += rng.normal(0, 0.3, 3)
    return spoilt


def flips(pose: np.ndarray, rng: np.random.Generator, strength: float = 1) -> np.ndarray:
    """Left and right legs or arms are exchanged for some frames."""
    spoilt, joints = pose.copy(), SIDES[rng.integers(len(SIDES))]
    length = min(int(rng.integers(1, 11) * strength) + 1, len(pose) // 2 - 1)
    start = rng.integers(1, len(pose) - length)
    here = H36M.index(*(f"{side}_{joint}" for side in "LR" for joint in joints))
    there = [H36M.mirror[joint] for joint in here]
    spoilt[start : start + length, here] = pose[start : start + length, there]
    return spoilt


def stretching(pose: np.ndarray, rng: np.random.Generator, strength: float = 1) -> np.ndarray:
    """Bones that become longer and shorter, slowly, as where depth is guessed."""
    bones = np.einsum("jk,tkc->tjc", H36M.differences, pose)
    slow = gaussian_filter1d(rng.normal(size=(len(pose), 17, 1)), 4, axis=0)
    factor = 1 + 0.1 * strength * slow / slow.std()
    factor[:, H36M.root] = 1
    return np.einsum("jk,tkc->tjc", H36M.ancestry, bones * factor)


def slow(pose: np.ndarray, every: int) -> np.ndarray:
    """One frame of so many is kept; those between are drawn straight."""
    kept = np.arange(0, len(pose), every)
    times = np.arange(len(pose)).clip(max=kept[-1])
    between = [np.interp(times, kept, column[kept]) for column in pose.reshape(len(pose), -1).T]
    return np.stack(between, -1).reshape(pose.shape)


DAMAGES = (noise, gaps, lost, spikes, flips, stretching)
# What shows each damage, alone in a clip.
SHOWN = {
    "jitter_mm": noise,
    "bone_variation": stretching,
    "flips": flips,
    "jumps": spikes,
    "not_seen": gaps,
    "pause": lost,
}
LEAST = 1 / 3  # of what a shortcoming is worth alone, whatever explains errors together


def as_seen(pose: np.ndarray) -> np.ndarray:
    """(T, 17, 3) smoothed, from the pelvis."""
    smoothed = smooth(torch.as_tensor(np.float32(pose)), torch.tensor([len(pose)])).numpy()
    return smoothed - smoothed[:, :1]


def error(pose: np.ndarray, true: np.ndarray) -> float:
    """Millimetres of a mean joint."""
    return float(1000 * np.linalg.norm(as_seen(pose) - (true - true[:, :1]), axis=-1).mean())


def repair_table(most: int) -> pd.DataFrame:
    """A row for each recording and damage: its error as read, and with each repair."""
    rows = []
    for name in SETS:
        poses = list(recordings(name, most))
        for damage in (None, *DAMAGES):
            rng, errors = np.random.default_rng(0), []
            for pose in poses:
                body = complete(np.float32(damage(pose, rng) if damage else pose), H36M)
                fixed = [mended(body.pose, body.seen, H36M, way)[0] for way in WAYS.values()]
                errors.append([error(one, pose) for one in fixed])
            row = {"recordings": name, "damage": damage.__name__ if damage else "none"}
            rows.append(row | dict(zip(WAYS, np.mean(errors, 0))))
    return pd.DataFrame(rows)


def labelled(name: str, per_class: int) -> tuple[Clips, int]:
    """Clips of half of the people, as `unpack.py` there has them in train, and how many classes."""
    with np.load(REAL / f"{name}.npz", allow_pickle=False) as file:
        content = {key: file[key] for key in ("frames", "offsets", "labels", "subjects")}
    people = sorted(set(content["subjects"].tolist()))[::2]
    chosen, counts = [], {}
    for i in np.random.default_rng(0).permutation(len(content["labels"])):
        label = int(content["labels"][i])
        if content["subjects"][i] in people and counts.get(label, 0) < per_class:
            counts[label] = counts.get(label, 0) + 1
            chosen.append(i)
    starts, ends = content["offsets"][:-1], content["offsets"][1:]
    poses = [content["frames"][starts[i] : ends[i]].astype(np.float32) for i in sorted(chosen)]
    labels = [int(content["labels"][i]) for i in sorted(chosen)]
    subjects = [str(content["subjects"][i]) for i in sorted(chosen)]
    return pack(poses, list(map(str, sorted(chosen))), labels, subjects), len(counts)


def spoilt(clips: Clips, rng: np.random.Generator, kinds: int = 3) -> list[np.ndarray]:
    """Each clip with some damages of random strength; NaN where nothing was seen."""
    poses = []
    for pose in clips:
        for damage in rng.choice(np.array(DAMAGES, object), kinds, replace=False):
            pose = damage(pose, rng, rng.uniform(0.2, 1.5))
        poses.append(np.float32(pose))
    return poses


def completed(clips: Clips, poses: list[np.ndarray]) -> Clips:
    """The same clips with other poses, as they are read."""
    bodies = [complete(pose, H36M) for pose in poses]
    seen = [body.seen for body in bodies]
    whole = [body.pose for body in bodies]
    return pack(whole, clips.names, clips.labels, clips.subjects, seen=seen)


def recognition() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Top-1 of the linear model on people left out: by damage and repair, and by the score.

    It learns from clips as they are, and is asked about damaged ones.
    """
    rows, scored = [], []
    ways = {name: way for name, way in WAYS.items() if name != "bones"}
    for name, per_class in LABELLED.items():
        clips, classes = labelled(name, per_class)
        rng = np.random.default_rng(0)
        asked = {"none": list(clips)} | {d.__name__: [d(p, rng) for p in clips] for d in DAMAGES}
        mixed = spoilt(clips, rng)
        right = {(damage, way): [] for damage in asked for way in ways}
        for rest, out in GroupKFold(2).split(clips.labels, groups=clips.subjects):
            model = Linear.fit(clips.take(rest), H36M, classes)
            for (damage, way), hits in right.items():
                read = completed(clips.take(out), [np.float32(asked[damage][i]) for i in out])
                said = model.answer(repaired(read, H36M, ways[way])).argmax(1)
                hits += (said == read.labels).tolist()
            read = completed(clips.take(out), [mixed[i] for i in out])
            hits = model.answer(read).argmax(1) == read.labels
            measured = [score(measure(mixed[i], H36M, FPS)) for i in out]
            scored += [{"clips": name, "score": s, "right": r} for s, r in zip(measured, hits)]
        for damage in asked:
            top1 = {way: 100 * np.mean(right[damage, way]) for way in ways}
            rows.append({"clips": name, "damage": damage} | top1)
    table = pd.DataFrame(scored)
    table["quarter"] = table.groupby("clips")["score"].transform(lambda s: pd.qcut(s, 4, False))
    means = table.groupby(["clips", "quarter"], as_index=False).agg(
        score=("score", "mean"), top1=("right", lambda hits: 100 * hits.mean())
    )
    return pd.DataFrame(rows), means


def worth(most: int) -> tuple[dict[str, float], float]:
    """What each shortcoming is worth in millimetres, and how well scores rank damaged clips.

    By least squares of how much worse errors and shortcomings are than in the same recording
    undamaged, in every second recording; each is worth at least `LEAST` of what it is worth where
    its damage is alone. The rank correlation of score, by `WORTH` as it stands, and error is that
    of the other recordings.
    """
    rng, rows = np.random.default_rng(0), []
    for name in SETS:
        for i, pose in enumerate(recordings(name, most)):
            before = shortcomings(measure(pose, H36M, FPS))
            kinds = [(one,) for one in DAMAGES for _ in range(2)]
            kinds += [tuple(rng.choice(np.array(DAMAGES, object), n, False)) for n in (2, 2, 3, 3)]
            for some in kinds:
                bad = pose
                for damage in some:
                    # Gaps of any length, since what is lost is the more the longer they are.
                    strongest = 6.0 if damage in (gaps, lost) else 1.5
                    bad = damage(bad, rng, rng.uniform(0.2, strongest))
                measured = measure(np.float32(bad), H36M, FPS)
                after = shortcomings(measured)
                row = {key: after[key] - before[key] for key in SHOWN}
                rest = error(complete(np.float32(bad), H36M).pose, pose)
                alone = some[0].__name__ if len(some) == 1 else ""
                row |= {"alone": alone, "odd": i % 2, "score": score(measured)}
                rows.append(row | {"error": rest, "more": rest - error(pose, pose)})
    table = pd.DataFrame(rows)
    learned, others = table[table["odd"] == 0], table[table["odd"] == 1]
    alone = {}
    for key, damage in SHOWN.items():
        part = learned[learned["alone"] == damage.__name__]
        alone[key] = max((part[key] @ part["more"]) / (part[key] @ part[key]), 0.0)
    low = LEAST * np.array(list(alone.values()))
    found = lsq_linear(learned[list(SHOWN)], learned["more"], (low, np.inf)).x
    worths = dict(zip(SHOWN, found)) | {"slow": _worth_of_slowness(most)}
    return worths, float(-spearmanr(others["score"], others["error"]).statistic)


def _worth_of_slowness(most: int) -> float:
    """Millimetres for each unit of `slow`."""
    amounts, errors = [], []
    for name in SETS:
        for pose in recordings(name, most):
            for every in (2, 3, 4):
                amounts.append(every**2 - 1)
                errors.append(error(slow(pose, every), pose) - error(pose, pose))
    return float(np.dot(amounts, errors) / np.dot(amounts, amounts))

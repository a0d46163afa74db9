"""What bad joints cost, and what mending them buys: real recordings, damaged as extractors do.

Errors are millimetres of all joints as seen from the pelvis, after the default recipe's smoothing,
against the recording as it was. Everything is drawn by one seed.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from scipy.optimize import lsq_linear
from scipy.stats import spearmanr
from sklearn.model_selection import GroupKFold

from benchmarks.damage import (
    CLIPS,
    DAMAGES,
    FPS,
    H36M,
    LABELLED,
    SETS,
    completed,
    flips,
    gaps,
    labelled,
    lost,
    noise,
    recordings,
    slow,
    spikes,
    spoilt,
    stretching,
)
from benchmarks.missing_joints import missing_joints
from mbnb.baselines.linear import Linear
from mbnb.config import Config
from mbnb.data.mend import mended, repaired
from mbnb.data.missing import complete
from mbnb.data.quality import measure, score, shortcomings
from mbnb.files import replacing
from mbnb.prepare.geometry import smooth

WAYS = {
    "as read": (),
    "gaps": ("gaps",),
    "outliers": ("outliers",),
    "flips": ("flips",),
    "bones": ("bones",),
    "all but bones": ("gaps", "outliers", "flips"),
}


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


def measure_mending(config: Config, quick: bool = False) -> Iterator[tuple[str, pd.DataFrame]]:
    """Titles and tables, each also written to the run's folder; `quick` takes few recordings."""
    most = 4 if quick else CLIPS
    yield _kept(config, "repair", "millimetres, by repair", repair_table(most))
    worths, rank = worth(most)
    about = pd.DataFrame([{"shortcoming": key, "mm": value} for key, value in worths.items()])
    title = f"what quality is worth; rank correlation of score and error {rank:.2f}"
    yield _kept(config, "worth", title, about)
    if quick:
        return
    damaged, by_score = recognition()
    yield _kept(config, "recognition", "top-1 of damaged clips, by repair", damaged)
    yield _kept(config, "by_score", "top-1 by quarters of the score", by_score)
    yield _kept(config, "missing", "top-1 where joints are missing", missing_joints())


def _kept(config: Config, name: str, title: str, table: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    with replacing(config.folder.path / f"{name}.csv") as part:
        table.to_csv(part, index=False, float_format="%.4f")
    return title, table


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

"""How good the joints of a clip are: measured of the joints alone, and one score from 0 to 1.

The score says by how many millimetres joints are probably wrong, `exp(-error / 100 mm)`: 5 mm make
0.95, 50 mm 0.61, 200 mm 0.14. The error is a sum of the measures, each times what it was worth in
recordings of real people that were damaged as extractors damage them (`WORTH`, which
`python -m benchmarks --mending` finds); no worth is negative, so that a clip that is worse in any
measure never scores higher. Frames without a person lower the score by their share.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.data.mend import exchanged, outliers, trunk_of
from mbnb.data.missing import fill
from mbnb.data.standing import TRUNK
from mbnb.files import InputError, replacing
from mbnb.skeleton import Skeleton
from mbnb.text import listed

TABLE = "quality.csv"
VISIBILITY = "visibility_"  # before a joint's name
TYPICAL_ERROR = 100.0  # millimetres that leave 1 / e of the score
MENTIONED = 2.0  # millimetres from which on a shortcoming is worth a word
# What a conversion tells beside or better than a clip's joints.
TOLD = ("source_fps", "fps", "decoded", "declared", "detected", "longest_gap", "seen")
TOLD += ("jitter_mm", "bone_variation", "flips", "jumps", "trunk_m")
BLOCK = 4096  # clips whose rows are kept as such, which takes far more room than a table
USUAL_RATE = 30.0  # frames a second of which nothing is missed
# What is worth so many millimetres of a joint's mean error, see `shortcomings`.
WORTH = {
    "jitter_mm": 0.11,
    "bone_variation": 190.0,
    "flips": 180.0,
    "jumps": 205.0,
    "not_seen": 48.0,
    "nobody": TYPICAL_ERROR,
    "pause": 7.4,
    "slow": 0.2,
    "size": 450.0,
}


def measure(pose: np.ndarray, skeleton: Skeleton, fps: float) -> dict[str, float]:
    """What the joints of a clip (T, J, 3) in metres say, NaN where a joint was not seen.

    detected: share of frames in which anything was seen. longest_gap: the most frames on end in
    which nothing was. seen: share of all joints in all frames. jitter_mm, bone_variation: see
    `steadiness`. flips: share of joints and frames in which left and right are exchanged. jumps:
    share of those that are far off for a frame or two. trunk_m: median length from pelvis to neck.
    visibility_<joint>: in what share of the frames with somebody it was seen.
    """
    seen = np.isfinite(pose).all(-1)  # (T, J)
    nobody = ~seen.any(1)
    edges = np.flatnonzero(np.diff(nobody, prepend=False, append=False))
    # The mean of nothing is the NaN that is wanted.
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        return {
            "fps": fps,
            "detected": float(1 - nobody.mean()),
            "longest_gap": int(np.diff(edges)[::2].max(initial=0)),
            "seen": float(seen.mean()),
            **steadiness(pose, skeleton),
            **_faults(pose, seen, skeleton),
            **visibility(skeleton, seen[~nobody].mean(0)),
        }


def visibility(skeleton: Skeleton, shares: np.ndarray) -> dict[str, float]:
    """Columns of how much was seen of each joint, of (J,) shares."""
    return {f"{VISIBILITY}{joint}": float(s) for joint, s in zip(skeleton.joints, shares)}


def steadiness(pose: np.ndarray, skeleton: Skeleton) -> dict[str, float]:
    """jitter_mm and bone_variation of (T, J, 3) joints in metres.

    The median length of the second difference from frame to frame, over all joints but the root;
    standard deviation of a bone's length over its mean, averaged over the bones. NaN where too
    little is seen.
    """
    jitter = np.linalg.norm(np.diff(np.delete(pose, skeleton.root, axis=1), n=2, axis=0), axis=-1)
    parents, children = np.array(skeleton.bones).T  # (J - 1,) each
    bones = np.linalg.norm(pose[:, children] - pose[:, parents], axis=-1)
    # The median of nothing is the NaN that is wanted; a bone that is never seen has no part.
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        return {
            "jitter_mm": float(1000 * np.nanmedian(jitter)),
            "bone_variation": float(np.nanmean(np.nanstd(bones, 0) / np.nanmean(bones, 0))),
        }


def _faults(pose: np.ndarray, seen: np.ndarray, skeleton: Skeleton) -> dict[str, float]:
    """flips, jumps and trunk_m, 0 and NaN where there is no trunk to measure by."""
    anchors = skeleton.index("Pelvis", "Neck")
    if not seen[:, anchors].any(0).all():
        return {"flips": 0.0, "jumps": 0.0, "trunk_m": np.nan}
    whole = fill(pose, seen)
    never = ~seen.any(0)
    whole[:, never] = whole[:, [skeleton.root]]
    found = {"flips": exchanged(whole, skeleton), "jumps": outliers(whole, skeleton)}
    shares = {name: float((bad & seen).sum() / seen.sum()) for name, bad in found.items()}
    return shares | {"trunk_m": trunk_of(whole, skeleton)}


def shortcomings(measured: Mapping[str, Any]) -> dict[str, float]:
    """What lowers a score, none below 0, of measures by name; what is not known lowers nothing.

    not_seen: share of what was not seen of joints, a hidden one's visibility counting in part.
    nobody: minus the logarithm of the share of frames with a person, so that it multiplies the
    score. pause: seconds of the longest gap. slow: how much longer a frame lasts than usual,
    squared, since the way between frames is guessed. size: by what factor, as a logarithm, a body
    is too small or large. The others are as measured.
    """

    def value(name: str, otherwise: float) -> float:
        number = measured.get(name, otherwise)
        return otherwise if number is None or pd.isna(number) else float(number)

    visible = [float(v) for k, v in measured.items() if k.startswith(VISIBILITY) and not pd.isna(v)]
    trunk = value("trunk_m", TRUNK[0])
    rate = max(value("source_fps", value("fps", USUAL_RATE)), 1e-3)
    return {
        **{name: value(name, 0.0) for name in ("jitter_mm", "bone_variation", "flips", "jumps")},
        "not_seen": 1 - (np.mean(visible) if visible else value("seen", 1.0)),
        "nobody": -np.log(max(value("detected", 1.0), 1e-6)),
        "pause": value("longest_gap", 0.0) / max(value("fps", USUAL_RATE), 1e-3),
        "slow": max((USUAL_RATE / rate) ** 2 - 1, 0.0),
        "size": max(np.log(TRUNK[0] / max(trunk, 1e-6)), np.log(max(trunk, 1e-6) / TRUNK[1]), 0.0),
    }


def score(measured: Mapping[str, Any]) -> float:
    """From 0 to 1, of measures by name."""
    error = sum(WORTH[name] * amount for name, amount in shortcomings(measured).items())
    return float(np.exp(-error / TYPICAL_ERROR))


def quality_table(
    root: Path,
    splits: Mapping[str, Clips],
    skeleton: Skeleton,
    fps: float,
    out: Path | None = None,
) -> pd.DataFrame:
    """A row for each clip of the data set in `root`, the worst first.

    Columns: clip, split, score, frames, what `measure` says, and more from `quality.csv` there.
    What that file says of a clip wins: who converted a video knew what its joints no longer tell,
    such as frames without a person, visibility, and the rate of the recording. out: a CSV file that
    gets the table, too.
    """
    told, rows, parts = _told(root / TABLE), [], []
    total = sum(map(len, splits.values()))
    with tqdm(total=total, desc="measuring", unit="clip", delay=2, leave=False) as bar:
        for split, clips in splits.items():
            for i, name in enumerate(clips.names):
                row = measure(clips.drawn(i), skeleton, fps) | told.get(name, {})
                about = {"clip": name, "split": split, "score": score(row)}
                rows.append(about | {"frames": len(clips[i])} | row)
                bar.update()
                if len(rows) == BLOCK:
                    parts.append(pd.DataFrame(rows))
                    rows.clear()
    parts += [pd.DataFrame(rows)] if rows else []
    table = pd.concat(parts) if parts else pd.DataFrame(columns=["clip", "split", "score"])
    table = table.sort_values("score", kind="stable", ignore_index=True)
    if out:
        with replacing(out) as part:
            table.to_csv(part, index=False, float_format="%.6g")
    return table


def good_enough(clips: Clips, root: Path, skeleton: Skeleton, config: Config) -> tuple[Clips, str]:
    """The clips of train with a score of `config.min_quality` or more, and a note on the others.

    Raises InputError where fewer than two are left, and for clips without depth.
    """
    if clips.flat:
        raise InputError("setting 'min_quality': keypoints in pictures have no score")
    table = quality_table(root, {"train": clips}, skeleton, config.fps)
    left_out = set(table["clip"][table["score"] < config.min_quality])
    kept = clips.take(np.flatnonzero([name not in left_out for name in clips.names]))
    if len(kept) < 2:
        raise InputError(
            f"setting 'min_quality': {config.min_quality} leaves {len(kept)} of {len(clips)} clips "
            f"of train; the best scores are {', '.join(f'{s:.2f}' for s in table['score'][-2:])}"
        )
    return kept, (
        f"{len(left_out)} of {len(clips)} clips of train have a quality score below "
        f"{config.min_quality:g} and are left out"
        + (f": {listed(sorted(left_out))}" * bool(left_out))
    )


def _told(path: Path) -> dict[str, dict[str, float]]:
    """Numbers of a `quality.csv` by clip; none where there is no such file."""
    if not path.is_file() or path.is_symlink():
        return {}
    try:
        table = pd.read_csv(path, dtype=str)
        clips = table.pop("clip")
    except (ValueError, KeyError) as error:  # pandas' errors of what is no table are the first
        raise InputError(
            f"{path}: expected a table of clips with a column clip ({error})"
        ) from None
    known = [name for name in table if name in TOLD or name.startswith(VISIBILITY)]
    numbers = table[known].apply(pd.to_numeric, errors="coerce").to_dict("records")
    return {
        clip: {name: number for name, number in row.items() if np.isfinite(number)}
        for clip, row in zip(clips, numbers)
    }


def why(row: Mapping[str, Any]) -> str:
    """What lowers the score of a clip most, in words with numbers; '' where nothing much does."""
    amounts = shortcomings(row)
    worst = sorted(amounts, key=lambda name: -WORTH[name] * amounts[name])[:2]
    said = {
        "jitter_mm": f"jitter {row.get('jitter_mm', 0):.0f} mm",
        "bone_variation": f"bones vary by {amounts['bone_variation']:.0%}",
        "flips": f"left and right exchanged in {amounts['flips']:.0%}",
        "jumps": f"jumps in {amounts['jumps']:.1%}",
        "not_seen": f"{amounts['not_seen']:.0%} of joints not seen",
        "nobody": f"nobody in {1 - row.get('detected', 1):.0%}",
        "pause": f"a gap of {amounts['pause']:.1f} s",
        "slow": f"{row.get('source_fps') or row.get('fps', 0):.0f} frames a second",
        "size": f"a trunk of {row.get('trunk_m', 0):.2f} m",
    }
    return ", ".join(said[name] for name in worst if WORTH[name] * amounts[name] >= MENTIONED)

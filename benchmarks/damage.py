"""Recordings of real people, as they were made, and damaged as extractors damage them.

They lie in `../shared/real` beside the project. Each damage is drawn by a generator, and as strong
as it is asked to be; NaN is what was not seen.
"""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter1d

from mbnb.clips import Clips, pack
from mbnb.data.missing import complete
from mbnb.files import ROOT, InputError
from mbnb.skeleton import load_skeleton

REAL = ROOT.parent / "shared" / "real"
H36M = load_skeleton()
SETS = ("ui_prmd", "kinder_gator", "mocap")
LABELLED = {"ui_prmd": 20, "kinder_gator": 6}  # clips of a class that are taken
CLIPS, FRAMES, FPS = 60, 90, 30.0
LIMBS = H36M.index(*(f"{s}_{j}" for s in "LR" for j in ("Knee", "Ankle", "Elbow", "Wrist")))
HEAD = H36M.index("Head", "Head_top")
SIDES = (("Knee", "Ankle"), ("Elbow", "Wrist"), ("Hip", "Knee", "Ankle"))


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

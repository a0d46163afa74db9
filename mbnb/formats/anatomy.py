"""Whether skeletons stand on their feet and have left and right where people have them.

The documented axes are x right, y down, z away. A clip by itself shows where its head is, and which
way its nose, knees and toes point: to the front, as hips, shoulders and trunk say it is. Where they
point to the back, the body is a mirror image: an axis is reversed, or left and right are exchanged.
Nothing here depends on units or on where the camera stood.
"""

from dataclasses import dataclass

import numpy as np

from mbnb.clips import Clips
from mbnb.skeleton import Skeleton

# In 6,677 real clips, of people who bend, dance and lie, noses and knees are at least 0.03 to the
# front, and the trunk's cosine with the vertical is at least 0.19; in a mirror, or upside down,
# these are negative. Bones of left and right differ by a factor of 2.5 at most (median 1.1), and by
# one of 2.7 at least (median 5) where joints stand in COCO's order.
BACKWARDS = -0.1
BACKWARDS_ALONE = -0.17  # where either the face or the legs were not seen
UPSIDE_DOWN, UPRIGHT = -0.5, 0.5  # cosines between the trunk and the vertical
ALONG_Z = 0.9  # the same with the axis z, where somebody stands rather than bends
LOPSIDED, VERY_LOPSIDED = 2.6, 4.0
FLAT = 0.001  # of the greatest extent
TRUNK_TO_SHOULDERS = 1.4
FACING = 0.6  # of the mean direction, where people face one way
LIMBS = ("Hip", "Knee", "Ankle", "Shoulder", "Elbow", "Wrist")
FRAMES = 60  # of a clip that are looked at, evenly spaced
TOGETHER = 256  # clips that are looked at together
BENT_KNEE = 0.4  # what a knee at a right angle counts beside a nose a trunk before the neck
POINTERS = (("Head", "Neck"), ("Nose", "Neck"), ("L_Big_toe", "L_Heel"), ("R_Big_toe", "R_Heel"))


@dataclass(frozen=True)
class Stance:
    """How the bodies of N clips stand: directions (N, 3) of unit length, NaN where not seen.

    up: from pelvis to neck, or on to the top of the head. left: to the person's left. front: where
    nose, knees and toes point. forwards: (N,) by how much they do so where trunk, hips and
    shoulders have the front; it is negative in a mirror image. trunk: (N,) its length. mirrored:
    (N,) bool. crossed: (N,) bool, where left and right are exchanged in the hips or the shoulders
    alone. lopsided: (N,) by what factor a bone differs from that of the other side, at most.
    along_z: (N,) bool, where legs and trunk make one line along z. flat: (N,) bool, where all lies
    in one plane.
    """

    up: np.ndarray
    left: np.ndarray
    front: np.ndarray
    forwards: np.ndarray
    trunk: np.ndarray
    mirrored: np.ndarray
    crossed: np.ndarray
    lopsided: np.ndarray
    along_z: np.ndarray
    flat: np.ndarray

    @property
    def upside_down(self) -> np.ndarray:
        """(N,) bool, where the head is below the pelvis for most of a clip."""
        return -self.up[:, 1] < UPSIDE_DOWN

    @property
    def sideways(self) -> np.ndarray:
        """(N,) bool, where the trunk lies: lying people do, and all people with other axes."""
        return ~self.upside_down & (-self.up[:, 1] < UPRIGHT)


def stance_of(clips: Clips, skeleton: Skeleton) -> Stance:
    """How the bodies of all clips stand, by medians over their frames."""
    count = len(clips)
    shapes = [(count, 3)] * 3 + [count] * 7
    columns = [np.zeros(shape, float if k < 5 else bool) for k, shape in enumerate(shapes)]
    columns[7] = columns[7].astype(float)  # lopsided
    for block in clips.blocks(TOGETHER):
        steps = -(-clips.lengths[block] // FRAMES)
        looked_at = -(-clips.lengths[block] // steps)
        for frames in np.unique(looked_at):
            index, every = block[looked_at == frames], steps[looked_at == frames]
            poses = np.stack([clips.drawn(i)[::k] for i, k in zip(index, every)])  # (B, T, J, 3)
            for column, values in zip(columns, _stances(poses, skeleton), strict=True):
                column[index] = values
    return Stance(*columns)


def _stances(pose: np.ndarray, skeleton: Skeleton) -> tuple[np.ndarray, ...]:
    """Of clips of one length (B, T, J, 3), NaN where a joint was not seen."""
    place = dict(zip(skeleton.joints, pose.transpose(2, 0, 1, 3).astype(np.float64)))  # (B, T, 3)
    trunk = place["Neck"] - place["Pelvis"]
    hips = _unit(place["L_Hip"] - place["R_Hip"])
    across = place["L_Shoulder"] - place["R_Shoulder"]
    shoulders = _unit(across)
    length = _medians(np.linalg.norm(trunk, axis=-1)[..., None])[:, 0]  # (B,)
    unknown = np.isnan(length)
    if unknown.any() and "Head_top" in place:  # heads and shoulders have a way up, too
        trunk = np.where(unknown[:, None, None], place["Head_top"] - place["Neck"], trunk)
    up, left = _unit(trunk), _unit(_either(hips, shoulders))
    front = np.cross(left, up)
    width = _medians(np.linalg.norm(across, axis=-1)[..., None])[:, 0]
    unit = np.where(unknown, TRUNK_TO_SHOULDERS * width, length)
    clues = np.stack([_face(place, front, unit), BENT_KNEE * _knees(place, hips)])  # (2, B)
    known = np.isfinite(clues)
    forwards = np.where(known.any(0), np.where(known, clues, 0).sum(0), np.nan)
    mirrored = forwards < np.where(known.all(0), BACKWARDS, BACKWARDS_ALONE)
    up, left, front = (_unit(_medians(axis)) for axis in (up, left, front))
    feet = [place[name] - place["Pelvis"] for name in ("L_Ankle", "R_Ankle") if name in place]
    feet = _medians(np.concatenate(feet, axis=1)) if feet else up * np.nan
    below = (feet * up).sum(-1) < -length / 2
    seen = np.isfinite(pose).all(-1, keepdims=True)
    extent = np.where(seen, pose, -np.inf).max((1, 2)) - np.where(seen, pose, np.inf).min((1, 2))
    return (
        up,
        left,
        np.where(mirrored[:, None], -front, front),
        forwards,
        length,
        mirrored,
        _medians((hips * shoulders).sum(-1)[..., None])[:, 0] < 0,
        _lopsided(pose, skeleton),
        below & (np.abs(up[:, 2]) > ALONG_Z),
        extent.min(-1) < FLAT * extent.max(-1),
    )


def _face(place: dict[str, np.ndarray], front: np.ndarray, trunk: np.ndarray) -> np.ndarray:
    """(B,) how far nose and toes are before neck and heels, in trunks."""
    ahead = [
        ((place[tip] - place[base]) * front).sum(-1) / trunk[:, None]
        for tip, base in POINTERS
        if tip in place and base in place
    ]
    return _medians(np.concatenate(ahead, 1)[..., None])[:, 0] if ahead else trunk * np.nan


def _knees(place: dict[str, np.ndarray], hips: np.ndarray) -> np.ndarray:
    """(B,) the sine by which shins are swung back from thighs, about the line of the hips."""
    bends = []
    for side in ("L", "R"):
        names = f"{side}_Hip", f"{side}_Knee", f"{side}_Ankle"
        if set(names) <= set(place):
            hip, knee, ankle = (place[name] for name in names)
            bends.append((np.cross(_unit(knee - hip), _unit(ankle - knee)) * hips).sum(-1))
    return _medians(np.concatenate(bends, 1)[..., None])[:, 0] if bends else hips[:, 0, 0] * np.nan


def _lopsided(pose: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(B,) the greatest factor between a limb's bone and the other side's; 1 if none is known."""
    limbs = [bone for bone in skeleton.bones if skeleton.joints[bone[1]][2:] in LIMBS]
    parents, children = np.array(limbs).T
    bones = np.linalg.norm(pose[:, :, children] - pose[:, :, parents], axis=-1)  # (B, T, limbs)
    never = ~np.isfinite(bones).any(1, keepdims=True)
    length = np.full((len(pose), len(skeleton)), np.nan)
    length[:, children] = np.maximum(_medians(np.where(never, 0, bones)), 1e-9)
    length[:, children] = np.where(never[:, 0], np.nan, length[:, children])
    ratio = length / length[:, list(skeleton.mirror)]
    return np.maximum(np.where(np.isfinite(ratio), ratio, 1.0).max(1), 1.0)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) of unit length; NaN for what has no length."""
    length = np.sqrt((vectors * vectors).sum(-1, keepdims=True))
    return np.divide(vectors, length, out=np.full_like(vectors, np.nan), where=length > 0)


def _either(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The sum of two arrays, or the one that is known."""
    return np.where(np.isnan(a), b, np.where(np.isnan(b), a, a + b))


def median_of(values: np.ndarray) -> float:
    """The median of the known ones; NaN of none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan


def _medians(values: np.ndarray) -> np.ndarray:
    """(B, T, C) -> (B, C) the medians over the rows in which all is known; NaN of none."""
    known = np.isfinite(values).all(-1)  # (B, T)
    whole, found = known.all(1), np.full((len(values), values.shape[-1]), np.nan)
    found[whole] = np.median(values[whole], 1)
    for i in np.flatnonzero(~whole & known.any(1)):
        found[i] = np.median(values[i, known[i]], 0)
    return found


def axes_to_ours(stance: Stance) -> str:
    """Which of the clips' axes, with their signs, are our x, y and z, as in 'x -z y'.

    The way that most of them face is taken to be to the camera, if they face one way.
    """
    up, left, front = (_mean(v) for v in (stance.up, stance.left, stance.front))
    down = int(np.abs(up).argmax())
    across, toward = sorted({0, 1, 2} - {down}, key=lambda axis: abs(front[axis]))
    signs = {down: -np.sign(up[down])}
    if abs(front[toward]) > FACING:
        signs |= {toward: -np.sign(front[toward]), across: np.sign(left[across]) or 1.0}
    else:  # they face all ways: nobody knows where the camera was
        across, toward = sorted({across, toward})
        axes = np.zeros((3, 3))
        axes[[0, 1, 2], [across, down, toward]] = 1, signs[down], 1
        turned = np.linalg.det(axes) > 0
        signs |= {across: 1.0, toward: 1.0} | (
            {} if turned != (np.mean(stance.mirrored) > 0.5) else {across: -1.0}
        )
    return " ".join(("-" if signs[a] < 0 else "") + "xyz"[a] for a in (across, down, toward))


def _mean(vectors: np.ndarray) -> np.ndarray:
    known = vectors[np.isfinite(vectors).all(1)]
    return known.mean(0) if len(known) else np.zeros(3)

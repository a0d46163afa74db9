"""Joints that a tracker did not see: recognised, filled in, and clips that are too empty.

One rule for all who write clips. A joint of a frame was not seen where one of its numbers is NaN,
where all three are the same number, as trackers write (0, 0, 0) or (-1, -1, -1), at the origin but
for rounding, and where several joints keep one place. A skeleton that is centred on one of its
joints has (0, 0, 0) there, too: that is no mark where the body puts the joint at the origin anyway.
A joint many body sizes off, or at the end of a bone far too long, was not seen, either.

What was not seen is filled in, so that it carries no motion of its own: linearly within a clip,
held at its ends; hands and face so as seen from wrist and head. A joint that is never seen in a
clip hangs from the nearest seen ones as in a resting body of the clip's size and direction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from mbnb.data.checks import Findings
from mbnb.skeleton import ANCHORS, Skeleton
from mbnb.text import listed

FAR = 8.0  # sizes of the body; hands and feet are at most 4 from the middle of what was seen
SURELY = 0.9  # of a limit: what is nearer to it is looked at by itself
TORN = 4.0  # sizes of the body; in 6,677 real clips no bone is longer than 2.2
ROUNDING = 1e-4  # sizes of the body that a zero may be off, as where -0 or 1e-6 is written
# Trunks by which a centre may miss the place where a resting body has it: the root, or another.
AT_ORIGIN, OTHER_AT_ORIGIN = 0.8, 0.3
NEAR = 0.25  # sizes of the body from where a joint is on both sides of a gap
MOMENTS = 5  # at which a resting body is laid on a clip to see where it has its centre
LINE = 0.15  # of the length of what was seen, where it is no wider
STILL = 0.002  # of the trunk, about a millimetre: a sensor's own noise is more
MENTIONED = 6  # joints by name
COLLAPSED = 0.05  # of a trunk to the size of the body, where no trunk is to be seen
HEAD = ("Head", "Nose", "Head_top")
LOOSE = 0.02  # what limbs count in placing a resting body, beside 1 for trunk and head

# Somebody seated upright, in lengths of the trunk, from the pelvis: x left, y down, z backwards.
RESTING = {
    "Pelvis": (0, 0, 0),
    "L_Hip": (0.22, 0.02, 0),
    "L_Knee": (0.3, 0.05, -0.8),
    "L_Ankle": (0.3, 0.85, -0.8),
    "Spine1": (0, -0.5, 0.03),
    "Neck": (0, -1, 0),
    "Head": (0, -1.25, -0.2),
    "Nose": (0, -1.25, -0.2),
    "Head_top": (0, -1.5, 0),
    "L_Shoulder": (0.35, -0.97, 0),
    "L_Elbow": (0.42, -0.45, 0),
    "L_Wrist": (0.3, -0.2, -0.42),
}
RESTING |= {f"R_{name[2:]}": (-x, y, z) for name, (x, y, z) in RESTING.items() if name[1] == "_"}


@dataclass(frozen=True)
class Body:
    """A clip made whole.

    pose: (T, J, 3) float32, finite. seen: (T, J) bool; None where all was seen.
    far: whether a joint that was many body sizes off is among the unseen ones.
    """

    pose: np.ndarray
    seen: np.ndarray | None = None
    far: bool = False


def complete(pose: np.ndarray, skeleton: Skeleton) -> Body | str:
    """What a clip (T, J, 3) float32 without infinite values shows, or why it is of no use."""
    seen = ~np.isnan(pose).any(-1)
    if not seen.any():
        return "nothing is seen"
    zero = seen & (np.abs(pose).max(-1) <= ROUNDING * _size(pose, seen))
    marked = zero | (seen & _marks(pose))
    if marked.any():
        seen &= ~marked
        seen |= _centre(pose, seen, zero, skeleton)
    far = _far(pose, seen, skeleton)
    seen &= ~far
    if not seen.any():
        return "nothing is seen"
    if seen.any(1).sum() < 2:
        return "something is seen in one frame only"
    if seen.all():
        return Body(pose) if has_trunk(pose, skeleton) else "pelvis and neck are in one place"
    filled = _with_fingers(fill(pose, seen), pose, seen, skeleton)
    never = ~seen.any(0)
    if never.any():
        # Of one moment, since people turn in the course of a clip.
        resting = _resting_body(filled[len(pose) // 2], ~never, skeleton)
        if resting is None:
            return "neither trunk nor head and shoulders are seen"
        _hang(filled, never, resting[0], skeleton)
    whole = has_trunk(filled, skeleton)
    return Body(filled, seen, bool(far.any())) if whole else "pelvis and neck are in one place"


def surely_whole(poses: Sequence[np.ndarray], skeleton: Skeleton) -> np.ndarray:
    """(N,) bool, which clips (T, J, 3) float32 `complete` would leave as they are, quickly told.

    Of some that it would leave it says nothing. Clips of one length are looked at together.
    """
    lengths, whole = np.array([len(pose) for pose in poses]), np.zeros(len(poses), bool)
    for length in np.unique(lengths):
        index = np.flatnonzero(lengths == length)
        whole[index] = _surely_whole(np.stack([poses[i] for i in index]), skeleton)
    return whole


def _surely_whole(pose: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(B,) the same of clips of one length (B, T, J, 3); what has NaN passes no comparison."""
    pelvis, neck = skeleton.index("Pelvis", "Neck")
    parents, children = np.array(skeleton.bones).T
    middles = np.median(pose, axis=2)  # (B, T, 3)
    distances = _length(pose - middles[:, :, None])  # (B, T, J)
    size = np.median(distances.reshape(len(pose), -1), axis=1)  # (B,)
    bones = _length(pose[:, :, children] - pose[:, :, parents])  # (B, T, J - 1)
    trunk = np.median(_length(pose[:, :, neck] - pose[:, :, pelvis]), axis=1)
    extent = _length(pose - pose[:, :, [pelvis]]).mean((1, 2))
    x, y, z = np.moveaxis(pose, -1, 0)
    places = x + np.pi * y.astype(np.float64) + np.e * z  # (B, T, J)
    apart = (np.diff(np.sort(places, axis=-1), axis=-1) != 0).all((1, 2))
    marked = ((x == y) & (x == z)).any((1, 2)) | ~apart
    return (
        (distances.max((1, 2)) < SURELY * FAR * size)
        & (bones.max((1, 2)) < SURELY * TORN * size)
        & (_length(np.ptp(middles, axis=1)) < SURELY * FAR * size)
        & (np.abs(pose).max(-1).min((1, 2)) > ROUNDING / SURELY * size)
        & (trunk > COLLAPSED / SURELY * extent)
        & ~marked
    )


def _length(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) -> (...)."""
    return np.sqrt(np.einsum("...c,...c->...", vectors, vectors))


def _marks(pose: np.ndarray) -> np.ndarray:
    """(T, J) points that no body has, but that trackers write for joints that they do not see.

    They are one number three times, or one place of several joints that stays the same.
    """
    same = (pose[..., 0] == pose[..., 1]) & (pose[..., 0] == pose[..., 2])
    if same.any():  # once, it may be chance; only zero is not
        values, counts = np.unique(pose[same][:, 0], return_counts=True)
        same &= ~np.isin(pose[..., 0], values[(counts == 1) & (values != 0)])
    x, y, z = pose.astype(np.float64).transpose(2, 0, 1)
    places = x + np.pi * y + np.e * z  # (T, J), a number for each place
    order = np.sort(places, axis=1)
    twice = order[:, 1:][np.diff(order) == 0]
    if len(twice):
        values, counts = np.unique(twice, return_counts=True)
        same |= np.isin(places, values[counts > 1])
    return same


def moves(pose: np.ndarray, skeleton: Skeleton) -> bool:
    """Whether anything in (T, J, 3) moves, and be it the sensor's noise."""
    pelvis, neck = skeleton.index("Pelvis", "Neck")
    trunk = np.median(np.linalg.norm(pose[:, neck] - pose[:, pelvis], axis=-1))
    return bool(np.ptp(pose, axis=0).max() > STILL * trunk)


def freezes(pose: np.ndarray) -> bool:
    """Whether most frames of (T, J, 3) are the one before again, as where a clip was padded."""
    return bool((np.diff(pose, axis=0) == 0).all((1, 2)).mean() > 0.5)


def check_seen(
    place: Path,
    bodies: dict[str, Body],
    useless: dict[str, list[str]],
    skeleton: Skeleton,
    findings: Findings,
) -> None:
    """Say of the clips of a split by name what was not seen in them, and whether they move.

    useless: why clips are left out, and which.
    """
    total = len(bodies) + sum(map(len, useless.values()))
    for why, names in useless.items():
        findings.aloud(place, f"{why} in {len(names)} of {total} clips, left out: {listed(names)}")
    if total and not bodies:
        findings.error(place, "no clip is left: in none a person can be seen")
    gaps = [name for name, body in bodies.items() if body.seen is not None and not body.far]
    masks = {name: bodies[name].seen for name in gaps}
    if masks:
        share = sum((~seen).mean(0) for seen in masks.values()) / len(masks)  # (J,)
        worst = [j for j in np.argsort(-share, kind="stable") if share[j]]
        joints = ", ".join(f"{skeleton.joints[j]} {share[j]:.0%}" for j in worst[:MENTIONED])
        joints += ", …" if len(worst) > MENTIONED else ""
        findings.aloud(
            place,
            f"joints were not seen (NaN or 0, 0, 0) in {len(masks)} of {total} clips "
            f"({listed(gaps)}), of their frames: {joints}; they are filled in without motion",
        )
    far = [name for name, body in bodies.items() if body.far]
    if far:
        findings.aloud(
            place,
            f"joints are far off the body in {len(far)} of {total} clips ({listed(far)}): "
            f"taken as not seen there",
        )
    still = [name for name, body in bodies.items() if not moves(body.pose, skeleton)]
    if still:
        findings.aloud(place, f"nothing moves in {len(still)} of {total} clips: {listed(still)}")
    whole = {name: body.pose for name, body in bodies.items() if body.seen is None}
    frozen = [name for name in whole if name not in still and freezes(whole[name])]
    if frozen:
        findings.aloud(
            place,
            f"most frames repeat the one before in {len(frozen)} of {total} clips: "
            f"{listed(frozen)}; was the end filled up, or each frame doubled?",
        )


def has_trunk(pose: np.ndarray, skeleton: Skeleton) -> bool:
    """Whether the trunk of (T, J, 3) is long enough for all to be measured by it."""
    pelvis, neck = skeleton.index("Pelvis", "Neck")
    trunk = np.median(np.linalg.norm(pose[:, neck] - pose[:, pelvis], axis=-1))
    size = np.linalg.norm(pose - pose[:, [pelvis]], axis=-1).mean()
    return bool(trunk > COLLAPSED * size)


def _centre(pose: np.ndarray, seen: np.ndarray, zero: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, J) the zeros that are no marks: of the one joint which the skeleton is centred on."""
    centre = np.zeros_like(seen)
    some = seen.any(1)
    if not some.any():
        return centre
    partly = np.flatnonzero(zero.any(0) & seen.any(0))
    if len(partly):  # as where the first frame is the origin
        size = _size(pose, seen)
        at = np.linalg.norm(fill(pose, seen)[:, partly], axis=-1)
        centre[:, partly] = zero[:, partly] & (at < NEAR * size) & some[:, None]
    always = np.flatnonzero(zero[some].all(0))
    if len(always):
        moments = fill(pose, seen)[np.linspace(0, len(pose) - 1, MOMENTS).astype(int)]
        bodies = [_resting_body(moment, seen.any(0), skeleton) for moment in moments]
        amid = [joint for joint in always if skeleton.mirror[joint] == joint]
        for joint in sorted(amid, key=lambda j: (j != skeleton.root, j)):
            off = [np.linalg.norm(body[joint]) / trunk for body, trunk in filter(None, bodies)]
            near = AT_ORIGIN if joint == skeleton.root else OTHER_AT_ORIGIN
            # People bend, but they do not walk away from their own centre.
            if off and min(off) < near and max(off) < 3 * near:
                centre[some, joint] = True
                break
    return centre


def _size(pose: np.ndarray, seen: np.ndarray) -> float:
    """The median distance of seen joints from the middle of those of their frame."""
    return float(np.nanmedian(_distances(pose, seen)[0]))


def _distances(pose: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T', J) how far joints are from the middle of their frame, and the middles (T', 3).

    Of the frames with a seen joint; NaN for joints that were not seen.
    """
    points = np.where(seen[..., None], pose, np.nan)[seen.any(1)].astype(np.float64)
    middles = np.median(points, 1) if seen.all() else np.nanmedian(points, 1)
    return np.linalg.norm(points - middles[:, None], axis=-1), middles


def _far(pose: np.ndarray, seen: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, J) joints that are many sizes of the body off, and bodies that are for a moment.

    Of a bone that is far too long, the end that is farther from the middle of the body.
    """
    far = np.zeros_like(seen)
    if not seen.any():
        return far
    distances, middles = _distances(pose, seen)
    size = np.nanmedian(distances)
    rows = np.flatnonzero(seen.any(1))
    far[rows] = distances > FAR * size
    points = np.where(seen[rows][..., None], pose[rows].astype(np.float64), np.nan)
    parents, children = np.array(skeleton.bones).T
    bones = np.linalg.norm(points[:, children] - points[:, parents], axis=-1)  # (T', bones)
    outer = np.where(distances[:, children] > distances[:, parents], children, parents)
    frames, torn = np.nonzero(bones > TORN * size)
    far[rows[frames], outer[frames, torn]] = True
    if len(middles) >= 5:
        steps = np.lib.stride_tricks.sliding_window_view(
            np.pad(middles, ((2, 2), (0, 0)), "reflect"), 5, 0
        )  # (T', 3, 5)
        away = np.linalg.norm(middles - np.median(steps, -1), axis=-1) > FAR * size
        far[rows[away]] = True
    return far & seen


def fill(pose: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(T, J, 3) with the gaps of joints that are seen in other frames filled linearly."""
    filled = pose.copy()
    times = np.arange(len(pose))
    for joint in np.flatnonzero(seen.any(0) & ~seen.all(0)):
        known = seen[:, joint]
        for axis in range(3):
            filled[~known, joint, axis] = np.interp(
                times[~known], times[known], pose[known, joint, axis]
            )
    return filled


def _with_fingers(
    filled: np.ndarray, pose: np.ndarray, seen: np.ndarray, skeleton: Skeleton
) -> np.ndarray:
    """The same with hands and face filled in where they are to wrist and head, which move on."""
    for joint in np.flatnonzero(np.array(skeleton.small) & seen.any(0) & ~seen.all(0)):
        anchor = skeleton.parents[joint]
        while skeleton.small[anchor]:
            anchor = skeleton.parents[anchor]
        if seen[:, anchor].any():
            offset = (pose[:, joint] - filled[:, anchor])[:, None]
            filled[:, joint] = fill(offset, seen[:, [joint]])[:, 0] + filled[:, anchor]
    return filled


def _resting_body(
    pose: np.ndarray, known: np.ndarray, skeleton: Skeleton
) -> tuple[np.ndarray, float] | None:
    """(J, 3) a resting body that lies on the `known` joints (J,) of `pose` (J, 3); its trunk.

    A joint that no resting body is known to have is where its parent is. None where trunk and head
    show too little to say how the body lies.
    """
    names = skeleton.joints
    rest = np.array([RESTING.get(name, (np.nan,) * 3) for name in names], float)
    firm = np.array([name in ANCHORS + HEAD for name in names])
    both = known & np.isfinite(rest[:, 0])
    weights = np.where(firm, 1.0, LOOSE)[both]
    place, target = rest[both], pose[both].astype(np.float64)
    if (firm & both).sum() < 3:
        return None
    place_mean, target_mean = (np.average(x, 0, weights) for x in (place, target))
    place, target = place - place_mean, target - target_mean
    trunk = target[firm[both]]
    spread = np.linalg.svd(trunk - trunk.mean(0), compute_uv=False)
    if not np.isfinite(spread).all() or spread[1] <= LINE * spread[0]:
        return None
    scale = np.sqrt((weights @ target**2).sum() / (weights @ place**2).sum())
    pairs, shares = (target / scale, place), weights
    if not any(known[skeleton.index("Pelvis", "L_Hip", "R_Hip")]):  # heads nod, trunks are upright
        upright = np.array([[0.0, -1.0, 0.0]])
        pairs, shares = [np.concatenate([x, upright]) for x in pairs], np.append(weights, 1.0)
    turn, _ = Rotation.align_vectors(*pairs, weights=shares)
    body = turn.apply(np.nan_to_num(rest) - place_mean) * scale + target_mean
    for joint, parent in downwards(skeleton):
        if np.isnan(rest[joint, 0]):
            body[joint] = body[parent]
    return body, float(scale)


def downwards(skeleton: Skeleton) -> list[tuple[int, int]]:
    """(joint, parent) from the root outwards."""
    depth = skeleton.ancestry.sum(1)
    return [(j, skeleton.parents[j]) for j in np.argsort(depth, kind="stable")[1:]]


def _hang(pose: np.ndarray, never: np.ndarray, resting: np.ndarray, skeleton: Skeleton) -> None:
    """Put joints that were `never` (J,) seen, in place, at rest between the nearest seen ones."""
    steps = np.abs(skeleton.ancestry[:, None] - skeleton.ancestry).sum(-1)  # (J, J) bones between
    known = np.flatnonzero(~never)
    for joint in np.flatnonzero(never):
        # Those with no other seen joint on the way to them; the nearer, the more they count.
        on_the_way = steps[joint, known] + steps[np.ix_(known, known)] == steps[joint, known, None]
        nearest = known[on_the_way.sum(1) == 1]
        places = pose[:, nearest] + (resting[joint] - resting[nearest])  # (T, nearest, 3)
        pose[:, joint] = np.average(places, axis=1, weights=steps[joint, nearest] ** -2.0)

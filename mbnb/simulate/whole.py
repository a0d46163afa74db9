"""The 44 joints of `wholebody44` in a simulated clip, as an extractor of hands and faces sees them.

The faults are those of MediaPipe's holistic model on videos of MA-52: of two hands that lie on each
other it finds the upper one, a hand seen from its edge or behind the body it does not find at all,
and what it finds trembles by 1 to 3 mm and is turned by some degrees.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from mbnb.simulate.extractor import correlated, drift
from mbnb.skeleton import Skeleton, load_skeleton

H36M = load_skeleton()
OURS, WHOLE = H36M.joints, load_skeleton("wholebody44").joints
MORE = tuple(name for name in WHOLE if name not in (*OURS, "Nose"))
ALL = (*OURS, *MORE)
MIRRORED = [ALL.index({"L_": "R_", "R_": "L_"}.get(n[:2], n[:2]) + n[2:]) for n in ALL]
FINGERTIPS = ("Hand", "Thumb", "Index", "Middle", "Ring", "Little")
FOUND_WITH_FACE = ("L_Brow", "R_Brow", "Upper_lip", "Chin")
NO_FACE, NO_HAND = 0.1, 0.2  # of clips, in which a face or a hand is never found
COVERED = 0.13  # metres between two wrists of which the farther hand is covered
BEHIND = 0.06  # metres behind the trunk's middle, where hands are not seen


def _anchor(name: str) -> str:
    """The joint among the 17 beside which a point is seen."""
    if name[2:] in FINGERTIPS:
        return f"{name[:2]}Wrist"
    return f"{name[:2]}Ankle" if name[2:] in ("Big_toe", "Small_toe", "Heel") else "Head"


ANCHORS = [OURS.index(_anchor(name)) for name in MORE]


def joints_of(skeleton: Skeleton) -> tuple[str, ...]:
    """The joints of a body that are needed for `skeleton`, those of Human3.6M first."""
    return ALL if skeleton.joints == WHOLE else OURS


def mirrored(pose: np.ndarray) -> np.ndarray:
    """The same joints (T, K, 3) of whoever acts with the other side."""
    return pose[:, MIRRORED[: pose.shape[1]]] * (-1, 1, 1)


def shown_as(
    skeleton: Skeleton,
    shown: np.ndarray,
    body: np.ndarray,
    rng: np.random.Generator,
    noise: bool,
) -> np.ndarray:
    """(T, J, 3) float32 of the 17 joints as they are `shown`, and of the rest of the `body`.

    shown: (T, 17, 3), NaN where unseen. body: (T, K, 3), all joints where they are. Without `noise`
    all is seen, and as it is.
    """
    if joints_of(skeleton) == OURS:
        return shown.astype(np.float32)
    rng = rng.spawn(1)[0]
    away = body[:, len(OURS) :] - body[:, ANCHORS]  # (T, 28, 3)
    if noise:
        away = away * (1, 1, rng.uniform(0.75, 1.05))
        lost = _lost(body, rng)
        for side, letter in enumerate("LR"):
            hand = [MORE.index(f"{letter}_{name}") for name in FINGERTIPS]
            off = rng.normal(0, 0.1, 3) + 0.08 * drift(rng, (len(body), 3), 8)  # radians
            turns = Rotation.from_rotvec(off).as_matrix() * rng.normal(1, 0.05)
            away[:, hand] = np.einsum("tij,tkj->tki", turns, away[:, hand])
            away[:, hand] += _tremble(rng, (len(body), 6, 3), (0.001, 0.003))
            away[np.ix_(lost[:, side], hand)] = np.nan
        rest = [i for i, name in enumerate(MORE) if name[2:] not in FINGERTIPS]
        away[:, rest] += _tremble(rng, (len(body), len(rest), 3), (0.0005, 0.002))
        if rng.random() < NO_FACE:
            away[:, [MORE.index(name) for name in FOUND_WITH_FACE]] = np.nan
    whole = np.concatenate([shown, shown[:, ANCHORS] + away], 1)  # (T, 45, 3)
    names = ["Head" if name == "Nose" else name for name in WHOLE]
    return whole[:, [ALL.index(name) for name in names]].astype(np.float32)


def _tremble(rng: np.random.Generator, shape: tuple[int, ...], range_: tuple) -> np.ndarray:
    """Noise whose steps from frame to frame are as large as a clip's level, in depth twice that."""
    low, high = range_
    return correlated(rng, shape) * (low * (high / low) ** rng.random()) * (1, 1, 2)


def _lost(body: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, 2) bool, when the left and the right hand are not found."""
    frames = len(body)
    never = rng.random(2) < NO_HAND
    lost = never | (drift(rng, (frames, 2), 6) > rng.uniform(1, 3, 2))
    wrists = body[:, [OURS.index("L_Wrist"), OURS.index("R_Wrist")]]  # (T, 2, 3)
    trunk = body[:, [OURS.index("Spine1"), OURS.index("Neck")]].mean(1)
    lost |= wrists[..., 2] > trunk[:, None, 2] + BEHIND
    near = np.linalg.norm(wrists[:, 0] - wrists[:, 1], axis=-1) < COVERED
    farther = wrists[..., 2] > wrists[:, ::-1, 2]  # (T, 2)
    often = drift(rng, (frames,), 10) > rng.normal(-0.7, 0.7)
    return lost | (farther & (near & often)[:, None])

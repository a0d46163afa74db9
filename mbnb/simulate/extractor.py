"""What a pose extractor makes of a body: the faults of MediaPipe's world landmarks.

`noise` has the noise of a good extractor alone. This has the rest: depth that is flatter than the
body, and drifts; legs that it invents where it sees none; hands lost before the face or behind the
body; sudden jumps; sides exchanged; joints outside the picture. Places are lost: the hips' middle
is the origin, and trunk and neck lie between hips and shoulders, as `formats.mediapipe33` has them.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from mbnb.simulate.noise import NOISE
from mbnb.skeleton import load_skeleton

# Noise of the joints against that of a typical one; hips lie near the origin by definition.
SHARE = {
    "Hip": 0.25,
    "Knee": 1.4,
    "Ankle": 1.5,
    "Shoulder": 0.65,
    "Elbow": 0.8,
    "Wrist": 1.0,
    "Head": 1.0,
    "Head_top": 1.0,
}
STEADY = 0.8  # the calmest recording's noise is that times the calmest measured level
CORRELATION = 0.6  # of a frame's noise with that of the frame before
HIDDEN_HAND = 0.17  # metres from the nose or inside the trunk, where a hand is hard to see
STRETCH = 90  # frames of a recording in which what is rare happens as often as in a clip
LONGEST_GAP = 10  # frames without a person that a conversion of videos fills in
ARMS = ("L_Elbow", "L_Wrist", "R_Elbow", "R_Wrist")
LEGS = ("R_Knee", "R_Ankle", "L_Knee", "L_Ankle")
# A seated person's legs as the extractor imagines them, metres from the pelvis, for LEGS.
INVENTED = np.array(
    [[-0.14, 0.22, -0.3], [-0.16, 0.58, -0.2], [0.14, 0.22, -0.3], [0.16, 0.58, -0.2]]
)


def extract(pose: np.ndarray, rng: np.random.Generator, legs: bool, trunk: bool) -> np.ndarray:
    """(T, 17, 3) metres as the extractor sees them, the pelvis at the origin; NaN where unseen.

    legs: whether the legs can be seen in every clip. trunk: whether the picture may end below the
    shoulders. In what it does not show, the extractor still invents joints, or they are NaN.
    """
    skeleton = load_skeleton()
    pose = pose - pose[:, [skeleton.root]]
    pose[..., 2] *= rng.uniform(0.75, 1.05)
    hidden = np.zeros(pose.shape[:2], bool)  # (T, 17)
    chance = rng.random()
    if not legs and chance < 0.12:
        _invent_legs(pose, rng)
    elif not legs and chance < 0.24:
        lost = LEGS[1::2] if rng.random() < 0.5 else LEGS  # the picture ends at the knees, or above
        hidden[:, skeleton.index(*lost)] = _flickering(len(pose), rng)[:, None]
    elif trunk and chance < 0.3:
        lost = ("Pelvis", "R_Hip", "L_Hip", "Spine1", *LEGS)
        hidden[:, skeleton.index(*lost)] = True
    _drag_arms(pose, rng)
    shown = _with_noise(pose, rng)
    _jump(shown, rng)
    _swap_sides(shown, rng)
    _lose_person(shown, rng)
    _join(shown)
    shown -= shown[:, [skeleton.root]]
    return np.where(hidden[..., None], np.nan, shown)


def extract_recording(pose: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Minutes of somebody, (T, 17, 3) metres, as the extractor sees them; nothing is hidden.

    What happens once in some clips happens once in as many stretches of three seconds.
    """
    root = load_skeleton().root
    pose = pose - pose[:, [root]]
    pose[..., 2] *= rng.uniform(0.75, 1.05)
    _drag_arms(pose, rng)
    shown = _with_noise(pose, rng)
    for first in range(0, len(shown) - STRETCH + 1, STRETCH):
        for fault in (_jump, _swap_sides, _lose_person):
            fault(shown[first : first + STRETCH], rng)
    _join(shown)
    return shown - shown[:, [root]]


def _with_noise(pose: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, 17, 3) with noise from frame to frame, and drift that grows with the distance."""
    calm, worst = NOISE * np.array([[STEADY], [1.0]])
    frames, names = len(pose), load_skeleton().joints
    share = np.array([SHARE.get(name.split("_", 1)[-1], SHARE.get(name, 0.5)) for name in names])
    level = calm * (worst / calm) ** rng.beta(1.5, 1.5) * rng.uniform(0.8, 1.25, (17, 1))
    factor = share[:, None] * np.ones((frames, 17, 1))  # (T, 17, 1)
    factor[:, _hands()] *= 1 + rng.uniform(0, 2) * _hard_to_see(pose)[..., None]
    fast = correlated(rng, (frames, 17, 3)) * level * factor
    slow = drift(rng, (frames, 17, 3), rng.uniform(3, 14)) * np.exp(rng.normal(0, 0.5))
    bias = rng.normal(0, (0.008, 0.008, 0.02), (17, 3)) * share[:, None]
    bias[_hands()] += rng.normal(0, 0.02, (2, 3)) * _hard_to_see(pose).mean(0)[:, None]
    # Trunk, head and arms shake and drift as a whole, by the more the higher they are.
    tilt = correlated(rng, (frames, 3)) * level.mean(0) * 1.5
    tilt += drift(rng, (frames, 3), 15) * np.exp(rng.normal(np.log((0.006, 0.008, 0.018)), 0.6))
    height = (-pose[..., 1]).clip(0)  # (T, 17) metres above the pelvis
    arms, (neck,) = load_skeleton().index(*ARMS), load_skeleton().index("Neck")
    height[:, arms] = np.maximum(height[:, arms], height[:, [neck]] * rng.uniform(0.5, 1.1, 4))
    together = height[..., None] * tilt[:, None]  # (T, 17, 3)
    return pose + fast + slow * level * share[:, None] + together + bias


def _drag_arms(pose: np.ndarray, rng: np.random.Generator) -> None:
    """Let arms that hang or lie follow the trunk, as the extractor's own idea of a body does."""
    neck, *arms = load_skeleton().index("Neck", *ARMS)
    moved = pose[:, neck] - pose[:, neck].mean(0)  # (T, 3)
    below = ((pose[:, arms, 1] - pose[:, [neck], 1]) / 0.3).clip(0, 1)  # (T, 4)
    share = np.repeat(rng.uniform(0, 0.9, 2), 2) * (0.5, 1, 0.5, 1)  # of left and right
    pose[:, arms] += (below * share)[..., None] * moved[:, None]


def correlated(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Noise whose steps from frame to frame have a deviation of 1."""
    white = rng.standard_normal((shape[0] + 3, *shape[1:]))
    kept = CORRELATION ** np.arange(4)
    noise = sum(weight * white[3 - i : len(white) - i] for i, weight in enumerate(kept))
    return noise / np.sqrt(2 * (kept @ kept - kept[1:] @ kept[:-1]))


def drift(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """Slow noise of deviation 1."""
    margin = int(3 * sigma)
    noise = gaussian_filter1d(
        rng.standard_normal((shape[0] + 2 * margin, *shape[1:])), sigma, axis=0, truncate=3
    )
    return noise[margin:-margin] * np.sqrt(2 * np.sqrt(np.pi) * sigma)


def _hands() -> list[int]:
    return load_skeleton().index("L_Wrist", "R_Wrist")


def _hard_to_see(pose: np.ndarray) -> np.ndarray:
    """(T, 2) from 0 to 1, how much the left and the right wrist are before the face or behind."""
    nose, neck, spine = load_skeleton().index("Head", "Neck", "Spine1")
    wrists = pose[:, _hands()]  # (T, 2, 3)
    face = np.linalg.norm(wrists - pose[:, [nose]], axis=-1)
    behind = (wrists[..., 2] - pose[:, [neck, spine], 2].mean(1)[:, None]) / 0.1
    return np.maximum((1.5 - face / HIDDEN_HAND).clip(0, 1), behind.clip(0, 1))


def _flickering(frames: int, rng: np.random.Generator) -> np.ndarray:
    """(T,) bool, all of a clip or most of it."""
    if rng.random() < 0.7:
        return np.ones(frames, bool)
    return drift(rng, (frames,), 6) > -0.7


def _invent_legs(pose: np.ndarray, rng: np.random.Generator) -> None:
    """Put legs that nobody sees where the extractor expects some; they swim with the trunk."""
    frames, index = len(pose), load_skeleton().index(*LEGS)
    place = INVENTED * rng.uniform(0.8, 1.15) + rng.normal(0, 0.06, (4, 3))
    swim = drift(rng, (frames, 4, 3), 8) * rng.uniform(0.005, 0.035) * (0.7, 1, 1.3)
    (neck,) = load_skeleton().index("Neck")
    along = (pose[:, neck] - pose[:, neck].mean(0)) * rng.uniform(-0.6, 0.6, 3)  # (T, 3)
    jitter = correlated(rng, (frames, 4, 3)) * rng.uniform(0.002, 0.012)
    pose[:, index] = place + swim + along[:, None] + jitter


def _jump(pose: np.ndarray, rng: np.random.Generator) -> None:
    """Once in a few clips some joints leap away, and come back at once or slowly."""
    if rng.random() > 0.12 or len(pose) < 8:
        return
    limbs = (("Elbow", "Wrist"), ("Wrist",), ("Knee", "Ankle"), ("Ankle",))
    chosen = limbs[int(rng.integers(len(limbs)))]
    side = str(rng.choice(["L", "R"]))
    index = load_skeleton().index(*(f"{side}_{joint}" for joint in chosen))
    start, last = int(rng.integers(1, len(pose) - 4)), rng.uniform(1, 8)
    fading = np.exp(-np.arange(len(pose) - start) / last)  # (T - start,)
    away = rng.normal(0, (0.02, 0.02, 0.04))
    pose[start:, index] += (fading[:, None] * away)[:, None]


def _swap_sides(pose: np.ndarray, rng: np.random.Generator) -> None:
    """In a few clips left and right legs or arms are exchanged for some frames."""
    if rng.random() > 0.03:
        return
    joints = (("Knee", "Ankle"), ("Elbow", "Wrist"))[int(rng.random() < 0.3)]
    here = load_skeleton().index(*(f"{side}_{joint}" for side in "LR" for joint in joints))
    there = load_skeleton().index(*(f"{side}_{joint}" for side in "RL" for joint in joints))
    length = int(rng.integers(1, 6))
    start = int(rng.integers(0, len(pose) - length))
    pose[start : start + length, here] = pose[start : start + length, there]


def _lose_person(pose: np.ndarray, rng: np.random.Generator) -> None:
    """In a few clips nobody is found for some frames, which a conversion fills in linearly."""
    if rng.random() > 0.05:
        return
    length = int(rng.integers(1, min(LONGEST_GAP, len(pose) - 3) + 1))
    before = int(rng.integers(0, len(pose) - length - 1))
    after = before + length + 1
    pose[before : after + 1] = np.linspace(pose[before], pose[after], length + 2)


def _join(pose: np.ndarray) -> None:
    """Put Pelvis, Neck and Spine1 where the conversion of landmarks puts them."""
    index = load_skeleton().index
    for joint, ends in (
        ("Pelvis", ("L_Hip", "R_Hip")),
        ("Neck", ("L_Shoulder", "R_Shoulder")),
        ("Spine1", ("Pelvis", "Neck")),
    ):
        pose[:, index(joint)] = pose[:, index(*ends)].mean(1, keepdims=True)

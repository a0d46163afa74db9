"""Measures of simulated movements: what a clip shows, in degrees, centimetres and Hz."""

import functools

import numpy as np
from build import DOCUMENT, H36M
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from mbnb.simulate import Person, simulate_clip
from mbnb.simulate.timing import FPS

CODES = DOCUMENT.codes
CLIPS = 8
ANKLES = ("L_Ankle", "R_Ankle")


class Body:
    """A clip (T, 17, 3) without camera, in degrees and centimetres.

    Series are (T,), lateral ones positive to the left.
    """

    def __init__(self, clip: np.ndarray):
        self.cm = 100 * clip.astype(float)
        self.lean = self.angle("Pelvis", "Neck", 2, 1)
        self.tilt = self.angle("Pelvis", "Neck", 0, 1)
        self.slump = self.angle("Spine1", "Neck", 2, 1) - self.angle("Pelvis", "Spine1", 2, 1)
        shoulders = self("L_Shoulder") - self("R_Shoulder")
        self.twist = np.degrees(np.arctan2(-shoulders[:, 2], -shoulders[:, 0])) % 360 - 180
        self.pitch = self.angle("Head", "Head_top", 2, 1)
        self.head_tilt = self.angle("Head", "Head_top", 0, 1)
        face = self("Head") - self("Neck")
        turned = np.degrees(np.arctan2(shoulders[:, 2], shoulders[:, 0]))
        self.yaw = np.degrees(np.arctan2(face[:, 0], -face[:, 2])) - turned

    def __call__(self, joint: str) -> np.ndarray:
        """(T, 3) of a joint."""
        return self.cm[:, H36M.joints.index(joint)]

    def angle(self, start: str, end: str, axis: int, up: int) -> np.ndarray:
        """(T,) of the way from a joint to another against upwards, in the plane of two axes."""
        way = self(end) - self(start)
        return np.degrees(np.arctan2(way[:, axis] * (1 if axis == 0 else -1), -way[:, up]))

    def distance(self, joint: str, other: str) -> np.ndarray:
        return np.linalg.norm(self(joint) - self(other), axis=1)

    def sides(self, function) -> list:
        return [function(side) for side in "LR"]


def change(series: np.ndarray) -> float:
    """The largest departure from the first frame, with its sign."""
    away = series - series[0]
    return away[np.abs(away).argmax()]


def peaks(series: np.ndarray) -> int:
    return len(find_peaks(series - series[0], prominence=0.4 * np.ptp(series))[0])


def quick(points: np.ndarray, sigma: float = 3) -> float:
    """The largest short-lived deviation from a slow movement, as an amplitude.

    `points` are (T, 3) or a series.
    """
    points = points.reshape(len(points), -1)
    fast = points - gaussian_filter1d(points, sigma, axis=0)
    power = gaussian_filter1d((fast**2).sum(1), 5)
    return float(np.sqrt(2 * power.max()))


def rate(points: np.ndarray) -> float:
    """The frequency in Hz at which points move most, counted by velocity."""
    velocity = np.diff(points.reshape(len(points), -1), axis=0)
    spectrum = np.fft.rfft(velocity * np.hanning(len(velocity))[:, None], 512, axis=0)
    power = (np.abs(spectrum) ** 2).sum(1)
    return float(np.fft.rfftfreq(512, 1 / FPS)[power.argmax()])


def strokes(points: np.ndarray) -> int:
    """The most peaks of over 1 cm in a row, each within a third of a second of the last.

    In whichever direction has the most.
    """
    most = 0
    for series in points.T:
        gaps = np.diff(find_peaks(series, prominence=1)[0])
        run = 0
        for gap in gaps:
            run = run + 1 if gap <= FPS / 3 else 0
            most = max(most, run + 1)
    return most


def hand(joint: str, cross: bool = False):
    """How near a wrist comes to a joint.

    `*` in the joint's name stands for the wrist's own side, or with `cross` for the other one.
    """

    def measure(body: Body) -> float:
        def nearest(side):
            other = {"L": "R", "R": "L"}[side] if cross else side
            return body.distance(f"{side}_Wrist", joint.replace("*", other)).min()

        return min(body.sides(nearest))

    return measure


def wrists(body: Body) -> np.ndarray:
    return body.distance("L_Wrist", "R_Wrist")


def height(side: str, body: Body) -> float:
    """The highest a wrist gets above the neck."""
    return (body("Neck") - body(f"{side}_Wrist"))[:, 1].max()


def across(body: Body) -> float:
    """How far both wrists together cross to the other side, at most."""
    return (body("R_Wrist") - body("L_Wrist"))[:, 0].max()


def crossed_height(body: Body) -> float:
    """Height of the wrists below the neck while they are crossed furthest."""
    at = (body("R_Wrist") - body("L_Wrist"))[:, 0].argmax()
    return (body("L_Wrist") + body("R_Wrist"))[at, 1] / 2 - body("Neck")[at, 1]


def busier(joint: str, function):
    """The larger value of a function of the points (T, 3) of the left and the right joint."""
    return lambda body: max(body.sides(lambda side: function(body(f"{side}_{joint}"))))


def both_sides(joint: str, function):
    return lambda body: min(body.sides(lambda side: function(body(f"{side}_{joint}"))))


def most_moved(joint: str, function):
    """A function of the points of whichever of the two joints moves more quickly."""
    return lambda body: function(max(body.sides(lambda side: body(f"{side}_{joint}")), key=quick))


def lift(points: np.ndarray) -> float:
    return points[0, 1] - points[:, 1].min()


def forth(points: np.ndarray) -> float:
    return points[0, 2] - points[:, 2].min()


def way(points: np.ndarray) -> float:
    return float(np.linalg.norm(np.ptp(points, axis=0)))


def over_knee(at: int):
    """How far an ankle reaches beyond the middle between the knees, at that frame.

    0 where it is on the floor.
    """

    def measure(body: Body) -> float:
        middle = (body("L_Knee") + body("R_Knee"))[at, 0] / 2
        lifted = abs(body("L_Ankle")[at, 1] - body("R_Ankle")[at, 1]) > 6
        return lifted * max(middle - body("L_Ankle")[at, 0], body("R_Ankle")[at, 0] - middle)

    return measure


def shin(body: Body) -> float:
    """The nearest a wrist comes to the middle of a shank."""
    shins = [(body(f"{side}_Knee") + body(f"{side}_Ankle")) / 2 for side in "LR"]
    return min(
        np.linalg.norm(body(f"{side}_Wrist") - shin, axis=1).min()
        for side in "LR"
        for shin in shins
    )


def from_nose(axis: int):
    """How far below (y) or behind (z) the nose the nearer wrist is when it is nearest."""

    def measure(body: Body) -> float:
        distances = {side: body.distance(f"{side}_Wrist", "Head") for side in "LR"}
        side = min("LR", key=lambda side: distances[side].min())
        return (body(f"{side}_Wrist") - body("Head"))[distances[side].argmin(), axis]

    return measure


def behind_ankle(body: Body) -> float:
    """How far behind an ankle the nearer wrist is when it is nearest.

    Sideways counts where the leg is laid over the other one.
    """
    wrist, ankle = min(
        ((body(f"{side}_Wrist"), body(ankle)) for side in "LR" for ankle in ANKLES),
        key=lambda pair: np.linalg.norm(pair[0] - pair[1], axis=1).min(),
    )
    away = (wrist - ankle)[np.linalg.norm(wrist - ankle, axis=1).argmin()]
    return min(away[2], -abs(away[0]))


def shank(side: str, body: Body) -> np.ndarray:
    return body.angle(f"{side}_Ankle", f"{side}_Knee", 2, 1)


def calm_after_arrival(body: Body) -> float:
    """Deviation of the distance between near wrists in their 10 stillest frames."""
    near = wrists(body)
    return min(
        (np.std(near[i : i + 10]) for i in range(len(near) - 10) if near[i : i + 10].max() < 14),
        default=np.inf,
    )


MEASURES = {
    "twist": lambda body: np.ptp(body.twist),
    "yaw": lambda body: np.ptp(body.yaw),
    "pitch": lambda body: np.ptp(body.pitch),
    "yaw peaks": lambda body: peaks(body.yaw),
    "pitch peaks": lambda body: peaks(body.pitch),
    "lean": lambda body: change(body.lean),
    "head down": lambda body: change(body.pitch),
    "head tilt": lambda body: np.ptp(body.head_tilt),
    "trunk rate": lambda body: rate(np.stack([body.tilt, body.lean], 1)),
    "trunk": lambda body: max(np.ptp(body.tilt), np.ptp(body.lean)),
    "trunk quick": lambda body: quick(np.stack([body.tilt, body.lean], 1)),
    "slump falls": lambda body: body.slump[0] - body.slump[-5:].mean(),
    "pelvis side": lambda body: np.ptp(body("Pelvis")[:, 0]),
    "pelvis up": lambda body: lift(body("Pelvis")),
    "pelvis ends off": lambda body: np.linalg.norm(
        (body("Pelvis")[-1] - body("Pelvis")[0])[[0, 2]]
    ),
    "to nose": hand("Head"),
    "to crown": hand("Head_top"),
    "to neck": hand("Neck"),
    "to other shoulder": hand("*_Shoulder", True),
    "to other elbow": hand("*_Elbow", True),
    "to knee": hand("*_Knee"),
    "to shank": shin,
    "to ankle": lambda body: min(hand("*_Ankle")(body), hand("*_Ankle", True)(body)),
    "behind ankle": behind_ankle,
    "both to ankle": lambda body: min(
        max(body.distance(wrist, ankle).min() for wrist in ("L_Wrist", "R_Wrist"))
        for ankle in ANKLES
    ),
    "both to nose": lambda body: max(
        body.sides(lambda side: body.distance(f"{side}_Wrist", "Head").min())
    ),
    "nose from start": lambda body: min(
        body.sides(lambda side: body.distance(f"{side}_Wrist", "Head")[0])
    ),
    "wrist quick": busier("Wrist", quick),
    "strokes": busier("Wrist", strokes),
    "below nose": from_nose(1),
    "behind nose": from_nose(2),
    "wrist rate": most_moved("Wrist", rate),
    "both wrists move": both_sides("Wrist", way),
    "wrist height": lambda body: max(body.sides(lambda side: height(side, body))),
    "both heights": lambda body: min(body.sides(lambda side: height(side, body))),
    "wrists": lambda body: wrists(body).min(),
    "wrists part": lambda body: quick(wrists(body), 6),
    "wrists at rest": calm_after_arrival,
    "across": across,
    "crossed height": crossed_height,
    "stretched": lambda body: max(
        body.sides(
            lambda side: (
                body.distance(f"{side}_Wrist", f"{side}_Shoulder")
                / (
                    body.distance(f"{side}_Wrist", f"{side}_Elbow")
                    + body.distance(f"{side}_Elbow", f"{side}_Shoulder")
                )
                * (body(f"{side}_Wrist")[:, 1] < body(f"{side}_Shoulder")[:, 1] + 18)
            ).max()
        )
    ),
    "crossed at start": over_knee(0),
    "crossed at end": over_knee(-1),
    "foot up": busier("Ankle", lift),
    "feet up": both_sides("Ankle", lift),
    "foot forward": busier("Ankle", forth),
    "foot way": busier("Ankle", way),
    "foot rate": most_moved("Ankle", rate),
    "knee quick": busier("Knee", quick),
    "foot quick": busier("Ankle", quick),
    "foot beats": most_moved("Ankle", lambda points: peaks(-points[:, 1])),
    "swing": lambda body: max(body.sides(lambda side: np.ptp(shank(side, body)))),
}


@functools.cache
def bodies(code: str) -> tuple[Body, ...]:
    """Clips of one class by different people, without noise."""
    class_id = CODES.index(code)
    return tuple(bare(class_id, np.random.default_rng([11, class_id, i])) for i in range(CLIPS))


def bare(class_id: int, rng: np.random.Generator) -> Body:
    """A clip of that class by a person at random, without noise, distractors and camera."""
    person = Person.draw(rng)
    return Body(simulate_clip(class_id, person, rng, noise=False, distractors=False, camera=False))

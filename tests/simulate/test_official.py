"""Every official class is measured for what its name says, seen and unseen by an extractor."""

import functools

import numpy as np
import pytest
from build import H36M
from simulate.measures import MEASURES, Body, busier, hand

from mbnb.classes import read_classes
from mbnb.data.dataset import verify
from mbnb.data.write import write_dataset
from mbnb.simulate import simulate
from mbnb.simulate.extractor import extract
from mbnb.simulate.noise import NOISE
from mbnb.simulate.official import OFFICIAL_MOVES
from mbnb.simulate.seated import draw_person, seated_clip

TABLE = read_classes("ma52_still")
CLIPS = 12


def length(*joints: str):
    """The mean over a clip of how far two joints are apart."""
    return lambda body: body.distance(*joints).mean()


def apart(joint: str):
    """How much further left and right joint are apart at the end than at the beginning."""
    return lambda body: np.diff(body.distance(f"L_{joint}", f"R_{joint}")[[0, -1]])[0]


def farthest(body: Body) -> float:
    """How far a wrist gets from its shoulder, as a share of the arm."""
    return max(
        body.sides(
            lambda side: (
                body.distance(f"{side}_Wrist", f"{side}_Shoulder").max()
                / (length(f"{side}_Wrist", f"{side}_Elbow")(body) + upper_arm(side, body))
            )
        )
    )


def upper_arm(side: str, body: Body) -> float:
    return body.distance(f"{side}_Elbow", f"{side}_Shoulder").mean()


def over_thigh(body: Body) -> float:
    """The nearest that a wrist comes to a thigh, from the hip to the knee."""
    spots = [
        body(f"{side}_Hip") * (1 - share) + body(f"{side}_Knee") * share
        for side in "LR"
        for share in np.linspace(0.2, 1, 9)
    ]
    wrists = body("L_Wrist"), body("R_Wrist")
    return min(np.linalg.norm(w - s, axis=1).min() for w in wrists for s in spots)


def shrug(body: Body) -> float:
    """By how much the neck and the nose come closer, upwards."""
    height = (body("Neck") - body("Head"))[:, 1]
    return height.max() - height.min()


def standing(body: Body) -> float:
    """By how much the hips rise above the ankles."""
    height = (body("L_Ankle") + body("R_Ankle"))[:, 1] / 2
    return height.max() - height.min()


def behind_back(body: Body) -> float:
    """How far behind the plane of neck and pelvis a wrist gets."""
    middle = (body("Neck") + body("Pelvis"))[:, 2] / 2
    return max(body.sides(lambda side: (body(f"{side}_Wrist")[:, 2] - middle).max()))


to_nose, foot_way = hand("Head"), MEASURES["foot way"]
wrist_way = busier("Wrist", lambda points: float(np.linalg.norm(np.ptp(points, axis=0))))
# What each class shows in most clips: measure, least, most; cm, degrees.
EXPECTED = {
    "A0": (lambda body: np.ptp(body.twist) + MEASURES["trunk"](body), 3, 60),
    "A1": (lambda body: body("Neck")[0, 1] - body("Neck")[-1, 1], 0.3, 20),
    "A2": (shrug, 1.5, 14),
    "A3": (MEASURES["twist"], 9, 90),
    "A4": (standing, 3, 60),
    "B5": (MEASURES["head down"], 4, 60),
    "B6": (MEASURES["head down"], -50, -3),
    "B7": (MEASURES["head tilt"], 4, 60),
    "B8": (MEASURES["yaw"], 5, 80),
    "B9": (MEASURES["pitch"], 3, 40),
    "B10": (MEASURES["yaw"], 4, 60),
    "C11": (
        lambda body: min(hand("*_Elbow", True)(body), hand("*_Wrist", True)(body)),
        0,
        21,
    ),
    "C12": (wrist_way, 3, 90),
    "C13": (MEASURES["wrists"], 0, 15),
    "C14": (MEASURES["wrists"], 0, 15),
    "C15": (hand("Neck"), 8, 30),
    "C16": (wrist_way, 0.3, 16),
    "C17": (farthest, 0.8, 1),
    "C18": (farthest, 0.7, 1),
    "C19": (MEASURES["wrist height"], -20, 25),
    "C20": (lambda body: body.distance("L_Wrist", "R_Wrist").max(), 25, 110),
    "C21": (MEASURES["wrists"], 0, 16),
    "C22": (wrist_way, 0.3, 9),
    "C23": (wrist_way, 5, 90),
    "D24": (MEASURES["knee quick"], 0.2, 12),
    "D25": (foot_way, 4, 50),
    "D26": (apart("Knee"), 1, 60),
    "D27": (apart("Knee"), -60, -1),
    "D28": (foot_way, 6, 90),
    "D29": (foot_way, 6, 60),
    "D30": (foot_way, 4, 60),
    "D31": (MEASURES["foot up"], 1, 13),
    "E32": (hand("Neck"), 4, 24),
    "E33": (hand("Neck"), 10, 27),
    "E34": (behind_back, 0, 60),
    "E35": (
        lambda body: min(hand("*_Shoulder", True)(body), hand("*_Shoulder")(body)),
        2,
        19,
    ),
    "E36": (hand("*_Hip"), 4, 20),
    "E37": (MEASURES["across"], 4, 40),
    "F38": (hand("Head_top"), 2, 21),
    "F39": (to_nose, 10, 32),
    "F40": (to_nose, 5, 17),
    "F41": (to_nose, 6, 22),
    "F42": (to_nose, 6, 17),
    "F43": (to_nose, 5, 17),
    "F44": (to_nose, 10, 23),
    "F45": (to_nose, 5, 17),
    "F46": (to_nose, 8, 20),
    "F47": (to_nose, 5, 17),
    "G48": (over_thigh, 2, 15),
    "G49": (lambda body: min(over_thigh(body), MEASURES["to shank"](body)), 2, 15),
    "G50": (lambda body: min(over_thigh(body), MEASURES["to shank"](body)), 2, 15),
    "G51": (MEASURES["to ankle"], 4, 25),
    "N52": (wrist_way, 0, 3),
}


def clips(class_id: int, count: int = CLIPS, **kwargs) -> list[np.ndarray]:
    """Clips of one class by people at random."""
    seeds = (np.random.default_rng([3, class_id, i]) for i in range(count))
    region = TABLE.regions[class_id]
    return [seated_clip(class_id, region, draw_person(rng), rng, **kwargs) for rng in seeds]


@functools.cache
def bodies(class_id: int) -> tuple[Body, ...]:
    plain = clips(class_id, noise=False, distractors=False, camera=False)
    return tuple(Body(clip) for clip in plain)


def test_moves_stand_in_the_order_of_the_table():
    assert tuple(OFFICIAL_MOVES) == TABLE.codes
    assert TABLE.codes[:52] == read_classes("ma52").codes and len(TABLE) == 53


@pytest.mark.parametrize("code", OFFICIAL_MOVES)
def test_most_clips_of_a_class_show_what_its_name_says(code):
    measure, least, most = EXPECTED[code]
    shown = np.array([measure(body) for body in bodies(TABLE.codes.index(code))])
    assert np.mean((shown >= least) & (shown <= most)) >= 0.75, shown.round(1)


PARTS = {
    "trunk": ("Neck", "Spine1"),
    "head": ("Head", "Head_top"),
    "hands": ("L_Wrist", "R_Wrist"),
    "legs": ("L_Knee", "R_Knee", "L_Ankle", "R_Ankle"),
}
# What may move most in the classes of a region. The hips are the origin: who rises moves the legs.
MOVED = {
    "body": ("trunk", "head", "legs"),
    "head": ("head",),
    "upper limb": ("hands",),
    "lower limb": ("legs",),
    "body-hand": ("hands",),
    "head-hand": ("hands",),
    "leg-hand": ("hands",),
}


def movement(class_id: int) -> dict[str, float]:
    """By part of the body, how far it moves in the median clip of a class; the head, by itself."""

    def of(body: Body, part: str) -> float:
        neck = body("Neck") if part == "head" else 0
        return max(np.linalg.norm((body(joint) - neck).std(0)) for joint in PARTS[part])

    return {part: float(np.median([of(body, part) for body in bodies(class_id)])) for part in PARTS}


def test_classes_move_most_what_their_region_says_and_nothing_moves_least():
    nothing = movement(52)
    for class_id in range(52):
        more = {part: way - nothing[part] for part, way in movement(class_id).items()}
        most = max(more, key=more.get)
        assert most in MOVED[TABLE.regions[class_id]], (TABLE.titles[class_id], more)
        assert more[most] > 0.15, (TABLE.titles[class_id], more)


def test_what_people_do_besides_is_small():
    still, besides = (
        [np.ptp(Body(clip)("Head"), axis=0).max() for clip in clips(52, 30, noise=False, **kwargs)]
        for kwargs in (dict(distractors=False), {})
    )
    assert np.median(still) < np.median(besides) < 5, "cm"


def seen(class_id: int, count: int) -> list[np.ndarray]:
    """Clips as the extractor gives them, which must be joined as the conversion joins them."""
    shown = clips(class_id, count)
    pelvis, neck, *ends = H36M.index("Pelvis", "Neck", "L_Hip", "R_Hip", "L_Shoulder", "R_Shoulder")
    for clip in shown:
        assert clip.dtype == np.float32 and 20 <= len(clip) <= 150
        unseen = np.isnan(clip)
        assert (unseen.all(-1) == unseen.any(-1)).all() and not np.isinf(clip).any()
        assert unseen[:, pelvis].any() or np.abs(clip[:, pelvis]).max() < 1e-6
        for middle, pair in ((pelvis, ends[:2]), (neck, ends[2:])):
            np.testing.assert_allclose(clip[:, middle], clip[:, pair].mean(1), atol=1e-6)
    return shown


def test_joints_are_unseen_only_where_the_class_can_still_be_told():
    legs = H36M.index("L_Knee", "R_Knee", "L_Ankle", "R_Ankle")
    for code in ("A4", "D24", "G50"):
        assert not any(np.isnan(clip).any() for clip in seen(TABLE.codes.index(code), 20))
    waving = seen(TABLE.codes.index("C19"), 60)
    assert 1 <= sum(np.isnan(clip[:, legs]).any() for clip in waving) <= 30
    assert not any(np.isnan(np.delete(clip, legs, 1)).any() for clip in waving)
    nodding = seen(TABLE.codes.index("B9"), 100)
    assert 1 <= sum(np.isnan(clip[:, 0]).any() for clip in nodding) <= 25


def test_a_still_body_shows_the_noise_that_was_measured():
    still = np.repeat(Body(bodies(52)[0].cm[:1] / 100).cm / 100, 60, 0)
    seeds = map(np.random.default_rng, range(60))
    shown = [extract(still, rng, legs=True, trunk=False) for rng in seeds]
    steps = np.array([np.median(np.abs(np.diff(clip, axis=0)), (0, 1)) / 0.6745 for clip in shown])
    low, high = np.percentile(steps, (5, 95), axis=0)
    assert (low > 0.4 * NOISE[0]).all() and (high < 1.3 * NOISE[1]).all(), (low, high)
    assert (np.argmax(steps, 1) == 2).mean() > 0.9, "depth is worst"


def test_the_same_seed_gives_the_same_bytes_and_the_reader_finds_them_ready(tmp_path):
    given = dict(people=4, test_people=1, clips_per_person=53, class_table="ma52_still", seed=2)
    first, second = simulate(**given), simulate(**given)
    for split in first:
        assert first[split].frames.tobytes() == second[split].frames.tobytes()
        assert set(first[split].labels) == set(range(53))
    write_dataset(tmp_path / "set", first, TABLE, packed=True, simulated=True)
    table = verify(tmp_path / "set")
    assert not (table["severity"] == "error").any()
    honest = table["problem"].str.contains("joints were not seen|varies in length")
    assert honest.all(), table["problem"][~honest].tolist()

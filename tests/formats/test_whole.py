"""Hands and faces of other tools' files become the joints of a whole body."""

import json

import numpy as np
import pytest
from formats.somebody import FRAMES, SIDES, points_of

from mbnb import formats
from mbnb.formats.layouts import FINGERS, LAYOUTS, sources_of
from mbnb.skeleton import load_skeleton

WHOLE = load_skeleton("wholebody44")
FINGER_WORDS = ["thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip"]
FINGER_WORDS += [
    f"{finger}_{joint}"
    for finger in ("index_finger", "middle_finger", "ring_finger", "pinky")
    for joint in ("mcp", "pip", "dip", "tip")
]


def picture(points):
    """The same in shares of a square picture."""
    return points[..., :2] / 4 + 0.5


BODY, HAND = LAYOUTS["mediapipe33"], {s: [f"{s}_hand_{f}" for f in FINGERS.split()] for s in SIDES}


def landmarks(points, **more):
    return [{"x": x, "y": y, "z": z} | more for x, y, z in points.tolist()]


def shares(points, **more):
    flat = np.concatenate([picture(points), np.zeros_like(points[..., :1])], -1)
    return landmarks(flat, **more)


def of_javascript(path):
    frames = [
        {"poseLandmarks": shares(points_of(BODY)[t], visibility=0.9)}
        | {f"{side}HandLandmarks": shares(points_of(HAND[side])[t]) for side in SIDES}
        for t in range(FRAMES)
    ]
    frames[1]["leftHandLandmarks"] = None
    path.write_text(json.dumps(frames))


def of_tasks(path):
    """Lists of people, in metres, with hands about their own middle."""
    hands = {side: points_of(HAND[side]) for side in SIDES}
    frames = [
        {"pose_landmarks": [shares(points_of(BODY)[t])]}
        | {"pose_world_landmarks": [landmarks(points_of(BODY)[t])]}
        | {f"{s}_hand_landmarks": [shares(hands[s][t])] for s in SIDES}
        | {f"{s}_hand_world_landmarks": [landmarks(h[t] - h[t].mean(0))] for s, h in hands.items()}
        for t in range(FRAMES)
    ]
    frames[1]["left_hand_landmarks"] = frames[1]["left_hand_world_landmarks"] = []
    path.write_text(json.dumps({"fps": 25, "frames": frames}))


def of_parts(path):
    """A row a point, numbered in its part, in shares of the picture."""
    rows = ["frame,row_id,type,landmark_index,x,y,z"]
    parts = {"pose": BODY} | {f"{side}_hand": HAND[side] for side in SIDES}
    for t, (part, names) in [(t, part) for t in range(FRAMES) for part in parts.items()]:
        for i, (x, y) in enumerate(picture(points_of(names)[t])):
            lost = t == 1 and part == "left_hand"
            rows.append(f"{t},{t}-{part}-{i},{part},{i}," + (",," if lost else f"{x},{y},0.1"))
    path.write_text("\n".join(rows))


def in_millimetres(names):
    """z up, as freemocap has it; the left hand is lost in a frame."""
    points = 1000 * points_of(names)[..., [0, 2, 1]] * [1, 1, -1]
    points[1, [name.startswith("left_hand") for name in names]] = np.nan
    return points


def of_freemocap(path):
    names = [f"body_{name}".replace("big_toe", "foot_index") for name in BODY]
    names += [f"{s}_hand_{word}" for s in SIDES[::-1] for word in ("wrist", *FINGER_WORDS)]
    points = in_millimetres((*BODY, *HAND["right"], *HAND["left"]))
    columns = [f"{name}_{axis}" for name in names for axis in "xyz"]
    rows = [",".join(map(str, row)) for row in points.reshape(FRAMES, -1)]
    path.write_text("\n".join([",".join(columns), *rows]).replace("nan", ""))


def of_arrays(path):
    mesh = np.zeros((FRAMES, 478, 3))
    parts = in_millimetres((*BODY, *HAND["right"], *HAND["left"]))
    with open(path, "wb") as file:
        np.save(file, np.concatenate([parts, mesh], 1))


def numbers(names, t):
    flat = np.concatenate(
        [100 + 400 * picture(points_of(names)[t]), np.full((len(names), 1), 0.9)], 1
    )
    flat[[t == 1 and name.startswith("left_hand") for name in names]] = 0
    return flat.ravel().tolist()


def of_coco(path):
    cuts = np.cumsum([0, 17, 6, 68, 21, 21])
    keys = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
    names = LAYOUTS["wholebody133"]
    rows = [
        {"image_id": f"{t}.jpg", "category_id": 1, "score": 1.0}
        | {key: numbers(names, t)[3 * a : 3 * b] for key, a, b in zip(keys, cuts, cuts[1:])}
        for t in range(FRAMES)
    ]
    path.write_text(json.dumps(rows))


def of_alphapose(path):
    names = LAYOUTS["halpe136"]
    rows = [{"image_id": f"{t}.jpg", "keypoints": numbers(names, t)} for t in range(FRAMES)]
    path.write_text(json.dumps(rows))


def of_openpose(path):
    path.mkdir()
    names = LAYOUTS["body25_137"]
    keys = ("pose", "face", "hand_left", "hand_right")
    cuts = 3 * np.cumsum([0, 25, 70, 21, 21])
    for t in range(FRAMES):
        flat = numbers(names, t)
        person = {f"{k}_keypoints_2d": flat[a:b] for k, a, b in zip(keys, cuts, cuts[1:])}
        (path / f"film_{t:012}_keypoints.json").write_text(
            json.dumps({"version": 1.3, "people": [{"person_id": [-1]} | person]})
        )


FILES = {
    of_javascript: "mediapipe81",
    of_tasks: "mediapipe81",
    of_parts: "mediapipe81",
    of_freemocap: "mediapipe81",
    of_arrays: "mediapipe81",
    of_coco: "wholebody133",
    of_alphapose: "halpe136",
    of_openpose: "body25_137",
}


@pytest.mark.parametrize("write", FILES, ids=lambda one: one.__name__)
def test_hands_of_every_tool_come_where_they_are(write, tmp_path):
    path = tmp_path / "whole"
    write(path)
    file = formats.read(path)
    (pose,) = formats.joints_of(file, "wholebody44").values()
    assert file.layout == FILES[write] and pose.shape == (FRAMES, 44, 3) and not file.doubts
    sources = sources_of(LAYOUTS[file.layout], "wholebody44")
    known = [joint for joint, points in sources.items() if points and "Mouth" not in joint]
    face = ("Brow", "lip", "Chin")
    known = [joint for joint in known if not any(part in joint for part in ("top", *face))]
    wanted = np.stack(
        [points_of([LAYOUTS[file.layout][i] for i in sources[j]]).mean(1) for j in known], 1
    )
    wanted = wanted if file.depth else picture(wanted) * (1 if file.shares else 400)
    wanted += 0 if file.depth or file.shares else 100
    found = pose[:, WHOLE.index(*known), : wanted.shape[-1]]
    left = [name[:2] == "L_" and WHOLE.parts[WHOLE.joints.index(name)] == "hand" for name in known]
    assert sum(left) == 6 and np.isnan(found[1, left]).all()
    found[1, left] = wanted[1, left]
    np.testing.assert_allclose(found, wanted, atol=2e-4)


def test_hands_in_the_picture_do_not_hang_at_a_body_in_metres(tmp_path):
    path = tmp_path / "both.json"
    of_tasks(path)
    frames = json.loads(path.read_text())["frames"]
    for frame in frames:
        for side in SIDES:
            del frame[f"{side}_hand_world_landmarks"]
    path.write_text(json.dumps(frames))
    file = formats.read(path)
    (pose,) = formats.joints_of(file, "wholebody44").values()
    assert file.depth and np.isnan(pose[:, WHOLE.index("L_Index", "R_Thumb")]).all()
    assert any("hands lie in a picture" in note for note in file.notes)

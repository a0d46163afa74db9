"""The same person as other tools, versions and exports write them, found in the same places."""

import io
import json
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from build import H36M
from formats.somebody import FRAMES, points_of

from mbnb import formats
from mbnb.files import InputError
from mbnb.formats.bvh import write_bvh
from mbnb.formats.layouts import LAYOUTS
from mbnb.formats.names import canonical

KNOWN = H36M.index("L_Hip", "R_Knee", "L_Ankle", "R_Shoulder", "L_Elbow", "R_Wrist")
OURS, COCO, MEDIAPIPE = (LAYOUTS[name] for name in ("h36m17", "coco17", "mediapipe33"))
BODY = points_of(OURS) + [0.3, 0, 2]
Y_UP, Z_UP = BODY * [1, -1, -1], BODY[..., [0, 2, 1]] * [1, 1, -1]
LANDMARKS = points_of(MEDIAPIPE) - points_of(OURS[:1])  # about the hips
PIXELS = 100 + 100 * points_of(COCO)[..., :2]
BODY25 = LAYOUTS["body25"]
FLAT25 = np.concatenate([100 + 100 * points_of(BODY25)[..., :2], np.full((FRAMES, 25, 1), 0.9)], -1)
FLAT = np.concatenate([PIXELS, np.full((FRAMES, 17, 1), 0.9)], -1)


def csv_of(columns, rows, separator=",", comma=False):
    lines = [separator.join(columns)] * bool(columns)
    lines += [separator.join(map(str, row)) for row in rows]
    text = "\n".join(lines)
    return text.replace(".", ",").replace(",mp4", ".mp4") if comma else text


def wide(names, points, pattern="{}_{}", **how):
    columns = [pattern.format(name, axis) for name in names for axis in "xyz"]
    return csv_of(columns, points.reshape(FRAMES, -1), **how)


def long_table(points, unit):
    rows = [[t, name, *p] for t, frame in enumerate(points) for name, p in zip(OURS, frame)]
    return csv_of(["frame", "joint", *(f"{axis} ({unit})" for axis in "XYZ")], rows)


def two_rows(first):
    """Names above the first of their axes, or axes above names; then seconds of a clock."""
    names = [cell for name in OURS for cell in ((name, "", "") if first else (name,) * 3)]
    rows = [["", *names], ["time", *"xyz" * 17]] if first else [["", *"xyz" * 17], ["time", *names]]
    rows += [[""] + ["mm"] * 51] if first else []
    body = [[f"10:00:0{t / 25:.2f}", *frame.ravel()] for t, frame in enumerate(1000 * Y_UP)]
    return csv_of([], rows + body)


def beside():
    """World landmarks beside those in the picture."""
    names = [*MEDIAPIPE, *(f"{name}_world" for name in MEDIAPIPE)]
    return wide(names, np.concatenate([LANDMARKS / 4 + 0.5, LANDMARKS], 1))


def timed(unit):
    rows = np.column_stack([np.arange(FRAMES) / 25 / unit, LANDMARKS.reshape(FRAMES, -1)])
    return csv_of(["timestamp", *(f"{name}_{axis}" for name in MEDIAPIPE for axis in "xyz")], rows)


def trc(points, unit="m", separator="\t", comma=False, names=OURS):
    about = "DataRate CameraRate NumFrames NumMarkers Units".split()
    lines = [separator.join(["PathFileType", "4", "(X/Y/Z)", "x"]), separator.join(about)]
    lines += [separator.join(["25", "25", str(FRAMES), str(len(names)), unit])]
    between = 3 * separator if separator == "\t" else separator
    lines += [f"Frame#{separator}Time{separator}{between.join(names)}", f"{2 * separator}X1"]
    for t, frame in enumerate(points):
        cells = separator.join([str(t + 1), f"{t / 25:.3f}", *map(str, frame.ravel())])
        lines.append(cells.replace(".", ",") if comma else cells)
    return "\n".join(lines)


def persons(t, **more):
    points = {"keypoints": PIXELS[t].tolist(), "keypoint_scores": [0.9] * 17}
    return [points | more]


def yolo(t):
    x, y = PIXELS[t].T.tolist()
    points = {"x": x, "y": y, "visible": [0.9] * 17}
    return [{"name": "person", "confidence": 0.8, "track_id": 3, "keypoints": points}]


def commented():
    """A BVH with remarks, and blank lines before it."""
    with tempfile.TemporaryDirectory() as folder:
        write_bvh(Path(folder) / "own.bvh", BODY, 25)
        text = (Path(folder) / "own.bvh").read_text()
    text = text.replace("{\n", "{ # a joint\n", 1).replace("Frames:", "; in time\nFrames:")
    return f"# made by hand\n\n  // of a person\n{text}"


# Markers in the centres of joints, as Vicon's model names them, and bones as Motive does.
CENTRES = {
    f"{s}{word}JC": f"{side}_{joint}"
    for s, side in (("L", "left"), ("R", "right"))
    for word, joint in zip("HKASEW", "hip knee ankle shoulder elbow wrist".split())
}
BONES = {
    f"{s}{word}": f"{side}_{joint}"
    for s, side in (("L", "left"), ("R", "right"))
    for word, joint in zip(
        "Thigh Shin Foot UArm FArm Hand".split(), "hip knee ankle shoulder elbow wrist".split()
    )
}


def optical(points, before="", first=1):
    """Rows of frames: a number, a second column, and all places."""
    rows = [[t + first, t / 100, *frame.ravel()] for t, frame in enumerate(points)]
    return before + csv_of([], rows)


def vicon():
    points = 1000 * (points_of(CENTRES.values()) + BODY[:1, :1])[..., [0, 2, 1]] * [1, 1, -1]
    names = ",,".join(f",Anna:{name}" for name in CENTRES)
    axes, units = ",X,Y,Z" * len(CENTRES), ",mm" * 3 * len(CENTRES)
    head = f"\n\nTrajectories\n100\n,{names},,\nFrame,Sub Frame{axes}\n,{units}\n"
    return optical(points, head) + "\n\nDevices\n1000\n"


def qualisys():
    points = 1000 * (points_of(CENTRES.values()) + BODY[:1, :1])[..., [0, 2, 1]] * [1, 1, -1]
    head = "NO_OF_FRAMES\t4\nFREQUENCY\t100\nDATA_INCLUDED\t3D\nMARKER_NAMES\t"
    rows = ["\t".join(map(str, frame.ravel())) for frame in points]
    return head + "\t".join(CENTRES) + "\n" + "\n".join(rows)


def motive():
    points = (points_of(BONES.values()) + BODY[:1, :1]) * [1, -1, -1]
    turned = np.concatenate([np.zeros((FRAMES, len(BONES), 4)), points], -1)
    head = "Format Version,1.23,Export Frame Rate,100.0,Length Units,Meters\n\n"
    for word, cells in (("Type", ["Bone"]), ("Name", BONES), ("ID", ["7"])):
        head += (
            f",{word},"
            + ",".join(
                cell if word != "Name" else f"Skeleton 001:{cell}"
                for cell in cells
                for _ in range(7 * len(BONES) // len(cells))
            )
            + "\n"
        )
    head += ",," + ",".join((["Rotation"] * 4 + ["Position"] * 3) * len(BONES)) + "\n"
    head += "Frame,Time (Seconds)," + ",".join([*"XYZW", *"XYZ"] * len(BONES)) + "\n"
    return optical(turned, head, first=0)


SENSED = points_of(LAYOUTS["kinect25"]) * [-1, -1, 1] + [-0.3, 0, 2]
JOINTS_V2 = [f"{name.title().replace('_', '')}" for name in LAYOUTS["kinect25"]]
JOINTS_V2 = ["SpineBase", "SpineMid", "Neck", *JOINTS_V2[3:20], "SpineShoulder", *JOINTS_V2[21:]]


def kinect_in_rows():
    """A row a joint, the body by a number, seconds in ticks of Windows."""
    rows = [
        [t * 333333, 72057594037931101, name, *p]
        for t, frame in enumerate(SENSED)
        for name, p in zip(JOINTS_V2, frame)
    ]
    return csv_of(["Timestamp", "BodyId", "JointType", "PosX", "PosY", "PosZ"], rows)


def azure():
    names = LAYOUTS["azure32"]
    points = 1000 * (points_of(names) + BODY[:1, :1])
    frames = [
        {
            "timestamp_usec": 33333 * t,
            "num_bodies": 1,
            "bodies": [{"body_id": 4, "joint_positions": frame}],
        }
        for t, frame in enumerate(points.tolist())
    ]
    spelled = [name.upper().replace("LEFT_EYE", "EYE_LEFT") for name in names]
    return json.dumps({"joint_names": spelled, "frames": frames})


def movenet():
    """An array of poses a frame, each point with a name."""
    return json.dumps(
        [
            [
                {
                    "score": 0.9,
                    "id": 1,
                    "keypoints": [
                        {"x": x, "y": y, "score": score, "name": name}
                        for (x, y, score), name in zip(frame, COCO)
                    ],
                }
            ]
            for frame in FLAT.tolist()
        ]
    )


def openpose(**more):
    frames = [
        {
            "people": [
                {"pose_keypoints_2d": frame.ravel().tolist()}
                | {key: value[t] for key, value in more.items()}
            ]
        }
        for t, frame in enumerate(FLAT25)
    ]
    return "\n".join(map(json.dumps, frames))  # a line a frame


def in_space():
    points = np.concatenate(
        [1000 * (points_of(BODY25) + BODY[:1, :1]), np.ones((FRAMES, 25, 1))], -1
    )
    return openpose(pose_keypoints_3d=[frame.ravel().tolist() for frame in points])


def mmpose_in_space():
    rows = [
        {"frame_id": t + 1, "instances": [{"keypoints": pose.tolist(), "track_id": 0}]}
        for t, pose in enumerate(Z_UP)
    ]
    names = dict(enumerate(f"{name}" for name in OURS))
    return json.dumps({"meta_info": {"keypoint_id2name": names}, "instance_info": rows})


def landmarks(by_name=False):
    frames = [[dict(zip("xyz", point)) for point in frame] for frame in LANDMARKS.tolist()]
    if by_name:
        frames = [{"landmarks": dict(zip(map(str.upper, MEDIAPIPE), f))} for f in frames]
    return json.dumps(frames if by_name else {str(t): frame for t, frame in enumerate(frames)})


def deeplabcut(separator, comma):
    heads = [
        ["scorer", *["s"] * 34],
        ["bodyparts", *np.repeat(COCO, 2)],
        ["coords", *["x", "y"] * 17],
    ]
    rows = [[t, *frame.ravel()] for t, frame in enumerate(PIXELS)]
    lines = csv_of([], heads, separator) + "\n"
    return lines + csv_of([], rows, separator, comma)


def annotation(**more):
    points = {"keypoint": PIXELS[None].astype(np.float16), "keypoint_score": FLAT[None, ..., 2]}
    return pickle.dumps({"frame_dir": "one", "label": 3, "img_shape": (480, 640)} | points | more)


TEXTS = {
    # name -> what is in it, whether it has depth, frames a second
    "bare.csv": (wide(MEDIAPIPE, LANDMARKS, "{}.{}"), True, None),
    "brackets.csv": (wide(MEDIAPIPE, LANDMARKS, "{0} ({1})"), True, None),
    "before.csv": (wide(MEDIAPIPE, LANDMARKS, "{1}_{0}"), True, None),
    "commas.csv": (wide(MEDIAPIPE, LANDMARKS, separator=";", comma=True), True, None),
    "seconds.csv": (timed(1), True, 25),
    "milliseconds.csv": (timed(1e-3), True, 25),
    "unit.csv": (wide(OURS, 1000 * Y_UP, "{}_{}_mm"), True, None),
    "unit_apart.csv": (wide(OURS, 100 * Y_UP, "{} {} (cm)"), True, None),
    "unit_of_points.csv": (long_table(1000 * Y_UP, "mm"), True, None),
    "names_above.csv": (two_rows(True), True, 25),
    "axes_above.csv": (two_rows(False), True, 25),
    "vicon.csv": (vicon(), True, 100),
    "qualisys.tsv": (qualisys(), True, 100),
    "motive.csv": (motive(), True, 100),
    "kinect_rows.csv": (kinect_in_rows(), True, 30.0),
    "azure.json": (azure(), True, 30.0),
    "movenet.json": (movenet(), False, None),
    "lines.jsonl": (openpose(), False, None),
    "openpose_in_space.json": (in_space(), True, None),
    "records.json": (
        pd.read_csv(io.StringIO(wide(OURS, BODY))).to_json(orient="records"),
        True,
        None,
    ),
    "world_beside.csv": (beside(), True, None),
    "comments.bvh": (commented(), True, 25),
    "excel.csv": ("sep=;\n" + wide(OURS, BODY, separator=";"), True, None),
    "unicode.csv": (wide(OURS, BODY).encode("utf-16"), True, None),
    "by_frame.json": (landmarks(), True, None),
    "by_name.json": (landmarks(by_name=True), True, None),
    "lists.json": (json.dumps(LANDMARKS.tolist()), True, None),
    "commas.trc": (trc(Y_UP, comma=True), True, 25),
    "blanks.trc": (trc(Y_UP, separator=" "), True, 25),
    "millimeters.trc": (trc(1000 * Z_UP, "millimeters"), True, 25),
    "other_unit.trc": (trc(1000 * Z_UP, "m"), True, 25),
    "space.json": (mmpose_in_space(), True, None),
    "pages.json": (json.dumps([persons(t) for t in range(FRAMES)]), False, None),
    "predictions.json": (json.dumps({"predictions": [*map(persons, range(FRAMES))]}), False, None),
    "yolo.json": (json.dumps([yolo(t) for t in range(FRAMES)]), False, None),
    "commas_dlc.csv": (deeplabcut(";", True), False, None),
    "one.pkl": (annotation(), False, None),
}


def check(file, depth, rate=None):
    (pose,) = formats.joints_of(file).values()
    assert (
        (file.depth, file.rate and round(file.rate)) == (depth, rate)
        and len(pose) == FRAMES
        and not file.doubts
    )
    if depth:  # about the pelvis: some of these begin there
        found, wanted = pose - pose[:, :1], BODY - BODY[:, :1]
    else:
        found, wanted = pose[..., :2] / 100, 1 + points_of(OURS)[..., :2]
    np.testing.assert_allclose(found[:, KNOWN], wanted[:, KNOWN], atol=1e-3)


@pytest.mark.parametrize("name", TEXTS)
def test_what_other_exports_write_is_found_where_it_is(name, tmp_path):
    content, depth, rate = TEXTS[name]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (file,) = formats.read_all(tmp_path / name).values()
    check(file, depth, rate)


def test_arrays_in_every_arrangement(tmp_path):
    centred = BODY - BODY[:, :1]  # as VideoPose3D writes: its root is no missing joint
    seen = np.concatenate([LANDMARKS, np.full((FRAMES, 33, 1), 0.9)], -1)
    kinect = points_of(LAYOUTS["kinect25"]) * [-1, -1, 1]
    cases = {
        "centred": (centred, ""),
        "rows": (BODY.reshape(FRAMES, -1), ""),
        "lifted": (0.298 * centred, ""),  # MotionBERT's unit
        "visible": (seen, ""),
        "visible_rows": (seen.reshape(FRAMES, -1), ""),
        "channels": (np.stack([kinect.transpose(2, 0, 1), 0 * kinect.transpose(2, 0, 1)], -1), ""),
        "pairs": (PIXELS.reshape(FRAMES, -1), "coco17"),
    }
    for name, (array, layout) in cases.items():
        np.save(tmp_path / f"{name}.npy", array)
        file = formats.read(tmp_path / f"{name}.npy", layout)
        if name == "channels":
            assert np.isfinite(formats.joints_of(file)["1"][:, KNOWN]).all() and not file.doubts
            continue
        check(file, name != "pairs")
    np.savez(tmp_path / "scored.npz", keypoints=PIXELS, keypoint_scores=FLAT[..., 2], fps=25)
    check(formats.read(tmp_path / "scored.npz", "coco17"), False, 25)
    shares = np.concatenate([LANDMARKS[..., :2] / 4 + 0.5, LANDMARKS[..., 2:]], -1)
    np.save(tmp_path / "shares.npy", shares)
    assert formats.read(tmp_path / "shares.npy").shares


def test_arrays_of_detectors_of_clips_by_name_and_of_ntus_script(tmp_path):
    several = np.stack([np.tile(FLAT, (2, 1, 1)), np.tile(FLAT + [60, 0, 0], (2, 1, 1))], axis=1)
    np.save(tmp_path / "people.npy", several)  # (T, M, P, C), as rtmlib gives it frame by frame
    file = formats.read(tmp_path / "people.npy", "coco17")
    np.testing.assert_allclose(file.people["2"][:FRAMES], FLAT + [60, 0, 0], atol=1e-4)
    np.save(tmp_path / "padded.npy", FLAT * [1, 1, 0])  # no depth, no confidence
    assert np.isfinite(formats.read(tmp_path / "padded.npy", "coco17").people["1"]).all()
    np.savez(tmp_path / "clips.npz", walk=BODY, sit=BODY[:3], fps=25)
    files = formats.read_all(tmp_path / "clips.npz")
    assert {name: len(file.people["1"]) for name, file in files.items()} == {"walk": 4, "sit": 3}
    check(files["walk"], True, 25)
    humans = (points_of(LAYOUTS["smpl22"]) + 1) * [1, -1, -1]
    np.savez(tmp_path / "amass.npz", poses=np.zeros((FRAMES, 156)), joints=humans)
    check(formats.read(tmp_path / "amass.npz"), True)
    bodies = {"nbodys": [2] * FRAMES, "skel_body0": SENSED, "skel_body1": 0 * SENSED + SENSED[:1]}
    np.save(tmp_path / "S001.skeleton.npy", np.array(bodies, object))
    file = formats.read(tmp_path / "S001.skeleton.npy")
    assert list(file.people) == ["0", "1"] and file.rate == 30 and file.layout == "kinect25"
    np.save(tmp_path / "nothing.npy", 0 * BODY)
    with pytest.raises(InputError, match="there is nothing in it"):
        formats.read(tmp_path / "nothing.npy")


def test_two_people_in_one_file_of_markers_stay_apart(tmp_path):
    points = points_of(CENTRES.values()) * [1, -1, -1]
    both = np.concatenate([points, points + [0.8, 0, 0]], axis=1)
    names = [f"{who}:{name}" for who in ("Anna", "Ben") for name in CENTRES]
    (tmp_path / "two.trc").write_text(trc(both, names=names))
    file = formats.read(tmp_path / "two.trc")
    assert list(file.people) == ["Anna", "Ben"] and file.points == tuple(CENTRES)
    apart = file.people["Ben"] - file.people["Anna"]
    np.testing.assert_allclose(apart, np.broadcast_to([0.8, 0, 0], apart.shape), atol=1e-5)


def test_pixels_of_mediapipe_are_no_places_in_space(tmp_path):
    seen = points_of(MEDIAPIPE) * [200, 200, 200] + [320, 240, 0]
    (tmp_path / "pixels.csv").write_text(wide(MEDIAPIPE, seen))
    file = formats.read(tmp_path / "pixels.csv")
    assert not file.depth and not file.shares and "pixels" in str(file.notes)
    np.testing.assert_allclose(file.people["1"][..., :2], seen[..., :2], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "word"),
    {
        "hips_JNT": "pelvis",
        "LeftHandPosition": "left_wrist",
        "lThighBend": "left_hip",
        "LUArm": "left_shoulder",
        "RFArm": "right_elbow",
        "RHJC": "right_hip",
        "r_shank": "right_knee",
        "talus_l": "left_ankle",
        "r_lelbow_study": "right_elbow",
        "Head1": "head",
        "0_NOSE": "nose",
    }.items(),
)
def test_names_of_more_programs_are_known(name, word):
    assert canonical((name,)) == (word,)


def test_a_number_behind_a_name_is_no_side():
    assert canonical(("hip1", "hip2", "head")) == ("hip1", "hip2", "head")


def test_skeletons_of_every_studio_are_known_by_their_names(tmp_path):
    write_bvh(tmp_path / "own.bvh", BODY, 25)
    text = (tmp_path / "own.bvh").read_text()
    parts = "Hip Knee Ankle Shoulder Elbow Wrist".split()
    for words, sided in {
        "Thigh Calf Foot UpperArm Forearm Hand": "Bip01 {} {}",
        "UpLeg Leg Foot Arm ForeArm Hand": "Character1_{}{}",
        "Hip Knee Ankle Shoulder Elbow Wrist": "m_avg_{}_{}",
        "UpperLeg LowerLeg Foot UpperArm LowerArm Hand": "J_Bip_{}_{}",
    }.items():
        other = text
        for part, word in zip(parts, words.split()):
            for side in "LR":
                long = {"L": "Left", "R": "Right"}[side] if "Character" in sided else side
                other = other.replace(f"JOINT {side}_{part}", f"JOINT {sided.format(long, word)}")
        prefix = sided.split("{")[0]
        for joint in ("Spine1", "Neck", "Head", "Head_top"):
            other = other.replace(f"JOINT {joint}\n", f"JOINT {prefix}{joint}\n")
        other = other.replace("ROOT Pelvis", f"ROOT {prefix}Hips").replace("\n", "\r")
        head, _, motion = other.partition("MOTION")
        (tmp_path / "other.bvh").write_text(head + "MOTION" + motion.replace(".", ","), newline="")
        check(formats.read(tmp_path / "other.bvh"), True, 25)


def test_numbers_of_bodies_that_no_float_tells_apart(tmp_path):
    points = points_of(LAYOUTS["kinect25"]) * [-1, -1, 1]
    lines = [str(FRAMES)]
    for frame in points:
        lines.append("2")
        for i, person in enumerate((72057594037931101, 72057594037931102)):
            lines += [f"{person} 0 1 1 1 1 0 0.1 0.2 2", "25"]
            lines += [" ".join(map(str, (*(p + [i, 0, 0]), *[0] * 8, 2))) for p in frame]
    (tmp_path / "two.skeleton").write_text("\n".join(lines))
    assert list(formats.read(tmp_path / "two.skeleton").people) == [
        "72057594037931101",
        "72057594037931102",
    ]
    (tmp_path / "cut.skeleton").write_text("\n".join(lines[:-5]))
    with pytest.raises(InputError, match="it is cut off in frame 3"):
        formats.read(tmp_path / "cut.skeleton")


def test_tables_of_several_videos_are_recordings_apart_with_confidences(tmp_path):
    columns = [
        "video",
        "frame",
        *(f"{name}_{axis}" for name in COCO for axis in ("x", "y", "conf")),
    ]
    rows = [
        [v, t, *(FLAT[t] + [i, 0, 0]).ravel()] for i, v in enumerate("ab") for t in range(FRAMES)
    ]
    (tmp_path / "wide.csv").write_text(csv_of(columns, rows))
    rows = [[*row[:2], name, *row[2 + 3 * i :][:3]] for row in rows for i, name in enumerate(COCO)]
    (tmp_path / "long.csv").write_text(csv_of(["video", "frame", "point", "x", "y", "score"], rows))
    for name in ("wide.csv", "long.csv"):
        files = formats.read_all(tmp_path / name)
        assert list(files) == ["a", "b"]
        for i, file in enumerate(files.values()):
            np.testing.assert_allclose(file.people["1"], FLAT + [i, 0, 0], atol=1e-4)


def test_joints_in_another_order_make_no_body(tmp_path):
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(17)
        np.save(tmp_path / "order.npy", BODY[:, order])
        try:
            file = formats.read(tmp_path / "order.npy")
        except InputError as error:
            assert "give a layout" in str(error)
        else:
            assert file.doubts


@pytest.mark.parametrize("person", [persons, yolo])
def test_a_folder_with_a_file_for_each_picture_is_one_recording(person, tmp_path):
    for t in range(FRAMES):
        (tmp_path / f"frame_{t}.json").write_text(json.dumps(person(t) if t != 2 else []))
    file = formats.read(tmp_path)
    (pose,) = formats.joints_of(file).values()
    assert len(pose) == FRAMES and np.isnan(pose[2]).all() and np.isfinite(pose[1, KNOWN]).all()


def test_kinetics_skeleton_counts_from_1_and_has_a_label(tmp_path):
    shares = points_of(LAYOUTS["coco18"])[..., :2] / 4 + 0.5
    rows = [
        {"frame_index": t + 1, "skeleton": [{"pose": p.ravel().tolist(), "score": [0.9] * 18}]}
        for t, p in enumerate(shares)
    ]
    (tmp_path / "clip.json").write_text(json.dumps({"data": rows, "label": "x", "label_index": 6}))
    file = formats.read(tmp_path / "clip.json")
    assert file.shares and file.label == 6 and file.layout == "coco18"
    np.testing.assert_allclose(file.people["1"][..., :2], shares, atol=1e-6)

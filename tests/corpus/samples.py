"""One small sound file of every kind that mbnb reads, and what reads it.

Readers go as far as a user's command does: joints become a clip, codings are written again.
"""

import contextlib
import io
import json
import pickle
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import build
import numpy as np
from formats.pandas_tables import LABELS, PREDICTIONS, table
from formats.test_variants import azure, motive, movenet, qualisys, vicon

from mbnb import formats
from mbnb.coding import describe, read_codings, write_coding
from mbnb.coding.writing import WRITERS as CODING_WRITERS
from mbnb.config import Config, read_yaml
from mbnb.data.convert import Source, people_in
from mbnb.data.dataset import read, verify
from mbnb.data.write import write_dataset
from mbnb.files import InputError
from mbnb.formats.pyskl import write_pyskl
from mbnb.intervals import Coding, Interval

POSE = build.moving(0, 0, 20)
TALK = Coding("talk", (Interval(1.5, 2.25, "nod", "head"), Interval(3.0, 4.0, "wave", "arms")))
Reader = Callable[[Path], Any]


def joints(path: Path) -> None:
    """Everybody in a file as a conversion has them; no joint of a clip is infinite."""
    for one in people_in(Source(path, "clip"), 30.0):
        assert one.pose is None or not np.isinf(one.pose).any(), "an infinite joint"


def codings(path: Path) -> None:
    """All codings of a file, described, and written as everything that can hold them.

    What a CSV or an .eaf takes, it gives back.
    """
    found = read_codings(path)
    describe(found)
    with tempfile.TemporaryDirectory() as place:
        for ending in CODING_WRITERS:
            written = Path(place) / f"talk{ending}"
            try:
                write_coding(found, written)
            except InputError:
                continue
            count = sum(map(len, read_codings(written)))
            if ending in (".csv", ".eaf"):
                assert count == sum(map(len, found)), f"{ending} lost intervals"


def flat(points: np.ndarray) -> list[float]:
    """Points (P, 2) as lists of detectors have them, with a confidence."""
    return np.column_stack([points[:, :2], np.full(len(points), 0.7)]).ravel().tolist()


def people_2d(count: int = 17) -> list[np.ndarray]:
    """A person of `count` points in four pictures."""
    body = np.random.default_rng(0).uniform(10, 90, (count, 2))
    return [body + i for i in range(4)]


def kinect() -> str:
    """NTU's text of two frames with a body each."""
    rows = "\n".join(f"0.5 {0.1 * j} 3 0 0 0 0 0 0 0 1 2" for j in range(25))
    return "2\n" + f"1\n7 0 1 1 1 1 0 0.1 0.2 2\n25\n{rows}\n" * 2


def alphapose() -> list[dict]:
    """A list of AlphaPose's."""
    return [{"image_id": f"{i}.jpg", "keypoints": flat(p)} for i, p in enumerate(people_2d())]


def mmpose() -> list[dict]:
    """A list of MMPose's."""
    return [
        {"frame_id": i, "instances": [{"keypoints": p.tolist(), "keypoint_scores": [0.5] * 17}]}
        for i, p in enumerate(people_2d())
    ]


def mediapipe() -> list[dict]:
    """Landmarks of MediaPipe's in a list of frames."""
    frames = [[dict(zip("xyz", map(float, p))) for p in np.eye(33, 3)] for _ in range(4)]
    return [{"frame": i, "landmarks": frame} for i, frame in enumerate(frames)]


def coco() -> dict:
    """Annotations in COCO's form, of one video."""
    names = list(formats.LAYOUTS["coco17"])
    images = [{"id": i, "file_name": f"a/{i:03}.jpg", "width": 99, "height": 99} for i in range(4)]
    rows = [
        {"image_id": i, "category_id": 1, "track_id": 1, "keypoints": flat(body)}
        for i, body in enumerate(people_2d())
    ]
    people = [{"id": 1, "name": "person", "keypoints": names}]
    return {"images": images, "annotations": rows, "categories": people}


def easymocap() -> list[dict]:
    """A frame of EasyMocap's."""
    body = np.column_stack([np.random.default_rng(0).normal(size=(25, 3)), np.ones(25)])
    return [{"id": 3, "keypoints3d": body.tolist()}]


def deeplabcut() -> str:
    """A table of DeepLabCut's with three points."""
    heads = ["scorer" + ",me" * 9, "bodyparts,a,a,a,b,b,b,c,c,c", "coords" + ",x,y,likelihood" * 3]
    return "\n".join([*heads, *(f"{i}" + ",1,2,0.9" * 3 for i in range(4))]) + "\n"


def long_table() -> str:
    """A table with a row a point."""
    names = formats.LAYOUTS["mediapipe33"]
    rows = [f"{t},{name},{i / 9},{i / 7},2" for t in range(3) for i, name in enumerate(names)]
    return "\n".join(["frame,keypoint,x,y,z", *rows]) + "\n"


def numbered_table() -> str:
    """A table of MediaPipe's points that have numbers alone."""
    header = ",".join(f"pose_{i}_{axis}" for i in range(33) for axis in "xyz")
    return "\n".join([header, *(",".join(["0.5", "0.25", "0.1"] * 33) for _ in range(3))]) + "\n"


def dot_pose() -> bytes:
    """A .pose of the version 0.1: a component of three points in four frames of one person."""
    name = struct.pack("<H4s", 4, b"BODY") + struct.pack("<H3s", 3, b"XYC")
    points = b"".join(struct.pack("<H1s", 1, letter) for letter in (b"a", b"b", b"c"))
    header = struct.pack("<f4H", 0.1, 100, 100, 0, 1) + name + struct.pack("<3H", 3, 1, 1) + points
    header += struct.pack("<2H3H", 0, 1, 255, 0, 0) + struct.pack("<3H", 25, 4, 1)
    places = np.random.default_rng(0).uniform(0, 99, (4, 1, 3, 2)).astype("<f4")
    return header + places.tobytes() + np.ones((4, 1, 3), "<f4").tobytes()


def c3d() -> bytes:
    """A C3D of two markers in three frames, as an Intel machine writes it."""

    def parameter(name: bytes, kind: int, shape: tuple, values: bytes, last: bool) -> bytes:
        body = struct.pack("bB", kind, len(shape)) + bytes(shape) + values + b"\0"
        step = struct.pack("<h", 0 if last else len(body) + 2)
        return struct.pack("bb", len(name), 1) + name + step + body

    about = struct.pack("bb", 5, -1) + b"POINT" + struct.pack("<h", 3) + b"\0"
    about += parameter(b"LABELS", -1, (4, 2), b"LASIRASI", False)
    about += parameter(b"UNITS", -1, (2,), b"cm", True)
    header = b"\x02\x50" + struct.pack("<5Hf2Hf", 2, 0, 1, 3, 0, -0.5, 3, 0, 50.0)
    data = np.array([[10, 20, 30, 0, 40, 50, 60, 0]] * 3, "<f4")
    block = bytes(3) + bytes([84]) + about
    return header.ljust(512, b"\0") + block.ljust(512, b"\0") + data.tobytes()


def write_h5(folder: Path) -> list[str]:
    """SLEAP's export and Human3.6M's positions; the names of both."""
    import h5py

    with h5py.File(folder / "sleap.h5", "w") as file:
        file["tracks"] = np.random.default_rng(0).uniform(0, 99, (1, 2, 3, 4))
        file["node_names"] = np.array([b"top", b"front", b"rear"])
        file["track_names"] = np.array([b"mouse"])
        file["point_scores"] = np.ones((1, 3, 4))
    with h5py.File(folder / "h36m.h5", "w") as file:
        file["3D_positions"] = np.random.default_rng(0).normal(0, 500, (96, 4))
    for name, text in (("predictions.h5", PREDICTIONS), ("labels.h5", LABELS)):
        (folder / name).write_bytes(table(text))
    return ["sleap.h5", "h36m.h5", "predictions.h5", "labels.h5"]


def write_many(folder: Path) -> list[str]:
    """Arrays of whole data sets, and AIST++'s points; the names of all."""
    clips = np.random.default_rng(0).normal(0, 0.3, (2, 3, 4, 25, 2)).astype(np.float32)
    np.save(folder / "train_data.npy", clips)
    rows = clips.transpose(0, 2, 4, 3, 1).reshape(2, 4, 150)
    np.savez(folder / "rows.npz", x_train=rows, y_train=np.eye(9)[[3, 5]])
    dancer = {"keypoints3d": 100 * POSE[:4]}
    (folder / "dancer.pkl").write_bytes(pickle.dumps(dancer))
    return ["train_data.npy", "rows.npz", "dancer.pkl"]


def activitynet() -> dict:
    """A file of annotations of ActivityNet's."""
    one = {"segment": [0.5, 1.5], "label": "nod"}
    return {"version": "1", "database": {"a": {"duration": 9.0, "annotations": [one]}}}


TEXTS: dict[str, tuple[Reader, str]] = {
    "joints.skeleton": (joints, kinect()),
    "alphapose.json": (joints, json.dumps(alphapose())),
    "mmpose.json": (joints, json.dumps(mmpose())),
    "landmarks.json": (joints, json.dumps(mediapipe())),
    "openpose.json": (
        joints,
        json.dumps({"version": 1.3, "people": [{"pose_keypoints_2d": flat(people_2d(25)[0])}]}),
    ),
    "tier.TextGrid": (
        codings,
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n4\n<exists>\n1\n'
        '"IntervalTier"\n"head"\n0\n4\n2\n0\n1.5\n""\n1.5\n4\n"nod"\n',
    ),
    "vicon.csv": (joints, vicon()),
    "qualisys.tsv": (joints, qualisys()),
    "motive.csv": (joints, motive()),
    "azure.json": (joints, azure()),
    "movenet.json": (joints, movenet()),
    "coco.json": (joints, json.dumps(coco())),
    "easymocap.json": (joints, json.dumps(easymocap())),
    "deeplabcut.csv": (joints, deeplabcut()),
    "long.csv": (joints, long_table()),
    "numbered.csv": (joints, numbered_table()),
    "numbers.txt": (
        joints,
        "\n".join(",".join(f"{x:.4f}" for x in row.ravel()) for row in POSE[:4]) + "\n",
    ),
    "activitynet.json": (codings, json.dumps(activitynet())),
    "elan.txt": (
        codings,
        "Tier\tParticipant\tBegin Time - msec\tEnd Time - msec\tDuration - msec\tAnnotation\n"
        "head\tanna\t1500\t2250\t750\tnod\nhead\tanna\t3500\t4250\t750\tnod\n",
    ),
    "aggregated.csv": (
        codings,
        "Observation id,Source,Time offset (s),Media duration (s),Subject,Behavior,Modifier #1,"
        "Behavior type,Start (s),Stop (s)\n"
        "a,player #1:v/a.mp4;v/b.mp4|player #2:c.mp4,60,90.5;30|120,anna,nod,left,STATE,61,62.5\n",
    ),
    "datavyu.csv": (
        codings,
        "#4\na (TEXT,true,)-value|NOMINAL\n00:00:01:000,00:00:02:000,(nod)\n",
    ),
    "settings.yaml": (
        lambda path: Config.of(read_yaml(path)),
        "# mine\nrun: mine\nepochs: 3\nstreams: [joint, bone]\nseed: 1\nlr_head: 0.005\n",
    ),
}


def write_samples(folder: Path) -> dict[str, Reader]:
    """Write the sound files into `folder`, and return what reads each."""
    readers: dict[str, Reader] = {}
    for name, (reader, text) in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
        readers[name] = reader
    for form, write in formats.WRITERS.items():
        write(folder / f"joints.{form}", POSE, 30.0)
        readers[f"joints.{form}"] = joints
    np.save(folder / "joints.npy", POSE)
    np.savez(folder / "joints.npz", joints=POSE)
    write_pyskl(folder / "joints.pkl", {"a": POSE, "b": POSE + 1}, [0, 1], {"train": ["a", "b"]})
    readers |= dict.fromkeys(("joints.npy", "joints.npz", "joints.pkl"), joints)
    (folder / "body.pose").write_bytes(dot_pose())
    (folder / "markers.c3d").write_bytes(c3d())
    rooms = {"S1": {"Walking": POSE, "Eating": POSE}}
    np.savez(folder / "rooms.npz", positions_3d=np.array(rooms, object))
    others = ["body.pose", "markers.c3d", "rooms.npz", *write_many(folder)]
    with contextlib.suppress(ImportError):
        others += write_h5(folder)
    readers |= dict.fromkeys(others, joints)
    for ending in ("eaf", "boris", "csv", "tsv"):
        write_coding([TALK], folder / f"talk.{ending}")
        readers[f"talk.{ending}"] = codings
    (folder / "labels.pkl").write_bytes(pickle.dumps((["a", "b"], [0, 1])))
    with zipfile.ZipFile(folder / "talk.opf", "w") as archive:
        archive.writestr(
            "db", "#4\na (TEXT,true,)-value|NOMINAL\n00:00:01:000,00:00:02:000,(nod)\n"
        )
    readers |= {"labels.pkl": codings, "talk.opf": codings}
    return readers


def write_folder(root: Path) -> Path:
    """A sound data set of a folder a clip, and return where it lies."""
    splits = {
        "train": build.clips("abc", [0, 2], pose=build.moving, classes=build.CLASSES),
        "test": build.clips("xy", [0, 2], "test", pose=build.moving, classes=build.CLASSES),
    }
    write_dataset(root, splits, build.CLASSES)
    return root


def read_folder(root: Path) -> Any:
    """All that is wrong with a data set; then the data set itself, which refuses the same."""
    table = verify(root, Config())
    if (table["severity"] == "error").any():
        assert table["problem"].str.len().max() < 2000
    return read(root, Config())


def bytes_of(array: np.ndarray, **how: Any) -> bytes:
    """An npy file of an array."""
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **how)
    return file.getvalue()

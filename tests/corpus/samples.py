"""One small sound file of every kind that mbnb reads, and what reads it."""

import dataclasses
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import build
import numpy as np
import torch

from mbnb import formats
from mbnb.classes import read_classes, write_classes
from mbnb.coding import read_codings, write_coding
from mbnb.config import Config, read_yaml
from mbnb.data.dataset import read, verify
from mbnb.data.write import write_dataset
from mbnb.formats.pyskl import write_pyskl
from mbnb.intervals import Coding, Interval
from mbnb.model.checkpoints import save_checkpoint, weights_of
from mbnb.model.weight_files import read_checkpoint

POSE = build.moving(0, 0, 20)
TALK = Coding("talk", (Interval(1.5, 2.25, "nod", "head"), Interval(3.0, 4.0, "wave", "arms")))
Reader = Callable[[Path], Any]


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


def activitynet() -> dict:
    """A file of annotations of ActivityNet's."""
    one = {"segment": [0.5, 1.5], "label": "nod"}
    return {"version": "1", "database": {"a": {"duration": 9.0, "annotations": [one]}}}


TEXTS: dict[str, tuple[Reader, str]] = {
    "joints.skeleton": (formats.read_all, kinect()),
    "alphapose.json": (formats.read_all, json.dumps(alphapose())),
    "mmpose.json": (formats.read_all, json.dumps(mmpose())),
    "landmarks.json": (formats.read_all, json.dumps(mediapipe())),
    "openpose.json": (
        formats.read_all,
        json.dumps({"version": 1.3, "people": [{"pose_keypoints_2d": flat(people_2d(25)[0])}]}),
    ),
    "tier.TextGrid": (
        read_codings,
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n4\n<exists>\n1\n'
        '"IntervalTier"\n"head"\n0\n4\n2\n0\n1.5\n""\n1.5\n4\n"nod"\n',
    ),
    "activitynet.json": (read_codings, json.dumps(activitynet())),
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
        readers[f"joints.{form}"] = formats.read_all
    np.save(folder / "joints.npy", POSE)
    np.savez(folder / "joints.npz", joints=POSE)
    write_pyskl(folder / "joints.pkl", {"a": POSE, "b": POSE + 1}, [0, 1], {"train": ["a", "b"]})
    readers |= dict.fromkeys(("joints.npy", "joints.npz", "joints.pkl"), formats.read_all)
    for ending in ("eaf", "boris", "csv", "tsv"):
        write_coding([TALK], folder / f"talk.{ending}")
        readers[f"talk.{ending}"] = read_codings
    (folder / "labels.pkl").write_bytes(pickle.dumps((["a", "b"], [0, 1])))
    with zipfile.ZipFile(folder / "talk.opf", "w") as archive:
        archive.writestr(
            "db", "#4\na (TEXT,true,)-value|NOMINAL\n00:00:01:000,00:00:02:000,(nod)\n"
        )
    readers |= {"labels.pkl": read_codings, "talk.opf": read_codings}
    write_classes(build.CLASSES, folder / "classes.csv")
    readers["classes.csv"] = read_classes
    config = build.config()
    from mbnb.model.checkpoints import build_model

    save_checkpoint(folder / "model.pt", build_model(config, 4, 17), config, build.CLASSES)
    from safetensors.torch import save_file

    save_file(dict(build_model(config, 4, 17).state_dict()), folder / "model.safetensors")
    readers |= dict.fromkeys(("model.pt", "model.safetensors"), weights)
    return readers


def weights(path: Path) -> dict[str, torch.Tensor]:
    """The weights in a file."""
    return weights_of(read_checkpoint(path), path)


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


__all__ = ["bytes_of", "dataclasses", "read_folder", "write_folder", "write_samples"]

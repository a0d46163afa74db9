"""Sound files of mbnb's own kinds and of what goes with them, and what reads each.

Data sets, recordings to pretrain from, weights, bodies, settings, tables of answers, and what lies
in a run's folder.
"""

import atexit
import functools
import json
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import build
import numpy as np
import yaml
from corpus.samples import POSE, Reader, read_folder, write_folder, write_samples
from data.originals import (
    FILES,
    FULL_SIZE,
    write_clips,
    write_h36m,
    write_instavariety,
    write_posetrack,
)

from mbnb.bodies.body import read_body, write_body
from mbnb.bodies.smpl import ARRAYS, of_arrays, read_smpl
from mbnb.classes import read_classes, write_classes
from mbnb.coding.edits import read_edits
from mbnb.config import Config, read_yaml
from mbnb.convert.sources import find_sources
from mbnb.data.dataset import load
from mbnb.data.motion import load_motion
from mbnb.data.smpl_pictures import read_mesh_pictures
from mbnb.evaluate.leaderboard import leaderboard
from mbnb.evaluate.tables import prediction_table, read_regions, read_scores, write_csv
from mbnb.formats.layouts import points_of
from mbnb.model.checkpoints import build_model, save_checkpoint, weights_of
from mbnb.model.weight_files import read_checkpoint
from mbnb.run.grid import plan_grid
from mbnb.runs import RunFolder, metrics_of
from mbnb.scores.challenge import write_submission
from mbnb.show.review import read_review
from mbnb.show.timeline import read_probabilities
from mbnb.train.monitor import progress
from mbnb.train.resume import read_point


@functools.cache
def aside(what: str) -> Path:
    """A folder of its own that is there until Python ends."""
    folder = Path(tempfile.mkdtemp(prefix=f"{what}."))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def placed(what: str, place: str, read: Callable[[Path], Any]) -> Reader:
    """Reads a file where it lies at `place` in a folder, which `read` is asked about."""

    def reader(path: Path) -> Any:
        target = aside(what) / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        return read(aside(what))

    return reader


def in_data(place: str) -> tuple[Reader, bytes]:
    """Reads a file of a sound data set, and its bytes."""
    root = aside(f"data {Path(place).name}") / "data"
    if not root.exists():
        write_folder(root)
    raw = (root / place).read_bytes()
    reader = placed(f"data {Path(place).name}", f"data/{place}", lambda top: read_folder(root))
    return reader, raw


def motion(path: Path) -> None:
    """Recordings to pretrain from."""
    load_motion(Config.of({"motion": [str(path)], "val_fraction": 0.0}))


def weights(path: Path) -> None:
    """The weights in a file, and what a training or a network takes of it."""
    weights_of(read_checkpoint(path), path)


def point(path: Path) -> None:
    """A point from which a training goes on."""
    weights_of(read_point(path), path)


def scores(path: Path) -> None:
    """Probabilities of classes, and of regions."""
    found = read_scores(path, build.CLASSES)
    assert np.isfinite(found.to_numpy()).all() and (found.to_numpy() >= 0).all()
    read_regions(path, build.CLASSES)


def sample(path: Path) -> None:
    """A sample submission, and the submission made by it."""
    chances = prediction_table(["a"], build.CLASSES, np.full((1, 4), 0.25))
    table = aside("sample") / "answers.csv"
    if not table.exists():
        write_csv(chances, table)
    write_submission(
        aside("sample") / "s.zip", path, read_scores(table, build.CLASSES), build.CLASSES, None
    )


def _metrics(top: Path) -> None:
    """The leaderboard passes over a run whose metrics are damaged; whoever needs them does not."""
    leaderboard(top)
    metrics_of(RunFolder(top / "a"))


def keypoints() -> dict:
    """Clips of 2D keypoints as pyskl has them."""
    rng = np.random.default_rng(0)
    one = {"label": 0, "img_shape": (90, 90), "original_shape": (90, 90), "total_frames": 8}
    rows = [
        one
        | {
            "frame_dir": f"S001C001P00{i}R001A001",
            "keypoint": rng.uniform(0, 90, (1, 8, 17, 2)).astype(np.float16),
            "keypoint_score": np.full((1, 8, 17), 0.5, np.float16),
        }
        for i in range(2)
    ]
    names = [row["frame_dir"] for row in rows]
    return {"split": {"xsub_train": names[:1], "xsub_val": names[1:]}, "annotations": rows}


def smpl() -> dict[str, np.ndarray]:
    """SMPL's arrays of a body of six vertices and three joints."""
    rng = np.random.default_rng(0)
    shapes = ((6, 3), (6, 3, 10), (6, 3, 18), (3, 6), (6, 3))
    arrays = {name: rng.uniform(0.1, 1, shape) for name, shape in zip(ARRAYS, shapes)}
    tree = np.array([[2**32 - 1, 0, 1], [0, 1, 2]])
    return arrays | {"kintree_table": tree, "f": np.array([[0, 1, 2], [3, 4, 5]])}


def mesh_pictures() -> dict:
    """Two pictures with SMPL's poses for training and testing."""
    part = {
        "joint_2d": np.full((2, 17, 2), 500.0),
        "confidence": np.ones((2, 17, 1)),
        "source": np.array(["a", "a"]),
        "camera_name": np.array(["54138969", "55011271"]),
        "smpl_pose": np.zeros((2, 72)),
        "smpl_shape": np.zeros((2, 10)),
    }
    return {"train": part, "test": part}


EDITS = {
    "format": "mbnb edits",
    "version": 1,
    "recording": "talk",
    "length": 60.0,
    "edits": [
        dict(segment="abc", verdict="added", start=1, end=2.5, label="nod", tier="", person="")
    ],
}
METRICS = {
    "split": "test",
    "n_test": 40,
    "people": 12,
    "people_also_in_train": 0,
    "top1": 0.5,
    "intervals": {"top1": [0.4, 0.6]},
    "official": {"F1_mean": 0.4},
    "calibration_error": 0.1,
}


def _texts() -> dict[str, tuple[Reader, str]]:
    """Texts by name, and what reads each."""
    outputs = placed("outputs", "a/metrics.json", _metrics)
    history = placed("run", "history.csv", lambda top: progress(RunFolder(top)))
    config = Config.of({"outputs": str(aside("notes")), "run": "a"})
    notes = placed("notes", "a/review.csv", lambda top: read_review(config, build.CLASSES))
    sources = placed("sources", "list.csv", lambda t: find_sources(t / "list.csv", build.CLASSES))
    np.save(aside("sources") / "a.npy", POSE)
    grid = "epochs: 2\nvariants:\n  a: {clip_len: 8}\ngrid:\n  seed: [0, 1]\n"
    layout = "\n".join(f"bone{i},left_hip" for i in range(3)) + "\n"
    made = "clip,note,label\na,unclear,C1\n"
    listed = "file,clip,label,subject,split,start,end,person\na.npy,one,C1,anna,train,0.1,0.5,\n"
    rows = "epoch,train_loss,val_loss,val_top1,seconds\n1,2.5,2.5,0.25,3.5\n2,1.5,1.25,0.5,3.25\n"
    return {
        "metrics.json": (outputs, json.dumps(METRICS)),
        "history.csv": (history, rows),
        "review.csv": (notes, made),
        "list.csv": (sources, listed),
        "grid.yaml": (lambda path: plan_grid(read_yaml(path)), grid),
        "layout.txt": (lambda path: points_of(str(path)), layout),
        "edits.json": (read_edits, json.dumps(EDITS)),
        "probabilities.csv": (read_probabilities, "time,nothing,nod\n0.5,0.75,0.25\n1,0.5,0.5\n"),
        "sample.csv": (sample, "vid,action_pred_1,body_pred_1\na,0,0\n"),
        "original.yaml": (
            lambda path: Config.of(read_yaml(path)),
            yaml.safe_dump(FULL_SIZE | dict(epochs=50, batch_size=32, lr_backbone=1e-3)),
        ),
        "pretrain.yaml": (
            lambda path: Config.of(read_yaml(path)),
            yaml.safe_dump(FILES["MB_pretrain"]),
        ),
    }


def _write_pickles(folder: Path) -> dict[str, Reader]:
    for name, content in {
        "keypoints.pkl": keypoints(),
        "mesh_det_h36m.pkl": mesh_pictures(),
        "smpl.pkl": smpl(),
    }.items():
        (folder / name).write_bytes(pickle.dumps(content))
    np.savez(folder / "smpl.npz", **smpl())
    regressor = np.full((17, 6), 1 / 6)
    for ending in ("pkl", "npz"):
        np.save(aside(f"smpl {ending}") / "J_regressor_h36m.npy", regressor)
    write_h36m(folder / "h36m.pkl", frames=8)
    clips = write_clips(aside("made") / "AMASS" / "train", 1, 12) / "train" / "00000000.pkl"
    shutil.copyfile(clips, folder / "clip.pkl")
    return {
        "keypoints.pkl": lambda path: load(
            Config.of({"data_root": str(path), "data_split": "xsub"})
        ),
        "mesh_det_h36m.pkl": read_mesh_pictures,
        "smpl.pkl": placed("smpl pkl", "a.pkl", lambda top: read_smpl(top / "a.pkl")),
        "smpl.npz": placed("smpl npz", "a.npz", lambda top: read_smpl(top / "a.npz")),
        "h36m.pkl": motion,
        "clip.pkl": placed("clip", "train/1.pkl", motion),
    }


def _write_motion(folder: Path) -> dict[str, Reader]:
    frames = np.concatenate([POSE, POSE]).astype(np.float32)
    about = dict(offsets=np.array([0, 20, 40]), clip_names=np.array(["a", "b"]))
    about |= dict(subject=np.array(["x", "y"]), kind=np.array(["walk", "sit"]), fps=np.array(30.0))
    np.savez(folder / "motion.npz", frames=frames, **about)
    track = write_posetrack(aside("made") / "tracks", 1, 4)
    shutil.copyfile(next(track.iterdir()), folder / "posetrack.json")
    both = write_instavariety(aside("ids"), 1, 20)
    shutil.copyfile(both / "id_all.npy", folder / "id_all.npy")
    write_clips(aside("posetrack") / "more" / "train", 1, 12)
    more = str(aside("posetrack") / "more")
    tracks = str(aside("posetrack") / "tracks")
    config = Config.of({"motion": [tracks, more], "val_fraction": 0.0})
    posetrack = placed("posetrack", "tracks/a.json", lambda top: load_motion(config))
    others = Config.of({"motion": [str(both), more], "val_fraction": 0.0})
    return {
        "motion.npz": motion,
        "posetrack.json": posetrack,
        "id_all.npy": placed("ids", "id_all.npy", lambda top: load_motion(others)),
    }


def _write_weights(folder: Path) -> dict[str, Reader]:
    from safetensors.torch import save_file

    config = build.config()
    save_checkpoint(folder / "model.pt", build_model(config, 4, 17), config, build.CLASSES)
    shutil.copyfile(folder / "model.pt", folder / "point.pt")
    save_file(dict(build_model(config, 4, 17).state_dict()), folder / "model.safetensors")
    write_body(of_arrays(smpl(), np.full((17, 6), 1 / 6), "a"), folder / "body.safetensors")
    return {
        "model.pt": weights,
        "point.pt": point,
        "model.safetensors": weights,
        "body.safetensors": read_body,
    }


def write_all(folder: Path) -> dict[str, Reader]:
    """Write sound files of all kinds into `folder`, and return what reads each."""
    readers = write_samples(folder)
    for name, (reader, text) in _texts().items():
        (folder / name).write_text(text, encoding="utf-8")
        readers[name] = reader
    for place in ("train_labels.txt", "subjects.csv", "classes.csv", "pose_3d.npy"):
        where = "train/C1_a_train0/pose_3d.npy" if place == "pose_3d.npy" else place
        readers[f"data {place}"], raw = in_data(where)
        (folder / f"data {place}").write_bytes(raw)
    write_classes(build.CLASSES, folder / "classes.csv")
    readers["classes.csv"] = read_classes
    write_csv(
        prediction_table(["a", "b"], build.CLASSES, np.full((2, 4), 0.25), np.full((2, 2), 0.5)),
        folder / "predictions.csv",
    )
    readers["predictions.csv"] = scores
    for write in (_write_pickles, _write_motion, _write_weights):
        readers |= write(folder)
    return readers

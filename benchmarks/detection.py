"""How well and how fast movements are found in long recordings.

On simulated interviews, or on sequences joined from the clips of `data_root`, people kept: of real
people, with rests that are made.
"""

import dataclasses
import resource
import time

import pandas as pd

from mbnb.classes import ClassTable
from mbnb.config import DETECTOR, Config
from mbnb.data import dataset
from mbnb.detect.compare import compare, tuned
from mbnb.detect.detector import Detector, load_detector
from mbnb.detect.joined import joined
from mbnb.detect.learn import SETTINGS
from mbnb.detect.score import scores
from mbnb.detect.stretches import stretches_of
from mbnb.detect.teach import TEST, finish, interviews, over_time, train_detector
from mbnb.model.shipped import find_weights
from mbnb.train import train

EPOCHS = 25  # of a detector that is taught on joined clips
METHODS = ("dstformer", "linear")


def measure_detection(config: Config, quick: bool = False) -> pd.DataFrame:
    """A row a method: segment F1, false alarms in rests. Prints how long an hour takes before."""
    detector = load_detector(find_weights(DETECTOR), config)
    print(an_hour(detector, 60 if quick else 3600))
    if not config.data_root:
        return compare(detector, config, 2 if quick else 12, 60 if quick else 300)
    return _on_joined(config)


def _on_joined(config: Config) -> pd.DataFrame:
    """Of people of the test split; thresholds are chosen on those who are held out from train."""
    data = dataset.load(config)
    if not config.folder.best.exists():
        train(config, data)
    split = {
        name: list(joined(clips, data.classes, data.skeleton, config.fps))
        for name, clips in data.splits.items()
    }
    moments, linear = (_taught(method, config, data.classes, split) for method in METHODS)
    clips = load_detector(config.folder.best, config)
    methods = {
        "moments, labelled by a model of clips": moments.labelled_by(clips),
        "moments": moments,
        "moments, linear": linear,
        "clips: rests told by movement": tuned(clips, split["val"]),
        "clips: a threshold on windows": tuned(
            dataclasses.replace(clips, plain=True), split["val"], plain=True
        ),
    }
    return pd.DataFrame(
        {"method": name} | scores(over_time(one, split["test"]), one.classes, one.decoding)
        for name, one in methods.items()
    )


def _taught(method: str, config: Config, classes: ClassTable, split: dict) -> Detector:
    place = {"outputs": str(config.folder.path), "run": method, "method": method}
    given = {"epochs": EPOCHS, "init_from": "encoder", "resume": False, "device": config.device}
    own = Config.of(SETTINGS | given | place)
    train_detector({name: split[name] for name in ("train", "val")}, own, classes)
    return finish(own.folder, split["val"], own)


def an_hour(detector: Detector, seconds: float = 3600.0) -> str:
    """How long an hour of poses takes, and the most memory that was in use meanwhile."""
    ((recording, _),) = interviews([TEST], seconds)
    began, used = time.perf_counter(), time.process_time()
    seen = stretches_of(recording, detector.config, detector.skeleton)
    found = detector.segments(detector.over_time(seen))
    used, took = time.process_time() - used, time.perf_counter() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return (
        f"{seconds / 3600:g} h of poses, {len(recording.pose)} frames: {len(found)} segments in "
        f"{took:.0f} s, {used:.0f} s of a processor; at most {most:.2f} GB"
    )

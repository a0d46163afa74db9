"""A detector beside simpler ways to detect, on simulated people whom nobody has learned from."""

import dataclasses

import numpy as np
import pandas as pd

from mbnb.classes import read_classes
from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.detect.detector import Detector, load_detector
from mbnb.detect.score import choose_decoding, scores
from mbnb.detect.teach import TEST, VAL, Pairs, finish, interviews, over_time, train_detector
from mbnb.model.predict import Network
from mbnb.model.shipped import find_weights

OF_CLIPS = "simulated_ma52"
LINEAR_EPOCHS = 12


def compare(
    detector: Detector, config: Config, people: int = 6, seconds: float = 300.0
) -> pd.DataFrame:
    """A row a method: segment F1 of `people` unseen simulated people, and false alarms in rests.

    Thresholds of all methods are chosen on as many others.
    """
    val = interviews(range(VAL, VAL + people), seconds)
    test = interviews(range(TEST, TEST + people), seconds)
    clips = load_detector(find_weights(OF_CLIPS), config)
    clips = dataclasses.replace(clips, network=_Remembering(clips.network))
    methods = {
        "moments": (detector, False),
        "moments, linear": (_linear(config, val), False),
        "clips: what lies between rests": (clips, False),
        "clips: rests told by movement": (dataclasses.replace(clips, rests=False), False),
        "clips: a threshold on windows": (dataclasses.replace(clips, plain=True), True),
    }
    rows = []
    for name, (one, plain) in methods.items():
        if one is not detector:
            one = tuned(one, val, plain)
        found = over_time(one, test)
        rows.append({"method": name} | scores(found, one.classes, one.decoding))
    return pd.DataFrame(rows)


class _Remembering(Network):
    """A network that several methods ask about the same windows, at which it looks once."""

    def __init__(self, network: Network):
        self.__dict__.update(vars(network))
        self.known: dict[bytes, np.ndarray] = {}

    def answer(self, clips: Clips) -> np.ndarray:
        key = clips.digest
        if key not in self.known:
            self.known[key] = super().answer(clips)
        return self.known[key]


def tuned(detector: Detector, val: Pairs, plain: bool = False) -> Detector:
    """The detector with thresholds that suit people held out; plain: one threshold and no more."""
    found = over_time(detector, val)
    decoding = choose_decoding(found, detector.classes, detector.decoding, plain)
    return dataclasses.replace(detector, decoding=decoding)


def _linear(config: Config, val: Pairs) -> Detector:
    """A linear model of each moment by itself, trained on simulated people."""
    given = {"method": "linear", "class_table": "ma52", "epochs": LINEAR_EPOCHS, "resume": False}
    place = {"outputs": str(config.folder.path), "run": "linear"}
    settings = Config.of(given, place, {"device": config.device})
    split = {"train": interviews(range(24), 180), "val": val}
    train_detector(split, settings, read_classes("ma52"), simulated=True)
    return finish(settings.folder, val, settings)

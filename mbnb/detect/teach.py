"""From coded recordings to a detector in a run: trained, calibrated, its thresholds chosen.

Temperature and thresholds are chosen on people who were held out of the training; nobody of a test
set is seen here.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from tqdm.auto import tqdm

from mbnb.classes import ClassTable, read_classes
from mbnb.clips import pack
from mbnb.coding.cut import class_of, classes_of, matched, of_no_class
from mbnb.coding.recordings import Recording, recordings_in
from mbnb.config import Config
from mbnb.data.held_out import hold_people_out
from mbnb.detect.detector import Detector, load_detector
from mbnb.detect.learn import SETTINGS, coded, learn
from mbnb.detect.score import choose_decoding, f1_of, scores
from mbnb.detect.slide import OverTime
from mbnb.detect.stretches import stretches_of
from mbnb.files import InputError
from mbnb.intervals import Coding
from mbnb.model.checkpoints import save_checkpoint
from mbnb.model.weight_files import read_checkpoint
from mbnb.runs import RunFolder
from mbnb.settings import say_once
from mbnb.simulate.interview import simulate_interview
from mbnb.skeleton import load_skeleton
from mbnb.text import listed

Pairs = Sequence[tuple[Recording, Coding]]
# Numbers of simulated people from whom those held out, and those to be scored on, are counted;
# people below have made clips that mbnb's own weights learned from.
VAL, TEST = 1000, 2000
HELD_OUT = 12
SECONDS = (180.0, 300.0)  # of an interview to learn from, and of the others


def interviews(
    people: Sequence[int], seconds: float, seed: int = 0
) -> list[tuple[Recording, Coding]]:
    """Interviews of simulated people by their numbers, of `seconds` each; a seed has its own."""
    pairs = []
    for number in tqdm(people, "simulating", delay=3, leave=False):
        one = simulate_interview(number, seconds, seed)
        recording = Recording(one.coding.name, one.pose, one.times, f"p{number:02d}")
        pairs.append((recording, one.actions))
    return pairs


def teach(
    codings: Sequence[Coding], source: Path | None, given: dict[str, Any], table: str | None = None
) -> tuple[Path, pd.DataFrame]:
    """Train a detector on recordings that are coded; its file, `best.pt` of the run, and scores.

    source: where their skeletons are, see `recordings_in`. table: a class table by its name or
    file; without it labels are classes. Without codings, simulated people are learned from, and
    scores are of others. Else the scores are of those on whom thresholds were chosen, and so a
    little too good. Raises InputError where there is too little to learn from.
    """
    config = Config.of(SETTINGS | {"run": "detector"} | given)
    if codings and source:
        recordings = recordings_in(source, config, config.folder.path / "landmarks")
        pairs, unmatched = matched(codings, recordings)
        pairs = [(recording, coding) for coding, recording in pairs]
        if not pairs:
            raise InputError("\n".join(f"{coding.name}: {why}" for coding, why in unmatched))
        classes = read_classes(table) if table else classes_of([coding for _, coding in pairs])
        if strange := of_no_class([coding for _, coding in pairs], classes):
            say_once(f"of no class, and so nothing: {listed(strange, 12)}")
        say_once(f"classes: {listed(classes.names, 12)}")
        split = _held_out(pairs, config)
    elif codings or source:
        raise InputError("expected codings and --source, where the skeletons are, or neither")
    else:
        classes = read_classes("ma52")
        split = {
            "train": interviews(range(config.simulated_people), SECONDS[0], config.seed),
            "val": interviews(range(VAL, VAL + HELD_OUT), SECONDS[1]),
        }
    train_detector(split, config, classes, simulated=not codings)
    detector = finish(config.folder, split["val"], config)
    scored, pairs = "val", split["val"]
    if not codings:
        scored = "test"
        pairs = interviews(range(TEST, TEST + config.simulated_test_people), SECONDS[1])
    row = scores(over_time(detector, pairs), detector.classes, detector.decoding)
    return detector.path, pd.DataFrame([{"people": scored} | row])


def train_detector(
    split: dict[str, Pairs], config: Config, classes: ClassTable, simulated: bool = False
) -> None:
    """Train a network of moments on the recordings of train."""
    about = dict(
        root=Path(config.run),
        classes=classes,
        skeleton=load_skeleton(config.skeleton),
        notes=(f"held out: {', '.join(sorted({_who(r) for r, _ in split['val']}))}",),
        known_people=True,
        simulated=simulated,
    )
    data = coded(split, config, about)
    if not data.truth["train"].any():
        raise InputError("no interval of any class lies in what is seen of the recordings")
    learn(config, data)


def finish(folder: RunFolder, held_out: Pairs, config: Config) -> Detector:
    """Calibrate a trained detector and choose its thresholds on people held out.

    Of the epoch with the least loss and the last one, whichever finds more of their segments is
    kept as `best.pt`: a loss that grows again by certainty alone does no harm.
    """
    tuned = [_tuned(path, held_out, config) for path in (folder.best, folder.latest)]
    path, detector, _ = max(tuned, key=lambda one: one[2])
    content = read_checkpoint(path)
    told = {"temperature": detector.temperature, "decoding": detector.decoding.as_dict()}
    spare = ("model", "config", "classes", "optimizers")
    state = {key: value for key, value in content.items() if key not in spare} | told
    save_checkpoint(folder.best, detector.network, detector.config, detector.classes, **state)
    return dataclasses.replace(detector, path=folder.best)


def _tuned(path: Path, held_out: Pairs, config: Config) -> tuple[Path, Detector, float]:
    """A detector with the temperature and thresholds that suit people held out, and its F1."""
    detector = dataclasses.replace(load_detector(path, config), temperature=1.0)
    found = over_time(detector, held_out)
    temperature = fit_temperature(found, detector.classes)
    found = [(coding, at_temperature(over, temperature)) for coding, over in found]
    decoding = choose_decoding(found, detector.classes)
    detector = dataclasses.replace(detector, temperature=temperature, decoding=decoding)
    return path, detector, f1_of(found, detector.classes, decoding)


def at_temperature(over: OverTime, temperature: float) -> OverTime:
    """Probabilities of a network of moments, each made less sure by a temperature above 1."""
    logits = logit(over.values.astype(float).clip(1e-6, 1 - 1e-6))
    return dataclasses.replace(over, values=expit(logits / temperature).astype(np.float32))


def over_time(detector: Detector, pairs: Pairs) -> list[tuple[Coding, OverTime]]:
    """What a detector believes of recordings, beside what is coded of them.

    Labels that are none of its classes are left out of the codings.
    """
    found = []
    for recording, coding in pairs:
        ones = []
        for one in coding:
            if one.label and (label := class_of(one.label, detector.classes)) is not None:
                ones.append(dataclasses.replace(one, label=detector.classes.names[label]))
        end = float(recording.times[-1])
        seen = stretches_of(recording, detector.config, detector.skeleton)
        coding = dataclasses.replace(coding, intervals=tuple(ones), length=coding.length or end)
        found.append((coding, detector.over_time(seen)))
    return found


def fit_temperature(found: Sequence[tuple[Coding, OverTime]], classes: ClassTable) -> float:
    """The temperature under which all yes and no fit what is coded best."""
    logits, truth = [], []
    for coding, over in found:
        happens = np.zeros(over.values.shape, bool)
        for one in coding:
            first, stop = np.searchsorted(over.times, (one.start, one.end))
            happens[first:stop, classes.names.index(one.label)] = True
        happens[:, -1] = ~happens[:, :-1].any(1)
        logits.append(logit(over.values.astype(float).clip(1e-6, 1 - 1e-6)))
        truth.append(happens)
    logits, truth = np.concatenate(logits), np.concatenate(truth)

    def loss(log_temperature: float) -> float:
        values = expit(logits / np.exp(log_temperature)).clip(1e-9, 1 - 1e-9)
        return -(np.log(np.where(truth, values, 1 - values))).mean()

    return float(np.exp(minimize_scalar(loss, bounds=(-1.5, 1.5), method="bounded").x))


def _held_out(pairs: Pairs, config: Config) -> dict[str, Pairs]:
    """Recordings of train and val, people divided as for clips."""
    names, people = [str(i) for i in range(len(pairs))], [_who(recording) for recording, _ in pairs]
    if len(set(people)) < 2:
        raise InputError(
            f"{len(pairs)} recordings of {len(set(people))} person: thresholds are chosen on "
            "people who are held out, so at least two are needed"
        )
    poses = [np.zeros((1, 1, 3), np.float32)] * len(pairs)
    clips = {"train": pack(poses, names, [0] * len(pairs), people)}
    splits, _ = hold_people_out(clips, config, Path(config.run))
    if "val" not in splits:
        raise InputError("setting 'val_fraction': 0 holds nobody out to choose thresholds on")
    return {split: [pairs[int(name)] for name in splits[split].names] for split in ("train", "val")}


def _who(recording: Recording) -> str:
    return recording.person or recording.name

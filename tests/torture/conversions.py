"""Conversions and detections that are killed at random instants, begun again, and compared.

What was done before a kill is not done again: records keep their time. What may be lost is the work
on the sources in hand; of a detection that on its recordings, whose landmarks are kept.
"""

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import build
import numpy as np
from torture.kills import PATIENCE, digests, ends
from torture.outcome import Outcome

from mbnb.config import DETECTOR, Config
from mbnb.convert import convert, find_sources
from mbnb.detect.detector import load_detector
from mbnb.detect.tool import detect_into
from mbnb.files import InputError
from mbnb.formats import WRITERS
from mbnb.model.shipped import find_weights
from mbnb.video.landmarks import require_mediapipe
from mbnb.video.portrait import sample_video

FILES, FEW = 60, 8  # so many go to processes of their own, so few are read here
TIMED = re.compile(rb'DATE="[^"]*"')  # when an .eaf was made
WORKERS = 2


def conversions(folder: Path, kills: int, seconds: float, seed: int) -> Iterator[Outcome]:
    """Conversions of files of skeletons and of videos, killed until so often or time is up."""
    few, many, videos = (folder / name for name in ("few", "many", "videos"))
    for place in (few, many, videos):
        place.mkdir(parents=True)
    for i in range(FILES):
        form = list(WRITERS)[i % len(WRITERS)]
        WRITERS[form](many / f"{i:02d}.{form}", build.moving(i % 4, i, 120), 30.0)
        if i < FEW:
            WRITERS[form](few / f"{i:02d}.{form}", build.moving(i % 4, i, 900), 30.0)
    try:
        require_mediapipe()
    except InputError as error:
        videos = None
        yield Outcome("kill -9: conversion of videos", note=f"skipped: {error}")
    end, rng = time.monotonic() + seconds, np.random.default_rng(seed)
    rows = [("few files", few, 0.5, 0.2), ("many files by two workers", many, 0.4, 0.5)]
    for what, source, share, of_time in rows:
        what, work = f"conversion of {what}", partial(_convert, source)
        yield _killed(what, folder, work, round(kills * share), of_time * seconds, rng)
    if videos:
        for i in range(4):
            sample_video(videos / f"film{i}.mp4", 0.4 + 0.1 * i)
        work = partial(_convert, videos)
        left = end - time.monotonic()
        yield _killed("conversion of videos", folder, work, round(kills * 0.1), left, rng)


def _convert(source: Path, out: Path) -> None:
    convert(find_sources(source, build.DOCUMENT), out, build.DOCUMENT, workers=WORKERS)


def detections(folder: Path, kills: int, seconds: float, seed: int) -> Iterator[Outcome]:
    """Detections in recordings of skeletons, killed until so often or time is up."""
    folder.mkdir(parents=True)
    poses = [build.moving(i % 4, i, 1500) for i in range(6)]
    offsets, names = np.cumsum([0, *map(len, poses)]), [f"talk{i}" for i in range(len(poses))]
    source = folder / "talks.npz"
    np.savez(source, frames=np.concatenate(poses), offsets=offsets, clip_names=names)
    config = Config.of({"device": "cpu"})
    detector = load_detector(find_weights(DETECTOR), config)

    def detect(out: Path) -> None:
        detect_into([source], out, detector, config)

    yield _killed("detection", folder, detect, kills, seconds, np.random.default_rng(seed))


def _killed(
    what: str,
    folder: Path,
    work: Callable[[Path], None],
    kills: int,
    seconds: float,
    rng: np.random.Generator,
) -> Outcome:
    """Work that writes a folder, again and again; what is the same byte by byte is well."""
    outcome, number, end = Outcome(f"kill -9: {what}"), 0, time.monotonic() + seconds
    whole, began = folder / f"{what}, unbroken", time.monotonic()
    ends(partial(work, whole))
    takes = time.monotonic() - began
    while outcome.tried < kills and (not number or time.monotonic() + 2 * takes < end):
        number, attempts, kept = number + 1, 0, {}
        out = folder / f"{what}, {number}"
        late = False
        while not ends(partial(work, out), np.inf if late else rng.uniform(0, 0.8 * takes)):
            attempts += 1
            outcome.tried += 1
            lost = _done_again(kept, kept := _records(out))
            outcome.lost += [f"{out.name}: {name} was done again" for name in lost]
            outcome.survived += not lost
            takes_long = takes * PATIENCE**attempts
            late = time.monotonic() + takes_long > end or outcome.tried >= kills
        outcome.lost += [f"{out.name}: {said}" for said in _unlike(whole, out)]
        outcome.lost += [
            f"{out.name}: {n} was done again" for n in _done_again(kept, _records(out))
        ]
    outcome.note = f"{number} ends of {takes:.1f} s compared byte by byte"
    return outcome


def _records(out: Path) -> dict[str, int]:
    """When the record of each source was written."""
    return {p.stem: p.stat().st_mtime_ns for p in (out / ".work" / "records").glob("*.json")}


def _done_again(before: dict[str, int], now: dict[str, int]) -> list[str]:
    return [name for name in before if now.get(name) != before[name]]


def _unlike(whole: Path, out: Path) -> list[str]:
    """What differs between two folders besides the time at which they were made."""
    found, expected = digests(out), digests(whole)
    for path in [name for name in found if name.endswith(".eaf")]:
        texts = [TIMED.sub(b"", (folder / path).read_bytes()) for folder in (whole, out)]
        found[path] = expected.get(path) if texts[0] == texts[1] else ""
    differ = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
    left = [p.name for p in out.rglob(".*.*") if p.is_dir()]
    return [f"{name} differs" for name in differ[:3]] + [f"{name} was left behind" for name in left]

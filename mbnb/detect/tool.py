"""The whole way: videos or poses, a detector -> a folder of files for each recording."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from mbnb import formats
from mbnb.coding.recordings import Recording, recordings_in
from mbnb.config import Config
from mbnb.detect.detector import Detector
from mbnb.detect.film import write_film
from mbnb.detect.stretches import Seen, Stretch, stretches_of
from mbnb.detect.write import (
    machine_coding,
    with_stretches,
    write_poses,
    write_results,
    write_statistics,
)
from mbnb.files import InputError, clear_unfinished
from mbnb.intervals import Coding
from mbnb.runs import DetectionFolder
from mbnb.text import SOUND_ENDINGS, VIDEO_ENDINGS, safe_names
from mbnb.video.folder import spelled, videos_in

LANDMARKS = "landmarks"  # the folder of them in DIR, one file a video


@dataclass(frozen=True)
class Detected:
    """What was found in one recording, and where it lies."""

    folder: DetectionFolder
    coding: Coding


@dataclass(frozen=True)
class _Found:
    """A recording with the video that it is of, and that video's landmarks."""

    recording: Recording
    video: Path | None = None
    landmarks: Path | None = None


def detect_into(
    sources: Sequence[Path],
    out: Path,
    detector: Detector,
    config: Config,
    *,
    codings: Sequence[Coding] = (),
    stretches: str = "",
    film: bool = False,
) -> list[Detected]:
    """Detect in videos, folders of videos and files of poses; write into folders of `out`.

    A recording at a time, so that memory holds one. codings, stretches: intervals of a tier, such
    as of questions and answers, by which statistics are given, too. film: also write a video with
    what was found burnt in. Raises InputError for the first source that cannot be read, before
    anything is written where that can be seen, and where nobody is seen in any.
    """
    faults = [f"{path}: no such file or folder" for path in sources if not Path(path).exists()]
    if config.skeleton != detector.skeleton.name:
        faults.append(
            f"the detector tells movements of the skeleton {detector.skeleton.name}, not of "
            f"{config.skeleton}"
        )
    if faults:
        raise InputError("\n".join(faults))
    clear_unfinished(out)
    done: list[Detected] = []
    seen: dict[str, Sequence[Stretch]] = {}
    for found in _recordings(sources, out, replace(config, fps=detector.config.fps)):
        recording = _named_apart(found.recording, done)
        kept = stretches_of(recording, detector.config, detector.skeleton)
        folder = DetectionFolder(out / safe_names([recording.name])[recording.name])
        coding = _write(folder, replace(found, recording=recording), kept, detector)
        if film:
            rate = 1 / float(np.median(np.diff(recording.times)))
            rate = config.fps if found.video else rate
            write_film(
                folder.video, recording, coding, found.video, found.landmarks, rate, config.faces
            )
        seen[recording.name] = kept.stretches
        done.append(Detected(folder, coding))
    every = list(with_stretches([one.coding for one in done], codings, stretches))
    write_statistics(out, every, seen, detector.config.fps, detector.classes, stretches)
    return done


def _write(folder: DetectionFolder, found: _Found, seen: Seen, detector: Detector) -> Coding:
    """Everything of one recording but the film."""
    recording = found.recording
    clear_unfinished(folder.path)
    folder.about.unlink(missing_ok=True)  # it says that the rest is whole
    write_poses(folder, recording)
    over = detector.over_time(seen)
    length = float(recording.times[-1] + np.median(np.diff(recording.times)))
    ones = detector.segments(over, recording.person)
    coding = machine_coding(recording.name, ones, found.video, length, seen.notes)
    about = {
        "recording": recording.name,
        "person": recording.person,
        "video": str(found.video.resolve()) if found.video else None,
        "seconds": round(length, 6),
        "seen": [[s.start, s.start + len(s.frames) / detector.config.fps] for s in seen.stretches],
        "notes": list(seen.notes),
        "step": over.step,
        "model": detector.about(),
        "made_by": f"mbnb {metadata.version('mbnb')}",
    }
    write_results(folder, over, coding, detector.classes, about)
    return coding


def _recordings(sources: Sequence[Path], out: Path, config: Config) -> Iterator[_Found]:
    """The recordings of all sources, videos one at a time."""
    for source in map(Path, sources):
        ending = source.suffix.lower()
        if source.is_file() and ending not in (*VIDEO_ENDINGS, *SOUND_ENDINGS, ".npz"):
            yield from _of_file(source, config)
            continue
        videos = [source] if source.is_file() and ending != ".npz" else []
        if source.is_dir():
            videos = list(videos_in(source)[0].values())
        for video in tqdm(videos, desc="videos", unit="video", disable=len(videos) < 2):
            landmarks = out / LANDMARKS
            for recording in recordings_in(video, config, landmarks):
                yield _Found(recording, video, landmarks / f"{spelled(video)}.npz")
        if not videos:
            for recording in recordings_in(source, config, out / LANDMARKS):
                yield _Found(recording)


def _of_file(path: Path, config: Config) -> Iterator[_Found]:
    """People in a file of another tool, in metres."""
    found = formats.read(path)
    if not found.depth:
        raise InputError(f"{path}: its joints are in pixels; python -m mbnb lift gives them depth")
    people = formats.joints_of(found)
    for person, pose in people.items():
        several = len(people) > 1
        name = f"{path.stem}_{person}" if several else path.stem
        times = np.arange(len(pose)) / (found.rate or config.fps)
        yield _Found(Recording(name, pose.astype(np.float32), times, person if several else ""))


def _named_apart(recording: Recording, done: Sequence[Detected]) -> Recording:
    """The recording, with a number behind its name where another one is called so."""
    taken = {one.coding.name.casefold() for one in done}
    names = (recording.name, *(f"{recording.name}_{i}" for i in range(2, len(done) + 3)))
    free = next(name for name in names if name.casefold() not in taken)
    return replace(recording, name=free)

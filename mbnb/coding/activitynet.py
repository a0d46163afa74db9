"""JSON of ActivityNet and of data sets that follow it, MMA-52 among them: segments by video.

Three forms go round: `{video: {annotations: [{segment, label}]}}`, the same under `database`, and
results, `{results: {video: [{label, score, segment}]}}`, which are a machine's. MMA-52's own files
were not seen; what its paper and repository say fits the first two.
"""

import math
from typing import Any

from mbnb.coding.file import File
from mbnb.files import InputError
from mbnb.intervals import HUMAN, MACHINE, Coding, Interval, Medium


def recognises(file: File) -> bool:
    """Whether a JSON file is of one of the three forms."""
    return _videos(file.json) is not None


def read(file: File) -> list[Coding]:
    """One coding a video. Raises InputError with every segment that is none."""
    codings, faults = [], []
    for video, (about, segments) in (_videos(file.json) or {}).items():
        ones = []
        for i, segment in enumerate(segments):
            times = _times(segment)
            if times is None:
                faults.append(
                    f"{file.path}: {video}: expected a segment [start, end] in seconds and a label "
                    f"as number {i + 1}, found {str(segment)[:80]}"
                )
                continue
            sure = float(segment["score"]) if _number(segment.get("score")) else None
            origin = HUMAN if sure is None else MACHINE
            label = str(segment.get("label", "")).strip()
            ones.append(Interval(*times, label, origin=origin, confidence=sure))
        length = next(
            (float(about[k]) for k in ("duration", "duration_second") if _number(about.get(k))),
            None,
        )
        media = (Medium(video, length=length),)
        codings.append(Coding(video, tuple(ones), media=media, length=length))
    if faults:
        raise InputError("\n".join(faults))
    return codings


def _videos(content: Any) -> dict[str, tuple[dict, list]] | None:
    """By video what is said of it and its segments; None where the JSON is something else."""
    if not isinstance(content, dict):
        return None
    if isinstance(results := content.get("results"), dict):
        found = {video: ({}, ones) for video, ones in results.items()}
    else:
        videos = content.get("database", content)
        if not isinstance(videos, dict) or not all(isinstance(v, dict) for v in videos.values()):
            return None
        found = {video: (about, about.get("annotations")) for video, about in videos.items()}
    return found if found and all(isinstance(ones, list) for _, ones in found.values()) else None


def _times(segment: Any) -> tuple[float, float] | None:
    """Start and end of a segment in seconds, None where it has none."""
    times = segment.get("segment") if isinstance(segment, dict) else None
    if not isinstance(times, list) or len(times) != 2 or not all(map(_number, times)):
        return None
    return float(times[0]), float(times[1])


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)

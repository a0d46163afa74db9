"""Detections, frame by frame, become people through time, who are never interleaved.

Where a file tells who is who, that counts. Else somebody is the one whose points lie nearest in
the next frame with anybody: of all pairings of the people of both the one of the least sum of
distances (Kuhn 1955), as long as nobody moves by more than `STEP` of the height of a body. Whoever
was not found for `LAPSE` frames comes back as somebody else.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from mbnb.files import InputError
from mbnb.formats.names import MIDDLE, canonical
from mbnb.formats.pose_file import PoseFile
from mbnb.text import listed

RULES = ("all", "largest", "central", "longest")
STEP = 0.35  # of a body's extent: the mean way of its points from one frame to where it is next
LAPSE = 15  # frames
LARGEST = 1 << 27  # numbers of all people of a file
STEPS_BETWEEN = 20  # frames from one picture with people to the next, in the mean, at most


@dataclass(frozen=True)
class Detection:
    """One person in one frame: points (P, 3) x, y and confidence, NaN where not found."""

    frame: int
    points: np.ndarray
    person: str | None = None
    score: float = 1.0


def by_person(
    found: Sequence[Detection], frames: range, points: int, depth: bool = False
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """People (T, P, C) by track, and what is to be said of them.

    frames: those that the recording has, first to last; a person is NaN where not found. depth:
    whether the points are x, y, z and not x, y and a confidence. Raises InputError for more than
    can be kept in memory, and where nobody is found.
    """
    found = [one for one in found if np.isfinite(one.points).any()]
    if not found:
        raise InputError(f"nobody is found in any of its {len(frames)} frames")
    _check_size(len(frames) * points)  # before anybody is matched
    notes = []
    if any(one.person is None for one in found):
        found = _matched(found)
        if len(frames) > 1:
            count = len({one.person for one in found})
            notes.append(
                f"people were matched from frame to frame by where they are, {count} in all"
            )
    best: dict[tuple[str, int], Detection] = {}
    for one in found:
        other = best.get((one.person, one.frame))
        if other is None or one.score > other.score:
            best[one.person, one.frame] = one
    if len(best) < len(found):
        notes.append(f"{len(found) - len(best)} detections of a person found twice were left out")
    names = list(dict.fromkeys(one.person for one in found))
    _check_size(len(names) * len(frames) * points)
    width = found[0].points.shape[-1]
    people = {name: np.full((len(frames), points, width), np.nan, np.float32) for name in names}
    for (name, frame), one in best.items():
        people[name][frame - frames.start] = one.points
    if not depth:
        notes += confident(people)
    return people, tuple(notes)


def is_flat(points: np.ndarray) -> bool:
    """Whether (..., 3) are x and y in pixels and a confidence, not places in space."""
    third = points[..., 2][np.isfinite(points[..., 2])]
    spread = np.nanmax(points[..., :2]) - np.nanmin(points[..., :2])
    return bool(len(third) and third.min() >= 0 and third.max() <= 1 < spread / 20)


def confident(people: dict[str, np.ndarray]) -> list[str]:
    """Confidences are made 0 to 1, where networks give more; a line says so."""
    greatest = max(float(np.nanmax(person[..., 2], initial=0)) for person in people.values())
    for person in people.values() if greatest > 1 else ():
        np.minimum(person[..., 2], 1, out=person[..., 2])
    return [f"confidences of up to {greatest:.3f} were taken as 1"] if greatest > 1 else []


def _check_size(numbers: int) -> None:
    if numbers * 3 > LARGEST:
        raise InputError(
            f"its frames, people and points make {3 * numbers:,} numbers, more than the "
            f"{LARGEST:,} that are read at once"
        )


def _matched(found: Sequence[Detection]) -> list[Detection]:
    """The same in the order of time, each with a person."""
    last: dict[str, Detection] = {}
    known: list[Detection] = []
    by_frame: dict[int, list[Detection]] = {}
    for one in found:
        by_frame.setdefault(one.frame, []).append(one)
    count = 0
    for frame in sorted(by_frame):
        last = {name: one for name, one in last.items() if frame - one.frame <= LAPSE}
        names, here = list(last), by_frame[frame]
        costs = np.array([[_distance(last[name], one) for one in here] for name in names])
        pairs = {}
        if costs.size:
            rows, columns = linear_sum_assignment(np.minimum(costs, 2 * STEP))
            pairs = {c: names[r] for r, c in zip(rows, columns) if costs[r, c] <= STEP}
        for i, one in enumerate(here):
            if i not in pairs:
                count += 1
            name = pairs.get(i, str(count))
            last[name] = Detection(frame, one.points, name, one.score)
            known.append(last[name])
    return known


def _distance(one: Detection, other: Detection) -> float:
    """The mean way of the points that both have, in extents of the larger body."""
    a, b = one.points[:, :2], other.points[:, :2]
    both = np.isfinite(a).all(1) & np.isfinite(b).all(1)
    if not both.any():
        return np.inf
    sizes = [np.linalg.norm(np.nanmax(p, 0) - np.nanmin(p, 0)) for p in (a, b)]
    way = np.linalg.norm(a[both] - b[both], axis=1).mean()
    return float(way / max(*sizes, 1e-6))


def triplets(numbers: Iterable[float]) -> np.ndarray:
    """A flat list x, y, confidence, x, y, … -> (P, 3), NaN where a point was not found."""
    return found_only(np.asarray(numbers, np.float64).reshape(-1, 3))


def found_only(points: np.ndarray) -> np.ndarray:
    """(..., 3) x, y and confidence with NaN for points of no confidence or without a place."""
    lost = (points[..., 2] <= 0) | (points[..., :2] == 0).all(-1) | ~np.isfinite(points).all(-1)
    return np.where(lost[..., None], np.nan, points)


def marked(points: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """(..., T, P, 1) bool, which points (..., T, P, 3) in space were not found, being 0.

    Not so one in the middle of the body that always is: the skeleton is centred on it.
    """
    zero = (points == 0).all(-1, keepdims=True)
    words = canonical(names)
    some = ~zero.all(-2, keepdims=True)  # frames with anybody
    always = (zero | ~some).reshape(-1, len(words)).all(0) & some.any()
    amid = [i for i in np.flatnonzero(always) if words[i] in MIDDLE]
    if len(amid) == 1:
        zero[..., amid, :] &= ~some
    return zero


def by_subject(
    names: Sequence[str], points: np.ndarray
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Markers (T, P, 3) of the people whom names such as `Anna:LASI` tell apart.

    They are of one, "1", where no marker is there twice. Points that are 0 were not found.
    """
    split = [name.rpartition(":") for name in names]
    markers = tuple(dict.fromkeys(marker for *_, marker in split))
    if len(markers) == len(names):
        return tuple(names), {"1": np.where(marked(points, names), np.nan, points)}
    nowhere = np.full((len(points), len(markers), 3), np.nan)
    tracks = {who or "1": nowhere.copy() for who, *_ in split}
    for i, (who, _, marker) in enumerate(split):
        tracks[who or "1"][:, markers.index(marker)] = points[:, i]
    return markers, {w: np.where(marked(p, markers), np.nan, p) for w, p in tracks.items()}


def there(points: np.ndarray) -> dict[str, np.ndarray]:
    """People (T, P, 3) of (M, T, P, 3) who are found in any frame, by number; else the first."""
    seen = np.isfinite(points).all(-1).any((1, 2))
    return {str(i + 1): points[i] for i in np.flatnonzero(seen)} or {"1": points[0]}


def span_of(frames: Iterable[int], from_0: bool) -> tuple[range, tuple[str, ...]]:
    """From the first frame of a recording to the last, and what is to be said of it.

    from_0: whether frames are numbered from 0, so that nobody was found before the first.
    """
    frames = sorted(frames)
    if from_0 and frames[0] <= STEPS_BETWEEN * len(frames):
        return range(frames[-1] + 1), ()
    first = (f"the first frame here is number {frames[0]} there",) if frames[0] else ()
    return range(frames[0], frames[-1] + 1), first


def numbered(names: Sequence[str]) -> dict[str, dict[str, int]] | None:
    """Recordings of pictures: by what their names have in common the number in each name.

    None where the names do not number the frames of recordings, as those of single pictures.
    """
    recordings: dict[str, dict[str, int]] = {}
    for name in names:
        stem = re.sub(r"_keypoints$", "", Path(name).stem if not name.isdecimal() else name)
        match = re.fullmatch(r"(.*?)(\d{1,15})", stem)
        if not match:
            return None
        recordings.setdefault(match[1], {})[name] = int(match[2])
    for numbers in recordings.values():
        span = max(numbers.values()) - min(numbers.values()) + 1
        if len(set(numbers.values())) < len(numbers) or span > STEPS_BETWEEN * len(numbers):
            return None
    return recordings


def chosen(file: PoseFile, rule: str) -> tuple[list[str], list[str]]:
    """Whom of the people in a file a rule means, by name, and what is to be said of the choice.

    rule: `all`; the `largest` by the median over time of how far somebody's points spread; the most
    `central`, whose middle is nearest to that of the picture, or of everybody where no picture is
    known; who is found `longest`; the name of one; or a box "left,top,right,bottom" in the unit of
    the file, for whoever's middle is in it in most frames. Raises InputError where nobody is meant.
    """
    names = list(file.people)
    box = box_of(rule)
    if rule == "all" or rule in names:
        return (names if rule == "all" else [rule]), []
    if not box and rule not in RULES:
        raise InputError(
            f"no person {rule!r} is in it; there is {listed(names)}; or: {', '.join(RULES)}"
        )
    spreads, middles = zip(*(_spread_and_middle(points) for points in file.people.values()))
    if box:
        low, high = np.reshape(box, (2, 2))
        values = [-((m[:, :2] >= low) & (m[:, :2] <= high)).all(1).sum() for m in middles]
        if not any(values):
            raise InputError(f"nobody's middle is in the box {rule}")
    elif rule == "largest":
        values = [-np.nanmedian(spread) for spread in spreads]
    elif rule == "longest":
        values = [-np.isfinite(spread).sum() for spread in spreads]
    else:
        aim = np.array(file.size) / 2 if file.size and not file.depth else _middle_of(middles)
        values = [np.nanmedian(np.linalg.norm(m[:, :2] - aim, axis=1)) for m in middles]
    best = names[int(np.argmin(values))]
    word = "the one in the box" if box else f"the {'most ' * (rule == 'central')}{rule}"
    return [best], [f"of {len(names)} people {word} is taken: {best}"] if len(names) > 1 else []


def box_of(rule: str) -> list[float]:
    """The four numbers of a box, none where a rule is something else."""
    parts = rule.split(",")
    try:
        return [float(part) for part in parts] if len(parts) == 4 else []
    except ValueError:
        return []


def _spread_and_middle(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T,) how far one's points (T, P, C) spread in each frame, and (T, 2) their middle."""
    places = points[..., :2]
    found = np.isfinite(places).all(-1).any(1)
    spread, middle = np.full(len(points), np.nan), np.full((len(points), 2), np.nan)
    low, high = np.nanmin(places[found], 1), np.nanmax(places[found], 1)
    spread[found], middle[found] = np.linalg.norm(high - low, axis=-1), (low + high) / 2
    return spread, middle


def _middle_of(middles: Sequence[np.ndarray]) -> np.ndarray:
    return np.nanmedian(np.concatenate(middles), axis=0)

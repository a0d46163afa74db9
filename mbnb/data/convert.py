"""One file of skeletons from another tool -> clips of the joints of a table, a clip each person.

`convert` does it to many of them. What the reader found out about a file, and why somebody in it
is left out, stands in the row of the clip.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mbnb.clips import SPLITS, UNLABELLED
from mbnb.data.flat import flat_body
from mbnb.data.keypoints import NTU
from mbnb.data.missing import complete
from mbnb.data.motion import at_rate
from mbnb.data.quality import measure, score
from mbnb.files import InputError
from mbnb.formats import PoseFile, joints_of, read_all
from mbnb.formats.people import chosen
from mbnb.formats.space import doubts
from mbnb.skeleton import Skeleton, load_skeleton
from mbnb.text import listed

FLAT = "joints in a picture, without depth"
LIFT = "`mbnb lift` gives them some"
FLAT_NOTE = f"{FLAT}, for the setting `without_depth: true`; {LIFT}"
SUPPOSED = "frames a second were supposed (--rate)"
NO_SIZE = "x and y are shares of a picture: give its --size WIDTH HEIGHT in pixels"
SHORTEST = 2  # frames
TO_SPARE = 0.1  # seconds by which times of a list may be rounded
FEWEST = 8  # of our joints; a head with shoulders and arms has nine
OURS = "h36m17"


class Source(NamedTuple):
    """A file to convert, or a part of one, and what is known of it beforehand.

    name: of its clip, without blanks and slashes; where a file holds several recordings or people,
    `Found` names their clips. label: a class id, -1 where only the file may tell. subject: who is
    in it, '' for somebody else in each clip. split: '' where only the file may tell. start, end:
    seconds from its beginning between which it counts. person: whom it is about, see `chosen`; ''
    leaves that to the options. shown: what tables call the file, its name unless that is a secret.
    """

    path: Path
    name: str
    label: int = UNLABELLED
    subject: str = ""
    split: str = ""
    start: float = 0.0
    end: float = math.inf
    person: str = ""
    shown: str = ""
    is_video: bool = True


class Found(NamedTuple):
    """A person of a recording as a clip (T, J, 3), or None and the reason in its row.

    who: which of several people it is. label, split: what the file says, -1 and '' if nothing.
    flat: whether joints are x, y and a confidence, without depth. subject: the person whom a name
    of NTU RGB+D tells, '' in others.
    """

    name: str
    row: dict[str, Any]
    pose: np.ndarray | None = None
    label: int = UNLABELLED
    split: str = ""
    who: str = ""
    flat: bool = False
    subject: str = ""


def people_in(
    source: Source,
    fps: float,
    *,
    layout: str = "",
    rate: float | None = None,
    swap_sides: bool = False,
    person: str = "all",
    skeleton: str = OURS,
    size: tuple[float, float] | None = None,
) -> list[Found]:
    """Everybody in one file, or those of a rule, at `fps` frames a second.

    layout: the table of points of a file that does not tell it. rate: frames a second of a file
    that does not tell it, else `fps`. swap_sides: exchange left and right, which the file names
    wrong. person: see `chosen`. skeleton: the joints of clips. size: width and height of the
    picture, where a file gives shares of it. Raises InputError for a file that cannot be read, and
    where the person is not in it.
    """
    found, recordings = [], read_all(source.path, layout)
    for recording, file in recordings.items():
        if file.shares and size:
            file = file.in_pixels(size)
        names, said = chosen(file, source.person or person)
        remarks = [*file.notes, *said, *([] if file.depth else [FLAT_NOTE])]
        if not (file.rate or rate):
            remarks.append(f"{fps:g} {SUPPOSED}")
        poses = joints_of(file, skeleton)
        for name in names:
            parts = [source.name if len(recordings) == 1 else recording]
            parts += [name] if len(names) > 1 else []
            row = {"recording": recording, "person": name, "layout": file.layout}
            row |= {"source_fps": file.rate or rate or fps, "fps": fps, "first_frame": 0}
            row |= {"frames": 0, "seen": 0.0, "remarks": "; ".join(remarks)}
            one = _clip(source, row, poses[name], file, swap_sides, load_skeleton(skeleton))
            ntu = NTU.search(parts[0])
            about = {"name": "_".join(parts), "subject": f"P{ntu['person']}" if ntu else ""}
            found.append(one._replace(who=name if len(names) > 1 else "", **about))
    return found


def _clip(
    source: Source,
    row: dict[str, Any],
    pose: np.ndarray,
    file: PoseFile,
    swap_sides: bool,
    skeleton: Skeleton,
) -> Found:
    """A clip of one person, from the first frame to the last in which somebody is seen."""
    part = slice(*(_frame(seconds, row["source_fps"]) for seconds in (source.start, source.end)))
    seen = np.isfinite(pose).all(-1)  # (T, J)
    frames = (part.start or 0) + np.flatnonzero(seen[part].any(1))
    known = [joint for joint, there in zip(skeleton.joints, seen.any(0)) if there]
    reason = NO_SIZE if file.shares else ""
    if not any(np.isfinite(points).any() for points in file.people.values()):
        reason = "nobody is seen there"
    elif len(known) < FEWEST:
        reason = _too_few(known, file, skeleton)
    elif len(frames) < SHORTEST:
        reason = "one frame, which shows no movement" if len(frames) else "nobody is seen there"
    if reason:
        return Found("", row | {"frames": len(frames), "reason": reason})
    pose = pose[frames[0] : frames[-1] + 1]
    alone, who = len(file.people) == 1, f"{row['person']}: "
    against = [said for said in file.doubts if alone or said.startswith(who)]
    if swap_sides:
        pose = pose[:, list(skeleton.mirror)]
        if file.depth:
            body = PoseFile("", skeleton.joints, {"1": pose}, depth=True)
            against = doubts(body)
    pose = at_rate(pose.astype(np.float32), row["source_fps"], row["fps"])
    share = float(np.isfinite(pose).all(-1).mean())
    row |= {"first_frame": int(frames[0]), "frames": len(pose), "seen": round(share, 3)}
    late = too_late(source.end, len(seen) / row["source_fps"])
    row["remarks"] = "; ".join(filter(None, [row["remarks"], late]))
    if file.depth:
        row["score"] = score(measure(pose, skeleton, row["fps"]) | row)
    if never := [joint for joint in skeleton.joints if joint not in known]:
        row["remarks"] = "; ".join(filter(None, [row["remarks"], f"never seen: {listed(never)}"]))
    whole = "; ".join(against) or (complete if file.depth else flat_body)(pose, skeleton)
    if isinstance(whole, str):
        return Found("", row | {"reason": whole})
    label = UNLABELLED if file.label is None else file.label
    split = next((split for split in SPLITS if split in file.split.lower()), "")
    about = {"label": label, "split": split, "flat": not file.depth}
    return Found("", row | {"reason": ""}, pose, **about)


def _too_few(known: list[str], file: PoseFile, skeleton: Skeleton) -> str:
    """That too few of our joints are known of somebody, by whose fault."""
    ours = f"of our {len(skeleton.joints)} joints"
    # Somewhere each, since hips may be placed between markers that are not in one place.
    anywhere = np.random.default_rng(0).normal(size=(1, len(file.points), 3))
    anybody = PoseFile(file.layout, file.points, {"": anywhere}, file.depth)
    if np.isfinite(joints_of(anybody, skeleton.name)[""]).all(-1).sum() >= FEWEST:
        return f"only {len(known)} {ours} were seen ({listed(known) or 'none'})"
    among = listed(known) or f"{listed(file.points)}; name them by --layout FILE"
    return f"{ours} only {len(known)} are among its points ({among})"


def too_late(wanted: float, end: float) -> str:
    """What is said where a list names an end, in seconds, that lies behind that of its file."""
    if math.isinf(wanted) or wanted - end < TO_SPARE:
        return ""
    return f"the recording ends at {end:.2f} s, before the {wanted:g} s of the list"


def _frame(seconds: float, rate: float) -> int | None:
    """The frame at a time, None for the end of a recording."""
    return None if math.isinf(seconds) else round(seconds * rate)


def refused(source: Source, error: Exception) -> Found:
    """A file of which nothing came, with what is said of that."""
    said = f"{error}".removeprefix(f"{source.path}: ")
    if not isinstance(error, InputError):
        said = f"{type(error).__name__}: {said}".removesuffix(": ")
    return Found(source.name, {"reason": said})

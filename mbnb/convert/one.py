"""One source -> its finished clips in a conversion's folder, with a record of what became of it."""

import functools
import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from mbnb.convert.folder import PSEUDONYMS, Folder
from mbnb.data.convert import FLAT, LIFT, Found, Source, people_in, refused
from mbnb.files import DiskError, InputError, fingerprint
from mbnb.video.convert import PoseOf, clips_of
from mbnb.video.frames import FPS
from mbnb.video.landmarks import VERSION

MADE_BY = ("av", "mediapipe")  # other versions place landmarks elsewhere
SKELETONS = 4  # version of what is made of files of skeletons
NOT_FLAT = f"{FLAT}, which are written as npy alone; {LIFT}"


@dataclass(frozen=True)
class How:
    """What is the same for all sources of a conversion.

    fps: frames a second of every clip. form: npy or npz, the documented layout; pkl, one file for
    pyskl; or one of `WRITERS`, a file a clip. pose_model, pose_of: see `clips_of`; the text of
    `pose_of` names what it does. layout, rate, swap_sides: see `people_in`. person: see both;
    without it whom MediaPipe finds first, and all in files of skeletons. secret: the number of a
    key of pseudonyms; with one, names of files and people are not written. skeleton: the joints of
    clips. size: see `people_in`.
    """

    fps: float = FPS
    form: str = "npy"
    pose_model: Path | None = None
    pose_of: PoseOf | None = None
    layout: str = ""
    rate: float | None = None
    swap_sides: bool = False
    person: str = ""
    secret: str = ""
    skeleton: str = "h36m17"
    size: tuple[float, float] | None = None


def stamp(source: Source, how: How) -> dict[str, Any]:
    """What a source and the options are, as JSON has it: clips of another stamp are made anew.

    Empty for a source that is not there any more.
    """
    paths = sorted(source.path.iterdir()) if source.path.is_dir() else [source.path]
    try:
        facts = [path.stat() for path in paths]
    except OSError:
        return {}
    changed: Any = max((fact.st_mtime_ns for fact in facts), default=0)
    if source.path.is_dir():  # a file that gives way to an older one, too
        states = (f"{p.name} {fact.st_size} {fact.st_mtime_ns}" for p, fact in zip(paths, facts))
        changed = fingerprint("\n".join(states).encode("utf-8", "surrogateescape"))
    known = {
        "size": sum(fact.st_size for fact in facts),
        "changed": changed,
        "fps": how.fps,
        "form": how.form,
        "skeleton": how.skeleton,
        "names": f"{PSEUDONYMS}{how.secret}" if how.secret else "own",
        "from": source.start,
        "to": str(source.end),
    }
    if source.is_video:
        model = _digest(how.pose_model) if how.pose_model else "MediaPipe's own"
        versions = ", ".join(f"{name} {_version(name)}" for name in MADE_BY)
        depth = str(how.pose_of or "MediaPipe's own")
        known |= {"made_by": f"{versions}, {VERSION}", "pose_model": model, "depth": depth}
        return known | {"person": source.person or how.person}
    known |= {"layout": how.layout, "rate": how.rate, "swap_sides": how.swap_sides}
    known |= {"picture": how.size and list(how.size)}
    return known | {"person": source.person or how.person, "made_by": SKELETONS}


@functools.cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


@functools.cache
def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def convert_one(source: Source, folder: Folder, how: How) -> None:
    """Write the clips of a source and then its record, unless they are there already.

    What fails is recorded with its reason. Raises DiskError alone, which is no source's fault.
    """
    now = stamp(source, how)
    if folder.stamp_of(source) == now:
        return
    try:
        if source.is_video:
            how_seen = (how.fps, how.pose_model, how.pose_of, how.person, how.skeleton)
            found = clips_of(source, folder.out, *how_seen)
        else:
            keys = ("layout", "rate", "swap_sides", "skeleton", "size")
            about = {key: getattr(how, key) for key in keys}
            found = people_in(source, how.fps, **about, person=how.person or "all")
            if how.form != "npy":
                found = [_without(one, NOT_FLAT) if one.flat else one for one in found]
    except DiskError:
        raise
    except Exception as error:  # every sort of damage raises a different kind
        found = [refused(source, error)]
        # What nobody foresaw, such as too little memory, may be otherwise the next time.
        now = now if isinstance(error, InputError) else {}
    # The child of a command that was killed ends what it has in hand beside the next command.
    if folder.stamp_of(source) != now:
        folder.keep(source, now, _hidden(source, found) if how.secret else found, how.fps)


def _without(found: Found, reason: str) -> Found:
    """The same without its clip, for a reason."""
    return found._replace(pose=None, flat=False, row=found.row | {"reason": reason})


def _hidden(source: Source, found: list[Found]) -> list[Found]:
    """The same without names of the file and of people, as in what was said of them."""
    hidden = []
    for i, one in enumerate(found, 1):
        names = [str(source.path), source.path.name, source.path.stem]
        names += [str(one.row.get(key, "")) for key in ("recording", "person")]
        row = {key: one.row[key] for key in one.row if key not in ("recording", "person")}
        for key in {"remarks", "reason"} & set(row):
            for name in sorted(filter(None, names), key=len, reverse=True):
                row[key] = row[key].replace(name, source.name)
        alone = len(found) == 1
        name = source.name if alone else f"{source.name}_{i}"
        who = "" if alone else str(i)
        row |= {"person": who} if who else {}
        hidden.append(one._replace(name=name, row=row, who=who, subject=""))
    return hidden

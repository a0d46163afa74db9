"""What in a folder is a video, and what its clip is called."""

import itertools
from pathlib import Path

from mbnb.files import InputError
from mbnb.text import VIDEO_ENDINGS, clip_name, safe_names
from mbnb.video.frames import import_extra, moving

# Files that have these endings and cannot be read are broken videos, not something else.
SURELY = set(VIDEO_ENDINGS) - {".gif", ".apng"}


def videos_in(folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """The videos of a folder by the names of their clips, in the order of files, and the rest.

    A video is what has the ending of one, or what the decoder finds moving pictures in; the rest
    are other files, hidden ones and folders. Raises InputError that names both where two videos
    make the same clip, such as a.mp4 and a.mov.
    """
    paths = sorted(Path(folder).iterdir()) if Path(folder).is_dir() else []
    videos = [path for path in paths if is_video(path)]
    own: dict[str, Path] = {}
    faults = []
    for path in videos:
        if (other := own.setdefault(spelled(path), path)) != path:
            faults.append(
                f"{folder}: {other.name} and {path.name} would both be the clip "
                f"{spelled(path)}: rename one of them"
            )
    if faults:
        raise InputError("\n".join(faults))
    safe = safe_names(own)
    return {safe[name]: path for name, path in own.items()}, [p for p in paths if p not in videos]


def find_video(folder: Path, name: str) -> Path | None:
    """The video of the clip `name` in a folder or in one of its folders."""
    for part in (folder, *sorted(path for path in Path(folder).rglob("*") if path.is_dir())):
        if path := videos_in(part)[0].get(name):
            return path
    return None


def is_video(path: Path) -> bool:
    """Whether a file is meant as a video: by its ending, or since it has moving pictures."""
    if path.name.startswith(".") or not path.is_file():
        return False
    if path.suffix.lower() in SURELY:
        return True
    av = import_extra("av")
    try:
        with av.open(str(path)) as container:
            frames = (container.decode(stream) for stream in moving(container)[:1])
            return len(list(itertools.islice(itertools.chain.from_iterable(frames), 2))) == 2
    except (av.error.FFmpegError, OSError):
        return False


def spelled(path: Path) -> str:
    """The name of a video without its ending, as lists of labels and patterns spell it."""
    name = clip_name(path.name)
    return name if path.suffix.lower() in VIDEO_ENDINGS else clip_name(path.stem)

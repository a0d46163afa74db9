"""Many sources -> a data set: one worker a core, or as many as a cluster has; resumable.

joblib hands the sources out. Its threads do it here, each with a process of its own (`child`);
`joblib.parallel_config("dask")` or `("ray")` around the call makes a cluster do it, whose machines
need the same folders.
"""

import contextlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from tqdm.auto import tqdm

from mbnb.classes import ClassTable
from mbnb.clips import SPLITS, UNLABELLED
from mbnb.convert.child import Died, in_child, stop_children
from mbnb.convert.folder import FAILURES, FORMS, QUALITY, Folder
from mbnb.convert.one import How, convert_one, stamp
from mbnb.data.convert import OURS, SUPPOSED, Found, Source
from mbnb.files import InputError
from mbnb.formats import WRITERS
from mbnb.formats.people import RULES, box_of
from mbnb.runs import RunFolder
from mbnb.settings import say_once
from mbnb.text import listed
from mbnb.video.convert import landmark_file
from mbnb.video.landmarks import require_mediapipe

FEW = 8  # files
SEVENTEEN = ("pkl", *WRITERS)  # forms of our own joints alone
ANSWER = 30  # seconds that a cluster's scheduler has
MANY = 20  # reasons that are said at once
TEXTS = ("clip", "file", "split", "recording", "person", "layout", "remarks", "reason")


def convert(
    sources: Sequence[Source],
    out: Path,
    classes: ClassTable,
    how: How | None = None,
    workers: int | None = None,
) -> pd.DataFrame:
    """Convert sources to a data set at `out`, or go on with one that was interrupted.

    classes: what labels stand for. how: the options, all at their defaults without them. workers:
    how many sources are worked on at once; None: one a core, or all that a cluster has. Clips are
    there as soon as they are done, tables at the end; what was done before is done again only where
    the file or an option has changed, which is said. Returns `out/quality.csv`: a row a clip, or a
    source of which there is none, with the `reason`, which is in `failures.csv`, too. Clips of
    sources that are not in the list any more are removed; raw landmarks of videos are kept in
    `<out>_landmarks`. Raises InputError with every fault of the list, where not one clip can be
    made, where `out` holds something else, and where this Python cannot read videos.
    """
    how, folder = how or How(), Folder(out, (how or How()).form)
    if faults := _faults(sources, folder.out, classes, how):
        raise InputError("\n".join(faults))
    if not sources:
        raise InputError("not one clip can be made: there is no file")
    known = _known(folder, sources)
    if any(source.is_video for source in sources):
        require_mediapipe(how.pose_model)
    with RunFolder(folder.out).claimed():
        folder.clean()
        todo = _todo(sources, folder, how)
        try:
            _work(todo, len(sources), folder, how, workers)
        except KeyboardInterrupt:
            done = len(sources) - len(_todo(sources, folder, how, quiet=True))
            folder.tables(sources, classes)
            said = f"{done} of {len(sources)} are done, whole; the same command goes on"
            raise KeyboardInterrupt(said) from None
        folder.separate(sources)
        if not any(clip.name for clip in folder.clips(sources)):
            _refuse(folder, sources)
        folder.forget(known - {source.name for source in sources})
        folder.tables(sources, classes)
        for line in folder.taken_for_granted(sources, classes):
            say_once(line)
    return read_quality(folder.out)


@contextlib.contextmanager
def on_cluster(address: str | None) -> Iterator[None]:
    """`convert` in the block works on the Dask cluster of this scheduler; here without one.

    Raises InputError where Dask is not installed or nobody answers.
    """
    if not address:
        yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise InputError("a cluster needs Dask: pip install distributed") from None
    try:
        client = Client(address, timeout=ANSWER)
    except (OSError, ValueError) as error:
        raise InputError(f"{address}: no Dask scheduler answers ({error})") from None
    with client:
        try:  # joblib would wait for ever for what its workers cannot read
            client.submit(require_mediapipe, pure=False).result(timeout=120)
        except Exception as error:
            raise InputError(f"{address}: its workers need mbnb[video] as here ({error})") from None
        with joblib.parallel_config("dask"):
            yield


def summary(table: pd.DataFrame, out: Path, key: Path | None = None) -> list[str]:
    """What a conversion made, refused and kept, as lines for people."""
    lines = []
    for reason, rows in table.groupby("reason", sort=False):
        for said, some in [("", rows)] if reason else rows.groupby("remarks", sort=False):
            files = listed(list(dict.fromkeys(some["file"])))
            lines.append(f"{files}: {f'left out: {reason}' if reason else said or 'read'}")
    if len(lines) > MANY:
        lines = [*lines[:MANY], f"and {len(lines) - MANY} more, see {out / QUALITY}"]
        guessed = int(table["remarks"].str.contains(SUPPOSED, regex=False).sum())
        lines += [f"{guessed} of {len(table)}: their {SUPPOSED}"] * (guessed > 0)
    clips, files = int((table["clip"] != "").sum()), table["file"].nunique()
    more = f", {FAILURES} why the others did not" * (clips < len(table))
    several = f" (people or recordings, in {files} file{'s' * (files > 1)})"
    made = f"{clips} of {len(table)} became clips{several * (files < len(table))}"
    lines.append(f"{out}: {made}; {QUALITY} says what to know of them{more}")
    kept = [f"places of joints in {out}"]
    landmarks = landmark_file(out, "x").parent
    kept += [f"raw landmarks of videos in {landmarks}"] * landmarks.is_dir()
    names = f"no names: who is who stands in {key}" if key else "names of files"
    return [*lines, f"kept: {', '.join(kept)}, {names}; no pictures"]


def read_quality(out: Path) -> pd.DataFrame:
    """The table `quality.csv` of a conversion, text as text and numbers as numbers."""
    types = dict.fromkeys(TEXTS, str)
    table = pd.read_csv(out / QUALITY, keep_default_na=False, na_values=["", "nan"], dtype=types)
    texts = [name for name in TEXTS if name in table]
    table[texts] = table[texts].fillna("")
    return table


def _faults(sources: Sequence[Source], out: Path, classes: ClassTable, how: How) -> list[str]:
    """What is wrong with a list of sources and the options, a line each."""
    faults, times = [], Counter(source.name for source in sources)
    if how.form not in FORMS:
        faults.append(f"expected one of {', '.join(FORMS)} as form, found {how.form!r}")
    if how.form in SEVENTEEN and how.skeleton != OURS:
        faults.append(f"{how.form} holds the 17 joints of {OURS}, not those of {how.skeleton}")
    of_video = any(one.is_video and not one.person for one in sources)
    if wanted := _person_wanted(how.person, of_video):
        faults.append(f"person: expected {wanted}, found {how.person!r}")
    inside = [one.path.name for one in sources if out.absolute() in one.path.absolute().parents]
    if inside:
        holds = "clips that were made there" if Folder(out).known() else "what is to be converted"
        faults.append(f"{out}: holds {holds} ({listed(inside)}): name another folder for the clips")
    for source in sources:
        name, expected = source.name, []
        if times[name] > 1:
            faults.append(f"{source.path}: the clip name {name!r} is given more than once")
        if name != "".join(name.split()) or Path(name).name != name:
            expected.append(("a clip name without blanks and slashes", repr(name)))
        if not UNLABELLED <= source.label < len(classes):
            expected.append((f"a class id from 0 to {len(classes) - 1}, or -1", source.label))
        if wanted := _person_wanted(source.person, source.is_video):
            expected.append((wanted, repr(source.person)))
        if source.split not in ("", *SPLITS):
            expected.append((f"one of {', '.join(SPLITS)} as split", repr(source.split)))
        if not 0 <= source.start < source.end:
            expected.append(("a start before an end", f"{source.start:g} to {source.end:g} s"))
        faults += [f"{source.path}: expected {wanted}, found {value}" for wanted, value in expected]
    return faults


def _person_wanted(person: str, is_video: bool) -> str:
    """What should stand in place of a rule for choosing somebody, '' where it may do."""
    box = box_of(person)
    if is_video and not (box or person in ("", *RULES) or person.isdecimal()):
        return f"of a video {', '.join(RULES)}, a number or a box"
    left, top, right, bottom = box or (0, 0, 2, 2)
    pixels = is_video and max(right, bottom) > 1  # not shares of the picture
    ordered = left < right and top < bottom and all(map(math.isfinite, box))
    if ordered and (pixels or not is_video):
        return ""
    unit = " in pixels" * is_video
    return f"of a box LEFT,TOP,RIGHT,BOTTOM{unit}, LEFT before RIGHT and TOP before BOTTOM"


def _known(folder: Folder, sources: Sequence[Source]) -> set[str]:
    """The sources that were converted to `out` before; InputError where that is something else."""
    out, known = folder.out, folder.known()
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: expected a folder, found a file")
    if known and not known & {source.name for source in sources}:
        raise InputError(
            f"{out}: holds clips of other videos or files, which these would replace: name another "
            "folder (of notebook 02 another run, -p run NAME), or delete that one"
        )
    if out.is_dir() and not folder.work.is_dir() and any(p.name != ".lock" for p in out.iterdir()):
        raise InputError(f"{out}: expected an empty or a new folder, or one of a conversion")
    return known


def _todo(sources: Sequence[Source], folder: Folder, how: How, quiet: bool = False) -> list[Source]:
    """The sources that are not done; what was done and why some are not any more is said."""
    todo, changes = [], {}
    for source in sources:
        before, now = folder.stamp_of(source), stamp(source, how)
        if before != now or not now:
            todo.append(source)
        if before and before != now:
            changes.setdefault(_change(before, now), []).append(source.shown or source.name)
    if quiet:
        return todo
    if len(todo) < len(sources):
        say_once(f"{folder.out}: {len(sources) - len(todo)} of {len(sources)} are done already")
    for change, names in changes.items():
        say_once(f"{len(names)} are made anew, {change}: {listed(names)}")
    return todo


def _change(before: dict[str, Any], now: dict[str, Any]) -> str:
    """What differs between two stamps, in words."""
    if any(before.get(key) != now.get(key) for key in ("size", "changed")):
        return "since the file has changed"
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    said = (f"{key} was {before.get(key)!r} and is {now.get(key)!r}" for key in keys)
    return f"since options have changed ({'; '.join(said)})"


def _work(
    todo: Sequence[Source], count: int, folder: Folder, how: How, workers: int | None
) -> None:
    """Convert each of these, with a bar; at most a few of them are anywhere at once."""
    # A few files of skeletons are read sooner than a process begins.
    apart = len(todo) > FEW or any(source.is_video for source in todo)
    one = _convert_apart if apart else _convert_here
    run = joblib.Parallel(
        n_jobs=workers or -1,
        prefer="threads",
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch="2 * n_jobs",
    )
    about = {"desc": "converting", "unit": "file", "initial": count - len(todo), "total": count}
    done = run(joblib.delayed(one)(source, folder, how) for source in todo)
    now = True
    try:
        with tqdm(done, **about, smoothing=0.1, mininterval=0.5) as bar:
            lost = 0
            for is_lost in bar:
                lost += is_lost
                bar.set_postfix_str(f"{lost} left out" if lost else "", refresh=False)
        now = False
    finally:
        stop_children(now)


def _convert_apart(source: Source, folder: Folder, how: How) -> bool:
    """Convert a source in a process of its own; whether nothing came of it."""
    try:
        in_child(convert_one, source, folder, how)
    except Died as died:
        # Without a stamp, so that it is tried again the next time: there may be more memory then.
        folder.keep(source, {}, [Found(source.name, {"reason": str(died)})], how.fps)
    return folder.is_empty(source)


def _convert_here(source: Source, folder: Folder, how: How) -> bool:
    convert_one(source, folder, how)
    return folder.is_empty(source)


def _refuse(folder: Folder, sources: Sequence[Source]) -> None:
    """Raise InputError with the reasons where not one clip was made."""
    folder.failures(sources)
    rows = [clip.row for clip in folder.clips(sources)]
    reasons = list(dict.fromkeys(f"{row['file']}: {row['reason']}" for row in rows))
    more = [f"and {len(reasons) - MANY} more"] if len(reasons) > MANY else []
    raise InputError("\n".join(["not one clip can be made", *reasons[:MANY], *more]))

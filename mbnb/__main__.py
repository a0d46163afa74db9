"""The command line: `python -m mbnb COMMAND --help`.

Thin over the functions that the notebooks use: it reads what was typed and prints what comes out.
"""

import codecs
import contextlib
import dataclasses
import functools
import re
import shlex
import sys
import time
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd
import yaml

from mbnb import settings
from mbnb.classes import ClassTable, read_classes
from mbnb.config import (
    DETECTOR,
    LIFTER,
    OWN_WEIGHTS,
    SETTINGS,
    Config,
    find_settings,
    found_in,
    read_yaml,
    settings_page,
)
from mbnb.files import PACKAGE, ROOT, InputError, disk_error, fault_line
from mbnb.originals import for_lifting, for_meshes
from mbnb.runs import RunFolder
from mbnb.text import VIDEO_ENDINGS, listed

LAYOUT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


# What is said, and the exit code, after Ctrl-C.
KEPT = "what was written before is whole; the same command goes on from there, or begins again"
INTERRUPTED = 130
# How consoles show what they have no letters for, where leaving off accents is not enough.
PLAIN = str.maketrans("█░▁▂▃▄▅▆▇–—−×·‘’“”„", '#.1234567---x.\'\'"""') | {
    ord(letter): text for letter, text in (("ß", "ss"), ("æ", "ae"), ("ø", "o"), ("ł", "l"))
}


def _plain(error: UnicodeError) -> tuple[str, int]:
    """What is written in place of characters that a console or a file cannot take."""
    lost = error.object[error.start : error.end].translate(PLAIN)
    # A bare system takes bytes of file names for what they are not.
    known = lost.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    letters = unicodedata.normalize("NFKD", known)
    shown = (c if c.isascii() else "" if unicodedata.combining(c) else "?" for c in letters)
    return "".join(shown), error.end


def _ascii(name: str) -> codecs.CodecInfo | None:
    """ASCII by a name that click takes for a decision; else it writes UTF-8 in its place."""
    if name != "plain_ascii":
        return None
    ascii = codecs.lookup("ascii")
    return codecs.CodecInfo(*ascii, ascii.incrementalencoder, ascii.incrementaldecoder, name)


codecs.register_error("plain", _plain)
codecs.register(_ascii)


class _Command(click.Command):
    """Understands settings however they are typed, and says how one is given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if any(one.name == "parameters" for one in self.params):
            args = spelled(args, {o: p.nargs for p in self.params for o in p.opts if o[0] == "-"})
        return super().parse_args(ctx, args)


class _Commands(click.Group):
    """Turns a user's mistake into one clear message and exit code 2, without a traceback."""

    command_class = _Command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        known = self.get_command(ctx, args[0]) is not None
        if not known and re.match(r"\d", Path(args[0]).name):  # a notebook
            raise InputError(f"{args[0]}: no command; `python -m mbnb run {args[0]}` runs it")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Any console takes what is printed: those of Windows and of bare systems lack letters."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                is_ascii = codecs.lookup(stream.encoding).name == "ascii"
                stream.reconfigure(encoding="plain_ascii" if is_ascii else None, errors="plain")
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (InputError, OSError) as error:
            said = error if isinstance(error, InputError) else disk_error(error)
            if not said:
                raise
            click.echo(f"error: {said}", err=True)
            sys.exit(2)
        except KeyboardInterrupt as stopped:
            click.echo(f"\nCtrl-C: {f'{stopped}' or KEPT}", err=True)
            sys.exit(INTERRUPTED)


def with_settings(command):
    """Add -f and -p to a command, which gets one dictionary of settings, `given`."""

    @click.option(
        "-f",
        "--file",
        "files",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        multiple=True,
        help="A YAML file of settings; later files win.",
    )
    @click.option(
        "-p",
        "--parameter",
        "parameters",
        nargs=2,
        multiple=True,
        metavar="KEY VALUE",
        help="A setting, as in `-p epochs 5`; wins over files. `mbnb settings` lists them.",
    )
    @functools.wraps(command)
    def wrapped(files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...], **rest: Any):
        return command(given=collect(files, parameters), **rest)

    return wrapped


def spelled(args: list[str], options: dict[str, int]) -> list[str]:
    """What was typed, with each setting as `-p NAME VALUE`.

    `-p NAME=VALUE`, `-p NAME: VALUE` and the like become that. options: those of the command, and
    how many values each takes. Raises InputError that says how it is written for settings given as
    `--NAME VALUE` or `NAME=VALUE`, and where a value is missing.
    """
    left, found, faults = list(args), [], []
    while left:
        word = left.pop(0)
        if word == "--":
            return [*found, word, *left]
        if asked := _as_setting(word, left, options):
            faults.append(f"{word}: a setting is given as `-p {asked}`")
            continue
        attached = re.fullmatch(r"--parameter=(.*)|-p(?!$)(.*)", word, re.DOTALL)
        if word not in ("-p", "--parameter") and not attached:
            found += [word, *(left.pop(0) for _ in range(min(options.get(word, 0), len(left))))]
            continue
        text = (attached[1] or attached[2]) if attached else left.pop(0) if left else ""
        name, mark, value = re.fullmatch(r"([\w-]*)\s*([=:\s]?)\s*(.*)", text, re.DOTALL).groups()
        if not mark and value:  # nothing that a setting is called
            name, value = text, ""
        if left[:1] in (["="], [":"]):
            left.pop(0)
        if not value and mark != "=":
            if not left or left[0] in options:
                faults.append(f"-p {name}: expected a value, as in `-p {name or 'NAME'} VALUE`")
                continue
            value = left.pop(0)
        found += ["-p", name, value]
    if faults:
        raise InputError("\n".join(faults))
    return found


def _as_setting(word: str, left: list[str], options: dict[str, int]) -> str:
    """`NAME VALUE` where `word` and what is `left` give a setting without -p; else ''."""
    match = re.fullmatch(r"(-{0,2})([a-zA-Z][\w-]*)(=?)(.*)", word, re.DOTALL)
    if not match or f"{match[1]}{match[2]}" in options or (match[4] and not match[3]):
        return ""
    dashes, name, has_value, value = match.groups()
    name = name.replace("-", "_")
    if dashes and name not in SETTINGS and not word.startswith("-p"):
        name = settings.nearest(name, SETTINGS, 0.8) or ""
    if name not in SETTINGS or not (dashes or (has_value and not Path(word).exists())):
        return ""
    if dashes and not has_value and left and left[0] not in options:
        value = left.pop(0)
    return f"{name} {shlex.quote(value) if value else 'VALUE'}"


def collect(files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """One dictionary of settings, of files and of the command line.

    Relative paths of the command line start at the current folder, and so do those of files where
    there is such a path; else they start at the checkout.
    """
    given: dict[str, Any] = {}
    for file in files:
        given |= read_yaml(file)
    places = [one for one in SETTINGS.values() if one.path]
    for one in places:
        path = given.get(one.name)
        if path and path not in one.words and Path(str(path)).exists():
            given[one.name] = str(Path(str(path)).resolve())
    for name, text in parameters:
        if name in SETTINGS:
            given[name] = SETTINGS[name].typed(text)
            if SETTINGS[name] in places and given[name] not in (None, "", *SETTINGS[name].words):
                given[name] = str(Path(given[name]).resolve())
        else:  # refused later, unless it is `variants` or `grid`
            try:
                given[name] = yaml.safe_load(text)
            except yaml.YAMLError:
                given[name] = text
    return given


@click.group(cls=_Commands, context_settings=LAYOUT)
def main() -> None:
    """mbnb: recognise micro-actions from 3D skeletons."""


@main.command()
@click.argument("notebooks", nargs=-1)
@with_settings
def run(notebooks: tuple[str, ...], given: dict[str, Any]) -> None:
    """Execute NOTEBOOKS and write outputs/<run>/report.html.

    NOTEBOOKS are their numbers or names, such as 01 03; all are run if none are named. They are run
    in the order of their numbers.
    """
    from mbnb.run.checks import check_before, choose_notebooks

    _expect_actions(given)
    chosen = choose_notebooks(notebooks)
    if not notebooks and given.get("data_root") and not given.get("videos"):
        chosen = [path for path in chosen if not path.name.startswith("02")]
        click.echo(
            "02 is left out: the data are skeletons already "
            "(name `videos` or the notebook to run it)"
        )
    check_before(chosen, given)
    from papermill.exceptions import PapermillExecutionError

    from mbnb.run.notebooks import explain, run_notebooks

    try:
        with Config.of(given).folder.claimed():
            click.echo(f"report: {run_notebooks(chosen, given)}")
    except PapermillExecutionError as error:
        click.echo(f"error: {explain(error, Config.of(given).folder.path / 'notebooks')}", err=True)
        sys.exit(1)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@with_settings
def verify(folder: Path, given: dict[str, Any]) -> None:
    """List every problem of the data set in FOLDER.

    The exit code is 1 where one would break a training.
    """
    from mbnb.data import dataset

    config = Config.of(given | {"data_root": str(folder.resolve())})
    table = dataset.verify(folder, config)
    for row in table.itertuples():
        line = None if pd.isna(row.line) else row.line
        click.echo(f"{row.severity}: {fault_line(row.file, line, row.problem)}")
    errors = int((table["severity"] == "error").sum())
    if errors:
        things = f"{errors} things" if errors > 1 else "1 thing"
        click.echo(f"not yet: {things} would break a training; {len(table) - errors} warnings")
    else:
        # Its doubts and warnings stand above already.
        click.echo(dataclasses.replace(dataset.load(config), doubts=(), warnings=0).describe())
    sys.exit(1 if errors else 0)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--packed", is_flag=True, help="One npz file a split instead of a folder a clip.")
@with_settings
def simulate(folder: Path, packed: bool, given: dict[str, Any]) -> None:
    """Write simulated people into FOLDER in the documented layout."""
    from mbnb.data.simulated import simulated_splits, simulated_table
    from mbnb.data.write import write_dataset

    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: expected an empty or a new folder")
    config = Config.of(given)
    splits, classes = simulated_splits(config), read_classes(simulated_table(config))
    write_dataset(folder, splits, classes, packed, simulated=True)
    counts = ", ".join(f"{split} {len(clips)} clips" for split, clips in splits.items())
    click.echo(f"{folder}: simulated people; {counts}")


@main.command()
@click.argument("videos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--model", type=click.Path(path_type=Path), required=True, help="RTMW or DWPose.")
@click.option("--detector", type=click.Path(path_type=Path), help="YOLOX that finds people.")
@with_settings
def points(videos: Path, out: Path, model: Path, detector: Path, given: dict[str, Any]) -> None:
    """Find 44 points of body, hands and face in VIDEOS by ONNX files that you have.

    They are x, y and a confidence, OUT/test/CLIP/pose_2d.npy, for models that see clips without
    depth: -p skeleton wholebody44 -p without_depth true. Needs the extra `rtm`.
    """
    from mbnb.video.rtm import write_points

    names = write_points(videos, out, model, detector, Config.of(given).fps)
    click.echo(f"{out}: {len(names)} clips")


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--layout",
    default="",
    help="The points of files that do not tell, as coco17, or a file of names.",
)
@click.option(
    "--to",
    "form",
    type=click.Choice(["npy", "npz", "pkl", "bvh", "trc", "csv"]),
    default="npy",
    show_default=True,
    help="npy and npz: mbnb's layout; pkl: pyskl's; else a file a clip.",
)
@click.option("--rate", type=float, help="Frames a second of files that do not tell.")
@click.option(
    "--size",
    nargs=2,
    type=click.FloatRange(1),
    metavar="WIDTH HEIGHT",
    help="Of the picture in pixels, where files give places as shares of it.",
)
@click.option("--swap-sides", is_flag=True, help="Exchange left and right, which files name wrong.")
@click.option(
    "--person",
    default="",
    help="Whom of several: all, each a clip of its own; largest, central, longest; the name that a "
    "file has for one, in videos a number from left to right; or a box LEFT,TOP,RIGHT,BOTTOM. "
    "Without it all in files of skeletons, and in videos whom MediaPipe finds first.",
)
@click.option(
    "--pseudonyms",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="KEY",
    help="Call clips c0001 and people p0001, and write into the file KEY who is who.",
)
@click.option("--workers", type=click.IntRange(1), help="Files at once; one a core without it.")
@click.option("--cluster", metavar="ADDRESS", help="Work on a Dask cluster, tcp://HOST:8786.")
@with_settings
def convert(
    source: Path,
    out: Path,
    given: dict[str, Any],
    pseudonyms: Path | None,
    workers: int | None,
    cluster: str | None,
    **how: Any,
) -> None:
    """Make a data set in the folder OUT of the videos or the files of skeletons in SOURCE.

    SOURCE is a video, another tool's file of skeletons, a folder of either (videos may lie in
    train/, val/ and test/ with their lists beside them, as MA-52 comes), or a CSV list with a
    column `file` and, if you like, clip, label, subject, split, start, end (seconds), person.
    Labels and people of a folder: -p video_labels FILE, -p video_person PATTERN. Hands and face
    come along with -p skeleton wholebody44. Joints in pictures become clips without depth, which
    -p without_depth true trains on.

    Clips are written as they are done. The same command goes on where one was interrupted, and
    does nothing twice. OUT/quality.csv says what to know of each clip, OUT/failures.csv what could
    not be used and why; that stops nothing.
    """
    from mbnb import convert as conversion
    from mbnb.skeleton import load_skeleton

    config = Config.of(given)
    load_skeleton(config.skeleton)  # an unknown one is refused once, not for each file
    classes = read_classes(config.class_table)
    labels = ROOT / config.video_labels if config.video_labels else None
    sources = conversion.find_sources(source, classes, labels, config.video_person)
    secret = ""
    if pseudonyms:
        sources, secret = conversion.pseudonymous(sources, pseudonyms, out)
    pose_of = None
    if config.video_depth != "mediapipe" and any(one.is_video for one in sources):
        from mbnb.wild.depth import chosen_depth  # which takes seconds to import

        pose_of = chosen_depth(config)
    options = conversion.How(
        fps=config.fps,
        pose_model=ROOT / config.pose_model if config.pose_model else None,
        pose_of=pose_of,
        secret=secret,
        skeleton=config.skeleton,
        **how,
    )
    with conversion.on_cluster(cluster):
        table = conversion.convert(sources, out, classes, options, workers)
    for line in conversion.summary(table, out, pseudonyms):
        click.echo(line)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--axes",
    default="x y z",
    show_default=True,
    help="Which axes of FOLDER, with their signs, are x to the right, y down and z away.",
)
@click.option("--swap-sides", is_flag=True, help="Exchange the names of left and right joints.")
@click.option("--scale", default=1.0, show_default=True, help="Metres in a unit of FOLDER.")
@click.option("--joints", help="The format in whose order the joints are, such as coco17.")
@click.option("--split", "only", multiple=True, help="Turn this split alone.")
@click.option("--where", help="Turn only clips with this fault, such as mirrored.")
@with_settings
def turn(folder: Path, out: Path, given: dict[str, Any], **how: Any) -> None:
    """Write a copy of FOLDER to OUT with its axes, sides or units put right.

    `verify` prints the command for a data set whose people stand on their heads, are mirrored or
    measured in millimetres.
    """
    from mbnb.data.turn import turn_dataset

    counts = turn_dataset(folder, out, Config.of(given), **how)
    turned = ", ".join(
        f"{some} of {all_} clips in {split}" for split, (some, all_) in counts.items()
    )
    click.echo(f"{out}: turned {turned}; now: python -m mbnb verify {out}")


def with_coding(command):
    """Add to a command what chooses among the intervals of a file: `chosen`, for `choose`."""

    @click.option("--recording", default="", help="This one alone, where a file has several.")
    @click.option("--tier", "tiers", multiple=True, help="These tiers alone.")
    @click.option("--person", default="", help="Intervals of this person alone.")
    @click.option("--by", default="", help="The modifier that is the label, such as `hand`.")
    @click.option(
        "--origin",
        type=click.Choice(["human", "machine"]),
        help="What they coded alone.",
    )
    @functools.wraps(command)
    def wrapped(recording: str, tiers: tuple[str, ...], person: str, by: str, **rest: Any):
        chosen = dict(recording=recording, tiers=tiers, person=person, by=by)
        return command(chosen=chosen | {"origin": rest.pop("origin") or ""}, **rest)

    return wrapped


CLASSES = dict(help="A class table: document, ma52, or a CSV file.", metavar="TABLE")


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it as .eaf (ELAN), .boris or .tsv (BORIS), or .csv.",
)
@click.option("--video", help="The video that an .eaf or a project is linked to.")
@click.option(
    "--measures",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write tables for statistics, and their codebook, into this folder.",
)
@click.option("--stretches", default="", help="A tier that divides recordings for --measures.")
@click.option(
    "--edits",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Correct it by what was edited in its timeline, NAME_edits.json.",
)
@click.option("--classes", **CLASSES)
@with_coding
def coding(
    file: Path,
    out: Path | None,
    edits: Path | None,
    video: str | None,
    measures: Path | None,
    stretches: str,
    classes: str | None,
    chosen: dict[str, Any],
) -> None:
    """Show what is in FILE, intervals that somebody coded, and write it in other formats.

    FILE is of ELAN, BORIS, Praat or Datavyu, a CSV with start, end and label, or JSON as
    ActivityNet has it.
    """
    from mbnb.coding import choose, describe, read_codings, write_coding
    from mbnb.coding.cut import of_no_class
    from mbnb.coding.edits import correct
    from mbnb.coding.statistics import write_measures
    from mbnb.intervals import Medium

    if out and out.exists() and out.samefile(file):
        raise InputError(f"{out}: is the file that is read, which is never changed; name another")
    codings = correct(read_codings(file), edits) if edits else read_codings(file)
    codings = choose(codings, file, **chosen, always=stretches)
    if video:
        codings = [dataclasses.replace(one, media=(Medium(video),)) for one in codings]
    table = read_classes(classes) if classes else None
    click.echo(describe(codings))
    if table and (unknown := of_no_class(codings, table)):
        click.echo(f"of no class: {listed(unknown, 6)}", err=True)
    if out:
        write_coding(codings, out, table)
        click.echo(f"{out}: {sum(map(len, codings))} intervals")
    if measures:
        for name, rows in write_measures(codings, measures, table, stretches).items():
            click.echo(f"{measures / name}: {len(rows)} rows")


@main.command()
@click.argument("codings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--classes", **CLASSES)
@click.option("--padding", default=0.0, show_default=True, help="Seconds added at either end.")
@click.option("--shortest", default=0.5, show_default=True, help="Seconds; shorter ones widen.")
@click.option("--no-overlaps", is_flag=True, help="Leave out what overlaps another label.")
@click.option("--nothing", default=0.0, help="Seconds of clips of a class that nothing happens.")
@with_coding
@with_settings
def cut(
    codings: tuple[Path, ...],
    source: Path,
    out: Path,
    classes: str | None,
    chosen: dict[str, Any],
    given: dict[str, Any],
    **how: Any,
) -> None:
    """Cut the intervals of CODINGS out of the skeletons in SOURCE; OUT is a data set of clips.

    SOURCE is a data set of long clips, an npz, a video or a folder of videos. What became of each
    interval stands in OUT/intervals.csv.
    """
    from mbnb.coding import choose, read_codings
    from mbnb.coding import cut as cutting
    from mbnb.coding.recordings import recordings_in

    out = out.resolve()
    cutting.expect_free(out)
    every = [one for path in codings for one in choose(read_codings(path), path, **chosen)]
    for one in every:
        click.echo("".join(f"{one.name}: {remark}\n" for remark in one.remarks), nl=False, err=True)
    recordings = recordings_in(source, Config.of(given), out.with_name(f"{out.name}_landmarks"))
    table = read_classes(classes) if classes else None
    how["overlaps"] = not how.pop("no_overlaps")
    rows = cutting.cut(every, recordings, out, table, **how)
    click.echo(cutting.summary(rows))
    click.echo(f"{out}: now python -m mbnb verify {out}")


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--unit", default=0.1, show_default=True, help="Seconds of a unit of time.")
@click.option("--classes", **CLASSES)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write all tables into this folder.",
)
@with_coding
def agree(
    files: tuple[Path, ...],
    unit: float,
    classes: str | None,
    out: Path | None,
    chosen: dict[str, Any],
) -> None:
    """Say how far codings of the same recordings in FILES agree, of people or of a machine.

    Two files or more, one for each coder, or one that holds annotations of both.
    """
    from mbnb.coding import report

    found = report.compare(files, unit, read_classes(classes) if classes else None, **chosen)
    click.echo(report.as_text(found))
    for path, rows in report.write(found, out).items() if out else ():
        click.echo(f"{path}: {rows} rows")


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--poses", type=click.Path(path_type=Path), help="Skeletons, an npz as `cut` reads.")
@click.option("--video", type=click.Path(path_type=Path), help="The video, which is linked.")
@click.option("--human", type=click.Path(path_type=Path), help="Another coder's file, beside it.")
@click.option("--recording", default="", help="This one, where SOURCE has several.")
@click.option("--tier", "tiers", multiple=True, help="Show these tiers alone.")
@click.option("--classes", **CLASSES)
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The page to write.",
)
@with_settings
def timeline(
    source: Path, out: Path, classes: str | None, given: dict[str, Any], **how: Any
) -> None:
    """Write a page with the timeline of SOURCE, in which its segments can be corrected.

    SOURCE is what `detect` wrote, its folder or that of a recording in it, or a file of coded
    intervals. `coding FILE --edits NAME_edits.json` applies what was edited.
    """
    from mbnb.show.timeline import open_timeline, write_timeline

    table = read_classes(classes) if classes else None
    view = open_timeline(source, Config.of(given), classes=table, **how)
    click.echo(f"{write_timeline(view, out)}: {view.summary}")


@main.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option(
    "--model", default=DETECTOR, show_default=True, help="A file, a run, or a name of mbnb's own."
)
@click.option("--labels", help="A model of clips that says what the segments of --model are.")
@click.option("--window", default=2.0, show_default=True, help="Seconds, of a model of clips.")
@click.option("--stride", default=0.25, show_default=True, help="Seconds, of a model of clips.")
@click.option("--film", is_flag=True, help="Also a video with what was found burnt in.")
@click.option(
    "--coding", "codings", multiple=True, type=click.Path(path_type=Path), help="For --stretches."
)
@click.option("--stretches", default="", help="A tier of --coding that divides the statistics.")
@with_settings
def detect(
    sources: tuple[Path, ...],
    out: Path,
    model: str,
    labels: str | None,
    window: float,
    stride: float,
    codings: tuple[Path, ...],
    given: dict[str, Any],
    **how: Any,
) -> None:
    """Find what a person does when in SOURCES: long videos, folders of them, or files of poses.

    Each recording gets a folder of its name in --out: poses, probabilities over time, segments,
    files of ELAN and BORIS; all together tables for statistics with a codebook.
    """
    from mbnb.coding import choose, read_codings
    from mbnb.detect.detector import load_detector
    from mbnb.detect.tool import detect_into

    if how["stretches"] and not codings:
        raise InputError("--stretches: expected --coding FILE, which has that tier")
    others = [c for f in codings for c in choose(read_codings(f), f, always=how["stretches"])]
    config = Config.of(given)
    detector = load_detector(_checkpoint_file(Path(model), given), config, window, stride)
    if labels:
        other = load_detector(_checkpoint_file(Path(labels), given), config)
        detector = detector.labelled_by(other)
    if "class_table" in given:
        detector.expect_classes(config.class_table)
    for one in detect_into(sources, out, detector, config, codings=others, **how):
        click.echo(
            "".join(f"{one.coding.name}: {n}\n" for n in one.coding.notes), nl=False, err=True
        )
        hint = f"; {one.folder.predictions.name} says how likely each class was, and when"
        click.echo(f"{one.folder.path}: {len(one.coding)} segments{hint * (not len(one.coding))}")
    click.echo(f"statistics: {out}")


@main.command()
@click.argument("codings", nargs=-1, type=click.Path(path_type=Path))
@click.option("--source", type=click.Path(path_type=Path), help="Where the skeletons are.")
@click.option("--classes", **CLASSES)
@with_coding
@with_settings
def teach(
    codings: tuple[Path, ...],
    source: Path | None,
    classes: str | None,
    chosen: dict[str, Any],
    given: dict[str, Any],
) -> None:
    """Train a detector for `detect --model RUN` on recordings that CODINGS say everything of.

    What is not coded is nothing. SOURCE is as for `cut`. Some people are held out to choose
    thresholds on, and scored. Without CODINGS and SOURCE, simulated people are learned from.
    """
    from mbnb.coding import choose, read_codings
    from mbnb.detect import teach as teaching

    every = [one for path in codings for one in choose(read_codings(path), path, **chosen)]
    path, scores = teaching.teach(every, source, given, classes)
    click.echo(scores.to_string(index=False, float_format="%.3f"))
    click.echo(f"detector: {path}")


@main.command()
@with_settings
def train(given: dict[str, Any]) -> None:
    """Train into outputs/<run>/.

    It goes on where an earlier training of the same settings stopped.
    """
    from mbnb.data import dataset
    from mbnb.train import action

    _expect_actions(given)
    config = Config.of(given)
    data = dataset.load(config)
    click.echo(data.describe())
    history = action.train(config, data)
    click.echo(history.tail(1).T.to_string(header=False))
    click.echo(f"checkpoints: {config.folder.checkpoints}")


@main.command()
@with_settings
def pretrain(given: dict[str, Any]) -> None:
    """Pretrain a network on movement without classes, into outputs/<run>/.

    The setting `motion` names the recordings. What was learned is where a training may start from:
    `train -p init_from outputs/<run>/checkpoints/best.pt`. The original's files for pretraining and
    for lifting, such as MB_pretrain.yaml and MB_train_h36m.yaml, can be given with -f.
    """
    from mbnb.data.motion import load_motion
    from mbnb.train import pretrain as pretraining

    config = Config.of(given)
    if str(given.get("finetune")).lower() == "true" and config.init_from in ("", "auto"):
        raise InputError(
            "finetune: true: expected weights to start from, as in `-p init_from best_epoch.bin`"
        )
    data = load_motion(config)
    click.echo(data.describe())
    history = pretraining.pretrain(config, data)
    click.echo(history.tail(1).T.to_string(header=False))
    click.echo(f"checkpoints: {config.folder.checkpoints}")


@main.command("mesh-train")
@click.option(
    "--each-frame", is_flag=True, help="Train the simpler network that sees each frame by itself."
)
@with_settings
def _train_meshes(each_frame: bool, given: dict[str, Any]) -> None:
    """Train a network that finds bodies in 2D joints, into outputs/<run>/.

    Bodies are fitted to the recordings that the setting `motion` names, or to simulated people. The
    network starts from `-p init_from`; lifter is the best start of the weights that come along. The
    original's files for meshes, such as MB_train_pw3d.yaml, can be given with -f. A run with
    --each-frame is to compare with, by `evaluate RUN --beside OTHER`.
    """
    from mbnb.baselines.meshes import FrameMesh
    from mbnb.data.motion import load_motion
    from mbnb.train.mesh import train_meshes

    config = Config.of(given)
    data = None if config.parity else load_motion(config)
    click.echo(data.describe() if data else "by the original's recipe")
    other = FrameMesh if each_frame else None
    click.echo(train_meshes(config, data, network=other).tail(1).T.to_string(header=False))
    click.echo(f"checkpoints: {config.folder.checkpoints}")


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--encoder", default=LIFTER, show_default=True, help="What lifts: a file or a run.")
@click.option("--video", type=click.Path(path_type=Path), help="The video that SOURCE is of.")
@click.option("--person", help="Lift this one alone, named as in a first run or as in SOURCE.")
@click.option("--layout", default="", help="The points of files that do not tell, as coco17.")
@with_settings
def lift(source: Path, out: Path, encoder: str, given: dict[str, Any], **how: Any) -> None:
    """Lift people in SOURCE to 3D: npz, CSV and BVH of each, players, the video with them.

    SOURCE is a video, or 2D joints that another tool found: a file or a folder of AlphaPose,
    OpenPose, COCO, MMPose. `-p fps 25` says a rate that nothing else tells. `-p recipe parity` does
    what MotionBERT's own script does and writes X3D.npy, in pixels where --video is named.
    """
    from mbnb.wild.tool import lift_as_original, lift_into

    config = Config.of(given)
    path = _checkpoint_file(Path(encoder), given)
    if config.parity:
        del how["layout"]
        click.echo(lift_as_original(source, out, path, config, **how))
        return
    lifted, people = lift_into(source, out, path, config, **how)
    _tell_people(lifted.notes, people, out)


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option(
    "--network", default=LIFTER, show_default=True, help="What lifts, or a run of `mesh-train`."
)
@click.option("--video", type=click.Path(path_type=Path), help="The video that SOURCE is of.")
@click.option("--person", help="This one alone, named as in a first run or as in SOURCE.")
@click.option("--layout", default="", help="The points of files that do not tell, as coco17.")
@with_settings
def mesh(source: Path, out: Path, network: str, given: dict[str, Any], **how: Any) -> None:
    """Find the bodies of people in SOURCE: npz, glTF, OBJ of each, a page, the video with them.

    SOURCE is as for `lift`. People are lifted, and bodies are fitted to that, one shape for a
    person. Movement is smoothed over `-p smooth 7` frames. `-p body anny` writes more vertices, of
    the extra mesh; `-p body SMPL_NEUTRAL.npz` with --network a file of MotionBERT's writes SMPL's.
    """
    from mbnb.wild.mesh_tool import mesh_into

    weights = _checkpoint_file(Path(network), given)
    found, people = mesh_into(source, out, weights, Config.of(given), **how)
    _tell_people(found.notes, people, out)


@main.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def pack(checkpoint: Path, out: Path) -> None:
    """Write the weights of CHECKPOINT, a file or a run, to the safetensors file OUT.

    What a model needs to answer goes with them; paths of this machine do not.
    """
    from mbnb.model.shipped import pack as write

    click.echo(f"{out}: sha256 {write(_checkpoint_file(checkpoint, {}), out)}")


@main.command("export")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument(
    "out", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="OUT…"
)
@with_settings
def _export(checkpoint: Path, out: tuple[Path, ...], given: dict[str, Any]) -> None:
    """Write CHECKPOINT with its preparation to OUT, as ONNX (.onnx) or for torch.export (.pt2).

    CHECKPOINT is a file, a run, or a name that mbnb.load knows, such as simulated_ma52. Fewer views
    (`-p views 1`) are faster; `-p without_depth true` makes a lifter of an encoder.
    """
    from mbnb.evaluate.origin import origin
    from mbnb.model import zoo
    from mbnb.model.export import card, export

    known = str(checkpoint) in (*OWN_WEIGHTS, *zoo.official())
    named = checkpoint if known else _checkpoint_file(checkpoint, given)
    model = zoo.load(str(named), **given)
    line = origin(model.path)
    for path, apart in export(model, out, line).items():
        click.echo(f"{path}: answers as the network does, within {apart:.1g}")
    click.echo(f"takes {card(model)['takes']}\n{line}")


@main.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--minutes",
    type=click.FloatRange(min=0),
    help="Of an encoder: how long each simpler network is trained; 0: there are none. Else as long "
    "as the encoder.",
)
@click.option("--beside", type=Path, help="Of meshes: a run of `mesh-train --each-frame`.")
@with_settings
def evaluate(
    checkpoint: Path, minutes: float | None, beside: Path | None, given: dict[str, Any]
) -> None:
    """Score CHECKPOINT on unseen people of its data set, or of the one that -p data_root names.

    CHECKPOINT is a file, or a run, whose best.pt is taken. An encoder lifts 2D joints of the people
    in test of its recordings, or of those that -p motion names, beside simpler networks; one of the
    recipe parity is scored on Human3.6M, by its own settings or by a file like MB_train_h36m.yaml.
    A network for meshes is scored on bodies fitted to such recordings, one of the recipe parity on
    files like mesh_det_pw3d.pkl. With -p unseen_classes 6, clips of every sixth class are told from
    one example each.
    """
    from mbnb.data import dataset
    from mbnb.evaluate import score
    from mbnb.model.checkpoints import tells_meshes, tells_poses

    checkpoint = _checkpoint_file(checkpoint, given)
    config = _with_checkpoint(checkpoint, given)
    if for_lifting(given) or tells_poses(checkpoint):
        _evaluate_lifting(checkpoint, config, minutes, for_lifting(given))
        return
    if tells_meshes(checkpoint):
        others = {"each frame by itself": _checkpoint_file(beside, given)} if beside else {}
        _evaluate_meshes(checkpoint, config, others)
        return
    data = dataset.load(config)
    click.echo(data.describe())
    if config.unseen_classes:
        from mbnb.evaluate import one_shot

        table = one_shot.one_shot_table(one_shot.one_shot(config, data), config)
        click.echo(table.to_string(index=False, float_format="%.3f"))
        return
    score.evaluate(config, data)
    click.echo(config.folder.metrics.read_text(encoding="utf-8"), nl=False)


def _evaluate_meshes(checkpoint: Path, config: Config, others: dict[str, Path]) -> None:
    from mbnb.data.motion import load_motion
    from mbnb.evaluate import meshes
    from mbnb.evaluate.lifters import with_intervals

    if config.parity:
        table = meshes.score_pictures(config, checkpoint)
        click.echo(f"millimetres\n{table.to_string(index=False, float_format='%.1f')}")
        return
    data = load_motion(config)
    click.echo(data.describe())
    recovered = meshes.evaluate_meshes(config, checkpoint, data, others)
    table = with_intervals(meshes.mesh_table(recovered, config), meshes.ERRORS)
    click.echo(f"millimetres\n{table.to_string()}\ntables: {config.folder.meshes}")


def _evaluate_lifting(
    checkpoint: Path, config: Config, minutes: float | None, by_file: bool
) -> None:
    from mbnb.data.motion import load_motion
    from mbnb.evaluate import h36m, lifters

    if by_file or h36m.is_named(config):
        table = h36m.score_h36m(config, checkpoint)
        click.echo("millimetres; _all: every frame, also the ends that the original leaves out")
        click.echo(table.to_string(index=False, float_format="%.1f"))
        return
    data = load_motion(config)
    click.echo(data.describe())
    lifted = lifters.lift_all(config, data, None if minutes is None else 60 * minutes)
    click.echo("millimetres, velocity a frame")
    click.echo(lifters.with_intervals(lifters.lifting_table(lifted, config)).to_string())
    if len(lifted) > 1:
        click.echo("per cent that the encoder's errors are below others'")
        table = lifters.differences(lifted, config)
        click.echo(table.to_string(index=False, float_format="%.1f"))
    click.echo(f"tables: {config.folder.lifting}, {config.folder.lifted_clips}")


@main.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--split",
    default="test",
    show_default=True,
    help="Which split of FOLDER, as it is stored there.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV file; else the table goes to standard output.",
)
@with_settings
def predict(
    checkpoint: Path, folder: Path, split: str, out: Path | None, given: dict[str, Any]
) -> None:
    """Write a CSV with the probability of every class for each clip of FOLDER, labelled or not.

    CHECKPOINT is a file, or a run, whose best.pt is taken.

    Each clip is judged by itself. What `-p people` makes of a person's clips is written beside OUT,
    into a file that ends in _people.csv.
    """
    from mbnb.data import dataset
    from mbnb.evaluate import score
    from mbnb.evaluate.origin import origin
    from mbnb.evaluate.tables import SURE, write_csv

    if folder.is_file() and checkpoint.is_dir() and folder.suffix.lower() not in VIDEO_ENDINGS:
        raise InputError(f"the checkpoint comes first: predict {folder} {checkpoint}")
    checkpoint = _checkpoint_file(checkpoint, given)
    _expect_split(folder, split)
    whole = dict(data_root=str(folder.resolve()), val_fraction=0.0, fold=0, pool=False)
    config = _with_checkpoint(checkpoint, given | whole)
    if config.people and not out:
        raise InputError("--out: needed with the setting people, since two tables are written")
    data = dataset.load(config)
    doubts = [f"warning: {doubt}" for doubt in data.doubts]
    click.echo("\n".join([*doubts, data.verdict]), err=True)
    alone, adapted = score.predict(checkpoint, data, split, config)
    unsure = int((alone["sure"] == "no").sum())
    click.echo(
        f"{origin(checkpoint)}\n{unsure} of {len(alone)} answers are unsure, with a confidence "
        f"below {max(SURE, config.reject):.0%}",
        err=True,
    )
    if not out:
        _as_file()
        alone.to_csv(sys.stdout, index=False, float_format="%.6g")
        return
    tables = {out: alone, out.with_name(f"{out.stem}_people{out.suffix}"): adapted}
    for path, table in tables.items():
        if table is not None:
            write_csv(table, path)
            click.echo(f"{path}: {len(table)} clips", err=True)


@main.command()
@click.argument("clip")
@click.argument("collection", type=click.Path(path_type=Path))
@click.option(
    "--model",
    default="encoder",
    show_default=True,
    type=click.Path(path_type=Path),
    help="By what they are alike: a checkpoint, a run, or weights that come with mbnb.",
)
@click.option("--count", default=12, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--out",
    default="alike.csv",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV file; the page beside it ends in .html.",
)
@with_settings
def find(
    clip: str, collection: Path, model: Path, count: int, out: Path, given: dict[str, Any]
) -> None:
    """Find the clips of COLLECTION that are most like CLIP, and show them moving.

    CLIP is a clip's name in COLLECTION, a data set in the documented layout, or the folder of any
    other clip. The first time all of COLLECTION is embedded, which is kept.
    """
    from mbnb.evaluate.tables import write_csv
    from mbnb.explain import find as alike
    from mbnb.show.found import write_found

    if out.suffix.lower() in (".html", ".htm"):
        raise InputError(f"--out: expected the CSV file; the page lies beside it; found {out}")
    whole = dict(data_root=str(collection.resolve()), val_fraction=0.0, fold=0, pool=False)
    config = Config.of(given, whole)
    found = alike.find(config, clip, _checkpoint_file(model, given), count)
    click.echo(found.table.to_string(index=False, float_format="%.3f"))
    write_csv(found.table, out)
    write_found(found, config.fps, page := out.with_suffix(".html"))
    click.echo(f"{out}, {page}")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--share",
    default="1/1",
    show_default=True,
    metavar="I/N",
    help="Every N-th training from the I-th on, to divide a grid among machines.",
)
@with_settings
def grid(file: Path, share: str, given: dict[str, Any]) -> None:
    """Train and evaluate every run that FILE describes, and print the leaderboard.

    FILE holds settings for all runs, `variants:` (a name and its settings each) and `grid:` (a list
    of values for each setting). Finished runs are skipped.
    """
    from mbnb.evaluate.leaderboard import leaderboard
    from mbnb.run.grid import plan_grid, run_grid

    first, _, every = share.partition("/")
    if not (first.isdecimal() and every.isdecimal() and 1 <= int(first) <= int(every)):
        raise InputError(f"--share: expected I/N with I from 1 to N, found {share!r}")
    described = collect((file,), ()) | given
    _expect_actions(described)
    plan = plan_grid(described)
    run_grid(plan, (int(first), int(every)))
    runs = {name: run_settings for runs in plan.values() for name, run_settings in runs.items()}
    table = leaderboard(Config.of(next(iter(runs.values()))).folder.path.parent)
    _print_leaderboard(table[table["run"].isin(runs)])


@main.command("leaderboard")
@with_settings
def _leaderboard(given: dict[str, Any]) -> None:
    """List all evaluated runs, the best first."""
    from mbnb.evaluate.leaderboard import leaderboard

    _print_leaderboard(leaderboard(Config.of(given).folder.path.parent))


def _print_leaderboard(table: pd.DataFrame) -> None:
    click.echo(
        table.to_string(index=False, float_format="%.3f", na_rep="")
        if len(table)
        else "no evaluated run"
    )


@main.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--weights", help="A number for each source, as in 2,2,1,1; else all count the same.")
@with_settings
def combine(
    sources: tuple[str, ...],
    weights: str | None,
    given: dict[str, Any],
) -> None:
    """Make one run (`-p run NAME`) of SOURCES, several evaluated runs.

    CSV files of other models' scores (clip, then a column a class) may be among them. The same
    clips in several sources are averaged, an ensemble; folds with different people are pooled. CSV
    files alone need no labels: their mean can be submitted.
    """
    from mbnb.evaluate import ensemble as ensembles

    config = Config.of({"run": "ensemble"}, given)
    try:
        numbers = [float(weight) for weight in weights.split(",")] if weights else None
    except ValueError:
        raise InputError(f"--weights: expected numbers between commas, found {weights!r}") from None
    if all(Path(source).is_file() for source in sources):
        path = ensembles.fuse(
            config, [Path(source) for source in sources], _classes(given), numbers
        )
        click.echo(f"no scores, since no run says what is true: {path}")
        return
    ensembles.combine(config, sources, numbers)
    click.echo(config.folder.metrics.read_text(encoding="utf-8"), nl=False)


@main.command()
@click.argument("predictions", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--sample",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="This year's sample submission, or its list of clips.",
)
@click.option(
    "--out",
    default="submission.zip",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
)
@with_settings
def submit(
    predictions: Path,
    sample: Path,
    out: Path,
    given: dict[str, Any],
) -> None:
    """Write a challenge submission from PREDICTIONS, checked against the sample first.

    PREDICTIONS is a table that `predict` or an evaluation wrote.
    """
    from mbnb.evaluate.tables import read_regions, read_scores
    from mbnb.scores.challenge import write_submission

    classes = _classes(given)
    count = write_submission(
        out, sample, read_scores(predictions, classes), classes, read_regions(predictions, classes)
    )
    click.echo(f"{out}: {count} clips")


@main.command()
@click.argument("name", metavar="RUN", default="")
@click.option(
    "--watch",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="Show it anew every so many seconds until the training is finished; Ctrl-C ends it.",
)
@with_settings
def monitor(name: str, watch: float | None, given: dict[str, Any]) -> None:
    """Show how the training of RUN is going, or how far it came, and draw its curves.

    RUN is a name or a folder; without one it is the run that the settings name.
    """
    from mbnb.show import figures
    from mbnb.train.history import read_history
    from mbnb.train.monitor import progress

    folder = Path(name)
    place = {"run": name or None}
    if name and folder.is_dir():
        place = {"outputs": str(folder.resolve().parent), "run": folder.resolve().name}
    config = Config.of(given, place)
    if not config.folder.path.is_dir():
        outputs = config.folder.path.parent
        runs = sorted(path.parent.name for path in outputs.glob("*/environment.json"))
        raise InputError(
            f"{config.folder.path}: no such run; in {outputs} there are {', '.join(runs) or 'none'}"
        )
    text, finished = progress(config.folder)
    click.echo(text)
    with contextlib.suppress(KeyboardInterrupt):  # whoever has seen enough still gets the curves
        while watch and not finished:
            time.sleep(watch)
            text, finished = progress(config.folder)
            click.clear()
            click.echo(text)
    history, regions = read_history(config.folder)
    if len(history):
        epochs = f"epochs 1 to {history['epoch'].iloc[-1]}"
        caption = f"{figures.CAPTIONS['curves']} Run {config.run}, {epochs}."
        curves = figures.curves(history, regions)
        click.echo(f"curves: {figures.save_figure(curves, config, 'curves', caption)}")


@main.command("settings")
@click.argument("word", required=False)
@click.option("--page", is_flag=True, help="The page SETTINGS.md instead.")
def _list_settings(word: str | None, page: bool) -> None:
    """List all settings with their defaults, or those that have to do with WORD."""
    chosen = find_settings(word) if word else list(SETTINGS.values())
    if page:
        _as_file()
    click.echo(settings_page() if page else settings.as_text(chosen), nl=not page)


def _expect_actions(given: dict[str, Any]) -> None:
    """Raise InputError for a file of the original's that is for another command."""
    if for_meshes(given):
        raise InputError(
            "this file is for meshes: `python -m mbnb mesh-train -f FILE` trains by it"
        )
    if for_lifting(given):
        raise InputError(
            "this file is for pretraining or lifting: `python -m mbnb pretrain -f FILE` trains by "
            "it, `python -m mbnb evaluate CHECKPOINT -f FILE` scores on Human3.6M"
        )


def _as_file() -> None:
    """Standard output as UTF-8, as all files are, where it is one."""
    if not sys.stdout.isatty() and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")


def _classes(given: dict[str, Any]) -> ClassTable:
    """Of the data that are given; without any, the class table that is given, or MA-52's."""
    from mbnb.data import dataset

    config = Config.of({"class_table": "ma52"}, given)
    return dataset.load(config).classes if config.data_root else read_classes(config.class_table)


def _tell_people(notes: Iterable[str], people: Mapping[str, Any], out: Path) -> None:
    """Print what is to be known of people in a video, in how many frames each is, and the files."""
    click.echo("".join(f"note: {note}\n" for note in notes), nl=False, err=True)
    for name, one in people.items():
        click.echo(f"{name}: in {one.found.sum()} of {len(one.found)} frames")
    for path in sorted(out.iterdir()):
        click.echo(path)


def _checkpoint_file(named: Path, given: dict[str, Any]) -> Path:
    """The file that is meant by a checkpoint's, a run's or own weights' name, or a folder.

    Raises InputError where there is none, which names the runs that have one.
    """
    outputs = Config.of({"run": "run"}, given).folder.path.parent
    if str(named) in OWN_WEIGHTS:
        from mbnb.model.shipped import find_weights

        if (own := RunFolder(outputs / named).best).is_file():
            click.echo(f"the {named} that comes with mbnb; the run of that name is {own}", err=True)
        return find_weights(str(named))
    if named.is_file():
        return named
    for folder in (RunFolder(named), RunFolder(outputs / named)):
        for best in (folder.best, folder.path / folder.best.name):
            if best.is_file():
                click.echo(f"checkpoint: {best}", err=True)
                return best
    if named.is_dir():
        return named  # whoever reads it says what weights are in it
    runs = sorted(path.parts[-3] for path in outputs.glob(f"*/{RunFolder(Path()).best}"))
    raise InputError(
        f"{named}: no such file, and no run with checkpoints is called so; "
        f"runs in {outputs} that have some: {', '.join(runs) or 'none'}; weights that come with "
        f"mbnb: {', '.join(OWN_WEIGHTS)}"
    )


def _expect_split(folder: Path, split: str) -> None:
    """Raise InputError that says what to do where `folder` has no such split to predict."""
    from mbnb.data.layout import DataFolder

    data = DataFolder(folder)
    if not folder.exists():
        raise InputError(f"{folder}: no such folder")
    if mistaken := data.mistaken_for():
        raise InputError(f"{folder}: {mistaken}")
    there = data.there()
    if not there:
        raise InputError(f"{folder}: expected {split}/ or {split}.npz, found no split")
    if split not in there:
        unlabelled = [s for s in there if s != "test" and not data.labels(s).is_file()]
        raise InputError(
            f"{folder}: no split {split!r}; there is {' and '.join(there)}: "
            + (
                f"rename {unlabelled[0]} to test, which needs no labels"
                if unlabelled
                else f"add `--split {there[0]}`"
            )
        )


def _with_checkpoint(checkpoint: Path, given: dict[str, Any]) -> Config:
    """The settings that the checkpoint carries, then the user's.

    Results go to the run that the checkpoint lies in, wherever it was trained. One that lies by
    itself has them in a folder of its name, beside it; one that is not mbnb's, and one that comes
    with mbnb, below `outputs`.
    """
    from mbnb.model.checkpoints import read_checkpoint

    carried = read_checkpoint(checkpoint).get("config")
    path = {"checkpoint": str(checkpoint.resolve())}
    if not isinstance(carried, dict):
        return Config.of({"run": checkpoint.stem}, given, path)
    place = checkpoint.absolute()
    if place.stem in OWN_WEIGHTS and place.is_relative_to(PACKAGE):
        # The recordings that it learned from lay on another machine.
        return Config.of(given, path, saved=carried | {"run": place.stem, "motion": []})
    in_run = place.parent.name == "checkpoints" and place.parents[1].name
    folder = RunFolder(place.parents[1] if in_run else place.with_suffix(""))
    return Config.of(given, path, saved=found_in(folder, carried))


if __name__ == "__main__":
    main()

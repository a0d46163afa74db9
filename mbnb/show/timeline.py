"""The timeline of a coded recording: video, people who move, lanes of segments to be corrected.

`timeline` makes the widget of a notebook, `write_timeline` a page of it, `open_timeline` either of
what lies in files. Who corrects accepts, rejects, changes and adds segments; what becomes of that
is told by `mbnb.coding.edits`.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import traitlets
from matplotlib.figure import Figure

from mbnb.classes import ClassTable
from mbnb.coding.edits import check_edits, read_edits, segment_names
from mbnb.coding.reading import choose, read_coding, read_codings
from mbnb.coding.recordings import Recording, recordings_in
from mbnb.config import Config
from mbnb.files import InputError, write_text
from mbnb.intervals import Coding, Medium, at
from mbnb.runs import DetectionFolder
from mbnb.settings import say_once
from mbnb.show.fonts import Sheet
from mbnb.show.lanes import (
    MACHINES,
    OTHERS,
    lanes_and_segments,
    pack_strip,
    pack_tracks,
    playlist,
)
from mbnb.show.page import Widget, fragment, page_script, png, rendered
from mbnb.show.player import scene_of
from mbnb.skeleton import Skeleton, load_skeleton
from mbnb.text import listed, safe_names

NO_CLASS = ("time", "person", "nothing")  # columns of its table beside those of classes
LONGEST = 200_000  # seconds, two days and more


class Timeline(Widget):
    """A timeline in a notebook, where edits are kept in a file; in a page they are downloaded."""

    scripts = ("player.js", "lanes.js", "timeline.js")
    mount = "mountTimeline"
    edits = traitlets.Dict().tag(sync=True)

    def __init__(self, kept: Path | None, video: Path | None, **values: Any):
        self.kept, self.video = kept, video
        data = values["data"]
        super().__init__(still=_still(data), label=f"timeline of {data['name']}", **values)
        self.on_msg(lambda _, message, buffers: self._reply(message))

    def fragment(self) -> str:
        return fragment(self.mount, data=self.data, poses=self.poses, edits=self.edits)

    @property
    def summary(self) -> str:
        """What is in it, in a line."""
        data, tracks = self.data, self.data["tracks"]
        lanes = len(data["lanes"])
        parts = [f"{len(data['segments']['name'])} segments on {lanes} lane{'s' * (lanes != 1)}"]
        parts += [f"{len(data['playlist'])} differences"] if data["playlist"] else []
        parts += [f"{len(self.edits['edits'])} edits"] if self.edits else []
        if tracks:
            parts.append(f"skeletons of {listed(tracks['people'])}")
            parts[-1] += f", of {tracks['every']} frames one" if tracks["every"] > 1 else ""
        return "; ".join([*parts, "with its video" if self.video else "no video"])

    def _reply(self, message: dict[str, Any]) -> None:
        """Keep the edits that the page sends, and say where or why not."""
        about = {key: message[key] for key in ("kind", "ask") if key in message}
        try:
            check_edits(message["edits"], "edits")
            write_text(self.kept, json.dumps(message["edits"], indent=1) + "\n")
            self.send(about | {"text": f"saved in {self.kept}"})
        except (InputError, OSError) as error:
            self.send(about | {"problem": str(error)})


def timeline(
    coding: Coding,
    recordings: Sequence[Recording] = (),
    *,
    against: Coding | None = None,
    table: pd.DataFrame | None = None,
    video: Path | None = None,
    offset: float = 0.0,
    classes: ClassTable | None = None,
    tiers: Sequence[str] = (),
    kept: Path | None = None,
    skeleton: Skeleton | None = None,
) -> Timeline:
    """The timeline of a coding, which is corrected in it, with the people who move.

    against: another coding of the recording, which is shown beside it and not changed.
    table: probabilities, a row a step with `time`, a column for each label, and maybe `person`.
    video, offset: a file, and the second in it at which the recording begins. classes: give lanes
    by region, and the labels to choose from; else tiers are lanes. tiers: those to show.
    kept: the file of edits, which are shown where it exists already.

    Raises InputError as `read_edits` does, and for poses of another skeleton.
    """
    skeleton = skeleton or load_skeleton()
    for one in recordings:
        if one.pose.shape[1:] != (len(skeleton), 3):
            found = f"{one.pose.shape[1]} joints"
            raise InputError(f"{one.name}: expected those of {skeleton.name}, found {found}")
    columns = [] if table is None else [c for c in table if c not in NO_CLASS]
    length = _length(coding, against, recordings, table)
    data = lanes_and_segments(coding, against, classes, tiers, columns, length)
    tracks, poses = pack_tracks(recordings) if recordings else (None, b"")
    kept = kept or Path(f"{safe_names([coding.name])[coding.name]}_edits.json")
    names = "\n".join(segment_names(coding))
    data |= {
        "name": coding.name,
        "length": length,
        "digest": hashlib.sha256(names.encode()).hexdigest()[:16],
        "file": kept.name,
        "video": _address(video, Path.cwd()),
        "offset": offset,
        "scene": scene_of(skeleton, 1 / tracks["step"] if tracks else 30),
        "tracks": tracks,
        "strip": pack_strip(table, data["labels"]),
        "playlist": playlist(coding, against, classes),
    }
    edits = read_edits(kept) if kept.is_file() else {}
    return Timeline(Path(os.path.abspath(kept)), video, data=data, poses=poses, edits=edits)


def _length(
    coding: Coding,
    against: Coding | None,
    recordings: Sequence[Recording],
    table: pd.DataFrame | None,
) -> float:
    """Seconds up to which there is anything. Raises InputError for more than `LONGEST`."""
    ends = [1.0, coding.end, *(medium.length or 0 for medium in coding.media)]
    ends += [against.end] if against else []
    ends += [float(one.times[-1]) for one in recordings if len(one.times)]
    ends += [float(table["time"].max())] if table is not None and len(table) else []
    length = max(end for end in ends if np.isfinite(end))
    if length > LONGEST:
        raise InputError(f"{coding.name}: lasts {at(length)}: is a time wrong?")
    return round(length, 4)


def write_timeline(view: Timeline, path: Path) -> Path:
    """Write the timeline as a page that needs no network; its video is linked, not copied.

    Its edits are in the page, and what is edited there is kept by the browser and downloaded.
    """
    path = Path(path)
    data = view.data | {"video": _address(view.video, path.absolute().parent)}
    page = rendered(
        "timeline.html",
        name=view.data["name"],
        note=f"{at(data['length'])}; {view.summary}",
        view=fragment(view.mount, data=data, poses=view.poses, edits=view.edits),
        script=page_script(view.scripts, view.mount),
    )
    write_text(path, page)
    return path


def _address(video: Path | None, folder: Path) -> str:
    """The video as seen from a folder; '' without one."""
    if video is None:
        return ""
    try:
        return quote(Path(os.path.relpath(video.absolute(), folder)).as_posix())
    except ValueError:  # another disk of Windows is no neighbour
        return video.absolute().as_uri()


def open_timeline(
    source: Path,
    config: Config,
    *,
    poses: Path | None = None,
    video: Path | None = None,
    human: Path | None = None,
    recording: str = "",
    tiers: Sequence[str] = (),
    classes: ClassTable | None = None,
) -> Timeline:
    """The timeline of a recording that `mbnb detect` went through, or of any coding.

    source: the folder of a detection, with or without that of the recording, or a file of coded
    intervals. poses: an npz as `recordings_in` reads it, where the folder has none. human: another
    coder's file. Edits are read from and kept in NAME_edits.json beside the coding.

    Raises InputError where something is not there, and where it is not clear what is meant.
    """
    table = None
    if Path(source).is_dir():
        folder = _of_recording(Path(source), recording)
        path, video = folder.elan, video or _detected_video(folder)
        poses = poses or (folder.poses if folder.poses.is_file() else None)
        table = folder.predictions if folder.predictions.is_file() else None
        coding = replace(read_coding(path), name=folder.path.resolve().name)
    else:
        path = Path(source)
        coding = read_coding(path, recording)
    for asked in (poses, video, human):
        if asked and not asked.is_file():
            raise InputError(f"{asked}: no such file")
    choose([coding], path, tiers=tiers)  # says what there is where a tier is not
    linked, offset = _linked(coding, path, video)
    if linked and config.faces != "keep":
        say_once(f"{linked}: left out by the setting faces, {config.faces!r}")
        linked = None
    return timeline(
        coding,
        _people(poses, coding.name, config) if poses else (),
        against=read_coding(human, _same(human, coding.name)) if human else None,
        table=read_probabilities(table) if table else None,
        video=linked,
        offset=offset,
        classes=classes,
        tiers=tiers,
        kept=path.with_name(f"{safe_names([coding.name])[coding.name]}_edits.json"),
        skeleton=load_skeleton(config.skeleton),
    )


def _people(poses: Path, name: str, config: Config) -> list[Recording]:
    """Those in a file whose names begin with that of the recording; else all in it."""
    found = recordings_in(poses, config, poses.with_name(f"{poses.stem}_landmarks"))
    return [one for one in found if f"{one.name}_".startswith(f"{name}_")] or found


def _same(path: Path, name: str) -> str:
    """The name, where the file has a recording of it; else '', which means its only one."""
    return name if name in [one.name for one in read_codings(path)] else ""


def _of_recording(folder: Path, recording: str) -> DetectionFolder:
    """The folder of the recording that is meant, `folder` itself or one in it."""
    here = DetectionFolder(folder)
    if here.elan.is_file():
        return here
    there = sorted(path.parent.name for path in folder.glob(f"*/{here.elan.name}"))
    if recording in there or (len(there) == 1 and not recording):
        return DetectionFolder(folder / (recording or there[0]))
    if not there:
        raise InputError(f"{folder}: expected recordings of `mbnb detect`, found none")
    if recording:
        raise InputError(
            f"{folder}: --recording {recording}: not there; there is {listed(there, 12)}"
        )
    raise InputError(f"{folder}: choose a recording with --recording: {listed(there, 12)}")


def _detected_video(folder: DetectionFolder) -> Path | None:
    """The video that a detection names, where it is still there."""
    try:
        about = json.loads(folder.about.read_text(encoding="utf-8"))
        path = folder.path / str(about["video"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return path if path.is_file() else None


def _linked(coding: Coding, path: Path, video: Path | None) -> tuple[Path | None, float]:
    """The video and the second in it at which the coding begins.

    Without one it is the first that the coding links and that lies beside its file: wherever else
    an address leads is not followed.
    """
    media: list[Medium] = [one for one in coding.media if one.kind != "audio"]
    if video is not None:
        same = [one for one in media if one.name == video.name] or media[:1]
        return video, (same[0].offset or 0.0) if same else 0.0
    for one in media:
        beside = path.parent / one.name
        if one.name and beside.is_file():
            return beside, one.offset or 0.0
    return None, 0.0


def read_probabilities(path: Path) -> pd.DataFrame:
    """A table of probabilities: `time`, a column a label. Raises InputError for another."""
    try:
        table = pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from None
    values = [c for c in table.columns if c != "person"]
    wrong = [c for c in values if not pd.api.types.is_numeric_dtype(table[c])]
    if "time" not in table or wrong:
        raise InputError(
            f"{path}: expected a column time and numbers in the others, found "
            f"{listed(wrong or list(table.columns), 6)}"
        )
    return table[np.isfinite(table["time"])].sort_values("time", kind="stable", ignore_index=True)


def _still(data: dict[str, Any]) -> bytes:
    """The lanes as a picture: what the machine says below what people say."""
    segments, lanes = data["segments"], data["lanes"]
    figure: Figure = Sheet((9, 0.8 + 0.3 * len(lanes)), dpi=100, layout="constrained")
    axis = figure.subplots()
    colours = {MACHINES: "#9ecae1", OTHERS: "#e69f00"}
    kinds = np.array(segments["source"], int)
    for kind in np.unique(kinds):
        which = np.flatnonzero(kinds == kind)
        lane, start, end = (np.array(segments[k])[which] for k in ("lane", "start", "end"))
        axis.barh(
            lane + (0.2 if kind == MACHINES else -0.2),
            np.maximum(end - start, data["length"] / 900),
            0.36,
            start,
            color=colours.get(kind, "#0072b2"),
        )
    titles = [" · ".join(filter(None, (one["tier"], one["person"]))) for one in lanes]
    axis.set_yticks(range(len(lanes)), titles, fontsize=7, parse_math=False)
    axis.set(xlim=(0, data["length"]), ylim=(len(lanes) - 0.4, -0.6))
    axis.set_xlabel("seconds", fontsize=7)
    axis.tick_params(axis="x", labelsize=7)
    return png(figure)

"""One video -> a clip with its quality; and the videos of a folder with what is known of each."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mbnb.classes import ClassTable
from mbnb.clips import SPLITS, UNLABELLED
from mbnb.data.convert import Found, Source, too_late
from mbnb.data.labels import faulty_names, read_labels
from mbnb.data.quality import visibility
from mbnb.files import InputError, fault_line
from mbnb.formats.people import box_of, chosen
from mbnb.settings import say_once
from mbnb.skeleton import load_skeleton
from mbnb.text import counted, listed
from mbnb.video.folder import is_video, spelled, videos_in
from mbnb.video.frames import FPS
from mbnb.video.landmarks import (
    Landmarks,
    extract,
    fill_gaps,
    load_landmarks,
    to_joints,
    unseen,
)
from mbnb.video.people import find_everybody, jumps, region_of, strays
from mbnb.video.quality import quality, refusal, remarks
from mbnb.video.whole import is_whole, whole_body

# Landmarks, the size of the picture (W, H), frames a second -> joints (T, 17, 3) from the pelvis.
PoseOf = Callable[[Landmarks, tuple[int, int], float], np.ndarray]
NAMED = 10  # that many names of a long list are said


def find_videos(
    folder: Path, classes: ClassTable, label_file: Path | None = None, person: str = ""
) -> list[Source]:
    """The videos of a folder, in the order of their names, with the split of each.

    Either the folder has train/, val/ or test/ with videos and beside them their labels,
    `<split>_labels.txt` or MA-52's `<split>_list_videos.txt`; or it has videos, and `label_file`
    their labels: all are train then, or an unlabelled test without it. person: a regular
    expression for the person at the beginning of each name (`[0-9]+` for MA-52); without it,
    every video is of a person of its own. Raises InputError with every fault, such as a name in
    train or val that does not begin so: its person would be taken for somebody else.
    """
    folders = {split: folder / split for split in SPLITS if (folder / split).is_dir()}
    if folders:
        loose = [path.name for path in sorted(folder.iterdir()) if is_video(path)]
        _say(f"{folder}: not in {', '.join(folders)}, left out", loose)
        label_files = {split: _labels_beside(folder, split) for split in folders}
    else:
        split = "train" if label_file else "test"
        folders, label_files = {split: folder}, {split: label_file}
    sources, faults = {}, []
    for split, part in folders.items():
        file = label_files[split]
        labels, problems = read_labels(file, classes) if file else ({}, [])
        faults += [fault_line(file, line, problem) for line, problem in problems]
        if split != "test" and not file:
            faults.append(f"{part}: expected its labels in {folder / f'{split}_labels.txt'}")
        videos, rest = videos_in(part)
        rest = [path for path in rest if path not in (file, *folders.values())]
        _say(f"{part}: no videos, left out", [p.name + "/" * p.is_dir() for p in rest])
        if not videos:
            faults.append(f"{part}: expected videos, found none")
        own = {name: spelled(path) for name, path in videos.items()}
        _say(
            f"{part}: clips get safe names",
            [f"{videos[name].name} -> {name}" for name in own if name != own[name]],
        )
        _say(f"{file}: labels without a video", sorted(labels.keys() - set(own.values())))
        known = labels.keys() | faulty_names(file, problems)
        unlabelled = [videos[name].name for name in own if own[name] not in known]
        if file and unlabelled and all(line for line, _ in problems):
            faults.append(f"{file}: no label for {_some(unlabelled)}")
        shown = [videos[name].name for name in own]
        subjects = dict(zip(own, people_in_names(person, shown, list(own.values()), part)))
        # MA-52's test videos keep their people secret.
        nobody = [videos[name].name for name in own if not subjects[name]]
        if person and nobody and split != "test":
            faults.append(
                f"{part}: expected names that begin with a person as the setting video_person "
                f"describes one, {person!r}; found {_some(nobody)}"
            )
        for name, path in videos.items():
            label = labels.get(own[name], UNLABELLED)
            if other := sources.get(name):
                faults.append(f"{path}: {other.split} has a clip {name}, too: rename one of them")
            about = (label, subjects[name] or name, split)
            sources[name] = Source(path, name, *about, shown=readable(path.name))
    if faults:
        raise InputError("\n".join(faults))
    return list(sources.values())


def person_in(pattern: str, name: str) -> str:
    """The beginning of a name that `pattern` describes, '' where there is none.

    Raises InputError for what is no regular expression.
    """
    try:
        match = re.match(pattern, name) if pattern else None
    except re.error as error:
        raise InputError(
            f"setting 'video_person': {pattern!r} is no regular expression ({error}); "
            "[a-z]+ means letters, [0-9]+ digits"
        ) from None
    return match[0] if match else ""


def people_in_names(
    pattern: str, files: Sequence[str], names: Sequence[str], about: Path
) -> list[str]:
    """For each name the person at its beginning, see `person_in`; who was found is said.

    files: what users call them, in the same order. A pattern that ends within a word, as [a-z]+
    does before an ö, takes several people for one, so that is said, too.
    """
    people = [person_in(pattern, name) for name in names]
    if not pattern:
        return people
    known, setting = list(dict.fromkeys(filter(None, people))), f"video_person {pattern!r}"
    if known:
        told = counted(sum(map(bool, people)), len(known))
        _say(f"{about}: by {setting} {told}", known)
    nobody = [file for file, who in zip(files, people) if not who]
    _say(f"{about}: {setting} finds nobody at the beginning of", nobody)
    cut = [
        f"{file} -> {who}"
        for file, who, name in zip(files, people, names)
        if who and (who[-1] + name[len(who) : len(who) + 1]).isalpha() and name != who
    ]
    _say(f"{about}: {setting} ends amid a word, [^_. ]+ would take all of it", cut)
    return people


def _some(names: Sequence[str]) -> str:
    """Names one after the other, the first of them where they are many, all as Unicode."""
    return readable(listed(names, NAMED))


def readable(name: str) -> str:
    """A name that is no Unicode, as old archives unpack, fits into no table."""
    return name.encode(errors="replace").decode()


def _say(about: str, names: Sequence[str]) -> None:
    """Tell the user of these names, if there are any, in one line."""
    if names:
        say_once(f"{about}: {_some(names)}")


def _labels_beside(folder: Path, split: str) -> Path | None:
    """The label file of a split, by our name or by MA-52's."""
    paths = (folder / f"{split}_{name}.txt" for name in ("labels", "list_videos"))
    return next((path for path in paths if path.is_file()), None)


def landmark_file(out: Path, name: str) -> Path:
    """Where the raw landmarks of clip `name` of the data set `out` lie.

    That is in `<out>_landmarks`, for `out` is replaced whole.
    """
    return Path(out).with_name(f"{Path(out).name}_landmarks") / f"{name}.npz"


def clips_of(
    source: Source,
    out: Path,
    fps: float = FPS,
    pose_model: Path | None = None,
    pose_of: PoseOf | None = None,
    person: str = "",
    skeleton: str = "h36m17",
) -> list[Found]:
    """The clips of a video of the data set `out`, with their quality in their rows, or reasons.

    pose_of: what makes poses of landmarks in place of MediaPipe's own depth. person: '' follows
    whom MediaPipe finds first; else see `formats.people.chosen`, where people are numbered from
    left to right, and a box is the part of the picture that is looked at, in pixels. skeleton: the
    joints that clips get; hands and face are searched for where it has them. Raw landmarks are
    kept, see `landmark_file`, and not extracted again. Raises InputError for what cannot be
    read, and where the person is not in it.
    """
    person, span = source.person or person, (source.start, source.end)
    box, whole = box_of(person), is_whole(load_skeleton(skeleton))
    if not person or box:
        region = tuple(max(round(side), 0) for side in box) if box else None
        return [_clip_of(source, source.name, out, fps, pose_model, pose_of, region, whole)]
    everybody, found = find_everybody(source.path, fps, span), []
    names, said = chosen(everybody.as_file, person)
    for who in names:
        several = len(names) > 1
        name, region = f"{source.name}_{who}" if several else source.name, None
        if len(everybody.people) > 1:
            region = region_of(who, everybody)
        one = _clip_of(source, name, out, fps, pose_model, pose_of, region, whole)
        astray = strays(load_landmarks(landmark_file(out, name)), who, everybody)
        if len(astray) and not one.row["reason"]:
            reason = f"somebody else is followed, first at {astray[0] / fps:.2f} s of the clip"
            one = one._replace(row=one.row | {"reason": reason}, pose=None)
        row = {"person": who, "people": len(everybody.people)} | one.row
        row["remarks"] = "; ".join(filter(None, [*said, row["remarks"]]))
        found.append(one._replace(row=row, who=who if several else ""))
    return found


def _clip_of(
    source: Source,
    name: str,
    out: Path,
    fps: float,
    pose_model: Path | None,
    pose_of: PoseOf | None,
    region: tuple[int, ...] | None,
    whole: bool,
) -> Found:
    """One clip, of whoever is in a region of the picture, or in all of it."""
    landmarks, span = landmark_file(out, name), (source.start, source.end)
    extract(source.path, landmarks, fps, pose_model, span=span, region=region, whole=whole)
    measured, pose, reason = read_clip(landmarks, pose_of, whole)
    end = source.start + measured["frames"] / measured["fps"]
    said = [measured["remarks"], too_late(source.end, end)]
    measured["remarks"] = "; ".join(filter(None, said))
    elsewhere = [] if reason else jumps(load_landmarks(landmarks))
    if len(elsewhere):
        reason = (
            f"the person is suddenly elsewhere, first at {elsewhere[0] / fps:.2f} s of the clip: "
            "cut it there, or choose a person"
        )
    return Found(name, measured | {"reason": reason}, None if reason else pose)


def read_clip(
    path: Path, pose_of: PoseOf | None, whole: bool = False
) -> tuple[dict[str, Any], np.ndarray, str]:
    """What a clip's landmarks measure, its (T, J, 3) pose, and why it is refused, '' if not."""
    with np.load(path) as file:
        facts = dict(file)
    landmarks = Landmarks(*(facts[name] for name in Landmarks._fields))
    measured = {key: facts[key].item() for key in ("decoded", "source_fps", "fps")}
    measured |= {"frames": len(landmarks.world)}
    size = tuple(facts["size"].tolist())
    pose = pose_of(landmarks, size, measured["fps"]) if pose_of else to_joints(landmarks.world)
    measured |= quality(landmarks, pose, facts)
    pose, hidden = fill_gaps(pose), unseen(landmarks, size)
    pose = np.where(hidden[..., None], np.nan, pose)
    measured["remarks"] = remarks(facts, hidden, pose)
    reason = refusal(facts, measured, hidden)
    if not whole:
        return measured, pose, reason
    body, table = whole_body(pose, facts), load_skeleton("wholebody44")
    seen = np.isfinite(body[np.isfinite(pose).any((1, 2))]).all(-1).mean(0)  # (J,)
    # The score is of the 17 joints alone: a hand that is hidden makes no clip worse than none.
    return visibility(table, seen) | measured, body, reason

"""What can be wrong with a data set, each kind of fault in a function of its own."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.classes import ClassTable
from mbnb.clips import UNLABELLED, Clips
from mbnb.files import LEGACY, encoding_of, fault_line, fit_to_print
from mbnb.skeleton import Skeleton, known_skeletons, load_skeleton
from mbnb.text import is_mangled, likeness, listed, pair_up, plain

FEW = 4  # more rows of one kind become one row
# Names of people that say a session, too, and what is written where nobody knows the person.
SESSION = re.compile(r"(.*[^\W_])[\W_]+(?:s|ses|session|sitzung|day|tag|visit|week)[\W_]*\d+")
NOBODY = {"", "na", "nan", "none", "null", "unknown", "unbekannt"}
PICTURE = 10.0  # times as far as a confidence goes, from where on x and y are those of a picture
BONE_SPREAD = 0.15  # a bone whose length varies by more of itself in a clip is oddly tracked
FARTHEST = 1e7  # from the origin, in whichever unit, where nobody is who was recorded


@dataclass
class Findings:
    """What a reading has to say about a data set.

    An error would break a training, a warning would not. `notes` are decisions to be said aloud;
    so are `doubts`, the warnings without which a score may be misread.
    """

    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    _rows: list[tuple[str, str, int | None, str]] = field(default_factory=list)

    def error(self, where: object, problem: str, line: int | None = None) -> None:
        """Add what would break a training."""
        self._rows.append(("error", str(where), line, fit_to_print(problem)))

    def warning(self, where: object, problem: str, line: int | None = None) -> None:
        """Add what is suspicious and harmless for a training."""
        self._rows.append(("warning", str(where), line, fit_to_print(problem)))

    def aloud(self, where: object, problem: str) -> None:
        """Add a warning that whoever trains, evaluates or predicts should hear, too."""
        self.warning(where, problem)
        self.doubts.append(fault_line(where, None, problem))

    def errors_of_table(self, path: Path, faults: str) -> None:
        """Add each fault of the table in `path`, one a line, as an error."""
        for fault in faults.splitlines():
            place = re.fullmatch(rf"{re.escape(str(path))}(?:, line (\d+))?: (.*)", fault)
            line = int(place[1]) if place and place[1] else None
            self.error(path, place[2] if place else fault, line)

    @property
    def rows(self) -> list[tuple[str, str, int | None, str]]:
        """(severity, file, line, problem); many of one kind are one, with their number."""
        kinds: dict[tuple, list[int]] = {}
        for i, (severity, file, line, problem) in enumerate(self._rows):
            # What differs between equal problems: names in quotes, numbers and paths.
            kind = re.sub(r"'[^']*'|\"[^\"]*\"|\S*[\d/\\]\S*", "…", problem).split()[:5]
            kinds.setdefault((severity, *kind, file if line else None), []).append(i)
        many = [group for group in kinds.values() if len(group) > FEW]
        one_of_many = {group[0]: self._rest(group) for group in many}
        others = {i for group in many for i in group[1:]}
        return [
            (*row[:3], row[3] + one_of_many.get(i, ""))
            for i, row in enumerate(self._rows)
            if i not in others
        ]

    def _rest(self, group: list[int]) -> str:
        """How many rows are like the first one, and where a few of them are."""
        (_, first, first_line, _), *others = (self._rows[i] for i in group)
        if first_line:
            places = f", then on lines {listed([line for _, _, line, _ in others])}"
        elif {file for _, file, _, _ in others} == {first}:
            places = ""
        else:
            files = list(dict.fromkeys(file for _, file, _, _ in others if file != first))
            base = os.path.commonpath([first, *files])
            places = f", then {listed([os.path.relpath(file, base) for file in files])}"
        return f" (the first of {len(group)} of this kind{places})"

    @property
    def errors(self) -> list[str]:
        """All errors as messages word them."""
        return [
            fault_line(file, line, problem)
            for severity, file, line, problem in self.rows
            if severity == "error"
        ]

    def table(self) -> pd.DataFrame:
        """Columns severity, file, line, problem; errors first."""
        table = pd.DataFrame(self.rows, columns=["severity", "file", "line", "problem"])
        table = table.astype({"line": "Int64"})
        return table.sort_values("severity", kind="stable", ignore_index=True)


def has_file(root: Path, path: Path, findings: Findings) -> bool:
    """Whether there is such a file or folder in `root`.

    One that a link fetches from elsewhere is an error and counts as absent.
    """
    target = os.path.realpath(path)
    if not path.exists():
        if path.is_symlink():
            findings.error(path, f"is a link to {target!r}, where nothing is")
        return False
    inside = Path(target).is_relative_to(os.path.realpath(root))
    if not inside:
        findings.error(
            path,
            "leads out of the data folder and is not followed: put here what lies in "
            f"{target!r}, or link the whole data folder",
        )
    return inside


def has_text(root: Path, path: Path, findings: Findings) -> bool:
    """`has_file` of a file that people write: its name and its encoding are looked at, too."""
    if has_file(root, path, findings) and path.is_file():
        raw = path.read_bytes()
        # What cannot even be read as such is said by whoever reads it.
        readable = raw.decode(LEGACY, "ignore").encode(LEGACY) == raw
        if encoding_of(raw) == LEGACY and readable and b"\0" not in raw:
            letters = re.findall(rb"[\w\x80-\xff]*[\x80-\xff]+[\w\x80-\xff]*", raw)
            findings.warning(
                path,
                "is not in UTF-8, so code page 1252 was supposed: where "
                f"{letters[0].decode(LEGACY)!r} is not what you wrote, save it as UTF-8",
            )
        return True
    like = [
        entry.name
        for entry in (root.iterdir() if root.is_dir() else ())
        if entry.name.casefold().startswith(path.stem.rstrip("s")) and entry != path
    ]
    if like and not path.exists():
        findings.aloud(path, f"there is no such file, but {listed(like)}: if that is it, rename it")
    return False


def check_pose(
    pose: np.ndarray,
    where: object,
    skeleton: Skeleton,
    findings: Findings,
    flat: bool | None = False,
) -> np.ndarray | None:
    """The clip as (T, J, 3) float32, NaN where a joint was not seen, or None after an error.

    flat: without depth it may be (T, J, 2), too.
    """
    joints = len(skeleton)
    if pose.ndim != 3 or pose.shape[1:] not in ((joints, 3), (joints, 3 - bool(flat))):
        known = {len(load_skeleton(name)): name for name in known_skeletons()}
        other = known.get(pose.shape[1]) if pose.ndim == 3 and pose.shape[1] != joints else None
        hint = f": give -p skeleton {other}" if other else ""
        findings.error(where, f"expected the shape (T, {joints}, 3), found {pose.shape}{hint}")
    elif pose.dtype.kind not in "fiu":
        findings.error(where, f"expected numbers, found {pose.dtype}")
    elif len(pose) < 2:
        findings.error(where, f"expected at least 2 frames, found {len(pose)}")
    else:
        # What float32 cannot hold becomes infinite and is reported below.
        with np.errstate(over="ignore"):
            pose = pose.astype(np.float32, copy=False)
        if not flat and looks_flat(pose):
            findings.error(
                where,
                "x and y as in a picture, and confidences from 0 to 1 in place of depth: call such "
                "files pose_2d.npy, or give them depth with `python -m mbnb lift`",
            )
            return None
        broken = np.abs(pose) > FARTHEST
        if not broken.any():
            return pose
        frame, joint = np.argwhere(broken)[0, :2]
        findings.error(
            where,
            f"{'infinite values' if np.isinf(pose).any() else f'values beyond {FARTHEST:g}'}, "
            f"{broken.sum()} in all, first in frame {frame} at {skeleton.joints[joint]}",
        )
    return None


def looks_flat(pose: np.ndarray) -> bool:
    """Whether (T, J, 3) has confidences from 0 to 1 where depth ought to be, beside pixels."""
    known = pose[np.isfinite(pose).all(-1)]  # (N, 3)
    if len(known) < 2 or known[:, 2].min() < 0 or known[:, 2].max() > 1:
        return False
    return bool(np.ptp(known[:, :2], axis=0).max() > PICTURE and known[:, 2].any())


def check_codes(
    label_file: Path, labels: dict[str, int], classes: ClassTable, findings: Findings
) -> None:
    """Codes at the beginning of clip names against the class ids.

    One row for each contradicting pair of code and id, and one for all unknown codes.
    """
    claims = [
        (name.split("_")[0], classes.id_of_code(name), label)
        for name, label in labels.items()
        if label != UNLABELLED
    ]
    contradictions = Counter(claim for claim in claims if claim[1] not in (None, -1, claim[2]))
    for (code, claimed, label), count in sorted(contradictions.items()):
        findings.warning(
            label_file,
            f"{count} clips named {code}_… carry the id {label} ({classes.titles[label]}), "
            f"but {code} is class {claimed}",
        )
    unknown = sorted(code for code, claimed, _ in claims if claimed == -1)
    if unknown:
        findings.warning(
            label_file,
            f"{len(unknown)} clips are named with codes that are not in the class table, "
            f"{unknown[0]} the first",
        )


def check_subjects(
    path: Path,
    subjects: dict[str, str],
    splits: dict[str, Clips],
    seen: set[str],
    all_seen: bool,
    findings: Findings,
) -> bool:
    """Clips without a person, and people of clips that are not there.

    seen: the names of clips that there are, at fault or not; all_seen: of all of them. Returns
    whether the people of all labelled clips are known.
    """
    alone = {
        split: [n for n in clips.names if n not in subjects] for split, clips in splits.items()
    }
    nobodys = [name for names in alone.values() for name in names]
    strangers = sorted(set(subjects) - seen)
    pairs = pair_up(strangers, nobodys)
    if pairs or (nobodys and 2 * len(strangers) > len(subjects)):
        found, name = next(iter(pairs.items()), (strangers[0], nobodys[0]))
        findings.error(
            path,
            f"{len(strangers)} of its {len(subjects)} clips are not in the data, {found!r} for "
            f"instance, where the data have {name!r}; spreadsheets take such names for numbers or "
            "dates: write them as text",
        )
        return False
    for split, names in alone.items():
        if names:
            findings.warning(
                path,
                f"no subject for {len(names)} of {len(splits[split])} clips in {split}, "
                f"{names[0]} the first: each counts as a person of its own",
            )
    if strangers and all_seen:
        findings.warning(
            path, f"{len(strangers)} clips of it are not in any split, {strangers[0]} the first"
        )
    _check_people(path, list(subjects.values()), findings)
    unknown = sum(len(alone[split]) for split, clips in splits.items() if clips.labelled)
    if unknown:
        findings.notes.append(
            f"{unknown} labelled clips have no person in {path.name}: each counts as a person of "
            "its own, so intervals are too narrow where people recur"
        )
    return not unknown


def _check_people(path: Path, of_clips: list[str], findings: Findings) -> None:
    """People who may be one, and names that are no longer what somebody typed."""
    people = set(of_clips)
    if twins := spelled_alike(people):
        findings.aloud(path, f"spelled in two ways, two people or one: {listed(twins)}")
    sessions: dict[str, list[str]] = {}
    for name in sorted(people):
        if session := SESSION.fullmatch(name.casefold()):
            sessions.setdefault(session[1], []).append(name)
    recurring = [" and ".join(names) for names in sessions.values() if len(names) > 1]
    if recurring and len(sessions) > 1:  # one beginning may be that of a place
        findings.aloud(
            path,
            f"one person in several sessions, it seems: {listed(recurring)}; give all clips of a "
            "person one name, or the model is scored on people whom it has seen",
        )
    elif len(people) == len(of_clips) > FEW:
        findings.aloud(
            path,
            f"each of its {len(people)} clips has a person of its own: if people recur, give all "
            "clips of a person one name (a spreadsheet that is dragged down counts on)",
        )
    if nobody := [name for name in sorted(people) if name and plain(name) in NOBODY]:
        findings.aloud(
            path,
            f"a person called {listed(nobody)}: if that means that nobody knows who it is, take "
            "these lines out",
        )
    mangled = [name for name in sorted(people) if is_mangled(name)]
    if mangled:
        findings.warning(
            path,
            f"people called {listed(mangled)}: has a spreadsheet made numbers or dates of names, "
            "and one person of several?",
        )


def spelled_alike(names: Iterable[str]) -> list[str]:
    """Those of `names` that are probably one, such as 'Anna and anna'."""
    alike: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        alike.setdefault(likeness(name), []).append(name)
    return [" and ".join(twins) for twins in alike.values() if len(twins) > 1]


def check_across_splits(
    root: Path,
    splits: dict[str, Clips],
    classes: ClassTable,
    findings: Findings,
) -> None:
    """People, names and classes of val and test against those of train."""
    train = splits.get("train")
    if not (train and train.labelled):
        return
    for split in [split for split in ("val", "test") if split in splits]:
        people = set(train.subjects) & set(splits[split].subjects)
        if people:
            findings.warning(
                root,
                f"{len(people)} people are both in train and in {split}: "
                f"{split} does not tell how unseen people would do",
            )
        names = set(train.names) & set(splits[split].names)
        if names:
            findings.warning(
                root,
                f"{len(names)} clip names are both in train and in {split}, "
                f"{sorted(names)[0]} the first",
            )
        labels = set(splits[split].labels.tolist()) - {UNLABELLED}
        unlearned = sorted(labels - set(train.labels.tolist()))
        if unlearned:
            codes = ", ".join(classes.codes[i] for i in unlearned)
            findings.warning(root, f"{split} has classes without a clip in train: {codes}")


def check_bones(
    root: Path, splits: dict[str, Clips], skeleton: Skeleton, findings: Findings
) -> None:
    """Lengths of bones against themselves."""
    parents, children = np.array(skeleton.bones).T
    for split, clips in splits.items():
        odd = Counter()
        for pose in clips:
            lengths = np.linalg.norm(pose[:, children] - pose[:, parents], axis=-1)  # (T, bones)
            varies = lengths.std(0) > BONE_SPREAD * np.maximum(lengths.mean(0), 1e-6)
            odd.update(children[varies].tolist())
        for joint, count in sorted(odd.items()):
            findings.warning(
                root / split,
                f"the bone to {skeleton.joints[joint]} varies in length by over "
                f"{BONE_SPREAD:.0%} in {count} of {len(clips)} clips",
            )

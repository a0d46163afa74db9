"""What can be wrong with a data set, each kind of fault in a function of its own."""

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.classes import ClassTable
from mbnb.clips import UNLABELLED, Clips
from mbnb.files import fault_line
from mbnb.skeleton import Skeleton

TRUNK = (0.25, 0.9)  # metres from pelvis to neck between a small child and a giant
BONE_SPREAD = 0.15  # a bone whose length varies by more of itself in a clip is oddly tracked


@dataclass
class Findings:
    """What a reading has to say about a data set.

    An error would break a training, a warning would not. `notes` are decisions to be said aloud.
    """

    rows: list[tuple[str, str, int | None, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def error(self, where: object, problem: str, line: int | None = None) -> None:
        """Add what would break a training."""
        self.rows.append(("error", str(where), line, problem))

    def warning(self, where: object, problem: str, line: int | None = None) -> None:
        """Add what is suspicious and harmless for a training."""
        self.rows.append(("warning", str(where), line, problem))

    def errors_of_table(self, path: Path, faults: str) -> None:
        """Add each fault of the table in `path`, one a line, as an error."""
        for fault in faults.splitlines():
            place = re.fullmatch(rf"{re.escape(str(path))}(?:, line (\d+))?: (.*)", fault)
            line = int(place[1]) if place and place[1] else None
            self.error(path, place[2] if place else fault, line)

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
    """Whether there is such a file in `root`.

    One that a link fetches from elsewhere is an error and counts as absent.
    """
    if not path.is_file():
        return False
    inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
    if not inside:
        findings.error(path, "leads out of the data folder and is not followed")
    return inside


def check_pose(
    pose: np.ndarray, where: object, skeleton: Skeleton, findings: Findings
) -> np.ndarray | None:
    """The clip as (T, J, 3) float32, or None after an error."""
    if pose.ndim != 3 or pose.shape[1:] != (len(skeleton), 3):
        findings.error(where, f"expected the shape (T, {len(skeleton)}, 3), found {pose.shape}")
    elif pose.dtype.kind not in "fiu":
        findings.error(where, f"expected numbers, found {pose.dtype}")
    elif len(pose) < 2:
        findings.error(where, f"expected at least 2 frames, found {len(pose)}")
    else:
        # What float32 cannot hold becomes infinite and is reported below.
        with np.errstate(over="ignore"):
            pose = pose.astype(np.float32, copy=False)
        broken = ~np.isfinite(pose)
        if not broken.any():
            return pose
        frame, joint = np.argwhere(broken)[0, :2]
        findings.error(
            where,
            f"NaN or infinite values, {broken.sum()} in all, "
            f"first in frame {frame} at {skeleton.joints[joint]}",
        )
    return None


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
    path: Path, subjects: dict[str, str], splits: dict[str, Clips], findings: Findings
) -> None:
    """Clips without a person, and people of clips that are not there."""
    for split, clips in splits.items():
        alone = [name for name in clips.names if name not in subjects]
        if alone:
            findings.warning(
                path,
                f"no subject for {len(alone)} of {len(clips)} clips in {split}, "
                f"{alone[0]} the first: each counts as a person of its own",
            )
    strangers = sorted(set(subjects) - {name for clips in splits.values() for name in clips.names})
    if strangers:
        findings.warning(
            path, f"{len(strangers)} clips of it are not in any split, {strangers[0]} the first"
        )


def check_across_splits(
    root: Path,
    splits: dict[str, Clips],
    classes: ClassTable,
    known_people: bool,
    findings: Findings,
) -> None:
    """People, names and classes of val and test against those of train."""
    train = splits.get("train")
    if train is None:
        return
    for split in [split for split in ("val", "test") if split in splits]:
        people = set(train.subjects) & set(splits[split].subjects)
        if people and known_people:
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
    """Lengths of the trunk against metres, and lengths of bones against themselves."""
    pelvis, neck = skeleton.index("Pelvis", "Neck")
    parents, children = np.array(skeleton.bones).T
    for split, clips in splits.items():
        if not len(clips):
            continue
        trunks = [np.linalg.norm(pose[:, neck] - pose[:, pelvis], axis=-1) for pose in clips]
        trunk = np.median([np.median(lengths) for lengths in trunks])
        if not TRUNK[0] <= trunk <= TRUNK[1]:
            findings.warning(
                root / split,
                f"pelvis to neck measures {trunk:.3g} in the median: "
                f"expected metres, {TRUNK[0]} to {TRUNK[1]}",
            )
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

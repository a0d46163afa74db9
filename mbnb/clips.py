"""Clips in memory, ragged: all frames in one array with offsets; and the documented layout on disk, written.

`data/README.md` describes the layout. The simulator and the video converter write it, `mbnb.data.dataset` reads it.
"""

import csv
import hashlib
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mbnb.classes import ClassTable, write_classes
from mbnb.files import InputError, replacing

SPLITS = ("train", "val", "test")
SIMULATED = "simulated.txt"  # a data set with this file was not recorded
UNLABELLED = -1


@dataclass(frozen=True)
class Clips:
    """N clips of one split.

    frames: (≥ sum T, J, 3) float32, metres, x right, y down, z away from the camera; NaN where a joint was not seen. May lie on
        disk (memory-mapped) and may be shared with other `Clips`.
    starts, lengths: (N,) int64; clip i is frames[starts[i]:starts[i] + lengths[i]].
    names: N clip names. labels: (N,) int64 class ids, all -1 in an unlabelled split.
    subjects: N names of people.
    """

    frames: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    names: tuple[str, ...]
    labels: np.ndarray
    subjects: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, i: int) -> np.ndarray:
        """Clip i, (T, J, 3)."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"clip {i} of {len(self)}")
        i %= len(self)
        return self.frames[self.starts[i] : self.starts[i] + self.lengths[i]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    @cached_property
    def digest(self) -> bytes:
        """Equal for equal frames of clips in equal order, wherever they lie."""
        return b"".join(digest_of(pose) for pose in self)

    @property
    def labelled(self) -> bool:
        return len(self) > 0 and bool((self.labels != UNLABELLED).all())

    def take(self, indices: np.ndarray) -> "Clips":
        """The clips at `indices`, in that order; their frames stay where they are."""
        return Clips(
            self.frames,
            self.starts[indices],
            self.lengths[indices],
            tuple(self.names[i] for i in indices),
            self.labels[indices],
            tuple(self.subjects[i] for i in indices),
        )

    def gather(self, indices: np.ndarray | slice = slice(None)) -> np.ndarray:
        """The frames (sum T, J, 3) of the clips at `indices`, one clip after the other, without a copy where they lie so already."""
        starts, lengths = self.starts[indices], self.lengths[indices]
        if len(starts) and (starts[1:] == starts[:-1] + lengths[:-1]).all():
            return self.frames[starts[0] : starts[-1] + lengths[-1]]
        return self.frames[
            np.repeat(starts - first_rows(lengths), lengths) + np.arange(lengths.sum())
        ]


def join(parts: Sequence[Clips]) -> Clips:
    """The clips of all `parts`, one part after the other; none of none."""
    if not parts:
        return pack([], [], [], [])
    starts = np.cumsum([0, *(part.lengths.sum() for part in parts)])[:-1]
    return Clips(
        np.concatenate([part.gather() for part in parts]),
        np.concatenate([first_rows(part.lengths) + start for part, start in zip(parts, starts)]),
        np.concatenate([part.lengths for part in parts]),
        tuple(name for part in parts for name in part.names),
        np.concatenate([part.labels for part in parts]),
        tuple(subject for part in parts for subject in part.subjects),
    )


def digest_of(pose: np.ndarray) -> bytes:
    """8 bytes that tell a clip's frames from others."""
    return hashlib.blake2b(np.ascontiguousarray(pose).data, digest_size=8).digest()


def first_rows(lengths):
    """(N,) where each clip begins when clips of these lengths, an array or a tensor, lie one after the other."""
    return lengths.cumsum(0) - lengths


def pack(
    poses: list[np.ndarray], names: list[str], labels, subjects: list[str], joints: int = 17
) -> Clips:
    """Clips from a list of (T, J, 3) arrays."""
    frames = (
        np.concatenate(poses).astype(np.float32, copy=False)
        if poses
        else np.zeros((0, joints, 3), np.float32)
    )
    lengths = np.array([len(pose) for pose in poses], np.int64)
    return Clips(
        frames,
        first_rows(lengths),
        lengths,
        tuple(names),
        np.asarray(labels, np.int64).reshape(-1),
        tuple(subjects),
    )


def write_dataset(
    root: Path,
    splits: dict[str, Clips],
    classes: ClassTable,
    packed: bool = False,
    simulated: bool = False,
) -> None:
    """Write a data set in the documented layout, whole or not at all; an existing `root` is replaced.

    A folder for each clip with `pose_3d.npy`, or with `packed` one `<split>.npz` for each split; classes.csv, subjects.csv
    and a label file for each labelled split either way. Raises InputError where a split is labelled in part.
    """
    for split, clips in splits.items():
        if not clips.labelled and (clips.labels != UNLABELLED).any():
            without = (clips.labels == UNLABELLED).sum()
            raise InputError(
                f"{root}: expected labels for all clips of {split} or for none, {without} of {len(clips)} have none"
            )
    with replacing(root) as part:
        part.mkdir()
        for split, clips in splits.items():
            if packed:
                np.savez(
                    part / f"{split}.npz",
                    frames=clips.gather(),
                    offsets=np.append(first_rows(clips.lengths), clips.lengths.sum()),
                    clip_names=np.array(clips.names, str),
                )
            else:
                for name, pose in zip(clips.names, clips):
                    (part / split / name).mkdir(parents=True)
                    np.save(part / split / name / "pose_3d.npy", pose)
            if clips.labelled:
                lines = [f"{name} {label}\n" for name, label in zip(clips.names, clips.labels)]
                (part / f"{split}_labels.txt").write_text("".join(lines), encoding="utf-8")
        if simulated:
            (part / SIMULATED).write_text(
                "Simulated people, made by mbnb.simulate.simulator: nothing here was recorded.\n",
                encoding="utf-8",
            )
        write_classes(classes, part / "classes.csv")
        with open(part / "subjects.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["clip", "subject"])
            writer.writerows(
                (name, subject)
                for clips in splits.values()
                for name, subject in zip(clips.names, clips.subjects)
            )


def read_labels(
    path: Path, classes: ClassTable, present: Container[str] | None = None
) -> tuple[dict[str, int], list[tuple[int | None, str]]]:
    """Clip name -> class id in the file's order, and every fault as (line, what is wrong with it).

    `name id` a line; '.mp4' endings, blank lines and remarks behind ' #' are accepted. With `present`, a name that is not
    among them is a fault.
    """
    labels: dict[str, int] = {}
    lines: dict[str, int] = {}
    faults: list[tuple[int | None, str]] = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return {}, [(None, f"cannot be read as text ({error})")]
    for number, line in enumerate(text.splitlines(), 1):
        entry = re.split(r"(?:^|\s)#", line)[0].strip()
        if not entry:
            continue
        *words, label = entry.rsplit(None, 1)
        name = "".join(words).removesuffix(".mp4")
        if not name or not label.removeprefix("-").isdecimal():
            faults.append((number, f"expected `name id`, found {entry!r}"))
        elif not 0 <= int(label) < len(classes):
            faults.append(
                (
                    number,
                    f"expected a class id from 0 to {len(classes) - 1}, found {label} for {name}",
                )
            )
        elif name in labels:
            faults.append((number, f"{name} stands already on line {lines[name]}"))
        elif Path(name).name != name or name in (".", ".."):
            faults.append((number, f"expected the plain name of a clip, found the path {name!r}"))
        elif present is not None and name not in present:
            faults.append((number, f"no clip {name}"))
        else:
            labels[name], lines[name] = int(label), number
    return labels, faults

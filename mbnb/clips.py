"""Clips in memory, ragged: all frames in one array, and where each clip begins in it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

SPLITS = ("train", "val", "test")
UNLABELLED = -1


@dataclass(frozen=True)
class Clips:
    """N clips of one split.

    frames: (≥ sum T, J, 3) float32, metres, x right, y down, z away from the camera. May lie on
        disk (memory-mapped) and be shared with other `Clips`. In pictures they are flat, of two
        people, (≥ sum T, 2, J, 3): x and y in MotionBERT's range, and a confidence.
    starts, lengths: (N,) int64; clip i is frames[starts[i]:starts[i] + lengths[i]].
    names: N clip names.
    labels: (N,) int64 class ids, all -1 in an unlabelled split.
    subjects: N names of people.
    seen: (≥ sum T, J) bool, which joints of `frames` were seen; the others are filled in (see
        `data.missing`). None where all of them were.
    """

    frames: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    names: tuple[str, ...]
    labels: np.ndarray
    subjects: tuple[str, ...]
    seen: np.ndarray | None = None

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

    def seen_in(self, i: int) -> np.ndarray | None:
        """(T, J) bool, which joints of clip i were seen; None where all of them were."""
        if self.seen is None:
            return None
        rows = self.seen[self.starts[i] : self.starts[i] + self.lengths[i]]
        return None if rows.all() else rows

    def drawn(self, i: int) -> np.ndarray:
        """Clip i for the eye, (T, J, 3): NaN where a joint was not seen."""
        seen = self.seen_in(i)
        return self[i] if seen is None else np.where(seen[..., None], self[i], np.float32(np.nan))

    @cached_property
    def digest(self) -> bytes:
        """Equal for equal frames of clips in equal order, wherever they lie."""
        return b"".join(digest_of(pose) for pose in self)

    @property
    def labelled(self) -> bool:
        """Whether there are clips and all of them have a class."""
        return len(self) > 0 and bool((self.labels != UNLABELLED).all())

    @property
    def flat(self) -> bool:
        """Whether they are 2D keypoints of two people."""
        return self.frames.ndim == 4

    @property
    def usual_length(self) -> float:
        """Frames that nearly no clip is longer than."""
        return float(np.percentile(self.lengths, 99)) if len(self) else float("inf")

    def take(self, indices: np.ndarray) -> "Clips":
        """The clips at `indices`, in that order; their frames stay where they are."""
        return Clips(
            self.frames,
            self.starts[indices],
            self.lengths[indices],
            tuple(self.names[i] for i in indices),
            self.labels[indices],
            tuple(self.subjects[i] for i in indices),
            self.seen,
        )

    def blocks(self, size: int = 1024) -> Iterator[np.ndarray]:
        """The indices of all clips, `size` at a time: all at once may not fit into memory."""
        starts = range(0, len(self), size)
        return (np.arange(first, min(first + size, len(self))) for first in starts)

    def gather(self, indices: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(sum T, J, 3) frames of the clips at `indices`, one clip after the other.

        Nothing is copied where they lie so already.
        """
        return self.frames[self._rows(indices)]

    def gather_seen(self) -> np.ndarray | None:
        """(sum T, J) bool beside `gather()`; None where all joints were seen."""
        seen = None if self.seen is None else self.seen[self._rows(slice(None))]
        return None if seen is None or seen.all() else seen

    def _rows(self, indices: np.ndarray | slice) -> np.ndarray | slice:
        """Where the frames of the clips at `indices` lie, one clip after the other."""
        starts, lengths = self.starts[indices], self.lengths[indices]
        if len(starts) and (starts[1:] == starts[:-1] + lengths[:-1]).all():
            return slice(starts[0], starts[-1] + lengths[-1])
        return np.repeat(starts - first_rows(lengths), lengths) + np.arange(lengths.sum())


def join(parts: Sequence[Clips]) -> Clips:
    """The clips of all `parts`, one part after the other; none of none.

    Nothing is copied where they share their frames.
    """
    if not parts:
        return pack([], [], [], [])
    lengths, first = np.concatenate([part.lengths for part in parts]), parts[0]
    if all(part.frames is first.frames and part.seen is first.seen for part in parts):
        frames, seen = first.frames, first.seen
        starts = np.concatenate([part.starts for part in parts])
    else:
        frames, starts = np.concatenate([part.gather() for part in parts]), first_rows(lengths)
        masks = [part.gather_seen() for part in parts]
        shapes = [(part.lengths.sum(), part.frames.shape[1]) for part in parts]
        masks = [
            np.ones(shape, bool) if mask is None and any(m is not None for m in masks) else mask
            for mask, shape in zip(masks, shapes)
        ]
        seen = None if masks[0] is None else np.concatenate(masks)
    return Clips(
        frames,
        starts,
        lengths,
        tuple(name for part in parts for name in part.names),
        np.concatenate([part.labels for part in parts]),
        tuple(subject for part in parts for subject in part.subjects),
        seen,
    )


def digest_of(pose: np.ndarray) -> bytes:
    """8 bytes that tell a clip's frames from others."""
    return hashlib.blake2b(np.ascontiguousarray(pose).data, digest_size=8).digest()


def first_rows(lengths):
    """(N,) the row where each clip begins when clips of these lengths lie one after the other.

    `lengths` is an array or a tensor, and so is the result.
    """
    return lengths.cumsum(0) - lengths


def pack(
    poses: list[np.ndarray],
    names: list[str],
    labels,
    subjects: list[str],
    joints: int = 17,
    seen: list[np.ndarray | None] | None = None,
    frames: np.ndarray | None = None,
    starts: Sequence[int] = (),
) -> Clips:
    """Clips from a list of (T, J, 3) arrays; `joints` is J where the list is empty.

    seen: for each clip which of its joints were seen, (T, J) bool, or None for all. frames: where
    all of them lie already, from the rows `starts` on, and stay.
    """
    lengths = np.array([len(pose) for pose in poses], np.int64)
    if frames is None:
        starts, frames = first_rows(lengths), np.zeros((0, joints, 3), np.float32)
        frames = np.concatenate(poses).astype(np.float32, copy=False) if poses else frames
    starts = np.asarray(starts, np.int64)
    all_seen = None
    if seen is not None and any(rows is not None for rows in seen):
        all_seen = np.ones(frames.shape[:2], bool)
        for start, rows in zip(starts, seen):
            if rows is not None:
                all_seen[start : start + len(rows)] = rows
    return Clips(
        frames,
        starts,
        lengths,
        tuple(names),
        np.asarray(labels, np.int64).reshape(-1),
        tuple(subjects),
        all_seen,
    )

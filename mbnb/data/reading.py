"""The splits of a data folder read: a folder for each clip or one npz, every fault noted."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from mbnb.classes import ClassTable
from mbnb.clips import UNLABELLED, Clips, digest_of, pack
from mbnb.data.checks import Findings, check_codes, check_pose, has_file, has_text
from mbnb.data.flat import flat_body
from mbnb.data.labels import UNREADABLE, read_labels
from mbnb.data.layout import DataFolder
from mbnb.data.missing import Body, check_seen, complete, surely_whole
from mbnb.formats import arrays
from mbnb.skeleton import Skeleton
from mbnb.text import clip_name, listed

# What file managers leave behind; what begins with a dot is passed over, too.
LEFT_BEHIND = set("thumbs.db desktop.ini icon\r __macosx @eadir $recycle.bin lost+found".split(" "))

TOGETHER = 256  # clips that are looked at together
# Bytes that one of a packed file may hold; joints do not become nearly so small.
DENSEST = 64


@dataclass
class Reader:
    """Reads split after split of one data set.

    subjects: clip name -> person. first_with: digest of a clip's frames -> the first clip that has
    them, in whichever split. seen: names of all clips that lie there, at fault or not. with_poses:
    False reads lists alone, and every split has no clips.
    """

    folder: DataFolder
    skeleton: Skeleton
    classes: ClassTable
    subjects: dict[str, str]
    findings: Findings
    first_with: dict[bytes, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    with_poses: bool = True
    flat: bool | None = None  # whether clips are without depth; None before the first

    def read(self, split: str) -> Clips | None:
        """The split's clips that could be read, or None where there is no such split."""
        folder, packed = self.folder.split(split), self.folder.packed(split)
        label_file = self.folder.labels(split)
        if os.path.lexists(folder) and not has_file(self.folder.root, folder, self.findings):
            return None  # one link, one error
        has_packed = has_file(self.folder.root, packed, self.findings)
        has_labels = has_text(self.folder.root, label_file, self.findings)
        if not (folder.is_dir() or has_packed):
            if has_labels:
                others = [path.name for path in self.folder.root.iterdir() if path.is_dir()]
                self.findings.error(
                    label_file,
                    f"labels without clips: expected {split}/ or {split}.npz beside it, found "
                    f"{listed(sorted(others)) or 'no folder'}",
                )
            return None
        if folder.is_dir() and has_packed:
            self.findings.error(packed, f"expected either {split}/ or {split}.npz, found both")
        poses = _packed(packed, self.findings) if has_packed else None
        if has_packed and poses is None:
            return None
        if poses is None:
            present = clip_folders(folder, self.findings)
        else:
            present = dict.fromkeys(poses.rows, packed)
        self.seen |= set(present)
        labels = self._labels(split, has_labels, present)
        return self._clips(split, labels if self.with_poses else {}, present, poses)

    def _labels(self, split: str, has_labels: bool, present: dict[str, Path]) -> dict[str, int]:
        """Name -> class id of the clips to be read, -1 in an unlabelled split.

        present: where each clip lies.
        """
        label_file, findings, faults = self.folder.labels(split), self.findings, []
        if has_labels:
            labels, faults = read_labels(label_file, self.classes, present)
            for line, fault in faults:
                findings.error(label_file, fault, line)
            others = sorted(set(present) - set(labels))
            if others and (labels or not faults):
                findings.warning(
                    label_file,
                    f"{len(others)} clips of {split} are not labelled in it and left out: "
                    f"{listed(others)}",
                )
        else:
            labels = dict.fromkeys(sorted(present), UNLABELLED)
            if split != "test":
                findings.error(label_file, f"expected labels for {split}, found no such file")
        if not labels and not faults:
            empty = label_file if has_labels else self.folder.split(split)
            findings.error(empty, "expected clips, found none")
        values = set(labels.values())
        all_zero = values == {0} and len(labels) > 1 and len(self.classes) > 1
        if split == "test" and (values == {UNLABELLED} or all_zero):
            why = "all its labels are 0" if all_zero else "no label file"
            findings.notes.append(f"{split} is unlabelled ({why}): it can be predicted, not scored")
            return dict.fromkeys(labels, UNLABELLED)
        return labels

    def _clips(
        self,
        split: str,
        labels: dict[str, int],
        present: dict[str, Path],
        packed: "Packed | None",
    ) -> Clips:
        """The labelled clips, those without a fault; `packed` is what the split's npz holds."""
        bodies: dict[str, Body] = {}
        useless: dict[str, list[str]] = {}
        for name, where, pose, is_whole in self._poses(split, labels, present, packed):
            look = flat_body if self.flat else complete
            body = Body(pose) if is_whole else look(pose, self.skeleton)
            if isinstance(body, str):
                useless.setdefault(body, []).append(name)
                continue
            twin = self.first_with.setdefault(digest_of(body.pose), str(where))
            if twin != str(where):
                place = Path(twin).relative_to(self.folder.root)
                self.findings.warning(where, f"the same frames as {place}")
            bodies[name] = body if packed is None else packed.keep(name, body)
        check_seen(self.folder.root / split, bodies, useless, self.skeleton, self.findings)
        labels = {name: labels[name] for name in bodies}
        if self.classes is not UNREADABLE:
            check_codes(self.folder.labels(split), labels, self.classes, self.findings)
        people = [self.subjects.get(name, f"{split}/{name}") for name in bodies]
        poses, seen = ([getattr(b, key) for b in bodies.values()] for key in ("pose", "seen"))
        about = list(bodies), list(labels.values()), people, len(self.skeleton), seen
        if packed is None or not packed.fits(self.skeleton):
            return pack(poses, *about)
        return pack(poses, *about, packed.frames, [packed.rows[name].start for name in bodies])

    def _poses(
        self,
        split: str,
        names: Iterable[str],
        present: dict[str, Path],
        packed: "Packed | None",
    ) -> Iterator[tuple[str, object, np.ndarray, bool]]:
        """Name, place and (T, J, 3) of the clips without a fault, and whether surely all is seen.

        Some are looked at together, which is far quicker.
        """
        some: list[tuple[str, object, np.ndarray]] = []

        def looked_at() -> Iterator[tuple[str, object, np.ndarray, bool]]:
            poses = [pose for _, _, pose in some]
            whole = [False] * len(some) if self.flat else surely_whole(poses, self.skeleton)
            yield from ((*each, bool(is_whole)) for each, is_whole in zip(some, whole))
            some.clear()

        for name in tqdm(
            names, desc=f"reading {split}", unit="clip", mininterval=0.5, delay=2, leave=False
        ):
            if packed is None:
                where = self._pose_file(split, name, present[name])
                pose = read_pose(self.folder.root, where, self.findings)
            else:
                where, pose, self.flat = f"{present[name]}/{name}", packed[name], False
            if pose is not None:
                pose = check_pose(pose, where, self.skeleton, self.findings, self.flat)
            if pose is not None:
                some.append((name, where, pose))
            if len(some) == TOGETHER:
                yield from looked_at()
        yield from looked_at()

    def _pose_file(self, split: str, name: str, place: Path) -> Path:
        """The file of a clip, with depth or without, as that of the first clip is."""
        deep, flat = (
            place / file(split, name).name for file in (self.folder.pose, self.folder.flat_pose)
        )
        if self.flat is None:
            self.flat = flat.is_file() and not os.path.lexists(deep)
        if (flat if not self.flat else deep).is_file():
            others = "without depth" if self.flat else "with depth"
            self.findings.error(
                place,
                f"expected {(deep, flat)[self.flat].name} alone, as the first clip has it, "
                f"{others}; found {(flat, deep)[self.flat].name}, too",
            )
        return (deep, flat)[self.flat]


def clip_folders(folder: Path, findings: Findings) -> dict[str, Path]:
    """Clip name -> its folder in that of a split; what systems leave behind is passed over.

    Other files are a warning, and two folders for one clip are an error.
    """
    clips: dict[str, Path] = {}
    files = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = clip_name(entry.name)
        if entry.name.startswith(".") or entry.name.casefold() in LEFT_BEHIND:
            continue
        if entry.is_file():
            files.append(entry.name)
        elif name in clips:
            findings.error(entry.path, f"is the clip {name!r} a second time")
        else:
            clips[name] = Path(entry.path)
    first = next(iter(clips.values()), folder)
    if deeper := next(first.glob("*/pose_3d.npy"), None) if clips else None:
        place = deeper.parent.relative_to(folder)
        findings.error(
            folder,
            f"clips lie a folder too deep, such as {place}: move them to {folder.name}/ itself",
        )
    if files:
        findings.warning(
            folder,
            f"expected a folder for each clip with its pose_3d.npy, found {len(files)} files "
            f"beside them, which are left out: {listed(files)}",
        )
    return clips


def read_pose(root: Path, path: Path, findings: Findings) -> np.ndarray | None:
    """The array in a `pose_3d.npy`, whatever its shape; None after an error."""
    if not path.is_file():
        entries = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
        others = [other.name for other in entries if other != path and other.name[0] != "."]
        found = f"; there are {listed(others)}" if others else ""
        findings.error(path, f"no such file{found}")
        return None
    if not has_file(root, path, findings):
        return None
    try:
        return arrays.load(path)
    except Exception as error:  # numpy raises a different kind for every sort of damage
        findings.error(path, f"not a numpy array ({error})")
        return None


@dataclass(frozen=True)
class Packed:
    """What a `<split>.npz` holds: the frames of all clips, and which rows of them are whose."""

    frames: np.ndarray
    rows: dict[str, slice]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.frames[self.rows[name]]

    def fits(self, skeleton: Skeleton) -> bool:
        """Whether clips can stay where they are in the frames."""
        kind = self.frames.dtype == np.float32 and self.frames.flags.c_contiguous
        return kind and self.frames.shape[1:] == (len(skeleton), 3)

    def keep(self, name: str, body: Body) -> Body:
        """`body` with its pose in its place in the frames, where that is of the same kind."""
        place = self[name]
        if place.dtype != body.pose.dtype:
            return body
        if body.seen is not None:
            place[...] = body.pose
        return replace(body, pose=place)


def read_packed(path: Path, findings: Findings) -> dict[str, np.ndarray] | None:
    """Clip name -> (T, J, 3) of a `<split>.npz`; None after an error."""
    packed = _packed(path, findings)
    return packed and {name: packed[name] for name in packed.rows}


def _packed(path: Path, findings: Findings) -> Packed | None:
    try:
        most = max(arrays.LARGEST, DENSEST * path.stat().st_size)
        frames, offsets, names = (
            arrays.load(path, name, most) for name in ("frames", "offsets", "clip_names")
        )
    except Exception as error:  # numpy and zipfile raise a different kind for every sort of damage
        findings.error(path, f"expected an npz with frames, offsets and clip_names ({error})")
        return None
    texts = names.ndim == 1 and names.dtype.kind == "U"
    whole_numbers = offsets.ndim == 1 and offsets.dtype.kind in "iu"
    if frames.ndim == 0 or not texts or not whole_numbers:
        findings.error(
            path,
            "expected frames (sum T, J, 3), offsets (N + 1,) of whole numbers and clip_names (N,) "
            f"of text, found {frames.shape}, {offsets.shape} of {offsets.dtype}, "
            f"{names.shape} of {names.dtype}",
        )
        return None
    offsets, names = offsets.astype(np.int64), [clip_name(name) for name in names.tolist()]
    if (
        len(offsets) != len(names) + 1
        or offsets[0] != 0
        or offsets[-1] != len(frames)
        or (np.diff(offsets) < 0).any()
    ):
        findings.error(
            path,
            f"expected offsets rising from 0 to {len(frames)} frames, "
            f"one more than the {len(names)} clip names",
        )
        return None
    for name, count in Counter(names).items():
        if count > 1:
            findings.error(path, f"the clip {name} is in it {count} times")
        if Path(name).name != name:
            findings.error(path, f"expected the plain names of clips, found the path {name!r}")
            return None
    offsets = offsets.tolist()
    return Packed(frames, {name: slice(*ends) for name, *ends in zip(names, offsets, offsets[1:])})

"""A data set written in the documented layout."""

import csv
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mbnb.classes import ClassTable, write_classes
from mbnb.clips import UNLABELLED, Clips, first_rows
from mbnb.data.layout import DataFolder
from mbnb.files import InputError, replacing


def write_dataset(
    root: Path,
    splits: dict[str, Clips],
    classes: ClassTable,
    packed: bool = False,
    simulated: bool = False,
) -> None:
    """Write a data set, whole or not at all; an existing `root` is replaced.

    A folder for each clip, or with `packed` one `<split>.npz` for each split; classes.csv,
    subjects.csv and a label file for each labelled split either way. NaN stands for joints that
    were not seen. `simulated` marks people as not recorded. Raises InputError where a split is
    labelled in part.
    """
    for split, clips in splits.items():
        if not clips.labelled and (clips.labels != UNLABELLED).any():
            without = (clips.labels == UNLABELLED).sum()
            raise InputError(
                f"{root}: expected labels for all clips of {split} or for none, "
                f"{without} of {len(clips)} have none"
            )
    with replacing(root) as part:
        part.mkdir()
        folder = DataFolder(part)
        for split, clips in splits.items():
            (_write_packed if packed else _write_poses)(folder, split, clips)
            if clips.labelled:
                lines = [f"{name} {label}\n" for name, label in zip(clips.names, clips.labels)]
                folder.labels(split).write_text("".join(lines), encoding="utf-8")
        if simulated:
            folder.simulated.write_text(
                "Simulated people, made by mbnb.simulate: nothing here was recorded.\n",
                encoding="utf-8",
            )
        write_classes(classes, folder.classes)
        _write_subjects(folder.subjects, splits)


def write_frames(
    path: Path, names: Sequence[str], lengths: Sequence[int], poses: Iterable[np.ndarray]
) -> None:
    """Write one `<split>.npz` of clips (T, J, 3), which come one at a time.

    NaN stands for joints that were not seen.
    """
    lengths, first = np.asarray(lengths, np.int64), True
    with zipfile.ZipFile(path, "w") as file:
        with file.open("frames.npy", "w", force_zip64=True) as frames:
            for pose in poses:
                if first:
                    about = {"descr": "<f4", "fortran_order": False}
                    shape = (int(lengths.sum()), *pose.shape[1:])
                    np.lib.format.write_array_header_1_0(frames, about | {"shape": shape})
                    first = False
                frames.write(np.ascontiguousarray(pose, "<f4").tobytes())
        offsets = np.append(first_rows(lengths), lengths.sum())
        for name, array in {"offsets": offsets, "clip_names": np.array(names, str)}.items():
            with file.open(f"{name}.npy", "w") as part:
                np.lib.format.write_array(part, array, allow_pickle=False)


def _write_packed(folder: DataFolder, split: str, clips: Clips) -> None:
    poses = (clips.drawn(i) for i in range(len(clips)))
    write_frames(folder.packed(split), clips.names, clips.lengths, poses)


def _write_poses(folder: DataFolder, split: str, clips: Clips) -> None:
    for i, name in enumerate(clips.names):
        path = folder.pose(split, name)
        path.parent.mkdir(parents=True)
        np.save(path, clips.drawn(i))


def _write_subjects(path: Path, splits: dict[str, Clips]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "subject"])
        for clips in splits.values():
            writer.writerows(zip(clips.names, clips.subjects))
